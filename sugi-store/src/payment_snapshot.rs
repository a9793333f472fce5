//! A payment together with the end of its chain, and what is about to be written behind it.

use jiff::Timestamp;
use sugi_core::{
    Event, Illegal, Payment, PaymentId, PublicEvent, PublicSnapshot, Reading, Status, When,
};

use crate::{
    chain::Hash,
    erasable::{self, Salt},
    record,
    store::Key,
};

/// A payment as the store holds it.
#[derive(Debug, Clone)]
pub struct PaymentSnapshot {
    /// The fold of its journal.
    pub payment: Payment,
    /// The hash of its last row.
    pub head: Hash,
}

/// One row of the journal.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number in the payment, from 1.
    pub seq: u32,
    /// When it happened.
    pub at: Timestamp,
    /// The same by clocks that no one sets, where they were read.
    pub clock: Option<Reading>,
    /// What happened.
    pub event: Event,
    /// The hash of this row over the one before.
    pub hash: Hash,
}

/// A row that is to be written. Its event is in its body, and in the payment after it.
#[derive(Debug, Clone)]
pub(crate) struct NewEntry {
    pub(crate) seq: u32,
    pub(crate) at: Timestamp,
    pub(crate) body: String,
    pub(crate) erasable: Option<String>,
    pub(crate) hash: Hash,
    /// What others hear of it.
    pub(crate) public_event: Option<PublicEvent>,
}

/// Rows to be written, checked by the fold, and the payment as it will be after them.
#[derive(Debug, Clone)]
pub struct PendingAppend {
    pub(crate) entries: Vec<NewEntry>,
    before: Option<(Status, u64)>,
    after: PaymentSnapshot,
}

impl PendingAppend {
    /// A new payment. The salt is chance; it is kept beside the buyer, and goes with them.
    ///
    /// # Errors
    /// When the events are no beginning of a payment.
    pub fn begin(
        id: PaymentId,
        when: impl Into<When>,
        salt: &Salt,
        events: Vec<Event>,
    ) -> Result<Self, Illegal> {
        let when = when.into();
        let mut events = events.into_iter();
        let first = events.next().ok_or(Illegal::Beginning)?;
        let (bare, erasable) = erasable::part(&first, salt);
        let entry = NewEntry::of(&id, Hash::START, 1, when, &bare, erasable);
        let after = PaymentSnapshot {
            payment: Payment::begin(id, when, first)?,
            head: entry.hash,
        };
        events.try_fold(
            Self {
                entries: vec![entry],
                before: None,
                after,
            },
            |pending_append, event| pending_append.then(when, event),
        )
    }

    /// What happens to a payment that exists.
    ///
    /// # Errors
    /// When it cannot happen to it.
    pub fn of(
        payment_snapshot: PaymentSnapshot,
        when: impl Into<When>,
        event: Event,
    ) -> Result<Self, Illegal> {
        let payment = &payment_snapshot.payment;
        let before = Some((payment.status(), payment.cancelled_amount()));
        Self {
            entries: Vec::with_capacity(1),
            before,
            after: payment_snapshot,
        }
        .then(when.into(), event)
    }

    fn then(mut self, mut when: When, event: Event) -> Result<Self, Illegal> {
        let PaymentSnapshot { payment, head } = self.after;
        // Another node's clock may be ahead, or ours was set back: what comes later is not told as having
        // happened before. The clocks that no one sets stand beside it as they were read.
        when.at = when.at.max(payment.updated_at);
        let entry = NewEntry::of(&payment.id, head, payment.seq + 1, when, &event, None);
        let before = PublicSnapshot::at(&payment);
        let payment = payment.evolve(when, event)?;
        self.entries.push(NewEntry {
            public_event: PublicEvent::between(&before, &payment),
            ..entry
        });
        self.after = PaymentSnapshot {
            payment,
            head: entry.hash,
        };
        Ok(self)
    }

    /// The same made by an idempotency key, of which the first row tells: taking the key away is found out.
    pub(crate) fn made_by(mut self, key: &Key) -> Self {
        let id = &self.after.payment.id;
        let mut before = Hash::START;
        for entry in &mut self.entries {
            if entry.seq == 1 {
                entry.body = record::keyed(std::mem::take(&mut entry.body), key);
            }
            let erasable = entry.erasable.as_deref().map(erasable::digest);
            entry.hash = before.next(id, entry.seq, entry.at, &entry.body, erasable);
            before = entry.hash;
        }
        self.after.head = before;
        self
    }

    /// The payment as it will be.
    #[must_use]
    pub fn after(&self) -> &Payment {
        &self.after.payment
    }

    /// Where the payment stood before, and how much of it had been refunded; `None` of a new one.
    #[must_use]
    pub fn before(&self) -> Option<(Status, u64)> {
        self.before
    }

    /// What others hear of, by the rows that it is about.
    pub(crate) fn public_event(&self) -> impl Iterator<Item = (&NewEntry, PublicEvent)> {
        let entries = self.entries.iter();
        entries.filter_map(|entry| Some((entry, entry.public_event?)))
    }

    pub(crate) fn was_live(&self) -> bool {
        self.before
            .is_some_and(|(status, _)| record::is_live(status))
    }

    pub(crate) fn head(&self) -> Hash {
        self.after.head
    }

    pub(crate) fn written(self) -> PaymentSnapshot {
        self.after
    }
}

impl NewEntry {
    fn of(
        id: &PaymentId,
        before: Hash,
        seq: u32,
        when: When,
        event: &Event,
        erasable: Option<String>,
    ) -> Self {
        let (at, body) = (when.at, record::body(event, when.clock));
        let hash = before.next(
            id,
            seq,
            at,
            &body,
            erasable.as_deref().map(erasable::digest),
        );
        Self {
            seq,
            at,
            body,
            erasable,
            hash,
            public_event: None,
        }
    }
}

impl Entry {
    /// When it happened, by every clock that was read.
    #[must_use]
    pub fn when(&self) -> When {
        When {
            at: self.at,
            clock: self.clock,
        }
    }

    /// A row as it was read; the error is its number and what is wrong.
    pub(crate) fn read(row: &record::RawEntry) -> Result<Self, (i64, String)> {
        let bad = |what: String| (row.seq, what);
        Ok(Self {
            seq: u32::try_from(row.seq).map_err(|why| bad(why.to_string()))?,
            at: Timestamp::from_microsecond(row.at).map_err(|why| bad(why.to_string()))?,
            clock: row.clock().map_err(bad)?,
            event: row.event().map_err(bad)?,
            hash: Hash::from_hex(&row.hash).ok_or_else(|| bad("not a hash".into()))?,
        })
    }
}
