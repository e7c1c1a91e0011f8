//! Law `missing-expiry`: a stage that waits for ever.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for approval in every(&cx.all.approvals) {
        for stage in
            approval.spec.stages.iter().filter(|stage| stage.expires.is_none() && cx.is_whole(stage.span))
        {
            sink.push(
                law(
                    "missing-expiry",
                    stage.id.span,
                    format!(
                        "stage `{}` of approval `{}` has no `expires`",
                        stage.id.value, approval.metadata.name.value
                    ),
                )
                .help("add `expires`: past it the step ends `expired`; silence never approves"),
            );
        }
    }
}
