//! Where a request comes from: the caller's address, as our own socket or our own proxy saw it.
//!
//! Anybody can write `X-Forwarded-For`. So it is believed only where the configuration says that a
//! proxy stands in front, and then only its very end, which is what that proxy put there.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};

use crate::problem::{Code, Problem};

/// The caller's address. IPv4 is IPv4, however the socket writes it.
///
/// Every request that [`serve`](crate::serve) takes has it, so handlers of any router can ask for it:
///
/// ```
/// # use axum::{Router, routing::get};
/// use sugi_api::Peer;
/// let pages: Router = Router::new().route("/whoami", get(async |Peer(ip): Peer| ip.to_string()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// What counts as one caller for limits: an IPv4 address, or an IPv6 address's /64.
    #[must_use]
    pub fn counted_as(self) -> IpAddr {
        sugi_engine::counted_as(self.0)
    }

    /// The peer of a request, from its socket's, or from its headers if a proxy stands in front.
    pub(crate) fn of(socket: SocketAddr, behind_proxy: bool, headers: &HeaderMap) -> Self {
        let told = behind_proxy.then(|| last_hop(headers)).flatten();
        Self(told.unwrap_or(socket.ip()).to_canonical())
    }
}

/// The address that the nearest proxy saw: the last one of the last header. `None` if that is none.
fn last_hop(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    let text = last.to_str().ok()?.rsplit(',').next()?.trim();
    // Some proxies add the port, and put IPv6 into brackets.
    let with_port = || text.parse().map(|socket: SocketAddr| socket.ip());
    let bare = text.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
    let bare = bare.unwrap_or(text);
    bare.parse().or_else(|_| with_port()).ok()
}

impl<S: Sync> FromRequestParts<S> for Peer {
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

    fn peer(socket: &str, behind_proxy: bool, told: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in told {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let Peer(ip) = Peer::of(socket.parse().unwrap(), behind_proxy, &headers);
        ip.to_string()
    }

    #[test]
    fn without_a_proxy_no_header_is_believed() {
        for told in [&[] as &[&str], &["192.0.2.7"], &["192.0.2.7", "::1"]] {
            assert_eq!(peer("198.51.100.1:4711", false, told), "198.51.100.1");
        }
    }

    #[test]
    fn behind_a_proxy_the_very_end_counts_and_nothing_that_the_caller_wrote() {
        for (told, ip) in [
            (&["192.0.2.7"] as &[&str], "192.0.2.7"),
            (&["10.0.0.1, 192.0.2.7"], "192.0.2.7"),
            (&["10.0.0.1", "10.0.0.2,192.0.2.7 "], "192.0.2.7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
        ] {
            assert_eq!(peer("127.0.0.1:4711", true, told), ip, "{told:?}");
        }
        // Where the end is no address, an earlier one may be anybody's word.
        for told in [
            &[] as &[&str],
            &[""],
            &["unknown"],
            &["192.0.2.7,"],
            &["192.0.2.7", "x"],
        ] {
            assert_eq!(peer("127.0.0.1:4711", true, told), "127.0.0.1", "{told:?}");
        }
    }

    #[test]
    fn ipv4_on_an_ipv6_socket_is_ipv4() {
        assert_eq!(peer("[::ffff:192.0.2.7]:4711", false, &[]), "192.0.2.7");
        assert_eq!(peer("[2001:db8::7]:4711", false, &[]), "2001:db8::7");
    }
}
