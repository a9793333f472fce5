//! What people set up, and the audit.

/// A document.
pub(crate) const DOCUMENT: &str =
    "select key, owner, version, body from document where kind = $1 and key = $2";

/// The documents of a kind.
pub(crate) const DOCUMENTS: &str =
    "select key, owner, version, body from document where kind = $1 order by key limit $2";

/// The documents of a kind and an owner.
pub(crate) const DOCUMENTS_OF: &str = "\
select key, owner, version, body from document where kind = $1 and owner = $2 order by key limit $3";

/// A new document, unless there is one of its name.
pub(crate) const ADD_DOCUMENT: &str = "\
insert into document (kind, key, owner, version, body) values ($1, $2, $3, 1, $4)
on conflict (kind, key) do nothing returning version";

/// A document anew, if it is still the version that was read.
pub(crate) const REPLACE_DOCUMENT: &str = "\
update document set owner = $1, body = $2, version = version + 1
where kind = $3 and key = $4 and version = $5 returning version";

/// A document no more.
pub(crate) const REMOVE_DOCUMENT: &str =
    "delete from document where kind = $1 and key = $2 returning version";

/// Deliveries of a webhook that is not there.
pub(crate) const DELETE_STRAYS: &str = "\
delete from delivery where webhook = $1 and not exists (
    select 1 from document where kind = 'webhook' and key = $1)";

/// Where the chain of changes stands.
pub(crate) const LAST_CHANGE: &str = "select n, hash from document_change order by n desc limit 1";

/// A change of a document, if it took place. A number that is taken fails it.
pub(crate) const CHANGED: &str = "\
insert into document_change (n, kind, key, version, digest, hash)
select $1, $2, $3, $4, $5, $6 where exists (
    select 1 from document where kind = $7 and key = $8 and version = $9 and owner = $10 and body = $11)
returning n";

/// That a document is taken away, if it is there: before it is.
pub(crate) const GOING: &str = "\
insert into document_change (n, kind, key, version, digest, hash)
select $1, $2, $3, 0, '', $4 where exists (select 1 from document where kind = $5 and key = $6)
returning n";

/// New rows of the audit; `{rows}` is as many as there are. A number that is taken fails all.
pub(crate) const AUDIT: &str = "\
insert into audit (seq, at, actor, action, subject, outcome, origin, changes, events, hash) values {rows}";

/// Where the audit's chain stands.
pub(crate) const AUDIT_END: &str = "select seq, hash from audit order by seq desc limit 1";

/// The audit in order, a stretch at a time.
pub(crate) const AUDIT_WALK: &str = "\
select seq, at, actor, action, subject, outcome, origin, changes, events, hash
from audit where seq > $1 order by seq limit $2";

/// The hashes of changes of documents and of events; `{changes}` and `{events}` are their numbers.
pub(crate) const OTHER_CHAINS: &str = "\
select 'change', n, hash from document_change where n in ({changes})
union all select 'event', n, hash from event where n in ({events})";

/// Rows before the first: there are none, and the walk would not see one.
pub(crate) const AUDIT_BELOW: &str = "select seq from audit where seq < 1 order by seq limit 1";

/// The last subject of a stretch of subjects that were purged: whoever names an operator as a purge is
/// named has purged nothing.
pub(crate) const AUDIT_NEWEST: &str =
    "select max(subject) from audit where subject >= $1 and subject < $2 and action = 'purge'";

/// The same of what was done, and not only begun.
pub(crate) const AUDIT_NEWEST_DONE: &str = "\
select max(subject) from audit
where subject >= $1 and subject < $2 and action = 'purge' and outcome <> 'begun'";

/// The audit, the newest first; `{and}` is made of the filters that are set.
pub(crate) const AUDIT_ENTRIES: &str = "\
select seq, at, actor, action, subject, outcome, origin, changes, events, hash from audit
where seq < $1{and} order by seq desc limit {limit}";

/// Payments that the audit tells of and the ledger does not know: a payment that was taken out whole,
/// journal and all, leaves no gap anywhere else.
pub(crate) const AUDIT_STRAYS: &str = "\
select seq, subject from audit where subject >= 'pay_' and subject < 'pay`' and outcome < '4'
    and not exists (select 1 from payment where id = subject) order by seq limit 1";
