//! Whatever is changed behind the store's back is found, and named.

use sugi_core::Event;
use sugi_store::{Book, Draft, Opening, StoreError};

use crate::{House, approved, at, declined, id, request};

on_each_engine!(
    every_kind_of_harm_is_found_and_named,
    a_guard_that_guards_wrongly_is_found_and_named,
    a_live_attempts_own_number_is_held,
    a_number_that_two_orders_share_is_no_harm,
);

/// Writes two payments, does something to the rows, and returns what the ledger then says.
async fn after(mut house: House, harm: &str) -> StoreError {
    for n in 1..=2 {
        let book = house.pay(n, &format!("A-{n}")).await.unwrap();
        house
            .then(&book, approved(&format!("2600000000000{n}")))
            .await
            .unwrap();
    }
    house.store().verify().await.unwrap();
    house.store = None;
    assert!(house.harm(harm) > 0, "{harm} did nothing");
    house.reopen().await;
    house.store().verify().await.expect_err(harm)
}

async fn every_kind_of_harm_is_found_and_named(house: House) {
    let payment = id(2);
    let row = |seq: i32| format!("journal row ({payment}, {seq})");
    let projection = format!("payment row {payment}");
    for (harm, place) in [
        (
            "update journal set body = replace(body, '1004', '1005') where payment = '{}' and seq = 1",
            row(1),
        ),
        (
            "update journal set at = at + 1 where payment = '{}' and seq = 2",
            row(2),
        ),
        (
            "update journal set hash = replace(hash, 'a', 'b') where payment = '{}' and seq = 3",
            row(3),
        ),
        (
            "delete from journal where payment = '{}' and seq = 2",
            row(3),
        ),
        (
            "delete from journal where payment = '{}' and seq = 3",
            projection.clone(),
        ),
        (
            "delete from journal where payment = '{}'",
            projection.clone(),
        ),
        (
            "update payment set amount = 1 where id = '{}'",
            projection.clone(),
        ),
        (
            "update payment set status = 'void' where id = '{}'",
            projection.clone(),
        ),
        (
            "update payment set buyer_name = null where id = '{}'",
            projection.clone(),
        ),
        ("delete from payment where id = '{}'", row(1)),
    ] {
        let finding = after(house.another().await, &harm.replace("{}", payment.as_str())).await;
        let StoreError::Inconsistent(finding) = finding else {
            panic!("{harm}: {finding}")
        };
        assert_eq!(finding.place, place, "{harm}: {finding}");
    }
}

async fn a_guard_that_guards_wrongly_is_found_and_named(house: House) {
    let (one, two) = (id(1), id(2));
    let claim = "order_claim row (main, A-2)".to_owned();
    for (harm, place) in [
        (
            "delete from order_claim where ordr_idxx = 'A-2'",
            format!("payment row {two}"),
        ),
        (
            "update order_claim set ordr_idxx = 'A-3' where ordr_idxx = 'A-2'",
            format!("payment row {two}"),
        ),
        (
            "update order_claim set live = 0 where ordr_idxx = 'A-2'",
            claim.clone(),
        ),
        (
            "update order_claim set live = 2 where ordr_idxx = 'A-2'",
            claim.clone(),
        ),
        (
            "update order_claim set attempts = 2 where ordr_idxx = 'A-2'",
            claim.clone(),
        ),
        (
            "update order_claim set attempts = 0 where ordr_idxx = 'A-2'",
            claim.clone(),
        ),
        (
            "update order_claim set payment = '{1}' where ordr_idxx = 'A-2'",
            claim.clone(),
        ),
        (
            "update order_claim set payment = '{1}', attempts = 2 where ordr_idxx = 'A-2'",
            claim.clone(),
        ),
        (
            "update order_claim set payment = 'nobody' where ordr_idxx = 'A-2'",
            claim,
        ),
        (
            "insert into order_claim (shop, ordr_idxx, payment, live, attempts) values ('main', 'A-9', '{1}', 1, 1)",
            "order_claim row (main, A-9)".to_owned(),
        ),
        (
            "insert into idempotency (scope, key, request, payment) values ('cli', 'k', 'r', 'nobody')",
            "idempotency row of cli for nobody".to_owned(),
        ),
    ] {
        let harm = harm.replace("{1}", one.as_str());
        let house = house.another().await;
        let found = after(house, &harm).await;
        let StoreError::Inconsistent(finding) = found else {
            panic!("{harm}: {found}")
        };
        assert_eq!(finding.place, place, "{harm}: {finding}");
    }
}

async fn a_live_attempts_own_number_is_held(house: House) {
    let first = house.pay(1, "A").await.unwrap();
    house.then(&first, declined()).await.unwrap();
    attempt(&house, 2, "A", 2, "A-2").await;
    house.store().verify().await.unwrap();
    assert_eq!(
        house.harm("update order_claim set live = 0 where ordr_idxx = 'A-2'"),
        1
    );
    let why = house.store().verify().await.unwrap_err().to_string();
    assert!(why.contains("order_claim row (main, A-2)"), "{why}");
}

/// A merchant numbers an order as a second attempt at another was numbered, once that is dead.
async fn a_number_that_two_orders_share_is_no_harm(house: House) {
    let first = house.pay(1, "A").await.unwrap();
    house.then(&first, declined()).await.unwrap();
    let second = attempt(&house, 2, "A", 2, "A-2").await;
    house.store().verify().await.unwrap();
    let second = house.then(&second, declined()).await.unwrap();
    house.store().verify().await.unwrap();
    let third = attempt(&house, 3, "A-2", 2, "A-2-2").await;
    house.store().verify().await.unwrap();
    house.then(&third, declined()).await.unwrap();
    house.store().verify().await.unwrap();
    // The dead attempt turns out to be charged, and takes the shared number with it.
    house
        .then(&second, approved("26000000000001"))
        .await
        .unwrap();
    house.store().verify().await.unwrap();
}

async fn attempt(house: &House, n: u32, order_no: &str, attempt: u32, at_kcp: &str) -> Book {
    let mut request = request(order_no);
    request.order.order_no = at_kcp.parse().unwrap();
    let events = vec![Event::Requested(Box::new(request)), Event::ApproveSent];
    let draft = Draft::begin(id(n), at(1), &[7; 16], events).unwrap();
    let opening = Opening { attempt, key: None };
    house
        .store()
        .create(draft, Some(at(40)), opening)
        .await
        .unwrap()
}
