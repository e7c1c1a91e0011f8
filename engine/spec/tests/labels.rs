//! A label follows the data through every form an expression may have: whatever a sink above whose clearance it stands
//! is given is refused, and nothing else is. Forms × labels × clearances × where the label is declared.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use ordain_spec::check::check;
use ordain_spec::source::{Notation, SourceFile, Sources};

const LABELS: [&str; 5] = ["public", "meta", "internal", "personal", "raw"];

/// What a step reads, and whether it comes to text, a number, a list or an object. `A` is the step that gives.
const FORMS: [(&str, &str); 34] = [
    ("text", "A.v"),
    ("text", "A.v + 'x'"),
    ("text", "inputs.flag ? A.v : 'x'"),
    ("text", "inputs.flag ? 'x' : A.v"),
    ("text", "A.v == 'q' ? 'yes' : 'no'"),
    ("text", "A.v != 'q' && inputs.flag ? 'yes' : 'no'"),
    ("text", "A.n > 3 ? 'more' : 'less'"),
    ("text", "A.v.startsWith('a') ? 'yes' : 'no'"),
    ("text", "A.v.endsWith('a') ? 'yes' : 'no'"),
    ("text", "A.v.contains('a') ? 'yes' : 'no'"),
    ("text", "A.v.matches('a+') ? 'yes' : 'no'"),
    ("text", "A.v.lowerAscii()"),
    ("text", "string(A.n)"),
    ("text", "string(size(A.v))"),
    ("text", "has(A.maybe) ? 'yes' : 'no'"),
    ("text", "has(A.maybe) ? A.maybe : 'x'"),
    ("text", "'q' in A.list ? 'yes' : 'no'"),
    ("text", "A.v in ['p', 'q'] ? 'yes' : 'no'"),
    ("text", "size(A.list) > 0 ? A.list[0] : 'x'"),
    ("text", "A.list.exists(i, i == 'q') ? 'yes' : 'no'"),
    ("text", "A.list.all(i, i == 'q') ? 'yes' : 'no'"),
    ("text", "A.list.exists_one(i, i == 'q') ? 'yes' : 'no'"),
    ("text", "['p', 'q'].exists(i, i == A.v) ? 'yes' : 'no'"),
    ("text", "['p', 'q'].filter(i, i != A.v)[0]"),
    ("text", "[A.v][0]"),
    ("text", "A.o.k"),
    ("number", "A.n"),
    ("number", "A.n * 2 + 1"),
    ("number", "min(A.n, 3)"),
    ("number", "size(A.list)"),
    ("number", "size(A.list.filter(i, i == 'q'))"),
    ("list", "A.list"),
    ("list", "A.list.map(i, i + 'x')"),
    ("object", "A.o"),
];

/// Where the label stands: on the field, or on what is in it.
fn outputs(label: &str, inside: bool) -> String {
    let (on, within) = if inside { ("public", label) } else { (label, "public") };
    format!(
        "{{v: {{type: string, maxLength: 9, sensitivity: {label}}}, n: {{type: integer, minimum: 0, maximum: 9, sensitivity: {label}}}, \
         maybe: {{type: string, maxLength: 9, optional: true, sensitivity: {label}}}, \
         list: {{type: array, maxItems: 3, sensitivity: {on}, items: {{type: string, maxLength: 9, sensitivity: {within}}}}}, \
         o: {{type: object, sensitivity: {on}, fields: {{k: {{type: string, maxLength: 9, sensitivity: {within}}}}}}}}}"
    )
}

const PEOPLE: &str = "apiVersion: ordain/v1
kind: Roster
metadata: {name: roster, owner: 'group:team', summary: Who.}
spec:
  people: {ann: {type: human, email: ann@example.org}, ben: {type: human, email: ben@example.org}}
  groups: {team: ['user:ann', 'user:ben']}
  roles: {operator: ['group:team'], viewer: ['group:team']}
---
apiVersion: ordain/v1
kind: Policy
metadata: {name: may, version: 1.0.0, owner: 'group:team', summary: May.}
spec: {applies: {capabilities: [t.*]}, rules: [{id: may, allow: 'true', to: ['role:operator'], reason: may}]}
---
apiVersion: ordain/v1
kind: Approval
metadata: {name: look, version: 1.0.0, owner: 'group:team', summary: Somebody else.}
spec: {stages: [{id: one, anyOf: ['group:team'], expires: 1h}]}
";

fn capability(name: &str, uses: &str, shape: &str) -> String {
    format!(
        "---\napiVersion: ordain/v1\nkind: Capability\nmetadata:\n  name: t.{name}\n  version: 1.0.0\n  owner: 'group:team'\n  summary: A test.\n  risk: low\n  failureMode: retry\n  rollback: {{none: needless, why: It changes nothing.}}\n  tests: [runs]\nspec: {{effect: read, uses: {uses}, operation: do, {shape}}}\n"
    )
}

fn connector(name: &str, clearance: &str, mock: &str) -> String {
    format!(
        "---\napiVersion: ordain/v1\nkind: Connector\nmetadata: {{name: {name}, version: 1.0.0, owner: 'group:team', summary: A test.}}\nspec: {{type: mock, clearance: {clearance}, operations: {{do: {{effect: read, mock: {{output: {mock}}}}}}}}}\n"
    )
}

/// Slugs of the broken laws of a runbook with these steps after `a`.
fn laws(given: &str, clearance: &str, takes: &str, steps: &str, more: &str) -> Vec<&'static str> {
    let text = [
        PEOPLE.to_owned(),
        connector("source", "raw", "{v: x, n: 1, list: [x], o: {k: x}}"),
        connector("sink", clearance, "{}"),
        capability("give", "source", &format!("output: {given}")),
        capability("take", "sink", &format!("input: {takes}")),
        format!(
            "---\napiVersion: ordain/v1\nkind: Runbook\nmetadata: {{name: flows, version: 1.0.0, owner: 'group:team', summary: A test.}}\nspec:\n  inputs: {{flag: {{type: boolean, default: true, sensitivity: public}}}}\n  steps:\n    - {{id: a, uses: t.give}}\n{steps}"
        ),
        "---\napiVersion: ordain/v1\nkind: Scenario\nmetadata: {name: runs, owner: 'group:team', summary: A test.}\nspec: {run: flows, as: 'user:ann', at: 2026-01-05T10:00:00Z, expect: {state: succeeded}}\n".to_owned(),
        more.to_owned(),
    ]
    .concat();
    let mut sources = Sources::default();
    sources.add(SourceFile::new("all.yaml".to_owned(), text.as_str().into(), Notation::Yaml));
    let mut found: Vec<&str> = check(sources).diagnostics.iter().map(|one| one.code).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The fields that a sink takes: as public as can be, so that only its connector's clearance counts.
fn takes(kind: &str, label: &str) -> String {
    let text = format!("type: string, maxLength: 40, sensitivity: {label}");
    let of = match kind {
        "text" => "type: string, maxLength: 40".to_owned(),
        "number" => "type: integer, minimum: -100, maximum: 100".to_owned(),
        "list" => format!("type: array, maxItems: 9, items: {{{text}}}"),
        _ => format!("type: object, fields: {{k: {{{text}}}}}"),
    };
    format!("{{x: {{{of}, sensitivity: {label}}}}}")
}

fn step(form: &str, around: [&str; 2]) -> String {
    let form = form.replace("A.", "steps.a.outputs.");
    let [before, after] = around;
    format!(
        "    - id: b\n      needs: [a]\n      uses: t.take\n      with: {{x: \"{before}${{ {form} }}{after}\"}}\n"
    )
}

fn rank(label: &str) -> usize {
    LABELS.iter().position(|known| *known == label).unwrap()
}

#[test]
fn no_form_of_an_expression_loses_a_label() {
    for (kind, form) in FORMS {
        for label in LABELS {
            // What is cleared just so far, and what is cleared for one less.
            let at = rank(label).max(1);
            for clearance in [LABELS[at - 1], LABELS[at]] {
                for inside in [false, true] {
                    let around = if kind == "text" && clearance == "internal" {
                        vec![["", ""], ["a ", " b"]]
                    } else {
                        vec![["", ""]]
                    };
                    for around in around {
                        let found = laws(
                            &outputs(label, inside),
                            clearance,
                            &takes(kind, "public"),
                            &step(form, around),
                            "",
                        );
                        // That a step ended, and how, is `meta`: whatever reads a step is at least that.
                        let refused = rank(label).max(1) > rank(clearance);
                        let expected: &[&str] = if refused { &["sensitivity-too-high"] } else { &[] };
                        assert_eq!(found, expected, "{label} in {form} to {clearance}, inside: {inside}");
                    }
                }
            }
        }
    }
}

/// Through the items of a list, and with nothing of the value but how many there are.
#[test]
fn an_item_of_a_list_is_what_the_list_is() {
    for label in LABELS {
        for inside in [false, true] {
            let each = "    - id: b\n      needs: [a]\n      uses: t.take\n      forEach: {in: steps.a.outputs.list, as: one, maxItems: 3}\n      with: {x: 'a ${ one }'}\n";
            let found = laws(&outputs(label, inside), "internal", &takes("text", "public"), each, "");
            // How many there are decides how often a step runs: `in` reads up to personal, as conditions do.
            let expected: &[&str] = match label {
                "raw" => &["sensitive-fact-in-guard", "sensitivity-too-high"],
                "personal" => &["sensitivity-too-high"],
                _ => &[],
            };
            assert_eq!(found, expected, "{label}, inside: {inside}");
        }
    }
}

/// Guards may read up to personal, reviewers are shown as much; conditions of runbooks decide whether a step runs.
#[test]
fn what_decides_and_what_is_shown_is_held_to_its_clearance() {
    let steps = |more: &str| {
        format!("    - id: b\n      needs: [a]\n      uses: t.take\n      with: {{x: plain}}\n{more}")
    };
    for label in LABELS {
        for (place, more) in [
            ("guard", "      guards: [{id: g, expr: 'A.v == \"q\"', reason: no}]\n"),
            ("condition", "      when: 'A.v == \"q\"'\n"),
            ("guard of a size", "      guards: [{id: g, expr: 'size(A.list) > 2', reason: no}]\n"),
            ("show", "      approval: look\n      show: {it: 'a ${ A.v } b'}\n"),
        ] {
            let more = more.replace("A.", "steps.a.outputs.");
            let found = laws(&outputs(label, false), "raw", &takes("text", "public"), &steps(&more), "");
            let refused =
                found.iter().any(|law| matches!(*law, "sensitivity-too-high" | "sensitive-fact-in-guard"));
            assert_eq!(refused, label == "raw", "{label} in {place}: {found:?}");
        }
    }
}

/// A capability without `with` hands its input to its operation as it is, and all that is in it.
#[test]
fn what_an_input_holds_inside_counts_for_the_connector() {
    let inputs = |label: &str| {
        [
            format!("{{x: {{type: string, maxLength: 9, sensitivity: {label}}}}}"),
            format!(
                "{{x: {{type: array, maxItems: 3, sensitivity: public, items: {{type: string, maxLength: 9, sensitivity: {label}}}}}}}"
            ),
            format!(
                "{{x: {{type: object, sensitivity: public, fields: {{k: {{type: string, maxLength: 9, sensitivity: {label}}}}}}}}}"
            ),
            format!(
                "{{x: {{type: array, maxItems: 3, sensitivity: public, items: {{type: object, sensitivity: public, fields: {{k: {{type: string, maxLength: 9, sensitivity: {label}}}}}}}}}}}"
            ),
        ]
    };
    for label in LABELS {
        for input in inputs(label) {
            for clearance in LABELS {
                let found = laws(&outputs("public", false), clearance, &input, "", "");
                let refused = found.contains(&"sensitivity-too-high");
                assert_eq!(refused, rank(label) > rank(clearance), "{input} to {clearance}: {found:?}");
            }
        }
    }
}
