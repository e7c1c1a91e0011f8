//! What several runs share, and what is fixed at the start against what is always current: counters, keys, locks,
//! policies tightened, specs edited or withdrawn while a run waits. All through the program, on one store.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "tests"
)]

use std::fs;

use engine_tests::{Said, Workspace, root};
use serde_json::{Value, json};

const MORE: &str = "---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: held, version: 1.0.0, owner: 'group:team', summary: Waits for a person.}
spec:
  modes: [mock, live]
  steps:
    - {id: do, uses: c.put, with: {n: a}, approval: ok}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: keyed, version: 1.0.0, owner: 'group:team', summary: One effect for each name.}
spec:
  inputs: {n: {type: string, maxLength: 10}}
  steps:
    - {id: do, uses: c.put-keyed, with: {n: '${ inputs.n }'}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: queued, version: 1.0.0, owner: 'group:team', summary: One at a time.}
spec:
  inputs: {n: {type: string, maxLength: 10}}
  concurrency: {key: inputs.n, limit: 1, onLimit: queue, lock: place}
  steps:
    - {id: do, uses: c.put, with: {n: a}, approval: ok}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: refusing, version: 1.0.0, owner: 'group:team', summary: One at a time or not at all.}
spec:
  inputs: {n: {type: string, maxLength: 10}}
  concurrency: {key: inputs.n, limit: 1, onLimit: refuse, lock: place}
  steps:
    - {id: do, uses: c.put, with: {n: a}, approval: ok}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: paid, version: 1.0.0, owner: 'group:team', summary: Costs something.}
spec:
  steps:
    - {id: do, uses: d.pay, with: {n: a}}
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
  quotas: [{per: actor, limit: 2, window: 1h}]
---
apiVersion: ordain/v1
kind: Policy
metadata: {name: pay, version: 1.0.0, owner: 'group:team', summary: Operators pay.}
spec:
  applies: {capabilities: [d.*]}
  rules: [{id: may, allow: 'true', to: ['role:operator'], reason: may}]
---
apiVersion: ordain/v1
kind: Budget
metadata: {name: purse, version: 1.0.0, owner: 'group:team', summary: What may be paid.}
spec: {unit: usd_cents, limit: 1000, window: month, applies: {capabilities: [d.*]}}
";

fn workspace() -> Workspace {
    let workspace = Workspace::empty();
    workspace.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    let common = root().join("engine-tests/fixtures/conformance/common/specs/common.yaml");
    workspace.write("specs/common.yaml", &fs::read_to_string(common).unwrap());
    workspace.write("specs/more.yaml", MORE.trim_start_matches("---\n"));
    workspace
}

fn edit(workspace: &Workspace, file: &str, old: &str, new: &str) {
    let path = workspace.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old}");
    fs::write(path, text.replace(old, new)).unwrap();
}

fn start(workspace: &Workspace, arguments: &[&str]) -> Said {
    workspace.ordain(&[&["run"], arguments, &["--json"]].concat())
}

fn id(said: &Said) -> String {
    said.json()["run"]["id"].as_str().unwrap().to_owned()
}

fn show(workspace: &Workspace, id: &str) -> Value {
    workspace.ordain(&["show", id, "--json"]).expect_code(0).json()["run"].clone()
}

/// The open approval of a run.
fn open(workspace: &Workspace, run: &str) -> Value {
    let queue = workspace.ordain(&["approvals", "--json"]).expect_code(0).json();
    let open =
        queue["approvals"].as_array().unwrap().iter().find(|one| one["run"] == run && one["state"] == "open");
    open.unwrap_or_else(|| panic!("{run} waits for somebody: {queue:#}")).clone()
}

fn approve(workspace: &Workspace, approval: &Value, by: &str) -> Said {
    let (id, digest) = (approval["id"].as_str().unwrap(), approval["digest"].as_str().unwrap());
    workspace.ordain(&[
        "approve",
        id,
        "--digest",
        digest,
        "--rationale",
        "Looked at it.",
        "--as",
        by,
        "--json",
    ])
}

fn codes(reasons: &Value) -> Vec<&str> {
    reasons.as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

#[test]
fn a_policy_tightened_while_a_run_waits_holds_at_once() {
    let workspace = workspace();
    let run = id(start(&workspace, &["held", "--as", "user:alice"]).expect_code(4));
    let approval = open(&workspace, &run);
    edit(
        &workspace,
        "specs/common.yaml",
        "rules:\n    - {id: operators,",
        "rules:\n    - {id: freeze, deny: 'true', reason: freeze}\n    - {id: operators,",
    );
    approve(&workspace, &approval, "user:bob");
    let document = show(&workspace, &run);
    assert_eq!(document["state"], "denied", "{document}");
    assert!(codes(&document["reasons"]).contains(&"policy_denied"));
    assert_eq!(document["steps"][0]["attempts"], 0);
    assert_eq!(workspace.ordain(&["watch", &run, "--json"]).code, 3);
}

#[test]
fn a_runbook_edited_while_a_run_waits_changes_nothing_of_it() {
    let workspace = workspace();
    let run = id(start(&workspace, &["held", "--as", "user:alice"]).expect_code(4));
    let plan = show(&workspace, &run)["planDigest"].clone();
    edit(
        &workspace,
        "specs/more.yaml",
        "{id: do, uses: c.put, with: {n: a}, approval: ok}\n---\napiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: keyed",
        "{id: do, uses: c.put, with: {n: changed}, approval: ok}\n---\napiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: keyed",
    );
    approve(&workspace, &open(&workspace, &run), "user:bob").expect_code(0);
    let document = show(&workspace, &run);
    assert_eq!((&document["state"], &document["planDigest"]), (&json!("succeeded"), &plan));
    assert_eq!(document["steps"][0]["outputs"]["id"], "id-a");
    let again = start(&workspace, &["held", "--as", "user:alice"]).expect_code(4).json();
    assert_ne!(again["run"]["planDigest"], plan);
}

#[test]
fn a_capability_withdrawn_while_a_run_waits_denies() {
    let workspace = workspace();
    let run = id(start(&workspace, &["held", "--as", "user:alice"]).expect_code(4));
    let approval = open(&workspace, &run);
    let path = workspace.path().join("specs/common.yaml");
    let text = fs::read_to_string(&path).unwrap().replace("uses: c.put,", "uses: c.note,");
    let kept: Vec<&str> = text.split("---\n").filter(|one| !one.contains("  name: c.put\n")).collect();
    fs::write(path, kept.join("---\n")).unwrap();
    edit(&workspace, "specs/more.yaml", "uses: c.put,", "uses: c.note,");
    workspace.ordain(&["specs"]).expect_code(0);
    approve(&workspace, &approval, "user:bob");
    let document = show(&workspace, &run);
    assert_eq!(document["state"], "denied", "{document}");
    assert!(codes(&document["reasons"]).contains(&"spec_withdrawn"), "{document}");
}

#[test]
fn an_agreement_of_somebody_who_stands_for_the_requester_by_now_is_asked_for_again() {
    let workspace = workspace();
    let run = id(start(&workspace, &["held", "--as", "user:bot"]).expect_code(4));
    let approval = open(&workspace, &run);
    for (verb, who) in [("pause", "user:bob"), ("resume", "user:bob")] {
        workspace.ordain(&[verb, &run, "--reason", "one moment", "--as", who, "--json"]).expect_code(0);
        if verb == "pause" {
            approve(&workspace, &approval, "user:carol");
            let custodians = "custodians: ['user:bob'";
            edit(&workspace, "specs/common.yaml", custodians, &format!("{custodians}, 'user:carol'"));
        }
    }
    let document = show(&workspace, &run);
    assert_eq!((&document["state"], &document["steps"][0]["attempts"]), (&json!("waiting"), &json!(0)));
    approve(&workspace, &open(&workspace, &run), "user:dan");
    assert_eq!(show(&workspace, &run)["state"], "succeeded");
}

#[test]
fn a_catalogue_that_breaks_while_a_run_waits_dispatches_nothing() {
    let workspace = workspace();
    let run = id(start(&workspace, &["held", "--as", "user:alice"]).expect_code(4));
    let approval = open(&workspace, &run);
    workspace.write("specs/broken.yaml", "kind: [\n");
    let said = start(&workspace, &["held", "--as", "user:alice"]);
    assert_eq!(said.expect_code(2).json()["error"]["code"], "catalogue_refused");
    approve(&workspace, &approval, "user:bob");
    let document = show(&workspace, &run);
    assert_eq!(document["steps"][0]["attempts"], 0, "{document}");
    assert_ne!(document["state"], "succeeded");
}

#[test]
fn who_watches_a_run_that_nothing_moves_while_the_catalogue_is_broken_is_told() {
    let workspace = workspace();
    let polls = "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: polls, version: 1.0.0, owner: 'group:team', summary: Looks again.}\nspec: {steps: [{id: do, uses: c.look, with: {n: a}, repeat: {until: 'outputs.level > 100', every: 2s, max: 9}}]}\n";
    workspace.write("specs/polls.yaml", polls);
    let mut first = workspace.command(&["run", "polls", "--as", "user:alice", "--json"]).spawn().unwrap();
    let run = loop {
        let runs = workspace.ordain(&["runs", "--json"]).json();
        if let Some(id) = runs["runs"][0]["id"].as_str() {
            break id.to_owned();
        }
    };
    first.kill().unwrap();
    first.wait().unwrap();
    workspace.write("specs/broken.yaml", "kind: [\n");
    let said = workspace.ordain(&["watch", &run, "--json"]);
    assert_eq!(said.expect_code(2).json()["error"]["code"], "catalogue_refused");
}

#[test]
fn a_second_run_of_the_same_key_gets_the_recorded_outcome() {
    let workspace = workspace();
    let first = start(&workspace, &["keyed", "--input", "n=k", "--as", "user:alice"]).expect_code(0).json();
    assert_eq!(first["run"]["steps"][0]["replayed"], Value::Null);
    let second = start(&workspace, &["keyed", "--input", "n=k", "--as", "user:bob"]).expect_code(0).json();
    assert_eq!(second["run"]["steps"][0]["replayed"], true);
    assert_eq!(second["run"]["steps"][0]["outputs"], first["run"]["steps"][0]["outputs"]);
    let other = start(&workspace, &["keyed", "--input", "n=z", "--as", "user:bob"]).expect_code(0).json();
    assert_eq!(other["run"]["steps"][0]["replayed"], Value::Null);
}

#[test]
fn budgets_and_quotas_hold_over_runs() {
    let workspace = workspace();
    let pay = |by: &str| start(&workspace, &["paid", "--as", by]);
    pay("user:alice").expect_code(0);
    let second = pay("user:alice").expect_code(0).json();
    let third = pay("user:alice").expect_code(3).json();
    assert_eq!(third["run"]["state"], "denied");
    let denied = codes(&third["run"]["reasons"]);
    assert!(denied.contains(&"quota_exceeded") || denied.contains(&"budget_exceeded"), "{denied:?}");
    let fourth = pay("user:bob").expect_code(3).json();
    assert_eq!(codes(&fourth["run"]["reasons"]), ["budget_exceeded"], "another actor has a quota of his own");
    let document = workspace.ordain(&["budgets", "--json"]).expect_code(0).json();
    let purse = &document["budgets"][0];
    assert_eq!((&purse["name"], &purse["unit"]), (&json!("purse"), &json!("usd_cents")));
    assert_eq!(
        (&purse["limit"], &purse["spent"], &purse["reserved"], &purse["remaining"]),
        (&json!(1000), &json!(800), &json!(0), &json!(200))
    );
    assert!(purse["window"]["from"].is_string() && purse["window"]["to"].is_string());
    let document = workspace.ordain(&["quotas", "--json"]).expect_code(0).json();
    let quotas = document["quotas"].as_array().unwrap();
    let alice = quotas.iter().find(|one| one["key"] == "user:alice").unwrap();
    assert_eq!(
        (&alice["capability"], &alice["per"], &alice["limit"], &alice["used"]),
        (&json!("d.pay"), &json!("actor"), &json!(2), &json!(2))
    );
    let why =
        workspace.ordain(&["why", second["run"]["id"].as_str().unwrap(), "--json"]).expect_code(0).json();
    let decision = &why["decisions"][0];
    assert_eq!(decision["outcome"], "allow");
    assert!(decision["id"].is_string() && decision["at"].is_string() && decision["reasons"].is_array());
    let rule = &decision["policies"][0]["rules"][0];
    assert_eq!(
        (&rule["id"], &rule["kind"], &rule["value"], &rule["reason"]),
        (&json!("may"), &json!("allow"), &json!("true"), &json!("may"))
    );
    assert_eq!(decision["policies"][0]["enforcement"], "enforce");
    let one = workspace.ordain(&["why", decision["id"].as_str().unwrap(), "--json"]).expect_code(0).json();
    assert_eq!(one["decisions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_lock_queues_in_order_or_refuses_and_is_held_until_settled() {
    let workspace = workspace();
    let first = id(start(&workspace, &["queued", "--input", "n=a", "--as", "user:alice"]).expect_code(4));
    let second = id(start(&workspace, &["queued", "--input", "n=a", "--as", "user:alice"]).expect_code(4));
    let third = id(start(&workspace, &["queued", "--input", "n=a", "--as", "user:bob"]).expect_code(4));
    assert_eq!(show(&workspace, &first)["waitingFor"], json!(["approval"]));
    assert_eq!(show(&workspace, &second)["waitingFor"], json!(["queue"]));
    let refused =
        start(&workspace, &["refusing", "--input", "n=a", "--as", "user:alice"]).expect_code(3).json();
    assert_eq!(codes(&refused["refused"]["reasons"]), ["concurrency_limit"]);
    let other =
        start(&workspace, &["refusing", "--input", "n=b", "--as", "user:alice"]).expect_code(4).json();
    assert_eq!(other["run"]["waitingFor"], json!(["approval"]), "another key is another place");
    approve(&workspace, &open(&workspace, &first), "user:carol").expect_code(0);
    assert_eq!(show(&workspace, &first)["state"], "succeeded");
    assert_eq!(show(&workspace, &second)["waitingFor"], json!(["approval"]), "first come, first served");
    assert_eq!(show(&workspace, &third)["waitingFor"], json!(["queue"]));
    workspace.ordain(&["cancel", &second, "--as", "user:alice", "--json"]).expect_code(0);
    assert_eq!(show(&workspace, &third)["waitingFor"], json!(["approval"]));
}

#[test]
fn a_grant_serves_one_run_and_one_digest() {
    let workspace = workspace();
    let first = id(start(&workspace, &["held", "--as", "user:alice"]).expect_code(4));
    let second = id(start(&workspace, &["held", "--as", "user:alice"]).expect_code(4));
    let (one, other) = (open(&workspace, &first), open(&workspace, &second));
    assert_ne!(one["digest"], other["digest"], "the run is part of what is granted");
    let mut crossed = one.clone();
    crossed["digest"] = other["digest"].clone();
    assert_eq!(
        approve(&workspace, &crossed, "user:bob").expect_code(2).json()["error"]["code"],
        "approval_void"
    );
    approve(&workspace, &one, "user:bob").expect_code(0);
    assert_eq!(
        approve(&workspace, &one, "user:carol").expect_code(2).json()["error"]["code"],
        "already_decided"
    );
    assert_eq!(show(&workspace, &second)["state"], "waiting");
}

#[test]
fn the_document_of_an_approval_has_every_field_of_the_contract() {
    let workspace = workspace();
    let run = id(start(&workspace, &["held", "--as", "user:alice"]).expect_code(4));
    let approval = open(&workspace, &run);
    let fields: [(&str, Value); 10] = [
        ("subject", json!("step")),
        ("run", json!(run)),
        ("step", json!("do")),
        ("runbook", json!("held")),
        ("mode", json!("mock")),
        ("approval", json!("ok")),
        ("stage", json!("peer")),
        ("requester", json!("user:alice")),
        ("risk", json!("medium")),
        ("needed", json!(1)),
    ];
    for (field, due) in fields {
        assert_eq!(approval[field], due, "{field}");
    }
    assert_eq!(
        approval["calls"][0],
        json!({"connector": "box", "operation": "put", "arguments": {"n": "a"}})
    );
    assert_eq!(
        approval["undo"][0],
        json!({"connector": "box", "operation": "undo", "arguments": {"n": "a"}})
    );
    assert!(approval["eligible"].as_array().unwrap().contains(&json!("user:bob")));
    assert!(approval["granted"].as_array().unwrap().is_empty());
    assert_eq!(codes(&approval["reasons"]), ["approval_required"]);
    let (opened, expires) = (approval["openedAt"].as_str().unwrap(), approval["expiresAt"].as_str().unwrap());
    assert!(opened < expires && opened.ends_with('Z'));
    let said = workspace.ordain(&[
        "reject",
        approval["id"].as_str().unwrap(),
        "--digest",
        approval["digest"].as_str().unwrap(),
        "--rationale",
        "Not on a Friday.",
        "--as",
        "user:bob",
        "--json",
    ]);
    let document = said.expect_code(0).json();
    assert_eq!(document["approval"]["state"], "rejected");
    assert_eq!((&document["run"]["id"], &document["run"]["state"]), (&json!(run), &json!("rejected")));
    let again = id(start(&workspace, &["held", "--as", "user:alice"]).expect_code(4));
    let rejections = open(&workspace, &again)["rejections"].clone();
    assert_eq!(
        (&rejections[0]["by"], &rejections[0]["rationale"]),
        (&json!("user:bob"), &json!("Not on a Friday."))
    );
}
