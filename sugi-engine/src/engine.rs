//! What can be asked of the engine.

use std::{collections::HashMap, fmt::Write as _, sync::Arc, time::Duration};

use jiff::Timestamp;
use nhn_kcp::{Amount, CancelReason, Card, HolderProof, Invalid, Order, OrderNo, Tno};
use sha2::{Digest, Sha256};
use sugi_core::{
    Actor, CancelId, CancelOrder, Event, Illegal, Kind, Live, Looked, Payment, PaymentId, Request,
    ShopId, Source, State, Status, VoidReason,
    todo::{Hands, Todo, may_attest_absence, todo},
};
use sugi_store::{Book, CreateError, Draft, Key, Opening, Store, StoreError};
use tokio::sync::watch;

use crate::{
    clock::{self, Clock},
    drive::{Held, due_at},
    kcp,
    shop::Shop,
    work::{Bench, Work},
};

/// The engine. Cheap to clone; all clones are one engine.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// No other process works on this ledger.
    pub(crate) sole: bool,
    shops: HashMap<ShopId, Arc<Shop>>,
    bench: Arc<Bench>,
}

/// A sale to be made.
pub struct Sale {
    /// For which shop.
    pub shop: ShopId,
    /// What, for how much, to whom; its order number is the merchant's.
    pub order: Order,
    /// The card: dropped, and wiped, as soon as the approval was sent.
    pub card: Card,
    /// The holder's proof: with it the sale is authenticated (인증), without it not (비인증).
    pub proof: Option<HolderProof>,
    /// Who keyed it in.
    pub by: Actor,
    /// Whose key this is and the key, so that asking twice makes one payment.
    pub key: Option<(String, String)>,
}

/// What became of asking for a sale.
#[derive(Debug)]
pub enum Outcome {
    /// It is being made.
    Begun(Ticket),
    /// This key made a payment before; this is it, as it stands.
    Replayed(Box<Payment>),
}

/// A sale that is being made. Dropping it changes nothing but that nobody waits any more.
#[derive(Debug)]
pub struct Ticket {
    seen: watch::Receiver<Arc<Payment>>,
    work: Arc<Work>,
}

/// Why a sale was not begun. Nothing was sent, and nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// No such shop here.
    #[error("there is no shop {0} here")]
    UnknownShop(ShopId),
    /// The shop's contract with KCP does not have it.
    #[error("shop {shop} has no contract for {what}")]
    Contract {
        /// The shop.
        shop: ShopId,
        /// What it lacks.
        what: &'static str,
    },
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The order is paid, or being paid, or in doubt.
    #[error("order {order_no} has a payment that is alive: {payment}")]
    OrderLive {
        /// The order.
        order_no: OrderNo,
        /// Its payment.
        payment: PaymentId,
    },
    /// The key was used for another request.
    #[error("this idempotency key was used for another request, which made {payment}")]
    KeyReused {
        /// What it made.
        payment: PaymentId,
    },
    /// The ledger. Only after [`StoreError::Unknown`] may the payment exist.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a cancel was not begun. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// No such payment.
    #[error("there is no payment {0}")]
    UnknownPayment(PaymentId),
    /// Its shop is not configured any more.
    #[error("there is no shop {0} here")]
    UnknownShop(ShopId),
    /// Only an approved payment can be cancelled.
    #[error("a payment that is {} cannot be cancelled", .0.as_str())]
    NotApproved(Status),
    /// Nothing is left of it.
    #[error("nothing is left to cancel")]
    NothingLeft,
    /// More than is left.
    #[error("{asked} is more than the {remaining} that is left")]
    TooMuch {
        /// What was asked for.
        asked: u64,
        /// What is left.
        remaining: u64,
    },
    /// The shop has no contract for partial cancels, or KCP said that this card has none.
    #[error("this payment can only be cancelled whole: {0}")]
    WholeOnly(&'static str),
    /// Another cancel of it has not ended.
    #[error("another cancel of this payment has not ended yet")]
    Pending,
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a person knows of a payment in doubt.
#[derive(Debug, Clone)]
pub enum Resolution {
    /// They have its transaction number, from KCP's partner site or the buyer's message.
    Live {
        /// The number; a signed inquiry has to confirm that it is this order.
        tno: Tno,
        /// Where they have it from.
        note: String,
        /// Whether the sale is to stand rather than be reversed.
        keep: bool,
    },
    /// They looked after the quiet period, and KCP's partner site does not have it.
    Absent {
        /// Where they looked.
        note: String,
    },
}

/// Why a resolution was not taken. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No such payment.
    #[error("there is no payment {0}")]
    UnknownPayment(PaymentId),
    /// Its shop is not configured any more.
    #[error("there is no shop {0} here")]
    UnknownShop(ShopId),
    /// It is not in doubt.
    #[error("a payment that is {} is not in doubt", .0.as_str())]
    NotInDoubt(Status),
    /// Something of it is known to live, so it cannot be absent.
    #[error(
        "KCP answered this payment with a transaction number, so it cannot be closed as absent"
    )]
    KnownAlive,
    /// The request may still live inside KCP.
    #[error("too early: the request may still arrive at KCP until {0}; look again after that")]
    TooEarly(Timestamp),
    /// KCP does not confirm it.
    #[error("KCP does not confirm it: {0}")]
    NotConfirmed(String),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// An engine over a ledger. Nothing is sent before [`recover`](Self::recover) or a request.
    #[must_use]
    pub fn new(store: Store, shops: impl IntoIterator<Item = Shop>, clock: Clock) -> Self {
        let shops = shops
            .into_iter()
            .map(|shop| (shop.id.clone(), Arc::new(shop)))
            .collect();
        Self(Arc::new(Inner {
            store,
            clock,
            sole: true,
            shops,
            bench: Arc::default(),
        }))
    }

    /// The ledger, for reading.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The shops that this engine knows.
    pub fn shops(&self) -> impl Iterator<Item = &Shop> {
        self.0.shops.values().map(|shop| &**shop)
    }

    /// Begins a sale: checks it, writes the request and the intent to send it in one commit, and
    /// sends it. From the commit on it goes on by itself, whoever hangs up.
    ///
    /// # Errors
    /// [`PayError`]; then nothing was sent.
    pub async fn pay(&self, sale: Sale) -> Result<Outcome, PayError> {
        let Inner { clock, store, .. } = &*self.0;
        let shop = self
            .shop(&sale.shop)
            .ok_or_else(|| PayError::UnknownShop(sale.shop.clone()))?;
        let kind = if sale.proof.is_some() {
            Kind::Authenticated
        } else {
            Kind::Unauthenticated
        };
        shop.allows(kind, &sale.order)?;
        sale.order.check()?;
        let now = clock.now();
        kcp::check_expiry(&sale.card, now)?;

        let order_no = sale.order.order_no.clone();
        let mut request = Request {
            shop: sale.shop,
            order_no: order_no.clone(),
            order: sale.order,
            kind,
            card: sale.card.number.masked(),
            by: sale.by,
        };
        let key = sale.key.map(|(scope, key)| Key {
            scope,
            key,
            request: fingerprint(&request),
        });
        let id = clock::new_payment_id();
        let mut attempt = 1;
        let book = loop {
            request.order.order_no = number_at_kcp(&order_no, attempt)?;
            let events = vec![
                Event::Requested(Box::new(request.clone())),
                Event::ApproveSent,
            ];
            let draft =
                Draft::begin(id.clone(), clock.now(), events).map_err(|why| failed(&why))?;
            let due = due_at(draft.after(), now, &shop.policy);
            match store
                .create(
                    draft,
                    due,
                    Opening {
                        attempt,
                        key: key.clone(),
                    },
                )
                .await
            {
                Ok(book) => break book,
                Err(CreateError::Attempt { next }) => attempt = next.max(attempt + 1),
                Err(CreateError::KeyUsed {
                    payment,
                    same_request: true,
                }) => {
                    let book = store
                        .load(&payment)
                        .await?
                        .ok_or_else(|| failed(&"the key's payment is gone"))?;
                    return Ok(Outcome::Replayed(Box::new(book.payment)));
                }
                Err(CreateError::KeyUsed { payment, .. }) => {
                    return Err(PayError::KeyReused { payment });
                }
                Err(CreateError::OrderLive { payment }) => {
                    return Err(PayError::OrderLive { order_no, payment });
                }
                Err(CreateError::Store(why)) => return Err(why.into()),
            }
        };
        let place = self
            .0
            .bench
            .take(&book.payment)
            .ok_or_else(|| failed(&"a new payment has a worker"))?;
        let ticket = Ticket {
            seen: place.work.seen.subscribe(),
            work: Arc::clone(&place.work),
        };
        let held = Held {
            card: sale.card,
            proof: sale.proof,
        };
        tokio::spawn(Arc::clone(&self.0).drive(place, book, shop, Some(held)));
        Ok(Outcome::Begun(ticket))
    }

    /// Asks for a cancel: of `amount`, or of all that is left. It goes on by itself until it has
    /// taken effect or KCP has refused it for good.
    ///
    /// # Errors
    /// [`CancelError`]; then nothing was sent.
    pub async fn cancel(
        &self,
        id: &PaymentId,
        amount: Option<Amount>,
        reason: CancelReason,
        by: Actor,
    ) -> Result<CancelId, CancelError> {
        let cancel_id = clock::new_cancel_id();
        loop {
            let book = self
                .0
                .store
                .load(id)
                .await?
                .ok_or_else(|| CancelError::UnknownPayment(id.clone()))?;
            let shop_id = &book.payment.request.shop;
            let shop = self
                .shop(shop_id)
                .ok_or_else(|| CancelError::UnknownShop(shop_id.clone()))?;
            let amount = cancellable(&book.payment, amount, &shop)?;
            let order = CancelOrder {
                id: cancel_id.clone(),
                amount,
                reason: reason.clone(),
                by: by.clone(),
            };
            let now = self.0.clock.now();
            let draft =
                Draft::of(book, now, Event::CancelAsked(order)).map_err(|why| match why {
                    Illegal::TooMuch { asked, remaining } => {
                        CancelError::TooMuch { asked, remaining }
                    }
                    Illegal::CancelPending => CancelError::Pending,
                    why => failed(&why).into(),
                })?;
            let due = due_at(draft.after(), now, &shop.policy);
            if self.0.store.append(draft, due).await?.is_some() {
                self.0.work_on(id).await;
                return Ok(cancel_id);
            }
        }
    }

    /// Takes what a person knows of a payment in doubt. What they say is never believed by itself:
    /// a number is confirmed by a signed inquiry, an absence counts only after the quiet period.
    ///
    /// # Errors
    /// [`ResolveError`]; then nothing was written.
    pub async fn resolve(
        &self,
        id: &PaymentId,
        what: Resolution,
        by: Actor,
    ) -> Result<Payment, ResolveError> {
        let Inner { clock, store, .. } = &*self.0;
        loop {
            let book = store
                .load(id)
                .await?
                .ok_or_else(|| ResolveError::UnknownPayment(id.clone()))?;
            let shop_id = &book.payment.request.shop;
            let shop = self
                .shop(shop_id)
                .ok_or_else(|| ResolveError::UnknownShop(shop_id.clone()))?;
            let status = book.payment.status();
            let event = match &what {
                // Money that turns up after a payment was closed opens it again.
                Resolution::Live { .. }
                    if !matches!(status, Status::InDoubt | Status::Void | Status::Declined) =>
                {
                    return Err(ResolveError::NotInDoubt(status));
                }
                Resolution::Live { tno, note, keep } => {
                    let asked_at = clock.now();
                    match kcp::inquire(tno, &book.payment, &shop).await {
                        seen @ Live::Found { .. } => {
                            let source = Source::Person {
                                who: by.clone(),
                                note: note.clone(),
                                keep: *keep,
                            };
                            Event::Looked(Looked {
                                seen,
                                source,
                                asked_at,
                            })
                        }
                        Live::Absent => {
                            return Err(ResolveError::NotConfirmed("no such transaction".into()));
                        }
                        Live::Unclear { why } => return Err(ResolveError::NotConfirmed(why)),
                    }
                }
                Resolution::Absent { note } => {
                    may_attest_absence(&book.payment, clock.now(), &shop.policy).map_err(
                        |until| match until {
                            Some(at) => ResolveError::TooEarly(at),
                            None if status == Status::InDoubt => ResolveError::KnownAlive,
                            None => ResolveError::NotInDoubt(status),
                        },
                    )?;
                    Event::Voided(VoidReason::Attested {
                        by: by.clone(),
                        note: note.clone(),
                    })
                }
            };
            let now = clock.now();
            let draft = Draft::of(book, now, event).map_err(|why| failed(&why))?;
            let due = due_at(draft.after(), now, &shop.policy);
            if let Some(book) = store.append(draft, due).await? {
                self.0.work_on(id).await;
                return Ok(book.payment);
            }
        }
    }

    /// Waits, at most `patience`, until a payment rests or `enough` holds, and returns it as it is then.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn watch(
        &self,
        id: &PaymentId,
        patience: Duration,
        enough: impl Fn(&Payment) -> bool,
    ) -> Result<Option<Payment>, StoreError> {
        if let Some(work) = self.0.bench.of(id) {
            let mut seen = work.seen.subscribe();
            let _ = tokio::time::timeout(patience, seen.wait_for(|payment| enough(payment))).await;
        }
        Ok(self.0.store.load(id).await?.map(|book| book.payment))
    }

    /// Writes down everything that follows from what the journal tells, without calling KCP: what
    /// was on the line when a process ended is in doubt from here on.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        for id in self.0.store.due(Timestamp::MAX, u32::MAX).await? {
            while let Some(book) = self.0.store.load(&id).await? {
                let Some(shop) = self.shop(&book.payment.request.shop) else {
                    break;
                };
                let now = self.0.clock.now();
                let hands = Hands {
                    alone: self.0.sole,
                    ..Hands::default()
                };
                let Todo::Record(event) = todo(&book.payment, now, hands, &shop.policy) else {
                    break;
                };
                let draft = Draft::of(book, now, event).map_err(|why| failed(&why))?;
                let due = due_at(draft.after(), now, &shop.policy);
                self.0.store.append(draft, due).await?;
            }
        }
        Ok(())
    }

    /// Takes up the work on every payment that does not rest. After a start this is all of recovery.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        self.catch_up().await?;
        let due = self.0.store.due(Timestamp::MAX, u32::MAX).await?;
        for id in &due {
            self.0.work_on(id).await;
        }
        Ok(due.len())
    }

    /// Waits, at most `patience`, until no payment is worked on. Returns how many still are.
    pub async fn settle(&self, patience: Duration) -> usize {
        let pause = Duration::from_millis(5);
        let tries = patience.as_millis() / pause.as_millis();
        for _ in 0..tries {
            if self.0.bench.len() == 0 {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        self.0.bench.len()
    }

    fn shop(&self, id: &ShopId) -> Option<Arc<Shop>> {
        self.0.shops.get(id).cloned()
    }
}

impl Inner {
    /// Sees to it that somebody works on a payment: pokes the worker, or becomes it.
    pub(crate) fn work_on<'a>(
        self: &'a Arc<Self>,
        id: &'a PaymentId,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            if self.bench.poke(id) {
                return;
            }
            match self.store.load(id).await {
                Ok(Some(book)) => self.begin_work(book),
                Ok(None) => {}
                Err(why) => tracing::error!(payment = %id, %why, "cannot read"),
            }
        })
    }

    fn begin_work(self: &Arc<Self>, book: Book) {
        let Some(shop) = self.shops.get(&book.payment.request.shop).cloned() else {
            tracing::error!(payment = %book.payment.id, shop = %book.payment.request.shop, "its shop is not configured");
            return;
        };
        match self.bench.take(&book.payment) {
            Some(place) => drop(tokio::spawn(
                Arc::clone(self).drive(place, book, shop, None),
            )),
            // Somebody became its worker meanwhile, with a ledger that may be older than ours.
            None => drop(self.bench.poke(&book.payment.id)),
        }
    }
}

impl Ticket {
    /// The payment's name.
    #[must_use]
    pub fn id(&self) -> PaymentId {
        self.seen.borrow().id.clone()
    }

    /// Waits for the first word: approved, declined, void or in doubt.
    pub async fn first_word(&self) -> Arc<Payment> {
        self.until(|payment| !matches!(payment.state, State::Requested | State::Approving { .. }))
            .await
    }

    /// Waits, at most `patience`, for a word that stands: not in doubt, and not on its way. While
    /// somebody waits so, an approval that is found alive is kept, if the shop's policy says so.
    pub async fn last_word(&self, patience: Duration) -> Arc<Payment> {
        let _patience = self.work.wait();
        let stands = |payment: &Payment| {
            use Status::{Approving, InDoubt, Requested, Reversing};
            !matches!(
                payment.status(),
                Requested | Approving | InDoubt | Reversing
            )
        };
        let last = tokio::time::timeout(patience, self.until(stands)).await;
        last.unwrap_or_else(|_| Arc::clone(&self.seen.borrow()))
    }

    async fn until(&self, enough: impl Fn(&Payment) -> bool) -> Arc<Payment> {
        let mut seen = self.seen.clone();
        // The worker ends when the payment rests; what it saw last is then the word.
        let _ = seen.wait_for(|payment| enough(payment)).await;
        Arc::clone(&self.seen.borrow())
    }
}

/// How much of a payment a cancel is to take.
fn cancellable(
    payment: &Payment,
    asked: Option<Amount>,
    shop: &Shop,
) -> Result<Amount, CancelError> {
    let State::Approved {
        approval,
        remaining,
        ..
    } = &payment.state
    else {
        return Err(CancelError::NotApproved(payment.status()));
    };
    let amount = asked.map_or(*remaining, Amount::get);
    let amount = Amount::new(amount).map_err(|_| CancelError::NothingLeft)?;
    if amount.get() > *remaining {
        return Err(CancelError::TooMuch {
            asked: amount.get(),
            remaining: *remaining,
        });
    }
    if amount != approval.amount {
        if !shop.contract.partial_cancel {
            return Err(CancelError::WholeOnly(
                "the shop has no contract for partial cancels",
            ));
        }
        if approval.partial_cancel == Some(false) {
            return Err(CancelError::WholeOnly(
                "KCP says that this card takes no partial cancels",
            ));
        }
    }
    Ok(amount)
}

/// What KCP is told as the order's number: the merchant's own, and for later attempts one that is
/// ours alone, so that looking it up finds that attempt and no other.
fn number_at_kcp(order_no: &OrderNo, attempt: u32) -> Result<OrderNo, Invalid> {
    if attempt == 1 {
        return Ok(order_no.clone());
    }
    let suffix = format!("-{attempt}");
    let keep = order_no.as_str().len().min(40 - suffix.len());
    OrderNo::parse(&format!("{}{suffix}", &order_no.as_str()[..keep]))
}

/// What makes two requests the same, without anything of the card but its ends. Not a secret: the
/// ledger holds all of it in clear.
fn fingerprint(request: &Request) -> String {
    let text = serde_json::to_string(request).unwrap_or_default();
    let digest = Sha256::digest(text);
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn failed(why: &impl ToString) -> StoreError {
    StoreError::Failed {
        why: why.to_string(),
    }
}
