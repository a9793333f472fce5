//! Where a webhook is told.

use std::{fmt, net::IpAddr, str::FromStr};

use http::Uri;
use serde::{Deserialize, Serialize};

/// The longest address.
const BYTES_MAX: usize = 2_048;

/// An address of a webhook: `https://`, or `http://` on this machine, where no one can listen in between.
///
/// It holds no user and no password: they would stand in the ledger and on pages in clear. What proves who
/// tells is the signature.
///
/// ```
/// use sugi_webhooks::Address;
/// assert!("https://shop.example.com/sugi?from=1".parse::<Address>().is_ok());
/// assert!("http://127.0.0.1:8081/".parse::<Address>().is_ok());
/// assert!("http://shop.example.com/".parse::<Address>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Box<str>);

/// A text that is no address of a webhook: the rule that it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is too long.
    #[error("must have at most 2048 characters")]
    Long,
    /// It does not read as one.
    #[error("must be an address like https://shop.example.com/sugi")]
    Form,
    /// Its port is none.
    #[error("must have a port from 1 to 65535, or none")]
    Port,
    /// It holds a user or a password.
    #[error("must not hold a user or password: the signature proves who tells")]
    User,
    /// It would be told in clear.
    #[error("must begin with https://; http:// is for this machine alone")]
    Clear,
    /// It is in a network that is not told.
    #[error(
        "must be a public address; for an inner one its network has to be named in webhooks.allow_networks"
    )]
    NotPublic,
}

impl Address {
    /// It as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its host.
    pub(crate) fn host(&self) -> String {
        let uri = self.0.parse::<Uri>().ok();
        let host = uri.as_ref().and_then(Uri::host);
        host.unwrap_or_default().to_owned()
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if text.len() > BYTES_MAX {
            return Err(BadAddress::Long);
        }
        let uri: Uri = text.parse().map_err(|_| BadAddress::Form)?;
        let (Some(scheme), Some(authority), Some(host)) =
            (uri.scheme_str(), uri.authority(), uri.host())
        else {
            return Err(BadAddress::Form);
        };
        if host.is_empty() || text.contains('#') {
            return Err(BadAddress::Form);
        }
        if authority.as_str().contains('@') {
            return Err(BadAddress::User);
        }
        if !is_port(authority.as_str().strip_prefix(host).unwrap_or_default()) {
            return Err(BadAddress::Port);
        }
        match scheme {
            "https" => Ok(Self(text.into())),
            "http" if is_this_machine(host) => Ok(Self(text.into())),
            "http" => Err(BadAddress::Clear),
            _ => Err(BadAddress::Form),
        }
    }
}

/// Whether what stands behind a host is nothing, or a port that there can be.
fn is_port(behind: &str) -> bool {
    let Some(port) = behind.strip_prefix(':') else {
        return behind.is_empty();
    };
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    is_number && port.parse().is_ok_and(|port: u16| port > 0)
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl TryFrom<String> for Address {
    type Error = BadAddress;
    fn try_from(text: String) -> Result<Self, BadAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.0.into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_in_clear_stays_on_this_machine() {
        let check = |text: &str, named: &str| {
            let why = text.parse::<Address>().map(drop).unwrap_err().to_string();
            assert!(why.contains(named), "{text}: {why}");
        };
        for good in [
            "https://shop.example.com",
            "https://192.168.0.7:8443/a/b?c=d",
            "http://localhost:1/x",
            "http://[::1]:8081/",
            "http://127.9.9.9/",
        ] {
            assert_eq!(good.parse::<Address>().unwrap().as_str(), good);
        }
        check("http://127.0.0.1.example.com/", "must begin with https://");
        check("http://10.0.0.1/", "must begin with https://");
        check("https://kim:secret@example.com/", "user or password");
        check("https://example.com/#here", "like https://");
        for port in [
            "99999",
            "65536",
            "0",
            "",
            "-1",
            "+1",
            "x",
            "443x",
            "00000000000443x",
        ] {
            let url = format!("https://example.com:{port}/");
            assert!(url.parse::<Address>().is_err(), "{url}");
        }
        check("https://example.com:99999/", "a port from 1 to 65535");
        check("https://[2606:4700::1]:65536/", "a port from 1 to 65535");
        assert!("https://example.com:65535/".parse::<Address>().is_ok());
        assert!("https://[2606:4700::1]:8443/".parse::<Address>().is_ok());
        for bad in [
            "",
            "shop",
            "/sugi",
            "ftp://example.com/",
            "https:///x",
            "https://a b/",
        ] {
            check(bad, "like https://");
        }
        check(
            &format!("https://example.com/{}", "a".repeat(2_048)),
            "2048",
        );
    }
}
