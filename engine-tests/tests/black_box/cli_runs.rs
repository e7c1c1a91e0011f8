//! The verbs about runs, people and controls, seen from outside: documents, exit codes, refusals.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use engine_tests::Workspace;
use serde_json::Value;

/// The workspace of the demonstration, with a runbook that waits for a signal.
fn disks() -> Workspace {
    let workspace = Workspace::copy_of("engine/cli/demo");
    workspace.write(
        "specs/runbooks/told.yaml",
        "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: told, version: 1.0.0, owner: group:data, summary: Waits for a word.}\nspec:\n  steps:\n    - {id: word, signal: {name: go, fields: {ticket: {type: string, maxLength: 20}}, timeout: 1h, from: ['user:ben']}}\n    - {id: look, needs: [word], uses: disk.look@^1}\n  outputs: {ticket: steps.word.outputs.ticket}\n",
    );
    workspace.write(
        "specs/policies/roster.yaml",
        &std::fs::read_to_string(workspace.path().join("specs/policies/roster.yaml"))
            .unwrap()
            .replace("  roles:\n", "  roles:\n    admin: ['user:ben']\n"),
    );
    workspace
}

fn run(workspace: &Workspace, runbook: &str, code: i32) -> Value {
    workspace.ordain(&["run", runbook, "--as", "user:ann", "--json"]).expect_code(code).json()["run"].clone()
}

fn open_approval(workspace: &Workspace) -> Value {
    let queue = workspace.ordain(&["approvals", "--as", "user:ben", "--json"]).expect_code(0).json();
    queue["approvals"][0].clone()
}

fn decide(workspace: &Workspace, verb: &str, approval: &Value, by: &str, code: i32) -> Value {
    let (id, digest) = (approval["id"].as_str().unwrap(), approval["digest"].as_str().unwrap());
    let said = workspace.ordain(&[
        verb,
        id,
        "--as",
        by,
        "--digest",
        digest,
        "--rationale",
        "Looked at it closely.",
        "--json",
    ]);
    said.expect_code(code).json()
}

#[test]
fn a_run_waits_for_people_and_goes_on_when_they_agree() {
    let workspace = disks();
    let waiting = run(&workspace, "make-room", 4);
    assert_eq!(waiting["state"], "waiting");
    assert_eq!(waiting["waitingFor"], serde_json::json!(["approval"]));
    for field in [
        "id",
        "runbook",
        "version",
        "mode",
        "environment",
        "rollback",
        "requester",
        "planDigest",
        "catalogueDigest",
        "createdAt",
    ] {
        assert!(waiting[field].is_string(), "{field}: {waiting}");
    }
    assert!(waiting["reasons"].is_array());
    let approval = open_approval(&workspace);
    assert_eq!(approval["calls"][0]["connector"], "disk");
    assert_eq!(approval["calls"][0]["arguments"]["year"], "2021");
    assert_eq!(approval["show"]["used"], "93 percent used");
    let own = decide(&workspace, "approve", &approval, "user:ann", 2);
    assert_eq!(own["error"]["code"], "self_approval");
    let granted = decide(&workspace, "approve", &approval, "user:ben", 0);
    assert_eq!(granted["approval"]["state"], "granted");
    assert_eq!(granted["run"]["state"], "succeeded");
    let id = waiting["id"].as_str().unwrap();
    let shown = workspace.ordain(&["show", id, "--json"]).expect_code(0).json();
    assert_eq!(shown["run"]["state"], "succeeded");
    assert!(shown["run"]["outcomeDigest"].is_string() && shown["run"]["settledAt"].is_string());
    workspace.ordain(&["watch", id]).expect_code(0);
    let again = decide(&workspace, "approve", &approval, "user:ben", 2);
    assert_eq!(again["error"]["code"], "already_decided");
}

#[test]
fn a_rejection_is_final_and_says_so_in_the_exit_code() {
    let workspace = disks();
    let waiting = run(&workspace, "make-room", 4);
    let rejected = decide(&workspace, "reject", &open_approval(&workspace), "user:ben", 0);
    assert_eq!(rejected["run"]["state"], "rejected");
    workspace.ordain(&["watch", waiting["id"].as_str().unwrap()]).expect_code(3);
    let why = workspace.ordain(&["why", waiting["id"].as_str().unwrap(), "--json"]).expect_code(0).json();
    let decision = &why["decisions"][0];
    for field in ["id", "at", "outcome"] {
        assert!(decision[field].is_string(), "{field}: {decision}");
    }
    assert!(decision["policies"][0]["rules"][0]["value"].is_string());
    assert!(decision["approvals"].is_array() && decision["reasons"].is_array());
    let rerun = workspace
        .ordain(&["rerun", waiting["id"].as_str().unwrap(), "--as", "user:ann", "--json"])
        .expect_code(4)
        .json();
    assert_ne!(rerun["run"]["id"], waiting["id"]);
}

#[test]
fn without_a_terminal_a_decision_names_the_digest_that_was_shown() {
    let workspace = disks();
    run(&workspace, "make-room", 4);
    let approval = open_approval(&workspace);
    let id = approval["id"].as_str().unwrap();
    for verb in ["approve", "reject"] {
        let said = workspace.ordain(&[
            verb,
            id,
            "--as",
            "user:ben",
            "--rationale",
            "Looked at it closely.",
            "--json",
        ]);
        assert_eq!(said.expect_code(2).json()["error"]["code"], "usage");
    }
    let mut other = approval.clone();
    other["digest"] = format!("sha256:{}", "0".repeat(64)).into();
    assert_eq!(decide(&workspace, "approve", &other, "user:ben", 2)["error"]["code"], "approval_void");
    assert_eq!(open_approval(&workspace)["state"], "open");
}

#[test]
fn a_signature_counts_only_with_the_key_of_the_roster() {
    let workspace = disks();
    let key = |person: &str| {
        let made = workspace.ordain(&["keys", "init", person, "--json"]).expect_code(0).json();
        (made["created"][0].as_str().unwrap().to_owned(), made["publicKey"].as_str().unwrap().to_owned())
    };
    let (ben, public) = key("user:ben");
    let (other, _) = key("user:ann");
    let roster = std::fs::read_to_string(workspace.path().join("specs/policies/roster.yaml")).unwrap();
    workspace.write(
        "specs/policies/roster.yaml",
        &roster.replace("email: ben@example.org}", &format!("email: ben@example.org, key: '{public}'}}")),
    );
    run(&workspace, "make-room", 4);
    let approval = open_approval(&workspace);
    let approve = |by: &[&str], key: &str| {
        let (id, digest) = (approval["id"].as_str().unwrap(), approval["digest"].as_str().unwrap());
        let why = "Looked at it closely.";
        let words = ["approve", id, "--key", key, "--digest", digest, "--rationale", why, "--json"];
        workspace.ordain(&[&words[..], by].concat())
    };
    let ben_says = ["--as", "user:ben"];
    for by in [&ben_says[..], &[]] {
        assert_eq!(approve(by, &other).expect_code(2).json()["error"]["code"], "interactive_required");
    }
    // A key says whose it is.
    let granted = approve(&[], &ben).expect_code(0).json();
    assert_eq!(granted["approval"]["granted"][0]["by"], "user:ben");
    assert_eq!(granted["approval"]["granted"][0]["assurance"], "signed");
}

#[test]
fn a_start_that_is_refused_makes_no_run() {
    let workspace = disks();
    let refused =
        workspace.ordain(&["run", "make-room", "--live", "--as", "user:ann", "--json"]).expect_code(3).json();
    assert_eq!(refused["refused"]["reasons"][0]["code"], "mode_not_allowed");
    let misfit = workspace.ordain(&["run", "make-room", "--input", "limit=7", "--as", "user:ann", "--json"]);
    assert!(misfit.expect_code(2).stdout.contains("input_invalid"), "{misfit:?}");
    workspace.ordain(&["run", "nothing", "--as", "user:ann"]).expect_code(2);
    workspace.ordain(&["run", "make-room", "--input", "limt=60", "--as", "user:ann"]).expect_code(2);
    let runs = workspace.ordain(&["runs", "--json"]).expect_code(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 0);
}

#[test]
fn a_list_of_runs_that_nothing_can_stand_in_is_refused() {
    let workspace = disks();
    let (first, second) = (run(&workspace, "told", 4), run(&workspace, "told", 4));
    let ask = |more: &[&str]| workspace.ordain(&[&["runs", "--json"], more].concat());
    for (more, code) in [
        (["--runbook", "nope"], "not_found"),
        (["--cursor", "junk"], "usage"),
        (["--cursor", "01999999-9999-7999-8999-999999999999"], "usage"),
        (["--cursor", ""], "usage"),
        (["--limit", "0"], "usage"),
        (["--state", "lost"], "usage"),
    ] {
        let error = ask(&more).expect_code(2).json()["error"].clone();
        assert_eq!(error["code"], code, "{more:?} {error}");
        assert!(error["hint"].is_string(), "{error}");
    }
    assert_eq!(ask(&["--runbook", "make-room"]).expect_code(0).json()["runs"], serde_json::json!([]));
    let page = ask(&["--runbook", "told", "--limit", "1"]).expect_code(0).json();
    assert_eq!(page["runs"][0]["id"], second["id"]);
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = ask(&["--runbook", "told", "--cursor", cursor]).expect_code(0).json();
    assert_eq!((rest["runs"].as_array().unwrap().len(), &rest["runs"][0]["id"]), (1, &first["id"]));
}

#[test]
fn signals_reach_their_step_and_only_from_those_who_may() {
    let workspace = disks();
    let waiting = run(&workspace, "told", 4);
    let id = waiting["id"].as_str().unwrap();
    assert_eq!(waiting["waitingFor"], serde_json::json!(["signal"]));
    let foreign =
        workspace.ordain(&["signal", id, "go", "--field", "ticket=1", "--as", "user:ann", "--json"]);
    assert_eq!(foreign.expect_code(2).json()["error"]["code"], "not_permitted");
    let told = workspace
        .ordain(&["signal", id, "go", "--field", "ticket=17", "--as", "user:ben", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(told["run"]["state"], "succeeded");
    assert_eq!(told["run"]["outputs"]["ticket"], "17", "a field of text stays text");
}

#[test]
fn runs_are_paused_resumed_and_cancelled() {
    let workspace = disks();
    let id = run(&workspace, "told", 4)["id"].as_str().unwrap().to_owned();
    let paused = workspace.ordain(&["pause", &id, "--as", "user:ann", "--json"]).expect_code(0).json();
    assert_eq!(paused["run"]["state"], "paused");
    workspace.ordain(&["watch", &id]).expect_code(4);
    let resumed = workspace.ordain(&["resume", &id, "--as", "user:ann", "--json"]).expect_code(0).json();
    assert_eq!(resumed["run"]["state"], "waiting");
    let cancelled = workspace
        .ordain(&["cancel", &id, "--as", "user:ann", "--reason", "no longer needed", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(cancelled["run"]["state"], "cancelled");
    workspace.ordain(&["watch", &id]).expect_code(5);
    let rest = workspace.ordain(&["runs", "--state", "cancelled", "--json"]).expect_code(0).json();
    assert_eq!(rest["runs"].as_array().unwrap().len(), 1);
    let shown = workspace.ordain(&["show", id.get(..13).unwrap(), "--json"]).expect_code(0).json();
    assert_eq!(shown["run"]["id"], id.as_str(), "a unique prefix will do");
    workspace.ordain(&["show", "ffffffff"]).expect_code(2);
}

#[test]
fn a_kill_switch_denies_until_an_admin_lifts_it() {
    let workspace = disks();
    let set = workspace
        .ordain(&[
            "kill",
            "capability:disk.look",
            "--reason",
            "a bad day for disks",
            "--as",
            "user:ann",
            "--json",
        ])
        .expect_code(0)
        .json();
    assert_eq!(set["killSwitches"][0]["selector"], "capability:disk.look");
    assert_eq!(set["killSwitches"][0]["pause"], false);
    let denied = workspace.ordain(&["run", "make-room", "--as", "user:ann", "--json"]).expect_code(3).json();
    assert!(denied.to_string().contains("kill_switch"), "{denied}");
    let not_ann = workspace.ordain(&[
        "revive",
        "capability:disk.look",
        "--reason",
        "it is over",
        "--as",
        "user:ann",
        "--json",
    ]);
    assert_eq!(not_ann.expect_code(2).json()["error"]["code"], "not_permitted");
    let lifted = workspace
        .ordain(&["revive", "capability:disk.look", "--reason", "it is over", "--as", "user:ben", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(lifted["killSwitches"].as_array().unwrap().len(), 0);
    assert_eq!(
        workspace.ordain(&["kill", "--list", "--json"]).expect_code(0).json()["killSwitches"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    run(&workspace, "make-room", 4);
    workspace.ordain(&["kill", "nonsense:x", "--reason", "a bad day", "--as", "user:ann"]).expect_code(2);
}

#[test]
fn a_reason_says_something_and_hides_nothing() {
    let workspace = disks();
    let open = run(&workspace, "make-room", 4);
    let id = open["id"].as_str().unwrap();
    for reason in ["", "  ", "TODO", "see\u{202e}below"] {
        for verb in [
            vec!["kill", "all"],
            vec!["revive", "all"],
            vec!["quotas", "reset", "disk.look"],
            vec!["pause", id],
            vec!["resume", id],
            vec!["cancel", id],
        ] {
            let given = ["--reason", reason, "--as", "user:ben", "--json"];
            let refused = workspace.ordain(&[verb.as_slice(), &given].concat());
            let document = refused.expect_code(2).json();
            assert_eq!(document["error"]["code"], "input_invalid", "{verb:?} {reason:?}: {document}");
        }
    }
    assert_eq!(workspace.ordain(&["show", id, "--json"]).json()["run"]["state"], open["state"]);
}

#[test]
fn counters_and_the_audit_log_are_shown_and_verified() {
    let workspace = disks();
    run(&workspace, "make-room", 4);
    decide(&workspace, "approve", &open_approval(&workspace), "user:ben", 0);
    let budgets = workspace.ordain(&["budgets", "--json"]).expect_code(0).json();
    let storage = &budgets["budgets"][0];
    assert_eq!((storage["name"].as_str(), storage["unit"].as_str()), (Some("storage"), Some("gigabytes")));
    assert_eq!(
        (storage["spent"].as_i64(), storage["reserved"].as_i64(), storage["remaining"].as_i64()),
        (Some(100), Some(0), Some(1_900))
    );
    assert!(storage["window"]["from"].is_string());
    let quotas = workspace.ordain(&["quotas", "--json"]).expect_code(0).json();
    assert_eq!(
        (quotas["quotas"][0]["capability"].as_str(), quotas["quotas"][0]["used"].as_u64()),
        (Some("disk.clear"), Some(1))
    );
    let records = workspace.ordain(&["audit", "tail", "--limit", "100", "--json"]).expect_code(0).json();
    let actions: Vec<&str> = records["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["action"].as_str().unwrap())
        .collect();
    for action in [
        "catalogue.activated",
        "run.started",
        "decision.hold",
        "approval.opened",
        "approval.granted",
        "run.settled",
    ] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    let verified = workspace.ordain(&["audit", "verify", "--json"]).expect_code(0).json();
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["records"].as_u64().unwrap(), actions.len() as u64);
    let complete = workspace.ordain(&["audit", "completeness", "--json"]).expect_code(0).json();
    assert_eq!(
        (complete["ok"].as_bool(), complete["missing"].as_array().map(Vec::len)),
        (Some(true), Some(0))
    );
    assert_eq!(
        workspace.ordain(&["rebuild", "--as", "user:ann", "--json"]).expect_code(0).json()["ok"],
        true
    );
    let reset = workspace.ordain(&[
        "quotas",
        "reset",
        "disk.clear",
        "--reason",
        "counted wrongly",
        "--as",
        "user:ben",
        "--json",
    ]);
    assert!(reset.code == 0 || reset.code == 2, "{reset:?}");
}

#[test]
fn nobody_acts_who_is_not_in_the_roster() {
    let workspace = disks();
    let said = workspace.ordain(&["run", "make-room", "--as", "user:nobody", "--json"]);
    assert_eq!(said.expect_code(2).json()["error"]["code"], "unauthenticated");
}

#[test]
fn the_demonstration_runs_to_its_end_and_leaves_nothing() {
    let folder = Workspace::empty();
    let said = folder.ordain(&["demo", "--json"]);
    assert_eq!(said.expect_code(0).json()["ok"], true);
    folder.ordain(&["demo", "kept"]).expect_code(0);
    assert!(folder.path().join("kept/specs/runbooks/make-room.yaml").is_file());
    folder.ordain(&["-C", "kept", "audit", "verify"]).expect_code(0);
    folder.ordain(&["demo", "kept"]).expect_code(2);
}

#[test]
fn inputs_are_read_by_type_and_what_does_not_fit_is_a_failure_with_its_code() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/payments");
    workspace.write("twice.yaml", "payment: pay_12345678\namount: 1\namount: 5\n");
    let run = |arguments: &[&str]| {
        let said =
            workspace.ordain(&[&["run", "refund@^1", "--as", "user:bob", "--json"], arguments].concat());
        said.expect_code(2).json()
    };
    for amount in
        ["amount=five", "amount=5.0", "amount=007", "amount=+5", "amount=0", "amount=9007199254740992"]
    {
        let document = run(&["--input", "payment=pay_12345678", "--input", amount]);
        assert_eq!(document["error"]["code"], "input_invalid", "{amount}: {document}");
    }
    let refused = run(&["--input", "payment=nonsense", "--input", "amount=5"]);
    assert_eq!(refused["refused"]["reasons"], refused["error"]["reasons"], "{refused}");
    assert_eq!(refused["error"]["reasons"][0]["code"], "input_invalid", "{refused}");
    assert_eq!(run(&["--inputs", "twice.yaml"])["error"]["code"], "input_invalid");
    assert_eq!(run(&["--input", "nothing=5"])["error"]["code"], "input_invalid");
    assert_eq!(run(&["--input", "amount"])["error"]["code"], "usage");
}
