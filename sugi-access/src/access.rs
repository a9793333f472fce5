//! What everything here is reached through.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::SignedDuration;
use sugi_clock::Clock;
use sugi_store::{AuditEntry, Store, StoreError};
use tokio::sync::Semaphore;

use crate::{
    auditor::Auditor,
    passkey::{PasskeyError, PasskeySite},
    password::PasswordError,
    seal::Secret,
    tries::LoginThrottle,
};

/// Passwords that are hashed at a time: each takes a core and 19 MiB for tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;

/// Operators, sessions, second persons, audit. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Access(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Clock,
    pub(crate) rules: Rules,
    pub(crate) hashing: Arc<Semaphore>,
    pub(crate) hashed: AtomicU64,
    pub(crate) tries: Mutex<LoginThrottle>,
    /// Held by the one try to sign in that is being counted.
    pub(crate) counting: tokio::sync::Mutex<()>,
    auditor: Auditor,
}

/// What an installation has decided about access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long a session lives that no one uses.
    pub idle: SignedDuration,
    /// How long a session lives at most.
    pub longest: SignedDuration,
    /// Whether every operator has to have a one-time code or a passkey.
    pub code_required: bool,
    /// Where passkeys are good; nowhere, if not said.
    pub passkeys: Option<PasskeySite>,
    /// What seals the secrets of one-time codes and webhooks; without it none can be set up.
    pub secret: Option<Secret>,
    /// What takes a second person.
    pub second_person: SecondPerson,
}

/// What takes a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondPerson {
    /// Closing a payment in doubt by hand.
    pub close: bool,
    /// Cancelling more than this of a payment, all its cancels together, in won; of another currency then
    /// any amount.
    pub cancel_above: Option<u64>,
    /// Taking a list out as a file.
    pub export: bool,
}

impl Default for Rules {
    /// A quarter of an hour idle, half a day at most, codes as each likes, no passkeys, and a second
    /// person for closing by hand.
    fn default() -> Self {
        Self {
            idle: SignedDuration::from_mins(15),
            longest: SignedDuration::from_hours(12),
            code_required: false,
            passkeys: None,
            secret: None,
            second_person: SecondPerson {
                close: true,
                cancel_above: None,
                export: false,
            },
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address.
    pub address: Option<IpAddr>,
    /// What the browser says that it is.
    pub agent: String,
}

impl Origin {
    /// The address as text, `-` if there is none.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.map_or_else(|| "-".into(), |at| at.to_string())
    }
}

/// Something about access could not be done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is someone of that name.
    #[error("there is an operator {0} already; choose another name")]
    NameTaken(sugi_core::Actor),
    /// The name holds what looks like a card number. It is not repeated.
    #[error("the operator's name holds what looks like a card number; choose another name")]
    CardInName,
    /// There is no one of that name.
    #[error("there is no operator {0}")]
    Unknown(String),
    /// The password breaks a rule.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The code is not the one of this moment.
    #[error("the code is not right; wait for the next one and check the clock of the telephone")]
    Code,
    /// There is nothing to seal the codes with.
    #[error("one-time codes cannot be set up before access.secret_file names a secret")]
    NoSecret,
    /// The passkey.
    #[error(transparent)]
    Passkey(PasskeyError),
    /// No one would be left who can administer, or who can for all shops.
    #[error(
        "this is the last operator who can administer all shops; give somebody else the role and all shops first"
    )]
    LastAdministrator,
    /// Others changed it at the same time, again and again.
    #[error("it is being changed by others at the same time; try again")]
    Busy,
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Access {
    /// Access over a ledger. Must be called inside a runtime: it starts the audit's writer.
    #[must_use]
    pub fn new(store: impl Into<Arc<Store>>, clock: Clock, rules: Rules) -> Self {
        let store = store.into();
        Self(Arc::new(Inner {
            auditor: Auditor::start(store.clone()),
            store,
            clock,
            rules,
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            hashed: AtomicU64::new(0),
            tries: Mutex::default(),
            counting: tokio::sync::Mutex::default(),
        }))
    }

    /// What this installation has decided.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// How many passwords were hashed since the start: all that signing in costs, and the same
    /// whoever is named.
    #[must_use]
    pub fn passwords_hashed(&self) -> u64 {
        self.0.hashed.load(Ordering::Relaxed)
    }

    /// Hands an audit entry to the audit, and waits only when too many are waiting already. It is written
    /// within moments; a process that is killed may take the last moments' with it.
    pub async fn note(&self, audit_entry: AuditEntry) {
        self.0.auditor.note(audit_entry).await;
    }

    /// Hands an audit entry to the audit if there is room, for callers that cannot wait.
    pub fn note_now(&self, audit_entry: AuditEntry) {
        self.0.auditor.note_now(audit_entry);
    }

    /// Hands an audit entry to the audit and returns when it stands, or cannot be written.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn write_down(&self, audit_entry: AuditEntry) -> Result<(), StoreError> {
        self.0.auditor.write_down(audit_entry).await
    }

    /// Waits until everything that was noted stands.
    pub async fn flush(&self) {
        self.0.auditor.flush().await;
    }
}
