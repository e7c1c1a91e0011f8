//! Law `plain-http`: speaking over the network without encryption.

use super::base_urls::literal;
use super::context::{Context, law};
use super::hosts::{cut, is_loopback};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (connector, url) in literal(cx) {
        if url.value.contains("${") {
            continue;
        }
        let cut = cut(&url.value);
        let scheme = cut.as_ref().map(|url| url.scheme.to_ascii_lowercase());
        let loopback = cut.as_ref().is_some_and(|url| is_loopback(url.host));
        let message = match scheme.as_deref() {
            Some("https") => continue,
            Some("http") if loopback => continue,
            Some("http") => format!(
                "connector `{}` speaks plain http to a host that is not loopback",
                connector.metadata.name.value
            ),
            _ => format!("the base URL of connector `{}` is no https URL", connector.metadata.name.value),
        };
        sink.push(
            law("plain-http", url.span, message).help("write an `https://` URL; plain http only to loopback"),
        );
    }
}
