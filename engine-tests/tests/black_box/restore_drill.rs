//! `restore --drill`: what a copy is worth is said without putting it back. A sound one passes; one that was changed,
//! cut, signed by another log's key or cannot be decrypted does not; the store that is at work is never touched.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_tests::{Said, Workspace, said_by};
use ordain_spec::digest::Digest;

use crate::store_tools::{by, change_copy, code, first_bad, payments, store, views};

fn drill(space: &Workspace, file: &str) -> Said {
    by(space, "user:bob", &["restore", file, "--drill"])
}

/// Everything in the local state, with the digest of what it holds.
fn state(space: &Workspace) -> Vec<(PathBuf, Digest)> {
    let entries = fs::read_dir(space.path().join(".ordain")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.map(|path| (path.clone(), Digest::of(&fs::read(&path).unwrap_or_default()))).collect();
    files.sort();
    files
}

#[test]
fn a_sound_copy_passes_and_nothing_else_changes() {
    let (space, waits, _) = payments();
    let taken = by(&space, "user:bob", &["backup", "copy.db"]).expect_code(0).json();
    by(&space, "user:bob", &["cancel", &waits]).expect_code(0);
    let before = state(&space);
    let said = drill(&space, "copy.db").expect_code(0).json();
    for field in ["records", "runs", "head"] {
        assert_eq!(said[field], taken[field], "{field}: {said}");
    }
    assert_eq!((&said["ok"], &said["created"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(state(&space), before, "neither the store nor what lies beside it");
    assert_eq!(by(&space, "user:bob", &["show", &waits]).json()["run"]["state"], "cancelled");
    // Also while somebody holds the store, and where there is none.
    let held = fs::File::options().write(true).open(space.path().join(".ordain/lock")).unwrap();
    held.lock().unwrap();
    drill(&space, "copy.db").expect_code(0);
    drop(held);
    fs::remove_dir_all(space.path().join(".ordain")).unwrap();
    drill(&space, "copy.db").expect_code(0);
    assert!(!space.path().join(".ordain/ordain.db").exists());
    assert_eq!(code(&by(&space, "user:bob", &["restore", "nowhere.db", "--drill"])), "not_found");
}

type Spoil = Box<dyn Fn(&Path)>;

/// A copy of another log, under another key, with the same specs.
fn of_another_log(file: &Path) {
    let (other, _, _) = payments();
    by(&other, "user:bob", &["backup", "copy.db"]).expect_code(0);
    fs::copy(other.path().join("copy.db"), file).unwrap();
}

/// What no record and no view speaks of is found by the copy's own digest.
fn flip_the_end(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let end = bytes.len();
    bytes[end - 200..end - 100].iter_mut().for_each(|byte| *byte ^= 0xff);
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_copy_that_was_changed_cut_or_signed_by_another_key_does_not_pass() {
    let (space, _, _) = payments();
    by(&space, "user:bob", &["backup", "sound.db"]).expect_code(0);
    let (sound, bad) = (fs::read(space.path().join("sound.db")).unwrap(), space.path().join("bad.db"));
    let before = (state(&space), views(&store(&space)));
    let changed = |statement: &'static str| move |file: &Path| change_copy(file, statement);
    let cases: Vec<(&str, Spoil)> = vec![
        ("a journal", Box::new(changed("update journal set at = at + 1 where seq = 2 and run <> 'system'"))),
        ("a record", Box::new(changed("update audit set record = replace(record, 'user:dan', 'user:eve')"))),
        ("a payload", Box::new(changed("update payload set body = replace(body, 'canary', 'cuckoo')"))),
        ("the end", Box::new(changed("delete from audit where seq = (select max(seq) from audit)"))),
        ("half of it", Box::new(|file| fs::write(file, &fs::read(file).unwrap()[..40_000]).unwrap())),
        ("rubbish", Box::new(|file| fs::write(file, "rubbish").unwrap())),
        ("its last bytes", Box::new(flip_the_end)),
        ("another log", Box::new(of_another_log)),
    ];
    for (what, spoil) in cases {
        fs::write(&bad, &sound).unwrap();
        spoil(&bad);
        assert_ne!(fs::read(&bad).unwrap(), sound, "{what}");
        let said = drill(&space, "bad.db");
        assert_eq!(code(&said), "audit_unavailable", "{what}: {said:?}");
        assert_eq!(said.stdout.contains("no trusted key signed it"), what == "another log", "{said:?}");
        assert_eq!((state(&space), views(&store(&space))), before, "{what}");
    }
    drill(&space, "sound.db").expect_code(0);
    assert_eq!(first_bad(&space), None);
}

#[test]
fn what_a_drill_that_died_left_behind_goes_with_the_next() {
    let (space, _, _) = payments();
    by(&space, "user:bob", &["backup", "copy.db"]).expect_code(0);
    let before = state(&space);
    let mut command = space.command(&["restore", "copy.db", "--drill", "--as", "user:bob"]);
    let died = said_by(command.env("ORDAIN_FAULT", "mid-drill"));
    assert!(died.stderr.contains("fault fired: mid-drill"), "{died:?}");
    assert_eq!(state(&space).len(), before.len() + 1, "the folder of the drill");
    drill(&space, "copy.db").expect_code(0);
    assert_eq!(state(&space), before);
    assert_eq!(first_bad(&space), None);
}

#[test]
fn an_encrypted_copy_passes_with_its_key_alone() {
    let mut space = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let spec = "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  secrets: {provider: env, prefix: ORDAIN_SECRET_}\n  payloads: {encrypt: {secret: payloads}}\n";
    space.write("ordain.yaml", spec);
    let key = |seed: u8| ("ORDAIN_SECRET_PAYLOADS".to_owned(), STANDARD.encode([seed; 32]));
    space.environment = vec![key(1)];
    by(&space, "user:alice", &["run", "read-note"]).expect_code(0);
    by(&space, "user:alice", &["backup", "copy.db"]).expect_code(0);
    let before = state(&space);
    for (environment, passes) in [(vec![], false), (vec![key(2)], false), (vec![key(1)], true)] {
        space.environment = environment;
        let said = by(&space, "user:alice", &["restore", "copy.db", "--drill"]);
        assert_eq!(said.code == 0, passes, "{said:?}");
        if !passes {
            assert_eq!(code(&said), "payloads_locked");
        }
        assert_eq!(state(&space), before);
    }
}
