//! A shop's part of the configuration, and the way from it to a shop that can sell.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::SignedDuration;
use nhn_kcp::{Client, Credentials, Gateway, SiteCode, Timeouts};
use serde::{Deserialize, Serialize};
use sugi_core::{Policy, ShopId};
use sugi_engine::{BadCurrencies, Contract, Currencies, Limits, OrderNumbers, Shop};

use super::{merchant::MerchantConfig, secret_file, velocity::VelocityConfig};
use crate::cli::Failure;

/// One shop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShopConfig {
    /// KCP's code for it.
    pub(crate) site_cd: SiteCode,
    /// Whether other shops here may have the same site code: each of them has to say so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) shares_site_code: bool,
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
    /// Who sells, for slips.
    #[serde(default, skip_serializing_if = "is_nobody")]
    pub(crate) merchant: MerchantConfig,
    #[serde(default)]
    pub(crate) contract: ContractConfig,
    #[serde(default)]
    pub(crate) seconds: Seconds,
    #[serde(default)]
    pub(crate) velocity: VelocityConfig,
    /// Whether its settled payments are looked at again, after the window and the next day.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub(crate) watch: bool,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_yes(watch: &bool) -> bool {
    *watch
}

fn is_nobody(merchant: &MerchantConfig) -> bool {
    *merchant == MerchantConfig::default()
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
    /// What amounts may be in, of `KRW` and `USD`.
    pub(crate) currencies: CurrenciesConfig,
    /// By which numbers KCP knows its orders.
    pub(crate) order_numbers: OrderNumbersConfig,
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
            currencies,
            order_numbers: _,
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
            currencies: CurrenciesConfig(currencies),
            order_numbers: OrderNumbersConfig::default(),
            order_lookup,
            keep_if_waiting,
        }
    }
}

/// [`OrderNumbers`] as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderNumbersConfig {
    /// The merchant's with a mark behind it.
    #[default]
    Marked,
    /// The merchant's alone.
    Bare,
}

impl From<OrderNumbersConfig> for OrderNumbers {
    fn from(config: OrderNumbersConfig) -> Self {
        match config {
            OrderNumbersConfig::Marked => Self::Marked,
            OrderNumbersConfig::Bare => Self::Bare,
        }
    }
}

/// The currencies of a contract as they are written: a list of `KRW` and `USD`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "Vec<String>")]
pub(crate) struct CurrenciesConfig(pub(crate) Currencies);

impl TryFrom<toml::Value> for CurrenciesConfig {
    type Error = BadCurrencies;

    /// Whatever is wrong with it is told in the same words.
    fn try_from(value: toml::Value) -> Result<Self, BadCurrencies> {
        let words: Vec<String> = value.try_into().map_err(|_| BadCurrencies)?;
        Currencies::parse(&words).map(Self)
    }
}

impl From<CurrenciesConfig> for Vec<String> {
    fn from(CurrenciesConfig(currencies): CurrenciesConfig) -> Self {
        currencies.iter().map(|one| one.to_string()).collect()
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
    pub(crate) uncertainty_window: f64,
    /// The pauses between tries; the last is taken again and again.
    pub(crate) backoff: Vec<f64>,
}

impl Default for Seconds {
    fn default() -> Self {
        let (times, policy) = (Timeouts::default(), Policy::default());
        Self {
            connect: times.connect.as_secs_f64(),
            answer: times.answer.as_secs_f64(),
            idle: times.idle.as_secs_f64(),
            uncertainty_window: policy.uncertainty_window.as_secs_f64(),
            backoff: policy
                .backoff
                .iter()
                .map(jiff::SignedDuration::as_secs_f64)
                .collect(),
        }
    }
}

impl ShopConfig {
    pub(super) fn open(&self, id: &ShopId) -> Result<Shop, Failure> {
        let failed = |why: &dyn std::fmt::Display| Failure::new(format!("shop {id}: {why}"));
        let read = |file: &Path| {
            std::fs::read(file).map_err(|why| failed(&format!("{}: {why}", file.display())))
        };
        let secret = |file: &Path| secret_file::read(file).map_err(|why| failed(&why));
        let password = match (&self.key_password, &self.key_password_file) {
            (_, Some(file)) => std::str::from_utf8(&secret(file)?)
                .map_err(|_| failed(&"the key's password is not UTF-8"))?
                .to_owned(),
            (password, None) => password.clone().unwrap_or_default(),
        };
        let password = zeroize::Zeroizing::new(password);
        let (cert, key) = (read(&self.cert)?, secret(&self.key)?);
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
        let backoff = self
            .seconds
            .backoff
            .iter()
            .map(|pause| signed("backoff", *pause))
            .collect::<Result<_, _>>()?;
        let ContractConfig {
            authenticated,
            unauthenticated,
            installments,
            partial_cancel,
            tax_split,
            currencies: CurrenciesConfig(currencies),
            order_numbers,
            order_lookup,
            keep_if_waiting,
        } = self.contract.clone();
        let contract = Contract {
            authenticated,
            unauthenticated,
            installments,
            partial_cancel,
            tax_split,
            currencies,
            order_numbers: order_numbers.into(),
        };
        let uncertainty_window = signed("uncertainty_window", self.seconds.uncertainty_window)?;
        if uncertainty_window < SHORTEST_QUIET {
            return Err(failed(
                &"seconds.uncertainty_window must be 1 or more: without it nothing can ever be proved absent",
            ));
        }
        let policy = Policy {
            uncertainty_window,
            order_lookup,
            keep_if_waiting,
            backoff,
            ..Policy::default()
        };
        let limits = Limits {
            velocity: self.velocity.open().map_err(|why| failed(&why))?,
            ..Limits::default()
        };
        let client = Client::builder(self.site_cd.clone(), credentials, gateway)
            .timeouts(times)
            .build();
        let mut shop = Shop::new(
            id.clone(),
            client.map_err(|why| failed(&why))?,
            times,
            MARGIN,
            contract,
            policy,
            &limits,
        );
        shop.watch = self.watch;
        shop.merchant = self.merchant.open().map_err(|why| failed(&why))?;
        Ok(shop)
    }
}

impl ContractConfig {
    /// With a sandbox, which takes sales without the holder's proof, and dollars as well.
    pub(crate) fn of_sandbox() -> Self {
        Self {
            currencies: CurrenciesConfig(Currencies::both()),
            ..Self::without_proof()
        }
    }

    /// As when nothing is said, and with sales without the holder's proof.
    pub(crate) fn without_proof() -> Self {
        Self {
            unauthenticated: true,
            ..Self::default()
        }
    }
}

impl ShopConfig {
    /// A shop at a sandbox whose credentials are in `dir`.
    pub(crate) fn of_sandbox(
        sandbox: &kcp_sandbox::Sandbox,
        dir: &Path,
        contract: ContractConfig,
    ) -> Result<Self, Failure> {
        Self::at(sandbox.url(), sandbox.credentials(), dir, contract)
    }

    /// A shop at an address of this machine, with test credentials that are in `dir`.
    pub(crate) fn at(
        url: &str,
        ours: &kcp_sandbox::Credentials,
        dir: &Path,
        contract: ContractConfig,
    ) -> Result<Self, Failure> {
        Ok(Self {
            site_cd: ours.site_cd.parse()?,
            shares_site_code: false,
            gateway: url.into(),
            cert: dir.join("splCert.pem"),
            key: dir.join("splPrikeyPKCS8.pem"),
            key_password: Some(ours.key_password.clone()),
            key_password_file: None,
            merchant: MerchantConfig::default(),
            contract,
            seconds: Seconds::default(),
            velocity: VelocityConfig::of_sandbox(),
            watch: true,
        })
    }
}

/// A uncertainty window that is none would let a look prove what it cannot.
const SHORTEST_QUIET: SignedDuration = SignedDuration::from_secs(1);
/// What the ledger and the scheduler may take between writing an intent and acting on it.
const MARGIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SHOP: &str = r#"
        [shop.main]
        site_cd = "T0000"
        gateway = "http://127.0.0.1:8090"
        cert = "splCert.pem"
        key = "splPrikeyPKCS8.pem"
        key_password = "changeit"
        contract.partial_cancel = true
    "#;

    #[test]
    fn a_shop_takes_won_unless_its_contract_names_more() {
        const NAME: &str = "SUGI_SHOP__MAIN__CONTRACT__CURRENCIES";
        let takes = |line: &str, env: &[(&str, &str)]| {
            let text = format!("{SHOP}{line}");
            let env = env
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            let read = Config::parse(&text, Path::new("/etc/sugi/sugi.toml"), env);
            let config = read.map_err(|failure| format!("{failure:?}"))?;
            let contract = &config.shop[&"main".parse().unwrap()].contract;
            // What is written down again reads as the same.
            let written = toml::to_string(contract).unwrap();
            let again: ContractConfig = toml::from_str(&written).unwrap();
            assert_eq!(again.currencies, contract.currencies);
            Ok::<_, String>(contract.currencies.0.to_string())
        };
        assert_eq!(takes("", &[]).unwrap(), "KRW");
        let both = "contract.currencies = [\"KRW\", \"USD\"]";
        assert_eq!(takes(both, &[]).unwrap(), "KRW or USD");
        let env = [(NAME, "[\"USD\"]")];
        assert_eq!(takes(both, &env).unwrap(), "USD", "the environment wins");
        for bad in [
            "[]",
            "[\"KRW\", \"KRW\"]",
            "[\"KRW\", \"EUR\"]",
            "[\"usd\"]",
            "[840]",
            "USD",
            "true",
        ] {
            let why = takes("", &[(NAME, bad)]).unwrap_err();
            for said in [
                "currencies must name KRW, USD or both, each once",
                "shop.main.contract.currencies",
            ] {
                assert!(why.contains(said), "{bad}: {why}");
            }
        }
    }
}
