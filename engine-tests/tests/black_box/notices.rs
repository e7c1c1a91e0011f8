//! Notices as people meet them: who is told what, that nothing waits for it, that it is told once whatever crashes,
//! and what is on record where it could not be told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::collections::BTreeSet;

use engine_tests::{Said, Workspace, said_by};
use serde_json::Value;

/// Every effect of this workspace is a line of a file, with its key.
const FIXTURE: &str = "engine-tests/fixtures/crash";

/// A workspace with these specs beside its own, in which the engine may do what the team may.
fn with(specs: &str) -> Workspace {
    let workspace = Workspace::copy_of(FIXTURE);
    let own = std::fs::read_to_string(workspace.path().join("specs/all.yaml")).unwrap();
    let may =
        "    - {id: engine-may, allow: 'actor.type == \"system\"', reason: engine}\n    - {id: team-may,";
    let own_too = own.replacen("    - {id: team-may,", may, 1);
    assert_ne!(own, own_too);
    workspace.write("specs/all.yaml", &own_too);
    workspace.write("specs/notices.yaml", specs);
    workspace
}

fn notice(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: ordain/v1\nkind: Notice\nmetadata: {{name: {name}, owner: group:team, summary: Tells.}}\nspec: {{{rest}}}\n---\n"
    )
}

/// The end of every run is told.
fn ended() -> String {
    notice(
        "ended",
        "on: [run.settled], uses: out.add@^1, with: {name: 'told ${ row.runbook } ${ row.state }'}",
    )
}

fn say(workspace: &Workspace, arguments: &[&str]) -> Said {
    workspace.ordain(&[arguments, &["--as", "user:ann", "--json"]].concat())
}

fn runs(workspace: &Workspace) -> Vec<Value> {
    say(workspace, &["runs", "--limit", "500"]).json()["runs"].as_array().unwrap().clone()
}

/// The deliveries of a notice, in the order in which they began.
fn deliveries(workspace: &Workspace, notice: &str) -> Vec<Value> {
    let name = format!("notice:{notice}");
    let mut found: Vec<Value> = runs(workspace).into_iter().filter(|run| run["runbook"] == *name).collect();
    found.sort_by_key(|run| run["id"].to_string());
    found
}

/// What was said outside, with the key under which it was said.
fn said(workspace: &Workspace) -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(workspace.path().join("out/effects")).unwrap_or_default();
    let lines = serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok);
    let word = |line: &Value, field: &str| line[field].as_str().unwrap().to_owned();
    lines
        .map(|line| (word(&line, "name"), word(&line, "key")))
        .filter(|(name, _)| name.starts_with("told"))
        .collect()
}

fn names(workspace: &Workspace) -> Vec<String> {
    said(workspace).into_iter().map(|(name, _)| name).collect()
}

fn records(workspace: &Workspace, action: &str) -> Vec<Value> {
    let tail = say(workspace, &["audit", "tail", "-n", "500"]).json();
    tail["records"].as_array().unwrap().iter().filter(|record| record["action"] == *action).cloned().collect()
}

fn sound(workspace: &Workspace) {
    assert_eq!(say(workspace, &["audit", "verify"]).expect_code(0).json()["ok"], true);
    assert_eq!(say(workspace, &["audit", "completeness"]).expect_code(0).json()["ok"], true);
    for run in deliveries(workspace, "ended") {
        let id = run["id"].as_str().unwrap();
        let file = format!("{id}.zip");
        say(workspace, &["runpack", id, "--output", &file]).expect_code(0);
        assert_eq!(say(workspace, &["replay", &file]).expect_code(0).json()["ok"], true, "{run}");
    }
}

#[test]
fn a_live_run_is_told_of_by_a_run_of_its_own() {
    let workspace = with(&ended());
    let run = say(&workspace, &["run", "uses", "--live"]).expect_code(0).json()["run"].clone();
    assert_eq!(names(&workspace), ["told uses succeeded"]);
    let told = deliveries(&workspace, "ended");
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["requester"], &told[0]["mode"]), (&"system".into(), &"live".into()));
    let shown = say(&workspace, &["show", told[0]["id"].as_str().unwrap()]).json()["run"].clone();
    assert_eq!(shown["state"], "succeeded");
    assert_eq!(
        (&shown["tells"]["notice"], &shown["tells"]["action"]),
        (&"ended".into(), &"run.settled".into())
    );
    assert_eq!(shown["tells"]["run"], run["id"]);
    let settled = records(&workspace, "run.settled");
    assert!(settled.iter().any(|record| record["hash"] == shown["tells"]["record"]), "{shown}");
    let card = workspace.ordain(&["show", told[0]["id"].as_str().unwrap(), "--as", "user:ann"]);
    assert!(card.stdout.contains("run.settled") && card.stdout.contains("ended"), "{}", card.stdout);
    sound(&workspace);
}

#[test]
fn a_mock_run_tells_nobody_outside() {
    let workspace = with(&ended());
    say(&workspace, &["run", "uses"]).expect_code(0);
    assert_eq!(names(&workspace), [""; 0]);
    let told = deliveries(&workspace, "ended");
    assert_eq!((told.len(), &told[0]["mode"], &told[0]["state"]), (1, &"mock".into(), &"succeeded".into()));
    sound(&workspace);
}

#[test]
fn who_waits_is_told_while_it_waits_and_a_filter_says_what_is_worth_telling() {
    let specs = notice(
        "waits",
        "on: [approval.opened, run.settled], filter: 'row.state != \"succeeded\"', uses: out.add@^1, with: {name: 'told ${ row.runbook } ${ row.state }'}",
    );
    let workspace = with(&specs);
    say(&workspace, &["run", "held", "--live"]).expect_code(4);
    say(&workspace, &["run", "uses", "--live"]).expect_code(0);
    assert_eq!(names(&workspace), ["told held waiting"]);
}

#[test]
fn a_notice_that_is_not_allowed_is_on_record_and_no_run_is_the_worse_for_it() {
    let policy = "apiVersion: ordain/v1\nkind: Policy\nmetadata: {name: quiet, version: 1.0.0, owner: group:team, summary: Hush.}\nspec:\n  restrictsOnly: true\n  applies: {capabilities: [out.*]}\n  rules: [{id: hush, deny: 'actor.type == \"system\"', reason: hush}]\n---\n";
    let specs = format!("{}{policy}", ended());
    let workspace = with(&specs);
    let run = say(&workspace, &["run", "uses", "--live"]).expect_code(0).json()["run"].clone();
    assert_eq!((&run["state"], names(&workspace).len()), (&"succeeded".into(), 0));
    let told = deliveries(&workspace, "ended");
    assert_eq!((told.len(), &told[0]["state"]), (1, &"denied".into()));
    let failed = records(&workspace, "notice.failed");
    assert_eq!(
        (failed.len(), &failed[0]["subject"], &failed[0]["runId"]),
        (1, &"ended".into(), &Value::Null)
    );
    assert_eq!(failed[0]["reasons"][0]["reason"], "hush", "{failed:?}");
    sound(&workspace);
}

#[test]
fn a_notice_that_people_would_have_to_agree_to_is_denied_and_never_waits() {
    let policy = "apiVersion: ordain/v1\nkind: Policy\nmetadata: {name: asks, version: 1.0.0, owner: group:team, summary: Asks.}\nspec:\n  restrictsOnly: true\n  applies: {capabilities: [out.*]}\n  rules: [{id: ask, require: peer, when: 'actor.type == \"system\"', reason: ask}]\n---\n";
    let workspace = with(&format!("{}{policy}", ended()));
    say(&workspace, &["run", "uses", "--live"]).expect_code(0);
    assert_eq!(say(&workspace, &["approvals"]).json()["approvals"], Value::Array(Vec::new()));
    assert_eq!(deliveries(&workspace, "ended")[0]["state"], "denied");
    assert_eq!(records(&workspace, "notice.failed")[0]["reasons"][0]["code"], "approval_required");
    assert!(records(&workspace, "approval.opened").is_empty());
}

#[test]
fn arguments_that_do_not_fit_make_no_run_but_a_record() {
    let long = "told ${ row.runId } ${ row.planDigest }";
    let specs = notice("ended", &format!("on: [run.settled], uses: out.add@^1, with: {{name: '{long}'}}"));
    let workspace = with(&specs);
    say(&workspace, &["run", "uses", "--live"]).expect_code(0);
    assert!(deliveries(&workspace, "ended").is_empty());
    let failed = records(&workspace, "notice.failed");
    assert_eq!((failed.len(), &failed[0]["reasons"][0]["code"]), (1, &"input_invalid".into()), "{failed:?}");
    sound(&workspace);
}

#[test]
fn what_could_not_be_told_is_told_by_another_notice_once_and_nothing_tells_of_that() {
    let policy = "apiVersion: ordain/v1\nkind: Policy\nmetadata: {name: quiet, version: 1.0.0, owner: group:team, summary: Hush.}\nspec:\n  restrictsOnly: true\n  applies: {capabilities: [out.*]}\n  rules: [{id: hush, deny: 'actor.type == \"system\"', reason: hush}]\n---\n";
    let also = |name: &str| {
        notice(
            name,
            "on: [run.settled, notice.failed, step.settled, decision.deny], filter: 'row.action == \"notice.failed\"', uses: out.add@^1, with: {name: told}",
        )
    };
    let workspace = with(&format!("{}{}{}{policy}", ended(), also("second"), also("third")));
    say(&workspace, &["run", "uses", "--live"]).expect_code(0);
    for (name, times) in [("ended", 1), ("second", 1), ("third", 1)] {
        assert_eq!(deliveries(&workspace, name).len(), times, "{name}");
    }
    assert_eq!(records(&workspace, "notice.failed").len(), 3);
}

#[test]
fn what_is_about_no_run_is_told_too_and_a_switch_stops_what_tells() {
    let specs = notice(
        "stopped",
        "on: [kill.set, kill.lifted, run.refused], uses: out.add@^1, with: {name: 'told ${ row.action }'}",
    );
    let workspace = with(&specs);
    say(&workspace, &["kill", "runbook:uses", "--reason", "looking into it"]).expect_code(0);
    say(&workspace, &["run", "uses", "--live"]).expect_code(3);
    assert_eq!(names(&workspace), ["told kill.set", "told run.refused"]);
    say(&workspace, &["kill", "all", "--reason", "everything"]).expect_code(0);
    assert_eq!(names(&workspace).len(), 2, "a switch on all stops what tells of it");
    let failed = records(&workspace, "notice.failed");
    assert_eq!(failed.last().unwrap()["reasons"][0]["code"], "kill_switch", "{failed:?}");
}

#[test]
fn nobody_starts_a_delivery() {
    let workspace = with(&ended());
    assert_eq!(say(&workspace, &["run", "notice:ended"]).code, 2);
    say(&workspace, &["run", "uses"]).expect_code(0);
    let id = deliveries(&workspace, "ended")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(say(&workspace, &["rerun", &id]).code, 2);
}

#[test]
fn a_scenario_sees_what_is_told() {
    let scenario = "apiVersion: ordain/v1\nkind: Scenario\nmetadata: {name: tells, owner: group:team, summary: It is told.}\nspec: {run: uses@^1, as: 'user:ann', at: 2026-01-05T10:00:00Z, expect: {state: succeeded, calls: {log.add: 3}}}\n---\n";
    let workspace = with(&format!("{}{scenario}", ended()));
    let said = say(&workspace, &["test", "tells"]);
    assert_eq!(said.code, 0, "{said:?}");
    let workspace = with(scenario);
    assert_eq!(say(&workspace, &["test", "tells"]).code, 1, "nothing tells: two calls");
}

#[test]
fn whatever_crashes_it_is_told_once() {
    let mut fired = BTreeSet::new();
    for point in ["before-intent", "after-intent", "after-effect", "mid-transaction", "after-outcome"] {
        for passage in 1..=4 {
            let workspace = with(&ended());
            let mut command = workspace.command(&["run", "uses", "--live", "--as", "user:ann", "--json"]);
            let crashed = said_by(command.env("ORDAIN_FAULT", format!("{point}:{passage}")));
            if !crashed.stderr.contains("fault fired") {
                continue;
            }
            fired.insert((point, passage));
            // Whoever comes next takes everything up that was stored, and watching drives it to its end.
            for _ in 0..2 {
                for run in runs(&workspace).iter().filter(|run| run["settledAt"].is_null()) {
                    say(&workspace, &["watch", run["id"].as_str().unwrap()]);
                }
            }
            let all = runs(&workspace);
            let ended = all.iter().filter(|run| run["runbook"] == "uses").count();
            assert_eq!(said(&workspace).len(), ended, "{point}:{passage}: {all:?}");
            assert_eq!(deliveries(&workspace, "ended").len(), ended, "{point}:{passage}");
            sound(&workspace);
        }
    }
    // Two steps and what tells of them: the third passage is the delivery's own.
    for point in ["before-intent", "after-intent", "after-effect", "after-outcome"] {
        assert!(fired.contains(&(point, 3)), "{point} never fired in a delivery: {fired:?}");
    }
}
