//! The static check: names, types, presence, sensitivity and worst-case cost of an expression at its
//! place, before anything runs. It never evaluates facts; what it lets through can still err, and then
//! evaluation says so.

mod access;
mod call;
mod cost;
mod flow;
mod operator;

use std::sync::Arc;

pub(super) use flow::segment;

use super::node::{At, Kind, Loop, LoopKind, Node};
use super::template::{Piece, Template};
use super::types::{Field, Known, Scope, Type, words};
use super::{CONSEQUENCE, Expr, Path, Value, diagnose};
use crate::diagnostic::{Diagnostic, Edit, meant, nearest};
use crate::kind::scalar::Sensitivity;
use crate::source::Span;

/// What an expression's place wants of it.
#[derive(Debug, Clone, Copy)]
pub enum Expect<'a> {
    /// True or false; else `non-boolean-guard`.
    Bool,
    /// A value of that type; else `type-mismatch`.
    Type(&'a Type),
    /// A value of that type; else `argument-type-mismatch`. An integer may stand for a number.
    Argument(&'a Type),
    /// A list of anything; else `type-mismatch`.
    List,
    /// Whatever it is.
    Anything,
}

/// What is known of an expression.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its type; [`Type::Any`] where that was refused.
    pub ty: Type,
    /// The highest of what it reads.
    pub sensitivity: Sensitivity,
    /// Most units that an evaluation can cost.
    pub cost: u64,
    /// Paths that are there where it is true.
    pub implies: Known,
    /// What is wrong with it, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks an expression at a place where `known` paths are there.
#[must_use]
pub fn check(expr: &Expr, scope: &Scope, expect: Expect<'_>, known: &Known) -> Checked {
    let parsed = &*expr.0;
    let mut checker = Checker {
        scope,
        place: &parsed.place,
        locals: Vec::new(),
        known: known.clone(),
        sensitivity: Sensitivity::Public,
        loops: Vec::new(),
        diagnostics: parsed.faults.iter().map(|fault| diagnose(fault, &parsed.place)).collect(),
    };
    let typed = checker.node(&parsed.root);
    checker.expected(&parsed.root, &typed.ty, expect);
    checker.cost_limit(typed.cost, parsed.root.at);
    let mut implies = flow::present(&parsed.root, true).unwrap_or_default();
    implies.0.retain(|path| scope.facts.contains_key(path.root()));
    let mut diagnostics = checker.diagnostics;
    diagnostics.sort_by_key(Diagnostic::order);
    Checked { ty: typed.ty, sensitivity: checker.sensitivity, cost: typed.cost, implies, diagnostics }
}

/// The type of a part of an expression; `locals` are the variables of the comprehensions around it.
pub(super) fn type_of(node: &Node, place: &super::Place, scope: &Scope, locals: &[(Arc<str>, Type)]) -> Type {
    let local = |(name, ty): &(Arc<str>, Type)| Local { name: Arc::clone(name), ty: ty.clone() };
    let mut checker = Checker {
        scope,
        place,
        locals: locals.iter().map(local).collect(),
        known: Known::default(),
        sensitivity: Sensitivity::Public,
        loops: Vec::new(),
        diagnostics: Vec::new(),
    };
    checker.node(node).ty
}

/// Checks the parts of a text that is joined of several.
pub(super) fn check_template(template: &Template, scope: &Scope, known: &Known) -> Checked {
    let mut whole = Checked {
        ty: Type::text(),
        sensitivity: Sensitivity::Public,
        cost: 0,
        implies: Known::default(),
        diagnostics: Vec::new(),
    };
    let mut length = Some(0_u64);
    for piece in template.pieces() {
        let part = match piece {
            Piece::Literal(text) => {
                length = length.map(|length| length.saturating_add(text.len() as u64));
                continue;
            }
            Piece::Expr(expr) => {
                let mut part = check(expr, scope, Expect::Anything, known);
                if !matches!(part.ty, Type::Text { .. } | Type::Int | Type::Bool | Type::Any) {
                    let message = format!("{} cannot be a part of a text", part.ty.describe());
                    part.diagnostics.push(
                        Diagnostic::law("type-mismatch", expr.span(), message)
                            .help("strings, integers and booleans can; make a string of it with `string(…)`")
                            .consequence(CONSEQUENCE),
                    );
                }
                part
            }
        };
        length = length.and_then(|length| Some(length.saturating_add(joined_len(&part.ty)?)));
        whole.sensitivity = whole.sensitivity.max(part.sensitivity);
        whole.cost = whole.cost.saturating_add(part.cost);
        whole.diagnostics.extend(part.diagnostics);
    }
    whole.ty = Type::Text { domain: None, max_len: length };
    whole
}

/// Greatest length of a part of a joined text.
fn joined_len(ty: &Type) -> Option<u64> {
    match ty {
        Type::Text { max_len, .. } => *max_len,
        Type::Int => Some(17),
        Type::Bool => Some(5),
        _ => None,
    }
}

/// A word that is none of the words a type allows. `word_at` is the word itself, without its quotation marks.
pub(super) fn outside(span: Span, word_at: Option<Span>, word: &str, domain: &[Arc<str>]) -> Diagnostic {
    let message = format!("`{word}` is none of {}", words(domain));
    let diagnostic = Diagnostic::law("value-outside-domain", span, message).consequence(CONSEQUENCE);
    let known = || domain.iter().map(|word| &**word);
    let Some(near) = nearest(word, known()) else { return diagnostic };
    let diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
    match word_at.zip(meant(word, known())) {
        Some((span, near)) => diagnostic.fix(true, vec![Edit { span, text: near.to_owned() }]),
        None => diagnostic,
    }
}

/// The type of a node, its worst cost, and its value where that is a known integer.
struct Typed {
    ty: Type,
    cost: u64,
    constant: Option<i64>,
}

impl Typed {
    const fn new(ty: Type, cost: u64) -> Self {
        Self { ty, cost, constant: None }
    }
}

struct Local {
    name: Arc<str>,
    ty: Type,
}

struct Checker<'a> {
    scope: &'a Scope,
    place: &'a super::Place,
    locals: Vec<Local>,
    known: Known,
    sensitivity: Sensitivity,
    /// What comprehensions cost, for the breakdown.
    loops: Vec<(u64, String)>,
    diagnostics: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn node(&mut self, node: &Node) -> Typed {
        match &node.kind {
            Kind::Literal(value) => literal(value),
            Kind::Local(slot, _) => {
                let ty = self.locals.get(*slot).map_or(Type::Any, |local| local.ty.clone());
                Typed::new(ty, 1)
            }
            Kind::Fact(_) | Kind::Access { .. } => self.access(node),
            Kind::And(terms) => self.logic(terms, true),
            Kind::Or(terms) => self.logic(terms, false),
            Kind::Not(inner) => {
                let cost = self.condition(inner);
                Typed::new(Type::Bool, 1 + cost)
            }
            Kind::Negate(inner) => self.negate(inner),
            Kind::Arithmetic { first, rest } => self.arithmetic(first, rest),
            Kind::Compare(sign, pair) => self.compare(*sign, &pair.0, &pair.1, node.at),
            Kind::In(pair) => self.contains(&pair.0, &pair.1, node.at),
            Kind::Choose(arms, last) => self.choose(arms, last),
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Loop(inner) => self.comprehension(inner, node.at),
            Kind::Call(function, args) => self.call(*function, args, node.at),
            Kind::Matches(target, _) => {
                let text = self.wanted(target, &Type::text());
                Typed::new(Type::Bool, (1 + text.cost).saturating_add(cost::weight(&text.ty)))
            }
            Kind::Part(part, target, _) => self.part(*part, target),
            Kind::ActorIs(_) => {
                if !self.scope.facts.contains_key("actor") {
                    self.unknown_fact("actor", node.at);
                }
                Typed::new(Type::Bool, 1)
            }
            Kind::Fault => Typed::new(Type::Any, 1),
        }
    }

    /// A node that has to be true or false; returns its cost.
    fn condition(&mut self, node: &Node) -> u64 {
        self.wanted(node, &Type::Bool).cost
    }

    /// A node that has to be of a type.
    fn wanted(&mut self, node: &Node, ty: &Type) -> Typed {
        let typed = self.node(node);
        if !typed.ty.is_like(ty) {
            self.mismatch(node.at, format!("{} where {} is needed", typed.ty.describe(), ty.describe()));
            return Typed::new(Type::Any, typed.cost);
        }
        typed
    }

    /// Terms of `&&` (`truth`) or `||`: each is evaluated only where the ones before it were so.
    fn logic(&mut self, terms: &[Node], truth: bool) -> Typed {
        let before = self.known.clone();
        let mut cost = 1_u64;
        for term in terms {
            cost = cost.saturating_add(self.condition(term));
            if let Some(present) = flow::present(term, truth) {
                self.known.extend(&present);
            }
        }
        self.known = before;
        Typed::new(Type::Bool, cost)
    }

    fn choose(&mut self, arms: &[(Node, Node)], last: &Node) -> Typed {
        let before = self.known.clone();
        let (mut conditions, mut dearest) = (1_u64, 0_u64);
        let mut joined: Option<Type> = None;
        for (condition, then) in arms {
            conditions = conditions.saturating_add(self.condition(condition));
            let here = self.known.clone();
            self.known.extend(&flow::present(condition, true).unwrap_or_default());
            let arm = self.node(then);
            dearest = dearest.max(arm.cost);
            joined = Some(self.join(joined, arm.ty, then.at));
            self.known = here.and(&flow::present(condition, false).unwrap_or_default());
        }
        let arm = self.node(last);
        let ty = self.join(joined, arm.ty, last.at);
        self.known = before;
        Typed::new(ty, conditions.saturating_add(dearest.max(arm.cost)))
    }

    fn list(&mut self, items: &[Node]) -> Typed {
        let (mut cost, mut joined) = (1_u64, None);
        for item in items {
            let typed = self.node(item);
            cost = cost.saturating_add(typed.cost);
            joined = Some(self.join(joined, typed.ty, item.at));
        }
        Typed::new(Type::list(joined.unwrap_or(Type::Any), Some(items.len() as u64)), cost)
    }

    fn map(&mut self, entries: &[(Arc<str>, Node)]) -> Typed {
        let mut cost = 1_u64;
        let mut fields = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let typed = self.node(value);
            cost = cost.saturating_add(typed.cost);
            fields.push((Arc::clone(name), Field::always(typed.ty, Sensitivity::Public)));
        }
        Typed::new(Type::record(fields), cost)
    }

    /// The type of values of both.
    fn join(&mut self, one: Option<Type>, other: Type, at: At) -> Type {
        let Some(one) = one else { return other };
        let both = join(&one, &other);
        both.unwrap_or_else(|| {
            self.mismatch(at, format!("{} beside {}", other.describe(), one.describe()));
            Type::Any
        })
    }

    fn comprehension(&mut self, tree: &Loop, at: At) -> Typed {
        let range = self.node(&tree.range);
        let (item, count) = self.items(&range.ty, tree.range.at);
        self.variable(&tree.variable, at);
        let before = self.known.clone();
        self.known.0.retain(|path| path.root() != &*tree.variable);
        self.locals.push(Local { name: Arc::clone(&tree.variable), ty: item.clone() });
        let mut body = tree.test.as_ref().map_or(0, |test| self.condition(test));
        if let Some(test) = &tree.test {
            self.known.extend(&flow::present(test, true).unwrap_or_default());
        }
        let result = tree.result.as_ref().map(|result| self.node(result));
        body = body.saturating_add(result.as_ref().map_or(0, |result| result.cost)).saturating_add(1);
        self.locals.pop();
        self.known = before;
        let all = count.saturating_mul(body);
        self.loops
            .push((all, format!("`{}`: {count} items × {body} units = {all}", self.shown(tree.range.at))));
        let ty = match (tree.kind, result) {
            (LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne, _) => Type::Bool,
            (_, Some(result)) => Type::list(result.ty, Some(count)),
            (_, None) => Type::list(item, Some(count)),
        };
        Typed::new(ty, range.cost.saturating_add(all).saturating_add(1))
    }

    /// What a comprehension goes over, and how many of it at most.
    fn items(&mut self, ty: &Type, at: At) -> (Type, u64) {
        match ty {
            Type::List { item, max_items: Some(max) } => ((**item).clone(), *max),
            Type::List { item, max_items: None } => {
                self.unbounded(at);
                ((**item).clone(), cost::ASSUMED_ITEMS)
            }
            Type::Record(fields) => (Type::one_of(fields.keys().cloned()), fields.len() as u64),
            Type::Map(_) => (Type::text(), cost::ASSUMED_ITEMS),
            Type::Any => (Type::Any, cost::ASSUMED_ITEMS),
            other => {
                self.mismatch(at, format!("{} where a list is needed", other.describe()));
                (Type::Any, 0)
            }
        }
    }

    fn variable(&mut self, name: &Arc<str>, at: At) {
        let taken =
            self.scope.facts.contains_key(name) || self.locals.iter().any(|local| local.name == *name);
        if taken {
            let message = format!("the variable `{name}` has the name of something that can be read here");
            self.report("bad-name", at, message).help = Some("give the variable another name".into());
        }
    }

    fn unbounded(&mut self, at: At) {
        let message = format!("`{}` is a list without `maxItems`", self.shown(at));
        self.report("unbounded-collection", at, message).help =
            Some("declare `maxItems`: the cost of an expression has to be known before anything runs".into());
    }

    fn expected(&mut self, root: &Node, ty: &Type, expect: Expect<'_>) {
        let (wanted, code) = match expect {
            Expect::Bool if ty.is_like(&Type::Bool) => return,
            Expect::Bool => {
                let message = format!("a condition has to be true or false; this is {}", ty.describe());
                self.report("non-boolean-guard", root.at, message);
                return;
            }
            Expect::List if matches!(ty, Type::List { .. } | Type::Any) => return,
            Expect::List => {
                self.mismatch(root.at, format!("{} where a list is wanted", ty.describe()));
                return;
            }
            Expect::Anything => return,
            Expect::Argument(Type::Double) if *ty == Type::Int => return,
            Expect::Type(wanted) => (wanted, "type-mismatch"),
            Expect::Argument(wanted) => (wanted, "argument-type-mismatch"),
        };
        if !wanted.is_like(ty) {
            let message = format!("{} where {} is wanted", ty.describe(), wanted.describe());
            self.report(code, root.at, message);
            return;
        }
        let (Type::Text { domain: Some(own), .. }, Type::Text { domain: Some(domain), .. }) = (ty, wanted)
        else {
            return;
        };
        if let Some(word) = own.first().filter(|_| !own.iter().any(|word| domain.contains(word))) {
            let span = self.place.at(root.at);
            self.diagnostics.push(outside(span, self.word_at(root.at, word), word, domain));
        }
    }

    fn cost_limit(&mut self, cost: u64, at: At) {
        let limit = self.scope.cost_limit;
        if cost <= limit {
            return;
        }
        self.loops.sort_by(|a, b| b.cmp(a));
        let parts: Vec<&str> = self.loops.iter().take(4).map(|(_, text)| text.as_str()).collect();
        let help = format!("most of it: {}; lower `maxItems` or `maxLength`", parts.join(", "));
        let message = format!("this can cost {cost} units; {limit} are allowed");
        self.report("cost-over-limit", at, message).help = Some(help);
    }

    fn mismatch(&mut self, at: At, message: String) -> &mut Diagnostic {
        self.report("type-mismatch", at, message)
    }

    fn report(&mut self, code: &'static str, at: At, message: String) -> &mut Diagnostic {
        let diagnostic = Diagnostic::law(code, self.place.at(at), message).consequence(CONSEQUENCE);
        self.diagnostics.push_mut(diagnostic)
    }

    /// The source of a node, cut where it is long.
    fn shown(&self, at: At) -> String {
        let text = self.source().get(at.start as usize..at.end as usize).unwrap_or_default();
        let cut: String = text.chars().take(40).collect();
        if cut.len() < text.len() { format!("{cut}…") } else { cut }
    }

    fn source(&self) -> &str {
        self.place.text.value.get(self.place.base..).unwrap_or_default()
    }

    /// The place of a word between its quotation marks; none where it is written in another way.
    fn word_at(&self, at: At, word: &str) -> Option<Span> {
        let written = self.source().get(at.start as usize..at.end as usize)?;
        let inner = written.strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])?;
        (inner == word).then(|| self.place.at(At { start: at.start + 1, end: at.end - 1 }))
    }
}

fn literal(value: &Value) -> Typed {
    let ty = match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Double(_) => Type::Double,
        Value::Text(text) => Type::one_of([Arc::clone(text)]),
        Value::Timestamp(_) => Type::Timestamp,
        Value::Duration(_) => Type::Duration,
        Value::List(_) | Value::Map(_) => Type::Any,
    };
    let constant = if let Value::Int(value) = value { Some(*value) } else { None };
    Typed { ty, cost: 1, constant }
}

/// The least type that holds values of both; `None` where there is none.
fn join(one: &Type, other: &Type) -> Option<Type> {
    Some(match (one, other) {
        (Type::Any, _) | (_, Type::Any) => Type::Any,
        (Type::Text { domain: a, max_len: am }, Type::Text { domain: b, max_len: bm }) => {
            let domain = match (a, b) {
                (Some(a), Some(b)) => {
                    let more = b.iter().filter(|word| !a.contains(word));
                    Some(a.iter().chain(more).cloned().collect())
                }
                _ => None,
            };
            Type::Text { domain, max_len: am.zip(*bm).map(|(a, b)| a.max(b)) }
        }
        (Type::List { item: a, max_items: am }, Type::List { item: b, max_items: bm }) => {
            // An empty list has no type of its own.
            let item = match (am, bm) {
                (Some(0), _) => (**b).clone(),
                (_, Some(0)) => (**a).clone(),
                _ => join(a, b)?,
            };
            Type::list(item, am.zip(*bm).map(|(a, b)| a.max(b)))
        }
        (Type::Record(a), Type::Record(b)) if a.keys().eq(b.keys()) => {
            let mut fields = Vec::with_capacity(a.len());
            for ((name, one), other) in a.iter().zip(b.values()) {
                let presence =
                    if one.presence == super::Presence::Always { &other.presence } else { &one.presence };
                fields.push((
                    Arc::clone(name),
                    Field {
                        ty: join(&one.ty, &other.ty)?,
                        presence: presence.clone(),
                        sensitivity: one.sensitivity.max(other.sensitivity),
                        bounds: one.bounds.or(other.bounds),
                    },
                ));
            }
            Type::record(fields)
        }
        (Type::Map(a), Type::Map(b)) => Type::Map(Arc::new(join(a, b)?)),
        _ if one == other => one.clone(),
        _ => return None,
    })
}

impl Path {
    /// This path of one segment more, where there is one already.
    fn step(path: Option<&Self>, segment: &Arc<str>) -> Option<Self> {
        path.map(|path| path.then(segment))
    }
}
