//! Sales: asked for once, sent once, and waited for as long as the asker likes.

use std::{fmt::Write as _, net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use nhn_kcp::{Buyer, Card, HolderProof, Invalid, Order, OrderNo};
use sha2::{Digest, Sha256};
use sugi_core::{
    Actor, Event, Kind, Payment, PaymentId, Request, ShopId, State, Status, order_number,
};
use sugi_store::{CreateError, CreationClaims, Key, PaymentSnapshot, PendingAppend, StoreError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::Instrument as _;

use crate::{
    currencies::Currencies,
    drive::{PendingCard, due_at},
    engine::{Engine, Inner, failed},
    kcp,
    shop::{OrderNumbers, Shop},
    tally::Change,
    trace,
    velocity::{Counted, LimitBy, VelocityLimited, Who},
    work::Work,
};

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
    /// From which address, where there is one.
    pub from: Option<IpAddr>,
    /// Whose key this is and the key, so that asking twice makes one payment.
    pub key: Option<(String, String)>,
}

impl Sale {
    /// Checks what must agree within the sale, and that no text repeats the card's number. [`Engine::pay`] begins with
    /// it; who writes anything of a sale down before that, even into the audit, checks first.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self) -> Result<(), Invalid> {
        self.order.check()?;
        self.order.check_card(&self.card.number)?;
        self.key.as_ref().map_or(Ok(()), |(_, key)| {
            let number = &self.card.number;
            number.check_absent("Idempotency-Key", key)
        })
    }
}

/// What became of asking for a sale.
#[derive(Debug)]
pub enum Outcome {
    /// It is being made.
    Begun(PaymentHandle),
    /// This key made a payment before; this is it, as it stands.
    Replayed(Box<Payment>),
}

/// A sale that is being made. Dropping it changes nothing but that no one waits any more.
#[derive(Debug)]
pub struct PaymentHandle {
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
    /// The shop's contract does not take the currency.
    #[error("currency must be {takes} at shop {shop}: its contract takes no other")]
    Currency {
        /// The shop.
        shop: ShopId,
        /// What it takes.
        takes: Currencies,
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
    /// As many sales of the shop are in flight as may be.
    #[error("shop {0} has as many sales on the line as may be; try again in a moment")]
    Busy(ShopId),
    /// Too many answers of KCP were lost just now: see [`CircuitBreakerRule`](crate::CircuitBreakerRule).
    #[error("KCP loses answers for shop {shop}; no new sale before {until}")]
    CircuitBreaker {
        /// The shop.
        shop: ShopId,
        /// When to ask again.
        until: Timestamp,
    },
    /// Sales come faster than people buy, or too many are declined: see
    /// [`VelocityRule`](crate::VelocityRule). How far over the limit is told to no one.
    #[error("too many sales {by} in a short time; no new one before {until}")]
    VelocityLimited {
        /// By what the limit counts.
        by: LimitBy,
        /// When to ask again.
        until: Timestamp,
    },
    /// The service is ending.
    #[error("the service is ending; ask the next one")]
    Stopping,
    /// The ledger. Only after [`StoreError::Unknown`] may the payment exist.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Begins a sale: checks it, writes the request and the intent to send it in one commit, and
    /// sends it. From the commit on it goes on by itself, whoever hangs up.
    ///
    /// # Errors
    /// [`PayError`]; then nothing was sent.
    pub async fn pay(&self, sale: Sale) -> Result<Outcome, PayError> {
        let shop = self
            .shop_of_sale(&sale)
            .ok_or_else(|| PayError::UnknownShop(sale.shop.clone()))?;
        let kind = if sale.proof.is_some() {
            Kind::Authenticated
        } else {
            Kind::Unauthenticated
        };
        sale.check()?;
        kcp::check_expiry(&sale.card, self.0.clock.now())?;

        let request = Request {
            shop: sale.shop,
            site_cd: shop.client.site_code().clone(),
            order_no: sale.order.order_no.clone(),
            order: sale.order,
            kind,
            card: sale.card.number.masked(),
            by: sale.by,
        };
        let buyer = request.order.buyer.clone();
        let key = sale.key.map(|(scope, key)| Key {
            scope,
            key,
            request: fingerprint(&request),
        });
        let who = Who::of(&request, sale.from);
        let allowed = shop.allows(kind, &request.order);
        let (permit, counted) = match allowed.and_then(|()| self.admit(&shop, who)) {
            Ok(admitted) => admitted,
            Err(refused) => {
                // Whoever asks again for what was done before moves nothing, so no gate is in the way,
                // nor a contract that was another then.
                if let Some(key) = key
                    && let Some(before) = self.replay(&key, &buyer).await?
                {
                    return Ok(before);
                }
                if let PayError::VelocityLimited { by, .. } = refused {
                    shop.gate.refused(by);
                }
                return Err(refused);
            }
        };
        let span = trace::work("pay", &shop.id);
        let created = self.create(&shop, request, key);
        let payment_snapshot = match created.instrument(span.clone()).await {
            Ok(Created::New(payment_snapshot)) => payment_snapshot,
            other => {
                shop.gate.hand_back(&counted);
                return match other? {
                    Created::Before(payment, same_request) => {
                        self.replayed(payment, same_request, &buyer).await
                    }
                    Created::New(_) => Err(failed(&"a sale that was made twice").into()),
                };
            }
        };
        let slot = self
            .0
            .in_flight_registry
            .take(&payment_snapshot.payment)
            .ok_or_else(|| failed(&"a new payment has a worker"))?;
        span.record("payment", payment_snapshot.payment.id.as_str());
        slot.work.calls(true);
        let payment_handle = PaymentHandle {
            seen: slot.work.watch(),
            work: Arc::clone(&slot.work),
        };
        let pending_card = PendingCard {
            card: sale.card,
            proof: sale.proof,
            who: counted.who,
            _permit: permit,
            span,
        };
        tokio::spawn(Arc::clone(&self.0).drive(slot, payment_snapshot, shop, Some(pending_card)));
        Ok(Outcome::Begun(payment_handle))
    }

    /// Writes a new payment, under a number of its own at KCP.
    async fn create(
        &self,
        shop: &Shop,
        mut request: Request,
        key: Option<Key>,
    ) -> Result<Created, PayError> {
        let Inner { store, tally, .. } = &*self.0;
        let (id, salt) = (sugi_clock::new_payment_id(), sugi_clock::random_bytes());
        let order_no = request.order_no.clone();
        request.order.order_no = match shop.contract.order_numbers {
            OrderNumbers::Marked => order_number::marked(&order_no, sugi_clock::random_bytes())?,
            OrderNumbers::Bare => order_no.clone(),
        };
        // The intent goes with the request: what is asked for is sent at once or never.
        let events = vec![Event::Requested(Box::new(request)), Event::ApproveSent];
        let now = self.0.when(shop);
        let pending_append = PendingAppend::begin(id.clone(), now, &salt, events);
        let pending_append = pending_append.map_err(|why| failed(&why))?;
        let due = due_at(pending_append.after(), now, &shop.policy);
        let change = Change::of(&pending_append);
        match store
            .create(pending_append, due, CreationClaims { key })
            .await
        {
            Ok(payment_snapshot) => {
                tally.add(change);
                Ok(Created::New(payment_snapshot))
            }
            Err(CreateError::KeyUsed {
                payment,
                same_request,
            }) => Ok(Created::Before(payment, same_request)),
            Err(CreateError::OrderLive { payment }) => {
                Err(PayError::OrderLive { order_no, payment })
            }
            // Written or not? The name is ours alone, so reading tells.
            Err(CreateError::Store(why @ StoreError::Unknown { .. })) => {
                // Where it cannot be read either, it stays unknown.
                let found = store.load(&id).await.ok().flatten();
                let payment_snapshot = found.ok_or(why)?;
                tally.add(change);
                Ok(Created::New(payment_snapshot))
            }
            Err(CreateError::Store(why)) => Err(why.into()),
        }
    }

    /// Lets a sale through the shop's gates. It is counted here and not when it is written, or many at
    /// once would all pass.
    fn admit(&self, shop: &Shop, who: Who) -> Result<(OwnedSemaphorePermit, Counted), PayError> {
        if self.0.is_stopping() {
            return Err(PayError::Stopping);
        }
        // What is counted lives in this process: setting the calendar neither frees nor holds anybody.
        let now = self.0.clock.steady();
        let permit = shop
            .gate
            .enter()
            .ok_or_else(|| PayError::Busy(shop.id.clone()))?;
        let counted = shop.gate.count(who, now);
        let counted = counted.map_err(|VelocityLimited { by, until }| {
            let until = self.0.clock.calendar_of(until);
            PayError::VelocityLimited { by, until }
        })?;
        match shop.gate.pass(now) {
            Ok(()) => Ok((permit, counted)),
            Err(until) => {
                shop.gate.uncount(&counted);
                let shop = shop.id.clone();
                let until = self.0.clock.calendar_of(until);
                Err(PayError::CircuitBreaker { shop, until })
            }
        }
    }

    /// What a key made before, if it made anything.
    async fn replay(&self, key: &Key, buyer: &Buyer) -> Result<Option<Outcome>, PayError> {
        match self.0.store.by_key(&key.scope, &key.key).await? {
            Some((payment, request)) => self
                .replayed(payment, request == key.request, buyer)
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    async fn replayed(
        &self,
        payment: PaymentId,
        same_request: bool,
        buyer: &Buyer,
    ) -> Result<Outcome, PayError> {
        if !same_request {
            return Err(PayError::KeyReused { payment });
        }
        let payment_snapshot = self
            .0
            .store
            .load(&payment)
            .await?
            .ok_or_else(|| failed(&"the key's payment is gone"))?;
        // Whose buyer was taken away after years cannot be compared any more; it is the same payment.
        let kept = &payment_snapshot.payment.request.order.buyer;
        if kept != buyer && *kept != Buyer::default() {
            return Err(PayError::KeyReused { payment });
        }
        Ok(Outcome::Replayed(Box::new(payment_snapshot.payment)))
    }
}

/// What came of writing a new payment.
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is returned"
)]
enum Created {
    /// It is written.
    New(PaymentSnapshot),
    /// Its key made this payment before, of the same request or of another.
    Before(PaymentId, bool),
}

impl PaymentHandle {
    /// The payment's name.
    #[must_use]
    pub fn id(&self) -> PaymentId {
        self.seen.borrow().id.clone()
    }

    /// Waits for the first word: approved, declined, void or in doubt.
    pub async fn first_result(&self) -> Arc<Payment> {
        self.until(|payment| !matches!(payment.state, State::Requested | State::Approving { .. }))
            .await
    }

    /// Waits, at most `max_wait`, for a word that stands: not in doubt, and not on its way. While
    /// someone waits so, an approval that is found alive is kept, if the shop's policy says so.
    pub async fn final_outcome(&self, max_wait: Duration) -> Arc<Payment> {
        let _patience = self.work.wait();
        let stands = |payment: &Payment| {
            use Status::{Approving, InDoubt, Requested, Reversing};
            !matches!(
                payment.status(),
                Requested | Approving | InDoubt | Reversing
            )
        };
        let last = tokio::time::timeout(max_wait, self.until(stands)).await;
        last.unwrap_or_else(|_| Arc::clone(&self.seen.borrow()))
    }

    async fn until(&self, enough: impl Fn(&Payment) -> bool) -> Arc<Payment> {
        let mut seen = self.seen.clone();
        // The worker ends when the payment rests; what it saw last is then the word.
        let _ = seen.wait_for(|payment| enough(payment)).await;
        Arc::clone(&self.seen.borrow())
    }
}

/// What makes two requests the same, without anything of the card but its ends. Of the buyer it knows
/// which parts were given and no more, for it outlives them: whoever they are is compared with the
/// payment, as long as that still knows. Nor does it know the site code, which is the shop's affair: who asks
/// again after that has changed asks for the same.
fn fingerprint(request: &Request) -> String {
    let Request {
        shop,
        site_cd: _,
        order_no: _,
        order,
        kind,
        card,
        by,
    } = request;
    let mut order = order.clone();
    let buyer = std::mem::take(&mut order.buyer);
    let given = [
        buyer.name.is_some(),
        buyer.mail.is_some(),
        buyer.phone.is_some(),
    ];
    let text = serde_json::to_string(&(shop, order, kind, card, by, given)).unwrap_or_default();
    let digest = Sha256::digest(text);
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
