//! The literal base URLs of connectors.

use std::sync::Arc;

use super::context::{Context, law};
use super::hosts::cut;
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::Connector;
use crate::kind::connector::Settable;

/// Every base URL that is written in a spec, with its connector.
pub(super) fn literal<'a>(
    cx: &Context<'a>,
) -> impl Iterator<Item = (&'a Arc<Connector>, &'a Spanned<Arc<str>>)> {
    every(&cx.all.connectors).filter_map(|connector| match &connector.spec.http.as_ref()?.base_url {
        Settable::Literal(text) => Some((connector, text)),
        Settable::Setting(_) => None,
    })
}

/// A base URL is a scheme, a host and a path: paths and queries of operations are put behind it.
pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (connector, url) in literal(cx) {
        let Some(parts) = cut(&url.value) else { continue };
        let wrong = if parts.host.is_empty() {
            "names no host"
        } else if url.value.contains(['?', '#']) {
            "has a query or a fragment"
        } else if !parts.port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0)) {
            "names a port that there is not"
        } else {
            continue;
        };
        let name = &connector.metadata.name.value;
        sink.push(
            law("wrong-type", url.span, format!("the base URL of connector `{name}` {wrong}"))
                .help("write it like `https://api.example.org/v1`; what varies stands in `path` and `query`"),
        );
    }
}
