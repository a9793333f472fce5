//! Whatever is changed behind the store's back is found, and named.

use sugi_store::StoreError;

use crate::{House, approved, id};

on_each_engine!(every_kind_of_harm_is_found_and_named);

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
