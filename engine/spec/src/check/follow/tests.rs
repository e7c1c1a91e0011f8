//! One fault of how a spec is written is one law: nothing follows from what could not be read.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::last_word;
use crate::check::check;
use crate::source::{Notation, SourceFile, Sources};

const PRELUDE: &str = include_str!("../../../tests/prelude.yaml");
/// In the place of the prelude's runbook: with inputs, what is made sure of, and a fan-out.
const STEPS: &str = "spec:
  inputs:
    key: {type: string, maxLength: 40, default: a}
    many: {type: array, maxItems: 5, items: {type: string, maxLength: 10}, default: []}
  steps:
    - {id: read, uses: note.read@^1, with: {name: '${ inputs.key }'}, ensures: [{id: told, expr: 'outputs.text != \"\"', reason: told}]}
    - {id: each, needs: [read], uses: note.read@^1, with: {name: '${ it }'}, forEach: {in: 'inputs.many', as: it, maxItems: 5}}
";
const PLAIN: &str = "spec: {steps: [{id: read, uses: note.read@^1, with: {name: first}}]}\n";

const WORKS: &str = "expect: {state: succeeded}";
const DECIDED: &str = "expect: {state: succeeded}, act: [{approve: peer, stage: team, by: user:ben}]";

/// The codes of the broken laws of the prelude after one change, each once; every document is a file.
fn broken(from: &str, to: &str) -> Vec<&'static str> {
    let prelude = PRELUDE.replace(PLAIN, STEPS).replace(WORKS, DECIDED);
    assert!(prelude.contains(STEPS) && prelude.contains(DECIDED));
    assert!(prelude.contains(from), "{from}");
    let prelude = prelude.replacen(from, to, 1);
    let mut sources = Sources::default();
    for (at, document) in prelude.split("\n---\n").enumerate() {
        let text = format!("apiVersion: ordain/v1\n{document}\n");
        sources.add(SourceFile::new(format!("{at:02}.yaml"), text.as_str().into(), Notation::Yaml));
    }
    let mut codes: Vec<_> = check(sources).diagnostics.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[test]
fn one_fault_is_one_law() {
    assert_eq!(broken("kind: Roster", "kind: Roster"), Vec::<&str>::new());
    let cases = [
        // Files that could not be read at all, or not to their end.
        (
            "hidden-characters",
            "summary: Reads a note.}\nspec:\n  inputs",
            "summary: Re\u{200b}ads.}\nspec:\n  inputs",
        ),
        ("unparsable-file", "    many: {type: array", "    many: [type: array"),
        ("unparsable-file", "applies: {capabilities: [note.*]}", "applies: {capabilities: [note.*}"),
        ("unparsable-file", "    ann: {type: human,", "    ann: {type: [human,"),
        // It is used as it would be called if it were well formed.
        (
            "bad-name",
            "{id: read, uses: note.read@^1, with: {name: '${ inputs.key }'}",
            "{id: Read, uses: note.read@^1, with: {name: '${ inputs.key }'}",
        ),
        // What selects or allows was dropped, or is less than was meant.
        ("bad-name", "{id: team, allow", "{id: Team, allow"),
        (
            "unknown-field",
            "applies: {capabilities: [note.*]}",
            "applies: {capabilities: [note.*], risks: [high]}",
        ),
        // A type that is not the author's has laws of its own.
        ("unknown-value", "type: mock", "type: htpp"),
        // What was written and dropped is declared all the same.
        ("unknown-value", "key: {type: string", "key: {type: text"),
        ("unknown-value", "bot: {type: service", "bot: {type: robot"),
        ("missing-field", "ann: {type: human, ", "ann: {"),
        ("missing-field", "stages: [{id: team, anyOf: ['group:team'], ", "stages: [{id: team, "),
        ("missing-field", "read: {effect: read, ", "read: {"),
        ("missing-field", "forEach: {in: 'inputs.many', ", "forEach: {"),
        // What was written badly is not missing besides.
        ("unknown-value", "failureMode: halt", "failureMode: retries"),
        ("bad-name", "owner: group:team\n  summary: Reads", "owner: team\n  summary: Reads"),
        ("wrong-type", "maxItems: 5, items", "maxItems: '5', items"),
        (
            "wrong-type",
            "input: {text: {type: string, maxLength: 400",
            "input: {text: {type: string, maxLength: '400'",
        ),
        // A step whose `uses` could not be read gives what is not known.
        ("bad-requirement", "read, uses: note.read@^1", "read, uses: note.read@>=1"),
        ("wrong-type", "read, uses: note.read@^1", "read, uses: 5"),
        ("unresolved-reference", "read, uses: note.read@^1", "read, uses: note.raed@^1"),
    ];
    let wrong: Vec<_> = cases
        .iter()
        .map(|(law, from, to)| (law, to, broken(from, to)))
        .filter(|(law, _, found)| *found != [**law])
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_name_that_stands_nowhere_is_said_beside_another_fault() {
    let people = "bot: {type: service, custodians: ['user:ben']}";
    let other =
        "bot: {type: robot, custodians: ['user:ben']}\n    dog: {type: service, custodians: ['user:nobody']}";
    assert_eq!(broken(people, other), ["unknown-principal", "unknown-value"]);
    let read = "expr: 'outputs.text != \"\"', reason: told}]}";
    let other = "expr: 'inputs.kye != \"\"', reason: told}], showw: {}}";
    assert_eq!(broken(read, other), ["undeclared-input", "unknown-field"]);
}

#[test]
fn the_name_is_the_last_word_of_how_it_is_written() {
    let cases = [("'user:alice'", "alice"), ("db.get", "get"), ("['no-one']", "no-one"), ("it", "it")];
    for (written, name) in cases {
        assert_eq!(last_word(written), Some(name), "{written}");
    }
    assert_eq!(last_word("''"), None);
}
