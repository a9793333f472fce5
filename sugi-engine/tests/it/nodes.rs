//! Two nodes on one PostgreSQL: one is killed under load, and the other takes over.

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind};
use sugi_clock::Clock;
use sugi_core::Status;
use sugi_engine::{CancelAsk, CancelError, Engine, Outcome, Resolution, ResolveAsk};
use sugi_store::{Filter, Store};

use crate::{HELD, TestApp, sale, until};

#[test]
fn one_is_killed_under_load_and_the_books_are_the_ledger() {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let database = pg_for_tests::database();
    // The dead one's calls can last no longer once the clock is moved, and not a moment before.
    let mut test_app = outside.block_on(TestApp::manual(true));
    let node = async |test_app: &TestApp| {
        let store = Store::connect(database.url()).await.unwrap();
        let mut shop = test_app.shop();
        // No pause between two tries: no time passes in between.
        shop.policy.backoff = vec![SignedDuration::ZERO];
        Engine::new(store, [shop], test_app.clock.clone())
    };
    test_app.engine = Some(outside.block_on(node(&test_app)));
    let survivor = test_app.engine().clone();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let running = outside.spawn({
        let survivor = survivor.clone();
        async move { survivor.run(async { drop(ended.await) }).await }
    });

    // Of the doomed node's answers some never come, and some are lost.
    let never = FaultKind::LateAnswer {
        delay_ms: HELD.as_secs() * 1_000,
        books_delay_ms: 200,
    };
    let fault = |kind, times| {
        test_app
            .sandbox
            .fault(Fault::new(kind).times(times))
            .unwrap();
    };
    fault(never, 20);
    fault(FaultKind::LoseAnswer, 10);
    let doomed = tokio::runtime::Runtime::new().unwrap();
    let begin = async |engine: &Engine, prefix: &str| {
        let mut tickets = Vec::new();
        for n in 0..30 {
            match engine
                .pay(sale(&format!("{prefix}-{n}"), 1004))
                .await
                .unwrap()
            {
                Outcome::Begun(payment_handle) => tickets.push(payment_handle),
                Outcome::Replayed(_) => panic!(),
            }
        }
        tickets
    };
    doomed.block_on(async {
        let engine = node(&test_app).await;
        begin(&engine, "A").await;
        until("KCP has booked all", async || {
            test_app.sandbox.transaction_count() == 30
        })
        .await;
    });
    // Of the survivor's, some are lost while the other dies.
    fault(FaultKind::LoseAnswer, 5);
    let ours = outside.block_on(begin(&survivor, "B"));
    drop(doomed);

    outside.block_on(async {
        for payment_handle in ours {
            payment_handle.first_result().await;
        }
        let in_flight = Filter {
            statuses: vec![Status::Approving],
            limit: Filter::MOST,
            ..Filter::default()
        };
        let cut_off = survivor.store().list(in_flight).await.unwrap().payments;
        assert_eq!(cut_off.len(), 20, "it died in the middle of them");
        let call_life = survivor.shops()[0].policy.call_life;
        test_app.clock.advance(call_life);
        nothing_is_open(&survivor).await;
        drop(end);
        running.await.unwrap();
        for order in test_app.sandbox.books().transactions {
            let (order_no, _) = order.ordr_idxx.rsplit_once('-').unwrap();
            assert_eq!(
                test_app.approvals(order_no),
                1,
                "{order_no} was charged twice"
            );
        }
        test_app.agrees().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn cancels_on_both_never_give_back_more_than_there_is() {
    let database = pg_for_tests::database();
    let mut test_app = TestApp::new().await;
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let store = Store::connect(database.url()).await.unwrap();
        nodes.push(Engine::new(store, [test_app.shop()], Clock::real()));
    }
    test_app.engine = Some(nodes[0].clone());
    let id = test_app.pay("A-1").await.id;
    let tasks: Vec<_> = (0..24)
        .map(|n| {
            let (engine, id) = (nodes[n % 2].clone(), id.clone());
            tokio::spawn(async move {
                loop {
                    let ask = CancelAsk {
                        amount: nhn_kcp::Amount::new(100).ok(),
                        seen: None,
                        tax: None,
                        reason: "동시 취소".parse().unwrap(),
                        by: "lee".parse().unwrap(),
                        key: None,
                    };
                    match engine.cancel(&id, ask).await {
                        Err(CancelError::Pending) => tokio::task::yield_now().await,
                        done => break usize::from(done.is_ok()),
                    }
                }
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += task.await.unwrap();
    }
    assert_eq!(taken, 10, "of 1,004 won, a hundred at a time, on two nodes");
    assert_eq!(nodes[1].settle(crate::MAX_WAIT).await, 0);
    assert_eq!(test_app.settled(&id).await.cancelled_amount(), 1000);
    test_app.agrees().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_told_to_both_resolves_once() {
    let database = pg_for_tests::database();
    let mut test_app = TestApp::with(false).await;
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let store = Store::connect(database.url()).await.unwrap();
        nodes.push(Engine::new(store, [test_app.shop()], Clock::real()));
    }
    test_app.engine = Some(nodes[0].clone());
    for round in 0..5 {
        let order_no = format!("A-{round}");
        test_app.fault(FaultKind::LoseAnswer);
        let id = test_app.pay(&order_no).await.id;
        let tno = &test_app
            .sandbox
            .books_beginning(&format!("{order_no}-"))
            .transactions[0]
            .tno;
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let (engine, id) = (nodes[n % 2].clone(), id.clone());
                let ask = ResolveAsk {
                    what: Resolution::Live {
                        tno: tno.parse().unwrap(),
                        note: "partner site".into(),
                        keep: true,
                    },
                    by: "kim".parse().unwrap(),
                    key: Some(("desk".into(), "r-1".into())),
                };
                tokio::spawn(async move { engine.resolve(&id, ask).await.unwrap().before })
            })
            .collect();
        let mut first = 0;
        for task in tasks {
            first += usize::from(!task.await.unwrap());
        }
        assert_eq!(first, 1, "one of both nodes was the first");
        nothing_is_open(test_app.engine()).await;
    }
    assert_eq!(nodes[1].settle(crate::MAX_WAIT).await, 0);
    test_app.agrees().await;
}

/// Waits until every payment has come to rest.
async fn nothing_is_open(engine: &Engine) {
    let statuses = vec![
        Status::Requested,
        Status::Approving,
        Status::InDoubt,
        Status::Reversing,
    ];
    let filter = Filter {
        statuses,
        limit: 1,
        ..Filter::default()
    };
    until("every payment comes to rest", async || {
        let open = engine.store().list(filter.clone()).await.unwrap();
        open.payments.is_empty()
    })
    .await;
}
