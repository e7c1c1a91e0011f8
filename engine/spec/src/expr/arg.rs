//! JSON-like trees whose strings are templates: `with`, `show`, bodies, mock outputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{Checked, Expect, check, check_template};
use super::{EvalError, Facts, Known, Presence, Scope, Template, Type, Value};
use crate::diagnostic::{Diagnostic, nearest};
use crate::kind::scalar::Sensitivity;
use crate::source::Span;
use crate::tree::{self, Node};

/// A value of a spec in which strings may hold `${ … }`. Equality ignores places.
#[derive(Debug, Clone)]
pub struct Arg {
    /// What it is.
    pub value: ArgValue,
    /// Where it stands.
    pub span: Span,
}

/// What an [`Arg`] can be.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgValue {
    /// `true`, `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Double(f64),
    /// A string, which may hold expressions.
    Text(Template),
    /// A list.
    List(Vec<Arg>),
    /// A map, ordered by key, with the place of each key.
    Map(BTreeMap<Arc<str>, (Span, Arg)>),
}

impl PartialEq for Arg {
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (ArgValue::Map(a), ArgValue::Map(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|((ka, (_, va)), (kb, (_, vb)))| ka == kb && va == vb)
            }
            (a, b) => a == b,
        }
    }
}

impl Arg {
    /// Reads a node. Goes on after an error; `None` where there was one.
    pub fn parse(node: &Node, sink: &mut Vec<Diagnostic>) -> Option<Self> {
        let value = match &node.value {
            tree::Value::Null => {
                sink.push(
                    Diagnostic::law("placeholder-value", node.span, "nothing (null) where a value is due")
                        .help("write a value, or leave the field out")
                        .consequence(super::CONSEQUENCE),
                );
                return None;
            }
            tree::Value::Bool(value) => ArgValue::Bool(*value),
            tree::Value::Int(value) => ArgValue::Int(*value),
            tree::Value::Float(value) => ArgValue::Double(*value),
            tree::Value::Text(text) => match Template::parse(text, node.span) {
                Ok(template) => ArgValue::Text(template),
                Err(faults) => {
                    sink.extend(faults);
                    return None;
                }
            },
            tree::Value::List(items) => {
                let read: Vec<_> = items.iter().map(|item| Self::parse(item, sink)).collect();
                ArgValue::List(read.into_iter().collect::<Option<_>>()?)
            }
            tree::Value::Map(map) => {
                let read = map.entries.iter().map(|(key, node)| {
                    let value = Self::parse(node, sink)?;
                    Some((Arc::clone(&key.text), (key.span, value)))
                });
                let read: Vec<_> = read.collect();
                ArgValue::Map(read.into_iter().collect::<Option<_>>()?)
            }
        };
        Some(Self { value, span: node.span })
    }

    /// As it was written: templates as their text. What is digested.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            ArgValue::Bool(value) => (*value).into(),
            ArgValue::Int(value) => (*value).into(),
            ArgValue::Double(value) => (*value).into(),
            ArgValue::Text(template) => template.source().into(),
            ArgValue::List(items) => items.iter().map(Self::to_json).collect(),
            ArgValue::Map(entries) => {
                let entries = entries.iter().map(|(key, (_, value))| (key.to_string(), value.to_json()));
                serde_json::Value::Object(entries.collect())
            }
        }
    }

    /// Calls `visit` with every template in it.
    pub fn each_template<'a>(&'a self, visit: &mut dyn FnMut(&'a Template)) {
        match &self.value {
            ArgValue::Text(template) => visit(template),
            ArgValue::List(items) => items.iter().for_each(|item| item.each_template(visit)),
            ArgValue::Map(entries) => entries.values().for_each(|(_, value)| value.each_template(visit)),
            ArgValue::Bool(_) | ArgValue::Int(_) | ArgValue::Double(_) => {}
        }
    }

    /// Every expression in it.
    #[must_use]
    pub fn exprs(&self) -> Vec<&super::Expr> {
        let mut found = Vec::new();
        self.each_template(&mut |template| found.extend(template.exprs()));
        found
    }

    /// True where anything in it is computed.
    #[must_use]
    pub fn is_computed(&self) -> bool {
        !self.exprs().is_empty()
    }

    /// Its value where nothing in it is computed.
    #[must_use]
    pub fn literal(&self) -> Option<serde_json::Value> {
        Some(match &self.value {
            ArgValue::Text(template) => template.literal()?.to_string().into(),
            ArgValue::List(items) => items.iter().map(Self::literal).collect::<Option<_>>()?,
            ArgValue::Map(entries) => {
                let entry =
                    |(key, (_, value)): (&Arc<str>, &(Span, Self))| Some((key.to_string(), value.literal()?));
                serde_json::Value::Object(entries.iter().map(entry).collect::<Option<_>>()?)
            }
            ArgValue::Bool(_) | ArgValue::Int(_) | ArgValue::Double(_) => self.to_json(),
        })
    }

    /// Its value. Literal text stays text: [`Value::conform`] makes instants and durations of it.
    ///
    /// # Errors
    /// Any error of an expression.
    pub fn render(&self, facts: &dyn Facts) -> Result<Value, EvalError> {
        Ok(match &self.value {
            ArgValue::Bool(value) => Value::Bool(*value),
            ArgValue::Int(value) => Value::Int(*value),
            ArgValue::Double(value) => Value::Double(*value),
            ArgValue::Text(template) => template.render(facts)?,
            ArgValue::List(items) => {
                Value::List(items.iter().map(|item| item.render(facts)).collect::<Result<_, _>>()?)
            }
            ArgValue::Map(entries) => {
                let entry = |(key, (_, value)): (&Arc<str>, &(Span, Self))| {
                    Ok((Arc::clone(key), value.render(facts)?))
                };
                Value::Map(Arc::new(entries.iter().map(entry).collect::<Result<_, EvalError>>()?))
            }
        })
    }

    /// Checks it against the facts of its place and, where one is given, the type that is wanted of it.
    /// A misfit is an `argument-type-mismatch`.
    #[must_use]
    pub fn check(&self, scope: &Scope, expected: Option<&Type>, known: &Known) -> Checked {
        match (&self.value, expected) {
            (ArgValue::Text(template), _) => self.check_text(template, scope, expected, known),
            (ArgValue::List(items), Some(Type::List { item, max_items })) => {
                let mut whole = Checked::of(Type::list((**item).clone(), Some(items.len() as u64)));
                for entry in items {
                    whole.absorb(entry.check(scope, Some(item), known));
                }
                if max_items.is_some_and(|max| items.len() as u64 > max) {
                    let message =
                        format!("{} items; at most {} are allowed", items.len(), max_items.unwrap_or(0));
                    whole.diagnostics.push(self.misfit(message));
                }
                whole
            }
            (ArgValue::Map(entries), Some(Type::Record(fields))) => {
                let mut whole = Checked::of(Type::Record(Arc::clone(fields)));
                for (name, (span, value)) in entries {
                    match fields.get(name) {
                        Some(field) => whole.absorb(value.check(scope, Some(&field.ty), known)),
                        None => {
                            let near = nearest(name, fields.keys().map(|key| &**key));
                            let near =
                                near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                            let message = format!("`{name}` is not declared{near}");
                            whole.diagnostics.push(Diagnostic::law("argument-type-mismatch", *span, message));
                        }
                    }
                }
                for (name, _) in fields.iter().filter(|(name, field)| {
                    field.presence == Presence::Always && !entries.contains_key(*name)
                }) {
                    whole.diagnostics.push(self.misfit(format!("`{name}` is missing")));
                }
                whole
            }
            (ArgValue::List(items), None | Some(Type::Any)) => {
                let mut whole = Checked::of(Type::list(Type::Any, Some(items.len() as u64)));
                items.iter().for_each(|entry| whole.absorb(entry.check(scope, None, known)));
                whole
            }
            (ArgValue::Map(entries), None | Some(Type::Any | Type::Map(_))) => {
                let inner = if let Some(Type::Map(item)) = expected { Some(&**item) } else { None };
                let mut whole = Checked::of(Type::Any);
                entries.values().for_each(|(_, entry)| whole.absorb(entry.check(scope, inner, known)));
                whole
            }
            _ => self.check_literal(expected),
        }
    }

    fn check_text(
        &self,
        template: &Template,
        scope: &Scope,
        expected: Option<&Type>,
        known: &Known,
    ) -> Checked {
        if let Some(expr) = template.single() {
            let expect = expected.map_or(Expect::Anything, Expect::Argument);
            return check(expr, scope, expect, known);
        }
        if template.is_computed() {
            let mut whole = check_template(template, scope, known);
            if expected.is_some_and(|wanted| !wanted.is_like(&Type::text())) {
                whole.diagnostics.push(self.unlike(&Type::text(), expected));
            }
            return whole;
        }
        self.check_literal(expected)
    }

    /// The place of a text without its quotation marks; none where it holds escapes.
    fn word_at(&self, text: &str) -> Option<Span> {
        let Span { file, start, end } = self.span;
        match ((end - start) as usize).checked_sub(text.len())? {
            0 => Some(self.span),
            2 => Some(Span::new(file, start + 1, end - 1)),
            _ => None,
        }
    }

    /// A value in which nothing is computed.
    fn check_literal(&self, expected: Option<&Type>) -> Checked {
        let own = self.literal_type();
        let mut whole = Checked::of(own.clone());
        let literal = if let ArgValue::Text(template) = &self.value { template.literal() } else { None };
        match (expected, literal) {
            (None, _) => {}
            (Some(Type::Text { domain: Some(domain), .. }), Some(text)) if !domain.contains(&text) => {
                whole.diagnostics.push(super::check::outside(self.span, self.word_at(&text), &text, domain));
            }
            (Some(wanted @ (Type::Timestamp | Type::Duration)), Some(text)) => {
                if let Err(mismatch) = Value::Text(text).conform(wanted) {
                    whole.diagnostics.push(self.misfit(mismatch.to_string()));
                }
            }
            (Some(Type::Double), _) if own == Type::Int => {}
            (Some(wanted), _) if wanted.is_like(&own) => {}
            (Some(_), _) => whole.diagnostics.push(self.unlike(&own, expected)),
        }
        whole
    }

    fn literal_type(&self) -> Type {
        match &self.value {
            ArgValue::Bool(_) => Type::Bool,
            ArgValue::Int(_) => Type::Int,
            ArgValue::Double(_) => Type::Double,
            ArgValue::Text(template) => template.literal().map_or(Type::text(), |text| Type::one_of([text])),
            ArgValue::List(items) => Type::list(Type::Any, Some(items.len() as u64)),
            ArgValue::Map(_) => Type::record::<Arc<str>>([]),
        }
    }

    fn unlike(&self, own: &Type, expected: Option<&Type>) -> Diagnostic {
        let wanted = expected.map(Type::describe).unwrap_or_default();
        self.misfit(format!("{} where {wanted} is wanted", own.describe()))
    }

    fn misfit(&self, message: String) -> Diagnostic {
        Diagnostic::law("argument-type-mismatch", self.span, message).consequence(super::CONSEQUENCE)
    }
}

impl Checked {
    /// Of something in which nothing is computed.
    fn of(ty: Type) -> Self {
        Self {
            ty,
            sensitivity: Sensitivity::Public,
            cost: 0,
            implies: Known::default(),
            diagnostics: Vec::new(),
        }
    }

    /// Adds the findings of a part.
    fn absorb(&mut self, part: Self) {
        self.sensitivity = self.sensitivity.max(part.sensitivity);
        self.cost = self.cost.saturating_add(part.cost);
        self.diagnostics.extend(part.diagnostics);
    }
}
