//! What others are to hear of, in an order that stays.
//!
//! News is written into an outbox, in the transaction of the journal row that it is about: it cannot be
//! lost, and nothing is told that did not happen. Transactions end in another order than they began, so
//! a reader that goes by their times would pass over the late ones. Therefore someone gives out numbers
//! afterwards, without a gap, and with the numbers the deliveries to those who want to be told. Of two
//! nodes that number at once, one is refused by the number itself and reads again.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use sugi_core::{PaymentId, PublicEvent, ShopId};

use crate::{
    chain::Hash,
    error::{IntegrityViolation, StoreError},
    sql::{
        check::{OUTBOX_WALK, STRAY_DELIVERIES},
        public_event as sql,
    },
    store::{Engine, Store},
    value::{Cells, Value},
};

/// Something that others hear of: a row of a journal, by what it means to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number, from 1 and without a gap.
    pub n: u64,
    /// When it happened.
    pub at: Timestamp,
    /// To which payment.
    pub payment: PaymentId,
    /// Which row of its journal it is.
    pub seq: u32,
    /// What it means.
    pub public_event: PublicEvent,
    /// The payment's shop.
    pub shop: ShopId,
}

/// How many events are numbered, or read, at most at a time.
pub const EVENTS_MOST: u32 = 200;

impl Store {
    /// Waits until this process has written news. What other nodes write is not heard of here: look from
    /// time to time as well.
    pub async fn public_events_written(&self) {
        self.written.notified().await;
    }

    /// The oldest news that has no number, at most [`EVENTS_MOST`], with the numbers that it is to get. What does
    /// not read is passed over, and [counted](Self::unreadable_events): it keeps nothing else from being told.
    ///
    /// # Errors
    /// What the database says.
    pub async fn unnumbered(&self) -> Result<Vec<Event>, StoreError> {
        // Before the outbox: whoever numbers after this moment takes the first number that is given here,
        // so that either they write what is written here, or one of both is refused.
        let (last, _) = last_event(&self.engine).await?;
        let (mut events, mut unreadable) = (Vec::new(), 0);
        let mut after = (i64::MIN, String::new(), i64::MIN);
        let most = EVENTS_MOST as usize;
        loop {
            let values = vec![
                after.0.into(),
                after.1.into(),
                after.2.into(),
                EVENTS_MOST.into(),
            ];
            let found = self.engine.rows(OUTBOX_WALK, values).await?;
            for row in &found {
                let n = last + 1 + i64::try_from(events.len()).unwrap_or(i64::MAX);
                match Event::read(&Cells([&[n.into()], &row.0[..]].concat())) {
                    _ if events.len() == most => {}
                    Ok(event) => events.push(event),
                    Err(_) => unreadable += 1,
                }
            }
            match found.last() {
                Some(end) if found.len() == most && events.len() < most => {
                    after = (end.int(0)?, end.text(1)?, end.int(2)?);
                }
                _ => break,
            }
        }
        let before = self.unreadable_events.swap(unreadable, Ordering::Relaxed);
        if unreadable > before {
            tracing::error!(
                rows = unreadable,
                "rows of the outbox do not read and are told to nobody; `sugi verify` names the first"
            );
        }
        Ok(events)
    }

    /// How many rows of the outbox did not read when it was last read.
    #[must_use]
    pub fn unreadable_events(&self) -> u64 {
        self.unreadable_events.load(Ordering::Relaxed)
    }

    /// Gives news its numbers, and makes a delivery of each event to every webhook that `to` names for it.
    /// Whoever is to hear of it has to be asked for after the news was read: what happens after a webhook
    /// was set up must not be told by a list from before. `false` when another node was quicker, and then
    /// nothing was written.
    ///
    /// # Errors
    /// What the database says; only after [`StoreError::Unknown`] may something have been written.
    pub async fn number(
        &self,
        now: Timestamp,
        events: &[Event],
        to: impl Fn(&Event) -> Vec<String>,
    ) -> Result<bool, StoreError> {
        let Some(first) = events.first() else {
            return Ok(true);
        };
        let last = last_event(&self.engine).await?;
        if last.0 + 1 != signed(first.n) {
            return Ok(false);
        }
        match self.engine.run_all(statements(now, last, events, to)).await {
            Ok(_) => Ok(true),
            Err(why @ StoreError::Unknown { .. }) => Err(why),
            // A number that is taken fails the whole transaction. Whether it was that is seen from where
            // the numbers stand now.
            Err(why) if last_event(&self.engine).await?.0 < signed(first.n) => Err(why),
            Err(_) => Ok(false),
        }
    }

    /// Events behind a number, in order: of at most [`EVENTS_MOST`] numbers.
    ///
    /// # Errors
    /// What the database says.
    pub async fn events(&self, behind: u64) -> Result<Vec<Event>, StoreError> {
        let behind = signed(behind);
        let until = behind.saturating_add(i64::from(EVENTS_MOST));
        let values = vec![behind.into(), until.into()];
        let found = self.engine.rows(sql::EVENTS, values).await?;
        found.iter().map(Event::read).collect()
    }

    /// One event.
    ///
    /// # Errors
    /// What the database says.
    pub async fn event(&self, n: u64) -> Result<Option<Event>, StoreError> {
        let found = self.engine.rows(sql::EVENT, vec![signed(n).into()]).await?;
        found.first().map(Event::read).transpose()
    }

    /// The last number that was given; 0 before the first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn last_event(&self) -> Result<u64, StoreError> {
        Ok(u64::try_from(last_event(&self.engine).await?.0).unwrap_or(0))
    }
}

/// That every event is of a row that is there, and that nothing is delivered that is none.
pub(crate) async fn verify(engine: &Engine) -> Result<(), StoreError> {
    if let Some(row) = engine.rows(sql::STRAY_EVENTS, Vec::new()).await?.first() {
        return Err(violation(row.int(0)?, "the journal row that it tells of is not there").into());
    }
    match engine.rows(STRAY_DELIVERIES, Vec::new()).await?.first() {
        Some(row) => {
            let place = format!("delivery of event {} to {}", row.int(1)?, row.text(0)?);
            let what = "nothing that happens to a delivery makes it so".into();
            Err(IntegrityViolation { place, what }.into())
        }
        None => Ok(()),
    }
}

fn violation(n: i64, what: &str) -> IntegrityViolation {
    IntegrityViolation {
        place: format!("event {n}"),
        what: what.into(),
    }
}

/// Where the chain of events stands.
pub(crate) async fn last_event(engine: &Engine) -> Result<(i64, Hash), StoreError> {
    let found = engine.rows(sql::LAST_EVENT, Vec::new()).await?;
    let Some(row) = found.first() else {
        return Ok((0, Hash::START));
    };
    let n = row.int(0)?;
    let hash = Hash::from_hex(&row.text(1)?);
    Ok((n, hash.ok_or_else(|| violation(n, "its hash is no hash"))?))
}

/// The statements that number events and address them, as one transaction. Each takes what is still as it
/// was read: what another node has numbered since is left alone, and its deliveries as well.
fn statements(
    now: Timestamp,
    (_, mut hash): (i64, Hash),
    events: &[Event],
    to: impl Fn(&Event) -> Vec<String>,
) -> Vec<(String, Vec<Value<'static>>)> {
    let place = |event: &Event| -> [Value<'static>; 3] {
        let (at, payment) = (event.at.as_microsecond(), event.payment.to_string());
        [at.into(), payment.into(), event.seq.into()]
    };
    let numbered = events.iter().map(|event| {
        let [at, payment, seq] = place(event);
        let n = signed(event.n);
        hash = event.chained(hash);
        [n.into(), at, payment, seq, hash.to_hex().into()]
    });
    let numbered = many(sql::NUMBER, numbered);
    let now = now.as_microsecond();
    let addressed = events.iter().flat_map(|event| {
        to(event).into_iter().map(|webhook| {
            let [_, payment, seq] = place(event);
            [
                webhook.into(),
                signed(event.n).into(),
                payment,
                seq,
                now.into(),
            ]
        })
    });
    let mut all = vec![numbered, many(sql::TAKE_OUT, events.iter().map(place))];
    // In parts: there may be several webhooks for each event.
    let addressed: Vec<_> = addressed.collect();
    for part in addressed.chunks(EVENTS_MOST as usize) {
        all.push(many(sql::ADDRESS, part.iter().cloned()));
    }
    all
}

/// A statement for as many rows as there are, in the place of `{rows}`.
fn many<const N: usize>(
    sql: &str,
    rows: impl Iterator<Item = [Value<'static>; N]>,
) -> (String, Vec<Value<'static>>) {
    let mut values = Vec::new();
    let mut marks = Vec::new();
    for row in rows {
        let at = values.len();
        let numbers: Vec<_> = (at + 1..=at + N).map(|n| format!("${n}")).collect();
        marks.push(format!("({})", numbers.join(", ")));
        values.extend(row);
    }
    (sql.replace("{rows}", &marks.join(", ")), values)
}

pub(crate) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Event {
    /// Its hash behind that of the event before.
    fn chained(&self, before: Hash) -> Hash {
        let at = self.at.as_microsecond();
        let texts = [
            self.payment.as_str(),
            self.public_event.as_str(),
            self.shop.as_str(),
        ];
        before.next_event(signed(self.n), at, self.seq.into(), texts)
    }

    /// Number, time, payment, row, news and shop.
    pub(crate) fn read(row: &Cells) -> Result<Self, StoreError> {
        let n = row.int(0)?;
        let bad = |what: &str| StoreError::from(violation(n, what));
        let (public_event, shop) = (row.text(4)?, row.text(5)?);
        Ok(Self {
            n: u64::try_from(n).map_err(|_| bad("its number is negative"))?,
            at: row.maybe_time(1)?.ok_or_else(|| bad("it has no time"))?,
            payment: row.id(2)?,
            seq: u32::try_from(row.int(3)?).map_err(|_| bad("its row is no row"))?,
            public_event: public_event.parse().map_err(|()| bad("it is no news"))?,
            shop: shop.parse().map_err(|_| bad("its shop is no shop"))?,
        })
    }
}
