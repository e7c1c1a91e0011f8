//! Law `missing-owner`: a spec that nobody answers for.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for head in cx.heads() {
        if head.owner.is_none() {
            let kind = crate::decode::kebab(head.kind.as_str());
            let name = head.name.value.as_str();
            sink.extend(absent(
                cx,
                "missing-owner",
                &kind,
                name,
                head.metadata,
                "owner",
                "`group:…` or `user:…` of the roster",
            ));
        }
    }
}

/// The diagnostic about governance metadata that is not there; none where it is there and could not be read.
pub(super) fn absent(
    cx: &Context<'_>,
    code: &'static str,
    kind: &str,
    name: &str,
    metadata: Span,
    field: &str,
    what: &str,
) -> Option<Diagnostic> {
    if !cx.is_whole(metadata) && cx.mentions(metadata, field) {
        return None;
    }
    let run_time =
        if kind == "capability" { "; a run that met it would be denied (`metadata_missing`)" } else { "" };
    let problem = law(code, cx.first_line(metadata), format!("{kind} `{name}` has no `{field}`"))
        .label("its metadata begins here")
        .help(format!("add `{field}`: {what}"))
        .consequence(format!("the engine refuses the catalogue{run_time}"));
    Some(problem)
}
