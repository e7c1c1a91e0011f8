//! Law `missing-risk`: a capability without `risk`.

use super::context::Context;
use super::missing_owner::absent;
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let metadata = &capability.metadata;
        if metadata.risk.is_none() {
            sink.extend(absent(
                cx,
                "missing-risk",
                "capability",
                metadata.name.value.as_str(),
                metadata.span,
                "risk",
                "`low`, `medium`, `high` or `critical`",
            ));
        }
    }
}
