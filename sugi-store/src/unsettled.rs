//! What is not settled, counted: for those who watch, as often as they like.
//!
//! The two indexes of what is due and of what is in doubt hold nothing else, so counting costs what is
//! open and not what the ledger holds.

use jiff::Timestamp;
use nhn_kcp::Currency;
use sugi_core::{ShopId, Status};

use crate::{
    error::{IntegrityViolation, StoreError},
    sql,
    store::Store,
    value::Cells,
};

/// Payments of one shop that are in one state and not settled in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The shop.
    pub shop: ShopId,
    /// The state. In one that a payment can rest in, it is a cancel that has not ended.
    pub status: Status,
    /// The currency of `amount`.
    pub currency: Currency,
    /// How many payments.
    pub payments: u64,
    /// What is left of their amounts, summed, in the currency's smallest unit.
    pub amount: u64,
    /// Since when the oldest of them is in doubt, if one is.
    pub doubt_since: Option<Timestamp>,
}

impl Unsettled {
    /// The most payments that are counted. Beyond it the counts are at least what they say.
    pub const MOST: u32 = 100_000;

    fn read(row: &Cells) -> Result<Self, StoreError> {
        let bad =
            |what: String| StoreError::from(IntegrityViolation::in_projection("a count", what));
        let (shop, status, currency) = (row.text(0)?, row.text(1)?, row.text(2)?);
        let number = |at| row.int(at).map(|n| u64::try_from(n).unwrap_or_default());
        Ok(Self {
            shop: shop
                .parse()
                .map_err(|why: sugi_core::BadName| bad(why.to_string()))?,
            status: status
                .parse()
                .map_err(|()| bad(format!("unknown status {status}")))?,
            currency: currency
                .parse()
                .map_err(|why: nhn_kcp::Invalid| bad(why.to_string()))?,
            payments: number(3)?,
            amount: number(4)?,
            doubt_since: row.maybe_time(5)?,
        })
    }
}

impl Store {
    /// What is not settled, by shop, state and currency.
    ///
    /// # Errors
    /// What the database says.
    pub async fn unsettled(&self) -> Result<Vec<Unsettled>, StoreError> {
        let values = vec![Unsettled::MOST.into()];
        let rows = self.engine.rows(sql::UNSETTLED, values).await?;
        rows.iter().map(Unsettled::read).collect()
    }
}
