//! Where requests go, and the guard that keeps live shops and test shops apart.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use http::Uri;
use http::uri::Scheme;

use crate::{
    money::Amount,
    order::OrderNo,
    tno::{SiteCode, Tno},
};

/// Which server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gateway {
    /// KCP, with real money: `https://spl.kcp.co.kr`.
    Production,
    /// KCP's shared test system: `https://stg-spl.kcp.co.kr`.
    Test,
    /// A server of your own that imitates KCP.
    Sandbox(SandboxUrl),
}

impl Gateway {
    /// A sandbox at this address.
    ///
    /// # Errors
    ///
    /// As [`SandboxUrl::parse`].
    pub fn sandbox(url: &str) -> Result<Self, GatewayError> {
        SandboxUrl::parse(url).map(Self::Sandbox)
    }

    /// The address that the paths of the API are put behind, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Production => "https://spl.kcp.co.kr",
            Self::Test => "https://stg-spl.kcp.co.kr",
            Self::Sandbox(url) => &url.0,
        }
    }

    /// Where KCP shows its own sales slip (카드 매출전표) of an approval to whoever has the link, as its
    /// developer site documents it; `None` of a sandbox. It is for a person to open, not part of the API:
    /// `order_no` is the number that KCP was told.
    ///
    /// ```
    /// use nhn_kcp::{Gateway, Money};
    /// let (tno, order) = ("26000000000001".parse()?, "A-1".parse()?);
    /// let slip = Gateway::Production.slip_url(&tno, &order, Money::won(1004)?.amount);
    /// let slip = slip.unwrap();
    /// assert!(slip.starts_with("https://admin8.kcp.co.kr/"));
    /// assert!(slip.ends_with("&tno=26000000000001&order_no=A-1&trade_mony=1004"));
    /// # Ok::<(), nhn_kcp::Invalid>(())
    /// ```
    #[must_use]
    pub fn slip_url(&self, tno: &Tno, order_no: &OrderNo, amount: Amount) -> Option<String> {
        let host = match self {
            Self::Production => "admin8.kcp.co.kr",
            Self::Test => "testadmin8.kcp.co.kr",
            Self::Sandbox(_) => return None,
        };
        // An order number may hold signs that mean something in an address.
        let mut order = String::with_capacity(order_no.as_str().len());
        for byte in order_no.as_str().bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                order.push(byte.into());
            } else {
                let _ = write!(order, "%{byte:02X}");
            }
        }
        Some(format!(
            "https://{host}/assist/bill.BillActionNew.do?cmd=card_bill&tno={tno}&order_no={order}&trade_mony={}",
            amount.get()
        ))
    }

    /// Whether a shop may be used with this server: a live one never with a server that is not KCP's
    /// (real cards would go there), a public test one never with the live server (it would be refused
    /// there at best).
    ///
    /// # Errors
    ///
    /// [`GatewayError::LiveShopElsewhere`] or [`GatewayError::TestShopOnLive`].
    pub fn check(&self, site_code: &SiteCode) -> Result<(), GatewayError> {
        match self {
            Self::Production if site_code.is_test() => Err(GatewayError::TestShopOnLive),
            Self::Sandbox(_) if !site_code.is_test() => Err(GatewayError::LiveShopElsewhere),
            _ => Ok(()),
        }
    }
}

/// The address of a sandbox: `https://…`, or `http://…` on this machine alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxUrl(String);

impl SandboxUrl {
    /// Reads the address. A path in it is put before the API's paths.
    ///
    /// # Errors
    ///
    /// [`GatewayError::NotAnAddress`], [`GatewayError::PlainHttp`], [`GatewayError::KcpHost`].
    pub fn parse(url: &str) -> Result<Self, GatewayError> {
        let uri: Uri = url.parse().map_err(|_| GatewayError::NotAnAddress)?;
        let (Some(scheme), Some(host), None) = (uri.scheme(), uri.host(), uri.query()) else {
            return Err(GatewayError::NotAnAddress);
        };
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        if host.is_empty() || authority.contains('@') {
            return Err(GatewayError::NotAnAddress);
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if name == "kcp.co.kr" || name.ends_with(".kcp.co.kr") {
            return Err(GatewayError::KcpHost);
        }
        if *scheme == Scheme::HTTP {
            if !is_loopback(host) {
                return Err(GatewayError::PlainHttp);
            }
        } else if *scheme != Scheme::HTTPS {
            return Err(GatewayError::NotAnAddress);
        }
        let path = uri.path().trim_end_matches('/');
        Ok(Self(format!("{scheme}://{authority}{path}")))
    }
}

/// Why a server cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum GatewayError {
    /// Not an address of the form `https://host:port`.
    #[error("the sandbox's address must have the form https://host:port, without user or query")]
    NotAnAddress,
    /// Card data would cross a network unencrypted.
    #[error("plain http is only for this machine (127.0.0.0/8, ::1, localhost): use https")]
    PlainHttp,
    /// KCP's own host given as a sandbox.
    #[error("KCP's own hosts are Gateway::Production and Gateway::Test, never a sandbox")]
    KcpHost,
    /// A live shop's code with a server that is not KCP's.
    #[error("a live site code must not be used with a server that is not KCP's")]
    LiveShopElsewhere,
    /// A public test shop's code with the live server.
    #[error("a test site code must not be used with KCP's live server")]
    TestShopOnLive,
}

fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.octets()[0] == Ipv4Addr::LOCALHOST.octets()[0],
        Ok(IpAddr::V6(address)) => address == Ipv6Addr::LOCALHOST,
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandboxes_are_encrypted_or_here() {
        for (good, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.9.9.9/", "http://127.9.9.9"),
            ("http://[::1]:1/", "http://[::1]:1"),
            (
                "http://localhost:80/world/7/",
                "http://localhost:80/world/7",
            ),
            ("https://sandbox.example", "https://sandbox.example"),
        ] {
            assert_eq!(Gateway::sandbox(good).unwrap().url(), url);
        }
        for (bad, error) in [
            ("http://192.168.0.1", GatewayError::PlainHttp),
            ("http://localhost.example", GatewayError::PlainHttp),
            ("http://127.0.0.1.example", GatewayError::PlainHttp),
            ("http://[::ffff:10.0.0.1]", GatewayError::PlainHttp),
            ("http://user@127.0.0.1", GatewayError::NotAnAddress),
            ("ftp://127.0.0.1", GatewayError::NotAnAddress),
            ("127.0.0.1:80", GatewayError::NotAnAddress),
            ("https://a?b=c", GatewayError::NotAnAddress),
            ("", GatewayError::NotAnAddress),
            ("https://spl.kcp.co.kr", GatewayError::KcpHost),
            ("https://SPL.kcp.co.kr./", GatewayError::KcpHost),
            ("https://kcp.co.kr", GatewayError::KcpHost),
        ] {
            assert_eq!(Gateway::sandbox(bad).unwrap_err(), error, "{bad}");
        }
    }

    #[test]
    fn live_and_test_are_kept_apart() {
        let (live, test) = (
            SiteCode::parse("SR123").unwrap(),
            SiteCode::parse("T0000").unwrap(),
        );
        let sandbox = Gateway::sandbox("http://127.0.0.1:1").unwrap();
        assert_eq!(Gateway::Production.check(&live), Ok(()));
        assert_eq!(
            Gateway::Production.check(&test),
            Err(GatewayError::TestShopOnLive)
        );
        assert_eq!(Gateway::Test.check(&live), Ok(()));
        assert_eq!(Gateway::Test.check(&test), Ok(()));
        assert_eq!(sandbox.check(&live), Err(GatewayError::LiveShopElsewhere));
        assert_eq!(sandbox.check(&test), Ok(()));
    }
}
