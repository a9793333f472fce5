//! Who works on which payment in this process, and who waits for it.
//!
//! One worker per payment at a time: that is what lets the core believe that no one else of this
//! process is in flight.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use sugi_core::{Payment, PaymentId};
use tokio::sync::{Notify, watch};

/// The payments that are worked on.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    work: Mutex<HashMap<PaymentId, Arc<Work>>>,
}

/// Work on one payment.
#[derive(Debug)]
pub(crate) struct Work {
    /// The payment as it stands, for those who wait; it ends with the worker.
    seen: watch::Receiver<Arc<Payment>>,
    /// Someone wrote to the journal past the worker: look again.
    pub(crate) worker_notified: Notify,
    /// How many wait for the end, and not only for the first word.
    waiters: AtomicUsize,
    /// It is in a call that moves money, or about to be.
    calling: AtomicBool,
}

/// Keeps a payment's place in the in-flight registry; giving it up frees it, however the worker ends.
pub(crate) struct Slot {
    in_flight_registry: Arc<InFlight>,
    id: PaymentId,
    pub(crate) work: Arc<Work>,
    /// Shows the payment to those who wait. When it is dropped they know that the worker has ended.
    pub(crate) show: watch::Sender<Arc<Payment>>,
}

impl InFlight {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PaymentId, Arc<Work>>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the place of a payment's worker, unless there is one.
    pub(crate) fn take(self: &Arc<Self>, payment: &Payment) -> Option<Slot> {
        let mut in_flight_registry = self.lock();
        if in_flight_registry.contains_key(&payment.id) {
            return None;
        }
        let (show, seen) = watch::channel(Arc::new(payment.clone()));
        let work = Arc::new(Work {
            seen,
            worker_notified: Notify::new(),
            waiters: AtomicUsize::new(0),
            calling: AtomicBool::new(false),
        });
        in_flight_registry.insert(payment.id.clone(), Arc::clone(&work));
        Some(Slot {
            in_flight_registry: Arc::clone(self),
            id: payment.id.clone(),
            work,
            show,
        })
    }

    /// The work on a payment, if there is any.
    pub(crate) fn of(&self, id: &PaymentId) -> Option<Arc<Work>> {
        self.lock().get(id).cloned()
    }

    /// Tells the worker of a payment to look again; `false` if there is none.
    ///
    /// Under the same lock as giving up a place, so that a worker that ends hears every notify that
    /// was made while it still had its place.
    pub(crate) fn notify_worker(&self, id: &PaymentId) -> bool {
        let in_flight_registry = self.lock();
        let work = in_flight_registry.get(id);
        work.inspect(|work| work.worker_notified.notify_one())
            .is_some()
    }

    /// Tells every worker to look again: the shops are others.
    pub(crate) fn poke_all(&self) {
        self.lock()
            .values()
            .for_each(|work| work.worker_notified.notify_one());
    }

    /// How many calls that move money are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.lock()
            .values()
            .filter(|work| work.calling.load(Ordering::SeqCst))
            .count()
    }

    /// How many payments are worked on.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

impl Work {
    /// The payment as the worker sees it, from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Payment>> {
        self.seen.clone()
    }

    /// Whether someone waits for the end.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiters.load(Ordering::SeqCst) > 0
    }

    /// Says whether it is in a call that moves money.
    pub(crate) fn calls(&self, calling: bool) {
        self.calling.store(calling, Ordering::SeqCst);
    }

    /// Waits for the end until dropped.
    pub(crate) fn wait(self: &Arc<Self>) -> Waiter {
        self.waiters.fetch_add(1, Ordering::SeqCst);
        Waiter(Arc::clone(self))
    }
}

/// Someone's patience.
#[derive(Debug)]
pub(crate) struct Waiter(Arc<Work>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.in_flight_registry.lock().remove(&self.id);
    }
}
