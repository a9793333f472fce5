//! Giving money back.

use std::sync::Arc;

use kcp_sandbox::{Fault, FaultKind, Operation};
use serde_json::json;

use crate::test_app::{TestApp, sale_with};

#[tokio::test]
async fn in_parts_and_then_the_rest() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    let part = test_app
        .cancel(&id, "c1", &json!({ "amount": 1000, "reason": "고객 변심" }))
        .await;
    assert_eq!(part.status, 201, "{part:?}");
    assert_eq!(
        (&part.json["state"], &part.json["cancelled_amount"]),
        (&json!("partially_cancelled"), &json!(1000))
    );
    assert_eq!(part.json["cancellations"][0]["state"], "done");
    let over = test_app
        .cancel(&id, "c2", &json!({ "amount": 5, "reason": "고객 변심" }))
        .await;
    over.is_problem(409, "amount_exceeds_remaining")
        .of_field("amount");
    assert_eq!(over.json["remaining_amount"], 4);
    let rest = test_app
        .cancel(&id, "c3", &json!({ "reason": "고객 변심" }))
        .await;
    assert_eq!(
        (
            rest.status,
            &rest.json["state"],
            &rest.json["cancelled_amount"]
        ),
        (201, &json!("cancelled"), &json!(1004))
    );
    test_app
        .cancel(&id, "c4", &json!({ "reason": "고객 변심" }))
        .await
        .is_problem(409, "nothing_left");
    assert_eq!(test_app.left("A-1"), 0);
}

#[tokio::test]
async fn the_same_key_gives_back_once() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    let body = json!({ "amount": 300, "reason": "고객 변심" });
    let first = test_app.cancel(&id, "c", &body).await;
    let again = test_app.cancel(&id, "c", &body).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json["cancelled_amount"], 300);
    test_app
        .cancel(&id, "c", &json!({ "amount": 301, "reason": "고객 변심" }))
        .await
        .is_problem(422, "idempotency_key_reused");
    assert_eq!(test_app.left("A-1"), 704);
}

#[tokio::test]
async fn a_thousand_at_once_never_give_back_more_than_there_is() {
    let test_app = Arc::new(TestApp::new().await);
    let id = test_app.approved("A-1").await;
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (test_app, id) = (Arc::clone(&test_app), id.clone());
            tokio::spawn(async move {
                let mut given = 0;
                for n in 0..125 {
                    let answer = test_app
                        .cancel(
                            &id,
                            &format!("{task}-{n}"),
                            &json!({ "amount": 100, "reason": "동시" }),
                        )
                        .await;
                    given += u64::from(answer.status == 201);
                    assert!(matches!(answer.status, 201 | 409), "{answer:?}");
                }
                given
            })
        })
        .collect();
    let mut given = 0;
    for task in tasks {
        given += task.await.unwrap();
    }
    assert_eq!(given, 10, "of 1,004 won, a hundred at a time");
    assert_eq!(test_app.left("A-1"), 4);
    assert_eq!(test_app.settled(&id).await.json["cancelled_amount"], 1000);
}

#[tokio::test]
async fn a_refusal_comes_with_kcps_code() {
    let test_app = TestApp::new().await;
    let number = kcp_sandbox::magic_card(97, "8012").unwrap();
    let paid = test_app
        .post(
            "/v1/payments",
            "k",
            &sale_with("A-1", &[("card.number", json!(number))]),
        )
        .send()
        .await;
    let refused = test_app
        .cancel(&paid.id(), "c", &json!({ "reason": "고객 변심" }))
        .await;
    refused.is_problem(409, "cancellation_refused");
    assert_eq!(
        (&refused.json["res_cd"], &refused.json["remaining_amount"]),
        (&json!("8012"), &json!(1004))
    );
    let again = test_app
        .cancel(&paid.id(), "c", &json!({ "reason": "고객 변심" }))
        .await;
    assert_eq!(
        again
            .is_problem(409, "cancellation_refused")
            .header("idempotency-replayed"),
        Some("true")
    );
    // Once another was asked for, the first one's end is still told.
    test_app
        .cancel(&paid.id(), "d", &json!({ "reason": "다른 이유" }))
        .await
        .is_problem(409, "cancellation_refused");
    test_app
        .cancel(&paid.id(), "c", &json!({ "reason": "고객 변심" }))
        .await
        .is_problem(409, "cancellation_refused");
}

#[tokio::test]
async fn a_lost_answer_is_on_its_way_and_ends_well() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    test_app
        .sandbox
        .fault(Fault::new(FaultKind::LoseAnswer).on(Operation::Cancel))
        .unwrap();
    let answer = test_app
        .cancel(&id, "c", &json!({ "reason": "고객 변심" }))
        .await;
    assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    let end = test_app.settled(&id).await;
    assert_eq!(end.json["state"], "cancelled");
    assert_eq!(
        test_app
            .cancel(&id, "c", &json!({ "reason": "고객 변심" }))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn only_what_was_approved_can_be_cancelled() {
    let test_app = TestApp::new().await;
    let number = kcp_sandbox::magic_card(99, "CC61").unwrap();
    let paid = test_app
        .post(
            "/v1/payments",
            "k",
            &sale_with("A-1", &[("card.number", json!(number))]),
        )
        .send()
        .await;
    test_app
        .cancel(&paid.id(), "c", &json!({ "reason": "고객 변심" }))
        .await
        .is_problem(409, "not_cancellable");
    let nobody = format!("pay_{}", "0".repeat(32));
    test_app
        .cancel(&nobody, "c", &json!({ "reason": "고객 변심" }))
        .await
        .is_problem(404, "payment_not_found");
    test_app
        .cancel("x%ff", "c", &json!({ "reason": "고객 변심" }))
        .await
        .is_problem(404, "payment_not_found");
}
