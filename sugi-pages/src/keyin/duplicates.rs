//! The duplicate guard: the same card and amount, or the same buyer and amount, within minutes.
//!
//! What is compared is a keyed hash whose key is drawn when the process starts and lives in its
//! memory only, as the hashes do. So nothing of a card outlives the process, and no one who reads a
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

/// For how long a sale stands in the way of one like it.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Sales that are remembered; of a flood the oldest are forgotten.
const MOST: usize = 20_000;

/// Sales alike that are remembered one by one; of more the oldest is forgotten, and the others stand in
/// the way as well as it did.
const ALIKE_MOST: usize = 8;
/// As often as there can be another sale in the way, by card and by buyer, and once to find none.
pub(crate) const ROUNDS: usize = 2 * ALIKE_MOST + 1;

/// What is remembered of the sales of the last minutes.
pub(crate) struct DuplicateDetector {
    key: [u8; 32],
    sales: Mutex<Sales>,
}

#[derive(Default)]
struct Sales {
    by_mark: HashMap<Fingerprint, Vec<Earlier>>,
    /// How many attempts there were: the name of the next.
    attempts: u64,
}

impl std::fmt::Debug for DuplicateDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Default for DuplicateDetector {
    fn default() -> Self {
        Self {
            key: sugi_clock::random_bytes(),
            sales: Mutex::default(),
        }
    }
}

/// A keyed hash of what makes two sales alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 16]);

/// A sale that was made, or is being made.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    /// Its payment, once it has one.
    pub(crate) payment: Option<PaymentId>,
    pub(crate) at: Timestamp,
    /// The key of the form that it came from: asking again with it is no other sale.
    form: String,
    attempt: Attempt,
}

/// One attempt at a sale; what it left here is its own to take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attempt(u64);

/// A place that was taken.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) attempt: Attempt,
    /// One like it was there, and there is a reason to make this one all the same.
    pub(crate) again: bool,
}

/// What a sale is like: in the way of any other with one of these.
#[derive(Debug, Clone)]
pub(crate) struct Marks(Vec<Fingerprint>);

impl DuplicateDetector {
    /// What makes a sale like another: shop and money, with the card, or with the buyer. As many cents
    /// as won are another amount.
    pub(crate) fn marks(&self, shop: &ShopId, money: Money, card: &str, buyer: &str) -> Marks {
        let mut marks = vec![self.fingerprint("card", shop, money, card)];
        if !buyer.is_empty() {
            marks.push(self.fingerprint("buyer", shop, money, buyer));
        }
        Marks(marks)
    }

    fn fingerprint(&self, kind: &str, shop: &ShopId, money: Money, what: &str) -> Fingerprint {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return Fingerprint([0; 16]);
        };
        for part in [kind, shop.as_str(), &money.to_string(), what] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut fingerprint = [0; 16];
        let hash = mac.finalize().into_bytes();
        fingerprint
            .iter_mut()
            .zip(hash)
            .for_each(|(to, from)| *to = from);
        Fingerprint(fingerprint)
    }

    /// Takes a place for a sale, unless one like it is there. The newest of those is not in the way when
    /// it is the one that there is a reason `in_spite_of`. All of it is one step, so that of two at the
    /// same moment one finds the other.
    pub(crate) fn enter(
        &self,
        marks: &Marks,
        form: &str,
        now: Timestamp,
        in_spite_of: Option<&PaymentId>,
    ) -> Result<Entered, Earlier> {
        let mut sales = self.sales();
        let fresh = |earlier: &&Earlier| now.duration_since(earlier.at) < WINDOW;
        let of = |fingerprint| {
            sales
                .by_mark
                .get(fingerprint)
                .into_iter()
                .flatten()
                .filter(fresh)
        };
        // What this form has begun already the ledger makes once.
        let begun = |fingerprint| of(fingerprint).any(|earlier| earlier.form == form);
        let mut again = false;
        if !marks.0.iter().all(begun) {
            let like = marks.0.iter().flat_map(of);
            let others = like.filter(|earlier| earlier.form != form);
            if let Some(newest) = others.max_by_key(|earlier| earlier.attempt) {
                again = in_spite_of.is_some() && newest.payment.as_ref() == in_spite_of;
                if !again {
                    return Err(newest.clone());
                }
            }
        }
        sales.make_room(now);
        sales.attempts += 1;
        let attempt = Attempt(sales.attempts);
        for fingerprint in &marks.0 {
            let duplicate_of = sales.by_mark.entry(*fingerprint).or_default();
            if duplicate_of.len() >= ALIKE_MOST {
                duplicate_of.remove(0);
            }
            duplicate_of.push(Earlier {
                payment: None,
                at: now,
                form: form.into(),
                attempt,
            });
        }
        Ok(Entered { attempt, again })
    }

    /// The sale became this payment. One form that is sent again and again is remembered once.
    pub(crate) fn became(&self, attempt: Attempt, payment: &PaymentId) {
        self.sales().retain(|earlier| {
            if earlier.attempt == attempt {
                earlier.payment = Some(payment.clone());
                return true;
            }
            earlier.payment.as_ref() != Some(payment)
        });
    }

    /// Nothing became of this attempt: it is in no one's way. What another left, with the same form or
    /// over it, stays.
    pub(crate) fn forget(&self, attempt: Attempt) {
        self.sales().retain(|earlier| earlier.attempt != attempt);
    }

    /// A sale that moved nothing is in no one's way.
    pub(crate) fn forget_payment(&self, payment: &PaymentId) {
        self.sales()
            .retain(|earlier| earlier.payment.as_ref() != Some(payment));
    }

    fn sales(&self) -> MutexGuard<'_, Sales> {
        self.sales.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sales {
    fn retain(&mut self, mut stays: impl FnMut(&mut Earlier) -> bool) {
        self.by_mark.retain(|_, duplicate_of| {
            duplicate_of.retain_mut(&mut stays);
            !duplicate_of.is_empty()
        });
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.by_mark.len() < MOST {
            return;
        }
        self.retain(|earlier| now.duration_since(earlier.at) < WINDOW);
        if self.by_mark.len() < MOST {
            return;
        }
        let newest =
            |duplicate_of: &Vec<Earlier>| duplicate_of.last().map(|earlier| earlier.attempt);
        let oldest = self
            .by_mark
            .iter()
            .min_by_key(|(_, duplicate_of)| newest(duplicate_of));
        if let Some(oldest) = oldest.map(|(fingerprint, _)| *fingerprint) {
            self.by_mark.remove(&oldest);
        }
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

    fn id(last: u8) -> PaymentId {
        let id = format!("pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a{last:02x}");
        id.parse().unwrap()
    }

    #[test]
    fn what_is_alike_is_stopped_for_a_while() {
        let duplicates = DuplicateDetector::default();
        let shop: ShopId = "main".parse().unwrap();
        let marks = |card, buyer| duplicates.marks(&shop, won(1_004), card, buyer);
        let enter = |marks: &Marks, form, second| duplicates.enter(marks, form, at(second), None);
        enter(&marks("1", "kim"), "f1", 0).unwrap();
        // The same form again is the same sale.
        enter(&marks("1", "kim"), "f1", 1).unwrap();
        for (card, buyer) in [("1", ""), ("1", "lee"), ("2", "kim")] {
            let like = enter(&marks(card, buyer), "f2", 2);
            assert!(like.is_err(), "{card} {buyer}");
        }
        enter(&marks("2", "lee"), "f2", 2).unwrap();
        let other = duplicates.marks(&shop, won(1_005), "1", "kim");
        enter(&other, "f3", 2).unwrap();
        let cents = Money::usd_cents(1_004).unwrap();
        let dollars = duplicates.marks(&shop, cents, "1", "kim");
        enter(&dollars, "f3", 2).unwrap();
        assert!(enter(&dollars, "f6", 2).is_err());
        assert!(enter(&marks("1", "kim"), "f5", 600).is_err());
        enter(&marks("1", "kim"), "f5", 601).unwrap();
    }

    #[test]
    fn what_came_to_nothing_is_in_nobodys_way() {
        let duplicates = DuplicateDetector::default();
        let marks = duplicates.marks(&"main".parse().unwrap(), won(1), "1", "");
        let enter = |form, second| duplicates.enter(&marks, form, at(second), None);
        let first = enter("f1", 0).unwrap().attempt;
        assert!(enter("f2", 1).is_err());
        duplicates.forget(first);
        let second = enter("f2", 1).unwrap().attempt;
        duplicates.became(second, &id(1));
        let earlier = enter("f3", 2).unwrap_err();
        assert_eq!(earlier.payment, Some(id(1)));
        // What a form leaves that is sent again is not what it left before.
        let again = enter("f2", 2).unwrap().attempt;
        duplicates.forget(again);
        assert!(enter("f3", 2).is_err());
        duplicates.forget_payment(&id(1));
        enter("f3", 2).unwrap();
    }

    #[test]
    fn a_reason_is_for_the_newest_sale_only_and_hides_no_other() {
        let duplicates = DuplicateDetector::default();
        let marks = duplicates.marks(&"main".parse().unwrap(), won(1), "1", "");
        let enter = |form, payment: Option<u8>| {
            duplicates.enter(&marks, form, at(0), payment.map(id).as_ref())
        };
        let first = enter("f1", Some(9)).unwrap();
        assert!(!first.again, "there was nothing that the reason is for");
        assert!(enter("f2", None).is_err(), "it has no payment yet");
        duplicates.became(first.attempt, &id(1));
        assert!(enter("f2", Some(9)).is_err());
        let second = enter("f2", Some(1)).unwrap();
        assert!(second.again);
        duplicates.became(second.attempt, &id(2));
        assert!(enter("f3", Some(1)).is_err(), "there is a newer one");
        // Sent again, a form is what it was before.
        enter("f1", None).unwrap();
        duplicates.forget(second.attempt);
        duplicates.forget_payment(&id(2));
        assert_eq!(enter("f3", None).unwrap_err().payment, None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let duplicates = DuplicateDetector::default();
        let shop = "main".parse().unwrap();
        let marks = duplicates.marks(&shop, won(1), "1", "");
        for _ in 0..ALIKE_MOST * 2 {
            duplicates.enter(&marks, "f1", at(0), None).unwrap();
        }
        assert_eq!(duplicates.sales().by_mark[&marks.0[0]].len(), ALIKE_MOST);
        for card in 0..=MOST {
            let marks = duplicates.marks(&shop, won(1), &format!("card {card}"), "");
            duplicates.enter(&marks, "f2", at(1), None).unwrap();
        }
        assert_eq!(duplicates.sales().by_mark.len(), MOST);
        let newest = duplicates.marks(&shop, won(1), &format!("card {MOST}"), "");
        assert!(duplicates.enter(&newest, "f3", at(2), None).is_err());
    }

    #[test]
    fn each_process_has_a_key_of_its_own() {
        let shop = "main".parse().unwrap();
        let fingerprint =
            |duplicates: &DuplicateDetector| duplicates.marks(&shop, won(1), "1", "").0[0];
        assert_ne!(
            fingerprint(&DuplicateDetector::default()),
            fingerprint(&DuplicateDetector::default())
        );
    }
}
