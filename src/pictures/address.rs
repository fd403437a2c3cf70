//! Which addresses are public: the IANA registries of special-purpose addresses, read as what is refused.
//! <https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First address and length of prefixes that lead to machines of one's own, to nobody, or to many.
const NOT_PUBLIC: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Carrier-grade NAT, and the inside of some clouds.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: 169.254.169.254 and 169.254.170.2 give credentials to all who ask on AWS.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The same within 2000::/3, outside of which nothing is public: not what stands for an IPv4 address, nor unique-local,
/// link-local and multicast addresses.
const NOT_PUBLIC_6: [(Ipv6Addr, u32); 4] = [
    // Teredo, which leads to an IPv4 address, and other protocols.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, too.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of a machine that the whole world may ask.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC.iter().any(|(prefix, length)| {
            address.to_bits() >> (u32::BITS - length) == prefix.to_bits() >> (u32::BITS - length)
        }),
        IpAddr::V6(address) => {
            address.to_bits() >> 125 == 1
                && !NOT_PUBLIC_6.iter().any(|(prefix, length)| {
                    address.to_bits() >> (u128::BITS - length) == prefix.to_bits() >> (u128::BITS - length)
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_is_let_through_and_nothing_else() {
        let is_public = |address: &str| is_public(address.parse().unwrap());
        for public in ["1.1.1.1", "52.95.110.1", "100.63.255.255", "100.128.0.0", "172.32.0.1", "223.255.255.255"] {
            assert!(is_public(public), "{public}");
        }
        for public in ["2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "2001:200::1"] {
            assert!(is_public(public), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_public(private), "{private}");
            let [a, b, c, d] = private.parse::<Ipv4Addr>().unwrap().octets();
            let mapped = Ipv4Addr::new(a, b, c, d).to_ipv6_mapped();
            assert!(!is_public(&mapped.to_string()), "{mapped}");
        }
        for private in [
            "::",
            "::1",
            "::ffff:1.1.1.1",
            "::1.1.1.1",
            "64:ff9b::1.1.1.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2001:10::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_public(private), "{private}");
        }
    }
}
