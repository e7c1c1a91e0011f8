//! Law `link-local-host`: the addresses where clouds keep the keys of their machines.

use std::sync::Arc;

use super::base_urls::literal;
use super::context::{Context, law};
use super::hosts::{cut, is_link_local};
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::Connector;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    literal(cx).for_each(|(connector, url)| judge(connector, url, sink));
}

pub(super) fn judge(connector: &Connector, url: &Spanned<Arc<str>>, sink: &mut Vec<Diagnostic>) {
    if cut(&url.value).is_some_and(|url| is_link_local(url.host)) {
        let name = &connector.metadata.name.value;
        sink.push(
            law(
                "link-local-host",
                url.span,
                format!("connector `{name}` speaks to a link-local or metadata address"),
            )
            .help("name another host: these are never reached, whatever a connection allows"),
        );
    }
}
