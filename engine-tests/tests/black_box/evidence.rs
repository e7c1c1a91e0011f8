//! Evidence as an auditor gets it: an export of the log, verified by the program and by code that shares nothing with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::process::Command;

use engine_tests::{Said, Workspace, root, said_by};

/// A workspace with a log, its export from a record on, and the log's key.
fn exported(from: &str) -> (Workspace, String) {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    for _ in 0..2 {
        workspace.ordain(&["run", "read-note", "--as", "user:alice"]).expect_code(0);
    }
    let said = workspace.ordain(&["audit", "export", "log.zip", "--from", from, "--json"]);
    let key = said.expect_code(0).json()["publicKey"].as_str().unwrap().to_owned();
    (workspace, key)
}

fn python(workspace: &Workspace, file: &str, key: &str) -> Said {
    let script = root().join("docs/reference/verify_export.py");
    let document = workspace.ordain(&["verify", "log.zip", "--json"]).json();
    let name = document["checkpoint"].as_str().unwrap().lines().next().unwrap().to_owned();
    said_by(Command::new("python3").arg(script).arg(workspace.path().join(file)).args([&name, key]))
}

#[test]
fn an_export_verifies_elsewhere_with_the_key_alone() {
    for from in ["1", "4"] {
        let (workspace, key) = exported(from);
        let elsewhere = Workspace::empty();
        fs::copy(workspace.path().join("log.zip"), elsewhere.path().join("log.zip")).unwrap();
        let document =
            elsewhere.ordain(&["verify", "log.zip", "--key", &key, "--json"]).expect_code(0).json();
        assert_eq!(document["ok"], true);
        assert_eq!(document["from"].to_string(), from);
        let stranger = elsewhere.ordain(&["verify", "log.zip", "--json"]);
        assert_eq!(stranger.expect_code(1).json()["ok"], false, "nobody is trusted there");
        let said = python(&workspace, "log.zip", &key);
        assert!(said.expect_code(0).stdout.starts_with(&format!("verified: records {from} to ")));
    }
}

#[test]
fn a_changed_export_is_not_verified_by_either() {
    let (workspace, key) = exported("1");
    let bytes = fs::read(workspace.path().join("log.zip")).unwrap();
    // Every byte of it is changed in a test of the kernel; here some, with both programs.
    for needle in ["user:alice", "\"seq\":2", "run.settled", "\u{2014} ordain/"] {
        let mut changed = bytes.clone();
        let place = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
        changed[place + needle.len() - 1] ^= 1;
        fs::write(workspace.path().join("changed.zip"), &changed).unwrap();
        let document = workspace.ordain(&["verify", "changed.zip", "--json"]).expect_code(1).json();
        assert_eq!(document["ok"], false, "{needle}");
        python(&workspace, "changed.zip", &key).expect_code(1);
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let (workspace, _) = exported("1");
    workspace.ordain(&["audit", "export", "log.zip"]).expect_code(2);
    workspace.ordain(&["audit", "export", "other.zip", "--from", "900"]).expect_code(2);
    assert!(!workspace.path().join("other.zip").exists());
    workspace.ordain(&["verify", "nowhere.zip"]).expect_code(2);
    workspace.ordain(&["verify", "log.zip", "--key", "ed25519:AAAA"]).expect_code(2);
    workspace.write("text.zip", "no archive");
    workspace.ordain(&["verify", "text.zip"]).expect_code(1);
}
