//! Cancels: asked for, and driven to their end.

use nhn_kcp::{Amount, CancelReason, Invalid, TaxParts};
use sugi_core::{
    Actor, CancelId, CancelOrder, Event, Illegal, Payment, PaymentId, ShopId, State, Status,
};
use sugi_store::{PendingAppend, StoreError};

use crate::{
    engine::{Engine, failed},
    named,
    shop::Shop,
};

/// A cancel to be made.
#[derive(Debug, Clone)]
pub struct CancelAsk {
    /// How much, in the currency's smallest unit; all that is left if not given.
    pub amount: Option<Amount>,
    /// Of all that is left: how much that was when it was asked for. If more is left by then, nothing is
    /// cancelled.
    pub seen: Option<u64>,
    /// How the amount divides for tax: for a part of a sale whose amount was split so. All that is left
    /// divides by itself, where it is known how.
    pub tax: Option<TaxParts>,
    /// Why; KCP keeps it.
    pub reason: CancelReason,
    /// Who asks.
    pub by: Actor,
    /// Whose key this is and the key, so that asking twice makes one cancel.
    pub key: Option<(String, String)>,
}

/// Why a cancel was not begun. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// No such payment.
    #[error("there is no payment {0}")]
    UnknownPayment(PaymentId),
    /// Its shop is not configured any more.
    #[error("there is no shop {0} here")]
    UnknownShop(ShopId),
    /// Only an approved payment can be cancelled.
    #[error("a payment that is {} cannot be cancelled", .0.as_str())]
    NotApproved(Status),
    /// Nothing is left of it.
    #[error("nothing is left to cancel")]
    NothingLeft,
    /// More than is left.
    #[error("{asked} is more than the {remaining} that is left")]
    TooMuch {
        /// What was asked for.
        asked: u64,
        /// What is left.
        remaining: u64,
    },
    /// All that is left is more than what was seen when it was asked for.
    #[error("{left} is left, and not the {seen} that was seen")]
    MoreLeft {
        /// What is left.
        left: u64,
        /// What was seen.
        seen: u64,
    },
    /// The shop has no contract for partial cancels, or KCP said that this card has none.
    #[error("this payment can only be cancelled whole: {0}")]
    WholeOnly(&'static str),
    /// The sale's amount was not split for tax, so neither is a part of it.
    #[error("this payment's amount was not split for tax, so a cancel of it has no tax parts")]
    NotSplit,
    /// All that is left is asked for, and tax parts with it.
    #[error("tax parts divide an amount: give the amount as well, or leave both out")]
    PartsWithoutAmount,
    /// The sale's amount was split for tax, and no one says how the part of it divides.
    #[error(
        "this payment's amount was split for tax: say how the amount to cancel divides; at most {left} is left"
    )]
    PartsMissing {
        /// What is left of each part, at most.
        left: TaxParts,
    },
    /// The tax parts do not add up.
    #[error(transparent)]
    Parts(Invalid),
    /// The tax parts add up, and one is more than what is left of it.
    #[error("{asked} is more than what is left of a tax part: there is at most {left}")]
    PartsTooMuch {
        /// What was asked for.
        asked: TaxParts,
        /// What is left of each part, at most.
        left: TaxParts,
    },
    /// With it more would have been refunded than may be.
    #[error("with {refunded} that was given back already it is more than {most}")]
    Above {
        /// What was refunded of the payment already.
        refunded: u64,
        /// The most that may have been refunded afterwards.
        most: u64,
    },
    /// Another cancel of it has not ended.
    #[error("another cancel of this payment has not ended yet")]
    Pending,
    /// The key was used for another cancel of this payment.
    #[error("this idempotency key was used for another cancel of this payment")]
    KeyReused,
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Asks for a cancel: of an amount, or of all that is left. It goes on by itself until it has
    /// taken effect or KCP has refused it for good.
    ///
    /// # Errors
    /// [`CancelError`]; then nothing was sent.
    pub async fn cancel(&self, id: &PaymentId, ask: CancelAsk) -> Result<CancelId, CancelError> {
        self.cancel_up_to(id, ask, u64::MAX).await
    }

    /// The same, unless more than `most` of the payment would have been refunded then, by anyone and
    /// in however many parts. Of cancels that are asked for at once each counts the others.
    ///
    /// # Errors
    /// [`CancelError`]; then nothing was sent.
    pub async fn cancel_up_to(
        &self,
        id: &PaymentId,
        ask: CancelAsk,
        most: u64,
    ) -> Result<CancelId, CancelError> {
        let key = ask.key.as_ref();
        let named = key.and_then(|(scope, key)| named::after("can_", id, scope, key));
        let cancel_id = named.unwrap_or_else(sugi_clock::new_cancel_id);
        loop {
            // The payment first: one that is read after the keys could already show what this key asked
            // for in between, and refuse it for that.
            let payment_snapshot = self
                .0
                .store
                .load(id)
                .await?
                .ok_or_else(|| CancelError::UnknownPayment(id.clone()))?;
            if key.is_some() && self.asked_before(id, &cancel_id, &ask).await? {
                return Ok(cancel_id);
            }
            let shop = self.0.shop_of(&payment_snapshot.payment).ok_or_else(|| {
                CancelError::UnknownShop(payment_snapshot.payment.request.shop.clone())
            })?;
            let (amount, tax) = cancellable(&payment_snapshot.payment, &ask, &shop)?;
            let refunded = payment_snapshot.payment.cancelled_amount();
            if refunded.saturating_add(amount.get()) > most {
                return Err(CancelError::Above { refunded, most });
            }
            let (reason, by) = (ask.reason.clone(), ask.by.clone());
            let all = ask.amount.is_none();
            let order = CancelOrder {
                id: cancel_id.clone(),
                amount,
                reason,
                by,
                all,
                tax,
            };
            let now = self.0.when(&shop);
            let pending_append = PendingAppend::of(
                payment_snapshot,
                now,
                Event::CancelAsked(order),
            )
            .map_err(|why| match why {
                Illegal::TooMuch { asked, remaining } => CancelError::TooMuch { asked, remaining },
                Illegal::CancelPending => CancelError::Pending,
                why => failed(&why).into(),
            })?;
            let written = match self.0.write(pending_append, now, &shop.policy).await {
                // Written or not? The name is ours alone, so reading tells.
                // Where it cannot be read either, it stays unknown.
                Err(why @ StoreError::Unknown { .. }) => {
                    match self.asked_before(id, &cancel_id, &ask).await {
                        Err(CancelError::Store(_)) => return Err(why.into()),
                        asked => asked?,
                    }
                }
                written => written?.is_some(),
            };
            if written {
                self.0.work_on(id).await;
                return Ok(cancel_id);
            }
        }
    }

    /// Whether this key has asked for this cancel already: the journal is the memory of keys.
    async fn asked_before(
        &self,
        id: &PaymentId,
        cancel_id: &CancelId,
        ask: &CancelAsk,
    ) -> Result<bool, CancelError> {
        for entry in self.0.store.journal(id).await? {
            let Event::CancelAsked(order) = entry.event else {
                continue;
            };
            if order.id == *cancel_id {
                let same_amount = match ask.amount {
                    Some(amount) => !order.all && amount == order.amount && ask.tax == order.tax,
                    // Its parts, where it has any, followed from what was left.
                    None => order.all && ask.tax.is_none(),
                };
                let same = same_amount && ask.reason == order.reason;
                return if same {
                    Ok(true)
                } else {
                    Err(CancelError::KeyReused)
                };
            }
        }
        Ok(false)
    }
}

/// How much of a payment a cancel is to take, and how that divides for tax.
fn cancellable(
    payment: &Payment,
    ask: &CancelAsk,
    shop: &Shop,
) -> Result<(Amount, Option<TaxParts>), CancelError> {
    let State::Approved {
        approval,
        remaining,
        ..
    } = &payment.state
    else {
        return Err(CancelError::NotApproved(payment.status()));
    };
    let amount = ask.amount.map_or(*remaining, Amount::get);
    let amount = Amount::new(amount).map_err(|_| CancelError::NothingLeft)?;
    if amount.get() > *remaining {
        return Err(CancelError::TooMuch {
            asked: amount.get(),
            remaining: *remaining,
        });
    }
    if let (None, Some(seen)) = (ask.amount, ask.seen)
        && *remaining > seen
    {
        return Err(CancelError::MoreLeft {
            left: *remaining,
            seen,
        });
    }
    let whole = amount == approval.amount;
    if !whole {
        if !shop.contract.partial_cancel {
            return Err(CancelError::WholeOnly(
                "the shop has no contract for partial cancels",
            ));
        }
        if approval.partial_cancel == Some(false) {
            return Err(CancelError::WholeOnly(
                "KCP says that this card takes no partial cancels",
            ));
        }
    }
    let tax = match payment.tax_left() {
        Some(left) => divided(left, amount, ask, whole, shop)?,
        None if ask.tax.is_some() => return Err(CancelError::NotSplit),
        None => None,
    };
    Ok((amount, tax))
}

/// How the amount of a cancel divides for tax, of a sale of which so much is left of each part.
fn divided(
    left: TaxParts,
    amount: Amount,
    ask: &CancelAsk,
    whole: bool,
    shop: &Shop,
) -> Result<Option<TaxParts>, CancelError> {
    if let Some(asked) = ask.tax {
        if ask.amount.is_none() {
            return Err(CancelError::PartsWithoutAmount);
        }
        asked.check_cancel(amount, left).map_err(|why| {
            if asked.total() == Some(amount.get()) {
                CancelError::PartsTooMuch { asked, left }
            } else {
                CancelError::Parts(why)
            }
        })?;
    }
    if whole {
        // It takes all of every part, whether they are named or not.
        return Ok(ask.tax);
    }
    if !shop.contract.tax_split {
        return Err(CancelError::WholeOnly(
            "its amount was split for tax, and the shop has no contract for a tax split",
        ));
    }
    let rest = || (ask.amount.is_none() && left.total() == Some(amount.get())).then_some(left);
    let parts = ask.tax.or_else(rest);
    parts.map(Some).ok_or(CancelError::PartsMissing { left })
}
