//! The service itself: health, metrics, request ids, hanging up, stopping.

use kcp_sandbox::FaultKind;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    audit::hung_up,
    http::Answer,
    test_app::{HELD, MAX_WAIT, TestApp, held, sale, until},
};

#[tokio::test]
async fn it_says_how_its_clock_stands_to_kcps() {
    let test_app = TestApp::new().await;
    assert_eq!(test_app.get("/readyz").await.json["clock"], "unmeasured");
    test_app.approved("A-1").await;
    assert_eq!(test_app.get("/readyz").await.json["clock"], "right");
    let an_hour = jiff::SignedDuration::from_hours(1);
    test_app.sandbox.set_clock(test_app.sandbox.now() + an_hour);
    test_app.approved("A-2").await;
    assert_eq!(test_app.get("/readyz").await.json["clock"], "wrong");
    let shops = test_app.get("/v1/shops").await.json;
    let clock = &shops["shops"][0]["clock"];
    assert_eq!(clock["calendar"], "wrong");
    let ahead = clock["ahead_seconds"].as_i64().unwrap();
    assert!((ahead + 3_600).abs() < 60, "{clock}");
    let metrics = test_app.get("/metrics").await.text;
    assert!(metrics.contains("sugi_clock_wrong 1"), "{metrics}");
}

#[tokio::test]
async fn metrics_begin_with_the_oldest_doubt() {
    let test_app = TestApp::without_lookup().await;
    test_app.fault(FaultKind::LoseAnswer);
    let id = test_app.pay("A-1").await.id();
    test_app.approved("A-2").await;
    test_app
        .get("/v1/payments/pay_1?card=4111111111111111")
        .await;
    let metrics = test_app.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    let values: Vec<_> = metrics
        .text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let age: f64 = values[0]
        .strip_prefix("sugi_in_doubt_oldest_age_seconds ")
        .unwrap()
        .parse()
        .unwrap();
    assert!(age > 0.0);
    for line in [
        "sugi_in_doubt 1",
        "sugi_payments_open{state=\"in_doubt\"} 1",
        "sugi_ledger_errors_total 0",
        "sugi_requests_total{route=\"/v1/payments\",method=\"POST\",status=\"201\"} 1",
        "sugi_requests_total{route=\"/v1/payments/{id}\",method=\"GET\",status=\"404\"} 1",
        "sugi_problems_total{code=\"payment_not_found\"} 1",
    ] {
        assert!(values.contains(&line), "{line} in {}", metrics.text);
    }
    // Two payments of two writes each, and what the audit wrote meanwhile.
    let writes = values
        .iter()
        .find_map(|line| line.strip_prefix("sugi_ledger_writes_total "));
    assert!(writes.unwrap().parse::<u64>().unwrap() >= 4);
    assert!(
        !metrics.text.contains(&id) && !metrics.text.contains("4111"),
        "{}",
        metrics.text
    );
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let test_app = TestApp::new().await;
    let given = test_app
        .ask("GET", "/nowhere")
        .header("x-request-id", "my-id.1")
        .send()
        .await;
    assert_eq!(given.header("x-request-id"), Some("my-id.1"));
    for odd in ["", "a b", "4111111111111111", &"a".repeat(65)] {
        let answer = test_app
            .ask("GET", "/v1/shops")
            .header("x-request-id", odd)
            .send()
            .await;
        let made = answer.header("x-request-id").unwrap();
        assert!(!made.is_empty() && made != odd);
    }
}

#[tokio::test]
async fn hanging_up_changes_nothing() {
    let test_app = TestApp::new().await;
    // The answer is held until the caller is gone.
    test_app.fault(held());
    let request = test_app.post("/v1/payments", "k", &sale("A-1"));
    let body = sale("A-1").to_string();
    let mut stream = TcpStream::connect(test_app.address).await.unwrap();
    stream
        .write_all(format!("{}{body}", request.head()).as_bytes())
        .await
        .unwrap();
    until("it is on the line", async || test_app.approvals("A-1") == 1).await;
    drop(stream);
    hung_up(&test_app).await;
    test_app.sandbox.advance(HELD);
    let again = test_app
        .post("/v1/payments", "k", &sale("A-1"))
        .header("prefer", "wait=20")
        .send()
        .await;
    assert_eq!(
        (again.status, &again.json["state"]),
        (201, &"approved".into()),
        "{again:?}"
    );
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(test_app.approvals("A-1"), 1);
}

#[tokio::test]
async fn a_stop_lets_open_requests_finish() {
    let mut test_app = TestApp::new().await;
    test_app.fault(held());
    let request = test_app.post("/v1/payments", "k", &sale("A-1"));
    let paying = tokio::spawn(request.send());
    until("it is on the line", async || test_app.approvals("A-1") == 1).await;
    let stopped = test_app.begin_stop();
    until("nobody listens any more", async || {
        TcpStream::connect(test_app.address).await.is_err()
    })
    .await;
    test_app.sandbox.advance(HELD);
    let answer = paying.await.unwrap();
    assert_eq!(
        (answer.status, &answer.json["state"]),
        (201, &"approved".into())
    );
    assert_eq!(stopped.await.unwrap(), 0, "no connection was cut");
}

#[tokio::test]
async fn a_connection_that_stands_idle_does_not_hold_up_a_stop() {
    let mut test_app = TestApp::new().await;
    let mut idle = TcpStream::connect(test_app.address).await.unwrap();
    let head = test_app
        .ask("GET", "/healthz")
        .head()
        .replace("connection: close\r\n", "");
    idle.write_all(head.as_bytes()).await.unwrap();
    // It was answered and is kept.
    idle.readable().await.unwrap();
    let stopped = tokio::time::timeout(MAX_WAIT, test_app.begin_stop())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stopped, 0);
    let answer = tokio::time::timeout(MAX_WAIT, Answer::read(&mut idle))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
}
