//! Headers that no call may set: a host of its own, what the transport says of the body, and what is no header.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::connector::ConnectorType;
use crate::source::Span;

/// True for a header that the transport sets, by its name in any case.
#[must_use]
pub fn is_of_transport(name: &str) -> bool {
    const OURS: &[&str] = &[
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "proxy-authorization",
        "proxy-connection",
        "accept-encoding",
    ];
    OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        let spec = &connector.spec;
        if spec.type_.value != ConnectorType::Http {
            continue;
        }
        let auth = spec.http.as_ref().and_then(|http| http.auth.as_ref()?.header.as_ref());
        if let Some(auth) = auth {
            header(&auth.name.value, auth.name.span, "`auth`", sink);
        }
        for (id, operation) in spec.operations.iter() {
            for (name, entry) in &operation.headers.0 {
                header(name, entry.key_span, &format!("operation `{id}`"), sink);
            }
        }
    }
}

fn header(name: &str, place: Span, whose: &str, sink: &mut Vec<Diagnostic>) {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.eq_ignore_ascii_case("host") {
        sink.push(
            law("computed-host", place, format!("{whose} sends a `{name}` of its own"))
                .help("remove it: the host is the base URL's")
                .consequence(
                    "the engine refuses the catalogue: another host than the granted one would be asked",
                ),
        );
    } else if is_of_transport(name) {
        sink.push(
            law("bad-name", place, format!("`{name}` of {whose} is a header that the engine sets"))
                .help("remove it")
                .consequence("the engine refuses the catalogue: such a call is never sent"),
        );
    } else if name.is_empty() || !name.bytes().all(is_token) {
        sink.push(
            law("bad-name", place, format!("`{name}` of {whose} is no name of a header"))
                .help("write letters, digits and `-`, like `Idempotency-Key`"),
        );
    }
}
