//! What an ingress may ask of requests: names of headers, what they may say, how long and how often.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::around::some;
use super::bodies::exactly_one;
use super::context::{Context, law};
use super::ranges::{lasts, within};
use super::secrets::is_secret_name;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::Ingress;
use crate::kind::ingress::HeaderRule;
use crate::source::Span;

/// The most that a clock may be off, and the longest window of a counter.
pub(super) const SKEW_MS: u64 = 5 * 60_000;
pub(super) const DAY_MS: u64 = 86_400_000;
/// The most nonces that are remembered at once.
const NONCES: u64 = 1_000_000;
/// The most headers that a request may have to carry.
const HEADERS: usize = 32;
/// The longest value of a header.
const VALUE: usize = 256;
/// Headers of the connection and of the protocol, which say nothing about who asks for what.
const TAKEN: &[&str] = &[
    "accept",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    cx.all.ingresses.values().for_each(|ingress| one(cx, ingress, sink));
}

fn one(cx: &Context<'_>, ingress: &Ingress, sink: &mut Vec<Diagnostic>) {
    let (spec, whole, name) = (&ingress.spec, ingress.span, ingress.metadata.name.span);
    let routes = spec.routes.iter().map(|route| (route.value.as_str(), route.span));
    some(cx, "route", "routes", whole, name, routes, sink);
    let modes = spec.modes.iter().map(|mode| (mode.value.as_str(), mode.span));
    some(cx, "mode", "modes", whole, name, modes, sink);
    let quotas = spec.quotas.iter().map(|quota| (quota.per.value.as_str(), quota.per.span));
    some(cx, "quota per", "quotas", whole, name, quotas, sink);
    for quota in &spec.quotas {
        within("limit", &quota.limit, 1, u64::MAX, sink);
        lasts("window", &quota.window, 1_000, DAY_MS, sink);
    }
    if spec.headers.0.len() > HEADERS {
        let message = format!("{} headers, more than {HEADERS}", spec.headers.0.len());
        sink.push(law("too-large-or-deep", name, message).help("ask for fewer headers"));
    }
    let mut seen = BTreeMap::new();
    for (header, entry) in &spec.headers.0 {
        header_name(header, entry.key_span, &mut seen, sink);
        rule(cx, header, &entry.value, sink);
    }
    let Some(signature) = &spec.signature else { return };
    lasts("skew", &signature.skew, 1_000, SKEW_MS, sink);
    within("maxNonces", &signature.max_nonces, 1, NONCES, sink);
    for header in [&signature.header, &signature.timestamp, &signature.nonce] {
        let place = if header.span.is_nowhere() { signature.key.span } else { header.span };
        header_name(&header.value, place, &mut seen, sink);
    }
}

/// A name that a header may have, once whatever its case.
pub(super) fn header_name(
    name: &str,
    place: Span,
    seen: &mut BTreeMap<String, Span>,
    sink: &mut Vec<Diagnostic>,
) {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.len() > 64 || !name.bytes().all(token) {
        sink.push(
            law("bad-name", place, format!("`{name}` is no name of a header"))
                .help("write letters, digits and `-`, at most 64"),
        );
    } else if TAKEN.contains(&lower.as_str()) {
        sink.push(
            law("bad-name", place, format!("header `{name}` belongs to the protocol"))
                .help("name a header of your own, like `X-Change`"),
        );
    }
    if let Some(first) = seen.insert(lower, place) {
        sink.push(
            law("duplicate-key", place, format!("a second header `{name}`"))
                .related(first, "the first")
                .help("names of headers are the same in any case: give each a name of its own"),
        );
    }
}

fn rule(cx: &Context<'_>, header: &str, rule: &HeaderRule, sink: &mut Vec<Diagnostic>) {
    let given = [("values", rule.values.is_some()), ("pattern", rule.pattern.is_some())];
    exactly_one(cx, rule.span, &format!("header `{header}`"), &given, cx.first_line(rule.span), sink);
    if let Some(pattern) = &rule.pattern
        && let Err(message) = crate::expr::pattern(&pattern.value)
    {
        sink.push(
            law("bad-literal", pattern.span, format!("the pattern of `{header}` cannot be read: {message}"))
                .help("write RE2 without look-around; a pattern always matches the whole value"),
        );
    }
    let Some(values) = &rule.values else { return };
    let words = values.value.iter().map(|value| (&*value.value, value.span));
    some(cx, "value", "values", rule.span, values.span, words, sink);
    values.value.iter().for_each(|value| self::value(header, value, sink));
}

fn value(header: &str, value: &Spanned<Arc<str>>, sink: &mut Vec<Diagnostic>) {
    if is_secret_name(header) {
        sink.push(
            law("secret-literal", value.span, format!("the value of `{header}` is written here"))
                .help("who asks is proved by a token or a signature, never by a header that a spec holds")
                .consequence("the engine refuses the catalogue: whoever reads the file has the secret"),
        );
    } else if value.value.is_empty()
        || value.value.len() > VALUE
        || !value.value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    {
        sink.push(
            law("out-of-range", value.span, format!("a value of `{header}` is no value of a header"))
                .help(format!("write 1 to {VALUE} printable ASCII characters")),
        );
    }
}
