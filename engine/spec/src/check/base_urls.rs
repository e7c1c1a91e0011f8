//! The base URLs of connectors: those that specs write, and those that the operator's file has for them.

use std::sync::Arc;

use super::context::{Context, law};
use super::hosts::cut;
use super::{link_local_host, plain_http, secret_in_url};
use crate::catalogue::{Declarations, every};
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::Connector;
use crate::kind::connector::Settable;
use crate::kind::workspace::WorkspaceSpec;

/// Every base URL that is written in a spec, with its connector.
pub(super) fn literal<'a>(
    cx: &Context<'a>,
) -> impl Iterator<Item = (&'a Arc<Connector>, &'a Spanned<Arc<str>>)> {
    every(&cx.all.connectors).filter_map(|connector| match &connector.spec.http.as_ref()?.base_url {
        Settable::Literal(text) => Some((connector, text)),
        Settable::Setting(_) => None,
    })
}

/// What is wrong with an operator's file only together with the catalogue beside it: a setting that is the base URL of a
/// connector breaks every law that the URL would break in the connector itself.
#[must_use]
pub fn beside(all: &Declarations, workspace: &WorkspaceSpec) -> Vec<Diagnostic> {
    let mut sink = Vec::new();
    for connector in every(&all.connectors) {
        let Some(http) = &connector.spec.http else { continue };
        let Settable::Setting(name) = &http.base_url else { continue };
        let Some(url) = workspace.settings.get(name.value.as_str()) else { continue };
        let before = sink.len();
        let laws = [plain_http::judge, link_local_host::judge, secret_in_url::judge, judge];
        laws.iter().for_each(|law| law(connector, url, &mut sink));
        for problem in sink.iter_mut().skip(before) {
            problem.message.push_str(&format!(", by setting `{}`", name.value));
        }
    }
    sink
}

/// A base URL is a scheme, a host and a path: paths and queries of operations are put behind it.
pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (connector, url) in literal(cx) {
        judge(connector, url, sink);
    }
}

fn judge(connector: &Connector, url: &Spanned<Arc<str>>, sink: &mut Vec<Diagnostic>) {
    let Some(parts) = cut(&url.value) else { return };
    let wrong = if parts.host.is_empty() {
        "names no host"
    } else if url.value.contains(['?', '#']) {
        "has a query or a fragment"
    } else if !parts.port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0)) {
        "names a port that there is not"
    } else {
        return;
    };
    let name = &connector.metadata.name.value;
    sink.push(
        law("wrong-type", url.span, format!("the base URL of connector `{name}` {wrong}"))
            .help("write it like `https://api.example.org/v1`; what varies stands in `path` and `query`"),
    );
}
