//! Numbers news and tells the webhooks, as long as the service runs.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use sugi_core::{Payment, WebhookId};
use sugi_store::{DeliveryState, Due, Event, StoreError};
use tokio::task::JoinHandle;

use crate::{Answer, Webhook, Webhooks, line::Message, sign::signature, webhooks::digits_of};

/// How long after a try that was not taken the next one is made: as the Standard Webhooks specification
/// proposes, for about three days.
pub const BACKOFF: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// How many messages are on their way to one webhook at a time.
const AT_ONCE: u32 = 8;
/// After how long a delivery whose node went away is due again: longer than a try can take.
const HELD: SignedDuration = SignedDuration::from_secs(60);
/// How often it is looked for what other nodes wrote, and for what is due.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// How long news is let gather, so that a busy time is numbered in few commits.
const GATHER: Duration = Duration::from_millis(20);
/// How many batches are numbered before it is looked who is to be told.
const BATCHES: usize = 50;
/// How many events back it is remembered that they were delivered.
const REMEMBERED: u64 = 10_000;

/// Makes the JSON that tells of an event, with the payment as it was after it.
pub type Render = fn(&Event, &Payment) -> Vec<u8>;

/// How the tries of this process ended, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    taken: AtomicU64,
    not_taken: AtomicU64,
}

impl Webhooks {
    /// Numbers and tells until it is told to end. What is on its way then is told again by whoever comes
    /// next.
    pub async fn run(&self, render: Render, until: impl Future<Output = ()>) {
        let work = async {
            let mut busy = BTreeMap::new();
            loop {
                // From before the round: what falls due during it is not waited for.
                let clock = &self.0.clock;
                let begun = clock.up();
                if let Err(why) = self.round(render, &mut busy).await {
                    tracing::error!(%why, "webhooks wait for the ledger");
                }
                tokio::select! {
                    // Whoever writes news wakes it; other nodes cannot.
                    () = self.store().public_events_written() => {}
                    () = self.0.asked.notified() => {}
                    // By the time that passes: a calendar that is set back must not hold the news up.
                    () = clock.sleep(PAUSE - (clock.up() - begun)) => {}
                }
                tokio::time::sleep(GATHER).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = until => {}
        }
    }

    /// How many tries of this process were taken, and how many were not.
    #[must_use]
    pub fn tries(&self) -> (u64, u64) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (count(&self.0.tally.taken), count(&self.0.tally.not_taken))
    }

    /// Numbers everything that has no number, and begins to tell whoever has something to hear.
    async fn round(
        &self,
        render: Render,
        busy: &mut BTreeMap<WebhookId, Telling>,
    ) -> Result<(), StoreError> {
        for _ in 0..BATCHES {
            let events = self.store().unnumbered().await?;
            if events.is_empty() {
                break;
            }
            let webhooks = self.all().await?;
            let to = |event: &Event| {
                let wants = webhooks.iter().filter(|webhook| webhook.wants(event));
                wants.map(|webhook| webhook.id.to_string()).collect()
            };
            self.store().number(self.now(), &events, to).await?;
        }
        busy.retain(|_, telling| !telling.is_over());
        for Webhook { id, .. } in self.all().await? {
            if !busy.contains_key(&id) && !self.due(&id).await?.is_empty() {
                busy.insert(id.clone(), Telling::begin(self.clone(), id, render));
            }
        }
        Ok(())
    }

    async fn due(&self, id: &WebhookId) -> Result<Vec<Due>, StoreError> {
        let (store, now) = (self.store(), self.now());
        store.due_deliveries(id.as_str(), now, AT_ONCE).await
    }

    /// Tells one webhook all that is due.
    /// Whether the ledger let it.
    async fn tell_all(self, id: WebhookId, render: Render) -> bool {
        let told = async {
            // It may be changed or taken away meanwhile.
            while let Some(webhook) = self.get(&id).await? {
                let due = self.due(&id).await?;
                if due.is_empty() {
                    break;
                }
                let webhook = Arc::new(webhook);
                let mut tries = tokio::task::JoinSet::new();
                for due in due {
                    let (this, webhook) = (self.clone(), Arc::clone(&webhook));
                    tries.spawn(async move { this.deliver(&webhook, due, render).await });
                }
                while let Some(tried) = tries.join_next().await {
                    tried.unwrap_or(Ok(()))?;
                }
            }
            let last = self.store().last_event().await?;
            let forgotten = last.saturating_sub(REMEMBERED);
            while self
                .store()
                .delete_delivered(id.as_str(), forgotten)
                .await?
                > 0
            {}
            Ok::<_, StoreError>(())
        };
        let told = told.await;
        if let Err(why) = &told {
            tracing::error!(webhook = %id, %why, "a webhook waits for the ledger");
        }
        told.is_ok()
    }

    /// Tells a webhook of one event, if no one else does.
    async fn deliver(&self, webhook: &Webhook, due: Due, render: Render) -> Result<(), StoreError> {
        let (id, now) = (webhook.id.as_str(), self.now());
        let until = now.saturating_add(HELD).unwrap_or(Timestamp::MAX);
        let Some(mine) = self.store().take_delivery(id, due, now, until).await? else {
            return Ok(());
        };
        let answer = match self.message(mine.event, render).await? {
            Ok(body) => {
                self.send(webhook, &format!("evt_{}", mine.event), body)
                    .await
            }
            Err(why) => Answer::None(why),
        };
        let now = self.now();
        let (state, due_at) = after(mine.attempts, &answer, now);
        if state == DeliveryState::GivenUp {
            tracing::error!(webhook = id, event = mine.event, %answer, "a webhook was not told");
        }
        let words = answer.to_string();
        let ended = self
            .store()
            .end_delivery(id, mine, now, state, due_at, &words);
        ended.await.map(drop)
    }

    /// What tells of an event, or why it cannot be told.
    async fn message(&self, n: u64, render: Render) -> Result<Result<Bytes, String>, StoreError> {
        let event = match self.store().event(n).await {
            Ok(Some(event)) => event,
            Ok(None) | Err(StoreError::Inconsistent(_)) => {
                return Ok(Err("the event is not in the ledger as it should be".into()));
            }
            Err(why) => return Err(why),
        };
        let told = self.store().load_at(&event.payment, event.seq).await;
        Ok(match told {
            Ok(Some(payment)) => Ok(render(&event, &payment).into()),
            Ok(None) => Err("the payment is not in the ledger".into()),
            Err(StoreError::Inconsistent(_)) => {
                Err("the payment's journal does not read; `sugi verify` says why".into())
            }
            Err(why) => return Err(why),
        })
    }

    /// Signs and sends one message.
    async fn send(&self, webhook: &Webhook, id: &str, body: Bytes) -> Answer {
        let secrets = match self.secrets(webhook) {
            Ok(secrets) => secrets,
            Err(why) => return Answer::None(why.to_string()),
        };
        let at = self.now();
        let signed = secrets
            .iter()
            .map(|secret| signature(secret, id, at, &body));
        let signature = signed.collect::<Vec<_>>().join(" ");
        let message = Message {
            id,
            timestamp: at.as_second(),
            signature: &signature,
            body,
        };
        let answer = self.0.line.deliver(&webhook.url, message).await;
        let count = if answer.is_taken() {
            &self.0.tally.taken
        } else {
            &self.0.tally.not_taken
        };
        count.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Tells a webhook something that did not happen, so that whoever set it up sees whether it works. The
    /// message's id is made of the key that asks.
    pub async fn try_out(&self, webhook: &Webhook, key: &str) -> Answer {
        let id = format!("test_{}", digits_of(webhook.id.as_str(), key));
        let body = serde_json::json!({
            "id": id,
            "type": "webhook.test",
            "created_at": self.now().to_string(),
        });
        self.send(webhook, &id, body.to_string().into()).await
    }
}

/// What becomes of a delivery that was tried so often and ended so.
fn after(attempts: u32, answer: &Answer, now: Timestamp) -> (DeliveryState, Option<Timestamp>) {
    let step = usize::try_from(attempts).unwrap_or(usize::MAX);
    match BACKOFF.get(step.saturating_sub(1)) {
        _ if answer.is_taken() => (DeliveryState::Delivered, None),
        Some(pause) if !answer.is_gone() => {
            let next = now.saturating_add(*pause).unwrap_or(Timestamp::MAX);
            (DeliveryState::Waiting, Some(next))
        }
        _ => (DeliveryState::GivenUp, None),
    }
}

/// A task that tells a webhook. Dropped, it ends.
struct Telling {
    task: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
}

impl Telling {
    fn begin(webhooks: Webhooks, id: WebhookId, render: Render) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let task = tokio::spawn(async move {
            let told = webhooks.clone().tell_all(id, render).await;
            over.store(true, Ordering::SeqCst);
            // What came up in its last moment is looked for at once; a ledger that fails is let be a while.
            if told {
                webhooks.0.asked.notify_one();
            }
        });
        Self { task, is_over }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst) || self.task.is_finished()
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_waits_for_longer_than_the_ledger_believes() {
        let longest = BACKOFF.into_iter().chain([HELD]).max();
        assert!(longest.is_some_and(|longest| longest < sugi_store::DELIVERY_WAITS_MOST));
    }

    #[test]
    fn it_is_tried_for_days_and_not_for_ever() {
        let now = Timestamp::UNIX_EPOCH;
        let no = Answer::Status(500);
        let mut at = now;
        for attempts in 1..=9 {
            let (state, due) = after(attempts, &no, at);
            assert_eq!(state, DeliveryState::Waiting);
            at = due.unwrap();
        }
        let days = at.duration_since(now).as_hours() / 24;
        assert_eq!(
            (days, after(10, &no, at)),
            (3, (DeliveryState::GivenUp, None))
        );
        assert_eq!(
            after(1, &Answer::Status(204), at),
            (DeliveryState::Delivered, None)
        );
        assert_eq!(
            after(1, &Answer::Status(410), at),
            (DeliveryState::GivenUp, None)
        );
        // Who is sent elsewhere has not taken it.
        assert_eq!(
            after(1, &Answer::Status(301), now).0,
            DeliveryState::Waiting
        );
    }
}
