//! Finding payments.

#[cfg(test)]
mod plans;
mod statement;

use jiff::Timestamp;
use nhn_kcp::SiteCode;
use sugi_core::{PaymentId, ShopId, Shops, Status};

use crate::{
    error::{IntegrityViolation, StoreError},
    sql,
    value::{Cells, Value},
};

/// Which payments to list. Everything that is set must hold; texts must match exactly.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Only of these shops.
    pub shops: Shops,
    /// Only in these states; empty means all.
    pub statuses: Vec<Status>,
    /// Only with one of these order numbers of the merchant's; empty means all.
    pub order_nos: Vec<String>,
    /// The order number that KCP was told.
    pub kcp_order_no: Option<String>,
    /// KCP's transaction number.
    pub tno: Option<String>,
    /// The card company's approval number.
    pub app_no: Option<String>,
    /// The card's last four digits.
    pub last4: Option<String>,
    /// Only of one of these buyers, by name; empty means all.
    pub buyer_names: Vec<String>,
    /// The buyer's phone, as its digits are dialled in Korea.
    pub buyer_phone: Option<String>,
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
    /// Only those that are older than this one: where the page before ended.
    pub before: Option<PaymentId>,
    /// How many, from 1 to [`Filter::MOST`].
    pub limit: usize,
}

impl Default for Filter {
    /// Every payment of every shop.
    fn default() -> Self {
        Self {
            shops: Shops::All,
            statuses: Vec::new(),
            order_nos: Vec::new(),
            kcp_order_no: None,
            tno: None,
            app_no: None,
            last4: None,
            buyer_names: Vec::new(),
            buyer_phone: None,
            from: None,
            until: None,
            before: None,
            limit: 0,
        }
    }
}

impl Filter {
    /// The largest page.
    pub const MOST: usize = 200;
}

/// What of payments can be looked for by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// [`Filter::order_nos`].
    OrderNo,
    /// [`Filter::buyer_names`].
    BuyerName,
}

impl Text {
    /// The most texts with one beginning that are told. Each of them is a stretch of an index to look
    /// through, and whoever meets more has typed too little.
    pub const MOST: usize = 25;

    /// The texts that begin so, in their order, one more than the most: from each to the next an index
    /// is entered anew, so a name that a million payments have costs as much as one that a single one has.
    pub(crate) fn to_sql(self, beginning: &str) -> (String, Vec<Value<'static>>) {
        let column = match self {
            Self::OrderNo => "order_no",
            Self::BuyerName => "buyer_name",
        };
        // Texts sort by their bytes, and this character is behind all others.
        let end = format!("{beginning}\u{10ffff}");
        let most = i64::try_from(Self::MOST).unwrap_or(i64::MAX) + 1;
        let values = vec![beginning.to_owned().into(), end.into(), most.into()];
        (sql::BEGINNING.replace("{column}", column), values)
    }
}

/// That a row is of one of these shops, to stand behind another condition, with their names behind the
/// values before; `None` where there are none, so that nothing is found.
pub(crate) fn and_of_shops(shops: &Shops, values: &mut Vec<Value<'static>>) -> Option<String> {
    match shops {
        Shops::All => Some(String::new()),
        Shops::Only(none) if none.is_empty() => None,
        Shops::Only(shops) => {
            let first = values.len() + 1;
            let marks: Vec<_> = (first..first + shops.len())
                .map(|n| format!("${n}"))
                .collect();
            let shops = shops.iter().map(ShopId::as_str);
            values.extend(shops.map(|shop| Value::from(shop.to_owned())));
            Some(format!(" and shop in ({})", marks.join(", ")))
        }
    }
}

/// A page of payments.
#[derive(Debug, Clone)]
pub struct Page {
    /// The payments, the newest first.
    pub payments: Vec<Summary>,
    /// Whether there are older ones that match.
    pub more: bool,
}

impl Page {
    /// What [`Filter::to_sql`] found.
    pub(crate) fn read(rows: &[Cells], filter: &Filter) -> Result<Self, StoreError> {
        let most = filter.limit.clamp(1, Filter::MOST);
        let payments = rows
            .iter()
            .take(most)
            .map(Summary::read)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            payments,
            more: rows.len() > most,
        })
    }
}

/// A payment in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "each is what the payment's field of that name is"
)]
pub struct Summary {
    pub id: PaymentId,
    pub shop: ShopId,
    pub site_cd: SiteCode,
    pub order_no: String,
    pub kcp_order_no: String,
    pub status: Status,
    pub amount: u64,
    pub cancelled: u64,
    pub currency: String,
    pub buyer_name: Option<String>,
    pub buyer_phone: Option<String>,
    pub last4: String,
    pub tno: Option<String>,
    pub app_no: Option<String>,
    pub issuer: Option<String>,
    pub by: String,
    pub created_at: Timestamp,
    pub doubt_since: Option<Timestamp>,
}

impl Summary {
    /// A row of [`LIST`](crate::sql::LIST) or [`DOUBTS`](crate::sql::DOUBTS).
    pub(crate) fn read(row: &Cells) -> Result<Self, StoreError> {
        let id = row.id(0)?;
        let bad =
            |what: String| StoreError::from(IntegrityViolation::in_projection(id.as_str(), what));
        let amount = |at| {
            row.int(at)
                .map(|amount| u64::try_from(amount).unwrap_or_default())
        };
        let (shop, status) = (row.text(1)?, row.text(3)?);
        Ok(Self {
            shop: shop
                .parse()
                .map_err(|why: sugi_core::BadName| bad(why.to_string()))?,
            site_cd: row
                .text(17)?
                .parse()
                .map_err(|why: nhn_kcp::Invalid| bad(why.to_string()))?,
            order_no: row.text(2)?,
            status: status
                .parse()
                .map_err(|()| bad(format!("unknown status {status}")))?,
            amount: amount(4)?,
            cancelled: amount(5)?,
            currency: row.text(6)?,
            buyer_name: row.maybe_text(7)?,
            buyer_phone: row.maybe_text(8)?,
            last4: row.text(9)?,
            tno: row.maybe_text(10)?,
            app_no: row.maybe_text(11)?,
            issuer: row.maybe_text(12)?,
            by: row.text(13)?,
            created_at: row
                .maybe_time(14)?
                .ok_or_else(|| bad("it was never created".into()))?,
            doubt_since: row.maybe_time(15)?,
            kcp_order_no: row.text(16)?,
            id,
        })
    }
}
