//! Where an operator signs in from.
//!
//! A stranger who types in wrong passwords for someone's name from elsewhere must not keep them out where
//! they always are. So each place that they have signed in from lately has its own count of wrong tries; what
//! comes from anywhere else shares another one.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{operator::Operator, throttle::Wrong, tries::network_of};

/// How many places of an operator are known at a time.
const PLACES_MAX: usize = 8;
/// How long a place is known after they signed in there last.
const KNOWN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A place that an operator has signed in from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    network: IpAddr,
    /// When they signed in there last.
    last: Timestamp,
    wrong: Wrong,
}

impl Operator {
    /// The wrong tries at a place, if it is one that they sign in from.
    pub(crate) fn wrong_at(&self, address: Option<IpAddr>, now: Timestamp) -> Option<Wrong> {
        let network = network_of(address?);
        let mut known = self.places.iter().filter(|place| place.is_known(now));
        let here = known.find(|place| place.network == network)?;
        Some(here.wrong)
    }

    /// Counts a wrong try at a place that they sign in from.
    pub(crate) fn wrong_try_at(&mut self, address: Option<IpAddr>, now: Timestamp) {
        let Some(network) = address.map(network_of) else {
            return;
        };
        if let Some(here) = self.places.iter_mut().find(|one| one.network == network) {
            here.wrong.add(now);
        }
    }

    /// They have signed in at a place.
    pub(crate) fn was_at(&mut self, address: Option<IpAddr>, now: Timestamp) {
        let Some(network) = address.map(network_of) else {
            return;
        };
        self.places
            .retain(|place| place.is_known(now) && place.network != network);
        self.places
            .sort_by_key(|place| std::cmp::Reverse(place.last));
        self.places.truncate(PLACES_MAX - 1);
        self.places.push(Place {
            network,
            last: now,
            wrong: Wrong::default(),
        });
    }

    /// Forgets the wrong tries at all their places.
    pub(crate) fn forgive(&mut self) {
        for place in &mut self.places {
            place.wrong = Wrong::default();
        }
    }

    /// Until when no try is taken at one of their places.
    pub(crate) fn held_at_a_place(&self, now: Timestamp) -> Option<Timestamp> {
        let held = self.places.iter().map(|place| place.wrong.held(now));
        held.max().flatten()
    }
}

impl Place {
    fn is_known(&self, now: Timestamp) -> bool {
        now.duration_since(self.last) < KNOWN
    }
}
