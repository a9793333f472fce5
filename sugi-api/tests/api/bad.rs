//! Bad input of every class: a clear problem, nothing sent, nothing remembered.

use std::time::Duration;

use serde_json::{Value, json};
use sugi_api::Limits;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    http::Answer,
    test_app::{Plan, TestApp, sale, sale_with, until},
};

#[tokio::test]
async fn values_that_break_a_rule_are_named() {
    let test_app = TestApp::new().await;
    for (field, value) in [
        ("shop", json!("Main Shop")),
        ("order_no", json!("")),
        ("order_no", json!("A 1")),
        ("order_no", json!("주문-1")),
        ("order_no", json!("A".repeat(41))),
        ("currency", json!("JPY")),
        ("amount", json!(0)),
        ("amount", json!(1_000_000_000_000_u64)),
        ("product", json!("")),
        ("product", json!("가".repeat(34))),
        ("product", json!("two\nlines")),
        ("buyer.name", json!("가".repeat(31))),
        ("buyer.email", json!("nobody")),
        ("buyer.phone", json!("전화")),
        ("card.number", json!("411111111111")),
        ("card.number", json!("4111-1111-1111-1111")),
        ("card.expiry", json!("12/30")),
        ("card.expiry", json!("2030-13")),
        ("card.expiry", json!("2020-01")),
        ("card.holder_proof.birth_or_business_no", json!("951310")),
        ("card.holder_proof.password_prefix", json!("0000")),
        ("installment_months", json!(1)),
        ("installment_months", json!(13)),
        ("installment_months", json!(256)),
    ] {
        let answer = test_app
            .post("/v1/payments", "k", &sale_with("A-1", &[(field, value)]))
            .send()
            .await;
        answer.is_problem(422, "invalid_value").of_field(field);
        assert!(
            answer.json["rule"]
                .as_str()
                .is_some_and(|rule| rule.starts_with("must")),
            "{answer:?}"
        );
    }
    assert_eq!(test_app.approvals("A-1"), 0);
    assert_eq!(
        test_app.pay("A-1").await.status,
        201,
        "nothing of it was remembered"
    );
}

#[tokio::test]
async fn wrong_types_and_missing_fields_are_named() {
    let test_app = TestApp::new().await;
    for (field, value) in [
        ("amount", json!("1004")),
        ("amount", json!(10.5)),
        ("amount", json!(-1)),
        ("amount", json!(true)),
        ("shop", json!(1)),
        ("currency", json!(410)),
        ("buyer", json!([])),
        ("buyer", json!("홍길동")),
        ("card", json!([])),
        ("card", json!("4111111111111111")),
        ("card.number", json!(4_111_111_111_111_111_u64)),
        ("card.holder_proof", json!(["951010", "00"])),
        ("installment_months", json!("0")),
    ] {
        let answer = test_app
            .post("/v1/payments", "k", &sale_with("A-1", &[(field, value)]))
            .send()
            .await;
        answer.is_problem(422, "bad_body").of_field(field);
    }
    for field in [
        "shop",
        "order_no",
        "amount",
        "card",
        "card.number",
        "card.expiry",
        "card.holder_proof.password_prefix",
    ] {
        let answer = test_app
            .post(
                "/v1/payments",
                "k",
                &sale_with("A-1", &[(field, Value::Null)]),
            )
            .send()
            .await;
        answer.is_problem(422, "bad_body").of_field(field);
    }
    for field in ["metadata", "buyer.age", "card.cvc", "card.holder_proof.pin"] {
        let answer = test_app
            .post(
                "/v1/payments",
                "k",
                &sale_with("A-1", &[(field, json!("4111111111111111"))]),
            )
            .send()
            .await;
        answer.is_problem(422, "unknown_field").of_field(field);
    }
    let id = test_app.approved("A-1").await;
    for (body, field) in [
        (json!({}), "reason"),
        (json!({ "reason": 1 }), "reason"),
        (json!({ "reason": "a", "amount": "1" }), "amount"),
    ] {
        test_app
            .cancel(&id, "c", &body)
            .await
            .is_problem(422, "bad_body")
            .of_field(field);
    }
    test_app
        .cancel(&id, "c", &json!({ "reason": "a", "amount": 0 }))
        .await
        .is_problem(422, "invalid_value")
        .of_field("amount");
}

#[tokio::test]
async fn texts_that_hold_a_card_number_are_refused() {
    let test_app = TestApp::new().await;
    let card = "4111 1111 1111 1111";
    for field in ["product", "buyer.name"] {
        let answer = test_app
            .post(
                "/v1/payments",
                "k",
                &sale_with("A-1", &[(field, json!(format!("card {card}")))]),
            )
            .send()
            .await;
        answer
            .is_problem(422, "card_number_in_text")
            .of_field(field);
    }
    for order in [
        "4111111111111111",
        "4111-1111-1111-1111",
        "4111/1111_1111.1111",
        "3782-822463-10005",
        "ORD-4242424242424242",
    ] {
        let answer = test_app
            .post("/v1/payments", "k", &sale_with(order, &[]))
            .send()
            .await;
        answer
            .is_problem(422, "card_number_in_text")
            .of_field("order_no");
        let said = &answer.json;
        let (detail, rule) = (said["detail"].as_str(), said["rule"].as_str());
        let said = format!("{} {}", detail.unwrap(), rule.unwrap());
        assert!(!said.contains(|c: char| c.is_ascii_digit()), "{said}");
        assert!(
            said.contains("take it out") && said.contains("must not hold"),
            "{said}"
        );
    }
    // The digits of the card that pays, however they stand there.
    for order in ["ORD4111111111111111", "4a111111111111111"] {
        let slip = sale_with(order, &[]);
        let answer = test_app.post("/v1/payments", "k", &slip).send().await;
        answer.is_problem(422, "invalid_value").of_field("order_no");
        assert!(!answer.json.to_string().contains("4111"), "{answer:?}");
        let answer = test_app
            .post("/v1/payments", order, &sale("A-1"))
            .send()
            .await;
        answer
            .is_problem(422, "invalid_value")
            .of_field("Idempotency-Key");
    }
    for written in [
        "４１１１１１１１１１１１１１１１",
        "4111  1111  1111  1111",
        "4111\u{a0}1111\u{a0}1111\u{a0}1111",
        "4111/1111/1111/1111",
        "4111_1111_1111_1111",
        "4111–1111–1111–1111",
        "4111, 1111, 1111, 1111",
        "٤١١١١١١١١١١١١١١١",
        "4111%201111%201111%201111",
        "no. 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    ] {
        let sale = sale_with("A-1", &[("product", json!(written))]);
        let answer = test_app.post("/v1/payments", "k", &sale).send().await;
        answer
            .is_problem(422, "card_number_in_text")
            .of_field("product");
    }
    for order in [
        "20261126-0001",
        "2611261430220009",
        "2611300000001234",
        "ORD4242424242424242",
        "0193b0a1-4111-4111-8111-7d8e9f0a1b2c",
    ] {
        let answer = test_app
            .post("/v1/payments", order, &sale(order))
            .send()
            .await;
        assert_eq!(answer.status, 201, "{order}");
    }
    let id = test_app.approved("20231019133645").await;
    test_app
        .cancel(&id, "c", &json!({ "reason": card }))
        .await
        .is_problem(422, "card_number_in_text")
        .of_field("reason");
    for field in ["evidence", "note"] {
        let mut body = json!({ "evidence": "a", "note": "b" });
        body[field] = json!(card);
        test_app
            .resolve(&id, "r", &body)
            .await
            .is_problem(422, "card_number_in_text")
            .of_field(field);
    }
    test_app
        .post("/v1/payments", "4111111111111111", &sale("A-1"))
        .send()
        .await
        .is_problem(400, "bad_header");
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let test_app = TestApp::new().await;
    let ask = |body: Vec<u8>| {
        test_app
            .ask("POST", "/v1/payments")
            .header("idempotency-key", "k")
            .header("content-type", "application/json")
            .body(body)
    };
    let deep = format!(
        "{{\"buyer\":{}1{}}}",
        "{\"name\":".repeat(5_000),
        "}".repeat(5_000)
    );
    let arrays = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for (body, status, code) in [
        (Vec::new(), 400, "bad_json"),
        (b"{".to_vec(), 400, "bad_json"),
        (b"{}x".to_vec(), 422, "bad_body"),
        (b"not json".to_vec(), 422, "bad_body"),
        (b"{\"shop\":\"\xff\"}".to_vec(), 400, "bad_json"),
        (b"\xef\xbb\xbf{}".to_vec(), 422, "bad_body"),
        (b"[]".to_vec(), 422, "bad_body"),
        (b"null".to_vec(), 422, "bad_body"),
        (deep.into_bytes(), 422, "bad_body"),
        (arrays.into_bytes(), 422, "bad_body"),
    ] {
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(40)
            .collect::<String>();
        let answer = ask(body).send().await;
        assert!(matches!(answer.status, 400 | 422), "{shown}: {answer:?}");
        if answer.status == status {
            answer.is_problem(status, code);
        } else {
            assert!(
                matches!(answer.json["code"].as_str(), Some("bad_json" | "bad_body")),
                "{shown}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn headers_are_checked() {
    let test_app = TestApp::new().await;
    let post = || test_app.post("/v1/payments", "k", &sale("A-1"));
    post()
        .header("idempotency-key", "")
        .send()
        .await
        .is_problem(400, "idempotency_key_missing");
    for key in ["a b", "한글", &"k".repeat(256)] {
        post()
            .header("idempotency-key", key)
            .send()
            .await
            .is_problem(400, "bad_header")
            .of_field("Idempotency-Key");
    }
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=euc-kr",
    ] {
        let refused = post().header("content-type", kind).send().await;
        assert_eq!(
            refused
                .is_problem(415, "unsupported_media_type")
                .header("accept-post"),
            Some("application/json")
        );
    }
    assert_eq!(test_app.approvals("A-1"), 0);
    assert_eq!(
        post()
            .header("content-type", "Application/JSON; charset=\"UTF-8\"")
            .send()
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn addresses_and_methods_are_checked() {
    let test_app = TestApp::new().await;
    test_app.get("/").await.is_problem(404, "not_found");
    test_app
        .get("/v1/nothing")
        .await
        .is_problem(404, "not_found");
    test_app
        .get("/v1/payments/")
        .await
        .is_problem(404, "not_found");
    for id in ["pay_1", "%ff", "..%2f..%2fetc", &"a".repeat(5_000)] {
        test_app
            .get(&format!("/v1/payments/{id}"))
            .await
            .is_problem(404, "payment_not_found");
    }
    for (method, path, allow) in [
        ("DELETE", "/v1/payments", "POST,GET,HEAD"),
        ("GET", "/v1/payments/x/cancellations", "POST"),
        ("BREW", "/v1/shops", "GET,HEAD"),
        ("POST", "/healthz", "GET,HEAD"),
    ] {
        let answer = test_app.ask(method, path).send().await;
        answer.is_problem(405, "method_not_allowed");
        let mut told: Vec<_> = answer.header("allow").unwrap().split(',').collect();
        let mut right: Vec<_> = allow.split(',').collect();
        told.sort_unstable();
        right.sort_unstable();
        assert_eq!(told, right, "{method} {path}");
    }
}

#[tokio::test]
async fn large_bodies_are_refused_before_they_are_read() {
    let test_app = TestApp::new().await;
    let large = sale_with("A-1", &[("product", json!("a".repeat(70_000)))]);
    test_app
        .post("/v1/payments", "k", &large)
        .send()
        .await
        .is_problem(413, "body_too_large");

    // A length that is only announced, and one that is not.
    let head = test_app.post("/v1/payments", "k", &json!({})).head();
    let told = send(
        &test_app,
        &head.replace("content-length: 2", "content-length: 99999999999"),
    )
    .await;
    told.is_problem(413, "body_too_large");
    let mut chunked = head.replace("content-length: 2", "transfer-encoding: chunked");
    chunked.push_str(&format!(
        "10000\r\n{}\r\n10000\r\n{}\r\n0\r\n\r\n",
        " ".repeat(65_536),
        " ".repeat(65_536)
    ));
    send(&test_app, &chunked)
        .await
        .is_problem(413, "body_too_large");
}

#[tokio::test]
async fn slow_callers_are_told_so() {
    let limits = Limits {
        body_read: Duration::from_millis(500),
        ..Limits::default()
    };
    let test_app = TestApp::with(Plan {
        limits,
        ..Plan::default()
    })
    .await;
    let head = test_app.post("/v1/payments", "k", &sale("A-1")).head();
    // The body never comes.
    let answer = send(&test_app, &head).await;
    answer.is_problem(408, "slow_body");
    assert_eq!(answer.header("connection"), Some("close"));
    // On a machine that stands still for that long, this one is slow as well.
    until("whoever is not slow is served", async || {
        test_app.pay("A-1").await.status == 201
    })
    .await;
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let test_app = TestApp::new().await;
    let many = "x-a: 1\r\n".repeat(200);
    let large = format!("x-large: {}\r\n", "a".repeat(100_000));
    for flood in [many, large] {
        let head = test_app.ask("GET", "/v1/shops").head();
        let head = format!("{}{flood}\r\n", head.strip_suffix("\r\n").unwrap());
        assert_eq!(send(&test_app, &head).await.status, 431);
    }
    assert_eq!(test_app.get("/v1/shops").await.status, 200);
}

async fn send(test_app: &TestApp, text: &str) -> Answer {
    let mut stream = TcpStream::connect(test_app.address).await.unwrap();
    let _ = stream.write_all(text.as_bytes()).await;
    Answer::read(&mut stream).await
}
