//! Who keeps an expression from being true.

use super::*;

/// The lists and the items that are named, as `list:item`.
fn culprits(source: &str) -> Vec<String> {
    let expr = parse(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
    let found = expr.culprits(&facts(), COST_LIMIT);
    let shown = |one: Culprit| {
        let list = one.list.map(|list| list.to_string()).unwrap_or_default();
        format!("{list}:{}", one.item.to_json())
    };
    found.into_iter().map(shown).collect()
}

#[test]
fn the_items_that_break_an_all_are_named_and_those_that_fit_a_forbidden_exists() {
    let table: &[(&str, &[&str])] = &[
        ("input.numbers.all(n, n < 2)", &["input.numbers:2", "input.numbers:3"]),
        ("!input.numbers.exists(n, n > 2)", &["input.numbers:3"]),
        ("input.numbers.exists_one(n, n > 1)", &["input.numbers:2", "input.numbers:3"]),
        ("input.numbers.filter(n, n > 1).all(n, n > 2)", &["input.numbers:2"]),
        ("input.numbers.all(n, n > 0) && input.numbers.all(n, n != 2)", &["input.numbers:2"]),
        ("!(input.amount < 0 || input.numbers.exists(n, n == 1))", &["input.numbers:1"]),
        ("[4, 5].all(n, n < 5)", &[":5"]),
        ("input.numbers.all(n, input.tags.all(t, n < 3 || t == 'x'))", &["input.numbers:3"]),
    ];
    for (source, due) in table {
        assert_eq!(culprits(source), *due, "{source}");
    }
}

#[test]
fn nobody_is_named_where_nobody_in_particular_is_to_blame() {
    for source in [
        "input.numbers.all(n, n > 0)",
        "input.numbers.exists(n, n > 9)",
        "input.numbers.exists_one(n, n > 9)",
        "input.amount > 100",
        "input.amount > 100 && input.numbers.all(n, n < 2)",
        "input.list.all(i, i.size > 1)",
    ] {
        assert_eq!(culprits(source), Vec::<String>::new(), "{source}");
    }
}
