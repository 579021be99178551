//! Lists of networks: who is trusted.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// One network: `10.0.0.0/8`, `fd00::/8`, or a single address; `unix:` is who comes through a Unix
/// socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(Members);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Members {
    Net(IpNet),
    Unix,
}

/// What is wrong with the name of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "give an address or a network, such as 10.0.0.1, 10.0.0.0/8 or fd00::/8, or unix: for a Unix socket"
)]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if text == "unix:" {
            return Ok(Self(Members::Unix));
        }
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let net = address.or_else(|_| text.parse()).map_err(|_| NetworkError)?;
        Ok(Self(Members::Net(canonical(net))))
    }
}

/// The bits before the IPv4 address in its IPv6 form.
const MAPPED: u8 = 96;

/// A network of IPv4 addresses in their IPv6 form as what it is: so its addresses are looked for.
fn canonical(net: IpNet) -> IpNet {
    if let IpNet::V6(mapped) = net
        && let Some(prefix) = mapped.prefix_len().checked_sub(MAPPED)
        && let Some(address) = mapped.addr().to_ipv4_mapped()
        && let Ok(net) = Ipv4Net::new(address, prefix)
    {
        return net.into();
    }
    net
}

/// Some networks, and perhaps the clients of a Unix socket, which have no address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is in one of them. An IPv4 address in its IPv6 form counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| match &network.0 {
            Members::Net(net) => net.contains(&address),
            Members::Unix => false,
        })
    }

    /// The same for the other end of a connection; `None` is behind a Unix socket.
    #[must_use]
    pub fn contains_peer(&self, peer: Option<SocketAddr>) -> bool {
        match peer {
            Some(peer) => self.contains(peer.ip()),
            None => self.0.iter().any(|network| network.0 == Members::Unix),
        }
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        texts.iter().map(|text| text.parse::<Network>().unwrap()).collect()
    }

    #[test]
    fn an_address_is_in_its_network() {
        let networks = networks(&["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);
        for (address, inside) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("11.1.2.3", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Networks::default().contains("127.0.0.1".parse().unwrap()));
        assert!(!networks.contains_peer(None));
        assert!(self::networks(&["10.0.0.0/8", "unix:"]).contains_peer(None));
    }

    #[test]
    fn a_network_of_version_4_may_be_written_as_one_of_version_6() {
        for (network, address, inside) in [
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("::ffff:192.0.2.7", "192.0.2.7", true),
            ("::ffff:192.0.2.7/128", "192.0.2.8", false),
            ("::ffff:0:0/96", "192.0.2.8", true),
            ("::ffff:0:0/96", "fd12::1", false),
            ("::/0", "fd12::1", true),
        ] {
            let contains = networks(&[network]).contains(address.parse().unwrap());
            assert_eq!(contains, inside, "{network} {address}");
        }
    }

    #[test]
    fn invalid_networks() {
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "10.0.0.1:80"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }
}
