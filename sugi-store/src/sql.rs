//! Every statement, once, in words that SQLite and PostgreSQL both run.
//!
//! Parameters are `$1`, `$2`, … and first appear in that order, because SQLite numbers them by
//! their first appearance. Times are microseconds since 1970, hashes hexadecimal.

/// A row of the journal. Nothing happens if its number is taken: somebody else was quicker.
pub(crate) const APPEND: &str = "\
insert into journal (payment, seq, at, body, hash) values ($1, $2, $3, $4, $5)
on conflict (payment, seq) do nothing";

/// The projection of a new payment.
pub(crate) const OPEN: &str = "\
insert into payment (id, seq, head, status, cancelled, tno, app_no, issuer, due_at, doubt_since, updated_at,
    shop, order_no, ordr_idxx, amount, currency, buyer_name, buyer_phone, last4, actor, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
on conflict (id) do nothing";

/// The projection of a payment that moved on.
pub(crate) const PROJECT: &str = "\
update payment set seq = $1, head = $2, status = $3, cancelled = $4, tno = $5, app_no = $6, issuer = $7,
    due_at = $8, doubt_since = $9, updated_at = $10
where id = $11";

/// Claims an order number at KCP, unless a live payment holds it or another attempt came between.
pub(crate) const CLAIM_ORDER: &str = "\
insert into order_claim (shop, ordr_idxx, payment, live, attempts) values ($1, $2, $3, 1, $4)
on conflict (shop, ordr_idxx) do update set payment = excluded.payment, live = 1, attempts = excluded.attempts
where order_claim.live = 0 and order_claim.attempts < excluded.attempts";

/// Whether an order's payment is alive.
pub(crate) const SET_ORDER_LIVE: &str = "update order_claim set live = $1 where payment = $2";

/// Who holds an order.
pub(crate) const ORDER: &str = "select payment, live, attempts from order_claim where shop = $1 and ordr_idxx = $2";

/// Claims an idempotency key.
pub(crate) const CLAIM_KEY: &str = "\
insert into idempotency (scope, key, request, payment) values ($1, $2, $3, $4) on conflict (scope, key) do nothing";

/// Who holds an idempotency key, and for which request.
pub(crate) const KEY: &str = "select payment, request from idempotency where scope = $1 and key = $2";

/// A payment's journal.
pub(crate) const JOURNAL: &str = "select seq, at, body, hash from journal where payment = $1 order by seq";

/// What is due, the longest due first.
pub(crate) const DUE: &str =
    "select id from payment where due_at is not null and due_at <= $1 order by due_at, id limit $2";

/// When the next thing is due.
pub(crate) const NEXT_DUE: &str = "select min(due_at) from payment where due_at is not null";

/// Every payment's name in order, a stretch at a time.
pub(crate) const IDS: &str = "select id from payment where id > $1 order by id limit $2";

/// One row of the projection.
pub(crate) const ROW: &str = "\
select seq, head, status, cancelled, tno, app_no, issuer, due_at, doubt_since, updated_at, shop, order_no,
    ordr_idxx, amount, currency, buyer_name, buyer_phone, last4, actor, created_at
from payment where id = $1";

/// Journal rows whose payment the projection does not know.
pub(crate) const ORPHANS: &str =
    "select payment, seq from journal where not exists (select 1 from payment where id = payment) limit 1";

/// Payments, the newest first; `{where}` is made of the filters that are set.
pub(crate) const LIST: &str = "\
select id, shop, order_no, status, amount, cancelled, currency, buyer_name, buyer_phone, last4, tno, app_no,
    issuer, actor, created_at, doubt_since
from payment {where} order by id desc limit {limit}";

/// All statements, to be prepared when the store opens: one that does not fit the schema stops the
/// start, not a payment.
pub(crate) const ALL: &[&str] = &[
    APPEND, OPEN, PROJECT, CLAIM_ORDER, SET_ORDER_LIVE, ORDER, CLAIM_KEY, KEY, JOURNAL, DUE, NEXT_DUE, IDS, ROW, ORPHANS,
];

#[cfg(test)]
mod tests {
    /// SQLite numbers `$n` by first appearance, PostgreSQL by n.
    #[test]
    fn parameters_first_appear_in_order() {
        for sql in super::ALL {
            let mut highest = 0;
            for part in sql.split('$').skip(1) {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                let n: u32 = digits.parse().unwrap();
                assert!(n <= highest + 1, "${n} before ${} in {sql}", highest + 1);
                highest = highest.max(n);
            }
        }
    }
}
