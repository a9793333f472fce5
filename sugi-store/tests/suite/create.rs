//! A payment is created once: per idempotency key, and per order that is alive.

use sugi_store::{CreateError, Opening};

use crate::{House, declined, draft, id, key};

on_each_engine!(
    a_key_makes_one_payment,
    keys_of_different_callers_do_not_meet,
    a_hundred_at_once_with_one_key_make_one_payment,
    an_order_has_one_live_payment_and_attempts_of_their_own,
    an_attempt_steps_over_a_number_that_is_somebody_elses,
    money_that_turns_up_takes_its_order_back,
);

async fn money_that_turns_up_takes_its_order_back(house: House) {
    let first = house.pay(1, "A-1").await.unwrap();
    let first = house.then(&first, declined()).await.unwrap();
    let opening = Opening {
        attempt: 2,
        key: None,
    };
    let second = house
        .store()
        .create(attempt(2, "A-1", "A-1-2"), None, opening)
        .await
        .unwrap();
    house.then(&second, declined()).await.unwrap();
    // The first attempt was charged after all. The second one has its number, and yet the order is
    // not to be paid again.
    house
        .then(&first, crate::approved("26000000000001"))
        .await
        .unwrap();
    let third = house
        .store()
        .create(
            attempt(3, "A-1", "A-1-3"),
            None,
            Opening {
                attempt: 3,
                key: None,
            },
        )
        .await;
    assert!(
        matches!(third, Err(CreateError::OrderLive { .. })),
        "{third:?}"
    );
}

async fn a_key_makes_one_payment(house: House) {
    let opening = |request| Opening {
        attempt: 1,
        key: Some(key("k1", request)),
    };
    house
        .store()
        .create(draft(1, "A-1"), None, opening("r1"))
        .await
        .unwrap();
    for (n, (request, same)) in (2..).zip([("r1", true), ("r2", false)]) {
        let again = house
            .store()
            .create(draft(n, "A-2"), None, opening(request))
            .await;
        let Err(CreateError::KeyUsed {
            payment,
            same_request,
        }) = again
        else {
            panic!("{again:?}")
        };
        assert_eq!((payment, same_request), (id(1), same));
    }
    assert_eq!(
        house.store().by_key("cli", "k1").await.unwrap(),
        Some((id(1), "r1".into()))
    );
    assert_eq!(
        house.store().verify().await.unwrap().0,
        1,
        "the refused ones left nothing behind"
    );
}

async fn keys_of_different_callers_do_not_meet(house: House) {
    let mut opening = Opening {
        attempt: 1,
        key: Some(key("k1", "r1")),
    };
    house
        .store()
        .create(draft(1, "A-1"), None, opening.clone())
        .await
        .unwrap();
    opening.key.as_mut().unwrap().scope = "web".into();
    house
        .store()
        .create(draft(2, "A-2"), None, opening)
        .await
        .unwrap();
}

async fn a_hundred_at_once_with_one_key_make_one_payment(house: House) {
    let opening = Opening {
        attempt: 1,
        key: Some(key("k1", "r1")),
    };
    let tries = (1..=100).map(|n| house.store().create(draft(n, "A-1"), None, opening.clone()));
    let mut made = 0;
    for outcome in crate::together(tries).await {
        match outcome {
            Ok(_) => made += 1,
            Err(CreateError::KeyUsed {
                same_request: true, ..
            }) => {}
            Err(why) => panic!("{why}"),
        }
    }
    assert_eq!(made, 1);
}

async fn an_order_has_one_live_payment_and_attempts_of_their_own(house: House) {
    let first = house.pay(1, "A-1").await.unwrap();
    let Err(CreateError::OrderLive { payment }) = house.pay(2, "A-1").await else {
        panic!()
    };
    assert_eq!(payment, id(1));

    house.then(&first, declined()).await.unwrap();
    let Err(CreateError::Attempt { next: 2 }) = house.pay(2, "A-1").await else {
        panic!()
    };
    let second = house
        .store()
        .create(
            attempt(2, "A-1", "A-1-2"),
            None,
            Opening {
                attempt: 2,
                key: None,
            },
        )
        .await
        .unwrap();
    // Alive again: not a third time, and not by the second one's own number either.
    assert!(matches!(
        house.pay(3, "A-1").await,
        Err(CreateError::OrderLive { .. })
    ));
    assert!(matches!(
        house.pay(3, "A-1-2").await,
        Err(CreateError::OrderLive { .. })
    ));

    house.then(&second, declined()).await.unwrap();
    assert!(matches!(
        house.pay(3, "A-1").await,
        Err(CreateError::Attempt { next: 3 })
    ));
}

async fn an_attempt_steps_over_a_number_that_is_somebody_elses(house: House) {
    house.pay(1, "A-1-2").await.unwrap();
    let first = house.pay(2, "A-1").await.unwrap();
    house.then(&first, declined()).await.unwrap();
    let second = house
        .store()
        .create(
            attempt(3, "A-1", "A-1-2"),
            None,
            Opening {
                attempt: 2,
                key: None,
            },
        )
        .await;
    assert!(
        matches!(second, Err(CreateError::Attempt { next: 3 })),
        "{second:?}"
    );
    house
        .store()
        .create(
            attempt(3, "A-1", "A-1-3"),
            None,
            Opening {
                attempt: 3,
                key: None,
            },
        )
        .await
        .unwrap();
}

pub(crate) fn attempt(n: u32, order_no: &str, ordr_idxx: &str) -> sugi_store::Draft {
    let mut request = crate::request(order_no);
    request.order.order_no = ordr_idxx.parse().unwrap();
    let events = vec![
        sugi_core::Event::Requested(Box::new(request)),
        sugi_core::Event::ApproveSent,
    ];
    sugi_store::Draft::begin(id(n), crate::at(1), &[7; 16], events).unwrap()
}
