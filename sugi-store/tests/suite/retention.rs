//! Buyers that are taken away are gone, and the proof of what they bought is not.

use jiff::civil::{Date, date};
use sugi_core::{Event, Lost};
use sugi_store::{Deed, StoreError};

use crate::{House, Place, approved, at, declined, id};

on_each_engine!(
    buyers_go_and_the_proof_stays,
    what_is_not_settled_keeps_its_buyer,
    a_buyer_that_nobody_owns_up_to_is_missed,
    nothing_is_taken_that_the_audit_does_not_tell_of,
);

/// The day after the payments of these tests.
const AFTER: Date = date(2027, 1, 16);

/// Writes into the audit that buyers go.
async fn own_up(house: &House, before: Date) {
    write_down(house, before, "purge").await;
}

async fn write_down(house: &House, before: Date, action: &str) {
    let deed = Deed {
        at: at(50),
        actor: "cli:root".into(),
        action: action.into(),
        subject: sugi_store::Store::buyers_before(before),
        outcome: "begun".into(),
        origin: "-".into(),
    };
    let store = house.store();
    let end = store.audit_anchor().await.unwrap();
    store.audit(end, &[deed]).await.unwrap().unwrap();
}

async fn buyers_go_and_the_proof_stays(mut house: House) {
    // More than one stretch of them.
    for n in 1..=101 {
        let book = house.pay(n, &format!("A-{n}")).await.unwrap();
        let end = if n % 2 == 0 {
            declined()
        } else {
            approved(&format!("{}", 26_000_000_000_000_u64 + u64::from(n)))
        };
        house.then(&book, end).await.unwrap();
    }
    let before = house.store().load(&id(1)).await.unwrap().unwrap();
    assert!(before.payment.request.order.buyer.name.is_some());
    assert!(house.store().keeps_buyers(None, AFTER).await.unwrap());
    // Of the day itself nothing is taken.
    let day = AFTER.yesterday().unwrap();
    assert!(!house.store().keeps_buyers(None, day).await.unwrap());

    own_up(&house, AFTER).await;
    let store = house.store();
    // Begun is not done: whoever breaks off begins anew from the start.
    assert_eq!(store.buyers_forgotten().await.unwrap(), None);
    // Of what is older than what is looked at, nothing is taken.
    assert!(!store.keeps_buyers(Some(AFTER), AFTER).await.unwrap());
    assert_eq!(store.forget_buyers(Some(AFTER), AFTER).await.unwrap(), 0);
    assert!(store.keeps_buyers(Some(day), AFTER).await.unwrap());
    assert_eq!(house.store().forget_buyers(None, AFTER).await.unwrap(), 101);
    assert_eq!(house.store().forget_buyers(None, AFTER).await.unwrap(), 0);

    house.store().verify().await.unwrap();
    let after = house.store().load(&id(1)).await.unwrap().unwrap();
    assert_eq!(after.payment.request.order.buyer, nhn_kcp::Buyer::default());
    assert_eq!(after.head, before.head, "the proof is the same");
    assert_eq!(after.payment.state, before.payment.state);
    let listed = house.store().list(sugi_store::Filter::default()).await;
    assert!(
        listed
            .unwrap()
            .payments
            .iter()
            .all(|one| one.buyer_name.is_none())
    );

    let mut texts = String::new();
    let look = |_: &str, text: &str| texts.push_str(text);
    house.store().every_text(look).await.unwrap();
    let traces = ["홍길동", "01000000000", "010-0000-0000", "salt"];
    assert_eq!(traces.map(|trace| texts.contains(trace)), [false; 4]);
    if let Place::Folder(dir) = &house.place {
        let file = dir.path().join("sugi.db");
        house.store = None;
        let bytes = std::fs::read(file).unwrap();
        let holds = |trace: &str| bytes.windows(trace.len()).any(|at| at == trace.as_bytes());
        assert_eq!(traces.map(holds), [false; 4], "nor in what was freed");
    }
}

async fn what_is_not_settled_keeps_its_buyer(house: House) {
    let book = house.pay(1, "A-1").await.unwrap();
    let lost = Lost {
        why: "the connection ended".into(),
        tno: None,
        contradicts: false,
    };
    house.then(&book, Event::Lost(lost)).await.unwrap();
    house.pay(2, "A-2").await.unwrap();
    own_up(&house, AFTER).await;
    assert_eq!(house.store().forget_buyers(None, AFTER).await.unwrap(), 0);
    for n in 1..=2 {
        let book = house.store().load(&id(n)).await.unwrap().unwrap();
        assert!(book.payment.request.order.buyer.name.is_some());
    }
}

async fn a_buyer_that_nobody_owns_up_to_is_missed(house: House) {
    for n in 1..=2 {
        let book = house.pay(n, &format!("A-{n}")).await.unwrap();
        house.then(&book, declined()).await.unwrap();
    }
    own_up(&house, AFTER).await;
    house.store().forget_buyers(None, AFTER).await.unwrap();
    house.store().verify().await.unwrap();
    // The audit is made to tell of an earlier day only.
    let subject = format!(
        "update audit set subject = 'buyers before {}'",
        date(2027, 1, 15)
    );
    assert_eq!(house.harm(&subject), 1);
    let Err(StoreError::Inconsistent(finding)) = house.store().verify().await else {
        panic!("it holds")
    };
    assert_eq!(finding.place, format!("journal row ({}, 1)", id(1)));
    assert!(
        finding.what.contains("no audit row tells of it"),
        "{finding}"
    );
}

async fn nothing_is_taken_that_the_audit_does_not_tell_of(house: House) {
    let book = house.pay(1, "A-1").await.unwrap();
    house.then(&book, declined()).await.unwrap();
    own_up(&house, date(2027, 1, 15)).await;
    // Whoever names an operator like a purge has purged nothing.
    write_down(&house, AFTER, "user add").await;
    let refused = house.store().forget_buyers(None, AFTER).await.unwrap_err();
    assert!(refused.to_string().contains("audit"), "{refused}");
    let book = house.store().load(&id(1)).await.unwrap().unwrap();
    assert!(book.payment.request.order.buyer.name.is_some());
}
