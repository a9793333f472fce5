//! Cancels: whole, in parts, at once, refused, and past us.

use nhn_kcp::Amount;
use sugi_core::{Payment, PaymentId, State, Status};
use sugi_engine::{CancelAsk, CancelError, Outcome, Sale};

use crate::{TestApp, card, sale};

impl TestApp {
    /// Cancels and waits for the end of it.
    pub(crate) async fn cancel(
        &self,
        id: &PaymentId,
        amount: Option<u64>,
    ) -> Result<Payment, CancelError> {
        let amount = amount.map(|amount| Amount::new(amount).unwrap());
        let reason = "고객 변심".parse().unwrap();
        let by = "lee".parse().unwrap();
        self.engine()
            .cancel(
                id,
                CancelAsk {
                    amount,
                    seen: None,
                    tax: None,
                    reason,
                    by,
                    key: None,
                },
            )
            .await?;
        Ok(self.settled(id).await)
    }
}

#[tokio::test]
async fn in_parts_and_then_the_rest() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    let part = test_app.cancel(&id, Some(1000)).await.unwrap();
    assert_eq!(
        (part.status(), part.cancelled_amount()),
        (Status::PartiallyCancelled, 1000)
    );
    let over = test_app.cancel(&id, Some(5)).await;
    assert!(
        matches!(
            over,
            Err(CancelError::TooMuch {
                asked: 5,
                remaining: 4
            })
        ),
        "{over:?}"
    );
    let rest = test_app.cancel(&id, None).await.unwrap();
    assert_eq!(
        (rest.status(), rest.cancelled_amount()),
        (Status::Cancelled, 1004)
    );
    assert!(matches!(
        test_app.cancel(&id, None).await,
        Err(CancelError::NothingLeft)
    ));
    test_app.agrees().await;
}

#[tokio::test]
async fn whole() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    assert_eq!(
        test_app.cancel(&id, None).await.unwrap().status(),
        Status::Cancelled
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn a_hundred_at_once_never_give_back_more_than_there_is() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (engine, id) = (test_app.engine().clone(), id.clone());
            tokio::spawn(async move {
                loop {
                    let reason = "동시 취소".parse().unwrap();
                    let by = "lee".parse().unwrap();
                    let ask = CancelAsk {
                        amount: Amount::new(100).ok(),
                        seen: None,
                        tax: None,
                        reason,
                        by,
                        key: None,
                    };
                    match engine.cancel(&id, ask).await {
                        Err(CancelError::Pending) => tokio::task::yield_now().await,
                        done => break done.is_ok(),
                    }
                }
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += usize::from(task.await.unwrap());
    }
    assert_eq!(taken, 10, "of 1,004 won, a hundred at a time");
    assert_eq!(test_app.settled(&id).await.cancelled_amount(), 1000);
    test_app.agrees().await;
}

#[tokio::test]
async fn up_to_so_much_all_cancels_count_together() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    let ask = |key: u32| CancelAsk {
        amount: Some(Amount::new(300).unwrap()),
        seen: None,
        tax: None,
        reason: "고객 변심".parse().unwrap(),
        by: "lee".parse().unwrap(),
        key: Some(("lee".into(), key.to_string())),
    };
    let up_to = async |key| test_app.engine().cancel_up_to(&id, ask(key), 600).await;
    up_to(1).await.unwrap();
    test_app.settled(&id).await;
    // Two at once, each of which would do alone.
    let (one, other) = tokio::join!(up_to(2), up_to(3));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    test_app.settled(&id).await;
    let above = up_to(4).await;
    assert!(
        matches!(
            above,
            Err(CancelError::Above {
                refunded: 600,
                most: 600
            })
        ),
        "{above:?}"
    );
    // What was asked for before is done, however much that is.
    up_to(1).await.unwrap();
    assert_eq!(test_app.settled(&id).await.cancelled_amount(), 600);
    test_app.agrees().await;
}

#[tokio::test]
async fn somebody_else_cancelled_at_kcp() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    // Past us, with the shop's own key, as from KCP's partner site.
    let tno = test_app
        .engine()
        .store()
        .load(&id)
        .await
        .unwrap()
        .unwrap()
        .payment
        .approval()
        .unwrap()
        .tno
        .clone();
    let part = nhn_kcp::Cancel::partial(
        tno,
        Amount::new(300).unwrap(),
        Amount::new(1004).unwrap(),
        "past us".parse().unwrap(),
    );
    test_app.shop().client.cancel(&part.unwrap()).await.unwrap();

    // Our 200 are refused, because what we thought was left is not; and then we know what is.
    let payment = test_app.cancel(&id, Some(200)).await.unwrap();
    let State::Approved {
        remaining, refused, ..
    } = &payment.state
    else {
        panic!()
    };
    assert_eq!(*remaining, 704);
    assert!(refused.is_some(), "the asker is told");
    assert_eq!(
        test_app
            .cancel(&id, Some(200))
            .await
            .unwrap()
            .cancelled_amount(),
        500
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn a_refusal_is_final_and_says_why() {
    let test_app = TestApp::new().await;
    // This card is approved, and every cancel of it is refused with 8012.
    let stuck = Sale {
        card: card(&kcp_sandbox::magic_card(97, "8012").unwrap()),
        ..sale("A-1", 1004)
    };
    let Outcome::Begun(payment_handle) = test_app.engine().pay(stuck).await.unwrap() else {
        panic!()
    };
    let id = payment_handle.first_result().await.id.clone();
    let payment = test_app.cancel(&id, None).await.unwrap();
    let State::Approved {
        refused: Some(refused),
        pending: None,
        ..
    } = &payment.state
    else {
        panic!("{payment:?}")
    };
    assert_eq!(refused.1.as_ref().unwrap().code.as_str(), "8012");
    test_app.agrees().await;
}

#[tokio::test]
async fn a_contract_without_parts_has_no_parts() {
    let mut test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    test_app.engine().settle(crate::MAX_WAIT).await;
    test_app.engine = None;
    let mut shop = test_app.shop();
    shop.contract.partial_cancel = false;
    let store = sugi_store::Store::open(test_app.dir.path()).unwrap();
    test_app.engine = Some(sugi_engine::Engine::new(
        store,
        [shop],
        sugi_clock::Clock::real(),
    ));
    assert!(matches!(
        test_app.cancel(&id, Some(100)).await,
        Err(CancelError::WholeOnly(_))
    ));
    assert_eq!(
        test_app.cancel(&id, Some(1004)).await.unwrap().status(),
        Status::Cancelled
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn one_key_makes_one_cancel() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    let keyed = |amount: u64| CancelAsk {
        amount: Amount::new(amount).ok(),
        seen: None,
        tax: None,
        reason: "고객 변심".parse().unwrap(),
        by: "lee".parse().unwrap(),
        key: Some(("shop".into(), "c-1".into())),
    };
    let first = test_app.engine().cancel(&id, keyed(300)).await.unwrap();
    test_app.settled(&id).await;
    assert_eq!(
        test_app.engine().cancel(&id, keyed(300)).await.unwrap(),
        first,
        "asked again, done once"
    );
    assert!(matches!(
        test_app.engine().cancel(&id, keyed(400)).await,
        Err(CancelError::KeyReused)
    ));
    assert_eq!(test_app.settled(&id).await.cancelled_amount(), 300);
    test_app.agrees().await;
}

#[tokio::test]
async fn one_key_asked_at_once_makes_one_cancel() {
    let test_app = TestApp::new().await;
    let id = test_app.pay("A-1").await.id;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (engine, id) = (test_app.engine().clone(), id.clone());
            let ask = CancelAsk {
                amount: Amount::new(300).ok(),
                seen: None,
                tax: None,
                reason: "고객 변심".parse().unwrap(),
                by: "lee".parse().unwrap(),
                key: Some(("shop".into(), "c-1".into())),
            };
            tokio::spawn(async move { engine.cancel(&id, ask).await.unwrap() })
        })
        .collect();
    let mut names = std::collections::HashSet::new();
    for task in tasks {
        names.insert(task.await.unwrap());
    }
    assert_eq!(names.len(), 1);
    assert_eq!(test_app.settled(&id).await.cancelled_amount(), 300);
    test_app.agrees().await;
}
