//! What people do: ask for cancels, cancel at KCP past us, and tell what they saw.

use sugi_core::{Event, Looked, Source, State, VoidReason, todo};

use crate::{
    samples::cancel_order,
    world::{Go, World},
};

impl World {
    pub(crate) fn people(&self, go: Go<'_>) {
        if let State::Approved {
            remaining,
            pending: None,
            ..
        } = self.payment.state
        {
            for amount in (1..=remaining).filter(|_| self.left.cancels > 0) {
                go(&|w| {
                    w.left.cancels -= 1;
                    w.landed = false;
                    w.append(Event::CancelAsked(cancel_order(amount)));
                });
            }
        }
        if let Some(left) = self.books.filter(|left| *left > 0 && self.left.outside > 0) {
            for amount in [1, left] {
                go(&|w| {
                    w.left.outside -= 1;
                    w.outside_used = true;
                    w.books = Some(left - amount);
                });
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
                };
                let (seen, asked_at) = (w.seen(), w.at());
                w.take_up(Event::Looked(Looked {
                    seen,
                    source,
                    asked_at,
                }));
            });
        }
        if self.books.is_none()
            && todo::may_attest_absence(&self.payment, self.at(), &self.policy()).is_ok()
        {
            go(&|w| {
                w.left.person -= 1;
                let note = "not on the partner site".into();
                w.append(Event::Voided(VoidReason::Attested {
                    by: "kim".parse().unwrap(),
                    note,
                }));
            });
        }
    }
}
