//! What leaves the house, and what does not: exports as people and attackers meet them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use engine_tests::Workspace;
use engine_tests::transcript::{replay, replay_with};
use serde_json::Value;

const EXAMPLE: &str = "examples/evidence-export";

/// A workspace in which these tickets were closed.
fn closed(tickets: &[&str]) -> Workspace {
    let workspace = Workspace::copy_of(EXAMPLE);
    tickets.iter().for_each(|ticket| close(&workspace, ticket));
    workspace
}

fn close(workspace: &Workspace, ticket: &str) {
    let input = format!("ticket={ticket}");
    workspace.ordain(&["run", "close-ticket", "--as", "user:alice", "--input", &input]).expect_code(0);
}

fn preview(workspace: &Workspace, by: &str) -> Value {
    let said = workspace.ordain(&["export", "weekly-evidence", "preview", "--as", by, "--json"]);
    said.expect_code(0).json()["preview"].clone()
}

fn text<'d>(document: &'d Value, field: &str) -> &'d str {
    document[field].as_str().unwrap()
}

/// What `approve` of that preview comes to: exit code and error code.
fn approve(workspace: &Workspace, by: &str, id: &str, digest: &str) -> (i32, String) {
    let why = "looked at every row";
    let said = workspace.ordain(&[
        "export",
        "weekly-evidence",
        "approve",
        id,
        "--digest",
        digest,
        "--rationale",
        why,
        "--as",
        by,
        "--json",
    ]);
    let code = said.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
    (said.code, code)
}

fn agree(workspace: &Workspace, preview: &Value) {
    let agreed = approve(workspace, "user:carol", text(preview, "id"), text(preview, "digest"));
    assert_eq!(agreed, (0, String::new()));
}

fn fetch(workspace: &Workspace, id: &str) -> (i32, String) {
    let said = workspace.ordain(&["export", "weekly-evidence", "fetch", id, "--as", "user:bob"]);
    (said.code, said.stdout)
}

/// Error code of a fetch that is refused.
fn unfetched(workspace: &Workspace, id: &str) -> String {
    let said = workspace.ordain(&["export", "weekly-evidence", "fetch", id, "--as", "user:bob", "--json"]);
    said.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

fn actions(workspace: &Workspace) -> Vec<String> {
    let document = workspace.ordain(&["audit", "tail", "-n", "200", "--json"]).json();
    let records = document["records"].as_array().unwrap();
    records.iter().map(|record| text(record, "action").to_owned()).collect()
}

#[test]
fn the_guide_to_exports_does_what_it_says() {
    replay_with("docs/guide/exports.md", |workspace| {
        let from = engine_tests::root().join(EXAMPLE);
        let copied = std::process::Command::new("cp").arg("-R").arg(from).arg(workspace.path()).status();
        assert!(copied.unwrap().success());
    });
}

#[test]
fn the_example_does_what_it_says() {
    replay("examples/evidence-export/README.md");
}

#[test]
fn what_was_previewed_and_agreed_to_is_what_leaves() {
    let workspace = closed(&["T-1", "T-2"]);
    let shown = preview(&workspace, "user:alice");
    assert_eq!((shown["rows"].as_u64(), text(&shown, "state")), (Some(2), "previewed"));
    assert_eq!(unfetched(&workspace, text(&shown, "id")), "approval_required");
    agree(&workspace, &shown);
    let (code, file) = fetch(&workspace, text(&shown, "id"));
    assert_eq!(code, 0);
    let rows: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| text(row, "ticket")).collect::<Vec<_>>(), ["T-1", "T-2"]);
    assert_eq!(rows[0]["domain"], "billing");
    let sum = ordain_spec::digest::Digest::of(file.as_bytes()).to_string();
    assert_eq!(sum, text(&shown, "digest"), "people agreed to the digest of the file");
    let last: Vec<String> = actions(&workspace).into_iter().rev().take(6).collect();
    assert!(last.contains(&"export.approved".to_owned()) && last.contains(&"export.released".to_owned()));
    workspace.ordain(&["audit", "verify", "--json"]).expect_code(0);
    workspace.ordain(&["audit", "completeness", "--json"]).expect_code(0);
}

#[test]
fn invented_and_used_previews_release_nothing() {
    let workspace = closed(&["T-1"]);
    let shown = preview(&workspace, "user:alice");
    let (id, digest) = (text(&shown, "id"), text(&shown, "digest"));
    let invented = "exp-00000000000000000000000000000000";
    for unknown in [invented, "apr-1", "../ordain", ""] {
        assert_eq!(approve(&workspace, "user:carol", unknown, digest), (2, "not_found".into()), "{unknown}");
        assert_eq!(unfetched(&workspace, unknown), "not_found", "{unknown}");
    }
    // The preview of another export is none of this one.
    let other = workspace.ordain(&["export", "step-sheet", "approve", id, "--digest", digest, "--json"]);
    assert_eq!(other.expect_code(2).json()["error"]["code"], "not_found");
    agree(&workspace, &shown);
    let again = approve(&workspace, "user:dan", id, digest);
    assert_eq!(again, (2, "preview_stale".into()), "an approval works once");
    assert_eq!(actions(&workspace).iter().filter(|action| *action == "export.released").count(), 1);
}

#[test]
fn an_agreement_to_something_else_is_none() {
    let workspace = closed(&["T-1"]);
    let (mine, other) = (preview(&workspace, "user:alice"), {
        close(&workspace, "T-2");
        preview(&workspace, "user:alice")
    });
    let swapped = approve(&workspace, "user:carol", text(&mine, "id"), text(&other, "digest"));
    assert_eq!(swapped, (2, "approval_void".into()));
    let zeros = format!("sha256:{}", "0".repeat(64));
    assert_eq!(approve(&workspace, "user:carol", text(&mine, "id"), &zeros).1, "approval_void");
    assert_eq!(unfetched(&workspace, text(&mine, "id")), "approval_required");
}

#[test]
fn who_asked_does_not_agree_nor_who_stands_for_them() {
    let workspace = closed(&["T-1"]);
    let shown = preview(&workspace, "user:alice");
    let (id, digest) = (text(&shown, "id"), text(&shown, "digest"));
    assert_eq!(approve(&workspace, "user:alice", id, digest), (2, "self_approval".into()));
    assert_eq!(approve(&workspace, "user:bob", id, digest), (2, "not_eligible".into()));
    let by_machine = preview(&workspace, "user:reporter");
    let custodian = approve(&workspace, "user:carol", text(&by_machine, "id"), text(&by_machine, "digest"));
    assert_eq!(custodian, (2, "self_approval".into()));
    assert_eq!(approve(&workspace, "user:reporter", id, digest), (2, "not_eligible".into()));
    assert!(!actions(&workspace).iter().any(|action| action == "export.released"));
}

#[test]
fn a_row_that_came_later_does_not_leave() {
    let workspace = closed(&["T-1"]);
    let shown = preview(&workspace, "user:alice");
    close(&workspace, "T-2");
    agree(&workspace, &shown);
    let (_, file) = fetch(&workspace, text(&shown, "id"));
    assert!(file.contains("T-1") && !file.contains("T-2"), "{file}");
    assert_eq!(preview(&workspace, "user:alice")["rows"], 2, "the next preview has it");
}

#[test]
fn prose_in_an_allowed_field_stops_the_export_and_is_repeated_nowhere() {
    let prose = "call 555 0199 and ask for Kim";
    let workspace = closed(&["T-1", prose]);
    let said = workspace.ordain(&["export", "weekly-evidence", "preview", "--as", "user:alice", "--json"]);
    let document = said.expect_code(3).json();
    let reason = &document["run"]["reasons"][0];
    assert_eq!(
        (text(reason, "code"), reason["source"]["kind"].as_str()),
        ("sensitivity_not_cleared", Some("Export"))
    );
    assert!(text(reason, "detail").contains("`ticket`"), "the field is named: {reason}");
    for part in ["555 0199", "Kim"] {
        assert!(!said.stdout.contains(part) && !said.stderr.contains(part), "its value is not");
    }
    let listed = workspace.ordain(&["export", "weekly-evidence", "list", "--json"]).json();
    assert_eq!(listed["previews"], serde_json::json!([]), "nothing was stored");
    assert!(!actions(&workspace).iter().any(|action| action.starts_with("export.")));
}

#[test]
fn a_mask_hides_what_may_leave_and_is_no_way_out_for_what_may_not() {
    let workspace = closed(&[]);
    let hides = "apiVersion: ordain/v1\nkind: Policy\nmetadata: {name: hide, version: 1.0.0, owner: group:grc, \
        summary: Hides tickets.}\nspec:\n  restrictsOnly: true\n  applies: {capabilities: [ticket.close]}\n  \
        rules: [{id: hide, mask: [ticket], reason: hidden}]\n";
    workspace.write("specs/policies/hide.yaml", hides);
    let sheet = workspace.path().join("specs/policies/step-sheet.yaml");
    let fields = std::fs::read_to_string(&sheet).unwrap().replace("risk, attempts]", "risk, ticket]");
    workspace.write("specs/policies/step-sheet.yaml", &fields);
    let close = |ticket: &str| {
        let input = format!("ticket={ticket}");
        // What a runbook would make of a masked output is nothing: its step succeeded all the same.
        let said =
            workspace.ordain(&["run", "close-ticket", "--as", "user:alice", "--input", &input, "--json"]);
        assert_eq!(said.json()["run"]["steps"][0]["state"], "succeeded");
    };
    let preview = || workspace.ordain(&["export", "step-sheet", "preview", "--as", "user:alice", "--json"]);
    close("T-1");
    let shown = preview().expect_code(0).json()["preview"].clone();
    let rows =
        workspace.ordain(&["export", "step-sheet", "show", text(&shown, "id"), "--as", "user:carol"]).stdout;
    assert!(rows.contains("medium,sha256:") && !rows.contains("T-1"), "its digest leaves: {rows}");
    close("call 555 0199");
    let said = preview();
    let reason = said.expect_code(3).json()["run"]["reasons"][0].clone();
    assert_eq!(text(&reason, "code"), "sensitivity_not_cleared");
    assert!(text(&reason, "detail").contains("`ticket`"), "{reason}");
    assert!(!said.stdout.contains("555"), "the value is not named");
}

#[test]
fn a_change_of_what_may_leave_makes_previews_stale() {
    let workspace = closed(&["T-1"]);
    let shown = preview(&workspace, "user:alice");
    let narrower = std::fs::read_to_string(workspace.path().join("specs/policies/meta.yaml")).unwrap();
    workspace.write("specs/policies/meta.yaml", &narrower.replace("T-[0-9]{1,8}", "T-[0-9]{3,8}"));
    let agreed = approve(&workspace, "user:carol", text(&shown, "id"), text(&shown, "digest"));
    assert_eq!(agreed.0, 0, "the person decided; the step did not go on");
    assert_ne!(fetch(&workspace, text(&shown, "id")).0, 0);
    let run = workspace.ordain(&["show", text(&shown, "run"), "--json"]).json();
    assert_eq!(run["run"]["state"], "denied");
    assert_eq!(run["run"]["reasons"][0]["code"], "preview_stale");
}

#[test]
fn a_kill_switch_stops_a_release() {
    let workspace = closed(&["T-1"]);
    let shown = preview(&workspace, "user:alice");
    workspace
        .ordain(&["kill", "actor:user:alice", "--reason", "her laptop is gone", "--as", "user:bob"])
        .expect_code(0);
    approve(&workspace, "user:carol", text(&shown, "id"), text(&shown, "digest"));
    assert_eq!(unfetched(&workspace, text(&shown, "id")), "approval_required");
    assert!(!actions(&workspace).iter().any(|action| action == "export.released"));
}

#[test]
fn rows_are_for_those_who_may_see_them() {
    let workspace = closed(&["T-1"]);
    let shown = preview(&workspace, "user:alice");
    let id = text(&shown, "id");
    for (who, code) in [("user:bob", 0), ("user:carol", 0), ("user:dan", 0), ("user:nobody", 2)] {
        workspace.ordain(&["export", "weekly-evidence", "show", id, "--as", who]).expect_code(code);
    }
    agree(&workspace, &shown);
    let said = workspace.ordain(&["export", "weekly-evidence", "fetch", id, "--as", "user:dan", "--json"]);
    assert_eq!(said.expect_code(2).json()["error"]["code"], "not_permitted", "fetching is an operator's");
}

#[test]
fn a_step_of_a_runbook_asks_like_the_verb_and_hands_over_behind_policies() {
    let workspace = closed(&[]);
    let said = workspace.ordain(&[
        "run",
        "close-and-report",
        "--as",
        "user:alice",
        "--input",
        "ticket=T-7",
        "--json",
    ]);
    let run = said.expect_code(4).json()["run"].clone();
    assert_eq!(run["waitingFor"], serde_json::json!(["approval"]));
    for files in 1..=2 {
        let open = workspace.ordain(&["approvals", "--json"]).json()["approvals"].clone();
        assert_eq!(open.as_array().unwrap().len(), 1, "{files}: {open}");
        let (id, digest) = (text(&open[0], "id"), text(&open[0], "digest"));
        assert_eq!(open[0]["export"]["digest"], digest);
        let why = "looked at every row";
        let agreed = workspace.ordain(&[
            "approve",
            id,
            "--digest",
            digest,
            "--rationale",
            why,
            "--as",
            "user:carol",
            "--json",
        ]);
        agreed.expect_code(0);
    }
    let run = workspace.ordain(&["show", text(&run, "id"), "--json"]).json()["run"].clone();
    assert_eq!(run["state"], "succeeded", "{run}");
    let listed = workspace.ordain(&["export", "step-sheet", "list", "--json"]).json();
    let sheet = text(&listed["previews"][0], "id");
    let why = workspace.ordain(&["why", text(&listed["previews"][0], "run"), "--json"]).json();
    assert_eq!(why["decisions"][0]["outcome"], "allow", "the delivery has its own decision");
    let file = workspace.ordain(&["export", "step-sheet", "fetch", sheet, "--as", "user:bob"]);
    assert_eq!(
        file.expect_code(0).stdout,
        "stepId,capability,risk,attempts\r\nclose,ticket.close,medium,1\r\n"
    );
}
