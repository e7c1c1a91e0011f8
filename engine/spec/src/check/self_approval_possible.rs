//! Law `self-approval-possible`: who asks may agree, where risk is high or critical.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, law, risk};
use super::scope::about;
use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::kind::metadata::Risk;
use crate::kind::{Approval, Capability};
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let mut found: BTreeMap<Digest, (&Arc<Approval>, Span, String)> = BTreeMap::new();
    let note = |approval: &Arc<Approval>, place: Span, capability: &Capability| {
        let risky = capability.metadata.risk.is_some() && risk(capability) >= Risk::High;
        risky.then(|| {
            (
                approval.digest,
                place,
                format!("here, for `{}` of risk {}", capability.metadata.name.value, risk(capability)),
            )
        })
    };
    let mut hits: Vec<(&Arc<Approval>, (Digest, Span, String))> = Vec::new();
    for used in &cx.uses {
        for reference in used.capability.spec.approval.iter().chain(&used.step.approval) {
            if let Ok(approval) = cx.all.approval(reference)
                && let Some(hit) = note(approval, reference.span, used.capability)
            {
                hits.push((approval, hit));
            }
        }
    }
    for capability in crate::catalogue::every(&cx.all.capabilities) {
        if let Some(reference) = &capability.spec.approval
            && let Ok(approval) = cx.all.approval(reference)
            && let Some(hit) = note(approval, reference.span, capability)
        {
            hits.push((approval, hit));
        }
    }
    for policy in cx.all.policies.values() {
        for rule in &policy.spec.rules {
            let Some(reference) = &rule.require else { continue };
            let Ok(approval) = cx.all.approval(reference) else { continue };
            for capability in about(cx, &policy.spec.applies, rule.applies.as_ref()) {
                hits.extend(note(approval, reference.span, capability).map(|hit| (approval, hit)));
            }
        }
    }
    for (approval, (digest, place, why)) in hits {
        found.entry(digest).or_insert((approval, place, why));
    }
    for (approval, place, why) in found.into_values() {
        let own = &approval.spec.requester_may_approve;
        if own.value {
            sink.push(
                law(
                    "self-approval-possible",
                    own.span,
                    format!(
                        "approval `{}` lets the requester approve, and stands before high risk",
                        approval.metadata.name.value
                    ),
                )
                .related(place, why)
                .help("remove `requesterMayApprove`, or name another approval there")
                .consequence("the engine refuses the catalogue: one person could do it alone"),
            );
        }
    }
}
