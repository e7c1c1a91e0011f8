//! A sealed catalogue in profile `prod`: what is not exactly what a trusted key signed is not active, and it is said
//! and recorded why.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;

use engine_tests::Workspace;
use serde_json::Value;

use crate::store_tools::{change, store};

/// A workspace in `prod` whose operator trusts a release key.
fn prod() -> Workspace {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let document = workspace.ordain(&["keys", "init", "release", "--json"]).expect_code(0).json();
    let key = document["publicKey"].as_str().unwrap().to_owned();
    let file = format!(
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  profile: prod\n  trust: [{{id: release-1, key: '{key}'}}]\n"
    );
    workspace.write("ordain.yaml", &file);
    workspace
}

fn sealed() -> Workspace {
    let workspace = prod();
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    sign(&workspace, &[]).expect_code(0);
    workspace
}

fn sign(workspace: &Workspace, more: &[&str]) -> engine_tests::Said {
    workspace.ordain(&[&["bundle", "sign", "--key", ".ordain/keys/release.key"], more].concat())
}

/// Why a start is refused; none where it is not the seal.
fn refusal(workspace: &Workspace) -> Option<String> {
    let said = workspace.ordain(&["run", "read-note", "--json"]);
    let document = said.json();
    let reason = &document["refused"]["reasons"][0];
    reason["code"].as_str().map(|code| {
        said.expect_code(3);
        format!("{code}: {}", reason["detail"].as_str().unwrap_or_default())
    })
}

fn last_records(workspace: &Workspace) -> Vec<Value> {
    let document = workspace.ordain(&["audit", "tail", "--json"]).expect_code(0).json();
    document["records"].as_array().unwrap().clone()
}

#[test]
fn a_sealed_catalogue_is_active_in_prod_and_an_unsigned_one_is_not() {
    let workspace = prod();
    assert!(refusal(&workspace).unwrap().starts_with("unsigned_catalogue: "), "no bundle");
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    assert!(refusal(&workspace).unwrap().contains("not signed"));
    sign(&workspace, &[]).expect_code(0);
    // Now it is the person that is not known: a local verb in `prod` does not say who acts.
    assert_eq!(refusal(&workspace), None);
    assert_eq!(workspace.ordain(&["run", "read-note", "--json"]).json()["error"]["code"], "unauthenticated");
    let document = workspace.ordain(&["bundle", "verify", "--json"]).expect_code(0).json();
    assert_eq!((&document["signers"][0], &document["active"]), (&"release-1".into(), &true.into()));
}

#[test]
fn a_tampered_runbook_is_refused_and_the_record_says_so() {
    let workspace = sealed();
    let path = workspace.path().join("specs/runbooks/read-note.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("summary:", "summary: Really")).unwrap();
    let why = refusal(&workspace).unwrap();
    assert!(why.starts_with("unsigned_catalogue: ") && why.contains("read-note.yaml"), "{why}");
    let records = last_records(&workspace);
    for action in ["catalogue.refused", "run.refused"] {
        let is_it = |record: &&Value| record["action"] == action;
        let record = records.iter().rev().find(is_it).unwrap();
        assert_eq!(record["reasons"][0]["code"], "unsigned_catalogue", "{action}");
    }
    workspace.ordain(&["audit", "verify"]).expect_code(0);
    fs::write(&path, text).unwrap();
    assert_eq!(refusal(&workspace), None, "put back, it is the signed one again");
}

#[test]
fn untrusted_expired_and_older_bundles_are_refused_and_it_is_said_why() {
    let workspace = sealed();
    let first = fs::read(workspace.path().join("catalogue.bundle")).unwrap();
    assert_eq!(refusal(&workspace), None);
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    sign(&workspace, &[]).expect_code(0);
    assert_eq!(refusal(&workspace), None);
    fs::write(workspace.path().join("catalogue.bundle"), &first).unwrap();
    let older = refusal(&workspace).unwrap();
    assert!(older.contains("was active already"), "{older}");
    // It is signed all the same; it is not what counts here.
    let said = workspace.ordain(&["bundle", "verify", "--json"]).expect_code(0).json();
    assert_eq!((&said["ok"], &said["active"]), (&true.into(), &false.into()), "{said}");
    assert!(said["inactive"].as_str().unwrap().contains("was active already"), "{said}");
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    sign(&workspace, &["--valid", "1ms"]).expect_code(0);
    assert!(refusal(&workspace).unwrap().contains("expired"));
    workspace.ordain(&["bundle", "verify"]).expect_code(1);
    workspace.ordain(&["keys", "init", "thief"]).expect_code(0);
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    let thief = ["bundle", "sign", "--key", ".ordain/keys/thief.key"];
    workspace.ordain(&thief).expect_code(2);
    workspace.ordain(&[&thief[..], &["--id", "thief"]].concat()).expect_code(0);
    assert!(refusal(&workspace).unwrap().contains("no trusted key"));
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    workspace.ordain(&[&thief[..], &["--id", "release-1"]].concat()).expect_code(0);
    assert!(refusal(&workspace).unwrap().contains("does not verify"));
}

/// Whoever has the data base could else make a strict store a lax one, or let an older bundle in.
#[test]
fn what_a_store_says_of_its_profile_and_seal_is_bound_to_its_log() {
    let changes = [
        "update meta set value = 'dev' where key = 'profile'",
        "delete from meta where key = 'profile'",
        "update meta set value = '2020-01-01T00:00:00Z' where key = 'sealed'",
        "delete from meta where key = 'sealed'",
        "update meta set value = 'dev' where key = 'profile'; update journal set event = replace(event, '\"prod\"', '\"dev\"') where run = 'system'",
        "update meta set value = 'dev' where key = 'profile'; delete from journal where event like '%stanceTaken%'",
    ];
    for statements in changes {
        let workspace = sealed();
        assert_eq!(refusal(&workspace), None);
        let first = last_records(&workspace).remove(0);
        assert_eq!(
            (&first["action"], &first["subject"]),
            (&"workspace.changed".into(), &"profile:prod".into())
        );
        workspace.ordain(&["audit", "verify"]).expect_code(0);
        change(&store(&workspace), statements);
        let said = workspace.ordain(&["audit", "verify", "--json"]).expect_code(1).json();
        assert!(said["firstBad"]["reason"].is_string(), "{statements}: {said}");
        let operators = fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
        for profile in ["dev", "prod"] {
            let as_wished = operators.replace("profile: prod", &format!("profile: {profile}"));
            workspace.write("ordain.yaml", &as_wished);
            let said = workspace.ordain(&["run", "read-note", "--json"]).expect_code(2).json();
            assert_eq!(said["error"]["code"], "audit_unavailable", "{profile} {statements}: {said}");
        }
    }
    // A store of profile `dev` cannot be made to claim to be a strict one either.
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let start = ["run", "read-note", "--as", "user:alice", "--json"];
    workspace.ordain(&start).expect_code(0);
    change(&store(&workspace), "update meta set value = 'prod' where key = 'profile'");
    workspace.ordain(&["audit", "verify"]).expect_code(1);
    assert_eq!(workspace.ordain(&start).expect_code(2).json()["error"]["code"], "audit_unavailable");
}

#[test]
fn a_signature_that_never_counts_or_that_nobody_can_name_is_not_made() {
    let workspace = prod();
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    let before = fs::read(workspace.path().join("catalogue.bundle")).unwrap();
    for more in [["--valid", "0s"], ["--id", ""], ["--id", " "], ["--id", "release\t1"]] {
        let said = sign(&workspace, &[&more[..], &["--json"]].concat()).expect_code(2).json();
        assert_eq!(said["error"]["code"], "usage", "{more:?} {said}");
        assert!(fs::read(workspace.path().join("catalogue.bundle")).unwrap() == before, "{more:?}");
    }
    sign(&workspace, &["--valid", "1s", "--id", "release-1"]).expect_code(0);
}

#[test]
fn a_bundle_is_the_same_bytes_and_a_second_key_joins_the_first() {
    let workspace = sealed();
    let build = |file: &str| {
        workspace.ordain(&["bundle", "build", "-o", file]).expect_code(0);
        fs::read(workspace.path().join(file)).unwrap()
    };
    assert!(build("one.bundle") == build("two.bundle"));
    let next = workspace.ordain(&["keys", "init", "next", "--json"]).expect_code(0).json();
    let next = next["publicKey"].as_str().unwrap();
    workspace
        .ordain(&["bundle", "sign", "--key", ".ordain/keys/next.key", "--id", "release-2"])
        .expect_code(0);
    // While keys change either is enough: the operator's file says which.
    let file = fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
    let both = file.replace("trust: [", &format!("trust: [{{id: release-2, key: '{next}'}}, "));
    workspace.write("ordain.yaml", &both);
    let document = workspace.ordain(&["verify", "catalogue.bundle", "--json"]).expect_code(0).json();
    assert_eq!(document["signers"], serde_json::json!(["release-1", "release-2"]));
    assert_eq!(refusal(&workspace), None);
    let elsewhere = Workspace::empty();
    fs::copy(workspace.path().join("catalogue.bundle"), elsewhere.path().join("c.bundle")).unwrap();
    elsewhere.ordain(&["verify", "c.bundle"]).expect_code(1);
    elsewhere.ordain(&["verify", "c.bundle", "--key", next]).expect_code(0);
    workspace.write("notes.txt", "mine");
    workspace.ordain(&["bundle", "build", "-o", "notes.txt"]).expect_code(2);
}

#[test]
fn default_keys_are_refused_in_prod() {
    let workspace = Workspace::empty();
    workspace.ordain(&["init"]).expect_code(0);
    let document = workspace.ordain(&["keys", "init", "release", "--json"]).expect_code(0).json();
    let key = document["publicKey"].as_str().unwrap();
    let file = format!(
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  catalogue: [specs, std]\n  profile: prod\n  trust: [{{id: release-1, key: '{key}'}}]\n"
    );
    workspace.write("ordain.yaml", &file);
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    sign(&workspace, &[]).expect_code(0);
    let said = workspace.ordain(&["run", "hello", "--json"]);
    let document = said.expect_code(3).json();
    let why = document["refused"]["reasons"][0]["detail"].as_str().unwrap();
    assert!(why.contains("default key") && why.contains("user:"), "{why}");
    // The advice is about what is wrong: another seal would not help.
    let doctor = workspace.ordain(&["doctor", "--prod", "--json"]).expect_code(1).json();
    let mut checks = doctor["checks"].as_array().unwrap().iter();
    let check = checks.find(|check| check["id"] == "prod-seal").unwrap();
    let hint = check["hint"].as_str().unwrap();
    assert!(hint.contains("keys init") && !hint.contains("bundle"), "{check}");
}

#[test]
fn an_operators_file_where_authors_write_is_refused_in_prod() {
    let workspace = sealed();
    assert_eq!(refusal(&workspace), None);
    let operators = fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
    // Authors could bring their own `trust` in a folder of theirs, or edit the operator's.
    workspace.write("specs/ordain.yaml", &operators);
    let inner = refusal(&workspace).unwrap();
    assert!(inner.contains("`specs/ordain.yaml` is an operator's file inside the catalogue"), "{inner}");
    fs::remove_file(workspace.path().join("specs/ordain.yaml")).unwrap();
    workspace.write("ordain.yaml", &operators.replace("profile: prod", "profile: prod\n  catalogue: [.]"));
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    sign(&workspace, &[]).expect_code(0);
    let around = refusal(&workspace).unwrap();
    assert!(around.contains("lies inside the catalogue folder `.`"), "{around}");
    let checks = workspace.ordain(&["doctor", "--prod", "--json"]).expect_code(1).json();
    let check =
        |id: &str| checks["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).cloned();
    for id in ["prod-workspace", "prod-seal"] {
        assert_eq!(check(id).unwrap()["ok"], false, "{id}: {checks}");
    }
}

#[test]
fn the_keys_of_examples_are_known_as_published() {
    let mut found = 0;
    for example in fs::read_dir(engine_tests::root().join("examples")).unwrap().flatten() {
        let Ok(roster) = fs::read_to_string(example.path().join("specs/policies/roster.yaml")) else {
            continue;
        };
        let known = fs::read_to_string(engine_tests::root().join("engine/runtime/src/seal.rs")).unwrap();
        for key in roster.split('\'').filter(|text| text.starts_with("ed25519:")) {
            assert!(known.contains(key), "{key} of {}", example.path().display());
            found += 1;
        }
    }
    assert!(found > 0);
}
