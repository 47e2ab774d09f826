//! Subnets, as the engine writes them.

use std::net::IpAddr;

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    first: u128,
    bits: u32,
    v6: bool,
}

impl Subnet {
    /// `172.18.0.0/16`; `None` where it is nothing of that form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse::<u32>().ok()?);
        let v6 = address.is_ipv6();
        (bits <= if v6 { 128 } else { 32 }).then(|| Self { first: number(address) & mask(bits, v6), bits, v6 })
    }

    /// Whether the address is one of them.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv6() == self.v6 && number(address) & mask(self.bits, self.v6) == self.first
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u32::from(four).into(),
        IpAddr::V6(six) => six.into(),
    }
}

fn mask(bits: u32, v6: bool) -> u128 {
    let width = if v6 { 128 } else { 32 };
    u128::MAX.checked_shl(width - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_holds_its_own() {
        let table = [
            ("172.18.0.0/16", "172.18.255.255", true),
            ("172.18.0.0/16", "172.19.0.0", false),
            ("172.18.0.1/16", "172.18.3.3", true),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("10.0.0.1/32", "10.0.0.2", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00:1::/64", "fd00:1::ffff", true),
            ("fd00:1::/64", "fd00:1:0:1::1", false),
            ("::/0", "fd00::1", true),
        ];
        for (subnet, address, expected) in table {
            assert_eq!(Subnet::parse(subnet).unwrap().holds(address.parse().unwrap()), expected, "{subnet} {address}");
        }
        for wrong in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            assert_eq!(Subnet::parse(wrong), None, "{wrong}");
        }
    }
}
