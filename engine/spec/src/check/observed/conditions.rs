//! Guards that decide nothing, and steps that nothing leads to.

use std::sync::Arc;

use super::{Observed, Sites, What, scope_of};
use crate::check::flow::Flow;
use crate::expr::space::{Site, Space, Term, Want, World};
use crate::expr::{Expr, Path, Value};
use crate::kind::Capability;
use crate::kind::runbook::Step;
use crate::source::Span;

/// What is known to hold where a condition is asked, and where that is said.
#[derive(Clone)]
struct Given<'a> {
    term: Term<'a>,
    said: Option<(Span, String)>,
}

/// A condition with what it is called: ``guard `open` of step `pay` ``.
struct Asked<'a> {
    name: String,
    expr: &'a Expr,
}

fn holds<'a>(sites: &'a Sites, expr: &'a Expr, moment: usize) -> Option<Term<'a>> {
    Some(Term::Holds(Site { expr, scope: scope_of(sites, expr)?, moment }))
}

fn is_never(terms: &[Term<'_>], last: Want) -> bool {
    let wants: Vec<(usize, Want)> =
        (0..terms.len()).map(|at| (at, if at + 1 == terms.len() { last } else { Want::True })).collect();
    Space::of(&World::default(), terms).find(&wants).is_never()
}

pub(super) fn of_capability(capability: &Capability, sites: &Sites, found: &mut Vec<Observed>) {
    let name = &capability.metadata.name.value;
    let asked = capability.spec.guards.iter().map(|guard| Asked {
        name: format!("guard `{}` of capability `{name}`", guard.id.value),
        expr: &guard.expr,
    });
    guards(asked, sites, &mut Vec::new(), 1, found);
}

/// Conditions that are asked one after the other, each where those before it held.
fn guards<'a>(
    asked: impl Iterator<Item = Asked<'a>>,
    sites: &'a Sites,
    given: &mut Vec<Given<'a>>,
    moment: usize,
    found: &mut Vec<Observed>,
) {
    for one in asked {
        let Some(term) = holds(sites, one.expr, moment) else { return };
        let span = one.expr.span();
        let before = || given.iter().map(|given| given.term.clone());
        let with = |term: &Term<'a>| before().chain([term.clone()]).collect::<Vec<_>>();
        let (alone, all) = ([term.clone()], with(&term));
        if is_never(&all, Want::True) {
            let help = "correct the condition, or remove what it stands on";
            found.push(if is_never(&alone, Want::True) {
                Observed::new(What::DeadGuard, span, format!("{} can never be true", one.name), help)
            } else {
                let said = format!("{} can never be true where what is asked before it is", one.name);
                because(Observed::new(What::DeadGuard, span, said, help), given)
            });
            return;
        }
        if is_never(&all, Want::NotTrue) {
            let help = "remove it, or ask what was meant";
            found.push(if is_never(&alone, Want::NotTrue) {
                let said = format!("{} is always true, by what is declared", one.name);
                Observed::new(What::AlwaysTrueGuard, span, said, help)
            } else {
                let said = format!("{} is always true where what is asked before it is", one.name);
                because(Observed::new(What::AlwaysTrueGuard, span, said, help), given)
            });
        }
        given.push(Given { term, said: Some((span, one.name)) });
    }
}

fn because(mut observed: Observed, given: &[Given<'_>]) -> Observed {
    for (span, name) in given.iter().filter_map(|given| given.said.as_ref()) {
        observed = observed.related(*span, format!("{name} is asked before"));
    }
    observed
}

pub(super) fn of_runbook(flow: &Flow<'_>, sites: &Sites, found: &mut Vec<Observed>) {
    let mut lost: Vec<usize> = Vec::new();
    for at in &flow.order {
        let Some(step) = flow.steps.get(*at) else { continue };
        if lost.iter().any(|before| flow.has_succeeded(*before, *at)) {
            // Reported once, where it begins.
            continue;
        }
        let before = found.len();
        if !reach(flow, *at, step, sites, found) {
            of_step(flow, *at, step, sites, found);
        }
        if found.iter().skip(before).any(|one| matches!(one.what, What::UnreachableStep | What::DeadGuard)) {
            lost.push(*at);
        }
    }
}

/// Says where nothing leads to a step; true where that is so.
fn reach(flow: &Flow<'_>, at: usize, step: &Step, sites: &Sites, found: &mut Vec<Observed>) -> bool {
    let own = step.when.as_ref().and_then(|when| Some((when, holds(sites, when, at)?)));
    let id = &step.id.value;
    let help = "correct the condition, or remove the step";
    if let Some((when, own)) = &own {
        let mut terms = settled(flow, at, &[when]);
        if is_never(std::slice::from_ref(own), Want::True) {
            let said = format!("step `{id}` is never reached: its `when` can never be true");
            found.push(Observed::new(What::UnreachableStep, when.span(), said, help));
            return true;
        }
        terms.push(own.clone());
        if is_never(&terms, Want::True) {
            let said = format!(
                "step `{id}` is never reached: its `when` can never be true where the steps that it needs succeeded"
            );
            let help = "a step that reacts to a failure needs it with `on: any`; else correct the condition";
            let needs = flow
                .edges
                .get(at)
                .into_iter()
                .flatten()
                .map(|edge| (edge.need.step.span, "needed here".to_owned()));
            let mut observed = Observed::new(What::UnreachableStep, when.span(), said, help);
            observed.related.extend(needs);
            found.push(observed);
            return true;
        }
    }
    let above: Vec<(usize, &Step)> =
        flow.steps.iter().enumerate().filter(|(from, _)| flow.has_succeeded(*from, at)).collect();
    let conditions = |(from, step): &(usize, &Step)| -> Vec<(Term<'_>, Span)> {
        let asked = step.when.iter().chain(step.guards.iter().map(|guard| &guard.expr));
        asked.filter_map(|expr| Some((held(flow.steps, *from, expr, sites)?, expr.span()))).collect()
    };
    let before: Vec<(Term<'_>, Span)> = above.iter().flat_map(conditions).collect();
    if before.is_empty() || own.is_none() && above.len() < 2 {
        return false;
    }
    let mut terms: Vec<Term<'_>> = before.iter().map(|(term, _)| term.clone()).collect();
    terms.extend(own.iter().map(|(_, term)| term.clone()));
    if !is_never(&terms, Want::True) {
        return false;
    }
    let said =
        format!("step `{id}` is never reached: the conditions on the way to it are never true together");
    let mut observed = Observed::new(What::UnreachableStep, step.id.span, said, help);
    for (_, span) in before {
        observed = observed.related(span, "asked on the way");
    }
    observed.related.extend(own.map(|(when, _)| (when.span(), "its own".to_owned())));
    found.push(observed);
    true
}

fn held<'a>(steps: &'a [Step], at: usize, expr: &Expr, sites: &'a Sites) -> Option<Term<'a>> {
    let step = steps.get(at)?;
    let asked = step.when.iter().chain(step.guards.iter().map(|guard| &guard.expr));
    let own = asked.into_iter().find(|one| one.span() == expr.span())?;
    holds(sites, own, at)
}

/// How steps stand that this one needs with success all the way, where the expressions ask.
fn settled<'a>(flow: &Flow<'_>, at: usize, exprs: &[&Expr]) -> Vec<Term<'a>> {
    let mut terms = Vec::new();
    for path in exprs.iter().flat_map(|expr| expr.reads()) {
        let segments: Vec<&str> = path.segments().collect();
        let ["steps", id, "state"] = segments.as_slice() else { continue };
        if flow.index.get(*id).is_some_and(|from| flow.has_succeeded(*from, at)) {
            let path = Path::new([Arc::from("steps"), Arc::from(*id), Arc::from("state")]);
            terms.push(Term::OneOf(path, vec![Value::text("succeeded")], at));
        }
    }
    terms
}

/// What a step asks before it starts, and after it.
fn of_step<'a>(flow: &Flow<'a>, at: usize, step: &'a Step, sites: &'a Sites, found: &mut Vec<Observed>) {
    let id = &step.id.value;
    let exprs: Vec<&Expr> = step.when.iter().chain(step.guards.iter().map(|guard| &guard.expr)).collect();
    let mut given: Vec<Given<'a>> =
        settled(flow, at, &exprs).into_iter().map(|term| Given { term, said: None }).collect();
    let when = step.when.iter().map(|expr| Asked { name: format!("`when` of step `{id}`"), expr });
    let own = step
        .guards
        .iter()
        .map(|guard| Asked { name: format!("guard `{}` of step `{id}`", guard.id.value), expr: &guard.expr });
    guards(when.chain(own), sites, &mut given, at, found);
    // Afterwards the clock has moved on.
    let after = at + flow.steps.len();
    let ensures = step.ensures.iter().map(|guard| Asked {
        name: format!("ensure `{}` of step `{id}`", guard.id.value),
        expr: &guard.expr,
    });
    guards(ensures, sites, &mut Vec::new(), after, found);
    if let Some(repeat) = &step.repeat
        && let Some(term) = holds(sites, &repeat.until, after)
        && is_never(&[term], Want::True)
    {
        let said = format!("`until` of step `{id}` can never be true");
        let help = "correct the condition: the step would be repeated to its `max` and fail";
        found.push(Observed::new(What::DeadGuard, repeat.until.span(), said, help));
    }
}
