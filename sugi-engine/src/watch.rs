//! The watch over final states: every settled payment is looked at again, once after the uncertainty
//! window and once more the next day.
//!
//! Its list is the stream of public events, which the ledger writes anyway: every state that a payment settles in
//! has one. Two marks go along the stream, a day apart; they are one document, under a lease, so of several
//! nodes one looks, and nothing is written per sale. A look moves no money, and leaves no row while KCP's
//! books and the ledger agree. What it does where they differ is in `look.rs`.
//!
//! What KCP does not answer is not passed over. A shop whose inquiry told nothing falls behind with a mark
//! of its own and is tried again with back-off, and the others go on. When KCP says nothing about a payment
//! several times, that payment becomes an open case, and its shop's mark moves on.

mod look;
mod marks;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sugi_core::{Difference, PaymentId, ShopId};
use sugi_store::{DocumentKind, Event, StoreError};

use self::{
    look::Outcome,
    marks::{Behind, Mark, Marks, Pass},
};
use crate::engine::{Engine, Inner};

/// How many payments are looked at before the marks are written.
const BATCH: usize = 16;
/// How often the stream is read for what has come of age, while there is nothing.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// How often open cases are looked at again.
const CASES_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How long a difference is shown at least, also where both agree again.
const SHOWN: SignedDuration = SignedDuration::from_hours(24);
/// How often KCP may say nothing about one payment before that is an open case.
const SILENT_MOST: u32 = 5;
/// After so many payments of a shop in a row that differ, what KCP says is not believed: not all sales
/// are otherwise at once, so rather the answers are.
const DIFFERING_MOST: u64 = 20;

/// An open case of the watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The payment.
    pub payment: PaymentId,
    /// Its shop.
    pub shop: ShopId,
    /// Its order number, as the merchant has it.
    pub order_no: String,
    /// Its currency, by whose smallest unit the difference counts.
    pub currency: String,
    /// When it was found.
    pub at: Timestamp,
    /// How KCP's books differ from the ledger; absent when KCP did not say anything about it, several times.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub difference: Option<Difference>,
}

/// How far a pass of the watch is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// Which pass: `window` or `next_day`.
    pub pass: &'static str,
    /// How long ago the oldest payment that it has not looked at should have been looked at.
    pub behind: SignedDuration,
}

impl Engine {
    /// Watches over settled payments until it is told to end, with at most `per_second` inquiries a second;
    /// with 0 it only waits.
    pub async fn watch_settled(&self, per_second: u32, until: impl Future<Output = ()>) {
        if per_second == 0 {
            return until.await;
        }
        let node = sugi_clock::new_node_name();
        let pace = SignedDuration::from_secs(1) / i32::try_from(per_second).unwrap_or(i32::MAX);
        let work = async {
            loop {
                match self.0.watch_on(&node, pace).await {
                    Ok(true) => {}
                    Ok(false) => self.0.clock.sleep(PAUSE).await,
                    Err(why) => {
                        tracing::error!(%why, "the watch over settled payments waits for the ledger");
                        self.0.clock.sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = until => {}
        }
    }

    /// The open cases of the watch, the oldest first.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn findings(&self) -> Result<Vec<Finding>, StoreError> {
        let found = self.0.store.documents(DocumentKind::Finding).await?;
        let read = |document: &sugi_store::Document| serde_json::from_str(&document.body).ok();
        let mut findings: Vec<Finding> = found.iter().filter_map(read).collect();
        findings.sort_by_key(|finding| finding.at);
        Ok(findings)
    }

    /// How far the watch is behind, by pass.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn watch_lag(&self) -> Result<Vec<Lag>, StoreError> {
        let inner = &self.0;
        let (_, marks) = inner.marks().await?;
        let mut lags = Vec::new();
        for pass in Pass::ALL {
            let mark = marks.of(pass);
            let behind = mark.behind.values().map(|one| one.done);
            let first = behind.chain([mark.done]).min().unwrap_or(0);
            let next = inner.store.event(first + 1).await?;
            let late = next.map(|event| inner.age(&event) - inner.delay(pass, &event));
            let behind = late.unwrap_or_default().max(SignedDuration::ZERO);
            let pass = pass.as_str();
            lags.push(Lag { pass, behind });
        }
        Ok(lags)
    }
}

impl Inner {
    /// Takes the watch a batch further. Whether there was something to look at.
    async fn watch_on(
        self: &Arc<Self>,
        node: &str,
        pace: SignedDuration,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let (read, mut marks) = self.marks().await?;
        if !self.sole && marks.are_of_another(node, now) {
            return Ok(false);
        }
        if read.is_none() {
            let start = self.first_to_watch().await?;
            marks = Marks::starting_at(start);
        }
        let mut worked = false;
        let mut ready = Vec::new();
        for pass in Pass::ALL {
            let mark = marks.of(pass);
            let events = self.of_age(pass, mark.done).await?;
            worked |= !events.is_empty() || mark.behind.values().any(|one| one.at <= now);
            ready.push((pass, events));
        }
        let cases = now.as_second() - marks.cases >= CASES_EVERY.as_secs();
        if !worked && !cases {
            return Ok(false);
        }
        // Others keep away from here on; if another node was quicker, this one does.
        marks.take(node, now);
        let Some(mut read) = self.set_marks(read, &marks).await? else {
            return Ok(false);
        };
        for (pass, events) in ready {
            self.along(marks.of_mut(pass), events, pace).await?;
            self.catch_up_behind(marks.of_mut(pass), pace).await?;
            // Of two passes the first is not lost with the second.
            marks.take(node, self.clock.now());
            match self.set_marks(Some(read), &marks).await? {
                Some(written) => read = written,
                None => return Ok(false),
            }
        }
        if cases {
            marks.cases = now.as_second();
            self.look_at_cases(pace).await?;
            self.set_marks(Some(read), &marks).await?;
        }
        Ok(worked)
    }

    /// The events behind a number whose payments a pass may look at now, a batch of them.
    async fn of_age(&self, pass: Pass, behind: u64) -> Result<Vec<Event>, StoreError> {
        let events = self.store.events(behind).await?;
        let of_age = |event: &Event| self.age(event) >= self.delay(pass, event);
        Ok(events.into_iter().take(BATCH).take_while(of_age).collect())
    }

    /// Looks at the payments of some events, and moves the mark along them. A shop that is behind is
    /// passed: its own mark waits for it.
    async fn along(
        self: &Arc<Self>,
        mark: &mut Mark,
        events: Vec<Event>,
        pace: SignedDuration,
    ) -> Result<(), StoreError> {
        let mut looked_at = Vec::new();
        for event in events {
            let again = looked_at.contains(&event.payment);
            if !again && !mark.behind.contains_key(&event.shop) {
                let outcome = self.look_again(&event.payment, mark.pass, pace).await?;
                if outcome == Outcome::Silent {
                    let at = self.clock.now() + self.pause_of(&event.shop, 1);
                    let behind = Behind::new(event.n - 1, at);
                    mark.behind.insert(event.shop.clone(), behind);
                }
                looked_at.push(event.payment.clone());
            }
            mark.done = event.n;
        }
        Ok(())
    }

    /// Tries the shops again that fell behind.
    async fn catch_up_behind(
        self: &Arc<Self>,
        mark: &mut Mark,
        pace: SignedDuration,
    ) -> Result<(), StoreError> {
        let (pass, end, now) = (mark.pass, mark.done, self.clock.now());
        for (shop, behind) in &mut mark.behind {
            if behind.at > now {
                continue;
            }
            let mut looks = 0;
            for event in self.store.events(behind.done).await? {
                if event.n > end || looks == BATCH {
                    break;
                }
                if event.shop == *shop {
                    looks += 1;
                    if self.look_again(&event.payment, pass, pace).await? == Outcome::Silent {
                        (behind.tries, behind.own) = (behind.tries + 1, behind.own + 1);
                        behind.at = self.clock.now() + self.pause_of(shop, behind.tries);
                        if behind.own < SILENT_MOST {
                            break;
                        }
                        // Kept as an open case, which is looked at again, so the mark may move on.
                        self.open_silent(&event.payment).await?;
                        (behind.done, behind.own) = (event.n, 0);
                        break;
                    }
                    (behind.tries, behind.own) = (0, 0);
                }
                behind.done = event.n;
            }
        }
        mark.behind.retain(|_, behind| behind.done < end);
        Ok(())
    }

    /// How long ago an event was.
    fn age(&self, event: &Event) -> SignedDuration {
        self.clock.now().duration_since(event.at)
    }

    /// How long after its event a payment is looked at.
    fn delay(&self, pass: Pass, event: &Event) -> SignedDuration {
        let window = self
            .paced_as(&event.shop)
            .map_or(SignedDuration::ZERO, |shop| {
                shop.policy.call_life + shop.policy.uncertainty_window
            });
        window + pass.delay()
    }

    fn pause_of(&self, shop: &ShopId, tries: u32) -> SignedDuration {
        let shop = self.paced_as(shop);
        shop.map_or(PAUSE, |shop| shop.policy.pause(tries).max(PAUSE))
    }
}
