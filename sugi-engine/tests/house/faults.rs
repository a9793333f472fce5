//! Every fault at every call: whatever happens, the ledger ends as the books.

use kcp_sandbox::{CutAt, Fault, FaultKind, Operation};
use sugi_core::Status;

use crate::{House, held};

fn faults() -> Vec<FaultKind> {
    vec![
        FaultKind::LoseRequest,
        FaultKind::LoseAnswer,
        FaultKind::CutBody {
            at: CutAt::BeforeTno,
        },
        FaultKind::CutBody {
            at: CutAt::AfterTno,
        },
        FaultKind::CutBody {
            at: CutAt::Byte(40),
        },
        FaultKind::Garbage,
        FaultKind::WrongAmount {
            amount: None,
            books_too: false,
        },
        FaultKind::NoTno,
        FaultKind::WrongTno,
        held(),
        FaultKind::DuplicateAnswer,
        FaultKind::Http500 { status: 500 },
        FaultKind::Reset,
        FaultKind::SlowDrip { interval_ms: 20 },
        FaultKind::DuplicateKeys,
        FaultKind::EucKr,
        FaultKind::CutLetter { field: None },
        FaultKind::RawLineEnd { field: None },
        FaultKind::RawLineEnd {
            field: Some("tno".into()),
        },
        FaultKind::Bom,
        FaultKind::Redirect,
        FaultKind::EmptyBody,
        FaultKind::HugeBody { bytes: 2_000_000 },
        FaultKind::Refuse {
            res_cd: "CC99".into(),
        },
    ]
}

/// Whether the books change first: for every fault they may; where the answer is one that nobody
/// could believe, they may also not.
fn before_and_after(kind: &FaultKind) -> &'static [bool] {
    use FaultKind::{
        Bom, CutLetter, DuplicateAnswer, EucKr, LateAnswer, NoTno, RawLineEnd, SlowDrip,
        WrongAmount, WrongTno,
    };
    match kind {
        Bom
        | CutLetter { .. }
        | DuplicateAnswer
        | EucKr
        | LateAnswer { .. }
        | NoTno
        | RawLineEnd { .. }
        | SlowDrip { .. }
        | WrongAmount { .. }
        | WrongTno => &[true],
        _ => &[false, true],
    }
}

/// Whether no whole answer comes, so that only the end of waiting ends the call.
fn never_answers(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::LateAnswer { .. } | FaultKind::SlowDrip { .. }
    )
}

#[tokio::test]
async fn at_the_approval() {
    let house = House::new().await;
    house.pay("A-first").await;
    for (n, kind) in faults().into_iter().enumerate() {
        for &after_books in before_and_after(&kind) {
            house
                .sandbox
                .fault(Fault::new(kind.clone()).after_books(after_books))
                .unwrap();
            if never_answers(&kind) {
                house.hasty().await;
            }
            let order_no = format!("A-{n}-{after_books}");
            let payment = house.pay(&order_no).await;
            house.patient().await;
            assert!(
                !matches!(payment.status(), Status::Requested | Status::Approving),
                "{kind:?}"
            );
            assert!(house.approvals(&order_no) <= 1, "{kind:?} charged twice");
            house.sandbox.clear_faults();
        }
    }
    house.agrees().await;
}

#[tokio::test]
async fn at_a_cancel_of_a_part() {
    at_a_cancel(Some(400)).await;
}

#[tokio::test]
async fn at_a_cancel_of_all() {
    at_a_cancel(None).await;
}

async fn at_a_cancel(amount: Option<u64>) {
    let house = House::new().await;
    for (n, kind) in faults().into_iter().enumerate() {
        for &after_books in before_and_after(&kind) {
            let id = house.pay(&format!("A-{n}-{after_books}")).await.id;
            if never_answers(&kind) {
                house.hasty().await;
            }
            house
                .sandbox
                .fault(
                    Fault::new(kind.clone())
                        .on(Operation::Cancel)
                        .after_books(after_books),
                )
                .unwrap();
            let payment = house.cancel(&id, amount).await.unwrap();
            let given_back = amount.unwrap_or(1004);
            assert_eq!(
                payment.cancelled_amount(),
                given_back,
                "{kind:?} after_books={after_books}: {:#?}",
                payment.state
            );
            house.patient().await;
            house.sandbox.clear_faults();
        }
    }
    house.agrees().await;
}

#[tokio::test]
async fn at_the_look_that_settles_a_lost_answer() {
    let house = House::new().await;
    for (n, kind) in faults().into_iter().enumerate() {
        if never_answers(&kind) {
            house.hasty().await;
        }
        house.fault(FaultKind::LoseAnswer);
        house
            .sandbox
            .fault(Fault::new(kind.clone()).on(Operation::Inquire).times(2))
            .unwrap();
        let payment = house.pay(&format!("A-{n}")).await;
        assert_eq!(
            house.settled(&payment.id).await.status(),
            Status::Reversed,
            "{kind:?}"
        );
        house.patient().await;
        house.sandbox.clear_faults();
    }
    house.agrees().await;
}

#[tokio::test]
async fn at_the_reversal_of_a_lost_answer() {
    let house = House::new().await;
    for (n, kind) in faults().into_iter().enumerate() {
        if never_answers(&kind) {
            house.hasty().await;
        }
        house.fault(FaultKind::LoseAnswer);
        house
            .sandbox
            .fault(Fault::new(kind.clone()).on(Operation::Cancel).times(2))
            .unwrap();
        let payment = house.pay(&format!("A-{n}")).await;
        assert_eq!(
            house.settled(&payment.id).await.status(),
            Status::Reversed,
            "{kind:?}"
        );
        house.patient().await;
        house.sandbox.clear_faults();
    }
    house.agrees().await;
}
