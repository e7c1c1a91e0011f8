//! Templates and arguments.

use super::*;
use crate::tree::{Key, Map, Node, Value as TreeValue};

fn template(source: &str) -> Result<Template, Vec<Diagnostic>> {
    let (text, span) = text(source);
    Template::parse(&text, span)
}

fn node(json: &serde_json::Value) -> Node {
    let value = match json {
        serde_json::Value::Null => TreeValue::Null,
        serde_json::Value::Bool(value) => TreeValue::Bool(*value),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| TreeValue::Float(number.as_f64().unwrap()), TreeValue::Int)
        }
        serde_json::Value::String(source) => TreeValue::Text(text(source).0),
        serde_json::Value::Array(items) => TreeValue::List(items.iter().map(node).collect()),
        serde_json::Value::Object(entries) => TreeValue::Map(Map {
            entries: entries
                .iter()
                .map(|(key, value)| (Key { text: key.as_str().into(), span: text(key).1 }, node(value)))
                .collect(),
        }),
    };
    Node { value, span: Span::new(FileId(0), 0, 1000) }
}

fn arg(json: serde_json::Value) -> Arg {
    let mut faults = Vec::new();
    Arg::parse(&node(&json), &mut faults).unwrap_or_else(|| panic!("{faults:?}"))
}

#[test]
fn a_string_that_is_one_expression_keeps_its_type() {
    let table = [
        ("${ input.amount }", Value::Int(50)),
        ("${input.tags}", json(serde_json::json!(["x", "y"]))),
        (" ${ input.amount }", " 50".into()),
        ("${ input.amount }${ input.currency }", "50EUR".into()),
        ("n=${ input.amount }, ${ input.live }", "n=50, true".into()),
        ("plain", "plain".into()),
        ("", "".into()),
        ("$${ input.amount }", "${ input.amount }".into()),
        ("$$${ input.amount }", "$${ input.amount }".into()),
        ("$5 and $ and {}", "$5 and $ and {}".into()),
        ("${ {'a': '}'}.a }!", "}!".into()),
        ("${ '${' + \"}\" }", "${}".into()),
        ("$${ is literal, ${ input.amount } is not", "${ is literal, 50 is not".into()),
    ];
    for (source, expected) in table {
        let template = template(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
        assert_eq!(template.render(&facts()).unwrap(), expected, "{source}");
    }
}

#[test]
fn values_are_never_read_as_templates() {
    let mut facts = facts();
    facts.facts.insert("input".into(), json(serde_json::json!({"note": "${ actor.id }"})));
    let rendered = template("say ${ input.note }").unwrap().render(&facts).unwrap();
    assert_eq!(rendered, "say ${ actor.id }".into());
}

#[test]
fn broken_templates_are_refused() {
    for source in ["${", "a ${ input.amount", "${ 'a }", "${}", "${ }", "${ 1 + }", "${ (1 } ) }"] {
        let faults = template(source).unwrap_err();
        assert_eq!(faults[0].code, "expression-syntax", "{source}");
    }
    assert_eq!(template("${ 1 + } and ${ * }").unwrap_err().len(), 2, "every fault is told");
}

#[test]
fn only_text_integers_and_booleans_are_joined() {
    for source in ["a ${ input.rate }", "a ${ now }", "a ${ input.tags }"] {
        let template = template(source).unwrap();
        let faults = check::check_template(&template, &scope(), &Known::default()).diagnostics;
        assert_eq!(faults[0].code, "type-mismatch", "{source}");
        assert_eq!(template.render(&facts()).unwrap_err().kind, EvalErrorKind::Type, "{source}");
    }
}

#[test]
fn arguments_are_checked_against_the_type_that_is_wanted() {
    let wanted = Type::record([
        ("currency", Field::always(Type::one_of(["EUR", "CHF"]), Sensitivity::Public)),
        ("amount", Field::always(Type::Int, Sensitivity::Public)),
        ("rate", Field::optional(Type::Double, Sensitivity::Public, "optional")),
        ("wait", Field::optional(Type::Duration, Sensitivity::Public, "optional")),
        ("tags", Field::optional(Type::list(Type::text(), Some(2)), Sensitivity::Public, "optional")),
    ]);
    let table = [
        (serde_json::json!({"currency": "EUR", "amount": 1}), None),
        (serde_json::json!({"currency": "${ input.currency }", "amount": "${ input.amount }"}), None),
        (
            serde_json::json!({"currency": "EUR", "amount": 1, "rate": 2, "wait": "90s", "tags": ["a", "${ actor.id }"]}),
            None,
        ),
        (serde_json::json!({"currency": "EUR", "amount": 1, "rate": "${ input.amount }"}), None),
        (serde_json::json!({"currency": "USD", "amount": 1}), Some("value-outside-domain")),
        (serde_json::json!({"currency": "EUR", "amount": "1"}), Some("argument-type-mismatch")),
        (
            serde_json::json!({"currency": "EUR", "amount": "n${ input.amount }"}),
            Some("argument-type-mismatch"),
        ),
        (
            serde_json::json!({"currency": "EUR", "amount": "${ input.currency }"}),
            Some("argument-type-mismatch"),
        ),
        (serde_json::json!({"currency": "EUR"}), Some("argument-type-mismatch")),
        (serde_json::json!({"currency": "EUR", "amount": 1, "more": 1}), Some("argument-type-mismatch")),
        (serde_json::json!({"currency": "EUR", "amount": 1, "wait": "soon"}), Some("argument-type-mismatch")),
        (
            serde_json::json!({"currency": "EUR", "amount": 1, "tags": ["a", "b", "c"]}),
            Some("argument-type-mismatch"),
        ),
        (serde_json::json!({"currency": "EUR", "amount": 1, "tags": [1]}), Some("argument-type-mismatch")),
        (serde_json::json!({"currency": "EUR", "amount": "${ input.nope }"}), Some("undeclared-input")),
        (serde_json::json!([1]), Some("argument-type-mismatch")),
    ];
    for (given, code) in table {
        let checked = arg(given.clone()).check(&scope(), Some(&wanted), &Known::default());
        let codes: Vec<_> = checked.diagnostics.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, code.into_iter().collect::<Vec<_>>(), "{given}");
    }
}

#[test]
fn arguments_render_and_are_digested_as_written() {
    let given =
        serde_json::json!({"a": "${ input.amount }", "b": ["x${ input.amount }", true, 1.5], "c": "plain"});
    let arg = arg(given.clone());
    assert!(arg.is_computed());
    assert_eq!(arg.to_json(), given);
    assert_eq!(
        arg.render(&facts()).unwrap().to_json(),
        serde_json::json!({"a": 50, "b": ["x50", true, 1.5], "c": "plain"})
    );
    assert_eq!(arg.check(&scope(), None, &Known::default()).diagnostics, []);
    let mut faults = Vec::new();
    assert!(Arg::parse(&node(&serde_json::json!({"a": null, "b": "${", "c": 1})), &mut faults).is_none());
    assert_eq!(faults.len(), 2, "goes on after an error");
}
