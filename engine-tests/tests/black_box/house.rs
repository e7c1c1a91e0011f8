//! Ordain's own catalogue cares for a real store: every runbook of `specs/` runs live on the workspace that holds it,
//! the program speaking to itself over its socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;

use engine_tests::{Said, Workspace};
use serde_json::Value;

use crate::store_tools::{by, first_bad};

/// Ordain's own catalogue as a workspace that cares for itself: the login is ben, who may erase.
fn house() -> Workspace {
    let space = Workspace::copy_of("specs");
    let root = space.path().canonicalize().unwrap();
    let program = engine_tests::binary("ordain").canonicalize().unwrap();
    let login = ordain_runtime::local::own_login();
    let edit = |path: &str, from: &str, to: &str| {
        let text = fs::read_to_string(space.path().join(path)).unwrap();
        assert!(text.contains(from), "{path}: {text}");
        space.write(path, &text.replace(from, to));
    };
    let grants = format!(
        "  catalogue: [capabilities, connectors, runbooks, policies]\n  settings: {{ordain-program: {program}, ordain-workspace: {root}}}\n  \
         connections:\n    ordain.cli: {{programs: {{{program}: any}}, network: host, read: [{root}], write: [{root}]}}",
        program = program.display(),
        root = root.display(),
    );
    edit("ordain.yaml", "  catalogue: [capabilities, connectors, runbooks, policies]", &grants);
    edit(
        "policies/roster.yaml",
        "email: ben@example.org}",
        &format!("email: ben@example.org, login: {login}}}"),
    );
    edit("policies/roster.yaml", "admin: ['user:ann']", "admin: ['user:ann', 'user:ben']");
    for name in ["ben", "cleo"] {
        let made = space.ordain(&["keys", "init", name, "--json"]).expect_code(0).json();
        let key = made["publicKey"].as_str().unwrap();
        let email = format!("email: {name}@example.org");
        edit("policies/roster.yaml", &email, &format!("{email}, key: '{key}'"));
    }
    space
}

/// The one open approval, and what somebody says about it with their key.
fn approve(space: &Workspace, who: &str, key: Option<&str>) -> Said {
    let open = by(space, "user:ann", &["approvals"]).json();
    let open =
        open["approvals"].as_array().unwrap().iter().find(|one| one["state"] == "open").unwrap().clone();
    let (id, digest) = (open["id"].as_str().unwrap(), open["digest"].as_str().unwrap());
    let key = key.map(|key| format!(".ordain/keys/{key}.key"));
    let mut arguments = vec!["approve", id, "--digest", digest, "--rationale", "seen and found right"];
    arguments.extend(key.iter().flat_map(|key| ["--key", key.as_str()]));
    by(space, who, &arguments)
}

fn export(space: &Workspace, file: &str) -> String {
    let said = by(space, "user:ann", &["audit", "export", file]).expect_code(0).json();
    said["publicKey"].as_str().unwrap().to_owned()
}

/// Verified where nobody knows the log, by who knows the key.
fn verified(space: &Workspace, file: &str, key: &str) -> Value {
    let away = Workspace::empty();
    fs::copy(space.path().join(file), away.path().join("file")).unwrap();
    away.ordain(&["verify", "file", "--key", key, "--json"]).json()
}

#[test]
fn the_runbook_of_care_verifies_copies_and_erases_on_a_real_store() {
    let space = house();
    by(&space, "user:ann", &["run", "std.greet", "--input", "name=canary"]).expect_code(0);
    let arguments = ["run", "ordain.care", "--live", "--input", "copy=monday.db", "--input", "keep=1d"];
    let waits = by(&space, "user:ann", &arguments);
    let run = waits.expect_code(4).json()["run"].clone();
    let (id, copied) = (run["id"].as_str().unwrap(), &run["steps"][2]["outputs"]);
    assert!(space.path().join("monday.db").is_file() && copied["records"].as_u64().unwrap() > 5, "{run}");
    let open = space.ordain(&["approvals", "--json"]).json()["approvals"][0].clone();
    assert_eq!(open["show"]["copy"], copied["head"]);
    let approve = ["approve", open["id"].as_str().unwrap(), "--digest", open["digest"].as_str().unwrap()];
    let approve = [&approve[..], &["--rationale", "the copy lies elsewhere", "--json"]].concat();
    space.ordain(&approve).expect_code(0);
    let run = by(&space, "user:ann", &["watch", id]).expect_code(0).json()["run"].clone();
    assert_eq!((&run["state"], &run["outputs"]["erased"]), (&"succeeded".into(), &0.into()), "{run}");
    assert_eq!(first_bad(&space), None);
    // A copy is a store like any other.
    by(&space, "user:ann", &["restore", "monday.db", "--discard-newer"]).expect_code(0);
    assert_eq!(first_bad(&space), None);
}

#[test]
fn the_logs_key_changes_once_two_signed_for_it_and_who_knew_the_old_one_comes_to_the_new_one() {
    let space = house();
    by(&space, "user:ann", &["run", "std.greet", "--input", "name=canary"]).expect_code(0);
    let old = export(&space, "before.zip");
    let waits = by(&space, "user:ann", &["run", "ordain.change-log-key", "--live"]).expect_code(4).json();
    let id = waits["run"]["id"].as_str().unwrap().to_owned();
    let open = space.ordain(&["approvals", "--json"]).json()["approvals"][0].clone();
    assert_eq!(open["show"]["records"], waits["run"]["steps"][0]["outputs"]["records"], "{open}");
    assert_eq!(open["needed"], 2);
    // Neither who asked, nor a name without its key, nor one alone.
    for (who, key, code) in [
        ("user:ann", None, "self_approval"),
        ("user:cleo", None, "interactive_required"),
        ("user:cleo", Some("ben"), "interactive_required"),
        ("user:guest", None, "not_eligible"),
    ] {
        assert_eq!(approve(&space, who, key).expect_code(2).json()["error"]["code"], code, "{who}");
    }
    approve(&space, "user:ben", Some("ben")).expect_code(0);
    assert_eq!(approve(&space, "user:ben", Some("ben")).json()["error"]["code"], "already_decided");
    let kept = fs::read(space.path().join(".ordain/log.key")).unwrap();
    assert_eq!(verified(&space, "before.zip", &old)["ok"], true);
    approve(&space, "user:cleo", Some("cleo")).expect_code(0);
    let run = by(&space, "user:ann", &["watch", &id]).expect_code(0).json()["run"].clone();
    let new = run["outputs"]["key"].as_str().unwrap();
    assert!(run["state"] == "succeeded" && new != old, "{run}");
    assert_ne!(fs::read(space.path().join(".ordain/log.key")).unwrap(), kept);
    assert_eq!(export(&space, "after.zip"), new);
    for key in [&*old, new] {
        assert_eq!(verified(&space, "after.zip", key)["ok"], true, "{key}");
    }
    assert_eq!(verified(&space, "before.zip", new)["ok"], false);
    assert_eq!(first_bad(&space), None);
}

#[test]
fn evidence_is_exported_by_the_clocks_service_and_verifies_where_nobody_knows_the_store() {
    let space = house();
    let run = by(&space, "user:clock", &["run", "ordain.evidence", "--live"]).expect_code(0).json();
    let (id, outputs) = (run["run"]["id"].as_str().unwrap(), &run["run"]["outputs"]);
    let file = format!("evidence-{id}.zip");
    let elsewhere = verified(&space, &file, outputs["key"].as_str().unwrap());
    assert_eq!((&elsewhere["ok"], &elsewhere["records"]), (&true.into(), &outputs["records"]), "{elsewhere}");
    assert!(outputs["records"].as_u64().unwrap() > 3, "its own start stands in it: {outputs}");
    // The clock exports and does nothing else; a guest does not export.
    let copy = ["run", "ordain.restore-drill", "--live", "--input", "copy=c.db"];
    assert_eq!(by(&space, "user:clock", &copy).expect_code(3).json()["run"]["state"], "denied");
    assert!(!space.path().join("c.db").exists());
    let denied = by(&space, "user:guest", &["run", "ordain.evidence", "--live"]).expect_code(3).json();
    assert_eq!(denied["run"]["steps"][0]["reasons"][0]["code"], "no_rule_allows", "{denied}");
    // A second file never takes the place of the first.
    let export = fs::read(space.path().join(&file)).unwrap();
    by(&space, "user:ann", &["audit", "export", &file]).expect_code(2);
    assert_eq!(fs::read(space.path().join(&file)).unwrap(), export);
}

#[test]
fn the_drill_recovers_everything_from_a_copy_while_the_store_is_at_work() {
    let space = house();
    by(&space, "user:ann", &["run", "std.greet", "--input", "name=canary"]).expect_code(0);
    let arguments = ["run", "ordain.restore-drill", "--live", "--input", "copy=drill.db"];
    let run = by(&space, "user:ann", &arguments).expect_code(0).json()["run"].clone();
    let (copied, recovered) = (&run["steps"][0]["outputs"], &run["steps"][1]["outputs"]);
    assert_eq!(copied["head"], recovered["head"], "{run}");
    assert_eq!((&recovered["runs"], &copied["records"]), (&2.into(), &recovered["records"]), "{run}");
    let left = fs::read_dir(space.path().join(".ordain")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(
        !left.into_iter().any(|name| name.to_string_lossy().starts_with("drill")),
        "nothing is left behind"
    );
    assert_eq!(first_bad(&space), None);
    // A copy never takes the place of another.
    let copy = fs::read(space.path().join("drill.db")).unwrap();
    let stuck = by(&space, "user:ann", &arguments).expect_code(5).json()["run"].clone();
    assert_eq!((&stuck["state"], &stuck["steps"][1]["attempts"]), (&"stuck".into(), &0.into()), "{stuck}");
    assert_eq!(fs::read(space.path().join("drill.db")).unwrap(), copy);
}
