//! One transaction with many writes in it, none of which can spoil another.
//!
//! Everything that can be taken is claimed first, by inserts that do nothing where someone else
//! was quicker; what comes back tells who won. Then follow, together with the commit, the rows of
//! those who won everything they need, while the others' keys are taken back. A key that is taken back
//! was new in this transaction, so deleting it leaves no trace; an order is claimed only by those who have
//! their keys, and nothing is ever taken out of the journal. Statements that do not wait for each other's answers travel together.

use std::{
    collections::HashSet,
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::try_join_all;
use tokio_postgres::{Error, error::Severity};

use super::link::{Link, words};
use crate::{
    job::{Job, Write, WriteOutcome},
    record, sql,
    sql::many,
    store::CreationClaims,
    value::{Cells, Value},
};

/// A server that does not answer for this long is taken for gone.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(10);

/// A transaction did not end as it should.
pub(super) enum Trouble {
    /// The server refused something; nothing was written.
    Undone(Error),
    /// The connection ended before the commit was sent; nothing was written.
    Lost(String),
    /// No one knows whether the commit took effect.
    Unsure {
        why: String,
        /// The transaction's name at the server.
        transaction: String,
        /// What was to become of each write.
        write_outcomes: Vec<WriteOutcome>,
    },
}

/// Takes the first jobs that have nothing to do with each other; the rest comes in a later
/// transaction, as if it had been asked for later.
pub(super) fn apart(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut touched: HashSet<(u8, Value<'static>, Value<'static>)> = HashSet::new();
    jobs.into_iter().partition(|job| {
        let row = &job.write.row;
        let own = |text: &String| Value::from(text.clone());
        let mut touches = vec![(0, own(&row.id), Value::Null)];
        if job.write.creation_claims.is_some() || job.write.lives_more().is_some() {
            touches.push((1, own(&row.site_cd), own(&row.order_no)));
            touches.push((3, own(&row.shop), own(&row.order_no)));
        }
        if let Some(key) = job
            .write
            .creation_claims
            .as_ref()
            .and_then(|creation_claims| creation_claims.key.as_ref())
        {
            touches.push((2, own(&key.scope), own(&key.key)));
        }
        let free = touches.iter().all(|touch| !touched.contains(touch));
        // One that waits keeps its place too: no one behind it may overtake it.
        touched.extend(touches);
        free
    })
}

/// A new payment on its way through a transaction.
struct New<'a> {
    /// Its place among the jobs.
    at: usize,
    write: &'a Write,
    creation_claims: &'a CreationClaims,
    has_key: bool,
    has_order: bool,
}

impl<'a> New<'a> {
    fn of(at: usize, write: &'a Write, creation_claims: &'a CreationClaims) -> Self {
        let (has_key, has_order) = (false, false);
        Self {
            at,
            write,
            creation_claims,
            has_key,
            has_order,
        }
    }

    fn has_all(&self) -> bool {
        self.has_key && self.has_order
    }

    /// Its order, by what tells orders apart.
    fn order(&self) -> [&'a str; 2] {
        [&self.write.row.site_cd, &self.write.row.order_no]
    }

    /// As [`many::CLAIM_ORDER`] has it.
    fn claim(&self) -> [Value<'a>; 6] {
        let [site_cd, order_no] = self.order();
        let key = self.creation_claims.key.as_ref();
        [
            site_cd.into(),
            order_no.into(),
            (&self.write.row.id).into(),
            key.map(|key| &key.scope).into(),
            key.map(|key| &key.key).into(),
            (&self.write.row.shop).into(),
        ]
    }
}

/// What the first statements brought.
struct Claimed {
    transaction: String,
    /// Scope, key and payment of each key.
    keys: Vec<Cells>,
}

/// Writes jobs that are [`apart`] in one transaction; says what became of each.
pub(super) async fn write(link: &Link, jobs: &[Job]) -> Result<Vec<WriteOutcome>, Trouble> {
    let (mut new, mut further) = (Vec::new(), Vec::new());
    for (at, Job { write, .. }) in jobs.iter().enumerate() {
        match &write.creation_claims {
            Some(creation_claims) => new.push(New::of(at, write, creation_claims)),
            None => further.push((at, &**write)),
        }
    }
    // One order for all nodes, so that they wait for each other in one direction only.
    new.sort_by_key(|new| &new.write.row.id);
    further.sort_by_key(|(_, write)| &write.row.id);

    // A warning from before is none of this transaction's.
    let _ = link.warned();
    let mut write_outcomes: Vec<_> = jobs.iter().map(|_| WriteOutcome::Written).collect();
    let claiming = claim(link, &mut new, &mut further, &mut write_outcomes);
    let claimed = Box::pin(patiently(claiming)).await.map_err(before_commit)?;
    patiently(refuse(link, &new, &mut write_outcomes))
        .await
        .map_err(before_commit)?;
    let why = match Box::pin(patiently(finish(link, &new, &further, &claimed))).await {
        Ok(()) if !link.warned() => return Ok(write_outcomes),
        Ok(()) => "the server warned while it committed".into(),
        Err(Some(why)) if is_refusal(&why) => return Err(Trouble::Undone(why)),
        Err(Some(why)) => words(&why),
        Err(None) => "the server stopped answering".into(),
    };
    Err(Trouble::Unsure {
        why,
        transaction: claimed.transaction,
        write_outcomes,
    })
}

/// Claims keys, orders and the next rows of journals, in this order. What was beaten leaves `further`.
async fn claim(
    link: &Link,
    new: &mut [New<'_>],
    further: &mut Vec<(usize, &Write)>,
    write_outcomes: &mut [WriteOutcome],
) -> Result<Claimed, Error> {
    let keys = new.iter().filter_map(|new| {
        let key = new.creation_claims.key.as_ref()?;
        Some([
            (&key.scope).into(),
            (&key.key).into(),
            (&key.request).into(),
            (&new.write.row.id).into(),
        ])
    });
    let keys = columns(sorted(keys));
    let orders = columns(sorted(new.iter().map(New::claim)));
    let rows = columns(
        further
            .iter()
            .flat_map(|(_, write)| entries(write))
            .collect(),
    );
    let (begun, transaction, keys, orders, rows) = tokio::join!(
        biased;
        link.command("begin"),
        link.rows(many::TRANSACTION, &[]),
        link.many(many::CLAIM_KEY, &keys),
        link.many(many::CLAIM_ORDER, &orders),
        link.many(many::APPEND, &rows),
    );
    begun?;
    let name = transaction?
        .first()
        .and_then(|row| row.text(0).ok())
        .unwrap_or_default();
    let claimed = Claimed {
        transaction: name,
        keys: keys?,
    };
    let orders = orders?;
    let written: HashSet<_> = rows?
        .into_iter()
        .filter_map(|row| row.text(0).ok())
        .collect();
    further.retain(|(at, write)| {
        let won = written.contains(&write.row.id);
        if !won {
            write_outcomes[*at] = WriteOutcome::Conflict;
        }
        won
    });

    let keys = claimed.keys.iter().filter_map(|row| row.text(2).ok());
    let keys: HashSet<_> = keys.collect();
    let orders: HashSet<_> = orders
        .iter()
        .filter_map(|row| Some([row.text(0).ok()?, row.text(1).ok()?]))
        .collect();
    for new in new {
        new.has_key = new.creation_claims.key.is_none() || keys.contains(&new.write.row.id);
        // One that is not apart from another of its order is not in the same batch.
        new.has_order = new.has_key && orders.contains(&new.order().map(str::to_owned));
    }
    Ok(claimed)
}

/// Finds out what is in the way of the new payments that did not get everything.
async fn refuse(
    link: &Link,
    new: &[New<'_>],
    write_outcomes: &mut [WriteOutcome],
) -> Result<(), Error> {
    let lost = new.iter().filter(|new| !new.has_all());
    let refusals = try_join_all(lost.map(async |new| {
        let row = &new.write.row;
        let refusal = match &new.creation_claims.key {
            Some(key) if !new.has_key => {
                let holder = link
                    .rows(sql::KEY, &[(&key.scope).into(), (&key.key).into()])
                    .await?;
                record::key_used(holder.first(), key)
            }
            _ => {
                let order = [
                    (&row.order_no).into(),
                    (&row.site_cd).into(),
                    (&row.shop).into(),
                ];
                let living = link.rows(sql::LIVING, &order).await?;
                record::order_live(living.first())
            }
        };
        Ok((new.at, refusal))
    }));
    for (at, refusal) in refusals.await? {
        write_outcomes[at] = WriteOutcome::Refused(refusal);
    }
    Ok(())
}

/// Takes back what the refused ones had claimed, writes the rest, and commits.
async fn finish(
    link: &Link,
    new: &[New<'_>],
    further: &[(usize, &Write)],
    claimed: &Claimed,
) -> Result<(), Error> {
    let made: HashSet<_> = new
        .iter()
        .filter(|new| new.has_all())
        .map(|new| &new.write.row.id)
        .collect();
    let back = claimed.keys.iter();
    let back = back.filter(|row| row.text(2).is_ok_and(|id| !made.contains(&id)));
    let back = back.map(|row| [row.0[0].clone(), row.0[1].clone()]);
    let keys = columns(sorted(back));
    let made = || new.iter().filter(|new| new.has_all()).map(|new| new.write);
    let rows = columns(made().flat_map(entries).collect());
    let opened = columns(made().map(|write| write.row.opened()).collect());
    let projected = columns(
        further
            .iter()
            .map(|(_, write)| write.row.projected())
            .collect(),
    );
    let told = made().chain(further.iter().map(|(_, write)| *write));
    let told = columns(told.flat_map(public_event).collect());
    let counted = further.iter().filter_map(|(_, write)| {
        let (row, more) = (&write.row, write.lives_more()?);
        Some([(&row.site_cd).into(), (&row.order_no).into(), more.into()])
    });
    let counted = columns(sorted(counted));

    // What fails before it is even sent must keep the commit from being sent: futures that are
    // polled in order are sent in order.
    let unsent = AtomicBool::new(false);
    let sent = async |statement: &str, columns: &[Vec<Value<'_>>]| {
        let answer = link.many(statement, columns).await;
        unsent.fetch_or(answer.is_err(), Ordering::SeqCst);
        answer
    };
    let commit = async {
        let command = if unsent.load(Ordering::SeqCst) {
            "rollback"
        } else {
            "commit"
        };
        link.command(command).await
    };
    let (keys, rows, opened, projected, told, counted, committed) = tokio::join!(
        biased;
        sent(many::UNCLAIM_KEY, &keys),
        sent(many::BEGIN, &rows),
        sent(many::OPEN, &opened),
        sent(many::PROJECT, &projected),
        sent(many::POST, &told),
        sent(many::COUNT_ORDER, &counted),
        commit,
    );
    // After a refusal the server turns the commit into a rollback without a word, so the first
    // error counts, not the last.
    for answer in [keys, rows, opened, projected, told, counted] {
        answer?;
    }
    committed
}

/// The journal rows of a write, in the order of [`many::APPEND`].
fn entries(write: &Write) -> impl Iterator<Item = [Value<'_>; 6]> {
    write.pending_append.entries.iter().map(|entry| {
        let (seq, at) = (entry.seq.into(), entry.at.as_microsecond().into());
        [
            (&write.row.id).into(),
            seq,
            at,
            (&entry.body).into(),
            entry.hash.to_hex().into(),
            (&entry.erasable).into(),
        ]
    })
}

/// What others hear of a write, in the order of [`many::POST`].
fn public_event(write: &Write) -> impl Iterator<Item = [Value<'_>; 5]> {
    write
        .pending_append
        .public_event()
        .map(|(entry, public_event)| {
            let (at, seq) = (entry.at.as_microsecond().into(), entry.seq.into());
            let (id, shop) = ((&write.row.id).into(), (&write.row.shop).into());
            [at, id, seq, public_event.as_str().into(), shop]
        })
}

fn sorted<'a, const N: usize>(rows: impl Iterator<Item = [Value<'a>; N]>) -> Vec<[Value<'a>; N]> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    rows
}

/// Rows as columns.
fn columns<const N: usize>(rows: Vec<[Value<'_>; N]>) -> Vec<Vec<Value<'_>>> {
    let mut columns: Vec<_> = (0..N).map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns
}

/// Waits for the server, but not for ever; `None` when it took too long.
async fn patiently<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Option<Error>> {
    match tokio::time::timeout(MAX_WAIT, answer).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

fn before_commit(why: Option<Error>) -> Trouble {
    match why {
        Some(why) if is_refusal(&why) => Trouble::Undone(why),
        Some(why) => Trouble::Lost(words(&why)),
        None => Trouble::Lost("the server stopped answering".into()),
    }
}

/// Whether the server itself said no, and is still there.
fn is_refusal(why: &Error) -> bool {
    why.as_db_error()
        .is_some_and(|told| told.parsed_severity() == Some(Severity::Error))
}
