//! Which addresses a webhook may be delivered to.
//!
//! Who may set a webhook up is not thereby someone who may reach the service's own network: a database, an
//! administration page, the metadata of a cloud with its credentials. So a webhook goes to public addresses
//! alone, unless the configuration names a network. It is looked at when a connection is made, at the very
//! address that is connected to: what a name meant earlier says nothing of what it means now.

use std::{
    fmt,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::client::legacy::connect::{
    HttpConnector,
    dns::{GaiResolver, Name},
};
use sugi_access::Network;
use tower_service::Service;

/// The networks that are public, and those that the configuration names. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Targets(Arc<[Network]>);

/// A host whose addresses are all refused. It names none of them: who sets webhooks up need not learn what
/// names mean inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its address is not public; name its network in webhooks.allow_networks")]
pub(crate) struct NotPublic;

impl Targets {
    /// Public addresses alone.
    #[must_use]
    pub fn public() -> Self {
        Self(Arc::new([]))
    }

    /// Public addresses, and these networks.
    #[must_use]
    pub fn and(networks: impl IntoIterator<Item = Network>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether an address may be connected to.
    ///
    /// ```
    /// use sugi_webhooks::Targets;
    /// let metadata = "169.254.169.254".parse().unwrap();
    /// assert!(!Targets::public().may_be(metadata));
    /// assert!(Targets::and(["169.254.0.0/16".parse().unwrap()]).may_be(metadata));
    /// assert!(Targets::public().may_be("1.1.1.1".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn may_be(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address)) || is_public(address)
    }

    /// Whether a host that is written as an address may be connected to. A name says nothing yet.
    pub(crate) fn may_be_host(&self, host: &str) -> bool {
        if host.eq_ignore_ascii_case("localhost") {
            let this_machine: [IpAddr; 2] =
                [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return this_machine.into_iter().any(|one| self.may_be(one));
        }
        literal(host).is_none_or(|address| self.may_be(address))
    }
}

/// A host as the address that it is written as.
fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok()
}

/// Whether an address is one that the whole Internet can reach, and nothing else.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.segments() {
            // An IPv4 address in an IPv6 network's clothes (RFC 6052).
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                is_public_v4((u32::from(high) << 16 | u32::from(low)).into())
            }
            // Protocols' own (with Teredo), documentation, 6to4, which hides an IPv4 address.
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
            // Of all others 2000::/3 alone is given out: not the unique local, link-local, site-local and
            // multicast ones, not `::`, `::1` and the other ways to write an IPv4 address.
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}

#[allow(
    clippy::match_same_arms,
    reason = "each network stands beside why it is not public"
)]
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        // This network, private, this machine, multicast, reserved, everybody.
        (0 | 10 | 127 | 224.., ..) => true,
        // Carriers' NAT, and the metadata of one cloud.
        (100, 64..=127, _) => true,
        // Link-local, and the metadata of most clouds.
        (169, 254, _) => true,
        (172, 16..=31, _) | (192, 168, _) => true,
        // Protocols' own, and the metadata of one cloud; documentation; 6to4's relays.
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) => true,
        // Benchmarks.
        (198, 18 | 19, _) => true,
        _ => false,
    };
    // The address of one cloud's machine agent, which looks public and is not.
    !special && address != Ipv4Addr::new(168, 63, 129, 16)
}

/// A connector that connects to nothing but targets.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector<Resolver>,
    targets: Targets,
}

impl Connector {
    pub(crate) fn new(targets: Targets, set: impl FnOnce(&mut HttpConnector<Resolver>)) -> Self {
        let resolver = Resolver {
            system: GaiResolver::new(),
            targets: targets.clone(),
        };
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        set(&mut tcp);
        Self { tcp, targets }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Service<Uri> for Connector {
    type Response = <HttpConnector<Resolver> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::poll_ready(&mut self.tcp, context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        // A host that is written as an address is resolved by no one.
        let host = to.host().unwrap_or_default();
        if literal(host).is_some_and(|address| !self.targets.may_be(address)) {
            return Box::pin(async { Err(NotPublic.into()) });
        }
        let connecting = self.tcp.call(to);
        Box::pin(async move { connecting.await.map_err(Into::into) })
    }
}

/// The system's resolver, of whose answers the targets are left.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    targets: Targets,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::poll_ready(&mut self.system, context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.system.call(name);
        let targets = self.targets.clone();
        Box::pin(async move { Ok(left(resolving.await?, &targets)?.into_iter()) })
    }
}

/// The addresses that may be connected to, of all that a name has.
fn left(
    found: impl Iterator<Item = SocketAddr>,
    targets: &Targets,
) -> Result<Vec<SocketAddr>, BoxError> {
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "its name has no address").into());
    }
    let mut left = found;
    left.retain(|at| targets.may_be(at.ip()));
    if left.is_empty() {
        return Err(NotPublic.into());
    }
    Ok(left)
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let is_public = |text: &str| is_public(text.parse().unwrap());
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.0.7",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "169.253.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.1.1",
            "223.255.255.254",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2400:cb00::1",
            "2606:4700:4700::1111",
        ] {
            assert!(is_public(address), "{address}");
        }
    }

    #[test]
    fn a_network_that_is_named_may_be_told_and_no_other() {
        let targets = Targets::and(["10.1.0.0/16".parse().unwrap()]);
        let may_be = |text: &str| targets.may_be(text.parse().unwrap());
        assert!(may_be("10.1.2.3") && may_be("::ffff:10.1.2.3") && may_be("1.1.1.1"));
        assert!(!may_be("10.2.0.1") && !may_be("127.0.0.1"));
        for (host, may) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("[::1]", false),
            ("localhost", false),
            ("shop.example.com", true),
        ] {
            assert_eq!(targets.may_be_host(host), may, "{host}");
        }
    }

    /// Of a name that means an inner address now, no matter what it meant when it was set up, nothing is left.
    #[test]
    fn of_what_a_name_means_the_public_is_left() {
        let at = |texts: &[&str]| {
            let found: Vec<SocketAddr> = texts.iter().map(|text| text.parse().unwrap()).collect();
            left(found.into_iter(), &Targets::public())
        };
        let both = at(&["10.0.0.1:443", "1.1.1.1:443"]).unwrap();
        assert_eq!(both, ["1.1.1.1:443".parse().unwrap()]);
        for inner in [&["10.0.0.1:443"][..], &["127.0.0.1:1", "[::1]:1"]] {
            assert!(at(inner).unwrap_err().is::<NotPublic>());
        }
        assert!(!at(&[]).unwrap_err().is::<NotPublic>());
    }
}
