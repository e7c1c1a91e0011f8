//! Law `missing-argument`: a required field that nobody gives.

use super::arguments::given;
use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for given in given(cx) {
        for (name, entry) in &given.takes.0 {
            let is_given = given.names.iter().any(|(given, _)| *given == name);
            let whole = cx.is_whole(given.whole) && cx.is_whole(entry.value.span);
            if is_given || !entry.value.is_required() || !whole {
                continue;
            }
            sink.push(
                law(
                    "missing-argument",
                    given.place,
                    format!("{} needs `{name}`, which is not given", given.of),
                )
                .related(entry.key_span, "declared here without `optional` or `default`")
                .help(format!("give `{name}`")),
            );
        }
    }
}
