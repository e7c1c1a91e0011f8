//! Law `missing-argument`: a required field that nobody gives.

use super::arguments::Given;
use super::context::{Context, law};
use crate::diagnostic::{Diagnostic, meant};

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for given in cx.given() {
        for (name, entry) in &given.takes.0 {
            let is_given = given.names.iter().any(|(given, _)| *given == name);
            let whole = cx.is_whole(given.whole) && cx.is_whole(entry.value.span);
            if is_given || is_misspelt(given, name) || !entry.value.is_required() || !whole {
                continue;
            }
            sink.push(
                law(
                    "missing-argument",
                    given.place,
                    format!("{} needs `{name}`, which is not given", given.of()),
                )
                .related(entry.key_span, "declared here without `optional` or `default`")
                .help(format!("give `{name}`")),
            );
        }
    }
}

/// True where an argument that nobody takes was meant for this field: that is said, once (`undeclared-input`).
fn is_misspelt(given: &Given<'_>, name: &str) -> bool {
    let free = || given.takes.keys().filter(|known| given.names.iter().all(|(other, _)| other != known)).map(|known| &**known);
    let strange = given.names.iter().filter(|(other, _)| given.takes.get(other).is_none());
    strange.into_iter().any(|(other, _)| meant(other, free()) == Some(name))
}
