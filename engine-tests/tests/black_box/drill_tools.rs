//! The programs of the restore drill, killed at every rename and started again with the same key.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// A `mv` that kills its caller at its nth call, before or after it moved.
const MV: &str = r#"#!/bin/sh
count=$(($(cat "$SHIM/count") + 1)); echo $count > "$SHIM/count"
[ "$count" = "$AT" ] && [ "$WHEN" = before ] && kill -9 $PPID && exit 1
/usr/bin/mv "$@" || exit
[ "$count" = "$AT" ] && [ "$WHEN" = after ] && kill -9 $PPID
exit 0
"#;

fn site(folder: &Path) {
    for (path, text) in [("live/letters/who", "live"), ("staging/letters/who", "restored")] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir(folder.join("attic")).unwrap();
    fs::create_dir(folder.join("shim")).unwrap();
    let mv = folder.join("shim/mv");
    fs::write(&mv, MV).unwrap();
    fs::set_permissions(&mv, fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(folder: &Path, tool: &str, args: &[&str], kill: Option<(u32, &str)>) -> ExitStatus {
    let program: PathBuf = root().join("examples/restore-drill/tools").join(tool);
    let shim = folder.join("shim");
    fs::write(shim.join("count"), "0").unwrap();
    let (at, when) = kill.unwrap_or((0, "never"));
    Command::new(program)
        .args(args)
        .current_dir(folder)
        .env("PATH", format!("{}:/usr/bin:/bin", shim.display()))
        .env("SHIM", &shim)
        .env("AT", at.to_string())
        .env("WHEN", when)
        .status()
        .unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn who(folder: &Path, place: &str) -> String {
    fs::read_to_string(folder.join(place).join("letters/who")).unwrap_or_default()
}

#[test]
fn a_swap_killed_at_any_rename_is_finished_by_the_same_key_and_done_once() {
    let args = ["--", "key1", "live/letters", "staging/letters"];
    for at in 1..=3 {
        for when in ["before", "after"] {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            site(folder);
            let killed = run(folder, "swap", &args, Some((at, when)));
            assert_eq!(killed.signal(), Some(9), "the kill at {at} {when} fired");
            for again in 0..2 {
                assert!(run(folder, "swap", &args, None).success(), "{at} {when} {again}");
                assert_eq!(who(folder, "live"), "restored", "{at} {when} {again}");
                assert_eq!(who(folder, "staging"), "live", "{at} {when} {again}");
            }
            let back = ["--", "key2", "live/letters", "staging/letters"];
            assert!(run(folder, "swap", &back, None).success());
            assert_eq!(who(folder, "live"), "live", "another key swaps back");
        }
    }
}

#[test]
fn nothing_is_swapped_when_one_folder_is_missing_or_the_key_is_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    site(folder);
    assert!(!run(folder, "swap", &["--", "k", "live/letters", "staging/other"], None).success());
    assert!(!run(folder, "swap", &["--", "../k", "live/letters", "staging/letters"], None).success());
    assert_eq!((who(folder, "live"), who(folder, "staging")), ("live".into(), "restored".into()));
}

#[test]
fn what_was_staged_ends_in_the_attic_once_for_each_key() {
    for kill in [None, Some((1, "before")), Some((1, "after"))] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        site(folder);
        assert_eq!(run(folder, "retire", &["--", "key", "letters"], kill).success(), kill.is_none());
        assert!(run(folder, "retire", &["--", "key", "letters"], None).success());
        assert!(!folder.join("staging/letters").exists());
        assert_eq!(fs::read_to_string(folder.join("attic/letters-key/who")).unwrap(), "restored");
        assert!(run(folder, "retire", &["--", "key2", "letters"], None).success(), "nothing to move is fine");
    }
}
