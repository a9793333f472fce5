//! The duplicate guard: the same card and amount, or the same buyer and amount, within minutes.
//!
//! What is compared is a keyed hash whose key is drawn when the process starts and lives in its
//! memory only, as the hashes do. So nothing of a card outlives the process, and nobody who reads a
//! hash can try cards against it. Several nodes guard each for itself; that an order is not paid
//! twice is the ledger's own rule, on all of them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use nhn_kcp::Money;
use sha2::Sha256;
use sugi_core::{PaymentId, ShopId};
use sugi_engine::clock;

/// For how long a sale stands in the way of one like it.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Sales that are remembered; of a flood the oldest are forgotten.
const MOST: usize = 20_000;

/// What is remembered of the sales of the last minutes.
pub(crate) struct Guard {
    key: [u8; 32],
    sales: Mutex<HashMap<Mark, Earlier>>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            key: clock::chance(),
            sales: Mutex::default(),
        }
    }
}

/// A keyed hash of what makes two sales alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Mark([u8; 16]);

/// A sale that was made, or is being made.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    /// Its payment, once it has one.
    pub(crate) payment: Option<PaymentId>,
    pub(crate) at: Timestamp,
    /// The key of the form that it came from: asking again with it is no other sale.
    form: String,
}

/// What a sale is like: in the way of any other with one of these.
#[derive(Debug, Clone)]
pub(crate) struct Marks(Vec<Mark>);

impl Guard {
    /// What makes a sale like another: shop and money, with the card, or with the buyer. As many cents
    /// as won are another amount.
    pub(crate) fn marks(&self, shop: &ShopId, money: Money, card: &str, buyer: &str) -> Marks {
        let mut marks = vec![self.mark("card", shop, money, card)];
        if !buyer.is_empty() {
            marks.push(self.mark("buyer", shop, money, buyer));
        }
        Marks(marks)
    }

    fn mark(&self, kind: &str, shop: &ShopId, money: Money, what: &str) -> Mark {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return Mark([0; 16]);
        };
        for part in [kind, shop.as_str(), &money.to_string(), what] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut mark = [0; 16];
        let hash = mac.finalize().into_bytes();
        mark.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Mark(mark)
    }

    /// Takes a place for a sale, unless one like it is there. With `anyway`, whatever is there. Both
    /// are one step, so that of two at the same moment one finds the other.
    pub(crate) fn enter(
        &self,
        marks: &Marks,
        form: &str,
        now: Timestamp,
        anyway: bool,
    ) -> Result<(), Earlier> {
        let mut sales = self.sales();
        let is_like =
            |earlier: &&Earlier| earlier.form != form && now.duration_since(earlier.at) < WINDOW;
        let like = marks.0.iter().filter_map(|mark| sales.get(mark));
        let latest = like.filter(is_like).max_by_key(|earlier| earlier.at);
        if let Some(earlier) = latest.filter(|_| !anyway) {
            return Err(earlier.clone());
        }
        if sales.len() >= MOST {
            sales.retain(|_, earlier| now.duration_since(earlier.at) < WINDOW);
        }
        if sales.len() >= MOST {
            let oldest = sales.iter().min_by_key(|(_, earlier)| earlier.at);
            if let Some(oldest) = oldest.map(|(mark, _)| *mark) {
                sales.remove(&oldest);
            }
        }
        for mark in &marks.0 {
            let earlier = Earlier {
                payment: None,
                at: now,
                form: form.into(),
            };
            sales.insert(*mark, earlier);
        }
        Ok(())
    }

    /// The sale became this payment.
    pub(crate) fn became(&self, marks: &Marks, form: &str, payment: &PaymentId) {
        let mut sales = self.sales();
        for mark in &marks.0 {
            if let Some(sale) = sales.get_mut(mark).filter(|sale| sale.form == form) {
                sale.payment = Some(payment.clone());
            }
        }
    }

    /// Nothing became of the sale, or it turned out to have moved nothing: it is in nobody's way.
    pub(crate) fn forget(&self, marks: &Marks, form: &str) {
        let mut sales = self.sales();
        for mark in &marks.0 {
            if sales.get(mark).is_some_and(|sale| sale.form == form) {
                sales.remove(mark);
            }
        }
    }

    /// A sale that moved nothing is in nobody's way.
    pub(crate) fn forget_payment(&self, payment: &PaymentId) {
        self.sales()
            .retain(|_, earlier| earlier.payment.as_ref() != Some(payment));
    }

    fn sales(&self) -> MutexGuard<'_, HashMap<Mark, Earlier>> {
        self.sales.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn won(units: u64) -> Money {
        Money::won(units).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_alike_is_stopped_for_a_while() {
        let guard = Guard::default();
        let shop: ShopId = "main".parse().unwrap();
        let marks = |card, buyer| guard.marks(&shop, won(1_004), card, buyer);
        guard.enter(&marks("1", "kim"), "f1", at(0), false).unwrap();
        // The same form again is the same sale.
        guard.enter(&marks("1", "kim"), "f1", at(1), false).unwrap();
        for (card, buyer) in [("1", ""), ("1", "lee"), ("2", "kim")] {
            let like = guard.enter(&marks(card, buyer), "f2", at(2), false);
            assert!(like.is_err(), "{card} {buyer}");
        }
        guard.enter(&marks("2", "lee"), "f2", at(2), false).unwrap();
        let other = guard.marks(&shop, won(1_005), "1", "kim");
        guard.enter(&other, "f3", at(2), false).unwrap();
        let cents = Money::usd_cents(1_004).unwrap();
        let dollars = guard.marks(&shop, cents, "1", "kim");
        guard.enter(&dollars, "f3", at(2), false).unwrap();
        assert!(guard.enter(&dollars, "f6", at(2), false).is_err());
        guard.enter(&marks("1", "kim"), "f4", at(3), true).unwrap();
        guard
            .enter(&marks("1", "kim"), "f5", at(603), false)
            .unwrap();
    }

    #[test]
    fn what_came_to_nothing_is_in_nobodys_way() {
        let guard = Guard::default();
        let marks = guard.marks(&"main".parse().unwrap(), won(1), "1", "");
        guard.enter(&marks, "f1", at(0), false).unwrap();
        guard.forget(&marks, "another");
        assert!(guard.enter(&marks, "f2", at(1), false).is_err());
        guard.forget(&marks, "f1");
        guard.enter(&marks, "f2", at(1), false).unwrap();
        let id: PaymentId = "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b".parse().unwrap();
        guard.became(&marks, "f2", &id);
        let earlier = guard.enter(&marks, "f3", at(2), false).unwrap_err();
        assert_eq!(earlier.payment.as_ref(), Some(&id));
        guard.forget_payment(&id);
        guard.enter(&marks, "f3", at(2), false).unwrap();
    }

    #[test]
    fn each_process_has_a_key_of_its_own() {
        let shop = "main".parse().unwrap();
        let mark = |guard: &Guard| guard.marks(&shop, won(1), "1", "").0[0];
        assert_ne!(mark(&Guard::default()), mark(&Guard::default()));
    }
}
