//! Where a request comes from: the caller's address, as our own socket or our own proxy saw it.
//!
//! Anybody can write `X-Forwarded-For`. So it is believed only where the configuration names the proxies, only from a
//! socket of one of them, and only back to the first address that is none of theirs.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};

use crate::{
    Network,
    problem::{Code, Problem},
};

/// The caller's address. IPv4 is IPv4, however the socket writes it.
///
/// Every request that [`serve`](crate::serve) takes has it, so handlers of any router can ask for it:
///
/// ```
/// # use axum::{Router, routing::get};
/// use sugi_api::ClientAddress;
/// let pages: Router = Router::new().route("/whoami", get(async |ClientAddress(ip): ClientAddress| ip.to_string()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What counts as one caller for limits: an IPv4 address, or an IPv6 address's /64.
    #[must_use]
    pub fn counted_as(self) -> IpAddr {
        sugi_engine::counted_as(self.0)
    }

    /// The peer of a request: the end of its socket, or, as long as that is a proxy of ours, whom the proxy names.
    pub(crate) fn of(socket: SocketAddr, proxies: &[Network], headers: &HeaderMap) -> Self {
        let mut caller = socket.ip().to_canonical();
        let mut hops = hops(headers);
        while proxies.iter().any(|proxy| proxy.contains(caller)) {
            // What is no address was not written by a proxy, and all before it may be anybody's word.
            let Some(Some(hop)) = hops.next() else { break };
            caller = hop;
        }
        Self(caller)
    }
}

/// The addresses of `X-Forwarded-For`, the nearest first; `None` for what is none.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let texts = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    texts.map(|text| address(text.trim()))
}

fn address(text: &str) -> Option<IpAddr> {
    // Some proxies add the port, and put IPv6 into brackets.
    let with_port = || text.parse().map(|socket: SocketAddr| socket.ip());
    let bare = text.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
    let bare = bare.unwrap_or(text);
    let address: IpAddr = bare.parse().or_else(|_| with_port()).ok()?;
    Some(address.to_canonical())
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Whoever decides by the address must not go on without one.
        parts.extensions.get().copied().ok_or_else(|| {
            tracing::error!("a request came in past sugi_api::serve: its address is not known");
            Problem::new(Code::Internal, "the address of this request is not known")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(socket: &str, proxies: &[&str], told: &[&str]) -> String {
        let proxies: Vec<_> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for value in told {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let ClientAddress(ip) = ClientAddress::of(socket.parse().unwrap(), &proxies, &headers);
        ip.to_string()
    }

    #[test]
    fn from_a_socket_that_is_no_proxys_no_header_is_believed() {
        for told in [&[] as &[&str], &["192.0.2.7"], &["192.0.2.7", "::1"]] {
            assert_eq!(peer("198.51.100.1:4711", &[], told), "198.51.100.1");
            let proxies = &["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"];
            assert_eq!(peer("198.51.100.1:4711", proxies, told), "198.51.100.1");
            assert_eq!(peer("127.0.0.2:4711", proxies, told), "127.0.0.2");
        }
    }

    #[test]
    fn behind_proxies_the_last_address_that_is_not_theirs_counts() {
        let proxies = &["127.0.0.1", "10.0.0.0/24"];
        for (told, ip) in [
            (&["192.0.2.7"] as &[&str], "192.0.2.7"),
            (&["10.9.0.1, 192.0.2.7"], "192.0.2.7"),
            (&["203.0.113.1", "198.51.100.2,192.0.2.7 "], "192.0.2.7"),
            (&["203.0.113.1, 192.0.2.7, 10.0.0.5"], "192.0.2.7"),
            (
                &["203.0.113.1, 192.0.2.7", "10.0.0.5, 10.0.0.6"],
                "192.0.2.7",
            ),
            // All of it is ours: someone at the farthest proxy itself.
            (&["10.0.0.4, 10.0.0.5"], "10.0.0.4"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            // Before what is no address stands anybody's word.
            (&["192.0.2.7, unknown, 10.0.0.5"], "10.0.0.5"),
            (&[], "127.0.0.1"),
            (&[""], "127.0.0.1"),
            (&["unknown"], "127.0.0.1"),
            (&["192.0.2.7,"], "127.0.0.1"),
            (&["192.0.2.7", "x"], "127.0.0.1"),
        ] {
            assert_eq!(peer("127.0.0.1:4711", proxies, told), ip, "{told:?}");
        }
    }

    #[test]
    fn ipv4_on_an_ipv6_socket_is_ipv4() {
        assert_eq!(peer("[::ffff:192.0.2.7]:4711", &[], &[]), "192.0.2.7");
        assert_eq!(peer("[2001:db8::7]:4711", &[], &[]), "2001:db8::7");
    }
}
