//! Networks, as an API key's allow-list names them: `10.0.0.0/8`, `::1`.

use std::{net::IpAddr, str::FromStr};

/// Some addresses that share their first bits.
///
/// ```
/// use sugi_access::Network;
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(!network.contains("11.0.0.1".parse().unwrap()));
/// # Ok::<(), sugi_access::BadNetwork>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// Why a text names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNetwork {
    /// It does not look like one.
    #[error("write an IP address, or a network such as 10.0.0.0/8 or 2001:db8::/32")]
    Form,
    /// `10.0.0.1/8`: one address or a whole network? The difference is who gets in.
    #[error("the address has bits beyond the first {0}: write the network's first address")]
    Beyond(u8),
}

impl Network {
    /// Whether it is every address there is.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.bits == 0
    }

    /// Whether an address is of it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && first_of(address, self.bits) == self.first
    }
}

/// The first address of the network that an address is of, if networks share so many bits.
fn first_of(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let hidden = u32::MAX.checked_shr(bits.into()).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & !hidden).into())
        }
        IpAddr::V6(ip) => {
            let hidden = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & !hidden).into())
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, bits) = text.split_once('/').unzip();
        let first: IpAddr = address
            .unwrap_or(text)
            .parse()
            .map_err(|_| BadNetwork::Form)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse);
        let bits = bits.ok().filter(|bits| *bits <= most);
        let (mut first, mut bits) = (first, bits.ok_or(BadNetwork::Form)?);
        if first_of(first, bits) != first {
            return Err(BadNetwork::Beyond(bits));
        }
        // Callers' IPv4 addresses are IPv4, so their networks have to be.
        if first.to_canonical() != first && bits >= 96 {
            (first, bits) = (first.to_canonical(), bits - 96);
        }
        Ok(Self { first, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        let network: Network = network.parse().unwrap();
        network.contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_is_its_first_bits_and_an_address_is_itself() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::", "127.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.1.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1"),
        ] {
            assert!(contains(network, inside), "{network} {inside}");
            assert!(!contains(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(text.parse::<Network>(), Err(BadNetwork::Form), "{text}");
        }
        assert_eq!("10.0.0.1/8".parse::<Network>(), Err(BadNetwork::Beyond(8)));
        assert_eq!("::1/64".parse::<Network>(), Err(BadNetwork::Beyond(64)));
    }
}
