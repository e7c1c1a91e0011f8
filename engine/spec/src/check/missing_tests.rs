//! Law `missing-tests`: a capability without `tests`.

use super::context::{Context, law};
use super::missing_owner::absent;
use crate::catalogue::every;
use crate::decode::is_placeholder;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let metadata = &capability.metadata;
        for test in metadata.tests.iter().filter(|test| is_placeholder(test.value.as_str())) {
            let message = format!("`tests` names `{}`, which counts as missing", test.value);
            sink.push(
                law("missing-tests", test.span, message).help("name a scenario that reaches this capability"),
            );
        }
        if metadata.tests.is_empty() {
            sink.extend(absent(
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
