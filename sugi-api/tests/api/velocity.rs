//! Sales that come too fast.

use serde_json::{Value, json};
use sugi_engine::{AlarmRule, Most, VelocityRule};

use crate::{
    http::Answer,
    test_app::{KEY_PAY, Plan, TestApp, sale, sale_with},
};

async fn test_app(sales: Most, declines: Most) -> TestApp {
    let alarm = AlarmRule {
        percent: 50,
        answers: 2,
    };
    let mut plan = Plan::default();
    plan.shop.velocity = VelocityRule {
        sales,
        declines,
        alarm,
        ..VelocityRule::none()
    };
    TestApp::with(plan).await
}

/// It is refused by this limit, says when to come back, and gives no measure away.
fn is_too_fast(answer: &Answer, limit: &str) {
    answer.is_problem(429, "velocity_limited");
    assert_eq!(answer.json["limit"], limit, "{answer:?}");
    assert_eq!(answer.json["money_may_have_moved"], false);
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    // A window of ten minutes, and what its slots round up.
    assert!((1..=631).contains(&after), "{after}");
    for digits in ["411111", "4111", "127.0.0.1"] {
        assert!(!answer.text.contains(digits), "{answer:?}");
    }
}

#[tokio::test]
async fn over_a_limit_nothing_is_sent_and_the_limit_is_named() {
    let one = |by: &str| {
        let of = |name| u32::from(by == name);
        Most {
            address: of("address"),
            actor: of("key"),
            bin: of("card_range"),
            shop: of("shop"),
        }
    };
    for limit in ["address", "key", "card_range", "shop"] {
        let test_app = test_app(one(limit), Most::default()).await;
        test_app.approved("A-1").await;
        is_too_fast(&test_app.pay("A-2").await, limit);
        assert_eq!(test_app.approvals("A-2"), 0);
        let list = test_app.get("/v1/payments").await;
        assert_eq!(list.json["payments"].as_array().unwrap().len(), 1);
        // Asking again for what was done is never refused, and counts for nothing.
        let again = test_app.pay("A-1").await;
        assert_eq!(
            (again.status, again.header("idempotency-replayed")),
            (201, Some("true"))
        );
        let other_card = sale_with("A-3", &[("card.number", json!("5555555555554444"))]);
        let other = test_app
            .post("/v1/payments", "A-3", &other_card)
            .header("authorization", &format!("Bearer {KEY_PAY}"));
        let passes = matches!(limit, "key" | "card_range");
        assert_eq!(other.send().await.status == 201, passes, "{limit}");
    }
}

#[tokio::test]
async fn a_run_of_declines_is_stopped_and_raises_the_alarm() {
    let declines = Most {
        bin: 2,
        ..Most::default()
    };
    let test_app = test_app(Most::default(), declines).await;
    let metrics = async || test_app.get("/metrics").await.text;
    assert!(
        metrics()
            .await
            .contains("sugi_decline_rate_alarm{shop=\"main\"} 0")
    );
    let stolen = json!(kcp_sandbox::magic_card(99, "CC43").unwrap());
    let pay = async |order_no: &str| {
        let body: Value = sale_with(order_no, &[("card.number", stolen.clone())]);
        test_app.post("/v1/payments", order_no, &body).send().await
    };
    for order_no in ["A-1", "A-2"] {
        assert_eq!(pay(order_no).await.json["state"], "declined");
    }
    is_too_fast(&pay("A-3").await, "card_range");
    assert_eq!(pay("A-2").await.status, 201, "a replay");
    let other = test_app
        .post("/v1/payments", "B-1", &sale("B-1"))
        .send()
        .await;
    assert_eq!(other.json["state"], "approved");
    let metrics = metrics().await;
    for line in [
        "sugi_decline_rate_alarm{shop=\"main\"} 1",
        "sugi_velocity_limited_total{shop=\"main\",limit=\"card_range\"} 1",
        "sugi_velocity_limited_total{shop=\"main\",limit=\"address\"} 0",
    ] {
        assert!(
            metrics.lines().any(|one| one == line),
            "{line} in {metrics}"
        );
    }
}
