//! Lost answers, and how each is closed by evidence.

use std::time::Duration;

use kcp_sandbox::FaultKind;
use sugi_core::{Event, Source, State, Status, VoidReason};
use sugi_engine::{Outcome, Resolution, ResolveError};

use crate::{House, PATIENCE, sale};

#[tokio::test]
async fn a_lost_answer_is_found_by_its_order_and_reversed() {
    let house = House::new().await;
    house.fault(FaultKind::LoseAnswer);
    let payment = house.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);
    assert_eq!(house.settled(&payment.id).await.status(), Status::Reversed);
    assert_eq!(house.approvals("A-1"), 1);
    house.agrees().await;
}

#[tokio::test]
async fn a_caller_who_still_waits_keeps_the_sale() {
    let house = House::new().await;
    house.fault(FaultKind::LoseAnswer);
    let Outcome::Begun(ticket) = house.engine().pay(sale("A-1", 1004)).await.unwrap() else {
        panic!()
    };
    let payment = ticket.last_word(PATIENCE).await;
    assert_eq!(payment.status(), Status::Approved);
    house.agrees().await;
}

#[tokio::test]
async fn a_caller_whose_patience_ends_gets_the_truth_so_far() {
    let house = House::with(false).await;
    house.fault(FaultKind::LoseRequest);
    let Outcome::Begun(ticket) = house.engine().pay(sale("A-1", 1004)).await.unwrap() else {
        panic!()
    };
    let payment = ticket.last_word(Duration::from_millis(100)).await;
    assert_eq!(payment.status(), Status::InDoubt);
    close_as_absent(&house, &payment.id).await;
    house.agrees().await;
}

#[tokio::test]
async fn a_lost_request_is_void_only_after_the_quiet_period() {
    let house = House::new().await;
    house.pay("A-0").await;
    house.fault(FaultKind::LoseRequest);
    let payment = house.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);
    let payment = house.settled(&payment.id).await;
    assert!(
        matches!(payment.state, State::Void(VoidReason::Absent)),
        "{:?}",
        payment.state
    );

    let journal = house.engine().store().journal(&payment.id).await.unwrap();
    let lost = journal
        .iter()
        .find(|row| matches!(row.event, Event::Lost(_)))
        .unwrap()
        .at;
    let last_look = journal
        .iter()
        .rev()
        .find(|row| matches!(row.event, Event::Looked(_)))
        .unwrap();
    let Event::Looked(look) = &last_look.event else {
        unreachable!()
    };
    let quiet = jiff::SignedDuration::from_millis(1_000);
    assert!(
        look.asked_at.duration_since(lost) >= quiet,
        "the look that proved it came too early"
    );
    house.agrees().await;
}

#[tokio::test]
async fn a_number_read_off_the_wreck_is_looked_up_before_it_is_cancelled() {
    // No order look-up: the number in the wrong answer is the only thread.
    let house = House::with(false).await;
    house.fault(FaultKind::WrongAmount {
        amount: None,
        books_too: false,
    });
    let payment = house.pay("A-1").await;
    let payment = house.settled(&payment.id).await;
    assert_eq!(payment.status(), Status::Reversed);
    let journal = house.engine().store().journal(&payment.id).await.unwrap();
    let names: Vec<_> = journal.iter().map(|row| row.event.name()).collect();
    assert_eq!(
        names,
        [
            "requested",
            "approve_sent",
            "lost",
            "looked",
            "reverse_decided",
            "cancel_sent",
            "cancel_done"
        ]
    );
    house.agrees().await;
}

#[tokio::test]
async fn a_contradiction_is_reversed_even_if_the_caller_waits() {
    let house = House::with(false).await;
    house.fault(FaultKind::WrongAmount {
        amount: None,
        books_too: true,
    });
    let Outcome::Begun(ticket) = house.engine().pay(sale("A-1", 1004)).await.unwrap() else {
        panic!()
    };
    assert_eq!(ticket.last_word(PATIENCE).await.status(), Status::Reversed);
    house.agrees().await;
}

#[tokio::test]
async fn a_person_closes_it_with_the_number_and_kcp_has_to_confirm() {
    let house = House::with(false).await;
    let other = house.pay("A-0").await;
    house.fault(FaultKind::LoseAnswer);
    let payment = house.pay("A-1").await;
    assert_eq!(
        house.settled(&payment.id).await.status(),
        Status::InDoubt,
        "it waits for evidence"
    );

    let by = "kim".parse::<sugi_core::Actor>().unwrap();
    let says = async |tno: &str, keep| {
        let what = Resolution::Live {
            tno: tno.parse().unwrap(),
            note: "partner site".into(),
            keep,
        };
        house.engine().resolve(&payment.id, what, by.clone()).await
    };
    // Somebody else's number, and one that does not exist.
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
    // While it may be alive, nobody can say that it is not there.
    let absent = Resolution::Absent {
        note: "not there".into(),
    };
    let early = house
        .engine()
        .resolve(&payment.id, absent, by.clone())
        .await;
    assert!(matches!(early, Err(ResolveError::TooEarly(_))), "{early:?}");

    let tno = house.sandbox.books_of("A-1").transactions[0].tno.clone();
    says(&tno, true).await.unwrap();
    let payment = house.settled(&payment.id).await;
    assert_eq!(payment.status(), Status::Approved);
    let journal = house.engine().store().journal(&payment.id).await.unwrap();
    assert!(
        journal
            .iter()
            .any(|row| matches!(&row.event, Event::Looked(looked)
        if matches!(&looked.source, Source::Person { note, .. } if note == "partner site")))
    );
    house.agrees().await;
}

#[tokio::test]
async fn a_person_says_reverse_and_it_is_reversed() {
    let house = House::with(false).await;
    house.fault(FaultKind::LoseAnswer);
    let payment = house.pay("A-1").await;
    let tno = house.sandbox.books_of("A-1").transactions[0]
        .tno
        .parse()
        .unwrap();
    let what = Resolution::Live {
        tno,
        note: "card message".into(),
        keep: false,
    };
    house
        .engine()
        .resolve(&payment.id, what, "kim".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(house.settled(&payment.id).await.status(), Status::Reversed);
    house.agrees().await;
}

#[tokio::test]
async fn an_approval_that_lands_late_is_not_missed() {
    // The request is held up inside KCP past our patience, and books itself later.
    let house = House::new().await;
    house.fault(FaultKind::LateAnswer {
        delay_ms: 1_500,
        books_delay_ms: 900,
    });
    let payment = house.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);
    assert_eq!(house.settled(&payment.id).await.status(), Status::Reversed);
    assert_eq!(house.approvals("A-1"), 1);
    house.agrees().await;
}

#[tokio::test]
async fn money_that_turns_up_after_a_payment_was_closed_opens_it_again() {
    let house = House::with(false).await;
    // KCP breaks its word: the approval books itself long after the quiet period.
    house.fault(FaultKind::LateAnswer {
        delay_ms: 4_000,
        books_delay_ms: 3_000,
    });
    let payment = house.pay("A-1").await;
    close_as_absent(&house, &payment.id).await;
    let tno = loop {
        match house.sandbox.books_of("A-1").transactions.first() {
            Some(late) => break late.tno.parse().unwrap(),
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let what = Resolution::Live {
        tno,
        note: "settlement file".into(),
        keep: false,
    };
    house
        .engine()
        .resolve(&payment.id, what, "kim".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(house.settled(&payment.id).await.status(), Status::Reversed);
    house.agrees().await;
}

/// Says that it is not there, as soon as that counts.
async fn close_as_absent(house: &House, id: &sugi_core::PaymentId) {
    loop {
        let what = Resolution::Absent {
            note: "not on the partner site".into(),
        };
        match house
            .engine()
            .resolve(id, what, "kim".parse().unwrap())
            .await
        {
            Err(ResolveError::TooEarly(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            closed => break assert_eq!(closed.unwrap().status(), Status::Void),
        }
    }
}

#[tokio::test]
async fn a_lookup_that_finds_nothing_at_all_proves_nothing() {
    // The shop is said to have look-ups; its contract at KCP has not.
    let mut house = House::with(false).await;
    house.order_lookup = true;
    house.engine = None;
    house.open();
    house.pay("A-0").await;
    house.fault(FaultKind::LoseAnswer);
    let payment = house.pay("A-1").await;
    assert_eq!(
        house.engine().settle(Duration::from_secs(3)).await,
        1,
        "it goes on looking"
    );
    let still = house
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
    let tno = house.sandbox.books_of("A-1").transactions[0]
        .tno
        .parse()
        .unwrap();
    let what = Resolution::Live {
        tno,
        note: "partner site".into(),
        keep: false,
    };
    house
        .engine()
        .resolve(&payment.id, what, "kim".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(house.settled(&payment.id).await.status(), Status::Reversed);
    house.agrees().await;
}
