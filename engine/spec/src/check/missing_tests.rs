//! Law `missing-tests`: a capability without `tests`.

use super::context::Context;
use super::missing_owner::absent;
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let metadata = &capability.metadata;
        if metadata.tests.is_empty() {
            sink.push(absent(
                cx,
                "missing-tests",
                "capability",
                metadata.name.value.as_str(),
                metadata.span,
                "tests",
                "the names of scenarios that reach this capability",
            ));
        }
    }
}
