//! Everything one sandbox knows. Nothing of it is shared with another sandbox in the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

use crate::Error;
use crate::approve;
use crate::cancel;
use crate::chance::mix;
use crate::clock::{self, Clock};
use crate::codes::ResCd;
use crate::fault::{Armed, Fault};
use crate::gateway::{Decision, Operation};
use crate::inquire;
use crate::ledger::{Approval, DUPLICATE, Ledger, Numbers};
use crate::lint::{Finding, LintKind, Lints};
use crate::message::Messages;
use crate::reply::{Refusal, Reply};
use crate::settings::Settings;
use crate::shop::Shops;

/// No more snapshots than this are kept by name.
const MAX_SNAPSHOTS: usize = 16;

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) shops: Shops,
    pub(crate) faults: Armed,
    pub(crate) messages: Messages,
    pub(crate) lints: Lints,
    /// True once the sandbox stops; everything that waits looks at it.
    pub(crate) closing: watch::Sender<bool>,
    settings: RwLock<Arc<Settings>>,
    first_settings: Settings,
    ledger: Mutex<Ledger>,
    snapshots: Mutex<BTreeMap<String, Snapshot>>,
    /// Numbers never come twice, not even after a reset: a merchant's ledger may remember old ones.
    next_number: AtomicU64,
    /// Changes with every reset and restore, so that an approval under way from before does not land.
    epoch: AtomicU64,
}

/// The books, armed faults and settings at one moment; see [`crate::Sandbox::snapshot`].
#[derive(Clone)]
pub struct Snapshot(Arc<Saved>);

struct Saved {
    ledger: Ledger,
    faults: Vec<Fault>,
    settings: Arc<Settings>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("transactions", &self.0.ledger.len())
            .finish_non_exhaustive()
    }
}

/// Whether a request changes the books or only gets the answer that it would have got.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Book {
    Yes,
    No,
}

impl World {
    pub(crate) fn new(shops: Shops, settings: Settings) -> Self {
        Self {
            clock: Clock::new(),
            shops,
            faults: Armed::default(),
            messages: Messages::default(),
            lints: Lints::default(),
            closing: watch::Sender::new(false),
            settings: RwLock::new(Arc::new(settings.clone())),
            first_settings: settings,
            ledger: Mutex::default(),
            snapshots: Mutex::default(),
            // Two worlds start far apart, so that a number of one is rarely one of the other.
            next_number: AtomicU64::new(clock::random_u64() % 800_000_000),
            epoch: AtomicU64::new(0),
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Carries out what was decided. `order` is the request's order number, as far as it had one.
    pub(crate) fn commit(
        &self,
        operation: Operation,
        decision: &Decision,
        order: &Arc<str>,
        book: Book,
    ) -> Reply {
        let settings = self.settings();
        let done = match decision {
            Decision::Refuse(refusal) => Err(refusal.clone()),
            Decision::Approve {
                approval,
                answered_with,
            } => self.approve(approval, *answered_with, &settings, book),
            Decision::Cancel(cancel) => {
                let now = self.clock.now();
                let done = cancel::apply(
                    &mut self.ledger(),
                    cancel,
                    &settings,
                    now,
                    book == Book::Yes,
                );
                done.map(|done| {
                    self.lints.record(&done.findings, Some(order), now);
                    let number = self.next_number();
                    cancel::answer(&done, trace_no(&cancel.site_cd, number), number)
                })
            }
            Decision::Inquire(lookup) => {
                let row = inquire::look_up(&self.ledger(), lookup);
                row.map(|row| {
                    let trace_no = trace_no(&lookup.site_cd, self.next_number());
                    inquire::answer(&row, trace_no, settings.mask)
                })
            }
        };
        done.unwrap_or_else(|refusal| {
            if operation == Operation::Approve && book == Book::Yes {
                self.ledger()
                    .decline(order.clone(), refusal.code, self.clock.now());
            }
            Reply::refused(&refusal, trace_no("00000", self.next_number()))
        })
    }

    fn approve(
        &self,
        approval: &Approval,
        answered_with: Option<ResCd>,
        settings: &Settings,
        book: Book,
    ) -> Result<Reply, Refusal> {
        let now = self.clock.now();
        let number = self.next_number();
        let (year, day) = clock::year_and_day(now);
        let tno = (u64::try_from(year).unwrap_or(0) * 1_000 + u64::try_from(day).unwrap_or(0))
            * 1_000_000_000
            + number;
        let app_no = u32::try_from(10_000_000 + mix(number) % 90_000_000).unwrap_or(10_000_000);
        let numbers = Numbers { tno, app_no };
        if book == Book::Yes {
            let refuse = settings.refuse_duplicate_orders;
            let booked = self
                .ledger()
                .approve(approval.clone(), numbers, refuse, now);
            if booked
                .as_ref()
                .map_or_else(|refusal| refusal.code == DUPLICATE, |seen| *seen)
            {
                let finding = Finding::of(LintKind::DuplicateOrder, "ordr_idxx");
                self.lints.record(&[finding], Some(&approval.order), now);
            }
            booked?;
        }
        let trace_no = trace_no(&approval.site_cd, number);
        let Some(code) = answered_with else {
            return Ok(approve::answer(
                approval,
                numbers,
                now,
                trace_no,
                settings.mask,
            ));
        };
        let detail = "magic card: the card was charged".into();
        Ok(Reply::refused(&Refusal { code, detail }, trace_no))
    }

    /// Nine digits that never come twice and never end in six zeros, which would look like the
    /// date of an order look-up.
    fn next_number(&self) -> u64 {
        loop {
            let number =
                100_000_000 + self.next_number.fetch_add(1, Ordering::Relaxed) % 900_000_000;
            if !number.is_multiple_of(1_000_000) {
                return number;
            }
        }
    }

    /// Empty books, no faults, messages, lints or snapshots, the clock and the settings of the start.
    pub(crate) fn reset(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        drop_elsewhere(std::mem::take(&mut *self.ledger()));
        self.faults.set(Vec::new());
        self.messages.clear();
        self.lints.clear();
        self.snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.clock.reset();
        self.set_settings(self.first_settings.clone());
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot(Arc::new(Saved {
            ledger: self.ledger().clone(),
            faults: self.faults.list(),
            settings: self.settings(),
        }))
    }

    pub(crate) fn restore(&self, snapshot: &Snapshot) {
        let Saved {
            ledger,
            faults,
            settings,
        } = &*snapshot.0;
        self.epoch.fetch_add(1, Ordering::AcqRel);
        let before = std::mem::replace(&mut *self.ledger(), ledger.clone());
        drop_elsewhere(before);
        self.faults.set(faults.clone());
        self.set_settings((**settings).clone());
    }

    /// Keeps a snapshot under `name`, over an older one of that name; names it when no name is given.
    pub(crate) fn save(&self, name: Option<String>) -> Result<String, Error> {
        let snapshot = self.snapshot();
        let mut snapshots = self
            .snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let name = name.unwrap_or_else(|| {
            (1..=MAX_SNAPSHOTS + 1)
                .map(|n| format!("s{n}"))
                .find(|n| !snapshots.contains_key(n))
                .unwrap_or_default()
        });
        if snapshots.len() >= MAX_SNAPSHOTS && !snapshots.contains_key(&name) {
            let rule = format!("{MAX_SNAPSHOTS} snapshots are kept already");
            return Err(Error::new(
                "name",
                rule,
                "use the name of an older one, or POST /reset",
            ));
        }
        snapshots.insert(name.clone(), snapshot);
        Ok(name)
    }

    pub(crate) fn restore_named(&self, name: &str) -> Result<(), Error> {
        let found = {
            let snapshots = self
                .snapshots
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            snapshots.get(name).cloned().ok_or_else(|| {
                let names: Vec<_> = snapshots.keys().map(String::as_str).collect();
                let remedy = format!("there are: {}", names.join(" "));
                Error::new("snapshot", "is none of the kept snapshots", remedy)
            })?
        };
        self.restore(&found);
        Ok(())
    }
}

/// A trace number as real ones look: the site code and eleven letters and digits.
fn trace_no(site_cd: &str, number: u64) -> String {
    let mut rest = mix(number);
    let tail = (0..11).filter_map(|_| {
        let digit = char::from_digit(u32::try_from(rest % 36).unwrap_or(0), 36);
        rest /= 36;
        digit.map(|c| c.to_ascii_uppercase())
    });
    site_cd.chars().chain(tail).collect()
}

/// Books of a million rows take longer to free than a reset may take.
fn drop_elsewhere(ledger: Ledger) {
    if ledger.len() > 10_000 {
        std::thread::spawn(move || drop(ledger));
    }
}
