//! Law `notice-needs-approval`: a notice that would have to wait for people.

use super::calls::User;
use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for used in &cx.calls {
        let (User::Notice(_), Some(approval)) = (used.by, &used.capability.spec.approval) else { continue };
        let message = format!(
            "{} uses capability `{}`, which needs approval `{}`",
            used.said(),
            used.capability.metadata.name.value,
            approval.value.name
        );
        sink.push(
            law("notice-needs-approval", used.reference.span, message)
                .related(approval.span, "asked for here")
                .help("use a capability that needs no approval: a notice tells, it does not act")
                .consequence("the engine refuses the catalogue: nobody would be told before somebody agreed"),
        );
    }
}
