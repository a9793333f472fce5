//! Rows are written once, survive, and come back as they were.

use sugi_core::{Event, Status};
use sugi_store::{Store, StoreError};

use crate::{Place, TestApp, approved, at, declined, id};

on_each_engine!(
    of_two_that_want_to_be_next_one_is_told_so,
    a_payment_comes_back_as_it_was,
    what_is_due_comes_the_longest_due_first,
    many_writers_share_commits_and_none_is_forgotten,
    what_is_asked_at_once_is_done_as_if_one_came_after_the_other,
    a_clock_that_stands_before_the_newest_event_is_refused,
);

async fn of_two_that_want_to_be_next_one_is_told_so(test_app: TestApp) {
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    assert!(
        test_app
            .then(&payment_snapshot, approved("26000000000001"))
            .await
            .is_some()
    );
    assert!(
        test_app.then(&payment_snapshot, declined()).await.is_none(),
        "the row after it is taken"
    );
    let stands = test_app.store().load(&id(1)).await.unwrap().unwrap();
    assert_eq!(stands.payment.status(), Status::Approved);
}

async fn a_payment_comes_back_as_it_was(mut test_app: TestApp) {
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    let payment_snapshot = test_app
        .then(&payment_snapshot, approved("26000000000001"))
        .await
        .unwrap();
    test_app.reopen().await;
    let again = test_app.store().load(&id(1)).await.unwrap().unwrap();
    assert_eq!(again.payment, payment_snapshot.payment);
    assert_eq!(again.head, payment_snapshot.head);
    let names: Vec<_> = test_app
        .store()
        .journal(&id(1))
        .await
        .unwrap()
        .iter()
        .map(|row| row.event.name())
        .collect();
    assert_eq!(names, ["requested", "approve_sent", "approved"]);
    assert_eq!(test_app.store().verify().await.unwrap(), (1, 3));
}

async fn a_clock_that_stands_before_the_newest_event_is_refused(test_app: TestApp) {
    let store = test_app.store();
    assert!(
        store.check_clock(at(0), None).await.is_ok(),
        "nothing is newer"
    );
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    // News of a payment is newer than the payment.
    let late = at(10 * 3_600);
    let pending_append = sugi_store::PendingAppend::of(payment_snapshot, late, declined()).unwrap();
    store.append(pending_append, None).await.unwrap().unwrap();
    assert!(store.check_clock(at(9 * 3_600), None).await.is_ok());
    let behind = at(9 * 3_600 - 1);
    let refused = store.check_clock(behind, None).await;
    let Err(StoreError::ClockBehind { now, newest }) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!((*now, *newest), (behind, late));
    // Someone says that an earlier clock was ahead, and up to when.
    assert!(store.check_clock(behind, Some(late)).await.is_ok());
    assert!(store.check_clock(behind, Some(at(7))).await.is_err());
}

async fn what_is_due_comes_the_longest_due_first(test_app: TestApp) {
    for (n, due) in [(1, 30), (2, 10), (3, 20)] {
        let creation_claims = sugi_store::CreationClaims::default();
        test_app
            .store()
            .create(
                crate::pending_append(n, &format!("A-{n}")),
                Some(at(due)),
                creation_claims,
            )
            .await
            .unwrap();
    }
    assert_eq!(
        test_app.store().due(at(25), 10).await.unwrap(),
        [id(2), id(3)]
    );
    assert_eq!(test_app.store().due(at(25), 1).await.unwrap(), [id(2)]);
    assert_eq!(test_app.store().next_due().await.unwrap(), Some(at(10)));
    let payment_snapshot = test_app.store().load(&id(2)).await.unwrap().unwrap();
    test_app.then(&payment_snapshot, declined()).await.unwrap();
    assert_eq!(
        test_app.store().next_due().await.unwrap(),
        Some(at(20)),
        "what rests is not due"
    );
}

#[tokio::test]
async fn a_file_is_written_by_one() {
    let mut test_app = TestApp::sqlite();
    assert!(test_app.store().is_sole());
    let second = test_app.open().await;
    assert!(
        matches!(second, Err(StoreError::Locked { .. })),
        "{second:?}"
    );

    // Reading beside the writer is fine, and sees what was committed; writing is refused.
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    let Place::Folder(dir) = &test_app.place else {
        panic!()
    };
    let reader = Store::open_to_read(dir.path()).unwrap();
    assert!(!reader.is_sole());
    assert_eq!(
        reader.load(&id(1)).await.unwrap().unwrap().payment,
        payment_snapshot.payment
    );
    let pending_append =
        sugi_store::PendingAppend::of(payment_snapshot, at(2), Event::Lost(lost())).unwrap();
    assert!(matches!(
        reader.append(pending_append, None).await,
        Err(StoreError::Failed { .. })
    ));

    test_app.reopen().await;
}

#[tokio::test]
async fn a_reader_makes_no_ledger() {
    let empty = tempfile::tempdir().unwrap();
    assert!(Store::open_to_read(empty.path()).is_err());
    assert_eq!(
        std::fs::read_dir(empty.path()).unwrap().count(),
        0,
        "it left something behind"
    );
}

async fn many_writers_share_commits_and_none_is_forgotten(test_app: TestApp) {
    let store = std::sync::Arc::new(test_app.store.unwrap());
    let tasks: Vec<_> = (1..=500)
        .map(|n| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move {
                let creation_claims = sugi_store::CreationClaims::default();
                store
                    .create(
                        crate::pending_append(n, &format!("A-{n}")),
                        None,
                        creation_claims,
                    )
                    .await
                    .unwrap()
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.verify().await.unwrap(), (500, 1000));
    let tally = store.tally();
    assert_eq!(tally.writes, 500);
    assert!((1..=500).contains(&tally.commits), "{tally:?}");
}

async fn what_is_asked_at_once_is_done_as_if_one_came_after_the_other(test_app: TestApp) {
    for n in 0..50 {
        let (first, second) = (2 * n, 2 * n + 1);
        let order = format!("A-{n}");
        let payment_snapshot = test_app.pay(first, &order).await.unwrap();
        let (declines, approves, again) = tokio::join!(
            biased;
            test_app.then(&payment_snapshot, declined()),
            test_app.then(&payment_snapshot, approved("26000000000001")),
            test_app.pay(second, &order),
        );
        assert!(
            declines.is_some() && approves.is_none(),
            "the first came first"
        );
        assert!(again.is_ok(), "the order was free again: {again:?}");
    }
    assert_eq!(test_app.store().verify().await.unwrap(), (100, 250));
}

pub(crate) fn lost() -> sugi_core::Lost {
    sugi_core::Lost {
        why: "timed out".into(),
        tno: None,
        contradicts: false,
    }
}
