//! Every fault on every call: no lost answer is ever taken for a no, or for the wrong yes.

use kcp_sandbox::{CutAt, Fault, FaultKind, Operation};
use nhn_kcp::{
    ApproveError, CancelError, CancelMeaning, InquireError, LostWhy, ResultCode, Tno,
    TransactionState,
};

use crate::house::{House, full, inquiry, partial, sale, until, won};

/// What an approval under a fault has to end in.
enum Expected {
    /// Approved, as if nothing were wrong.
    Approved,
    /// Unknown for this reason; with the payment's number, or without.
    Unknown(LostWhy, bool),
    Declined,
}

fn ambiguous(code: &str) -> LostWhy {
    LostWhy::AmbiguousCode(ResultCode::parse(code).unwrap())
}

/// Every kind of fault, and what it means for an approval of 1,004 won.
fn faults() -> Vec<(FaultKind, Expected)> {
    use Expected::{Approved, Declined, Unknown};
    let wrong = LostWhy::WrongAmount {
        asked: won(1004),
        answered: won(1005),
    };
    let refuse = |code: &str| FaultKind::Refuse {
        res_cd: code.to_owned(),
    };
    let cut = |field: &str| FaultKind::CutLetter {
        field: Some(field.to_owned()),
    };
    let late = FaultKind::LateAnswer {
        delay_ms: 86_400_000,
        books_delay_ms: 0,
    };
    vec![
        (
            FaultKind::LoseRequest,
            Unknown(LostWhy::Disconnected, false),
        ),
        (FaultKind::LoseAnswer, Unknown(LostWhy::Disconnected, false)),
        (
            FaultKind::CutBody {
                at: CutAt::BeforeTno,
            },
            Unknown(LostWhy::Disconnected, false),
        ),
        (
            FaultKind::CutBody {
                at: CutAt::AfterTno,
            },
            Unknown(LostWhy::Disconnected, true),
        ),
        (FaultKind::Garbage, Unknown(LostWhy::NotJson, false)),
        (
            FaultKind::WrongAmount {
                amount: None,
                books_too: false,
            },
            Unknown(wrong, true),
        ),
        (FaultKind::NoTno, Unknown(LostWhy::NoTno, false)),
        (late, Unknown(LostWhy::TimedOut, false)),
        (FaultKind::DuplicateAnswer, Approved),
        (FaultKind::ProcessTwice, Approved),
        (
            FaultKind::Http500 { status: 502 },
            Unknown(LostWhy::HttpStatus(502), false),
        ),
        (FaultKind::Reset, Unknown(LostWhy::Disconnected, false)),
        (
            FaultKind::SlowDrip {
                interval_ms: 60_000,
            },
            Unknown(LostWhy::TimedOut, false),
        ),
        (
            FaultKind::DuplicateKeys,
            Unknown(LostWhy::RepeatedField, false),
        ),
        (FaultKind::EucKr, Approved),
        (FaultKind::CutLetter { field: None }, Approved),
        (FaultKind::RawLineEnd { field: None }, Approved),
        (cut("tno"), Unknown(LostWhy::Unreadable, false)),
        (cut("amount"), Unknown(LostWhy::Unreadable, true)),
        (FaultKind::Bom, Approved),
        (
            FaultKind::Redirect,
            Unknown(LostWhy::HttpStatus(307), false),
        ),
        (FaultKind::EmptyBody, Unknown(LostWhy::NotJson, false)),
        (
            FaultKind::HugeBody { bytes: 1 << 20 },
            Unknown(LostWhy::TooLarge, true),
        ),
        (refuse("8996"), Unknown(ambiguous("8996"), false)),
        (refuse("ZZZZ"), Unknown(ambiguous("ZZZZ"), false)),
        (refuse("CC61"), Declined),
        // Definite answers to a cancel, and none to a sale.
        (refuse("8012"), Unknown(ambiguous("8012"), false)),
        (refuse("8133"), Unknown(ambiguous("8133"), false)),
    ]
}

fn is_slow(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::LateAnswer { .. } | FaultKind::SlowDrip { .. }
    )
}

#[tokio::test]
async fn approvals() {
    let house = House::start().await;
    for (place, (kind, expected)) in faults().into_iter().enumerate() {
        let name = kind.name();
        let client = if is_slow(&kind) {
            house.hasty()
        } else {
            house.client.clone()
        };
        house.sandbox.fault(Fault::new(kind)).unwrap();
        let order_no = format!("F-{place}");
        let answer = client.approve(sale(&order_no, 1004)).await;
        let books = house.sandbox.books_of(&order_no);
        match (answer, expected) {
            (Ok(approval), Expected::Approved) => {
                assert!(books.by_tno(approval.tno.as_str()).is_some(), "{name}");
            }
            (Err(ApproveError::Unknown(lost)), Expected::Unknown(why, readable)) => {
                assert_eq!(lost.why, why, "{name}");
                let booked = readable.then(|| books.transactions[0].tno.clone());
                assert_eq!(lost.tno.map(String::from), booked, "{name}");
            }
            (Err(ApproveError::Declined(refusal)), Expected::Declined) => {
                assert_eq!(refusal.code.as_str(), "CC61");
                assert!(books.transactions.is_empty());
            }
            (answer, _) => panic!("{name}: {answer:?}"),
        }
        // The line is usable again at once.
        house.approve(&format!("N-{place}"), 1000).await.unwrap();
    }
}

#[tokio::test]
async fn cancels() {
    let house = House::start().await;
    for (place, (kind, _)) in faults().into_iter().enumerate() {
        let name = kind.name();
        let client = if is_slow(&kind) {
            house.hasty()
        } else {
            house.client.clone()
        };
        let tno = house
            .approve(&format!("F-{place}"), 1004)
            .await
            .unwrap()
            .tno;
        house
            .sandbox
            .fault(Fault::new(kind.clone()).on(Operation::Cancel))
            .unwrap();
        let before = house.sandbox.messages().len();
        let answer = client.cancel(&partial(&tno, 1000, 1004)).await;
        // Who did not wait for it may be here before it is carried out.
        until(|| house.sandbox.messages().len() > before).await;
        let left = house
            .sandbox
            .books()
            .by_tno(tno.as_str())
            .unwrap()
            .remaining;
        match &answer {
            Ok(done) => assert_eq!((done.remaining, left), (4, 4), "{name}"),
            Err(CancelError::Refused(refusal)) => {
                // Carried out twice, the second time is told that the amount left is another.
                let twice = kind == FaultKind::ProcessTwice;
                let mismatch = CancelMeaning::RemainderMismatch;
                assert!(
                    left == 1004 || twice && refusal.code.cancel_meaning() == mismatch,
                    "{name}: {refusal}"
                );
            }
            Err(CancelError::Unknown(lost)) => assert_eq!(lost.tno, None, "{name}"),
            Err(CancelError::NotSent(_)) => panic!("{name}: {answer:?}"),
        }
        let well = matches!(
            kind,
            FaultKind::DuplicateAnswer
                | FaultKind::Bom
                | FaultKind::EucKr
                | FaultKind::CutLetter { field: None }
                | FaultKind::RawLineEnd { field: None }
                | FaultKind::WrongAmount { .. }
        );
        // Of a decline of a sale it is not known what it says of a cancel.
        let refused =
            matches!(&kind, FaultKind::Refuse { res_cd } if res_cd == "8012" || res_cd == "8133");
        match answer {
            Ok(_) => assert!(well || kind == FaultKind::ProcessTwice, "{name}"),
            Err(CancelError::Refused(_)) => {
                assert!(refused || kind == FaultKind::ProcessTwice, "{name}");
            }
            Err(_) => assert!(!well && !refused, "{name}"),
        }
        // What was lost is settled by asking.
        let seen = house.client.inquire(&inquiry(&tno)).await.unwrap();
        assert_eq!(seen.remaining, Some(left), "{name}");
    }
}

/// Whether an inquiry that meets this fault still hears all that counts.
fn says_all(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::DuplicateAnswer
            | FaultKind::Bom
            | FaultKind::ProcessTwice
            | FaultKind::EucKr
            | FaultKind::CutLetter { field: None }
            | FaultKind::RawLineEnd { field: None }
    )
}

#[tokio::test]
async fn inquiries() {
    let house = House::start().await;
    let tno = house.approve("A-1", 1004).await.unwrap().tno;
    for (kind, _) in faults() {
        let name = kind.name();
        let client = if is_slow(&kind) {
            house.hasty()
        } else {
            house.client.clone()
        };
        house
            .sandbox
            .fault(Fault::new(kind.clone()).on(Operation::Inquire))
            .unwrap();
        let answer = client.inquire(&inquiry(&tno)).await;
        match (&kind, answer) {
            (kind, Ok(seen)) if says_all(kind) => {
                assert_eq!(seen.state, TransactionState::Approved, "{name}");
            }
            // The amount was changed and the amount left was not: nothing to decide by.
            (FaultKind::WrongAmount { .. }, Ok(seen)) => {
                assert!(matches!(seen.state, TransactionState::Other(_)), "{name}");
            }
            (kind, answer) if says_all(kind) => panic!("{name}: {answer:?}"),
            (_, Err(InquireError::Unknown(lost))) => assert_eq!(lost.tno, None, "{name}"),
            (_, answer) => panic!("{name}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_about_another_transaction_settles_nothing() {
    let house = House::start().await;
    let tno = house.approve("A-1", 1004).await.unwrap().tno;
    let fault = |on| Fault::new(FaultKind::WrongTno).on(on);
    house.sandbox.fault(fault(Operation::Inquire)).unwrap();
    let answer = house.client.inquire(&inquiry(&tno)).await;
    assert!(matches!(answer, Err(InquireError::Unknown(lost)) if lost.why == LostWhy::WrongTno));
    house.sandbox.fault(fault(Operation::Cancel)).unwrap();
    let answer = house.client.cancel(&full(&tno)).await;
    assert!(matches!(answer, Err(CancelError::Unknown(lost)) if lost.why == LostWhy::WrongTno));
}

/// The one lie that cannot be seen in the answer itself: a success with another number. It shows when
/// the number is asked about.
#[tokio::test]
async fn a_wrong_number_on_success_shows_on_inquiry() {
    let house = House::start().await;
    house
        .sandbox
        .fault(Fault::new(FaultKind::WrongTno))
        .unwrap();
    let approval = house.approve("A-1", 1004).await.unwrap();
    let answer = house.client.inquire(&inquiry(&approval.tno)).await;
    assert!(
        matches!(answer, Err(InquireError::NotFound(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_answer_cut_at_any_byte_is_unknown_and_keeps_a_complete_number() {
    let house = House::start().await;
    house.approve("cut-none", 1004).await.unwrap();
    let whole = house.sandbox.messages().pop().unwrap().reply.to_string();
    let mut readable = Vec::new();
    for cut in 0..whole.len() {
        house
            .sandbox
            .fault(Fault::new(FaultKind::CutBody {
                at: CutAt::Byte(cut),
            }))
            .unwrap();
        let order_no = format!("cut-{cut:04}");
        let answer = house.approve(&order_no, 1004).await;
        let Err(ApproveError::Unknown(lost)) = answer else {
            panic!("{cut}: {answer:?}")
        };
        assert_eq!(lost.why, LostWhy::Disconnected);
        let booked = &house.sandbox.books_of(&order_no).transactions[0].tno;
        assert!(
            lost.tno.as_ref().is_none_or(|tno| tno.as_str() == booked),
            "{cut}"
        );
        readable.push(lost.tno.is_some());
    }
    let first = readable.iter().position(|readable| *readable).unwrap();
    assert!(
        readable[first..].iter().all(|readable| *readable),
        "once complete, always found"
    );
    assert!(
        first > 20 && readable.len() > first + 100,
        "{first} of {}",
        readable.len()
    );
}

#[tokio::test]
async fn under_random_faults_no_and_yes_are_always_true() {
    let house = House::start().await;
    let random = FaultKind::Random {
        seed: 7,
        probability: 0.7,
    };
    let client = house.hasty();
    house.sandbox.fault(Fault::new(random)).unwrap();
    let (mut yes, mut no, mut open) = (0, 0, 0);
    for place in 0..150 {
        let order_no = format!("R-{place}");
        let answer = client.approve(sale(&order_no, 1004)).await;
        let books = house.sandbox.books_of(&order_no);
        match answer {
            Ok(approval) => {
                yes += 1;
                assert!(!books.transactions.is_empty(), "{order_no}: {approval:?}");
            }
            Err(ApproveError::Declined(refusal)) => {
                no += 1;
                assert!(books.transactions.is_empty(), "{order_no}: {refusal}");
            }
            Err(ApproveError::Unknown(_)) => open += 1,
            Err(ApproveError::NotSent(why)) => panic!("{order_no}: {why}"),
        }
    }
    assert!(yes > 10 && open > 10, "{yes} {no} {open}");
}

#[tokio::test]
async fn a_found_number_leads_to_the_payment() {
    let house = House::start().await;
    house
        .sandbox
        .fault(Fault::new(FaultKind::WrongAmount {
            amount: None,
            books_too: true,
        }))
        .unwrap();
    let Err(ApproveError::Unknown(lost)) = house.approve("A-1", 1004).await else {
        panic!()
    };
    let tno: Tno = lost.tno.unwrap();
    let seen = house.client.inquire(&inquiry(&tno)).await.unwrap();
    assert_eq!(seen.amount, won(1005));
    house.client.cancel(&full(&tno)).await.unwrap();
    assert_eq!(house.sandbox.books().charged(), 0);
}
