//! What an engine counts of what it writes.

use kcp_sandbox::{Fault, FaultKind, Operation};
use nhn_kcp::Currency;
use sugi_core::{ShopId, Status};
use sugi_engine::{Counts, Inquiries, Moved, Outcome, Sale, WatchCounts};

use crate::{MAX_WAIT, TestApp, card, sale};

fn came_to(counts: &Counts, status: Status) -> u64 {
    let key = ("main".parse().unwrap(), status);
    counts.payments.get(&key).copied().unwrap_or(0)
}

fn moved(counts: &Counts) -> [u64; 3] {
    Moved::ALL.map(|how| {
        let key = ("main".parse().unwrap(), Currency::Krw, how);
        counts.money.get(&key).copied().unwrap_or(0)
    })
}

#[tokio::test]
async fn payments_by_the_states_they_came_to_and_money_by_how_it_moved() {
    let test_app = TestApp::new().await;
    let main: ShopId = "main".parse().unwrap();
    let nothing = Counts {
        foreign: [(main.clone(), 0)].into(),
        late_answers: [(main.clone(), 0)].into(),
        inquiries: [(main.clone(), Inquiries::default())].into(),
        watch: [(main, WatchCounts::default())].into(),
        ..Counts::default()
    };
    assert_eq!(test_app.engine().counts(), nothing);
    let id = test_app.pay("A-1").await.id;
    let declined = Sale {
        card: card(&kcp_sandbox::magic_card(99, "CC61").unwrap()),
        ..sale("A-2", 1004)
    };
    let Outcome::Begun(payment_handle) = test_app.engine().pay(declined).await.unwrap() else {
        panic!()
    };
    assert_eq!(
        payment_handle.first_result().await.status(),
        Status::Declined
    );
    test_app.cancel(&id, Some(300)).await.unwrap();
    test_app.cancel(&id, Some(200)).await.unwrap();
    // Lost, found alive and reversed; and one whose caller waited, which is kept.
    test_app.fault(FaultKind::LoseAnswer);
    let reversed = test_app.pay("A-3").await.id;
    test_app.settled(&reversed).await;
    test_app.fault(FaultKind::LoseAnswer);
    let Outcome::Begun(payment_handle) = test_app.engine().pay(sale("A-4", 2000)).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(
        payment_handle.final_outcome(MAX_WAIT).await.status(),
        Status::Approved
    );
    test_app.rests().await;

    let counts = test_app.engine().counts();
    let [approved, cancelled, back] = moved(&counts);
    assert_eq!((approved, cancelled, back), (1004 + 2000, 500, 1004));
    for (status, payments) in [
        (Status::Requested, 0),
        (Status::Approving, 4),
        (Status::Approved, 2),
        (Status::Declined, 1),
        (Status::InDoubt, 2),
        (Status::Reversing, 1),
        (Status::Reversed, 1),
        (Status::PartiallyCancelled, 1),
        (Status::Cancelled, 0),
        (Status::Void, 0),
    ] {
        assert_eq!(came_to(&counts, status), payments, "{status:?}");
    }
    let live: u64 = test_app.sandbox.books().charged();
    assert_eq!(
        approved - cancelled,
        live,
        "what stands is what the books hold"
    );

    // What is asked again moves nothing; a cancel whose answer is lost counts once.
    test_app
        .sandbox
        .fault(Fault::new(FaultKind::LoseAnswer).on(Operation::Cancel))
        .unwrap();
    test_app.cancel(&id, None).await.unwrap();
    let counts = test_app.engine().counts();
    assert_eq!(moved(&counts), [3004, 1004, 1004]);
    assert_eq!(came_to(&counts, Status::Cancelled), 1);
    test_app.agrees().await;
}
