//! From conditions to atoms: which fact each part of a condition is about, and what it comes to for each value
//! of that fact. A part about several facts, or in a form that is not understood, is free.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::outcomes::{Test, of_actor, of_value, outcome};
use super::samples::{Cut, regions};
use super::{Atom, Logic, Outcome, Part, PartOf, Site, Space, Term, World};
use crate::expr::node::{Comparison, Function, Kind, Node, StepKind};
use crate::expr::types::{Bounds, Path, Presence, Scope, Type};
use crate::expr::value::Value;
use crate::expr::{COST_LIMIT, FactMap, eval, path_of};

/// A fact with more values than that is cut, not listed.
const LISTED: usize = 64;
/// Lists that are longer are not made to ask about their size.
const LONGEST: i64 = 4_096;

/// What a variable stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Path(usize, Path),
    Size(usize, Path),
    /// A whole fact of which all values are known.
    Root(Arc<str>),
    Actor,
    /// `actor.is`, where nobody is known.
    Is(Arc<str>),
    /// What is not understood, by its text; true where it can err.
    Free(usize, String, bool),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(_, path) => write!(f, "{path}"),
            Self::Size(_, path) => write!(f, "size({path})"),
            Self::Root(root) => f.write_str(root),
            Self::Actor => f.write_str("actor"),
            Self::Is(principal) => write!(f, "actor.is(\"{principal}\")"),
            Self::Free(_, text, _) => f.write_str(text),
        }
    }
}

/// A variable of a space and its values.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) key: Key,
    domain: Domain,
    constants: Vec<Value>,
    /// Its values; `None` where it is absent. Empty for actors and what is free.
    pub(super) samples: Vec<Option<Value>>,
    /// For each class of actors one of them.
    pub(super) origins: Vec<usize>,
    /// How many values.
    pub(super) count: usize,
}

#[derive(Debug, Clone)]
enum Domain {
    /// Nothing but the constants that it is compared with.
    Undeclared,
    Listed {
        values: Vec<Value>,
        optional: bool,
    },
    Cut {
        cut: Cut,
        bounds: Bounds,
        optional: bool,
    },
    Actors,
    Free,
}

/// Conditions on their way to a space.
pub(super) struct Draft<'a, 'w> {
    world: &'w World,
    variables: Vec<Variable>,
    index: BTreeMap<Key, usize>,
    tests: Vec<(usize, Test<'a>)>,
    formulas: Vec<Logic>,
}

/// What a part of an expression reads.
#[derive(Default)]
struct Reads {
    paths: Vec<Path>,
    sizes: Vec<Path>,
    principals: bool,
    /// Something that is no plain fact.
    other: bool,
}

impl<'a, 'w> Draft<'a, 'w> {
    pub(super) fn of(world: &'w World, terms: &[Term<'a>]) -> Self {
        let mut draft = Self {
            world,
            variables: Vec::new(),
            index: BTreeMap::new(),
            tests: Vec::new(),
            formulas: Vec::new(),
        };
        draft.formulas = terms.iter().map(|term| draft.term(term)).collect();
        draft
    }

    /// All values and what each atom comes to for them.
    pub(super) fn space(mut self) -> Space {
        let actors = self.classes();
        for variable in &mut self.variables {
            match &variable.domain {
                Domain::Listed { values, optional } => {
                    variable.samples =
                        values.iter().cloned().map(Some).chain(optional.then_some(None)).collect();
                    variable.count = variable.samples.len();
                }
                Domain::Undeclared => {
                    let values = regions(Cut::Text, &variable.constants, Bounds::default());
                    variable.samples = values.into_iter().map(Some).collect();
                    variable.count = variable.samples.len();
                }
                Domain::Cut { cut, bounds, optional } => {
                    let values = regions(*cut, &variable.constants, *bounds);
                    variable.samples = values.into_iter().map(Some).chain(optional.then_some(None)).collect();
                    variable.count = variable.samples.len();
                }
                Domain::Actors => {
                    variable.origins.clone_from(&actors);
                    variable.count = actors.len();
                }
                Domain::Free => {
                    variable.count = if matches!(variable.key, Key::Free(.., true)) { 3 } else { 2 }
                }
            }
        }
        let atom = |(variable, test): &(usize, Test<'_>)| {
            let outcomes = self.variables.get(*variable).map(|of| self.outcomes(of, test));
            Atom { variable: *variable, outcomes: outcomes.unwrap_or_default() }
        };
        let atoms = self.tests.iter().map(atom).collect();
        Space { variables: self.variables, atoms, formulas: self.formulas }
    }

    /// One actor of each class whose members no test tells apart.
    fn classes(&self) -> Vec<usize> {
        let asked: Vec<&Test<'_>> = self
            .tests
            .iter()
            .filter(|(variable, _)| self.variables.get(*variable).is_some_and(|one| one.key == Key::Actor))
            .map(|(_, test)| test)
            .collect();
        let mut seen: Vec<Vec<Outcome>> = Vec::new();
        let mut classes = Vec::new();
        for (at, actor) in self.world.actors.iter().enumerate() {
            let row: Vec<Outcome> = asked.iter().map(|test| of_actor(actor, test)).collect();
            if !seen.contains(&row) {
                seen.push(row);
                classes.push(at);
            }
        }
        classes
    }

    fn outcomes(&self, variable: &Variable, test: &Test<'_>) -> Vec<Outcome> {
        match variable.domain {
            Domain::Free => vec![Outcome::True, Outcome::False, Outcome::Error],
            Domain::Actors => {
                let actors = variable.origins.iter().filter_map(|at| self.world.actors.get(*at));
                actors.map(|actor| of_actor(actor, test)).collect()
            }
            _ => {
                variable.samples.iter().map(|sample| of_value(&variable.key, sample.as_ref(), test)).collect()
            }
        }
    }

    fn term(&mut self, term: &Term<'a>) -> Logic {
        match term {
            Term::Holds(site) => self.node(&site.expr.0.root, *site),
            Term::Part(PartOf { site, part }) => match part {
                Part::True(node) => self.node(node, *site),
                Part::Is(node, sign, value) => self.is(node, *sign, value, *site),
                Part::Size(list, sign, count) => self.size(list, *sign, *count, *site),
            },
            Term::OneOf(path, values, moment) => self.one_of(path, values, *moment),
            Term::Actor(principals) => self.actor(principals),
            Term::All(terms) => Logic::All(terms.iter().map(|term| self.term(term)).collect()),
            Term::Any(terms) => Logic::Any(terms.iter().map(|term| self.term(term)).collect()),
            Term::Unless(term) => Logic::Unless(Box::new(self.term(term))),
        }
    }

    fn node(&mut self, node: &'a Node, site: Site<'a>) -> Logic {
        match &node.kind {
            Kind::Literal(Value::Bool(value)) => Logic::Known(Outcome::of(*value)),
            Kind::Not(inner) => Logic::Not(Box::new(self.node(inner, site))),
            Kind::And(terms) => Logic::All(terms.iter().map(|term| self.node(term, site)).collect()),
            Kind::Or(terms) => Logic::Any(terms.iter().map(|term| self.node(term, site)).collect()),
            Kind::Choose(arms, last) => {
                let arms =
                    arms.iter().map(|(one, other)| (self.node(one, site), self.node(other, site))).collect();
                Logic::Choose(arms, Box::new(self.node(last, site)))
            }
            _ => self.atom(node, site),
        }
    }

    fn atom(&mut self, node: &'a Node, site: Site<'a>) -> Logic {
        let mut reads = Reads::default();
        reads.add(node);
        reads.paths.sort();
        reads.paths.dedup();
        reads.sizes.sort();
        reads.sizes.dedup();
        if reads.other {
            return self.free(node, site);
        }
        let all = |root: &str| reads.sizes.is_empty() && reads.paths.iter().all(|path| path.root() == root);
        if (reads.principals || !reads.paths.is_empty()) && all("actor") && !self.world.actors.is_empty() {
            return self.test(Key::Actor, Domain::Actors, Test::Node(node, None));
        }
        if let (Kind::ActorIs(principal), true) = (&node.kind, self.world.actors.is_empty()) {
            return self.test(Key::Is(Arc::clone(principal)), Domain::Free, Test::Free);
        }
        if reads.principals {
            return self.free(node, site);
        }
        let root = reads.paths.first().map(|path| Arc::from(path.root()));
        let listed = root.as_ref().and_then(|root: &Arc<str>| self.world.roots.get(root));
        if let (Some(root), Some(values)) = (&root, listed)
            && all(root)
        {
            let domain = Domain::Listed { values: values.clone(), optional: false };
            return self.test(
                Key::Root(Arc::clone(root)),
                domain,
                Test::Node(node, Some(Path::new([Arc::clone(root)]))),
            );
        }
        match (reads.paths.as_slice(), reads.sizes.as_slice()) {
            ([], []) => Logic::Known(outcome(node, &FactMap::default(), Vec::new())),
            ([path], []) => self.of_path(node, path, site),
            ([], [path]) => self.of_size(node, path, site),
            _ => self.free(node, site),
        }
    }

    /// False where the fact was of another sort at another place: then nothing is known of both together.
    fn agrees(&self, key: &Key, domain: &Domain) -> bool {
        let known =
            self.index.get(key).and_then(|at| self.variables.get(*at)).map(|variable| &variable.domain);
        match (known, domain) {
            (Some(Domain::Cut { cut: one, .. }), Domain::Cut { cut: other, .. }) => one == other,
            (Some(Domain::Cut { cut, .. }), Domain::Listed { values, .. })
            | (Some(Domain::Listed { values, .. }), Domain::Cut { cut, .. }) => {
                *cut == Cut::Text && values.iter().all(|value| matches!(value, Value::Text(_)))
            }
            _ => true,
        }
    }

    /// About one fact.
    fn of_path(&mut self, node: &'a Node, path: &Path, site: Site<'a>) -> Logic {
        let Some(domain) =
            self.domain(path, site.scope).filter(|domain| self.agrees(&key(path, site), domain))
        else {
            return self.free(node, site);
        };
        if let Domain::Cut { cut, .. } = domain {
            let Some(constants) = cuts(node, cut) else { return self.free(node, site) };
            return self.constants(key(path, site), domain, constants, Test::Node(node, Some(path.clone())));
        }
        self.test(key(path, site), domain, Test::Node(node, Some(path.clone())))
    }

    /// About the size of one list or text.
    fn of_size(&mut self, node: &'a Node, path: &Path, site: Site<'a>) -> Logic {
        let Some(domain) = sizes(path, site.scope) else { return self.free(node, site) };
        let Some(constants) = cuts(node, Cut::Int).filter(|all| all.iter().all(is_short)) else {
            return self.free(node, site);
        };
        self.constants(size_key(path, site), domain, constants, Test::Node(node, Some(path.clone())))
    }

    fn is(&mut self, node: &'a Node, sign: Comparison, value: &Value, site: Site<'a>) -> Logic {
        if let (Some(list), Value::Int(count)) = (sized(node), value) {
            return self.size(&list, sign, *count, site);
        }
        let path = path_of(node).filter(|(_, whole)| *whole).map(|(path, _)| path);
        let domain = path.as_ref().and_then(|path| self.domain(path, site.scope));
        match (path, domain) {
            (Some(path), Some(domain)) => {
                self.constants(key(&path, site), domain, vec![value.clone()], Test::Is(sign, value.clone()))
            }
            _ => self.free(node, site),
        }
    }

    fn size(&mut self, list: &Path, sign: Comparison, count: i64, site: Site<'a>) -> Logic {
        match sizes(list, site.scope) {
            Some(domain) if count.abs() <= LONGEST => {
                let value = Value::Int(count);
                self.constants(size_key(list, site), domain, vec![value.clone()], Test::Is(sign, value))
            }
            _ => self.test(
                Key::Free(site.moment, format!("size({list}) {} {count}", sign.sign()), false),
                Domain::Free,
                Test::Free,
            ),
        }
    }

    fn one_of(&mut self, path: &Path, values: &[Value], moment: usize) -> Logic {
        if let Some(all) = self.world.roots.get(path.root()) {
            let domain = Domain::Listed { values: all.clone(), optional: false };
            let below: Vec<Arc<str>> = path.0.iter().skip(1).cloned().collect();
            let fits = |value: &&Value| {
                let found = below.iter().try_fold(*value, |here, name| here.get(name));
                found.is_some_and(|found| values.contains(found))
            };
            let fitting = all.iter().filter(fits).cloned().collect();
            return self.test(Key::Root(path.root().into()), domain, Test::OneOf(fitting));
        }
        let known = self.world.known.get(path).cloned();
        let domain = known.map_or(Domain::Undeclared, |values| Domain::Listed { values, optional: false });
        let moment = if is_momentary(path) { moment } else { 0 };
        self.constants(Key::Path(moment, path.clone()), domain, values.to_vec(), Test::OneOf(values.to_vec()))
    }

    fn actor(&mut self, principals: &[Arc<str>]) -> Logic {
        if self.world.actors.is_empty() {
            let one = |principal: &Arc<str>| (Key::Is(Arc::clone(principal)), Domain::Free, Test::Free);
            let each = principals.iter().map(one).map(|(key, domain, test)| self.test(key, domain, test));
            return Logic::Any(each.collect());
        }
        self.test(Key::Actor, Domain::Actors, Test::Actor(principals.to_vec()))
    }

    fn free(&mut self, node: &'a Node, site: Site<'a>) -> Logic {
        let text = site.expr.0.source.get(node.at.start as usize..node.at.end as usize).unwrap_or_default();
        let moment = if reads_moment(node) { site.moment } else { 0 };
        self.test(Key::Free(moment, text.to_owned(), may_err(node)), Domain::Free, Test::Free)
    }

    fn test(&mut self, key: Key, domain: Domain, test: Test<'a>) -> Logic {
        self.constants(key, domain, Vec::new(), test)
    }

    fn constants(&mut self, key: Key, domain: Domain, constants: Vec<Value>, test: Test<'a>) -> Logic {
        let next = self.variables.len();
        let at = *self.index.entry(key.clone()).or_insert(next);
        if at == next {
            let (samples, origins, count) = (Vec::new(), Vec::new(), 0);
            let domain = domain.clone();
            self.variables.push(Variable { key, domain, constants: Vec::new(), samples, origins, count });
        }
        if let Some(variable) = self.variables.get_mut(at) {
            variable.constants.extend(constants);
            if at != next {
                variable.domain = wider(&variable.domain, &domain, &mut variable.constants);
            }
        }
        self.tests.push((at, test));
        Logic::Atom(self.tests.len() - 1)
    }

    /// The values of a fact.
    fn domain(&self, path: &Path, scope: &Scope) -> Option<Domain> {
        if let Some(values) = self.world.known.get(path) {
            return Some(Domain::Listed { values: values.clone(), optional: false });
        }
        let (ty, bounds, optional) = declared(path, scope)?;
        let cut = |cut| Some(Domain::Cut { cut, bounds, optional });
        match ty {
            Type::Bool => {
                Some(Domain::Listed { values: vec![Value::Bool(true), Value::Bool(false)], optional })
            }
            Type::Text { domain: Some(words), .. } if words.len() <= LISTED => Some(Domain::Listed {
                values: words.iter().map(|word| Value::text(Arc::clone(word))).collect(),
                optional,
            }),
            Type::Text { .. } => cut(Cut::Text),
            Type::Int => cut(Cut::Int),
            Type::Double => cut(Cut::Double),
            Type::Timestamp => cut(Cut::Timestamp),
            Type::Duration => cut(Cut::Duration),
            _ => None,
        }
    }
}

/// The values of a fact that is declared at two places.
fn wider(one: &Domain, other: &Domain, constants: &mut Vec<Value>) -> Domain {
    match (one, other) {
        (Domain::Undeclared, known) | (known, Domain::Undeclared) => known.clone(),
        (Domain::Listed { values: a, optional: x }, Domain::Listed { values: b, optional: y }) => {
            let more = b.iter().filter(|value| !a.contains(value));
            Domain::Listed { values: a.iter().chain(more).cloned().collect(), optional: *x || *y }
        }
        (Domain::Cut { cut, bounds: a, optional: x }, Domain::Cut { bounds: b, optional: y, .. }) => {
            Domain::Cut { cut: *cut, bounds: a.or(*b), optional: *x || *y }
        }
        (Domain::Cut { cut, bounds, optional: x }, Domain::Listed { values, optional: y })
        | (Domain::Listed { values, optional: y }, Domain::Cut { cut, bounds, optional: x }) => {
            constants.extend(values.iter().cloned());
            Domain::Cut { cut: *cut, bounds: *bounds, optional: *x || *y }
        }
        (same, _) => same.clone(),
    }
}

impl Reads {
    fn add(&mut self, node: &Node) {
        match &node.kind {
            Kind::ActorIs(_) => self.principals = true,
            Kind::Loop(_) | Kind::Fault => self.other = true,
            Kind::Call(Function::Size, _) if sized(node).is_some() => self.sizes.extend(sized(node)),
            Kind::Fact(_) | Kind::Local(..) | Kind::Access { .. } => match path_of(node) {
                Some((path, true)) => self.paths.push(path),
                _ => self.other = true,
            },
            _ => node.each_child(&mut |child| self.add(child)),
        }
    }
}

/// The list or text of `size(…)`, where that is a plain fact.
pub(in crate::expr) fn sized(node: &Node) -> Option<Path> {
    let Kind::Call(Function::Size, args) = &node.kind else { return None };
    let [list] = args.as_slice() else { return None };
    let is_value = !matches!(list.kind, Kind::Access { has: true, .. });
    path_of(list).filter(|(_, whole)| *whole && is_value).map(|(path, _)| path)
}

/// The clock, budgets, and how far steps are: what differs from one moment to the next.
fn is_momentary(path: &Path) -> bool {
    let segments: Vec<&str> = path.segments().collect();
    matches!(segments.as_slice(), ["now" | "budget", ..] | ["steps", _, "state" | "attempts", ..])
}

fn reads_moment(node: &Node) -> bool {
    let mut reads = Vec::new();
    crate::expr::collect(node, &mut reads);
    reads.iter().any(is_momentary)
}

fn key(path: &Path, site: Site<'_>) -> Key {
    Key::Path(if is_momentary(path) { site.moment } else { 0 }, path.clone())
}

fn size_key(path: &Path, site: Site<'_>) -> Key {
    Key::Size(if is_momentary(path) { site.moment } else { 0 }, path.clone())
}

/// The type of a declared fact, its bounds, and whether it may be absent.
pub(in crate::expr) fn declared(path: &Path, scope: &Scope) -> Option<(Type, Bounds, bool)> {
    let (root, below) = path.0.split_first()?;
    let mut field = scope.facts.get(root)?.clone();
    let mut optional = field.presence != Presence::Always;
    for name in below {
        let next = match &field.ty {
            Type::Record(fields) => fields.get(name)?.clone(),
            Type::Map(item) => crate::expr::types::Field::optional((**item).clone(), field.sensitivity, ""),
            _ => return None,
        };
        if matches!(next.presence, Presence::Mixed(_) | Presence::Refused { .. }) {
            return None;
        }
        optional |= next.presence != Presence::Always;
        field = next;
    }
    Some((field.ty, field.bounds, optional))
}

fn sizes(path: &Path, scope: &Scope) -> Option<Domain> {
    let (ty, bounds, optional) = declared(path, scope)?;
    let most = match ty {
        Type::List { max_items, .. } => max_items.and_then(|max| i64::try_from(max).ok()).unwrap_or(LONGEST),
        // As many bytes as that are at most as many characters.
        Type::Text { max_len, .. } => {
            let bytes = max_len.and_then(|max| i64::try_from(max).ok());
            bounds.longest.into_iter().chain(bytes).min().unwrap_or(LONGEST)
        }
        _ => return None,
    };
    let bounds = Bounds { least: Some(bounds.min_items), most: Some(most.min(LONGEST)), ..Bounds::default() };
    Some(Domain::Cut { cut: Cut::Int, bounds, optional })
}

const fn is_short(value: &Value) -> bool {
    matches!(value, Value::Int(count) if count.abs() < LONGEST)
}

/// The constants at which a condition about one fact cuts it; `None` where it is of another form.
fn cuts(node: &Node, cut: Cut) -> Option<Vec<Value>> {
    let is_fact = |node: &Node| {
        matches!(
            node.kind,
            Kind::Fact(_) | Kind::Local(..) | Kind::Access { has: false, .. } | Kind::Call(Function::Size, _)
        )
    };
    match &node.kind {
        Kind::Access { has: true, .. } => Some(Vec::new()),
        Kind::Compare(sign, pair) if sign.is_equality() || cut != Cut::Text => {
            let constant = match (is_fact(&pair.0), is_fact(&pair.1)) {
                (true, false) => &pair.1,
                (false, true) => &pair.0,
                _ => return None,
            };
            Some(vec![constant_of(constant)?])
        }
        Kind::In(pair) if is_fact(&pair.0) => match constant_of(&pair.1)? {
            Value::List(items) => Some(items.to_vec()),
            _ => None,
        },
        _ => None,
    }
}

/// The value of a part that reads nothing.
fn constant_of(node: &Node) -> Option<Value> {
    fn reads(node: &Node) -> bool {
        let mut found = matches!(node.kind, Kind::Fact(_) | Kind::Local(..) | Kind::ActorIs(_) | Kind::Fault);
        node.each_child(&mut |child| found |= reads(child));
        found
    }
    if reads(node) {
        return None;
    }
    eval::evaluate(node, &FactMap::default(), COST_LIMIT).0.ok()
}

/// True where evaluation can err although all that is read is there.
fn may_err(node: &Node) -> bool {
    let mut found = match &node.kind {
        Kind::Arithmetic { .. } | Kind::Negate(_) | Kind::Fault => true,
        Kind::Call(function, _) => {
            matches!(
                function,
                Function::Int | Function::Duration | Function::Timestamp | Function::Min | Function::Max
            )
        }
        // An item that is not there; a field of what is untyped.
        Kind::Access { steps, .. } => {
            let is_index = |kind: &StepKind| matches!(kind, StepKind::Index(Node { kind, .. }) if !matches!(kind, Kind::Literal(Value::Text(_))));
            steps.iter().any(|step| is_index(&step.kind))
        }
        _ => false,
    };
    node.each_child(&mut |child| found |= may_err(child));
    found
}
