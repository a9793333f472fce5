//! What is asked for stands in the audit: who, what, of what, how it ended, from where.

use serde_json::json;
use sugi_store::AuditFilter;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    http::Request,
    test_app::{KEY_READ, TestApp, held, sale, until},
};

/// The audit in order, each row in a line.
async fn told(test_app: &TestApp) -> Vec<String> {
    test_app.access.flush().await;
    let rows = test_app
        .engine
        .store()
        .audit_entries(&AuditFilter::default())
        .await;
    let mut lines: Vec<String> = rows
        .unwrap()
        .into_iter()
        .map(|row| {
            let audit_entry = row.audit_entry;
            format!(
                "{} | {} | {} | {} | {}",
                audit_entry.actor,
                audit_entry.action,
                audit_entry.subject,
                audit_entry.outcome,
                audit_entry.origin
            )
        })
        .collect();
    lines.reverse();
    lines
}

#[tokio::test]
async fn every_sale_look_cancel_and_refusal_is_written_down() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    test_app.get(&format!("/v1/payments/{id}")).await;
    test_app.get("/v1/payments?buyer_name=nobody").await;
    test_app.cancel(&id, "c", &json!({ "reason": "x" })).await;
    test_app
        .post("/v1/payments", "a-2", &json!({}))
        .send()
        .await;
    let refused = [KEY_READ, "wrong"];
    for key in refused {
        Request::new(test_app.address, "POST", "/v1/payments")
            .header("authorization", &format!("Bearer {key}"))
            .header("idempotency-key", "k")
            .json(&sale("A-3"))
            .send()
            .await;
    }
    test_app.get("/healthz").await;
    assert_eq!(
        told(&test_app).await,
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
    test_app.engine.store().verify_audit(None).await.unwrap();
}

#[tokio::test]
async fn strangers_do_not_fill_it() {
    let test_app = TestApp::new().await;
    let payment = "/v1/payments/pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b";
    for _ in 0..40 {
        let stranger = Request::new(test_app.address, "GET", payment);
        assert_eq!(stranger.send().await.status, 401);
    }
    // Whoever has a key is told of each time.
    for _ in 0..20 {
        test_app.get(payment).await;
    }
    let told = told(&test_app).await;
    let count = |who: &str| told.iter().filter(|row| row.starts_with(who)).count();
    assert_eq!(
        (count("- |"), count("key:back end |")),
        (10, 20),
        "{told:#?}"
    );
}

#[tokio::test]
async fn who_hangs_up_is_written_down_too() {
    let test_app = TestApp::new().await;
    test_app.fault(held());
    let request = test_app.post("/v1/payments", "A-1", &sale("A-1"));
    let all = format!("{}{}", request.head(), sale("A-1"));
    let mut stream = TcpStream::connect(test_app.address).await.unwrap();
    stream.write_all(all.as_bytes()).await.unwrap();
    until("it is on the line", async || test_app.approvals("A-1") == 1).await;
    drop(stream);
    hung_up(&test_app).await;
}

/// Waits until the service has noticed that whoever asked for a sale is gone.
pub(crate) async fn hung_up(test_app: &TestApp) {
    until("who hung up is written down", async || {
        // The service notices in its own time; meanwhile it has something else to do.
        test_app.get("/healthz").await;
        let line = "key:back end | POST /v1/payments |  | hung up | 127.0.0.1";
        told(test_app).await.iter().any(|told| told == line)
    })
    .await;
}

#[tokio::test]
async fn nothing_that_somebody_writes_into_an_address_gets_in() {
    let test_app = TestApp::new().await;
    for path in ["4111111111111111", "pay_%0a%0d", &"x".repeat(500)] {
        test_app.get(&format!("/v1/payments/{path}")).await;
    }
    let told = told(&test_app).await;
    assert_eq!(told.len(), 3);
    for line in told {
        assert!(line.contains("| ? | 404"), "{line}");
    }
}
