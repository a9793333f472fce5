//! The watch over final states: what KCP has otherwise than the ledger is found, on both ledgers.

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind, Operation, magic_card};
use nhn_kcp::{Amount, Cancel, CancelReason};
use sugi_core::{Difference, Payment, PaymentId, PublicEvent, Status};
use sugi_engine::{CancelAsk, Engine, Finding, Outcome, Sale, WatchCounts};
use sugi_store::Store;
use tokio::task::JoinHandle;

use crate::{QUIET, TestApp, card, sale, time::evening, until};

/// Longer than the window of a test's shop.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);

impl TestApp {
    /// Gives events their numbers, as the service does for its stream.
    async fn numbers_events(&self) {
        let store = self.engine().store();
        let events = store.unnumbered().await.unwrap();
        let done = store.number(self.clock.now(), &events, |_| Vec::new());
        assert!(done.await.unwrap());
    }

    /// Has the watch run from here on, as the service does.
    fn begins_to_watch(&self) -> JoinHandle<()> {
        let engine = self.engine().clone();
        tokio::spawn(async move { engine.watch_settled(u32::MAX, std::future::pending()).await })
    }

    /// Lets the watch come round until it is so. Time passes in small steps: an answer on its way must not take
    /// so long by the clock that it is not believed, however busy the machine is.
    async fn watches_until(&self, what: &str, mut so: impl AsyncFnMut() -> bool) {
        self.numbers_events().await;
        until(what, async || {
            self.passes(SignedDuration::from_millis(100));
            so().await
        })
        .await;
    }

    /// Waits until nothing that has come of age is left.
    async fn watches(&self) {
        self.watches_until("it has caught up", async || self.is_watched().await)
            .await;
    }

    async fn is_watched(&self) -> bool {
        let lags = self.engine().watch_lag().await.unwrap();
        lags.iter().all(|lag| lag.behind.is_zero())
    }

    fn watch_counts(&self) -> WatchCounts {
        let main = "main".parse().unwrap();
        self.engine().counts().watch[&main]
    }

    async fn finding(&self, id: &PaymentId) -> Option<Finding> {
        let findings = self.engine().findings().await.unwrap();
        findings.into_iter().find(|one| one.payment == *id)
    }

    async fn found(&self, id: &PaymentId) -> Option<Difference> {
        self.finding(id).await.and_then(|one| one.difference)
    }

    async fn events_of(&self, id: &PaymentId) -> Vec<PublicEvent> {
        self.numbers_events().await;
        let events = self.engine().store().events(0).await.unwrap();
        let mine = events.into_iter().filter(|event| event.payment == *id);
        mine.map(|event| event.public_event).collect()
    }

    async fn read(&self, id: &PaymentId) -> Payment {
        let read = self.engine().store().load(id).await.unwrap();
        read.unwrap().payment
    }

    /// Lets what is open go on, leap by leap, and each time to where it rests.
    async fn is_still_going(&self, id: &PaymentId, status: Status) {
        for _ in 0..20 {
            self.passes(QUIET);
            self.engine().recover().await.unwrap();
            self.engine()
                .settle(std::time::Duration::from_secs(2))
                .await;
            if self.read(id).await.status() == status {
                return;
            }
        }
        panic!("{:?}", self.read(id).await.status());
    }

    async fn is_cancelled_past_us(&self, payment: &Payment, part: Option<u64>) {
        let tno = payment.approval().unwrap().tno.clone();
        let reason = CancelReason::parse("past us").unwrap();
        let cancel = match part {
            None => Cancel::full(tno, reason),
            Some(part) => {
                let amount = |won| Amount::new(won).unwrap();
                Cancel::partial(tno, amount(part), amount(1004), reason).unwrap()
            }
        };
        self.shop().client.cancel(&cancel).await.unwrap();
    }
}

/// Tells a story over each ledger: SQLite, and PostgreSQL.
async fn on_both(order_lookup: bool, story: impl AsyncFn(TestApp)) {
    let test_app = evening(order_lookup).await;
    let watching = test_app.begins_to_watch();
    story(test_app).await;
    watching.abort();
    let database = pg_for_tests::database();
    let mut test_app = evening(order_lookup).await;
    test_app.engine = Some(node(&test_app, database.url()).await);
    let watching = test_app.begins_to_watch();
    story(test_app).await;
    watching.abort();
}

fn cancel(amount: Option<u64>) -> CancelAsk {
    CancelAsk {
        amount: amount.map(|won| Amount::new(won).unwrap()),
        seen: None,
        tax: None,
        reason: "고객 변심".parse().unwrap(),
        by: "lee".parse().unwrap(),
        key: None,
    }
}

async fn node(test_app: &TestApp, url: &str) -> Engine {
    let store = Store::connect(url).await.unwrap();
    Engine::new(store, [test_app.shop()], test_app.clock.clone())
}

#[tokio::test]
async fn what_agrees_is_looked_at_twice_and_leaves_no_row() {
    on_both(true, async |test_app| {
        let payment = test_app.pay("A-1").await;
        test_app.watches().await;
        assert_eq!(test_app.watch_counts(), WatchCounts::default(), "too early");
        test_app.passes(WINDOW);
        test_app.watches().await;
        // By its number and by its order.
        assert_eq!(test_app.watch_counts().inquiries, 2);
        test_app.passes(SignedDuration::from_hours(2));
        test_app.watches().await;
        assert_eq!(test_app.watch_counts().inquiries, 2);
        test_app.passes(SignedDuration::from_hours(22));
        test_app.watches().await;
        let inquiries = 4;
        let counts = WatchCounts {
            inquiries,
            ..WatchCounts::default()
        };
        assert_eq!(test_app.watch_counts(), counts);
        let journal = test_app
            .engine()
            .store()
            .journal(&payment.id)
            .await
            .unwrap();
        assert_eq!(journal.len(), 3);
        assert_eq!(test_app.engine().findings().await.unwrap(), []);
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn a_decline_that_charged_all_the_same_is_found_and_reversed() {
    on_both(true, async |test_app| {
        let sale = Sale {
            card: card(&magic_card(98, "CC61").unwrap()),
            ..sale("A-1", 1004)
        };
        let Outcome::Begun(handle) = test_app.engine().pay(sale).await.unwrap() else {
            panic!("it is new");
        };
        let id = handle.first_result().await.id.clone();
        assert_eq!(test_app.settled(&id).await.status(), Status::Declined);
        assert_eq!(test_app.approvals("A-1"), 1, "charged all the same");
        test_app.passes(WINDOW);
        test_app.watches().await;
        assert_eq!(test_app.settled(&id).await.status(), Status::Reversed);
        let found = test_app.found(&id).await;
        assert!(
            matches!(found, Some(Difference::Alive { kcp: 1004, .. })),
            "{found:?}"
        );
        assert_eq!(test_app.watch_counts().differing, 1);
        let events = test_app.events_of(&id).await;
        assert!(events.contains(&PublicEvent::Differs), "{events:?}");
        // It is to be seen for a day, and is closed then.
        test_app.passes(SignedDuration::from_hours(22));
        test_app.watches().await;
        assert!(test_app.finding(&id).await.is_some());
        test_app.passes(SignedDuration::from_hours(3));
        test_app
            .watches_until("it is closed", async || {
                test_app.finding(&id).await.is_none()
            })
            .await;
        assert_eq!(test_app.read(&id).await.differs, None);
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn money_that_was_given_back_past_us_is_found_without_being_asked_about() {
    on_both(false, async |test_app| {
        let whole = test_app.pay("A-1").await;
        let part = test_app.pay("A-2").await;
        test_app.is_cancelled_past_us(&whole, None).await;
        test_app.is_cancelled_past_us(&part, Some(300)).await;
        test_app.passes(WINDOW);
        test_app.watches().await;
        let ledger = 1004;
        for (payment, kcp, status) in [
            (whole, 0, Status::Cancelled),
            (part, 704, Status::PartiallyCancelled),
        ] {
            let found = test_app.found(&payment.id).await;
            assert_eq!(found, Some(Difference::Remaining { ledger, kcp }));
            assert_eq!(test_app.settled(&payment.id).await.status(), status);
        }
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn a_cancel_that_did_not_take_is_undone_in_the_ledger() {
    on_both(false, async |test_app| {
        let payment = test_app.pay("A-1").await;
        test_app.rests().await;
        let before = test_app.sandbox.snapshot();
        let all = cancel(None);
        test_app.engine().cancel(&payment.id, all).await.unwrap();
        let cancelled = test_app.settled(&payment.id).await;
        assert_eq!(cancelled.status(), Status::Cancelled);
        test_app.sandbox.restore(&before);
        test_app.sandbox.set_clock(test_app.clock.now());
        test_app.passes(WINDOW);
        test_app
            .watches_until("the case", async || {
                test_app.read(&payment.id).await.differs.is_some()
            })
            .await;
        let (ledger, kcp) = (0, 1004);
        let found = test_app.found(&payment.id).await;
        assert_eq!(found, Some(Difference::Remaining { ledger, kcp }));
        // The core asks again after the window before it believes that.
        test_app.is_still_going(&payment.id, Status::Approved).await;
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn a_reversal_that_did_not_hold_is_made_again() {
    on_both(true, async |test_app| {
        // Approved, the answer lost, and the first inquiry as well.
        test_app.fault(FaultKind::LoseAnswer);
        let lost = Fault::new(FaultKind::LoseAnswer).on(Operation::Inquire);
        test_app.sandbox.fault(lost).unwrap();
        let id = test_app.pay("A-1").await.id;
        until("it is approved there", async || {
            test_app.approvals("A-1") == 1
        })
        .await;
        let before = test_app.sandbox.snapshot();
        test_app.is_still_going(&id, Status::Reversed).await;
        test_app.rests().await;
        test_app.sandbox.restore(&before);
        test_app.sandbox.clear_faults();
        test_app.sandbox.set_clock(test_app.clock.now());
        test_app.passes(WINDOW);
        test_app
            .watches_until("the case", async || {
                test_app.read(&id).await.differs.is_some()
            })
            .await;
        let (ledger, kcp) = (0, 1004);
        let found = test_app.found(&id).await;
        assert_eq!(found, Some(Difference::Remaining { ledger, kcp }));
        test_app.is_still_going(&id, Status::Reversed).await;
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn another_amount_is_an_open_case_and_nothing_is_done_about_it() {
    on_both(false, async |test_app| {
        let payment = test_app.pay("A-1").await;
        let id = &payment.id;
        // A part is cancelled: an answer with another amount then contradicts itself in nothing.
        let part = cancel(Some(100));
        test_app.engine().cancel(id, part).await.unwrap();
        test_app.rests().await;
        let amount = Some(1104);
        let books_too = false;
        let lies = || Fault::new(FaultKind::WrongAmount { amount, books_too });
        // One answer is no evidence.
        let fault = lies().on(Operation::Inquire).times(1);
        test_app.sandbox.fault(fault).unwrap();
        test_app.passes(WINDOW);
        test_app.watches().await;
        assert_eq!(test_app.finding(id).await, None);
        assert!(
            test_app.watch_counts().inquiries > 2,
            "doubted, and asked again"
        );
        // Two are.
        let fault = lies().on(Operation::Inquire).times(2);
        test_app.sandbox.fault(fault).unwrap();
        test_app.passes(SignedDuration::from_hours(24));
        test_app.watches().await;
        let (ledger, kcp) = (1004, 1104);
        let found = test_app.found(id).await;
        assert_eq!(found, Some(Difference::Amount { ledger, kcp }));
        let payment = test_app.settled(id).await;
        assert_eq!(payment.status(), Status::PartiallyCancelled);
        assert_eq!(payment.differs, found);
        let told = [
            PublicEvent::Approved,
            PublicEvent::PartiallyCancelled,
            PublicEvent::Differs,
        ];
        assert_eq!(test_app.events_of(id).await, told);
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn when_everything_differs_kcps_answers_are_not_believed() {
    on_both(false, async |test_app| {
        let mut all = Vec::new();
        for n in 0..22 {
            all.push(test_app.pay(&format!("A-{n}")).await);
        }
        for payment in &all {
            test_app.is_cancelled_past_us(payment, None).await;
        }
        test_app.passes(WINDOW);
        test_app.watches().await;
        let cancelled = async || {
            let mut n = 0;
            for payment in &all {
                n += usize::from(test_app.settled(&payment.id).await.status() == Status::Cancelled);
            }
            n
        };
        assert_eq!(cancelled().await, 20);
        let silent = test_app.engine().findings().await.unwrap();
        let silent = silent.iter().filter(|one| one.difference.is_none());
        assert_eq!(silent.count(), 2, "open cases all the same");
        // One that agrees, and they are believed again: the cases are looked at every hour.
        test_app.passes(SignedDuration::from_hours(1));
        test_app
            .watches_until("the rest", async || cancelled().await == 22)
            .await;
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn what_kcp_does_not_answer_is_not_passed_over() {
    on_both(false, async |test_app| {
        let payment = test_app.pay("A-1").await;
        let silent = Fault::new(FaultKind::LoseAnswer).on(Operation::Inquire);
        test_app.sandbox.fault(silent.times(5)).unwrap();
        test_app.passes(WINDOW);
        test_app
            .watches_until("the first try", async || {
                test_app.watch_counts().failed == 1
            })
            .await;
        assert!(!test_app.is_watched().await);
        assert_eq!(test_app.finding(&payment.id).await, None);
        test_app.watches().await;
        assert_eq!(test_app.watch_counts().failed, 5);
        let finding = test_app.finding(&payment.id).await.unwrap();
        assert_eq!(finding.difference, None, "an open case all the same");
        // It answers again, and the case is closed.
        test_app.passes(SignedDuration::from_hours(1));
        test_app
            .watches_until("it is closed", async || {
                test_app.finding(&payment.id).await.is_none()
            })
            .await;
        let journal = test_app
            .engine()
            .store()
            .journal(&payment.id)
            .await
            .unwrap();
        assert_eq!(journal.len(), 3);
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn a_shop_that_is_not_watched_and_what_has_no_number_are_not_asked_about() {
    on_both(false, async |test_app| {
        let declined = Sale {
            card: card(&magic_card(99, "CC61").unwrap()),
            ..sale("A-1", 1004)
        };
        let Outcome::Begun(handle) = test_app.engine().pay(declined).await.unwrap() else {
            panic!("it is new");
        };
        handle.first_result().await;
        test_app.passes(WINDOW);
        test_app.watches().await;
        assert_eq!(test_app.watch_counts(), WatchCounts::default());
        test_app.pay("A-2").await;
        let mut shop = test_app.shop();
        shop.watch = false;
        test_app.engine().set_shops([shop]);
        test_app.passes(WINDOW);
        test_app.watches().await;
        assert_eq!(test_app.watch_counts(), WatchCounts::default());
        test_app.agrees().await;
    })
    .await;
}

#[tokio::test]
async fn a_restart_goes_on_where_the_watch_was() {
    let mut test_app = evening(false).await;
    test_app.pay("A-1").await;
    test_app.passes(WINDOW);
    let watching = test_app.begins_to_watch();
    test_app.watches().await;
    assert_eq!(test_app.watch_counts().inquiries, 1);
    test_app.pay("A-2").await;
    test_app.rests().await;
    watching.abort();
    assert!(watching.await.is_err(), "it ends when it is stopped");
    test_app.engine = None;
    test_app.open();
    test_app.passes(WINDOW);
    let watching = test_app.begins_to_watch();
    test_app.watches().await;
    watching.abort();
    assert_eq!(test_app.watch_counts().inquiries, 1, "of the second alone");
    test_app.agrees().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_looks() {
    let database = pg_for_tests::database();
    let mut test_app = evening(false).await;
    let one = node(&test_app, database.url()).await;
    let other = node(&test_app, database.url()).await;
    test_app.engine = Some(one.clone());
    for n in 0..5 {
        test_app.pay(&format!("A-{n}")).await;
    }
    test_app.rests().await;
    test_app.numbers_events().await;
    test_app.passes(WINDOW);
    let before = test_app.sandbox.messages().len();
    let first = test_app.begins_to_watch();
    test_app.engine = Some(other);
    let second = test_app.begins_to_watch();
    test_app.watches().await;
    assert_eq!(test_app.sandbox.messages().len() - before, 5);
    // The one that looked dies, whichever it was, and the other goes on once the lease is over.
    first.abort();
    test_app.passes(SignedDuration::from_hours(24));
    test_app.watches().await;
    assert_eq!(test_app.sandbox.messages().len() - before, 10);
    second.abort();
    test_app.agrees().await;
}
