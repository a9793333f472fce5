//! Lost answers, and how each is closed by evidence.

use std::time::Duration;

use jiff::SignedDuration;
use kcp_sandbox::FaultKind;
use sugi_core::{Event, Payment, PaymentId, Source, State, Status, VoidReason};
use sugi_engine::{Outcome, Resolution, ResolveAsk, ResolveError};

use crate::{HELD, MAX_WAIT, QUIET, TestApp, held_with_its_books, sale, until};

impl TestApp {
    /// Tells the engine what kim knows.
    pub(crate) async fn resolve(
        &self,
        id: &PaymentId,
        what: Resolution,
    ) -> Result<Payment, ResolveError> {
        let (by, key) = ("kim".parse().unwrap(), None);
        let ask = ResolveAsk { what, by, key };
        let taken = self.engine().resolve(id, ask).await?;
        assert!(!taken.before, "without a key everything is new");
        Ok(taken.payment)
    }

    /// How often KCP was asked what became of a payment.
    pub(crate) async fn inquiries(&self, id: &PaymentId) -> usize {
        let journal = self.engine().store().journal(id).await.unwrap();
        let looked = |event: &Event| matches!(event, Event::Inquired(_));
        journal.iter().filter(|row| looked(&row.event)).count()
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_by_its_order_and_reversed() {
    let test_app = TestApp::new().await;
    test_app.fault(FaultKind::LoseAnswer);
    let payment = test_app.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);
    assert_eq!(
        test_app.settled(&payment.id).await.status(),
        Status::Reversed
    );
    assert_eq!(test_app.approvals("A-1"), 1);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_caller_who_still_waits_keeps_the_sale() {
    let test_app = TestApp::new().await;
    test_app.fault(FaultKind::LoseAnswer);
    let Outcome::Begun(payment_handle) = test_app.engine().pay(sale("A-1", 1004)).await.unwrap()
    else {
        panic!()
    };
    let payment = payment_handle.final_outcome(MAX_WAIT).await;
    assert_eq!(payment.status(), Status::Approved);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_caller_whose_patience_ends_gets_the_truth_so_far() {
    let test_app = TestApp::manual(false).await;
    test_app.fault(FaultKind::LoseRequest);
    let Outcome::Begun(payment_handle) = test_app.engine().pay(sale("A-1", 1004)).await.unwrap()
    else {
        panic!()
    };
    payment_handle.first_result().await;
    let payment = payment_handle.final_outcome(Duration::ZERO).await;
    assert_eq!(payment.status(), Status::InDoubt);
    close_as_absent(&test_app, &payment.id).await;
    test_app.agrees().await;
}

#[tokio::test]
async fn a_lost_request_is_void_only_after_the_quiet_period() {
    let test_app = TestApp::new().await;
    test_app.pay("A-0").await;
    test_app.fault(FaultKind::LoseRequest);
    let payment = test_app.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);
    let payment = test_app.settled(&payment.id).await;
    assert!(
        matches!(payment.state, State::Void(VoidReason::Absent)),
        "{:?}",
        payment.state
    );

    let journal = test_app
        .engine()
        .store()
        .journal(&payment.id)
        .await
        .unwrap();
    let lost = journal
        .iter()
        .find(|row| matches!(row.event, Event::Lost(_)))
        .unwrap()
        .at;
    let last_look = journal
        .iter()
        .rev()
        .find(|row| matches!(row.event, Event::Inquired(_)))
        .unwrap();
    let Event::Inquired(look) = &last_look.event else {
        unreachable!()
    };
    assert!(
        look.asked_at.at.duration_since(lost) >= QUIET,
        "the look that proved it came too early"
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn a_number_read_off_the_wreck_is_looked_up_before_it_is_cancelled() {
    // No order look-up: the number in the wrong answer is the only thread.
    let test_app = TestApp::with(false).await;
    test_app.fault(FaultKind::WrongAmount {
        amount: None,
        books_too: false,
    });
    let payment = test_app.pay("A-1").await;
    let payment = test_app.settled(&payment.id).await;
    assert_eq!(payment.status(), Status::Reversed);
    let journal = test_app
        .engine()
        .store()
        .journal(&payment.id)
        .await
        .unwrap();
    let names: Vec<_> = journal.iter().map(|row| row.event.name()).collect();
    assert_eq!(
        names,
        [
            "requested",
            "approve_sent",
            "lost",
            "inquired",
            "reverse_decided",
            "cancel_sent",
            "cancel_done"
        ]
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn a_contradiction_is_reversed_even_if_the_caller_waits() {
    let test_app = TestApp::with(false).await;
    test_app.fault(FaultKind::WrongAmount {
        amount: None,
        books_too: false,
    });
    let Outcome::Begun(payment_handle) = test_app.engine().pay(sale("A-1", 1004)).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(
        payment_handle.final_outcome(MAX_WAIT).await.status(),
        Status::Reversed
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn a_person_closes_it_with_the_number_and_kcp_has_to_confirm() {
    let test_app = TestApp::manual(false).await;
    let other = test_app.pay("A-0").await;
    test_app.fault(FaultKind::LoseAnswer);
    let payment = test_app.pay("A-1").await;
    assert_eq!(
        test_app.settled(&payment.id).await.status(),
        Status::InDoubt,
        "it waits for evidence"
    );

    let says = async |tno: &str, keep| {
        let what = Resolution::Live {
            tno: tno.parse().unwrap(),
            note: "partner site".into(),
            keep,
        };
        test_app.resolve(&payment.id, what).await
    };
    // Someone else's number, and one that does not exist.
    let others = says(other.approval().unwrap().tno.as_str(), false).await;
    assert!(
        matches!(&others, Err(ResolveError::NotConfirmed(why)) if why.contains("another order")),
        "{others:?}"
    );
    let nobodys = says("20990101000001", false).await;
    assert!(
        matches!(nobodys, Err(ResolveError::NotConfirmed(_))),
        "{nobodys:?}"
    );
    // While it may be alive, no one can say that it is not there.
    let absent = Resolution::Absent {
        note: "not there".into(),
    };
    let early = test_app.resolve(&payment.id, absent).await;
    assert!(matches!(early, Err(ResolveError::TooEarly(_))), "{early:?}");

    let tno = test_app.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .clone();
    says(&tno, true).await.unwrap();
    let payment = test_app.settled(&payment.id).await;
    assert_eq!(payment.status(), Status::Approved);
    let journal = test_app
        .engine()
        .store()
        .journal(&payment.id)
        .await
        .unwrap();
    assert!(
        journal
            .iter()
            .any(|row| matches!(&row.event, Event::Inquired(looked)
        if matches!(&looked.source, Source::Person { note, .. } if note == "partner site")))
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn a_person_says_reverse_and_it_is_reversed() {
    let test_app = TestApp::with(false).await;
    test_app.fault(FaultKind::LoseAnswer);
    let payment = test_app.pay("A-1").await;
    let tno = test_app.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .parse()
        .unwrap();
    let what = Resolution::Live {
        tno,
        note: "card message".into(),
        keep: false,
    };
    test_app.resolve(&payment.id, what).await.unwrap();
    assert_eq!(
        test_app.settled(&payment.id).await.status(),
        Status::Reversed
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn an_approval_that_lands_late_is_not_missed() {
    // The request is held up inside KCP past our patience, and books itself later.
    let test_app = TestApp::manual(true).await;
    test_app.hasty().await;
    test_app.fault(held_with_its_books());
    let payment = test_app.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);
    until("a look that finds nothing", async || {
        test_app.inquiries(&payment.id).await > 0
    })
    .await;
    assert_eq!(test_app.approvals("A-1"), 0);
    test_app.sandbox.advance(HELD);
    until("the late approval", async || test_app.approvals("A-1") > 0).await;
    // Time for the next look, and not yet for the end of the uncertainty window.
    test_app.clock.advance(QUIET / 2);
    assert_eq!(
        test_app.settled(&payment.id).await.status(),
        Status::Reversed
    );
    assert_eq!(test_app.approvals("A-1"), 1);
    test_app.agrees().await;
}

#[tokio::test]
async fn money_that_turns_up_after_a_payment_was_closed_opens_it_again() {
    let test_app = TestApp::manual(false).await;
    test_app.hasty().await;
    // KCP breaks its word: the approval books itself long after the uncertainty window.
    test_app.fault(held_with_its_books());
    let payment = test_app.pay("A-1").await;
    close_as_absent(&test_app, &payment.id).await;
    assert_eq!(test_app.approvals("A-1"), 0);
    test_app.sandbox.advance(HELD);
    until("the late approval", async || test_app.approvals("A-1") > 0).await;
    let tno = test_app.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .parse()
        .unwrap();
    let what = Resolution::Live {
        tno,
        note: "settlement file".into(),
        keep: false,
    };
    test_app.resolve(&payment.id, what).await.unwrap();
    assert_eq!(
        test_app.settled(&payment.id).await.status(),
        Status::Reversed
    );
    test_app.agrees().await;
}

/// Says that it is not there: too early to the last moment of the uncertainty window, and then it counts.
async fn close_as_absent(test_app: &TestApp, id: &PaymentId) {
    let absent = || Resolution::Absent {
        note: "not on the partner site".into(),
    };
    let moment = SignedDuration::from_micros(1);
    test_app.clock.advance(QUIET - moment);
    let early = test_app.resolve(id, absent()).await;
    assert!(matches!(early, Err(ResolveError::TooEarly(_))), "{early:?}");
    test_app.clock.advance(moment);
    let closed = test_app.resolve(id, absent()).await;
    assert_eq!(closed.unwrap().status(), Status::Void);
}

#[tokio::test]
async fn a_lookup_that_finds_nothing_at_all_proves_nothing() {
    // The shop is said to have look-ups; its contract at KCP has not.
    let mut test_app = TestApp::manual(false).await;
    test_app.order_lookup = true;
    test_app.engine = None;
    test_app.open();
    test_app.pay("A-0").await;
    test_app.fault(FaultKind::LoseAnswer);
    let payment = test_app.pay("A-1").await;
    // Each time after the uncertainty window, when a look that finds nothing would otherwise be proof.
    for _ in 0..5 {
        let inquiries = test_app.inquiries(&payment.id).await;
        test_app.clock.advance(QUIET * 2);
        until("it goes on looking", async || {
            test_app.inquiries(&payment.id).await > inquiries
        })
        .await;
    }
    let still = test_app
        .engine()
        .store()
        .load(&payment.id)
        .await
        .unwrap()
        .unwrap()
        .payment;
    assert_eq!(
        still.status(),
        Status::InDoubt,
        "charged, and not to be called void"
    );
    let tno = test_app.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .parse()
        .unwrap();
    let what = Resolution::Live {
        tno,
        note: "partner site".into(),
        keep: false,
    };
    test_app.resolve(&payment.id, what).await.unwrap();
    assert_eq!(
        test_app.settled(&payment.id).await.status(),
        Status::Reversed
    );
    test_app.agrees().await;
}

fn keyed(key: &str, what: Resolution) -> ResolveAsk {
    let (by, key) = ("kim".parse().unwrap(), Some(("desk".into(), key.into())));
    ResolveAsk { what, by, key }
}

fn live(tno: &str, keep: bool) -> Resolution {
    Resolution::Live {
        tno: tno.parse().unwrap(),
        note: "partner site".into(),
        keep,
    }
}

/// How often a person told something of a payment.
async fn told(test_app: &TestApp, id: &PaymentId) -> usize {
    let journal = test_app.engine().store().journal(id).await.unwrap();
    let by_person = |event: &Event| match event {
        Event::Inquired(looked) => matches!(looked.source, Source::Person { .. }),
        Event::Voided(reason) => matches!(reason, VoidReason::Attested { .. }),
        _ => false,
    };
    journal.iter().filter(|row| by_person(&row.event)).count()
}

#[tokio::test]
async fn one_key_resolves_once_also_after_a_restart() {
    let mut test_app = TestApp::with(false).await;
    test_app.fault(FaultKind::LoseAnswer);
    let id = test_app.pay("A-1").await.id;
    let tno = test_app.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .clone();
    let ask = || keyed("r-1", live(&tno, false));
    let first = test_app.engine().resolve(&id, ask()).await.unwrap();
    assert!(!first.before);
    test_app.settled(&id).await;
    for _ in 0..2 {
        let again = test_app.engine().resolve(&id, ask()).await.unwrap();
        assert_eq!(
            (again.before, again.payment.status()),
            (true, Status::Reversed)
        );
        // The process ends, and the ledger is all that is left of it.
        test_app.rests().await;
        test_app.engine = None;
        test_app.open();
    }
    for other in [
        live(&tno, true),
        live("20990101000001", false),
        Resolution::Absent {
            note: "partner site".into(),
        },
    ] {
        let other = test_app.engine().resolve(&id, keyed("r-1", other)).await;
        assert!(matches!(other, Err(ResolveError::KeyReused)), "{other:?}");
    }
    let new_key = keyed("r-2", live(&tno, false));
    let new_key = test_app.engine().resolve(&id, new_key).await;
    assert!(
        matches!(new_key, Err(ResolveError::NotInDoubt(_))),
        "{new_key:?}"
    );
    assert_eq!(told(&test_app, &id).await, 1);
    test_app.agrees().await;
}

#[tokio::test]
async fn one_key_attests_once_and_a_refusal_does_not_use_it_up() {
    let test_app = TestApp::manual(false).await;
    test_app.fault(FaultKind::LoseRequest);
    let id = test_app.pay("A-1").await.id;
    let ask = || {
        let note = "not on the partner site".into();
        keyed("r-1", Resolution::Absent { note })
    };
    let early = test_app.engine().resolve(&id, ask()).await;
    assert!(matches!(early, Err(ResolveError::TooEarly(_))), "{early:?}");
    test_app.clock.advance(QUIET);
    let taken = test_app.engine().resolve(&id, ask()).await.unwrap();
    assert!(!taken.before);
    assert!(test_app.engine().resolve(&id, ask()).await.unwrap().before);
    assert_eq!(told(&test_app, &id).await, 1);
    test_app.agrees().await;
}

#[tokio::test]
async fn one_key_at_once_resolves_once() {
    let test_app = TestApp::with(false).await;
    test_app.fault(FaultKind::LoseAnswer);
    let id = test_app.pay("A-1").await.id;
    let tno = test_app.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .clone();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (engine, id) = (test_app.engine().clone(), id.clone());
            let ask = keyed("r-1", live(&tno, true));
            tokio::spawn(async move { engine.resolve(&id, ask).await.unwrap().before })
        })
        .collect();
    let mut first = 0;
    for task in tasks {
        first += usize::from(!task.await.unwrap());
    }
    assert_eq!((first, told(&test_app, &id).await), (1, 1));
    assert_eq!(test_app.settled(&id).await.status(), Status::Approved);
    test_app.agrees().await;
}
