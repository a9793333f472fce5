//! Whatever is changed behind the store's back is found, and named.

use sugi_store::StoreError;

use crate::{TestApp, approved, id};

on_each_engine!(
    every_kind_of_harm_is_found_and_named,
    a_guard_that_guards_wrongly_is_found_and_named,
);

/// Writes two payments, does something to the rows, and returns what the ledger then says.
async fn after(mut test_app: TestApp, harm: &str) -> StoreError {
    for n in 1..=2 {
        let payment_snapshot = test_app.pay(n, &format!("A-{n}")).await.unwrap();
        test_app
            .then(&payment_snapshot, approved(&format!("2600000000000{n}")))
            .await
            .unwrap();
    }
    test_app.store().verify().await.unwrap();
    test_app.store = None;
    assert!(test_app.harm(harm) > 0, "{harm} did nothing");
    test_app.reopen().await;
    test_app.store().verify().await.expect_err(harm)
}

async fn every_kind_of_harm_is_found_and_named(test_app: TestApp) {
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
            "update payment set site_cd = 'T0007' where id = '{}'",
            projection.clone(),
        ),
        (
            "update payment set buyer_name = null where id = '{}'",
            projection.clone(),
        ),
        ("delete from payment where id = '{}'", row(1)),
    ] {
        let violation = after(
            test_app.another().await,
            &harm.replace("{}", payment.as_str()),
        )
        .await;
        let StoreError::Inconsistent(violation) = violation else {
            panic!("{harm}: {violation}")
        };
        assert_eq!(violation.place, place, "{harm}: {violation}");
    }
}

async fn a_guard_that_guards_wrongly_is_found_and_named(test_app: TestApp) {
    let two = id(2);
    let claim = "order_claim row (T0000, A-2)".to_owned();
    for (harm, place) in [
        (
            "delete from order_claim where order_no = 'A-2'",
            format!("payment row {two}"),
        ),
        (
            "update order_claim set order_no = 'A-3' where order_no = 'A-2'",
            format!("payment row {two}"),
        ),
        (
            "update order_claim set site_cd = 'T0007' where order_no = 'A-2'",
            format!("payment row {two}"),
        ),
        (
            "update order_claim set living = 0 where order_no = 'A-2'",
            claim.clone(),
        ),
        (
            "update order_claim set living = 2 where order_no = 'A-2'",
            claim.clone(),
        ),
        (
            "update order_claim set living = -1 where order_no = 'A-2'",
            claim,
        ),
        (
            "insert into order_claim (site_cd, order_no, living) values ('T0000', 'A-9', 0)",
            "order_claim row (T0000, A-9)".to_owned(),
        ),
        (
            "insert into idempotency (scope, key, request, payment) values ('cli', 'k', 'r', 'nobody')",
            "idempotency row of cli for nobody".to_owned(),
        ),
    ] {
        let found = after(test_app.another().await, harm).await;
        let StoreError::Inconsistent(violation) = found else {
            panic!("{harm}: {found}")
        };
        assert_eq!(violation.place, place, "{harm}: {violation}");
    }
}
