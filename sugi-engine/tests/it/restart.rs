//! A process that ends in the middle, and the one that comes after it.

use kcp_sandbox::{Fault, FaultKind, Operation};
use sugi_core::Status;
use sugi_engine::{CancelAsk, Outcome};

use crate::{TestApp, pending_card, sale, until};

/// Ends the engine as a crash would: its tasks are gone, its journal is what it had written.
fn crash(test_app: &mut TestApp, runtime: tokio::runtime::Runtime) {
    test_app.engine = None;
    drop(runtime);
}

#[test]
fn what_was_on_the_line_is_in_doubt_and_then_settled() {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let mut test_app = outside.block_on(TestApp::new());
    for (n, operation) in [Operation::Approve, Operation::Inquire, Operation::Cancel]
        .into_iter()
        .enumerate()
    {
        let inside = tokio::runtime::Runtime::new().unwrap();
        if operation != Operation::Approve {
            test_app.fault(FaultKind::LoseAnswer);
        }
        test_app
            .sandbox
            .fault(Fault::new(pending_card()).on(operation))
            .unwrap();
        let before = test_app.sandbox.messages().len();
        let id = inside.block_on(async {
            let Outcome::Begun(payment_handle) = test_app
                .engine()
                .pay(sale(&format!("A-{n}"), 1004))
                .await
                .unwrap()
            else {
                panic!()
            };
            payment_handle.id()
        });
        // The call that is to be cut off has reached the sandbox, and its answer is held there.
        let calls = before + 1 + n;
        outside.block_on(until("the call is on the line", async || {
            test_app.sandbox.messages().len() >= calls
        }));
        crash(&mut test_app, inside);

        outside.block_on(async {
            test_app.open();
            test_app.engine().catch_up().await.unwrap();
            let status = test_app
                .engine()
                .store()
                .load(&id)
                .await
                .unwrap()
                .unwrap()
                .payment
                .status();
            assert!(
                matches!(status, Status::InDoubt | Status::Reversing),
                "{operation:?}: {status:?}"
            );
            test_app.engine().recover().await.unwrap();
            assert_eq!(
                test_app.settled(&id).await.status(),
                Status::Reversed,
                "{operation:?}"
            );
            assert_eq!(test_app.approvals(&format!("A-{n}")), 1);
        });
        test_app.sandbox.clear_faults();
    }
    outside.block_on(test_app.agrees());
}

#[test]
fn a_cancel_that_was_on_the_line_is_settled() {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let mut test_app = outside.block_on(TestApp::new());
    let id = outside.block_on(async { test_app.pay("A-1").await.id });
    outside.block_on(async { test_app.settled(&id).await });
    test_app.engine = None;

    let inside = tokio::runtime::Runtime::new().unwrap();
    inside.block_on(async { test_app.open() });
    test_app
        .sandbox
        .fault(Fault::new(pending_card()).on(Operation::Cancel))
        .unwrap();
    let before = test_app.sandbox.messages().len();
    inside.block_on(async {
        let (amount, reason) = (nhn_kcp::Amount::new(300).ok(), "변심".parse().unwrap());
        let ask = CancelAsk {
            amount,
            seen: None,
            tax: None,
            reason,
            by: "lee".parse().unwrap(),
            key: None,
        };
        test_app.engine().cancel(&id, ask).await.unwrap();
    });
    outside.block_on(until("the cancel is on the line", async || {
        test_app.sandbox.messages().len() > before
    }));
    crash(&mut test_app, inside);

    outside.block_on(async {
        test_app.open();
        test_app.engine().recover().await.unwrap();
        assert_eq!(test_app.settled(&id).await.cancelled_amount(), 300);
        test_app.agrees().await;
    });
}

/// A payment whose journal was changed by another hand keeps no other from being taken up.
#[test]
fn a_payment_that_does_not_read_keeps_no_other() {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let mut test_app = outside.block_on(TestApp::new());
    let mut ids = Vec::new();
    let inside = tokio::runtime::Runtime::new().unwrap();
    for n in 0..2 {
        test_app
            .sandbox
            .fault(Fault::new(pending_card()).on(Operation::Approve))
            .unwrap();
        let before = test_app.sandbox.messages().len();
        let begun = inside.block_on(test_app.engine().pay(sale(&format!("A-{n}"), 1004)));
        let Ok(Outcome::Begun(payment_handle)) = begun else {
            panic!()
        };
        ids.push(payment_handle.id());
        outside.block_on(until("the call is on the line", async || {
            test_app.sandbox.messages().len() > before
        }));
    }
    crash(&mut test_app, inside);
    test_app.sandbox.clear_faults();
    let db = rusqlite::Connection::open(test_app.dir.path().join("sugi.db")).unwrap();
    let harm =
        "update journal set body = replace(body, '1004', '1005') where payment = ?1 and seq = 1";
    assert_eq!(db.execute(harm, [ids[0].as_str()]).unwrap(), 1);
    let due = "update payment set due_at = 0 where id = ?1";
    assert_eq!(db.execute(due, [ids[0].as_str()]).unwrap(), 1);

    outside.block_on(async {
        test_app.open();
        test_app.engine().catch_up().await.unwrap();
        test_app.engine().recover().await.unwrap();
        assert_eq!(test_app.settled(&ids[1]).await.status(), Status::Reversed);
        let engine = test_app.engine().clone();
        let counted = until("what does not read is counted", async || {
            engine.counts().not_taken_up == 1
        });
        tokio::select! {
            () = engine.run(std::future::pending()) => {}
            () = counted => {}
        }
        // Put right, it is taken up like any other.
        let back = "update journal set body = replace(body, '1005', '1004') where payment = ?1 and seq = 1";
        assert_eq!(db.execute(back, [ids[0].as_str()]).unwrap(), 1);
        test_app.engine().recover().await.unwrap();
        assert_eq!(test_app.settled(&ids[0]).await.status(), Status::Reversed);
        test_app.agrees().await;
    });
}
