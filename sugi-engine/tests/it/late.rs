//! Answers that come late, inquiries that fail, and what people may say then.

use jiff::{SignedDuration, Timestamp};
use kcp_sandbox::{Fault, FaultKind, Operation};
use nhn_kcp::Amount;
use sugi_clock::Clock;
use sugi_core::{Event, Payment, PaymentId, State, Status};
use sugi_engine::{CancelAsk, Engine, Resolution, ResolveAsk, ResolveError, Resolved};
use sugi_store::Store;

use crate::{HELD, TestApp, pending_card, until};

/// A cancel of a part, or of all that is left.
fn part(amount: Option<u64>) -> CancelAsk {
    CancelAsk {
        amount: amount.map(|amount| Amount::new(amount).unwrap()),
        seen: None,
        tax: None,
        reason: "고객 변심".parse().unwrap(),
        by: "lee".parse().unwrap(),
        key: None,
    }
}

impl TestApp {
    async fn now(&self, id: &PaymentId) -> Payment {
        let store = self.engine().store();
        store.load(id).await.unwrap().unwrap().payment
    }

    async fn events(&self, id: &PaymentId) -> Vec<&'static str> {
        let journal = self.engine().store().journal(id).await.unwrap();
        journal.iter().map(|row| row.event.name()).collect()
    }

    /// Someone gives a part back at KCP's partner site.
    async fn given_back_past_us(&self, id: &PaymentId, amount: u64, remaining: u64) {
        let tno = self.now(id).await.approval().unwrap().tno.clone();
        let part = nhn_kcp::Cancel::partial(
            tno,
            Amount::new(amount).unwrap(),
            Amount::new(remaining).unwrap(),
            "past us".parse().unwrap(),
        );
        self.shop().client.cancel(&part.unwrap()).await.unwrap();
    }

    fn inquiries_fail(&self) {
        let fails = Fault::new(FaultKind::LoseAnswer).on(Operation::Inquire);
        self.sandbox.fault(fails.times(1_000)).unwrap();
    }

    /// Lets time pass, a step whenever something was written, until it is so.
    async fn step_by_step(&self, id: &PaymentId, so: impl Fn(&Payment) -> bool) -> Payment {
        for _ in 0..100 {
            let before = self.now(id).await;
            if so(&before) {
                return before;
            }
            self.clock.advance(SignedDuration::from_secs(10));
            until("something is written", async || {
                self.now(id).await.seq > before.seq
            })
            .await;
        }
        panic!("it does not come: {:?}", self.events(id).await);
    }
}

fn is_over(payment: &Payment) -> bool {
    matches!(payment.state, State::Approved { pending: None, .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_to_one_cancel_is_not_written_onto_the_next() {
    let database = pg_for_tests::database();
    let mut test_app = TestApp::manual(true).await;
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let store = Store::connect(database.url()).await.unwrap();
        nodes.push(Engine::new(
            store,
            [test_app.shop()],
            test_app.clock.clone(),
        ));
    }
    let [one, other] = [nodes[0].clone(), nodes[1].clone()];
    test_app.engine = Some(one.clone());
    let id = test_app.pay("A-1").await.id;
    test_app.rests().await;

    // The first node's cancel is carried out, and its answer is held on the way back.
    let fault = Fault::new(pending_card()).on(Operation::Cancel);
    test_app.sandbox.fault(fault).unwrap();
    let messages = test_app.sandbox.messages().len();
    one.cancel(&id, part(Some(300))).await.unwrap();
    until("the cancel is in flight", async || {
        test_app.sandbox.messages().len() > messages
    })
    .await;

    // The other node takes it for lost, finds it done, and makes the next one.
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let other = other.clone();
        async move { other.run(async { drop(ended.await) }).await }
    });
    test_app.clock.advance(one.shops()[0].policy.call_life);
    until("the other node settles it", async || {
        let payment = test_app.now(&id).await;
        is_over(&payment) && payment.cancelled_amount() == 300
    })
    .await;
    other.cancel(&id, part(Some(200))).await.unwrap();
    until("the next one is done", async || {
        let payment = test_app.now(&id).await;
        is_over(&payment) && payment.cancelled_amount() == 500
    })
    .await;

    // Now the first node hears its answer. It ends nothing, and KCP is asked.
    test_app.sandbox.advance(HELD);
    until("the late answer is evidence", async || {
        let payment = test_app.now(&id).await;
        payment.late.len() == 1 && payment.reviews.is_empty()
    })
    .await;
    drop(end);
    running.await.unwrap();
    test_app.rests().await;
    let late: u64 = one.counts().late_answers.values().sum();
    assert_eq!(late, 1, "it is counted");
    let payment = test_app.now(&id).await;
    assert_eq!(payment.cancelled_amount(), 500);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_full_cancel_is_sent_again_where_inquiries_fail_and_already_cancelled_closes_it() {
    let test_app = TestApp::manual(true).await;
    let id = test_app.pay("A-1").await.id;
    test_app.rests().await;
    let lost = Fault::new(FaultKind::LoseAnswer).on(Operation::Cancel);
    test_app.sandbox.fault(lost).unwrap();
    test_app.inquiries_fail();
    test_app.engine().cancel(&id, part(None)).await.unwrap();
    let payment = test_app.step_by_step(&id, is_over).await;
    assert_eq!(payment.status(), Status::Cancelled);
    let events = test_app.events(&id).await;
    let sent = events.iter().filter(|name| **name == "cancel_sent");
    assert!(sent.count() >= 2, "{events:?}");
    let counts = test_app.engine().counts();
    let inquiries = counts.inquiries.values().next().unwrap();
    assert!(inquiries.failing > 5 && inquiries.failed == inquiries.made);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_partial_cancel_that_never_arrived_is_sent_again_where_inquiries_fail() {
    let test_app = TestApp::manual(true).await;
    let id = test_app.pay("A-1").await.id;
    test_app.rests().await;
    let lost = Fault::new(FaultKind::LoseRequest).on(Operation::Cancel);
    test_app.sandbox.fault(lost).unwrap();
    test_app.inquiries_fail();
    test_app
        .engine()
        .cancel(&id, part(Some(300)))
        .await
        .unwrap();
    let payment = test_app.step_by_step(&id, is_over).await;
    assert_eq!(payment.cancelled_amount(), 300);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_person_may_state_what_is_left_where_nothing_else_can_tell() {
    let test_app = TestApp::manual(true).await;
    let id = test_app.pay("A-1").await.id;
    test_app.rests().await;
    let states = async |amount| -> Result<Resolved, ResolveError> {
        let note = "partner site".into();
        let ask = ResolveAsk {
            what: Resolution::Remaining { amount, note },
            by: "kim".parse().unwrap(),
            key: Some(("desk".into(), "r-1".into())),
        };
        test_app.engine().resolve(&id, ask).await
    };
    let none = states(704).await;
    assert!(matches!(none, Err(ResolveError::NotHeldUp)), "{none:?}");
    let lost = Fault::new(FaultKind::LoseAnswer).on(Operation::Cancel);
    test_app.sandbox.fault(lost).unwrap();
    test_app.inquiries_fail();
    test_app
        .engine()
        .cancel(&id, part(Some(300)))
        .await
        .unwrap();
    let tried = |payment: &Payment| match &payment.state {
        State::Approved {
            pending: Some(pending),
            ..
        } => pending.1.blind > 0,
        _ => false,
    };
    test_app.step_by_step(&id, tried).await;
    let early = states(704).await;
    assert!(matches!(early, Err(ResolveError::TooEarly(_))), "{early:?}");
    // It is sent again, and the remainder that it names is not KCP's any more.
    let refused = |payment: &Payment| tried(payment) && payment.sends.len() == 2;
    test_app.step_by_step(&id, refused).await;
    let more = states(1005).await;
    assert!(
        matches!(more, Err(ResolveError::TooMuch { .. })),
        "{more:?}"
    );
    assert!(!states(704).await.unwrap().before);
    let payment = test_app.step_by_step(&id, is_over).await;
    assert_eq!(payment.cancelled_amount(), 300);
    assert!(states(704).await.unwrap().before, "one key, one statement");
    assert_eq!(payment.reviews.len(), 1, "KCP is still to confirm it");
    test_app.sandbox.clear_faults();
    test_app
        .step_by_step(&id, |payment| payment.reviews.is_empty())
        .await;
    test_app.agrees().await;
}

#[tokio::test]
async fn all_that_is_left_is_what_is_really_left() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    test_app.given_back_past_us(&id, 300, 1004).await;
    let payment = test_app.cancel(&id, None).await.unwrap();
    assert_eq!(payment.status(), Status::Cancelled);
    let State::Approved { cancels, .. } = &payment.state else {
        panic!()
    };
    let whose: Vec<_> = cancels
        .iter()
        .map(|cancel| (cancel.id.is_some(), cancel.amount))
        .collect();
    assert_eq!(whose, [(false, 300), (true, 704)]);
    test_app.agrees().await;
}

#[tokio::test]
async fn all_that_was_seen_is_the_most_that_is_cancelled() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    let seen = |seen| CancelAsk {
        seen: Some(seen),
        ..part(None)
    };
    let more = test_app.engine().cancel(&id, seen(1003)).await;
    assert!(
        matches!(
            more,
            Err(sugi_engine::CancelError::MoreLeft {
                left: 1004,
                seen: 1003
            })
        ),
        "{more:?}"
    );
    test_app.engine().cancel(&id, seen(1004)).await.unwrap();
    assert_eq!(test_app.settled(&id).await.status(), Status::Cancelled);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_sale_is_not_kept_beside_another_of_its_order() {
    let test_app = TestApp::manual(false).await;
    let lost = Fault::new(FaultKind::LoseAnswer);
    test_app.sandbox.fault(lost).unwrap();
    let first = test_app.pay("A-1").await.id;
    test_app.clock.advance(crate::QUIET);
    let resolve = async |what| {
        let (by, key) = ("kim".parse().unwrap(), None);
        test_app
            .engine()
            .resolve(&first, ResolveAsk { what, by, key })
            .await
    };
    let note = || String::from("partner site");
    resolve(Resolution::Absent { note: note() }).await.unwrap();
    test_app.rests().await;
    // A person was wrong, and the order is paid by a second sale.
    let tno = test_app.sandbox.books().transactions[0]
        .tno
        .parse()
        .unwrap();
    let second = test_app.pay("A-1").await;
    assert_eq!(second.status(), Status::Approved);
    let live = |keep| Resolution::Live {
        tno: nhn_kcp::Tno::clone(&tno),
        note: note(),
        keep,
    };
    let kept = resolve(live(true)).await;
    assert!(
        matches!(&kept, Err(ResolveError::OrderLive(other)) if *other == second.id),
        "{kept:?}"
    );
    resolve(live(false)).await.unwrap();
    assert_eq!(test_app.settled(&first).await.status(), Status::Reversed);
    test_app.agrees().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_at_rest_is_asked_about_once_the_configuration_lets_it() {
    let database = pg_for_tests::database();
    for shared in [false, true] {
        let mut test_app = TestApp::new().await;
        test_app.engine = None;
        test_app.order_lookup = false;
        let store = if shared {
            Store::connect(database.url()).await.unwrap()
        } else {
            Store::open(test_app.dir.path()).unwrap()
        };
        let engine = Engine::new(store, [test_app.shop()], Clock::real());
        test_app.engine = Some(engine.clone());
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn({
            let engine = engine.clone();
            async move { engine.run(async { drop(ended.await) }).await }
        });
        test_app
            .sandbox
            .fault(Fault::new(FaultKind::LoseAnswer))
            .unwrap();
        let id = test_app.pay("A-1").await.id;
        until("it is at rest", async || {
            engine.settle(crate::MAX_WAIT).await == 0
                && engine
                    .store()
                    .due(Timestamp::MAX, 1)
                    .await
                    .unwrap()
                    .is_empty()
        })
        .await;
        assert_eq!(test_app.now(&id).await.status(), Status::InDoubt);
        test_app.order_lookup = true;
        engine.set_shops([test_app.shop()]);
        until("it is settled", async || {
            test_app.now(&id).await.status() == Status::Reversed
        })
        .await;
        drop(end);
        running.await.unwrap();
        let journal = engine.store().journal(&id).await.unwrap();
        assert!(
            journal
                .iter()
                .any(|row| matches!(row.event, Event::Inquired(_)))
        );
        test_app.agrees().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_once_is_taken_up_when_it_can_be() {
    let database = pg_for_tests::database();
    let mut test_app = TestApp::new().await;
    let store = Store::connect(database.url()).await.unwrap();
    let engine = Engine::new(store, [test_app.shop()], Clock::real());
    test_app.engine = Some(engine.clone());
    test_app.pay("A-1").await;
    test_app.rests().await;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run(async { drop(ended.await) }).await }
    });
    database.sql("alter table journal rename to unreadable");
    database.sql("update payment set due_at = 0");
    until("it cannot be taken up, and is counted", async || {
        engine.counts().not_taken_up == 1
    })
    .await;
    database.sql("alter table unreadable rename to journal");
    until("it is taken up", async || {
        let due = engine.store().due(Timestamp::MAX, 1).await.unwrap();
        due.is_empty() && engine.counts().not_taken_up == 0
    })
    .await;
    drop(end);
    running.await.unwrap();
    test_app.agrees().await;
}
