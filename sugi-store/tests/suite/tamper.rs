//! Whatever is changed behind the store's back is found, and named.

use rusqlite::Connection;
use sugi_store::StoreError;

use crate::{House, approved, id};

/// Writes two payments, does something to the file, and returns what the ledger then says.
async fn after(harm: &str) -> StoreError {
    let mut house = House::new();
    for n in 1..=2 {
        let book = house.pay(n, &format!("A-{n}")).await.unwrap();
        house.then(&book, approved(&format!("2600000000000{n}"))).await.unwrap();
    }
    house.store().verify().await.unwrap();
    house.store = None;
    let db = Connection::open(house.dir.path().join("sugi.db")).unwrap();
    assert!(db.execute(harm, []).unwrap() > 0, "{harm} did nothing");
    drop(db);
    house.reopen();
    house.store().verify().await.expect_err(harm)
}

#[tokio::test]
async fn every_kind_of_harm_is_found_and_named() {
    let payment = id(2);
    let row = |seq: i32| format!("journal row ({payment}, {seq})");
    let projection = format!("payment row {payment}");
    for (harm, place) in [
        ("update journal set body = replace(body, '1004', '1005') where payment = '{}' and seq = 1", row(1)),
        ("update journal set at = at + 1 where payment = '{}' and seq = 2", row(2)),
        ("update journal set hash = replace(hash, 'a', 'b') where payment = '{}' and seq = 3", row(3)),
        ("delete from journal where payment = '{}' and seq = 2", row(3)),
        ("delete from journal where payment = '{}' and seq = 3", projection.clone()),
        ("delete from journal where payment = '{}'", projection.clone()),
        ("update payment set amount = 1 where id = '{}'", projection.clone()),
        ("update payment set status = 'void' where id = '{}'", projection.clone()),
        ("update payment set buyer_name = null where id = '{}'", projection.clone()),
        ("delete from payment where id = '{}'", row(1)),
    ] {
        let finding = after(&harm.replace("{}", payment.as_str())).await;
        let StoreError::Inconsistent(finding) = finding else { panic!("{harm}: {finding}") };
        assert_eq!(finding.place, place, "{harm}: {finding}");
    }
}
