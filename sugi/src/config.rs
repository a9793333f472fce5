//! `sugi.toml`: every key of it can also be given as an environment variable.
//!
//! `SUGI_DATA` is `data`; tables are joined by two underscores, so `SUGI_SHOP__MAIN__KEY_PASSWORD` is
//! `key_password` of `[shop.main]`. The environment wins over the file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::SignedDuration;
use nhn_kcp::{Client, Credentials, Gateway, SiteCode, Timeouts};
use serde::{Deserialize, Serialize};
use sugi_core::{Policy, ShopId};
use sugi_engine::{Contract, Limits, Shop};

use crate::cli::Failure;

/// Environment variables of sugi that are not keys of the file.
const NOT_KEYS: &[&str] = &["SUGI_CONFIG", "SUGI_LOG"];

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The folder of the ledger; relative to the file.
    pub(crate) data: PathBuf,
    /// The shops, by the name that this installation gives them.
    pub(crate) shop: BTreeMap<ShopId, ShopConfig>,
}

/// One shop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShopConfig {
    /// KCP's code for it.
    pub(crate) site_cd: SiteCode,
    /// `production`, `test`, or the address of a sandbox.
    pub(crate) gateway: String,
    /// KCP's service certificate; relative to the file.
    pub(crate) cert: PathBuf,
    /// The private key to it; relative to the file.
    pub(crate) key: PathBuf,
    /// The key's password. Better kept in a file of its own, or in the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_password: Option<String>,
    /// A file that holds the key's password; relative to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_password_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) contract: ContractConfig,
    #[serde(default)]
    pub(crate) seconds: Seconds,
}

/// What the shop's contract with KCP has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "a contract has what it has")]
pub(crate) struct ContractConfig {
    pub(crate) authenticated: bool,
    pub(crate) unauthenticated: bool,
    pub(crate) installments: u8,
    pub(crate) partial_cancel: bool,
    pub(crate) tax_split: bool,
    /// Whether KCP answers an inquiry by order number for it: not documented, so try it first.
    pub(crate) order_lookup: bool,
    /// Whether an approval found alive is kept while its caller still waits.
    pub(crate) keep_if_waiting: bool,
}

impl Default for ContractConfig {
    fn default() -> Self {
        let Contract {
            authenticated,
            unauthenticated,
            installments,
            partial_cancel,
            tax_split,
        } = Contract::default();
        let Policy {
            order_lookup,
            keep_if_waiting,
            ..
        } = Policy::default();
        Self {
            authenticated,
            unauthenticated,
            installments,
            partial_cancel,
            tax_split,
            order_lookup,
            keep_if_waiting,
        }
    }
}

/// A shop's times, in seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Seconds {
    /// For a connection to KCP.
    pub(crate) connect: f64,
    /// For its answer.
    pub(crate) answer: f64,
    /// How long an unused connection is kept.
    pub(crate) idle: f64,
    /// How long a request can live inside KCP.
    pub(crate) quiet: f64,
    /// The pauses between tries; the last is taken again and again.
    pub(crate) ladder: Vec<f64>,
}

impl Default for Seconds {
    fn default() -> Self {
        let (times, policy) = (Timeouts::default(), Policy::default());
        Self {
            connect: times.connect.as_secs_f64(),
            answer: times.answer.as_secs_f64(),
            idle: times.idle.as_secs_f64(),
            quiet: policy.quiet.as_secs_f64(),
            ladder: policy
                .ladder
                .iter()
                .map(jiff::SignedDuration::as_secs_f64)
                .collect(),
        }
    }
}

impl Config {
    /// Reads the file, then the environment over it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|why| {
            Failure::new(format!("{}: {why}", path.display()))
                .hint("name the file with --config, or run `sugi sandbox` to get one")
        })?;
        Self::parse(&text, path, std::env::vars())
    }

    fn parse(
        text: &str,
        path: &Path,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let failed = |why: &dyn std::fmt::Display| {
            Failure::new(format!("{}: {why}", path.display())).code(2)
        };
        let mut table: toml::Table = text.parse().map_err(|why: toml::de::Error| failed(&why))?;
        for (name, value) in env.filter(|(name, _)| !NOT_KEYS.contains(&name.as_str())) {
            if let Some(key) = name.strip_prefix("SUGI_") {
                overlay(&mut table, &key.to_ascii_lowercase(), &value)
                    .map_err(|why| failed(&format!("{name}: {why}")))?;
            }
        }
        let mut config: Self = table
            .try_into()
            .map_err(|why: toml::de::Error| failed(&why))?;
        let home = path.parent().unwrap_or(Path::new("."));
        config.data = home.join(&config.data);
        for (id, shop) in &mut config.shop {
            shop.cert = home.join(&shop.cert);
            shop.key = home.join(&shop.key);
            shop.key_password_file = shop.key_password_file.take().map(|file| home.join(file));
            if shop.key_password.is_some() == shop.key_password_file.is_some() {
                return Err(failed(&format!(
                    "shop {id}: give key_password or key_password_file, one of them"
                )));
            }
        }
        Ok(config)
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
        // `30` and `true` are what they look like; everything else is text.
        let parsed: Option<toml::Value> = format!("v = {value}")
            .parse::<toml::Table>()
            .ok()
            .and_then(|mut t| t.remove("v"));
        table.insert(
            key.into(),
            parsed.unwrap_or_else(|| toml::Value::String(value.into())),
        );
        Ok(())
    }
}

impl ShopConfig {
    fn open(&self, id: &ShopId) -> Result<Shop, Failure> {
        let failed = |why: &dyn std::fmt::Display| Failure::new(format!("shop {id}: {why}"));
        let read = |file: &Path| {
            std::fs::read(file).map_err(|why| failed(&format!("{}: {why}", file.display())))
        };
        let password = match (&self.key_password, &self.key_password_file) {
            (_, Some(file)) => String::from_utf8(read(file)?)
                .map_err(|_| failed(&"the key's password is not UTF-8"))?,
            (password, None) => password.clone().unwrap_or_default(),
        };
        let password = zeroize::Zeroizing::new(password);
        let (cert, key) = (read(&self.cert)?, zeroize::Zeroizing::new(read(&self.key)?));
        let password = password.trim_end_matches(['\r', '\n']);
        let credentials =
            Credentials::from_pem(&cert, &key, password).map_err(|why| failed(&why))?;
        let gateway = match self.gateway.as_str() {
            "production" => Gateway::Production,
            "test" => Gateway::Test,
            url => Gateway::sandbox(url).map_err(|why| failed(&why))?,
        };
        let seconds = |what: &str, value: f64| {
            Duration::try_from_secs_f64(value)
                .map_err(|_| failed(&format!("seconds.{what} must be a positive number")))
        };
        let times = Timeouts {
            connect: seconds("connect", self.seconds.connect)?,
            answer: seconds("answer", self.seconds.answer)?,
            idle: seconds("idle", self.seconds.idle)?,
        };
        let signed = |what, value| {
            seconds(what, value)
                .map(|span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX))
        };
        let ladder = self
            .seconds
            .ladder
            .iter()
            .map(|pause| signed("ladder", *pause))
            .collect::<Result<_, _>>()?;
        let ContractConfig {
            authenticated,
            unauthenticated,
            installments,
            partial_cancel,
            tax_split,
            ..
        } = self.contract;
        let contract = Contract {
            authenticated,
            unauthenticated,
            installments,
            partial_cancel,
            tax_split,
        };
        let ContractConfig {
            order_lookup,
            keep_if_waiting,
            ..
        } = self.contract;
        let quiet = signed("quiet", self.seconds.quiet)?;
        let policy = Policy {
            quiet,
            order_lookup,
            keep_if_waiting,
            ladder,
            ..Policy::default()
        };
        let client = Client::builder(self.site_cd.clone(), credentials, gateway)
            .timeouts(times)
            .build();
        Ok(Shop::new(
            id.clone(),
            client.map_err(|why| failed(&why))?,
            times,
            MARGIN,
            contract,
            policy,
            &Limits::default(),
        ))
    }
}

/// The first line of a file that sugi wrote and may write again.
const OURS: &str = "# Written by sugi for its sandbox. Take this line out, and the file is yours.";

/// Writes a `sugi.toml`, unless somebody has made the file theirs.
pub(crate) fn write(path: &Path, config: &Config) -> Result<(), Failure> {
    let failed = |why: std::io::Error| Failure::new(format!("{}: {why}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) if !text.starts_with(OURS) => return Ok(()),
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(failed(why)),
        _ => {}
    }
    std::fs::write(path, format!("{OURS}\n{}", toml::to_string(config)?)).map_err(failed)
}

impl ShopConfig {
    /// A shop at a sandbox whose credentials are in `dir`.
    pub(crate) fn of_sandbox(
        sandbox: &kcp_sandbox::Sandbox,
        dir: &Path,
        contract: ContractConfig,
    ) -> Result<Self, Failure> {
        let ours = sandbox.credentials();
        Ok(Self {
            site_cd: ours.site_cd.parse()?,
            gateway: sandbox.url().into(),
            cert: dir.join("splCert.pem"),
            key: dir.join("splPrikeyPKCS8.pem"),
            key_password: Some(ours.key_password.clone()),
            key_password_file: None,
            contract,
            seconds: Seconds::default(),
        })
    }
}

/// What the ledger and the scheduler may take between writing an intent and acting on it.
const MARGIN: Duration = Duration::from_secs(5);

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
    fn paths_are_relative_to_the_file_and_the_environment_wins() {
        let config = parse(
            FILE,
            &[
                ("SUGI_SHOP__MAIN__SECONDS__QUIET", "7"),
                ("SUGI_CONFIG", "x"),
            ],
        )
        .unwrap();
        let shop = &config.shop[&"main".parse().unwrap()];
        assert_eq!(config.data, Path::new("/etc/sugi/ledger"));
        assert_eq!(shop.cert, Path::new("/etc/sugi/splCert.pem"));
        assert!((shop.seconds.quiet - 7.0).abs() < f64::EPSILON);
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
            (FILE.into(), vec![("SUGI_DATA__X", "1")], "SUGI_DATA__X"),
            (FILE.into(), vec![("SUGI_PORT", "1")], "port"),
        ] {
            let why = parse(&text, &env).unwrap_err();
            assert!(why.contains(named), "{named}: {why}");
            assert!(!why.contains("changeit"), "a password in an error: {why}");
        }
    }
}
