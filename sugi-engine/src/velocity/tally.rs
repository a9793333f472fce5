//! Counting over a sliding window, in bounded memory.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::Hash,
};

/// A window is so many slots of time. An event counts until its slot has been over for a whole window,
/// so no window, wherever it begins, holds more than was allowed.
pub(super) const SLOTS: i64 = 20;

/// What is counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// New sales.
    pub(super) sales: u32,
    /// Sales that KCP approved.
    pub(super) approved: u32,
    /// Sales that KCP declined.
    pub(super) declined: u32,
}

impl Counts {
    pub(super) fn answered(&self) -> u32 {
        self.approved.saturating_add(self.declined)
    }
}

/// Counts by slot, the oldest first; only slots in which something happened.
#[derive(Debug, Default)]
pub(super) struct Tally(VecDeque<(i64, Counts)>);

impl Tally {
    /// The counts of a slot, to be added to. What is too old to count is forgotten.
    pub(super) fn at(&mut self, slot: i64) -> &mut Counts {
        while self.0.front().is_some_and(|(old, _)| !counts(*old, slot)) {
            self.0.pop_front();
        }
        // A clock that went back must not put the slots out of order.
        let newest = self.0.back().map_or(slot, |(newest, _)| slot.max(*newest));
        if self.0.back().is_none_or(|(slot, _)| *slot < newest) {
            self.0.push_back((newest, Counts::default()));
        }
        let last = self.0.len() - 1;
        &mut self.0[last].1
    }

    /// A slot's counts, if it was not forgotten yet.
    pub(super) fn past(&mut self, slot: i64) -> Option<&mut Counts> {
        let mut slots = self.0.iter_mut().rev();
        slots.find_map(|(other, counts)| (*other == slot).then_some(counts))
    }

    /// What counts in a slot.
    pub(super) fn sum(&self, slot: i64) -> Counts {
        let live = self.0.iter().filter(|(old, _)| counts(*old, slot));
        live.fold(Counts::default(), |sum, (_, one)| Counts {
            sales: sum.sales.saturating_add(one.sales),
            approved: sum.approved.saturating_add(one.approved),
            declined: sum.declined.saturating_add(one.declined),
        })
    }

    /// The first slot, from this one on, in which fewer than `most` of something count if no more come.
    pub(super) fn fewer(&self, slot: i64, most: u32, of: fn(&Counts) -> u32) -> i64 {
        let mut left = of(&self.sum(slot));
        let live = self.0.iter().filter(|(old, _)| counts(*old, slot));
        let mut from = slot;
        for (old, counts) in live {
            if left < most {
                break;
            }
            left = left.saturating_sub(of(counts));
            from = old + SLOTS + 1;
        }
        from
    }

    fn is_over(&self, slot: i64) -> bool {
        self.0
            .back()
            .is_none_or(|(newest, _)| !counts(*newest, slot))
    }
}

fn counts(old: i64, slot: i64) -> bool {
    slot - old <= SLOTS
}

/// Tallies by key, of those that came last: a flood of new keys pushes the oldest out, not memory up.
#[derive(Debug)]
pub(super) struct Tracked<K> {
    tallies: HashMap<K, Entry>,
    oldest_first: BTreeMap<u64, K>,
    next: u64,
}

#[derive(Debug, Default)]
struct Entry {
    age: u64,
    tally: Tally,
}

impl<K> Default for Tracked<K> {
    fn default() -> Self {
        Self {
            tallies: HashMap::new(),
            oldest_first: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Tracked<K> {
    /// The most keys that are tracked.
    pub(super) const MOST: usize = 10_000;

    /// A key's tally, if it has one.
    pub(super) fn get(&self, key: &K) -> Option<&Tally> {
        self.tallies.get(key).map(|entry| &entry.tally)
    }

    /// The same, to take something back; it gets no younger.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut Tally> {
        self.tallies.get_mut(key).map(|entry| &mut entry.tally)
    }

    /// A key's tally, to be added to.
    pub(super) fn of(&mut self, key: &K, slot: i64) -> &mut Tally {
        self.make_room(key, slot);
        let entry = self.tallies.entry(key.clone()).or_default();
        self.oldest_first.remove(&entry.age);
        self.next += 1;
        entry.age = self.next;
        self.oldest_first.insert(entry.age, key.clone());
        &mut entry.tally
    }

    fn make_room(&mut self, key: &K, slot: i64) {
        let full = self.tallies.len() >= Self::MOST && !self.tallies.contains_key(key);
        let mut must_go = usize::from(full);
        while let Some(oldest) = self.oldest_first.first_entry() {
            let over = |entry: &Entry| entry.tally.is_over(slot);
            if must_go == 0 && !self.tallies.get(oldest.get()).is_some_and(over) {
                break;
            }
            must_go = 0;
            self.tallies.remove(&oldest.remove());
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.tallies.len(), self.oldest_first.len());
        self.tallies.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_for_a_window_and_not_longer_than_a_slot_more() {
        let mut tally = Tally::default();
        tally.at(5).sales += 1;
        assert_eq!(tally.sum(5 + SLOTS).sales, 1);
        assert_eq!(tally.sum(5 + SLOTS + 1).sales, 0);
    }

    #[test]
    fn it_says_when_fewer_will_count() {
        let sales = |counts: &Counts| counts.sales;
        let mut tally = Tally::default();
        for slot in [0, 0, 3, 7] {
            tally.at(slot).sales += 1;
        }
        assert_eq!(tally.fewer(7, 5, sales), 7, "at once");
        assert_eq!(tally.fewer(7, 4, sales), SLOTS + 1);
        assert_eq!(tally.fewer(7, 2, sales), 3 + SLOTS + 1);
        assert_eq!(tally.fewer(7, 1, sales), 7 + SLOTS + 1);
    }

    #[test]
    fn a_clock_that_went_back_loses_nothing() {
        let mut tally = Tally::default();
        for slot in [9, 4, 9] {
            tally.at(slot).sales += 1;
        }
        assert_eq!((tally.sum(9).sales, tally.0.len()), (3, 1));
    }

    #[test]
    fn a_flood_of_keys_pushes_out_the_oldest_and_what_is_over() {
        let mut tracked = Tracked::default();
        for key in 0..Tracked::<usize>::MOST {
            tracked.of(&key, 0).at(0).sales += 1;
        }
        tracked.of(&0, 0).at(0).sales += 1;
        tracked.of(&usize::MAX, 0).at(0).sales += 1;
        assert_eq!(tracked.len(), Tracked::<usize>::MOST);
        assert!(tracked.get(&1).is_none(), "the oldest");
        assert_eq!(tracked.get(&0).unwrap().sum(0).sales, 2, "it came again");

        let later = SLOTS + 1;
        tracked.of(&7, later).at(later).sales += 1;
        assert_eq!(tracked.len(), 1);
    }
}
