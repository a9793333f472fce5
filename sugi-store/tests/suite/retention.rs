//! Buyers that are taken away are gone, and the proof of what they bought is not.

use jiff::civil::{Date, date};
use sugi_core::{Event, Lost};
use sugi_store::{AuditEntry, StoreError};

use crate::{Place, TestApp, approved, at, declined, id};

on_each_engine!(
    buyers_go_and_the_proof_stays,
    what_is_not_settled_keeps_its_buyer,
    a_buyer_that_nobody_owns_up_to_is_missed,
    nothing_is_taken_that_the_audit_does_not_tell_of,
);

/// The day after the payments of these tests.
const AFTER: Date = date(2027, 1, 16);

/// Writes into the audit that buyers go.
async fn own_up(test_app: &TestApp, before: Date) {
    write_down(test_app, before, "purge").await;
}

async fn write_down(test_app: &TestApp, before: Date, action: &str) {
    let audit_entry = AuditEntry {
        at: at(50),
        actor: "cli:root".into(),
        action: action.into(),
        subject: sugi_store::Store::buyers_before(before),
        outcome: "begun".into(),
        origin: "-".into(),
    };
    let store = test_app.store();
    let end = store.audit_checkpoint().await.unwrap();
    store.audit(end, &[audit_entry]).await.unwrap().unwrap();
}

async fn buyers_go_and_the_proof_stays(mut test_app: TestApp) {
    // More than one stretch of them.
    for n in 1..=101 {
        let payment_snapshot = test_app.pay(n, &format!("A-{n}")).await.unwrap();
        let end = if n % 2 == 0 {
            declined()
        } else {
            approved(&format!("{}", 26_000_000_000_000_u64 + u64::from(n)))
        };
        test_app.then(&payment_snapshot, end).await.unwrap();
    }
    let before = test_app.store().load(&id(1)).await.unwrap().unwrap();
    assert!(before.payment.request.order.buyer.name.is_some());
    assert!(test_app.store().keeps_buyers(None, AFTER).await.unwrap());
    // Of the day itself nothing is taken.
    let day = AFTER.yesterday().unwrap();
    assert!(!test_app.store().keeps_buyers(None, day).await.unwrap());

    own_up(&test_app, AFTER).await;
    let store = test_app.store();
    // Begun is not done: whoever breaks off begins anew from the start.
    assert_eq!(store.buyers_erased().await.unwrap(), None);
    // Of what is older than what is looked at, nothing is taken.
    assert!(!store.keeps_buyers(Some(AFTER), AFTER).await.unwrap());
    assert_eq!(store.erase_buyers(Some(AFTER), AFTER).await.unwrap(), 0);
    assert!(store.keeps_buyers(Some(day), AFTER).await.unwrap());
    assert_eq!(
        test_app.store().erase_buyers(None, AFTER).await.unwrap(),
        101
    );
    assert_eq!(test_app.store().erase_buyers(None, AFTER).await.unwrap(), 0);

    test_app.store().verify().await.unwrap();
    let after = test_app.store().load(&id(1)).await.unwrap().unwrap();
    assert_eq!(after.payment.request.order.buyer, nhn_kcp::Buyer::default());
    assert_eq!(after.head, before.head, "the proof is the same");
    assert_eq!(after.payment.state, before.payment.state);
    let listed = test_app.store().list(sugi_store::Filter::default()).await;
    assert!(
        listed
            .unwrap()
            .payments
            .iter()
            .all(|one| one.buyer_name.is_none())
    );

    let mut texts = String::new();
    let look = |_: &str, text: &str| texts.push_str(text);
    test_app.store().every_text(look).await.unwrap();
    let traces = ["홍길동", "01000000000", "010-0000-0000", "salt"];
    assert_eq!(traces.map(|trace| texts.contains(trace)), [false; 4]);
    if let Place::Folder(dir) = &test_app.place {
        let file = dir.path().join("sugi.db");
        test_app.store = None;
        let bytes = std::fs::read(file).unwrap();
        let holds = |trace: &str| bytes.windows(trace.len()).any(|at| at == trace.as_bytes());
        assert_eq!(traces.map(holds), [false; 4], "nor in what was freed");
    }
}

async fn what_is_not_settled_keeps_its_buyer(test_app: TestApp) {
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    let lost = Lost {
        why: "the connection ended".into(),
        tno: None,
        contradicts: false,
    };
    test_app
        .then(&payment_snapshot, Event::Lost(lost))
        .await
        .unwrap();
    test_app.pay(2, "A-2").await.unwrap();
    own_up(&test_app, AFTER).await;
    assert_eq!(test_app.store().erase_buyers(None, AFTER).await.unwrap(), 0);
    for n in 1..=2 {
        let payment_snapshot = test_app.store().load(&id(n)).await.unwrap().unwrap();
        assert!(payment_snapshot.payment.request.order.buyer.name.is_some());
    }
}

async fn a_buyer_that_nobody_owns_up_to_is_missed(test_app: TestApp) {
    for n in 1..=2 {
        let payment_snapshot = test_app.pay(n, &format!("A-{n}")).await.unwrap();
        test_app.then(&payment_snapshot, declined()).await.unwrap();
    }
    own_up(&test_app, AFTER).await;
    test_app.store().erase_buyers(None, AFTER).await.unwrap();
    test_app.store().verify().await.unwrap();
    // The audit is made to tell of an earlier day only.
    let subject = format!(
        "update audit set subject = 'buyers before {}'",
        date(2027, 1, 15)
    );
    assert_eq!(test_app.harm(&subject), 1);
    let Err(StoreError::Inconsistent(violation)) = test_app.store().verify().await else {
        panic!("it holds")
    };
    assert_eq!(violation.place, format!("journal row ({}, 1)", id(1)));
    assert!(
        violation.what.contains("no audit row tells of it"),
        "{violation}"
    );
}

async fn nothing_is_taken_that_the_audit_does_not_tell_of(test_app: TestApp) {
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    test_app.then(&payment_snapshot, declined()).await.unwrap();
    own_up(&test_app, date(2027, 1, 15)).await;
    // Whoever names an operator like a purge has purged nothing.
    write_down(&test_app, AFTER, "user add").await;
    let refused = test_app
        .store()
        .erase_buyers(None, AFTER)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("audit"), "{refused}");
    let payment_snapshot = test_app.store().load(&id(1)).await.unwrap().unwrap();
    assert!(payment_snapshot.payment.request.order.buyer.name.is_some());
}
