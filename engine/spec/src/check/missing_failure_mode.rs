//! Law `missing-failure-mode`: a capability without `failureMode`.

use super::context::Context;
use super::missing_owner::absent;
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let metadata = &capability.metadata;
        if metadata.failure_mode.is_none() {
            sink.extend(absent(
                cx,
                "missing-failure-mode",
                "capability",
                metadata.name.value.as_str(),
                metadata.span,
                "failureMode",
                "`retry`, `rollback` or `halt`",
            ));
        }
    }
}
