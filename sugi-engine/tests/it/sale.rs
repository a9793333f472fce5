//! Sales that go as they should, and those that are refused before anything is sent.

use std::time::Duration;

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind};
use sugi_core::{Kind, Payment, State, Status, order_number::is_marked};
use sugi_engine::{CircuitBreakerRule, Currencies, Engine, Limits, Outcome, PayError, Sale};

use crate::{HELD, TestApp, card, pending_card, proof, sale, until};

#[tokio::test]
async fn both_kinds_are_approved() {
    let test_app = TestApp::new().await;
    let plain = test_app.pay("A-1").await;
    assert_eq!(
        (plain.status(), plain.request.kind),
        (Status::Approved, Kind::Unauthenticated)
    );

    let proven = Sale {
        proof: Some(proof("00")),
        ..sale("A-2", 1004)
    };
    let Outcome::Begun(payment_handle) = test_app.engine().pay(proven).await.unwrap() else {
        panic!()
    };
    let proven = payment_handle.first_result().await;
    assert_eq!(
        (proven.status(), proven.request.kind),
        (Status::Approved, Kind::Authenticated)
    );
    let approval = proven.approval().unwrap();
    assert!(approval.app_no.is_some() && approval.app_time.is_some() && approval.issuer.is_some());

    let kinds: Vec<_> = test_app
        .sandbox
        .books()
        .transactions
        .iter()
        .map(|transaction| transaction.kind)
        .collect();
    assert_eq!(kinds, ["unauthenticated", "authenticated"]);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_decline_says_why_and_the_order_can_be_tried_again() {
    let test_app = TestApp::new().await;
    let wrong = Sale {
        proof: Some(proof("99")),
        ..sale("A-1", 1004)
    };
    let Outcome::Begun(payment_handle) = test_app.engine().pay(wrong).await.unwrap() else {
        panic!()
    };
    let declined = payment_handle.first_result().await;
    let State::Declined(refusal) = &declined.state else {
        panic!("{:?}", declined.state)
    };
    assert_eq!(refusal.code.as_str(), "CC63");

    let again = test_app.pay("A-1").await;
    assert_eq!(again.status(), Status::Approved);
    assert_eq!(
        again.request.order_no.as_str(),
        "A-1",
        "the merchant's number stays"
    );
    let at_kcp = |payment: &Payment| payment.request.order.order_no.to_string();
    assert_ne!(
        at_kcp(&again),
        at_kcp(&declined),
        "KCP's is the attempt's own"
    );
    for payment in [&declined, &again] {
        let number = at_kcp(payment);
        assert!(number.starts_with("A-1-") && is_marked(&number), "{number}");
    }

    let third = test_app.engine().pay(sale("A-1", 1004)).await;
    assert!(matches!(third, Err(PayError::OrderLive { payment, .. }) if payment == again.id));
    test_app.agrees().await;
}

#[tokio::test]
async fn one_key_makes_one_payment_whoever_asks_and_how_often() {
    let test_app = TestApp::new().await;
    let keyed = |won| Sale {
        key: Some(("shop".into(), "k-1".into())),
        ..sale("A-1", won)
    };
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (engine, sale): (Engine, _) = (test_app.engine().clone(), keyed(1004));
            tokio::spawn(async move { engine.pay(sale).await.unwrap() })
        })
        .collect();
    let mut begun = 0;
    for task in tasks {
        match task.await.unwrap() {
            Outcome::Begun(payment_handle) => {
                begun += 1;
                payment_handle.first_result().await;
            }
            Outcome::Replayed(_) => {}
        }
    }
    assert_eq!((begun, test_app.approvals("A-1")), (1, 1));
    assert!(matches!(
        test_app.engine().pay(keyed(1005)).await,
        Err(PayError::KeyReused { .. })
    ));
    test_app.agrees().await;
}

#[tokio::test]
async fn a_key_knows_its_buyer_until_they_are_taken_away() {
    let test_app = TestApp::new().await;
    let of = |name: &str| {
        let mut sale = sale("A-1", 1004);
        sale.key = Some(("shop".into(), "k-1".into()));
        sale.order.buyer.name = Some(name.parse().unwrap());
        sale
    };
    let pay = async |name| test_app.engine().pay(of(name)).await;
    let Ok(Outcome::Begun(payment_handle)) = pay("홍길동").await else {
        panic!("it is new")
    };
    payment_handle.first_result().await;
    assert!(matches!(pay("홍길동").await, Ok(Outcome::Replayed(_))));
    assert!(matches!(
        pay("임꺽정").await,
        Err(PayError::KeyReused { .. })
    ));

    let store = test_app.engine().store();
    let tomorrow = jiff::civil::date(9999, 1, 1);
    let audit_entry = sugi_store::AuditEntry {
        at: jiff::Timestamp::UNIX_EPOCH,
        actor: "cli:root".into(),
        action: "purge".into(),
        subject: sugi_store::Store::buyers_before(tomorrow),
        outcome: "begun".into(),
        origin: "-".into(),
    };
    let end = store.audit_checkpoint().await.unwrap();
    store.audit(end, &[audit_entry]).await.unwrap().unwrap();
    assert_eq!(store.erase_buyers(None, tomorrow).await.unwrap(), 1);
    assert!(matches!(pay("홍길동").await, Ok(Outcome::Replayed(_))));
    test_app.agrees().await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_before_anything_is_written() {
    let test_app = TestApp::new().await;
    let refused = async |sale: Sale| match test_app.engine().pay(sale).await {
        Err(PayError::Invalid(why)) => why.to_string(),
        other => panic!("{other:?}"),
    };
    let mut expired = sale("A-1", 1004);
    expired.card = nhn_kcp::Card::new(
        card("4111111111111111").number,
        nhn_kcp::Expiry::new(2020, 1).unwrap(),
    );
    let why = refused(expired).await;
    assert!(
        why.contains("expir") && !why.contains("4111") && !why.contains("2001"),
        "{why}"
    );

    let mut small = sale("A-1", 49_999);
    small.order.installments = nhn_kcp::Installments::new(3).unwrap();
    let why = refused(small).await;
    assert!(why.contains("50,000"), "{why}");

    assert_eq!(test_app.engine().store().verify().await.unwrap(), (0, 0));
    assert!(test_app.sandbox.messages().is_empty());
    test_app.agrees().await;
}

#[tokio::test]
async fn what_the_contract_does_not_have_is_not_asked_of_kcp() {
    let mut test_app = TestApp::new().await;
    test_app.engine = None;
    let mut shop = test_app.shop();
    shop.contract.unauthenticated = false;
    shop.contract.installments = 0;
    let store = sugi_store::Store::open(test_app.dir.path()).unwrap();
    test_app.engine = Some(Engine::new(store, [shop], sugi_clock::Clock::real()));

    assert!(matches!(
        test_app.engine().pay(sale("A-1", 1004)).await,
        Err(PayError::Contract { .. })
    ));
    let mut months = Sale {
        proof: Some(proof("00")),
        ..sale("A-1", 60_000)
    };
    months.order.installments = nhn_kcp::Installments::new(3).unwrap();
    assert!(matches!(
        test_app.engine().pay(months).await,
        Err(PayError::Contract { .. })
    ));
    let elsewhere = Sale {
        shop: "other".parse().unwrap(),
        ..sale("A-1", 1004)
    };
    assert!(matches!(
        test_app.engine().pay(elsewhere).await,
        Err(PayError::UnknownShop(_))
    ));
    assert!(test_app.sandbox.messages().is_empty());
    test_app.agrees().await;
}

/// Reads the shop anew, with a contract that takes these.
fn take(test_app: &TestApp, currencies: Currencies) {
    let mut shop = test_app.shop();
    shop.contract.currencies = currencies;
    test_app.engine().set_shops([shop]);
}

/// A sale of $12.34, with a key.
fn dollars(order_no: &str) -> Sale {
    let mut sale = sale(order_no, 1);
    sale.order.money = nhn_kcp::Money::usd_cents(1_234).unwrap();
    sale.key = Some(("shop".into(), order_no.into()));
    sale
}

#[tokio::test]
async fn a_currency_that_the_contract_does_not_take_is_refused_before_anything_is_written() {
    let test_app = TestApp::new().await;
    let refused = async |test_app: &TestApp, sale: Sale| match test_app.engine().pay(sale).await {
        Err(why @ PayError::Currency { .. }) => why.to_string(),
        other => panic!("{other:?}"),
    };
    // Nothing was said about dollars, so there are none.
    let why = refused(&test_app, dollars("A-1")).await;
    assert!(
        why.contains("currency must be KRW") && why.contains("shop main"),
        "{why}"
    );
    assert_eq!(test_app.engine().store().verify().await.unwrap(), (0, 0));
    assert!(test_app.sandbox.messages().is_empty());

    take(&test_app, Currencies::both());
    let Outcome::Begun(payment_handle) = test_app.engine().pay(dollars("A-1")).await.unwrap()
    else {
        panic!("it is new")
    };
    let paid = payment_handle.first_result().await;
    let in_books = test_app.sandbox.books_beginning("A-1-").transactions;
    assert_eq!((in_books[0].amount, &*in_books[0].currency), (1_234, "840"));
    assert_eq!(test_app.approvals("A-1"), 1);

    // A contract that changed makes nothing undone: whoever asks again is told what became of it.
    take(&test_app, Currencies::default());
    let again = test_app.engine().pay(dollars("A-1")).await.unwrap();
    assert!(matches!(again, Outcome::Replayed(before) if before.id == paid.id));
    refused(&test_app, dollars("A-2")).await;

    take(&test_app, Currencies::parse(&["USD"]).unwrap());
    let why = refused(&test_app, sale("A-3", 1004)).await;
    assert!(why.contains("currency must be USD"), "{why}");
    test_app.agrees().await;
}

#[tokio::test]
async fn nobody_at_the_other_end_is_not_a_doubt() {
    let mut test_app = TestApp::new().await;
    // A port that is taken, so that no one else gets it, and that no one listens on.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = nobody.local_addr().unwrap();
    test_app.engine = None;
    let ours = test_app.sandbox.credentials();
    let key = nhn_kcp::Credentials::from_pem(
        ours.cert_pem.as_bytes(),
        ours.key_pem.as_bytes(),
        &ours.key_password,
    );
    let gateway = nhn_kcp::Gateway::sandbox(&format!("http://{address}")).unwrap();
    let client = nhn_kcp::Client::builder("T0000".parse().unwrap(), key.unwrap(), gateway)
        .build()
        .unwrap();
    let mut shop = test_app.shop();
    shop.client = client;
    let store = sugi_store::Store::open(test_app.dir.path()).unwrap();
    test_app.engine = Some(Engine::new(store, [shop], sugi_clock::Clock::real()));

    let payment = test_app.pay("A-1").await;
    assert!(
        matches!(
            &payment.state,
            State::Void(sugi_core::VoidReason::NotSent { .. })
        ),
        "{:?}",
        payment.state
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn who_was_held_up_sends_nothing_any_more() {
    let mut test_app = TestApp::new().await;
    test_app.engine = None;
    let mut shop = test_app.shop();
    // Whatever the ledger took is too long.
    shop.margin = SignedDuration::ZERO;
    let store = sugi_store::Store::open(test_app.dir.path()).unwrap();
    test_app.engine = Some(Engine::new(store, [shop], test_app.clock.clone()));
    let payment = test_app.pay("A-1").await;
    assert!(
        matches!(
            &payment.state,
            State::Void(sugi_core::VoidReason::NotSent { why }) if why.contains("held up")
        ),
        "{:?}",
        payment.state
    );
    assert!(test_app.sandbox.messages().is_empty());
    test_app.agrees().await;
}

#[tokio::test]
async fn who_hangs_up_changes_nothing() {
    let test_app = TestApp::new().await;
    let Outcome::Begun(payment_handle) = test_app.engine().pay(sale("A-1", 1004)).await.unwrap()
    else {
        panic!()
    };
    let id = payment_handle.id();
    drop(payment_handle);
    assert_eq!(test_app.settled(&id).await.status(), Status::Approved);
    test_app.agrees().await;
}

#[tokio::test]
async fn too_many_lost_answers_stop_new_sales_until_a_probe_is_answered() {
    let mut test_app = TestApp::manual(true).await;
    let (pause, circuit_breaker) = (SignedDuration::from_mins(5), CircuitBreakerRule::default());
    open_with(
        &mut test_app,
        &Limits {
            circuit_breaker: CircuitBreakerRule {
                losses: 3,
                pause,
                ..circuit_breaker
            },
            ..Limits::default()
        },
    );
    test_app
        .sandbox
        .fault(Fault::new(FaultKind::LoseRequest).times(3))
        .unwrap();
    for n in 0..3 {
        assert_eq!(
            test_app.pay(&format!("A-{n}")).await.status(),
            Status::InDoubt
        );
    }
    let refused = test_app.engine().pay(sale("B-1", 1004)).await;
    assert!(
        matches!(refused, Err(PayError::CircuitBreaker { .. })),
        "{refused:?}"
    );
    test_app.passes(pause);
    assert_eq!(test_app.pay("B-1").await.status(), Status::Approved);
    assert_eq!(
        test_app.pay("B-2").await.status(),
        Status::Approved,
        "an answer opens the way"
    );
    // What was lost is looked for until that is proof.
    until("the lost ones are void", async || {
        test_app.passes(crate::QUIET);
        test_app.engine().settle(Duration::ZERO).await == 0
    })
    .await;
    test_app.agrees().await;
}

#[tokio::test]
async fn a_shop_has_only_so_many_sales_on_the_line() {
    let mut test_app = TestApp::new().await;
    open_with(
        &mut test_app,
        &Limits {
            calls_at_once: 4,
            ..Limits::default()
        },
    );
    test_app
        .sandbox
        .fault(Fault::new(pending_card()).times(4))
        .unwrap();
    let mut tickets = Vec::new();
    for n in 0..4 {
        let Outcome::Begun(payment_handle) = test_app
            .engine()
            .pay(sale(&format!("A-{n}"), 1004))
            .await
            .unwrap()
        else {
            panic!()
        };
        tickets.push(payment_handle);
    }
    let fifth = test_app.engine().pay(sale("A-4", 1004)).await;
    assert!(matches!(fifth, Err(PayError::Busy(_))), "{fifth:?}");
    until("four on the line", async || {
        test_app.sandbox.transaction_count() == 4
    })
    .await;
    test_app.sandbox.advance(HELD);
    for payment_handle in tickets {
        assert_eq!(
            payment_handle.first_result().await.status(),
            Status::Approved
        );
    }
    assert_eq!(test_app.pay("A-4").await.status(), Status::Approved);
    test_app.agrees().await;
}

#[tokio::test]
async fn stopping_cuts_no_approval_in_half() {
    let test_app = TestApp::new().await;
    test_app.fault(pending_card());
    let Outcome::Begun(payment_handle) = test_app.engine().pay(sale("A-1", 1004)).await.unwrap()
    else {
        panic!()
    };
    until("it is on the line", async || test_app.approvals("A-1") == 1).await;
    assert!(
        test_app.engine().stop(Duration::ZERO).await > 0,
        "nothing is waited for"
    );
    test_app.sandbox.advance(HELD);
    assert_eq!(test_app.engine().stop(crate::MAX_WAIT).await, 0);
    assert_eq!(
        payment_handle.first_result().await.status(),
        Status::Approved,
        "it was waited for"
    );
    assert!(matches!(
        test_app.engine().pay(sale("A-2", 1004)).await,
        Err(PayError::Stopping)
    ));
    test_app.agrees().await;
}

/// Opens the house anew with a shop that has these limits.
pub(crate) fn open_with(test_app: &mut TestApp, limits: &Limits) {
    test_app.engine = None;
    let store = sugi_store::Store::open(test_app.dir.path()).unwrap();
    test_app.engine = Some(Engine::new(
        store,
        [test_app.shop_with(limits)],
        test_app.clock.clone(),
    ));
}
