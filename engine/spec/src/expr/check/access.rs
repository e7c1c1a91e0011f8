//! Facts, fields and items: whether they exist, whether they are there, how much they may be shown.

use std::sync::Arc;

use super::flow::segment;
use super::{Checker, Typed};
use crate::diagnostic::{Edit, Fix, meant, nearest};
use crate::expr::node::{At, Kind, Node, Step, StepKind};
use crate::expr::types::{Field, Path, Presence, Type};
use crate::expr::value::Value;
use crate::kind::scalar::Sensitivity;

/// How far a walk along an access has come.
struct Here {
    ty: Type,
    /// As long as all steps were literal.
    path: Option<Path>,
    sensitivity: Sensitivity,
}

impl Checker<'_> {
    pub(super) fn access(&mut self, node: &Node) -> Typed {
        let (base, steps, has): (&Node, &[Step], bool) = match &node.kind {
            Kind::Access { base, steps, has } => (base, steps, *has),
            _ => (node, &[], false),
        };
        let mut cost = if steps.is_empty() { 0 } else { 1 };
        let mut here = match &base.kind {
            Kind::Fact(name) => {
                cost += 1;
                self.root(name, base.at)
            }
            Kind::Local(slot, name) => {
                cost += 1;
                let ty = self.locals.get(*slot).map_or(Type::Any, |local| local.ty.clone());
                Here { ty, path: Some(Path::new([Arc::clone(name)])), sensitivity: Sensitivity::Public }
            }
            _ => {
                let typed = self.node(base);
                cost = typed.cost.saturating_add(cost);
                Here { ty: typed.ty, path: None, sensitivity: Sensitivity::Public }
            }
        };
        let last = steps.len().saturating_sub(1);
        for (index, step) in steps.iter().enumerate() {
            let index_cost = if let StepKind::Index(index) = &step.kind {
                Some(self.index(index, &here.ty))
            } else {
                None
            };
            cost = cost.saturating_add(index_cost.unwrap_or(0)).saturating_add(1);
            let so_far = base.at.to(step.at);
            let tests = has && index == last;
            here = self.step(here, step, so_far, tests);
        }
        let nested = if has { Sensitivity::Public } else { here.ty.sensitivity() };
        self.note(here.sensitivity.max(nested), node.at);
        Typed::new(if has { Type::Bool } else { here.ty }, cost)
    }

    fn root(&mut self, name: &Arc<str>, at: At) -> Here {
        let path = Path::new([Arc::clone(name)]);
        let unknown = Here { ty: Type::Any, path: None, sensitivity: Sensitivity::Public };
        let Some(field) = self.scope.facts.get(name) else {
            self.unknown_fact(name, at);
            return unknown;
        };
        self.field(field, Some(path), at, false).unwrap_or(unknown)
    }

    /// Reads or tests a declared field.
    fn field(&mut self, field: &Field, path: Option<Path>, at: At, tests: bool) -> Option<Here> {
        match &field.presence {
            Presence::Always => {}
            Presence::Optional(_) | Presence::Skippable(_) if tests => {}
            Presence::Optional(why) => self.demand("unguarded-optional", path.as_ref(), why, at),
            Presence::Skippable(why) => self.demand("skippable-output-unguarded", path.as_ref(), why, at),
            Presence::Mixed(_) if tests => {}
            Presence::Mixed(why) => {
                self.mismatch(at, format!("`{}` has no one type: {why}", self.shown(at)));
                return None;
            }
            Presence::Refused { code, message, help, edit } => {
                let diagnostic = self.report(code, at, message.to_string());
                diagnostic.help = help.as_ref().map(ToString::to_string);
                diagnostic.fix =
                    edit.as_ref().map(|edit| Fix { safe: false, edits: vec![Edit::clone(edit)] });
                return None;
            }
        }
        Some(Here { ty: field.ty.clone(), path, sensitivity: field.sensitivity })
    }

    /// Refuses to read what may be absent.
    fn demand(&mut self, code: &'static str, path: Option<&Path>, why: &str, at: At) {
        if path.is_some_and(|path| self.known.0.contains(path)) {
            return;
        }
        let shown = path.map_or_else(|| self.shown(at), ToString::to_string);
        let message = format!("`{shown}` may be absent: {why}");
        let help = format!("ask first: `has({shown}) && …`, or give another value: `has({shown}) ? … : …`");
        self.report(code, at, message).help = Some(help);
    }

    fn step(&mut self, here: Here, step: &Step, so_far: At, tests: bool) -> Here {
        let key = segment(&step.kind);
        let path = key.as_ref().and_then(|key| Path::step(here.path.as_ref(), key));
        let unknown = |sensitivity| Here { ty: Type::Any, path: None, sensitivity };
        let above = here.sensitivity;
        match (&here.ty, &step.kind, key) {
            (Type::Any, ..) => Here { ty: Type::Any, path, sensitivity: above },
            (Type::Record(fields), _, Some(name)) => {
                let Some(field) = fields.get(&name) else {
                    self.unknown_field(here.path.as_ref(), &name, fields.keys(), step);
                    return unknown(above);
                };
                let mut next = self.field(field, path, so_far, tests).unwrap_or_else(|| unknown(above));
                next.sensitivity = next.sensitivity.max(above);
                next
            }
            (Type::Record(_), _, None) => {
                self.mismatch(step.at, "the name of a field has to be a literal string".into());
                unknown(above)
            }
            (Type::Map(item), ..) => {
                if !tests {
                    self.demand("unguarded-optional", path.as_ref(), "a map need not have that key", so_far);
                }
                Here { ty: (**item).clone(), path, sensitivity: above }
            }
            (Type::List { item, .. }, StepKind::Index(_), _) => {
                Here { ty: (**item).clone(), path, sensitivity: above }
            }
            (Type::List { .. }, StepKind::Field(name), _) => {
                let message = format!("a list has no field `{name}`; its items may");
                self.mismatch(step.at, message).help =
                    Some("ask each: `list.all(x, …)`, or one: `list[0]`".into());
                unknown(above)
            }
            (other, ..) => {
                self.mismatch(step.at, format!("{} has neither fields nor items", other.describe()));
                unknown(above)
            }
        }
    }

    /// The node between brackets; returns its cost.
    fn index(&mut self, index: &Node, of: &Type) -> u64 {
        match of {
            Type::List { .. } => self.wanted(index, &Type::Int).cost,
            Type::Map(_) | Type::Record(_) => self.wanted(index, &Type::text()).cost,
            _ => {
                let typed = self.node(index);
                if !matches!(typed.ty, Type::Int | Type::Text { .. } | Type::Any) {
                    self.mismatch(index.at, format!("{} cannot be an index", typed.ty.describe()));
                }
                typed.cost
            }
        }
    }

    /// Takes note of a fact that is read.
    fn note(&mut self, sensitivity: Sensitivity, at: At) {
        self.sensitivity = self.sensitivity.max(sensitivity);
        let Some(clearance) = self.scope.clearance.filter(|clearance| sensitivity > *clearance) else {
            return;
        };
        let message = format!("`{}` is {sensitivity}; at most {clearance} may be read here", self.shown(at));
        self.report("sensitive-fact-in-guard", at, message);
    }

    pub(super) fn unknown_fact(&mut self, name: &str, at: At) {
        let locals: Vec<Arc<str>> = self.locals.iter().map(|local| Arc::clone(&local.name)).collect();
        let known: Vec<&str> = self.scope.facts.keys().chain(&locals).map(|name| &**name).collect();
        let near = nearest(name, known.iter().copied());
        let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let help =
            near.map_or_else(|| format!("known here: {list}"), |near| format!("did you mean `{near}`?"));
        let fix = meant(name, known.iter().copied()).map(str::to_owned);
        let span = self.place.at(at);
        let diagnostic = self.report("unknown-fact", at, format!("there is no fact `{name}` here"));
        diagnostic.help = Some(help);
        if let Some(text) = fix {
            *diagnostic = diagnostic.clone().fix(true, vec![Edit { span, text }]);
        }
    }

    fn unknown_field<'n>(
        &mut self,
        of: Option<&Path>,
        name: &str,
        known: impl Iterator<Item = &'n Arc<str>> + Clone,
        step: &Step,
    ) {
        let near = nearest(name, known.clone().map(|name| &**name)).map(str::to_owned);
        let surely = meant(name, known.clone().map(|name| &**name)).map(str::to_owned);
        let list = known.take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let help = match &near {
            Some(near) => format!("did you mean `{near}`?"),
            None if list.is_empty() => "it has no fields".to_owned(),
            None => format!("it has {list}"),
        };
        let code = of.map_or("unknown-fact", law_of_field);
        let of = of.map_or_else(|| "this value".to_owned(), |path| format!("`{path}`"));
        let span = self.place.at(step.at);
        let plain = matches!(step.kind, StepKind::Field(_));
        let diagnostic = self.report(code, step.at, format!("{of} has no `{name}`"));
        diagnostic.help = Some(help);
        if let Some(text) = surely.filter(|_| plain) {
            *diagnostic = diagnostic.clone().fix(true, vec![Edit { span, text }]);
        }
    }
}

/// The law that a field breaks which its owner does not declare.
fn law_of_field(of: &Path) -> &'static str {
    match of.segments().collect::<Vec<_>>().as_slice() {
        ["input" | "inputs"] => "undeclared-input",
        ["output" | "outputs"] | ["steps", _, "outputs"] => "undeclared-output",
        _ => "unknown-fact",
    }
}

/// True for a literal text.
pub(super) fn literal_text(node: &Node) -> Option<&Arc<str>> {
    match &node.kind {
        Kind::Literal(Value::Text(text)) => Some(text),
        _ => None,
    }
}
