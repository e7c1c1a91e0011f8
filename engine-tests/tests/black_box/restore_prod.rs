//! Putting a copy back in profile `prod`: by the key of a person with `role:admin` under a sealed catalogue, and by
//! nobody else; and nothing becomes weaker by what stands in the operator's file or in the store.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;

use engine_tests::{Said, Workspace};

use crate::store_tools::{change, code, rows, store};

/// A store that was opened in `prod`, a copy of it, keys of ann (admin), ben (none) and eve (nobody).
fn space() -> Workspace {
    let space = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let key = |name: &str| {
        let said = space.ordain(&["keys", "init", name, "--json"]).expect_code(0).json();
        said["publicKey"].as_str().unwrap().to_owned()
    };
    let (release, ann, ben, eve) = (key("release"), key("ann"), key("ben"), key("eve"));
    let roster = space.path().join("specs/policies/roster.yaml");
    let text = fs::read_to_string(&roster).unwrap();
    let people = format!(
        "  people:\n    ann: {{type: human, email: ann@example.org, key: '{ann}'}}\n    ben: {{type: human, email: ben@example.org, key: '{ben}'}}\n    bot: {{type: service, custodians: ['user:ann'], key: '{eve}'}}\n"
    );
    let text = text.replacen("  people:\n", &people, 1);
    let text = text.replacen("admin: ['user:alice']", "admin: ['user:ann', 'user:bot']", 1);
    fs::write(&roster, text).unwrap();
    space.ordain(&["run", "read-note", "--as", "user:alice"]).expect_code(0);
    let file = format!(
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  profile: prod\n  trust: [{{id: release-1, key: '{release}'}}]\n"
    );
    space.write("ordain.yaml", &file);
    space.ordain(&["bundle", "build"]).expect_code(0);
    space.ordain(&["bundle", "sign", "--key", ".ordain/keys/release.key"]).expect_code(0);
    space.ordain(&["runs"]).expect_code(0);
    space.ordain(&["backup", "copy.db"]).expect_code(0);
    space
}

fn restore(space: &Workspace, more: &[&str]) -> Said {
    space.ordain(&[&["restore", "copy.db", "--json"], more].concat())
}

const ANN: [&str; 2] = ["--key", ".ordain/keys/ann.key"];

fn restored(space: &Workspace) -> serde_json::Value {
    let tail = space.ordain(&["audit", "tail", "-n", "50", "--json"]).expect_code(0).json();
    let records = tail["records"].as_array().unwrap();
    records.iter().rfind(|record| record["action"] == "store.restored").cloned().unwrap_or_default()
}

#[test]
fn the_key_of_an_admin_puts_a_copy_back_and_the_record_says_who_signed() {
    let space = space();
    fs::remove_file(store(&space)).unwrap();
    restore(&space, &ANN).expect_code(0);
    space.ordain(&["runs"]).expect_code(0);
    let record = restored(&space);
    assert_eq!(
        (&record["actor"]["id"], &record["assurance"]),
        (&"user:ann".into(), &"signed".into()),
        "{record}"
    );
    space.ordain(&["audit", "verify"]).expect_code(0);
    let event =
        "select event from journal where run = 'system' and json_extract(event, '$.type') = 'restored'";
    let event: serde_json::Value = serde_json::from_str(&rows(&store(&space), event)[0]).unwrap();
    assert_eq!(event["signed"]["statement"]["by"], "user:ann", "{event}");
}

#[test]
fn nobody_else_puts_a_copy_back_in_prod() {
    let space = space();
    let before = fs::read(store(&space)).unwrap();
    for (more, expected) in [
        (&[][..], "unauthenticated"),
        (&["--as", "user:ann"], "unauthenticated"),
        (&["--key", ".ordain/keys/ben.key"], "not_permitted"),
        (&["--key", ".ordain/keys/release.key"], "interactive_required"),
        // Its custodian has the key of a machine.
        (&["--key", ".ordain/keys/eve.key"], "interactive_required"),
        (&["--key", ".ordain/keys/ben.key", "--as", "user:ann"], "interactive_required"),
        (&["--key", "ordain.yaml"], "usage"),
    ] {
        assert_eq!(code(&restore(&space, more)), expected, "{more:?}");
        assert_eq!(fs::read(store(&space)).unwrap(), before, "{more:?}");
    }
    // A roster that nobody signed names nobody.
    let roster = space.path().join("specs/policies/roster.yaml");
    let text = fs::read_to_string(&roster).unwrap();
    fs::write(&roster, text.replace("admin: ['user:ann'", "admin: ['user:ben', 'user:ann'")).unwrap();
    assert_eq!(code(&restore(&space, &["--key", ".ordain/keys/ben.key"])), "unsigned_catalogue");
    fs::write(&roster, text).unwrap();
    restore(&space, &ANN).expect_code(0);
}

#[test]
fn the_operators_file_makes_no_store_of_prod_weaker() {
    let space = space();
    let before = fs::read(store(&space)).unwrap();
    space.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {profile: dev}\n");
    assert_eq!(code(&restore(&space, &[])), "profile_downgrade");
    assert_eq!(code(&restore(&space, &["--as", "user:ann", "--discard-newer"])), "profile_downgrade");
    assert_eq!(fs::read(store(&space)).unwrap(), before);
    // Also where the store is gone: the copy says it of itself.
    fs::remove_file(store(&space)).unwrap();
    assert_eq!(code(&restore(&space, &[])), "profile_downgrade");
    assert!(!store(&space).exists());
}

/// Somebody who has the files writes into the store that ann put it back.
#[test]
fn a_claim_that_nobody_signed_names_nobody() {
    let space = space();
    let zeros = format!("sha256:{}", "0".repeat(64));
    let claim = format!(
        "{{\"type\":\"restored\",\"from\":\"{zeros}\",\"records\":3,\"by\":{{\"id\":\"user:ann\",\"type\":\"human\"}}}}"
    );
    change(&store(&space), &format!("insert into meta(key, value) values ('restored', '{claim}')"));
    space.ordain(&["runs"]).expect_code(0);
    let record = restored(&space);
    assert_eq!(record["actor"]["id"], "system", "{record}");
    assert_eq!(record["assurance"], serde_json::Value::Null, "{record}");
    // Nor does a signature over something else.
    fs::remove_file(store(&space)).unwrap();
    restore(&space, &ANN).expect_code(0);
    let meta = rows(&store(&space), "select value from meta where key = 'restored'").remove(0);
    let other = meta.replacen("\"records\":", "\"records\":1", 1);
    change(&store(&space), &format!("update meta set value = '{other}' where key = 'restored'"));
    space.ordain(&["runs"]).expect_code(0);
    assert_eq!(restored(&space)["actor"]["id"], "system");
}
