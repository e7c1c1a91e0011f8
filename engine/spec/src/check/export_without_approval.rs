//! Law `export-without-approval`: data that leave with nobody asked.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for export in cx.all.exports.values() {
        if export.spec.approval.is_none() && cx.is_whole(export.span) {
            let name = &export.metadata.name;
            sink.push(
                law("export-without-approval", name.span, format!("export `{}` has no `approval`", name.value))
                    .help("add `approval`: who must agree to the previewed rows")
                    .consequence("the engine refuses the catalogue: one person alone could carry data out"),
            );
        }
    }
}
