//! Law `link-local-host`: the addresses where clouds keep the keys of their machines.

use super::base_urls::literal;
use super::context::{Context, law};
use super::hosts::{cut, is_link_local};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (connector, url) in literal(cx) {
        if cut(&url.value).is_some_and(|url| is_link_local(url.host)) {
            sink.push(
                law(
                    "link-local-host",
                    url.span,
                    format!(
                        "connector `{}` speaks to a link-local or metadata address",
                        connector.metadata.name.value
                    ),
                )
                .help("name another host: these are never reached, whatever a connection allows"),
            );
        }
    }
}
