//! Finding payments.

use jiff::Timestamp;
use sugi_core::{PaymentId, ShopId, Status};

use crate::sql;

/// Which payments to list. Everything that is set must hold; texts must match exactly.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of these shops; empty means all.
    pub shops: Vec<ShopId>,
    /// Only in these states; empty means all.
    pub statuses: Vec<Status>,
    /// The merchant's order number.
    pub order_no: Option<String>,
    /// KCP's transaction number.
    pub tno: Option<String>,
    /// The card company's approval number.
    pub app_no: Option<String>,
    /// The card's last four digits.
    pub last4: Option<String>,
    /// The buyer's name.
    pub buyer_name: Option<String>,
    /// The buyer's phone, digits only.
    pub buyer_phone: Option<String>,
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
    /// Only those made before this one: where the page before ended.
    pub before: Option<PaymentId>,
    /// How many, from 1 to [`Filter::MOST`].
    pub limit: usize,
}

impl Filter {
    /// The largest page.
    pub const MOST: usize = 200;

    /// The statement and its parameters. One row more than the page holds is asked for, to know
    /// whether there is a next page.
    pub(crate) fn to_sql(&self) -> (String, Vec<Value>) {
        let mut wheres = Vec::new();
        let mut values = Vec::new();
        let mut hold = |column: &str, list: Vec<Value>| {
            if !list.is_empty() {
                let marks: Vec<_> = (1..=list.len()).map(|n| format!("${}", values.len() + n)).collect();
                wheres.push(match column.split_once(' ') {
                    Some(_) => format!("{column} {}", marks[0]),
                    None => format!("{column} in ({})", marks.join(", ")),
                });
                values.extend(list);
            }
        };
        let text = |text: &Option<String>| text.iter().cloned().map(Value::Text).collect::<Vec<_>>();
        let time = |at: &Option<Timestamp>| at.iter().map(|at| Value::Integer(at.as_microsecond())).collect();
        hold("shop", self.shops.iter().map(|shop| Value::Text(shop.to_string())).collect());
        hold("status", self.statuses.iter().map(|status| Value::Text(status.as_str().into())).collect());
        hold("order_no", text(&self.order_no));
        hold("tno", text(&self.tno));
        hold("app_no", text(&self.app_no));
        hold("last4", text(&self.last4));
        hold("buyer_name", text(&self.buyer_name));
        hold("buyer_phone", text(&self.buyer_phone));
        hold("created_at >=", time(&self.from));
        hold("created_at <", time(&self.until));
        hold("id <", self.before.iter().map(|id| Value::Text(id.to_string())).collect());
        let wheres = if wheres.is_empty() { String::new() } else { format!("where {}", wheres.join(" and ")) };
        let limit = self.limit.clamp(1, Self::MOST) + 1;
        (sql::LIST.replace("{where}", &wheres).replace("{limit}", &limit.to_string()), values)
    }
}

/// A parameter that either database takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
}

/// A page of payments.
#[derive(Debug, Clone)]
pub struct Page {
    /// The payments, the newest first.
    pub payments: Vec<Summary>,
    /// Whether there are older ones that match.
    pub more: bool,
}

/// A payment in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is what the payment's field of that name is")]
pub struct Summary {
    pub id: PaymentId,
    pub shop: ShopId,
    pub order_no: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_parameters() {
        let filter = Filter {
            statuses: vec![Status::Approved, Status::InDoubt],
            order_no: Some("A' or 1=1".into()),
            from: Some(Timestamp::UNIX_EPOCH),
            limit: 10_000,
            ..Filter::default()
        };
        let (sql, values) = filter.to_sql();
        assert!(sql.contains("where status in ($1, $2) and order_no in ($3) and created_at >= $4 order by"), "{sql}");
        assert!(sql.ends_with("limit 201"), "{sql}");
        assert_eq!(values.len(), 4);
        assert!(!sql.contains("1=1"));
    }
}
