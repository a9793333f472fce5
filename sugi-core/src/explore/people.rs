//! What people do: ask for cancels, cancel at KCP past us, and tell what they saw.

use nhn_kcp::TaxParts;
use sugi_core::{Event, Inquired, Live, Source, State, VoidReason, todo};

use super::{
    samples::{approval, cancel_order, ways_to_take},
    world::{Go, TOTAL, World},
};

impl World {
    pub(super) fn people(&self, go: Go<'_>) {
        if let State::Approved {
            remaining,
            pending: None,
            ..
        } = self.payment.state
        {
            let n = self.left.cancels;
            let orders: Vec<_> = match self.payment.tax_left() {
                None if self.left.standing => vec![cancel_order(n, 1, None)],
                None => (1..=remaining)
                    .map(|amount| cancel_order(n, amount, None))
                    .collect(),
                Some(left) => ways_to_take(left)
                    .filter_map(|taken| Some((taken.total()?, taken)))
                    .filter(|(amount, _)| *amount <= remaining)
                    .map(|(amount, taken)| cancel_order(n, amount, Some(taken)))
                    .collect(),
            };
            let orders = orders
                .into_iter()
                .filter(|order| order.amount.get() <= remaining);
            for order in orders.filter(|_| self.left.cancels > 0) {
                go(&|w| {
                    w.left.cancels -= 1;
                    w.landed = false;
                    w.append(Event::CancelAsked(order.clone()));
                });
            }
        }
        self.past_us(go);
        let (at, process_context) = (self.at(), self.process_context());
        if todo::may_attest_remaining(&self.payment, at, process_context, &self.policy()).is_ok() {
            let books = self.books.unwrap_or(0);
            for left in 0..=TOTAL - self.payment.cancelled_amount() {
                if left == books && self.left.person > 0 {
                    go(&|w| {
                        w.left.person -= 1;
                        w.states(left);
                    });
                }
                if left != books && self.left.wrong > 0 {
                    go(&|w| {
                        w.left.wrong -= 1;
                        w.misled = true;
                        w.states(left);
                    });
                }
            }
        }
        if self.left.person == 0 || !self.open_doubt() {
            return;
        }
        for keep in [false, true].into_iter().filter(|_| self.books.is_some()) {
            go(&|w| {
                w.left.person -= 1;
                let source = Source::Person {
                    who: "kim".parse().unwrap(),
                    note: "partner site".into(),
                    keep,
                    id: None,
                };
                let (seen, asked_at) = (w.seen(), w.at());
                w.record_answer(Event::Inquired(Inquired {
                    seen,
                    source,
                    asked_at,
                }));
            });
        }
        if self.books.is_none()
            && todo::may_attest_absence(
                &self.payment,
                self.at(),
                self.process_context(),
                &self.policy(),
            )
            .is_ok()
        {
            go(&|w| {
                w.left.person -= 1;
                let note = "not on the partner site".into();
                w.append(Event::Voided(VoidReason::Attested {
                    by: "kim".parse().unwrap(),
                    note,
                    id: None,
                }));
            });
        }
    }
    /// A person states what KCP's partner site shows to be left.
    pub(super) fn states(&mut self, remaining: u64) {
        let source = Source::Statement {
            who: "kim".parse().unwrap(),
            note: "partner site".into(),
            id: None,
        };
        let seen = Live::Found {
            approval: Box::new(approval()),
            remaining,
        };
        let asked_at = self.at();
        self.append(Event::Inquired(Inquired {
            seen,
            source,
            asked_at,
        }));
    }

    /// Someone cancels at KCP's partner site.
    fn past_us(&self, go: Go<'_>) {
        let Some(left) = self.books.filter(|left| *left > 0 && self.left.outside > 0) else {
            return;
        };
        if !self.left.mixed_tax {
            for amount in [1, left] {
                go(&|w| w.gone_past_us(left - amount, w.books_tax));
            }
            return;
        }
        // Not while it is in doubt: what is left of a sale split for tax cannot be reversed by us, who
        // do not know its parts. That takes a person, at KCP's partner site.
        if !matches!(self.payment.state, State::Approved { .. }) {
            return;
        }
        for taken in ways_to_take(self.books_tax) {
            let rest = self.books_tax.checked_sub(taken).unwrap();
            go(&|w| w.gone_past_us(rest.total().unwrap(), rest));
        }
    }

    fn gone_past_us(&mut self, left: u64, of_each: TaxParts) {
        self.left.outside -= 1;
        self.outside_used = true;
        (self.books, self.books_tax) = (Some(left), of_each);
    }
}
