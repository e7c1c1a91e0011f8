//! Payloads encrypted at rest: nothing of what runs carry stands in any file of the store or of a copy; without its
//! keys a store is not opened, and keys change without losing anything.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_tests::{Said, Workspace, root, said_by};
use serde_json::{Value, json};

use crate::store_tools::{change, first_bad, rows, store, views};

/// What an ordinary run carries: an input, a part of a lock's name, a rationale.
const WORDS: [&str; 2] = ["quietheron", "because-of-the-marsh"];

const HOLDS: &str = "
apiVersion: ordain/v1
kind: Runbook
metadata: {name: holds, version: 1.0.0, owner: 'group:team', summary: Holds a lock until somebody agrees.}
spec:
  inputs: {bird: {type: string, maxLength: 40}}
  concurrency: {key: inputs.bird, limit: 1, lock: nest}
  steps: [{id: do, uses: c.put, with: {n: '${ inputs.bird }'}, approval: ok}]
  outputs: {bird: inputs.bird}
";

fn key(seed: u8) -> String {
    STANDARD.encode([seed; 32])
}

fn file(payloads: &str) -> String {
    format!(
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  secrets: {{provider: env, prefix: ORDAIN_SECRET_}}\n{payloads}"
    )
}

const ON: &str = "  payloads: {encrypt: {secret: payloads-one}}\n";

fn space(payloads: &str) -> Workspace {
    let mut space = Workspace::empty();
    let common = root().join("engine-tests/fixtures/conformance/common/specs/common.yaml");
    space.write("specs/common.yaml", &fs::read_to_string(common).unwrap());
    space.write("specs/holds.yaml", HOLDS.trim_start());
    space.write("ordain.yaml", &file(payloads));
    space.environment.push(("ORDAIN_SECRET_PAYLOADS_ONE".into(), key(1)));
    space.environment.push(("ORDAIN_SECRET_PAYLOADS_TWO".into(), key(2)));
    space
}

fn ask(space: &Workspace, arguments: &[&str]) -> Said {
    space.ordain(&[arguments, &["--as", "user:alice", "--json"]].concat())
}

/// A run that waits for somebody and holds a lock.
fn held(space: &Workspace) -> String {
    let said = ask(space, &["run", "holds", "--input", &format!("bird={}", WORDS[0])]);
    said.expect_code(4).json()["run"]["id"].as_str().unwrap().to_owned()
}

fn agreed(space: &Workspace, run: &str) {
    let queue = ask(space, &["approvals"]).json();
    let approval = queue["approvals"].as_array().unwrap().iter().find(|one| one["run"] == run).unwrap();
    let (id, digest) = (approval["id"].as_str().unwrap(), approval["digest"].as_str().unwrap());
    let words = ["--digest", digest, "--rationale", WORDS[1], "--as", "user:bob"];
    space.ordain(&[&["approve", id][..], &words].concat()).expect_code(0);
}

/// How many files below a folder hold one of the words.
fn holding(folder: &Path) -> usize {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        WORDS.iter().any(|word| bytes.windows(word.len()).any(|window| window == word.as_bytes()))
    };
    files.map(|path| if path.is_dir() { holding(&path) } else { usize::from(holds(&path)) }).sum()
}

fn refused(said: &Said) -> Value {
    let error = said.expect_code(2).json()["error"].clone();
    assert_eq!(error["code"], "payloads_locked", "{error}");
    assert!(!error["hint"].as_str().unwrap().is_empty(), "{error}");
    error
}

fn doctor(space: &Workspace) -> Value {
    let checks = ask(space, &["doctor"]).json()["checks"].clone();
    checks.as_array().unwrap().iter().find(|one| one["id"] == "payloads").unwrap().clone()
}

#[test]
fn nothing_of_what_runs_carry_stands_in_the_store_or_in_a_copy_of_it() {
    let clear = space("");
    held(&clear);
    assert!(holding(&clear.path().join(".ordain")) > 0, "the search finds what stands in the clear");
    assert!(doctor(&clear)["detail"].as_str().unwrap().contains("in the clear"));

    let space = space(ON);
    let id = held(&space);
    let state = space.path().join(".ordain");
    // While somebody writes it stands in the WAL.
    let mut child = said_in_the_background(&space, &["run", "holds", "--input", "bird=other"]);
    ask(&space, &["show", &id]).expect_code(0);
    assert_eq!(holding(&state), 0, "neither in the file nor in the WAL");
    child.wait().unwrap();
    agreed(&space, &id);
    let shown = ask(&space, &["show", &id]).expect_code(0).json();
    assert_eq!(shown["run"]["outputs"]["bird"], WORDS[0], "{shown}");
    assert!(space.ordain(&["why", &id]).code == 0 && first_bad(&space).is_none());
    let before = views(&store(&space));
    ask(&space, &["rebuild"]).expect_code(0);
    assert_eq!(views(&store(&space)), before, "built anew byte for byte");
    fs::create_dir(space.path().join("copies")).unwrap();
    ask(&space, &["backup", "copies/one.db"]).expect_code(0);
    assert_eq!(holding(&state) + holding(&space.path().join("copies")), 0);
    assert!(doctor(&space)["detail"].as_str().unwrap().contains("are encrypted under key"));

    // What leaves the store is as ever.
    ask(&space, &["runpack", &id, "-o", "run.zip"]).expect_code(0);
    ask(&space, &["verify", "run.zip"]).expect_code(0);
    ask(&space, &["replay", "run.zip"]).expect_code(0);
    let back = ["restore", "copies/one.db", "--discard-newer", "--as", "user:root", "--json"];
    space.ordain(&back).expect_code(0);
    assert_eq!(ask(&space, &["show", &id]).json()["run"]["outputs"]["bird"], WORDS[0]);
    let erased = space.ordain(&["prune", "--older-than", "0ms", "--as", "user:root", "--json"]);
    assert!(erased.expect_code(0).json()["runs"].as_u64().unwrap() > 0);
    assert_eq!(ask(&space, &["show", &id]).json()["run"]["erased"], true);
    assert_eq!(first_bad(&space), None);
}

fn said_in_the_background(space: &Workspace, arguments: &[&str]) -> std::process::Child {
    let mut command = space.command(&[arguments, &["--as", "user:alice"]].concat());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
}

#[test]
fn without_its_key_a_store_is_neither_read_nor_written() {
    let mut space = space(ON);
    let id = held(&space);
    ask(&space, &["backup", "copy.db"]).expect_code(0);
    let before = rows(&store(&space), "select run, seq, body from payload");
    let right = space.environment.clone();
    let locked = |space: &Workspace| {
        for verb in [
            &["run", "holds", "--input", "bird=x"][..],
            &["show", &id],
            &["audit", "verify"],
            &["backup", "b.db"],
        ] {
            refused(&ask(space, verb));
        }
        refused(&ask(space, &["restore", "copy.db"]));
        assert_eq!(doctor(space)["ok"], false);
        assert_eq!(rows(&store(space), "select run, seq, body from payload"), before);
    };
    for wrong in [None, Some(key(9)), Some("not a key".to_owned()), Some(STANDARD.encode([1; 16]))] {
        space.environment = right.iter().filter(|(name, _)| !name.ends_with("_ONE")).cloned().collect();
        space.environment.extend(wrong.map(|wrong| ("ORDAIN_SECRET_PAYLOADS_ONE".to_owned(), wrong)));
        locked(&space);
    }
    space.environment = right;
    // Taking the line away is no way to write in the clear, nor is another key alone.
    for payloads in ["", "  payloads: {encrypt: {secret: payloads-two}}\n"] {
        space.write("ordain.yaml", &file(payloads));
        locked(&space);
    }
    space.write("ordain.yaml", &file(ON));
    agreed(&space, &id);
    assert_eq!(first_bad(&space), None);
    // A key is declared where there is somebody to hand it over.
    space.write(
        "ordain.yaml",
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  payloads: {encrypt: {secret: a}}\n",
    );
    let found = space.ordain(&["lint", "--format", "json"]).expect_code(1).json();
    assert_eq!(found["diagnostics"][0]["code"], "missing-field", "{found}");
}

#[test]
fn keys_change_and_what_lay_in_the_clear_is_encrypted_without_losing_anything() {
    let space = space("");
    let first = held(&space);
    space.write("ordain.yaml", &file(ON));
    assert_eq!(ask(&space, &["show", &first]).expect_code(0).json()["run"]["state"], "waiting");
    let standing = doctor(&space);
    assert_eq!(
        (&standing["ok"], standing["detail"].as_str().unwrap().contains("in the clear")),
        (&json!(false), true)
    );
    let rotate = ["keys", "rotate", "--payloads", "--json", "--as"];
    let denied = space.ordain(&[&rotate[..], &["user:alice"]].concat());
    assert_eq!(denied.json()["error"]["code"], "not_permitted");
    // Killed in the middle, it is simply done again.
    let mut killed = space.command(&[&rotate[..], &["user:root"]].concat());
    assert!(said_by(killed.env("ORDAIN_FAULT", "mid-reencrypt")).stderr.contains("fault fired"));
    let done = space.ordain(&[&rotate[..], &["user:root"]].concat()).expect_code(0).json();
    assert!(done["rows"].as_u64().unwrap() > 0, "{done}");
    assert_eq!(holding(&space.path().join(".ordain")), 0, "not even in what was free in the file");
    assert_eq!(doctor(&space)["ok"], true);

    space.write(
        "ordain.yaml",
        &file("  payloads: {encrypt: {secret: payloads-two}, decrypt: [{secret: payloads-one}]}\n"),
    );
    agreed(&space, &first);
    let of = |id: &str| {
        let all = rows(&store(&space), "select substr(body, 1, 24) from payload order by run, seq");
        all.iter().filter(|one| one.contains(id)).count()
    };
    let [one, two]: [String; 2] = rows(&store(&space), "select value from meta where key = 'payloads'")[0]
        .trim_matches(|letter: char| !letter.is_ascii_hexdigit())
        .split(' ')
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert!(of(&one) > 0 && of(&two) > 0, "old ones are read, new ones are written under the new key");
    assert_eq!(first_bad(&space), None);
    space.ordain(&[&rotate[..], &["user:root"]].concat()).expect_code(0);
    assert_eq!(of(&one), 0);
    space.write("ordain.yaml", &file("  payloads: {encrypt: {secret: payloads-two}}\n"));
    assert_eq!(ask(&space, &["show", &first]).expect_code(0).json()["run"]["outputs"]["bird"], WORDS[0]);
    let said = ask(&space, &["audit", "tail", "--limit", "100"]).json();
    let records = said["records"].as_array().unwrap();
    assert!(records.iter().any(|one| one["action"] == "store.encrypted" && one["subject"] == two.as_str()));
    assert_eq!(first_bad(&space), None);
}

#[test]
fn a_payload_that_was_moved_or_changed_is_found() {
    for sql in [
        "insert into payload select run, seq + 1000, body from payload limit 1",
        "create table t as select * from payload; delete from payload; insert into payload select run, seq, substr(body, 1, length(body) - 1) || 'A' from t; drop table t",
    ] {
        let space = space(ON);
        held(&space);
        change(&store(&space), sql);
        assert!(first_bad(&space).unwrap().1.contains("payload"), "{sql}");
    }
}
