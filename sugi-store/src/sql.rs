//! Every statement, once, in words that SQLite and PostgreSQL both run.
//!
//! Parameters are `$1`, `$2`, … and first appear in that order, because SQLite numbers them by
//! their first appearance. Times are microseconds since 1970, hashes hexadecimal.

pub(crate) mod access;
pub(crate) mod check;
pub(crate) mod public_event;

/// A row of the journal. Nothing happens if its number is taken: someone else was quicker.
pub(crate) const APPEND: &str = "\
insert into journal (payment, seq, at, body, hash, erasable) values ($1, $2, $3, $4, $5, $6)
on conflict (payment, seq) do nothing";

/// The projection of a new payment.
pub(crate) const OPEN: &str = "\
insert into payment (id, seq, head, status, cancelled, tno, app_no, issuer, due_at, doubt_since, updated_at,
    shop, site_cd, order_no, ordr_idxx, amount, currency, buyer_name, buyer_phone, last4, actor, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
on conflict (id) do nothing";

/// The projection of a payment that moved on.
pub(crate) const PROJECT: &str = "\
update payment set seq = $1, head = $2, status = $3, cancelled = $4, tno = $5, app_no = $6, issuer = $7,
    due_at = $8, doubt_since = $9, updated_at = $10
where id = $11";

/// Claims an order for a new payment, unless one of it is alive.
pub(crate) const CLAIM_ORDER: &str = "\
insert into order_claim (site_cd, order_no, living) values ($1, $2, 1)
on conflict (site_cd, order_no) do update set living = 1 where order_claim.living = 0";

/// A payment that exists counts itself into its order, or out of it.
pub(crate) const COUNT_ORDER: &str =
    "update order_claim set living = living + $1 where site_cd = $2 and order_no = $3";

/// How many payments of an order are alive.
pub(crate) const ORDER: &str =
    "select living from order_claim where site_cd = $1 and order_no = $2";

/// Which payment of an order is alive: the newest of them; the newest of all, if it died just now. The order is
/// a site code's, and its shop's under whichever site code.
pub(crate) const LIVING: &str = "\
select id from payment where order_no = $1 and (site_cd = $2 or shop = $3)
order by case when status in ('declined', 'void', 'reversed', 'cancelled') then 1 else 0 end, created_at desc
limit 1";

/// A living payment of an order that a shop sold under another site code than its present one. A claim is a site
/// code's, so it does not stand in the way of a shop that got another.
pub(crate) const LIVING_ELSEWHERE: &str = "\
select id from payment where order_no = $1 and site_cd <> $2 and shop = $3
    and status not in ('declined', 'void', 'reversed', 'cancelled')
limit 1";

/// Whose a transaction at KCP is.
pub(crate) const OWNER: &str = "select id from payment where tno = $1 and site_cd = $2";

/// The index by which a transaction at KCP is one payment's.
pub(crate) const ONE_OWNER: &str = "payment_tno";

/// Claims an idempotency key.
pub(crate) const CLAIM_KEY: &str = "\
insert into idempotency (scope, key, request, payment) values ($1, $2, $3, $4) on conflict (scope, key) do nothing";

/// Who holds an idempotency key, and for which request.
pub(crate) const KEY: &str =
    "select payment, request from idempotency where scope = $1 and key = $2";

/// A payment's journal.
pub(crate) const JOURNAL: &str =
    "select seq, at, body, hash, erasable from journal where payment = $1 order by seq";

/// What is due, the longest due first.
pub(crate) const DUE: &str =
    "select id from payment where due_at is not null and due_at <= $1 order by due_at, id limit $2";

/// When a payment is due, if nothing has happened to it since it was read.
pub(crate) const SET_DUE: &str = "update payment set due_at = $1 where id = $2 and seq = $3";

/// Doubts at rest are due: what could not be asked before may be now.
pub(crate) const DOUBTS_DUE: &str =
    "update payment set due_at = $1 where doubt_since is not null and due_at is null";

/// Settled payments whose buyers stand erasable, in order of time, a stretch at a time.
pub(crate) const BUYERS: &str = "\
select p.id, p.created_at, j.erasable from payment as p join journal as j on j.payment = p.id and j.seq = 1
where p.created_at < $1 and p.created_at >= $2 and (p.created_at > $2 or p.id > $3)
    and p.status not in ('requested', 'approving', 'in_doubt', 'reversing')
    and j.erasable is not null and j.erasable not like 'sha256:%'
order by p.created_at, p.id limit $4";

/// The projection of payments without their buyers, if they are settled still; `{rows}` is as many as
/// there are. It comes first: from here on no one else can reopen them.
pub(crate) const ERASE_BUYER: &str = "\
update payment set buyer_name = null, buyer_phone = null
where id in ({rows}) and status not in ('requested', 'approving', 'in_doubt', 'reversing')";

/// Leaves the digests of what stands erasable in its place, where the projection has let go of it; `{rows}`
/// is payments and digests.
pub(crate) const ERASE_PERSONAL_DATA: &str = "\
with gone (payment, digest) as (values {rows})
update journal set erasable = gone.digest from gone
where journal.payment = gone.payment and journal.seq = 1 and exists (select 1 from payment as p
    where p.id = gone.payment and p.buyer_name is null and p.buyer_phone is null
        and p.status not in ('requested', 'approving', 'in_doubt', 'reversing'))";

/// When the next thing is due.
pub(crate) const NEXT_DUE: &str = "select min(due_at) from payment where due_at is not null";

/// When the newest of all happened, as far as indexes tell it: the newest payment began, the newest news
/// of any payment, the newest audit row.
pub(crate) const NEWEST: &str = "\
select max(at) from (
    select max(created_at) as at from payment
    union all select at from event where n = (select max(n) from event)
    union all select max(at) as at from outbox
    union all select at from audit where seq = (select max(seq) from audit)) as newest";

/// Projection rows in order, a stretch at a time, each beside the rows of its journal. It is one
/// statement so that what is compared comes from one moment, whoever writes meanwhile.
pub(crate) const WALK: &str = "\
select p.id, p.seq, p.head, p.status, p.cancelled, p.tno, p.app_no, p.issuer, p.due_at, p.doubt_since, p.updated_at,
    p.shop, p.site_cd, p.order_no, p.ordr_idxx, p.amount, p.currency, p.buyer_name, p.buyer_phone, p.last4, p.actor, p.created_at,
    j.seq, j.at, j.body, j.hash, j.erasable
from (select * from payment where id > $1 order by id limit $2) p left join journal j on j.payment = p.id
order by p.id, j.seq";

/// Journal rows whose payment the projection does not know.
pub(crate) const ORPHANS: &str = "select payment, seq from journal where not exists (select 1 from payment where id = payment) limit 1";

/// Idempotency keys in order, a stretch at a time.
pub(crate) const KEYS: &str = "\
select scope, key, request, payment from idempotency where (scope, key) > ($1, $2) order by scope, key limit $3";

/// Payments whose orders no one has claimed.
pub(crate) const UNCLAIMED: &str = "\
select id from payment
where not exists (select 1 from order_claim as c where c.site_cd = payment.site_cd and c.order_no = payment.order_no)
limit 1";

/// Idempotency keys whose payment is not there.
pub(crate) const STRAY_KEYS: &str = "\
select scope, payment from idempotency where not exists (select 1 from payment as p where p.id = idempotency.payment)
limit 1";

/// Claims in order, a stretch at a time, each beside how many payments its order has, and how many of
/// them are alive.
pub(crate) const CLAIMS: &str = "\
select c.site_cd, c.order_no, c.living,
    (select count(*) from payment as p where p.site_cd = c.site_cd and p.order_no = c.order_no),
    (select count(*) from payment as p where p.site_cd = c.site_cd and p.order_no = c.order_no
        and p.status not in ('declined', 'void', 'reversed', 'cancelled'))
from (select * from order_claim where site_cd > $1 or (site_cd = $1 and order_no > $2)
    order by site_cd, order_no limit $3) as c
order by c.site_cd, c.order_no";

/// Payments; which and in what order is made of the filters that are set.
pub(crate) const LIST: &str = "\
select id, shop, order_no, status, amount, cancelled, currency, buyer_name, buyer_phone, last4, tno, app_no,
    issuer, actor, created_at, doubt_since, ordr_idxx, site_cd
from payment";

/// In [`LIST`]: what is older than a payment. The first half is what an index can go by.
pub(crate) const BEFORE: &str = "\
{time} <= (select created_at from payment where id = {id})
and (created_at < (select created_at from payment where id = {id}) or id < {id})";

/// The texts of a column between two others, each once, in their order.
pub(crate) const BEGINNING: &str = "\
with recursive found (word, n) as (
    select min({column}), cast(1 as bigint) from payment where {column} >= $1 and {column} < $2
    union all
    select (select min({column}) from payment where {column} > found.word and {column} < $2), n + 1
    from found where word is not null and n < $3)
select word from found where word is not null";

/// Payments in doubt, the oldest doubt first: by an index that holds nothing else. `{and}` is made of the
/// shops that are named: a limit that is reached before they are would hide what they have.
pub(crate) const DOUBTS: &str = "\
select id, shop, order_no, status, amount, cancelled, currency, buyer_name, buyer_phone, last4, tno, app_no,
    issuer, actor, created_at, doubt_since, ordr_idxx, site_cd
from payment where doubt_since is not null{and} order by doubt_since, id limit {limit}";

/// A span of time in groups; `{and}` is made of the shops that are named. What has no issuer yet is a
/// group as well.
pub(crate) const REPORT: &str = "\
select shop, actor, issuer, status, currency, created_at / 3600000000, count(*),
    cast(sum(amount) as bigint), cast(sum(cancelled) as bigint)
from payment where created_at >= $1 and created_at < $2{and}
group by shop, actor, issuer, status, currency, created_at / 3600000000
order by 6, 1, 2, 3, 4, 5 limit {limit}";

/// Leases what is due and in no one's hands to a node. The conflict decides between nodes: of two
/// that picked the same payment, the second finds a lease that runs and gets nothing.
pub(crate) const LEASE: &str = "\
insert into lease (payment, node, ends_at, fence)
select id, $1, $2, 1 from payment
where due_at is not null and due_at <= $3
    and not exists (select 1 from lease where lease.payment = payment.id and lease.ends_at > $3
        and lease.ends_at <= $4)
order by due_at, id limit $5
on conflict (payment) do update set node = excluded.node, ends_at = excluded.ends_at, fence = lease.fence + 1
where lease.ends_at <= $3 or lease.ends_at > $4
returning payment, fence";

/// Moves the end of a lease, if it was not taken over.
pub(crate) const RENEW: &str = "\
update lease set ends_at = $1 where payment = $2 and node = $3 and fence = $4 returning fence";

/// What is not settled, counted. Each half is what one partial index holds, and nothing else.
pub(crate) const UNSETTLED: &str = "\
select shop, status, currency, count(*), cast(sum(amount - cancelled) as bigint), min(doubt_since)
from (
    select shop, status, currency, amount, cancelled, doubt_since from payment where due_at is not null
    union all
    select shop, status, currency, amount, cancelled, doubt_since from payment
    where doubt_since is not null and due_at is null
    limit $1) as unsettled
group by shop, status, currency order by shop, status, currency";

/// All statements that read.
pub(crate) const READS: &[&str] = &[
    ORDER,
    LIVING,
    LIVING_ELSEWHERE,
    OWNER,
    KEY,
    JOURNAL,
    BUYERS,
    DUE,
    NEXT_DUE,
    NEWEST,
    WALK,
    ORPHANS,
    UNCLAIMED,
    STRAY_KEYS,
    KEYS,
    CLAIMS,
    UNSETTLED,
    access::DOCUMENT,
    access::DOCUMENTS,
    access::DOCUMENTS_OF,
    access::AUDIT_END,
    access::AUDIT_WALK,
    access::AUDIT_BELOW,
    access::AUDIT_STRAYS,
    access::AUDIT_NEWEST,
    access::AUDIT_NEWEST_DONE,
    access::LAST_CHANGE,
    check::OUTBOX_WALK,
    check::EVENT_WALK,
    check::STRAY_DELIVERIES,
    check::CHANGE_WALK,
    check::CHANGES_BELOW,
    check::DOCUMENT_WALK,
    public_event::LAST_EVENT,
    public_event::EVENTS,
    public_event::EVENT,
    public_event::STRAY_EVENTS,
    public_event::DUE_DELIVERIES,
    public_event::DELIVERIES_AHEAD,
    public_event::DELIVERIES,
    public_event::OPEN_DELIVERIES,
    public_event::WAITING,
    public_event::GIVEN_UP,
];

/// All statements that write one thing. Like those that read they are prepared when the store
/// opens: one that does not fit the schema stops the start, not a payment.
pub(crate) const WRITES: &[&str] = &[
    APPEND,
    OPEN,
    PROJECT,
    CLAIM_ORDER,
    COUNT_ORDER,
    CLAIM_KEY,
    SET_DUE,
    DOUBTS_DUE,
    LEASE,
    RENEW,
    access::ADD_DOCUMENT,
    access::REPLACE_DOCUMENT,
    access::REMOVE_DOCUMENT,
    public_event::POST,
    public_event::TAKE_DELIVERY,
    public_event::END_DELIVERY,
    public_event::ASK_AGAIN,
    public_event::DELETE_DELIVERED,
    public_event::DELETE_DELIVERIES,
];

/// Changes nothing, but PostgreSQL has to commit it like anything else.
pub(crate) const TOUCH: &str = "update migration set name = name where n = 1";

/// The writes again for a whole batch each, for PostgreSQL, where a statement costs a message and
/// a plan's start: 256 rows in one are ten times cheaper there than 256 statements. SQLite runs
/// inside the process and has neither cost, so it keeps the plain forms.
///
/// Columns come in as arrays. Rows go in in the order they are given, and the writer sorts them, so
/// that two nodes that write at once wait for each other in one direction only.
pub(crate) mod many {
    /// [`super::APPEND`]; what comes back was written.
    pub(crate) const APPEND: &str = "\
insert into journal (payment, seq, at, body, hash, erasable)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])
on conflict (payment, seq) do nothing returning payment";

    /// The first rows of new payments, whose names are no one else's: a conflict is an error.
    pub(crate) const BEGIN: &str = "\
insert into journal (payment, seq, at, body, hash, erasable)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])";

    /// [`super::OPEN`].
    pub(crate) const OPEN: &str = "\
insert into payment (id, seq, head, status, cancelled, tno, app_no, issuer, due_at, doubt_since, updated_at,
    shop, site_cd, order_no, ordr_idxx, amount, currency, buyer_name, buyer_phone, last4, actor, created_at)
select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
    $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[],
    $16::bigint[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::bigint[])";

    /// [`super::PROJECT`].
    pub(crate) const PROJECT: &str = "\
update payment set seq = n.seq, head = n.head, status = n.status, cancelled = n.cancelled, tno = n.tno,
    app_no = n.app_no, issuer = n.issuer, due_at = n.due_at, doubt_since = n.doubt_since, updated_at = n.updated_at
from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::text[])
    as n (seq, head, status, cancelled, tno, app_no, issuer, due_at, doubt_since, updated_at, id)
where payment.id = n.id";

    /// [`super::CLAIM_ORDER`], by payments that have no key or got it in this transaction; what comes
    /// back is claimed. So there is never a claim to be taken back.
    pub(crate) const CLAIM_ORDER: &str = "\
insert into order_claim (site_cd, order_no, living)
select site_cd, order_no, 1
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    as n (site_cd, order_no, payment, scope, key, shop)
where (n.key is null or exists (select 1 from idempotency as i
        where i.scope = n.scope and i.key = n.key and i.payment = n.payment))
    and not exists (select 1 from payment as p
        where p.order_no = n.order_no and p.shop = n.shop and p.site_cd <> n.site_cd
        and p.status not in ('declined', 'void', 'reversed', 'cancelled'))
on conflict (site_cd, order_no) do update set living = 1 where order_claim.living = 0
returning site_cd, order_no";

    /// [`super::COUNT_ORDER`]. What is added is added to what the row holds once it is locked.
    pub(crate) const COUNT_ORDER: &str = "\
update order_claim set living = order_claim.living + n.more
from unnest($1::text[], $2::text[], $3::bigint[]) as n (site_cd, order_no, more)
where order_claim.site_cd = n.site_cd and order_claim.order_no = n.order_no";

    /// [`super::CLAIM_KEY`]; what comes back is claimed.
    pub(crate) const CLAIM_KEY: &str = "\
insert into idempotency (scope, key, request, payment)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
on conflict (scope, key) do nothing returning scope, key, payment";

    /// [`super::public_event::POST`].
    pub(crate) const POST: &str = "\
insert into outbox (at, payment, seq, news, shop)
select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[])";

    /// Takes back claims of the same transaction.
    pub(crate) const UNCLAIM_KEY: &str = "\
delete from idempotency using unnest($1::text[], $2::text[]) as n (scope, key)
where idempotency.scope = n.scope and idempotency.key = n.key";

    /// The hashes of journal rows, to find out whether they were written.
    pub(crate) const HASHES: &str = "\
select j.payment, j.hash from unnest($1::text[], $2::bigint[]) as n (payment, seq)
join journal j on j.payment = n.payment and j.seq = n.seq";

    /// The transaction that is open, by the name under which it can be asked about afterwards.
    pub(crate) const TRANSACTION: &str = "select pg_current_xact_id()::text";

    /// Whether a transaction has ended, and how.
    pub(crate) const ENDED: &str = "select pg_xact_status($1::text::xid8)";

    /// All of them.
    pub(crate) const ALL: &[&str] = &[
        APPEND,
        BEGIN,
        OPEN,
        PROJECT,
        CLAIM_ORDER,
        COUNT_ORDER,
        CLAIM_KEY,
        POST,
        UNCLAIM_KEY,
        HASHES,
        TRANSACTION,
        ENDED,
    ];
}

#[cfg(test)]
mod tests {
    /// SQLite numbers `$n` by first appearance, PostgreSQL by n.
    #[test]
    fn parameters_first_appear_in_order() {
        for sql in super::READS.iter().chain(super::WRITES) {
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
