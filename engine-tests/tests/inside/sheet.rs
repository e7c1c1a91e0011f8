//! One validator of what may leave: the same vectors through the validator itself, through an export that the kernel
//! rehearses, and through lint.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use ordain_kernel::rehearsal::rehearse;
use ordain_plan::Grants;
use ordain_spec::check::check;
use ordain_spec::sheet;
use ordain_spec::source::{Notation, SourceFile, Sources};
use serde_json::Value;
use spec_lint::judge::judge;
use spec_lint::subject::Subject;

struct Vector {
    field: Value,
    value: Value,
    fits: bool,
}

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sheet/vectors.json");
    let read: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let vector = |one: Value| Vector {
        field: one["field"].clone(),
        value: one["value"].clone(),
        fits: one["fits"].as_bool().unwrap(),
    };
    read.into_iter().map(vector).collect()
}

/// The catalogue of the example with one more column, filled by a tag of that value.
fn sources(vector: &Vector, tag: &str) -> Sources {
    let specs = engine_tests::root().join("examples/evidence-export/specs");
    let mut sources = Sources::default();
    let mut add = |path: String, text: String| {
        sources.add(SourceFile::new(path, text.into(), Notation::Yaml));
    };
    for folder in ["capabilities", "connectors", "policies", "runbooks"] {
        for entry in std::fs::read_dir(specs.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let mut field = vector.field.clone();
            field["from"] = "tags.tested".into();
            let text = match path.file_name().unwrap().to_str().unwrap() {
                "meta.yaml" => format!("{text}    tested: {field}\n"),
                "close-ticket.yaml" => {
                    text.replace("{domain: billing}", &format!("{{domain: billing, tested: {tag}}}"))
                }
                "weekly-evidence.yaml" => text.replace("domain, ticket]", "domain, ticket, tested]"),
                _ => text,
            };
            add(format!("specs/{folder}/{}", path.file_name().unwrap().to_string_lossy()), text);
        }
    }
    sources
}

#[test]
fn the_validator_says_what_the_vectors_say() {
    for vector in vectors() {
        let checked = check(sources(&vector, "x"));
        let meta = checked.declarations.meta_schema.clone().unwrap();
        let said = sheet::fits(meta.spec.fields.get("tested").unwrap(), &vector.value);
        assert_eq!(said.is_ok(), vector.fits, "{} {}: {said:?}", vector.field, vector.value);
        if let (Err(why), Some(text)) = (said, vector.value.as_str().filter(|text| text.len() > 5)) {
            assert!(!why.contains(text), "a value is never repeated: {why}");
        }
    }
}

#[test]
fn an_export_and_lint_say_the_same() {
    let mut asked = 0;
    for vector in vectors() {
        // Tags are text, and text that is empty is none.
        let Some(text) = vector.value.as_str().filter(|text| !text.is_empty()) else { continue };
        let tag = Value::from(text).to_string();
        let subject = Subject::of_files(sources(&vector, &tag));
        let catalogue = Arc::clone(subject.catalogue().expect("no law is broken"));
        let found = judge(&subject, "2026-01-05T10:00:00Z".parse().unwrap(), None);
        let warned = found.iter().any(|one| one.code == "tag-outside-meta-schema");
        assert_eq!(warned, !vector.fits, "lint: {} {}", vector.field, vector.value);
        let scenario = &catalogue.scenarios["sheet-is-handed-over"];
        let played = rehearse(scenario, &catalogue, &Arc::new(Grants::default()));
        assert_eq!(
            played.passed, vector.fits,
            "an export: {} {}: {:?}",
            vector.field, vector.value, played.failures
        );
        asked += 1;
    }
    assert!(asked > 12, "{asked}");
}
