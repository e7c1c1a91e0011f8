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
