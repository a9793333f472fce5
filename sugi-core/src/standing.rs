//! A sale that stands, and the cancels that take from it.

use jiff::Timestamp;
use nhn_kcp::TaxParts;

use crate::{
    Actor, Approval, CancelAttempt, CancelId, CancelOrder, Event, Illegal, Inquired, Live, Refusal,
    State, Step, When,
};

/// A cancel that took effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cancelled {
    /// Its name; absent for money that someone gave back past sugi.
    pub id: Option<CancelId>,
    /// How much.
    pub amount: u64,
    /// How that divides for tax, where it is known.
    pub tax: Option<TaxParts>,
    /// When we knew.
    pub at: Timestamp,
    /// Who asked; absent for money that someone gave back past sugi.
    pub by: Option<Actor>,
}

/// The fields of [`State::Approved`] while they change.
pub(crate) struct Standing {
    pub(crate) approval: Box<Approval>,
    pub(crate) remaining: u64,
    pub(crate) cancels: Vec<Cancelled>,
    pub(crate) pending: Option<Box<(CancelOrder, CancelAttempt)>>,
    pub(crate) refused: Option<Box<(CancelOrder, Option<Refusal>)>>,
}

impl Standing {
    fn refunded(&mut self, whose: Option<CancelOrder>, amount: u64, at: Timestamp) {
        if amount == 0 {
            return;
        }
        // The parts of an order are those of its amount and of no other.
        let tax = whose
            .as_ref()
            .and_then(|order| order.tax.filter(|tax| tax.total() == Some(amount)));
        let (id, by) = whose.map(|order| (order.id, order.by)).unzip();
        self.remaining -= amount;
        self.cancels.push(Cancelled {
            id,
            amount,
            tax,
            at,
            by,
        });
    }
}

impl Standing {
    /// More is left than was thought: the newest cancels did not take effect after all.
    fn taken_back(&mut self, remaining: u64) {
        let mut excess = remaining.min(self.approval.amount.get()) - self.remaining;
        self.remaining += excess;
        while let Some(mut last) = self.cancels.pop() {
            if last.amount > excess {
                last.amount -= excess;
                last.tax = None;
                self.cancels.push(last);
                break;
            }
            excess -= last.amount;
        }
    }
}

impl State {
    pub(crate) fn cancel(
        mut sale: Standing,
        when: When,
        event: Event,
        illegal: Illegal,
    ) -> Result<Self, Illegal> {
        let at = when.at;
        match (event, sale.pending.take()) {
            (Event::CancelAsked(order), None) => {
                let asked = order.amount.get();
                if asked > sale.remaining {
                    return Err(Illegal::TooMuch {
                        asked,
                        remaining: sale.remaining,
                    });
                }
                let cancel_attempt = CancelAttempt::asked(&order, sale.remaining, when);
                sale.refused = None;
                sale.pending = Some(Box::new((order, cancel_attempt)));
            }
            (Event::CancelAsked(_), Some(_)) => return Err(Illegal::CancelPending),
            // Someone gave money back past us, and a look shows it.
            (
                Event::Inquired(Inquired {
                    seen: Live::Found { remaining, .. },
                    ..
                }),
                None,
            ) if remaining < sale.remaining => {
                sale.refunded(None, sale.remaining - remaining, at);
            }
            // It was looked at again, and nothing more was refunded.
            (Event::Inquired(_), None) => {}
            (Event::CancelDone { remaining, .. }, Some(pending)) if remaining < sale.remaining => {
                let (order, cancel_attempt) = *pending;
                let past_us = (sale.remaining - remaining).saturating_sub(cancel_attempt.amount);
                sale.refunded(None, past_us, at);
                sale.refunded(Some(order), sale.remaining - remaining, at);
            }
            (Event::CancelFailed { refusal, remaining }, Some(pending))
                if remaining <= sale.remaining =>
            {
                sale.refunded(None, sale.remaining - remaining, at);
                sale.refused = Some(Box::new((pending.0, refusal)));
            }
            (Event::CancelRefused { refusal, says, .. }, Some(mut pending))
                if pending.1.step != Step::Due =>
            {
                if pending.1.refused(refusal.clone(), says, when) {
                    sale.refused = Some(Box::new((pending.0, Some(refusal))));
                } else {
                    sale.pending = Some(pending);
                }
            }
            (Event::CancelUndone { remaining }, None) if remaining > sale.remaining => {
                sale.taken_back(remaining);
            }
            (event, Some(mut pending)) => {
                pending.1.evolve(when, event).ok_or(illegal)?;
                sale.pending = Some(pending);
            }
            (_, None) => return Err(illegal),
        }
        let Standing {
            approval,
            remaining,
            cancels,
            pending,
            refused,
        } = sale;
        Ok(Self::Approved {
            approval,
            remaining,
            cancels,
            pending,
            refused,
        })
    }
}
