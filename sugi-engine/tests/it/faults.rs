//! Every fault at every call: whatever happens, the ledger ends as the books.

use kcp_sandbox::{CutAt, Fault, FaultKind, Operation};
use sugi_core::Status;

use crate::{TestApp, pending_card};

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
        pending_card(),
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

/// Whether the books change first: for every fault they may; where the answer is one that no one
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
    let test_app = TestApp::new().await;
    test_app.pay("A-first").await;
    for (n, kind) in faults().into_iter().enumerate() {
        for &after_books in before_and_after(&kind) {
            test_app
                .sandbox
                .fault(Fault::new(kind.clone()).after_books(after_books))
                .unwrap();
            if never_answers(&kind) {
                test_app.hasty().await;
            }
            let order_no = format!("A-{n}-{after_books}");
            let payment = test_app.pay(&order_no).await;
            test_app.waiters().await;
            assert!(
                !matches!(payment.status(), Status::Requested | Status::Approving),
                "{kind:?}"
            );
            assert!(test_app.approvals(&order_no) <= 1, "{kind:?} charged twice");
            test_app.sandbox.clear_faults();
        }
    }
    test_app.agrees().await;
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
    let test_app = TestApp::new().await;
    for (n, kind) in faults().into_iter().enumerate() {
        for &after_books in before_and_after(&kind) {
            let id = test_app.pay(&format!("A-{n}-{after_books}")).await.id;
            if never_answers(&kind) {
                test_app.hasty().await;
            }
            test_app
                .sandbox
                .fault(
                    Fault::new(kind.clone())
                        .on(Operation::Cancel)
                        .after_books(after_books),
                )
                .unwrap();
            let payment = test_app.cancel(&id, amount).await.unwrap();
            let refunded = amount.unwrap_or(1004);
            assert_eq!(
                payment.cancelled_amount(),
                refunded,
                "{kind:?} after_books={after_books}: {:#?}",
                payment.state
            );
            test_app.waiters().await;
            test_app.sandbox.clear_faults();
        }
    }
    test_app.agrees().await;
}

#[tokio::test]
async fn at_the_look_that_settles_a_lost_answer() {
    let test_app = TestApp::new().await;
    for (n, kind) in faults().into_iter().enumerate() {
        if never_answers(&kind) {
            test_app.hasty().await;
        }
        test_app.fault(FaultKind::LoseAnswer);
        test_app
            .sandbox
            .fault(Fault::new(kind.clone()).on(Operation::Inquire).times(2))
            .unwrap();
        let payment = test_app.pay(&format!("A-{n}")).await;
        assert_eq!(
            test_app.settled(&payment.id).await.status(),
            Status::Reversed,
            "{kind:?}"
        );
        test_app.waiters().await;
        test_app.sandbox.clear_faults();
    }
    test_app.agrees().await;
}

#[tokio::test]
async fn at_the_reversal_of_a_lost_answer() {
    let test_app = TestApp::new().await;
    for (n, kind) in faults().into_iter().enumerate() {
        if never_answers(&kind) {
            test_app.hasty().await;
        }
        test_app.fault(FaultKind::LoseAnswer);
        test_app
            .sandbox
            .fault(Fault::new(kind.clone()).on(Operation::Cancel).times(2))
            .unwrap();
        let payment = test_app.pay(&format!("A-{n}")).await;
        assert_eq!(
            test_app.settled(&payment.id).await.status(),
            Status::Reversed,
            "{kind:?}"
        );
        test_app.waiters().await;
        test_app.sandbox.clear_faults();
    }
    test_app.agrees().await;
}
