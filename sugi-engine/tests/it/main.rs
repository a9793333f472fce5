//! The whole house: the engine on a real ledger, against a sandbox over real HTTP.
//!
//! Every story ends with [`TestApp::agrees`]: the ledger beside the true books. A house that is
//! dropped without it fails the test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test"
)]

mod answers;
mod cancel;
mod counts;
mod doubt;
mod faults;
mod foreign_orders;
mod late;
mod nodes;
mod restart;
mod sale;
mod tax;
mod time;
mod velocity;
mod watch;

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind, Sandbox};
use nhn_kcp::{
    Card, CardNumber, Client, Credentials, Expiry, Gateway, HolderProof, Money, Order, Timeouts,
};
use sugi_clock::Clock;
use sugi_core::{Payment, PaymentId, Policy, Status};
use sugi_engine::{CircuitBreakerRule, Contract, Engine, Limits, Outcome, Sale, Shop};
use sugi_store::{Filter, Store};

/// Long enough for everything that is to come, on a busy machine.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// How long a shop waits for whatever is to come. A machine that stands still for a moment must not
/// make an answer a lost one, nor a sale one that was held up.
const AMPLE: Duration = Duration::from_secs(20);
/// How long a hasty shop waits for an answer.
const HASTE: Duration = Duration::from_millis(500);
/// The uncertainty window.
const QUIET: SignedDuration = SignedDuration::from_secs(1);
/// What stays away until the sandbox's clock is moved so far. Further than any shop waits, and well
/// within what two clocks may be apart.
const HELD: Duration = Duration::from_mins(10);

struct TestApp {
    sandbox: Sandbox,
    engine: Option<Engine>,
    dir: tempfile::TempDir,
    order_lookup: bool,
    clock: Clock,
    /// What others sold under the shop's site code.
    strangers: Mutex<Vec<String>>,
    agreed: bool,
}

impl TestApp {
    /// A shop whose contract answers an inquiry by order number.
    async fn new() -> Self {
        Self::with(true).await
    }

    async fn with(order_lookup: bool) -> Self {
        Self::at(order_lookup, Clock::real()).await
    }

    /// A house whose clock stands still until it is moved: what is to be seen before a time cannot be
    /// seen too late.
    async fn manual(order_lookup: bool) -> Self {
        Self::at(order_lookup, Clock::manual(Clock::real().now())).await
    }

    async fn at(order_lookup: bool, clock: Clock) -> Self {
        let sandbox = Sandbox::builder()
            .order_lookup(order_lookup)
            .start()
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut test_app = Self {
            sandbox,
            engine: None,
            dir,
            order_lookup,
            clock,
            strangers: Mutex::default(),
            agreed: false,
        };
        test_app.open();
        test_app
    }

    fn open(&mut self) {
        let store = Store::open(self.dir.path()).unwrap();
        self.engine = Some(Engine::new(store, [self.shop()], self.clock.clone()));
    }

    /// Has the shop give answers up soon. Only where one never comes: whatever does come must not
    /// depend on how fast this machine is.
    async fn hasty(&self) {
        self.rests().await;
        self.engine()
            .set_shops([self.shop_that_waits(HASTE, &no_gate())]);
    }

    /// Has the shop wait as long as it does from the start.
    async fn waiters(&self) {
        self.rests().await;
        self.engine().set_shops([self.shop()]);
    }

    /// The shop, with no gate in the way of what is tested.
    fn shop(&self) -> Shop {
        self.shop_with(&no_gate())
    }

    fn shop_with(&self, limits: &Limits) -> Shop {
        self.shop_that_waits(AMPLE, limits)
    }

    fn shop_that_waits(&self, answer: Duration, limits: &Limits) -> Shop {
        let ours = self.sandbox.credentials();
        let (cert, key) = (ours.cert_pem.as_bytes(), ours.key_pem.as_bytes());
        let credentials = Credentials::from_pem(cert, key, &ours.key_password).unwrap();
        let gateway = Gateway::sandbox(self.sandbox.url()).unwrap();
        let times = Timeouts {
            connect: AMPLE,
            answer,
            idle: Duration::from_millis(500),
        };
        let client = Client::builder(ours.site_cd.parse().unwrap(), credentials, gateway)
            .timeouts(times)
            .build();
        let policy = Policy {
            uncertainty_window: QUIET,
            order_lookup: self.order_lookup,
            backoff: [0, 20, 50, 100, 200]
                .map(SignedDuration::from_millis)
                .into(),
            ..Policy::default()
        };
        Shop::new(
            "main".parse().unwrap(),
            client.unwrap(),
            times,
            AMPLE,
            Contract {
                unauthenticated: true,
                tax_split: true,
                ..Contract::default()
            },
            policy,
            limits,
        )
    }

    /// Someone else sells under the shop's site code and with its certificate: a web shop, say, by the
    /// merchant's bare order number. Says under which transaction number.
    async fn stranger_sells(&self, order_no: &str) -> String {
        let today = nhn_kcp::korean_date(self.clock.now());
        let Sale { order, card, .. } = sale(order_no, 1004);
        let sale = nhn_kcp::UnauthenticatedKeyIn::new(order, card, today).unwrap();
        let tno = self.shop().client.approve(sale).await.unwrap().tno;
        self.strangers.lock().unwrap().push(tno.to_string());
        tno.to_string()
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
            Outcome::Begun(payment_handle) => Payment::clone(&*payment_handle.first_result().await),
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
        if self.engine().settle(MAX_WAIT).await > 0 {
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
        let strangers = self.strangers.lock().unwrap().clone();
        for transaction in self.sandbox.books().transactions {
            if strangers.contains(&transaction.tno) {
                let (left, amount) = (transaction.remaining, transaction.amount);
                assert_eq!(left, amount, "what is not ours was touched");
                continue;
            }
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
        self.sandbox
            .books_beginning(&format!("{order_no}-"))
            .transactions
            .len()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        assert!(
            self.agreed || std::thread::panicking(),
            "a house was left without comparing ledger and books"
        );
    }
}

fn no_gate() -> Limits {
    let circuit_breaker = CircuitBreakerRule {
        losses: 1_000,
        ..CircuitBreakerRule::default()
    };
    Limits {
        circuit_breaker,
        ..Limits::default()
    }
}

/// Books at once, and does not answer before the sandbox's clock is moved.
fn pending_card() -> FaultKind {
    FaultKind::LateAnswer {
        delay_ms: HELD.as_secs() * 1_000,
        books_delay_ms: 0,
    }
}

/// Neither books nor answers before the sandbox's clock is moved.
pub(crate) fn held_with_its_books() -> FaultKind {
    let ms = HELD.as_secs() * 1_000;
    FaultKind::LateAnswer {
        delay_ms: ms,
        books_delay_ms: ms,
    }
}

/// Asks again and again until it is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(MAX_WAIT, asking).await;
    assert!(waited.is_ok(), "waited in vain: {what}");
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
