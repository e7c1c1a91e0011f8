//! Law `critical-needs-two`: the greatest harm, agreed to by one person alone.

use super::context::{Context, law};
use super::governed::needs_two;
use crate::diagnostic::Diagnostic;
use crate::kind::metadata::Risk;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for used in
        cx.calls.iter().filter(|used| used.capability.metadata.risk.is_some() && used.risk() == Risk::Critical)
    {
        let approvals = used.approvals(cx);
        if approvals.is_empty() || approvals.iter().any(|approval| needs_two(approval)) {
            continue;
        }
        let message = format!(
            "{} uses critical capability `{}`, which one person alone can agree to",
            used.said(),
            used.capability.metadata.name.value
        );
        let mut problem = law("critical-needs-two", used.reference.span, message)
            .help("name an approval that needs two people: a quorum of 2, or two stages with `distinct`")
            .consequence("the engine refuses the catalogue");
        for approval in approvals {
            problem = problem.related(
                approval.metadata.name.span,
                format!("`{}` needs one", approval.metadata.name.value),
            );
        }
        sink.push(problem);
    }
}
