//! What a YAML file reads as, and what it is refused for.
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
use crate::tree::Value;

fn load(source: &str) -> (Vec<Node>, Vec<Diagnostic>) {
    let mut sink = Vec::new();
    let nodes = read(FileId(0), source, &mut sink);
    (nodes, sink)
}

fn codes(source: &str) -> Vec<&'static str> {
    load(source).1.iter().map(|problem| problem.code).collect()
}

/// The value at a path of keys and indexes.
fn at<'n>(node: &'n Node, path: &str) -> &'n Node {
    path.split('.').fold(node, |node, part| match &node.value {
        Value::Map(map) => &map.get(part).unwrap_or_else(|| panic!("no {part}")).1,
        Value::List(items) => &items[part.parse::<usize>().unwrap()],
        other => panic!("{other:?} has no {part}"),
    })
}

fn text(node: &Node) -> &str {
    &node.as_text().expect("a text").value
}

#[test]
fn words_and_zero_led_numbers_are_strings() {
    let (nodes, problems) = load("a: yes\nb: no\nc: on\nd: off\ne: 017\nf: 1.4.0\ng: 42\nh: true\n");
    assert!(problems.is_empty(), "{problems:?}");
    for (key, value) in [("a", "yes"), ("b", "no"), ("c", "on"), ("d", "off"), ("e", "017"), ("f", "1.4.0")] {
        assert_eq!(text(at(&nodes[0], key)), value);
    }
    assert_eq!(at(&nodes[0], "g").value, Value::Int(42));
    assert_eq!(at(&nodes[0], "h").value, Value::Bool(true));
}

#[test]
fn what_could_be_read_two_ways_is_refused() {
    for (source, code) in [
        ("a: 1\na: 2\n", "duplicate-key"),
        ("{a: 1, 'a': 2}\n", "duplicate-key"),
        ("a: &x 1\nb: 2\n", "alias-or-tag"),
        ("a: &x [1]\n", "alias-or-tag"),
        ("b: *x\n", "alias-or-tag"),
        ("<<: {a: 1}\n", "alias-or-tag"),
        ("a: !!str 1\n", "alias-or-tag"),
        ("with: {key: !!str a}\n", "alias-or-tag"),
        ("with: {o: {key: !!str a}}\n", "alias-or-tag"),
        ("with: {output: {x: !!str a}}\n", "alias-or-tag"),
        ("with: {list: [{key: !text a}]}\n", "alias-or-tag"),
        ("with:\n  o:\n    key: !text a\n", "alias-or-tag"),
        ("mock: {output: {x: !text a}}\n", "alias-or-tag"),
        ("tags: {key: !text a}\n", "alias-or-tag"),
        ("when: !!str a\n", "alias-or-tag"),
        ("with: {o: {key: a == b: c}}\n", "unparsable-file"),
        ("with:\n  o:\n    key: a == b: c\n", "unparsable-file"),
        ("a: !thing {b: 1}\n", "alias-or-tag"),
        ("a: 9007199254740992\n", "integer-too-large"),
        ("a: \"x\\u202Ey\"\n", "hidden-characters"),
        ("a: \"x\\ry\"\n", "hidden-characters"),
        ("\"a\\u200b\": 1\n", "hidden-characters"),
        ("? [a]\n: 1\n", "wrong-type"),
        ("a: [1\n", "unparsable-file"),
        ("%YAML 1.2\n---\na: 1\n", "unparsable-file"),
    ] {
        assert!(codes(source).contains(&code), "{source:?}: {:?}", codes(source));
    }
}

#[test]
fn a_duplicate_key_shows_both_places() {
    let (_, problems) = load("a: 1\nb: 2\na: 3\n");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].primary.as_ref().unwrap().span.start, 10);
    assert_eq!(problems[0].related[0].span.start, 0);
}

#[test]
fn nesting_past_the_limit_is_refused_in_flow_and_block() {
    let flow = format!("a: {}1{}\n", "[".repeat(70), "]".repeat(70));
    assert_eq!(codes(&flow), ["too-large-or-deep"]);
    let block: String = (0..70).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(codes(&block), ["too-large-or-deep"]);
    let far = format!("a: {}", "[".repeat(100_000));
    assert_eq!(codes(&far), ["too-large-or-deep"]);
    let fits = format!("a: {}1{}\n", "[".repeat(60), "]".repeat(60));
    assert!(codes(&fits).is_empty());
}

#[test]
fn eaten_expressions_are_recognised_and_read_whole() {
    for (source, path, meant) in [
        ("when: !has(inputs.x)\nz: 1\n", "when", "!has(inputs.x)"),
        ("when: !has(inputs.x) && inputs.y == 1\nz: 1\n", "when", "!has(inputs.x) && inputs.y == 1"),
        ("when: !has(inputs.x) || inputs.y == 1\nz: 1\n", "when", "!has(inputs.x) || inputs.y == 1"),
        ("when: inputs.a ? inputs.b : inputs.c\nz: 1\n", "when", "inputs.a ? inputs.b : inputs.c"),
        ("when: \"a\" == inputs.b\nz: 1\n", "when", "\"a\" == inputs.b"),
        ("when: 'a' in inputs.b\nz: 1\n", "when", "'a' in inputs.b"),
        ("when: inputs.a == \"x #1\"\nz: 1\n", "when", "inputs.a == \"x #1\""),
        ("when: size(inputs.a == #1\nz: 1\n", "when", "size(inputs.a == #1"),
        ("x: {expr: f(a, b)}\nz: 1\n", "x.expr", "f(a, b)"),
        ("x: [{id: q, expr: f(a, b, c), reason: r}]\nz: 1\n", "x.0.expr", "f(a, b, c)"),
        ("x: {expr: a ? b : c, reason: r}\nz: 1\n", "x.expr", "a ? b : c"),
        ("x: {expr: a in [1, 2], reason: r}\nz: 1\n", "x.expr", "a in [1, 2]"),
        ("x: {expr: !has(a, b), reason: r}\nz: 1\n", "x.expr", "!has(a, b)"),
        ("output: {id: !has(a, b)}\nz: 1\n", "output.id", "!has(a, b)"),
        ("with: {a: b}\nidempotency: {key: !has(a, b)}\nz: 1\n", "idempotency.key", "!has(a, b)"),
        ("outputs: {x: f(a, b)}\nz: 1\n", "outputs.x", "f(a, b)"),
        ("x: {with: {a: ${ inputs.x }}}\nz: 1\n", "x.with.a", "${ inputs.x }"),
    ] {
        let (nodes, problems) = load(source);
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["expression-cut"], "{source:?}");
        assert_eq!(text(at(&nodes[0], path)), meant, "{source:?}");
        assert_eq!(at(&nodes[0], "z").value, Value::Int(1), "{source:?}");
        // The repair reads as the same text without a problem.
        let fix = problems[0].fix.as_ref().unwrap();
        assert!(fix.safe);
        let edit = &fix.edits[0];
        let mended = format!(
            "{}{}{}",
            &source[..edit.span.start as usize],
            edit.text,
            &source[edit.span.end as usize..]
        );
        let (nodes, problems) = load(&mended);
        assert!(problems.is_empty(), "{mended:?}: {problems:?}");
        assert_eq!(text(at(&nodes[0], path)), meant);
    }
}

#[test]
fn a_comment_after_a_whole_expression_is_a_comment() {
    let (nodes, problems) = load("when: inputs.a > 5 # enough\nkey: inputs.b #x\n");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(text(at(&nodes[0], "when")), "inputs.a > 5");
}

#[test]
fn one_pass_reports_several_broken_places_and_keeps_the_other_documents() {
    let source = "a: 1\n---\nb: [1\nd: 2\nc: `x`\n---\ne: 3\n---\nf: @y\ng: %z\nh: \"q\n";
    let (nodes, problems) = load(source);
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert!(codes.len() == 5 && codes.iter().all(|code| *code == "unparsable-file"), "{problems:?}");
    let keys: Vec<&str> = nodes.iter().map(|node| &*node.as_map().unwrap().entries[0].0.text).collect();
    assert_eq!(keys, ["a", "e"]);
}

#[test]
fn a_block_at_a_wrong_place_is_reported_once() {
    let source = "spec: []\n  a: 1\n  b:\n    c: 2\n  d: 3\n  e: 4\nf: @x\n---\ng: 1\n";
    let (nodes, problems) = load(source);
    let lines: Vec<_> = problems
        .iter()
        .map(|problem| &source[problem.primary.as_ref().unwrap().span.start as usize..][..2])
        .collect();
    assert_eq!(lines, ["a:", "@x"], "{problems:?}");
    assert_eq!(nodes.len(), 1);
}

#[test]
fn hostile_files_are_read_in_time() {
    for source in [
        "a: [".repeat(20_000),
        "- ".repeat(100_000),
        "{".repeat(100_000),
        "a: \"".repeat(20_000),
        "? ".repeat(100_000),
        "&a ".repeat(50_000),
        "a: b: ".repeat(20_000),
        "when: !x(\n".repeat(10_000),
        format!("{}: 1", "k".repeat(200_000)),
        (0..20_000).map(|n| format!("k{n}: v\n")).collect(),
        "'".repeat(200_000),
        format!("a: \"x{}y\"", " ".repeat(200_000)),
        format!("a: 'x{}y'", " \n".repeat(100_000)),
        format!("a: x{}y", " \n ".repeat(60_000)),
        format!("a: {{{}}}", "expr: f(a, ".repeat(15_000)),
        format!("a: [{}]", "{expr: f(a}, ".repeat(15_000)),
    ] {
        let began = std::time::Instant::now();
        let _ = load(&source);
        assert!(began.elapsed().as_secs() < 20, "{} took {:?}", &source[..12], began.elapsed());
    }
}

/// Each decoded byte's place holds the character it came from.
fn check_places(source: &str, node: &Node) {
    let written = node.as_text().unwrap();
    for (offset, letter) in written.value.char_indices() {
        let place = written.place(node.span, offset, offset + letter.len_utf8());
        let there = source[place.start as usize..].chars().next();
        let same = there == Some(letter)
            || there == Some('\\')
            || (matches!(letter, ' ' | '\n') && matches!(there, Some('\n' | '\r')))
            || (letter == '\n' && there.is_none());
        assert!(
            same,
            "byte {offset} ({letter:?}) of {:?} is mapped to {there:?} in {source:?}",
            written.value
        );
    }
}

#[test]
fn places_lead_back_through_every_style() {
    for source in [
        "a: plain text\n",
        "a: pl\n  more  \n\n  and\n\n\n  end # c\n",
        "a: 'it''s\n  folded\n\n  here'\n",
        "a: \"tab\\there \\u00e9 \\U0001F600 \\x41 é\n   next \\\n   joined\n\n   last\\n\"\n",
        "a: \"\\uD83D\\uDE00x\"\n",
        "a: |\n  one\n    two\n\n  three\n",
        "a: |-\n\n\n  one\n  two\n",
        "a: |2\n    lead\n  end\n",
        "a: |+\n  one\n\n\nb: 1\n",
        "a: >\n  one\n  two\n\n  three\n    more\n  end\n",
        "a: >-\n\n  one\n\n\n  two\n     x\n\n  end\n",
        "a: |\r\n  one\r\n  two\r\n",
        "a: >\r\n  one\r\n  two\r\n\r\n  three\r\n",
        "- - |\n    deep\n",
    ] {
        let (nodes, problems) = load(source);
        assert!(problems.is_empty(), "{source:?}: {problems:?}");
        let mut node = if nodes[0].as_map().is_some() { at(&nodes[0], "a") } else { &nodes[0] };
        while let Value::List(items) = &node.value {
            node = &items[0];
        }
        check_places(source, node);
    }
}

proptest! {
    #[test]
    fn any_text_in_any_style_keeps_its_places(
        words in prop::collection::vec("[a-zé😀]{1,4}( [a-z]{1,3})?", 1..6),
        gaps in prop::collection::vec((0usize..3, 0usize..3), 6),
        style in 0usize..5,
    ) {
        let mut body = String::new();
        for (word, (breaks, extra)) in words.iter().zip(&gaps) {
            if !body.is_empty() {
                body.push_str(&"\n".repeat(breaks + 1));
                body.push_str("   ");
                // More indentation has a meaning in block scalars only.
                body.push_str(&" ".repeat(if style >= 3 { *extra } else { 0 }));
            }
            body.push_str(word);
        }
        let source = match style {
            0 => format!("a: {body}\n"),
            1 => format!("a: '{}'\n", body.replace(' ', "''")),
            2 => format!("a: \"{}\\t\\u00e9\"\n", body.replace("😀", "\\U0001F600")),
            3 => format!("a: |\n   {body}\n"),
            _ => format!("a: >\n   {body}\n"),
        };
        let (nodes, problems) = load(&source);
        prop_assert!(problems.is_empty(), "{source:?} {problems:?}");
        // Quoted spaces were replaced by quotes above; what is read may hold no text at all then.
        if let Some((_, node)) = nodes[0].as_map().and_then(|map| map.get("a")) && node.as_text().is_some() {
            check_places(&source, node);
        }
    }

    #[test]
    fn no_input_breaks_the_reader(source in "[a-c:\\-\\[\\]{}'\"|>&*!?#,%@` \n\\\\~0-9é$.()=]{0,120}") {
        let _ = load(&source);
    }
}
