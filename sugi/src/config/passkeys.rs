//! `access.passkey_host`: where passkeys are good.

use std::net::SocketAddr;

use sugi_access::PasskeySite;

use super::AccessConfig;

/// Where the service is asked for, as far as it knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listens {
    /// Where it listens.
    pub(super) at: SocketAddr,
    /// It speaks TLS itself.
    pub(super) tls: bool,
    /// A proxy that speaks TLS stands in front.
    pub(super) behind_proxy: bool,
}

/// The host of this machine, for browsers on it.
const LOCALHOST: &str = "localhost";

impl AccessConfig {
    /// Where passkeys are good. A browser on the same machine needs no name to be said; for everybody
    /// else there are none before it is.
    pub(super) fn passkey_site(&self, listens: Listens) -> Result<Option<PasskeySite>, String> {
        let alone = listens.at.ip().is_loopback() && !listens.behind_proxy;
        let named = match &self.passkey_host {
            Some(named) => named.as_str(),
            None if alone => LOCALHOST,
            None => return Ok(None),
        };
        let wrong = |why: &str| {
            format!(
                "access.passkey_host = \"{named}\" {why}; write the name at which browsers find the pages, as pay.example.com, or pay.example.com:8443 where the port is not 443"
            )
        };
        let (host, port) = match named.split_once(':') {
            Some((host, port)) => {
                let number: Option<u16> = port.parse().ok().filter(|number| *number > 0);
                let number = number.filter(|number| number.to_string() == port);
                (
                    host,
                    Some(number.ok_or_else(|| wrong("has a port that is none"))?),
                )
            }
            None => (named, None),
        };
        if host.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(wrong("is an address, and passkeys are good at a name only"));
        }
        if !is_host(host) {
            return Err(wrong("is no host name in small letters"));
        }
        let local = host == LOCALHOST;
        if local && !alone {
            return Err(wrong("is this machine alone"));
        }
        let (scheme, usual) = if local && !listens.tls {
            ("http", 80)
        } else {
            ("https", 443)
        };
        // What speaks to browsers itself has its own port, and perhaps the usual one in front of it.
        let own = Some(listens.at.port()).filter(|_| local || listens.tls);
        let ports = match port {
            Some(port) => vec![port],
            None if local => own.into_iter().collect(),
            None => [usual]
                .into_iter()
                .chain(own.filter(|own| *own != usual))
                .collect(),
        };
        let origin = |port: u16| {
            if port == usual {
                format!("{scheme}://{host}")
            } else {
                format!("{scheme}://{host}:{port}")
            }
        };
        Ok(Some(PasskeySite {
            host: host.into(),
            origins: ports.into_iter().map(origin).collect(),
        }))
    }
}

/// Whether a text is a host's name, as browsers write it.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name whose last part is a number is an address to a browser.
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(
        host: Option<&str>,
        at: &str,
        tls: bool,
        behind_proxy: bool,
    ) -> Result<Option<Vec<String>>, String> {
        let config = AccessConfig {
            passkey_host: host.map(Into::into),
            ..AccessConfig::default()
        };
        let at = at.parse().unwrap();
        let listens = Listens {
            at,
            tls,
            behind_proxy,
        };
        let site = config.passkey_site(listens)?;
        Ok(site.map(|site| [vec![site.host], site.origins].concat()))
    }

    #[test]
    fn passkeys_are_good_where_browsers_find_the_pages() {
        let (here, there) = ("127.0.0.1:8080", "192.0.2.1:8443");
        for (host, at, tls, proxy, good) in [
            // A browser on this machine, and no one else.
            (
                None,
                here,
                false,
                false,
                &["localhost", "http://localhost:8080"][..],
            ),
            (
                None,
                "[::1]:80",
                false,
                false,
                &["localhost", "http://localhost"],
            ),
            (
                None,
                here,
                true,
                false,
                &["localhost", "https://localhost:8080"],
            ),
            (
                Some("localhost"),
                here,
                false,
                false,
                &["localhost", "http://localhost:8080"],
            ),
            (None, here, false, true, &[]),
            (None, there, true, false, &[]),
            // A proxy has the usual port, or the one that is named; what speaks TLS itself has its own too.
            (
                Some("pay.example.com"),
                here,
                false,
                true,
                &["pay.example.com", "https://pay.example.com"],
            ),
            (
                Some("pay.example.com"),
                here,
                false,
                false,
                &["pay.example.com", "https://pay.example.com"],
            ),
            (
                Some("pay.example.com"),
                there,
                true,
                false,
                &[
                    "pay.example.com",
                    "https://pay.example.com",
                    "https://pay.example.com:8443",
                ],
            ),
            (
                Some("pay.example.com:444"),
                there,
                true,
                false,
                &["pay.example.com", "https://pay.example.com:444"],
            ),
            (
                Some("pay.example.com:443"),
                there,
                true,
                false,
                &["pay.example.com", "https://pay.example.com"],
            ),
        ] {
            let site = site(host, at, tls, proxy).unwrap().unwrap_or_default();
            assert_eq!(site, good, "{host:?} {at} {tls} {proxy}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = "a".repeat(64);
        for host in [
            "",
            "https://pay.example.com",
            "pay.example.com/",
            "pay.example.com.",
            ".example.com",
            "Pay.example.com",
            "pay_1.example.com",
            "-pay.example.com",
            "pay-.example.com",
            "192.0.2.1",
            "192.0.2.1:443",
            "1.2",
            "[2001:db8::1]",
            "\u{ac00}.example.com",
            "pay.example.com:",
            "pay.example.com:0",
            "pay.example.com:0443",
            "pay.example.com:65536",
            "pay.example.com:+1",
            &long,
        ] {
            let why = site(Some(host), "192.0.2.1:8443", true, false).unwrap_err();
            assert!(why.starts_with("access.passkey_host = "), "{why}");
            assert!(why.contains("write the name at which"), "{why}");
        }
        let why = site(Some("localhost"), "192.0.2.1:80", false, true).unwrap_err();
        assert!(why.contains("this machine alone"), "{why}");
    }
}
