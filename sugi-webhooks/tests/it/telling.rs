//! Everything that happens is told, to whoever wants it, until it is taken.

use std::collections::HashSet;

use sugi_core::{Event, Lost, PublicEvent};
use sugi_store::{Delivery, DeliveryState};
use sugi_webhooks::{BACKOFF, NewWebhook, Webhook};

use crate::{
    receiver::Receiver,
    test_app::{TestApp, approved, new, start},
};

async fn ended(test_app: &TestApp, webhook: &Webhook, event: u64) -> Delivery {
    let found = test_app.until(async |store| {
        let told = store
            .deliveries(webhook.id.as_str(), event + 1, false)
            .await;
        let told = told.unwrap().into_iter().find(|told| told.event.n == event);
        told.filter(|told| told.state != DeliveryState::Waiting)
    });
    found.await
}

#[tokio::test]
async fn what_happened_is_told_once_and_signed() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    let (webhook, secret) = test_app.webhook(&receiver.url).await;
    let _postman = test_app.dispatcher();
    test_app.sold("main", 1).await;
    let got = receiver.told(1).await.remove(0);
    assert_eq!(
        (got.id.as_str(), got.body.as_str(), got.at),
        ("evt_1", "1 payment.approved approved", start())
    );
    assert_eq!((got.signed_by(&secret), got.signatures.len()), (Some(0), 1));
    let told = ended(&test_app, &webhook, 1).await;
    assert_eq!(
        (told.state, told.attempts, told.answer.as_deref()),
        (DeliveryState::Delivered, 1, Some("200"))
    );
    test_app.advance(1_000_000);
    test_app.declined("main", 2).await;
    ended(&test_app, &webhook, 2).await;
    assert_eq!(receiver.got().len(), 2);
    assert_eq!(test_app.webhooks.tries(), (2, 0));
}

#[tokio::test]
async fn whoever_does_not_take_it_is_told_again_later() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[500, 301]).await);
    let (webhook, secret) = test_app.webhook(&receiver.url).await;
    let _postman = test_app.dispatcher();
    test_app.sold("main", 1).await;
    for (n, pause) in [(1, 5), (2, 300)] {
        receiver.told(n).await;
        let waits = test_app.until(async |store| {
            let told = store
                .deliveries(webhook.id.as_str(), 9, true)
                .await
                .unwrap();
            let due = told.first()?.due_at?;
            // In hand it is due a minute later, for others.
            (due.duration_since(test_app.clock.now()).as_secs() == pause).then_some(())
        });
        waits.await;
        test_app.advance(pause - 1);
        let due = test_app
            .store()
            .due_deliveries(webhook.id.as_str(), test_app.clock.now(), 9);
        assert!(due.await.unwrap().is_empty());
        test_app.advance(1);
    }
    let got = receiver.told(3).await;
    assert!(
        got.iter()
            .all(|got| got.id == "evt_1" && got.signed_by(&secret).is_some())
    );
    assert_eq!(got[2].at.duration_since(got[0].at).as_secs(), 305);
    let told = ended(&test_app, &webhook, 1).await;
    assert_eq!((told.state, told.attempts), (DeliveryState::Delivered, 3));
    // Counted before they are written down.
    assert_eq!(test_app.webhooks.tries(), (1, 2));
}

#[tokio::test]
async fn after_days_it_is_given_up_and_can_be_asked_for_again() {
    let tries = BACKOFF.len() + 1;
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&vec![503; tries]).await);
    let (webhook, _) = test_app.webhook(&receiver.url).await;
    let id = webhook.id.as_str();
    let _postman = test_app.dispatcher();
    test_app.sold("main", 1).await;
    for (n, pause) in (1..).zip(BACKOFF) {
        receiver.told(n).await;
        let waits = test_app.until(async |store| {
            let told = store.deliveries(id, 9, true).await.unwrap();
            (told.first()?.answer.is_some() && told[0].due_at? == test_app.clock.now() + pause)
                .then_some(())
        });
        waits.await;
        test_app.clock.advance(pause);
    }
    let told = ended(&test_app, &webhook, 1).await;
    assert_eq!(
        (told.state, told.answer.as_deref(), receiver.got().len()),
        (DeliveryState::GivenUp, Some("503"), tries)
    );
    assert_eq!(test_app.store().undelivered(id).await.unwrap().given_up, 1);
    test_app
        .webhooks
        .redeliver(&webhook, &told.event)
        .await
        .unwrap();
    receiver.told(tries + 1).await;
    let told = ended(&test_app, &webhook, 1).await;
    assert_eq!((told.state, told.attempts), (DeliveryState::Delivered, 1));
}

#[tokio::test]
async fn each_hears_what_it_asked_for() {
    let test_app = TestApp::new();
    let (declines, other) = (Receiver::begin(&[]).await, Receiver::begin(&[]).await);
    let only_declines = NewWebhook {
        public_event: [PublicEvent::Declined].into(),
        ..new(&declines.url)
    };
    let only_other = NewWebhook {
        shops: ["other".parse().unwrap()].into(),
        ..new(&other.url)
    };
    for new in [only_declines, only_other] {
        test_app.webhooks.add(new).await.unwrap();
    }
    let _postman = test_app.dispatcher();
    test_app.sold("main", 1).await;
    test_app.declined("main", 2).await;
    test_app.sold("other", 3).await;
    test_app.declined("other", 4).await;
    let bodies = async |receiver: &Receiver| {
        let got = receiver.told(2).await;
        let bodies: HashSet<_> = got.into_iter().map(|got| got.body).collect();
        bodies
    };
    let of = |bodies: [&str; 2]| bodies.map(ToOwned::to_owned).into();
    assert_eq!(
        bodies(&declines).await,
        of(["2 payment.declined declined", "4 payment.declined declined"])
    );
    assert_eq!(
        bodies(&other).await,
        of(["3 payment.approved approved", "4 payment.declined declined"])
    );
}

#[tokio::test]
async fn who_does_not_answer_holds_up_nobody_else() {
    let test_app = TestApp::new();
    let (silent, other) = (Receiver::begin(&[]).await, Receiver::begin(&[]).await);
    silent.be_silent(true);
    test_app.webhook(&silent.url).await;
    test_app.webhook(&other.url).await;
    let _postman = test_app.dispatcher();
    for n in 1..=20 {
        test_app.sold("main", n).await;
    }
    assert_eq!(other.told(20).await.len(), 20);
    // And no more at once than is good for it.
    assert!(silent.got().len() <= 8);
}

#[tokio::test]
async fn who_is_being_told_hears_of_a_new_secret() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    let (webhook, old) = test_app.webhook(&receiver.url).await;
    receiver.be_silent(true);
    for n in 1..=20 {
        test_app.sold("main", n).await;
    }
    let _postman = test_app.dispatcher();
    receiver.told(8).await;
    let renewed = test_app.webhooks.renew_secret(&webhook.id, None).await;
    let (new, _) = renewed.unwrap();
    receiver.be_silent(false);
    let got = receiver.told(20).await;
    let signed = |secret| got.iter().filter_map(|got| got.signed_by(secret)).count();
    assert_eq!((signed(&old), signed(&new)), (20, 12));
}

#[tokio::test]
async fn who_is_taken_away_is_told_no_more() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    let (webhook, _) = test_app.webhook(&receiver.url).await;
    let other = Receiver::begin(&[]).await;
    receiver.be_silent(true);
    for n in 1..=20 {
        test_app.sold("main", n).await;
    }
    let _postman = test_app.dispatcher();
    receiver.told(8).await;
    test_app.webhooks.remove(&webhook.id).await.unwrap();
    receiver.be_silent(false);
    test_app.webhook(&other.url).await;
    test_app.sold("main", 21).await;
    assert_eq!(other.told(1).await[0].id, "evt_21");
    assert_eq!(receiver.got().len(), 8);
}

#[tokio::test]
async fn of_two_postmen_one_tells() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    test_app.webhook(&receiver.url).await;
    let (_one, _other) = (test_app.dispatcher(), test_app.dispatcher());
    for n in 1..=30 {
        test_app.sold("main", n).await;
    }
    receiver.told(30).await;
    test_app
        .until(async |store| {
            let all = store.deliveries("wh", 0, false).await.unwrap();
            let webhook = &test_app.webhooks.all().await.unwrap()[0];
            let open = store.undelivered(webhook.id.as_str()).await.unwrap();
            (all.is_empty() && open.waiting == 0).then_some(())
        })
        .await;
    let ids: HashSet<_> = receiver.got().into_iter().map(|got| got.id).collect();
    assert_eq!((receiver.got().len(), ids.len()), (30, 30));
}

#[tokio::test]
async fn what_a_postman_left_on_the_way_is_told_again() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    let (webhook, _) = test_app.webhook(&receiver.url).await;
    receiver.be_silent(true);
    let dispatcher = test_app.dispatcher();
    test_app.sold("main", 1).await;
    receiver.told(1).await;
    drop(dispatcher);
    receiver.be_silent(false);
    let _postman = test_app.dispatcher();
    test_app.advance(61);
    let got = receiver.told(2).await;
    assert_eq!(got[0].id, got[1].id);
    let told = ended(&test_app, &webhook, 1).await;
    assert_eq!((told.state, told.attempts), (DeliveryState::Delivered, 2));
}

#[tokio::test]
async fn it_tells_what_was_so_then() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    let lost = Event::Lost(Lost {
        why: "timed out".into(),
        tno: None,
        contradicts: false,
    });
    let doubt = test_app.then(test_app.begun("main", 1).await, lost).await;
    // The answer comes late: no one hears of it before it is decided what becomes of it.
    let alive = test_app.then(doubt, approved(1)).await;
    test_app.then(alive, Event::Kept).await;
    test_app.webhook(&receiver.url).await;
    let _postman = test_app.dispatcher();
    let mut bodies: Vec<_> = receiver
        .told(2)
        .await
        .into_iter()
        .map(|got| got.body)
        .collect();
    bodies.sort();
    assert_eq!(
        bodies,
        ["1 payment.in_doubt in_doubt", "2 payment.approved approved"]
    );
}

/// What does not read is passed over and counted; everything else is told.
#[tokio::test]
async fn what_does_not_read_keeps_nothing_else_from_being_told() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    test_app.webhook(&receiver.url).await;
    let other = test_app.webhook("http://127.0.0.1:9/").await.0;
    test_app.sold("main", 1).await;
    test_app.sold("main", 2).await;
    let db = rusqlite::Connection::open(test_app.dir.path().join("sugi.db")).unwrap();
    for harm in [
        "update outbox set news = 'x' || news where payment like '%1'",
        &format!(
            "update document set body = '{{}}' where key = '{}'",
            other.id
        ),
    ] {
        assert_eq!(db.execute(harm, []).unwrap(), 1);
    }
    let _postman = test_app.dispatcher();
    let got = receiver.told(1).await.remove(0);
    assert_eq!(got.body, "1 payment.approved approved");
    assert_eq!(test_app.webhooks.unreadable(), (1, 1));
    assert_eq!(test_app.webhooks.all().await.unwrap().len(), 1);
}
