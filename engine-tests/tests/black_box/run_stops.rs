//! What stops a run from outside of its steps, through the program: cancel with and without the way back, kill
//! switches that deny and that pause, the time of a run. Who may not, stops nothing and lifts nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;

use engine_tests::{Said, Workspace, root};
use serde_json::{Value, json};

const MORE: &str = "apiVersion: ordain/v1
kind: Runbook
metadata: {name: halfway, version: 1.0.0, owner: 'group:team', summary: Does one thing and waits for a person.}
spec:
  steps:
    - {id: first, uses: c.put, with: {n: a}}
    - {id: ask, needs: [first], uses: c.put, with: {n: b}, approval: ok}
    - {id: last, needs: [{step: ask, on: any}], uses: c.note, with: {n: c}}
";

fn workspace() -> Workspace {
    let workspace = Workspace::empty();
    workspace.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    let common = root().join("engine-tests/fixtures/conformance/common/specs/common.yaml");
    workspace.write("specs/common.yaml", &fs::read_to_string(common).unwrap());
    workspace.write("specs/halfway.yaml", MORE);
    workspace
}

fn say(workspace: &Workspace, who: &str, arguments: &[&str]) -> Said {
    workspace.ordain(&[arguments, &["--as", who, "--json"]].concat())
}

/// A run that waits for a person after its first step.
fn halfway(workspace: &Workspace) -> String {
    let said = say(workspace, "user:alice", &["run", "halfway"]);
    said.expect_code(4).json()["run"]["id"].as_str().unwrap().to_owned()
}

fn shown(workspace: &Workspace, id: &str) -> Value {
    say(workspace, "user:alice", &["show", id]).expect_code(0).json()["run"].clone()
}

/// State, rollback, and the states of the three steps.
fn picture(run: &Value) -> Value {
    let steps: Vec<&Value> = run["steps"].as_array().unwrap().iter().map(|step| &step["state"]).collect();
    json!([run["state"], run["rollback"], steps])
}

fn error(said: &Said) -> String {
    said.expect_code(2).json()["error"]["code"].as_str().unwrap().to_owned()
}

fn approve(workspace: &Workspace) -> Said {
    let open = say(workspace, "user:bob", &["approvals"]).json()["approvals"][0].clone();
    let (id, digest) = (open["id"].as_str().unwrap(), open["digest"].as_str().unwrap());
    say(workspace, "user:bob", &["approve", id, "--digest", digest, "--rationale", "looked at all of it"])
}

#[test]
fn a_cancelled_run_keeps_what_was_done_unless_the_way_back_is_asked_for() {
    let workspace = workspace();
    let kept = halfway(&workspace);
    assert_eq!(error(&say(&workspace, "user:erin", &["cancel", &kept])), "not_permitted");
    let run =
        say(&workspace, "user:alice", &["cancel", &kept, "--reason", "not needed"]).json()["run"].clone();
    assert_eq!(picture(&run), json!(["cancelled", "none", ["succeeded", "cancelled", "succeeded"]]));
    assert_eq!(run["reasons"][0]["code"], "cancelled");
    assert_eq!(error(&say(&workspace, "user:alice", &["cancel", &kept])), "already_decided");

    let undone = halfway(&workspace);
    let said = say(&workspace, "user:alice", &["cancel", &undone, "--rollback", "--reason", "take it back"]);
    let run = said.expect_code(0).json()["run"].clone();
    assert_eq!(picture(&run), json!(["cancelled", "done", ["undone", "cancelled", "succeeded"]]));
    assert_eq!(say(&workspace, "user:alice", &["watch", &undone]).code, 5);
}

#[test]
fn a_switch_that_pauses_holds_runs_until_it_is_lifted_and_they_are_resumed() {
    let workspace = workspace();
    let id = halfway(&workspace);
    let kill = ["kill", "runbook:halfway", "--pause", "--reason", "something is odd"];
    let set = say(&workspace, "user:bob", &kill).expect_code(0).json();
    assert_eq!(set["killSwitches"][0]["pause"], true);
    assert_eq!(shown(&workspace, &id)["state"], "paused");
    let refused = say(&workspace, "user:alice", &["run", "halfway"]).expect_code(3).json();
    assert_eq!(refused["refused"]["reasons"][0]["code"], "kill_switch");

    // Resumed under the switch it waits for people again, and pauses where the next attempt would start.
    say(&workspace, "user:bob", &["resume", &id]).expect_code(0);
    assert_eq!(shown(&workspace, &id)["state"], "waiting");
    approve(&workspace).expect_code(0);
    assert_eq!(
        picture(&shown(&workspace, &id)),
        json!(["paused", "none", ["succeeded", "ready", "blocked"]])
    );

    let revive = ["revive", "runbook:halfway", "--reason", "all is well again"];
    assert_eq!(error(&say(&workspace, "user:bob", &revive)), "not_permitted");
    say(&workspace, "user:root", &revive).expect_code(0);
    assert_eq!(shown(&workspace, &id)["state"], "paused", "lifting resumes nothing by itself");
    say(&workspace, "user:bob", &["resume", &id]).expect_code(0);
    assert_eq!(
        picture(&shown(&workspace, &id)),
        json!(["succeeded", "none", ["succeeded", "succeeded", "succeeded"]])
    );
}

#[test]
fn nobody_lifts_a_switch_by_setting_it_again() {
    let workspace = workspace();
    say(&workspace, "user:bob", &["kill", "all", "--reason", "everything stops"]).expect_code(0);
    let again = ["kill", "all", "--pause", "--until", "2999-01-01T00:00:00Z", "--reason", "for a while"];
    let set = say(&workspace, "user:alice", &again).expect_code(0).json()["killSwitches"][0].clone();
    assert!(set["until"].is_null() && set["pause"] == false && set["by"] == "user:alice", "{set}");
    let listed = say(&workspace, "user:alice", &["kill", "--list"]).json()["killSwitches"][0].clone();
    assert_eq!(listed, set);
}

#[test]
fn what_means_nothing_is_said_and_changes_nothing() {
    let workspace = workspace();
    let id = halfway(&workspace);
    let reason = ["--reason", "a good one"];
    for (who, arguments, code) in [
        ("user:bob", vec!["kill", "nonsense"], "usage"),
        ("user:bob", vec!["kill", "capability:c.putt"], "not_found"),
        ("user:bob", vec!["kill", "connector:nothing"], "not_found"),
        ("user:bob", vec!["kill", "runbook:halfwy"], "not_found"),
        ("user:bob", vec!["kill", "actor:user:alyce"], "not_found"),
        ("user:bob", vec!["kill", "all", "--until", "tomorrow"], "usage"),
        ("user:bob", vec!["kill", "all", "--until", "2020-01-01T00:00:00Z"], "input_invalid"),
        ("user:erin", vec!["kill", "all"], "not_permitted"),
        ("user:root", vec!["revive", "all"], "not_found"),
        ("user:root", vec!["quotas", "reset", "c.nothing"], "not_found"),
        ("user:bob", vec!["quotas", "reset", "c.put"], "not_permitted"),
        ("user:zoe", vec!["kill", "all"], "unauthenticated"),
    ] {
        let said = say(&workspace, who, &[arguments.as_slice(), &reason].concat());
        assert_eq!(error(&said), code, "{arguments:?}");
    }
    assert_eq!(error(&say(&workspace, "user:alice", &["why", &id, "nothing"])), "not_found");
    assert_eq!(error(&say(&workspace, "user:alice", &["resume", &id])), "step_not_waiting");
    for (arguments, near) in [
        (vec!["kill", "capability:c.putt", "--reason", "odd"], "did you mean `capability:c.put`?"),
        (vec!["runs", "--state", "runing"], "did you mean `running`?"),
        (vec!["specs", "--owner", "group:tean"], "did you mean `group:team`?"),
    ] {
        let said = say(&workspace, "user:bob", &arguments).expect_code(2).json();
        assert_eq!(said["error"]["hint"], near, "{arguments:?}");
    }
    let listed = say(&workspace, "user:alice", &["kill", "--list"]).json();
    assert_eq!(listed["killSwitches"], json!([]));
    say(&workspace, "user:root", &["quotas", "reset", "c.put", "--reason", "a good one"]).expect_code(0);
}

/// What must be stopped does not wait for a file to be mended; what starts it again does.
#[test]
fn a_switch_is_set_while_nothing_loads_and_lifted_only_when_it_does_again() {
    let files = [
        ("specs/halfway.yaml", MORE.replace("needs: [first]", "needs: [frist]")),
        (
            "ordain.yaml",
            "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: specs, nonsense: 1}\n".to_owned(),
        ),
    ];
    for (path, broken) in files {
        let workspace = workspace();
        let whole = fs::read_to_string(workspace.path().join(path)).unwrap();
        let run = halfway(&workspace);
        workspace.write(path, &broken);
        assert_eq!(error(&say(&workspace, "user:alice", &["run", "halfway"])), "catalogue_refused", "{path}");

        let kill = ["kill", "all", "--reason", "everything stops"];
        for (who, code) in [("user:erin", "not_permitted"), ("user:zoe", "unauthenticated")] {
            assert_eq!(error(&say(&workspace, who, &kill)), code, "{path}");
        }
        let set = say(&workspace, "user:bob", &kill).expect_code(0).json()["killSwitches"].clone();
        assert_eq!((&set[0]["selector"], &set[0]["by"]), (&json!("all"), &json!("user:bob")), "{path}");
        let revive = ["revive", "all", "--reason", "it is over"];
        assert_eq!(error(&say(&workspace, "user:root", &revive)), "catalogue_refused", "{path}");

        workspace.write(path, &whole);
        let approved = approve(&workspace).expect_code(0).json();
        assert_eq!(approved["run"]["state"], "denied", "{path}: {approved}");
        assert_eq!(shown(&workspace, &run)["steps"][1]["reasons"][0]["code"], "kill_switch", "{path}");
        say(&workspace, "user:root", &revive).expect_code(0);
        say(&workspace, "user:alice", &["audit", "verify"]).expect_code(0);
    }
}

/// Nothing was ever active: nobody is known, and nothing can run.
#[test]
fn nobody_sets_a_switch_in_a_workspace_that_never_loaded() {
    let workspace = workspace();
    workspace.write("specs/halfway.yaml", &MORE.replace("needs: [first]", "needs: [frist]"));
    let kill = ["kill", "all", "--reason", "everything stops"];
    assert_eq!(error(&say(&workspace, "user:bob", &kill)), "catalogue_refused");
}
