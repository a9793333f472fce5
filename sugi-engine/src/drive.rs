//! The loop: load, ask, write the intent, call, write what was heard, again.

use std::{sync::Arc, time::Duration};

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::Offset,
};
use nhn_kcp::{Card, HolderProof};
use sugi_core::{
    Event, Illegal, Inquired, Live, Payment, PaymentId, Policy, Source, Status, VoidReason, When,
    decode,
    todo::{Call, ProcessContext, Todo, todo},
};
use sugi_store::{Filter, PaymentSnapshot, PendingAppend, StoreError, Summary};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use crate::{
    engine::Inner,
    kcp,
    shop::Shop,
    trace,
    velocity::Who,
    work::{Slot, Work},
};

/// The card of a sale, from the request until its approval is sent.
pub(crate) struct PendingCard {
    pub(crate) card: Card,
    pub(crate) proof: Option<HolderProof>,
    /// Whom its answer counts for.
    pub(crate) who: Who,
    /// Its room in flight.
    pub(crate) _permit: OwnedSemaphorePermit,
    /// Its part of a trace, until KCP's answer is written down.
    pub(crate) span: tracing::Span,
}

/// How long to wait before the ledger is tried again.
const LEDGER_PAUSE: Duration = Duration::from_millis(500);
/// How many orders of a day are looked through for one whose day KCP has told.
const KNOWN_ORDERS: usize = 20;
/// After so many inquiries in a row that told nothing the log says so.
const INQUIRIES_FAIL: u64 = 5;
/// The longest such wait.
const LEDGER_PAUSE_MOST: Duration = Duration::from_secs(15);

/// When the engine has to look at a payment again, as anybody would see it who holds nothing.
pub(crate) fn due_at(payment: &Payment, now: When, policy: &Policy) -> Option<Timestamp> {
    match todo(payment, now, ProcessContext::default(), policy) {
        Todo::Rest => None,
        Todo::Wait(until) => Some(until),
        Todo::Record(_) | Todo::Call(_) => Some(now.at),
    }
}

impl Inner {
    /// Works on a payment until it rests. The place is kept meanwhile; no one else of this process
    /// works on it.
    pub(crate) async fn drive(
        self: Arc<Self>,
        slot: Slot,
        mut payment_snapshot: PaymentSnapshot,
        mut shop: Arc<Shop>,
        mut first: Option<PendingCard>,
    ) {
        let work = Arc::clone(&slot.work);
        let found = payment_snapshot.payment.seq;
        // An approval's intent was written with the request, so the first call is made without asking.
        if let Some(pending_card) = first.take() {
            work.calls(true);
            let span = pending_card.span.clone();
            payment_snapshot = self
                .first(payment_snapshot, pending_card, &shop)
                .instrument(span)
                .await;
            work.calls(false);
        }
        loop {
            slot.show
                .send_replace(Arc::new(payment_snapshot.payment.clone()));
            // A shop that was read anew counts from here on; one that is gone, once it is back.
            match self.shop_of(&payment_snapshot.payment) {
                Some(now) => shop = now,
                None => break,
            }
            let process_context = ProcessContext {
                alone: self.sole,
                waiting: work.is_awaited(),
                watched: self.watched(&payment_snapshot.payment),
            };
            let now = self.when(&shop);
            match todo(
                &payment_snapshot.payment,
                now,
                process_context,
                &shop.policy,
            ) {
                todo @ (Todo::Rest | Todo::Wait(_)) if self.is_for_later(&todo, &work) => {
                    self.found_nothing_to_do(&payment_snapshot, found, &shop)
                        .await;
                    break;
                }
                // What is left stands in the ledger, for the next process.
                _ if self.is_stopping() => break,
                Todo::Rest => break,
                Todo::Wait(until) => tokio::select! {
                    () = self.clock.sleep(until.duration_since(now.at)) => {}
                    () = work.worker_notified.notified() => payment_snapshot = self.reload(payment_snapshot).await,
                },
                Todo::Record(event) => {
                    payment_snapshot = match self
                        .beside_the_order(&payment_snapshot.payment, event)
                        .await
                    {
                        Ok(event) => either(self.append(payment_snapshot, event, &shop).await),
                        Err(why) => {
                            tracing::error!(payment = %payment_snapshot.payment.id, %why, "cannot read");
                            tokio::time::sleep(LEDGER_PAUSE).await;
                            self.reload(payment_snapshot).await
                        }
                    };
                }
                Todo::Call(call) => {
                    work.calls(true);
                    let span = trace::work("settle", &shop.id);
                    span.record("payment", payment_snapshot.payment.id.as_str());
                    payment_snapshot = self
                        .call(payment_snapshot, call, &shop)
                        .instrument(span.clone())
                        .await;
                    span.record("outcome", payment_snapshot.payment.status().as_str());
                    work.calls(false);
                }
            }
        }
        let id = payment_snapshot.payment.id.clone();
        drop(slot);
        // Someone wrote while this worker was on its way out.
        if worker_notified(&work).await {
            self.work_on(&id).await;
        }
    }

    /// Whether this worker is through for now: the payment rests, or others share this ledger and
    /// the node that is free when it is due takes it up again.
    fn is_for_later(&self, todo: &Todo, work: &Work) -> bool {
        *todo == Todo::Rest || (!self.sole && !work.is_awaited())
    }

    /// A payment that was taken up without anything having been written would be due for ever.
    async fn found_nothing_to_do(
        &self,
        payment_snapshot: &PaymentSnapshot,
        found: u32,
        shop: &Shop,
    ) {
        let payment = &payment_snapshot.payment;
        if payment.seq != found {
            return;
        }
        let due = due_at(payment, self.when(shop), &shop.policy);
        if let Err(why) = self.store.set_due(payment, due).await {
            tracing::error!(payment = %payment.id, %why, "cannot write when it is due");
        }
    }

    /// A sale is kept only if no other payment of its order stands or is being made: the order would be
    /// paid twice. Then it is reversed.
    pub(crate) async fn beside_the_order(
        &self,
        payment: &Payment,
        event: Event,
    ) -> Result<Event, StoreError> {
        if event == Event::Kept
            && let Some(other) = self.other_of_the_order(payment).await?
        {
            tracing::error!(payment = %payment.id, %other, "not kept: another payment of the order is alive");
            return Ok(Event::ReverseDecided);
        }
        Ok(event)
    }

    /// Another payment of the same order that is alive: of the same shop, under any site code, or of
    /// the same site code, at any shop.
    pub(crate) async fn other_of_the_order(
        &self,
        payment: &Payment,
    ) -> Result<Option<PaymentId>, StoreError> {
        use Status::{Approved, Approving, InDoubt, PartiallyCancelled, Requested, Reversing};
        let request = &payment.request;
        let mut alive = Filter {
            order_nos: vec![request.order_no.to_string()],
            statuses: vec![
                Requested,
                Approving,
                Approved,
                PartiallyCancelled,
                InDoubt,
                Reversing,
            ],
            limit: Filter::MOST,
            ..Filter::default()
        };
        loop {
            let page = self.store.list(alive.clone()).await?;
            let same_order =
                |other: &&Summary| other.shop == request.shop || other.site_cd == request.site_cd;
            let mut others = page.payments.iter().filter(same_order);
            if let Some(other) = others.find(|other| other.id != payment.id) {
                return Ok(Some(other.id.clone()));
            }
            alive.before = page.payments.last().map(|other| other.id.clone());
            if !page.more {
                return Ok(None);
            }
        }
    }

    /// Sends the approval and writes down what was heard.
    async fn first(
        &self,
        payment_snapshot: PaymentSnapshot,
        pending_card: PendingCard,
        shop: &Shop,
    ) -> PaymentSnapshot {
        let (span, who) = (pending_card.span.clone(), pending_card.who.clone());
        let event = self.approve(&payment_snapshot, shop, pending_card).await;
        let now = self.clock.steady();
        if shop.gate.heard(&event, now) {
            tracing::error!(shop = %shop.id, "too many answers are lost: no new sales for a while");
        }
        if shop.gate.answered(&who, &event, now) {
            tracing::error!(shop = %shop.id, "too many sales are declined: somebody may be trying out cards");
        }
        trace::ended(&span, &event);
        self.record_answer(payment_snapshot, event, shop).await
    }

    /// Makes one call, its intent first. Only the one whose intent was written sends.
    async fn call(
        &self,
        payment_snapshot: PaymentSnapshot,
        call: Call,
        shop: &Shop,
    ) -> PaymentSnapshot {
        let call = match call {
            Call::Inquire { .. } | Call::LookUp { .. } => {
                let asked_at = self.when(shop);
                let mut event = kcp::look(
                    &call,
                    &payment_snapshot.payment,
                    shop,
                    &self.clock,
                    asked_at,
                )
                .await;
                if let Event::Inquired(looked) = &mut event {
                    self.count_inquiry(&looked.seen, shop);
                    self.doubt_the_lookup(looked, &payment_snapshot.payment, shop)
                        .await;
                }
                return self.record_answer(payment_snapshot, event, shop).await;
            }
            Call::Cancel {
                send,
                tno,
                mode,
                reason,
            } => kcp::CancelCall {
                send,
                tno,
                mode,
                reason,
            },
        };
        let (send, mode) = (call.send, call.mode);
        let intent = Event::CancelSent { send, mode };
        let payment_snapshot = match self.append(payment_snapshot, intent, shop).await {
            Ok(payment_snapshot) => payment_snapshot,
            Err(payment_snapshot) => return payment_snapshot,
        };
        let event = match self.may_still_send(&payment_snapshot.payment, shop) {
            Ok(()) => kcp::cancel(&payment_snapshot.payment, call, shop, &self.clock).await,
            Err(why) => Event::CancelNotSent { send, why },
        };
        self.record_answer(payment_snapshot, event, shop).await
    }

    /// Inquiries are what settles everything else, so a shop whose inquiries tell nothing is an alarm.
    pub(crate) fn count_inquiry(&self, seen: &Live, shop: &Shop) {
        let told = !matches!(seen, Live::Unclear { .. });
        if self.tally.inquired(&shop.id, told) == INQUIRIES_FAIL {
            tracing::error!(shop = %shop.id, "inquiries fail: lost answers of this shop cannot be settled");
        }
    }

    /// "Not found" by order number says something about a day only if the same question about the same
    /// day finds an order that is known to be of that day. KCP does not document the look-up: a contract
    /// without it may deny everything, and a contract that has it may keep some days and not others.
    async fn doubt_the_lookup(&self, looked: &mut Inquired, payment: &Payment, shop: &Shop) {
        let Source::OrderLookup { day } = looked.source else {
            return;
        };
        if looked.seen == Live::Absent && !self.answers_about(day, payment, shop).await {
            let why = format!(
                "not found, but the look-up finds no order either that is known to be of {day}"
            );
            looked.seen = Live::Unclear { why };
        }
    }

    /// Looks for one of the newest orders under the payment's site code that KCP is known to have booked on a
    /// Korean day. Orders of another site code tell nothing: KCP has other books for it.
    async fn answers_about(&self, day: Date, payment: &Payment, shop: &Shop) -> bool {
        use sugi_core::Status::{Approved, Cancelled, PartiallyCancelled, Reversed};
        let midnight =
            |day: Date| Offset::constant(9).to_timestamp(day.to_datetime(Time::midnight()));
        let (Ok(begin), Ok(end)) = (midnight(day), day.tomorrow().and_then(midnight)) else {
            return false;
        };
        let hour = SignedDuration::from_hours(1);
        let filter = Filter {
            shops: [shop.id.clone(), payment.request.shop.clone()].into(),
            statuses: vec![Approved, PartiallyCancelled, Cancelled, Reversed],
            from: begin.checked_sub(hour).ok(),
            until: end.checked_add(hour).ok(),
            limit: Filter::MOST,
            ..Filter::default()
        };
        let Ok(page) = self.store.list(filter).await else {
            return false;
        };
        let of_these_books =
            |known: &&Summary| known.id != payment.id && known.site_cd == payment.request.site_cd;
        let known = page.payments.iter().filter(of_these_books);
        for known in known.take(KNOWN_ORDERS) {
            let Ok(Some(payment_snapshot)) = self.store.load(&known.id).await else {
                continue;
            };
            // KCP itself has said on which day it was.
            let approval = payment_snapshot.payment.approval();
            if approval
                .and_then(|known| known.app_time)
                .map(nhn_kcp::KcpTime::date)
                == Some(day)
            {
                return kcp::finds(&payment_snapshot.payment, day, shop, &self.clock).await;
            }
        }
        false
    }

    async fn approve(
        &self,
        payment_snapshot: &PaymentSnapshot,
        shop: &Shop,
        pending_card: PendingCard,
    ) -> Event {
        match self.may_still_send(&payment_snapshot.payment, shop) {
            Ok(()) => {
                kcp::approve(&payment_snapshot.payment, shop, pending_card, &self.clock).await
            }
            Err(why) => Event::Voided(VoidReason::NotSent { why }),
        }
    }

    /// Others take a call for ended once its life is over. A process that was held up between
    /// writing the intent and sending must not send any more.
    fn may_still_send(&self, payment: &Payment, shop: &Shop) -> Result<(), String> {
        // It was written by this process a moment ago, so the machine's uptime has read both.
        let now = self.clock.when(None);
        match payment.last.measured_to(&now) {
            Some(held_up) if held_up < shop.margin => Ok(()),
            Some(held_up) => Err(format!(
                "held up for {} s before sending",
                held_up.as_secs()
            )),
            None => Err("held up before sending, nobody can tell how long".into()),
        }
    }

    /// Writes what follows from what is known. If it was not written by us (someone else was quicker,
    /// or the ledger cannot be written, or its answer was lost), the payment comes back as an error, as
    /// the ledger has it now, and the loop asks again.
    async fn append(
        &self,
        payment_snapshot: PaymentSnapshot,
        event: Event,
        shop: &Shop,
    ) -> Result<PaymentSnapshot, PaymentSnapshot> {
        let now = self.when(shop);
        let pending_append = match PendingAppend::of(payment_snapshot.clone(), now, event) {
            Ok(pending_append) => pending_append,
            Err(why) => {
                tracing::error!(payment = %payment_snapshot.payment.id, %why, "the core asked for what it refuses");
                tokio::time::sleep(LEDGER_PAUSE).await;
                return Err(self.reload(payment_snapshot).await);
            }
        };
        match self.write(pending_append, now, &shop.policy).await {
            Ok(Some(payment_snapshot)) => Ok(payment_snapshot),
            Ok(None) => Err(self.reload(payment_snapshot).await),
            Err(why) => {
                tracing::error!(payment = %payment_snapshot.payment.id, %why, "cannot write; nothing is sent");
                tokio::time::sleep(LEDGER_PAUSE).await;
                Err(self.reload(payment_snapshot).await)
            }
        }
    }

    /// Writes what was heard. It is true, no matter what happened meanwhile, and it may be the only key to
    /// the money, so it is kept and tried until it stands, or is known already. Until then its
    /// transaction number is in the log as well.
    ///
    /// What fits nothing that is pending any more is written down as a late answer: it ends nothing,
    /// KCP is asked about its transaction, and someone is alarmed.
    ///
    /// A transaction that is another payment's is taken for nothing: the payment stays in doubt, with
    /// what was heard as evidence, and an alarm.
    pub(crate) async fn record_answer(
        &self,
        mut payment_snapshot: PaymentSnapshot,
        mut event: Event,
        shop: &Shop,
    ) -> PaymentSnapshot {
        let mut pause = LEDGER_PAUSE;
        loop {
            let now = self.when(shop);
            let pending_append = match fitting(&payment_snapshot, now, &event) {
                Ok(pending_append) => pending_append,
                Err(Illegal::Known { .. }) => return payment_snapshot,
                Err(why) => {
                    // A look, or a loss, that comes when it can tell nothing new.
                    let (payment, heard) = (&payment_snapshot.payment.id, event.name());
                    tracing::info!(%payment, heard, %why, "tells nothing new");
                    return payment_snapshot;
                }
            };
            let late = pending_append.after().late.len() > payment_snapshot.payment.late.len();
            match self.write(pending_append, now, &shop.policy).await {
                Ok(Some(payment_snapshot)) => {
                    if late {
                        self.tally.late(&shop.id);
                    }
                    return payment_snapshot;
                }
                Ok(None) => {}
                Err(why @ StoreError::Foreign { .. }) => {
                    self.is_foreign(&payment_snapshot.payment.id, shop, &why);
                    match decode::of_another(&event, why.to_string()) {
                        Some(evidence) => event = evidence,
                        None => return payment_snapshot,
                    }
                    continue;
                }
                Err(why) => {
                    let payment = &payment_snapshot.payment.id;
                    tracing::error!(%payment, heard = event.name(), tno = kcp::tno_of(&event), %why, "cannot write yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LEDGER_PAUSE_MOST);
                }
            }
            payment_snapshot = self.reload(payment_snapshot).await;
        }
    }

    /// KCP gave one number to two payments, or one was read wrongly. Nothing here can tell which, so people
    /// have to look.
    pub(crate) fn is_foreign(&self, payment: &PaymentId, shop: &Shop, why: &StoreError) {
        tracing::error!(%payment, shop = %shop.id, %why, "KCP's answer names another payment's transaction");
        self.tally.add_foreign(&shop.id);
    }

    /// The payment as the ledger has it now; as it was, if the ledger cannot be read.
    async fn reload(&self, payment_snapshot: PaymentSnapshot) -> PaymentSnapshot {
        match self.store.load(&payment_snapshot.payment.id).await {
            Ok(Some(newer)) => newer,
            Ok(None) => payment_snapshot,
            Err(why) => {
                tracing::error!(payment = %payment_snapshot.payment.id, %why, "cannot read");
                tokio::time::sleep(LEDGER_PAUSE).await;
                payment_snapshot
            }
        }
    }
}

/// What was heard as it is written down: as it is where it fits, as a late answer where it does not.
fn fitting(
    payment_snapshot: &PaymentSnapshot,
    now: When,
    event: &Event,
) -> Result<PendingAppend, Illegal> {
    let pending_append = PendingAppend::of(payment_snapshot.clone(), now, event.clone());
    match (pending_append, event.clone().as_late()) {
        (Err(Illegal::Order { .. }), Some(late)) => {
            let (payment, heard) = (&payment_snapshot.payment.id, event.name());
            let pending_append = PendingAppend::of(payment_snapshot.clone(), now, late)?;
            tracing::error!(%payment, heard, tno = kcp::tno_of(event), status = payment_snapshot.payment.status().as_str(),
                "an answer fits nothing that is pending: written down as evidence, and KCP is asked");
            Ok(pending_append)
        }
        (pending_append, _) => pending_append,
    }
}

/// The payment, whoever wrote last.
fn either(written: Result<PaymentSnapshot, PaymentSnapshot>) -> PaymentSnapshot {
    written.unwrap_or_else(|payment_snapshot| payment_snapshot)
}

async fn worker_notified(work: &crate::work::Work) -> bool {
    tokio::select! {
        biased;
        () = work.worker_notified.notified() => true,
        () = std::future::ready(()) => false,
    }
}
