//! An export whose file somebody changes in the store between the preview and its way out, and approvals of previews
//! that nobody made. Whatever is done, nothing leaves but the bytes that people agreed to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use engine_tests::{Said, Workspace};
use ordain_spec::digest::Digest;
use serde_json::Value;

use crate::store_tools::{by, change, rows, store};

const FLOW: &str = "weekly-evidence";

fn closed(tickets: &[&str]) -> Workspace {
    let space = Workspace::copy_of("examples/evidence-export");
    for ticket in tickets {
        by(&space, "user:alice", &["run", "close-ticket", "--input", &format!("ticket={ticket}")])
            .expect_code(0);
    }
    space
}

fn preview(space: &Workspace) -> Value {
    by(space, "user:alice", &["export", FLOW, "preview"]).expect_code(0).json()["preview"].clone()
}

fn text<'d>(document: &'d Value, field: &str) -> &'d str {
    document[field].as_str().unwrap()
}

fn approve(space: &Workspace, id: &str, digest: &str) -> Said {
    let words = ["--digest", digest, "--rationale", "looked at every row"];
    by(space, "user:carol", &[&["export", FLOW, "approve", id][..], &words].concat())
}

/// The file as an operator gets it; nothing where it is refused.
fn fetched(space: &Workspace, id: &str) -> Option<String> {
    let said = space.ordain(&["export", FLOW, "fetch", id, "--as", "user:bob"]);
    assert!(said.code != 0 || !said.stdout.is_empty(), "{said:?}");
    (said.code == 0).then_some(said.stdout)
}

fn releases(space: &Workspace) -> usize {
    let query = "select record from audit where instr(record, '\"action\":\"export.released\"') > 0";
    rows(&store(space), query).len()
}

/// What somebody does to the file of a preview. `R` is its run, `O` the run of another preview with a row more.
const CHANGED: [(&str, &str); 6] = [
    ("a letter of a row is another", "update payload set body = replace(body, 'T-1', 'T-9') where run = 'R'"),
    (
        "a byte is flipped",
        "update payload set body = replace(body, 'billing', 'cilling') where run = 'R' and instr(body, 'billing') > 0",
    ),
    (
        "another preview's file stands there under this one's name",
        "update payload set body = (select json_object(mine.key, theirs.value) from \
         (select key from json_each((select body from payload where run = 'R' and instr(body, 'T-1') > 0))) as mine, \
         (select value from json_each((select body from payload where run = 'O' and instr(body, 'T-2') > 0))) as theirs) \
         where run = 'R' and instr(body, 'T-1') > 0",
    ),
    (
        "another preview's payload stands there as it is",
        "update payload set body = (select body from payload where run = 'O' and instr(body, 'T-2') > 0) \
         where run = 'R' and instr(body, 'T-1') > 0",
    ),
    ("the payload with the file is gone", "delete from payload where run = 'R' and instr(body, 'T-1') > 0"),
    ("all payloads of the run are gone", "delete from payload where run = 'R'"),
];

/// Changes the file of the preview and makes sure that something was changed.
fn tamper(space: &Workspace, statements: &str, mine: &Value, other: &Value) {
    let statements = statements.replace("'R'", &format!("'{}'", text(mine, "run")));
    let statements = statements.replace("'O'", &format!("'{}'", text(other, "run")));
    // The texts of files stand in JSON: a line feed is two letters there.
    let before = rows(&store(space), "select run, seq, body from payload order by run, seq");
    change(&store(space), &statements);
    assert_ne!(
        rows(&store(space), "select run, seq, body from payload order by run, seq"),
        before,
        "{statements}"
    );
}

fn two_previews() -> (Workspace, Value, Value) {
    let space = closed(&["T-1"]);
    let mine = preview(&space);
    by(&space, "user:alice", &["run", "close-ticket", "--input", "ticket=T-2"]).expect_code(0);
    let other = preview(&space);
    (space, mine, other)
}

#[test]
fn a_file_that_was_changed_after_its_preview_is_not_released() {
    for (what, statements) in CHANGED {
        let (space, mine, other) = two_previews();
        tamper(&space, statements, &mine, &other);
        let said = approve(&space, text(&mine, "id"), text(&mine, "digest"));
        assert_ne!(said.code, 0, "{what}: {said:?}");
        assert_eq!(fetched(&space, text(&mine, "id")), None, "{what}");
        assert_eq!(releases(&space), 0, "{what}");
        let verified = space.ordain(&["audit", "verify", "--json"]).expect_code(1).json();
        assert!(text(&verified["firstBad"], "reason").contains(text(&mine, "run")), "{what}: {verified}");
    }
}

#[test]
fn a_file_that_was_changed_after_its_release_is_not_handed_out() {
    for (what, statements) in CHANGED {
        let (space, mine, other) = two_previews();
        approve(&space, text(&mine, "id"), text(&mine, "digest")).expect_code(0);
        let file = fetched(&space, text(&mine, "id")).unwrap();
        assert_eq!(Digest::of(file.as_bytes()).to_string(), text(&mine, "digest"));
        tamper(&space, statements, &mine, &other);
        assert_eq!(fetched(&space, text(&mine, "id")), None, "{what}");
        space.ordain(&["audit", "verify", "--json"]).expect_code(1);
    }
}

#[test]
fn in_a_store_without_previews_nothing_is_approved() {
    let space = closed(&["T-1"]);
    let zeros = format!("sha256:{}", "0".repeat(64));
    let invented = ["exp-00000000000000000000000000000000", "exp-", "e", ""];
    for id in invented {
        let said = approve(&space, id, &zeros);
        assert_eq!(said.expect_code(2).json()["error"]["code"], "not_found", "{id}");
        assert_eq!(fetched(&space, id), None);
    }
    // Nor by the verb that decides on everything, nor in a workspace that never had a store.
    let said = by(
        &space,
        "user:carol",
        &["approve", "apr-1", "--digest", &zeros, "--rationale", "looked at every row"],
    );
    assert_eq!(said.expect_code(2).json()["error"]["code"], "not_found");
    let empty = Workspace::copy_of("examples/evidence-export");
    assert_eq!(approve(&empty, invented[0], &zeros).expect_code(2).json()["error"]["code"], "not_found");
    assert_eq!((releases(&space), releases(&empty)), (0, 0));
}

/// A row of what crosses runs says what no journal says: a preview that nobody made, and a release that nobody agreed to.
#[test]
fn a_preview_that_somebody_wrote_into_the_store_is_none() {
    let (space, mine, other) = two_previews();
    let standing = format!("select key from world where kind = 'preview' and key = '{}'", text(&mine, "id"));
    assert_eq!(rows(&store(&space), &standing), [text(&mine, "id")]);
    let invented = "exp-00000000000000000000000000000000";
    change(
        &store(&space),
        &format!(
            "update world set value = replace(value, '\"previewed\"', '\"released\"') where kind = 'preview'; \
             insert into world(kind, key, value) select kind, '{invented}', value from world where kind = 'preview' limit 1"
        ),
    );
    for id in [text(&mine, "id"), text(&other, "id"), invented] {
        assert_eq!(fetched(&space, id), None, "{id}");
    }
    assert_eq!(approve(&space, invented, text(&mine, "digest")).json()["error"]["code"], "not_found");
    assert_eq!(releases(&space), 0);
}
