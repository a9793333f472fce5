//! The engine itself: what it holds, how its work is taken up, and how it ends.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use sugi_core::{
    Payment, PaymentId, Policy, Request, ShopId, Status, When,
    todo::{ProcessContext, Todo, todo, waits_since},
};
use sugi_store::{Filter, IntegrityViolation, PaymentSnapshot, PendingAppend, Store, StoreError};

use crate::{
    drive::due_at,
    sale::Sale,
    shop::Shop,
    stuck::Stuck,
    tally::{Change, Counts, Tally},
    work::InFlight,
};
use sugi_clock::Clock;

/// The engine. Cheap to clone; all clones are one engine.
#[derive(Debug, Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Clock,
    /// No other process works on this ledger.
    pub(crate) sole: bool,
    pub(crate) in_flight_registry: Arc<InFlight>,
    pub(crate) tally: Tally,
    shops: RwLock<HashMap<ShopId, Arc<Shop>>>,
    /// Since when, by the machine's uptime, this process has seen payments wait for something to be over.
    watched: Mutex<HashMap<PaymentId, (When, SignedDuration)>>,
    /// Doubts at rest are to be asked about again: this process is new, or the shops are.
    reconsider: AtomicBool,
    stopping: AtomicBool,
}

impl Engine {
    /// An engine over a ledger. Nothing is sent before [`recover`](Self::recover) or a request.
    #[must_use]
    pub fn new(
        store: impl Into<Arc<Store>>,
        shops: impl IntoIterator<Item = Shop>,
        clock: Clock,
    ) -> Self {
        let store = store.into();
        let (sole, shops) = (store.is_sole(), RwLock::new(by_id(shops)));
        Self(Arc::new(Inner {
            store,
            clock,
            sole,
            shops,
            in_flight_registry: Arc::default(),
            tally: Tally::default(),
            watched: Mutex::default(),
            reconsider: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
        }))
    }

    /// The ledger, for reading.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// What this engine has written since it began, counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self.0.tally.counts();
        // What never happens is told as never: who watches sees it begin.
        for shop in self.shops() {
            counts.foreign.entry(shop.id.clone()).or_default();
            counts.late_answers.entry(shop.id.clone()).or_default();
            counts.inquiries.entry(shop.id.clone()).or_default();
            counts.watch.entry(shop.id.clone()).or_default();
        }
        counts
    }

    /// The shops that this engine knows.
    #[must_use]
    pub fn shops(&self) -> Vec<Arc<Shop>> {
        self.0
            .shops
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Takes shops anew, with new certificates or contracts. Calls that are under way end with what
    /// they began with; what comes next, of payments that are being worked on as well, goes by the
    /// new ones. Doubts at rest are asked about again. A payment of a shop that is gone waits until it
    /// is back.
    pub fn set_shops(&self, shops: impl IntoIterator<Item = Shop>) {
        let mut known = self.0.shops.write().unwrap_or_else(PoisonError::into_inner);
        let kept = |mut shop: Shop| {
            // What is in flight, a circuit breaker that holds, and what was counted stay as they are.
            if let Some(before) = known.get(&shop.id) {
                before.gate.take_limits_of(&shop.gate);
                shop.gate = Arc::clone(&before.gate);
                if before.client.gateway() == shop.client.gateway() {
                    shop.kcp_clock = Arc::clone(&before.kcp_clock);
                }
            }
            shop
        };
        let shops: Vec<Shop> = shops.into_iter().map(kept).collect();
        *known = by_id(shops);
        drop(known);
        self.0.reconsider.store(true, Ordering::SeqCst);
        self.0.in_flight_registry.poke_all();
    }

    /// Waits, at most `max_wait`, until a payment rests or `enough` holds, and returns it as it is then.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn watch(
        &self,
        id: &PaymentId,
        max_wait: Duration,
        enough: impl Fn(&Payment) -> bool,
    ) -> Result<Option<Payment>, StoreError> {
        if let Some(work) = self.0.in_flight_registry.of(id) {
            let mut seen = work.watch();
            let _ = tokio::time::timeout(max_wait, seen.wait_for(|payment| enough(payment))).await;
        }
        Ok(self
            .0
            .store
            .load(id)
            .await?
            .map(|payment_snapshot| payment_snapshot.payment))
    }

    /// Writes down everything that follows from what the journal tells, without calling KCP: what
    /// was in flight when a process ended is in doubt from here on. A payment whose journal does not read is
    /// named and left alone; it keeps none of the others, and is counted as one that was not taken up.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        for id in self.0.store.due(Timestamp::MAX, u32::MAX).await? {
            // A worker of this process may be in flight for it.
            if self.0.in_flight_registry.of(&id).is_some() {
                continue;
            }
            match self.catch_up_with(&id).await {
                Err(why @ (StoreError::Inconsistent(_) | StoreError::Foreign { .. })) => {
                    tracing::error!(payment = %id, %why, "cannot be taken up; `sugi verify` says more");
                }
                caught_up => caught_up?,
            }
        }
        Ok(())
    }

    /// The same for one payment.
    async fn catch_up_with(&self, id: &PaymentId) -> Result<(), StoreError> {
        while let Some(payment_snapshot) = self.0.store.load(id).await? {
            let Some(shop) = self.0.shop_of(&payment_snapshot.payment) else {
                break;
            };
            let now = self.0.when(&shop);
            let process_context = ProcessContext {
                alone: self.0.sole,
                watched: self.0.watched(&payment_snapshot.payment),
                ..ProcessContext::default()
            };
            let Todo::Record(event) = todo(
                &payment_snapshot.payment,
                now,
                process_context,
                &shop.policy,
            ) else {
                break;
            };
            let event = self
                .0
                .beside_the_order(&payment_snapshot.payment, event)
                .await?;
            let pending_append = PendingAppend::of(payment_snapshot, now, event);
            let pending_append = pending_append.map_err(|why| IntegrityViolation {
                place: format!("payment {id}"),
                what: why.to_string(),
            })?;
            self.0.write(pending_append, now, &shop.policy).await?;
        }
        Ok(())
    }

    /// Takes up the work on every payment that does not rest. After a start this is all of recovery.
    /// Doubts that rest are asked about once more: the shop's contract may answer now.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        self.catch_up().await?;
        let mut open = self.0.store.due(Timestamp::MAX, u32::MAX).await?;
        let statuses = vec![Status::InDoubt];
        let mut filter = Filter {
            statuses,
            limit: Filter::MOST,
            ..Filter::default()
        };
        loop {
            let page = match self.0.store.list(filter.clone()).await {
                // What rests is made due by `run` as well, no matter what stands beside it.
                Err(StoreError::Inconsistent(why)) => {
                    tracing::error!(%why, "doubts at rest cannot be listed; `sugi verify` says more");
                    break;
                }
                page => page?,
            };
            open.extend(page.payments.iter().map(|payment| payment.id.clone()));
            filter.before = page.payments.last().map(|payment| payment.id.clone());
            if !page.more {
                break;
            }
        }
        open.sort();
        open.dedup();
        for id in &open {
            self.0.work_on(id).await;
        }
        Ok(open.len())
    }

    /// Waits, at most `max_wait`, until no payment is worked on. Returns how many still are.
    pub async fn settle(&self, max_wait: Duration) -> usize {
        let pause = Duration::from_millis(5);
        let tries = max_wait.as_millis() / pause.as_millis();
        for _ in 0..tries {
            if self.0.in_flight_registry.len() == 0 {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        self.0.in_flight_registry.len()
    }

    /// Takes up what is due until it is told to end: after a crash of this node or of another one,
    /// and for everything that waits for its time. Several nodes may do so on one ledger; that two
    /// of them take up the same payment costs a look, and never moves money twice.
    pub async fn run(&self, until: impl Future<Output = ()>) {
        tokio::pin!(until);
        let node = sugi_clock::new_node_name();
        // What cannot be taken up (its shop is not configured, its journal does not read) is tried again,
        // ever more seldom, and must not stand in the way of what can.
        let mut stuck = Stuck::default();
        loop {
            if self.0.reconsider.swap(false, Ordering::SeqCst) {
                stuck.try_all_again();
                if let Err(why) = self.0.store.doubts_due(self.0.clock.now()).await {
                    tracing::error!(%why, "cannot take up doubts at rest yet");
                    self.0.reconsider.store(true, Ordering::SeqCst);
                }
            }
            let limit = DUE_AT_ONCE.saturating_add(u32::try_from(stuck.len()).unwrap_or(u32::MAX));
            let due = self.0.due(&node, limit).await.unwrap_or_else(|why| {
                tracing::error!(%why, "cannot read what is due");
                Vec::new()
            });
            for id in due
                .into_iter()
                .filter(|id| self.0.in_flight_registry.of(id).is_none())
            {
                let now = self.0.clock.steady();
                if stuck.may_try(&id, now) {
                    let taken_up = self.0.work_on(&id).await;
                    stuck.tried(id, taken_up, now);
                }
            }
            stuck.forget_old(self.0.clock.steady());
            self.0.tally.not_taken_up(stuck.len());
            tokio::select! {
                () = &mut until => return,
                () = tokio::time::sleep(DUE_PAUSE) => {}
            }
        }
    }

    /// Ends: takes no more sales, begins no more calls, and waits, at most `max_wait`, until those
    /// in flight have ended. Returns how many have not.
    pub async fn stop(&self, max_wait: Duration) -> usize {
        self.0.stopping.store(true, Ordering::SeqCst);
        let pause = Duration::from_millis(5);
        for _ in 0..max_wait.as_millis() / pause.as_millis() {
            if self.0.in_flight() == 0 {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        self.0.in_flight()
    }

    /// The shop by which a new sale is made: the only one that is found by its name. A payment that exists has
    /// its shop by [`Inner::shop_of`], and its site code decides which that is.
    pub(crate) fn shop_of_sale(&self, sale: &Sale) -> Option<Arc<Shop>> {
        let shops = self.0.shops.read().unwrap_or_else(PoisonError::into_inner);
        shops.get(&sale.shop).cloned()
    }
}

/// How often a node looks for what is due.
const DUE_PAUSE: Duration = Duration::from_millis(500);
/// How long a node that took something up is left alone with it; a dead one's work goes on elsewhere
/// after that.
const LEASE: SignedDuration = SignedDuration::from_secs(3);
/// How many payments are watched at most; then the count begins anew, which only waits longer.
const WATCHED_MOST: usize = 10_000;
/// How much of it a node takes up at a time.
const DUE_AT_ONCE: u32 = 256;

impl Inner {
    /// Now, as it is written down: by every clock that this process can read.
    pub(crate) fn when(&self, shop: &Shop) -> When {
        self.clock.when(shop.kcp_clock.now(&self.clock))
    }

    /// How long this process itself has seen a payment wait for the same thing to be over.
    pub(crate) fn watched(&self, payment: &Payment) -> SignedDuration {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(since) = waits_since(payment) else {
            watched.remove(&payment.id);
            return SignedDuration::ZERO;
        };
        if watched.len() >= WATCHED_MOST {
            watched.clear();
        }
        let up = self.clock.up();
        let seen = watched.entry(payment.id.clone()).or_insert((since, up));
        if seen.0 != since {
            *seen = (since, up);
        }
        up - seen.1
    }

    /// The shop of a name, for nothing but how long to wait: which shop asks about a payment, its site code
    /// decides.
    pub(crate) fn paced_as(&self, shop: &ShopId) -> Option<Arc<Shop>> {
        let shops = self.shops.read().unwrap_or_else(PoisonError::into_inner);
        shops.get(shop).cloned()
    }

    /// The shop by which a payment is worked on: its own, if that still has the site code under which KCP
    /// knows the payment; otherwise one that has it, for a payment keeps its site code, no matter what becomes of
    /// its shop.
    pub(crate) fn shop_of(&self, payment: &Payment) -> Option<Arc<Shop>> {
        let Request { shop, site_cd, .. } = &*payment.request;
        let shops = self.shops.read().unwrap_or_else(PoisonError::into_inner);
        let has_it = |shop: &&Arc<Shop>| shop.client.site_code() == site_cd;
        let others = || shops.values().filter(has_it).min_by_key(|shop| &shop.id);
        let own = shops.get(shop).filter(has_it);
        own.or_else(others).cloned()
    }

    /// Writes what happened to a payment, and when to look at it again. `None`: someone else wrote
    /// first, nothing was written. Once it stands it is counted.
    pub(crate) async fn write(
        &self,
        pending_append: PendingAppend,
        now: When,
        policy: &Policy,
    ) -> Result<Option<PaymentSnapshot>, StoreError> {
        let (due, change) = (
            due_at(pending_append.after(), now, policy),
            Change::of(&pending_append),
        );
        let written = self.store.append(pending_append, due).await?;
        if written.is_some() {
            self.tally.add(change);
        }
        Ok(written)
    }

    /// Sees to it that someone works on a payment: notifies the worker, or becomes it. Whether that
    /// could be done.
    pub(crate) fn work_on<'a>(
        self: &'a Arc<Self>,
        id: &'a PaymentId,
    ) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async move {
            loop {
                if self.in_flight_registry.notify_worker(id) {
                    return true;
                }
                match self.store.load(id).await {
                    Ok(Some(payment_snapshot)) => match self.begin_work(payment_snapshot) {
                        // Someone became its worker meanwhile, with a ledger that may be older than ours.
                        Begun::Taken => {}
                        begun => return begun == Begun::Yes,
                    },
                    Ok(None) => return false,
                    Err(why) => {
                        tracing::error!(payment = %id, %why, "cannot read");
                        return false;
                    }
                }
            }
        })
    }

    /// What is due and this node's to take up.
    async fn due(&self, node: &str, limit: u32) -> Result<Vec<PaymentId>, StoreError> {
        let now = self.clock.now();
        if self.sole {
            return self.store.due(now, limit).await;
        }
        let leases = self.store.lease_due(node, now, LEASE, limit).await?;
        Ok(leases.into_iter().map(|lease| lease.payment).collect())
    }

    /// How many calls that move money are in flight, or about to be: sales from their admission on.
    fn in_flight(&self) -> usize {
        let shops = self.shops.read().unwrap_or_else(PoisonError::into_inner);
        let sales: usize = shops.values().map(|shop| shop.gate.in_use()).sum();
        sales + self.in_flight_registry.in_flight()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn begin_work(self: &Arc<Self>, payment_snapshot: PaymentSnapshot) -> Begun {
        let Some(shop) = self.shop_of(&payment_snapshot.payment) else {
            let (id, request) = (
                &payment_snapshot.payment.id,
                &payment_snapshot.payment.request,
            );
            let (shop, site_cd) = (&request.shop, &request.site_cd);
            tracing::error!(payment = %id, %shop, %site_cd, "no shop of its site code is configured");
            return Begun::No;
        };
        match self.in_flight_registry.take(&payment_snapshot.payment) {
            Some(slot) => {
                tokio::spawn(Arc::clone(self).drive(slot, payment_snapshot, shop, None));
                Begun::Yes
            }
            None => Begun::Taken,
        }
    }
}

/// Whether work was begun.
#[derive(PartialEq, Eq)]
enum Begun {
    Yes,
    No,
    Taken,
}

fn by_id(shops: impl IntoIterator<Item = Shop>) -> HashMap<ShopId, Arc<Shop>> {
    shops
        .into_iter()
        .map(|shop| (shop.id.clone(), Arc::new(shop)))
        .collect()
}

pub(crate) fn failed(why: &impl ToString) -> StoreError {
    StoreError::Failed {
        why: why.to_string(),
    }
}
