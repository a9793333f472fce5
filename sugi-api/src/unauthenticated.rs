//! Whoever knocks without a key or a session makes no row of the audit for each knock, or strangers could fill
//! it. The first of a minute are told one by one, the rest in one row.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// How long knocks are counted together.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// How many of an address are told one by one.
const EACH: u64 = 10;
/// How many addresses are told apart; all others are one.
const ADDRESSES: usize = 500;
/// What all others are.
const OTHERS: &str = "others";

/// The addresses that knock.
#[derive(Debug, Default)]
pub(crate) struct UnauthenticatedSampler(Mutex<HashMap<String, Window>>);

#[derive(Debug)]
struct Window {
    until: Timestamp,
    knocks: u64,
}

/// How a knock is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// By a row of its own.
    Itself,
    /// With others, by a row that someone writes when the window is over: the one who hears this.
    Later {
        /// Whose they are: ask for them by this.
        of: String,
        /// When to ask.
        at: Timestamp,
    },
    /// With others.
    Counted,
}

impl UnauthenticatedSampler {
    /// Counts a knock.
    pub(crate) fn sample(&self, origin: &str, now: Timestamp) -> Telling {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that no one waits to tell of are over; the others go when they are told.
        windows.retain(|_, window| window.until > now || window.knocks > EACH);
        let is_new = !windows.contains_key(origin);
        let of = if is_new && windows.len() >= ADDRESSES {
            OTHERS
        } else {
            origin
        };
        let fresh = || Window {
            until: now.saturating_add(WINDOW).unwrap_or(Timestamp::MAX),
            knocks: 0,
        };
        let window = windows.entry(of.to_owned()).or_insert_with(fresh);
        window.knocks += 1;
        match window.knocks {
            n if n <= EACH => Telling::Itself,
            n if n == EACH + 1 => Telling::Later {
                of: of.to_owned(),
                at: window.until,
            },
            _ => Telling::Counted,
        }
    }

    /// How many were not told one by one; they are counted anew from here on.
    pub(crate) fn rest(&self, of: &str) -> u64 {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.remove(of);
        window.map_or(0, |window| window.knocks.saturating_sub(EACH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_first_are_told_and_the_rest_counted() {
        let unauthenticated = UnauthenticatedSampler::default();
        let sample = |n| unauthenticated.sample("192.0.2.7", at(n));
        for n in 0..10 {
            assert_eq!(sample(n), Telling::Itself);
        }
        let later = Telling::Later {
            of: "192.0.2.7".into(),
            at: at(60),
        };
        assert_eq!(sample(10), later);
        assert_eq!(
            (sample(11), sample(100)),
            (Telling::Counted, Telling::Counted)
        );
        assert_eq!(
            unauthenticated.sample("192.0.2.8", at(100)),
            Telling::Itself
        );
        assert_eq!(unauthenticated.rest("192.0.2.7"), 3);
        assert_eq!(
            (sample(101), unauthenticated.rest("192.0.2.7")),
            (Telling::Itself, 0)
        );
    }

    #[test]
    fn a_flood_of_addresses_is_one() {
        let unauthenticated = UnauthenticatedSampler::default();
        let told = (0..100_000)
            .filter(|n| unauthenticated.sample(&n.to_string(), at(0)) != Telling::Counted)
            .count();
        assert_eq!(told, ADDRESSES + 11);
        assert_eq!(unauthenticated.rest(OTHERS), 100_000 - 500 - 10);
        // Who comes when it is over is someone again.
        assert_eq!(unauthenticated.sample("new", at(60)), Telling::Itself);
        assert!(unauthenticated.0.lock().unwrap().len() < 3);
    }
}
