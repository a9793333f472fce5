//! What others hear of: the outbox, the events that are made of it, and their deliveries.

/// News, in the transaction of its journal row.
pub(crate) const POST: &str =
    "insert into outbox (at, payment, seq, news, shop) values ($1, $2, $3, $4, $5)";

/// Where the chain of events stands: the last number that was given.
pub(crate) const LAST_EVENT: &str = "select n, hash from event order by n desc limit 1";

/// Gives numbers to news that is still in the outbox; `{rows}` are number, time, payment, row and hash of
/// each. A number that is taken fails all.
pub(crate) const NUMBER: &str = "\
insert into event (n, at, payment, seq, news, shop, hash)
select v.column1, outbox.at, outbox.payment, outbox.seq, outbox.news, outbox.shop, v.column5
from (values {rows}) as v
join outbox on outbox.at = v.column2 and outbox.payment = v.column3 and outbox.seq = v.column4";

/// Takes out of the outbox what has a number now; `{rows}` as in [`NUMBER`], without the number.
pub(crate) const TAKE_OUT: &str = "\
delete from outbox where (at, payment, seq) in (values {rows})";

/// Deliveries of events that have the number that they were meant to have; `{rows}` are webhook,
/// number, payment, row of each, and now.
pub(crate) const ADDRESS: &str = "\
insert into delivery (webhook, event, state, attempts, due_at, at)
select v.column1, event.n, 'waiting', 0, v.column5, v.column5
from (values {rows}) as v
join event on event.n = v.column2 and event.payment = v.column3 and event.seq = v.column4
where true
on conflict (webhook, event) do nothing";

/// Events behind a number, up to another.
pub(crate) const EVENTS: &str = "\
select n, at, payment, seq, news, shop from event where n > $1 and n <= $2 order by n";

/// One event.
pub(crate) const EVENT: &str = "select n, at, payment, seq, news, shop from event where n = $1";

/// An event whose journal row is not there.
pub(crate) const STRAY_EVENTS: &str = "\
select n from event where not exists (
    select 1 from journal where journal.payment = event.payment and journal.seq = event.seq)
order by n limit 1";

/// What is due for a webhook, the longest due first.
pub(crate) const DUE_DELIVERIES: &str = "\
select event, attempts from delivery where webhook = $1 and due_at is not null and due_at <= $2
order by due_at, event limit $3";

/// What waits for a webhook for longer than anything does.
pub(crate) const DELIVERIES_AHEAD: &str = "\
select event, attempts from delivery where webhook = $1 and due_at > $2 order by due_at, event limit $3";

/// Takes a delivery that is due into one's hands, until a time after which others may.
pub(crate) const TAKE_DELIVERY: &str = "\
update delivery set attempts = attempts + 1, due_at = $1, at = $2
where webhook = $3 and event = $4 and attempts = $5 and state = 'waiting' returning attempts";

/// How the try ended that made it so many.
pub(crate) const END_DELIVERY: &str = "\
update delivery set state = $1, due_at = $2, answer = $3, at = $4
where webhook = $5 and event = $6 and attempts = $7 returning attempts";

/// Asks for an event to be told (again), from the beginning of the backoff schedule.
pub(crate) const ASK_AGAIN: &str = "\
insert into delivery (webhook, event, state, attempts, due_at, at) values ($1, $2, 'waiting', 0, $3, $3)
on conflict (webhook, event) do update set state = 'waiting', attempts = 0, due_at = excluded.due_at
returning event";

/// A webhook's deliveries before an event, the newest first.
pub(crate) const DELIVERIES: &str = "\
select delivery.event, state, attempts, due_at, delivery.at, answer, event.at, payment, seq, news, shop
from delivery join event on event.n = delivery.event
where webhook = $1 and delivery.event < $2 order by delivery.event desc limit $3";

/// The same of what was not delivered.
pub(crate) const OPEN_DELIVERIES: &str = "\
select delivery.event, state, attempts, due_at, delivery.at, answer, event.at, payment, seq, news, shop
from delivery join event on event.n = delivery.event
where webhook = $1 and delivery.event < $2 and state <> 'delivered' order by delivery.event desc limit $3";

/// What waits for a webhook, counted up to a bound, and the first of it.
pub(crate) const WAITING: &str = "\
select count(*), min(event) from (
    select event from delivery where webhook = $1 and due_at is not null limit $2) as waiting";

/// What was given up for a webhook, counted up to a bound.
pub(crate) const GIVEN_UP: &str = "\
select count(*) from (
    select event from delivery where webhook = $1 and state = 'given_up' limit $2) as given_up";

/// Forgets that something was delivered long ago.
pub(crate) const DELETE_DELIVERED: &str = "\
delete from delivery where webhook = $1 and event in (
    select event from delivery where webhook = $1 and event <= $2 and state = 'delivered'
    order by event limit 500)
returning event";

/// Takes all deliveries of a webhook away.
pub(crate) const DELETE_DELIVERIES: &str = "delete from delivery where webhook = $1";
