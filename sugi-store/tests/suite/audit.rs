//! The audit: one chain, whoever writes; and the documents beside it, changed by one at a time.

use sugi_store::{AuditCheckpoint, AuditEntry, AuditFilter, DocumentKind, StoreError};

use crate::{TestApp, at};

on_each_engine!(
    rows_are_numbered_and_found,
    of_two_that_write_behind_one_checkpoint_one_is_told_so,
    any_change_of_a_row_is_named,
    a_chain_that_was_cut_off_is_known_by_a_checkpoint,
    a_payment_that_was_taken_out_whole_is_missed,
    a_document_is_changed_by_whoever_read_its_newest_version,
);

fn audit_entry(n: i64, actor: &str, subject: &str) -> AuditEntry {
    AuditEntry {
        at: at(n),
        actor: actor.into(),
        action: "GET /v1/payments/{id}".into(),
        subject: subject.into(),
        outcome: "200".into(),
        origin: "192.0.2.7".into(),
    }
}

/// Writes rows behind whatever is there.
async fn write(test_app: &TestApp, audit_entries: &[AuditEntry]) -> AuditCheckpoint {
    let behind = test_app.store().audit_checkpoint().await.unwrap();
    test_app
        .store()
        .audit(behind, audit_entries)
        .await
        .unwrap()
        .unwrap()
}

async fn found(test_app: &TestApp, filter: AuditFilter) -> Vec<i64> {
    let rows = test_app.store().audit_entries(&filter).await.unwrap();
    rows.iter().map(|row| row.seq).collect()
}

async fn rows_are_numbered_and_found(mut test_app: TestApp) {
    write(
        &test_app,
        &[
            audit_entry(1, "operator:kim", "a"),
            audit_entry(2, "key:shop", "b"),
        ],
    )
    .await;
    let end = write(&test_app, &[audit_entry(3, "operator:kim", "b")]).await;
    test_app.reopen().await;
    assert_eq!(test_app.store().verify_audit(Some(end)).await.unwrap(), end);
    assert_eq!(end.to_string().parse(), Ok(end));
    assert_eq!(found(&test_app, AuditFilter::default()).await, [3, 2, 1]);
    let by = |actor: Option<&str>, subject: Option<&str>, before| AuditFilter {
        actor: actor.map(Into::into),
        subject: subject.map(Into::into),
        before,
    };
    assert_eq!(
        found(&test_app, by(Some("operator:kim"), None, None)).await,
        [3, 1]
    );
    assert_eq!(found(&test_app, by(None, Some("b"), None)).await, [3, 2]);
    assert_eq!(found(&test_app, by(None, Some("b"), Some(3))).await, [2]);
    let rows = test_app
        .store()
        .audit_entries(&AuditFilter::default())
        .await
        .unwrap();
    assert_eq!(rows[0].audit_entry, audit_entry(3, "operator:kim", "b"));
}

async fn of_two_that_write_behind_one_checkpoint_one_is_told_so(test_app: TestApp) {
    let start = test_app.store().audit_checkpoint().await.unwrap();
    assert_eq!(start, AuditCheckpoint::START);
    let ours = [audit_entry(1, "a", ""), audit_entry(2, "a", "")];
    let theirs = [audit_entry(1, "b", "")];
    let both = tokio::join!(
        test_app.store().audit(start, &ours),
        test_app.store().audit(start, &theirs)
    );
    let both = [both.0.unwrap(), both.1.unwrap()];
    assert_eq!(both.iter().flatten().count(), 1, "{both:?}");
    let end = test_app.store().verify_audit(None).await.unwrap();
    assert_eq!(both.iter().flatten().next(), Some(&end));
}

async fn any_change_of_a_row_is_named(test_app: TestApp) {
    let rows: Vec<_> = (1..=4)
        .map(|n| audit_entry(n, "operator:kim", "x"))
        .collect();
    let end = write(&test_app, &rows).await;
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
        let test_app = test_app.another().await;
        assert_eq!(write(&test_app, &rows).await, end);
        assert_eq!(test_app.harm(harm), 1, "{n}");
        let why = test_app.store().verify_audit(None).await.unwrap_err();
        let named = matches!(&why, StoreError::Inconsistent(found) if found.place == format!("audit row {place}"));
        assert!(named, "{harm}: {why}");
    }
}

async fn a_chain_that_was_cut_off_is_known_by_a_checkpoint(test_app: TestApp) {
    write(
        &test_app,
        &[audit_entry(1, "a", ""), audit_entry(2, "a", "")],
    )
    .await;
    let kept = write(&test_app, &[audit_entry(3, "a", "")]).await;
    test_app.harm("delete from audit where seq = 3");
    assert_eq!(test_app.store().verify_audit(None).await.unwrap().seq, 2);
    let why = test_app.store().verify_audit(Some(kept)).await.unwrap_err();
    assert!(
        why.to_string().contains("audit row 3: it was cut off"),
        "{why}"
    );
    write(&test_app, &[audit_entry(3, "b", "")]).await;
    let why = test_app.store().verify_audit(Some(kept)).await.unwrap_err();
    assert!(
        why.to_string()
            .contains("not the row that was checkpointed"),
        "{why}"
    );
}

async fn a_payment_that_was_taken_out_whole_is_missed(test_app: TestApp) {
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    write(
        &test_app,
        &[audit_entry(
            1,
            "key:shop",
            payment_snapshot.payment.id.as_str(),
        )],
    )
    .await;
    test_app.store().verify_audit(None).await.unwrap();
    test_app.harm("delete from journal");
    test_app.harm("delete from payment");
    test_app.harm("delete from order_claim");
    test_app.store().verify().await.unwrap();
    let why = test_app.store().verify_audit(None).await.unwrap_err();
    assert!(why.to_string().contains("gone from the ledger"), "{why}");
}

async fn a_document_is_changed_by_whoever_read_its_newest_version(test_app: TestApp) {
    let (store, kind) = (test_app.store(), DocumentKind::Operator);
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
