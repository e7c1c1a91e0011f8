//! Law `self-approval-possible`: who asks may agree, where risk is high or critical.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, law, risk};
use super::scope::about;
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::kind::metadata::Risk;
use crate::kind::scalar::{Principal, Reference};
use crate::kind::{Approval, Capability};
use crate::source::Span;

/// An approval that stands before high risk, and the first place that says so.
struct Hit<'a> {
    approval: &'a Arc<Approval>,
    place: Span,
    why: String,
    before: &'static str,
}

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let mut found: BTreeMap<Digest, Hit<'_>> = BTreeMap::new();
    for hit in hits(cx) {
        found.entry(hit.approval.digest).or_insert(hit);
    }
    exempt_themselves(cx, sink);
    for Hit { approval, place, why, before } in found.into_values() {
        let own = &approval.spec.requester_may_approve;
        if !own.value {
            continue;
        }
        let name = &approval.metadata.name.value;
        let message = format!("approval `{name}` lets the requester approve, and stands before {before}");
        sink.push(
            law("self-approval-possible", own.span, message)
                .related(place, why)
                .help("remove `requesterMayApprove`, or name another approval there")
                .consequence("the engine refuses the catalogue: one person could do it alone"),
        );
    }
}

fn hits<'a>(cx: &Context<'a>) -> Vec<Hit<'a>> {
    let mut hits = Vec::new();
    let mut note = |reference: &Spanned<Reference>, capability: &Capability| {
        let risky = capability.metadata.risk.is_some() && risk(capability) >= Risk::High;
        if let Ok(approval) = cx.all.approval(reference)
            && risky
        {
            let why = format!("here, for `{}` of risk {}", capability.metadata.name.value, risk(capability));
            hits.push(Hit { approval, place: reference.span, why, before: "high risk" });
        }
    };
    for capability in every(&cx.all.capabilities) {
        capability.spec.approval.iter().for_each(|reference| note(reference, capability));
    }
    for used in &cx.calls {
        used.approval().into_iter().for_each(|reference| note(reference, used.capability));
    }
    for policy in cx.all.policies.values() {
        for rule in &policy.spec.rules {
            let Some(reference) = &rule.require else { continue };
            for capability in about(cx, &policy.spec.applies, rule.applies.as_ref()) {
                note(reference, capability);
            }
        }
    }
    for export in cx.all.exports.values() {
        let Some(reference) = &export.spec.approval else { continue };
        let Ok(approval) = cx.all.approval(reference) else { continue };
        let why = format!("here, for export `{}`", export.metadata.name.value);
        hits.push(Hit { approval, place: reference.span, why, before: "an export" });
    }
    hits
}

/// Exemptions that somebody approves for whom they are.
fn exempt_themselves(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let actors = || exemption.spec.scope.actors.iter();
        let exempt = cx.people.behind(actors().map(|actor| &actor.value.0));
        for approver in &exemption.spec.approved_by {
            let Principal::User(name) = &approver.value else { continue };
            if !exempt.humans.contains(name.as_str()) {
                continue;
            }
            let message = format!(
                "`{}` approves exemption `{}`, which is for him",
                approver.value, exemption.metadata.name.value
            );
            let mut problem = law("self-approval-possible", approver.span, message)
                .help("let somebody approve it for whom it is not")
                .consequence("the engine refuses the catalogue: a person would lift a control over himself");
            if let Some(actor) = actors().next() {
                problem = problem.related(actor.span, "for whom it is");
            }
            sink.push(problem);
        }
    }
}
