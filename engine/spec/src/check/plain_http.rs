//! Law `plain-http`: speaking over the network without encryption.

use std::sync::Arc;

use super::base_urls::literal;
use super::context::{Context, law};
use super::hosts::{cut, is_loopback};
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::Connector;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    literal(cx).for_each(|(connector, url)| judge(connector, url, sink));
}

pub(super) fn judge(connector: &Connector, url: &Spanned<Arc<str>>, sink: &mut Vec<Diagnostic>) {
    if url.value.contains("${") {
        return;
    }
    let cut = cut(&url.value);
    let scheme = cut.as_ref().map(|url| url.scheme.to_ascii_lowercase());
    let loopback = cut.as_ref().is_some_and(|url| is_loopback(url.host));
    let name = &connector.metadata.name.value;
    let message = match scheme.as_deref() {
        Some("https") => return,
        Some("http") if loopback => return,
        Some("http") => format!("connector `{name}` speaks plain http to a host that is not loopback"),
        _ => format!("the base URL of connector `{name}` is no https URL"),
    };
    sink.push(
        law("plain-http", url.span, message)
            .help("write an `https://` URL; plain http only to loopback")
            .consequence("the engine refuses the catalogue: everybody on the way could read and change what is said"),
    );
}
