//! `[access]`: what an installation has decided about its operators.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sugi_access::{PasskeySite, Rules, SecondPerson, Secret};
use sugi_engine::clock;

use super::secret_file;

/// Where the secret is in a configuration that sugi makes.
pub(super) const SECRET_FILE: &str = "access-secret";

/// The longest that anything here may be: a session is no way to stay signed in for ever.
const IDLE_MINUTES_MAX: u32 = 24 * 60;
const LONGEST_HOURS_MAX: u32 = 7 * 24;

/// How operators' sessions end, and what takes a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccessConfig {
    /// Minutes after which a session ends that nobody uses.
    pub(crate) idle_minutes: u32,
    /// Hours after which every session ends.
    pub(crate) longest_hours: u32,
    /// Whether every operator has to have one-time codes or a passkey.
    pub(crate) code_required: bool,
    /// The host at which browsers find the pages, with its port if it is not 443; passkeys are good
    /// there and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) passkey_host: Option<String>,
    /// What seals the secrets of one-time codes in the ledger: 64 hexadecimal digits, for the environment.
    #[serde(skip_serializing)]
    pub(crate) secret: Option<String>,
    /// A file with that; relative to the configuration. Not in the ledger, and not beside its copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_file: Option<PathBuf>,
    pub(crate) second_person: SecondPersonConfig,
}

/// What takes a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SecondPersonConfig {
    /// Closing a payment in doubt by hand.
    pub(crate) close: bool,
    /// Cancelling more than this at a time, in won (or in US cents).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancel_above: Option<u64>,
    /// Taking a list out as a file.
    pub(crate) export: bool,
}

impl Default for AccessConfig {
    fn default() -> Self {
        let rules = Rules::default();
        let whole = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            idle_minutes: whole(rules.idle.as_mins()),
            longest_hours: whole(rules.longest.as_hours()),
            code_required: rules.code_required,
            passkey_host: None,
            secret: None,
            secret_file: None,
            second_person: SecondPersonConfig::default(),
        }
    }
}

impl Default for SecondPersonConfig {
    fn default() -> Self {
        let SecondPerson {
            close,
            cancel_above,
            export,
        } = Rules::default().second_person;
        Self {
            close,
            cancel_above,
            export,
        }
    }
}

impl AccessConfig {
    /// Says which rule a value breaks.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=IDLE_MINUTES_MAX).contains(&self.idle_minutes) {
            return Err("access.idle_minutes must be 1 to 1440: a session that nobody uses ends within a day".into());
        }
        if !(1..=LONGEST_HOURS_MAX).contains(&self.longest_hours) {
            return Err(
                "access.longest_hours must be 1 to 168: every session ends within a week".into(),
            );
        }
        if u64::from(self.idle_minutes) > u64::from(self.longest_hours) * 60 {
            return Err("access.idle_minutes is longer than access.longest_hours; a session would never be idle".into());
        }
        if self.secret.is_some() && self.secret_file.is_some() {
            return Err("give access.secret or access.secret_file, one of them".into());
        }
        Ok(())
    }

    /// The installation's secret, if there is one.
    pub(super) fn secret(
        &self,
        home: &Path,
        credentials: Option<&Path>,
    ) -> Result<Option<Secret>, String> {
        if let Some(text) = &self.secret {
            let secret = Secret::parse(text);
            return secret
                .map(Some)
                .map_err(|why| format!("access.secret {why}"));
        }
        let Some(file) = &self.secret_file else {
            return Ok(None);
        };
        let at = |why| format!("access.secret_file: {why}");
        let file = secret_file::place(home, file, credentials).map_err(at)?;
        let text = secret_file::read(&file).map_err(at)?;
        let text = std::str::from_utf8(&text).unwrap_or_default();
        let secret = Secret::parse(text);
        secret
            .map(Some)
            .map_err(|why| at(format!("what stands in {} {why}", file.display())))
    }

    /// Makes the file of the secret, for its owner alone, if one is named and there is none. `true` if it
    /// was made.
    pub(super) fn make_secret(&self, home: &Path) -> std::io::Result<bool> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let Some(file) = self
            .secret_file
            .as_ref()
            .filter(|file| !secret_file::is_credential(file))
        else {
            return Ok(false);
        };
        let mut options = std::fs::OpenOptions::new();
        let made = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(home.join(file));
        match made {
            Ok(mut made) => {
                let text = zeroize::Zeroizing::new(format!(
                    "{}\n",
                    *zeroize::Zeroizing::new(clock::new_secret())
                ));
                std::io::Write::write_all(&mut made, text.as_bytes())?;
                made.sync_all().map(|()| true)
            }
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(why) => Err(why),
        }
    }

    pub(super) fn rules(&self, passkeys: Option<PasskeySite>) -> Rules {
        let SecondPersonConfig {
            close,
            cancel_above,
            export,
        } = self.second_person;
        Rules {
            idle: SignedDuration::from_mins(self.idle_minutes.into()),
            longest: SignedDuration::from_hours(self.longest_hours.into()),
            code_required: self.code_required,
            passkeys,
            secret: None,
            second_person: SecondPerson {
                close,
                cancel_above,
                export,
            },
        }
    }
}

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
            // A browser on this machine, and nobody else.
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

    /// Where `sugi init` and `sugi serve` would find a secret.
    fn with_file(home: &Path, file: &str) -> Result<Option<Secret>, String> {
        let config = AccessConfig {
            secret_file: Some(file.into()),
            ..AccessConfig::default()
        };
        config.make_secret(home).map_err(|why| why.to_string())?;
        config.secret(home, Some(home))
    }

    #[test]
    fn a_secret_is_made_once_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let made = with_file(dir.path(), "secret").unwrap().unwrap();
        let file = dir.path().join("secret");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = with_file(dir.path(), "secret").unwrap().unwrap();
        assert!(made == again, "what is sealed would be lost");
        let other = with_file(dir.path(), "other").unwrap().unwrap();
        assert!(made != other);
        // What systemd hands over is nobody's to make.
        assert!(with_file(dir.path(), "credential:nothing").is_err());
        let handed = with_file(dir.path(), "credential:secret").unwrap().unwrap();
        assert!(made == handed);
        assert_eq!(AccessConfig::default().secret(dir.path(), None), Ok(None));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_not_repeated() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "changeit").unwrap();
        for (mode, named) in [(0o600, "64 hexadecimal digits"), (0o644, "chmod o-rwx")] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let why = with_file(dir.path(), "secret").unwrap_err();
            assert!(
                why.starts_with("access.secret_file: ") && why.contains(named),
                "{why}"
            );
            assert!(!why.contains("changeit"), "{why}");
        }
        let config = AccessConfig {
            secret: Some("changeit".into()),
            ..AccessConfig::default()
        };
        let why = config.secret(dir.path(), None).unwrap_err();
        assert_eq!(
            why,
            "access.secret is 64 hexadecimal digits of chance, as `sugi init` makes them"
        );
    }
}
