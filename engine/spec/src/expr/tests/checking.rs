//! What is refused before anything runs, and what is not.

use super::*;

fn checked(source: &str) -> Checked {
    checked_as(source, Expect::Anything)
}

fn checked_as(source: &str, expect: Expect<'_>) -> Checked {
    let expr = parse(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
    check(&expr, &scope().clearance(Sensitivity::Personal), expect, &Known::default())
}

/// Code and underlined text of each diagnostic.
fn found(source: &str, expect: Expect<'_>) -> Vec<(&'static str, String)> {
    let faults = match parse(source) {
        Err(faults) => faults,
        Ok(_) => checked_as(source, expect).diagnostics,
    };
    let place = |fault: &Diagnostic| {
        let span = fault.primary.as_ref().unwrap().span;
        source[span.start as usize..span.end as usize].to_owned()
    };
    faults.iter().map(|fault| (fault.code, place(fault))).collect()
}

#[test]
fn a_sound_guard_has_no_diagnostics() {
    for source in [
        "input.amount < 100 && actor.type in ['human', 'agent']",
        "input.amount <= budget[\"refunds\"].remaining",
        "input.amount <= budget['refunds'].remaining",
        "has(input.note) && input.note == 'x'",
        "input.list.all(i, has(i.size) && i.size < 5)",
        "input.tags.exists(t, t.startsWith('x'))",
        "now - timestamp('2026-01-01T00:00:00Z') > duration('1h')",
        "now.getHours('Europe/Zurich') >= 8 && now.getDayOfWeek() in [1, 2, 3, 4, 5]",
        "actor.is('role:sre') || actor.type == 'human'",
        "input.rate * 2.0 > 1.5",
        "min(input.amount, 3) == 3",
        "max(input.numbers) > 3",
        "(input.amount > 3 ? 'a' : 'b') == 'a'",
        "input.tags + ['x'] == ['x']",
        "input.numbers.map(n, n * 2).filter(n, n > 3).size() > 0",
        "input.currency == 'EUR'",
        "'EUR' == input.currency",
        "'a' == 'a'",
        "!input.live",
        "size(input.tags) > 0 && input.tags[0] == 'x'",
        "input.tags == []",
    ] {
        assert_eq!(found(source, Expect::Bool), [], "{source}");
    }
}

#[test]
fn each_fault_is_named_where_it_stands() {
    let table: &[(&str, &str, &str)] = &[
        ("", "expression-syntax", ""),
        ("input.amount <", "expression-syntax", ""),
        ("input.amount = 3", "expression-syntax", "="),
        ("input.amount < 3 and true", "expression-syntax", "and"),
        ("(input.amount < 3", "expression-syntax", ""),
        ("input.amount < 3)", "expression-syntax", ")"),
        ("'open", "expression-syntax", "'open"),
        ("1 + ü", "expression-syntax", "ü"),
        ("has(input)", "expression-syntax", "input"),
        ("[1].all(1, true)", "expression-syntax", "1"),
        ("for > 1", "expression-syntax", "for"),
        ("1u > 1u", "expression-syntax", "1u"),
        ("b'a' == b'a'", "expression-syntax", "b'a'"),
        ("Foo{a: 1} == 1", "expression-syntax", "Foo"),
        ("9007199254740993 > input.amount", "integer-too-large", "9007199254740993"),
        ("-9007199254740993 > input.amount", "integer-too-large", "-9007199254740993"),
        ("99999999999999999999 > input.amount", "integer-too-large", "99999999999999999999"),
        ("inptu.amount < 3", "unknown-fact", "inptu"),
        ("input.amuont < 3", "undeclared-input", "amuont"),
        ("input . amuont < 3", "undeclared-input", "amuont"),
        ("has(input.amuont)", "undeclared-input", "amuont"),
        ("budget['refnds'].remaining > 3", "unknown-fact", "['refnds']"),
        ("input.list.exists(i, i.nam == 'a')", "unknown-fact", "nam"),
        ("x > 3", "unknown-fact", "x"),
        ("frob(input.amount) > 3", "unknown-function", "frob"),
        ("input.currency.startswith('E')", "unknown-function", "startswith"),
        ("contains(input.currency, 'E')", "unknown-function", "contains"),
        ("[1].existsOne(x, x > 0)", "unknown-function", "existsOne"),
        ("dyn(1) == 1", "unknown-function", "dyn"),
        ("matches(actor.id, 'a')", "unknown-function", "matches"),
        ("input.list.all(i)", "unknown-function", "all"),
        ("input.amount == '50'", "type-mismatch", "input.amount == '50'"),
        ("input.amount < '50'", "type-mismatch", "input.amount < '50'"),
        ("input.rate > 1", "type-mismatch", "input.rate > 1"),
        ("input.amount + 1.5 > 2.0", "type-mismatch", "input.amount + 1.5"),
        ("input.amount in ['a']", "type-mismatch", "input.amount in ['a']"),
        ("input.live < true", "type-mismatch", "input.live < true"),
        ("input.amount && true", "type-mismatch", "input.amount"),
        ("!input.amount", "type-mismatch", "input.amount"),
        ("input.amount.x > 1", "type-mismatch", "x"),
        ("input.tags.x > 1", "type-mismatch", "x"),
        ("input.tags['x'] == 'a'", "type-mismatch", "'x'"),
        ("input[actor.id] == 1", "type-mismatch", "[actor.id]"),
        ("input.amount.matches('a')", "type-mismatch", "input.amount"),
        ("input.note != 'x'", "unguarded-optional", "input.note"),
        ("input.amount == null", "type-mismatch", "input.amount == null"),
        ("input.both == 1", "type-mismatch", "input.both"),
        ("[1, 'a'].size() > 0", "type-mismatch", "'a'"),
        ("(input.live ? 1 : 'a') == 1", "type-mismatch", "'a'"),
        ("input.amount.all(x, true)", "type-mismatch", "input.amount"),
        ("now.getHours('Mars/Base') > 1", "bad-literal", "'Mars/Base'"),
        ("now.getHours(actor.id) > 1", "bad-literal", "actor.id"),
        ("duration('90') > duration('1s')", "bad-literal", "'90'"),
        ("timestamp('yesterday') < now", "bad-literal", "'yesterday'"),
        ("actor.id.matches('(')", "bad-literal", "'('"),
        ("actor.id.matches('(?=a)')", "bad-literal", "'(?=a)'"),
        ("actor.id.matches('a)|(b')", "bad-literal", "'a)|(b'"),
        ("actor.id.matches(input.currency)", "bad-literal", "input.currency"),
        ("actor.is(input.currency)", "bad-literal", "input.currency"),
        ("actor.is('agent')", "bad-literal", "'agent'"),
        ("input.amount", "non-boolean-guard", "input.amount"),
        ("'true'", "non-boolean-guard", "'true'"),
        ("input.currency == 'EURO'", "value-outside-domain", "'EURO'"),
        ("input.currency in ['EUR', 'UDS']", "value-outside-domain", "'UDS'"),
        ("'CHF' != input.currency", "value-outside-domain", "'CHF'"),
        ("input.amount / 0 > 1", "certain-arithmetic-error", "input.amount / 0"),
        ("input.amount % (3 - 3) > 1", "certain-arithmetic-error", "input.amount % (3 - 3"),
        ("input.rate / 0.0 > 1.0", "certain-arithmetic-error", "input.rate / 0.0"),
        ("9007199254740991 + 1 > input.amount", "certain-arithmetic-error", "9007199254740991 + 1"),
        ("input.endless.all(x, x > 0)", "unbounded-collection", "input.endless"),
        ("3 in input.endless", "unbounded-collection", "input.endless"),
        ("input.blob == 'x'", "sensitive-fact-in-guard", "input.blob"),
        ("input.list.all(input, true)", "bad-name", "input.list.all(input, true)"),
        ("[1].all(a, [1].all(b, [1].all(c, c > 0)))", "comprehension-too-deep", "all"),
    ];
    let wrong: Vec<_> = table
        .iter()
        .map(|(source, code, place)| (source, found(source, Expect::Bool), [(*code, (*place).to_owned())]))
        .filter(|(_, found, expected)| found != expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn several_faults_are_told_at_once() {
    let codes: Vec<_> =
        found("inptu.a == 1 && frob(1) && input.currency == 'X' && input.amount", Expect::Bool)
            .into_iter()
            .map(|(code, _)| code)
            .collect();
    assert_eq!(codes, ["unknown-fact", "unknown-function", "value-outside-domain", "type-mismatch"]);
}

#[test]
fn the_nearest_name_is_offered_and_put_in() {
    let fix = |source: &str| {
        let fault = checked(source).diagnostics.remove(0);
        let edit = fault.fix.unwrap().edits.remove(0);
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        (fault.help.unwrap(), format!("{}{}{}", &source[..start], edit.text, &source[end..]))
    };
    let table = [
        ("input.amuont < 3", "did you mean `amount`?", "input.amount < 3"),
        ("inptu.amount < 3", "did you mean `input`?", "input.amount < 3"),
        ("input.currency == \"EURO\"", "did you mean `EUR`?", "input.currency == \"EUR\""),
    ];
    for (source, help, mended) in table {
        assert_eq!(fix(source), (help.to_owned(), mended.to_owned()));
    }
}

/// Whether reading `input.note` (and the like) is covered by what was asked before.
#[test]
fn presence_follows_the_flow() {
    let table = [
        ("input.note == 'x'", false),
        ("has(input.note) && input.note == 'x'", true),
        ("has(input.note) || input.note == 'x'", false),
        ("!has(input.note) || input.note == 'x'", true),
        ("!has(input.note) && input.note == 'x'", false),
        ("input.note == 'x' && has(input.note)", false),
        ("has(input.note) ? input.note == 'x' : false", true),
        ("has(input.note) ? false : input.note == 'x'", false),
        ("!has(input.note) ? false : input.note == 'x'", true),
        ("input.live && has(input.note) && input.live && input.note == 'x'", true),
        ("(input.live || has(input.note)) && input.note == 'x'", false),
        ("(input.live && has(input.note)) && input.note == 'x'", true),
        ("!(input.live || !has(input.note)) && input.note == 'x'", true),
        ("!(input.live && has(input.note)) || input.note == 'x'", true),
        ("(input.live ? has(input.note) : has(input.note)) && input.note == 'x'", true),
        ("(input.live ? has(input.note) : true) && input.note == 'x'", false),
        ("(input.live ? has(input.note) : false) && input.note == 'x'", true),
        ("(has(input.note) ? true : false) && input.note == 'x'", true),
        ("has(input.note) && input.tags.all(t, t == input.note)", true),
        ("input.tags.all(t, has(input.note)) && input.note == 'x'", false),
        ("input.list.all(i, has(i.size) && i.size > 1)", true),
        ("input.list.all(i, i.size > 1)", false),
        ("input.list.all(i, has(i.size)) && input.list.all(i, i.size > 1)", false),
        ("input.list.map(i, has(i.size), i.size).size() > 1", true),
        ("has(input.list[0].size) && input.list[0].size > 1", true),
        ("has(input.list[0].size) && input.list[1].size > 1", false),
        ("'size' in input.list[0] && input.list[0].size > 1", true),
    ];
    for (source, accepted) in table {
        let codes: Vec<_> = checked(source).diagnostics.iter().map(|fault| fault.code).collect();
        assert_eq!(codes.is_empty(), accepted, "{source}: {codes:?}");
        assert!(codes.iter().all(|code| *code == "unguarded-optional"), "{source}: {codes:?}");
    }
}

#[test]
fn an_earlier_guard_counts_for_a_later_one() {
    let implies = |source: &str| checked(source).implies;
    let note = Known([Path::new(["input", "note"])].into());
    assert_eq!(implies("has(input.note) && input.amount > 3"), note);
    assert_eq!(implies("has(input.note) || input.amount > 3"), Known::default());
    assert_eq!(implies("input.list.all(i, has(i.size))"), Known::default());
    let later = parse("input.note == 'x'").unwrap();
    assert_eq!(check(&later, &scope(), Expect::Bool, &note).diagnostics, []);
    assert_eq!(
        check(&later, &scope(), Expect::Bool, &Known::default()).diagnostics[0].code,
        "unguarded-optional"
    );
}

#[test]
fn a_value_carries_the_highest_of_what_it_read() {
    assert_eq!(checked("1 + 1").sensitivity, Sensitivity::Public);
    assert_eq!(checked("has(input.note) && input.note == 'x'").sensitivity, Sensitivity::Personal);
    assert_eq!(checked("input == input").sensitivity, Sensitivity::Raw);
    assert_eq!(checked("has(input.blob)").sensitivity, Sensitivity::Raw);
}

#[test]
fn untyped_values_are_checked_when_they_are_read() {
    let scope = Scope::new([(
        "response",
        Field::always(
            Type::record([("json", Field::always(Type::Any, Sensitivity::Internal))]),
            Sensitivity::Internal,
        ),
    )]);
    let expr = parse("response.json.items.map(i, i.id)").unwrap();
    let checked = check(&expr, &scope, Expect::List, &Known::default());
    assert_eq!(checked.diagnostics, []);
    let facts = |body: serde_json::Value| FactMap {
        facts: [("response".into(), json(serde_json::json!({"json": body})))].into(),
        principals: Default::default(),
    };
    let good = expr.eval(&facts(serde_json::json!({"items": [{"id": 1}]})), COST_LIMIT);
    assert_eq!(good, Ok(json(serde_json::json!([1]))));
    let bad = expr.eval(&facts(serde_json::json!({"items": [{"name": 1}]})), COST_LIMIT).unwrap_err();
    assert_eq!((bad.kind, bad.message.as_str()), (EvalErrorKind::FactMissing, "`i.id` is missing"));
    let null = parse("response.json.error == null").unwrap();
    assert_eq!(null.is_true(&facts(serde_json::json!({"error": "x"})), COST_LIMIT), Ok(false));
}

#[test]
fn the_cost_is_told_with_its_parts() {
    let fault = checked("input.numbers.all(a, input.numbers.all(b, a + b > 0))").diagnostics.remove(0);
    assert_eq!(fault.code, "cost-over-limit");
    let help = fault.help.unwrap();
    assert!(help.starts_with("most of it: `input.numbers`: 1000 items × "), "{help}");
}

#[test]
fn places_want_types() {
    let words = Type::one_of(["EUR", "CHF"]);
    let table = [
        ("input.amount", Expect::Type(&Type::Int), None),
        ("input.currency", Expect::Type(&Type::Int), Some("type-mismatch")),
        ("input.currency", Expect::Argument(&Type::Int), Some("argument-type-mismatch")),
        ("input.amount", Expect::Argument(&Type::Double), None),
        ("input.amount", Expect::Type(&Type::Double), Some("type-mismatch")),
        ("input.currency", Expect::Argument(&words), None),
        ("'GBP'", Expect::Argument(&words), Some("value-outside-domain")),
        ("input.tags", Expect::List, None),
        ("input.amount", Expect::List, Some("type-mismatch")),
    ];
    for (source, expect, code) in table {
        let codes: Vec<_> = checked_as(source, expect).diagnostics.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, code.into_iter().collect::<Vec<_>>(), "{source} {expect:?}");
    }
}

#[test]
fn what_is_read_can_be_listed() {
    let expr = parse("input.amount <= budget[\"a.b\"].remaining && actor.is('role:sre') && input.list.all(i, i.size > now.getHours())").unwrap();
    let reads: Vec<_> = expr.reads().iter().map(ToString::to_string).collect();
    assert_eq!(reads, ["actor", "budget[\"a.b\"].remaining", "input.amount", "input.list", "now"]);
    assert_eq!(&*expr.principals()[0].0, "role:sre");
}

#[test]
fn a_name_can_be_known_and_refused() {
    let refused = Field {
        presence: Presence::Refused {
            code: "use-before-produce",
            message: "`check` is no ancestor of this step".into(),
            help: Some("add `check` to `needs`".into()),
            edit: None,
        },
        ..Field::always(Type::Any, Sensitivity::Public)
    };
    let steps = Field::always(Type::record([("check", refused)]), Sensitivity::Public);
    let scope = Scope::new([("steps", steps)]);
    for source in ["steps.check.outputs.lag_s < 60", "has(steps.check.outputs)", "has(steps.check)"] {
        let faults = check(&parse(source).unwrap(), &scope, Expect::Bool, &Known::default()).diagnostics;
        let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, ["use-before-produce"], "{source}");
    }
}
