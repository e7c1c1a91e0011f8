//! What expressions come out as.

use super::*;

fn eval(source: &str) -> Result<Value, EvalErrorKind> {
    let expr = parse(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
    expr.eval(&facts(), COST_LIMIT).map_err(|error| error.kind)
}

#[test]
fn expressions_have_the_values_that_cel_gives_them() {
    let int = |value| Ok(Value::Int(value));
    let table = [
        ("input.amount < 100 && actor.type in ['human', 'agent']", Ok(true.into())),
        ("!!true", Ok(true.into())),
        ("1 + 2 * 3 - 4", int(3)),
        ("-7 / 2", int(-3)),
        ("-7 % 2", int(-1)),
        ("2 * 3 + 4 * 5", int(26)),
        ("10 - 2 - 3", int(5)),
        ("true ? 1 : 2", int(1)),
        ("false ? 1 : true ? 2 : 3", int(2)),
        ("'a' + 'b'", Ok("ab".into())),
        ("size('héllo')", int(5)),
        ("[1, 2, 3].map(x, x * 2)", Ok(json(serde_json::json!([2, 4, 6])))),
        ("[1, 2, 3].map(x, x > 1, x * 2)", Ok(json(serde_json::json!([4, 6])))),
        ("[1, 2, 3].filter(x, x > 1)", Ok(json(serde_json::json!([2, 3])))),
        ("[1, 2, 3].exists_one(x, x > 2)", Ok(true.into())),
        ("[1, 2, 3].exists_one(x, x > 1)", Ok(false.into())),
        ("[].all(x, x > 1)", Ok(true.into())),
        ("input.list.exists(i, i.name == 'a')", Ok(true.into())),
        ("input.list.map(i, i.name) == ['a', 'b']", Ok(true.into())),
        ("input.list.all(i, input.numbers.exists(n, n > 2))", Ok(true.into())),
        ("input.list[1].name", Ok("b".into())),
        ("budget[\"refunds\"].remaining", int(100)),
        ("{'a': 1}.a", int(1)),
        ("{'a': 1}['a']", int(1)),
        ("'a' in {'a': 1}", Ok(true.into())),
        ("has(input.note)", Ok(false.into())),
        ("has(input.amount)", Ok(true.into())),
        ("'abc'.matches('a.c')", Ok(true.into())),
        ("'xabc'.matches('a.c')", Ok(false.into())),
        ("'abcx'.matches('abc|abcx')", Ok(true.into())),
        ("'ABC'.lowerAscii()", Ok("abc".into())),
        ("duration('1h') > duration('30m')", Ok(true.into())),
        ("now - timestamp('2026-11-21T10:00:00Z') == duration('30m')", Ok(true.into())),
        ("now.getHours('Europe/Zurich')", int(11)),
        ("now.getHours('+05:30')", int(16)),
        ("now.getHours()", int(10)),
        ("now.getDayOfWeek()", int(6)),
        ("now.getMonth()", int(10)),
        ("now.getDate()", int(21)),
        ("now.getFullYear()", int(2026)),
        ("now.getMinutes()", int(30)),
        ("duration('90m').getHours()", int(1)),
        ("min(3, 1, 2)", int(1)),
        ("max(input.numbers)", int(3)),
        ("int('12') + int(1.9)", int(13)),
        ("string(12) + string(true)", Ok("12true".into())),
        ("actor.is('role:sre')", Ok(true.into())),
        ("actor.is('role:admin')", Ok(false.into())),
        ("2 in [1, 2]", Ok(true.into())),
    ];
    for (source, expected) in table {
        assert_eq!(eval(source), expected, "{source}");
    }
}

#[test]
fn what_is_evaluated_and_errs_is_an_error_of_the_whole() {
    use EvalErrorKind::{Arithmetic, Conversion, CostLimit, FactMissing, Index, NotBoolean, Type};
    let table = [
        // An error is absorbed by nothing that comes after it …
        ("input.amount > 'x' || true", Err(Type)),
        ("input.missing > 3 || true", Err(FactMissing)),
        ("input.missing > 3 && false", Err(FactMissing)),
        ("nope && false", Err(FactMissing)),
        ("nope || true", Err(FactMissing)),
        ("[1, 2].exists(x, x > 'a' || x == 2)", Err(Type)),
        ("['a', 1].exists(x, x == 'b' || x == 1)", Err(Type)),
        ("[0, 1].exists(x, 1 / x == 1)", Err(Arithmetic)),
        ("[0, 1].all(x, 1 / x == 1)", Err(Arithmetic)),
        // … and what is decided before it never meets it.
        ("true || input.missing > 3", Ok(true)),
        ("false && nope", Ok(false)),
        ("true ? true : nope", Ok(true)),
        ("[1, 0].exists(x, 1 / x == 1)", Ok(true)),
        ("[2, 0].all(x, 1 / x == 1)", Ok(false)),
        ("has(input.note) && input.note == 'x'", Ok(false)),
        ("has(input.missing.deeper)", Err(FactMissing)),
        ("has(nope.x)", Err(FactMissing)),
        ("has(input.amount.x)", Err(Type)),
        // exists_one looks at all.
        ("[1, 0].exists_one(x, 1 / x == 1)", Err(Arithmetic)),
        // No value has two types, no condition is anything but true or false.
        ("input.amount == '50'", Err(Type)),
        ("input.amount != '50'", Err(Type)),
        ("1 == 1.0", Err(Type)),
        ("input.rate > 1", Err(Type)),
        ("1 in [1.0]", Err(Type)),
        ("[1] == ['a']", Err(Type)),
        ("'a' && true", Err(NotBoolean)),
        ("true && 1", Err(NotBoolean)),
        ("!1", Err(NotBoolean)),
        ("1 ? true : false", Err(NotBoolean)),
        ("[1].all(x, x)", Err(NotBoolean)),
        ("'a' < 1", Err(Type)),
        ("true < false", Err(Type)),
        ("-'a'", Err(Type)),
        ("min(['a', 1]) == 1", Err(Type)),
        ("[1, 2][5] != 3", Err(Index)),
        ("[1, 2][-1] != 3", Err(Index)),
        ("{'a': 1}['b'] != 1", Err(FactMissing)),
        ("min([]) == 1", Err(Index)),
        ("1 / 0 == 1", Err(Arithmetic)),
        ("1 % 0 == 1", Err(Arithmetic)),
        ("1.0 / 0.0 > 1.0", Err(Arithmetic)),
        ("9007199254740991 + 1 > 0", Err(Arithmetic)),
        ("9007199254740991 * 9007199254740991 > 0", Err(Arithmetic)),
        ("-9007199254740991 - 1 < 0", Err(Arithmetic)),
        ("int('x') == 1", Err(Conversion)),
        ("int('9007199254740993') > 1", Err(Conversion)),
        ("int(1e300) > 1", Err(Arithmetic)),
        ("timestamp(input.currency) < now", Err(Conversion)),
        ("now + duration('3000000d') > now", Err(Arithmetic)),
        ("input.numbers.all(a, input.numbers.all(b, input.numbers.map(c, c).size() > 0))", Err(CostLimit)),
    ];
    for (source, expected) in table {
        if expected == Err(CostLimit) {
            continue;
        }
        let got = eval(source).map(|value| value == Value::Bool(true));
        assert_eq!(got, expected, "{source}");
    }
}

#[test]
fn the_budget_ends_an_evaluation() {
    let expr = parse("input.numbers.all(a, input.numbers.all(b, a + b > 0))").unwrap();
    let (value, cost) = expr.eval_costed(&facts(), COST_LIMIT);
    assert_eq!(value, Ok(Value::Bool(true)));
    assert!(cost > 9);
    assert_eq!(expr.eval(&facts(), cost), Ok(Value::Bool(true)));
    assert_eq!(expr.eval(&facts(), cost - 1).unwrap_err().kind, EvalErrorKind::CostLimit);
}

/// Each of these was let through by a library of expressions (`threats.md`): none may be true here.
#[test]
fn nothing_fails_open() {
    let table = [
        "[\"ok\"][5] != \"blocked\"",
        "{\"a\": 1}[\"b\"] != 1",
        "\"a\" && true",
        "input.amount > 'x' || true",
        "input.amount == '5'",
        "input.amount != '5'",
        "input.missing != 'blocked'",
        "!(input.missing == 'blocked')",
        "nope != 1",
        "!has(nope.x)",
        "",
        " ",
        "// nothing",
        "true ||",
        "|| true",
        "input.amount = 50",
        "input.note != 'x'",
        "input.both != 1",
        "1u == 1u",
        "b'a' == b'a'",
        "dyn(1) == 1",
        "type(1) == int",
        "'a'.matches('(')",
        "'a'.matches('a)|(.*')",
        "'ab'.matches('a')",
        "'a\\nb'.matches('a$')",
        "input.?missing.orValue(true)",
        "optional.none().orValue(true)",
        "__result__ || true",
        "@result || true",
        "google.protobuf.BoolValue{value: true}",
    ];
    for source in table {
        let refused = match parse(source) {
            Err(_) => true,
            Ok(expr) => {
                let faults = check(&expr, &scope(), Expect::Bool, &Known::default()).diagnostics;
                let open = expr.is_true(&facts(), COST_LIMIT) == Ok(true);
                assert!(!open, "`{source}` is true, checked as {faults:?}");
                true
            }
        };
        assert!(refused, "{source}");
    }
    // What the old library got wrong the other way.
    assert_eq!(parse("!!true").unwrap().is_true(&facts(), COST_LIMIT), Ok(true));
}

#[test]
fn values_and_json_come_and_go() {
    let ty = Type::record([
        ("at", Field::always(Type::Timestamp, Sensitivity::Public)),
        ("wait", Field::always(Type::Duration, Sensitivity::Public)),
        ("rate", Field::always(Type::Double, Sensitivity::Public)),
        ("note", Field::optional(Type::text(), Sensitivity::Public, "optional")),
    ]);
    let given = serde_json::json!({"at": "2026-01-05T10:00:00Z", "wait": "90s", "rate": 2});
    let value = Value::typed(&given, &ty).unwrap();
    assert_eq!(value.get("wait"), Some(&Value::Duration(90_000)));
    assert_eq!(value.get("rate"), Some(&Value::Double(2.0)));
    assert_eq!(
        value.to_json(),
        serde_json::json!({"at": "2026-01-05T10:00:00Z", "wait": "90s", "rate": 2.0})
    );
    let refused = [
        (
            serde_json::json!({"at": "x", "wait": "90s", "rate": 2}),
            "`at`: a string that is no instant (RFC 3339)",
        ),
        (serde_json::json!({"wait": "90s", "rate": 2}), "`at` is missing"),
        (
            serde_json::json!({"at": "2026-01-05T10:00:00Z", "wait": 90, "rate": 2}),
            "`wait`: an integer where a duration is wanted",
        ),
        (serde_json::json!({"more": 1}), "`more` is not declared"),
    ];
    for (given, message) in refused {
        assert_eq!(Value::typed(&given, &ty).unwrap_err().to_string(), message);
    }
    for large in [9_007_199_254_740_992_i64, i64::MIN, i64::MAX] {
        assert!(Value::from_json(&large.into()).is_err(), "{large}");
    }
    assert!(Value::from_json(&u64::MAX.into()).is_err());
    let nested =
        Value::typed(&serde_json::json!([[1], ["a"]]), &Type::list(Type::list(Type::Int, Some(3)), Some(3)));
    assert_eq!(nested.unwrap_err().path, "[1][0]");
}
