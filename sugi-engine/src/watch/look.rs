//! One look at a settled payment: what is asked, and what becomes of a difference.
//!
//! A single answer opens nothing: it can be damaged, or be older than what was written meanwhile. KCP is
//! asked twice, and only where both answers show the same difference, and the payment has not moved on, it
//! is an open case. Of what the ledger follows (less left, more left, alive) the inquiry itself goes into
//! the journal, and the core does what it does with any other: it asks again after the window before it
//! believes that more is left, and reverses what is alive and was not to be.

use std::sync::Arc;

use jiff::{SignedDuration, civil::Date};
use nhn_kcp::{KcpTime, Tno, korean_date};
use sugi_core::{
    Comparison, Difference, Event, Inquired, Live, Payment, PaymentId, Source, State, todo::Call,
};
use sugi_store::{DocumentKind, PaymentSnapshot, PendingAppend, StoreError};

use super::{DIFFERING_MOST, Finding, SHOWN, marks::Pass};
use crate::{engine::Inner, kcp, shop::Shop};

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There was nothing to ask: it is open, its shop is not watched, or no number of it is known.
    NotAsked,
    /// KCP's books and the ledger agree.
    Agrees,
    /// They do not; the case is open.
    Differs,
    /// KCP did not say anything.
    Silent,
}

impl Inner {
    /// Looks at one payment again.
    pub(super) async fn look_again(
        self: &Arc<Self>,
        id: &PaymentId,
        pass: Pass,
        pace: SignedDuration,
    ) -> Result<Outcome, StoreError> {
        let Some(payment_snapshot) = self.store.load(id).await? else {
            return Ok(Outcome::NotAsked);
        };
        let payment = &payment_snapshot.payment;
        let Some(shop) = self.shop_of(payment).filter(|shop| shop.watch) else {
            return Ok(Outcome::NotAsked);
        };
        // What is open is looked at anyway.
        if !payment.is_settled() || self.in_flight_registry.of(id).is_some() {
            return Ok(Outcome::NotAsked);
        }
        let calls = self.calls(payment, pass, &shop).await?;
        let mut outcome = Outcome::NotAsked;
        for call in &calls {
            outcome = match self.ask(call, payment, &shop, pace).await {
                Some((_, Comparison::Agrees)) => Outcome::Agrees,
                Some((_, Comparison::Differs(first))) => {
                    match self.ask(call, payment, &shop, pace).await {
                        Some((inquired, Comparison::Differs(second))) if first == second => {
                            if !self.is_believed(&shop) {
                                return Ok(Outcome::Silent);
                            }
                            self.open_case(payment, first, inquired, &shop).await?;
                            return Ok(Outcome::Differs);
                        }
                        // One of both answers was wrong.
                        _ => return Ok(Outcome::Silent),
                    }
                }
                // A look-up that finds nothing, of a payment whose number tells, tells nothing new.
                _ if matches!(call, Call::LookUp { .. }) && outcome == Outcome::Agrees => {
                    Outcome::Agrees
                }
                _ => return Ok(Outcome::Silent),
            };
        }
        if outcome == Outcome::Agrees {
            self.tally.watch(&shop.id, |counts| counts.in_a_row = 0);
        }
        Ok(outcome)
    }

    /// Whether one more difference is believed: see [`DIFFERING_MOST`].
    fn is_believed(&self, shop: &Shop) -> bool {
        let in_a_row = self.tally.watch(&shop.id, |counts| {
            counts.in_a_row += 1;
            counts.in_a_row
        });
        if in_a_row > DIFFERING_MOST {
            tracing::error!(shop = %shop.id, in_a_row,
                "settled payments differ one after the other: KCP's answers are not believed");
        }
        in_a_row <= DIFFERING_MOST
    }

    /// Asks KCP, no faster than the pace.
    async fn ask(
        &self,
        call: &Call,
        payment: &Payment,
        shop: &Shop,
        pace: SignedDuration,
    ) -> Option<(Inquired, Comparison)> {
        let asked_at = self.when(shop);
        let event = kcp::look(call, payment, shop, &self.clock, asked_at).await;
        self.clock.sleep(pace).await;
        let Event::Inquired(inquired) = event else {
            return None;
        };
        self.count_inquiry(&inquired.seen, shop);
        let silent = matches!(inquired.seen, Live::Unclear { .. });
        self.tally.watch(&shop.id, |counts| {
            counts.inquiries += 1;
            counts.failed += u64::from(silent);
        });
        let comparison = payment.compare(&inquired);
        Some((inquired, comparison))
    }

    /// Ledger and books differ. The document comes first: what was not written after it is, when the case
    /// is looked at again.
    async fn open_case(
        self: &Arc<Self>,
        payment: &Payment,
        difference: Difference,
        inquired: Inquired,
        shop: &Shop,
    ) -> Result<(), StoreError> {
        let id = &payment.id;
        let Some(mut payment_snapshot) = self.store.load(id).await? else {
            return Ok(());
        };
        // It moved on while KCP was asked; what it did has an event of its own.
        if payment_snapshot.payment.seq != payment.seq {
            return Ok(());
        }
        self.add_finding(payment, Some(difference.clone())).await?;
        let known = payment.differs.as_ref() == Some(&difference);
        if known && !difference.is_followed() {
            return Ok(());
        }
        tracing::error!(payment = %id, shop = %shop.id, %difference,
            "KCP's books and the ledger differ about a settled payment");
        self.tally.watch(&shop.id, |counts| counts.differing += 1);
        if difference.is_followed() {
            let inquiry = Event::Inquired(inquired);
            payment_snapshot = self.record_answer(payment_snapshot, inquiry, shop).await;
        }
        let differs = Event::Differs(difference);
        self.record_case(payment_snapshot, &differs, shop).await?;
        self.work_on(id).await;
        Ok(())
    }

    /// KCP says nothing about a payment, again and again.
    pub(super) async fn open_silent(&self, id: &PaymentId) -> Result<(), StoreError> {
        if let Some(payment_snapshot) = self.store.load(id).await? {
            tracing::error!(payment = %id, "KCP says nothing about a settled payment, asked several times");
            self.add_finding(&payment_snapshot.payment, None).await?;
        }
        Ok(())
    }

    async fn add_finding(
        &self,
        payment: &Payment,
        difference: Option<Difference>,
    ) -> Result<(), StoreError> {
        let (id, request) = (&payment.id, &payment.request);
        let finding = Finding {
            payment: id.clone(),
            shop: request.shop.clone(),
            order_no: request.order_no.to_string(),
            currency: request.order.money.currency.to_string(),
            at: self.clock.now(),
            difference,
        };
        let body = serde_json::to_string(&finding).map_err(|why| crate::engine::failed(&why))?;
        let (kind, key, owner) = (DocumentKind::Finding, id.as_str(), request.shop.as_str());
        if self.store.add_document(kind, key, owner, &body).await? {
            return Ok(());
        }
        // What is known now is shown, unless it is the same.
        if let Some(read) = self.store.document(kind, key).await? {
            let before = serde_json::from_str::<Finding>(&read.body).ok();
            if before.is_none_or(|before| before.difference != finding.difference) {
                self.store
                    .replace_document(kind, &read, owner, &body)
                    .await?;
            }
        }
        Ok(())
    }

    /// Both agree: a case that was open is closed, once it was there to be seen for a day.
    async fn close_case(&self, id: &PaymentId) -> Result<(), StoreError> {
        let (kind, key) = (DocumentKind::Finding, id.as_str());
        let found = self.store.document(kind, key).await?;
        let found = found.and_then(|found| serde_json::from_str::<Finding>(&found.body).ok());
        let is_fresh = |one: &Finding| {
            one.difference.is_some() && self.clock.now().duration_since(one.at) < SHOWN
        };
        if found.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let Some(payment_snapshot) = self.store.load(id).await? else {
            return Ok(());
        };
        if payment_snapshot.payment.differs.is_some()
            && let Some(shop) = self.shop_of(&payment_snapshot.payment)
        {
            let closed = Event::AgreesAgain;
            self.record_case(payment_snapshot, &closed, &shop).await?;
        }
        self.store.remove_document(kind, key).await?;
        Ok(())
    }

    /// Writes that a case was opened or closed.
    async fn record_case(
        &self,
        mut payment_snapshot: PaymentSnapshot,
        event: &Event,
        shop: &Shop,
    ) -> Result<(), StoreError> {
        let id = payment_snapshot.payment.id.clone();
        loop {
            let now = self.when(shop);
            // Known already, or not so any more: nothing to write.
            if let Ok(append) = PendingAppend::of(payment_snapshot, now, event.clone())
                && self.write(append, now, &shop.policy).await?.is_none()
                && let Some(newer) = self.store.load(&id).await?
            {
                payment_snapshot = newer;
                continue;
            }
            return Ok(());
        }
    }

    /// Looks at the open cases again.
    pub(super) async fn look_at_cases(
        self: &Arc<Self>,
        pace: SignedDuration,
    ) -> Result<(), StoreError> {
        for document in self.store.documents(DocumentKind::Finding).await? {
            if let Ok(id) = document.key.parse::<PaymentId>() {
                let outcome = self.look_again(&id, Pass::NextDay, pace).await?;
                if outcome == Outcome::Agrees {
                    self.close_case(&id).await?;
                }
            }
        }
        Ok(())
    }

    /// What KCP is asked about a settled payment: by every number of it that is known, and by its order
    /// where the shop's contract answers that.
    async fn calls(
        &self,
        payment: &Payment,
        pass: Pass,
        shop: &Shop,
    ) -> Result<Vec<Call>, StoreError> {
        let approval = payment.approval();
        let numbers = match approval {
            Some(approval) => vec![approval.tno.clone()],
            None => self.numbers(payment).await?,
        };
        let mut calls: Vec<Call> = numbers
            .into_iter()
            .map(|tno| Call::Inquire { tno })
            .collect();
        // What KCP itself declined was looked up after the window already: see the core's `recheck`.
        let done = pass == Pass::Window && payment.recheck.is_some();
        if shop.policy.looks_up(&payment.request) && !done {
            calls.extend(days(payment, shop).into_iter().map(|day| Call::LookUp {
                ordr_idxx: payment.request.order.order_no.clone(),
                day,
            }));
        }
        Ok(calls)
    }

    /// The transaction numbers that KCP ever gave for a payment of which nothing is said to be charged,
    /// without those that it said to be another order's.
    async fn numbers(&self, payment: &Payment) -> Result<Vec<Tno>, StoreError> {
        let may_have = match &payment.state {
            State::Declined(_) | State::Void(_) => payment.seq > 3 || !payment.late.is_empty(),
            _ => false,
        };
        if !may_have {
            return Ok(Vec::new());
        }
        let (mut numbers, mut foreign) = (Vec::new(), Vec::new());
        for entry in self.store.journal(&payment.id).await? {
            match entry.event {
                Event::Lost(lost) => numbers.extend(lost.tno),
                Event::LateAnswer(answer) => numbers.extend(answer.tno().cloned()),
                Event::Inquired(Inquired {
                    seen: Live::Foreign { .. },
                    source: Source::Inquiry { tno },
                    ..
                }) => foreign.push(tno),
                _ => {}
            }
        }
        numbers.sort_by(|one: &Tno, other| one.as_str().cmp(other.as_str()));
        numbers.dedup();
        numbers.retain(|tno| !foreign.contains(tno));
        Ok(numbers)
    }
}

/// The Korean days on which KCP can have booked it: the one that it told, or two near midnight.
fn days(payment: &Payment, shop: &Shop) -> Vec<Date> {
    let told = payment.approval().and_then(|approval| approval.app_time);
    if let Some(day) = told.map(KcpTime::date) {
        return vec![day];
    }
    let ends = payment.created_at + shop.policy.call_life + shop.policy.uncertainty_window;
    let mut days = vec![korean_date(payment.created_at), korean_date(ends)];
    days.dedup();
    days
}
