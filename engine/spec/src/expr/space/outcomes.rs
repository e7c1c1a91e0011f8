//! What is asked of the variables of a space, and what that comes to for each of their values. Never judges in a
//! way of its own: what an expression comes to is asked of the evaluator.

use std::sync::Arc;

use super::atoms::Key;
use super::{Actor, Outcome, facts_of};
use crate::expr::node::{Comparison, Kind, Node};
use crate::expr::types::Path;
use crate::expr::value::Value;
use crate::expr::{COST_LIMIT, FactMap, Facts, eval};

/// What is asked of a variable.
#[derive(Debug)]
pub(super) enum Test<'a> {
    Node(&'a Node, Option<Path>),
    /// The value itself compares so, or the size of the list.
    Is(Comparison, Value),
    OneOf(Vec<Value>),
    Actor(Vec<Arc<str>>),
    Free,
}

/// What a part comes to for these facts; `variables` are those of comprehensions around it.
pub(super) fn outcome(node: &Node, facts: &dyn Facts, variables: Vec<Value>) -> Outcome {
    match eval::evaluate_with(node, facts, COST_LIMIT, variables) {
        Ok(Value::Bool(value)) => Outcome::of(value),
        _ => Outcome::Error,
    }
}

/// What is asked, of one actor.
pub(super) fn of_actor(actor: &Actor, test: &Test<'_>) -> Outcome {
    match test {
        Test::Actor(principals) => Outcome::of(principals.iter().any(|one| actor.principals.contains(one))),
        Test::Node(node, _) => {
            let mut facts = FactMap { principals: actor.principals.clone(), ..FactMap::default() };
            facts.facts.insert("actor".into(), actor.fact.clone());
            outcome(node, &facts, Vec::new())
        }
        _ => Outcome::Error,
    }
}

/// What is asked, of one value of the fact; `None` where it is absent.
pub(super) fn of_value(key: &Key, sample: Option<&Value>, test: &Test<'_>) -> Outcome {
    match test {
        Test::OneOf(values) => Outcome::of(sample.is_some_and(|sample| values.contains(sample))),
        Test::Is(sign, value) => {
            let Some(sample) = sample else { return Outcome::Error };
            compares(*sign, sample, value)
        }
        Test::Node(node, Some(path)) => {
            let sized = match (key, sample) {
                (Key::Size(..), Some(Value::Int(count))) => Some(list_of(*count)),
                (_, sample) => sample.cloned(),
            };
            let facts = facts_of(path, sized.as_ref());
            outcome(node, &facts, local(node, path, &facts))
        }
        _ => Outcome::Error,
    }
}

fn list_of(count: i64) -> Value {
    Value::list((0..count.max(0)).map(|_| Value::Null))
}

fn compares(sign: Comparison, one: &Value, other: &Value) -> Outcome {
    let order = match (one, other) {
        (Value::Int(one), Value::Int(other)) => one.cmp(other),
        (Value::Double(one), Value::Double(other)) => one.total_cmp(other),
        _ => return Outcome::of((one == other) == (sign == Comparison::Equal)),
    };
    Outcome::of(match sign {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterEqual => order.is_ge(),
    })
}

/// The variables of comprehensions, where the path begins at one of them.
fn local(node: &Node, path: &Path, facts: &FactMap) -> Vec<Value> {
    fn slot(node: &Node, name: &str) -> Option<usize> {
        let mut found = match &node.kind {
            Kind::Local(slot, local) if **local == *name => Some(*slot),
            _ => None,
        };
        node.each_child(&mut |child| found = found.or_else(|| slot(child, name)));
        found
    }
    let Some(slot) = slot(node, path.root()) else { return Vec::new() };
    let mut variables = vec![Value::Null; slot];
    variables.push(facts.facts.get(path.root()).cloned().unwrap_or(Value::Null));
    variables
}
