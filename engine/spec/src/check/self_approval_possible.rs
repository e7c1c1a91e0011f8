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
use crate::kind::scalar::Reference;
use crate::kind::{Approval, Capability};
use crate::source::Span;

/// An approval that stands before high risk, and the first place that says so.
struct Hit<'a> {
    approval: &'a Arc<Approval>,
    place: Span,
    why: String,
}

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let mut found: BTreeMap<Digest, Hit<'_>> = BTreeMap::new();
    for hit in hits(cx) {
        found.entry(hit.approval.digest).or_insert(hit);
    }
    for Hit { approval, place, why } in found.into_values() {
        let own = &approval.spec.requester_may_approve;
        if !own.value {
            continue;
        }
        let name = &approval.metadata.name.value;
        let message = format!("approval `{name}` lets the requester approve, and stands before high risk");
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
            hits.push(Hit { approval, place: reference.span, why });
        }
    };
    for capability in every(&cx.all.capabilities) {
        capability.spec.approval.iter().for_each(|reference| note(reference, capability));
    }
    for used in &cx.uses {
        used.step.approval.iter().for_each(|reference| note(reference, used.capability));
    }
    for policy in cx.all.policies.values() {
        for rule in &policy.spec.rules {
            let Some(reference) = &rule.require else { continue };
            for capability in about(cx, &policy.spec.applies, rule.applies.as_ref()) {
                note(reference, capability);
            }
        }
    }
    hits
}
