//! Evaluation: strict and bounded. From left to right; `&&`, `||`, `?:` and comprehensions stop when
//! decided; what is evaluated and errs is an error of the whole, never a value. No conversion, no
//! default, no absorbed error: an expression says something only where all it needed was there.

mod call;
mod operator;

pub(super) use operator::whole;

use std::sync::Arc;

use super::Facts;
use super::node::{At, Kind, Loop, LoopKind, Node, Step, StepKind};
use super::value::Value;

/// Bytes of text that one unit of cost stands for.
pub(super) const BYTES_PER_UNIT: u64 = 64;

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalErrorKind {
    /// A fact or a field is not there (reason `fact_missing`).
    FactMissing,
    /// A fact is there and may not be read (reason `fact_missing`).
    Withheld,
    /// The evaluation costs more than it may (reason `cost_limit`).
    CostLimit,
    /// A value is not of the type that is needed.
    Type,
    /// Division by zero, overflow, a number beyond all bounds.
    Arithmetic,
    /// An index beyond a list's end, the least of nothing.
    Index,
    /// A condition that is neither true nor false.
    NotBoolean,
    /// Text that is no number, no instant, no duration.
    Conversion,
}

/// An error at a place of the expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) kind: EvalErrorKind,
    pub(super) at: At,
    pub(super) message: String,
}

type Result<T> = std::result::Result<T, Error>;

fn error<T>(kind: EvalErrorKind, at: At, message: impl Into<String>) -> Result<T> {
    Err(Error { kind, at, message: message.into() })
}

/// The value of a tree and what it cost.
pub(super) fn evaluate(root: &Node, facts: &dyn Facts, limit: u64) -> (Result<Value>, u64) {
    let mut evaluation = Evaluation { facts, left: limit, variables: Vec::new() };
    let value = evaluation.node(root);
    (value, limit - evaluation.left)
}

/// The same inside of comprehensions, whose variables have these values.
pub(super) fn evaluate_with(
    root: &Node,
    facts: &dyn Facts,
    limit: u64,
    variables: Vec<Value>,
) -> Result<Value> {
    Evaluation { facts, left: limit, variables }.node(root)
}

/// The items of an outermost comprehension's range for which its test is `holds`.
pub(super) fn items(tree: &Loop, facts: &dyn Facts, limit: u64, holds: bool) -> Result<Vec<Value>> {
    let mut evaluation = Evaluation { facts, left: limit, variables: Vec::new() };
    let range = evaluation.range(tree)?;
    let mut found = Vec::new();
    for item in &*range {
        evaluation.variables = vec![item.clone()];
        if tree.test.as_ref().map_or(Ok(true), |test| evaluation.condition(test))? == holds {
            found.push(item.clone());
        }
    }
    Ok(found)
}

struct Evaluation<'a> {
    facts: &'a dyn Facts,
    left: u64,
    variables: Vec<Value>,
}

impl Evaluation<'_> {
    fn charge(&mut self, units: u64, at: At) -> Result<()> {
        match self.left.checked_sub(units) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                error(EvalErrorKind::CostLimit, at, "the expression costs more than it may")
            }
        }
    }

    /// Charges work on so many bytes of text.
    fn charge_text(&mut self, bytes: usize, at: At) -> Result<()> {
        self.charge(bytes as u64 / BYTES_PER_UNIT, at)
    }

    fn node(&mut self, node: &Node) -> Result<Value> {
        self.charge(1, node.at)?;
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Local(slot, name) => self.local(*slot, name, node.at),
            Kind::Fact(name) => self.fact(name, node.at),
            Kind::Access { base, steps, has } => self.access(base, steps, *has),
            Kind::And(terms) => self.logic(terms, false),
            Kind::Or(terms) => self.logic(terms, true),
            Kind::Not(inner) => Ok(Value::Bool(!self.condition(inner)?)),
            Kind::Negate(inner) => {
                let value = self.node(inner)?;
                operator::negate(&value, node.at)
            }
            Kind::Arithmetic { first, rest } => {
                let mut value = self.node(first)?;
                for (sign, right) in rest {
                    let other = self.node(right)?;
                    value = self.arithmetic(*sign, &value, &other, first.at.to(right.at))?;
                }
                Ok(value)
            }
            Kind::Compare(sign, pair) => {
                let (left, right) = (self.node(&pair.0)?, self.node(&pair.1)?);
                self.compare(*sign, &left, &right, node.at).map(Value::Bool)
            }
            Kind::In(pair) => {
                let (item, container) = (self.node(&pair.0)?, self.node(&pair.1)?);
                self.contains(&item, &container, node.at).map(Value::Bool)
            }
            Kind::Choose(arms, last) => {
                for (condition, then) in arms {
                    if self.condition(condition)? {
                        return self.node(then);
                    }
                }
                self.node(last)
            }
            Kind::List(items) => {
                items.iter().map(|item| self.node(item)).collect::<Result<_>>().map(Value::List)
            }
            Kind::Map(entries) => {
                let entry = |(key, value): &(Arc<str>, Node)| Ok((Arc::clone(key), self.node(value)?));
                Ok(Value::Map(Arc::new(entries.iter().map(entry).collect::<Result<_>>()?)))
            }
            Kind::Loop(inner) => self.comprehension(inner, node.at),
            Kind::Call(function, args) => self.call(*function, args, node.at),
            Kind::Matches(target, regex) => {
                let text = self.text(target)?;
                self.charge_text(text.len(), node.at)?;
                Ok(Value::Bool(regex.is_match(&text)))
            }
            Kind::Part(part, target, zone) => {
                let value = self.node(target)?;
                call::part(*part, &value, zone, node.at)
            }
            Kind::ActorIs(principal) => Ok(Value::Bool(self.facts.actor_is(principal))),
            Kind::Fault => error(EvalErrorKind::Type, node.at, "this part of the expression was refused"),
        }
    }

    fn local(&self, slot: usize, name: &str, at: At) -> Result<Value> {
        let value = self.variables.get(slot).cloned();
        value.map_or_else(|| error(EvalErrorKind::FactMissing, at, format!("there is no `{name}` here")), Ok)
    }

    fn fact(&self, name: &str, at: At) -> Result<Value> {
        let value = self.facts.fact(name);
        value.map_or_else(
            || error(EvalErrorKind::FactMissing, at, format!("the fact `{name}` is missing")),
            Ok,
        )
    }

    fn condition(&mut self, node: &Node) -> Result<bool> {
        match self.node(node)? {
            Value::Bool(value) => Ok(value),
            other => {
                let message = format!("{} where true or false is needed", other.describe());
                error(EvalErrorKind::NotBoolean, node.at, message)
            }
        }
    }

    fn text(&mut self, node: &Node) -> Result<Arc<str>> {
        match self.node(node)? {
            Value::Text(text) => Ok(text),
            other => {
                error(EvalErrorKind::Type, node.at, format!("{} where a string is needed", other.describe()))
            }
        }
    }

    /// Stops at the first term that is `decisive`.
    fn logic(&mut self, terms: &[Node], decisive: bool) -> Result<Value> {
        for term in terms {
            if self.condition(term)? == decisive {
                return Ok(Value::Bool(decisive));
            }
        }
        Ok(Value::Bool(!decisive))
    }

    fn access(&mut self, base: &Node, steps: &[Step], has: bool) -> Result<Value> {
        let root = self.node(base)?;
        let mut here = &root;
        let last = steps.len().saturating_sub(1);
        let mut so_far = base.at;
        for (index, step) in steps.iter().enumerate() {
            self.charge(1, step.at)?;
            so_far = so_far.to(step.at);
            let found = match &step.kind {
                StepKind::Field(name) => field(here, name, so_far)?,
                StepKind::Index(index) => {
                    let index = self.node(index)?;
                    item(here, &index, so_far)?
                }
            };
            match found {
                Some(_) if has && index == last => return Ok(Value::Bool(true)),
                Some(next) => here = next,
                None if has && index == last => return Ok(Value::Bool(false)),
                None => return error(EvalErrorKind::FactMissing, so_far, missing(base, steps, index)),
            }
        }
        Ok(here.clone())
    }

    /// What a comprehension goes over.
    fn range(&mut self, tree: &Loop) -> Result<Arc<[Value]>> {
        match self.node(&tree.range)? {
            Value::List(items) => Ok(items),
            Value::Map(entries) => Ok(entries.keys().cloned().map(Value::Text).collect()),
            other => {
                let message = format!("{} where a list is needed", other.describe());
                error(EvalErrorKind::Type, tree.range.at, message)
            }
        }
    }

    fn comprehension(&mut self, tree: &Loop, at: At) -> Result<Value> {
        let items = self.range(tree)?;
        let depth = self.variables.len();
        let result = self.iterate(tree, &items, at);
        self.variables.truncate(depth);
        result
    }

    fn iterate(&mut self, tree: &Loop, items: &[Value], at: At) -> Result<Value> {
        let (mut made, mut hits) = (Vec::new(), 0_u64);
        for item in items {
            self.charge(1, at)?;
            self.variables.truncate(tree.slot);
            self.variables.push(item.clone());
            let holds = tree.test.as_ref().map_or(Ok(true), |test| self.condition(test))?;
            match (tree.kind, holds) {
                (LoopKind::All, false) => return Ok(Value::Bool(false)),
                (LoopKind::Exists, true) => return Ok(Value::Bool(true)),
                (LoopKind::ExistsOne, true) => hits += 1,
                (LoopKind::Filter, true) => made.push(item.clone()),
                (LoopKind::Map, true) => {
                    if let Some(result) = &tree.result {
                        made.push(self.node(result)?);
                    }
                }
                _ => {}
            }
        }
        Ok(match tree.kind {
            LoopKind::All => Value::Bool(true),
            LoopKind::Exists => Value::Bool(false),
            LoopKind::ExistsOne => Value::Bool(hits == 1),
            LoopKind::Map | LoopKind::Filter => Value::List(made.into()),
        })
    }
}

/// A field of a map; `None` where it has none of that name.
fn field<'v>(value: &'v Value, name: &str, at: At) -> Result<Option<&'v Value>> {
    match value {
        Value::Map(entries) => Ok(entries.get(name)),
        other => error(EvalErrorKind::Type, at, format!("{} has no fields", other.describe())),
    }
}

fn item<'v>(value: &'v Value, index: &Value, at: At) -> Result<Option<&'v Value>> {
    match (value, index) {
        (Value::Map(entries), Value::Text(key)) => Ok(entries.get(key)),
        (Value::List(items), Value::Int(index)) => {
            let found = usize::try_from(*index).ok().and_then(|index| items.get(index));
            let outside =
                || error(EvalErrorKind::Index, at, format!("there is no item {index} of {}", items.len()));
            found.map_or_else(outside, |item| Ok(Some(item)))
        }
        (value, index) => {
            let message = format!("{} cannot be the index of {}", index.describe(), value.describe());
            error(EvalErrorKind::Type, at, message)
        }
    }
}

/// Which path is missing, as far as it has names.
fn missing(base: &Node, steps: &[Step], last: usize) -> String {
    let mut path = match &base.kind {
        Kind::Fact(name) | Kind::Local(_, name) => name.to_string(),
        _ => "…".to_owned(),
    };
    for step in steps.iter().take(last + 1) {
        match &step.kind {
            StepKind::Field(name) => path.push_str(&format!(".{name}")),
            StepKind::Index(Node { kind: Kind::Literal(Value::Text(key)), .. }) => {
                path.push_str(&format!("[\"{key}\"]"));
            }
            StepKind::Index(_) => path.push_str("[…]"),
        }
    }
    format!("`{path}` is missing")
}
