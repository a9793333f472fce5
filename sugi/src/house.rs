//! Where a command finds its ledger and its shops.

use std::path::PathBuf;

use sugi_core::PaymentId;
use sugi_engine::{Engine, clock::Clock};
use sugi_store::{Book, Store, StoreError};

use crate::{cli::Failure, config::Config};

/// How commands name the installation that they mean.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
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

impl Place {
    fn config(&self) -> Result<Config, Failure> {
        match &self.data {
            Some(dir) => Config::read(&dir.join("sugi.toml")),
            None => Config::read(&self.config),
        }
    }

    /// The folder of a ledger in a file; none if it is in a PostgreSQL.
    pub(crate) fn folder(&self) -> Result<Option<PathBuf>, Failure> {
        if self.data.is_some() {
            return Ok(self.data.clone());
        }
        let config = self.config()?;
        Ok(config.database.is_none().then(|| config.ledger()))
    }

    /// The engine, with the ledger to itself. What a process that ended left on the line is in doubt
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

    /// The ledger, for reading. If no service runs on it, what a process that ended left on the line
    /// is written down as in doubt first.
    pub(crate) async fn ledger(&self) -> Result<Ledger, Failure> {
        let alone = self
            .data
            .as_ref()
            .filter(|dir| !dir.join("sugi.toml").exists());
        if let Some(dir) = alone {
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
            Err(StoreError::Locked { .. }) => {
                Ok(Ledger::Read(Store::open_to_read(&config.ledger())?))
            }
            Err(why) => Err(why.into()),
        }
    }
}

/// A ledger that is read.
pub(crate) enum Ledger {
    /// Nobody else has it.
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
pub(crate) async fn payment(store: &Store, id: &PaymentId) -> Result<Book, Failure> {
    let none = || {
        Failure::new(format!("there is no payment {id}")).hint("`sugi list` shows what there is")
    };
    store.load(id).await?.ok_or_else(none)
}
