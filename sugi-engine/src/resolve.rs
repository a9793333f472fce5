//! What people know of a payment in doubt, taken as evidence.

use jiff::Timestamp;
use nhn_kcp::Tno;
use sugi_core::{
    Actor, Event, Live, Looked, Payment, PaymentId, ShopId, Source, Status, VoidReason,
    todo::may_attest_absence,
};
use sugi_store::{Draft, StoreError};

use crate::{
    drive::due_at,
    engine::{Engine, Inner, failed},
    kcp,
};

/// What a person knows of a payment in doubt.
#[derive(Debug, Clone)]
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
    /// They looked after the quiet period, and KCP's partner site does not have it.
    Absent {
        /// Where they looked.
        note: String,
    },
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
    /// # Errors
    /// [`ResolveError`]; then nothing was written.
    pub async fn resolve(
        &self,
        id: &PaymentId,
        what: Resolution,
        by: Actor,
    ) -> Result<Payment, ResolveError> {
        let Inner { clock, store, .. } = &*self.0;
        loop {
            let book = store
                .load(id)
                .await?
                .ok_or_else(|| ResolveError::UnknownPayment(id.clone()))?;
            let shop_id = &book.payment.request.shop;
            let shop = self
                .shop(shop_id)
                .ok_or_else(|| ResolveError::UnknownShop(shop_id.clone()))?;
            let status = book.payment.status();
            let event = match &what {
                // Money that turns up after a payment was closed opens it again.
                Resolution::Live { .. }
                    if !matches!(status, Status::InDoubt | Status::Void | Status::Declined) =>
                {
                    return Err(ResolveError::NotInDoubt(status));
                }
                Resolution::Live { tno, note, keep } => {
                    let asked_at = clock.now();
                    match kcp::inquire(tno, &book.payment, &shop).await {
                        seen @ Live::Found { .. } => {
                            let source = Source::Person {
                                who: by.clone(),
                                note: note.clone(),
                                keep: *keep,
                            };
                            Event::Looked(Looked {
                                seen,
                                source,
                                asked_at,
                            })
                        }
                        Live::Absent => {
                            return Err(ResolveError::NotConfirmed("no such transaction".into()));
                        }
                        Live::Unclear { why } => return Err(ResolveError::NotConfirmed(why)),
                    }
                }
                Resolution::Absent { note } => {
                    may_attest_absence(&book.payment, clock.now(), &shop.policy).map_err(
                        |until| match until {
                            Some(at) => ResolveError::TooEarly(at),
                            None if status == Status::InDoubt => ResolveError::KnownAlive,
                            None => ResolveError::NotInDoubt(status),
                        },
                    )?;
                    Event::Voided(VoidReason::Attested {
                        by: by.clone(),
                        note: note.clone(),
                    })
                }
            };
            let now = clock.now();
            let draft = Draft::of(book, now, event).map_err(|why| failed(&why))?;
            let due = due_at(draft.after(), now, &shop.policy);
            if let Some(book) = store.append(draft, due).await? {
                self.0.work_on(id).await;
                return Ok(book.payment);
            }
        }
    }
}
