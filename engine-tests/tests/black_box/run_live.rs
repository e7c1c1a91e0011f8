//! Runs against the machine: programs behind a fence, a kill -9 in the middle, two processes on one store, and a
//! store that somebody changed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use engine_tests::{Said, Workspace, root};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, Row as _};

/// The workspace of `fixtures/live`, with a folder of its own and a file in it.
fn live() -> Workspace {
    let workspace = Workspace::copy_of("engine-tests/fixtures/live");
    workspace.write("data/in.txt", "hello\n");
    let text = fs::read_to_string(root().join("engine-tests/fixtures/live/ordain.yaml")).unwrap();
    let data = workspace.path().canonicalize().unwrap().join("data");
    workspace.write("ordain.yaml", &text.replace("DATA", data.to_str().unwrap()));
    workspace
}

fn run(workspace: &Workspace, runbook: &str, more: &[&str]) -> Said {
    workspace.ordain(&[&["run", runbook, "--as", "user:alice", "--json"], more].concat())
}

fn codes(reasons: &Value) -> Vec<&str> {
    reasons.as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

/// Statements on the store itself, past everything that guards it.
fn tamper(workspace: &Workspace, statements: &[&str]) {
    let path = workspace.path().join(".ordain/ordain.db");
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut store =
            sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
        let triggers =
            store.fetch_all("select name from sqlite_master where type = 'trigger'").await.unwrap();
        assert!(triggers.len() >= 4, "journal and log are append-only by trigger");
        for trigger in triggers {
            let name: String = trigger.get(0);
            store.execute(sqlx::AssertSqlSafe(format!("drop trigger {name}"))).await.unwrap();
        }
        for statement in statements {
            let done = store.execute(sqlx::AssertSqlSafe((*statement).to_owned())).await.unwrap();
            assert!(done.rows_affected() > 0, "`{statement}` changes something");
        }
        store.close().await.unwrap();
    });
}

#[test]
fn programs_run_live_and_declared_answers_otherwise() {
    let workspace = live();
    let document = run(&workspace, "work", &[]).expect_code(0).json();
    assert_eq!(document["run"]["outputs"]["line"], "mocked");
    assert!(!workspace.path().join("data/out.txt").exists(), "a mock run starts no program");
    let document = run(&workspace, "work", &["--live"]).expect_code(0).json();
    assert_eq!(document["run"]["mode"], "live");
    let line = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  in.txt\n";
    assert_eq!(document["run"]["outputs"]["line"], line);
    assert_eq!(fs::read_to_string(workspace.path().join("data/out.txt")).unwrap(), "hello\n");
}

#[test]
fn a_program_reads_nothing_that_was_not_granted() {
    let workspace = live();
    workspace.write("secret.txt", "not for everybody\n");
    let path = workspace.path().canonicalize().unwrap().join("secret.txt");
    let input = "n=../secret.txt".to_owned();
    assert!(path.exists());
    let said = run(&workspace, "work", &["--live", "--input", &input]);
    let run = &said.expect_code(5).json()["run"];
    assert_eq!(run["state"], "failed");
    assert_eq!(codes(&run["reasons"]), ["connector_refused"]);
    assert!(!workspace.path().join("data/out.txt").exists());
}

#[test]
fn a_live_run_without_its_connection_is_refused_at_the_start() {
    let workspace = live();
    let text = fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("copier:")).collect();
    workspace.write("ordain.yaml", &kept.join("\n"));
    let document = run(&workspace, "work", &["--live"]).expect_code(3).json();
    assert_eq!(codes(&document["refused"]["reasons"]), ["connection_missing"]);
    run(&workspace, "work", &[]).expect_code(0);
    let runs = workspace.ordain(&["runs", "--json"]).expect_code(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "a refusal makes no run");
    let tail = workspace.ordain(&["audit", "tail", "--json"]).expect_code(0).json();
    let refused =
        tail["records"].as_array().unwrap().iter().filter(|record| record["action"] == "run.refused");
    assert_eq!(refused.count(), 1, "but a record");
}

#[test]
fn a_write_without_a_key_that_outlives_its_time_is_not_known() {
    let workspace = live();
    let document = run(&workspace, "rest", &["--live", "--input", "s=30"]).expect_code(5).json();
    assert_eq!(document["run"]["state"], "stuck");
    assert_eq!(document["run"]["steps"][0]["state"], "unknown");
    assert!(codes(&document["run"]["reasons"]).contains(&"outcome_unknown"));
    let id = document["run"]["id"].as_str().unwrap();
    let resolve = |by: &str| {
        workspace.ordain(&[
            "resolve",
            id,
            "rest",
            "--outcome",
            "succeeded",
            "--reason",
            "It slept enough.",
            "--as",
            by,
            "--json",
        ])
    };
    assert_eq!(resolve("user:alice").expect_code(2).json()["error"]["code"], "resolve_forbidden");
    assert_eq!(resolve("user:bob").expect_code(0).json()["run"]["state"], "succeeded");
    assert_eq!(workspace.ordain(&["watch", id, "--json"]).expect_code(0).json()["run"]["state"], "succeeded");
}

/// A run whose program reads a pipe: it goes on for as long as the test wants.
struct Held {
    engine: std::process::Child,
    run: String,
    gate: std::path::PathBuf,
}

impl Held {
    /// Starts it and waits until its program was started.
    #[expect(
        clippy::zombie_processes,
        reason = "the caller ends it; where the run never begins the test fails"
    )]
    fn start(workspace: &Workspace) -> Self {
        let gate = workspace.path().join("data/gate");
        assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
        let mut command = workspace.command(&["run", "held", "--live", "--as", "user:alice", "--json"]);
        let engine = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        workspace.wait_for_holder();
        let begun = Instant::now();
        loop {
            let said = workspace.ordain(&["runs", "--json"]);
            let runs = if said.code == 0 { said.json() } else { Value::Null };
            if let Some(run) = runs["runs"].get(0)
                && run["state"] == "running"
            {
                return Self { engine, run: run["id"].as_str().unwrap().to_owned(), gate };
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "the run starts: {runs}");
            std::thread::yield_now();
        }
    }

    /// Lets the program come to its end.
    fn release(&self) {
        fs::write(&self.gate, "go on\n").unwrap();
    }
}

#[test]
fn after_a_kill_9_nothing_is_lost_and_nothing_unknown_is_repeated() {
    let workspace = live();
    let mut held = Held::start(&workspace);
    held.engine.kill().unwrap();
    held.engine.wait().unwrap();
    let document = workspace.ordain(&["show", &held.run, "--json"]).expect_code(0).json();
    assert_eq!(document["run"]["state"], "stuck");
    assert_eq!(document["run"]["steps"][0]["attempts"], 1, "never again after it was started");
    assert_eq!(codes(&document["run"]["reasons"]), ["outcome_unknown"]);
    assert_eq!(workspace.ordain(&["audit", "verify", "--json"]).expect_code(0).json()["ok"], true);
    assert_eq!(
        workspace.ordain(&["audit", "completeness", "--json"]).expect_code(0).json()["missing"],
        json!([])
    );
}

#[test]
fn a_second_process_speaks_to_the_one_that_holds_the_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let workspace = live();
    let mut held = Held::start(&workspace);
    let socket = fs::metadata(workspace.path().join(".ordain/ordain.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    let document = run(&workspace, "work", &["--live"]).expect_code(0).json();
    let second = document["run"]["id"].as_str().unwrap();
    assert_eq!(workspace.ordain(&["show", &held.run, "--json"]).json()["run"]["state"], "running");
    assert_eq!(workspace.ordain(&["audit", "verify", "--json"]).expect_code(0).json()["ok"], true);
    held.release();
    assert!(held.engine.wait().unwrap().success());
    for id in [held.run.as_str(), second] {
        assert_eq!(workspace.ordain(&["show", id, "--json"]).json()["run"]["state"], "succeeded");
    }
}

/// A store with two settled runs, and how many records it holds.
fn recorded() -> (Workspace, u64) {
    let workspace = live();
    run(&workspace, "work", &[]).expect_code(0);
    run(&workspace, "work", &["--live"]).expect_code(0);
    let verified = workspace.ordain(&["audit", "verify", "--json"]).expect_code(0).json();
    assert_eq!(verified["ok"], true);
    let records = verified["records"].as_u64().unwrap();
    assert!(records > 8 && verified["head"].as_str().unwrap().starts_with("sha256:"));
    (workspace, records)
}

/// `audit verify` names the record, and nothing that changes the store goes on.
fn refuses(workspace: &Workspace, what: &str, first_bad: Option<u64>) {
    let document = workspace.ordain(&["audit", "verify", "--json"]).expect_code(1).json();
    assert_eq!(document["ok"], false, "{what}");
    assert!(document["firstBad"]["reason"].is_string(), "{what}: {document}");
    if let Some(seq) = first_bad {
        assert_eq!(document["firstBad"]["seq"], seq, "{what}");
    }
    let said = run(workspace, "work", &[]);
    assert_eq!(said.expect_code(2).json()["error"]["code"], "audit_unavailable", "{what}");
}

#[test]
fn records_that_were_changed_are_named_and_the_store_is_not_continued() {
    let attacks: [(&str, &[&str], u64); 5] = [
        ("edited", &["update audit set record = replace(record, 'user:alice', 'user:bob') where seq = 2"], 2),
        (
            "another instant",
            &["update audit set record = replace(record, '\"at\":\"2', '\"at\":\"3') where seq = 5"],
            5,
        ),
        ("deleted", &["delete from audit where seq = 4"], 4),
        (
            "reordered",
            &[
                "update audit set seq = 1000 where seq = 4",
                "update audit set seq = 4 where seq = 5",
                "update audit set seq = 5 where seq = 1000",
            ],
            4,
        ),
        (
            "inserted",
            &[
                "update audit set seq = -seq where seq > 3",
                "update audit set seq = 1 - seq where seq < 0",
                "insert into audit select 4, run, record from audit where seq = 3",
            ],
            4,
        ),
    ];
    for (what, statements, seq) in attacks {
        let (workspace, _) = recorded();
        tamper(&workspace, statements);
        refuses(&workspace, what, Some(seq));
    }
}

#[test]
fn a_cut_end_of_the_log_and_a_changed_journal_are_found() {
    let (workspace, records) = recorded();
    tamper(&workspace, &["delete from audit where seq = (select max(seq) from audit)"]);
    let document = workspace.ordain(&["audit", "verify", "--json"]).expect_code(1).json();
    assert_eq!(document["firstBad"]["seq"], records, "the records end too early: {document}");
    let (workspace, _) = recorded();
    tamper(
        &workspace,
        &["delete from journal where (run, seq) in (select run, max(seq) from journal group by run)"],
    );
    refuses_to_verify(&workspace);
    let (workspace, _) = recorded();
    tamper(
        &workspace,
        &["update journal set event = replace(event, 'user:alice', 'user:bob') where seq = 1"],
    );
    refuses_to_verify(&workspace);
}

fn refuses_to_verify(workspace: &Workspace) {
    let document = workspace.ordain(&["audit", "verify", "--json"]).expect_code(1).json();
    assert_eq!(document["ok"], false);
    assert!(document["firstBad"]["reason"].is_string(), "{document}");
}

#[test]
fn a_store_that_is_no_database_is_refused_without_being_touched() {
    let (workspace, _) = recorded();
    let path = workspace.path().join(".ordain/ordain.db");
    fs::write(&path, b"this is no database, and it is longer than its header would be, which is a hundred bytes at least, so it is read").unwrap();
    let before = fs::read(&path).unwrap();
    let said = run(&workspace, "work", &[]);
    let error = said.expect_code(2).json();
    assert_eq!(error["error"]["code"], "audit_unavailable", "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn views_are_rebuilt_from_the_journal() {
    let (workspace, _) = recorded();
    let before = workspace.ordain(&["runs", "--json"]).expect_code(0).json();
    tamper(&workspace, &["delete from runs"]);
    let document = workspace.ordain(&["rebuild", "--json"]).expect_code(0).json();
    assert_eq!(document["ok"], true);
    assert!(document["detail"].is_string() && document["created"].is_array());
    assert_eq!(workspace.ordain(&["runs", "--json"]).expect_code(0).json(), before);
}

/// Naps, and something that is held and let go.
const LATE: &str = "apiVersion: ordain/v1
kind: Connector
metadata: {name: napper, version: 1.0.0, owner: 'group:team', summary: Sleeps.}
spec:
  type: exec
  access: write
  exec: {program: /usr/bin/sleep}
  operations:
    nap: {effect: read, args: ['--', '${ input.s }'], timeout: 2m, maxOutput: 4KiB, mock: {output: {}}}
    hold: {effect: write, args: ['0'], timeout: 1m, maxOutput: 4KiB, mock: {output: {}}}
    free: {effect: write, args: ['0'], timeout: 1m, maxOutput: 4KiB, mock: {output: {}}}
---
apiVersion: ordain/v1
kind: Capability
metadata: {name: f.nap, version: 1.0.0, owner: group:team, summary: Naps., risk: low, failureMode: retry, rollback: {none: needless, why: Nothing.}, tests: [late-enough]}
spec: {effect: read, input: {s: {type: string, maxLength: 10}}, uses: napper, operation: nap}
---
apiVersion: ordain/v1
kind: Capability
metadata: {name: f.hold, version: 1.0.0, owner: group:team, summary: Holds., risk: medium, failureMode: rollback, rollback: {uses: f.free}, tests: [late-enough]}
spec: {effect: write, uses: napper, operation: hold, idempotency: step}
---
apiVersion: ordain/v1
kind: Capability
metadata: {name: f.free, version: 1.0.0, owner: group:team, summary: Lets go., risk: medium, failureMode: retry, rollback: {none: needless, why: Nothing.}, tests: [late-enough]}
spec: {effect: write, uses: napper, operation: free, idempotency: step}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: late, version: 1.0.0, owner: 'group:team', summary: Naps too long.}
spec:
  modes: [mock, live]
  timeout: 4s
  onFailure: rollback
  steps:
    - {id: hold, uses: f.hold}
    - {id: nap, needs: [hold], uses: f.nap, with: {s: '100'}}
    - {id: after, needs: [nap], uses: f.nap, with: {s: '0'}}
    - {id: clean, needs: [{step: nap, on: any}], uses: f.nap, with: {s: '1'}}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: late-enough, owner: 'group:team', summary: Nobody naps in a rehearsal.}
spec: {run: late, as: 'user:alice', at: 2026-01-05T10:00:00Z, expect: {state: succeeded}}
";

#[test]
fn past_its_time_a_run_stops_and_undo_and_clean_up_have_that_time_once_more() {
    let workspace = live();
    workspace.write("specs/late.yaml", LATE);
    let text = fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
    let granted = "connections:\n    napper: {programs: {/usr/bin/sleep: any}}";
    workspace.write("ordain.yaml", &text.replace("connections:", granted));
    let document = run(&workspace, "late", &["--live"]).expect_code(5).json();
    let run = &document["run"];
    assert_eq!((&run["state"], &run["rollback"]), (&json!("failed"), &json!("done")), "{run:#}");
    assert!(codes(&run["reasons"]).contains(&"run_timeout"), "{run:#}");
    let states: Vec<&str> =
        run["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["undone", "failed", "cancelled", "succeeded"], "{run:#}");
}

#[test]
fn past_the_bound_of_its_capability_an_attempt_is_too_long_and_past_the_operations_it_was_not_answered() {
    for (capability, operation, code) in [("1s", "2m", "step_timeout"), ("2m", "1s", "connector_timeout")] {
        let workspace = live();
        let late = LATE
            .replace("operation: nap}", &format!("operation: nap, timeout: {capability}}}"))
            .replace("timeout: 2m, maxOutput", &format!("timeout: {operation}, maxOutput"))
            .replace("timeout: 4s", "timeout: 1h");
        workspace.write("specs/late.yaml", &late);
        let text = fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
        let granted = "connections:\n    napper: {programs: {/usr/bin/sleep: any}}";
        workspace.write("ordain.yaml", &text.replace("connections:", granted));
        let document = run(&workspace, "late", &["--live"]).expect_code(5).json();
        assert_eq!(codes(&document["run"]["steps"][1]["reasons"]), [code], "{document:#}");
    }
}
