//! The whole house: the engine on a real ledger, against a sandbox over real HTTP.
//!
//! Every story ends with [`House::agrees`]: the ledger beside the true books. A house that is
//! dropped without it fails the test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test"
)]

mod cancel;
mod counts;
mod doubt;
mod faults;
mod nodes;
mod restart;
mod sale;
mod tax;
mod velocity;

use std::{collections::BTreeMap, time::Duration};

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind, Sandbox};
use nhn_kcp::{
    Card, CardNumber, Client, Credentials, Expiry, Gateway, HolderProof, Money, Order, Timeouts,
};
use sugi_core::{Payment, PaymentId, Policy, Status};
use sugi_engine::{BrakeRule, Contract, Engine, Limits, Outcome, Sale, Shop, clock::Clock};
use sugi_store::{Filter, Store};

/// Long enough for everything that is to come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct House {
    sandbox: Sandbox,
    engine: Option<Engine>,
    dir: tempfile::TempDir,
    order_lookup: bool,
    agreed: bool,
}

impl House {
    /// A shop whose contract answers an inquiry by order number.
    async fn new() -> Self {
        Self::with(true).await
    }

    async fn with(order_lookup: bool) -> Self {
        let sandbox = Sandbox::builder()
            .order_lookup(order_lookup)
            .start()
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut house = Self {
            sandbox,
            engine: None,
            dir,
            order_lookup,
            agreed: false,
        };
        house.open();
        house
    }

    fn open(&mut self) {
        let store = Store::open(self.dir.path()).unwrap();
        self.engine = Some(Engine::new(store, [self.shop()], Clock::real()));
    }

    /// The shop, with no gate in the way of what is tested.
    fn shop(&self) -> Shop {
        let brake = BrakeRule {
            losses: 1_000,
            ..BrakeRule::default()
        };
        self.shop_with(&Limits {
            brake,
            ..Limits::default()
        })
    }

    fn shop_with(&self, limits: &Limits) -> Shop {
        let ours = self.sandbox.credentials();
        let (cert, key) = (ours.cert_pem.as_bytes(), ours.key_pem.as_bytes());
        let credentials = Credentials::from_pem(cert, key, &ours.key_password).unwrap();
        let gateway = Gateway::sandbox(self.sandbox.url()).unwrap();
        let millis = Duration::from_millis;
        let times = Timeouts {
            connect: millis(500),
            answer: millis(800),
            idle: millis(500),
        };
        let client = Client::builder(ours.site_cd.parse().unwrap(), credentials, gateway)
            .timeouts(times)
            .build();
        let policy = Policy {
            quiet: SignedDuration::from_millis(1_000),
            order_lookup: self.order_lookup,
            ladder: [0, 20, 50, 100, 200]
                .map(SignedDuration::from_millis)
                .into(),
            ..Policy::default()
        };
        Shop::new(
            "main".parse().unwrap(),
            client.unwrap(),
            times,
            millis(400),
            Contract {
                tax_split: true,
                ..Contract::default()
            },
            policy,
            limits,
        )
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    fn fault(&self, kind: FaultKind) {
        self.sandbox.fault(Fault::new(kind)).unwrap();
    }

    /// Begins a sale and waits for its first word.
    async fn pay(&self, order_no: &str) -> Payment {
        match self.engine().pay(sale(order_no, 1004)).await.unwrap() {
            Outcome::Begun(ticket) => Payment::clone(&*ticket.first_word().await),
            Outcome::Replayed(payment) => *payment,
        }
    }

    /// Waits until nothing is worked on, and returns a payment as it is then.
    async fn settled(&self, id: &PaymentId) -> Payment {
        self.rests().await;
        self.engine()
            .store()
            .load(id)
            .await
            .unwrap()
            .unwrap()
            .payment
    }

    async fn rests(&self) {
        if self.engine().settle(PATIENCE).await > 0 {
            let now = jiff::Timestamp::MAX;
            for id in self.engine().store().due(now, 10).await.unwrap() {
                let journal = self.engine().store().journal(&id).await.unwrap();
                let events: Vec<_> = journal.iter().map(|row| &row.event).collect();
                println!("{id}: {events:#?}");
            }
            panic!("work that does not come to rest");
        }
    }

    /// The ledger is whole, and says what the books say: of each order the same money is live,
    /// and of the same kind for tax.
    async fn agrees(mut self) {
        self.rests().await;
        self.engine().store().verify().await.unwrap();
        let mut ledger = BTreeMap::new();
        let page = self
            .engine()
            .store()
            .list(Filter {
                limit: Filter::MOST,
                ..Filter::default()
            })
            .await
            .unwrap();
        assert!(!page.more, "more than one page");
        for payment in page.payments {
            let payment = self
                .engine()
                .store()
                .load(&payment.id)
                .await
                .unwrap()
                .unwrap()
                .payment;
            let live = match payment.status() {
                Status::Approved | Status::PartiallyCancelled => {
                    payment.request.order.money.amount.get() - payment.cancelled_amount()
                }
                Status::Cancelled | Status::Declined | Status::Void | Status::Reversed => 0,
                open => panic!("{} is {open:?}: {:#?}", payment.id, payment.state),
            };
            let parts = payment.tax_left().filter(|_| live > 0);
            let parts = parts.map(|left| [left.supply, left.vat, left.free]);
            let order = ledger
                .entry(payment.request.order.order_no.to_string())
                .or_insert((0, None));
            *order = (order.0 + live, order.1.or(parts));
        }
        let mut books = BTreeMap::new();
        for transaction in self.sandbox.books().transactions {
            let parts = transaction
                .tax_remaining
                .filter(|_| transaction.remaining > 0);
            let parts = parts.map(|left| [left.tax, left.vat, left.free]);
            let order = books.entry(transaction.ordr_idxx).or_insert((0, None));
            *order = (order.0 + transaction.remaining, order.1.or(parts));
        }
        ledger.retain(|_, (live, _)| *live > 0);
        books.retain(|_, (live, _)| *live > 0);
        assert_eq!(ledger, books, "left the ledger, right the books");
        self.agreed = true;
    }

    /// How many approvals the books hold for an order.
    fn approvals(&self, order_no: &str) -> usize {
        self.sandbox.books_of(order_no).transactions.len()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        assert!(
            self.agreed || std::thread::panicking(),
            "a house was left without comparing ledger and books"
        );
    }
}

/// An unauthenticated sale of some won.
fn sale(order_no: &str, won: u64) -> Sale {
    Sale {
        shop: "main".parse().unwrap(),
        order: Order::new(order_no.parse().unwrap(), Money::won(won).unwrap()),
        card: card("4111111111111111"),
        proof: None,
        by: "kim".parse().unwrap(),
        from: None,
        key: None,
    }
}

fn card(number: &str) -> Card {
    Card::new(
        CardNumber::parse(number).unwrap(),
        Expiry::new(2030, 12).unwrap(),
    )
}

fn proof(password: &str) -> HolderProof {
    HolderProof::new(
        nhn_kcp::HolderNo::parse("951010").unwrap(),
        nhn_kcp::PasswordPrefix::parse(password).unwrap(),
    )
}
