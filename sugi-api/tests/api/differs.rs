//! A settled payment that KCP has otherwise: in its view, in the stream of events, and in the metrics.

use jiff::SignedDuration;
use nhn_kcp::{Cancel, CancelReason};
use serde_json::json;

use crate::test_app::{TestApp, until};

#[tokio::test]
async fn what_the_watch_finds_is_told_everywhere() {
    let (test_app, clock) = TestApp::manual().await;
    let id = test_app.approved("A-1").await;
    let engine = test_app.engine.clone();
    let tno = test_app.tno("A-1").parse().unwrap();
    let past_us = Cancel::full(tno, CancelReason::parse("past us").unwrap());
    engine.shops()[0].client.cancel(&past_us).await.unwrap();
    assert_eq!(
        test_app.get(&format!("/v1/payments/{id}")).await.json["differs"],
        json!(null)
    );

    let store = engine.store();
    let events = store.unnumbered().await.unwrap();
    store
        .number(clock.now(), &events, |_| Vec::new())
        .await
        .unwrap();
    clock.advance(SignedDuration::from_mins(10));
    let watching = engine.watch_settled(2, std::future::pending());
    let found = until("it is found", async || {
        clock.advance(SignedDuration::from_secs(1));
        let payment = test_app.get(&format!("/v1/payments/{id}")).await;
        payment.json["differs"] != json!(null)
    });
    tokio::select! {
        () = watching => {}
        () = found => {}
    }
    let payment = test_app.get(&format!("/v1/payments/{id}")).await.json;
    assert_eq!(payment["state"], "cancelled");
    assert_eq!(
        payment["differs"],
        json!({ "kind": "remaining", "ledger": 1004, "kcp": 0 })
    );
    let events = store.unnumbered().await.unwrap();
    store
        .number(clock.now(), &events, |_| Vec::new())
        .await
        .unwrap();
    let events = test_app.get("/v1/events").await;
    assert!(events.text.contains("payment.differs"), "{}", events.text);
    let metrics = test_app.ask("GET", "/metrics").send().await;
    for line in [
        "sugi_watch_inquiries_total{shop=\"main\",outcome=\"told\"} 2",
        "sugi_watch_differing_total{shop=\"main\"} 1",
        "sugi_watch_cases_open{shop=\"main\"} 1",
    ] {
        assert!(metrics.text.contains(line), "{line}: {}", metrics.text);
    }
}
