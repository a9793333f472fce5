//! What people know of a payment in doubt, taken as evidence.

use jiff::Timestamp;
use nhn_kcp::Tno;
use sugi_core::{
    Actor, Event, Inquired, Live, Payment, PaymentId, ResolutionId, ShopId, Source, Status,
    VoidReason,
    todo::{ClockDoubt, ProcessContext, clock_doubt, may_attest_absence, may_attest_remaining},
};
use sugi_store::{PaymentSnapshot, PendingAppend, StoreError};

use crate::{
    engine::{Engine, Inner, failed},
    kcp, named,
    shop::Shop,
};

/// What a person knows of a payment in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// They have its transaction number, from KCP's partner site or the buyer's message.
    Live {
        /// The number; a signed inquiry has to confirm that it is this order.
        tno: Tno,
        /// Where they have it from.
        note: String,
        /// Whether the sale is to stand rather than be reversed.
        keep: bool,
    },
    /// They looked after the uncertainty window, and KCP's partner site does not have it.
    Absent {
        /// Where they looked.
        note: String,
    },
    /// A cancel or a reversal of it does not end, because inquiries fail; KCP's partner site shows how
    /// much is left.
    Remaining {
        /// How much, in the currency's smallest unit; 0 when all of it is cancelled.
        amount: u64,
        /// Where they looked.
        note: String,
    },
}

/// A resolution to be taken.
#[derive(Debug, Clone)]
pub struct ResolveAsk {
    /// What the person knows.
    pub what: Resolution,
    /// Who they are.
    pub by: Actor,
    /// Whose key this is and the key, so that telling twice is telling once.
    pub key: Option<(String, String)>,
}

/// A resolution that was taken.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The payment as it is now.
    pub payment: Payment,
    /// This key was used for it before: nothing was written now.
    pub before: bool,
}

/// Why a resolution was not taken. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No such payment.
    #[error("there is no payment {0}")]
    UnknownPayment(PaymentId),
    /// Its shop is not configured any more.
    #[error("there is no shop {0} here")]
    UnknownShop(ShopId),
    /// It is not in doubt.
    #[error("a payment that is {} is not in doubt", .0.as_str())]
    NotInDoubt(Status),
    /// Something of it is known to live, so it cannot be absent.
    #[error(
        "KCP answered this payment with a transaction number, so it cannot be closed as absent"
    )]
    KnownAlive,
    /// The request may still live inside KCP.
    #[error("too early: the request may still arrive at KCP until {0}; look again after that")]
    TooEarly(Timestamp),
    /// The key was used for another resolution of this payment.
    #[error("this idempotency key was used for another resolution of this payment")]
    KeyReused,
    /// The sale is to be kept, and another payment of its order is alive.
    #[error("another payment of this order is alive: {0}; keeping this one would charge it twice")]
    OrderLive(PaymentId),
    /// How much is left is stated of a payment whose cancel ends by itself, or that has none.
    #[error(
        "no cancel of this payment is held up for want of an answer, so KCP itself tells what is left"
    )]
    NotHeldUp,
    /// More is stated to be left than there was.
    #[error("{stated} is more than the {most} that there was")]
    TooMuch {
        /// What was stated.
        stated: u64,
        /// What there was.
        most: u64,
    },
    /// KCP does not confirm it.
    #[error("KCP does not confirm it: {0}")]
    NotConfirmed(String),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Takes what a person knows of a payment in doubt. A number counts when a signed inquiry confirms
    /// it; an absence is the person's word, written down in their name, and taken only after the quiet
    /// period.
    ///
    /// The key's name stands in the journal with what was told. So of two nodes that are told the same at
    /// once, one writes and the other finds it written; and a crash leaves it written or not.
    ///
    /// # Errors
    /// [`ResolveError`]; then nothing was written.
    pub async fn resolve(&self, id: &PaymentId, ask: ResolveAsk) -> Result<Resolved, ResolveError> {
        let key = ask.key.as_ref();
        let name = key.and_then(|(scope, key)| named::after("res_", id, scope, key));
        loop {
            // The payment first: one that is read after the keys could already show what this key told in
            // between, and refuse it for that.
            let payment_snapshot = self.payment_snapshot(id).await?;
            let before = self.told_before(id, name.as_ref(), &ask.what).await?;
            if before {
                let payment = self.payment_snapshot(id).await?.payment;
                return Ok(Resolved { payment, before });
            }
            let shop = self.0.shop_of(&payment_snapshot.payment).ok_or_else(|| {
                ResolveError::UnknownShop(payment_snapshot.payment.request.shop.clone())
            })?;
            let event = self
                .evidence(&payment_snapshot.payment, &ask, name.as_ref(), &shop)
                .await?;
            let now = self.0.when(&shop);
            let pending_append =
                PendingAppend::of(payment_snapshot, now, event).map_err(|why| failed(&why))?;
            let written = match self.0.write(pending_append, now, &shop.policy).await {
                Err(why @ StoreError::Foreign { .. }) => {
                    self.0.is_foreign(id, &shop, &why);
                    return Err(ResolveError::NotConfirmed(why.to_string()));
                }
                // Written or not? The name is this key's alone, so reading tells.
                // Where it cannot be read either, it stays unknown.
                Err(why @ StoreError::Unknown { .. }) => {
                    let told = match self.told_before(id, name.as_ref(), &ask.what).await {
                        Ok(true) => self.payment_snapshot(id).await.map(Some),
                        Ok(false) => Ok(None),
                        Err(why) => Err(why),
                    };
                    match told {
                        Ok(Some(payment_snapshot)) => Some(payment_snapshot),
                        Ok(None) | Err(ResolveError::Store(_)) => return Err(why.into()),
                        Err(why) => return Err(why),
                    }
                }
                written => written?,
            };
            if let Some(PaymentSnapshot { payment, .. }) = written {
                self.0.work_on(id).await;
                return Ok(Resolved { payment, before });
            }
        }
    }

    /// Whether a person may close a payment in doubt as void now: see
    /// [`may_attest_absence`](sugi_core::todo::may_attest_absence).
    ///
    /// # Errors
    /// From when on they may, or `None` if they never may; also where its shop is not configured.
    pub fn may_attest_absence(&self, payment: &Payment) -> Result<(), Option<Timestamp>> {
        let shop = self.0.shop_of(payment).ok_or(None)?;
        self.0.may_attest_absence(payment, &shop)
    }

    /// Whether a person may state now what is left of a payment whose cancel or reversal does not end: see
    /// [`may_attest_remaining`](sugi_core::todo::may_attest_remaining).
    ///
    /// # Errors
    /// From when on they may, or `None` if it ends by itself; also where its shop is not configured.
    pub fn may_attest_remaining(&self, payment: &Payment) -> Result<(), Option<Timestamp>> {
        let shop = self.0.shop_of(payment).ok_or(None)?;
        self.0.may_attest_remaining(payment, &shop)
    }

    /// Why time does not close a payment in doubt that it could close: the calendar.
    #[must_use]
    pub fn clock_doubt(&self, payment: &Payment) -> Option<ClockDoubt> {
        clock_doubt(payment, &self.0.shop_of(payment)?.policy)
    }

    async fn payment_snapshot(&self, id: &PaymentId) -> Result<PaymentSnapshot, ResolveError> {
        let payment_snapshot = self.0.store.load(id).await?;
        payment_snapshot.ok_or_else(|| ResolveError::UnknownPayment(id.clone()))
    }

    /// Whether this key has told this already: the journal is the memory of keys.
    async fn told_before(
        &self,
        id: &PaymentId,
        name: Option<&ResolutionId>,
        what: &Resolution,
    ) -> Result<bool, ResolveError> {
        if name.is_none() {
            return Ok(false);
        }
        for entry in self.0.store.journal(id).await? {
            let (told, by_name) = match entry.event {
                Event::Inquired(Inquired {
                    seen: Live::Found { approval, .. },
                    source: Source::Person { note, keep, id, .. },
                    ..
                }) => {
                    let tno = approval.tno;
                    (Resolution::Live { tno, note, keep }, id)
                }
                Event::Inquired(Inquired {
                    seen: Live::Found { remaining, .. },
                    source: Source::Statement { note, id, .. },
                    ..
                }) => {
                    let amount = remaining;
                    (Resolution::Remaining { amount, note }, id)
                }
                Event::Voided(VoidReason::Attested { note, id, .. }) => {
                    (Resolution::Absent { note }, id)
                }
                _ => continue,
            };
            if by_name.as_ref() == name {
                let same = told == *what;
                return if same {
                    Ok(true)
                } else {
                    Err(ResolveError::KeyReused)
                };
            }
        }
        Ok(false)
    }

    /// What a person knows, as the event to write down.
    async fn evidence(
        &self,
        payment: &Payment,
        ask: &ResolveAsk,
        name: Option<&ResolutionId>,
        shop: &Shop,
    ) -> Result<Event, ResolveError> {
        let status = payment.status();
        match &ask.what {
            // Money that turns up after a payment was closed opens it again.
            Resolution::Live { .. }
                if !matches!(status, Status::InDoubt | Status::Void | Status::Declined) =>
            {
                Err(ResolveError::NotInDoubt(status))
            }
            Resolution::Live { tno, note, keep } => {
                if *keep && let Some(other) = self.0.other_of_the_order(payment).await? {
                    return Err(ResolveError::OrderLive(other));
                }
                let mut asked_at = self.0.when(shop);
                let clock = &self.0.clock;
                match kcp::inquire(tno, payment, shop, clock, &mut asked_at).await {
                    seen @ Live::Found { .. } => {
                        let source = Source::Person {
                            who: ask.by.clone(),
                            note: note.clone(),
                            keep: *keep,
                            id: name.cloned(),
                        };
                        Ok(Event::Inquired(Inquired {
                            seen,
                            source,
                            asked_at,
                        }))
                    }
                    Live::Absent => Err(ResolveError::NotConfirmed("no such transaction".into())),
                    Live::Foreign { why } | Live::Unclear { why } => {
                        Err(ResolveError::NotConfirmed(why))
                    }
                }
            }
            Resolution::Remaining { amount, note } => {
                let now = self.0.when(shop);
                self.0
                    .may_attest_remaining(payment, shop)
                    .map_err(|until| match until {
                        Some(at) => ResolveError::TooEarly(at),
                        None => ResolveError::NotHeldUp,
                    })?;
                let approval = payment.approval().ok_or(ResolveError::NotHeldUp)?;
                let most = approval
                    .amount
                    .get()
                    .saturating_sub(payment.cancelled_amount());
                if *amount > most {
                    let stated = *amount;
                    return Err(ResolveError::TooMuch { stated, most });
                }
                Ok(Event::Inquired(Inquired {
                    seen: Live::Found {
                        approval: Box::new(approval.clone()),
                        remaining: *amount,
                    },
                    source: Source::Statement {
                        who: ask.by.clone(),
                        note: note.clone(),
                        id: name.cloned(),
                    },
                    asked_at: now,
                }))
            }
            Resolution::Absent { note } => {
                self.0
                    .may_attest_absence(payment, shop)
                    .map_err(|until| match until {
                        Some(at) => ResolveError::TooEarly(at),
                        None if status == Status::InDoubt => ResolveError::KnownAlive,
                        None => ResolveError::NotInDoubt(status),
                    })?;
                Ok(Event::Voided(VoidReason::Attested {
                    by: ask.by.clone(),
                    note: note.clone(),
                    id: name.cloned(),
                }))
            }
        }
    }
}

impl Inner {
    fn may_attest_absence(&self, payment: &Payment, shop: &Shop) -> Result<(), Option<Timestamp>> {
        may_attest_absence(
            payment,
            self.when(shop),
            self.watching(payment),
            &shop.policy,
        )
    }

    fn may_attest_remaining(
        &self,
        payment: &Payment,
        shop: &Shop,
    ) -> Result<(), Option<Timestamp>> {
        may_attest_remaining(
            payment,
            self.when(shop),
            self.watching(payment),
            &shop.policy,
        )
    }

    /// What this process has seen of a payment that others may be at work on.
    fn watching(&self, payment: &Payment) -> ProcessContext {
        ProcessContext {
            watched: self.watched(payment),
            ..ProcessContext::default()
        }
    }
}
