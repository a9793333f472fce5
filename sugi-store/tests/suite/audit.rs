//! The audit: one chain, whoever writes; and the documents beside it, changed by one at a time.

use sugi_store::{Anchor, Deed, DeedFilter, DocumentKind, StoreError};

use crate::{House, at};

on_each_engine!(
    rows_are_numbered_and_found,
    of_two_that_write_behind_one_anchor_one_is_told_so,
    any_change_of_a_row_is_named,
    a_chain_that_was_cut_off_is_known_by_an_anchor,
    a_payment_that_was_taken_out_whole_is_missed,
    a_document_is_changed_by_whoever_read_its_newest_version,
);

fn deed(n: i64, actor: &str, subject: &str) -> Deed {
    Deed {
        at: at(n),
        actor: actor.into(),
        action: "GET /v1/payments/{id}".into(),
        subject: subject.into(),
        outcome: "200".into(),
        origin: "192.0.2.7".into(),
    }
}

/// Writes rows behind whatever is there.
async fn write(house: &House, deeds: &[Deed]) -> Anchor {
    let behind = house.store().audit_anchor().await.unwrap();
    house.store().audit(behind, deeds).await.unwrap().unwrap()
}

async fn found(house: &House, filter: DeedFilter) -> Vec<i64> {
    let rows = house.store().deeds(&filter).await.unwrap();
    rows.iter().map(|row| row.seq).collect()
}

async fn rows_are_numbered_and_found(mut house: House) {
    write(
        &house,
        &[deed(1, "operator:kim", "a"), deed(2, "key:shop", "b")],
    )
    .await;
    let end = write(&house, &[deed(3, "operator:kim", "b")]).await;
    house.reopen().await;
    assert_eq!(house.store().verify_audit(Some(end)).await.unwrap(), end);
    assert_eq!(end.to_string().parse(), Ok(end));
    assert_eq!(found(&house, DeedFilter::default()).await, [3, 2, 1]);
    let by = |actor: Option<&str>, subject: Option<&str>, before| DeedFilter {
        actor: actor.map(Into::into),
        subject: subject.map(Into::into),
        before,
    };
    assert_eq!(
        found(&house, by(Some("operator:kim"), None, None)).await,
        [3, 1]
    );
    assert_eq!(found(&house, by(None, Some("b"), None)).await, [3, 2]);
    assert_eq!(found(&house, by(None, Some("b"), Some(3))).await, [2]);
    let rows = house.store().deeds(&DeedFilter::default()).await.unwrap();
    assert_eq!(rows[0].deed, deed(3, "operator:kim", "b"));
}

async fn of_two_that_write_behind_one_anchor_one_is_told_so(house: House) {
    let start = house.store().audit_anchor().await.unwrap();
    assert_eq!(start, Anchor::START);
    let ours = [deed(1, "a", ""), deed(2, "a", "")];
    let theirs = [deed(1, "b", "")];
    let both = tokio::join!(
        house.store().audit(start, &ours),
        house.store().audit(start, &theirs)
    );
    let both = [both.0.unwrap(), both.1.unwrap()];
    assert_eq!(both.iter().flatten().count(), 1, "{both:?}");
    let end = house.store().verify_audit(None).await.unwrap();
    assert_eq!(both.iter().flatten().next(), Some(&end));
}

async fn any_change_of_a_row_is_named(house: House) {
    let rows: Vec<_> = (1..=4).map(|n| deed(n, "operator:kim", "x")).collect();
    let end = write(&house, &rows).await;
    for (n, (harm, place)) in [
        ("update audit set actor = 'operator:lee' where seq = 2", 2),
        ("update audit set subject = 'xx' where seq = 3", 3),
        ("update audit set at = at + 1 where seq = 1", 1),
        ("update audit set outcome = '201' where seq = 4", 4),
        ("update audit set origin = '' where seq = 4", 4),
        ("update audit set action = 'x' where seq = 4", 4),
        (
            "update audit set hash = substr(hash, 2) || '0' where seq = 2",
            2,
        ),
        ("update audit set seq = 9 where seq = 2", 2),
        ("delete from audit where seq = 1", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let house = house.another().await;
        assert_eq!(write(&house, &rows).await, end);
        assert_eq!(house.harm(harm), 1, "{n}");
        let why = house.store().verify_audit(None).await.unwrap_err();
        let named = matches!(&why, StoreError::Inconsistent(found) if found.place == format!("audit row {place}"));
        assert!(named, "{harm}: {why}");
    }
}

async fn a_chain_that_was_cut_off_is_known_by_an_anchor(house: House) {
    write(&house, &[deed(1, "a", ""), deed(2, "a", "")]).await;
    let kept = write(&house, &[deed(3, "a", "")]).await;
    house.harm("delete from audit where seq = 3");
    assert_eq!(house.store().verify_audit(None).await.unwrap().seq, 2);
    let why = house.store().verify_audit(Some(kept)).await.unwrap_err();
    assert!(
        why.to_string().contains("audit row 3: it was cut off"),
        "{why}"
    );
    write(&house, &[deed(3, "b", "")]).await;
    let why = house.store().verify_audit(Some(kept)).await.unwrap_err();
    assert!(
        why.to_string().contains("not the row that was anchored"),
        "{why}"
    );
}

async fn a_payment_that_was_taken_out_whole_is_missed(house: House) {
    let book = house.pay(1, "A-1").await.unwrap();
    write(&house, &[deed(1, "key:shop", book.payment.id.as_str())]).await;
    house.store().verify_audit(None).await.unwrap();
    house.harm("delete from journal");
    house.harm("delete from payment");
    house.harm("delete from order_claim");
    house.store().verify().await.unwrap();
    let why = house.store().verify_audit(None).await.unwrap_err();
    assert!(why.to_string().contains("gone from the ledger"), "{why}");
}

async fn a_document_is_changed_by_whoever_read_its_newest_version(house: House) {
    let (store, kind) = (house.store(), DocumentKind::Operator);
    assert!(store.add_document(kind, "kim", "", "1").await.unwrap());
    assert!(!store.add_document(kind, "kim", "", "2").await.unwrap());
    assert!(
        store
            .add_document(DocumentKind::Session, "kim", "lee", "s")
            .await
            .unwrap()
    );
    let read = store.document(kind, "kim").await.unwrap().unwrap();
    assert_eq!((read.version, read.body.as_str()), (1, "1"));
    let both = tokio::join!(
        store.replace_document(kind, &read, "x", "2"),
        store.replace_document(kind, &read, "x", "3")
    );
    assert_ne!(both.0.unwrap(), both.1.unwrap());
    let now = store.document(kind, "kim").await.unwrap().unwrap();
    assert_eq!((now.version, now.owner.as_str()), (2, "x"));
    assert_eq!(
        store.documents(kind).await.unwrap(),
        std::slice::from_ref(&now)
    );
    assert_eq!(store.documents_of(kind, "x").await.unwrap(), [now]);
    assert_eq!(store.documents_of(kind, "").await.unwrap(), []);
    assert!(store.remove_document(kind, "kim").await.unwrap());
    assert!(!store.remove_document(kind, "kim").await.unwrap());
    assert!(!store.replace_document(kind, &read, "x", "4").await.unwrap());
}
