//! Whatever stands in a file: every diagnostic's place lies in it and between letters, and YAML that two
//! readers must agree on is read alike.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use ordain_spec::check::check;
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};
use ordain_spec::tree::{Node, Value, yaml};
use proptest::prelude::*;

/// A tree without places.
fn plain(node: &Node) -> serde_yaml::Value {
    match &node.value {
        Value::Null => serde_yaml::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.value.to_string().into(),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().into(),
        Value::Map(map) => {
            let entries = map.entries.iter().map(|(key, node)| (key.text.to_string().into(), plain(node)));
            serde_yaml::Value::Mapping(entries.collect())
        }
    }
}

/// Data as a spec may hold it.
fn data() -> impl Strategy<Value = serde_yaml::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_yaml::Value::from),
        (-9_007_199_254_740_991i64..=9_007_199_254_740_991).prop_map(serde_yaml::Value::from),
        "[ -~éß日\n]{0,24}".prop_map(serde_yaml::Value::from),
        "(no|yes|on|off|017|0x1f|1e3|~|null|true|1:30|- a|a: b|'q'|#x|&a|!t|\\$\\{ x \\})"
            .prop_map(serde_yaml::Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_yaml::Value::from),
            prop::collection::btree_map("[a-z][a-zA-Z_]{0,6}", inner, 0..5).prop_map(|entries| {
                serde_yaml::Value::Mapping(
                    entries.into_iter().map(|(key, value)| (key.into(), value)).collect(),
                )
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_another_writer_writes_is_read_as_it_was_meant(value in data()) {
        let value = serde_yaml::Value::Mapping([(serde_yaml::Value::from("data"), value)].into_iter().collect());
        let text = serde_yaml::to_string(&value).unwrap();
        let mut sink = Vec::new();
        let nodes = yaml::read(FileId(0), &text, &mut sink);
        // A word without quotes that the other writer takes for a string and the core schema for one too.
        prop_assert!(sink.is_empty(), "{text}\n{sink:?}");
        let [node] = nodes.as_slice() else { panic!("{} documents in {text}", nodes.len()) };
        prop_assert_eq!(plain(node), value, "{}", text);
    }

    #[test]
    fn every_place_lies_in_the_file(
        notation in prop_oneof![Just(Notation::Yaml), Just(Notation::Kdl)],
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "ordain \"v1\"\n", "runbook \"a\" ", "version=\"1.0.0\" ", "step \"s\" ", "{", "}", "\n", "uses \"b@^1\"\n",
                "apiVersion: ordain/v1\n", "kind: Runbook\n", "metadata: ", "{name: é, version: 1.0.0}\n", "spec:\n",
                "  steps:\n", "    - id: a\n", "      when: ", "!has(inputs.é)", "a ? b : c", " # é\n", "{expr: f(a, b)}\n",
                "      uses: B\n", "      wait: 30\n", "é", "\"", "'", "|\n", "---\n", "&a", "*a", ": ", "[", "]", "~", "\t",
                "\u{202e}", "\r", "\r\n", "\\u{e9}", "\"\"\"\n", "#\"", "/-", "(x)", "TODO\n", "9007199254740993\n",
            ]),
            0..40,
        ),
    ) {
        let source = pieces.concat();
        let mut sources = Sources::default();
        let path = if notation == Notation::Yaml { "f.yaml" } else { "f.kdl" };
        sources.add(SourceFile::new(path.to_owned(), source.as_str().into(), notation));
        for problem in check(sources).diagnostics {
            let edits = problem.fix.iter().flat_map(|fix| &fix.edits).map(|edit| edit.span);
            for span in problem.primary.iter().chain(&problem.related).map(|label| label.span).chain(edits) {
                let (start, end) = (span.start as usize, span.end as usize);
                prop_assert!(source.get(start..end).is_some(), "{problem:?} in {source:?}");
            }
        }
    }
}
