//! Checkpoints of the log: signed when the store is let go of, shipped where the workspace says, and what they find.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_tests::Workspace;
use ordain_kernel::audit::{AuditRecord, hash_of};
use ordain_kernel::run::journal_digest;
use serde_json::Value;

use crate::store_tools::{change, rows, store};

fn space() -> Workspace {
    Workspace::copy_of("engine-tests/fixtures/catalogues/minimal")
}

fn run(space: &Workspace) {
    space.ordain(&["run", "read-note", "--as", "user:alice"]).expect_code(0);
}

fn signed(space: &Workspace) -> usize {
    let document = space.ordain(&["audit", "tail", "--limit", "1000", "--json"]).expect_code(0).json();
    let records = document["records"].as_array().unwrap();
    records.iter().filter(|record| record["action"] == "checkpoint.signed").count()
}

fn verify(space: &Workspace, more: &[&str], code: i32) -> Value {
    space.ordain(&[&["audit", "verify", "--json"], more].concat()).expect_code(code).json()
}

#[test]
fn a_checkpoint_is_signed_when_the_store_is_let_go_of_and_there_is_something_new() {
    let space = space();
    run(&space);
    assert_eq!(signed(&space), 1);
    let note = fs::read_to_string(space.path().join(".ordain/checkpoint")).unwrap();
    assert!(note.starts_with("ordain/"), "{note}");
    space.ordain(&["runs"]).expect_code(0);
    assert_eq!(signed(&space), 1, "looking adds nothing");
    run(&space);
    assert_eq!(signed(&space), 2);
    let whole = verify(&space, &[], 0);
    let new = verify(&space, &["--from-checkpoint"], 0);
    assert!(new["records"].as_u64() < whole["records"].as_u64(), "{new} {whole}");
    assert_eq!(whole["checkpoint"]["size"], new["checkpoint"]["size"]);
}

#[test]
fn checkpoints_are_shipped_where_the_workspace_says() {
    let space = space();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let file = format!(
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  checkpoints: {{file: ./sent.log, command: [/usr/bin/tee, by-program], url: 'http://{address}/log'}}\n"
    );
    space.write("ordain.yaml", &file);
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&heard).ends_with("=\n") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&heard));
            heard.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
        String::from_utf8(heard).unwrap()
    });
    run(&space);
    let kept = fs::read_to_string(space.path().join(".ordain/checkpoint")).unwrap();
    assert!(heard.join().unwrap().ends_with(&kept));
    assert_eq!(fs::read_to_string(space.path().join("by-program")).unwrap(), kept);
    assert_eq!(fs::read_to_string(space.path().join("sent.log")).unwrap(), format!("{kept}\n"));
    // Nobody listens any more: that is said, and holds nothing up.
    let said = space.ordain(&["run", "read-note", "--as", "user:alice"]);
    assert!(said.expect_code(0).stderr.contains("could not be shipped"), "{said:?}");
    assert_eq!(fs::read_to_string(space.path().join("sent.log")).unwrap().matches("ordain/").count(), 4);
    verify(&space, &["--checkpoint", "sent.log"], 0);
}

#[test]
fn a_log_that_was_put_back_behind_a_checkpoint_is_found() {
    let space = space();
    let store = space.path().join(".ordain/ordain.db");
    run(&space);
    let old = fs::read(&store).unwrap();
    run(&space);
    let note = space.path().join(".ordain/checkpoint");
    fs::copy(&note, space.path().join("elsewhere")).unwrap();
    let new = fs::read(&store).unwrap();
    fs::write(&store, &old).unwrap();
    let document = verify(&space, &[], 1);
    assert!(document["firstBad"]["reason"].as_str().unwrap().contains("cut or put back"), "{document}");
    let refused = space.ordain(&["run", "read-note", "--as", "user:alice", "--json"]);
    assert_eq!(refused.expect_code(2).json()["error"]["code"], "audit_unavailable");
    // Whoever takes the one beside the store away as well is found by the one that was sent elsewhere.
    fs::remove_file(&note).unwrap();
    verify(&space, &[], 0);
    verify(&space, &["--checkpoint", "elsewhere"], 1);
    run(&space);
    run(&space);
    verify(&space, &["--checkpoint", "elsewhere"], 1);
    fs::write(&store, &new).unwrap();
    fs::copy(space.path().join("elsewhere"), &note).unwrap();
    verify(&space, &["--checkpoint", "elsewhere"], 0);
    space.write("nonsense", "no note");
    let said = verify(&space, &["--checkpoint", "nonsense"], 1);
    assert!(said["firstBad"]["reason"].as_str().unwrap().contains("none of this log"), "{said}");
    space.ordain(&["audit", "verify", "--checkpoint", "nowhere"]).expect_code(2);
}

/// What somebody does to a store in which a checkpoint covers all but the last records. `R` is a run before it, `N`
/// one behind it, `C` the place of the last record before the checkpoint's own.
const BEHIND: [(&str, &str); 9] = [
    ("the tail is cut", "delete from audit where seq > C"),
    ("the tail is cut behind the checkpoint", "delete from audit where seq > C + 1"),
    ("the last record is cut", "delete from audit where seq = (select max(seq) from audit)"),
    ("a record of the tail stands under another run", "update audit set run = 'R' where run = 'N'"),
    ("a record before it stands under another run", "update audit set run = null where run = 'R'"),
    ("a run before it has no records", "update journal set run = 'other' where run = 'R'"),
    ("a run behind it has another name", "update journal set run = 'other' where run = 'N'"),
    ("a payload behind it is gone", "delete from payload where run = 'N'"),
    ("an old record is gone", "delete from audit where seq = 2"),
];

#[test]
fn what_came_behind_a_checkpoint_is_followed_to_the_end_of_every_journal() {
    for (what, statements) in BEHIND {
        let space = space();
        let id = |said: &engine_tests::Said| said.json()["run"]["id"].as_str().unwrap().to_owned();
        let start = ["run", "read-note", "--as", "user:alice", "--json"];
        let old = id(space.ordain(&start).expect_code(0));
        let mut dies = space.command(&start);
        let died = engine_tests::said_by(dies.env("ORDAIN_FAULT", "before-checkpoint"));
        assert!(died.stderr.contains("fault fired: before-checkpoint"), "{died:?}");
        let file = store(&space);
        let new = rows(&file, "select run from journal where run <> 'system' order by place desc limit 1");
        let covered = "select json_extract(event, '$.size') from journal where run = 'system' and \
            json_extract(event, '$.type') = 'checkpointSigned' order by seq desc limit 1";
        let covered = rows(&file, covered).remove(0);
        let said = verify(&space, &["--from-checkpoint"], 0);
        assert!(said["unsaid"][0].as_str().unwrap().contains(&format!("records 1 to {covered} ")), "{said}");
        assert!(verify(&space, &[], 0)["unsaid"].is_null(), "the whole log is all there is to say");
        let statements =
            statements.replace("'R'", &format!("'{old}'")).replace("'N'", &format!("'{}'", new[0]));
        let statements = statements.replace(" C", &format!(" {covered}"));
        change(&file, &statements);
        for more in [&[][..], &["--from-checkpoint"]] {
            let said = verify(&space, more, 1);
            assert!(said["firstBad"]["reason"].is_string(), "{what} {more:?}: {said}");
        }
    }
}

/// Somebody who has the store, all of the program and no key makes a whole log of their own: every hash holds.
#[test]
fn a_log_that_was_made_anew_without_the_key_is_found_by_its_signatures() {
    let (space, forger) = (space(), space());
    run(&space);
    run(&forger);
    run(&forger);
    verify(&forger, &[], 0);
    fs::copy(forger.path().join(".ordain/ordain.db"), space.path().join(".ordain/ordain.db")).unwrap();
    // Also where the checkpoint beside the store was taken away, and after the victim signed on top of it.
    fs::remove_file(space.path().join(".ordain/checkpoint")).unwrap();
    for more in [&[][..], &["--from-checkpoint"]] {
        let bad = verify(&space, more, 1)["firstBad"].clone();
        assert!(bad["reason"].as_str().unwrap().contains("no trusted key signed it"), "{more:?} {bad}");
    }
    let refused = space.ordain(&["audit", "export", "log.zip", "--json"]).expect_code(2).json();
    assert_eq!(refused["error"]["code"], "audit_unavailable");
    run(&space);
    let bad = verify(&space, &[], 1)["firstBad"].clone();
    let tail = forger.ordain(&["audit", "tail", "--limit", "1000", "--json"]).json();
    let records = tail["records"].as_array().unwrap().iter();
    let signed = records.filter(|record| record["action"] == "checkpoint.signed");
    let first = signed.filter_map(|record| record["seq"].as_u64()).min();
    assert_eq!(bad["seq"].as_u64(), first, "the record of the first checkpoint that is not ours: {bad}");
    // A key that the operator's file trusts is one.
    let said = forger.ordain(&["audit", "export", "log.zip", "--json"]).expect_code(0).json();
    let key = said["publicKey"].as_str().unwrap();
    let trust =
        format!("apiVersion: ordain/v1\nkind: Workspace\nspec:\n  trust: [{{id: theirs, key: '{key}'}}]\n");
    fs::copy(forger.path().join(".ordain/checkpoint"), space.path().join("theirs")).unwrap();
    verify(&space, &["--checkpoint", "theirs"], 1);
    space.write("ordain.yaml", &trust);
    verify(&space, &[], 0);
    verify(&space, &["--checkpoint", "theirs"], 0);
}

/// The last record of a log is that of its last checkpoint: nothing else must be made anew to forge it.
#[test]
fn a_checkpoint_under_the_right_name_without_its_signature_is_found() {
    let forgeries: [fn(&mut [u8]); 2] = [|bytes| bytes[4..].fill(7), |bytes| bytes[67] ^= 1];
    for forge in forgeries {
        let space = space();
        run(&space);
        let file = store(&space);
        let last = |columns: &str, table: &str| {
            rows(&file, &format!("select {columns} from {table} order by seq desc limit 1")).remove(0)
        };
        let system = "journal where run = 'system'";
        let mut event: Value = serde_json::from_str(&last("event", system)).unwrap();
        let note = event["note"].as_str().unwrap().to_owned();
        let signature = note.rsplit(' ').next().unwrap().trim_end();
        let mut bytes = STANDARD.decode(signature).unwrap();
        forge(&mut bytes);
        event["note"] = note.replace(signature, &STANDARD.encode(bytes)).into();
        let event = event.to_string();
        let [number, at] = ["seq", "at"].map(|column| last(column, system).parse::<i64>().unwrap());
        let mut record = AuditRecord::from_line(&last("record", "audit")).unwrap();
        let digest = journal_digest(&record.prev_hash, number.unsigned_abs(), at, &event);
        record.entry.payload_digest = Some(digest);
        record.hash = hash_of(&record.entry, record.prev_hash);
        change(
            &file,
            &format!(
                "update journal set event = '{event}' where run = 'system' and seq = {number}; \
                 update audit set record = '{}' where seq = (select max(seq) from audit)",
                record.to_line()
            ),
        );
        let bad = verify(&space, &[], 1)["firstBad"].clone();
        assert!(bad["reason"].as_str().unwrap().contains("does not verify"), "{bad}");
    }
}

#[test]
fn a_crash_around_a_checkpoint_leaves_a_log_that_holds() {
    for point in ["before-checkpoint", "after-checkpoint"] {
        let mut space = space();
        space.environment.push(("ORDAIN_FAULT".into(), point.into()));
        let said = space.ordain(&["run", "read-note", "--as", "user:alice"]);
        assert!(said.stderr.contains(&format!("fault fired: {point}")), "{said:?}");
        space.environment.clear();
        verify(&space, &[], 0);
        run(&space);
        verify(&space, &[], 0);
        verify(&space, &["--from-checkpoint"], 0);
        assert!(signed(&space) > 0, "{point}");
    }
}
