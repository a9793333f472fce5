//! Velocity: how fast new sales may come, so that no one tries out stolen cards here.
//!
//! Whoever bought a list of card numbers has to find out which of them still work, and tries them
//! where cards are taken without asking much. It shows: sales come faster than people buy, from one
//! address, with one key, of one range of numbers; and most of them are declined. So both are counted
//! over a window of time, and past a limit new sales are refused before anything is written or sent.
//!
//! All of it is in memory: a start forgets it, and each node counts what passes through it. Of a card
//! nothing is kept but its first six digits.

mod tally;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use jiff::{SignedDuration, Timestamp};
use sugi_core::{Actor, Request};

use tally::{Counts, SLOTS, Tally, Tracked};

/// How many new sales of a shop may come, and how many may be declined, in a window of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VelocityRule {
    /// The window. It slides; when it changes, counting begins anew.
    pub window: SignedDuration,
    /// The most new sales.
    pub sales: Most,
    /// The most declines, where they are also more than half of the answers: a busy shop has many.
    pub declines: Most,
    /// When declines are to be told to a person.
    pub alarm: AlarmRule,
}

/// The most of something in a window; 0 for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Most {
    /// Of one caller's address; of an IPv6 address, of its /64.
    pub address: u32,
    /// Of one API key or operator.
    pub actor: u32,
    /// Of cards with the same first six digits.
    pub bin: u32,
    /// Of the whole shop.
    pub shop: u32,
}

/// When so many of a shop's sales are declined that someone should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmRule {
    /// More than so many of a hundred answers are declines; 0 for no alarm.
    pub percent: u32,
    /// Fewer answers than this say nothing.
    pub answers: u32,
}

impl Default for VelocityRule {
    /// In ten minutes 60,000 sales, half of them from one address or actor, a third of one card range;
    /// 200 declines of an address or actor, 50 of a card range. An alarm when of 20 or more answers
    /// more than half are declines.
    fn default() -> Self {
        Self {
            window: SignedDuration::from_mins(10),
            sales: Most {
                address: 30_000,
                actor: 30_000,
                bin: 20_000,
                shop: 60_000,
            },
            declines: Most {
                address: 200,
                actor: 200,
                bin: 50,
                // All buyers would pay for what one does; the alarm is for that.
                shop: 0,
            },
            alarm: AlarmRule {
                percent: 50,
                answers: 20,
            },
        }
    }
}

impl VelocityRule {
    /// No limit and no alarm.
    #[must_use]
    pub fn none() -> Self {
        Self {
            sales: Most::default(),
            declines: Most::default(),
            alarm: AlarmRule {
                percent: 0,
                answers: 0,
            },
            ..Self::default()
        }
    }
}

/// By what a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitBy {
    /// The caller's address.
    Address,
    /// The API key or operator.
    Actor,
    /// The card's first six digits.
    Bin,
    /// The shop.
    Shop,
}

impl LimitBy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Address, Self::Actor, Self::Bin, Self::Shop];

    /// The limit in one word, for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Actor => "key",
            Self::Bin => "card_range",
            Self::Shop => "shop",
        }
    }
}

impl fmt::Display for LimitBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "from this address",
            Self::Actor => "by this key or operator",
            Self::Bin => "with cards of this range",
            Self::Shop => "for this shop",
        })
    }
}

impl Most {
    fn of(&self, by: LimitBy) -> u32 {
        match by {
            LimitBy::Address => self.address,
            LimitBy::Actor => self.actor,
            LimitBy::Bin => self.bin,
            LimitBy::Shop => self.shop,
        }
    }
}

/// How a shop's limits stand, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VelocityNow {
    /// Too many sales are declined.
    pub alarm: bool,
    /// How many sales each limit refused since the start.
    pub refused: Vec<(LimitBy, u64)>,
}

/// Addresses that count as one: an IPv6 address stands for its /64, because whoever has one has them all.
#[must_use]
pub fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

/// Whom a sale counts for.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    address: Option<IpAddr>,
    actor: Actor,
    bin: Box<str>,
}

impl Who {
    pub(crate) fn of(request: &Request, from: Option<IpAddr>) -> Self {
        Self {
            address: from.map(counted_as),
            actor: request.by.clone(),
            bin: request.card.first6().into(),
        }
    }
}

/// A sale that was let through and counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) who: Who,
    slot: i64,
}

/// A sale that comes too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VelocityLimited {
    pub(crate) by: LimitBy,
    pub(crate) until: Timestamp,
}

/// One shop's counts.
#[derive(Debug)]
pub(crate) struct Velocity {
    rule: VelocityRule,
    tallies: Tallies,
    alarm_until: Option<Timestamp>,
    refused: BTreeMap<LimitBy, u64>,
}

#[derive(Debug, Default)]
struct Tallies {
    addresses: Tracked<IpAddr>,
    actors: Tracked<Actor>,
    bins: Tracked<Box<str>>,
    shop: Tally,
}

impl Velocity {
    pub(crate) fn new(rule: VelocityRule) -> Self {
        Self {
            rule,
            tallies: Tallies::default(),
            alarm_until: None,
            refused: BTreeMap::new(),
        }
    }

    pub(crate) fn rule(&self) -> &VelocityRule {
        &self.rule
    }

    /// Takes other limits. What was counted stays, unless the window is another.
    pub(crate) fn set_rule(&mut self, rule: VelocityRule) {
        if rule.window != self.rule.window {
            self.tallies = Tallies::default();
        }
        self.rule = rule;
    }

    /// Lets a new sale through and counts it, or says which limit it is over: of several the one that
    /// holds longest, so that whoever comes back then is not refused by another.
    pub(crate) fn admit(&mut self, who: Who, now: Timestamp) -> Result<Counted, VelocityLimited> {
        let slot = self.slot(now);
        let over = self.tallies.of(&who).into_iter().filter_map(|(by, tally)| {
            let until = self.over(by, tally?, slot)?;
            Some((until, by))
        });
        if let Some((until, by)) = over.max() {
            let until = self.begin(until);
            return Err(VelocityLimited { by, until });
        }
        self.tallies.add(&who, slot, |counts| &mut counts.sales);
        Ok(Counted { who, slot })
    }

    /// A sale that was let through was none: nothing was written.
    pub(crate) fn hand_back(&mut self, counted: &Counted) {
        for tally in self.tallies.get_mut(&counted.who).into_iter().flatten() {
            if let Some(counts) = tally.past(counted.slot) {
                counts.sales = counts.sales.saturating_sub(1);
            }
        }
    }

    /// A refusal was the last word.
    pub(crate) fn refused(&mut self, by: LimitBy) {
        *self.refused.entry(by).or_default() += 1;
    }

    /// KCP said yes or no to a sale. Whether this raised the alarm.
    pub(crate) fn answered(&mut self, who: &Who, declined: bool, now: Timestamp) -> bool {
        let slot = self.slot(now);
        if declined {
            self.tallies.add(who, slot, |counts| &mut counts.declined);
        } else {
            self.tallies.add(who, slot, |counts| &mut counts.approved);
        }
        let AlarmRule { percent, answers } = self.rule.alarm;
        let counts = self.tallies.shop.sum(slot);
        let share = u64::from(percent) * u64::from(counts.answered());
        let too_many =
            percent > 0 && counts.answered() >= answers && u64::from(counts.declined) * 100 > share;
        // It goes on for a window after it was last true, so that it is raised once and not at every
        // decline.
        let was_raised = self.is_alarm(now);
        if too_many {
            self.alarm_until = Some(now + self.rule.window);
        }
        too_many && !was_raised
    }

    /// How things stand.
    pub(crate) fn now(&self, now: Timestamp) -> VelocityNow {
        let refused = |by| self.refused.get(&by).copied().unwrap_or(0);
        VelocityNow {
            alarm: self.is_alarm(now),
            refused: LimitBy::ALL.map(|by| (by, refused(by))).into(),
        }
    }

    fn is_alarm(&self, now: Timestamp) -> bool {
        self.alarm_until.is_some_and(|until| now < until)
    }

    /// If a limit is reached, from which slot on it will not be.
    fn over(&self, by: LimitBy, tally: &Tally, slot: i64) -> Option<i64> {
        let counts = tally.sum(slot);
        let (sales, declines) = (self.rule.sales.of(by), self.rule.declines.of(by));
        let mostly_declined = counts.declined > counts.answered() / 2;
        let too_many = (sales > 0 && counts.sales >= sales)
            .then(|| tally.fewer(slot, sales, |counts: &Counts| counts.sales));
        let too_bad = (declines > 0 && counts.declined >= declines && mostly_declined)
            .then(|| tally.fewer(slot, declines, |counts: &Counts| counts.declined));
        too_many.max(too_bad)
    }

    fn slot(&self, now: Timestamp) -> i64 {
        now.as_millisecond().div_euclid(self.slot_ms())
    }

    fn begin(&self, slot: i64) -> Timestamp {
        Timestamp::from_millisecond(slot.saturating_mul(self.slot_ms())).unwrap_or(Timestamp::MAX)
    }

    fn slot_ms(&self) -> i64 {
        let window = i64::try_from(self.rule.window.as_millis()).unwrap_or(i64::MAX);
        (window / SLOTS).max(1)
    }
}

impl Tallies {
    /// What is known of a sale's kind. Asking tracks no one: who is refused must not push others out.
    fn of(&self, who: &Who) -> [(LimitBy, Option<&Tally>); 4] {
        let address = who.address.as_ref();
        [
            (
                LimitBy::Address,
                address.and_then(|ip| self.addresses.get(ip)),
            ),
            (LimitBy::Actor, self.actors.get(&who.actor)),
            (LimitBy::Bin, self.bins.get(&who.bin)),
            (LimitBy::Shop, Some(&self.shop)),
        ]
    }

    fn get_mut(&mut self, who: &Who) -> [Option<&mut Tally>; 4] {
        let address = who.address.as_ref();
        [
            address.and_then(|ip| self.addresses.get_mut(ip)),
            self.actors.get_mut(&who.actor),
            self.bins.get_mut(&who.bin),
            Some(&mut self.shop),
        ]
    }

    fn add(&mut self, who: &Who, slot: i64, what: fn(&mut Counts) -> &mut u32) {
        let address = who.address.as_ref();
        let tallies = [
            address.map(|ip| self.addresses.of(ip, slot)),
            Some(self.actors.of(&who.actor, slot)),
            Some(self.bins.of(&who.bin, slot)),
            Some(&mut self.shop),
        ];
        for tally in tallies.into_iter().flatten() {
            let count = what(tally.at(slot));
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
