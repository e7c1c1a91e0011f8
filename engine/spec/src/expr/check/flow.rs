//! Which paths are there where a condition came out true, or false.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::expr::node::{Kind, Node, StepKind};
use crate::expr::types::{Known, Path};
use crate::expr::value::Value;

/// What is there where `node` is `truth`; `None` where it never is.
pub(super) fn present(node: &Node, truth: bool) -> Option<Known> {
    match &node.kind {
        Kind::Literal(Value::Bool(value)) if *value != truth => None,
        Kind::Access { has: true, .. } if truth => {
            Some(path(node).map_or_else(Known::default, |path| Known(BTreeSet::from([path]))))
        }
        Kind::In(pair) if truth => {
            let key = if let Kind::Literal(Value::Text(key)) = &pair.0.kind { Some(key) } else { None };
            let found = key.and_then(|key| Some(path(&pair.1)?.then(key)));
            Some(found.map_or_else(Known::default, |path| Known(BTreeSet::from([path]))))
        }
        Kind::Not(inner) => present(inner, !truth),
        Kind::And(terms) => chain(terms, truth, true),
        Kind::Or(terms) => chain(terms, truth, false),
        Kind::Choose(arms, last) => choose(arms, last, truth),
        _ => Some(Known::default()),
    }
}

/// `&&` (`all`) or `||` of terms. Where all came out as `all`, each is known; else it was one of them,
/// after the ones before it had come out as `all`.
fn chain(terms: &[Node], truth: bool, all: bool) -> Option<Known> {
    let mut before = Some(Known::default());
    let mut either = None;
    for term in terms {
        either = any(either, both(before.clone(), present(term, !all)));
        before = both(before, present(term, all));
    }
    if truth == all { before } else { either }
}

fn choose(arms: &[(Node, Node)], last: &Node, truth: bool) -> Option<Known> {
    let mut before = Some(Known::default());
    let mut either = None;
    for (condition, then) in arms {
        let here = both(before.clone(), present(condition, true));
        either = any(either, both(here, present(then, truth)));
        before = both(before, present(condition, false));
    }
    any(either, both(before, present(last, truth)))
}

fn both(one: Option<Known>, other: Option<Known>) -> Option<Known> {
    Some(one?.and(&other?))
}

fn any(one: Option<Known>, other: Option<Known>) -> Option<Known> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Known(one.0.intersection(&other.0).cloned().collect())),
        (one, other) => one.or(other),
    }
}

/// The path of an access whose steps are all literal: names, keys, numbers.
fn path(node: &Node) -> Option<Path> {
    let (base, steps) = match &node.kind {
        Kind::Fact(name) | Kind::Local(_, name) => return Some(Path::new([Arc::clone(name)])),
        Kind::Access { base, steps, .. } => (base, steps),
        _ => return None,
    };
    let (Kind::Fact(root) | Kind::Local(_, root)) = &base.kind else { return None };
    let mut path = Path::new([Arc::clone(root)]);
    for step in steps {
        path = path.then(&segment(&step.kind)?);
    }
    Some(path)
}

/// What a step adds to a path; `None` where that is computed.
pub(in crate::expr) fn segment(step: &StepKind) -> Option<Arc<str>> {
    match step {
        StepKind::Field(name) => Some(Arc::clone(name)),
        StepKind::Index(index) => match &index.kind {
            Kind::Literal(Value::Text(key)) => Some(Arc::clone(key)),
            Kind::Literal(Value::Int(index)) => Some(index.to_string().into()),
            _ => None,
        },
    }
}
