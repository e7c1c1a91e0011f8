//! Which addresses may be connected to.
//!
//! Public ones always, private and loopback ones only where the workspace allows the network, and link-local, cloud
//! metadata, multicast, unspecified and embedded addresses never, whatever is allowed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// Reachable by everybody.
    Public,
    /// This machine.
    Loopback,
    /// A private or special network.
    Private,
    /// Never a target.
    Never,
}

/// What an address is.
#[must_use]
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        (0 | 224..=239, ..) | (169, 254, ..) | (255, 255, 255, 255) => AddressClass::Never,
        // Metadata services that live outside the link-local network.
        (100, 100, 100, 200) | (168, 63, 129, 16) | (192, 0, 0, 192) => AddressClass::Never,
        (127, ..) => AddressClass::Loopback,
        (10, ..) | (192, 168, ..) | (172, 16..=31, ..) | (100, 64..=127, ..) => AddressClass::Private,
        (192, 0, 0 | 2, _) | (198, 18 | 19, ..) | (198, 51, 100, _) | (203, 0, 113, _) | (240..=255, ..) => {
            AddressClass::Private
        }
        _ => AddressClass::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // Unspecified, v4-compatible, v4-mapped, v4-translated, NAT64, 6to4, Teredo: another address in disguise.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => AddressClass::Never,
        [0x64, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0, ..] => AddressClass::Never,
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] => AddressClass::Never,
        [0xff00..=0xffff, ..] | [0xfe80..=0xfeff, ..] => AddressClass::Never,
        [0xfc00..=0xfdff, ..] | [0x2001, 0x0db8, ..] | [0x0100, 0, 0, 0, ..] => AddressClass::Private,
        // Only 2000::/3 is given out.
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Private,
    }
}

/// May this address be connected to?
#[must_use]
pub fn permitted(address: IpAddr, allow_private: &[IpNet]) -> bool {
    match classify(address) {
        AddressClass::Public => true,
        AddressClass::Loopback | AddressClass::Private => {
            allow_private.iter().any(|net| net.contains(&address))
        }
        AddressClass::Never => false,
    }
}

/// Is it this machine?
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    classify(address) == AddressClass::Loopback
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn class(text: &str) -> AddressClass {
        classify(text.parse().unwrap())
    }

    #[test]
    fn metadata_and_disguised_addresses_are_never_reached() {
        let never = [
            "169.254.169.254",
            "169.254.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "::",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001:0:1::1",
            "::ffff:0:10.0.0.1",
        ];
        let everything: [IpNet; 2] = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        for address in never {
            assert_eq!(class(address), AddressClass::Never, "{address}");
            assert!(!permitted(address.parse().unwrap(), &everything), "{address}");
        }
    }

    #[test]
    fn private_addresses_want_their_network() {
        for address in
            ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fd12::1", "240.0.0.1"]
        {
            assert_eq!(class(address), AddressClass::Private, "{address}");
            assert!(!permitted(address.parse().unwrap(), &[]), "{address}");
        }
        let net: IpNet = "10.0.0.0/8".parse().unwrap();
        assert!(permitted("10.9.9.9".parse().unwrap(), &[net]));
        assert!(!permitted("192.168.1.1".parse().unwrap(), &[net]));
    }

    #[test]
    fn loopback_wants_its_network_and_public_wants_nothing() {
        assert!(!permitted("127.0.0.1".parse().unwrap(), &[]));
        assert!(permitted("127.0.0.1".parse().unwrap(), &["127.0.0.0/8".parse().unwrap()]));
        assert!(!permitted("::1".parse().unwrap(), &["127.0.0.0/8".parse().unwrap()]));
        for address in ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "100.128.0.1"] {
            assert!(permitted(address.parse().unwrap(), &[]), "{address}");
        }
    }
}
