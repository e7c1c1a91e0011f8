//! Law `missing-expiry`: a stage that waits for ever.

use super::context::{Context, law, with_todo};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for approval in every(&cx.all.approvals) {
        for stage in
            approval.spec.stages.iter().filter(|stage| stage.expires.is_none() && cx.is_whole(stage.span))
        {
            let message = format!(
                "stage `{}` of approval `{}` has no `expires`",
                stage.id.value, approval.metadata.name.value
            );
            let problem = law("missing-expiry", stage.id.span, message)
                .help("add `expires`, like `8h`: past it the step ends `expired`; silence never approves");
            sink.push(with_todo(cx, problem, stage.span, "expires"));
        }
    }
}
