//! Law `missing-rollback`: a capability without `rollback`.

use super::context::Context;
use super::missing_owner::absent;
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let metadata = &capability.metadata;
        if metadata.rollback.is_none() {
            sink.extend(absent(
                cx,
                "missing-rollback",
                "capability",
                metadata.name.value.as_str(),
                metadata.span,
                "rollback",
                "`{uses: …, with: {…}}`, or `{none: needless, why: …}`, or `{none: impossible, why: …}`",
            ));
        }
    }
}
