//! Tests of values against their declaration.
#![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fixture::read;

fn check(schema: &str, value: &Value) -> Result<Value, String> {
    let fields: FieldMap = read(&format!("{{x: {schema}}}"));
    validate(&fields, &json!({"x": value})).map(|made| made.get("x").cloned().unwrap_or_default()).map_err(
        |reason| {
            assert_eq!(reason.code, Code::InputInvalid);
            reason.detail.unwrap()
        },
    )
}

#[test]
fn values_that_fit_pass_and_others_do_not() {
    let table = [
        ("{type: string, maxLength: 3}", json!("äöü"), true),
        ("{type: string, maxLength: 3}", json!("abcd"), false),
        ("{type: string, minLength: 2, maxLength: 3}", json!("a"), false),
        ("{type: string, maxLength: 9}", json!(1), false),
        ("{type: string, maxLength: 9}", json!(null), false),
        ("{type: string, maxLength: 9}", json!("a\u{202e}b"), false),
        ("{type: string, maxLength: 9}", json!("a\u{200b}b"), false),
        ("{type: string, maxLength: 9}", json!("a\rb"), false),
        ("{type: string, maxLength: 9}", json!("a\tb\n"), true),
        ("{type: string, pattern: 'pay_[a-z]+'}", json!("pay_abc"), true),
        ("{type: string, pattern: 'pay_[a-z]+'}", json!("x pay_abc"), false),
        ("{type: string, pattern: 'pay_[a-z]+'}", json!("pay_abc\n"), false),
        ("{type: string, pattern: 'a|b'}", json!("ab"), false),
        ("{type: string, enum: [EUR, USD]}", json!("EUR"), true),
        ("{type: string, enum: [EUR, USD]}", json!("eur"), false),
        ("{type: integer, minimum: 1, maximum: 5}", json!(1), true),
        ("{type: integer, minimum: 1, maximum: 5}", json!(5.0), true),
        ("{type: integer, minimum: 1, maximum: 5}", json!(0), false),
        ("{type: integer, minimum: 1, maximum: 5}", json!(6), false),
        ("{type: integer}", json!(1.5), false),
        ("{type: integer}", json!("1"), false),
        ("{type: integer}", json!(9_007_199_254_740_991_i64), true),
        ("{type: integer}", json!(9_007_199_254_740_992_i64), false),
        ("{type: integer}", json!(-9_007_199_254_740_992_i64), false),
        ("{type: integer}", json!(u64::MAX), false),
        ("{type: integer}", json!(1e300), false),
        ("{type: number}", json!(1.5), true),
        ("{type: number}", json!(3), true),
        ("{type: number}", json!(u64::MAX), false),
        ("{type: boolean}", json!(true), true),
        ("{type: boolean}", json!("true"), false),
        ("{type: array, maxItems: 2, items: {type: integer}}", json!([1, 2]), true),
        ("{type: array, maxItems: 2, items: {type: integer}}", json!([1, 2, 3]), false),
        ("{type: array, maxItems: 2, items: {type: integer}}", json!([1, "2"]), false),
        ("{type: array, minItems: 1, maxItems: 2, items: {type: integer}}", json!([]), false),
        ("{type: object, fields: {a: {type: integer}}}", json!({"a": 1}), true),
        ("{type: object, fields: {a: {type: integer}}}", json!({"a": 1, "b": 2}), false),
        ("{type: object, fields: {a: {type: integer}}}", json!({}), false),
        ("{type: object, fields: {a: {type: integer, optional: true}}}", json!({}), true),
        ("{type: timestamp}", json!("2026-01-05T10:00:00Z"), true),
        ("{type: timestamp}", json!("2026-01-05"), false),
        ("{type: timestamp}", json!(5), false),
        ("{type: duration}", json!("90s"), true),
        ("{type: duration}", json!("90"), false),
        ("{type: string, format: email}", json!("a.b+c@example.org"), true),
        ("{type: string, format: email}", json!("a@b@example.org "), false),
        ("{type: string, format: uri}", json!("https://example.org/a?b=%20#c"), true),
        ("{type: string, format: uri}", json!("/relative"), false),
        ("{type: string, format: uri}", json!("https://example.org/%zz"), false),
        ("{type: string, format: uuid}", json!("018f2f1e-0000-7000-8000-000000000000"), true),
        ("{type: string, format: uuid}", json!("018f2f1e000070008000000000000000"), false),
        ("{type: string, format: hostname}", json!("db-1.example.org"), true),
        ("{type: string, format: hostname}", json!("-db.example.org"), false),
        ("{type: string, format: ipv4}", json!("10.0.0.1"), true),
        ("{type: string, format: ipv4}", json!("10.0.0.01"), false),
        ("{type: string, format: ipv6}", json!("::1"), true),
        ("{type: string, format: ipv6}", json!("::g"), false),
        ("{type: string, format: date}", json!("2024-02-29"), true),
        ("{type: string, format: date}", json!("2026-02-29"), false),
    ];
    for (schema, value, fits) in table {
        assert_eq!(check(schema, &value).is_ok(), fits, "{schema} {value}");
    }
}

#[test]
fn a_whole_number_is_an_integer_however_it_is_written() {
    assert_eq!(check("{type: integer}", &json!(5.0)).unwrap(), json!(5));
}

#[test]
fn the_path_is_told_and_the_value_is_not() {
    let schema =
        "{type: array, maxItems: 3, items: {type: object, fields: {name: {type: string, maxLength: 3}}}}";
    let detail = check(schema, &json!([{"name": "ok"}, {"name": "swordfish"}])).unwrap_err();
    assert_eq!(detail, "`x[1].name`: at most 3 characters are allowed");
    let fields: FieldMap = read("{x: {type: integer}}");
    let unknown = validate(&fields, &json!({"x": 1, "swordfish\u{202e} is the password": 1})).unwrap_err();
    assert_eq!(unknown.detail.unwrap(), "`…`: not declared");
}

#[test]
fn defaults_are_filled_in_and_required_fields_are_missed() {
    let fields: FieldMap = read(
        "{a: {type: integer, default: 7}, b: {type: string, maxLength: 9, optional: true}, c: {type: boolean}}",
    );
    assert_eq!(validate(&fields, &json!({"c": true})).unwrap(), json!({"a": 7, "c": true}));
    assert_eq!(validate(&fields, &json!({})).unwrap_err().detail.unwrap(), "`c`: missing");
    assert_eq!(validate(&fields, &json!([])).unwrap_err().detail.unwrap(), "an object is due");
}

#[test]
fn what_comes_from_outside_may_hide_text_but_is_checked_all_the_same() {
    let fields: FieldMap = read("{note: {type: string, maxLength: 5}}");
    assert!(validate_output(&fields, &json!({"note": "a\u{202e}"})).is_ok());
    assert_eq!(validate_output(&fields, &json!({"note": 5})).unwrap_err().code, Code::OutputInvalid);
}

#[test]
fn instants_and_durations_become_facts_of_their_type() {
    let fields: FieldMap = read(
        "{at: {type: timestamp}, wait: {type: duration}, share: {type: number}, l: {type: array, maxItems: 2, items: {type: duration}}}",
    );
    let value = json!({"at": "2026-01-05T10:00:00Z", "wait": "90s", "share": 2, "l": ["1s"]});
    let facts = to_facts(&fields, &validate(&fields, &value).unwrap()).unwrap();
    assert_eq!(facts.get("wait"), Some(&expr::Value::Duration(90_000)));
    assert_eq!(facts.get("share"), Some(&expr::Value::Double(2.0)));
    assert_eq!(facts.get("l"), Some(&expr::Value::list([expr::Value::Duration(1_000)])));
    assert!(matches!(facts.get("at"), Some(expr::Value::Timestamp(_))));
}

proptest! {
    #[test]
    fn what_was_validated_is_valid_and_stays_as_it_is(amount in any::<i64>(), note in ".{0,12}", tag in "[a-z]{0,4}") {
        let fields: FieldMap = read(
            "{amount: {type: integer}, note: {type: string, maxLength: 10}, tag: {type: string, pattern: '[a-z]{1,3}', optional: true}, more: {type: boolean, default: false}}",
        );
        if let Ok(made) = validate(&fields, &json!({"amount": amount, "note": note, "tag": tag})) {
            prop_assert!(amount.abs() <= MAX_INTEGER && note.chars().count() <= 10 && (1..=3).contains(&tag.len()));
            prop_assert_eq!(validate(&fields, &made).unwrap(), made);
        }
    }
}
