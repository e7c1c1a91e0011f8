//! What people ask a workspace that has been at work: how budgets burn, what happened, what a failure would leave behind,
//! whether it is fit for production, and what may be erased by now.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Stdio;

use engine_tests::{Workspace, root};
use ordain_runtime::api::{Caller, Request};
use ordain_runtime::local::{Remote, socket_path};
use serde_json::{Value, json};

const MORE: &str = "
apiVersion: ordain/v1
kind: Runbook
metadata: {name: keeping, version: 1.0.0, owner: 'group:team', summary: Goes back where it fails.}
spec:
  onFailure: rollback
  steps:
    - {id: first, uses: c.put, with: {n: a}}
    - {id: second, needs: [first], uses: c.put, with: {n: b}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: leaving, version: 1.0.0, owner: 'group:team', summary: Stops where it fails.}
spec:
  steps:
    - {id: first, uses: c.put, with: {n: a}}
    - {id: second, needs: [first], uses: c.put, with: {n: b}, approval: ok}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: refused, version: 1.0.0, owner: 'group:team', summary: Nobody may do it.}
spec:
  steps:
    - {id: do, uses: c.look, with: {n: a}}
---
apiVersion: ordain/v1
kind: Policy
metadata: {name: not-this, version: 1.0.0, owner: 'group:team', summary: Closes one runbook.}
spec:
  applies: {runbooks: [refused]}
  restrictsOnly: true
  rules: [{id: closed, deny: 'true', reason: closed_for_now}]
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: keeps, owner: 'group:team', summary: It goes through.}
spec: {run: keeping@^1, as: user:alice, at: 2026-01-05T10:00:00Z, expect: {state: succeeded}}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: leaves, owner: 'group:team', summary: It goes through once somebody agreed.}
spec:
  run: leaving@^1
  as: user:alice
  at: 2026-01-05T10:00:00Z
  act: [{approve: ok, by: user:bob}]
  expect: {state: succeeded}
---
apiVersion: ordain/v1
kind: Budget
metadata: {name: puts, version: 1.0.0, owner: 'group:team', summary: How often something is put.}
spec: {unit: calls, limit: 10, window: month, per: [actor], applies: {capabilities: [c.put]}, warnAt: [20%]}
";

fn workspace(more: &str) -> Workspace {
    let workspace = Workspace::empty();
    workspace.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    let common = root().join("engine-tests/fixtures/conformance/common/specs/common.yaml");
    workspace.write("specs/common.yaml", &fs::read_to_string(common).unwrap());
    workspace.write("specs/more.yaml", MORE.trim_start());
    if !more.is_empty() {
        workspace.write("specs/extra.yaml", more.trim_start());
    }
    workspace
}

fn run(workspace: &Workspace, runbook: &str, by: &str) -> Value {
    workspace.ordain(&["run", runbook, "--as", by, "--json"]).json()["run"].clone()
}

#[test]
fn budgets_burn_down_in_text_json_and_csv() {
    let workspace = workspace("");
    run(&workspace, "keeping", "user:alice");
    let document = workspace.ordain(&["budgets", "--json"]).expect_code(0).json();
    let row = &document["budgets"][0];
    assert_eq!((&row["spent"], &row["limit"], &row["key"]), (&json!(2), &json!(10), &json!("user:alice")));
    assert!((0..=100).contains(&row["elapsed"].as_i64().unwrap()), "{row}");
    let text = workspace.ordain(&["budgets"]).expect_code(0).stdout.clone();
    assert!(text.contains("██████░░░░░░░░░░░░░░░░░░░░░░░░  20% of the limit"), "{text}");
    let csv = workspace.ordain(&["budgets", "--format", "csv"]).expect_code(0).stdout.clone();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "budget,mode,key,unit,from,to,run,limit,reserved,spent,remaining");
    assert!(lines[1].starts_with("puts,mock,user:alice,calls,20"), "{csv}");
    assert!(lines[1].ends_with(",,10,0,2,8"), "{csv}");
}

#[test]
fn counters_counted_anew_from_the_journal_are_the_stored_ones() {
    let workspace = workspace("");
    for by in ["user:alice", "user:bob", "user:alice"] {
        run(&workspace, "keeping", by);
    }
    let before = workspace.ordain(&["budgets", "--format", "csv"]).stdout.clone();
    workspace.ordain(&["rebuild"]).expect_code(0);
    assert_eq!(workspace.ordain(&["budgets", "--format", "csv"]).stdout, before);
}

#[test]
fn a_report_says_what_happened_the_same_each_time_and_in_every_format() {
    let workspace = workspace("");
    run(&workspace, "keeping", "user:alice");
    run(&workspace, "refused", "user:alice");
    let held = run(&workspace, "leaving", "user:alice");
    let queue = workspace.ordain(&["approvals", "--json"]).json();
    let approval = &queue["approvals"][0];
    let (id, digest) = (approval["id"].as_str().unwrap(), approval["digest"].as_str().unwrap());
    let words = ["--digest", digest, "--rationale", "Looked at it.", "--as", "user:bob"];
    workspace.ordain(&[&["approve", id][..], &words].concat()).expect_code(0);
    let _ = held;

    let document = workspace.ordain(&["report", "--format", "json"]).expect_code(0).json();
    assert_eq!(document["runs"]["total"], 3, "{document:#}");
    assert_eq!(document["runs"]["states"], json!({"denied": 1, "succeeded": 2}));
    let denial = &document["decisions"]["denials"][0];
    assert_eq!((&denial["reason"], &denial["rule"]), (&json!("closed_for_now"), &json!("closed")));
    let asked = &document["approvals"][0];
    assert_eq!((&asked["approval"], &asked["granted"]), (&json!("ok"), &json!(1)));
    assert!(asked["medianMs"].as_i64().unwrap() >= 0);
    for format in ["md", "html", "json", "csv"] {
        let once = workspace.ordain(&["report", "--format", format]).expect_code(0).stdout.clone();
        assert_eq!(workspace.ordain(&["report", "--format", format]).stdout, once, "{format}");
        assert!(once.contains("closed_for_now") || once.contains("closed\\_for\\_now"), "{format}: {once}");
    }
    let html = workspace.ordain(&["report", "--format", "html"]).stdout.clone();
    assert!(html.starts_with("<!doctype html>") && !html.contains("<script"), "{html}");
    let none =
        workspace.ordain(&["report", "--since", "2126-01-01T00:00:00Z", "--json"]).expect_code(0).json();
    assert_eq!(none["runs"]["total"], 0);
    workspace.ordain(&["report", "--since", "yesterday"]).expect_code(2);
}

#[test]
fn a_drill_tells_what_is_undone_from_what_is_left_behind() {
    let workspace = workspace("");
    let kept = workspace.ordain(&["drill", "keeping", "--json"]).expect_code(0).json();
    let drills = kept["drills"].as_array().unwrap();
    assert_eq!(drills.len(), 4, "two steps, two faults: {kept:#}");
    let second = drills.iter().find(|one| one["step"] == "second" && one["fault"] == "refused").unwrap();
    assert_eq!((&second["state"], &second["rollback"]), (&json!("failed"), &json!("done")));
    assert_eq!(second["effects"], json!([{"runbook": "keeping", "step": "first", "fate": "undone"}]));
    let unknown = drills.iter().find(|one| one["step"] == "second" && one["fault"] == "unknown").unwrap();
    assert!(unknown["effects"].as_array().unwrap().iter().all(|one| one["fate"] != "left"), "{unknown}");

    let left = workspace.ordain(&["drill", "leaving", "--json"]).expect_code(1).json();
    let second =
        left["drills"].as_array().unwrap().iter().find(|one| one["step"] == "second").unwrap().clone();
    assert_eq!((&second["ok"], &second["effects"][0]["fate"]), (&json!(false), &json!("left")), "{left:#}");
    let told = workspace.ordain(&["drill", "leaving"]).expect_code(1).stdout.clone();
    assert!(told.contains("leaving/first is left behind, and nothing says so"), "{told}");
    let none = workspace.ordain(&["drill", "refused", "--json"]).expect_code(2).json();
    assert_eq!(none["error"]["code"], "not_found");
}

#[test]
fn doctor_for_production_names_what_is_missing_and_a_way_out_of_each() {
    let workspace = workspace("");
    let document = workspace.ordain(&["doctor", "--prod", "--json"]).expect_code(1).json();
    let checks = document["checks"].as_array().unwrap();
    let check =
        |id: &str| checks.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("{id}: {document:#}"));
    for id in ["prod-profile", "prod-trust", "prod-reviewers", "prod-retention"] {
        assert_eq!(check(id)["ok"], false, "{id}");
        assert!(!check(id)["hint"].as_str().unwrap().is_empty(), "{id}");
    }
    for id in ["prod-workspace", "prod-admins", "prod-programs", "prod-log"] {
        assert_eq!(check(id)["ok"], true, "{id}");
    }
    let usual = workspace.ordain(&["doctor", "--json"]).json();
    assert!(
        usual["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| !one["id"].as_str().unwrap().starts_with("prod-"))
    );
}

#[test]
fn prune_follows_the_declared_retention_and_leaves_what_a_legal_hold_is_about() {
    let retention = |keep: &str, holds: &str| {
        format!(
            "apiVersion: ordain/v1\nkind: Retention\nmetadata: {{name: kept, owner: 'group:team', summary: How long what is kept.}}\nspec: {{keep: {{raw: {keep}, personal: {keep}, internal: {keep}, exports: {keep}}}, holds: {holds}}}\n"
        )
    };
    let admin = |space: &Workspace, arguments: &[&str]| {
        space.ordain(&[&["prune"], arguments, &["--as", "user:root", "--json"]].concat())
    };
    let bare = workspace("");
    run(&bare, "keeping", "user:alice");
    assert_eq!(admin(&bare, &[]).json()["error"]["code"], "usage", "nothing says what is old enough");

    let long = workspace(&retention("90d", "[]"));
    run(&long, "keeping", "user:alice");
    assert_eq!(admin(&long, &[]).expect_code(0).json()["runs"], 0, "nothing is due");

    let hold = "[{id: inquiry, runbooks: [keeping], reason: The auditor asked for it., by: 'user:root', since: 2020-01-01T00:00:00Z}]";
    let held = workspace(&retention("90d", hold));
    run(&held, "keeping", "user:alice");
    run(&held, "refused", "user:alice");
    let erased = admin(&held, &["--older-than", "0ms"]).expect_code(0).json();
    assert_eq!((&erased["runs"], &erased["held"]), (&json!(1), &json!(1)), "{erased}");
    held.write("specs/extra.yaml", &retention("90d", "[]"));
    assert_eq!(admin(&held, &["--older-than", "0ms"]).json()["runs"], 1, "the hold is over");
    held.ordain(&["audit", "verify"]).expect_code(0);
}

const TEN: &str = "
apiVersion: ordain/v1
kind: Budget
metadata: {name: ten, version: 1.0.0, owner: 'group:team', summary: Ten and no more.}
spec: {unit: usd_cents, limit: 4000, window: month, applies: {capabilities: [d.pay]}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: paid, version: 1.0.0, owner: 'group:team', summary: Takes a tenth of it.}
spec: {steps: [{id: do, uses: d.pay, with: {n: a}}]}
---
apiVersion: ordain/v1
kind: Capability
metadata:
  name: d.pay
  version: 1.0.0
  owner: group:team
  summary: Pays.
  risk: medium
  failureMode: retry
  rollback: {none: needless, why: Play money.}
  tests: [base-works]
spec:
  effect: write
  input: {n: {type: string, maxLength: 20}}
  uses: box
  operation: note
  with: {n: '${ input.n }'}
  output: {id: {type: string, maxLength: 60}}
  idempotency: step
  costs: [{unit: usd_cents, estimate: '400', max: 400}]
---
apiVersion: ordain/v1
kind: Policy
metadata: {name: pay, version: 1.0.0, owner: 'group:team', summary: Operators pay.}
spec:
  applies: {capabilities: [d.*]}
  rules: [{id: may, allow: 'true', to: ['role:operator'], reason: may}]
";

/// Processes that are killed at each instant of a transaction, many at once; what is reserved is never more than there is.
#[test]
fn a_budget_for_ten_is_ten_though_processes_die_at_every_instant() {
    let workspace = workspace(TEN);
    let mut fired = 0;
    for point in
        ["before-intent", "mid-transaction", "after-intent", "after-outcome", ""].iter().cycle().take(30)
    {
        let waves: Vec<_> = (0..2)
            .map(|_| {
                let mut command = workspace.command(&["run", "paid", "--as", "user:alice", "--json"]);
                command.env("ORDAIN_FAULT", point).stdout(Stdio::piped());
                command.stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in waves {
            let output = child.wait_with_output().unwrap();
            fired += usize::from(String::from_utf8_lossy(&output.stderr).contains("fault fired"));
        }
    }
    assert!(fired > 0, "somebody died");
    // Whoever died has left room that others take.
    for _ in 0..10 {
        let code = workspace.ordain(&["run", "paid", "--as", "user:alice"]).code;
        assert!([0, 3].contains(&code), "{code}");
    }
    let runs =
        workspace.ordain(&["runs", "--state", "succeeded", "--limit", "100", "--json"]).expect_code(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 10, "{runs:#}");
    let before = workspace.ordain(&["budgets", "--json"]).json();
    let ten = before["budgets"].as_array().unwrap().iter().find(|one| one["name"] == "ten").unwrap().clone();
    assert_eq!((&ten["spent"], &ten["reserved"]), (&json!(4000), &json!(0)), "{ten}");
    let count = |document: &Value| -> Vec<Value> {
        document["budgets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| json!([one["name"], one["spent"], one["reserved"]]))
            .collect()
    };
    workspace.ordain(&["rebuild"]).expect_code(0);
    assert_eq!(count(&workspace.ordain(&["budgets", "--json"]).json()), count(&before));
}

const RESTS: &str = "---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: rests, version: 1.0.0, owner: 'group:team', summary: Keeps its process there.}
spec: {steps: [{id: rest, wait: 50s}]}
";

/// Asks that many times at once whoever holds the store, over its socket; `heard` sees how many answers came so far.
/// Gives how many came.
async fn asked_at_once(socket: &Path, times: usize, mut heard: impl FnMut(usize)) -> usize {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..times {
        let socket = socket.to_owned();
        asking.spawn(async move {
            let mut remote = Remote::connect(&socket).await.ok()?;
            let inputs = serde_json::Map::new();
            let start = Request::Start { runbook: "paid".into(), inputs, live: false };
            let caller = Caller { login: None, acting_as: Some("user:alice".into()), token: None };
            remote.ask(caller, start).await
        });
    }
    let mut answered = 0;
    while let Some(one) = asking.join_next().await {
        if one.unwrap().is_some() {
            answered += 1;
            heard(answered);
        }
    }
    answered
}

/// A thousand ask the process that holds the store, and it is killed while it answers; the next one is asked as often.
#[test]
fn a_thousand_at_once_on_a_budget_for_ten_are_ten_though_their_process_is_killed_in_the_middle() {
    let workspace = workspace(&format!("{TEN}{RESTS}"));
    let socket = socket_path(&workspace.path().join(".ordain"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut killed, mut last) = (0, 0);
    for kills_at in [1, 40, 400, usize::MAX] {
        let mut command = workspace.command(&["run", "rests", "--watch", "--as", "user:alice"]);
        let mut holder = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while runtime.block_on(Remote::connect(&socket)).is_err() {
            assert!(holder.try_wait().unwrap().is_none(), "nobody holds the store");
            std::thread::yield_now();
        }
        let mut at = 0;
        let answered = runtime.block_on(asked_at_once(&socket, 1_000, |heard| {
            if heard == kills_at {
                holder.kill().unwrap();
                at = heard;
            }
        }));
        killed += usize::from(at > 0 && answered < 1_000);
        last = answered;
        holder.kill().unwrap();
        holder.wait().unwrap();
        let verified = workspace.ordain(&["audit", "verify", "--json"]).expect_code(0).json();
        assert_eq!(verified["ok"], true);
    }
    assert!(killed >= 1 && last > 100, "{killed} killed while they answered, {last} answers of the last");
    let runs =
        workspace.ordain(&["runs", "--state", "succeeded", "--runbook", "paid", "--limit", "100", "--json"]);
    assert_eq!(runs.expect_code(0).json()["runs"].as_array().unwrap().len(), 10);
    for _ in 0..2 {
        let budgets = workspace.ordain(&["budgets", "--json"]).json()["budgets"].clone();
        let ten = budgets.as_array().unwrap().iter().find(|one| one["name"] == "ten").unwrap().clone();
        assert_eq!((&ten["spent"], &ten["reserved"]), (&json!(4000), &json!(0)), "{ten}");
        workspace.ordain(&["rebuild"]).expect_code(0);
    }
}
