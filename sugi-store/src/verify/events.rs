//! What others hear of against the journals: each row that is news is in the outbox or among the events,
//! once, as its journal tells it, and nothing else is.
//!
//! Both sides are summed up, so that neither has to be held in memory; only where they differ each row is
//! looked for. The order of the events is a chain of its own.

use std::collections::HashSet;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    chain::Hash,
    error::{IntegrityViolation, StoreError},
    sql::check as sql,
    store::Engine,
    value::Cells,
};

/// How many rows are read at a time.
const STRETCH: i64 = 1_000;

/// What makes one event.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) at: i64,
    pub(super) payment: &'a str,
    pub(super) seq: i64,
    pub(super) public_event: &'a str,
    pub(super) shop: &'a str,
}

impl Told<'_> {
    pub(super) fn digest(&self) -> u128 {
        let mut hash = Sha256::new();
        hash.update(self.at.to_be_bytes());
        hash.update(self.seq.to_be_bytes());
        for text in [self.payment, self.public_event, self.shop] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        half(hash)
    }
}

/// As much of a hash as tells things apart that no one can choose.
pub(super) fn half(hash: Sha256) -> u128 {
    let hash: [u8; 32] = hash.finalize().into();
    let half = hash[..16].iter();
    half.fold(0, |all, byte| all << 8 | u128::from(*byte))
}

/// A bag of digests, in any order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bag {
    count: u64,
    sum: u128,
}

impl Bag {
    pub(super) fn add(&mut self, digest: u128) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(digest);
    }
}

/// All that is in the outbox and among the events.
pub(super) async fn all(engine: &Engine) -> Result<Bag, StoreError> {
    let mut bag = Bag::default();
    each(engine, &mut |told, _| bag.add(told.digest())).await?;
    Ok(bag)
}

/// Their digests.
pub(super) async fn digests(engine: &Engine) -> Result<HashSet<u128>, StoreError> {
    let mut all = HashSet::new();
    each(engine, &mut |told, _| {
        all.insert(told.digest());
    })
    .await?;
    Ok(all)
}

/// Names the first that no journal tells.
pub(super) async fn stranger(
    engine: &Engine,
    told: &HashSet<u128>,
) -> Result<IntegrityViolation, StoreError> {
    let (mut seen, mut first) = (HashSet::new(), None);
    each(engine, &mut |one, place| {
        let is_known = told.contains(&one.digest());
        if first.is_none() && (!is_known || !seen.insert(one.digest())) {
            first = Some(place.to_owned());
        }
    })
    .await?;
    Ok(IntegrityViolation {
        place: first.unwrap_or_else(|| "events".into()),
        what: "it is not what its journal tells, or it is there twice".into(),
    })
}

async fn each(
    engine: &Engine,
    take: &mut (dyn FnMut(&Told<'_>, &str) + Send),
) -> Result<(), StoreError> {
    let mut last = (Timestamp::MIN.as_microsecond(), String::new(), 0);
    loop {
        let (at, payment, seq) = last.clone();
        let values = vec![at.into(), payment.into(), seq.into(), STRETCH.into()];
        let stretch = engine.rows(sql::OUTBOX_WALK, values).await?;
        let Some(end) = stretch.last() else { break };
        last = (end.int(0)?, end.text(1)?, end.int(2)?);
        for row in &stretch {
            read(row, 0, take)?;
        }
    }
    let (mut last, mut n, mut hash) = (i64::MIN, 0, Hash::START);
    loop {
        let stretch = engine.rows(sql::EVENT_WALK, vec![last.into(), STRETCH.into()]);
        let stretch = stretch.await?;
        let Some(end) = stretch.last() else {
            return Ok(());
        };
        last = end.int(0)?;
        for row in &stretch {
            (n, hash) = behind((n, hash), row)?;
            read(row, 1, take)?;
        }
    }
}

/// An event's place in the chain, behind the one before.
fn behind((n, hash): (i64, Hash), row: &Cells) -> Result<(i64, Hash), StoreError> {
    let n = n + 1;
    let wrong = |n: i64, what: &str| {
        let (place, what) = (format!("event {n}"), what.into());
        StoreError::from(IntegrityViolation { place, what })
    };
    match row.int(0)? {
        found if found < 1 => return Err(wrong(found, "events are numbered from 1")),
        found if found != n => return Err(wrong(n, "it is missing")),
        _ => {}
    }
    let texts = (row.text(2)?, row.text(4)?, row.text(5)?);
    let hash = hash.next_event(n, row.int(1)?, row.int(3)?, [&texts.0, &texts.1, &texts.2]);
    if Hash::from_hex(&row.text(6)?) != Some(hash) {
        return Err(wrong(n, "its hash does not fit it and the event before"));
    }
    Ok((n, hash))
}

fn read(
    row: &Cells,
    from: usize,
    take: &mut (dyn FnMut(&Told<'_>, &str) + Send),
) -> Result<(), StoreError> {
    let (payment, public_event, shop) = (
        row.text(from + 1)?,
        row.text(from + 3)?,
        row.text(from + 4)?,
    );
    let told = Told {
        at: row.int(from)?,
        payment: &payment,
        seq: row.int(from + 2)?,
        public_event: &public_event,
        shop: &shop,
    };
    let place = if from == 0 {
        format!("outbox row ({}, {payment}, {})", told.at, told.seq)
    } else {
        format!("event {}", row.int(0)?)
    };
    take(&told, &place);
    Ok(())
}
