//! What a KDL file reads as, and what it is refused for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice
)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the tests bound the time of hostile files"
)]

use proptest::prelude::*;

use super::*;

fn load(source: &str) -> (Vec<Node>, Vec<Diagnostic>) {
    let mut sink = Vec::new();
    let nodes = read(FileId(0), source, &mut sink);
    (nodes, sink)
}

fn codes(source: &str) -> Vec<&'static str> {
    load(source).1.iter().map(|problem| problem.code).collect()
}

/// A tree without places.
fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.value.as_ref().into(),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().into(),
        Value::Map(map) => serde_json::Value::Object(
            map.entries.iter().map(|(key, node)| (key.text.to_string(), plain(node))).collect(),
        ),
    }
}

/// The documents of both notations are the same tree.
fn same(kdl: &str, yaml: &str) {
    let (kdl_nodes, problems) = load(&format!("ordain \"v1\"\n{kdl}"));
    assert!(problems.is_empty(), "{kdl}: {problems:?}");
    let mut sink = Vec::new();
    let yaml_nodes = crate::tree::yaml::read(FileId(0), yaml, &mut sink);
    assert!(sink.is_empty(), "{yaml}: {sink:?}");
    let kdl_plain: Vec<_> = kdl_nodes.iter().map(plain).collect();
    let yaml_plain: Vec<_> = yaml_nodes.iter().map(plain).collect();
    assert_eq!(kdl_plain, yaml_plain, "{kdl}");
}

fn runbook(fields: &str, yaml: &str) {
    same(
        &format!("runbook \"x\" {{ {fields} }}"),
        &format!("{{apiVersion: ordain/v1, kind: Runbook, metadata: {{name: x}}, spec: {{{yaml}}}}}"),
    );
}

#[test]
fn each_way_of_writing_reads_as_the_same_tree() {
    for (kdl, yaml) in [
        ("timeout \"2h\"", "timeout: 2h"),
        ("modes \"mock\"", "modes: [mock]"),
        ("modes \"mock\" \"live\"", "modes: [mock, live]"),
        ("modes { - \"mock\"; - \"live\" }", "modes: [mock, live]"),
        ("modes \"mock\"; modes \"live\"", "modes: [mock, live]"),
        ("modes", "modes: []"),
        ("inputs", "inputs: {}"),
        ("on-failure \"rollback\"", "onFailure: rollback"),
        ("constants max_lag=5 other-Key=#true", "constants: {max_lag: 5, other-Key: true}"),
        (
            "constants { a 1; b 1 2; c { - 1 }; d { e 1 }; f }",
            "constants: {a: 1, b: [1, 2], c: [1], d: {e: 1}, f: true}",
        ),
        (
            "constants { (list)a 1; (list)b; (map)c; (map)d { e 1 } }",
            "constants: {a: [1], b: [], c: {}, d: {e: 1}}",
        ),
        ("constants { a { - 1 2; - { b 3 }; - { - 4 } } }", "constants: {a: [[1, 2], {b: 3}, [4]]}"),
        ("roles { run \"role:a\" }", "roles: {run: ['role:a']}"),
        ("roles run=\"role:a\"", "roles: {run: ['role:a']}"),
        (
            "inputs { cluster type=\"string\" { enum \"eu1\" \"us1\" } }",
            "inputs: {cluster: {type: string, enum: [eu1, us1]}}",
        ),
        (
            "inputs { a type=\"array\" max-items=5 { items type=\"string\" max-length=3; default { - \"x\" } } }",
            "inputs: {a: {type: array, maxItems: 5, items: {type: string, maxLength: 3}, default: [x]}}",
        ),
        ("step \"a\" uses=\"b\"", "steps: [{id: a, uses: b}]"),
        ("step \"a\"; step \"b\" { need \"a\" }", "steps: [{id: a}, {id: b, needs: [{step: a}]}]"),
        ("steps \"a\" uses=\"b\"", "steps: [{id: a, uses: b}]"),
        ("steps { - \"a\" uses=\"b\"; - { id \"c\" } }", "steps: [{id: a, uses: b}, {id: c}]"),
        (
            "step \"a\" { needs \"b\" \"c\"; need \"d\" on=\"any\" }",
            "steps: [{id: a, needs: [{step: b}, {step: c}, {step: d, on: any}]}]",
        ),
        ("step \"a\" needs=\"b\"", "steps: [{id: a, needs: [{step: b}]}]"),
        (
            "step \"a\" { guard \"g\" expr=\"true\" reason=\"r\" }",
            "steps: [{id: a, guards: [{id: g, expr: 'true', reason: r}]}]",
        ),
        (
            "step \"a\" { for-each in=\"inputs.x\" max-items=5 }",
            "steps: [{id: a, forEach: {in: inputs.x, maxItems: 5}}]",
        ),
        (
            "step \"a\" { with cluster=\"${ inputs.x }\" { b { - 1 } } }",
            "steps: [{id: a, with: {cluster: '${ inputs.x }', b: [1]}}]",
        ),
        ("timeout \"\"\"\n  a\n   b\\tc\n  \"\"\"", "timeout: \"a\\n b\\tc\""),
        ("timeout #\"a\\b\"#", "timeout: 'a\\b'"),
        ("timeout 017", "timeout: '017'"),
        ("/* a /* b */ { */ timeout \"2h\" // {\n", "timeout: 2h"),
    ] {
        runbook(kdl, yaml);
    }
    same(
        "capability \"a.b\" version=\"1.0.0\" risk=\"high\" failure-mode=\"rollback\" { metadata { rollback uses=\"c@^1\" { with x=1 }; tests \"t\"; tags a-b=\"c\" }; effect \"write\"; idempotency { key \"input.x\" }; cost \"usd\" estimate=\"1\" max=5; quota \"actor\" limit=2 window=\"1h\" }",
        "{apiVersion: ordain/v1, kind: Capability, metadata: {name: a.b, version: 1.0.0, risk: high, failureMode: rollback, rollback: {uses: c@^1, with: {x: 1}}, tests: [t], tags: {a-b: c}}, spec: {effect: write, idempotency: {key: input.x}, costs: [{unit: usd, estimate: '1', max: 5}], quotas: [{per: actor, limit: 2, window: 1h}]}}",
    );
    same(
        "connector \"a\" { operations { op { mock { when \"true\"; error \"timeout\" }; mock { output x=1 } }; op2 { mock { output x=1 } }; op3 { mock { - { output x=1 } } } } }",
        "{apiVersion: ordain/v1, kind: Connector, metadata: {name: a}, spec: {operations: {op: {mock: [{when: 'true', error: timeout}, {output: {x: 1}}]}, op2: {mock: {output: {x: 1}}}, op3: {mock: [{output: {x: 1}}]}}}}",
    );
    same(
        "roster \"roster\" { groups { data \"user:a\" \"user:b\"; one \"user:a\"; risk external=#true at-least=3 } }",
        "{apiVersion: ordain/v1, kind: Roster, metadata: {name: roster}, spec: {groups: {data: ['user:a', 'user:b'], one: ['user:a'], risk: {external: true, atLeast: 3}}}}",
    );
}

#[test]
fn what_hides_or_doubles_is_refused() {
    for (source, code) in [
        ("ordain \"v1\"\nrunbook \"a\" version=\"1\" version=\"2\"", "duplicate-key"),
        ("ordain \"v1\"\nrunbook \"a\" { timeout \"1s\"; timeout \"2s\" }", "duplicate-key"),
        ("ordain \"v1\"\nrunbook \"a\" { constants a=1 { a 2 } }", "duplicate-key"),
        ("ordain \"v1\"\nrunbook \"a\" { /-timeout \"1s\"\n }", "unparsable-file"),
        ("ordain \"v1\"\n/-runbook \"a\"", "unparsable-file"),
        ("ordain \"v1\"\nrunbook (u8)\"a\"", "alias-or-tag"),
        ("ordain \"v1\"\n(x)runbook \"a\"", "alias-or-tag"),
        ("ordain \"v1\"\nrunbook \"a\" { (date)timeout \"1s\" }", "alias-or-tag"),
        ("ordain \"v1\"\nrunbook \"a\" { constants a=9007199254740992 }", "integer-too-large"),
        ("ordain \"v1\"\nrunbook \"a\" { timeout \"\\u{202e}\" }", "hidden-characters"),
        ("ordain \"v1\"\nrunbook \"a\" { onFailure \"stop\" }", "unknown-field"),
        ("ordain \"v1\"\nrunbok \"a\"", "unknown-kind"),
        ("ordain \"v1\"\nworkspace \"a\"", "unknown-kind"),
        ("runbook \"a\"", "unsupported-api-version"),
        ("ordain 1\nrunbook \"a\"", "unsupported-api-version"),
        ("ordain \"v1\"\nrunbook \"a\" {", "unparsable-file"),
        ("ordain \"v1\"\nrunbook \"a\" \"b\"", "wrong-type"),
        ("ordain \"v1\"\nrunbook \"a\" { inputs { - 1; a 1 } }", "wrong-type"),
    ] {
        assert!(codes(source).contains(&code), "{source:?}: {:?}", codes(source));
    }
    assert!(codes("/- kdl-version 2\nordain \"v1\"\nrunbook \"a\"").is_empty());
}

#[test]
fn hostile_files_are_refused_in_time() {
    let head = "ordain \"v1\"\n";
    for (source, code) in [
        (format!("{head}{}{}", "a {".repeat(320), "}".repeat(320)), "too-large-or-deep"),
        (format!("{head}{}", "a {\n".repeat(50_000)), "too-large-or-deep"),
        (format!("{head}{}", "/*".repeat(100_000)), "too-large-or-deep"),
        (format!("{head}{}", "/-{".repeat(40)), "unparsable-file"),
        (format!("{head}runbook {}", "/-{ a }".repeat(20)), "unparsable-file"),
        (format!("{head}runbook \"a\" {{{}}}", "timeout 1;".repeat(10_000)), "duplicate-key"),
        (format!("{head}runbook {}", "\"a\" ".repeat(30_000)), "wrong-type"),
        (format!("{head}a {}", "(".repeat(100_000)), "unparsable-file"),
        (format!("{head}a \"{}", "\\".repeat(100_000)), "unparsable-file"),
        (format!("{head}a {}\"", "#".repeat(100_000)), "unparsable-file"),
        (format!("{head}a {}", "#\"\"\"\n".repeat(40_000)), "unparsable-file"),
        (format!("{head}a {}", "#\"".repeat(40_000)), "unparsable-file"),
        (format!("{head}a {}", "\"\"\"\n".repeat(40_000)), "unknown-kind"),
    ] {
        let began = std::time::Instant::now();
        let found = codes(&source);
        assert!(found.contains(&code), "{}: {:?}", &source[12..30], found.first());
        assert!(began.elapsed().as_secs() < 20, "{} took {:?}", &source[12..30], began.elapsed());
    }
}

#[test]
fn sixty_levels_fit() {
    let source = format!(
        "ordain \"v1\"\nrunbook \"a\" {{ constants {{ {} x 1 {} }} }}",
        "a {".repeat(60),
        "}".repeat(60)
    );
    assert!(codes(&source).is_empty(), "{:?}", codes(&source));
}

/// Each decoded byte's place holds the character it came from.
fn check_places(source: &str, node: &Node) {
    match &node.value {
        Value::Text(text) => {
            for (offset, letter) in text.value.char_indices() {
                let place = text.place(node.span, offset, offset + letter.len_utf8());
                let there = source[place.start as usize..].chars().next();
                let same =
                    there == Some(letter) || there == Some('\\') || (letter == '\n' && there == Some('\r'));
                assert!(
                    same,
                    "byte {offset} ({letter:?}) of {:?} is mapped to {there:?} in {source:?}",
                    text.value
                );
            }
        }
        Value::List(items) => items.iter().for_each(|item| check_places(source, item)),
        Value::Map(map) => {
            let written = map.entries.iter().filter(|(key, _)| !matches!(&*key.text, "apiVersion" | "kind"));
            written.for_each(|(_, node)| check_places(source, node));
        }
        _ => {}
    }
}

#[test]
fn places_lead_back_through_every_string() {
    for value in [
        "plain",
        "\"a \\\"q\\\" \\t \\u{e9} \\u{1F600} é\"",
        "\"a \\   \n   b\"",
        "#\"a \\ \"q\" b\"#",
        "\"\"\"\n   one\n    two\\n\n\n   three\n   \"\"\"",
        "#\"\"\"\n   one\n    two\\n\n\n   three\n   \"\"\"#",
        "\"\"\"\r\n   one\r\n   two\r\n   \"\"\"",
    ] {
        let source = format!("ordain \"v1\"\nrunbook \"a\" {{ timeout {value}\n }}");
        let (nodes, problems) = load(&source);
        assert!(problems.is_empty(), "{source:?}: {problems:?}");
        check_places(&source, &nodes[0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_input_breaks_the_reader(body in "[a-c{}\"#/*()\\- \n;=0-9é\\\\]{0,100}") {
        let source = format!("ordain \"v1\"\n{body}");
        for node in load(&source).0 {
            check_places(&source, &node);
        }
        let _ = load(&body);
    }
}
