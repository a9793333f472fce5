//! The look that a decline of KCP's own is owed.
//!
//! A card company's code says that it authorised nothing. A code of KCP's own is KCP's word for it, and a
//! request can have gone further than the part of KCP that refused it knows. So where KCP answers inquiries
//! by order number, it is asked once more when the uncertainty window is over. Nothing is concluded from
//! not finding; what is found alive opens the payment again.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::{
    Event, Inquired, Live, Payment, Policy, Source, State, When,
    todo::{Call, SKEW, Todo, korean_day},
};

/// A look that is owed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recheck {
    /// When KCP declined.
    pub declined: When,
    /// When it was last tried.
    pub since: When,
    /// How many tries failed.
    pub tries: u32,
    /// The days about which KCP has answered.
    pub answered: BTreeSet<Date>,
}

impl Recheck {
    /// The look that an event owes to a payment which had none.
    pub(crate) fn owed(event: &Event, at: When) -> Option<Self> {
        match event {
            Event::Declined(refusal) if !refusal.issuer => Some(Self {
                declined: at,
                since: at,
                tries: 0,
                answered: BTreeSet::new(),
            }),
            _ => None,
        }
    }

    /// Takes a look. One that failed is tried again, like every other, a few times.
    pub(crate) fn looked(&mut self, looked: &Inquired, at: When) {
        let Source::OrderLookup { day } = looked.source else {
            return;
        };
        self.since = at;
        match looked.seen {
            Live::Unclear { .. } => self.tries = self.tries.saturating_add(1),
            Live::Found { .. } | Live::Foreign { .. } | Live::Absent => {
                self.answered.insert(day);
            }
        }
    }

    /// What comes next.
    pub(crate) fn next(&self, payment: &Payment, now: &When, policy: &Policy) -> Todo {
        if !policy.looks_up(&payment.request) || policy.is_used_up(self.tries) {
            return Todo::Rest;
        }
        // The days on which KCP can have booked it: two near midnight, by whichever clock.
        let days = [payment.created_at - SKEW, self.declined.at + SKEW].map(korean_day);
        let Some(day) = days.into_iter().find(|day| !self.answered.contains(day)) else {
            return Todo::Rest;
        };
        let window = self.declined.then(policy.uncertainty_window, now);
        let at = window.max(self.since.then(policy.pause(self.tries), now));
        if now.at < at {
            return Todo::Wait(at);
        }
        Todo::Call(Call::LookUp {
            ordr_idxx: payment.request.order.order_no.clone(),
            day,
        })
    }
}

impl Payment {
    /// Whether it is declined still, so that a look can be owed to it.
    pub(crate) fn keep_recheck(&mut self, owed: Option<Recheck>) {
        let declined = matches!(self.state, State::Declined(_));
        self.recheck = owed.or(self.recheck.take()).filter(|_| declined);
    }
}
