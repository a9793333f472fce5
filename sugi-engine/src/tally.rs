//! What this process has written since it began, counted: for those who watch.
//!
//! Counting costs nothing that grows with the ledger. What is counted is what this process knows that it
//! wrote; a write whose end it never learnt is not in it, so the ledger stays the truth.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use nhn_kcp::Currency;
use sugi_core::{Payment, ShopId, State, Status};
use sugi_store::PendingAppend;

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many payments came to a state. One that moves on is counted in each.
    pub payments: BTreeMap<(ShopId, Status), u64>,
    /// How much money moved, in the currency's smallest unit.
    pub money: BTreeMap<(ShopId, Currency, Moved), u64>,
    /// How often KCP named another payment's transaction as one payment's: none is normal.
    pub foreign: BTreeMap<ShopId, u64>,
    /// Answers that fitted nothing which was pending: each is a case for a person to know of.
    pub late_answers: BTreeMap<ShopId, u64>,
    /// Inquiries by shop.
    pub inquiries: BTreeMap<ShopId, Inquiries>,
    /// What the watch over settled payments did, by shop.
    pub watch: BTreeMap<ShopId, WatchCounts>,
    /// Payments with work to do that could not be taken up, and are tried again.
    pub not_taken_up: u64,
}

/// How a shop's inquiries went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inquiries {
    /// All of them.
    pub made: u64,
    /// Those that told nothing: no answer, or one that cannot be believed.
    pub failed: u64,
    /// How many in a row have told nothing up to now.
    pub failing: u64,
}

/// What the watch over settled payments did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchCounts {
    /// Inquiries that it made.
    pub inquiries: u64,
    /// Those that told nothing.
    pub failed: u64,
    /// Payments of which KCP's books were found to differ from the ledger.
    pub differing: u64,
    /// How many payments in a row were found to differ up to now.
    pub in_a_row: u64,
}

/// How money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moved {
    /// By sales that stand.
    Approved,
    /// By what was refunded of them.
    Cancelled,
    /// There and back, by approvals that no one was told of.
    Reversed,
}

impl Moved {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Approved, Self::Cancelled, Self::Reversed];

    /// The word itself.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Cancelled => "cancelled",
            Self::Reversed => "reversed",
        }
    }
}

/// The counts of an engine.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// What a draft adds, once it is written.
pub(crate) struct Change {
    shop: ShopId,
    currency: Currency,
    /// The state that the payment came to.
    status: Option<Status>,
    money: Vec<(Moved, u64)>,
}

impl Change {
    /// `None` where nothing changes that is counted.
    pub(crate) fn of(pending_append: &PendingAppend) -> Option<Self> {
        let (before, after) = (pending_append.before(), pending_append.after());
        let status = Some(after.status()).filter(|now| Some(*now) != before.map(|was| was.0));
        let money = moved(before, after);
        if status.is_none() && money.is_empty() {
            return None;
        }
        let request = &after.request;
        Some(Self {
            shop: request.shop.clone(),
            currency: request.order.money.currency,
            status,
            money,
        })
    }
}

/// What money moved between where a payment stood, with so much refunded, and now.
fn moved(before: Option<(Status, u64)>, after: &Payment) -> Vec<(Moved, u64)> {
    use Status::{Approved, Cancelled, PartiallyCancelled, Reversed};
    let stood = before.filter(|was| matches!(was.0, Approved | PartiallyCancelled | Cancelled));
    let money = match &after.state {
        State::Approved { approval, .. } => {
            let new = if stood.is_none() {
                approval.amount.get()
            } else {
                0
            };
            let refunded = after
                .cancelled_amount()
                .saturating_sub(stood.map_or(0, |was| was.1));
            [(Moved::Approved, new), (Moved::Cancelled, refunded)]
        }
        State::Reversed { approval } if before.is_none_or(|was| was.0 != Reversed) => [
            (Moved::Reversed, approval.amount.get()),
            (Moved::Cancelled, 0),
        ],
        _ => return Vec::new(),
    };
    money
        .into_iter()
        .filter(|(_, amount)| *amount > 0)
        .collect()
}

impl Tally {
    /// An answer came that fits nothing.
    pub(crate) fn late(&self, shop: &ShopId) {
        *self.lock().late_answers.entry(shop.clone()).or_default() += 1;
    }

    /// The watch did something about a payment of a shop.
    pub(crate) fn watch<T>(&self, shop: &ShopId, count: impl FnOnce(&mut WatchCounts) -> T) -> T {
        count(self.lock().watch.entry(shop.clone()).or_default())
    }

    /// An inquiry of a shop ended. How many in a row have told nothing.
    pub(crate) fn inquired(&self, shop: &ShopId, told: bool) -> u64 {
        let mut counts = self.lock();
        let shop = counts.inquiries.entry(shop.clone()).or_default();
        shop.made += 1;
        shop.failed += u64::from(!told);
        shop.failing = if told { 0 } else { shop.failing + 1 };
        shop.failing
    }

    /// So many payments could not be taken up.
    pub(crate) fn not_taken_up(&self, payments: usize) {
        self.lock().not_taken_up = u64::try_from(payments).unwrap_or(u64::MAX);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A draft was written.
    pub(crate) fn add(&self, change: Option<Change>) {
        let Some(Change {
            shop,
            currency,
            status,
            money,
        }) = change
        else {
            return;
        };
        let mut counts = self.lock();
        for (how, amount) in money {
            let sum = counts.money.entry((shop.clone(), currency, how));
            let sum = sum.or_default();
            *sum = sum.saturating_add(amount);
        }
        if let Some(status) = status {
            *counts.payments.entry((shop, status)).or_default() += 1;
        }
    }

    /// KCP named another payment's transaction.
    pub(crate) fn add_foreign(&self, shop: &ShopId) {
        *self.lock().foreign.entry(shop.clone()).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }
}
