//! What a URL or host of a spec says, read without ever resolving anything.

/// The parts of an absolute URL that laws look at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    /// What stands before an `@`.
    pub(super) user: Option<&'a str>,
    pub(super) host: &'a str,
    pub(super) port: Option<&'a str>,
    pub(super) query: Option<&'a str>,
}

/// Cuts a URL; `None` where it has no scheme.
pub(super) fn cut(text: &str) -> Option<Url<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end)?;
    let (user, host_port) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let query = tail.split_once('?').map(|(_, query)| query);
    let host = without_port(host_port);
    let port = host_port.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.contains(']'));
    Some(Url { scheme, user, host, port, query })
}

/// `host:port` or `[v6]:port` as the host.
pub(super) fn without_port(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => text,
    }
}

/// True for this machine itself.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        Ok(address) => address.is_loopback(),
        Err(_) => lower == "localhost" || lower.ends_with(".localhost"),
    }
}

/// True for link-local addresses and the metadata services of clouds, which are never reached.
pub(super) fn is_link_local(host: &str) -> bool {
    const METADATA: &[&str] = &[
        "metadata.google.internal",
        "metadata.goog",
        "metadata",
        "instance-data",
        "instance-data.ec2.internal",
    ];
    const METADATA_ADDRESSES: &[&str] = &["100.100.100.200", "fd00:ec2::254", "168.63.129.16"];
    let lower = host.trim_end_matches('.').to_ascii_lowercase();
    let link_local = |address: std::net::Ipv4Addr| address.is_link_local();
    match lower.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => {
            link_local(address) || METADATA_ADDRESSES.contains(&lower.as_str())
        }
        Ok(std::net::IpAddr::V6(address)) => {
            (address.segments().first().copied().unwrap_or(0) & 0xffc0) == 0xfe80
                || address.to_ipv4_mapped().is_some_and(link_local)
                || METADATA_ADDRESSES.iter().any(|known| known.parse() == Ok(address))
        }
        Err(_) => METADATA.contains(&lower.as_str()) || numeric(&lower).is_some_and(link_local),
    }
}

/// An IPv4 address in one of the odd spellings that resolvers accept: one number, hexadecimal, octal.
fn numeric(host: &str) -> Option<std::net::Ipv4Addr> {
    let number = |part: &str| {
        if let Some(digits) = part.strip_prefix("0x") {
            u32::from_str_radix(digits, 16).ok()
        } else if part.len() > 1 && part.starts_with('0') {
            u32::from_str_radix(part, 8).ok()
        } else {
            part.parse().ok()
        }
    };
    let parts: Vec<u32> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, heads) = parts.split_last()?;
    if heads.len() > 3 || heads.iter().any(|part| *part > 255) {
        return None;
    }
    let mut value = *last;
    for (at, part) in heads.iter().enumerate() {
        value = value.checked_add(part.checked_shl(u32::try_from(24 - 8 * at).ok()?)?)?;
    }
    Some(std::net::Ipv4Addr::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_spellings_of_link_local_addresses_are_seen() {
        for host in [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "fe80::1",
            "::ffff:169.254.169.254",
            "metadata.google.internal.",
            "169.254.43518",
        ] {
            assert!(is_link_local(host), "{host}");
        }
        for host in ["example.org", "10.0.0.1", "8.8.8.8", "meta.example.org"] {
            assert!(!is_link_local(host), "{host}");
        }
    }

    #[test]
    fn urls_are_cut_into_their_parts() {
        let url = cut("https://user:pass@api.example.org:8443/v1?key=1").expect("a URL");
        assert_eq!(
            url,
            Url {
                scheme: "https",
                user: Some("user:pass"),
                host: "api.example.org",
                port: Some("8443"),
                query: Some("key=1")
            }
        );
        assert_eq!(cut("http://[::1]:80/").map(|url| url.host), Some("::1"));
        assert!(
            is_loopback("::1")
                && is_loopback("127.0.0.9")
                && is_loopback("localhost")
                && !is_loopback("localhost.example.org")
        );
    }
}
