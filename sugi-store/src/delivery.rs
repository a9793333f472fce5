//! Telling webhooks of events: what is still to be told, and how the tries ended.
//!
//! Whoever tries takes a delivery into its hands first, by the number of tries that it read: of two nodes
//! one gets it. A node that ends in the middle leaves it due again a while later, so an event may be told
//! twice and is never forgotten.

use jiff::{SignedDuration, Timestamp};

use crate::{
    document::Kind,
    error::{IntegrityViolation, StoreError},
    event_stream::{Event, signed},
    sql::{access, public_event as sql},
    store::Store,
    value::Cells,
};

/// A delivery that is due, and how often it was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The event.
    pub event: u64,
    /// How often it was tried.
    pub attempts: u32,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be tried.
    Waiting,
    /// The other side took it.
    Delivered,
    /// It was tried as often as it is ever tried.
    GivenUp,
}

/// A delivery as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it tells of.
    pub event: Event,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, if it is.
    pub due_at: Option<Timestamp>,
    /// When it was last tried, or made.
    pub at: Timestamp,
    /// How the last try ended.
    pub answer: Option<String>,
}

/// What of a webhook is not delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// Waits for a try; at most [`UNDELIVERED_MOST`] are counted.
    pub waiting: u64,
    /// Was given up; likewise.
    pub given_up: u64,
    /// When the oldest that waits happened.
    pub waiting_since: Option<Timestamp>,
}

/// No delivery waits for longer than this, by a clock that is right.
pub const DELIVERY_WAITS_MOST: SignedDuration = SignedDuration::from_hours(25);
/// How many deliveries a page holds at most.
pub const DELIVERIES_MOST: u32 = 100;
/// How far what is not delivered is counted.
pub const UNDELIVERED_MOST: u32 = 10_000;

impl DeliveryState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut all = [Self::Waiting, Self::Delivered, Self::GivenUp].into_iter();
        all.find(|state| state.as_str() == text)
    }
}

impl Store {
    /// Up to `limit` deliveries of a webhook that are due at `now`, the longest due first. One that is due later
    /// than [`DELIVERY_WAITS_MOST`] from now was made or tried by a clock that was ahead: it is due as well.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due_deliveries(
        &self,
        webhook: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let values = |at: Timestamp| {
            let (webhook, at) = (webhook.to_owned(), at.as_microsecond());
            vec![webhook.into(), at.into(), limit.into()]
        };
        let mut found = self.engine.rows(sql::DUE_DELIVERIES, values(now)).await?;
        if found.is_empty() {
            let ahead = now.saturating_add(DELIVERY_WAITS_MOST);
            let ahead = values(ahead.unwrap_or(Timestamp::MAX));
            found = self.engine.rows(sql::DELIVERIES_AHEAD, ahead).await?;
        }
        let due = found.iter().map(|row| {
            Ok(Due {
                event: u64::try_from(row.int(0)?).unwrap_or_default(),
                attempts: u32::try_from(row.int(1)?).unwrap_or(u32::MAX),
            })
        });
        due.collect()
    }

    /// Takes a delivery into one's hands; unless it is [ended](Self::end_delivery) before `until`, it is
    /// due again then. `None`: someone else has it. What comes back is for the end.
    ///
    /// # Errors
    /// What the database says.
    pub async fn take_delivery(
        &self,
        webhook: &str,
        due: Due,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Due>, StoreError> {
        let values = vec![
            until.as_microsecond().into(),
            now.as_microsecond().into(),
            webhook.to_owned().into(),
            signed(due.event).into(),
            due.attempts.into(),
        ];
        let taken = self.engine.run(sql::TAKE_DELIVERY, values).await?;
        let attempts = due.attempts.saturating_add(1);
        Ok((!taken.is_empty()).then_some(Due { attempts, ..due }))
    }

    /// Writes down how a try ended: whether it was the last one, or when the next one is due. `false`: it
    /// is someone else's meanwhile, and nothing was written.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end_delivery(
        &self,
        webhook: &str,
        tried: Due,
        now: Timestamp,
        state: DeliveryState,
        due_at: Option<Timestamp>,
        answer: &str,
    ) -> Result<bool, StoreError> {
        let values = vec![
            state.as_str().to_owned().into(),
            due_at.map(Timestamp::as_microsecond).into(),
            answer.to_owned().into(),
            now.as_microsecond().into(),
            webhook.to_owned().into(),
            signed(tried.event).into(),
            tried.attempts.into(),
        ];
        let ended = self.engine.run(sql::END_DELIVERY, values).await?;
        Ok(!ended.is_empty())
    }

    /// Has a webhook told of an event (again), as if it had not been tried.
    ///
    /// # Errors
    /// What the database says.
    pub async fn deliver_again(
        &self,
        webhook: &str,
        event: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let now = now.as_microsecond().into();
        let values = vec![webhook.to_owned().into(), signed(event).into(), now];
        self.engine.run(sql::ASK_AGAIN, values).await.map(drop)
    }

    /// A webhook's deliveries of events before a number, the newest first, at most [`DELIVERIES_MOST`];
    /// all, or those that were not delivered.
    ///
    /// # Errors
    /// What the database says.
    pub async fn deliveries(
        &self,
        webhook: &str,
        before: u64,
        only_open: bool,
    ) -> Result<Vec<Delivery>, StoreError> {
        let sql = if only_open {
            sql::OPEN_DELIVERIES
        } else {
            sql::DELIVERIES
        };
        let values = vec![
            webhook.to_owned().into(),
            signed(before).into(),
            DELIVERIES_MOST.into(),
        ];
        let found = self.engine.rows(sql, values).await?;
        found.iter().map(Delivery::read).collect()
    }

    /// What of a webhook is not delivered.
    ///
    /// # Errors
    /// What the database says.
    pub async fn undelivered(&self, webhook: &str) -> Result<Undelivered, StoreError> {
        let values = || vec![webhook.to_owned().into(), UNDELIVERED_MOST.into()];
        let count = |n| u64::try_from(n).unwrap_or_default();
        let mut all = Undelivered::default();
        if let Some(row) = self.engine.rows(sql::WAITING, values()).await?.first() {
            all.waiting = count(row.int(0)?);
            if let Some(first) = row.maybe_int(1)? {
                let first = self.event(count(first)).await?;
                all.waiting_since = first.map(|event| event.at);
            }
        }
        if let Some(row) = self.engine.rows(sql::GIVEN_UP, values()).await?.first() {
            all.given_up = count(row.int(0)?);
        }
        Ok(all)
    }

    /// Forgets that a webhook was told of events up to a number, some of them at a time; how many that were.
    /// What was not delivered stays.
    ///
    /// # Errors
    /// What the database says.
    pub async fn delete_delivered(&self, webhook: &str, until: u64) -> Result<usize, StoreError> {
        let values = vec![webhook.to_owned().into(), signed(until).into()];
        Ok(self.engine.run(sql::DELETE_DELIVERED, values).await?.len())
    }

    /// Takes a webhook away, and with it whatever it was still to be told.
    ///
    /// # Errors
    /// What the database says; only after [`StoreError::Unknown`] may it be gone.
    pub async fn remove_webhook(&self, webhook: &str) -> Result<(), StoreError> {
        let id = || webhook.to_owned().into();
        let kind = Kind::Webhook.as_str().to_owned().into();
        let statements = vec![
            (access::REMOVE_DOCUMENT.into(), vec![kind, id()]),
            (sql::DELETE_DELIVERIES.into(), vec![id()]),
        ];
        self.change(Kind::Webhook, webhook, None, statements)
            .await
            .map(drop)
    }
}

impl Delivery {
    fn read(row: &Cells) -> Result<Self, StoreError> {
        let n = row.int(0)?;
        let bad = |what: &str| {
            StoreError::from(IntegrityViolation {
                place: format!("delivery of event {n}"),
                what: what.into(),
            })
        };
        let event = [&row.0[..1], &row.0[6..]].concat();
        Ok(Self {
            event: Event::read(&Cells(event))?,
            state: DeliveryState::parse(&row.text(1)?).ok_or_else(|| bad("its state is none"))?,
            attempts: u32::try_from(row.int(2)?).map_err(|_| bad("its tries are no count"))?,
            due_at: row.maybe_time(3)?,
            at: row.maybe_time(4)?.ok_or_else(|| bad("it has no time"))?,
            answer: row.maybe_text(5)?,
        })
    }
}
