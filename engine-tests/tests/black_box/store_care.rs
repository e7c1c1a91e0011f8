//! The care of a store: verified copies taken while it is at work, put back without losing what was there,
//! and payloads erased while everything that proves what happened stays. Killed at every point of each.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;

use engine_tests::{Said, Workspace, said_by};
use serde_json::Value;

use crate::store_tools::{by, change, change_copy, code, first_bad, payments, rows, store, views};

const ABORTED: i32 = 128 + 6;

/// Runs `ordain` with a crash point.
fn killed(space: &Workspace, point: &str, arguments: &[&str]) -> Said {
    let said = said_by(space.command(arguments).args(["--as", "user:carol"]).env("ORDAIN_FAULT", point));
    assert!(
        said.code == ABORTED && said.stderr.contains(&format!("fault fired: {point}")),
        "{point}: {said:?}"
    );
    said
}

fn erase(space: &Workspace) -> Value {
    by(space, "user:alice", &["prune", "--older-than", "0ms"]).expect_code(0).json()
}

/// True when some file of the store holds the word.
fn holds(space: &Workspace, word: &str) -> bool {
    let files = fs::read_dir(space.path().join(".ordain")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).any(|path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    })
}

#[test]
fn what_settled_runs_carried_is_erased_and_what_proves_them_stays() {
    let space = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let run = by(&space, "user:alice", &["run", "read-note", "--input", "id=canary7"]).json()["run"].clone();
    let id = run["id"].as_str().unwrap();
    assert!(holds(&space, "canary7"));
    let journal: String = rows(&store(&space), "select event from journal").join("\n");
    assert!(!journal.contains("canary7"), "payloads live apart: {journal}");
    assert!(!views(&store(&space)).join("\n").contains("canary7"), "and not in views");
    let why = by(&space, "user:alice", &["why", id]).json();
    let proof =
        |space: &Workspace| rows(&store(space), "select * from audit where run is not null order by seq");
    let before = (proof(&space), rows(&store(&space), "select * from journal where run <> 'system'"));

    let none = by(&space, "user:alice", &["prune", "--older-than", "1h"]).json();
    assert_eq!((&none["runs"], &none["ok"]), (&0.into(), &true.into()), "{none}");
    let dry = by(&space, "user:alice", &["prune", "--older-than", "0ms", "--dry-run"]).json();
    assert_eq!((&dry["runs"], &dry["dryRun"]), (&1.into(), &true.into()), "{dry}");
    assert!(holds(&space, "canary7"));
    let pruned = erase(&space);
    assert_eq!((&pruned["runs"], &pruned["bytes"]), (&1.into(), &dry["bytes"]), "{pruned}");
    assert!(!holds(&space, "canary7"), "not in the file, nor in what was free in it");
    assert_eq!(erase(&space)["runs"], 0);

    let shown = by(&space, "user:alice", &["show", id]).json()["run"].clone();
    assert_eq!(shown["erased"], true);
    for stays in ["state", "outcomeDigest", "recordDigest", "planDigest", "settledAt", "requester"] {
        assert_eq!(shown[stays], run[stays], "{stays}");
    }
    assert!(shown["outputs"].as_str().unwrap().starts_with("salted:"), "{shown}");
    assert!(space.ordain(&["show", id]).stdout.contains("was erased"));
    assert_eq!(by(&space, "user:alice", &["why", id]).json(), why, "decisions stay");
    assert_eq!(code(&by(&space, "user:alice", &["rerun", id])), "not_found");
    assert_eq!((proof(&space), rows(&store(&space), "select * from journal where run <> 'system'")), before);
    assert_eq!(first_bad(&space), None);
    by(&space, "user:alice", &["audit", "completeness"]).expect_code(0);
    let tail = by(&space, "user:alice", &["audit", "tail"]).json();
    let pruned = tail["records"].as_array().unwrap().iter().find(|one| one["action"] == "store.pruned");
    assert_eq!(pruned.unwrap()["actor"]["id"], "user:alice");

    let views_before = views(&store(&space));
    change(&store(&space), "drop table runs; drop table world");
    by(&space, "user:alice", &["rebuild"]).expect_code(0);
    assert_eq!(views(&store(&space)), views_before);
    // Gone without having been erased is another matter.
    by(&space, "user:alice", &["run", "read-note"]).expect_code(0);
    change(&store(&space), "delete from payload");
    assert!(first_bad(&space).unwrap().1.contains("nobody erased them"));
}

#[test]
fn what_is_open_or_remembered_under_a_key_keeps_what_it_carries_and_only_admins_erase() {
    let (space, waits, over) = payments();
    // Who asks is looked at first, whether or not there is anything to erase.
    assert_eq!(code(&by(&space, "user:bob", &["prune", "--older-than", "0ms"])), "not_permitted");
    by(&space, "user:bob", &["prune", "--older-than", "0ms", "--dry-run"]).expect_code(0);
    let kept = by(&space, "user:carol", &["prune", "--older-than", "0ms"]).json();
    assert_eq!((&kept["runs"], &kept["kept"]), (&0.into(), &1.into()), "{kept}");
    for id in [&waits, &over] {
        assert!(by(&space, "user:bob", &["show", id]).json()["run"]["erased"].is_null());
    }
    by(&space, "user:bob", &["cancel", &waits]).expect_code(0);
    assert_eq!(code(&by(&space, "user:bob", &["prune", "--older-than", "0ms"])), "not_permitted");
    assert_eq!(by(&space, "user:carol", &["prune", "--older-than", "0ms"]).json()["runs"], 1);
    assert_eq!(by(&space, "user:bob", &["show", &waits]).json()["run"]["erased"], true);
    assert_eq!(first_bad(&space), None);
}

#[test]
fn a_copy_taken_at_work_is_put_back_and_the_store_that_was_there_is_kept() {
    let (space, waits, over) = payments();
    let copy = space.path().join("copy.db");
    let file = copy.to_str().unwrap();
    // A holder is at work meanwhile: its run waits.
    let taken = by(&space, "user:bob", &["backup", file]).expect_code(0).json();
    assert_eq!((&taken["ok"], &taken["created"][0]), (&true.into(), &file.into()));
    assert_eq!(code(&by(&space, "user:bob", &["backup", file])), "usage");
    let here = by(&space, "user:bob", &["backup", "beside.db"]).expect_code(0).json();
    assert_eq!(here["head"], taken["head"], "the same store, the same head");
    let before = views(&store(&space));
    let head = by(&space, "user:bob", &["audit", "verify"]).json();
    assert_eq!((&taken["head"], &taken["records"]), (&head["head"], &head["records"]));

    by(&space, "user:bob", &["cancel", &waits]).expect_code(0);
    assert_eq!(code(&by(&space, "user:carol", &["restore", file])), "not_permitted", "it is older");
    // Who takes records out of the log must have the right to: nobody named is nobody with the right.
    let discard = ["restore", file, "--discard-newer"];
    assert_eq!(code(&by(&space, "user:bob", &discard)), "not_permitted");
    let nobody = space.ordain(&[&discard[..], &["--json"]].concat());
    assert_eq!(code(&nobody), "unauthenticated");
    assert_eq!(by(&space, "user:bob", &["show", &waits]).json()["run"]["state"], "cancelled");
    assert_eq!(by(&space, "user:bob", &["show", &waits]).json()["run"]["state"], "cancelled");
    let restored = by(&space, "user:carol", &["restore", file, "--discard-newer"]).expect_code(0).json();
    let kept = restored["kept"].as_str().unwrap();
    assert_eq!(rows(kept.as_ref(), &format!("select state from runs where id = '{waits}'")), ["cancelled"]);
    assert_eq!(views(&store(&space)), before);
    assert_eq!(by(&space, "user:bob", &["show", &waits]).json()["run"]["state"], "waiting");
    assert_eq!(by(&space, "user:bob", &["show", &over]).json()["run"]["state"], "succeeded");
    let tail = by(&space, "user:bob", &["audit", "tail"]).json();
    let mut restorations =
        tail["records"].as_array().unwrap().iter().filter(|record| record["action"] == "store.restored");
    assert_eq!(restorations.next().unwrap()["actor"]["id"], "user:carol");
    assert!(restorations.next().is_none(), "on record once");
    assert_eq!(first_bad(&space), None);

    // Also where nothing is left, and where what is left is damaged. With the log's key gone, its public half must be
    // known from elsewhere.
    let public = by(&space, "user:bob", &["audit", "export", "log.zip"]).json()["publicKey"].clone();
    fs::remove_dir_all(space.path().join(".ordain")).unwrap();
    by(&space, "user:carol", &["restore", file]).expect_code(0);
    assert_eq!(by(&space, "user:bob", &["show", &waits]).json()["run"]["state"], "waiting");
    fs::write(store(&space), "rubbish").unwrap();
    assert_eq!(code(&by(&space, "user:carol", &["restore", file])), "audit_unavailable");
    let workspace = fs::read_to_string(space.path().join("ordain.yaml")).unwrap();
    let trust = format!("{workspace}\n  trust: [{{id: former-log, key: {public}}}]\n");
    space.write("ordain.yaml", &trust);
    by(&space, "user:carol", &["restore", file]).expect_code(0);
    assert_eq!(first_bad(&space), None);
}

#[test]
fn a_copy_that_does_not_verify_or_is_none_replaces_nothing() {
    let (space, waits, _) = payments();
    let copy = space.path().join("copy.db");
    let file = copy.to_str().unwrap();
    by(&space, "user:bob", &["backup", file]).expect_code(0);
    let (sound, mine) = (fs::read(&copy).unwrap(), fs::read(store(&space)).unwrap());
    let tampered = |statement: &str| {
        change_copy(&copy, statement);
        fs::read(&copy).unwrap()
    };
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        bytes
    };
    let pages = sound.len() - sound.len() % 512;
    let files = [
        // Wherever a byte is other than it was written: in the header, where no record speaks of it, in the digest.
        flipped(95),
        flipped(pages - 1),
        flipped(pages - 100),
        flipped(pages + 30),
        flipped(sound.len() - 1),
        sound[..pages].to_vec(),
        tampered("update journal set at = at + 1 where seq = 2 and run <> 'system'"),
        sound[..sound.len() / 2].to_vec(),
        b"rubbish".to_vec(),
        Vec::new(),
    ];
    for bytes in files {
        fs::write(&copy, bytes).unwrap();
        assert_eq!(code(&by(&space, "user:carol", &["restore", file])), "audit_unavailable");
        assert_eq!(fs::read(store(&space)).unwrap(), mine);
    }
    let nowhere = space.path().join("nowhere/copy.db");
    for (who, verb) in [("user:carol", "restore"), ("user:bob", "backup")] {
        assert_eq!(code(&by(&space, who, &[verb, nowhere.to_str().unwrap()])), "not_found", "{verb}");
    }
    change(&store(&space), &format!("update journal set at = at + 1 where run = '{waits}' and seq = 3"));
    let other = space.path().join("other.db");
    assert_eq!(code(&by(&space, "user:bob", &["backup", other.to_str().unwrap()])), "audit_unavailable");
    assert!(!other.exists(), "a store that does not verify is not copied");
    fs::write(&copy, sound).unwrap();
    let held = fs::File::options().write(true).open(space.path().join(".ordain/lock")).unwrap();
    held.lock().unwrap();
    assert_eq!(code(&by(&space, "user:carol", &["restore", file])), "store_in_use");
    drop(held);
    by(&space, "user:carol", &["restore", file]).expect_code(0);
    assert_eq!(first_bad(&space), None);
}

#[test]
fn nothing_is_lost_wherever_backup_restore_prune_or_rebuild_dies() {
    let (space, waits, over) = payments();
    let copy = space.path().join("copy.db");
    let file = copy.to_str().unwrap();
    for point in ["mid-backup", "after-backup"] {
        killed(&space, point, &["backup", file]);
        assert_eq!(copy.exists(), point == "after-backup", "a copy is there whole or not at all");
    }
    let before = views(&store(&space));
    by(&space, "user:bob", &["cancel", &waits]).expect_code(0);
    for point in ["mid-restore", "before-swap", "after-swap"] {
        killed(&space, point, &["restore", file, "--discard-newer"]);
        let state = by(&space, "user:bob", &["show", &waits]).json()["run"]["state"].clone();
        assert_eq!(state, if point == "after-swap" { "waiting" } else { "cancelled" }, "{point}");
        assert_eq!(first_bad(&space), None, "{point}");
    }
    assert_eq!(views(&store(&space)).len(), before.len());
    change(&store(&space), "delete from world");
    killed(&space, "mid-rebuild", &["rebuild"]);
    by(&space, "user:bob", &["cancel", &waits]).expect_code(0);
    for point in ["before-prune", "mid-prune", "after-prune"] {
        killed(&space, point, &["prune", "--older-than", "0ms"]);
        let erased = by(&space, "user:bob", &["show", &waits]).json()["run"]["erased"].clone();
        assert_eq!(erased == true, point == "after-prune", "{point}");
        assert_eq!(first_bad(&space), None, "{point}");
    }
    assert_eq!(by(&space, "user:bob", &["show", &over]).json()["run"]["state"], "succeeded");
}
