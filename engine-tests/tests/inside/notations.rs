//! The documents of the language page in both notations: the same specs, byte for byte of their digests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ordain_spec::catalogue::IndexEntry;
use ordain_spec::check::check;
use ordain_spec::source::{Notation, SourceFile, Sources};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/language")
}

/// Laws about one document alone: those the reader and the decoder report.
const READING: &[&str] = &[
    "expression-cut",
    "unparsable-file",
    "duplicate-key",
    "hidden-characters",
    "not-utf8",
    "alias-or-tag",
    "too-large-or-deep",
    "confusable-name",
    "unknown-field",
    "missing-field",
    "wrong-type",
    "out-of-range",
    "unknown-value",
    "bad-duration",
    "unsupported-api-version",
    "unknown-kind",
    "placeholder-value",
    "bad-name",
    "integer-too-large",
    "bad-requirement",
    "float-amount",
    "expression-syntax",
];

/// What a file declares, and what reading it found wrong.
fn load(path: &str, text: &str) -> (Vec<IndexEntry>, Vec<String>) {
    let mut sources = Sources::default();
    let notation = Notation::of_path(path).expect("an ending");
    sources.add(SourceFile::new(path.to_owned(), text.into(), notation));
    let checked = check(sources);
    // A roster is asked for in each catalogue; these are parts of one.
    let about_document = |problem: &&ordain_spec::diagnostic::Diagnostic| {
        READING.contains(&problem.code) && problem.primary.is_some()
    };
    let problems = checked.diagnostics.iter().filter(about_document);
    let shown = problems.map(|problem| {
        let label = problem.primary.as_ref().unwrap();
        let place = checked.declarations.sources.get(label.span.file).unwrap().line_column(label.span.start);
        format!("{path}:{place:?} {}: {}", problem.code, problem.message)
    });
    (checked.declarations.index(), shown.collect())
}

#[test]
fn both_notations_of_each_document_have_one_digest() {
    let mut pairs: BTreeMap<String, Vec<Vec<IndexEntry>>> = BTreeMap::new();
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (index, problems) = load(&path.display().to_string(), &text);
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(!index.is_empty(), "{} declares nothing", path.display());
        pairs.entry(path.file_stem().unwrap().to_string_lossy().into_owned()).or_default().push(index);
    }
    assert!(pairs.len() >= 10, "every kind stands in the fixtures");
    for (name, indexes) in pairs {
        let [one, other] = indexes.as_slice() else { panic!("{name} stands in {} notations", indexes.len()) };
        assert_eq!(one, other, "{name}");
    }
}

#[test]
fn what_is_implied_may_be_written() {
    let text = std::fs::read_to_string(fixtures().join("runbook.yaml")).unwrap();
    let digest = |text: &str| load("runbook.yaml", text).0.into_iter().next().expect("a runbook").digest;
    let before = digest(&text);
    let roles = "  roles: {run: ['role:operator'], view: ['role:viewer']}       # these are the defaults; cancel: as run\n";
    assert!(text.contains(roles));
    assert_eq!(digest(&text.replace(roles, "")), before);
    let retry = "      repeat: {";
    assert_eq!(
        digest(&text.replace(retry, &format!("      retry: {{attempts: 1, initial: 1s}}\n{retry}"))),
        before
    );
    assert_ne!(digest(&text.replace(retry, &format!("      retry: {{attempts: 2}}\n{retry}"))), before);
}

#[test]
fn a_change_of_meaning_changes_the_digest_and_a_change_of_words_does_not() {
    let text = std::fs::read_to_string(fixtures().join("capability.yaml")).unwrap();
    let digest = |text: &str| {
        let (index, problems) = load("capability.yaml", text);
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        index.into_iter().next().expect("a capability").digest
    };
    let before = digest(&text);
    for (from, to) in [
        ("Refunds a captured card payment.", "Pays back."),
        ("timeout: 30s", "timeout: 30000ms"),
        ("  operation: create-refund\n", "  operation: create-refund\n  description: For people.\n"),
        ("# the connector", "# a comment"),
        ("effect: write ", "effect: 'write' "),
        ("maxLength: 64, sensitivity: meta", "sensitivity: meta, maxLength: 64, optional: false"),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(digest(&text.replace(from, to)), before, "{to}");
    }
    for (from, to) in [
        ("timeout: 30s", "timeout: 31s"),
        ("tests: [refund-happy, refund-denied]", "tests: [refund-denied, refund-happy]"),
        ("input.amount <= ", "input.amount  <= "),
        ("risk: high", "risk: critical"),
        ("owner: group:payments", "owner: group:data"),
        ("maximum: 500000", "maximum: 500001"),
    ] {
        assert!(text.contains(from), "{from}");
        assert_ne!(digest(&text.replace(from, to)), before, "{to}");
    }
}
