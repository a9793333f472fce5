//! What a report shows, summed from its groups.

use std::{cmp::Reverse, collections::BTreeMap};

use sugi_core::Status;
use sugi_store::Group;

/// Sales in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SumsLine {
    /// How many were approved, no matter what was refunded later.
    pub(crate) count: u64,
    pub(crate) gross: u64,
    /// Of how many something was refunded, and how much.
    pub(crate) cancels: u64,
    pub(crate) cancelled: u64,
    pub(crate) declined: u64,
    pub(crate) declined_amount: u64,
    /// Reversed, or proved not to have happened.
    pub(crate) undone: u64,
    pub(crate) undone_amount: u64,
    pub(crate) doubts: u64,
    pub(crate) doubt_amount: u64,
    /// Not answered yet.
    pub(crate) open: u64,
    pub(crate) open_amount: u64,
}

impl SumsLine {
    pub(crate) fn net(&self) -> u64 {
        self.gross.saturating_sub(self.cancelled)
    }

    fn add(&mut self, group: &Group) {
        match group.status {
            Status::Approved | Status::PartiallyCancelled | Status::Cancelled => {
                self.count += group.count;
                self.gross += group.amount;
                if group.status != Status::Approved {
                    self.cancels += group.count;
                    self.cancelled += group.cancelled;
                }
            }
            Status::Declined => {
                self.declined += group.count;
                self.declined_amount += group.amount;
            }
            Status::Reversed | Status::Void => {
                self.undone += group.count;
                self.undone_amount += group.amount;
            }
            Status::InDoubt | Status::Reversing => {
                self.doubts += group.count;
                self.doubt_amount += group.amount;
            }
            Status::Requested | Status::Approving => {
                self.open += group.count;
                self.open_amount += group.amount;
            }
        }
    }
}

/// A report's sums. Of two currencies nothing is ever added up.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) by_currency: BTreeMap<String, SumsLine>,
    /// Name, currency, numbers; won first, and of each currency the largest first.
    pub(crate) by_shop: Vec<(String, String, SumsLine)>,
    pub(crate) by_operator: Vec<(String, String, SumsLine)>,
    pub(crate) by_issuer: Vec<(String, String, SumsLine)>,
    /// Won that were approved, by hour since 1970.
    pub(crate) by_hour: BTreeMap<i64, u64>,
    /// Payments of which more is to come by itself.
    pub(crate) open: u64,
}

impl Sums {
    pub(crate) fn of(groups: &[Group]) -> Self {
        let mut sums = Self::default();
        let mut by = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
        for group in groups {
            let currency = || group.currency.clone();
            sums.by_currency.entry(currency()).or_default().add(group);
            let issuer = group.issuer.clone().unwrap_or_else(|| "-".into());
            let names = [group.shop.clone(), group.by.clone(), issuer];
            for (by, name) in by.iter_mut().zip(names) {
                by.entry((name, currency()))
                    .or_insert_with(SumsLine::default)
                    .add(group);
            }
            if matches!(
                group.status,
                Status::Requested | Status::Approving | Status::Reversing
            ) {
                sums.open += group.count;
            }
            let stood = matches!(
                group.status,
                Status::Approved | Status::PartiallyCancelled | Status::Cancelled
            );
            if stood && group.currency == "KRW" {
                *sums.by_hour.entry(group.hour).or_default() += group.amount;
            }
        }
        let [shops, operators, issuers] = by;
        sums.by_shop = largest_first(shops);
        sums.by_operator = largest_first(operators);
        sums.by_issuer = largest_first(issuers);
        sums
    }
}

fn largest_first(by: BTreeMap<(String, String), SumsLine>) -> Vec<(String, String, SumsLine)> {
    let stood = by.into_iter().filter(|(_, line)| line.count > 0);
    let mut lines: Vec<_> = stood
        .map(|((name, currency), line)| (name, currency, line))
        .collect();
    // Cents are no won: between the two nothing is larger.
    let order =
        |(_, currency, line): &(_, String, SumsLine)| (currency.clone(), Reverse(line.gross));
    lines.sort_by_key(order);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(by: &str, status: Status, count: u64, amount: u64, cancelled: u64) -> Group {
        Group {
            shop: "main".into(),
            by: by.into(),
            issuer: None,
            status,
            currency: "KRW".into(),
            hour: 1,
            count,
            amount,
            cancelled,
        }
    }

    #[test]
    fn what_stood_and_what_was_given_back() {
        let sums = Sums::of(&[
            group("kim", Status::Approved, 2, 2_000, 0),
            group("lee", Status::PartiallyCancelled, 1, 5_000, 1_000),
            group("kim", Status::Cancelled, 1, 700, 700),
            group("kim", Status::Declined, 3, 900, 0),
            group("kim", Status::InDoubt, 1, 77, 0),
            group("kim", Status::Approving, 1, 33, 0),
            group("kim", Status::Reversed, 1, 1, 1),
        ]);
        let all = sums.by_currency["KRW"];
        assert_eq!(
            (all.count, all.gross, all.cancelled, all.net()),
            (4, 7_700, 1_700, 6_000)
        );
        assert_eq!(
            (all.declined, all.doubts, all.open, all.undone, sums.open),
            (3, 1, 1, 1, 1)
        );
        let by: Vec<_> = sums
            .by_operator
            .iter()
            .map(|(name, ..)| name.as_str())
            .collect();
        assert_eq!(by, ["lee", "kim"]);
        // More cents than anybody has won.
        let mut cents = group("park", Status::Approved, 1, 9_900, 0);
        cents.currency = "USD".into();
        let mixed = [cents, group("kim", Status::Approved, 1, 1_000, 0)];
        let by = Sums::of(&mixed).by_operator;
        assert_eq!((&*by[0].0, &*by[1].0), ("kim", "park"));
        assert_eq!(sums.by_hour[&1], 7_700);
    }
}
