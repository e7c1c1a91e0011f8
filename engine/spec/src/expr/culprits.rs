//! Which items of a list keep an expression from being true: for messages, never for a verdict. What cannot be
//! said exactly is left out.

use super::eval::{self, items};
use super::node::{Kind, LoopKind, Node};
use super::{Expr, Facts, Path, Value, path_of};

/// An item of a list that an `all` or `exists` asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Culprit {
    /// The list, where it is a fact: `catalogue.capabilities`.
    pub list: Option<Path>,
    /// The item.
    pub item: Value,
}

impl Expr {
    /// The items for which an `all` of this expression does not hold, or its negated `exists` does, or an
    /// `exists_one` more than once; none where it is true, has no value, or is false for another reason.
    #[must_use]
    pub fn culprits(&self, facts: &dyn Facts, cost_limit: u64) -> Vec<Culprit> {
        against(&self.0.root, true, facts, cost_limit)
    }
}

/// What keeps a node from being `wanted`.
fn against(node: &Node, wanted: bool, facts: &dyn Facts, limit: u64) -> Vec<Culprit> {
    let is = |node: &Node| match eval::evaluate(node, facts, limit).0 {
        Ok(Value::Bool(value)) => Some(value),
        _ => None,
    };
    match (&node.kind, wanted) {
        (Kind::Not(inner), _) => against(inner, !wanted, facts, limit),
        // Terms after the first that decides are not evaluated, so nothing is said of them.
        (Kind::And(terms), true) | (Kind::Or(terms), false) => {
            let decides = terms.iter().find(|term| is(term) != Some(wanted));
            decides.map(|term| against(term, wanted, facts, limit)).unwrap_or_default()
        }
        (Kind::Loop(tree), _) => {
            let hits = match (tree.kind, wanted) {
                (LoopKind::All, true) => false,
                (LoopKind::Exists, false) | (LoopKind::ExistsOne, true) => true,
                _ => return Vec::new(),
            };
            let found = items(tree, facts, limit, hits).unwrap_or_default();
            if tree.kind == LoopKind::ExistsOne && found.len() < 2 {
                return Vec::new();
            }
            let list = list(&tree.range);
            found.into_iter().map(|item| Culprit { list: list.clone(), item }).collect()
        }
        _ => Vec::new(),
    }
}

/// The fact that a range is taken from, filtered or not.
fn list(range: &Node) -> Option<Path> {
    match &range.kind {
        Kind::Loop(tree) if tree.kind == LoopKind::Filter => list(&tree.range),
        _ => path_of(range).filter(|(_, whole)| *whole).map(|(path, _)| path),
    }
}
