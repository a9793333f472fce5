//! The store suite: what every engine under the store has to keep, no matter what it is made of.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

/// Makes a test of each function for each engine: `create::sqlite::…` and `create::postgres::…`.
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::TestApp::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::TestApp::postgres().await).await;
            })*
        }
    };
}

mod audit;
mod create;
mod flips;
mod harms;
mod lease;
mod postgres;
mod public_event;
mod retention;
mod tamper;
mod violation;
mod write;
mod writer;

use jiff::Timestamp;
use nhn_kcp::{Amount, Buyer, MaskedCard, Money, Order, OrderNo};
use sugi_core::{Approval, Event, Kind, PaymentId, Refusal, Request};
use sugi_store::{CreateError, CreationClaims, Key, PaymentSnapshot, PendingAppend, Store};

/// A ledger of its own.
struct TestApp {
    place: Place,
    store: Option<Store>,
}

/// Where a ledger is kept.
enum Place {
    Folder(tempfile::TempDir),
    Database(pg_for_tests::Database),
}

impl TestApp {
    fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(Store::open(dir.path()).unwrap());
        Self {
            place: Place::Folder(dir),
            store,
        }
    }

    async fn postgres() -> Self {
        let mut test_app = Self {
            place: Place::Database(pg_for_tests::database()),
            store: None,
        };
        test_app.reopen().await;
        test_app
    }

    /// An empty ledger of the same kind.
    async fn another(&self) -> Self {
        match self.place {
            Place::Folder(_) => Self::sqlite(),
            Place::Database(_) => Self::postgres().await,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Closes the ledger and opens it again.
    async fn reopen(&mut self) {
        self.store = None;
        self.store = Some(self.open().await.unwrap());
    }

    /// Opens the ledger once more.
    async fn open(&self) -> Result<Store, sugi_store::StoreError> {
        match &self.place {
            Place::Folder(dir) => Store::open(dir.path()),
            Place::Database(database) => Store::connect(database.url()).await,
        }
    }

    /// Does something to the rows behind the store's back; says how many it touched.
    fn harm(&self, sql: &str) -> usize {
        match &self.place {
            Place::Folder(dir) => {
                let db = rusqlite::Connection::open(dir.path().join("sugi.db")).unwrap();
                db.execute(sql, []).unwrap()
            }
            Place::Database(database) => {
                let count =
                    format!("with touched as ({sql} returning 1) select count(*) from touched");
                database.sql(&count).parse().unwrap()
            }
        }
    }

    /// The same with several statements of any kind.
    fn harm_all(&self, sql: &str) {
        match &self.place {
            Place::Folder(dir) => {
                let db = rusqlite::Connection::open(dir.path().join("sugi.db")).unwrap();
                db.execute_batch(sql).unwrap();
            }
            Place::Database(database) => {
                database.sql(sql);
            }
        }
    }

    /// Lets an index miss rows of its table, as a broken one does.
    fn blind(&self, index: &str, table: &str) {
        match &self.place {
            Place::Folder(dir) => {
                let db = rusqlite::Connection::open(dir.path().join("sugi.db")).unwrap();
                let index = if index.ends_with("_pkey") {
                    format!("sqlite_autoindex_{table}_1")
                } else {
                    index.into()
                };
                // Another tree in its place.
                db.execute_batch(&format!(
                    "pragma writable_schema = on; update sqlite_schema
                     set rootpage = (select rootpage from sqlite_schema where name = 'audit_actor')
                     where name = '{index}'"
                ))
                .unwrap();
            }
            Place::Database(database) => {
                let ready = |is: bool| {
                    database.sql(&format!(
                        "update pg_index set indisready = {is} where indexrelid = '{index}'::regclass"
                    ));
                };
                ready(false);
                database.sql("update idempotency set request = request || 'x', key = key || 'x'");
                database.sql("update payment set due_at = due_at + 1");
                ready(true);
            }
        }
    }

    /// Writes a payment whose approval is being sent.
    async fn pay(&self, n: u32, order_no: &str) -> Result<PaymentSnapshot, CreateError> {
        self.store()
            .create(
                pending_append(n, order_no),
                Some(at(40)),
                CreationClaims::default(),
            )
            .await
    }

    /// Lets something happen to a payment; `None` when someone else was quicker.
    async fn then(
        &self,
        payment_snapshot: &PaymentSnapshot,
        event: Event,
    ) -> Option<PaymentSnapshot> {
        self.store()
            .append(
                PendingAppend::of(payment_snapshot.clone(), at(2), event).unwrap(),
                None,
            )
            .await
            .unwrap()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(n: u32) -> PaymentId {
    format!("pay_{n:032x}").parse().unwrap()
}

fn pending_append(n: u32, order_no: &str) -> PendingAppend {
    PendingAppend::begin(
        id(n),
        at(1),
        &[7; 16],
        vec![
            Event::Requested(Box::new(request(order_no))),
            Event::ApproveSent,
        ],
    )
    .unwrap()
}

fn request(order_no: &str) -> Request {
    let order_no: OrderNo = order_no.parse().unwrap();
    let mut order = Order::new(order_no.clone(), Money::won(1004).unwrap());
    let phone = Some("010-0000-0000".parse().unwrap());
    order.buyer = Buyer {
        name: Some("홍길동, \"고객\" 🙂".parse().unwrap()),
        mail: None,
        phone,
    };
    Request {
        shop: "main".parse().unwrap(),
        site_cd: "T0000".parse().unwrap(),
        order_no,
        order,
        kind: Kind::Authenticated,
        card: MaskedCard::parse("411111******1111").unwrap(),
        by: "kim".parse().unwrap(),
    }
}

fn approved(tno: &str) -> Event {
    let mut approval = Approval::bare(tno.parse().unwrap(), Amount::new(1004).unwrap());
    approval.app_no = Some("12345678".into());
    Event::Approved(Box::new(approval))
}

fn declined() -> Event {
    Event::Declined(Refusal {
        code: "CC61".parse().unwrap(),
        message: "한도 초과".into(),
        trace_no: None,
        issuer: true,
        stands: false,
    })
}

fn key(key: &str, request: &str) -> Key {
    Key {
        scope: "cli".into(),
        key: key.into(),
        request: request.into(),
    }
}

/// Drives all at once and waits for all.
async fn together<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(move |cx| {
        let mut open = false;
        for (future, slot) in all.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *slot = Some(value),
                    std::task::Poll::Pending => open = true,
                }
            }
        }
        if open {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(done.drain(..).flatten().collect())
        }
    })
    .await
}
