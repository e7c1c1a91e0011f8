//! What several people do in one workspace in the same moment, each with a process of their own that comes and goes:
//! whatever was asked is done once, and everybody hears what became of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::process::{Command, Stdio};

use engine_tests::{Said, Workspace};
use serde_json::{Value, json};

fn all_at_once(workspace: &Workspace, questions: &[Vec<&str>]) -> Vec<Said> {
    std::thread::scope(|scope| {
        let asked: Vec<_> =
            questions.iter().map(|question| scope.spawn(move || workspace.ordain(question))).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

fn open(workspace: &Workspace) -> Vec<Value> {
    let said = workspace.ordain(&["approvals", "--json"]).expect_code(0).json();
    said["approvals"].as_array().unwrap().clone()
}

#[test]
fn whatever_is_asked_of_holders_that_come_and_go_is_done_once_and_answered() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/crash");
    let start = vec!["run", "held", "--as", "user:ann", "--json"];
    for _ in 0..5 {
        for said in all_at_once(&workspace, &vec![start.clone(); 5]) {
            assert_eq!(said.expect_code(4).json()["run"]["state"], "waiting");
        }
    }
    let waiting = open(&workspace);
    assert_eq!(waiting.len(), 25, "one run for each start");
    for some in waiting.chunks(5) {
        let approve = |one: &'_ Value| {
            let word = |field: &str| one[field].as_str().unwrap().to_owned();
            (word("id"), word("digest"))
        };
        let named: Vec<_> = some.iter().map(approve).collect();
        let questions: Vec<Vec<&str>> = named
            .iter()
            .map(|(id, digest)| {
                let words = ["--rationale", "looked at all of it", "--as", "user:ben", "--json"];
                [&["approve", id, "--digest", digest][..], &words].concat()
            })
            .collect();
        for said in all_at_once(&workspace, &questions) {
            assert_eq!(said.expect_code(0).json()["approval"]["state"], "granted");
        }
    }
    let runs = workspace.ordain(&["runs", "--state", "succeeded", "--json"]).expect_code(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 25);
    assert_eq!(workspace.ordain(&["audit", "verify", "--json"]).expect_code(0).json()["ok"], json!(true));
}

#[test]
fn the_queue_shows_no_question_whose_time_was_up_while_nobody_looked() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/crash");
    let all = std::fs::read_to_string(workspace.path().join("specs/all.yaml")).unwrap();
    workspace.write("specs/all.yaml", &all.replace("expires: 4h", "expires: 1s"));
    workspace.ordain(&["run", "held", "--as", "user:ann", "--json"]).expect_code(4);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(open(&workspace), Vec::<Value>::new());
    let expired = workspace.ordain(&["approvals", "--state", "expired", "--json"]).expect_code(0).json();
    assert_eq!(expired["approvals"][0]["state"], "expired");
}

const NAPS: &str = "apiVersion: ordain/v1
kind: Connector
metadata: {name: nap, version: 1.0.0, owner: group:team, summary: Sleeps.}
spec:
  type: exec
  access: write
  exec: {program: /usr/bin/sleep}
  operations:
    nap: {effect: write, args: ['2'], timeout: 60s, maxOutput: 4KiB, mock: {output: {}}}
---
apiVersion: ordain/v1
kind: Capability
metadata: {name: out.nap, version: 1.0.0, owner: group:team, summary: Sleeps once., risk: medium, failureMode: retry, rollback: {none: impossible, why: Slept is slept.}, tests: [works]}
spec: {effect: write, input: {}, output: {}, uses: nap, operation: nap}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: naps, version: 1.0.0, owner: group:team, summary: Two naps.}
spec:
  modes: [mock, live]
  steps:
    - {id: one, uses: out.nap}
    - {id: two, needs: [one], uses: out.nap}
";

/// A process that makes a call for a run, and the run.
fn napping(workspace: &Workspace) -> (std::process::Child, String) {
    let mut command = workspace.command(&["run", "naps", "--live", "--as", "user:ann", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    workspace.wait_for_holder();
    let id = loop {
        let runs = workspace.ordain(&["runs", "--state", "running", "--json"]).json();
        if let Some(id) = runs["runs"][0]["id"].as_str() {
            break id.to_owned();
        }
    };
    (child, id)
}

fn tell(child: &std::process::Child, signal: &str) {
    assert!(Command::new("/bin/kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn steps(workspace: &Workspace, id: &str) -> Value {
    let run = workspace.ordain(&["show", id, "--json"]).expect_code(0).json()["run"].clone();
    let steps = run["steps"].as_array().unwrap().iter();
    json!([run["state"], steps.map(|step| json!([step["state"], step["attempts"]])).collect::<Vec<_>>()])
}

#[test]
fn who_is_told_to_end_hears_the_outcome_of_what_it_called_and_starts_nothing_more() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/crash");
    let operators = std::fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
    workspace
        .write("ordain.yaml", &format!("{operators}    nap: {{programs: {{/usr/bin/sleep: any}}}}\n"))
        .write("specs/naps.yaml", NAPS);
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (child, id) = napping(&workspace);
        tell(&child, signal);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("once more ends it now"), "{ended:?}");
        let said = workspace.ordain(&["watch", &id, "--json"]).expect_code(0).json();
        assert_eq!(said["run"]["state"], "succeeded");
        assert_eq!(steps(&workspace, &id), json!(["succeeded", [["succeeded", 1], ["succeeded", 1]]]));
    }
    // Told twice it ends at once, and nobody knows what became of the call.
    let (child, id) = napping(&workspace);
    tell(&child, "-INT");
    std::thread::sleep(std::time::Duration::from_millis(100));
    tell(&child, "-INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    workspace.ordain(&["watch", &id, "--json"]).expect_code(5);
    assert_eq!(steps(&workspace, &id), json!(["stuck", [["unknown", 1], ["blocked", 0]]]));
    assert_eq!(workspace.ordain(&["audit", "verify", "--json"]).expect_code(0).json()["ok"], true);
}
