//! What `verify` asks besides: of the database itself, and of what stands beside the journals.

/// The indexes of PostgreSQL: name, table, predicate, keys, whether it is unique, and whether it is in use.
pub(crate) const INDEXES: &str = "\
select c.relname::text, t.relname::text, coalesce(pg_get_expr(i.indpred, i.indrelid), '')::text,
    (select string_agg(pg_get_indexdef(i.indexrelid, k, true), ', ' order by k)
        from generate_series(1, i.indnkeyatts::int) as k)::text,
    case when i.indisunique then 1 else 0 end::bigint,
    case when i.indisvalid and i.indisready and i.indislive then 1 else 0 end::bigint,
    replace(pg_get_indexdef(i.indexrelid), quote_ident(current_schema()) || '.', '')::text,
    case when i.indisprimary then 1 else 0 end::bigint
from pg_index as i join pg_class as c on c.oid = i.indexrelid join pg_class as t on t.oid = i.indrelid
where t.relnamespace = current_schema()::regnamespace and t.relkind = 'r' order by 1";

/// Whether PostgreSQL's own check of indexes is installed and allowed.
pub(crate) const AMCHECK: &str = "\
select case when exists (select 1 from pg_extension where extname = 'amcheck') and exists (
    select 1 from pg_proc where proname = 'bt_index_check' and pronargs = 2 and has_function_privilege(oid, 'execute'))
    then 1 else 0 end::bigint";

/// That check, with every row of the table looked for.
pub(crate) const CHECK_INDEX: &str = "\
select count(*) from (select bt_index_check(to_regclass(quote_ident($1)), true)) as checked";

/// How many rows there are, and which.
pub(crate) const PLACES: &str = "\
select count(*), coalesce(sum(hashtextextended(x::text, 0)), 0)::text from ({places}) as found";

/// Something that is there twice.
pub(crate) const TWICE: &str = "\
select count(*) from (select 1 from {table} group by {keys} having count(*) > 1 limit 1) as twice";

/// Tables are read, and no index.
pub(crate) const BY_SCAN: &[&str] = &[
    "set local enable_seqscan = on",
    "set local enable_indexscan = off",
    "set local enable_indexonlyscan = off",
    "set local enable_bitmapscan = off",
];
/// Indexes are read, where one has the order that is asked for.
pub(crate) const BY_INDEX: &[&str] = &[
    "set local enable_seqscan = off",
    "set local enable_indexscan = on",
    "set local enable_indexonlyscan = on",
    "set local enable_bitmapscan = off",
    "set local enable_sort = off",
];
/// As everywhere else.
pub(crate) const BY_INDEX_OR_SCAN: &[&str] = &[
    "set local enable_bitmapscan = on",
    "set local enable_sort = on",
];

/// What SQLite was told to make.
pub(crate) const SQLITE_SCHEMA: &str = "\
select type, name, sql from sqlite_schema where name not like 'sqlite_%' and sql is not null order by type, name";

/// The columns of PostgreSQL's tables: table, column, type, and whether it may be null.
pub(crate) const COLUMNS: &str = "\
select table_name::text, column_name::text, data_type::text, is_nullable::text
from information_schema.columns where table_schema = current_schema() order by 1, 2";

/// Triggers and rules of PostgreSQL's tables: what changes rows behind everybody's back.
pub(crate) const TRIGGERS: &str = "\
select g.tgname::text from pg_trigger as g join pg_class as t on t.oid = g.tgrelid
where not g.tgisinternal and t.relnamespace = current_schema()::regnamespace
union all select r.rulename::text from pg_rules as r where r.schemaname = current_schema() limit 1";

/// The steps that the schema has seen.
pub(crate) const STEPS: &str = "select n, name from migration order by n";

/// Where a ledger in a file ends.
pub(crate) const ENDING: &str = "select one, commits from ending";

/// Counts a commit.
pub(crate) const COUNT_COMMIT: &str =
    "update ending set commits = commits + 1 where one = 1 returning commits";

/// News without a number, a stretch at a time.
pub(crate) const OUTBOX_WALK: &str = "\
select at, payment, seq, news, shop from outbox where (at, payment, seq) > ($1, $2, $3)
order by at, payment, seq limit $4";

/// Events, a stretch at a time.
pub(crate) const EVENT_WALK: &str = "\
select n, at, payment, seq, news, shop, hash from event where n > $1 order by n limit $2";

/// Deliveries that nothing of ours makes.
pub(crate) const STRAY_DELIVERIES: &str = "\
select webhook, event from delivery
where not exists (select 1 from event where event.n = delivery.event)
    or state not in ('waiting', 'delivered', 'given_up')
    or (state = 'waiting' and due_at is null) or (state <> 'waiting' and due_at is not null)
    or attempts < 0
limit 1";

/// The changes of documents in order, a stretch at a time.
pub(crate) const CHANGE_WALK: &str = "\
select n, kind, key, version, digest, hash from document_change where n > $1 order by n limit $2";

/// Changes before the first: there are none, and the walk would not see one.
pub(crate) const CHANGES_BELOW: &str =
    "select n from document_change where n < 1 order by n limit 1";

/// Documents in order, a stretch at a time.
pub(crate) const DOCUMENT_WALK: &str = "\
select kind, key, owner, version, body from document where (kind, key) > ($1, $2)
order by kind, key limit $3";
