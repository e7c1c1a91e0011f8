//! Well-known forms of strings. Each is strict: what some readers take and others do not is refused.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::kind::field::Format;

/// True when the text is of that form.
#[must_use]
pub fn is(format: Format, text: &str) -> bool {
    match format {
        Format::Email => is_email(text),
        Format::Uri => is_uri(text),
        Format::Uuid => is_uuid(text),
        Format::Hostname => is_hostname(text),
        Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
        Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
        Format::Date => is_date(text),
    }
}

/// `local@host`: a dotted atom and a host name. Quoted and commented forms are refused.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let atom = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    local.len() <= 64 && local.split('.').all(atom) && is_hostname(host)
}

/// RFC 3986, absolute: a scheme and something after it, of URI characters only.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let bytes = rest.as_bytes();
    let escaped = |at: usize| {
        let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        hex(at + 1) && hex(at + 2)
    };
    let legal = |(at, byte): (usize, &u8)| match byte {
        b'%' => escaped(at),
        byte => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte),
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.is_empty()
        && bytes.iter().enumerate().all(legal)
        && rest.bytes().filter(|b| *b == b'#').count() <= 1
}

/// Hyphenated, 32 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// RFC 1123: labels of letters, digits and inner hyphens, at most 253 characters; no trailing dot.
fn is_hostname(text: &str) -> bool {
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// `2026-01-31`, a day that there is.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.is_ascii()
        && text.parse::<jiff::civil::Date>().is_ok_and(|date| date.to_string() == text)
}
