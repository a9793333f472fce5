//! Closing what is in doubt by what a person knows.

use kcp_sandbox::FaultKind;
use serde_json::{Value, json};

use crate::{
    http::Request,
    test_app::{KEY, QUIET, TestApp},
};

async fn in_doubt(test_app: &TestApp, order_no: &str, fault: FaultKind) -> String {
    test_app.fault(fault);
    let answer = test_app.pay(order_no).await;
    assert_eq!(answer.json["state"], "in_doubt", "{answer:?}");
    answer.id()
}

fn found(tno: &str, outcome: Option<&str>) -> Value {
    let mut body = json!({ "tno": tno, "evidence": "KCP partner site", "note": "by order number" });
    if let Some(outcome) = outcome {
        body["outcome"] = json!(outcome);
    }
    body
}

fn not_there() -> Value {
    json!({ "evidence": "KCP partner site", "note": "not in the list of the day" })
}

#[tokio::test]
async fn with_its_number_it_is_reversed() {
    let test_app = TestApp::without_lookup().await;
    let id = in_doubt(&test_app, "A-1", FaultKind::LoseAnswer).await;
    let answer = test_app
        .resolve(&id, "r", &found(&test_app.tno("A-1"), None))
        .await;
    assert_eq!(
        (answer.status, &answer.json["state"]),
        (200, &json!("reversed")),
        "{answer:?}"
    );
    assert_eq!(test_app.left("A-1"), 0);
    let again = test_app
        .resolve(&id, "r", &found(&test_app.tno("A-1"), None))
        .await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (200, Some("true"))
    );
    test_app
        .resolve(&id, "r", &found(&test_app.tno("A-1"), Some("keep")))
        .await
        .is_problem(422, "idempotency_key_reused");
    test_app
        .resolve(&id, "s", &found(&test_app.tno("A-1"), None))
        .await
        .is_problem(409, "not_in_doubt");
    let told = test_app.get(&format!("/v1/payments/{id}")).await.text;
    assert!(
        told.contains("back end named a tno (KCP partner site: by order number)"),
        "{told}"
    );
}

#[tokio::test]
async fn with_its_number_it_can_be_kept() {
    let test_app = TestApp::without_lookup().await;
    let id = in_doubt(&test_app, "A-1", FaultKind::LoseAnswer).await;
    let answer = test_app
        .resolve(&id, "r", &found(&test_app.tno("A-1"), Some("keep")))
        .await;
    assert_eq!(
        (answer.status, &answer.json["state"]),
        (200, &json!("approved")),
        "{answer:?}"
    );
    assert_eq!(test_app.left("A-1"), 1004);
}

#[tokio::test]
async fn nobody_is_believed_on_their_word_alone() {
    let (test_app, _stands_still) = TestApp::manual().await;
    test_app.approved("A-0").await;
    let id = in_doubt(&test_app, "A-1", FaultKind::LoseAnswer).await;
    for tno in [&*test_app.tno("A-0"), "20990101000001"] {
        let refused = test_app.resolve(&id, tno, &found(tno, None)).await;
        refused.is_problem(409, "not_confirmed").of_field("tno");
    }
    let early = test_app.resolve(&id, "early", &not_there()).await;
    assert!(
        early
            .is_problem(409, "too_early")
            .header("retry-after")
            .is_some(),
        "{early:?}"
    );
    let keep_nothing = json!({ "evidence": "a", "note": "b", "outcome": "keep" });
    test_app
        .resolve(&id, "k", &keep_nothing)
        .await
        .is_problem(422, "invalid_value")
        .of_field("outcome");
    assert_eq!(
        test_app.get(&format!("/v1/payments/{id}")).await.json["state"],
        "in_doubt"
    );
    test_app
        .resolve(&id, "end", &found(&test_app.tno("A-1"), None))
        .await;
}

#[tokio::test]
async fn what_never_arrived_is_closed_after_the_quiet_period() {
    let (test_app, clock) = TestApp::manual().await;
    let id = in_doubt(&test_app, "A-1", FaultKind::LoseRequest).await;
    let early = test_app.resolve(&id, "r", &not_there()).await;
    early.is_problem(409, "too_early");
    clock.advance(QUIET);
    // What was refused did not use the key up.
    let closed = test_app.resolve(&id, "r", &not_there()).await;
    assert_eq!(
        (closed.status, &closed.json["state"]),
        (200, &json!("void")),
        "{closed:?}"
    );
    assert_eq!(closed.json["void"]["reason"], "attested");
    assert_eq!(
        test_app.pay("A-1").await.status,
        201,
        "the order's key: the payment as it is now"
    );
}

#[tokio::test]
async fn only_what_is_in_doubt_is_resolved() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    test_app
        .resolve(&id, "r", &found(&test_app.tno("A-1"), None))
        .await
        .is_problem(409, "not_in_doubt");
    test_app
        .resolve(&id, "s", &not_there())
        .await
        .is_problem(409, "not_in_doubt");
    test_app
        .resolve("pay_1", "t", &not_there())
        .await
        .is_problem(404, "payment_not_found");
}

#[tokio::test]
async fn a_key_is_known_wherever_it_is_sent() {
    let test_app = TestApp::without_lookup().await;
    let id = in_doubt(&test_app, "A-1", FaultKind::LoseAnswer).await;
    let body = found(&test_app.tno("A-1"), None);
    let first = test_app.resolve(&id, "r", &body).await;
    assert_eq!(first.header("idempotency-replayed"), None, "{first:?}");
    let elsewhere = test_app.another_service().await;
    let ask = async |body: &Value| {
        Request::new(elsewhere, "POST", &format!("/v1/payments/{id}/resolution"))
            .header("authorization", &format!("Bearer {KEY}"))
            .header("idempotency-key", "r")
            .json(body)
            .send()
            .await
    };
    let again = ask(&body).await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (200, Some("true")),
        "{again:?}"
    );
    let mut other = body.clone();
    other["note"] = json!("by phone");
    ask(&other)
        .await
        .is_problem(422, "idempotency_key_reused")
        .of_field("Idempotency-Key");

    // As with cancellations, a key is one of its payment.
    let id = in_doubt(&test_app, "A-2", FaultKind::LoseAnswer).await;
    let answer = test_app
        .resolve(&id, "r", &found(&test_app.tno("A-2"), None))
        .await;
    assert_eq!(answer.header("idempotency-replayed"), None);
    assert_eq!(answer.json["state"], "reversed", "{answer:?}");
}

#[tokio::test]
async fn the_same_at_once_resolves_once() {
    let test_app = TestApp::without_lookup().await;
    let id = in_doubt(&test_app, "A-1", FaultKind::LoseAnswer).await;
    let body = found(&test_app.tno("A-1"), Some("keep"));
    let path = format!("/v1/payments/{id}/resolution");
    let tasks: Vec<_> = (0..16)
        .map(|_| tokio::spawn(test_app.post(&path, "r", &body).send()))
        .collect();
    let mut first = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        first += usize::from(answer.header("idempotency-replayed").is_none());
    }
    assert_eq!(first, 1);
    let told = test_app.get(&format!("/v1/payments/{id}")).await.text;
    assert_eq!(told.matches("named a tno").count(), 1, "{told}");
}
