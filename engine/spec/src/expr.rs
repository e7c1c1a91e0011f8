//! Expressions: CEL, typed before anything runs, evaluated strictly and within a budget.
//!
//! The parser is the library's; types, presence, cost and evaluation are ours, because the library
//! absorbs errors (`x > 'a' || true` is true), compares across types and has no limit. Values are data:
//! nothing here parses a value again, reads a clock or touches the outside.

mod arg;
mod check;
mod culprits;
mod decode;
mod eval;
pub mod facts;
mod literal;
mod lower;
mod node;
pub mod observe;
mod parse;
mod scan;
pub mod space;
mod template;
#[cfg(test)]
mod tests;
mod types;
mod value;

use std::fmt;
use std::sync::Arc;

pub use arg::{Arg, ArgValue};
pub use check::{Checked, Expect, check};
pub use culprits::Culprit;
pub use eval::EvalErrorKind;
pub use literal::{MAX_INTEGER, duration, duration_text, pattern, time_zone, timestamp};
pub use template::{Piece, Template};
pub use types::{Bounds, Field, Known, Path, Presence, Scope, Type};
pub use value::{Mismatch, Value};

use crate::diagnostic::{Diagnostic, Edit, meant};
use crate::source::Span;
use crate::tree::Text;
use node::{At, Kind, Node, StepKind};

/// Most units that one evaluation may cost.
pub const COST_LIMIT: u64 = 1_000_000;

/// What expressions read, by the names of the roots: `input`, `actor`, `run`, …
pub trait Facts {
    /// The fact of that name; `None` is an error of the expression that reads it.
    fn fact(&self, name: &str) -> Option<Value>;
    /// Whether the actor is, or belongs to, `user:…`, `group:…` or `role:…`.
    fn actor_is(&self, principal: &str) -> bool;
    /// Whether something at or below that path is there and may not be read; an expression that reads it has no
    /// value, whichever way it reads it: with `has` or `size` as little as by name.
    fn is_withheld(&self, _path: &Path) -> bool {
        false
    }
}

/// Facts in a map; the actor is whoever `principals` lists.
#[derive(Debug, Clone, Default)]
pub struct FactMap {
    /// By their names.
    pub facts: std::collections::BTreeMap<Arc<str>, Value>,
    /// What `actor.is` is true for.
    pub principals: std::collections::BTreeSet<Arc<str>>,
}

impl Facts for FactMap {
    fn fact(&self, name: &str) -> Option<Value> {
        self.facts.get(name).cloned()
    }

    fn actor_is(&self, principal: &str) -> bool {
        self.principals.contains(principal)
    }
}

/// Why an expression has no value. An error in a guard or a policy denies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// Which kind, for the reason code.
    pub kind: EvalErrorKind,
    /// Where in the file.
    pub span: Span,
    /// What happened; holds names and types, never values.
    pub message: String,
}

/// A parsed expression. Cheap to clone; equal where the texts are.
#[derive(Clone)]
pub struct Expr(Arc<Parsed>);

struct Parsed {
    source: Arc<str>,
    place: Place,
    root: Node,
    faults: Vec<scan::Fault>,
    principals: Vec<(Arc<str>, Span)>,
    reads: Vec<Path>,
    /// The texts of `reads`.
    names: Vec<Arc<str>>,
}

/// Where the source stands in a file.
#[derive(Debug, Clone)]
struct Place {
    text: Text,
    whole: Span,
    /// Where the source begins in the text.
    base: usize,
}

impl Place {
    fn span(&self, start: usize, end: usize) -> Span {
        self.text.place(self.whole, self.base + start, self.base + end)
    }

    fn at(&self, at: At) -> Span {
        self.span(at.start as usize, at.end as usize)
    }
}

impl Expr {
    /// Parses the whole of a string that stands at `span`.
    ///
    /// # Errors
    /// `expression-syntax`, `too-large-or-deep`, `integer-too-large`. What else can be wrong with an
    /// expression is found by [`check`].
    pub fn parse(text: &Text, span: Span) -> Result<Self, Vec<Diagnostic>> {
        Self::parse_part(text, span, 0..text.value.len())
    }

    /// Parses a part of a string.
    fn parse_part(text: &Text, span: Span, part: std::ops::Range<usize>) -> Result<Self, Vec<Diagnostic>> {
        let source: Arc<str> = text.value.get(part.clone()).unwrap_or_default().into();
        let place = Place { text: text.clone(), whole: span, base: part.start };
        let lowered = scan::scan(&source).map_err(|fault| vec![fault]).and_then(|()| parse::parse(&source));
        let lowered = lowered
            .map_err(|faults| faults.iter().map(|fault| diagnose(fault, &place)).collect::<Vec<_>>())?;
        let principals = lowered.principals.into_iter().map(|(name, at)| (name, place.at(at))).collect();
        let mut reads = Vec::new();
        collect(&lowered.root, &mut reads);
        reads.sort();
        reads.dedup();
        let names = reads.iter().map(|path| path.to_string().into()).collect();
        Ok(Self(Arc::new(Parsed {
            source,
            place,
            root: lowered.root,
            faults: lowered.faults,
            principals,
            reads,
            names,
        })))
    }

    /// The text as the author wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        let place = &self.0.place;
        if place.base == 0 && place.text.value.len() == self.0.source.len() {
            return place.whole;
        }
        place.span(0, self.0.source.len())
    }

    /// The facts it reads, sorted, each as far as its steps are names: `steps.check.outputs.lag_s`.
    #[must_use]
    pub fn reads(&self) -> &[Path] {
        &self.0.reads
    }

    /// The same, each with its text.
    pub fn named_reads(&self) -> impl Iterator<Item = (&Arc<str>, &Path)> {
        self.0.names.iter().zip(&self.0.reads)
    }

    /// What it asks `actor.is` for, with places.
    #[must_use]
    pub fn principals(&self) -> &[(Arc<str>, Span)] {
        &self.0.principals
    }

    /// True where it is one literal value and reads nothing.
    #[must_use]
    pub fn literal(&self) -> Option<&Value> {
        match &self.0.root.kind {
            Kind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Its value.
    ///
    /// # Errors
    /// Whatever goes wrong on the way: there is no value then, and no default.
    pub fn eval(&self, facts: &dyn Facts, cost_limit: u64) -> Result<Value, EvalError> {
        self.eval_costed(facts, cost_limit).0
    }

    /// Its value, and what the evaluation cost.
    ///
    /// # Errors
    /// As [`Self::eval`].
    pub fn eval_costed(&self, facts: &dyn Facts, cost_limit: u64) -> (Result<Value, EvalError>, u64) {
        if let Some((name, _)) = self.named_reads().find(|(_, path)| facts.is_withheld(path)) {
            let message = format!("`{name}` is masked by a policy");
            return (Err(EvalError { kind: EvalErrorKind::Withheld, span: self.span(), message }), 0);
        }
        let (value, cost) = eval::evaluate(&self.0.root, facts, cost_limit);
        (value.map_err(|error| self.error(error)), cost)
    }

    /// Whether it is true.
    ///
    /// # Errors
    /// As [`Self::eval`], and [`EvalErrorKind::NotBoolean`] where it is no boolean.
    pub fn is_true(&self, facts: &dyn Facts, cost_limit: u64) -> Result<bool, EvalError> {
        match self.eval(facts, cost_limit)? {
            Value::Bool(value) => Ok(value),
            other => Err(EvalError {
                kind: EvalErrorKind::NotBoolean,
                span: self.span(),
                message: format!("{} where true or false is needed", other.describe()),
            }),
        }
    }

    fn error(&self, error: eval::Error) -> EvalError {
        EvalError { kind: error.kind, span: self.0.place.at(error.at), message: error.message }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Expr {}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.source()).finish()
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source())
    }
}

fn diagnose(fault: &scan::Fault, place: &Place) -> Diagnostic {
    let span = place.span(fault.start, fault.end);
    let problem = Diagnostic::law(fault.code, span, fault.message.clone()).consequence(CONSEQUENCE);
    let word = place.text.value.get(place.base + fault.start..place.base + fault.end).unwrap_or_default();
    let known = lower::FUNCTIONS.iter().copied();
    match meant(word, known).filter(|near| fault.code == "unknown-function" && *near != word) {
        Some(near) => problem.fix(true, vec![Edit { span, text: near.to_owned() }]),
        None => problem,
    }
}

const CONSEQUENCE: &str = "the engine refuses the catalogue";

/// The path of an access as far as it has names, where it begins at a fact or a variable; and whether
/// that is all of it.
fn path_of(node: &Node) -> Option<(Path, bool)> {
    match &node.kind {
        Kind::Fact(name) | Kind::Local(_, name) => Some((Path::new([Arc::clone(name)]), true)),
        Kind::Access { base, steps, .. } => {
            let (Kind::Fact(root) | Kind::Local(_, root)) = &base.kind else { return None };
            let mut segments = vec![Arc::clone(root)];
            for step in steps {
                match &step.kind {
                    StepKind::Field(name) => segments.push(Arc::clone(name)),
                    StepKind::Index(Node { kind: Kind::Literal(Value::Text(key)), .. }) => {
                        segments.push(Arc::clone(key));
                    }
                    StepKind::Index(_) => return Some((Path::new(segments), false)),
                }
            }
            Some((Path::new(segments), true))
        }
        _ => None,
    }
}

fn collect(node: &Node, out: &mut Vec<Path>) {
    let local = |node: &Node| matches!(node.kind, Kind::Local(..));
    match &node.kind {
        Kind::Fact(name) => out.push(Path::new([Arc::clone(name)])),
        Kind::ActorIs(_) => out.push(Path::new(["actor"])),
        Kind::Access { base, steps, .. } => {
            match path_of(node) {
                Some((path, _)) if !local(base) => out.push(path),
                _ => collect(base, out),
            }
            for step in steps {
                if let StepKind::Index(index) = &step.kind {
                    collect(index, out);
                }
            }
        }
        _ => node.each_child(&mut |child| collect(child, out)),
    }
}
