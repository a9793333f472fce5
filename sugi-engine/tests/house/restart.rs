//! A process that ends in the middle, and the one that comes after it.

use kcp_sandbox::{Fault, FaultKind, Operation};
use sugi_core::Status;
use sugi_engine::{CancelAsk, Outcome};

use crate::{House, held, sale, until};

/// Ends the engine as a crash would: its tasks are gone, its journal is what it had written.
fn crash(house: &mut House, runtime: tokio::runtime::Runtime) {
    house.engine = None;
    drop(runtime);
}

#[test]
fn what_was_on_the_line_is_in_doubt_and_then_settled() {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let mut house = outside.block_on(House::new());
    for (n, operation) in [Operation::Approve, Operation::Inquire, Operation::Cancel]
        .into_iter()
        .enumerate()
    {
        let inside = tokio::runtime::Runtime::new().unwrap();
        if operation != Operation::Approve {
            house.fault(FaultKind::LoseAnswer);
        }
        house
            .sandbox
            .fault(Fault::new(held()).on(operation))
            .unwrap();
        let before = house.sandbox.messages().len();
        let id = inside.block_on(async {
            let Outcome::Begun(ticket) = house
                .engine()
                .pay(sale(&format!("A-{n}"), 1004))
                .await
                .unwrap()
            else {
                panic!()
            };
            ticket.id()
        });
        // The call that is to be cut off has reached the sandbox, and its answer is held there.
        let calls = before + 1 + n;
        outside.block_on(until("the call is on the line", async || {
            house.sandbox.messages().len() >= calls
        }));
        crash(&mut house, inside);

        outside.block_on(async {
            house.open();
            house.engine().catch_up().await.unwrap();
            let status = house
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
            house.engine().recover().await.unwrap();
            assert_eq!(
                house.settled(&id).await.status(),
                Status::Reversed,
                "{operation:?}"
            );
            assert_eq!(house.approvals(&format!("A-{n}")), 1);
        });
        house.sandbox.clear_faults();
    }
    outside.block_on(house.agrees());
}

#[test]
fn a_cancel_that_was_on_the_line_is_settled() {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let mut house = outside.block_on(House::new());
    let id = outside.block_on(async { house.pay("A-1").await.id });
    outside.block_on(async { house.settled(&id).await });
    house.engine = None;

    let inside = tokio::runtime::Runtime::new().unwrap();
    inside.block_on(async { house.open() });
    house
        .sandbox
        .fault(Fault::new(held()).on(Operation::Cancel))
        .unwrap();
    let before = house.sandbox.messages().len();
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
        house.engine().cancel(&id, ask).await.unwrap();
    });
    outside.block_on(until("the cancel is on the line", async || {
        house.sandbox.messages().len() > before
    }));
    crash(&mut house, inside);

    outside.block_on(async {
        house.open();
        house.engine().recover().await.unwrap();
        assert_eq!(house.settled(&id).await.cancelled_amount(), 300);
        house.agrees().await;
    });
}
