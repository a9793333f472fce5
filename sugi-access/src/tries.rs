//! How often someone may try to sign in, by address.
//!
//! The tries of a name are kept in the ledger. Those of addresses are here, and bounded: a flood of addresses
//! makes the oldest be forgotten.

use std::{collections::HashMap, net::IpAddr};

use jiff::{SignedDuration, Timestamp};

/// Wrong tries that are free.
const FREE: u32 = 5;
/// The first wait; it doubles with every further wrong try.
const FIRST: SignedDuration = SignedDuration::from_mins(1);
/// The longest wait, which the tenth wrong try has: long enough for guessing to be hopeless (and for PCI
/// DSS 8.3.4), short enough not to be a weapon.
const LONGEST: SignedDuration = SignedDuration::from_mins(30);
/// Wrong tries that an address has in a window.
const PER_ADDRESS: u32 = 30;
/// So many times as much has an address from where someone has signed in lately: behind it there may be a
/// whole room of people who come to work at once, and whoever guesses there must not keep all of them out.
const KNOWN_TIMES: u32 = 10;
/// How long an address is known for that.
const KNOWN: SignedDuration = SignedDuration::from_hours(24);
/// Challenges that an address may ask for in a window, to sign in with a passkey.
const ASKED_PER_ADDRESS: u32 = 60;
/// That window.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Addresses that are remembered.
const MOST: usize = 10_000;

/// Until when no further try is taken after so many wrong ones.
pub(crate) fn wait_after(failures: u32, now: Timestamp) -> Option<Timestamp> {
    let over = failures.checked_sub(FREE)?;
    let wait = (0..over.min(10)).fold(FIRST, |wait, _| (wait * 2).min(LONGEST));
    now.checked_add(wait).ok()
}

#[derive(Debug, Default)]
pub(crate) struct LoginThrottle {
    addresses: HashMap<IpAddr, Count>,
    asked: HashMap<IpAddr, Count>,
    /// From where someone has signed in, and when last.
    known: HashMap<IpAddr, Count>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    /// The first in the window of an address; the last sign-in from one.
    at: Timestamp,
}

impl LoginThrottle {
    /// Until when an address may not try any more.
    pub(crate) fn address_held(&self, address: IpAddr, now: Timestamp) -> Option<Timestamp> {
        let count = self.addresses.get(&network_of(address))?;
        let until = count.at.checked_add(WINDOW).ok()?;
        let most = PER_ADDRESS * self.times(address, now);
        (count.failures >= most && until > now).then_some(until)
    }

    /// How many times as much an address may do as any other.
    fn times(&self, address: IpAddr, now: Timestamp) -> u32 {
        let known = self.known.get(&network_of(address));
        let is_known = known.is_some_and(|last| now.duration_since(last.at) < KNOWN);
        if is_known { KNOWN_TIMES } else { 1 }
    }

    /// Someone has signed in from an address.
    pub(crate) fn right_from(&mut self, address: IpAddr, now: Timestamp) {
        make_room(&mut self.known);
        let last = Count {
            failures: 0,
            at: now,
        };
        self.known.insert(network_of(address), last);
    }

    pub(crate) fn wrong_from(&mut self, address: IpAddr, now: Timestamp) {
        count(&mut self.addresses, address, now);
    }

    /// Whether an address may ask for one more challenge; then it is counted.
    pub(crate) fn may_ask(&mut self, address: IpAddr, now: Timestamp) -> bool {
        let most = ASKED_PER_ADDRESS * self.times(address, now);
        count(&mut self.asked, address, now) <= most
    }
}

/// Counts something that an address did in a window; how often that is now.
fn count(counts: &mut HashMap<IpAddr, Count>, address: IpAddr, now: Timestamp) -> u32 {
    make_room(counts);
    let fresh = Count {
        failures: 0,
        at: now,
    };
    let count = counts.entry(network_of(address)).or_insert(fresh);
    if now.duration_since(count.at) >= WINDOW {
        *count = fresh;
    }
    count.failures = count.failures.saturating_add(1);
    count.failures
}

/// An IPv6 network is one place: whoever has one address there has all of them.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn make_room<K: Clone + Eq + std::hash::Hash>(counts: &mut HashMap<K, Count>) {
    if counts.len() >= MOST {
        let oldest = counts.iter().min_by_key(|(_, count)| count.at);
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            counts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn waits_double_and_have_an_end() {
        let waits: Vec<_> = [4, 5, 6, 7, 9, 10, 4_000]
            .map(|failures| wait_after(failures, at(0)).map(Timestamp::as_second))
            .into();
        assert_eq!(
            waits,
            [
                None,
                Some(60),
                Some(120),
                Some(240),
                Some(960),
                Some(1_800),
                Some(1_800)
            ]
        );
    }

    #[test]
    fn an_address_is_held_for_a_window() {
        let mut tries = LoginThrottle::default();
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let same_network: IpAddr = "2001:db8::2:1".parse().unwrap();
        for n in 0..30 {
            assert_eq!(tries.address_held(one, at(n)), None);
            tries.wrong_from(one, at(n));
        }
        assert_eq!(tries.address_held(same_network, at(30)), Some(at(600)));
        assert_eq!(tries.address_held(one, at(600)), None);
        tries.wrong_from(one, at(600));
        assert_eq!(tries.address_held(one, at(601)), None, "counted anew");
        assert_eq!(
            tries.address_held("192.0.2.1".parse().unwrap(), at(30)),
            None
        );
    }

    #[test]
    fn from_where_people_sign_in_they_may_err_more_often() {
        let mut tries = LoginThrottle::default();
        let office: IpAddr = "192.0.2.7".parse().unwrap();
        tries.right_from(office, at(0));
        for n in 1..=300 {
            assert_eq!(tries.address_held(office, at(n)), None, "{n}");
            tries.wrong_from(office, at(n));
        }
        assert_eq!(tries.address_held(office, at(301)), Some(at(601)));
        // A day later it is an address like any other.
        let day = 24 * 3_600;
        for n in 0..30 {
            assert_eq!(tries.address_held(office, at(day + n)), None);
            tries.wrong_from(office, at(day + n));
        }
        assert_eq!(
            tries.address_held(office, at(day + 30)),
            Some(at(day + 600))
        );
    }

    #[test]
    fn a_flood_of_addresses_is_bounded() {
        let mut tries = LoginThrottle::default();
        for n in 0..u32::try_from(MOST).unwrap() + 10 {
            tries.wrong_from(IpAddr::V4(n.into()), at(n.into()));
        }
        assert_eq!(tries.addresses.len(), MOST);
        assert!(!tries.addresses.contains_key(&IpAddr::V4(0.into())));
    }
}
