//! A span of time in numbers.
//!
//! One statement groups what an index finds; everything that a report shows is summed from its rows.

use jiff::Timestamp;
use sugi_core::{Shops, Status};

use crate::{
    error::{IntegrityViolation, StoreError},
    list::and_of_shops,
    sql,
    store::Store,
    value::{Cells, Value},
};

/// Payments of one kind in a report: of a shop, an actor, an issuer, a state, a currency, an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The shop.
    pub shop: String,
    /// Who asked for them.
    pub by: String,
    /// Who issued the cards, where it is known.
    pub issuer: Option<String>,
    /// Where they stand.
    pub status: Status,
    /// `KRW` or `USD`.
    pub currency: String,
    /// The hour in which they were asked for: hours since 1970 in UTC.
    pub hour: i64,
    /// How many.
    pub count: u64,
    /// What was asked for, in the currency's smallest unit.
    pub amount: u64,
    /// How much of it was refunded.
    pub cancelled: u64,
}

/// The most groups of a report. A span that has more is to be asked for in parts.
pub const GROUPS_MOST: u32 = 200_000;

impl Store {
    /// What was asked for from one moment until before another, at these shops, in groups. At most
    /// [`GROUPS_MOST`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn report(
        &self,
        from: Timestamp,
        until: Timestamp,
        shops: &Shops,
    ) -> Result<Vec<Group>, StoreError> {
        let mut values: Vec<Value<'static>> =
            vec![from.as_microsecond().into(), until.as_microsecond().into()];
        let Some(and) = and_of_shops(shops, &mut values) else {
            return Ok(Vec::new());
        };
        let sql = sql::REPORT
            .replace("{and}", &and)
            .replace("{limit}", &GROUPS_MOST.to_string());
        let rows = self.engine.rows(sql, values).await?;
        rows.iter().map(Group::read).collect()
    }
}

impl Group {
    fn read(row: &Cells) -> Result<Self, StoreError> {
        let status = row.text(3)?;
        let number = |at| row.int(at).map(|n| u64::try_from(n).unwrap_or_default());
        Ok(Self {
            shop: row.text(0)?,
            by: row.text(1)?,
            issuer: row.maybe_text(2)?,
            status: status.parse().map_err(|()| IntegrityViolation {
                place: "a report".into(),
                what: format!("unknown status {status}"),
            })?,
            currency: row.text(4)?,
            hour: row.int(5)?,
            count: number(6)?,
            amount: number(7)?,
            cancelled: number(8)?,
        })
    }
}
