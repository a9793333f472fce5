//! Sales that go as they should, and those that are refused before anything is sent.

use std::time::Duration;

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind};
use sugi_core::{Kind, Payment, State, Status, order_number::is_marked};
use sugi_engine::{BrakeRule, Currencies, Engine, Limits, Outcome, PayError, Sale};

use crate::{HELD, House, card, held, proof, sale, until};

#[tokio::test]
async fn both_kinds_are_approved() {
    let house = House::new().await;
    let plain = house.pay("A-1").await;
    assert_eq!(
        (plain.status(), plain.request.kind),
        (Status::Approved, Kind::Unauthenticated)
    );

    let proven = Sale {
        proof: Some(proof("00")),
        ..sale("A-2", 1004)
    };
    let Outcome::Begun(ticket) = house.engine().pay(proven).await.unwrap() else {
        panic!()
    };
    let proven = ticket.first_word().await;
    assert_eq!(
        (proven.status(), proven.request.kind),
        (Status::Approved, Kind::Authenticated)
    );
    let approval = proven.approval().unwrap();
    assert!(approval.app_no.is_some() && approval.app_time.is_some() && approval.issuer.is_some());

    let kinds: Vec<_> = house
        .sandbox
        .books()
        .transactions
        .iter()
        .map(|transaction| transaction.kind)
        .collect();
    assert_eq!(kinds, ["unauthenticated", "authenticated"]);
    house.agrees().await;
}

#[tokio::test]
async fn a_decline_says_why_and_the_order_can_be_tried_again() {
    let house = House::new().await;
    let wrong = Sale {
        proof: Some(proof("99")),
        ..sale("A-1", 1004)
    };
    let Outcome::Begun(ticket) = house.engine().pay(wrong).await.unwrap() else {
        panic!()
    };
    let declined = ticket.first_word().await;
    let State::Declined(refusal) = &declined.state else {
        panic!("{:?}", declined.state)
    };
    assert_eq!(refusal.code.as_str(), "CC63");

    let again = house.pay("A-1").await;
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

    let third = house.engine().pay(sale("A-1", 1004)).await;
    assert!(matches!(third, Err(PayError::OrderLive { payment, .. }) if payment == again.id));
    house.agrees().await;
}

#[tokio::test]
async fn one_key_makes_one_payment_whoever_asks_and_how_often() {
    let house = House::new().await;
    let keyed = |won| Sale {
        key: Some(("shop".into(), "k-1".into())),
        ..sale("A-1", won)
    };
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (engine, sale): (Engine, _) = (house.engine().clone(), keyed(1004));
            tokio::spawn(async move { engine.pay(sale).await.unwrap() })
        })
        .collect();
    let mut begun = 0;
    for task in tasks {
        match task.await.unwrap() {
            Outcome::Begun(ticket) => {
                begun += 1;
                ticket.first_word().await;
            }
            Outcome::Replayed(_) => {}
        }
    }
    assert_eq!((begun, house.approvals("A-1")), (1, 1));
    assert!(matches!(
        house.engine().pay(keyed(1005)).await,
        Err(PayError::KeyReused { .. })
    ));
    house.agrees().await;
}

#[tokio::test]
async fn a_key_knows_its_buyer_until_they_are_taken_away() {
    let house = House::new().await;
    let of = |name: &str| {
        let mut sale = sale("A-1", 1004);
        sale.key = Some(("shop".into(), "k-1".into()));
        sale.order.buyer.name = Some(name.parse().unwrap());
        sale
    };
    let pay = async |name| house.engine().pay(of(name)).await;
    let Ok(Outcome::Begun(ticket)) = pay("홍길동").await else {
        panic!("it is new")
    };
    ticket.first_word().await;
    assert!(matches!(pay("홍길동").await, Ok(Outcome::Replayed(_))));
    assert!(matches!(
        pay("임꺽정").await,
        Err(PayError::KeyReused { .. })
    ));

    let store = house.engine().store();
    let tomorrow = jiff::civil::date(9999, 1, 1);
    let deed = sugi_store::Deed {
        at: jiff::Timestamp::UNIX_EPOCH,
        actor: "cli:root".into(),
        action: "purge".into(),
        subject: sugi_store::Store::buyers_before(tomorrow),
        outcome: "begun".into(),
        origin: "-".into(),
    };
    let end = store.audit_anchor().await.unwrap();
    store.audit(end, &[deed]).await.unwrap().unwrap();
    assert_eq!(store.forget_buyers(None, tomorrow).await.unwrap(), 1);
    assert!(matches!(pay("홍길동").await, Ok(Outcome::Replayed(_))));
    house.agrees().await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_before_anything_is_written() {
    let house = House::new().await;
    let refused = async |sale: Sale| match house.engine().pay(sale).await {
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

    assert_eq!(house.engine().store().verify().await.unwrap(), (0, 0));
    assert!(house.sandbox.messages().is_empty());
    house.agrees().await;
}

#[tokio::test]
async fn what_the_contract_does_not_have_is_not_asked_of_kcp() {
    let mut house = House::new().await;
    house.engine = None;
    let mut shop = house.shop();
    shop.contract.unauthenticated = false;
    shop.contract.installments = 0;
    let store = sugi_store::Store::open(house.dir.path()).unwrap();
    house.engine = Some(Engine::new(
        store,
        [shop],
        sugi_engine::clock::Clock::real(),
    ));

    assert!(matches!(
        house.engine().pay(sale("A-1", 1004)).await,
        Err(PayError::Contract { .. })
    ));
    let mut months = Sale {
        proof: Some(proof("00")),
        ..sale("A-1", 60_000)
    };
    months.order.installments = nhn_kcp::Installments::new(3).unwrap();
    assert!(matches!(
        house.engine().pay(months).await,
        Err(PayError::Contract { .. })
    ));
    let elsewhere = Sale {
        shop: "other".parse().unwrap(),
        ..sale("A-1", 1004)
    };
    assert!(matches!(
        house.engine().pay(elsewhere).await,
        Err(PayError::UnknownShop(_))
    ));
    assert!(house.sandbox.messages().is_empty());
    house.agrees().await;
}

/// Reads the shop anew, with a contract that takes these.
fn take(house: &House, currencies: Currencies) {
    let mut shop = house.shop();
    shop.contract.currencies = currencies;
    house.engine().set_shops([shop]);
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
    let house = House::new().await;
    let refused = async |house: &House, sale: Sale| match house.engine().pay(sale).await {
        Err(why @ PayError::Currency { .. }) => why.to_string(),
        other => panic!("{other:?}"),
    };
    // Nothing was said about dollars, so there are none.
    let why = refused(&house, dollars("A-1")).await;
    assert!(
        why.contains("currency must be KRW") && why.contains("shop main"),
        "{why}"
    );
    assert_eq!(house.engine().store().verify().await.unwrap(), (0, 0));
    assert!(house.sandbox.messages().is_empty());

    take(&house, Currencies::both());
    let Outcome::Begun(ticket) = house.engine().pay(dollars("A-1")).await.unwrap() else {
        panic!("it is new")
    };
    let paid = ticket.first_word().await;
    let in_books = house.sandbox.books_beginning("A-1-").transactions;
    assert_eq!((in_books[0].amount, &*in_books[0].currency), (1_234, "840"));
    assert_eq!(house.approvals("A-1"), 1);

    // A contract that changed makes nothing undone: whoever asks again is told what became of it.
    take(&house, Currencies::default());
    let again = house.engine().pay(dollars("A-1")).await.unwrap();
    assert!(matches!(again, Outcome::Replayed(before) if before.id == paid.id));
    refused(&house, dollars("A-2")).await;

    take(&house, Currencies::parse(&["USD"]).unwrap());
    let why = refused(&house, sale("A-3", 1004)).await;
    assert!(why.contains("currency must be USD"), "{why}");
    house.agrees().await;
}

#[tokio::test]
async fn nobody_at_the_other_end_is_not_a_doubt() {
    let mut house = House::new().await;
    // A port that is taken, so that nobody else gets it, and that nobody listens on.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = nobody.local_addr().unwrap();
    house.engine = None;
    let ours = house.sandbox.credentials();
    let key = nhn_kcp::Credentials::from_pem(
        ours.cert_pem.as_bytes(),
        ours.key_pem.as_bytes(),
        &ours.key_password,
    );
    let gateway = nhn_kcp::Gateway::sandbox(&format!("http://{address}")).unwrap();
    let client = nhn_kcp::Client::builder("T0000".parse().unwrap(), key.unwrap(), gateway)
        .build()
        .unwrap();
    let mut shop = house.shop();
    shop.client = client;
    let store = sugi_store::Store::open(house.dir.path()).unwrap();
    house.engine = Some(Engine::new(
        store,
        [shop],
        sugi_engine::clock::Clock::real(),
    ));

    let payment = house.pay("A-1").await;
    assert!(
        matches!(
            &payment.state,
            State::Void(sugi_core::VoidReason::NotSent { .. })
        ),
        "{:?}",
        payment.state
    );
    house.agrees().await;
}

#[tokio::test]
async fn who_was_held_up_sends_nothing_any_more() {
    let mut house = House::new().await;
    house.engine = None;
    let mut shop = house.shop();
    // Whatever the ledger took is too long.
    shop.margin = SignedDuration::ZERO;
    let store = sugi_store::Store::open(house.dir.path()).unwrap();
    house.engine = Some(Engine::new(store, [shop], house.clock.clone()));
    let payment = house.pay("A-1").await;
    assert!(
        matches!(
            &payment.state,
            State::Void(sugi_core::VoidReason::NotSent { why }) if why.contains("held up")
        ),
        "{:?}",
        payment.state
    );
    assert!(house.sandbox.messages().is_empty());
    house.agrees().await;
}

#[tokio::test]
async fn who_hangs_up_changes_nothing() {
    let house = House::new().await;
    let Outcome::Begun(ticket) = house.engine().pay(sale("A-1", 1004)).await.unwrap() else {
        panic!()
    };
    let id = ticket.id();
    drop(ticket);
    assert_eq!(house.settled(&id).await.status(), Status::Approved);
    house.agrees().await;
}

#[tokio::test]
async fn too_many_lost_answers_stop_new_sales_until_a_probe_is_answered() {
    let mut house = House::by_hand(true).await;
    let (pause, brake) = (SignedDuration::from_mins(5), BrakeRule::default());
    open_with(
        &mut house,
        &Limits {
            brake: BrakeRule {
                losses: 3,
                pause,
                ..brake
            },
            ..Limits::default()
        },
    );
    house
        .sandbox
        .fault(Fault::new(FaultKind::LoseRequest).times(3))
        .unwrap();
    for n in 0..3 {
        assert_eq!(house.pay(&format!("A-{n}")).await.status(), Status::InDoubt);
    }
    let refused = house.engine().pay(sale("B-1", 1004)).await;
    assert!(
        matches!(refused, Err(PayError::Brake { .. })),
        "{refused:?}"
    );
    house.passes(pause);
    assert_eq!(house.pay("B-1").await.status(), Status::Approved);
    assert_eq!(
        house.pay("B-2").await.status(),
        Status::Approved,
        "an answer opens the way"
    );
    // What was lost is looked for until that is proof.
    until("the lost ones are void", async || {
        house.passes(crate::QUIET);
        house.engine().settle(Duration::ZERO).await == 0
    })
    .await;
    house.agrees().await;
}

#[tokio::test]
async fn a_shop_has_only_so_many_sales_on_the_line() {
    let mut house = House::new().await;
    open_with(
        &mut house,
        &Limits {
            calls_at_once: 4,
            ..Limits::default()
        },
    );
    house.sandbox.fault(Fault::new(held()).times(4)).unwrap();
    let mut tickets = Vec::new();
    for n in 0..4 {
        let Outcome::Begun(ticket) = house
            .engine()
            .pay(sale(&format!("A-{n}"), 1004))
            .await
            .unwrap()
        else {
            panic!()
        };
        tickets.push(ticket);
    }
    let fifth = house.engine().pay(sale("A-4", 1004)).await;
    assert!(matches!(fifth, Err(PayError::Busy(_))), "{fifth:?}");
    until("four on the line", async || {
        house.sandbox.transaction_count() == 4
    })
    .await;
    house.sandbox.advance(HELD);
    for ticket in tickets {
        assert_eq!(ticket.first_word().await.status(), Status::Approved);
    }
    assert_eq!(house.pay("A-4").await.status(), Status::Approved);
    house.agrees().await;
}

#[tokio::test]
async fn stopping_cuts_no_approval_in_half() {
    let house = House::new().await;
    house.fault(held());
    let Outcome::Begun(ticket) = house.engine().pay(sale("A-1", 1004)).await.unwrap() else {
        panic!()
    };
    until("it is on the line", async || house.approvals("A-1") == 1).await;
    assert!(
        house.engine().stop(Duration::ZERO).await > 0,
        "nothing is waited for"
    );
    house.sandbox.advance(HELD);
    assert_eq!(house.engine().stop(crate::PATIENCE).await, 0);
    assert_eq!(
        ticket.first_word().await.status(),
        Status::Approved,
        "it was waited for"
    );
    assert!(matches!(
        house.engine().pay(sale("A-2", 1004)).await,
        Err(PayError::Stopping)
    ));
    house.agrees().await;
}

/// Opens the house anew with a shop that has these limits.
pub(crate) fn open_with(house: &mut House, limits: &Limits) {
    house.engine = None;
    let store = sugi_store::Store::open(house.dir.path()).unwrap();
    house.engine = Some(Engine::new(
        store,
        [house.shop_with(limits)],
        house.clock.clone(),
    ));
}
