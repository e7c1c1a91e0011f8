//! Which other specs the expressions of a spec are checked against: what `places` and `scope` look at, and
//! nothing they look at may be missing here. Whatever is named is named by its reading, so that a change
//! anywhere in its file counts.

use super::context::Context;
use super::memory::Stamp;
use super::scope::{self, Outputs};
use crate::decode::Spanned;
use crate::expr::{Arg, Expr};
use crate::kind::capability::Idempotency;
use crate::kind::field::Named;
use crate::kind::metadata::Rollback;
use crate::kind::scalar::Reference;
use crate::kind::{Capability, Connector, Policy, Runbook};

fn reads<'e>(mut exprs: impl Iterator<Item = &'e Expr>, root: &str) -> bool {
    exprs.any(|expr| expr.reads().iter().any(|path| path.root() == root))
}

fn exprs(args: &Named<Arg>) -> impl Iterator<Item = &Expr> {
    args.iter().flat_map(|(_, arg)| arg.exprs())
}

fn capability_of(cx: &Context<'_>, reference: &Reference) -> Stamp {
    cx.all.capability(reference).map_or(Stamp::Nothing, |spec| cx.stamp(spec.span))
}

fn approval_of(cx: &Context<'_>, reference: &Spanned<Reference>) -> Stamp {
    cx.all.approval(reference).map_or(Stamp::Nothing, |spec| cx.stamp(spec.span))
}

/// All budgets: which of them apply is asked of their selectors.
fn budgets(cx: &Context<'_>, key: &mut Vec<Stamp>) {
    key.extend(cx.all.budgets.values().map(|budget| cx.stamp(budget.span)));
}

fn reads_budget(capability: &Capability) -> bool {
    let spec = &capability.spec;
    let own_key = spec.idempotency.iter().filter_map(|idempotency| match &idempotency.value {
        Idempotency::Key(key) => Some(key),
        _ => None,
    });
    let all = spec.with.iter().flat_map(exprs);
    let all = all.chain(own_key).chain(spec.costs.iter().map(|cost| &cost.estimate));
    reads(all.chain(spec.guards.iter().map(|guard| &guard.expr)), "budget")
}

pub(super) fn capability(cx: &Context<'_>, capability: &Capability) -> Vec<Stamp> {
    let mut key = Vec::new();
    if let Some(Spanned { value: Rollback::Uses { uses, .. }, .. }) = &capability.metadata.rollback {
        key.push(capability_of(cx, uses));
    }
    if reads_budget(capability) {
        budgets(cx, &mut key);
    }
    key
}

pub(super) fn connector(cx: &Context<'_>, connector: &Connector) -> Vec<Stamp> {
    let mut key = Vec::new();
    let mut counts = false;
    for (name, _) in connector.spec.operations.iter() {
        let callers = cx.callers(connector, name);
        key.extend(callers.iter().map(|capability| cx.stamp(capability.span)));
        // A bar between the callers of two operations.
        key.push(Stamp::Nothing);
        counts |= callers.iter().any(|capability| reads_budget(capability));
    }
    if counts {
        budgets(cx, &mut key);
    }
    key
}

pub(super) fn runbook(cx: &Context<'_>, runbook: &Runbook, outputs: &Outputs) -> Vec<Stamp> {
    if let Some(known) = outputs.keys.get(&runbook.digest) {
        return known.clone();
    }
    let mut key = Vec::new();
    let mut counts = false;
    for step in &runbook.spec.steps {
        if let Some(reference) = &step.uses {
            key.push(capability_of(cx, reference));
            if let Ok(capability) = cx.all.capability(reference) {
                key.push(cx.operation(capability).map_or(Stamp::Nothing, |(spec, _)| cx.stamp(spec.span)));
                key.extend(capability.spec.approval.iter().map(|reference| approval_of(cx, reference)));
            }
        }
        if let Some(reference) = &step.runbook {
            let child = cx.all.runbook(reference).ok();
            key.push(child.map_or(Stamp::Nothing, |child| cx.stamp(child.span)));
            let given = child.and_then(|child| outputs.given.get(&child.digest));
            key.push(given.map_or(Stamp::Nothing, |(stamp, _)| *stamp));
        }
        key.extend(step.approval.iter().chain(&step.approve).map(|reference| approval_of(cx, reference)));
        counts |= reads(super::places::step_exprs(step).into_iter(), "budget");
    }
    if counts {
        budgets(cx, &mut key);
    }
    key
}

pub(super) fn policy(cx: &Context<'_>, policy: &Policy) -> Vec<Stamp> {
    let mut key = Vec::new();
    for rule in &policy.spec.rules {
        let exprs = || rule.when.iter().chain(&rule.allow).chain(&rule.deny);
        let counts = reads(exprs(), "budget");
        if counts || reads(exprs(), "input") {
            let about = scope::about(cx, &policy.spec.applies, rule.applies.as_ref());
            key.extend(about.into_iter().map(|capability| cx.stamp(capability.span)));
            key.push(Stamp::Nothing);
        }
        if counts {
            budgets(cx, &mut key);
        }
    }
    key
}
