//! Rules of policies that cannot matter: overruled by a `deny` wherever they hold, saying what another rule
//! says, or refusing everybody together. Over everybody of the roster and every capability of the catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Observed, Sites, What, scope_of};
use crate::catalogue::every;
use crate::check::context::{Context, may_match, risk};
use crate::check::memory::Stamp;
use crate::check::people::principals;
use crate::check::places;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::expr::space::{Actor, Found, Site, Space, Term, Want, World};
use crate::expr::{Expr, Path, Value};
use crate::kind::metadata::Risk;
use crate::kind::policy::{Enforcement, Rule};
use crate::kind::roster::Group;
use crate::kind::scalar::{Effect, Mode};
use crate::kind::selector::Selector;
use crate::kind::{Capability, Policy};
use crate::source::Span;

/// More rules than that are compared within their policies only.
const MANY: usize = 64;
/// More external groups than that make anybody possible.
const GROUPS: usize = 3;

/// What all of it stands on.
pub(super) fn key(cx: &Context<'_>) -> Vec<Stamp> {
    let mut key: Vec<Stamp> = cx.all.policies.values().map(|policy| cx.stamp(policy.span)).collect();
    key.push(cx.all.roster.as_ref().map_or(Stamp::Nothing, |roster| cx.stamp(roster.span)));
    key.extend(cx.all.budgets.values().map(|budget| cx.stamp(budget.span)));
    key.extend(every(&cx.all.capabilities).map(|capability| cx.stamp(capability.span)));
    key
}

/// A rule and the policy that it stands in.
#[derive(Clone, Copy)]
struct One<'a> {
    policy: &'a Policy,
    rule: &'a Rule,
}

impl One<'_> {
    fn said(&self) -> String {
        format!("rule `{}` of policy `{}`", self.rule.id.value, self.policy.metadata.name.value)
    }

    fn kind(&self) -> Kind<'_> {
        match (&self.rule.allow, &self.rule.deny, &self.rule.require) {
            (Some(_), _, _) => Kind::Allow,
            (_, Some(_), _) => Kind::Deny,
            (_, _, Some(approval)) => Kind::Require(approval.value.name.as_str()),
            _ => Kind::Mask,
        }
    }

    fn is_enforced(&self) -> bool {
        self.policy.spec.enforcement.value == Enforcement::Enforce
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    Allow,
    Deny,
    Require(&'a str),
    Mask,
}

pub(super) fn all(cx: &Context<'_>) -> Vec<Observed> {
    let sink = &mut Vec::<Diagnostic>::new();
    let policies: Vec<&Policy> = cx.all.policies.values().map(AsRef::as_ref).collect();
    let sites = cx.sites(|cx| policies.iter().for_each(|policy| places::policy_places(cx, policy, sink)));
    let world = World { actors: actors(cx).into(), ..World::default() };
    let rules: Vec<One<'_>> = policies
        .iter()
        .flat_map(|policy| policy.spec.rules.iter().map(|rule| One { policy, rule }))
        .collect();
    let view = View { cx, sites: &sites, world, names: every(&cx.all.capabilities).map(name).collect() };
    let mut found = Vec::new();
    for (at, one) in rules.iter().enumerate() {
        if !cx.is_built_in(one.policy.span) {
            found.extend(view.rule(&rules, at, *one));
        }
    }
    view.conflicts(&policies, &mut found);
    found
}

fn name(capability: &Arc<Capability>) -> &str {
    capability.metadata.name.value.as_str()
}

/// Everybody who may act: the people of the roster with whatever their identity provider may claim.
fn actors(cx: &Context<'_>) -> Vec<Actor> {
    let Some(roster) = &cx.all.roster else { return Vec::new() };
    let external: Vec<Arc<str>> = roster
        .spec
        .groups
        .iter()
        .filter(|(_, group)| matches!(group, Group::External(_)))
        .map(|(name, _)| Arc::clone(name))
        .collect();
    if external.len() > GROUPS {
        return Vec::new();
    }
    let mut actors =
        vec![Actor { fact: fact("system", "system", None), principals: std::collections::BTreeSet::new() }];
    for (person, spec) in roster.spec.people.iter() {
        let id = format!("user:{person}");
        let of = spec.on_behalf_of.as_ref().map(|of| of.value.to_string());
        for claimed in 0..(1_usize << external.len()) {
            let chosen = external.iter().enumerate().filter(|(at, _)| claimed & (1 << at) != 0);
            let claims = chosen.map(|(_, name)| Arc::clone(name)).collect();
            actors.push(Actor {
                fact: fact(&id, spec.type_.value.as_str(), of.as_deref()),
                principals: principals(roster, &id, &claims),
            });
        }
    }
    actors
}

fn fact(id: &str, kind: &str, of: Option<&str>) -> Value {
    let known = [("id", Value::text(id)), ("type", Value::text(kind))];
    Value::map(known.into_iter().chain(of.map(|of| ("onBehalfOf", Value::text(of)))))
}

/// The fact `capability`.
fn capability_fact(capability: &Capability) -> Value {
    let metadata = &capability.metadata;
    let tags =
        metadata.tags.iter().map(|(name, tag)| (Arc::clone(name), Value::text(Arc::clone(&tag.value))));
    Value::map([
        ("name", Value::text(metadata.name.value.as_str())),
        (
            "version",
            Value::text(
                metadata.version.as_ref().map(|version| version.value.to_string()).unwrap_or_default(),
            ),
        ),
        ("risk", Value::text(risk(capability).as_str())),
        ("effect", Value::text(capability.spec.effect.value.as_str())),
        (
            "owner",
            Value::text(metadata.owner.as_ref().map(|owner| owner.value.to_string()).unwrap_or_default()),
        ),
        ("tags", Value::map(tags)),
    ])
}

/// What a selector says in words of the language, which are all there are: risks, effects, modes.
pub(in crate::check) fn of_words(selector: &Selector) -> Vec<Term<'static>> {
    fn texts<T: Copy>(list: Option<&Vec<Spanned<T>>>, word: fn(T) -> &'static str) -> Option<Vec<Value>> {
        list.map(|list| list.iter().map(|item| Value::text(word(item.value))).collect())
    }
    let lists = [
        ("capability", "risk", texts(selector.risk.as_ref(), Risk::as_str)),
        ("capability", "effect", texts(selector.effect.as_ref(), Effect::as_str)),
        ("run", "mode", texts(selector.modes.as_ref(), Mode::as_str)),
    ];
    let term = |(root, field, values): (&str, &str, Option<Vec<Value>>)| {
        Some(Term::OneOf(Path::new([Arc::from(root), Arc::from(field)]), values?, 1))
    };
    lists.into_iter().filter_map(term).collect()
}

struct View<'v, 'a> {
    cx: &'v Context<'a>,
    sites: &'v Sites,
    world: World,
    names: Vec<&'v str>,
}

impl<'v> View<'v, '_> {
    fn holds(&self, expr: &'v Expr) -> Option<Term<'v>> {
        Some(Term::Holds(Site { expr, scope: scope_of(self.sites, expr)?, moment: 1 }))
    }

    /// A rule holds for a step that is done.
    fn term(&self, one: One<'v>) -> Option<Term<'v>> {
        let mut terms = self.selector(&one.policy.spec.applies);
        terms.extend(one.rule.applies.iter().flat_map(|applies| self.selector(applies)));
        if let Some(to) = &one.rule.to {
            terms.push(Term::Actor(to.iter().map(|principal| principal.value.to_string().into()).collect()));
        }
        for expr in one.rule.when.iter().chain(&one.rule.allow).chain(&one.rule.deny) {
            terms.push(self.holds(expr)?);
        }
        Some(Term::All(terms))
    }

    fn selector(&self, selector: &Selector) -> Vec<Term<'v>> {
        let mut terms = Vec::new();
        let mut add = |root: &str, field: &str, values: Vec<Value>| {
            terms.push(Term::OneOf(Path::new([Arc::from(root), Arc::from(field)]), values, 1));
        };
        if let Some(patterns) = &selector.capabilities {
            let fits = |name: &&&str| patterns.iter().any(|pattern| pattern.value.matches(name));
            add(
                "capability",
                "name",
                self.names.iter().filter(fits).map(|name| Value::text(*name)).collect(),
            );
        }
        if let Some(patterns) = &selector.runbooks {
            let names = self.cx.all.runbooks.keys().map(AsRef::as_ref);
            let fits = |name: &&str| patterns.iter().any(|pattern| pattern.value.matches(name));
            add("run", "runbook", names.filter(fits).map(Value::text).collect());
        }
        if let Some(names) = &selector.environments {
            add(
                "run",
                "environment",
                names.iter().map(|name| Value::text(Arc::clone(&name.value))).collect(),
            );
        }
        terms.extend(of_words(selector));
        terms
    }

    /// The world of the capabilities that a rule can be about, those that no rule tells apart once.
    fn world_of(&self, capabilities: &[&Arc<Capability>]) -> World {
        let facts = capabilities.iter().map(|capability| capability_fact(capability)).collect();
        World { roots: BTreeMap::from([("capability".into(), facts)]), ..self.world.clone() }
    }

    fn about(&self, one: One<'_>) -> Vec<&'v Arc<Capability>> {
        let narrower = one.rule.applies.as_ref();
        every(&self.cx.all.capabilities)
            .filter(|capability| may_match(&one.policy.spec.applies, capability, None))
            .filter(|capability| narrower.is_none_or(|narrower| may_match(narrower, capability, None)))
            .collect()
    }

    /// What there is to say about one rule; the first of it.
    fn rule(&self, rules: &[One<'v>], at: usize, one: One<'v>) -> Option<Observed> {
        let kind = one.kind();
        let about = self.about(one);
        if kind == Kind::Mask || about.is_empty() {
            return None;
        }
        let term = self.term(one)?;
        let place = one.rule.id.span;
        let whole = std::slice::from_ref(&term);
        // Whoever may come to act, and whatever may come to be declared: a rule against agents is no idle one
        // because there is none today.
        let anybody = World::default();
        if Space::of(&anybody, whole).find(&[(0, Want::True)]).is_never() {
            let said = format!("{} can never be true", one.said());
            return Some(Observed::new(What::RedundantRule, place, said, "correct the rule, or remove it"));
        }
        let others = || {
            rules.iter().enumerate().filter(|(other, _)| *other != at).filter(|(_, other)| {
                let same_policy = std::ptr::eq(other.policy, one.policy);
                same_policy || (rules.len() <= MANY && other.is_enforced() && one.is_enforced())
            })
        };
        let denies = || others().map(|(_, other)| other).filter(|other| other.kind() == Kind::Deny);
        if kind != Kind::Deny && denies().next().is_some() {
            let world = self.world_of(&about);
            let is_met = !Space::of(&world, whole).find(&[(0, Want::True)]).is_never();
            if let Some(deny) = denies().find(|deny| is_met && self.is_under(&world, &term, **deny, true)) {
                let said = format!("{} never matters: wherever it holds, {} denies", one.said(), deny.said());
                let help = "remove it, or narrow the rule that denies";
                let observed = Observed::new(What::ShadowedRule, place, said, help);
                return Some(observed.related(deny.rule.id.span, "this one denies"));
            }
        }
        let alike =
            others().filter(|(_, other)| std::ptr::eq(other.policy, one.policy) && other.kind() == kind);
        for (other_at, other) in alike {
            // Of two that say the same, the later one is too many.
            let same = || self.term(*other).is_some_and(|other| self.is_under(&anybody, &other, one, false));
            if self.is_under(&anybody, &term, *other, false) && (other_at < at || !same()) {
                let said = format!("{} says nothing that {} does not say", one.said(), other.said());
                let help = "remove it, or say what it was meant to add";
                let observed = Observed::new(What::RedundantRule, place, said, help);
                return Some(observed.related(other.rule.id.span, "this one holds there already"));
            }
        }
        None
    }

    /// True where the rule holds in every case in which the term does; `done` where an undo is no such case.
    fn is_under(&self, world: &World, term: &Term<'v>, over: One<'v>, done: bool) -> bool {
        let Some(over) = self.term(over) else { return false };
        let mut own = vec![term.clone()];
        if done {
            own.push(Term::OneOf(
                Path::new([Arc::from("step"), Arc::from("phase")]),
                vec![Value::text("do")],
                1,
            ));
        }
        Space::of(world, &[Term::All(own), over]).find(&[(0, Want::True), (1, Want::NotTrue)]).is_never()
    }

    /// Policies whose rules together let nobody use a capability, though each alone lets somebody.
    fn conflicts(&self, policies: &[&'v Policy], found: &mut Vec<Observed>) {
        let enforced: Vec<&'v Policy> = policies
            .iter()
            .copied()
            .filter(|policy| policy.spec.enforcement.value == Enforcement::Enforce)
            .collect();
        let mut groups: BTreeMap<Vec<usize>, Vec<&Arc<Capability>>> = BTreeMap::new();
        for capability in every(&self.cx.all.capabilities) {
            let apply = |(_, policy): &(usize, &&Policy)| may_match(&policy.spec.applies, capability, None);
            let here: Vec<usize> = enforced.iter().enumerate().filter(apply).map(|(at, _)| at).collect();
            if here.len() > 1 {
                groups.entry(here).or_default().push(capability);
            }
        }
        for (group, capabilities) in groups {
            let here: Vec<&'v Policy> = group.iter().filter_map(|at| enforced.get(*at)).copied().collect();
            let mut told: Vec<Value> = Vec::new();
            for capability in capabilities {
                let mut kind = capability_fact(capability);
                if let (Value::Map(fields), false) = (&mut kind, self.reads_names(&here)) {
                    let fields = Arc::make_mut(fields);
                    fields.remove("name");
                    fields.remove("version");
                }
                if told.contains(&kind) {
                    continue;
                }
                told.push(kind);
                if let Some(conflict) = self.conflict(&here, capability) {
                    found.push(conflict);
                    break;
                }
            }
        }
    }

    fn reads_names(&self, policies: &[&Policy]) -> bool {
        policies.iter().flat_map(|policy| &policy.spec.rules).any(|rule| {
            let exprs = rule.when.iter().chain(&rule.allow).chain(&rule.deny);
            let selects = rule.applies.as_ref().is_some_and(|applies| applies.capabilities.is_some());
            selects || exprs.flat_map(|expr| expr.reads()).any(|path| path.root() == "capability")
        })
    }

    fn conflict(&self, policies: &[&'v Policy], capability: &Arc<Capability>) -> Option<Observed> {
        let world = self.world_of(&[capability]);
        let mut allowing: Vec<(&'v Policy, Term<'v>)> = Vec::new();
        let mut denies: Vec<Term<'v>> = Vec::new();
        for policy in policies {
            let rules = || policy.spec.rules.iter().map(|rule| One { policy, rule });
            let allows: Vec<Term<'v>> = rules()
                .filter(|one| one.kind() == Kind::Allow)
                .map(|one| self.term(one))
                .collect::<Option<_>>()?;
            denies.extend(
                rules()
                    .filter(|one| one.kind() == Kind::Deny)
                    .map(|one| self.term(one))
                    .collect::<Option<Vec<_>>>()?,
            );
            if !allows.is_empty() {
                allowing.push((policy, Term::Any(allows)));
            }
        }
        // What the applicable policies say together: each that applies has an allow that is true, none denies.
        let together = allowing.iter().map(|(policy, allow)| {
            let applies = Term::All(self.selector(&policy.spec.applies));
            Term::Any(vec![Term::Unless(Box::new(applies)), allow.clone()])
        });
        let some = Term::Any(allowing.iter().map(|(_, allow)| allow.clone()).collect());
        let calm = Term::Unless(Box::new(Term::Any(denies)));
        let doing =
            Term::OneOf(Path::new([Arc::from("step"), Arc::from("phase")]), vec![Value::text("do")], 1);
        let terms = [Term::All(together.collect()), some, calm, doing];
        let wants: Vec<(usize, Want)> = (0..terms.len()).map(|at| (at, Want::True)).collect();
        if allowing.len() < 2 || !Space::of(&world, &terms).find(&wants).is_never() {
            return None;
        }
        self.told(&world, capability, &allowing)
    }

    fn told(
        &self,
        world: &World,
        capability: &Capability,
        allowing: &[(&'v Policy, Term<'v>)],
    ) -> Option<Observed> {
        let name = &capability.metadata.name.value;
        let mut examples: Vec<(Span, String)> = Vec::new();
        for (policy, allow) in allowing {
            // One that allows nobody by itself has a fault of its own.
            let Found::Sometimes(witness) =
                Space::of(world, std::slice::from_ref(allow)).find(&[(0, Want::True)])
            else {
                return None;
            };
            let actor = witness.actor.and_then(|at| world.actors.get(at));
            let who = actor.and_then(|actor| match actor.fact.get("id") {
                Some(Value::Text(id)) => Some(format!("`{id}`")),
                _ => None,
            });
            let facts = witness
                .facts
                .iter()
                .filter_map(|(fact, value)| Some(format!("`{fact}` {}", shown(value.as_ref()?)?)));
            let facts: Vec<String> = facts.take(4).collect();
            let with = if facts.is_empty() { String::new() } else { format!(" with {}", facts.join(", ")) };
            let who = who.unwrap_or_else(|| "somebody".to_owned());
            examples.push((policy.metadata.name.span, format!("this policy alone allows {who}{with}")));
        }
        let (first, rest) = allowing.split_first()?;
        let others: Vec<String> =
            rest.iter().map(|(policy, _)| format!("`{}`", policy.metadata.name.value)).collect();
        let said = format!(
            "nobody can ever use capability `{name}`: no one whom policy `{}` allows is let through by {}",
            first.0.metadata.name.value,
            others.join(", ")
        );
        let help = "every policy that applies and has `allow` rules must allow: narrow `applies`, or let both name the same people";
        let mut observed = Observed::new(What::ConflictingRules, first.0.metadata.name.span, said, help);
        observed.related = examples;
        Some(observed)
    }
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Text(text) if !text.contains('\u{1}') => Some(format!("`{text}`")),
        _ => None,
    }
}
