//! What is believed of an answer, and what is not.

use kcp_sandbox::{Fault, FaultKind, Operation};
use sugi_core::{State, Status};
use sugi_engine::{Limits, Outcome, Sale};

use crate::{House, card, sale, sale::open_with};

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
    let mut house = House::by_hand(true).await;
    // With the circuit breaker as it is by default: five lost answers in a minute would open it.
    open_with(&mut house, &Limits::default());
    for round in 0..2 {
        for (n, damage) in damages().into_iter().enumerate() {
            let on = |kind: FaultKind, on| house.sandbox.fault(Fault::new(kind).on(on)).unwrap();
            on(damage.clone(), Operation::Approve);
            let paid = house.pay(&format!("A-{round}-{n}")).await;
            assert_eq!(paid.status(), Status::Approved, "{damage:?}");
            let approval = paid.approval().unwrap();
            let damaged = approval.extra.get("damaged_texts").unwrap();
            assert_eq!(damaged, "acqu_name card_name res_msg");
            assert!(approval.issuer.as_ref().unwrap().name.contains('\u{fffd}'));

            on(damage.clone(), Operation::Cancel);
            let cancelled = house.cancel(&paid.id, None).await.unwrap();
            assert_eq!(cancelled.status(), Status::Cancelled, "{damage:?}");

            // A decline stays one.
            on(damage.clone(), Operation::Approve);
            let declined = Sale {
                card: card("9490991060100003"),
                ..sale(&format!("B-{round}-{n}"), 1004)
            };
            let Outcome::Begun(ticket) = house.engine().pay(declined).await.unwrap() else {
                panic!()
            };
            let no = ticket.first_word().await;
            assert!(
                matches!(&no.state, State::Declined(_)),
                "{damage:?}: {:?}",
                no.state
            );
        }
    }
    house.agrees().await;
}
