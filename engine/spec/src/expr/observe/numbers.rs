//! Arithmetic that can err by what is declared.

use super::{Observer, Part, Sort};
use crate::expr::literal::MAX_INTEGER;
use crate::expr::node::{Arithmetic, Comparison, Kind, Node};
use crate::expr::path_of;
use crate::expr::space::atoms::{declared, sized};
use crate::expr::types::Type;
use crate::expr::value::Value;

/// Between which values an integer lies.
type Range = (i128, i128);

impl<'a> Observer<'a, '_> {
    pub(super) fn arithmetic(&mut self, first: &'a Node, rest: &'a [(Arithmetic, Node)]) {
        let mut left = self.range(first);
        for (sign, right) in rest {
            let at = first.at.to(right.at);
            let other = self.range(right);
            if matches!(sign, Arithmetic::Divide | Arithmetic::Remainder) {
                self.division(right, other, at);
            }
            left = left.zip(other).and_then(|(left, right)| combined(*sign, left, right));
            if let Some((least, most)) = left {
                let limit = i128::from(MAX_INTEGER);
                if least < -limit || most > limit {
                    let text = self.text_at(at);
                    let said = format!(
                        "`{text}` can come to {}, beyond ±(2^53−1)",
                        if most > limit { most } else { least }
                    );
                    self.trouble(Sort::Arithmetic, at, said, "declare a smaller `maximum`", None);
                    left = None;
                }
            }
        }
    }

    fn division(&mut self, by: &'a Node, range: Option<Range>, at: crate::expr::node::At) {
        let is_literal = matches!(by.kind, Kind::Literal(_) | Kind::Negate(_));
        if is_literal || range.is_some_and(|(least, most)| least > 0 || most < 0) {
            return;
        }
        let zero = match self.type_of(by) {
            Type::Int => Value::Int(0),
            Type::Double => Value::Double(0.0),
            _ => return,
        };
        let is_plain = path_of(by).is_some_and(|(_, whole)| whole) || sized(by).is_some();
        let cond = is_plain.then_some(Part::Is(by, Comparison::Equal, zero));
        let text = self.text(by);
        let said = format!("`{}` is an error where `{text}` is 0", self.text_at(at));
        let help = format!("ask first: `{text} != 0 && …`, or declare a `minimum`");
        self.trouble(Sort::Arithmetic, at, said, &help, cond);
    }

    /// The range of an integer, as far as it is declared.
    fn range(&self, node: &Node) -> Option<Range> {
        match &node.kind {
            Kind::Literal(Value::Int(value)) => Some((i128::from(*value), i128::from(*value))),
            Kind::Negate(inner) => self.range(inner).map(|(least, most)| (-most, -least)),
            Kind::Arithmetic { first, rest } => {
                rest.iter().try_fold(self.range(first)?, |left, (sign, right)| {
                    combined(*sign, left, self.range(right)?)
                })
            }
            Kind::Fact(_) | Kind::Access { .. } => {
                let (path, _) = path_of(node).filter(|(_, whole)| *whole)?;
                let (ty, bounds, _) = declared(&path, self.site.scope)?;
                let (least, most) = bounds.least.zip(bounds.most).filter(|_| ty == Type::Int)?;
                Some((i128::from(least), i128::from(most)))
            }
            _ => None,
        }
    }
}

/// The range of a result; `None` where nothing is known of it.
fn combined(sign: Arithmetic, (a, b): Range, (c, d): Range) -> Option<Range> {
    let corners = |of: fn(i128, i128) -> i128| {
        let all = [of(a, c), of(a, d), of(b, c), of(b, d)];
        Some((all.iter().copied().min()?, all.iter().copied().max()?))
    };
    match sign {
        Arithmetic::Add => corners(i128::saturating_add),
        Arithmetic::Subtract => Some((a.saturating_sub(d), b.saturating_sub(c))),
        Arithmetic::Multiply => corners(i128::saturating_mul),
        // Towards zero: no further from it than what is divided.
        Arithmetic::Divide | Arithmetic::Remainder => {
            let most = a.abs().max(b.abs());
            Some((-most, most))
        }
    }
}
