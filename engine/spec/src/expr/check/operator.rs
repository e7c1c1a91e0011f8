//! Arithmetic and comparison: both sides of one type, literals within their domain.

use super::access::literal_text;
use super::{Checker, Typed, cost, join, outside};
use crate::expr::eval::{BYTES_PER_UNIT, whole};
use crate::expr::node::{Arithmetic, At, Comparison, Kind, Node};
use crate::expr::types::Type;
use crate::expr::value::Value;

impl Checker<'_> {
    pub(super) fn negate(&mut self, inner: &Node) -> Typed {
        let typed = self.node(inner);
        if !matches!(typed.ty, Type::Int | Type::Double | Type::Duration | Type::Any) {
            self.mismatch(inner.at, format!("`-` of {}", typed.ty.describe()));
            return Typed::new(Type::Any, typed.cost + 1);
        }
        Typed { ty: typed.ty, cost: typed.cost + 1, constant: typed.constant.and_then(i64::checked_neg) }
    }

    pub(super) fn arithmetic(&mut self, first: &Node, rest: &[(Arithmetic, Node)]) -> Typed {
        let mut left = self.node(first);
        left.cost = left.cost.saturating_add(1);
        for (sign, node) in rest {
            let right = self.node(node);
            let at = first.at.to(node.at);
            self.certain_error(*sign, &left, &right, node, at);
            let constant = left.constant.zip(right.constant).and_then(|(a, b)| whole(*sign, a, b));
            let costs = left.cost.saturating_add(right.cost);
            let (ty, work) = self.operation(*sign, &left.ty, &right.ty, at);
            left = Typed { ty, cost: costs.saturating_add(work), constant };
        }
        left
    }

    /// What cannot come out well whatever the facts are.
    fn certain_error(&mut self, sign: Arithmetic, left: &Typed, right: &Typed, node: &Node, at: At) {
        let divides = matches!(sign, Arithmetic::Divide | Arithmetic::Remainder);
        let zero = right.constant == Some(0) || matches!(node.kind, Kind::Literal(Value::Double(0.0)));
        if divides && zero {
            self.report("certain-arithmetic-error", at, "a division by zero".into());
            return;
        }
        let constants = left.constant.zip(right.constant);
        if let Some((a, b)) = constants.filter(|(a, b)| whole(sign, *a, *b).is_none()) {
            let message = format!("`{a} {} {b}` is beyond ±(2^53−1)", sign.sign());
            self.report("certain-arithmetic-error", at, message);
        }
    }

    /// The type of `left sign right` and what it costs beyond its sides.
    fn operation(&mut self, sign: Arithmetic, left: &Type, right: &Type, at: At) -> (Type, u64) {
        let sum = matches!(sign, Arithmetic::Add);
        let linear = matches!(sign, Arithmetic::Add | Arithmetic::Subtract);
        match (left, right) {
            (Type::Any, other) | (other, Type::Any) => {
                // Of texts or lists of unknown length.
                let work = if sum { cost::weight(&Type::Any).saturating_add(cost::weight(other)) } else { 0 };
                (Type::Any, work)
            }
            (Type::Int, Type::Int) => (Type::Int, 0),
            (Type::Double, Type::Double) if sign != Arithmetic::Remainder => (Type::Double, 0),
            (Type::Text { max_len: a, .. }, Type::Text { max_len: b, .. }) if sum => {
                let work = cost::bytes(left).saturating_add(cost::bytes(right)) / BYTES_PER_UNIT;
                let max_len = a.zip(*b).map(|(a, b)| a.saturating_add(b));
                (Type::Text { domain: None, max_len }, work)
            }
            (Type::List { max_items: a, .. }, Type::List { max_items: b, .. }) if sum => {
                let max = a.zip(*b).map(|(a, b)| a.saturating_add(b));
                match join(left, right) {
                    Some(Type::List { item, .. }) => {
                        (Type::List { item, max_items: max }, max.unwrap_or(cost::ASSUMED_ITEMS))
                    }
                    _ => self.no_operation(sign, left, right, at),
                }
            }
            (Type::Timestamp, Type::Duration) if linear => (Type::Timestamp, 0),
            (Type::Duration, Type::Timestamp) if sum => (Type::Timestamp, 0),
            (Type::Timestamp, Type::Timestamp) if sign == Arithmetic::Subtract => (Type::Duration, 0),
            (Type::Duration, Type::Duration) if linear => (Type::Duration, 0),
            _ => self.no_operation(sign, left, right, at),
        }
    }

    fn no_operation(&mut self, sign: Arithmetic, left: &Type, right: &Type, at: At) -> (Type, u64) {
        let help = mixed_numbers(left, right);
        let message = format!("`{}` of {} and {}", sign.sign(), left.describe(), right.describe());
        self.mismatch(at, message).help = help;
        (Type::Any, 0)
    }

    pub(super) fn compare(&mut self, sign: Comparison, left: &Node, right: &Node, at: At) -> Typed {
        let (one, other) = (self.node(left), self.node(right));
        let work = cost::weight(&one.ty).min(cost::weight(&other.ty));
        self.unbounded_side(&one.ty, left);
        self.unbounded_side(&other.ty, right);
        let good = if sign.is_equality() {
            equatable(&one.ty, &other.ty)
        } else {
            one.ty.is_like(&other.ty) && ordered(&one.ty) && ordered(&other.ty)
        };
        if !good {
            let help = mixed_numbers(&one.ty, &other.ty);
            let message =
                format!("`{}` compares {} with {}", sign.sign(), one.ty.describe(), other.ty.describe());
            self.mismatch(at, message).help = help;
        } else if sign.is_equality() {
            self.within_domain(&one.ty, left, right);
            self.within_domain(&other.ty, right, left);
        }
        Typed::new(Type::Bool, one.cost.saturating_add(other.cost).saturating_add(work).saturating_add(1))
    }

    /// Comparing lists takes as long as they are.
    fn unbounded_side(&mut self, ty: &Type, node: &Node) {
        if matches!(ty, Type::List { max_items: None, .. }) {
            self.unbounded(node.at);
        }
    }

    pub(super) fn contains(&mut self, item: &Node, container: &Node, at: At) -> Typed {
        let (one, many) = (self.node(item), self.node(container));
        let costs = one.cost.saturating_add(many.cost).saturating_add(1);
        let work = match &many.ty {
            Type::List { item: inner, max_items } => {
                self.unbounded_side(&many.ty, container);
                if max_items != &Some(0) && !equatable(&one.ty, inner) {
                    let message = format!("{} is never in {}", one.ty.describe(), many.ty.describe());
                    self.mismatch(at, message).help = mixed_numbers(&one.ty, inner);
                } else {
                    self.within_domain(inner, container, item);
                    if let Kind::List(items) = &container.kind {
                        items.iter().for_each(|word| self.within_domain(&one.ty, item, word));
                    }
                }
                let each = cost::weight(&one.ty).min(cost::weight(inner)).saturating_add(1);
                max_items.unwrap_or(cost::ASSUMED_ITEMS).saturating_mul(each)
            }
            Type::Map(_) | Type::Record(_) => {
                if !one.ty.is_like(&Type::text()) {
                    self.mismatch(item.at, format!("{} cannot be a key of a map", one.ty.describe()));
                }
                0
            }
            Type::Any => cost::weight(&Type::Any),
            other => {
                let message = format!("`in` needs a list or a map; this is {}", other.describe());
                self.mismatch(container.at, message);
                0
            }
        };
        Typed::new(Type::Bool, costs.saturating_add(work))
    }

    /// Refuses a literal that is none of the words of the type of `other`.
    fn within_domain(&mut self, ty: &Type, other: &Node, node: &Node) {
        let (Type::Text { domain: Some(domain), .. }, Some(word)) = (ty, literal_text(node)) else { return };
        // Literals beside literals declare nothing.
        let declared = !matches!(other.kind, Kind::Literal(_) | Kind::List(_));
        if declared && !domain.contains(word) {
            let word_at = self.word_at(node.at, word);
            self.diagnostics.push(outside(self.place.at(node.at), word_at, word, domain));
        }
    }
}

fn ordered(ty: &Type) -> bool {
    matches!(ty, Type::Int | Type::Double | Type::Text { .. } | Type::Timestamp | Type::Duration | Type::Any)
}

/// True where `==` of both can be asked. Null only of what is untyped: nothing declared is null.
fn equatable(one: &Type, other: &Type) -> bool {
    one.is_like(other)
}

fn mixed_numbers(left: &Type, right: &Type) -> Option<String> {
    match (left, right) {
        (Type::Int, Type::Double) | (Type::Double, Type::Int) => {
            Some("integers and numbers do not mix; write `1.0` for the number 1, or `int(…)`".to_owned())
        }
        (Type::Int, Type::Text { .. }) | (Type::Text { .. }, Type::Int) => Some(
            "write the integer without quotation marks, or convert with `int(…)` or `string(…)`".to_owned(),
        ),
        _ => None,
    }
}
