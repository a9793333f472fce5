//! Webhooks over the API: set up, looked at, told, taken away.

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use crate::test_app::{KEY_OTHER_SHOP, KEY_READ, MAX_WAIT, TestApp};

const URL: &str = "https://shop.example.com/sugi";

/// A program that takes what it is told; its address, and what it was told.
async fn receiver() -> (String, mpsc::UnboundedReceiver<(HeaderMap, Value)>) {
    let (told, hears) = mpsc::unbounded_channel();
    let take = move |headers: HeaderMap, body: Bytes| {
        let body = serde_json::from_slice(&body).unwrap();
        told.send((headers, body)).unwrap();
        async {}
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/told", listener.local_addr().unwrap());
    let app = Router::new().route("/told", post(take));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, hears)
}

impl TestApp {
    async fn webhook(&self, key: &str, body: &Value) -> crate::http::Answer {
        self.post("/v1/webhooks", key, body).send().await
    }

    fn as_other(&self, method: &str, path: &str) -> crate::http::Request {
        let ask = self.ask(method, path);
        ask.header("authorization", &format!("Bearer {KEY_OTHER_SHOP}"))
    }
}

fn id(answer: &crate::http::Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn from_set_up_to_taken_away() {
    let test_app = TestApp::new().await;
    let (url, mut hears) = receiver().await;
    let webhooks = test_app.api.app().webhooks.clone();
    let postman = tokio::spawn(async move {
        let run = webhooks.run(sugi_api::event_json, std::future::pending());
        run.await;
    });
    let made = test_app.webhook("w1", &json!({ "url": url })).await;
    let id = id(&made);
    assert_eq!(
        made.header("location"),
        Some(&*format!("/v1/webhooks/{id}"))
    );
    assert!(made.json["secret"].as_str().unwrap().starts_with("whsec_"));
    let payment = test_app.approved("A-1").await;
    let told = tokio::time::timeout(MAX_WAIT, hears.recv()).await.unwrap();
    let (headers, event) = told.unwrap();
    assert_eq!(headers["webhook-id"], "evt_1");
    assert_eq!(
        (
            &event["type"],
            &event["payment"]["id"],
            &event["payment"]["amount"]
        ),
        (&json!("payment.approved"), &json!(payment), &json!(1004))
    );
    // It is the same that can be read.
    let read = test_app.get("/v1/events").await.json;
    assert_eq!(read["events"][0], event);
    // How it ended is written down a moment after the other side was answered.
    let deliveries = format!("/v1/webhooks/{id}/deliveries");
    let ended = async {
        loop {
            let told = test_app.get(&deliveries).await.json["deliveries"][0].clone();
            if told["state"] == "delivered" {
                break told;
            }
        }
    };
    let told = tokio::time::timeout(MAX_WAIT, ended).await.unwrap();
    assert_eq!(
        (
            &told["event"],
            &told["attempts"],
            &told["answer"],
            &told["payment"]
        ),
        (&json!("evt_1"), &json!(1), &json!("200"), &json!(payment))
    );
    let again = test_app
        .ask("PUT", &format!("{deliveries}/evt_1"))
        .send()
        .await;
    assert_eq!(again.status, 202);
    let told = tokio::time::timeout(MAX_WAIT, hears.recv()).await.unwrap();
    assert_eq!(told.unwrap().1, event);
    let test = test_app
        .post(&format!("/v1/webhooks/{id}/test"), "t1", &json!({}))
        .send()
        .await;
    assert_eq!(test.json, json!({ "delivered": true, "answer": "200" }));
    assert_eq!(hears.recv().await.unwrap().1["type"], "webhook.test");
    let gone = test_app
        .ask("DELETE", &format!("/v1/webhooks/{id}"))
        .send()
        .await;
    assert_eq!(gone.status, 204);
    let path = format!("/v1/webhooks/{id}");
    test_app
        .get(&path)
        .await
        .is_problem(404, "webhook_not_found");
    postman.abort();
}

#[tokio::test]
async fn asked_twice_it_is_one() {
    let test_app = TestApp::new().await;
    let ask = json!({ "url": URL, "types": ["payment.approved"], "shops": ["main"] });
    let first = test_app.webhook("w1", &ask).await;
    let again = test_app.webhook("w1", &ask).await;
    assert_eq!((again.status, &again.json), (201, &first.json));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.header("idempotency-replayed"), None);
    let other = test_app.webhook("w1", &json!({ "url": URL })).await;
    other.is_problem(422, "idempotency_key_reused");
    let listed = test_app.get("/v1/webhooks").await.json;
    assert_eq!(listed["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(listed["webhooks"][0]["types"], json!(["payment.approved"]));
    // The secret is in no answer but those.
    let secret = first.json["secret"].as_str().unwrap();
    let path = format!("/v1/webhooks/{}", id(&first));
    let shown = test_app.get(&path).await;
    assert!(!shown.text.contains(secret) && !listed.to_string().contains(secret));
    assert_eq!(
        (&shown.json["waiting"], &shown.json["given_up"]),
        (&json!(0), &json!(0))
    );
    let renew = async |key| {
        let ask = test_app.post(&format!("{path}/secret"), key, &json!({}));
        ask.send().await
    };
    let (new, same) = (renew("s1").await, renew("s1").await);
    assert_ne!(new.json["secret"], first.json["secret"]);
    assert_eq!(new.json, same.json);
    assert_eq!(same.header("idempotency-replayed"), Some("true"));
    assert_ne!(renew("s2").await.json, new.json);
}

#[tokio::test]
async fn a_key_of_some_shops_sets_up_for_those() {
    let test_app = TestApp::new().await;
    let all = test_app.webhook("w1", &json!({ "url": URL })).await;
    let path = format!("/v1/webhooks/{}", id(&all));
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("GET", format!("{path}/deliveries")),
        ("PUT", format!("{path}/deliveries/evt_1")),
    ] {
        let answer = test_app.as_other(method, &path).send().await;
        answer.is_problem(404, "webhook_not_found");
    }
    for part in ["secret", "test"] {
        let ask = test_app.as_other("POST", &format!("{path}/{part}"));
        let answer = ask.header("idempotency-key", "k").send().await;
        answer.is_problem(404, "webhook_not_found");
    }
    let ask = |body: &Value| {
        let ask = test_app.as_other("POST", "/v1/webhooks");
        ask.header("idempotency-key", "k").json(body).send()
    };
    let body = json!({ "url": URL, "shops": ["main"] });
    ask(&body)
        .await
        .is_problem(403, "shop_forbidden")
        .of_field("shops");
    let made = ask(&json!({ "url": URL })).await;
    assert_eq!(made.json["shops"], json!(["other"]));
    let mine = test_app.as_other("GET", "/v1/webhooks").send().await;
    assert_eq!(mine.json["webhooks"].as_array().unwrap().len(), 1);
    let all = test_app.get("/v1/webhooks").await;
    assert_eq!(all.json["webhooks"].as_array().unwrap().len(), 2);
    let reader = test_app.ask("GET", "/v1/webhooks");
    let reader = reader.header("authorization", &format!("Bearer {KEY_READ}"));
    reader.send().await.is_problem(403, "scope_missing");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let test_app = TestApp::new().await;
    for (body, code, field) in [
        (json!({}), "bad_body", "url"),
        (json!({ "url": "shop" }), "invalid_value", "url"),
        (
            json!({ "url": "http://shop.example.com/" }),
            "invalid_value",
            "url",
        ),
        (
            json!({ "url": "https://a:b@example.com/" }),
            "invalid_value",
            "url",
        ),
        (
            json!({ "url": "https://example.com/4111111111111111" }),
            "card_number_in_text",
            "url",
        ),
        (
            json!({ "url": "https://example.com:99999/" }),
            "invalid_value",
            "url",
        ),
        (
            json!({ "url": "https://169.254.169.254/latest/" }),
            "invalid_value",
            "url",
        ),
        (json!({ "url": URL, "shops": [] }), "invalid_value", "shops"),
        (
            json!({ "url": URL, "types": ["paid"] }),
            "invalid_value",
            "types",
        ),
        (
            json!({ "url": URL, "shops": ["A B"] }),
            "invalid_value",
            "shops",
        ),
        (
            json!({ "url": URL, "shop": "main" }),
            "unknown_field",
            "shop",
        ),
    ] {
        let answer = test_app.webhook("w", &body).await;
        answer.is_problem(422, code).of_field(field);
    }
    let none = test_app
        .ask("POST", "/v1/webhooks")
        .json(&json!({ "url": URL }));
    none.send().await.is_problem(400, "idempotency_key_missing");
    let made = test_app
        .webhook("w", &json!({ "url": URL, "types": ["payment.void"] }))
        .await;
    let path = format!("/v1/webhooks/{}/deliveries", id(&made));
    for event in ["evt_1", "evt_", "1", "evt_99999999999999999999"] {
        let answer = test_app.ask("PUT", &format!("{path}/{event}")).send().await;
        answer.is_problem(404, "event_not_found");
    }
    for (query, field) in [
        ("undelivered=yes", "undelivered"),
        ("before=x", "before"),
        ("before=9007199254740992", "before"),
    ] {
        let answer = test_app.get(&format!("{path}?{query}")).await;
        answer.is_problem(400, "bad_parameter").of_field(field);
    }
    for path in ["/v1/webhooks/1", "/v1/webhooks/wh_1", "/v1/webhooks/%ff"] {
        test_app
            .get(path)
            .await
            .is_problem(404, "webhook_not_found");
    }
}
