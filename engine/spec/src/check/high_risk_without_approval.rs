//! Law `high-risk-without-approval`: much harm, with nobody asked before.

use super::context::Context;
use super::governed::unapproved;
use crate::diagnostic::Diagnostic;
use crate::kind::metadata::Risk;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for used in &cx.calls {
        let Some(risk) = used.capability.metadata.risk.as_ref().filter(|risk| risk.value >= Risk::High)
        else {
            continue;
        };
        sink.extend(unapproved(
            cx,
            used,
            "high-risk-without-approval",
            &format!("of risk {}", risk.value),
            risk.span,
        ));
    }
}
