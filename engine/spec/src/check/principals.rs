//! Every place where a principal is named, but owners.

use std::borrow::Cow;

use super::context::{Context, law};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, nearest};
use crate::expr::Expr;
use crate::kind::connector::EnvValue;
use crate::kind::roster::Group;
use crate::kind::scalar::Principal;
use crate::source::Span;

/// A principal and its place.
pub(super) type Named<'a> = (Cow<'a, Principal>, Span);

/// All principals that specs name, but owners.
pub(super) fn named<'a>(cx: &Context<'a>) -> Vec<Named<'a>> {
    let mut found = Vec::new();
    let mut add =
        |principal: &'a Spanned<Principal>| found.push((Cow::Borrowed(&principal.value), principal.span));
    for approval in every(&cx.all.approvals) {
        approval.spec.stages.iter().flat_map(|stage| &stage.any_of).for_each(&mut add);
        approval.spec.escalate.iter().flat_map(|escalate| &escalate.to).for_each(&mut add);
    }
    for runbook in every(&cx.all.runbooks) {
        let roles = &runbook.spec.roles;
        roles.run.iter().chain(&roles.view).chain(&roles.cancel).flatten().for_each(&mut add);
        runbook
            .spec
            .steps
            .iter()
            .filter_map(|step| step.signal.as_ref())
            .flat_map(|signal| &signal.from)
            .for_each(&mut add);
    }
    for policy in cx.all.policies.values() {
        policy.spec.rules.iter().filter_map(|rule| rule.to.as_ref()).flatten().for_each(&mut add);
    }
    for scenario in cx.all.scenarios.values() {
        add(&scenario.spec.as_);
        scenario.spec.act.iter().filter_map(|act| act.by.as_ref()).for_each(&mut add);
    }
    for exemption in cx.all.exemptions.values() {
        let spec = &exemption.spec;
        add(&spec.requested_by);
        spec.approved_by.iter().for_each(&mut add);
        spec.signatures.iter().for_each(|signature| add(&signature.by));
    }
    cx.all.retention.iter().flat_map(|spec| &spec.spec.holds).for_each(|hold| add(&hold.by));
    cx.all.triggers.values().for_each(|trigger| add(&trigger.spec.as_));
    let actors = cx.all.exemptions.values().flat_map(|exemption| &exemption.spec.scope.actors);
    found.extend(actors.map(|actor| (Cow::Borrowed(&actor.value.0), actor.span)));
    let mut add =
        |principal: &'a Spanned<Principal>| found.push((Cow::Borrowed(&principal.value), principal.span));
    if let Some(roster) = &cx.all.roster {
        for (_, group) in roster.spec.groups.iter() {
            if let Group::Members(members) = group {
                members.iter().for_each(&mut add);
            }
        }
        roster.spec.roles.iter().flat_map(|(_, members)| members).for_each(&mut add);
        for (_, person) in roster.spec.people.iter() {
            person.custodians.iter().chain(&person.on_behalf_of).for_each(&mut add);
        }
    }
    for expr in exprs(cx) {
        let asked = expr.principals().iter();
        found.extend(asked.filter_map(|(text, span)| Some((Cow::Owned(Principal::new(text)?), *span))));
    }
    found
}

/// Every expression that may ask `actor.is`.
fn exprs<'a>(cx: &Context<'a>) -> Vec<&'a Expr> {
    let mut found: Vec<&Expr> = Vec::new();
    for capability in every(&cx.all.capabilities) {
        found.extend(capability.spec.guards.iter().map(|guard| &guard.expr));
        found.extend(capability.spec.costs.iter().map(|cost| &cost.estimate));
        found.extend(
            capability.spec.with.iter().flat_map(|with| with.iter()).flat_map(|(_, arg)| arg.exprs()),
        );
    }
    for connector in every(&cx.all.connectors) {
        let env = connector.spec.exec.iter().flat_map(|exec| exec.env.iter());
        for (_, value) in env {
            if let EnvValue::Text(text) = value {
                found.extend(text.exprs());
            }
        }
    }
    for runbook in every(&cx.all.runbooks) {
        found.extend(runbook.spec.steps.iter().flat_map(super::places::step_exprs));
    }
    for policy in cx.all.policies.values() {
        for rule in &policy.spec.rules {
            found.extend(rule.when.iter().chain(&rule.allow).chain(&rule.deny));
        }
    }
    found
}

/// The diagnostic about a principal that the roster does not know. It offers no repair: whoever is named is given
/// something, be it a say, a right or a duty, and only the author knows whom that is meant for.
pub(super) fn unknown(
    cx: &Context<'_>,
    code: &'static str,
    principal: &Principal,
    span: Span,
    what: &str,
) -> Diagnostic {
    let known = cx.people.alike(principal);
    let mut problem = law(code, span, format!("{what} `{principal}` is not in the roster"))
        .consequence("the engine refuses the catalogue: nobody, or somebody else later, would be meant");
    if let Some(roster) = &cx.all.roster {
        problem = problem.related(roster.metadata.name.span, "the roster");
    }
    match nearest(principal.name().as_str(), known) {
        Some(near) => {
            let text = principal.to_string();
            let prefix = text.split_once(':').map_or("", |(prefix, _)| prefix);
            problem.help(format!("did you mean `{prefix}:{near}`?"))
        }
        None => problem.help("add it to the roster, or name somebody who is in it"),
    }
}
