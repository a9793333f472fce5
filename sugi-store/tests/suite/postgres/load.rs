//! Load that remembers what it was told, to hold the ledger to it afterwards.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use sugi_core::{Event, Inquired, Live, Lost, PaymentId, Source};
use sugi_store::{
    CreateError, CreationClaims, Hash, PaymentSnapshot, PendingAppend, Store, StoreError,
};
use tokio::sync::watch;

use super::MAX_WAIT;
use crate::{at, id, pending_append};

/// How long a refused node stays away, unless someone else is served before.
const AWAY: Duration = Duration::from_millis(10);

/// What was told about each row that someone tried to write.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Rows that were acknowledged: payment, number, hash.
    written: Mutex<Vec<(PaymentId, u32, Hash)>>,
    /// Rows that were said not to be there: payment, number, time (each try has its own).
    failed: Mutex<Vec<(PaymentId, u32, jiff::Timestamp)>>,
    /// How many those that were acknowledged are.
    count: watch::Sender<usize>,
    unknown: AtomicU32,
    next: AtomicU32,
    stop: AtomicBool,
}

impl Told {
    /// Lets callers write until they are told to stop.
    pub(super) fn begin(
        self: &Arc<Self>,
        store: &Arc<Store>,
        callers: u32,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let caller = || tokio::spawn(Arc::clone(self).call(Arc::clone(store)));
        (0..callers).map(|_| caller()).collect()
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until so many rows are acknowledged.
    pub(super) async fn reach(&self, rows: usize) {
        let mut count = self.count.subscribe();
        let reached = tokio::time::timeout(MAX_WAIT, count.wait_for(|count| *count >= rows)).await;
        assert!(reached.is_ok(), "{} rows and no more", self.count());
    }

    async fn call(self: Arc<Self>, store: Arc<Store>) {
        while !self.stop.load(Ordering::SeqCst) {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            let mut payment_snapshot = match store
                .create(
                    pending_append(n, &format!("A-{n}")),
                    None,
                    CreationClaims::default(),
                )
                .await
            {
                Ok(payment_snapshot) => payment_snapshot,
                Err(CreateError::Store(why)) => {
                    self.note(&id(n), 1, at(1), why).await;
                    continue;
                }
                Err(why) => panic!("{why}"),
            };
            self.wrote(&payment_snapshot);
            for event in [lost(), looked(), looked()] {
                let time = at(1_000 + i64::from(self.next.fetch_add(1, Ordering::SeqCst)));
                let Ok(pending_append) = PendingAppend::of(payment_snapshot.clone(), time, event)
                else {
                    break;
                };
                match store.append(pending_append, None).await {
                    Ok(Some(written)) => {
                        self.wrote(&written);
                        payment_snapshot = written;
                    }
                    Ok(None) => panic!("somebody else wrote {}", payment_snapshot.payment.id),
                    Err(why) => {
                        self.note(
                            &payment_snapshot.payment.id,
                            payment_snapshot.payment.seq + 1,
                            time,
                            why,
                        )
                        .await;
                        break;
                    }
                }
            }
        }
    }

    fn wrote(&self, payment_snapshot: &PaymentSnapshot) {
        self.written.lock().unwrap().push((
            payment_snapshot.payment.id.clone(),
            payment_snapshot.payment.seq,
            payment_snapshot.head,
        ));
        self.count.send_modify(|count| *count += 1);
    }

    async fn note(&self, id: &PaymentId, seq: u32, at: jiff::Timestamp, why: StoreError) {
        match why {
            StoreError::Failed { .. } | StoreError::Busy => {
                self.failed.lock().unwrap().push((id.clone(), seq, at));
            }
            StoreError::Unknown { .. } => drop(self.unknown.fetch_add(1, Ordering::SeqCst)),
            why => panic!("{why}"),
        }
        // Whoever was refused does not come back at once, or all that would be left is refusals.
        let mut served = self.count.subscribe();
        let _ = tokio::time::timeout(AWAY, served.changed()).await;
    }

    /// Holds the ledger to what was told: returns how many rows were written, failed, unknown.
    pub(super) async fn check(&self, store: &Store) -> (usize, usize, u32) {
        store.verify().await.unwrap();
        let (written, failed) = (
            self.written.lock().unwrap().clone(),
            self.failed.lock().unwrap().clone(),
        );
        let mut journals = HashMap::new();
        for id in written
            .iter()
            .map(|(id, ..)| id)
            .chain(failed.iter().map(|(id, ..)| id))
        {
            if !journals.contains_key(id) {
                journals.insert(id.clone(), store.journal(id).await.unwrap());
            }
        }
        for (id, seq, hash) in &written {
            let row = journals[id].iter().find(|row| row.seq == *seq);
            assert_eq!(
                row.map(|row| row.hash),
                Some(*hash),
                "{id} {seq} was acknowledged"
            );
        }
        for (id, seq, at) in &failed {
            let row = journals[id]
                .iter()
                .find(|row| row.seq == *seq && row.at == *at);
            assert!(row.is_none(), "{id} {seq} was said not to be written");
        }
        (
            written.len(),
            failed.len(),
            self.unknown.load(Ordering::SeqCst),
        )
    }
}

fn lost() -> Event {
    Event::Lost(Lost {
        why: "timed out".into(),
        tno: None,
        contradicts: false,
    })
}

/// What can happen to a payment in doubt again and again.
fn looked() -> Event {
    let seen = Live::Unclear {
        why: "no answer".into(),
    };
    Event::Inquired(Inquired {
        seen,
        source: Source::Inquiry {
            tno: "26000000000001".parse().unwrap(),
        },
        asked_at: at(0).into(),
    })
}
