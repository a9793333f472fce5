//! Payments that are divided for tax, and refunded part by part.

use kcp_sandbox::{Fault, FaultKind, Operation};
use serde_json::{Value, json};

use crate::test_app::{Plan, TestApp, sale_with};

async fn test_app() -> TestApp {
    TestApp::with(Plan {
        tax_split: true,
        ..Plan::default()
    })
    .await
}

/// A payment of 1,004 won: 800 supply, 80 VAT, 124 tax-free.
async fn split(test_app: &TestApp, order_no: &str) -> String {
    let sale = sale_with(order_no, &[("tax", tax(800, 80, 124))]);
    let paid = test_app.post("/v1/payments", order_no, &sale).send().await;
    assert_eq!(paid.status, 201, "{paid:?}");
    assert_eq!(paid.json["tax"], tax(800, 80, 124));
    assert_eq!(paid.json["remaining_tax"], tax(800, 80, 124));
    paid.id()
}

fn tax(supply: u64, vat: u64, tax_free: u64) -> Value {
    json!({ "supply": supply, "vat": vat, "tax_free": tax_free })
}

fn part(amount: u64, tax: &Value) -> Value {
    json!({ "amount": amount, "tax": tax, "reason": "고객 변심" })
}

#[tokio::test]
async fn a_part_says_how_it_divides_and_the_rest_follows() {
    let test_app = test_app().await;
    let id = split(&test_app, "A-1").await;
    let taken = part(320, &tax(200, 20, 100));
    let answer = test_app.cancel(&id, "c1", &taken).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json["remaining_tax"], tax(600, 60, 24));
    assert_eq!(answer.json["cancellations"][0]["tax"], tax(200, 20, 100));
    let again = test_app.cancel(&id, "c1", &taken).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    test_app
        .cancel(&id, "c1", &part(320, &tax(200, 19, 101)))
        .await
        .is_problem(422, "idempotency_key_reused");
    let rest = test_app
        .cancel(&id, "c2", &json!({ "reason": "고객 변심" }))
        .await;
    assert_eq!(
        (rest.status, &rest.json["state"]),
        (201, &json!("cancelled")),
        "{rest:?}"
    );
    assert_eq!(rest.json["remaining_tax"], tax(0, 0, 0));
    assert_eq!(test_app.left("A-1"), 0);
    let told = test_app.get(&format!("/v1/payments/{id}")).await.text;
    assert!(
        told.contains("cancel 320 KRW (200 supply, 20 VAT, 100 tax-free)"),
        "{told}"
    );
}

#[tokio::test]
async fn wrong_parts_are_named() {
    let test_app = test_app().await;
    let id = split(&test_app, "A-1").await;
    let plain = test_app.approved("A-2").await;
    for (id, body, status, code) in [
        (
            &id,
            json!({ "amount": 100, "reason": "x" }),
            422,
            "tax_missing",
        ),
        (&id, part(101, &tax(80, 8, 12)), 422, "invalid_value"),
        (
            &id,
            part(125, &tax(0, 0, 125)),
            409,
            "amount_exceeds_remaining",
        ),
        (
            &id,
            json!({ "tax": tax(800, 80, 124), "reason": "x" }),
            422,
            "invalid_value",
        ),
        (&plain, part(100, &tax(80, 8, 12)), 422, "invalid_value"),
    ] {
        let answer = test_app.cancel(id, "c", &body).await;
        answer.is_problem(status, code).of_field("tax");
    }
    test_app
        .cancel(
            &id,
            "c",
            &part(100, &json!({ "supply": 80, "vat": 8, "free": 12 })),
        )
        .await
        .is_problem(422, "unknown_field");
    assert_eq!(test_app.left("A-1") + test_app.left("A-2"), 2008);
}

#[tokio::test]
async fn a_lost_answer_ends_with_the_parts_known() {
    let test_app = test_app().await;
    let id = split(&test_app, "A-1").await;
    let lost = Fault::new(FaultKind::LoseAnswer).on(Operation::Cancel);
    test_app.sandbox.fault(lost).unwrap();
    let answer = test_app
        .cancel(&id, "c", &part(320, &tax(200, 20, 100)))
        .await;
    assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    let end = test_app.settled(&id).await;
    assert_eq!(end.json["remaining_tax"], tax(600, 60, 24));
    assert_eq!(test_app.left("A-1"), 684);
}

#[tokio::test]
async fn all_of_it_tax_free_needs_no_parts() {
    let test_app = test_app().await;
    let sale = sale_with("A-1", &[("tax", tax(0, 0, 1004))]);
    let paid = test_app.post("/v1/payments", "k", &sale).send().await;
    assert_eq!(paid.json["tax"], tax(0, 0, 1004), "{paid:?}");
    assert!(paid.json.get("remaining_tax").is_none(), "{paid:?}");
    let body = json!({ "amount": 4, "reason": "x" });
    assert_eq!(test_app.cancel(&paid.id(), "c", &body).await.status, 201);
}
