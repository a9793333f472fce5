//! What is believed of an answer, and what is not.

use kcp_sandbox::{Fault, FaultKind, Operation};
use sugi_core::{Event, State, Status};
use sugi_engine::{Limits, Outcome, PayError, Resolution, Sale};

use crate::{QUIET, TestApp, card, sale, sale::open_with};

/// Ways in which a text of an answer is damaged, and nothing else.
fn damages() -> [FaultKind; 3] {
    [
        FaultKind::CutLetter { field: None },
        FaultKind::EucKr,
        FaultKind::RawLineEnd { field: None },
    ]
}

#[tokio::test]
async fn an_unreadable_text_is_no_lost_answer() {
    let mut test_app = TestApp::manual(true).await;
    // With the circuit breaker as it is by default: five lost answers in a minute would open it.
    open_with(&mut test_app, &Limits::default());
    for round in 0..2 {
        for (n, damage) in damages().into_iter().enumerate() {
            let on = |kind: FaultKind, on| test_app.sandbox.fault(Fault::new(kind).on(on)).unwrap();
            on(damage.clone(), Operation::Approve);
            let paid = test_app.pay(&format!("A-{round}-{n}")).await;
            assert_eq!(paid.status(), Status::Approved, "{damage:?}");
            let approval = paid.approval().unwrap();
            let damaged = approval.extra.get("damaged_texts").unwrap();
            assert_eq!(damaged, "acqu_name card_name res_msg");
            assert!(approval.issuer.as_ref().unwrap().name.contains('\u{fffd}'));

            on(damage.clone(), Operation::Cancel);
            let cancelled = test_app.cancel(&paid.id, None).await.unwrap();
            assert_eq!(cancelled.status(), Status::Cancelled, "{damage:?}");

            // A decline stays one.
            on(damage.clone(), Operation::Approve);
            let declined = Sale {
                card: card("9490991060100003"),
                ..sale(&format!("B-{round}-{n}"), 1004)
            };
            let Outcome::Begun(payment_handle) = test_app.engine().pay(declined).await.unwrap()
            else {
                panic!()
            };
            let no = payment_handle.first_result().await;
            assert!(
                matches!(&no.state, State::Declined(_)),
                "{damage:?}: {:?}",
                no.state
            );
        }
    }
    test_app.agrees().await;
}

/// Codes that answered a sale which had been charged, and that ended it as declined.
const CHARGED_ALL_THE_SAME: [&str; 12] = [
    "9999", "7722", "9079", "9204", "8671", "8725", "8128", "8049", "7003", "8137", "8133", "ZZZZ",
];

/// Charges the card and answers with a code.
fn charge_and_answer(code: &str) -> Fault {
    let res_cd = code.to_owned();
    Fault::new(FaultKind::Refuse { res_cd }).after_books(true)
}

#[tokio::test]
async fn a_card_that_was_charged_is_not_charged_again_whatever_the_answer_said() {
    let test_app = TestApp::new().await;
    for code in CHARGED_ALL_THE_SAME {
        test_app.sandbox.fault(charge_and_answer(code)).unwrap();
        let order = format!("A-{code}");
        let paid = test_app.pay(&order).await;
        assert_eq!(paid.status(), Status::InDoubt, "{code}");
        // The order is looked up, found alive, and refunded: only then may it be paid anew.
        let settled = test_app.settled(&paid.id).await;
        assert_eq!(settled.status(), Status::Reversed, "{code}");
        assert_eq!(
            test_app.pay(&order).await.status(),
            Status::Approved,
            "{code}"
        );
    }
    let books = test_app.sandbox.books().transactions;
    let live = books.iter().filter(|one| one.remaining > 0).count();
    let all = CHARGED_ALL_THE_SAME.len();
    assert_eq!((books.len(), live), (2 * all, all));
    test_app.agrees().await;
}

#[tokio::test]
async fn without_a_look_up_a_person_closes_what_a_code_left_open() {
    let test_app = TestApp::with(false).await;
    for code in CHARGED_ALL_THE_SAME {
        test_app.sandbox.fault(charge_and_answer(code)).unwrap();
        let order = format!("A-{code}");
        let paid = test_app.pay(&order).await;
        assert_eq!(paid.status(), Status::InDoubt, "{code}");
        let again = test_app.engine().pay(sale(&order, 1004)).await;
        assert!(
            matches!(again, Err(PayError::OrderLive { .. })),
            "{code}: {again:?}"
        );
        let mut booked = test_app.sandbox.books().transactions;
        booked.retain(|one| one.ordr_idxx.starts_with(&order));
        assert_eq!(booked.len(), 1, "{code}");
        let found = Resolution::Live {
            tno: booked[0].tno.parse().unwrap(),
            note: "KCP's partner site".into(),
            keep: true,
        };
        test_app.resolve(&paid.id, found).await.unwrap();
        assert_eq!(test_app.settled(&paid.id).await.status(), Status::Approved);
    }
    test_app.agrees().await;
}

#[tokio::test]
async fn a_decline_says_whether_it_is_the_card_companys() {
    let test_app = TestApp::new().await;
    for (code, issuer) in [
        ("CC61", true),
        ("CC54", true),
        ("8107", false),
        ("CC35", false),
    ] {
        let res_cd = code.to_owned();
        test_app.fault(FaultKind::Refuse { res_cd });
        let declined = test_app.pay(&format!("A-{code}")).await;
        let State::Declined(refusal) = &declined.state else {
            panic!("{code}: {:?}", declined.state)
        };
        assert_eq!(refusal.issuer, issuer, "{code}");
    }
    test_app.agrees().await;
}

#[tokio::test]
async fn a_decline_of_kcps_own_is_looked_at_once_and_one_of_the_card_company_is_not() {
    let test_app = TestApp::new().await;
    // A look-up means something where it finds what is known to exist.
    test_app.pay("A-0").await;
    let refuse = |code: &str, after_books: bool| {
        let res_cd = code.to_owned();
        let fault = Fault::new(FaultKind::Refuse { res_cd });
        test_app
            .sandbox
            .fault(fault.after_books(after_books))
            .unwrap();
    };
    for (code, charged, inquiries, ends) in [
        ("8107", true, true, Status::Reversed),
        ("8107", false, true, Status::Declined),
        ("CC61", false, false, Status::Declined),
    ] {
        refuse(code, charged);
        let declined = test_app.pay(&format!("A-{code}-{charged}")).await;
        assert_eq!(declined.status(), Status::Declined, "{code}");
        let settled = test_app.settled(&declined.id).await;
        assert_eq!(settled.status(), ends, "{code} charged={charged}");
        let journal = test_app
            .engine()
            .store()
            .journal(&declined.id)
            .await
            .unwrap();
        let looked = |event: &Event| matches!(event, Event::Inquired(_));
        let first = journal.iter().find(|row| looked(&row.event));
        assert_eq!(first.is_some(), inquiries, "{code} charged={charged}");
        if let Some(first) = first {
            let said = journal
                .iter()
                .find(|row| row.event.name() == "declined")
                .unwrap();
            assert!(
                first.at.duration_since(said.at) >= QUIET,
                "the window was not over"
            );
        }
    }
    test_app.agrees().await;
}

#[tokio::test]
async fn a_cancel_refused_for_its_state_is_over_once_the_books_bear_it_out() {
    let test_app = TestApp::new().await;
    let paid = test_app.pay("A-1").await;
    let refuse = |after_books: bool| {
        let res_cd = "8134".to_owned();
        let fault = Fault::new(FaultKind::Refuse { res_cd }).on(Operation::Cancel);
        test_app
            .sandbox
            .fault(fault.after_books(after_books))
            .unwrap();
    };
    refuse(false);
    let payment = test_app.cancel(&paid.id, None).await.unwrap();
    let State::Approved {
        refused: Some(refused),
        pending: None,
        ..
    } = &payment.state
    else {
        panic!("{payment:?}")
    };
    assert_eq!(refused.1.as_ref().unwrap().code.as_str(), "8134");
    let journal = test_app.engine().store().journal(&paid.id).await.unwrap();
    let names: Vec<_> = journal.iter().map(|row| row.event.name()).collect();
    let cancel = [
        "cancel_asked",
        "cancel_sent",
        "cancel_refused",
        "inquired",
        "cancel_failed",
    ];
    assert!(
        names.ends_with(&cancel),
        "sent once, looked at once: {names:?}"
    );
    // The state that forbids it may be that it is done.
    refuse(true);
    let payment = test_app.cancel(&paid.id, None).await.unwrap();
    assert_eq!(payment.status(), Status::Cancelled);
    test_app.agrees().await;
}
