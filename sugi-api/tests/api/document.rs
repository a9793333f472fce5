//! The OpenAPI document beside the service: every route in it, every documented route there.

use std::collections::BTreeSet;

use serde_json::Value;
use sugi_api::Code;

use crate::test_app::TestApp;

const ROUTES: &[(&str, &str)] = &[
    ("post", "/v1/payments"),
    ("get", "/v1/payments"),
    ("get", "/v1/payments/{id}"),
    ("post", "/v1/payments/{id}/cancellations"),
    ("post", "/v1/payments/{id}/resolution"),
    ("get", "/v1/shops"),
    ("get", "/v1/events"),
    ("post", "/v1/webhooks"),
    ("get", "/v1/webhooks"),
    ("get", "/v1/webhooks/{id}"),
    ("delete", "/v1/webhooks/{id}"),
    ("post", "/v1/webhooks/{id}/secret"),
    ("post", "/v1/webhooks/{id}/test"),
    ("get", "/v1/webhooks/{id}/deliveries"),
    ("put", "/v1/webhooks/{id}/deliveries/{event}"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("get", "/docs"),
    ("get", "/problems/{code}"),
];

#[tokio::test]
async fn every_route_is_documented_and_every_documented_route_is_there() {
    let test_app = TestApp::new().await;
    let document = test_app.get("/openapi.json").await.json;
    assert_eq!(document["openapi"], "3.1.0");
    let mut told = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            told.insert((method.as_str(), path.as_str()));
            let answer = test_app
                .ask(&method.to_uppercase(), &path.replace(['{', '}'], ""))
                .send()
                .await;
            assert_ne!(answer.status, 405, "{method} {path}");
            assert_ne!(answer.json["code"], "method_not_allowed", "{method} {path}");
            assert!(
                operation["responses"][answer.status.to_string()].is_object(),
                "{method} {path}: {answer:?}"
            );
        }
    }
    assert_eq!(told, ROUTES.iter().copied().collect());
}

#[tokio::test]
async fn it_states_the_rules() {
    let document = serde_json::to_value(sugi_api::document()).unwrap();
    let schema = |name: &str, field: &str| {
        document["components"]["schemas"][name]["properties"][field].clone()
    };
    assert_eq!(schema("NewPayment", "amount")["minimum"], 1);
    assert_eq!(
        schema("NewPayment", "amount")["maximum"],
        999_999_999_999_u64
    );
    assert_eq!(schema("NewCard", "number")["pattern"], "^[0-9]{13,16}$");
    assert_eq!(schema("NewBuyer", "name")["maxLength"], 30);
    for name in [
        "NewPayment",
        "NewBuyer",
        "NewCard",
        "NewProof",
        "NewTax",
        "NewCancellation",
        "NewResolution",
        "NewWebhook",
    ] {
        assert_eq!(
            document["components"]["schemas"][name]["additionalProperties"], false,
            "{name}"
        );
    }
    assert_eq!(
        document["components"]["securitySchemes"]["api_key"]["scheme"],
        "bearer"
    );
    let post = &document["paths"]["/v1/payments"]["post"];
    for status in [
        "201", "202", "400", "401", "403", "408", "409", "413", "415", "422", "429", "500", "502",
        "503",
    ] {
        assert!(post["responses"][status].is_object(), "{status}");
    }
    let key = post["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "Idempotency-Key")
        .unwrap();
    assert_eq!(
        (&key["required"], &key["schema"]["maxLength"]),
        (&Value::Bool(true), &255.into())
    );
    let limits = &document["components"]["schemas"]["VelocityLimit"]["enum"];
    let words = sugi_engine::LimitBy::ALL.map(sugi_engine::LimitBy::as_str);
    assert_eq!(
        *limits,
        serde_json::json!(words),
        "one word each, everywhere"
    );
    let codes = &document["components"]["schemas"]["ProblemCode"]["enum"];
    assert_eq!(codes.as_array().unwrap().len(), Code::ALL.len());
}

fn refs<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| refs(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| refs(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn nothing_in_it_leads_nowhere() {
    let document = serde_json::to_value(sugi_api::document()).unwrap();
    let mut found = BTreeSet::new();
    refs(&document, &mut found);
    for path in found {
        assert!(
            document.pointer(path.strip_prefix('#').unwrap()).is_some(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_page_is_whole_and_asks_nobody() {
    let test_app = TestApp::new().await;
    let page = test_app.get("/docs").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    for text in [
        "create_payment",
        "Idempotency-Key",
        "shape-NewCard",
        "problem-order_live",
        "테스트 상품",
    ] {
        assert!(page.text.contains(text), "{text}");
    }
    // It may write of addresses, and loads and links to none.
    for outside in ["<script", "src=", "href=\"http", "url(", "@import"] {
        assert!(!page.text.contains(outside), "{outside}");
    }
    for link in page
        .text
        .split("href=\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
    {
        let there = page.text.contains(&format!("id=\"{link}\""))
            || page.text.contains(&format!("id={link}>"));
        assert!(there, "#{link}");
    }
    let problem = test_app.get("/problems/order_live").await;
    assert_eq!(
        (problem.status, problem.header("location")),
        (303, Some("/docs#problem-order_live"))
    );
    test_app
        .get("/problems/nothing")
        .await
        .is_problem(404, "not_found");
}
