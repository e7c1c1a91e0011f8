//! What `--format sarif` writes is SARIF 2.1.0 by the schema of the standard, judged by a validator that
//! knows nothing of us.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use jiff::Timestamp;
use serde_json::Value;
use spec_lint::{Asked, lint, render};

fn valid(document: &Value) -> Result<(), String> {
    let text = include_str!("fixtures/sarif-schema-2.1.0.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("sarif.json", schema).unwrap();
    let index: SchemaIndex = compiler.compile("sarif.json", &mut schemas).unwrap();
    schemas.validate(document, index).map_err(|error| format!("{error:#}"))
}

fn asked() -> Asked {
    Asked { as_of: Timestamp::UNIX_EPOCH, remarks: true, against: None }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The refused snippets of all pages, as files of one folder.
fn refused(folder: &Path) {
    for slug in ordain_spec::check::slugs() {
        let page = ordain_spec::check::page(slug).unwrap();
        let below = page.split_once("## Refused").unwrap().1.split("\n## ").next().unwrap();
        for (at, block) in below.split("```yaml\n").skip(1).enumerate() {
            let text = block.split("```").next().unwrap();
            std::fs::write(folder.join(format!("{slug} {at}.yaml")), text).unwrap();
        }
    }
}

#[test]
fn the_document_is_valid_whatever_was_found() {
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path());
    let report = lint(folder.path(), &[PathBuf::from(".")], &asked()).unwrap();
    assert!(report.summary().laws > 100);
    let document = render::sarif(&report, "a folder");
    valid(&document).unwrap();
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in results {
        let number = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[number]["id"], result["ruleId"]);
    }
    let places = results
        .iter()
        .filter_map(|one| one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str());
    assert!(places.clone().count() > 100);
    assert!(
        places.clone().all(|uri| uri.starts_with("a%20folder/")),
        "{:?}",
        places.take(3).collect::<Vec<_>>()
    );
    let mut prints: Vec<&str> =
        results.iter().map(|one| one["partialFingerprints"]["ordain/v2"].as_str().unwrap()).collect();
    let count = prints.len();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), count, "no two findings have one fingerprint");
    assert!(results.iter().any(|one| one["fixes"].is_array()));
}

#[test]
fn the_document_is_valid_where_nothing_was_found() {
    let report = lint(&root(), &[PathBuf::from("specs")], &asked()).unwrap();
    valid(&render::sarif(&report.without_infos(), "")).unwrap();
}

#[test]
fn what_a_comment_let_pass_is_shown_as_suppressed() {
    let folder = tempfile::tempdir().unwrap();
    let comment = "# lint-allow: file-name-differs until=2030-01-01 by=user:ann reason=\"it moves soon\"";
    let text = format!(
        "apiVersion: ordain/v1\nkind: Runbook\nmetadata:\n  {comment}\n  name: other\n  version: 1.0.0\n  \
         owner: user:ann\n  summary: Waits.\nspec: {{steps: [{{id: rest, wait: 1s}}]}}\n"
    );
    std::fs::write(folder.path().join("one.yaml"), text).unwrap();
    let report = lint(folder.path(), &[PathBuf::from(".")], &asked()).unwrap();
    let document = render::sarif(&report, "");
    valid(&document).unwrap();
    let results = document["runs"][0]["results"].as_array().unwrap();
    let of_rule: Vec<&Value> = results.iter().filter(|one| one["ruleId"] == "file-name-differs").collect();
    assert_eq!(of_rule.len(), 1, "{results:#?}");
    let suppressions = &of_rule[0]["suppressions"];
    assert_eq!(suppressions[0]["kind"], "inSource");
    assert_eq!(suppressions[0]["justification"], "it moves soon (user:ann, until 2030-01-01)");
    let others = results.iter().filter(|one| one["ruleId"] != "file-name-differs");
    assert!(others.into_iter().all(|one| one["suppressions"].is_null()));
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let report = lint(&root(), &[PathBuf::from("specs")], &asked()).unwrap();
    let mut document = render::sarif(&report, "");
    document["runs"][0]["results"] = serde_json::json!([{"ruleId": "x"}]);
    assert!(valid(&document).is_err());
}

/// The fingerprints of what is found in one file.
fn prints(name: &str, text: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let report = lint(folder.path(), &[PathBuf::from(".")], &asked()).unwrap();
    let document = render::sarif(&report, "");
    let results = document["runs"][0]["results"].as_array().unwrap().clone();
    let codes = results.iter().map(|one| (one["ruleId"].clone(), one["partialFingerprints"].clone()));
    codes.map(|(code, print)| serde_json::json!([code, print])).collect()
}

#[test]
fn a_fingerprint_stays_when_lines_move() {
    let text = "apiVersion: ordain/v1\nkind: Policyy\nmetadata: {name: a}\n";
    let before = prints("a.yaml", text);
    assert!(!before.is_empty());
    assert_eq!(before, prints("a.yaml", &format!("# a comment\n\n{text}")));
    assert_eq!(before, prints("a.yaml", &text.replace("{name: a}", "\n  name: a")));
    assert_ne!(before, prints("b.yaml", text));
}

#[test]
fn no_secret_can_be_guessed_from_a_fingerprint() {
    let text = |secret: &str| {
        format!(
            "apiVersion: ordain/v1\nkind: Connector\nmetadata: {{name: a, version: 1.0.0, owner: user:ann, \
             summary: A.}}\nspec:\n  type: http\n  password: {secret}\n  {secret}: [{secret}, {{id: {secret}, x: 1}}]\n  \
             operations: {{}}\n"
        )
    };
    let one = prints("a.yaml", &text("pw1"));
    assert!(one.iter().any(|print| print[0] == "secret-literal"), "{one:#?}");
    assert_eq!(one, prints("a.yaml", &text("zx9")));
}
