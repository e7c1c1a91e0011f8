//! The approvals that uses of risky capabilities stand behind.

use super::calls::{Call, User};
use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::kind::Approval;
use crate::source::Span;

/// A use without any approval of the capability or its own.
pub(super) fn unapproved(
    cx: &Context<'_>,
    used: &Call<'_>,
    code: &'static str,
    why: &str,
    place: Span,
) -> Option<Diagnostic> {
    let named = used.capability.spec.approval.is_some() || used.approval().is_some();
    if named || !cx.is_whole(used.whole()) || !cx.is_whole(used.capability.span) {
        return None;
    }
    let capability = &used.capability.metadata.name;
    let message = format!("{} uses capability `{}` {why} without an approval", used.said(), capability.value);
    let help = match used.by {
        User::Notice(_) => "a notice waits for nobody: use a capability of lower risk",
        User::Step(..) | User::Delivery(_) => {
            "name an `approval` in the capability or in this step; what a policy requires does not count here"
        }
    };
    Some(
        law(code, used.reference.span, message)
            .related(place, "declared here")
            .help(help)
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
