//! `[access]`: what an installation has decided about its operators.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sugi_access::{PasskeySite, Rules, SecondPerson, Secret};

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
    /// Minutes after which a session ends that no one uses.
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
    /// Cancelling more than this of a payment, all its cancels together, in won; of dollars then any amount.
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
                    *zeroize::Zeroizing::new(sugi_clock::new_secret())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let read = Config::parse(text, Path::new("/etc/sugi/sugi.toml"), env);
        read.map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn access_is_as_it_was_decided() {
        let rules = |config: Config| config.access_rules(config.listen);
        let as_said = |passkeys: Option<PasskeySite>| Rules {
            passkeys,
            ..Rules::default()
        };
        let here = Some(PasskeySite {
            host: "localhost".into(),
            origins: vec!["http://localhost:8080".into()],
        });
        let by_default = rules(parse("", &[]).unwrap());
        assert_eq!(by_default, as_said(here));
        let elsewhere = parse("listen = \"192.0.2.1:443\"", &[]).unwrap();
        assert_eq!(rules(elsewhere), as_said(None));
        let file = "\
            access = { idle_minutes = 5, longest_hours = 8, code_required = true, \
            second_person = { close = false, cancel_above = 100_000 } }";
        let env = [("SUGI_ACCESS__SECOND_PERSON__EXPORT", "true")];
        let rules = |text: &str, env: &[(&str, &str)]| rules(parse(text, env).unwrap());
        let decided = rules(file, &env);
        assert_eq!(decided.idle.as_mins(), 5);
        assert_eq!(decided.longest.as_hours(), 8);
        assert!(decided.code_required);
        let second = decided.second_person;
        assert!(!second.close && second.export);
        assert_eq!(second.cancel_above, Some(100_000));
        for (name, value) in [
            ("SUGI_ACCESS__IDLE_MINUTES", "7"),
            ("SUGI_ACCESS__LONGEST_HOURS", "7"),
            ("SUGI_ACCESS__CODE_REQUIRED", "true"),
            ("SUGI_ACCESS__PASSKEY_HOST", "pay.example.com"),
            ("SUGI_ACCESS__SECOND_PERSON__CLOSE", "false"),
            ("SUGI_ACCESS__SECOND_PERSON__CANCEL_ABOVE", "7"),
            ("SUGI_ACCESS__SECOND_PERSON__EXPORT", "true"),
        ] {
            assert_ne!(rules("", &[(name, value)]), by_default, "{name}");
        }
    }

    #[test]
    fn codes_are_not_required_where_nobody_can_have_any() {
        let file = "listen = \"192.0.2.1:443\"\naccess = { code_required = true }";
        let secret = ("SUGI_ACCESS__SECRET", "abcd".repeat(16));
        let host = ("SUGI_ACCESS__PASSKEY_HOST", "pay.example.com".to_owned());
        for (env, good) in [(None, false), (Some(secret), true), (Some(host), true)] {
            let env: Vec<_> = env
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let config = parse(file, &env).unwrap();
            let rules = config.access_rules_with_secret(config.listen);
            assert_eq!(rules.is_ok(), good, "{env:?}");
        }
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
        // What systemd hands over is no one's to make.
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
