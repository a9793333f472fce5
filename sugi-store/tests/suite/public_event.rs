//! Others hear of everything once, in an order that stays, and of nothing that did not happen.

use std::collections::HashSet;

use sugi_core::{Event as Happened, Lost, PublicEvent};
use sugi_store::{DeliveryState, DocumentKind, Due, Event, PendingAppend, Store, Undelivered};

use crate::{TestApp, approved, at, declined, together};

on_each_engine!(
    what_happened_is_told_in_order_and_once,
    what_waits_outlives_the_process,
    of_two_that_number_at_once_none_tells_twice,
    a_delivery_is_in_one_hand_at_a_time,
    what_is_not_delivered_is_counted_and_stays,
    a_webhook_goes_with_all_that_it_was_to_be_told,
    an_event_that_is_missing_or_of_nothing_is_named,
    a_clock_that_is_behind_turns_nothing_round,
    what_was_given_up_hides_nothing_that_waits,
    a_delivery_of_a_clock_that_was_ahead_is_due,
    a_webhook_that_is_made_anew_has_nothing_to_be_told,
);

const W: &str = "wh_1";

async fn sold(test_app: &TestApp, n: u32) {
    let payment_snapshot = test_app.pay(n, &format!("A-{n}")).await.unwrap();
    let tno = format!("260000000{n:05}");
    test_app
        .then(&payment_snapshot, approved(&tno))
        .await
        .unwrap();
}

async fn publish(store: &Store) -> usize {
    let events = store.unnumbered().await.unwrap();
    let numbered = store.number(at(10), &events, |_| vec![W.to_owned()]).await;
    if numbered.unwrap() { events.len() } else { 0 }
}

fn told(events: &[Event]) -> Vec<(u64, u32, PublicEvent)> {
    let number = |event: &Event| {
        let digits = event.payment.as_str().trim_start_matches("pay_");
        u32::from_str_radix(digits, 16).unwrap()
    };
    let events = events.iter();
    events
        .map(|event| (event.n, number(event), event.public_event))
        .collect()
}

async fn what_happened_is_told_in_order_and_once(test_app: TestApp) {
    let store = test_app.store();
    sold(&test_app, 1).await;
    let payment_snapshot = test_app.pay(2, "A-2").await.unwrap();
    // Nothing is told of what was only begun, or of what someone else wrote first.
    assert_eq!(publish(store).await, 1);
    test_app.then(&payment_snapshot, declined()).await.unwrap();
    assert!(
        test_app
            .then(&payment_snapshot, approved("26000000000002"))
            .await
            .is_none()
    );
    assert_eq!(publish(store).await, 1);
    assert_eq!(publish(store).await, 0);
    let events = store.events(0).await.unwrap();
    assert_eq!(
        told(&events),
        [(1, 1, PublicEvent::Approved), (2, 2, PublicEvent::Declined)]
    );
    assert_eq!(
        (events[0].seq, events[0].at, events[0].shop.as_str()),
        (3, at(2), "main")
    );
    assert_eq!(store.events(1).await.unwrap(), events[1..]);
    assert_eq!(store.event(2).await.unwrap().as_ref(), events.last());
    assert_eq!(store.last_event().await.unwrap(), 2);
    let due = store.due_deliveries(W, at(10), 10).await.unwrap();
    assert_eq!(due, [1, 2].map(|event| Due { event, attempts: 0 }));
    store.verify().await.unwrap();
}

async fn what_waits_outlives_the_process(mut test_app: TestApp) {
    sold(&test_app, 1).await;
    test_app.reopen().await;
    assert_eq!(publish(test_app.store()).await, 1);
    test_app.reopen().await;
    assert_eq!(publish(test_app.store()).await, 0);
    assert_eq!(test_app.store().events(0).await.unwrap().len(), 1);
}

async fn of_two_that_number_at_once_none_tells_twice(test_app: TestApp) {
    const SALES: u32 = 60;
    // On PostgreSQL each is a node of its own.
    let other = if test_app.store().is_sole() {
        None
    } else {
        Some(test_app.open().await.unwrap())
    };
    let (store, other) = (test_app.store(), other.as_ref().unwrap_or(test_app.store()));
    let sell = async {
        for n in 1..=SALES {
            sold(&test_app, n).await;
        }
    };
    let number = async |store: &Store| {
        let mut lost = 0;
        while store.last_event().await.unwrap() < u64::from(SALES) {
            lost += usize::from(publish(store).await == 0);
        }
        lost
    };
    tokio::join!(sell, number(store), number(other), number(other));
    let events = store.events(0).await.unwrap();
    let payments: HashSet<_> = events.iter().map(|event| &event.payment).collect();
    assert_eq!((events.len(), payments.len()), (60, 60));
    assert!((1..).zip(&events).all(|(n, event)| event.n == n));
    assert_eq!(
        store.due_deliveries(W, at(10), 100).await.unwrap().len(),
        60
    );
    store.verify().await.unwrap();
}

async fn a_delivery_is_in_one_hand_at_a_time(test_app: TestApp) {
    let store = test_app.store();
    sold(&test_app, 1).await;
    publish(store).await;
    let due = store.due_deliveries(W, at(10), 1).await.unwrap()[0];
    let take = || store.take_delivery(W, due, at(11), at(71));
    let taken = together((0..4).map(|_| take())).await;
    let mut taken = taken.into_iter().filter_map(Result::unwrap);
    let (mine, none) = (taken.next().unwrap(), taken.next());
    assert_eq!((mine.attempts, none), (1, None));
    assert!(store.due_deliveries(W, at(70), 9).await.unwrap().is_empty());
    // Its holder was not heard of again: someone else takes it, and the first is too late.
    let again = store.due_deliveries(W, at(71), 9).await.unwrap();
    assert_eq!(again, [mine]);
    let theirs = store.take_delivery(W, mine, at(71), at(131)).await.unwrap();
    let end = async |tried, state, due, answer| {
        let end = store.end_delivery(W, tried, at(72), state, due, answer);
        end.await.unwrap()
    };
    assert!(!end(mine, DeliveryState::Delivered, None, "200").await);
    let theirs = theirs.unwrap();
    assert!(end(theirs, DeliveryState::Waiting, Some(at(90)), "500").await);
    assert!(store.due_deliveries(W, at(89), 9).await.unwrap().is_empty());
    let last = store
        .take_delivery(W, theirs, at(90), at(150))
        .await
        .unwrap();
    assert!(end(last.unwrap(), DeliveryState::Delivered, None, "200").await);
    assert!(
        store
            .due_deliveries(W, at(999), 9)
            .await
            .unwrap()
            .is_empty()
    );
    let told = store.deliveries(W, u64::MAX, false).await.unwrap();
    assert_eq!(told.len(), 1);
    let (told, event) = (&told[0], store.event(1).await.unwrap());
    assert_eq!(
        (
            told.state,
            told.attempts,
            told.due_at,
            told.at,
            told.answer.as_deref()
        ),
        (DeliveryState::Delivered, 3, None, at(72), Some("200"))
    );
    assert_eq!(Some(&told.event), event.as_ref());
}

async fn what_is_not_delivered_is_counted_and_stays(test_app: TestApp) {
    let store = test_app.store();
    for n in 1..=4 {
        sold(&test_app, n).await;
    }
    publish(store).await;
    for (due, state) in store
        .due_deliveries(W, at(10), 2)
        .await
        .unwrap()
        .into_iter()
        .zip([DeliveryState::Delivered, DeliveryState::GivenUp])
    {
        let tried = store
            .take_delivery(W, due, at(11), at(71))
            .await
            .unwrap()
            .unwrap();
        assert!(
            store
                .end_delivery(W, tried, at(12), state, None, "x")
                .await
                .unwrap()
        );
    }
    let open = Undelivered {
        waiting: 2,
        given_up: 1,
        waiting_since: Some(at(2)),
    };
    assert_eq!(store.undelivered(W).await.unwrap(), open);
    assert_eq!(
        store.undelivered("wh_2").await.unwrap(),
        Undelivered::default()
    );
    assert_eq!(store.delete_delivered(W, 3).await.unwrap(), 1);
    let numbers = async |before, only_open| {
        let found = store.deliveries(W, before, only_open).await.unwrap();
        found.iter().map(|told| told.event.n).collect::<Vec<_>>()
    };
    assert_eq!(numbers(u64::MAX, false).await, [4, 3, 2]);
    assert_eq!(numbers(4, true).await, [3, 2]);
    // What was given up, and what is long forgotten, can be asked for again.
    for event in [1, 2] {
        store.deliver_again(W, event, at(20)).await.unwrap();
    }
    assert_eq!(store.undelivered(W).await.unwrap().given_up, 0);
    let due = store.due_deliveries(W, at(20), 9).await.unwrap();
    assert_eq!(due, [3, 4, 1, 2].map(|event| Due { event, attempts: 0 }));
}

async fn a_webhook_goes_with_all_that_it_was_to_be_told(test_app: TestApp) {
    let store = test_app.store();
    let webhook = sugi_store::DocumentKind::Webhook;
    store.add_document(webhook, W, "", "{}").await.unwrap();
    sold(&test_app, 1).await;
    let to = |_: &Event| vec![W.to_owned(), "wh_2".to_owned()];
    let events = store.unnumbered().await.unwrap();
    assert!(store.number(at(10), &events, to).await.unwrap());
    store.remove_webhook(W).await.unwrap();
    assert_eq!(store.document(webhook, W).await.unwrap(), None);
    assert!(store.due_deliveries(W, at(10), 9).await.unwrap().is_empty());
    assert_eq!(
        store.due_deliveries("wh_2", at(10), 9).await.unwrap().len(),
        1
    );
}

async fn an_event_that_is_missing_or_of_nothing_is_named(test_app: TestApp) {
    let store = test_app.store();
    for n in 1..=3 {
        sold(&test_app, n).await;
    }
    publish(store).await;
    store.verify().await.unwrap();
    let named = async |named: &str| {
        let why = store.verify().await.unwrap_err().to_string();
        assert!(why.contains(named), "{why}");
    };
    assert_eq!(test_app.harm("update event set n = 9 where n = 2"), 1);
    named("event 2: it is missing").await;
    assert_eq!(
        test_app.harm("update event set n = 2, seq = 7 where n = 9"),
        1
    );
    named("event 2: its hash does not fit it").await;
}

async fn a_clock_that_is_behind_turns_nothing_round(test_app: TestApp) {
    let store = test_app.store();
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    let write = async |payment_snapshot, second, event| {
        let pending_append = PendingAppend::of(payment_snapshot, at(second), event).unwrap();
        store.append(pending_append, None).await.unwrap().unwrap()
    };
    // A node that is ahead hears the approval, and one that is behind the late word of another.
    let lost = Happened::Lost(Lost {
        why: "timed out".into(),
        tno: None,
        contradicts: false,
    });
    let payment_snapshot = write(payment_snapshot, 9, lost).await;
    let payment_snapshot = write(payment_snapshot, 3, approved("26000000000001")).await;
    write(payment_snapshot, 4, Happened::Kept).await;
    publish(store).await;
    let events = store.events(0).await.unwrap();
    assert_eq!(
        told(&events),
        [(1, 1, PublicEvent::InDoubt), (2, 1, PublicEvent::Approved)]
    );
    assert!(events[0].at <= events[1].at);
}

async fn a_delivery_of_a_clock_that_was_ahead_is_due(test_app: TestApp) {
    let store = test_app.store();
    sold(&test_app, 1).await;
    let events = store.unnumbered().await.unwrap();
    // Years ahead, when the event was numbered.
    let to = |_: &Event| vec![W.to_owned()];
    assert!(store.number(at(100_000_000), &events, to).await.unwrap());
    let due = store.due_deliveries(W, at(10), 10).await.unwrap();
    assert_eq!(
        due,
        [Due {
            event: 1,
            attempts: 0
        }]
    );
    // In hand, it is no one else's.
    let taken = store
        .take_delivery(W, due[0], at(10), at(70))
        .await
        .unwrap();
    assert!(taken.is_some());
    assert!(
        store
            .due_deliveries(W, at(11), 10)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn a_webhook_that_is_made_anew_has_nothing_to_be_told(test_app: TestApp) {
    let store = test_app.store();
    sold(&test_app, 1).await;
    // It was taken away when the list of those to be told had been read.
    publish(store).await;
    assert_eq!(store.due_deliveries(W, at(10), 10).await.unwrap().len(), 1);
    let kind = DocumentKind::Webhook;
    assert!(store.add_document(kind, W, "", "{}").await.unwrap());
    assert!(
        store
            .due_deliveries(W, at(10), 10)
            .await
            .unwrap()
            .is_empty()
    );
    // What is there keeps what it is to be told.
    sold(&test_app, 2).await;
    publish(store).await;
    assert!(!store.add_document(kind, W, "", "{}").await.unwrap());
    assert_eq!(store.due_deliveries(W, at(10), 10).await.unwrap().len(), 1);
}

async fn what_was_given_up_hides_nothing_that_waits(test_app: TestApp) {
    let store = test_app.store();
    for n in 1..=3 {
        sold(&test_app, n).await;
    }
    publish(store).await;
    let open = format!(
        "update delivery set state = 'given_up', due_at = null where webhook = '{W}' and event < 3"
    );
    assert_eq!(test_app.harm(&open), 2);
    let undelivered = store.undelivered(W).await.unwrap();
    assert_eq!((undelivered.waiting, undelivered.given_up), (1, 2));
    assert_eq!(undelivered.waiting_since, Some(at(2)));
}

#[tokio::test]
async fn whoever_waits_for_news_is_woken_by_it() {
    let test_app = TestApp::sqlite();
    let store = test_app.store();
    let payment_snapshot = test_app.pay(1, "A-1").await.unwrap();
    let woken = tokio::time::timeout(
        std::time::Duration::from_secs(30),
        store.public_events_written(),
    );
    let (woken, _) = tokio::join!(
        woken,
        test_app.then(&payment_snapshot, approved("26000000000001"))
    );
    woken.unwrap();
}
