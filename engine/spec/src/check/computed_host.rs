//! Law `computed-host`: a host that a value of a run would decide.

use super::base_urls::literal;
use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::expr::ArgValue;

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
    paths(cx, sink);
}

/// A path begins with one `/`: what stands right behind the host could otherwise become a part of it.
fn paths(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        for (name, operation) in connector.spec.operations.iter() {
            let Some(path) = &operation.path else { continue };
            let ArgValue::Text(template) = &path.value.value else { continue };
            let source = template.source();
            if !source.starts_with('/') || source.starts_with("//") {
                sink.push(
                    law("computed-host", path.span, format!("the path of operation `{name}` does not begin with one `/`"))
                        .help("begin it with `/`")
                        .consequence("the engine refuses the catalogue: what stands behind the host could become a part of it"),
                );
            }
        }
    }
}
