//! `sugi.toml`: every key of it can also be given as an environment variable.
//!
//! `SUGI_DATA` is `data`; tables are joined by two underscores, so `SUGI_SHOP__MAIN__KEY_PASSWORD` is
//! `key_password` of `[shop.main]`. The environment wins over the file.

mod access;
#[cfg(test)]
mod documented;
mod environment;
mod file;
mod key;
mod mail;
mod merchant;
mod passkeys;
mod proxies;
mod readable;
mod secret_file;
mod shop;
mod site_codes;
mod velocity;
mod webhooks;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sugi_access::{PasskeySite, Rules};
use sugi_api::{ApiKey, Limits, Listener, Tls};
use sugi_clock::Clock;
use sugi_core::{Actor, ShopId};
use sugi_engine::Shop;
use sugi_mail::Mailer;
use sugi_store::{Store, StoreError};
use sugi_webhooks::Line;
use tokio::net::TcpListener;

pub(crate) use self::access::AccessConfig;
pub(crate) use self::file::{write, write_first};
pub(crate) use self::key::{Hashes, KeyConfig};
use self::mail::MailConfig;
pub(crate) use self::merchant::MerchantConfig;
use self::proxies::Proxies;
pub(crate) use self::shop::{ContractConfig, Seconds, ShopConfig};
use self::webhooks::WebhooksConfig;
use crate::{cli::Failure, retention::RetentionConfig};

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the service listens.
    #[serde(default = "default_listen")]
    pub(crate) listen: SocketAddr,
    /// TLS of our own. Without it the service speaks plain HTTP, for this machine or a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<TlsConfig>,
    /// The proxies that stand in front and speak TLS, by their addresses: plain HTTP may be spoken to other machines,
    /// and what one of these says in `X-Forwarded-For` about who asks is believed.
    #[serde(default, skip_serializing_if = "Proxies::is_none")]
    pub(crate) behind_proxy: Proxies,
    /// The folder of an embedded ledger; relative to the file. `ledger` if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<PathBuf>,
    /// How many megabytes the disk of an embedded ledger must have free for the service to be ready.
    #[serde(default = "default_disk_free_min_mb")]
    pub(crate) disk_free_min_mb: u32,
    /// The address of a PostgreSQL that keeps the ledger, for several nodes: `postgres://…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<String>,
    /// How many inquiries a second the watch over settled payments makes at most; 0 turns it off.
    #[serde(
        default = "default_watch_per_second",
        skip_serializing_if = "is_default_watch"
    )]
    pub(crate) watch_per_second: u32,
    /// A time up to which the ledger's events are known to have been written by a clock that was ahead:
    /// a start is not refused for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock_was_ahead_until: Option<Timestamp>,
    /// Where traces of requests go; nowhere if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) traces: Option<TracesConfig>,
    /// How long what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retention: Option<RetentionConfig>,
    /// What slips and checkpoints are mailed by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mail: Option<MailConfig>,
    /// Whom the service believes when it tells others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhooks: Option<WebhooksConfig>,
    /// Where the file is.
    #[serde(skip)]
    pub(crate) home: PathBuf,
    /// What was decided about operators.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) access: AccessConfig,
    /// The shops, by the name that this installation gives them.
    #[serde(default)]
    pub(crate) shop: BTreeMap<ShopId, ShopConfig>,
    /// The API keys, by the name under which their holders act; `sugi key` makes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) key: BTreeMap<Actor, KeyConfig>,
}

/// TLS of our own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// The certificate chain, PEM; relative to the file.
    pub(crate) cert: PathBuf,
    /// Its key, PEM; relative to the file.
    pub(crate) key: PathBuf,
}

fn is_default(access: &AccessConfig) -> bool {
    *access == AccessConfig::default()
}

/// Traces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TracesConfig {
    /// An OpenTelemetry collector that speaks OTLP over HTTP: `http://127.0.0.1:4318`.
    pub(crate) endpoint: String,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn default_watch_per_second() -> u32 {
    2
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_default_watch(per_second: &u32) -> bool {
    *per_second == default_watch_per_second()
}

fn default_disk_free_min_mb() -> u32 {
    256
}

impl Config {
    /// What the service takes at most.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            disk_free_bytes: u64::from(self.disk_free_min_mb) * 1_000_000,
            ..Limits::default()
        }
    }

    /// What mails, and to whom the day's checkpoint goes.
    pub(crate) fn mail(&self) -> Result<Option<(Mailer, Vec<String>)>, Failure> {
        let Some(mail) = &self.mail else {
            return Ok(None);
        };
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let mailer = mail.mailer(&self.home, credentials.as_deref());
        let mailer = mailer.map_err(|why| Failure::new(why).code(2))?;
        Ok(Some((mailer, mail.checkpoint_to.clone())))
    }

    /// What webhooks are told by.
    pub(crate) fn line(&self) -> Result<Line, Failure> {
        let webhooks = self.webhooks.clone().unwrap_or_default();
        let line = webhooks.line(&self.home);
        line.map_err(|why| Failure::new(why).code(2))
    }

    /// How many days buyers are kept, if that was decided.
    pub(crate) fn buyer_days(&self) -> Option<u32> {
        self.retention.as_ref()?.buyer_days
    }

    /// A demo's: its webhooks' receivers are on the same machine.
    pub(crate) fn of_demo(shop: BTreeMap<ShopId, ShopConfig>) -> Self {
        Self {
            webhooks: Some(WebhooksConfig::of_demo()),
            ..Self::of(shop)
        }
    }

    /// A configuration of these shops, and otherwise as it is when nothing is said.
    pub(crate) fn of(shop: BTreeMap<ShopId, ShopConfig>) -> Self {
        let (listen, key) = (default_listen(), BTreeMap::new());
        Self {
            listen,
            tls: None,
            behind_proxy: Proxies::default(),
            data: None,
            disk_free_min_mb: default_disk_free_min_mb(),
            database: None,
            watch_per_second: default_watch_per_second(),
            clock_was_ahead_until: None,
            traces: None,
            retention: None,
            mail: None,
            webhooks: None,
            home: PathBuf::new(),
            access: AccessConfig {
                secret_file: Some(access::SECRET_FILE.into()),
                ..AccessConfig::default()
            },
            shop,
            key,
        }
    }

    /// Reads the file, then the environment over it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|why| {
            Failure::new(format!("{}: {why}", path.display())).hint(
                "name the file with --config; `sugi init` makes one, and `sugi sandbox` one to try",
            )
        })?;
        Self::parse(&text, path, environment::variables())
    }

    fn parse(
        text: &str,
        path: &Path,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let failed = |why: &dyn std::fmt::Display| {
            Failure::new(format!("{}: {why}", path.display())).code(2)
        };
        // The parser's own words would show the line, and there may be a secret in it.
        let mut table: toml::Table = text.parse().map_err(|why: toml::de::Error| {
            let before = why.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            failed(&format!("line {line}: {}", why.message()))
        })?;
        readable::check(path, &table).map_err(|why| failed(&why))?;
        readable::are_texts(&table).map_err(|why| failed(&why))?;
        for (name, value) in env {
            if let Some(key) = environment::key(&name) {
                overlay(&mut table, &key, &value)
                    .map_err(|why| failed(&format!("{name}: {why}")))?;
            }
        }
        let mut config: Self = table
            .try_into()
            .map_err(|why: toml::de::Error| failed(&why))?;
        let home = path.parent().unwrap_or(Path::new("."));
        if config.data.is_some() && config.database.is_some() {
            return Err(failed(
                &"give data or database, one of them: a ledger is in one place",
            ));
        }
        config.access.check().map_err(|why| failed(&why))?;
        config
            .passkey_site(config.listen)
            .map_err(|why| failed(&why))?;
        if let Some(retention) = &config.retention {
            retention.check().map_err(|why| failed(&why))?;
        }
        config.data = config.data.map(|data| home.join(data));
        home.clone_into(&mut config.home);
        site_codes::check(&config.shop).map_err(|why| failed(&why))?;
        for (id, shop) in &mut config.shop {
            let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
            let place = |file: &Path| {
                secret_file::place(home, file, credentials.as_deref())
                    .map_err(|why| failed(&format!("shop {id}: {why}")))
            };
            shop.cert = place(&shop.cert)?;
            shop.key = place(&shop.key)?;
            shop.key_password_file = match &shop.key_password_file {
                Some(file) => Some(place(file)?),
                None => None,
            };
            if shop.key_password.is_some() == shop.key_password_file.is_some() {
                return Err(failed(&format!(
                    "shop {id}: give key_password or key_password_file, one of them"
                )));
            }
        }
        Ok(config)
    }

    /// Where the service listens. Cards never cross a network in the clear.
    pub(crate) async fn listening(&self) -> Result<Listener, Failure> {
        if self.tls.is_none() && !self.listen.ip().is_loopback() && self.behind_proxy.is_none() {
            let what = format!(
                "listen = \"{}\" would let cards cross a network in plain HTTP",
                self.listen
            );
            let hint = "add [tls] with cert and key, or behind_proxy = [\"10.0.0.1\"], the address of a proxy with TLS that stands in front";
            return Err(Failure::new(what).hint(hint).code(2));
        }
        let tls = self.tls.as_ref().map(|tls| {
            let read = |file: &Path| {
                let path = self.home.join(file);
                std::fs::read(&path)
                    .map_err(|why| Failure::new(format!("{}: {why}", path.display())))
            };
            let key = secret_file::read(&self.home.join(&tls.key));
            let key = key.map_err(|why| Failure::new(format!("tls.key: {why}")).code(2))?;
            Ok::<_, Failure>(Tls::from_pem(&read(&tls.cert)?, &key)?)
        });
        let tls = tls.transpose()?;
        let listener = TcpListener::bind(self.listen).await.map_err(|why| {
            Failure::new(format!("{}: {why}", self.listen)).hint("listen names another address")
        })?;
        let listening = match tls {
            Some(tls) => Listener::with_tls(listener, tls),
            None => listener.into(),
        };
        Ok(listening.behind(self.behind_proxy.networks()))
    }

    /// The ledger, for writing.
    pub(crate) async fn store(&self) -> Result<Store, StoreError> {
        let store = match &self.database {
            Some(url) => Store::connect(url).await,
            None => Store::open(&self.ledger()),
        }?;
        let now = Clock::real().now();
        store.check_clock(now, self.clock_was_ahead_until).await?;
        Ok(store)
    }

    /// The ledger, for reading: beside a service that writes, or while nothing may be written.
    pub(crate) async fn store_to_read(&self) -> Result<Store, StoreError> {
        match &self.database {
            Some(url) => Store::connect_to_read(url).await,
            None => Store::open_to_read(&self.ledger()),
        }
    }

    /// The folder of an embedded ledger.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.data
            .clone()
            .unwrap_or_else(|| self.home.join("ledger"))
    }

    /// What was decided about operators, for a service that listens there.
    pub(crate) fn access_rules(&self, at: SocketAddr) -> Rules {
        // It was checked when it was read, and another port breaks no rule.
        self.access.rules(self.passkey_site(at).unwrap_or_default())
    }

    /// The same with the secret of the installation, for whoever lets operators in.
    pub(crate) fn access_rules_with_secret(&self, at: SocketAddr) -> Result<Rules, Failure> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let secret = self.access.secret(&self.home, credentials.as_deref());
        let hint = "`sugi init` makes the file that access.secret_file names, if there is none";
        let secret = secret.map_err(|why| Failure::new(why).hint(hint).code(2))?;
        let rules = self.access_rules(at);
        if rules.code_required && secret.is_none() && rules.passkeys.is_none() {
            let what =
                "access.code_required asks for one-time codes or passkeys, and nobody can have any";
            let hint = "name a secret_file in [access] and run `sugi init`, or set passkey_host";
            return Err(Failure::new(what).hint(hint).code(2));
        }
        Ok(Rules { secret, ..rules })
    }

    /// The file with the secret of the installation, if one is named.
    pub(crate) fn secret_file(&self) -> Option<PathBuf> {
        self.access
            .secret_file
            .as_ref()
            .map(|file| self.home.join(file))
    }

    /// Makes the secret of the installation, if its file is named and is not there. `true` if it was made.
    pub(crate) fn make_secret(&self) -> Result<bool, Failure> {
        let failed = |why| Failure::new(format!("access.secret_file: {why}"));
        self.access.make_secret(&self.home).map_err(failed)
    }

    fn passkey_site(&self, at: SocketAddr) -> Result<Option<PasskeySite>, String> {
        self.access.passkey_site(passkeys::Listens {
            at,
            tls: self.tls.is_some(),
            behind_proxy: !self.behind_proxy.is_none(),
        })
    }

    /// The API keys, ready to be compared with.
    pub(crate) fn keys(&self) -> Result<Vec<ApiKey>, Failure> {
        let keys: Vec<_> = self
            .key
            .iter()
            .map(|(name, key)| key.open(name))
            .collect::<Result<_, _>>()?;
        key::refuse_twins(&keys)?;
        Ok(keys)
    }

    /// The shops, ready to be used: certificates read, keys opened, addresses checked.
    pub(crate) fn shops(&self) -> Result<Vec<Shop>, Failure> {
        self.shop.iter().map(|(id, shop)| shop.open(id)).collect()
    }
}

/// Puts one value of the environment into the table.
fn overlay(table: &mut toml::Table, key: &str, value: &str) -> Result<(), &'static str> {
    if let Some((name, rest)) = key.split_once("__") {
        let inner = table
            .entry(name)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        overlay(
            inner
                .as_table_mut()
                .ok_or("names a table where the file has a value")?,
            rest,
            value,
        )
    } else {
        // `30` and `true` are what they look like; everything else is text, and so is every secret.
        let parsed: Option<toml::Value> = format!("v = {value}")
            .parse::<toml::Table>()
            .ok()
            .filter(|_| !key.ends_with("password") && key != "secret")
            .and_then(|mut t| t.remove("v"));
        table.insert(
            key.into(),
            parsed.unwrap_or_else(|| toml::Value::String(value.into())),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        data = "ledger"
        [shop.main]
        site_cd = "T0000"
        gateway = "http://127.0.0.1:8090"
        cert = "splCert.pem"
        key = "splPrikeyPKCS8.pem"
        key_password = "changeit"
    "#;

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Config::parse(text, Path::new("/etc/sugi/sugi.toml"), env)
            .map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_mistake_beside_a_secret_does_not_show_it() {
        for (line, said) in [
            (
                "key_password = 24681357",
                "key_password must be a text in quotes",
            ),
            ("key_password = \"24681357", "line 8:"),
            ("key_password = 24681357 words", "line 8:"),
            ("key_password = \"24681357\" x", "line 8:"),
        ] {
            let why = parse(&FILE.replace("key_password = \"changeit\"", line), &[]);
            let why = why.map(drop).unwrap_err();
            assert!(why.contains(said) && !why.contains("24681357"), "{why}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_file_and_the_environment_wins() {
        let config = parse(
            FILE,
            &[
                ("SUGI_SHOP__MAIN__SECONDS__UNCERTAINTY_WINDOW", "7"),
                ("SUGI_SHOP__MAIN__VELOCITY__SALES_PER_BIN", "8"),
                ("SUGI_CONFIG", "x"),
            ],
        )
        .unwrap();
        let shop = &config.shop[&"main".parse().unwrap()];
        assert_eq!(config.ledger(), Path::new("/etc/sugi/ledger"));
        assert_eq!(shop.cert, Path::new("/etc/sugi/splCert.pem"));
        assert_eq!(shop.velocity.sales_per_bin, 8);
        assert!((shop.seconds.uncertainty_window - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_first_file_reads_as_it_is_and_with_all_of_it() {
        let first = parse(file::FIRST, &[]).unwrap();
        assert_eq!(first.ledger(), Path::new("/etc/sugi/ledger"));
        assert!(first.shop.is_empty() && first.key.is_empty());
        let settings = file::FIRST.lines().filter_map(|line| {
            let setting = line.strip_prefix("# ").unwrap_or(line);
            let is_setting = setting.starts_with('[') || setting.contains(" = ");
            (is_setting && !setting.starts_with("database")).then_some(setting)
        });
        let all = settings.collect::<Vec<_>>().join("\n");
        let all = parse(&all, &[]).unwrap();
        assert!(!all.behind_proxy.is_none() && all.tls.is_some());
        assert_eq!(all.access.second_person.cancel_above, Some(1_000_000));
        assert_eq!((all.shop.len(), all.keys().unwrap().len()), (1, 1));
        let takes = &all.shop[&"main".parse().unwrap()].contract.currencies;
        assert_eq!(takes.0.to_string(), "KRW");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, env, named) in [
            (FILE.replace("cert =", "crt ="), vec![], "crt"),
            (FILE.replace("T0000", "T00"), vec![], "site"),
            (
                FILE.into(),
                vec![("SUGI_SHOP__MAIN__KEY_PASSWORD_FILE", "pw")],
                "one of them",
            ),
            (
                "access = { secret_file = \"x\" }".into(),
                vec![("SUGI_ACCESS__SECRET", "changeit")],
                "one of them",
            ),
            (FILE.into(), vec![("SUGI_DATA__X", "1")], "SUGI_DATA__X"),
            (
                FILE.into(),
                vec![("SUGI_BEHIND_PROXY", "true")],
                "names the proxies",
            ),
            (
                FILE.into(),
                vec![("SUGI_DATABASE", "postgres://x")],
                "data or database",
            ),
            (FILE.into(), vec![("SUGI_ACCESS__IDLE", "1")], "idle"),
            (
                FILE.into(),
                vec![("SUGI_ACCESS__IDLE_MINUTES", "0")],
                "access.idle_minutes must be 1 to 1440",
            ),
            (
                FILE.into(),
                vec![("SUGI_ACCESS__LONGEST_HOURS", "169")],
                "access.longest_hours must be 1 to 168",
            ),
            (
                "access = { idle_minutes = 61, longest_hours = 1 }".into(),
                vec![],
                "never be idle",
            ),
            (
                FILE.into(),
                vec![("SUGI_ACCESS__PASSKEY_HOST", "https://pay.example.com")],
                "access.passkey_host",
            ),
            (
                FILE.into(),
                vec![("SUGI_ACCESS__SECOND_PERSON__CANCEL_ABOVE", "-1")],
                "access.second_person.cancel_above",
            ),
        ] {
            let why = parse(&text, &env).unwrap_err();
            assert!(why.contains(named), "{named}: {why}");
            assert!(!why.contains("changeit"), "a password in an error: {why}");
        }
    }
}
