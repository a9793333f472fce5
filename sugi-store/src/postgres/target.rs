//! Where the database is, how the way there is kept private, and what has to be true on arrival.

use std::{fmt, net::IpAddr, time::Duration};

use tokio_postgres::{
    CancelToken, Client, Config, Connection, Socket,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    link::{reach, words},
    tls::{self, Trust},
};
use crate::error::StoreError;

/// A server that does not answer for this long counts as away.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// An address that was understood. Its password is no one's to print.
pub(super) struct Target {
    config: Config,
    tls: MakeRustlsConnect,
}

/// What drives a connection.
pub(super) type Driver =
    Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>;

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target")
            .field(&self.config.get_hosts())
            .finish()
    }
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::Failed { why };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(failed(
                "write the database as postgres://user:password@host:port/database".into(),
            ));
        }
        if has_raw_sign(url) {
            return Err(failed(RAW_SIGN.into()));
        }
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for parameter in parameters
            .split('&')
            .filter(|parameter| !parameter.is_empty())
        {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(decoded(value)),
                _ => rest.push(parameter),
            }
        }
        let mut config: Config =
            format!("{address}?{}", rest.join("&"))
                .parse()
                .map_err(|why| {
                    failed(format!(
                        "the database's address cannot be read: {}",
                        unread(&words(&why))
                    ))
                })?;
        let (ssl, trust) = match (mode, roots) {
            (Some("disable"), _) => (SslMode::Disable, Trust::Anybody),
            (None, None) if is_local(&config) => (SslMode::Prefer, Trust::Anybody),
            (Some("prefer"), _) => (SslMode::Prefer, Trust::Anybody),
            (None | Some("require" | "verify-full"), None) => (SslMode::Require, Trust::Browsers),
            (None | Some("require" | "verify-full"), Some(file)) => {
                (SslMode::Require, Trust::File(file))
            }
            (Some(other), _) => {
                // Behind a `?` in a password that was not escaped, anything can stand.
                let given = if other.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
                    other
                } else {
                    "…"
                };
                let why =
                    format!("sslmode={given} is not one of disable, prefer, require, verify-full");
                return Err(failed(why));
            }
        };
        config.ssl_mode(ssl);
        config.application_name(
            config
                .get_application_name()
                .map_or("sugi".to_owned(), Into::into),
        );
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(MAX_WAIT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(3 * MAX_WAIT);
        }
        config
            .keepalives_idle(2 * MAX_WAIT)
            .keepalives_interval(MAX_WAIT)
            .keepalives_retries(3);
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Ok(Self {
            config,
            tls: tls::connector(trust)?,
        })
    }

    /// Asks a connection's server to let go of what it is at work on there. That it was asked says nothing of
    /// whether it does.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let asked = tokio::time::timeout(MAX_WAIT, token.cancel_query(self.tls.clone()));
        if let Ok(Err(why)) = asked.await {
            tracing::warn!(why = words(&why), "PostgreSQL could not be asked to let go");
        }
    }

    /// Connects to the primary.
    pub(super) async fn connect(&self) -> Result<(Client, Driver), StoreError> {
        let answer =
            tokio::time::timeout(3 * MAX_WAIT, self.config.connect(self.tls.clone())).await;
        let place = format!("PostgreSQL at {:?}", self.config.get_hosts());
        match answer {
            Err(_) => Err(StoreError::Failed {
                why: format!("{place} does not answer"),
            }),
            Ok(Err(why)) => Err(StoreError::Failed {
                why: format!("{place}: {}", reach(&why)),
            }),
            Ok(Ok(connected)) => Ok(connected),
        }
    }
}

/// What an address with such a sign is answered. It quotes nothing: what is beside the sign is secret.
const RAW_SIGN: &str = "the database's address has more than one `@`, or a `/`, `?`, `#` or space before it: \
                        in user, password and parameters write %40 for @, %2F for /, %3F for ?, %23 for #, \
                        %20 for a space";

/// Whether a sign that ends a part of an address stands in its user or its password: the rest of a password
/// would be taken for a host, and told.
fn has_raw_sign(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let secret = rest.rsplit_once('@').map(|(secret, _)| secret);
    secret.is_some_and(|secret| {
        secret.contains(['@', '/', '?', '#', '[', ']']) || secret.contains(char::is_whitespace)
    })
}

/// The parser's words, if they quote nothing.
fn unread(words: &str) -> &str {
    const PARAMETER: &str = "a parameter behind the `?` is none that is known";
    match words.rsplit(": ").next() {
        Some(rule) if rule.starts_with("invalid value for option") => rule,
        Some(rule) if rule.starts_with("unknown option") => PARAMETER,
        _ => "write it as postgres://user:password@host:port/database?parameter=value",
    }
}

fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        }
        Host::Unix(_) => true,
    })
}

/// Undoes %-escapes, which a file's name may need.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) if byte == b'%' => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_private_unless_it_is_short_or_somebody_said_otherwise() {
        let mode = |url: &str| Target::parse(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://sugi@localhost/sugi"), SslMode::Prefer);
        assert_eq!(mode("postgres://sugi@127.0.0.1:5433/sugi"), SslMode::Prefer);
        assert_eq!(
            mode("postgresql://sugi@db.example.com/sugi"),
            SslMode::Require
        );
        assert_eq!(
            mode("postgres://sugi@localhost,db.example.com/sugi"),
            SslMode::Require
        );
        assert_eq!(
            mode("postgres://sugi@db/sugi?sslmode=disable&application_name=x"),
            SslMode::Disable
        );
        assert_eq!(
            mode("postgres://sugi@db/sugi?sslmode=verify-full"),
            SslMode::Require
        );
    }

    #[test]
    fn what_cannot_be_understood_is_said_without_the_password() {
        for url in [
            "mysql://sugi:secret@db/sugi",
            "postgres://sugi:secret@db/sugi?sslmode=verify-ca",
            "postgres://sugi:secret@db/sugi?nonsense=1",
            "postgres://sugi:secret@db/sugi?sslrootcert=/there/is/no/such/file.pem",
            "postgres://sugi:secret@db:port/sugi",
            "postgres://sugi:pa@secret@db/sugi",
            "postgres://sugi:pa@secret@db",
            "postgres://sugi:pa/secret@db/sugi",
            "postgres://sugi:pa?secret@db/sugi",
            "postgres://sugi:pa?sslmode=secret9@db/sugi",
            "postgres://sugi:pa#secret@db/sugi",
            "postgres://sugi:pa secret@db/sugi",
            "postgres://sugi:pa@/secret@db/sugi",
            "postgres://sugi@db/sugi?password=pa&secret=1",
            "postgres://sugi@db/sugi?password=pa&secret",
            "postgres://sugi@db/sugi?sslmode=Secret1secret",
            "postgres://sugi:secret",
        ] {
            let why = Target::parse(url).unwrap_err().to_string();
            assert!(!why.contains("secret"), "{why}");
        }
        let raw = Target::parse("postgres://sugi:pa@ss@db/sugi").unwrap_err();
        assert!(raw.to_string().contains("%40"), "{raw}");
        let escaped = Target::parse("postgres://sugi:pa%40ss@db/sugi").unwrap();
        assert_eq!(escaped.config.get_password(), Some(&b"pa@ss"[..]));
        assert!(
            !format!(
                "{:?}",
                Target::parse("postgres://sugi:secret@db/sugi").unwrap()
            )
            .contains("secret")
        );
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(decoded("/a%20b%2Fc%zz%"), "/a b/c%zz%");
    }
}
