//! What is worth a second look in an expression although it breaks no law: what can err, what is true of
//! nothing, what lets more through than it seems. Says nothing where it is not sure that it can happen by
//! what is declared; never judges (that is the business of lint).

mod numbers;

use std::sync::Arc;

use super::check::type_of;
use super::node::{Comparison, Function, Kind, Loop, LoopKind, Node, StepKind};
use super::space::{Found, Part, PartOf, Site, Space, Term, Want, World};
use super::types::{Field, Path, Scope, Type};
use super::value::Value;
use super::{Expr, path_of};
use crate::kind::scalar::{Principal, Sensitivity};
use crate::source::Span;

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A later part would have kept an earlier one from erring.
    AbsorbedError,
    /// The type of what is decided on is known only when it is evaluated.
    DynamicType,
    /// Somebody is told by something else than his id.
    DisplayName,
    /// A division by what may be zero, a result that may be too large.
    Arithmetic,
    /// An item that need not be there.
    Index,
    /// A pattern that is open at an end.
    Unanchored,
    /// `all` of a list that may be empty.
    EmptyAll,
}

/// A remark about a part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Remark {
    /// What.
    pub sort: Sort,
    /// Where.
    pub span: Span,
    /// What is so, in a few words.
    pub said: String,
    /// What to do.
    pub help: String,
}

/// The remarks about an expression at its place.
#[must_use]
pub fn observe(expr: &Expr, scope: &Scope) -> Vec<Remark> {
    let mut found = Vec::new();
    let site = Site { expr, scope, moment: 0 };
    Observer { site, locals: &[], given: Vec::new(), chains: Vec::new(), found: &mut found }
        .node(&expr.0.root, Some(true));
    found.sort_by_key(|remark| (remark.span, remark.sort));
    found.dedup_by_key(|remark| (remark.span, remark.sort));
    found
}

/// Walks an expression and knows what was true before each part.
struct Observer<'a, 'o> {
    site: Site<'a>,
    locals: &'a [(Arc<str>, Type)],
    /// What came out how before this part is evaluated.
    given: Vec<(&'a Node, bool)>,
    /// Later terms of the chains that this part stands in, with what decides those.
    chains: Vec<(&'a [Node], bool)>,
    found: &'o mut Vec<Remark>,
}

impl<'a> Observer<'a, '_> {
    /// `polarity`: whether the whole is rather true where this part is; `None` where that is not known.
    fn node(&mut self, node: &'a Node, polarity: Option<bool>) {
        match &node.kind {
            Kind::And(terms) => self.chain(terms, true, polarity),
            Kind::Or(terms) => self.chain(terms, false, polarity),
            Kind::Not(inner) => {
                self.typed(inner);
                self.node(inner, polarity.map(|polarity| !polarity));
            }
            Kind::Choose(arms, last) => self.choose(arms, last, polarity),
            Kind::Loop(tree) => self.comprehension(tree, node, polarity),
            _ => {
                self.itself(node);
                node.each_child(&mut |child| self.child(child));
            }
        }
    }

    fn child(&mut self, node: &'a Node) {
        self.node(node, None);
    }

    /// Terms of `&&` (`all`) or `||`: each is evaluated where those before it came out as `all`.
    fn chain(&mut self, terms: &'a [Node], all: bool, polarity: Option<bool>) {
        let before = self.given.len();
        for (at, term) in terms.iter().enumerate() {
            self.typed(term);
            self.chains.push((terms.get(at + 1..).unwrap_or_default(), !all));
            self.node(term, polarity);
            self.chains.pop();
            self.given.push((term, all));
        }
        self.given.truncate(before);
    }

    fn choose(&mut self, arms: &'a [(Node, Node)], last: &'a Node, polarity: Option<bool>) {
        let before = self.given.len();
        for (condition, then) in arms {
            self.typed(condition);
            self.node(condition, None);
            self.given.push((condition, true));
            self.node(then, polarity);
            self.given.pop();
            self.given.push((condition, false));
        }
        self.node(last, polarity);
        self.given.truncate(before);
    }

    fn comprehension(&mut self, tree: &'a Loop, node: &'a Node, polarity: Option<bool>) {
        self.node(&tree.range, None);
        let range = self.type_of(&tree.range);
        if range == Type::Any {
            self.dynamic(&tree.range);
        }
        if tree.kind == LoopKind::All && polarity == Some(true) {
            self.all(tree, node);
        }
        let item = match range {
            Type::List { item, .. } => (*item).clone(),
            Type::Record(_) | Type::Map(_) => Type::text(),
            _ => Type::Any,
        };
        let mut locals = self.locals.to_vec();
        locals.truncate(tree.slot);
        locals.push((Arc::clone(&tree.variable), item.clone()));
        let scope = self
            .site
            .scope
            .clone()
            .with(Arc::clone(&tree.variable), Field::always(item, Sensitivity::Public));
        let site = Site { scope: &scope, ..self.site };
        let mut inner = Observer {
            site,
            locals: &locals,
            given: self.given.clone(),
            chains: Vec::new(),
            found: &mut *self.found,
        };
        if let Some(test) = &tree.test {
            inner.node(test, None);
            inner.given.push((test, true));
        }
        if let Some(result) = &tree.result {
            inner.node(result, None);
        }
    }

    /// What one part is, apart from those below it.
    fn itself(&mut self, node: &'a Node) {
        match &node.kind {
            Kind::Arithmetic { first, rest } => {
                self.typed(first);
                rest.iter().for_each(|(_, right)| self.typed(right));
                self.arithmetic(first, rest);
            }
            Kind::Compare(_, pair) => {
                let is_null = |node: &Node| matches!(node.kind, Kind::Literal(Value::Null));
                if !is_null(&pair.0) && !is_null(&pair.1) {
                    self.typed(&pair.0);
                    self.typed(&pair.1);
                }
                self.identity(&pair.0, &pair.1, true);
                self.identity(&pair.1, &pair.0, true);
            }
            Kind::In(pair) => {
                self.typed(&pair.0);
                self.typed(&pair.1);
                self.identity(&pair.0, &pair.1, true);
            }
            Kind::Call(Function::Contains | Function::StartsWith | Function::EndsWith, args) => {
                if let [text, part] = args.as_slice() {
                    self.typed(text);
                    self.identity(text, part, false);
                }
            }
            Kind::Matches(target, regex) => {
                self.typed(target);
                self.identity(target, node, false);
                self.pattern(regex.as_str(), node);
            }
            Kind::Access { base, steps, .. } => self.items(base, steps),
            _ => {}
        }
    }

    fn type_of(&self, node: &Node) -> Type {
        type_of(node, &self.site.expr.0.place, self.site.scope, self.locals)
    }

    /// Something is decided on this value: its type has to be known.
    fn typed(&mut self, node: &'a Node) {
        let is_plain = matches!(node.kind, Kind::Fact(_) | Kind::Local(..) | Kind::Access { has: false, .. });
        if is_plain && self.type_of(node) == Type::Any {
            self.dynamic(node);
        }
    }

    fn dynamic(&mut self, node: &Node) {
        // A fact that as a whole is not known has a fault of its own.
        let mut reads = Vec::new();
        super::collect(node, &mut reads);
        let whole =
            |path: &Path| self.site.scope.facts.get(path.root()).is_none_or(|fact| fact.ty == Type::Any);
        let is_local = reads.is_empty();
        if (!is_local && reads.iter().any(whole))
            || self.found.iter().any(|one| one.sort == Sort::DynamicType)
        {
            return;
        }
        let said = format!("the type of `{}` is known only when it is there", self.text(node));
        let help = "say what it is: `int(…)`, `string(…)`; or give it out as it is and let the declared output check it";
        self.remark(Sort::DynamicType, node, said, help);
    }

    /// An `all` that is true of nothing.
    fn all(&mut self, tree: &'a Loop, node: &'a Node) {
        let Some((path, true)) = path_of(&tree.range) else { return };
        if !matches!(self.type_of(&tree.range), Type::List { .. }) {
            return;
        }
        let empty = Part::Size(path, Comparison::Equal, 0);
        let whole = self.locals.is_empty().then_some((Part::True(&self.site.expr.0.root), Want::True));
        if !self.may_be(std::iter::once((empty, Want::True)).chain(whole)) {
            return;
        }
        let list = self.text(&tree.range);
        let said = format!("`all` is true where `{list}` is empty");
        self.remark(
            Sort::EmptyAll,
            node,
            said,
            &format!("ask first: `size({list}) > 0 && …`, or declare `minItems`"),
        );
    }

    /// Items of lists by their number.
    fn items(&mut self, base: &'a Node, steps: &'a [super::node::Step]) {
        let mut ty = self.type_of(base);
        let mut path = path_of(base).filter(|(_, whole)| *whole).map(|(path, _)| path);
        for step in steps {
            match (&ty, &step.kind) {
                (Type::List { item, .. }, StepKind::Index(index)) => {
                    let next = (**item).clone();
                    self.item(path.as_ref(), index, base.at.to(step.at));
                    (ty, path) = (next, None);
                }
                (Type::Record(fields), kind) => {
                    let Some(name) = super::check::segment(kind) else { return };
                    ty = fields.get(&name).map_or(Type::Any, |field| field.ty.clone());
                    path = path.map(|path| path.then(&name));
                }
                (Type::Map(item), kind) => {
                    ty = (**item).clone();
                    path = path.zip(super::check::segment(kind)).map(|(path, name)| path.then(&name));
                }
                _ => return,
            }
        }
    }

    fn item(&mut self, list: Option<&Path>, index: &'a Node, at: super::node::At) {
        let literal = if let Kind::Literal(Value::Int(index)) = index.kind { Some(index) } else { None };
        let checked = |path: &Path| {
            // `i < size(list)`, word by word.
            self.given.iter().any(|(node, truth)| match &node.kind {
                Kind::Compare(Comparison::Less, pair) if *truth => {
                    self.text(&pair.0) == self.text(index)
                        && super::space::atoms::sized(&pair.1).as_ref() == Some(path)
                }
                _ => false,
            })
        };
        let cond = match (list, literal) {
            (Some(path), Some(index)) if index >= 0 => {
                Some(Part::Size(path.clone(), Comparison::LessEqual, index))
            }
            (Some(path), None) if checked(path) => return,
            _ => None,
        };
        let said = format!("`{}` is an error where the list is shorter", self.text_at(at));
        let help = match (list, literal) {
            (Some(path), Some(index)) => {
                format!("ask first: `size({path}) > {index} && …`, or declare `minItems`")
            }
            _ => "ask first how many items there are".to_owned(),
        };
        self.trouble(Sort::Index, at, said, &help, cond);
    }

    /// Something errs where `cond` is so: unless that is ruled out here; a later term may have been meant to.
    fn trouble(&mut self, sort: Sort, at: super::node::At, said: String, help: &str, cond: Option<Part<'a>>) {
        let mut absorbed = false;
        if let Some(cond) = cond {
            if !self.may_be([(cond.clone(), Want::True)]) {
                return;
            }
            let later =
                self.chains.iter().flat_map(|(rest, decides)| rest.iter().map(|term| (term, *decides)));
            absorbed = later.into_iter().any(|(term, decides)| {
                let open = if decides { Want::NotTrue } else { Want::NotFalse };
                self.is_never([(cond.clone(), Want::True), (Part::True(term), open)])
            });
        }
        let span = self.site.expr.0.place.at(at);
        self.found.push(if absorbed {
            let said = format!("{said}, and what would decide stands behind it");
            let help = "put the part that decides first: what is evaluated and errs is an error of the whole"
                .to_owned();
            Remark { sort: Sort::AbsorbedError, span, said, help }
        } else {
            Remark { sort, span, said, help: help.to_owned() }
        });
    }

    fn space(&self, parts: impl IntoIterator<Item = (Part<'a>, Want)>) -> Found {
        let given = self
            .given
            .iter()
            .map(|(node, truth)| (Part::True(node), if *truth { Want::True } else { Want::NotTrue }));
        let (parts, wants): (Vec<_>, Vec<_>) = given.chain(parts).unzip();
        let terms: Vec<Term<'_>> =
            parts.into_iter().map(|part| Term::Part(PartOf { site: self.site, part })).collect();
        let wants: Vec<(usize, Want)> = wants.into_iter().enumerate().collect();
        Space::of(&World::default(), &terms).find(&wants)
    }

    /// True where that can be so here; also where it would take too long to say.
    fn may_be(&self, parts: impl IntoIterator<Item = (Part<'a>, Want)>) -> bool {
        !self.space(parts).is_never()
    }

    fn is_never(&self, parts: impl IntoIterator<Item = (Part<'a>, Want)>) -> bool {
        self.space(parts).is_never()
    }

    /// Who somebody is, told by a text.
    fn identity(&mut self, fact: &'a Node, other: &'a Node, exact: bool) {
        let Some(path) = who(fact) else { return };
        if let Some(name) = display_name(other) {
            let said = format!("`{path}` is compared with `{name}`, which people choose and change");
            self.remark(
                Sort::DisplayName,
                fact,
                said,
                "compare ids, or ask `actor.is('user:…')`, `actor.is('role:…')`",
            );
            return;
        }
        let texts: Vec<&Arc<str>> = texts(other);
        let strange = texts
            .iter()
            .find(|text| !matches!(Principal::new(text), Some(Principal::User(_))) && &****text != "system");
        let said = match strange {
            _ if !exact => format!("`{path}` is told by a part of its text"),
            Some(text) => format!("`{path}` is compared with `{text}`, which is no id"),
            None => return,
        };
        let help = "ask `actor.is('user:…')`, `actor.is('group:…')` or `actor.is('role:…')`: the roster says who that is";
        self.remark(Sort::DisplayName, fact, said, help);
    }

    fn pattern(&mut self, regex: &str, node: &'a Node) {
        let text = regex.strip_prefix("\\A(?:").and_then(|rest| rest.strip_suffix(")\\z")).unwrap_or(regex);
        let (left, right) = open_ends(text);
        let said = match (left, right) {
            (false, false) => return,
            (true, true) => format!("`{text}` lets anything stand before and behind what it asks for"),
            (true, false) => format!("`{text}` lets anything stand before what it asks for"),
            (false, true) => format!("`{text}` lets anything stand behind what it asks for"),
        };
        let help =
            "say what may stand there, like `[a-z0-9-]{1,40}`; a pattern always matches the whole string";
        self.remark(Sort::Unanchored, node, said, help);
    }

    fn remark(&mut self, sort: Sort, node: &Node, said: String, help: &str) {
        let span = self.site.expr.0.place.at(node.at);
        self.found.push(Remark { sort, span, said, help: help.to_owned() });
    }

    fn text(&self, node: &Node) -> &'a str {
        self.text_at(node.at)
    }

    fn text_at(&self, at: super::node::At) -> &'a str {
        self.site.expr.0.source.get(at.start as usize..at.end as usize).unwrap_or_default()
    }
}

/// `actor.id` and `actor.onBehalfOf`.
fn who(node: &Node) -> Option<Path> {
    let (path, _) = path_of(node).filter(|(_, whole)| *whole)?;
    let is_who = matches!(path.segments().collect::<Vec<_>>().as_slice(), ["actor", "id" | "onBehalfOf"]);
    (is_who && !matches!(node.kind, Kind::Access { has: true, .. })).then_some(path)
}

/// A field whose name says that people choose it.
fn display_name(node: &Node) -> Option<Path> {
    const NAMES: &[&str] = &[
        "display_name",
        "full_name",
        "user_name",
        "username",
        "nickname",
        "email",
        "e_mail",
        "mail",
        "login",
    ];
    let (path, _) = path_of(node).filter(|(_, whole)| *whole)?;
    path.segments().last().is_some_and(|last| NAMES.contains(&last)).then_some(path)
}

/// The literal texts of a node, one or a list of them.
fn texts(node: &Node) -> Vec<&Arc<str>> {
    match &node.kind {
        Kind::Literal(Value::Text(text)) => vec![text],
        Kind::List(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Whether a pattern begins, and whether it ends, with anything at all.
fn open_ends(pattern: &str) -> (bool, bool) {
    const OPEN: &[&str] = &[".*", ".+", "(.*)", "(.+)", "[\\s\\S]*", "(?s:.*)", "(?s).*"];
    let begins = |part: &str| OPEN.iter().any(|open| part.trim_start_matches('^').starts_with(open));
    let ends = |part: &str| {
        let part = part.strip_suffix('$').unwrap_or(part);
        OPEN.iter().any(|open| part.ends_with(open) && !part.ends_with(&format!("\\{open}")))
    };
    let parts = || pattern.split('|');
    (parts().any(begins), parts().any(ends))
}
