//! What a space says of conditions; and that "never" is never said of what happens.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail")]

use std::sync::Arc;

use super::*;
use crate::expr::types::{Bounds, Field, Type};
use crate::kind::scalar::Sensitivity;
use crate::source::{FileId, Span};
use crate::tree::{Text, Way};

fn expr(source: &str) -> Expr {
    let end = u32::try_from(source.len()).unwrap();
    let text = Text { value: source.into(), way: Way::Straight(0) };
    Expr::parse(&text, Span::new(FileId(0), 0, end)).unwrap()
}

fn scope() -> Scope {
    let public = |ty| Field::always(ty, Sensitivity::Public);
    let mut amount = public(Type::Int);
    amount.bounds = Bounds { least: Some(1), most: Some(500), ..Bounds::default() };
    let mut tags = public(Type::list(Type::text(), Some(10)));
    tags.bounds.min_items = 1;
    let mut code = public(Type::text());
    code.bounds = Bounds { min_items: 2, longest: Some(40), ..Bounds::default() };
    let input = Type::record([
        ("code", code),
        ("amount", amount),
        ("count", public(Type::Int)),
        ("ratio", public(Type::Double)),
        ("currency", public(Type::one_of(["EUR", "USD"]))),
        ("name", public(Type::text())),
        ("note", Field::optional(Type::text(), Sensitivity::Public, "optional")),
        ("open", public(Type::Bool)),
        ("tags", tags),
        ("more", public(Type::list(Type::Int, Some(10)))),
    ]);
    Scope::new([
        ("input", public(input)),
        ("now", public(Type::Timestamp)),
        ("actor", crate::expr::facts::actor()),
    ])
}

fn find(world: &World, source: &str, want: Want) -> Found {
    let (expr, scope) = (expr(source), scope());
    let site = Site { expr: &expr, scope: &scope, moment: 1 };
    Space::of(world, &[Term::Holds(site)]).find(&[(0, want)])
}

#[test]
fn what_no_facts_make_true_is_never_so() {
    for source in [
        "input.amount > 500",
        "input.amount < 1 || input.amount > 600",
        "input.amount > 10 && input.amount < 5",
        "input.count > 10 && input.count < 11",
        "input.currency == 'EUR' && input.currency == 'USD'",
        "input.name == 'a' && input.name in ['b', 'c']",
        "input.open && !input.open",
        "has(input.note) && !has(input.note)",
        "size(input.tags) == 0",
        "size(input.more) > 10",
        "size(input.code) > 40",
        "size(input.code) < 2",
        "size(input.currency) == 4",
        "input.ratio > 1.5 && input.ratio < 1.5",
        "now > timestamp('2026-01-01T00:00:00Z') && now < timestamp('2025-01-01T00:00:00Z')",
        "actor.type == 'agent' && actor.type == 'human'",
        "input.count > input.amount && !(input.count > input.amount)",
        "input.open ? input.amount > 900 : false",
    ] {
        assert_eq!(find(&World::default(), source, Want::True), Found::Never, "{source}");
    }
}

#[test]
fn what_all_facts_make_true_is_never_otherwise() {
    for source in [
        "input.amount <= 500",
        "input.amount >= 1 && size(input.tags) > 0",
        "input.currency in ['EUR', 'USD']",
        "size(input.code) <= 40",
        "input.open || !input.open",
        "input.count < 5 || input.count > 3",
    ] {
        assert_eq!(find(&World::default(), source, Want::NotTrue), Found::Never, "{source}");
    }
}

#[test]
fn what_can_be_is_found_with_facts_that_show_it() {
    for (source, fact, value) in [
        ("input.amount > 499", "input.amount", Value::Int(500)),
        ("input.count > 10 && input.count < 12", "input.count", Value::Int(11)),
        ("input.name == 'x'", "input.name", Value::text("x")),
        ("size(input.more) > 9", "size(input.more)", Value::Int(10)),
    ] {
        let Found::Sometimes(witness) = find(&World::default(), source, Want::True) else {
            panic!("{source}")
        };
        assert!(witness.is_exact, "{source}");
        assert!(witness.facts.contains(&(fact.to_owned(), Some(value))), "{source}: {witness:?}");
    }
}

#[test]
fn what_is_not_understood_may_be_anything_and_may_err() {
    let source = "input.amount * 2 > 2000 || !(input.amount * 2 > 2000)";
    for want in [Want::True, Want::NotTrue] {
        assert!(!find(&World::default(), source, want).is_never());
    }
    let Found::Sometimes(witness) = find(&World::default(), source, Want::True) else { panic!() };
    assert!(!witness.is_exact);
}

#[test]
fn an_error_is_neither_true_nor_false() {
    // The left side errs where the note is absent, and that is the outcome of the whole.
    let source = "input.note == 'a' || !has(input.note)";
    assert!(!find(&World::default(), source, Want::NotTrue).is_never());
    let guarded = "!has(input.note) || input.note == input.note";
    assert!(!find(&World::default(), guarded, Want::True).is_never());
}

#[test]
fn moments_tell_clocks_apart_and_nothing_else() {
    let (before, after) =
        (expr("now < timestamp('2026-01-01T00:00:00Z')"), expr("now > timestamp('2026-01-01T00:00:00Z')"));
    let (low, high) = (expr("input.count < 3"), expr("input.count > 3"));
    let scope = scope();
    let never = |one: &Expr, other: &Expr, moments: (usize, usize)| {
        let site = |expr, moment| Term::Holds(Site { expr, scope: &scope, moment });
        let terms = [site(one, moments.0), site(other, moments.1)];
        Space::of(&World::default(), &terms).find(&[(0, Want::True), (1, Want::True)]).is_never()
    };
    assert!(never(&before, &after, (1, 1)) && !never(&before, &after, (1, 2)));
    assert!(never(&low, &high, (1, 1)) && never(&low, &high, (1, 2)));
}

#[test]
fn who_may_act_is_known_where_the_world_says_so() {
    let actor = |id: &str, kind: &str, more: &[&str]| Actor {
        fact: Value::map([("id", Value::text(id)), ("type", Value::text(kind))]),
        principals: more.iter().copied().chain([id]).map(Arc::from).collect(),
    };
    let actors = vec![actor("user:ann", "human", &["role:sre"]), actor("user:bot", "agent", &[])];
    let world = World { actors: actors.into(), ..World::default() };
    let agents = "actor.is('role:sre') && actor.type == 'agent'";
    assert!(find(&world, agents, Want::True).is_never());
    assert!(!find(&World::default(), agents, Want::True).is_never());
    let Found::Sometimes(witness) = find(&world, "actor.is('role:sre')", Want::True) else { panic!() };
    assert_eq!(witness.actor, Some(0));
}

#[test]
fn a_search_ends() {
    let terms: Vec<String> =
        (0..200).map(|at| format!("input.name == 'n{at}' || input.count == {at}")).collect();
    let source = format!("{} && input.open", terms.get(..40).unwrap().join(" && "));
    // However it ends, it does.
    let _ = find(&World::default(), &source, Want::True);
}

mod oracle {
    //! Random conditions, and random facts that the evaluator finds true: a space never says "never" of them.
    use proptest::prelude::*;

    use super::*;
    use crate::expr::FactMap;

    fn atom() -> impl Strategy<Value = String> {
        let sign = prop::sample::select(vec!["<", "<=", "==", "!=", ">", ">="]);
        let number = 0..8_i64;
        prop_oneof![
            (sign, number).prop_map(|(sign, number)| format!("input.count {sign} {number}")),
            Just("input.open".to_owned()),
            Just("has(input.note)".to_owned()),
            Just("input.note == 'a'".to_owned()),
            Just("input.note in ['b', 'c']".to_owned()),
            prop::sample::select(vec!["EUR", "USD"]).prop_map(|word| format!("input.currency == '{word}'")),
            (0..4_i64).prop_map(|size| format!("size(input.more) > {size}")),
            Just("input.count + input.amount > 4".to_owned()),
            Just("input.more.all(x, x > 2)".to_owned()),
        ]
    }

    fn condition() -> impl Strategy<Value = String> {
        atom().prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
                (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
                inner.clone().prop_map(|one| format!("!({one})")),
                (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            ]
        })
    }

    fn facts() -> impl Strategy<Value = Value> {
        let note = prop::option::of(prop::sample::select(vec!["a", "b", "z"]));
        let more = prop::collection::vec(0..5_i64, 0..5);
        (-1..9_i64, 1..9_i64, any::<bool>(), note, prop::sample::select(vec!["EUR", "USD"]), more).prop_map(
            |(count, amount, open, note, currency, more)| {
                let mut fields = vec![
                    ("count", Value::Int(count)),
                    ("amount", Value::Int(amount)),
                    ("open", Value::Bool(open)),
                    ("currency", Value::text(currency)),
                    ("more", Value::list(more.into_iter().map(Value::Int))),
                ];
                fields.extend(note.map(|note| ("note", Value::text(note))));
                Value::map(fields)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn never_is_never_said_of_what_happens(source in condition(), input in prop::collection::vec(facts(), 12)) {
            let expr = expr(&source);
            let scope = scope();
            let site = Site { expr: &expr, scope: &scope, moment: 1 };
            let space = Space::of(&World::default(), &[Term::Holds(site)]);
            let [is_true, is_not_true, is_not_false] =
                [Want::True, Want::NotTrue, Want::NotFalse].map(|want| space.find(&[(0, want)]).is_never());
            for input in input {
                let mut facts = FactMap::default();
                facts.facts.insert("input".into(), input);
                let value = expr.is_true(&facts, crate::expr::COST_LIMIT);
                prop_assert!(!(is_true && value == Ok(true)), "{source} is true");
                prop_assert!(!(is_not_true && value != Ok(true)), "{source} is not true");
                prop_assert!(!(is_not_false && value != Ok(false)), "{source} is not false");
            }
        }
    }
}
