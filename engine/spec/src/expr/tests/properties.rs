//! Whatever the expression: the bound holds, and where nothing errs the library's own evaluator agrees.

use cel_interpreter::{Context, Program};
use proptest::prelude::*;

use super::*;

/// Expressions over the facts of the tests, most of them sound.
fn number() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("input.amount".to_owned()),
        Just("budget['refunds'].remaining".to_owned()),
        (-20_i64..20).prop_map(|value| if value < 0 { format!("({value})") } else { value.to_string() }),
        Just("size(input.tags)".to_owned()),
        Just("input.numbers[1]".to_owned()),
        Just("input.list[0].size".to_owned()),
        Just("size('héllo')".to_owned()),
        Just("int('12')".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(a, sign, b)| format!("({a} {sign} {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("{a} + {b} * {c}")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (truth_leaf(), inner.clone(), inner).prop_map(|(t, a, b)| format!("({t} ? {a} : {b})")),
        ]
    })
    .boxed()
}

fn truth_leaf() -> BoxedStrategy<String> {
    prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("has(input.note)".to_owned()),
        Just("has(input.list[1].size)".to_owned()),
        Just("input.currency == 'EUR'".to_owned()),
        Just("input.currency in ['USD']".to_owned()),
        Just("input.rate > 1.0".to_owned()),
        Just("input.tags.exists(t, t.startsWith('x'))".to_owned()),
        Just("input.list.all(i, i.name.contains('a') || has(i.size))".to_owned()),
        Just("input.tags + ['z'] == ['x', 'y', 'z']".to_owned()),
        Just("'x' in input.tags".to_owned()),
        Just("'a' + input.currency == 'aEUR'".to_owned()),
    ]
    .boxed()
}

fn truth() -> BoxedStrategy<String> {
    let compared = (number(), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]), number())
        .prop_map(|(a, sign, b)| format!("{a} {sign} {b}"));
    let looped = (prop::sample::select(vec!["all", "exists", "exists_one"]), number(), number())
        .prop_map(|(kind, a, b)| format!("input.numbers.{kind}(n, n * {a} > {b})"));
    let mapped = (number(), number())
        .prop_map(|(a, b)| format!("input.numbers.map(n, n + {a}).filter(n, n > {b}).size() > 1"));
    let nested =
        number().prop_map(|a| format!("input.numbers.all(n, input.tags.exists(t, t.size() + n < {a}))"));
    prop_oneof![truth_leaf(), compared, looped, mapped, nested]
        .prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
                inner.clone().prop_map(|a| format!("!({a})")),
                (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            ]
        })
        .boxed()
}

/// The same facts for the library.
fn context() -> Context<'static, 'static> {
    use cel_interpreter::Value as Cel;
    fn cel(value: &Value) -> Cel {
        match value {
            Value::Null => Cel::Null,
            Value::Bool(value) => Cel::Bool(*value),
            Value::Int(value) => Cel::Int(*value),
            Value::Double(value) => Cel::Float(*value),
            Value::Text(text) => Cel::String(Arc::new(text.to_string())),
            Value::List(items) => Cel::List(Arc::new(items.iter().map(cel).collect())),
            Value::Map(entries) => {
                let entries: std::collections::HashMap<String, Cel> =
                    entries.iter().map(|(key, value)| (key.to_string(), cel(value))).collect();
                Cel::Map(entries.into())
            }
            Value::Timestamp(_) | Value::Duration(_) => Cel::Null,
        }
    }
    let mut context = Context::default();
    for (name, value) in &facts().facts {
        context.add_variable_from_value(name.to_string(), cel(value));
    }
    context
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_measured_cost_is_within_the_bound(source in truth()) {
        prop_assume!(source.len() <= 2048);
        let expr = parse(&source).unwrap();
        let bound = check(&expr, &scope(), Expect::Bool, &Known::default()).cost;
        let (_, cost) = expr.eval_costed(&facts(), COST_LIMIT);
        prop_assert!(cost <= bound, "{} cost {}, bound {}", source, cost, bound);
    }

    #[test]
    fn without_errors_the_library_agrees(source in truth()) {
        prop_assume!(source.len() <= 2048);
        let Ok(ours) = parse(&source).unwrap().eval(&facts(), COST_LIMIT) else { return Ok(()) };
        let theirs = Program::compile(&source).unwrap().execute(&context());
        prop_assert_eq!(Ok(ours == Value::Bool(true)), theirs.map(|value| value == cel_interpreter::Value::Bool(true)), "{}", source);
    }

    /// Where the checker finds nothing, only arithmetic and indices can go wrong.
    #[test]
    fn what_is_checked_errs_only_in_arithmetic(source in truth()) {
        prop_assume!(source.len() <= 2048);
        let expr = parse(&source).unwrap();
        if !check(&expr, &scope(), Expect::Bool, &Known::default()).diagnostics.is_empty() {
            return Ok(());
        }
        if let Err(error) = expr.is_true(&facts(), COST_LIMIT) {
            prop_assert_eq!(error.kind, EvalErrorKind::Arithmetic, "{}: {}", source, error.message);
        }
    }
}
