//! Law `computed-host`: a host that a value of a run would decide.

use std::sync::Arc;

use super::base_urls::literal;
use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::expr::{ArgValue, Piece};
use crate::kind::Connector;
use crate::kind::connector::ConnectorType;
use crate::shown::visible;

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
    written(cx, sink);
}

/// What of a path is written there is sent as it stands: it holds no query, nothing that is not encoded, and no
/// segment that would lead elsewhere.
fn written(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let of_http = |connector: &&Arc<Connector>| connector.spec.type_.value == ConnectorType::Http;
    for connector in every(&cx.all.connectors).filter(of_http) {
        for (name, operation) in connector.spec.operations.iter() {
            let Some(path) = &operation.path else { continue };
            let ArgValue::Text(template) = &path.value.value else { continue };
            let plain = |letter: &char| letter.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%/".contains(*letter);
            let literals = template.pieces().iter().filter_map(|piece| match piece {
                Piece::Literal(text) => Some(&**text),
                Piece::Expr(_) => None,
            });
            let odd = literals.flat_map(str::chars).find(|letter| !plain(letter));
            let problem = match odd {
                Some('?') => Some(("holds a query".to_owned(), "write its parameters under `query`")),
                Some(letter) => Some((format!("holds `{}`", visible(&letter.to_string())), "write it encoded, like `%20`")),
                None if template.source().split('/').any(is_dots) => {
                    Some(("holds a segment `.` or `..`".to_owned(), "write the path that is meant"))
                }
                None => None,
            };
            if let Some((what, help)) = problem {
                sink.push(
                    law("bad-literal", path.span, format!("the path of operation `{name}` {what}"))
                        .help(help)
                        .consequence("the engine refuses the catalogue: such a call is never sent"),
                );
            }
        }
    }
}

fn is_dots(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
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
