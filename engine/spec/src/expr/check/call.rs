//! The functions of the closed list, on types.

use super::{Checker, Typed, cost};
use crate::expr::eval::BYTES_PER_UNIT;
use crate::expr::node::{At, Function, Node, Part};
use crate::expr::types::Type;

impl Checker<'_> {
    pub(super) fn call(&mut self, function: Function, args: &[Node], at: At) -> Typed {
        match (function, args) {
            (Function::Contains | Function::StartsWith | Function::EndsWith, [text, part]) => {
                let (text, part) = (self.wanted(text, &Type::text()), self.wanted(part, &Type::text()));
                let cost =
                    text.cost.saturating_add(part.cost).saturating_add(work(&text.ty)).saturating_add(1);
                Typed::new(Type::Bool, cost)
            }
            (Function::LowerAscii, [text]) => {
                let text = self.wanted(text, &Type::text());
                let max_len = if let Type::Text { max_len, .. } = text.ty { max_len } else { None };
                let cost = text.cost.saturating_add(work(&text.ty)).saturating_add(1);
                Typed::new(Type::Text { domain: None, max_len }, cost)
            }
            (Function::Min | Function::Max, several) => self.extreme(function, several, at),
            (_, [value]) => self.conversion(function, value),
            _ => Typed::new(Type::Any, 1),
        }
    }

    /// Functions of one value.
    fn conversion(&mut self, function: Function, value: &Node) -> Typed {
        let typed = self.node(value);
        let text = matches!(typed.ty, Type::Text { .. } | Type::Any);
        let (good, result) = match function {
            Function::Size => {
                let good = text || matches!(typed.ty, Type::List { .. } | Type::Map(_) | Type::Record(_));
                (good, Type::Int)
            }
            Function::Int => {
                (text || matches!(typed.ty, Type::Int | Type::Double | Type::Timestamp), Type::Int)
            }
            Function::String => {
                let scalar = matches!(
                    typed.ty,
                    Type::Int | Type::Double | Type::Bool | Type::Timestamp | Type::Duration
                );
                let max_len = if let Type::Text { max_len, .. } = typed.ty { max_len } else { Some(400) };
                (
                    text || scalar,
                    Type::Text { domain: None, max_len: max_len.filter(|_| typed.ty != Type::Any) },
                )
            }
            Function::Duration => (text || typed.ty == Type::Duration, Type::Duration),
            _ => (text || typed.ty == Type::Timestamp, Type::Timestamp),
        };
        if !good {
            self.mismatch(value.at, format!("`{}` of {}", function.name(), typed.ty.describe()));
        }
        let work = if function == Function::Size { work(&typed.ty) } else { 0 };
        Typed::new(result, typed.cost.saturating_add(work).saturating_add(1))
    }

    fn extreme(&mut self, function: Function, args: &[Node], at: At) -> Typed {
        let mut cost = 1_u64;
        let mut joined: Option<Type> = None;
        for arg in args {
            let typed = self.node(arg);
            cost = cost.saturating_add(typed.cost);
            joined = Some(self.join(joined, typed.ty, arg.at));
        }
        let (item, count) = match joined {
            Some(Type::List { item, max_items }) if args.len() == 1 => {
                if max_items.is_none() {
                    self.unbounded(at);
                }
                ((*item).clone(), max_items.unwrap_or(cost::ASSUMED_ITEMS))
            }
            // One untyped value may be a list.
            Some(Type::Any) => (Type::Any, cost::ASSUMED_ITEMS),
            Some(ty) => (ty, args.len() as u64),
            None => (Type::Any, 0),
        };
        let ordered = matches!(
            item,
            Type::Int | Type::Double | Type::Text { .. } | Type::Timestamp | Type::Duration | Type::Any
        );
        if !ordered {
            self.mismatch(at, format!("`{}` of {}", function.name(), item.describe()));
        }
        let each = cost::weight(&item).saturating_add(1);
        Typed::new(item, cost.saturating_add(count.saturating_add(1).saturating_mul(each)))
    }

    pub(super) fn part(&mut self, part: Part, target: &Node) -> Typed {
        let typed = self.node(target);
        let hours = matches!(part, Part::Hours | Part::Minutes);
        let good = matches!(typed.ty, Type::Timestamp | Type::Any) || hours && typed.ty == Type::Duration;
        if !good {
            self.mismatch(target.at, format!("`{}` of {}", part.name(), typed.ty.describe()));
        }
        Typed::new(Type::Int, typed.cost.saturating_add(1))
    }
}

/// Reading through a text.
fn work(ty: &Type) -> u64 {
    cost::bytes(ty) / BYTES_PER_UNIT
}
