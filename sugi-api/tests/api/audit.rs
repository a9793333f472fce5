//! What is asked for stands in the audit: who, what, of what, how it ended, from where.

use serde_json::json;
use sugi_store::DeedFilter;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    house::{House, KEY_READ, held, sale, until},
    http::Request,
};

/// The audit in order, each row in a line.
async fn told(house: &House) -> Vec<String> {
    house.access.flush().await;
    let rows = house.engine.store().deeds(&DeedFilter::default()).await;
    let mut lines: Vec<String> = rows
        .unwrap()
        .into_iter()
        .map(|row| {
            let deed = row.deed;
            format!(
                "{} | {} | {} | {} | {}",
                deed.actor, deed.action, deed.subject, deed.outcome, deed.origin
            )
        })
        .collect();
    lines.reverse();
    lines
}

#[tokio::test]
async fn every_sale_look_cancel_and_refusal_is_written_down() {
    let house = House::new().await;
    let id = house.approved("A-1").await;
    house.get(&format!("/v1/payments/{id}")).await;
    house.get("/v1/payments?buyer_name=nobody").await;
    house.cancel(&id, "c", &json!({ "reason": "x" })).await;
    house.post("/v1/payments", "a-2", &json!({})).send().await;
    let refused = [KEY_READ, "wrong"];
    for key in refused {
        Request::new(house.address, "POST", "/v1/payments")
            .header("authorization", &format!("Bearer {key}"))
            .header("idempotency-key", "k")
            .json(&sale("A-3"))
            .send()
            .await;
    }
    house.get("/healthz").await;
    assert_eq!(
        told(&house).await,
        [
            format!("key:back end | POST /v1/payments | {id} | 201 | 127.0.0.1"),
            format!("key:back end | GET /v1/payments/{{id}} | {id} | 200 | 127.0.0.1"),
            "key:back end | GET /v1/payments | payments | 200 | 127.0.0.1".into(),
            format!(
                "key:back end | POST /v1/payments/{{id}}/cancellations | {id} | 201 | 127.0.0.1"
            ),
            "key:back end | POST /v1/payments |  | 422 bad_body | 127.0.0.1".into(),
            "key:reports | POST /v1/payments |  | 403 scope_missing | 127.0.0.1".into(),
            "- | POST /v1/payments |  | 401 unauthenticated | 127.0.0.1".into(),
        ]
    );
    house.engine.store().verify_audit(None).await.unwrap();
}

#[tokio::test]
async fn strangers_do_not_fill_it() {
    let house = House::new().await;
    let payment = "/v1/payments/pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b";
    for _ in 0..40 {
        let stranger = Request::new(house.address, "GET", payment);
        assert_eq!(stranger.send().await.status, 401);
    }
    // Whoever has a key is told of each time.
    for _ in 0..20 {
        house.get(payment).await;
    }
    let told = told(&house).await;
    let count = |who: &str| told.iter().filter(|row| row.starts_with(who)).count();
    assert_eq!(
        (count("- |"), count("key:back end |")),
        (10, 20),
        "{told:#?}"
    );
}

#[tokio::test]
async fn who_hangs_up_is_written_down_too() {
    let house = House::new().await;
    house.fault(held());
    let request = house.post("/v1/payments", "A-1", &sale("A-1"));
    let all = format!("{}{}", request.head(), sale("A-1"));
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(all.as_bytes()).await.unwrap();
    until("it is on the line", async || house.approvals("A-1") == 1).await;
    drop(stream);
    hung_up(&house).await;
}

/// Waits until the service has noticed that whoever asked for a sale is gone.
pub(crate) async fn hung_up(house: &House) {
    until("who hung up is written down", async || {
        // The service notices in its own time; meanwhile it has something else to do.
        house.get("/healthz").await;
        let line = "key:back end | POST /v1/payments |  | hung up | 127.0.0.1";
        told(house).await.iter().any(|told| told == line)
    })
    .await;
}

#[tokio::test]
async fn nothing_that_somebody_writes_into_an_address_gets_in() {
    let house = House::new().await;
    for path in ["4111111111111111", "pay_%0a%0d", &"x".repeat(500)] {
        house.get(&format!("/v1/payments/{path}")).await;
    }
    let told = told(&house).await;
    assert_eq!(told.len(), 3);
    for line in told {
        assert!(line.contains("| ? | 404"), "{line}");
    }
}
