//! Law `wildcard-host`: one name for many hosts.

use super::base_urls::literal;
use super::context::{Context, law};
use super::hosts::cut;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (connector, url) in literal(cx) {
        if cut(&url.value).is_some_and(|url| url.host.contains('*')) {
            sink.push(
                law(
                    "wildcard-host",
                    url.span,
                    format!("the base URL of connector `{}` names many hosts", connector.metadata.name.value),
                )
                .help("name one host"),
            );
        }
    }
}
