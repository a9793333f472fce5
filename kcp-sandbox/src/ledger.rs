//! The books as they are kept: rows, and two ways to find them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::books::{Books, Cancel, Declined, State, Transaction};
use crate::cards::TestCard;
use crate::clock;
use crate::codes::ResCd;
use crate::reply::Refusal;
use crate::tax::{Tax, TaxParts};

/// What a second approval of an order number is refused with, when it is.
pub(crate) const DUPLICATE: ResCd = ResCd::new("8338");
/// Limit of one sandbox; it lives in memory.
const MAX_TRANSACTIONS: usize = 10_000_000;
/// The oldest declined attempts give way beyond this; `declined_dropped` counts them.
const MAX_DECLINED: usize = 100_000;

/// An approval that was judged good and waits to be booked. Holds no card data beyond the mask.
#[derive(Clone)]
pub(crate) struct Approval {
    pub(crate) site_cd: Arc<str>,
    pub(crate) order: Arc<str>,
    pub(crate) amount: u64,
    pub(crate) currency: &'static str,
    pub(crate) quota: u8,
    pub(crate) authenticated: bool,
    pub(crate) tax: Tax,
    pub(crate) seen: Timestamp,
    pub(crate) card: TestCard,
}

/// Numbers that a booking carries, drawn by the caller.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) tno: u64,
    pub(crate) app_no: u32,
}

#[derive(Clone, Copy)]
pub(crate) struct CancelRow {
    pub(crate) amount: u64,
    pub(crate) remaining: u64,
    pub(crate) partial: bool,
    /// How a mixed-tax amount was divided.
    pub(crate) tax: Option<TaxParts>,
    pub(crate) at: Timestamp,
}

/// One row of the books.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) approval: Approval,
    pub(crate) numbers: Numbers,
    pub(crate) booked: Timestamp,
    pub(crate) cancelled: u64,
    /// What is left of each part of a mixed-tax amount.
    pub(crate) tax_left: Option<TaxParts>,
    pub(crate) cancels: Vec<CancelRow>,
    /// The row before this one with the same order number.
    earlier: Option<usize>,
}

impl Row {
    pub(crate) fn remaining(&self) -> u64 {
        self.approval.amount - self.cancelled
    }

    pub(crate) fn state(&self) -> State {
        match (self.cancelled, self.remaining()) {
            (0, _) => State::Approved,
            (_, 0) => State::Cancelled,
            _ => State::PartiallyCancelled,
        }
    }

    pub(crate) fn tno(&self) -> String {
        format!("{:014}", self.numbers.tno)
    }

    fn view(&self) -> Transaction {
        let Approval {
            site_cd,
            order,
            amount,
            currency,
            quota,
            authenticated,
            tax,
            seen,
            card,
        } = &self.approval;
        let cancel = |row: &CancelRow| Cancel {
            amount: row.amount,
            remaining: row.remaining,
            mod_type: if row.partial { "STPC" } else { "STSC" },
            tax: row.tax,
            at: clock::rfc3339(row.at),
        };
        Transaction {
            tno: self.tno(),
            site_cd: site_cd.to_string(),
            ordr_idxx: order.to_string(),
            amount: *amount,
            cancelled: self.cancelled,
            remaining: self.remaining(),
            state: self.state(),
            tax: tax.mixed(),
            tax_remaining: self.tax_left,
            currency: (*currency).to_owned(),
            kind: if *authenticated {
                "authenticated"
            } else {
                "unauthenticated"
            },
            quota: format!("{quota:02}"),
            card_no: card.masked.with('*'),
            card_cd: card.issuer.card_cd.to_owned(),
            app_no: format!("{:08}", self.numbers.app_no),
            order_seen_at: clock::rfc3339(*seen),
            approved_at: clock::rfc3339(self.booked),
            cancels: self.cancels.iter().map(cancel).collect(),
        }
    }
}

#[derive(Clone)]
struct DeclinedRow {
    order: Arc<str>,
    res_cd: ResCd,
    at: Timestamp,
}

/// The books as they are kept. One lock around it, held for a look-up and a write.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    rows: Vec<Row>,
    by_tno: HashMap<u64, usize>,
    /// The last row of each order number.
    by_order: HashMap<Arc<str>, usize>,
    declined: VecDeque<DeclinedRow>,
    declined_dropped: u64,
}

impl Ledger {
    /// Books `approval`. Says whether its order number had been approved before.
    pub(crate) fn approve(
        &mut self,
        approval: Approval,
        numbers: Numbers,
        refuse_duplicates: bool,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        if self.rows.len() >= MAX_TRANSACTIONS {
            return Err(Refusal::new("8998", "the books are full, POST /reset"));
        }
        let earlier = self.by_order.get(&approval.order).copied();
        // Order numbers belong to a shop; two shops may use the same.
        let duplicate = self
            .rows_of(earlier)
            .any(|row| row.approval.site_cd == approval.site_cd);
        if duplicate && refuse_duplicates {
            return Err(Refusal {
                code: DUPLICATE,
                detail: "refuse_duplicate_orders is on".into(),
            });
        }
        let at = self.rows.len();
        self.by_tno.insert(numbers.tno, at);
        self.by_order.insert(approval.order.clone(), at);
        self.rows.push(Row {
            tax_left: approval.tax.mixed(),
            approval,
            numbers,
            booked: now,
            cancelled: 0,
            cancels: Vec::new(),
            earlier,
        });
        Ok(duplicate)
    }

    pub(crate) fn decline(&mut self, order: Arc<str>, res_cd: ResCd, at: Timestamp) {
        if self.declined.len() >= MAX_DECLINED {
            self.declined.pop_front();
            self.declined_dropped += 1;
        }
        self.declined.push_back(DeclinedRow { order, res_cd, at });
    }

    /// The row with this number, if it is the shop's.
    pub(crate) fn find(&self, tno: u64, site_cd: &str) -> Option<&Row> {
        let row = &self.rows[*self.by_tno.get(&tno)?];
        (&*row.approval.site_cd == site_cd).then_some(row)
    }

    pub(crate) fn find_mut(&mut self, tno: u64, site_cd: &str) -> Option<&mut Row> {
        let row = &mut self.rows[*self.by_tno.get(&tno)?];
        (&*row.approval.site_cd == site_cd).then_some(row)
    }

    /// The order number behind a transaction number, for faults that name orders.
    pub(crate) fn order_of(&self, tno: u64) -> Option<Arc<str>> {
        Some(self.rows[*self.by_tno.get(&tno)?].approval.order.clone())
    }

    /// The last payment of an order that `fits`.
    pub(crate) fn last_of_order(&self, order: &str, fits: impl Fn(&Row) -> bool) -> Option<&Row> {
        self.rows_of(self.by_order.get(order).copied())
            .find(|row| fits(row))
    }

    fn rows_of(&self, last: Option<usize>) -> impl Iterator<Item = &Row> {
        let mut next = last;
        std::iter::from_fn(move || {
            let row = &self.rows[next?];
            next = row.earlier;
            Some(row)
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Everything, or one order number's part of it.
    pub(crate) fn books(&self, order: Option<&str>) -> Books {
        let fits = |name: &str| order.is_none_or(|order| order == name);
        let declined = self.declined.iter().filter(|row| fits(&row.order));
        let mut transactions: Vec<_> = match order {
            None => self.rows.iter().map(Row::view).collect(),
            Some(order) => self
                .rows_of(self.by_order.get(order).copied())
                .map(Row::view)
                .collect(),
        };
        if order.is_some() {
            transactions.reverse();
        }
        Books {
            transactions,
            declined: declined.map(DeclinedRow::view).collect(),
            declined_dropped: self.declined_dropped,
        }
    }

    /// Payments `offset` to `offset + limit`, in order.
    pub(crate) fn page(&self, offset: usize, limit: usize) -> Vec<Transaction> {
        self.rows
            .iter()
            .skip(offset)
            .take(limit)
            .map(Row::view)
            .collect()
    }

    /// The last refused approvals, newest first.
    pub(crate) fn last_declined(&self, limit: usize) -> (Vec<Declined>, u64) {
        let rows = self.declined.iter().rev().take(limit);
        (rows.map(DeclinedRow::view).collect(), self.declined_dropped)
    }
}

impl DeclinedRow {
    fn view(&self) -> Declined {
        Declined {
            ordr_idxx: self.order.to_string(),
            res_cd: self.res_cd.to_string(),
            at: clock::rfc3339(self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(site_cd: &str, order: &str) -> Approval {
        Approval {
            site_cd: site_cd.into(),
            order: order.into(),
            amount: 1004,
            currency: "410",
            quota: 0,
            authenticated: true,
            tax: Tax::Taxed,
            seen: Timestamp::UNIX_EPOCH,
            card: crate::cards::find("4111111111111111").unwrap(),
        }
    }

    #[test]
    fn orders_are_found_again_and_duplicates_are_seen_within_a_shop() {
        let mut ledger = Ledger::default();
        let book = |ledger: &mut Ledger, site, order, tno, refuse| {
            ledger.approve(
                approval(site, order),
                Numbers { tno, app_no: 1 },
                refuse,
                Timestamp::UNIX_EPOCH,
            )
        };
        assert_eq!(book(&mut ledger, "T0000", "A", 1, false), Ok(false));
        assert_eq!(book(&mut ledger, "T0001", "A", 2, false), Ok(false));
        assert_eq!(book(&mut ledger, "T0000", "A", 3, false), Ok(true));
        assert_eq!(
            book(&mut ledger, "T0001", "A", 4, true)
                .unwrap_err()
                .code
                .as_str(),
            "8338"
        );
        assert_eq!(book(&mut ledger, "T0000", "B", 5, true), Ok(false));
        let tnos: Vec<_> = ledger
            .books(Some("A"))
            .transactions
            .into_iter()
            .map(|t| t.tno)
            .collect();
        assert_eq!(tnos, ["00000000000001", "00000000000002", "00000000000003"]);
        assert_eq!(ledger.books(None).charged(), 4 * 1004);
        assert!(ledger.find(3, "T0001").is_none());
        assert_eq!(ledger.last_of_order("A", |_| true).unwrap().numbers.tno, 3);
    }
}
