//! The approvals that uses of risky capabilities stand behind.

use super::context::{Context, Use, law};
use crate::diagnostic::Diagnostic;
use crate::kind::Approval;
use crate::source::Span;

/// A use without any approval of the capability or the step.
pub(super) fn unapproved(
    cx: &Context<'_>,
    used: &Use<'_>,
    code: &'static str,
    why: &str,
    place: Span,
) -> Option<Diagnostic> {
    let named = used.capability.spec.approval.is_some() || used.step.approval.is_some();
    if named || !cx.is_whole(used.step.span) || !cx.is_whole(used.capability.span) {
        return None;
    }
    let capability = &used.capability.metadata.name;
    let message = format!(
        "step `{}` uses capability `{}` {why} without an approval",
        used.step.id.value, capability.value
    );
    Some(
        law(code, used.reference.span, message)
            .related(place, "declared here")
            .help("name an `approval` in the capability or in this step; what a policy requires does not count here")
            .consequence("the engine refuses the catalogue: nothing but a policy would stand before it"),
    )
}

/// True where no single person can grant it.
pub(super) fn needs_two(approval: &Approval) -> bool {
    let quorums = approval.spec.stages.iter().map(|stage| stage.quorum.value);
    if approval.spec.distinct.value {
        quorums.fold(0_u64, u64::saturating_add) >= 2
    } else {
        quorums.max().unwrap_or(0) >= 2
    }
}
