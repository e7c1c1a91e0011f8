//! The key of the log changes: what was signed before stays verifiable, who knows the first key comes to the present
//! one, and the old one counts for nothing that came later.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::process::Command;

use engine_tests::{Said, Workspace, root, said_by};
use serde_json::Value;

const ABORTED: i32 = 128 + 6;

fn space() -> Workspace {
    let space = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    run(&space);
    space
}

fn run(space: &Workspace) {
    ask(space, &["run", "read-note"]).expect_code(0);
}

fn ask(space: &Workspace, arguments: &[&str]) -> Said {
    space.ordain(&[arguments, &["--as", "user:alice", "--json"]].concat())
}

fn rotate(space: &Workspace) -> String {
    ask(space, &["keys", "rotate", "--log"]).expect_code(0).json()["publicKey"].as_str().unwrap().to_owned()
}

/// An export of the whole log; its key and the log's name.
fn exported(space: &Workspace, file: &str) -> (String, String) {
    let said = ask(space, &["audit", "export", file]).expect_code(0).json();
    (said["publicKey"].as_str().unwrap().to_owned(), said["log"].as_str().unwrap().to_owned())
}

fn verified(space: &Workspace, file: &str, key: &str) -> bool {
    // Elsewhere, where nobody knows the log.
    let away = Workspace::empty();
    fs::copy(space.path().join(file), away.path().join("file")).unwrap();
    let said = away.ordain(&["verify", "file", "--key", key, "--json"]);
    assert_eq!(said.code == 0, said.json()["ok"] == true);
    said.code == 0
}

fn by_script(space: &Workspace, file: &str, name: &str, key: &str) -> bool {
    let script = root().join("docs/reference/verify_export.py");
    let mut python = Command::new("python3");
    said_by(python.arg(script).arg(space.path().join(file)).args([name, key])).code == 0
}

fn records(space: &Workspace, action: &str) -> Vec<Value> {
    let said = ask(space, &["audit", "tail", "--limit", "1000"]).json();
    said["records"].as_array().unwrap().iter().filter(|one| one["action"] == action).cloned().collect()
}

#[test]
fn what_was_signed_before_stays_verifiable_and_the_old_key_leads_to_the_new_one() {
    let space = space();
    let (old, old_name) = exported(&space, "before.zip");
    fs::copy(space.path().join(".ordain/checkpoint"), space.path().join("kept")).unwrap();
    let secret = fs::read(space.path().join(".ordain/log.key")).unwrap();
    let new = rotate(&space);
    assert_ne!(old, new);
    assert_eq!(records(&space, "log.rekeyed")[0]["actor"]["id"], "user:alice");
    run(&space);
    ask(&space, &["audit", "verify", "--checkpoint", "kept"]).expect_code(0);
    let (now, new_name) = exported(&space, "after.zip");
    assert_eq!(now, new);
    for (file, key, name, holds) in [
        ("before.zip", &old, &old_name, true),
        ("before.zip", &new, &new_name, false),
        ("after.zip", &new, &new_name, true),
        ("after.zip", &old, &old_name, true),
    ] {
        assert_eq!(verified(&space, file, key), holds, "{file} {key}");
        assert_eq!(by_script(&space, file, name, key), holds, "{file} {key}, by the script");
    }
    // Here every key is known, each for its time.
    for file in ["before.zip", "after.zip"] {
        ask(&space, &["verify", file]).expect_code(0);
    }
    let third = rotate(&space);
    exported(&space, "last.zip");
    assert!(verified(&space, "last.zip", &old) && by_script(&space, "last.zip", &old_name, &old));
    assert_ne!(third, new);

    // Whoever has the old key signs nothing any more.
    fs::write(space.path().join(".ordain/log.key"), &secret).unwrap();
    exported(&space, "forged.zip");
    for key in [&old, &new, &third] {
        assert!(!verified(&space, "forged.zip", key), "{key}");
    }
    assert!(!by_script(&space, "forged.zip", &old_name, &old));
}

#[test]
fn only_admins_let_another_key_sign() {
    let space = Workspace::copy_of("engine-tests/fixtures/catalogues/payments");
    let refused = space.ordain(&["keys", "rotate", "--log", "--as", "user:bob", "--json"]);
    assert_eq!(refused.expect_code(2).json()["error"]["code"], "not_permitted");
    assert_eq!(records(&space, "log.rekeyed").len(), 0);
}

#[test]
fn a_crash_while_the_key_changes_leaves_one_key_that_signs_and_a_log_that_holds() {
    for (point, changed) in [("before-rekey", false), ("after-rekey", true), ("mid-rekey", true)] {
        let mut space = space();
        let (old, _) = exported(&space, "before.zip");
        space.environment.push(("ORDAIN_FAULT".into(), point.into()));
        let said = ask(&space, &["keys", "rotate", "--log"]);
        assert!(said.code == ABORTED && said.stderr.contains("fault fired"), "{point}: {said:?}");
        space.environment.clear();
        run(&space);
        ask(&space, &["audit", "verify"]).expect_code(0);
        let (now, _) = exported(&space, "after.zip");
        assert_eq!(
            (now != old, records(&space, "log.rekeyed").len()),
            (changed, usize::from(changed)),
            "{point}"
        );
        assert!(verified(&space, "after.zip", &old) && verified(&space, "after.zip", &now), "{point}");
        assert!(!space.path().join(".ordain/log.key.new").exists(), "{point}");
        rotate(&space);
        ask(&space, &["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn local_state_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let made = Workspace::empty();
    made.ordain(&["init", "home"]).expect_code(0);
    let state = made.path().join("home/.ordain");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    made.ordain(&["-C", "home", "run", "hello"]).expect_code(0);
    let bare = space();
    rotate(&bare);
    for folder in [state, bare.path().join(".ordain")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            assert_eq!(mode(&entry) & 0o077, 0, "{}", entry.display());
        }
    }
}
