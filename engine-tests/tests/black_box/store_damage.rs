//! A store that somebody or something changed: views are made anew from the journal, byte for byte; whatever
//! touches what is true is refused with a reason and named by `audit verify`; what cannot be stored does not
//! happen. All through the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::process::{Command, Stdio};

use engine_tests::{Said, Workspace, binary, said_by};

use crate::store_tools::{by, change, code, first_bad, payments, rows, store, views};

/// Verbs that change something.
fn changing(space: &Workspace, waits: &str) -> Vec<Said> {
    [
        vec!["run", "refund", "--input", "payment=pay_44444444", "--input", "amount=1"],
        vec!["cancel", waits],
        vec!["pause", waits],
        vec!["kill", "all", "--reason", "damage"],
        vec!["rebuild"],
        vec!["prune", "--older-than", "1d"],
    ]
    .iter()
    .map(|arguments| by(space, "user:bob", arguments))
    .collect()
}

#[test]
fn views_that_are_emptied_altered_or_gone_are_built_anew_as_they_were() {
    let (space, waits, _) = payments();
    let before = views(&store(&space));
    assert!(before.len() > 8, "{before:?}");
    for damage in [
        "delete from world",
        "delete from runs; delete from decisions",
        "drop table world; drop table approvals",
        "alter table runs add column more text; alter table decisions rename column run to walk",
        "drop index runs_by_state",
        "update runs set state = 'succeeded', settled_at = 5 where settled_at is null",
        "update approvals set state = 'void' where state = 'open'",
        "update world set value = '{}' where kind = 'lock'",
        "delete from world where kind = 'head'",
        "delete from meta where key = 'views'",
    ] {
        change(&store(&space), damage);
        let listed = space.ordain(&["runs", "--state", "waiting"]);
        assert!(listed.expect_code(0).stdout.contains("waiting"), "{damage}: {listed:?}");
        assert!(listed.stderr.contains("built anew"), "{damage}: {listed:?}");
        assert_eq!(views(&store(&space)), before, "{damage}");
        let again = space.ordain(&["runs"]);
        assert!(!again.stderr.contains("built anew"), "{damage}: {again:?}");
    }
    // What is over is not looked at when the store is opened: `rebuild` brings it back.
    change(&store(&space), "delete from runs where settled_at is not null; delete from decisions");
    by(&space, "user:bob", &["rebuild"]).expect_code(0);
    assert_eq!(views(&store(&space)), before);
    let cancelled = by(&space, "user:bob", &["cancel", &waits]);
    assert_eq!(cancelled.expect_code(0).json()["run"]["state"], "cancelled");
    assert_eq!(first_bad(&space), None);
}

#[test]
fn a_journal_or_log_that_was_changed_is_refused_and_the_first_bad_record_is_named() {
    let (space, waits, over) = payments();
    let sound = fs::read(store(&space)).unwrap();
    let place = |run: &str, seq: u64| -> u64 {
        let query = format!(
            "select seq from audit where run = '{run}' and json_extract(record, '$.runSeq') >= {seq} order by seq limit 1"
        );
        rows(&store(&space), &query)[0].parse().unwrap()
    };
    let last: u64 = rows(&store(&space), "select max(seq) from audit")[0].parse().unwrap();
    let bobs: u64 =
        rows(&store(&space), "select max(seq) from audit where run is not null and record like '%user:bob%'")
            [0]
        .parse()
        .unwrap();
    let mut tried = 0;
    for (damage, at) in [
        // The log.
        (format!("update audit set record = replace(record, 'user:bob', 'user:eve') where seq = {bobs}"), bobs),
        ("delete from audit where seq = 4".into(), 4),
        ("update audit set seq = -1 where seq = 5; update audit set seq = 5 where seq = 6; update audit set seq = 6 where seq = -1".into(), 5),
        ("insert into audit select 1000, run, record from audit where seq = 3".into(), last + 1),
        (format!("update audit set run = null where seq = {bobs}"), bobs),
        ("update audit set record = record || char(10) where seq = 4".into(), 4),
        ("update audit set record = replace(record, ':', ': ') where seq = 3".into(), 3),
        // The journal of a run that is not settled.
        (format!("update journal set event = event || ' ' where run = '{waits}' and seq = 2"), place(&waits, 2)),
        (format!("update journal set at = at + 1 where run = '{waits}' and seq = 3"), place(&waits, 3)),
        (format!("delete from journal where run = '{waits}' and seq = 3"), place(&waits, 3)),
        // Of one that is.
        (format!("update journal set at = at + 1 where run = '{over}' and seq = 5"), place(&over, 5)),
        (format!("delete from journal where run = '{over}' and seq = 4"), place(&over, 4)),
        (format!("update journal set event = event || char(10) where run = '{over}' and seq = 4"), place(&over, 4)),
        ("insert into journal select '', seq, at, 9999, event from journal where seq = 1 limit 1".into(), 0),
        // What runs carry.
        (format!("delete from payload where run = '{over}'"), 0),
        (format!("update payload set body = replace(body, 'canary', 'parrot') where run = '{over}'"), 0),
        (format!("update payload set body = body || char(10) || '1 {{}}' where run = '{over}'"), 0),
        // The workspace's own.
        ("update journal set event = replace(event, 'refund', 'refuse') where run = 'system'".into(), 0),
        ("delete from journal where run = 'system'".into(), 0),
    ] {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(space.path().join(format!(".ordain/ordain.db{end}")));
        }
        fs::write(store(&space), &sound).unwrap();
        change(&store(&space), &damage);
        let (seq, reason) = first_bad(&space).unwrap_or_else(|| panic!("{damage} is not found"));
        assert!(at == 0 || seq == at, "{damage}: {seq} is named, not {at}: {reason}");
        tried += 1;
    }
    assert_eq!(tried, 19);
}

#[test]
fn a_store_whose_open_runs_or_latest_records_were_changed_is_not_continued() {
    let (space, waits, _) = payments();
    let sound = fs::read(store(&space)).unwrap();
    for damage in [
        "update audit set record = replace(record, 'user:bob', 'user:eve')".to_owned(),
        "delete from audit where seq = (select max(seq) from audit)".to_owned(),
        format!("update journal set at = at + 1 where run = '{waits}' and seq = 3"),
        format!("delete from journal where run = '{waits}' and seq = 3"),
        format!("update journal set event = '{{}}' where run = '{waits}' and seq = 3"),
        format!("delete from payload where run = '{waits}'"),
        "drop table audit".to_owned(),
        "drop table payload".to_owned(),
    ] {
        fs::write(store(&space), &sound).unwrap();
        change(&store(&space), &damage);
        let count = |table: &str| rows(&store(&space), &format!("select count(*) from {table}"));
        let before = count("journal");
        for said in changing(&space, &waits) {
            assert_eq!(said.code, 2, "{damage}: {said:?}");
            assert_eq!(code(&said), "audit_unavailable", "{damage}");
        }
        assert_eq!(code(&by(&space, "user:bob", &["runs"])), "audit_unavailable", "{damage}");
        assert_eq!(count("journal"), before, "{damage}: nothing was written");
    }
}

#[test]
fn a_file_that_is_cut_empty_or_foreign_is_refused_and_left_as_it_is() {
    let (space, waits, _) = payments();
    let sound = fs::read(store(&space)).unwrap();
    let pages = sound.len() / 4096;
    assert!(pages > 10, "{pages}");
    let mut files: Vec<Vec<u8>> = vec![Vec::new(), b"not a data base".repeat(400), vec![0; 8192]];
    files.extend(
        [1, 99, 4096, 4097, sound.len() / 2, sound.len() - 4096, sound.len() - 1]
            .map(|at| sound[..at].to_vec()),
    );
    let mut foreign = sound.clone();
    foreign[68..72].copy_from_slice(b"QGIS");
    files.push(foreign);
    let mut newer = sound.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    files.push(newer);
    for file in files {
        fs::write(store(&space), &file).unwrap();
        let expected = if file.get(60..64) == Some(99_u32.to_be_bytes().as_slice()) {
            "system_fault"
        } else {
            "audit_unavailable"
        };
        for said in changing(&space, &waits) {
            assert_eq!(code(&said), expected);
        }
        assert_eq!(code(&by(&space, "user:bob", &["runs"])), expected);
        assert_eq!(code(&space.ordain(&["audit", "verify", "--json"])), expected);
        assert_eq!(fs::read(store(&space)).unwrap(), file, "left as it is");
    }
    fs::write(store(&space), &sound).unwrap();
    by(&space, "user:bob", &["runs"]).expect_code(0);
}

#[test]
fn a_process_that_dies_while_it_makes_the_store_leaves_none_and_the_next_makes_it() {
    for passage in ["making-store:1", "making-store:2"] {
        let space = Workspace::copy_of("engine-tests/fixtures/crash");
        let start = &mut space.command(&["run", "uses", "--as", "user:ann"]);
        let killed = said_by(start.env("ORDAIN_FAULT", passage));
        assert!(killed.stderr.contains("fault fired: making-store"), "{killed:?}");
        assert!(space.path().join(".ordain/ordain.db.new").exists() && !store(&space).exists(), "{passage}");
        let verified = space.ordain(&["audit", "verify", "--json"]).expect_code(0).json();
        assert_eq!((&verified["ok"], &verified["records"]), (&true.into(), &0.into()), "{passage}");
        by(&space, "user:ann", &["run", "uses"]).expect_code(0);
        assert_eq!(first_bad(&space), None, "{passage}");
    }
}

#[test]
fn a_wal_cut_at_any_byte_leaves_a_store_of_an_earlier_moment() {
    let space = Workspace::copy_of("engine-tests/fixtures/crash");
    by(&space, "user:ann", &["run", "uses"]).expect_code(0);
    // Killed in the middle of a transaction: what was committed before stands in the WAL alone.
    let killed = said_by(
        space
            .command(&["run", "uses", "--live", "--as", "user:ann"])
            .env("ORDAIN_FAULT", "mid-transaction:3"),
    );
    assert!(killed.stderr.contains("fault fired: mid-transaction"), "{killed:?}");
    let state = space.path().join(".ordain");
    let (db, wal) = (fs::read(store(&space)).unwrap(), fs::read(state.join("ordain.db-wal")).unwrap());
    assert!(wal.len() > 8192, "{}", wal.len());
    let checkpoint = fs::read(state.join("checkpoint")).unwrap();
    let cuts = (0..wal.len()).step_by(wal.len() / 23).chain([1, 31, 32, 33, 55, 56, 57, wal.len() - 1]);
    for cut in cuts {
        let _ = fs::remove_file(state.join("ordain.db-shm"));
        fs::write(store(&space), &db).unwrap();
        fs::write(state.join("ordain.db-wal"), &wal[..cut]).unwrap();
        fs::write(state.join("checkpoint"), &checkpoint).unwrap();
        let listed = by(&space, "user:ann", &["runs"]);
        assert!(!listed.expect_code(0).stderr.contains("built anew"), "{cut}: {listed:?}");
        for run in listed.json()["runs"].as_array().unwrap() {
            let said = by(&space, "user:ann", &["watch", run["id"].as_str().unwrap()]);
            assert_eq!(said.expect_code(0).json()["run"]["state"], "succeeded", "{cut}");
        }
        assert_eq!(first_bad(&space), None, "{cut}");
    }
}

/// Runs `ordain` under a shell's limits.
fn limited(space: &Workspace, limit: &str, arguments: &[&str]) -> Said {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &format!("{limit}; exec \"$0\" \"$@\""), &binary("ordain").to_string_lossy()])
        .args(arguments)
        .current_dir(space.path())
        .env("NO_COLOR", "1");
    said_by(&mut command)
}

#[test]
fn where_no_file_may_grow_nothing_happens_and_the_reason_is_said() {
    let (space, waits, over) = payments();
    let before = views(&store(&space));
    let run = [
        "run",
        "refund",
        "--input",
        "payment=pay_44444444",
        "--input",
        "amount=1",
        "--as",
        "user:bob",
        "--json",
    ];
    for arguments in [
        &run[..],
        &["cancel", &waits, "--as", "user:bob", "--json"],
        &["kill", "all", "--reason", "x", "--as", "user:bob", "--json"],
    ] {
        let said = limited(&space, "ulimit -f 0", arguments);
        assert_eq!(code(&said), "audit_unavailable", "{said:?}");
        assert!(!said.stderr.contains("panicked"), "{said:?}");
    }
    assert_eq!(views(&store(&space)), before);
    assert_eq!(first_bad(&space), None);
    by(&space, "user:bob", &["show", &over]).expect_code(0);
    let run = by(&space, "user:bob", &run[..run.len() - 3]);
    assert_eq!(run.expect_code(4).json()["run"]["state"], "waiting");
}

#[test]
fn an_outcome_that_the_disk_refuses_for_a_while_is_stored_when_it_can_be() {
    let space = Workspace::copy_of("engine-tests/fixtures/crash");
    // The first transactions are the beginning and the start; the third stores an outcome.
    let said = said_by(
        space
            .command(&["run", "uses", "--live", "--as", "user:ann", "--json"])
            .env("ORDAIN_REFUSE", "disk-full:3:2"),
    );
    assert_eq!(said.stderr.matches("fault fired: disk-full").count(), 2, "{said:?}");
    assert_eq!(said.expect_code(0).json()["run"]["state"], "succeeded");
    let effects = fs::read_to_string(space.path().join("out/effects")).unwrap();
    assert_eq!(effects.matches("\"key\"").count(), 2, "each effect once: {effects}");
    assert_eq!(first_bad(&space), None);
}

#[test]
fn an_outcome_that_cannot_be_stored_is_said_and_settled_when_the_disk_has_room() {
    let space = Workspace::copy_of("engine-tests/fixtures/crash");
    let said = said_by(
        space
            .command(&["run", "uses", "--live", "--as", "user:ann", "--json"])
            .env("ORDAIN_REFUSE", "disk-full:3:1000"),
    );
    assert_eq!(code(&said), "audit_unavailable", "{said:?}");
    let runs = by(&space, "user:ann", &["runs"]).json();
    let id = runs["runs"][0]["id"].as_str().unwrap().to_owned();
    let run = by(&space, "user:ann", &["watch", &id]);
    assert_eq!(run.expect_code(0).json()["run"]["state"], "succeeded");
    assert_eq!(first_bad(&space), None);
}

#[test]
fn a_small_disk_that_is_full_refuses_and_goes_on_when_there_is_room() {
    let space = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let state = space.path().join(".ordain");
    fs::create_dir(&state).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&state)
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("no right to mount: the limit of file sizes is tested alone");
        return;
    }
    let said = fill(&space);
    let refused = by(&space, "user:alice", &["kill", "all", "--reason", "no room"]);
    fs::remove_file(state.join("ballast")).unwrap();
    let after = by(&space, "user:alice", &["run", "read-note"]);
    let bad = first_bad(&space);
    let unmounted = Command::new("umount").arg("-l").arg(&state).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(code(&said), "audit_unavailable", "{said:?}");
    assert_eq!(code(&refused), "audit_unavailable", "{refused:?}");
    after.expect_code(0);
    assert_eq!(bad, None);
}

/// Takes all room away, and starts runs until one is refused.
fn fill(space: &Workspace) -> Said {
    by(space, "user:alice", &["run", "read-note"]).expect_code(0);
    let mut ballast = fs::File::create(space.path().join(".ordain/ballast")).unwrap();
    while std::io::Write::write_all(&mut ballast, &[7; 4096]).is_ok() {}
    for _ in 0..50 {
        let said = by(space, "user:alice", &["run", "read-note"]);
        if said.code != 0 {
            return said;
        }
    }
    panic!("the disk is never full");
}

#[test]
fn a_store_that_only_reads_is_not_continued() {
    let (space, waits, _) = payments();
    let state = space.path().join(".ordain");
    let readonly = |on: bool| {
        let word = if on { "remount,ro,bind" } else { "remount,rw,bind" };
        Command::new("mount")
            .args(["-o", word])
            .arg(&state)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    let bound = Command::new("mount").arg("--bind").arg(&state).arg(&state).stderr(Stdio::null()).status();
    if !bound.is_ok_and(|status| status.success()) || !readonly(true) {
        eprintln!("no right to mount: a store that only reads is not tested here");
        return;
    }
    let said: Vec<Said> = changing(&space, &waits);
    let looked = by(&space, "user:bob", &["runs"]);
    assert!(readonly(false));
    let after = by(&space, "user:bob", &["cancel", &waits]);
    assert!(Command::new("umount").arg("-l").arg(&state).status().unwrap().success());
    for said in said {
        assert_eq!(code(&said), "audit_unavailable");
        assert!(!said.stderr.contains("panicked"), "{said:?}");
    }
    assert_eq!(code(&looked), "audit_unavailable");
    after.expect_code(0);
}

#[test]
fn a_store_that_another_program_holds_is_in_use() {
    let (space, waits, _) = payments();
    let lock = fs::File::options().write(true).open(space.path().join(".ordain/lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(code(&by(&space, "user:bob", &["cancel", &waits])), "store_in_use");
    drop(lock);
    by(&space, "user:bob", &["cancel", &waits]).expect_code(0);
}
