//! The service itself: health, metrics, request ids, hanging up, stopping.

use kcp_sandbox::FaultKind;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    audit::hung_up,
    house::{HELD, House, PATIENCE, held, sale, until},
    http::Answer,
};

#[tokio::test]
async fn it_says_how_its_clock_stands_to_kcps() {
    let house = House::new().await;
    assert_eq!(house.get("/readyz").await.json["clock"], "unmeasured");
    house.approved("A-1").await;
    assert_eq!(house.get("/readyz").await.json["clock"], "right");
    let an_hour = jiff::SignedDuration::from_hours(1);
    house.sandbox.set_clock(house.sandbox.now() + an_hour);
    house.approved("A-2").await;
    assert_eq!(house.get("/readyz").await.json["clock"], "wrong");
    let shops = house.get("/v1/shops").await.json;
    let clock = &shops["shops"][0]["clock"];
    assert_eq!(clock["calendar"], "wrong");
    let ahead = clock["ahead_seconds"].as_i64().unwrap();
    assert!((ahead + 3_600).abs() < 60, "{clock}");
    let metrics = house.get("/metrics").await.text;
    assert!(metrics.contains("sugi_clock_wrong 1"), "{metrics}");
}

#[tokio::test]
async fn metrics_begin_with_the_oldest_doubt() {
    let house = House::without_lookup().await;
    house.fault(FaultKind::LoseAnswer);
    let id = house.pay("A-1").await.id();
    house.approved("A-2").await;
    house.get("/v1/payments/pay_1?card=4111111111111111").await;
    let metrics = house.get("/metrics").await;
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
    let house = House::new().await;
    let given = house
        .ask("GET", "/nowhere")
        .header("x-request-id", "my-id.1")
        .send()
        .await;
    assert_eq!(given.header("x-request-id"), Some("my-id.1"));
    for odd in ["", "a b", "4111111111111111", &"a".repeat(65)] {
        let answer = house
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
    let house = House::new().await;
    // The answer is held until the caller is gone.
    house.fault(held());
    let request = house.post("/v1/payments", "k", &sale("A-1"));
    let body = sale("A-1").to_string();
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream
        .write_all(format!("{}{body}", request.head()).as_bytes())
        .await
        .unwrap();
    until("it is on the line", async || house.approvals("A-1") == 1).await;
    drop(stream);
    hung_up(&house).await;
    house.sandbox.advance(HELD);
    let again = house
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
    assert_eq!(house.approvals("A-1"), 1);
}

#[tokio::test]
async fn a_stop_lets_open_requests_finish() {
    let mut house = House::new().await;
    house.fault(held());
    let request = house.post("/v1/payments", "k", &sale("A-1"));
    let paying = tokio::spawn(request.send());
    until("it is on the line", async || house.approvals("A-1") == 1).await;
    let stopped = house.begin_stop();
    until("nobody listens any more", async || {
        TcpStream::connect(house.address).await.is_err()
    })
    .await;
    house.sandbox.advance(HELD);
    let answer = paying.await.unwrap();
    assert_eq!(
        (answer.status, &answer.json["state"]),
        (201, &"approved".into())
    );
    assert_eq!(stopped.await.unwrap(), 0, "no connection was cut");
}

#[tokio::test]
async fn a_connection_that_stands_idle_does_not_hold_up_a_stop() {
    let mut house = House::new().await;
    let mut idle = TcpStream::connect(house.address).await.unwrap();
    let head = house
        .ask("GET", "/healthz")
        .head()
        .replace("connection: close\r\n", "");
    idle.write_all(head.as_bytes()).await.unwrap();
    // It was answered and is kept.
    idle.readable().await.unwrap();
    let stopped = tokio::time::timeout(PATIENCE, house.begin_stop())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stopped, 0);
    let answer = tokio::time::timeout(PATIENCE, Answer::read(&mut idle))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
}
