//! The proof that a ledger is whole: the database itself, every chain, every fold, every projection row,
//! every guard, and what others were told.
//!
//! It reads one moment of the ledger. The database's own integrity comes first: what is proved after it is
//! read by indexes, and one that lies would hide what it does not hold.

mod claims;
mod documents;
mod events;
mod integrity;
mod keys;
pub(crate) mod schema;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use self::{
    events::{Bag, Told},
    keys::Made,
};
use crate::{
    erasable,
    error::{IntegrityViolation, StoreError},
    event_stream,
    record::{self, RawEntry, Row},
    retention, sql,
    store::Engine,
    value::Cells,
};

/// How many payments are walked at a time.
const STRETCH: i64 = 500;

/// What no proof covers: a change of it by another hand is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotCovered {
    /// The table.
    pub table: &'static str,
    /// Which of its columns, or `row` for rows that are taken away or put in; all of it, if none is named.
    pub columns: &'static [&'static str],
    /// What that is, in words.
    pub what: &'static str,
}

/// All that [`Store::verify`](crate::Store::verify) and [`Store::verify_audit`](crate::Store::verify_audit)
/// do not cover.
pub const NOT_COVERED: &[NotCovered] = &[
    NotCovered {
        table: "payment",
        columns: &["due_at"],
        what: "when a payment is worked on next",
    },
    NotCovered {
        table: "delivery",
        columns: &[
            "webhook", "event", "attempts", "due_at", "at", "answer", "row",
        ],
        what: "how far the deliveries of events to webhooks are",
    },
    NotCovered {
        table: "lease",
        columns: &[],
        what: "which node works on which payment",
    },
    NotCovered {
        table: "document of sessions",
        columns: &[],
        what: "sessions, challenges of passkeys, wrong tries to sign in, and the days on which a checkpoint was mailed",
    },
    NotCovered {
        table: "audit",
        columns: &["row"],
        what: "audit rows cut off at the end, without a checkpoint that was kept",
    },
    NotCovered {
        table: "ending",
        columns: &["commits"],
        what: "commits that were counted beyond those that there were",
    },
];

/// What was proved.
pub(crate) struct Proved {
    /// How many payments and journal rows hold.
    pub(crate) counted: (u64, u64),
    /// Indexes that could not be read.
    pub(crate) unread: Vec<String>,
}

/// Proves everything; the first thing that is wrong ends it.
pub(crate) async fn walk(engine: &Engine) -> Result<Proved, StoreError> {
    // Before the moment that is looked at: a service may be writing on.
    let said = engine.ending()?;
    let engine = &engine.snapshot().await?;
    let unread = integrity::check(engine).await?;
    schema::check(engine).await?;
    ending(engine, said).await?;
    let (mut told, mut made) = (Bag::default(), Bag::default());
    let counted = payments(engine, &mut |fact| match fact {
        Fact::Told(one) => told.add(one.digest()),
        Fact::Made(one) => made.add(one.digest()),
    })
    .await?;
    if let Some(orphan) = engine.rows(sql::ORPHANS, Vec::new()).await?.first() {
        let what = "no payment row belongs to it";
        return Err(IntegrityViolation::in_row(&orphan.text(0)?, orphan.int(1)?, what).into());
    }
    claims::walk(engine).await?;
    if keys::all(engine).await? != made {
        return Err(wrong_key(engine).await?.into());
    }
    let heard = events::all(engine).await?;
    event_stream::verify(engine).await?;
    if heard != told {
        return Err(wrong_event(engine).await?.into());
    }
    documents::walk(engine).await?;
    Ok(Proved { counted, unread })
}

/// That the ledger does not end before what a file beside it says.
async fn ending(engine: &Engine, said: Option<i64>) -> Result<(), StoreError> {
    let rows = engine.rows(sql::check::ENDING, Vec::new()).await?;
    let violation = |what: String| {
        let place = "ending".into();
        StoreError::from(IntegrityViolation { place, what })
    };
    let [row] = &rows[..] else {
        return Err(violation("it is one row".into()));
    };
    let (one, commits) = (row.int(0)?, row.int(1)?);
    if one != 1 || commits < 0 {
        return Err(violation("its row is not ours".into()));
    }
    match said {
        Some(said) if said > commits => Err(violation(format!(
            "the ledger is cut off: it ends after {commits} commits, and sugi.end beside it says {said}; was \
             its log, sugi.db-wal, left out of this copy?"
        ))),
        _ => Ok(()),
    }
}

/// What a journal tells of what stands beside it.
enum Fact<'a> {
    /// Others are to hear of a row.
    Told(Told<'a>),
    /// A key made the payment.
    Made(Made<'a>),
}

/// Names what differs between the journals and the idempotency keys.
async fn wrong_key(engine: &Engine) -> Result<IntegrityViolation, StoreError> {
    let mut told = HashMap::new();
    payments(engine, &mut |fact| {
        if let Fact::Made(Made { payment, key }) = fact {
            told.insert((*payment).to_owned(), (*key).to_owned());
        }
    })
    .await?;
    keys::wrong(engine, &told).await
}

/// Names what differs between the journals and what others were told.
async fn wrong_event(engine: &Engine) -> Result<IntegrityViolation, StoreError> {
    let there = events::digests(engine).await?;
    let (mut told, mut missing) = (HashSet::new(), None);
    payments(engine, &mut |fact| {
        let Fact::Told(one) = fact else { return };
        if missing.is_none() && !there.contains(&one.digest()) {
            missing = Some(format!("journal row ({}, {})", one.payment, one.seq));
        }
        told.insert(one.digest());
    })
    .await?;
    match missing {
        Some(place) => Ok(IntegrityViolation {
            place,
            what: "the event that it makes is not in the outbox and not among the events".into(),
        }),
        None => events::stranger(engine, &told).await,
    }
}

/// Walks all payments; gives away what others are to hear of.
async fn payments(
    engine: &Engine,
    tell: &mut (dyn FnMut(&Fact<'_>) + Send),
) -> Result<(u64, u64), StoreError> {
    let (mut payments, mut rows) = (0, 0);
    let mut last = String::new();
    let forgotten = retention::forgotten(engine).await?;
    let forgotten = forgotten.map(retention::beginning).transpose()?;
    loop {
        let stretch = engine
            .rows(sql::WALK, vec![last.clone().into(), STRETCH.into()])
            .await?;
        let Some(end) = stretch.last() else {
            return Ok((payments, rows));
        };
        last = end.text(0)?;
        for payment in stretch.chunk_by(|a, b| a.0.first() == b.0.first()) {
            rows += check(payment, forgotten, tell)?;
            payments += 1;
        }
    }
}

/// Checks one payment, given as rows of [`sql::WALK`]; returns how long its journal is.
/// Before `forgotten`, buyers may have been taken away.
fn check(
    rows: &[Cells],
    forgotten: Option<Timestamp>,
    tell: &mut (dyn FnMut(&Fact<'_>) + Send),
) -> Result<u64, StoreError> {
    let Some(first) = rows.first() else {
        return Ok(0);
    };
    let id = first.id(0)?;
    let place = IntegrityViolation::in_projection(id.as_str(), "").place;
    let kept = Row::read(first).map_err(|why| why.at(&place))?;
    if first.is_null(Row::WIDTH) {
        return Err(IntegrityViolation::in_projection(id.as_str(), "it has no journal").into());
    }
    let journal = (1..).zip(rows).map(|(n, row)| {
        let place = IntegrityViolation::in_row(id.as_str(), n, "").place;
        RawEntry::read(row, Row::WIDTH).map_err(|why| why.at(&place))
    });
    let journal = journal.collect::<Result<Vec<_>, _>>()?;
    let is_gone = |row: &RawEntry| row.erasable.as_deref().is_some_and(erasable::is_gone);
    let owned_up = |row: &RawEntry| forgotten.is_some_and(|day| row.at < day.as_microsecond());
    if let Some(row) = journal.iter().find(|row| is_gone(row) && !owned_up(row)) {
        let what = "its buyer was taken away, and no audit row tells of it";
        return Err(IntegrityViolation::in_row(id.as_str(), row.seq, what).into());
    }
    let mut each =
        |row: &RawEntry, public_event: sugi_core::PublicEvent, payment: &sugi_core::Payment| {
            tell(&Fact::Told(Told {
                at: row.at,
                payment: id.as_str(),
                seq: row.seq,
                public_event: public_event.as_str(),
                shop: payment.request.shop.as_str(),
            }));
        };
    let key = journal.first().map(RawEntry::key).transpose();
    let folded = record::fold_each(&id, journal, Some(&mut each))?;
    let key = key.map_err(|what| IntegrityViolation::in_row(id.as_str(), 1, what))?;
    if let Some(key) = key.flatten() {
        let (payment, key) = (id.as_str(), key.as_str());
        tell(&Fact::Made(Made { payment, key }));
    }
    if let Some(payment_snapshot) = folded {
        // When the engine looks next is its own affair, not something the journal tells.
        let told = Row {
            due_at: kept.due_at,
            ..Row::of(&payment_snapshot.payment, payment_snapshot.head, None)
        };
        if kept != told {
            return Err(
                IntegrityViolation::in_projection(id.as_str(), difference(&kept, &told)).into(),
            );
        }
    }
    Ok(rows.len() as u64)
}

/// Names the first column that differs, without its content: it may be a buyer's name.
fn difference(kept: &Row, told: &Row) -> String {
    let (kept, told) = (format!("{kept:#?}"), format!("{told:#?}"));
    let column = kept
        .lines()
        .zip(told.lines())
        .find(|(kept, told)| kept != told)
        .map(|(kept, _)| kept.trim());
    let column = column
        .and_then(|line| line.split(':').next())
        .unwrap_or("it");
    format!("`{column}` is not what its journal tells")
}
