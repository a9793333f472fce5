//! Where a command finds its ledger and its shops.

use std::path::{Path, PathBuf};

use sugi_access::{Access, Rules};
use sugi_clock::Clock;
use sugi_core::PaymentId;
use sugi_engine::Engine;
use sugi_store::{PaymentSnapshot, Store, StoreError};

use crate::{cli::Failure, config::Config};

/// How commands name the installation that they mean.
#[derive(Debug, clap::Args)]
pub(crate) struct LedgerLocation {
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "SUGI_CONFIG",
        default_value = "sugi.toml",
        conflicts_with = "data"
    )]
    config: PathBuf,
    /// A folder that holds `sugi.toml` or a ledger alone, as `sugi demo --data` leaves one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl LedgerLocation {
    fn config(&self) -> Result<Config, Failure> {
        Config::read(&self.file())
    }

    /// Whether an installation was named, or is here.
    pub(crate) fn is_there(&self) -> bool {
        self.data.is_some() || std::env::var_os("SUGI_CONFIG").is_some() || self.config.exists()
    }

    /// A ledger in a PostgreSQL as it is: nothing of it is brought up to date.
    pub(crate) async fn ledger_as_it_is(&self) -> Result<Option<Store>, Failure> {
        match (&self.data, self.config()?.database) {
            (None, Some(url)) => Ok(Some(Store::connect_to_read(&url).await?)),
            _ => Ok(None),
        }
    }

    /// The ledger as it is, wherever it is kept: opened to be read, and not brought up to date.
    pub(crate) async fn ledger_to_prove(&self) -> Result<Store, Failure> {
        if let Some(dir) = self.ledger_alone() {
            return Ok(Store::open_to_read(dir)?);
        }
        let config = self.config()?;
        Ok(match &config.database {
            Some(url) => Store::connect_to_read(url).await?,
            None => Store::open_to_read(&config.ledger())?,
        })
    }

    /// The folder of a ledger in a file; none if it is in a PostgreSQL.
    pub(crate) fn folder(&self) -> Result<Option<PathBuf>, Failure> {
        if self.data.is_some() {
            return Ok(self.data.clone());
        }
        let config = self.config()?;
        Ok(config.database.is_none().then(|| config.ledger()))
    }

    /// The folder that the ledger itself is in; none if it is in a PostgreSQL.
    pub(crate) fn ledger_folder(&self) -> Result<Option<PathBuf>, Failure> {
        if let Some(dir) = self.ledger_alone() {
            return Ok(Some(dir.into()));
        }
        let config = self.config()?;
        Ok(config.database.is_none().then(|| config.ledger()))
    }

    /// The engine, with the ledger to itself. What a process that ended left in flight is in doubt
    /// from here on, and all work that was under way is taken up again.
    pub(crate) async fn engine(&self) -> Result<Engine, Failure> {
        let config = self.config()?;
        let engine = Engine::new(config.store().await?, config.shops()?, Clock::real());
        let open = if engine.store().is_sole() {
            engine.recover().await?
        } else {
            0
        };
        if open > 0 {
            crate::print::talk(&format!("{open} unfinished payment(s) taken up"));
        }
        Ok(engine)
    }

    /// How many days buyers are kept, if that was decided.
    pub(crate) fn buyer_days(&self) -> Result<Option<u32>, Failure> {
        Ok(self.config()?.buyer_days())
    }

    /// Makes the installation's secret, if its file is named and is not there. `true` if it was made.
    pub(crate) fn make_secret(&self) -> Result<bool, Failure> {
        self.config()?.make_secret()
    }

    /// What the ledger cannot do without and does not hold, by its files' names: nothing of a ledger alone.
    pub(crate) fn kept_beside_the_ledger(&self) -> Vec<String> {
        if self.ledger_alone().is_some() {
            return Vec::new();
        }
        let Ok(config) = self.config() else {
            return Vec::new();
        };
        let mut files = vec![self.file().display().to_string()];
        files.extend(config.secret_file().map(|file| file.display().to_string()));
        for shop in config.shop.values() {
            files.push(shop.cert.display().to_string());
            files.push(shop.key.display().to_string());
        }
        files
    }

    /// The configuration's file.
    pub(crate) fn file(&self) -> PathBuf {
        match &self.data {
            Some(dir) => dir.join("sugi.toml"),
            None => self.config.clone(),
        }
    }

    /// Operators and the audit, for changing. Shops are not looked at, and no payment is touched.
    pub(crate) async fn access(&self) -> Result<Access, Failure> {
        let config = self.config()?;
        Ok(Access::new(
            config.store().await?,
            Clock::real(),
            config.access_rules(config.listen),
        ))
    }

    /// The same for reading, beside a service that may be writing.
    pub(crate) async fn access_to_read(&self) -> Result<Access, Failure> {
        let rules = if self.ledger_alone().is_some() {
            Rules::default()
        } else {
            let config = self.config()?;
            config.access_rules(config.listen)
        };
        Ok(Access::new(
            self.store_to_read().await?,
            Clock::real(),
            rules,
        ))
    }

    /// The ledger for reading, beside a service that may be writing.
    pub(crate) async fn store_to_read(&self) -> Result<Store, Failure> {
        if let Some(dir) = self.ledger_alone() {
            return Ok(Store::open_to_read(dir)?);
        }
        let config = self.config()?;
        Ok(match config.store().await {
            Err(
                StoreError::Locked { .. }
                | StoreError::ClockBehind { .. }
                | StoreError::Held { .. },
            ) => config.store_to_read().await?,
            store => store?,
        })
    }

    /// Which installation this is, in words that tell it from others: the machine, and where on it or
    /// beyond it the ledger is.
    pub(crate) fn installation(&self) -> Result<String, Failure> {
        match self.ledger_alone() {
            Some(dir) => Ok(on_this_machine(&absolute(dir))),
            None => Ok(installation(&self.config()?)),
        }
    }

    /// The folder that was named, if it holds a ledger and no configuration.
    fn ledger_alone(&self) -> Option<&Path> {
        let dir = self.data.as_deref();
        dir.filter(|dir| !dir.join("sugi.toml").exists())
    }

    /// The ledger, for reading. If no service runs on it, what a process that ended left in flight
    /// is written down as in doubt first.
    pub(crate) async fn ledger(&self) -> Result<Ledger, Failure> {
        if let Some(dir) = self.ledger_alone() {
            return Ok(Ledger::Read(Store::open_to_read(dir)?));
        }
        let config = self.config()?;
        match config.store().await {
            Ok(store) => {
                let engine = Engine::new(store, config.shops()?, Clock::real());
                if engine.store().is_sole() {
                    engine.catch_up().await?;
                }
                Ok(Ledger::Whole(engine))
            }
            Err(
                StoreError::Locked { .. }
                | StoreError::ClockBehind { .. }
                | StoreError::Held { .. },
            ) => Ok(Ledger::Read(config.store_to_read().await?)),
            Err(why) => Err(why.into()),
        }
    }
}

/// The installation of a configuration, in such words.
pub(crate) fn installation(config: &Config) -> String {
    // The address may hold a password.
    let address = config.database.as_deref().and_then(|url| {
        let place = url.rsplit('@').next()?;
        place.split('?').next().map(ToOwned::to_owned)
    });
    on_this_machine(&address.unwrap_or_else(|| absolute(&config.ledger())))
}

fn on_this_machine(ledger: &str) -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    format!("{}:{ledger}", name.trim())
}

fn absolute(dir: &Path) -> String {
    let dir = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.into());
    dir.display().to_string()
}

/// A ledger that is read.
pub(crate) enum Ledger {
    /// No one else has it.
    Whole(Engine),
    /// A service may be writing it.
    Read(Store),
}

impl Ledger {
    pub(crate) fn store(&self) -> &Store {
        match self {
            Self::Whole(engine) => engine.store(),
            Self::Read(store) => store,
        }
    }
}

/// A payment by its name.
pub(crate) async fn payment(store: &Store, id: &PaymentId) -> Result<PaymentSnapshot, Failure> {
    let none = || {
        Failure::new(format!("there is no payment {id}")).hint("`sugi list` shows what there is")
    };
    store.load(id).await?.ok_or_else(none)
}
