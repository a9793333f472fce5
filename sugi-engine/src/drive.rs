//! The loop: load, ask, write the intent, call, write what was heard, again.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;
use nhn_kcp::{Card, HolderProof};
use sugi_core::{
    Event, Illegal, Live, Looked, Payment, Policy, Source, VoidReason,
    todo::{Call, Hands, Todo, todo},
};
use sugi_store::{Book, Draft, Filter};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use crate::{engine::Inner, kcp, shop::Shop, trace, velocity::Who, work::Place};

/// The card of a sale, from the request until its approval is sent.
pub(crate) struct Held {
    pub(crate) card: Card,
    pub(crate) proof: Option<HolderProof>,
    /// Whom its answer counts for.
    pub(crate) who: Who,
    /// Its room on the line.
    pub(crate) _permit: OwnedSemaphorePermit,
    /// Its part of a trace, until KCP's answer is written down.
    pub(crate) span: tracing::Span,
}

/// How long to wait before the ledger is tried again.
const LEDGER_PAUSE: Duration = Duration::from_millis(500);
/// The longest such wait.
const LEDGER_PAUSE_MOST: Duration = Duration::from_secs(15);

/// When the engine has to look at a payment again, as anybody would see it who holds nothing.
pub(crate) fn due_at(payment: &Payment, now: Timestamp, policy: &Policy) -> Option<Timestamp> {
    match todo(payment, now, Hands::default(), policy) {
        Todo::Rest => None,
        Todo::Wait(until) => Some(until),
        Todo::Record(_) | Todo::Call(_) => Some(now),
    }
}

impl Inner {
    /// Works on a payment until it rests. The place is kept meanwhile; nobody else of this process
    /// works on it.
    pub(crate) async fn drive(
        self: Arc<Self>,
        place: Place,
        mut book: Book,
        shop: Arc<Shop>,
        mut first: Option<Held>,
    ) {
        let work = Arc::clone(&place.work);
        // An approval's intent was written with the request, so the first call is made without asking.
        if let Some(held) = first.take() {
            work.calls(true);
            let span = held.span.clone();
            book = self.first(book, held, &shop).instrument(span).await;
            work.calls(false);
        }
        loop {
            place.show.send_replace(Arc::new(book.payment.clone()));
            let hands = Hands {
                alone: self.sole,
                waiting: work.is_awaited(),
            };
            match todo(&book.payment, self.clock.now(), hands, &shop.policy) {
                Todo::Rest => break,
                // What is left stands in the ledger, for the next process.
                _ if self.is_stopping() => break,
                // Others share this ledger: whoever is free when it is due takes it up again.
                Todo::Wait(_) if !self.sole && !work.is_awaited() => break,
                Todo::Wait(until) => tokio::select! {
                    () = self.clock.sleep_until(until) => {}
                    () = work.poked.notified() => book = self.reload(book).await,
                },
                Todo::Record(event) => book = either(self.append(book, event, &shop).await),
                Todo::Call(call) => {
                    work.calls(true);
                    let span = trace::work("settle", &shop.id);
                    span.record("payment", book.payment.id.as_str());
                    book = self.call(book, call, &shop).instrument(span.clone()).await;
                    span.record("outcome", book.payment.status().as_str());
                    work.calls(false);
                }
            }
        }
        let id = book.payment.id.clone();
        drop(place);
        // Somebody wrote while this worker was on its way out.
        if poked(&work).await {
            self.work_on(&id).await;
        }
    }

    /// Sends the approval and writes down what was heard.
    async fn first(&self, book: Book, held: Held, shop: &Shop) -> Book {
        let (span, who) = (held.span.clone(), held.who.clone());
        let event = self.approve(&book, shop, held).await;
        if shop.gate.heard(&event, self.clock.now()) {
            tracing::error!(shop = %shop.id, "too many answers are lost: no new sales for a while");
        }
        if shop.gate.answered(&who, &event, self.clock.now()) {
            tracing::error!(shop = %shop.id, "too many sales are declined: somebody may be trying out cards");
        }
        trace::ended(&span, &event);
        self.take_up(book, event, shop).await
    }

    /// Makes one call, its intent first. Only the one whose intent was written sends.
    async fn call(&self, book: Book, call: Call, shop: &Shop) -> Book {
        let call = match call {
            Call::Inquire { .. } | Call::LookUp { .. } => {
                let mut event = kcp::look(&call, &book.payment, shop, &self.clock).await;
                if let Event::Looked(looked) = &mut event {
                    self.doubt_the_lookup(looked, shop).await;
                }
                return self.take_up(book, event, shop).await;
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
        let book = match self.append(book, intent, shop).await {
            Ok(book) => book,
            Err(book) => return book,
        };
        let event = match self.may_still_send(&book.payment, shop) {
            Ok(()) => kcp::cancel(&book.payment, call, shop).await,
            Err(why) => Event::CancelNotSent { send, why },
        };
        self.take_up(book, event, shop).await
    }

    /// "Not found" by order number proves something only at a shop whose look-up has found an order
    /// that is known to exist. KCP does not document the look-up, and a contract without it may well
    /// answer "not found" to everything.
    async fn doubt_the_lookup(&self, looked: &mut Looked, shop: &Shop) {
        if !matches!(looked.source, Source::OrderLookup { .. }) {
            return;
        }
        let works = &shop.lookup_works;
        match &looked.seen {
            Live::Found { .. } => works.store(true, Ordering::SeqCst),
            Live::Absent
                if !works.load(Ordering::SeqCst)
                    && !self.lookup_finds_a_known_order(shop).await =>
            {
                let why = "the look-up has not yet found any order that is known to exist".into();
                looked.seen = Live::Unclear { why };
            }
            Live::Absent | Live::Foreign { .. } | Live::Unclear { .. } => {}
        }
    }

    /// Looks for the newest order of the shop that KCP has surely booked.
    async fn lookup_finds_a_known_order(&self, shop: &Shop) -> bool {
        use sugi_core::Status::{Approved, Cancelled, PartiallyCancelled, Reversed};
        let (shops, statuses) = (
            [shop.id.clone()].into(),
            vec![Approved, PartiallyCancelled, Cancelled, Reversed],
        );
        let newest = self
            .store
            .list(Filter {
                shops,
                statuses,
                limit: 1,
                ..Filter::default()
            })
            .await;
        let Some(newest) = newest
            .ok()
            .and_then(|page| page.payments.into_iter().next())
        else {
            return false;
        };
        let Ok(Some(book)) = self.store.load(&newest.id).await else {
            return false;
        };
        let found = kcp::finds(&book.payment, shop).await;
        shop.lookup_works.fetch_or(found, Ordering::SeqCst);
        found
    }

    async fn approve(&self, book: &Book, shop: &Shop, held: Held) -> Event {
        match self.may_still_send(&book.payment, shop) {
            Ok(()) => kcp::approve(&book.payment, shop, held, &self.clock).await,
            Err(why) => Event::Voided(VoidReason::NotSent { why }),
        }
    }

    /// Others take a call for ended once its life is over. A process that was held up between
    /// writing the intent and sending must not send any more.
    fn may_still_send(&self, payment: &Payment, shop: &Shop) -> Result<(), String> {
        let held_up = self.clock.now().duration_since(payment.updated_at);
        if held_up < shop.margin {
            Ok(())
        } else {
            Err(format!(
                "held up for {} s before sending",
                held_up.as_secs()
            ))
        }
    }

    /// Writes what follows from what is known. If it was not written by us (somebody else was quicker,
    /// or the ledger cannot be written, or its answer was lost), the payment comes back as an error, as
    /// the ledger has it now, and the loop asks again.
    async fn append(&self, book: Book, event: Event, shop: &Shop) -> Result<Book, Book> {
        let now = self.clock.now();
        let draft = match Draft::of(book.clone(), now, event) {
            Ok(draft) => draft,
            Err(why) => {
                tracing::error!(payment = %book.payment.id, %why, "the core asked for what it refuses");
                tokio::time::sleep(LEDGER_PAUSE).await;
                return Err(self.reload(book).await);
            }
        };
        match self.write(draft, now, &shop.policy).await {
            Ok(Some(book)) => Ok(book),
            Ok(None) => Err(self.reload(book).await),
            Err(why) => {
                tracing::error!(payment = %book.payment.id, %why, "cannot write; nothing is sent");
                tokio::time::sleep(LEDGER_PAUSE).await;
                Err(self.reload(book).await)
            }
        }
    }

    /// Writes what was heard. It is true whatever happened meanwhile, and it may be the only key to
    /// the money, so it is kept and tried until it stands, or is known already. Until then its
    /// transaction number is in the log as well.
    ///
    /// What fits nothing that is pending any more is written down as a late answer: it ends nothing,
    /// KCP is asked about its transaction, and somebody is alarmed.
    pub(crate) async fn take_up(&self, mut book: Book, event: Event, shop: &Shop) -> Book {
        let mut pause = LEDGER_PAUSE;
        loop {
            let now = self.clock.now();
            let draft = match fitting(&book, now, &event) {
                Ok(draft) => draft,
                Err(Illegal::Known { .. }) => return book,
                Err(why) => {
                    // A look, or a loss, that comes when it can tell nothing new.
                    let (payment, heard) = (&book.payment.id, event.name());
                    tracing::info!(%payment, heard, %why, "tells nothing new");
                    return book;
                }
            };
            match self.write(draft, now, &shop.policy).await {
                Ok(Some(book)) => return book,
                Ok(None) => {}
                Err(why) => {
                    let payment = &book.payment.id;
                    tracing::error!(%payment, heard = event.name(), tno = kcp::tno_of(&event), %why, "cannot write yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LEDGER_PAUSE_MOST);
                }
            }
            book = self.reload(book).await;
        }
    }

    /// The payment as the ledger has it now; as it was, if the ledger cannot be read.
    async fn reload(&self, book: Book) -> Book {
        match self.store.load(&book.payment.id).await {
            Ok(Some(newer)) => newer,
            Ok(None) => book,
            Err(why) => {
                tracing::error!(payment = %book.payment.id, %why, "cannot read");
                tokio::time::sleep(LEDGER_PAUSE).await;
                book
            }
        }
    }
}

/// What was heard as it is written down: as it is where it fits, as a late answer where it does not.
fn fitting(book: &Book, now: Timestamp, event: &Event) -> Result<Draft, Illegal> {
    let draft = Draft::of(book.clone(), now, event.clone());
    match (draft, event.clone().as_late()) {
        (Err(Illegal::Order { .. }), Some(late)) => {
            let (payment, heard) = (&book.payment.id, event.name());
            let draft = Draft::of(book.clone(), now, late)?;
            tracing::error!(%payment, heard, tno = kcp::tno_of(event), status = book.payment.status().as_str(),
                "an answer fits nothing that is pending: written down as evidence, and KCP is asked");
            Ok(draft)
        }
        (draft, _) => draft,
    }
}

/// The payment, whoever wrote last.
fn either(written: Result<Book, Book>) -> Book {
    written.unwrap_or_else(|book| book)
}

async fn poked(work: &crate::work::Work) -> bool {
    tokio::select! {
        biased;
        () = work.poked.notified() => true,
        () = std::future::ready(()) => false,
    }
}
