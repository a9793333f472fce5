//! The store suite: what every engine under the store has to keep, whatever it is made of.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod create;
mod finding;
mod tamper;
mod write;

use jiff::Timestamp;
use nhn_kcp::{Amount, Buyer, MaskedCard, Money, Order, OrderNo};
use sugi_core::{Approval, Event, Kind, PaymentId, Refusal, Request};
use sugi_store::{Book, CreateError, Draft, Key, Opening, Store};

/// A ledger in a folder of its own.
struct House {
    dir: tempfile::TempDir,
    store: Option<Store>,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(Store::open(dir.path()).unwrap());
        Self { dir, store }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Closes the ledger and opens it again.
    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(Store::open(self.dir.path()).unwrap());
    }

    /// Writes a payment whose approval is being sent.
    async fn pay(&self, n: u32, order_no: &str) -> Result<Book, CreateError> {
        self.store().create(draft(n, order_no), Some(at(40)), Opening { attempt: 1, key: None }).await
    }

    /// Lets something happen to a payment; `None` when somebody else was quicker.
    async fn then(&self, book: &Book, event: Event) -> Option<Book> {
        self.store().append(Draft::of(book.clone(), at(2), event).unwrap(), None).await.unwrap()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(n: u32) -> PaymentId {
    format!("pay_{n:032x}").parse().unwrap()
}

fn draft(n: u32, order_no: &str) -> Draft {
    Draft::begin(id(n), at(1), vec![Event::Requested(Box::new(request(order_no))), Event::ApproveSent]).unwrap()
}

fn request(order_no: &str) -> Request {
    let order_no: OrderNo = order_no.parse().unwrap();
    let mut order = Order::new(order_no.clone(), Money::won(1004).unwrap());
    let phone = Some("010-0000-0000".parse().unwrap());
    order.buyer = Buyer { name: Some("홍길동, \"고객\" 🙂".parse().unwrap()), mail: None, phone };
    Request {
        shop: "main".parse().unwrap(),
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
    Event::Declined(Refusal { code: "CC61".parse().unwrap(), message: "한도 초과".into(), trace_no: None })
}

fn key(key: &str, request: &str) -> Option<Key> {
    Some(Key { scope: "cli".into(), key: key.into(), request: request.into() })
}
