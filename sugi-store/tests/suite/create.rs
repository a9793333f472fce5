//! A payment is created once: per idempotency key, and per order that is alive.

use nhn_kcp::Amount;
use sugi_core::{Event, Mode, SendNo};
use sugi_store::{CreateError, CreationClaims, PaymentSnapshot, StoreError};

use crate::{TestApp, approved, declined, id, key, pending_append};

on_each_engine!(
    a_key_makes_one_payment,
    keys_of_different_callers_do_not_meet,
    a_hundred_at_once_with_one_key_make_one_payment,
    an_order_has_one_live_payment,
    an_order_is_its_site_codes_and_its_shops,
    an_order_that_is_named_as_anothers_attempt_is_an_order_of_its_own,
    an_order_lives_as_long_as_any_payment_of_it,
    a_transaction_is_one_payments,
);

/// What was charged twice is alive twice, and both have to end before the order can be paid again.
async fn an_order_lives_as_long_as_any_payment_of_it(test_app: TestApp) {
    let first = test_app.pay(1, "A-1").await.unwrap();
    let first = test_app.then(&first, declined()).await.unwrap();
    let second = test_app.pay(2, "A-1").await.unwrap();
    let second = test_app
        .then(&second, approved("26000000000002"))
        .await
        .unwrap();
    // The first was charged after all.
    let first = test_app
        .then(&first, approved("26000000000001"))
        .await
        .unwrap();
    test_app.store().verify().await.unwrap();
    let sent = || Event::CancelSent {
        send: SendNo(1),
        mode: Mode::Full,
    };
    let done = || Event::CancelDone {
        send: Some(SendNo(1)),
        remaining: 0,
    };
    let order = sugi_core::CancelOrder {
        id: "can_00000000000000000000000000000001".parse().unwrap(),
        amount: Amount::new(1004).unwrap(),
        reason: "두 번 결제".parse().unwrap(),
        by: "kim".parse().unwrap(),
        all: true,
        tax: None,
    };
    let asked = test_app.then(&second, Event::CancelAsked(order)).await;
    let at_kcp = test_app.then(&asked.unwrap(), sent()).await.unwrap();
    test_app.then(&at_kcp, done()).await.unwrap();
    let again = test_app.pay(3, "A-1").await;
    assert!(
        matches!(&again, Err(CreateError::OrderLive { payment }) if *payment == id(1)),
        "the first one is alive: {again:?}"
    );
    test_app.store().verify().await.unwrap();
    let reversing = test_app.then(&first, Event::ReverseDecided).await.unwrap();
    let at_kcp = test_app.then(&reversing, sent()).await.unwrap();
    assert!(test_app.pay(3, "A-1").await.is_err());
    test_app.then(&at_kcp, done()).await.unwrap();
    test_app.pay(3, "A-1").await.unwrap();
    test_app.store().verify().await.unwrap();
}

/// The number that KCP was told for an attempt is that attempt's; what a merchant calls an order is the
/// merchant's. One says nothing of the other.
async fn an_order_that_is_named_as_anothers_attempt_is_an_order_of_its_own(test_app: TestApp) {
    let first = test_app.pay(1, "A-1").await.unwrap();
    test_app.then(&first, declined()).await.unwrap();
    let creation_claims = CreationClaims::default;
    let second = test_app
        .store()
        .create(attempt(2, "A-1", "A-1-2"), None, creation_claims());
    let second = second.await.unwrap();
    let own = test_app.pay(3, "A-1-2").await.unwrap();
    test_app
        .then(&own, approved("26000000000003"))
        .await
        .unwrap();
    test_app.store().verify().await.unwrap();
    // The attempt ends; the order that is named like it is paid, and stays so.
    test_app.then(&second, declined()).await.unwrap();
    let again = test_app.pay(4, "A-1-2").await;
    assert!(
        matches!(&again, Err(CreateError::OrderLive { payment }) if *payment == id(3)),
        "paid twice: {again:?}"
    );
    test_app.pay(4, "A-1").await.unwrap();
    test_app.store().verify().await.unwrap();
}

/// A shop that gets another site code charges no order again that stands under the old one.
async fn an_order_is_its_site_codes_and_its_shops(test_app: TestApp) {
    test_app.pay(1, "A-1").await.unwrap();
    let of = |n, shop: &str, site_cd: &str| {
        let mut request = crate::request("A-1");
        request.shop = shop.parse().unwrap();
        request.site_cd = site_cd.parse().unwrap();
        let events = vec![Event::Requested(Box::new(request)), Event::ApproveSent];
        let pending_append =
            sugi_store::PendingAppend::begin(id(n), crate::at(1), &[7; 16], events);
        test_app
            .store()
            .create(pending_append.unwrap(), None, CreationClaims::default())
    };
    let other_shop = of(2, "other", "T0000").await;
    assert!(
        matches!(&other_shop, Err(CreateError::OrderLive { payment }) if *payment == id(1)),
        "{other_shop:?}"
    );
    let other_code = of(2, "main", "T0007").await;
    assert!(
        matches!(&other_code, Err(CreateError::OrderLive { payment }) if *payment == id(1)),
        "{other_code:?}"
    );
    of(2, "other", "T0007").await.unwrap();
    test_app.store().verify().await.unwrap();
}

/// Of two payments that KCP tells of one transaction, one has it. The other does not take it over,
/// no matter what becomes of the first.
async fn a_transaction_is_one_payments(test_app: TestApp) {
    const TNO: &str = "26000000000001";
    let append = |payment_snapshot: &PaymentSnapshot, event| {
        let pending_append =
            sugi_store::PendingAppend::of(payment_snapshot.clone(), crate::at(2), event).unwrap();
        test_app.store().append(pending_append, None)
    };
    let first = test_app.pay(1, "A-1").await.unwrap();
    let first = test_app.then(&first, approved(TNO)).await.unwrap();
    let second = test_app.pay(2, "A-2").await.unwrap();
    let lost = test_app.pay(3, "A-3").await.unwrap();
    let lost = test_app
        .then(&lost, Event::Lost(crate::write::lost()))
        .await
        .unwrap();
    let seen = sugi_core::Live::Found {
        approval: Box::new(sugi_core::Approval::bare(
            TNO.parse().unwrap(),
            Amount::new(1004).unwrap(),
        )),
        remaining: 1004,
    };
    let source = sugi_core::Source::Inquiry {
        tno: TNO.parse().unwrap(),
    };
    let asked_at = crate::at(2).into();
    let found = Event::Inquired(sugi_core::Inquired {
        seen,
        source,
        asked_at,
    });
    for _ in 0..2 {
        for (payment_snapshot, event) in [(&second, approved(TNO)), (&lost, found.clone())] {
            let refused = append(payment_snapshot, event).await;
            let Err(StoreError::Foreign { tno, payment }) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!((tno.as_str(), payment), (TNO, id(1)));
        }
    }
    test_app.store().verify().await.unwrap();
    assert_eq!(
        test_app.store().load(&id(2)).await.unwrap().unwrap().head,
        second.head
    );
    // Others at the same moment are not held up by it.
    let (refused, fine) = tokio::join!(
        append(&second, approved(TNO)),
        append(&lost, Event::Voided(sugi_core::VoidReason::Absent)),
    );
    assert!(refused.is_err() && fine.unwrap().is_some());
    // What is the first one's own it may tell again.
    let order = sugi_core::CancelOrder {
        id: "can_00000000000000000000000000000001".parse().unwrap(),
        amount: Amount::new(4).unwrap(),
        reason: "고객 변심".parse().unwrap(),
        by: "kim".parse().unwrap(),
        all: false,
        tax: None,
    };
    test_app
        .then(&first, Event::CancelAsked(order))
        .await
        .unwrap();
}

async fn a_key_makes_one_payment(test_app: TestApp) {
    let creation_claims = |request| CreationClaims {
        key: Some(key("k1", request)),
    };
    test_app
        .store()
        .create(pending_append(1, "A-1"), None, creation_claims("r1"))
        .await
        .unwrap();
    for (n, (request, same)) in (2..).zip([("r1", true), ("r2", false)]) {
        let again = test_app
            .store()
            .create(pending_append(n, "A-2"), None, creation_claims(request))
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
        test_app.store().by_key("cli", "k1").await.unwrap(),
        Some((id(1), "r1".into()))
    );
    assert_eq!(
        test_app.store().verify().await.unwrap().0,
        1,
        "the refused ones left nothing behind"
    );
}

async fn keys_of_different_callers_do_not_meet(test_app: TestApp) {
    let mut creation_claims = CreationClaims {
        key: Some(key("k1", "r1")),
    };
    test_app
        .store()
        .create(pending_append(1, "A-1"), None, creation_claims.clone())
        .await
        .unwrap();
    creation_claims.key.as_mut().unwrap().scope = "web".into();
    test_app
        .store()
        .create(pending_append(2, "A-2"), None, creation_claims)
        .await
        .unwrap();
}

async fn a_hundred_at_once_with_one_key_make_one_payment(test_app: TestApp) {
    let creation_claims = CreationClaims {
        key: Some(key("k1", "r1")),
    };
    let tries = (1..=100).map(|n| {
        test_app
            .store()
            .create(pending_append(n, "A-1"), None, creation_claims.clone())
    });
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

async fn an_order_has_one_live_payment(test_app: TestApp) {
    let first = test_app.pay(1, "A-1").await.unwrap();
    let again = test_app.pay(2, "A-1").await;
    assert!(
        matches!(&again, Err(CreateError::OrderLive { payment }) if *payment == id(1)),
        "{again:?}"
    );
    test_app.then(&first, declined()).await.unwrap();
    test_app.pay(2, "A-1").await.unwrap();
    let again = test_app.pay(3, "A-1").await;
    assert!(
        matches!(&again, Err(CreateError::OrderLive { payment }) if *payment == id(2)),
        "{again:?}"
    );
    test_app.store().verify().await.unwrap();
}

pub(crate) fn attempt(n: u32, order_no: &str, ordr_idxx: &str) -> sugi_store::PendingAppend {
    let mut request = crate::request(order_no);
    request.order.order_no = ordr_idxx.parse().unwrap();
    let events = vec![
        sugi_core::Event::Requested(Box::new(request)),
        sugi_core::Event::ApproveSent,
    ];
    sugi_store::PendingAppend::begin(id(n), crate::at(1), &[7; 16], events).unwrap()
}
