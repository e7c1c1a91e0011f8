//! A store of the format before: verified, copied and put back as it is, brought up to date where it is opened, whole or
//! not at all wherever that dies, and refused where somebody changed it first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;

use engine_tests::{Workspace, said_by};

use crate::store_tools::{change, code, rows, store};

/// Takes what format 3 adds out again.
const BACK: &str = "drop index journal_by_place; drop index journal_begins; drop index journal_successions; \
    drop index audit_misplaced; drop index audit_stance; delete from _sqlx_migrations where version = 2; \
    pragma user_version = 2";

fn run(space: &Workspace) {
    space.ordain(&["run", "read-note", "--as", "user:alice"]).expect_code(0);
}

fn older() -> Workspace {
    let space = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    run(&space);
    change(&store(&space), BACK);
    assert_eq!(format(&space), "2");
    space
}

fn format(space: &Workspace) -> String {
    rows(&store(space), "pragma user_version").remove(0)
}

#[test]
fn a_store_of_the_format_before_is_looked_at_as_it_is_and_brought_up_to_date_where_it_is_opened() {
    let space = older();
    for more in [&[][..], &["--from-checkpoint"]] {
        space.ordain(&[&["audit", "verify"][..], more].concat()).expect_code(0);
    }
    space.ordain(&["backup", "old.db"]).expect_code(0);
    assert_eq!(format(&space), "2", "who only looks changes nothing");
    run(&space);
    assert_eq!(format(&space), "3");
    for more in [&[][..], &["--from-checkpoint"]] {
        space.ordain(&[&["audit", "verify"][..], more].concat()).expect_code(0);
    }
    assert_eq!(rows(&store(&space), "select count(*) from runs"), ["2"]);
    // An old copy is one.
    fs::remove_file(store(&space)).unwrap();
    space.ordain(&["restore", "old.db", "--drill"]).expect_code(0);
    space.ordain(&["restore", "old.db", "--as", "user:alice"]).expect_code(0);
    run(&space);
    assert_eq!(
        (format(&space), rows(&store(&space), "select count(*) from runs")),
        ("3".into(), vec!["2".into()])
    );
    space.ordain(&["audit", "verify"]).expect_code(0);
}

#[test]
fn it_is_brought_up_to_date_whole_or_not_at_all() {
    for (passage, left) in [(1, "2"), (2, "3")] {
        let space = older();
        let mut dies = space.command(&["run", "read-note", "--as", "user:alice"]);
        let died = said_by(dies.env("ORDAIN_FAULT", format!("upgrading-store:{passage}")));
        assert!(died.stderr.contains("fault fired: upgrading-store"), "{died:?}");
        assert_eq!(format(&space), left);
        run(&space);
        assert_eq!(format(&space), "3");
        space.ordain(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn what_is_of_no_format_is_refused_as_it_is() {
    for damage in [
        "create index mine on audit (record)",
        "pragma user_version = 3",
        "pragma user_version = 1",
        "pragma user_version = 4",
        "drop index audit_by_run",
    ] {
        let space = older();
        change(&store(&space), damage);
        let before = format(&space);
        let refused = space.ordain(&["run", "read-note", "--as", "user:alice", "--json"]);
        assert_ne!(code(&refused), "", "{damage}");
        assert_eq!(format(&space), before, "{damage}");
    }
}
