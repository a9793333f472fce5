//! Who may do what.

use serde_json::json;
use sugi_api::{ApiKey, Scope};

use crate::{
    http::Request,
    test_app::{KEY, KEY_OTHER_SHOP, KEY_PAY, KEY_READ, Plan, TestApp, sale},
};

#[tokio::test]
async fn without_a_valid_key_nothing_is_told() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    let posts = [
        "/v1/payments".to_owned(),
        format!("/v1/payments/{id}/cancellations"),
        format!("/v1/payments/{id}/resolution"),
    ];
    let gets = [
        "/v1/payments".to_owned(),
        format!("/v1/payments/{id}"),
        "/v1/shops".to_owned(),
    ];
    let all = posts
        .iter()
        .map(|path| ("POST", path))
        .chain(gets.iter().map(|path| ("GET", path)));
    for (method, path) in all {
        for given in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Basic a2V5",
            KEY,
            "Bearer  x y",
        ] {
            let answer = Request::new(test_app.address, method, path)
                .header("authorization", given)
                .send()
                .await;
            answer.is_problem(401, "unauthenticated");
            assert!(
                answer
                    .header("www-authenticate")
                    .unwrap()
                    .starts_with("Bearer realm=")
            );
        }
    }
    let lower = test_app
        .ask("GET", "/v1/shops")
        .header("authorization", &format!("bearer {KEY}"))
        .send()
        .await;
    assert_eq!(lower.status, 200);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    let with = |key: &str, method: &str, path: &str| {
        Request::new(test_app.address, method, path)
            .header("authorization", &format!("Bearer {key}"))
            .header("idempotency-key", "k")
    };
    for (key, method, path, scope) in [
        (KEY_READ, "POST", "/v1/payments".to_owned(), "pay"),
        (
            KEY_READ,
            "POST",
            format!("/v1/payments/{id}/cancellations"),
            "cancel",
        ),
        (
            KEY_READ,
            "POST",
            format!("/v1/payments/{id}/resolution"),
            "resolve",
        ),
        (KEY_PAY, "GET", "/v1/payments".to_owned(), "read"),
        (KEY_PAY, "GET", format!("/v1/payments/{id}"), "read"),
        (KEY_PAY, "GET", "/v1/shops".to_owned(), "read"),
    ] {
        let answer = with(key, method, &path).json(&json!({})).send().await;
        answer.is_problem(403, "scope_missing");
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains(&format!("scope=\"{scope}\"")),
            "{answer:?}"
        );
    }
    assert_eq!(
        with(KEY_PAY, "POST", "/v1/payments")
            .json(&sale("A-2"))
            .send()
            .await
            .status,
        201
    );
    assert_eq!(
        with(KEY_READ, "GET", "/v1/payments").send().await.status,
        200
    );
}

#[tokio::test]
async fn other_shops_are_not_there() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    let with = |method: &str, path: &str| {
        let key = format!("Bearer {KEY_OTHER_SHOP}");
        Request::new(test_app.address, method, path)
            .header("authorization", &key)
            .header("idempotency-key", "k")
    };
    with("GET", &format!("/v1/payments/{id}"))
        .send()
        .await
        .is_problem(404, "payment_not_found");
    with("POST", &format!("/v1/payments/{id}/cancellations"))
        .json(&json!({ "reason": "a" }))
        .send()
        .await
        .is_problem(404, "payment_not_found");
    with("POST", "/v1/payments")
        .json(&sale("A-2"))
        .send()
        .await
        .is_problem(403, "shop_forbidden")
        .of_field("shop");
    with("GET", "/v1/payments?shop=main")
        .send()
        .await
        .is_problem(403, "shop_forbidden");
    assert_eq!(
        with("GET", "/v1/payments").send().await.json["payments"],
        json!([])
    );
    assert_eq!(
        with("GET", "/v1/shops").send().await.json["shops"],
        json!([])
    );
}

#[tokio::test]
async fn two_callers_keys_do_not_meet() {
    let test_app = TestApp::new().await;
    let one = test_app
        .post("/v1/payments", "k", &sale("A-1"))
        .send()
        .await;
    let other = test_app
        .post("/v1/payments", "k", &sale("A-2"))
        .header("authorization", &format!("Bearer {KEY_PAY}"))
        .send()
        .await;
    assert_eq!((one.status, other.status), (201, 201));
    assert_ne!(one.id(), other.id());
}

#[tokio::test]
async fn past_the_limits_there_is_a_clear_error() {
    let mut plan = Plan::default();
    plan.limits.requests_per_key = 0;
    let test_app = TestApp::with(plan).await;
    let refused = test_app.get("/v1/shops").await;
    assert_eq!(
        refused
            .is_problem(429, "too_many_requests")
            .header("retry-after"),
        Some("1")
    );

    let mut plan = Plan::default();
    plan.limits.requests = 0;
    let test_app = TestApp::with(plan).await;
    let refused = test_app.get("/v1/shops").await;
    assert_eq!(
        refused.is_problem(503, "overloaded").header("retry-after"),
        Some("1")
    );
    assert_eq!(
        test_app.get("/healthz").await.status,
        200,
        "whoever watches is let in"
    );

    let mut plan = Plan::default();
    plan.shop.calls_at_once = 0;
    let test_app = TestApp::with(plan).await;
    let refused = test_app.pay("A-1").await;
    assert_eq!(
        refused.is_problem(429, "shop_busy").header("retry-after"),
        Some("1")
    );
}

#[tokio::test]
async fn while_kcp_loses_answers_no_new_payment_is_sent() {
    let mut plan = Plan {
        order_lookup: false,
        ..Plan::default()
    };
    plan.shop.circuit_breaker.losses = 1;
    let test_app = TestApp::with(plan).await;
    test_app.fault(kcp_sandbox::FaultKind::LoseAnswer);
    assert_eq!(test_app.pay("A-1").await.json["state"], "in_doubt");
    let refused = test_app.pay("A-2").await;
    assert!(
        refused
            .is_problem(503, "kcp_unsteady")
            .header("retry-after")
            .is_some()
    );
    assert_eq!(test_app.approvals("A-2"), 0);
    assert_eq!(
        test_app.pay("A-1").await.status,
        202,
        "what was asked before is still answered"
    );
}

#[tokio::test]
async fn the_shops_say_what_they_can() {
    let test_app = TestApp::new().await;
    let shops = test_app.get("/v1/shops").await;
    let shop = &shops.json["shops"][0];
    assert_eq!(
        (shops.status, &shop["id"], &shop["site_code"], &shop["test"]),
        (200, &json!("main"), &json!("T0000"), &json!(true))
    );
    assert_eq!(shop["contract"]["partial_cancel"], true);
    assert_eq!(shop["contract"]["tax_split"], false);
    assert_eq!(shop["contract"]["currencies"], json!(["KRW"]));
    assert!(shop["certificate"]["not_after"].is_string());
}

#[tokio::test]
async fn a_key_is_good_only_from_where_it_is_for() {
    let test_app = TestApp::new().await;
    let key = |from: &str| {
        ApiKey::new("back end".parse().unwrap(), KEY)
            .only_scopes([Scope::Read])
            .only_from([from.parse().unwrap()])
    };
    test_app.api.set_keys([key("127.0.0.0/8")]);
    assert_eq!(test_app.get("/v1/shops").await.status, 200);
    test_app.api.set_keys([key("10.0.0.0/8")]);
    test_app
        .get("/v1/shops")
        .await
        .is_problem(403, "address_forbidden");
    // Nothing else is looked at: not the scope, not the body, not even whether there is one.
    test_app
        .ask("POST", "/v1/payments")
        .send()
        .await
        .is_problem(403, "address_forbidden");
    let unknown = test_app
        .ask("GET", "/v1/shops")
        .header("authorization", "Bearer unknown");
    unknown.send().await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn keys_are_changed_while_the_service_runs() {
    let test_app = TestApp::new().await;
    let status = async |key: &str| {
        let key = format!("Bearer {key}");
        let ask = test_app
            .ask("GET", "/v1/shops")
            .header("authorization", &key);
        ask.send().await.status
    };
    let name = || "back end".parse().unwrap();
    test_app
        .api
        .set_keys([ApiKey::new(name(), KEY).also("new")]);
    assert_eq!((status(KEY).await, status("new").await), (200, 200));
    test_app.api.set_keys([ApiKey::new(name(), "new")]);
    assert_eq!((status(KEY).await, status("new").await), (401, 200));
}
