//! Law `computed-host`: a host that a value of a run would decide.

use super::base_urls::literal;
use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (connector, url) in literal(cx) {
        if url.value.contains("${") {
            sink.push(
                law("computed-host", url.span, format!("the base URL of connector `{}` is computed", connector.metadata.name.value))
                    .help("write one URL, or `{setting: name}`; what varies belongs into `path` or `query`")
                    .consequence("the engine refuses the catalogue: an input could send the request, and its secret, elsewhere"),
            );
        }
    }
}
