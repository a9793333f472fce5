//! Taking payments.

use std::sync::Arc;

use kcp_sandbox::FaultKind;
use serde_json::{Value, json};
use sugi_engine::Currencies;

use crate::test_app::{Plan, TestApp, sale, sale_with};

#[tokio::test]
async fn an_authenticated_payment_is_approved() {
    let test_app = TestApp::new().await;
    let answer = test_app.pay("A-1").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.id();
    assert_eq!(
        answer.header("location"),
        Some(&*format!("/v1/payments/{id}"))
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("idempotency-replayed").is_none());
    let payment = &answer.json;
    for (field, value) in [
        ("state", json!("approved")),
        ("order_no", json!("A-1")),
        ("shop", json!("main")),
        ("kind", json!("authenticated")),
        ("amount", json!(1004)),
        ("cancelled_amount", json!(0)),
        ("currency", json!("KRW")),
        ("product", json!("테스트 상품")),
        ("money_may_have_moved", json!(true)),
        ("by", json!("back end")),
        ("installment_months", json!(0)),
        (
            "card",
            json!({ "masked": "411111******1111", "last4": "1111" }),
        ),
        ("cancellations", json!([])),
        (
            "buyer",
            json!({ "name": "홍길동", "email": "test@kcp.co.kr", "phone": "01000000000" }),
        ),
    ] {
        assert_eq!(payment[field], value, "{field}");
    }
    assert_eq!(payment["tno"], test_app.tno("A-1"));
    assert!(
        payment["approval"]["app_no"].is_string()
            && payment["approval"]["issuer"]["name"].is_string(),
        "{payment}"
    );

    let got = test_app.get(&format!("/v1/payments/{id}")).await;
    assert_eq!(got.status, 200);
    let events: Vec<_> = got.json["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["event"].clone())
        .collect();
    assert_eq!(events, ["requested", "approve_sent", "approved"]);
    assert_eq!(got.json["tno"], payment["tno"]);
}

#[tokio::test]
async fn without_the_holders_proof_it_is_unauthenticated() {
    let test_app = TestApp::new().await;
    let body = sale_with(
        "A-1",
        &[
            ("card.holder_proof", Value::Null),
            ("currency", Value::Null),
            ("buyer", Value::Null),
            ("amount", json!(1004.0)),
            ("product", Value::Null),
        ],
    );
    let answer = test_app.post("/v1/payments", "k", &body).send().await;
    assert_eq!(
        (answer.status, &answer.json["kind"]),
        (201, &json!("unauthenticated")),
        "{answer:?}"
    );
    assert_eq!(answer.json["currency"], "KRW");
}

#[tokio::test]
async fn a_decline_is_decided_and_the_order_can_be_paid_again() {
    let test_app = TestApp::new().await;
    let number = kcp_sandbox::magic_card(99, "CC61").unwrap();
    let body = sale_with("A-1", &[("card.number", json!(number))]);
    let declined = test_app.post("/v1/payments", "k1", &body).send().await;
    assert_eq!(
        (declined.status, &declined.json["state"]),
        (201, &json!("declined")),
        "{declined:?}"
    );
    assert_eq!(declined.json["decline"]["res_cd"], "CC61");
    assert_eq!(declined.json["money_may_have_moved"], false);
    let again = test_app
        .post("/v1/payments", "k2", &sale("A-1"))
        .send()
        .await;
    assert_eq!(again.json["state"], "approved");
    let at_kcp =
        |answer: &crate::http::Answer| answer.json["kcp_order_no"].as_str().unwrap().to_owned();
    assert_ne!(
        at_kcp(&again),
        at_kcp(&declined),
        "each attempt has its own"
    );
    assert!(at_kcp(&declined).starts_with("A-1-") && at_kcp(&again).starts_with("A-1-"));
    // Both are found by the order, and each by what KCP calls it.
    for (query, found) in [
        ("order_no=A-1".to_owned(), vec![again.id(), declined.id()]),
        (
            format!("kcp_order_no={}", at_kcp(&declined)),
            vec![declined.id()],
        ),
        ("kcp_order_no=A-1".to_owned(), Vec::new()),
    ] {
        let list = test_app.get(&format!("/v1/payments?{query}")).await;
        let ids = list.json["payments"].as_array().unwrap().iter();
        let ids: Vec<_> = ids
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids, found, "{query}");
    }
    test_app
        .post("/v1/payments", "k3", &sale("A-1"))
        .send()
        .await
        .is_problem(409, "order_live")
        .of_field("order_no");
}

#[tokio::test]
async fn the_same_key_never_pays_twice() {
    let test_app = TestApp::new().await;
    let first = test_app.pay("A-1").await;
    let again = test_app.pay("A-1").await;
    assert_eq!((again.status, again.id()), (201, first.id()));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    test_app
        .cancel(&first.id(), "c", &json!({ "reason": "고객 변심" }))
        .await;
    assert_eq!(
        test_app.pay("A-1").await.json["state"],
        "cancelled",
        "the payment as it is now"
    );
    let other = sale_with("A-1", &[("amount", json!(1005))]);
    test_app
        .post("/v1/payments", "A-1", &other)
        .send()
        .await
        .is_problem(422, "idempotency_key_reused");
    assert_eq!(test_app.approvals("A-1"), 1);
}

#[tokio::test]
async fn a_hundred_equal_requests_at_once_make_one_approval() {
    let test_app = Arc::new(TestApp::new().await);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let test_app = Arc::clone(&test_app);
            tokio::spawn(async move { test_app.pay("A-1").await })
        })
        .collect();
    let (mut made, mut running) = (0, 0);
    for task in tasks {
        let answer = task.await.unwrap();
        if answer.status == 201 {
            made += usize::from(answer.header("idempotency-replayed").is_none());
        } else {
            answer.is_problem(409, "still_running");
            assert_eq!(answer.header("retry-after"), Some("1"));
            running += 1;
        }
    }
    assert_eq!(
        (made, test_app.approvals("A-1")),
        (1, 1),
        "{running} were told to wait"
    );
}

#[tokio::test]
async fn a_lost_answer_is_in_doubt_and_settles_by_itself() {
    let test_app = TestApp::new().await;
    test_app.fault(FaultKind::LoseAnswer);
    let answer = test_app.pay("A-1").await;
    assert_eq!(
        (answer.status, &answer.json["state"]),
        (202, &json!("in_doubt")),
        "{answer:?}"
    );
    assert!(
        answer.json["next"]
            .as_str()
            .unwrap()
            .starts_with("Do not charge again.")
    );
    assert_eq!(answer.json["money_may_have_moved"], true);
    let at = answer.header("location").unwrap().to_owned();
    test_app.settled(&answer.id()).await;
    assert_eq!(test_app.get(&at).await.json["state"], "reversed");
    assert_eq!(test_app.left("A-1"), 0);
}

#[tokio::test]
async fn a_caller_who_waits_keeps_the_sale() {
    let test_app = TestApp::new().await;
    test_app.fault(FaultKind::LoseAnswer);
    let answer = test_app
        .post("/v1/payments", "k", &sale("A-1"))
        .header("prefer", "wait=20")
        .send()
        .await;
    assert_eq!(
        (answer.status, &answer.json["state"]),
        (201, &json!("approved")),
        "{answer:?}"
    );
    assert_eq!(answer.header("preference-applied"), Some("wait=20"));
    assert_eq!(test_app.left("A-1"), 1004);
}

#[tokio::test]
async fn a_caller_who_does_not_want_to_wait_gets_the_address() {
    let test_app = TestApp::new().await;
    let answer = test_app
        .post("/v1/payments", "k", &sale("A-1"))
        .header("prefer", "wait=0")
        .send()
        .await;
    assert_eq!(answer.header("preference-applied"), Some("wait=0"));
    assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    assert_eq!(
        test_app.settled(&answer.id()).await.json["state"],
        "approved"
    );
}

#[tokio::test]
async fn what_never_left_is_a_problem_that_says_so() {
    // No one listens there: the port was free a moment ago.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let test_app = TestApp::with(Plan {
        kcp: Some(format!("http://{nobody}")),
        ..Plan::default()
    })
    .await;
    let answer = test_app.pay("A-1").await;
    answer.is_problem(502, "not_sent");
    assert_eq!(answer.json["money_may_have_moved"], false);
    let id = answer.json["payment"].as_str().unwrap();
    assert_eq!(
        test_app.get(&format!("/v1/payments/{id}")).await.json["state"],
        "void"
    );
    let again = test_app.pay("A-1").await;
    assert_eq!(
        again
            .is_problem(502, "not_sent")
            .header("idempotency-replayed"),
        Some("true")
    );
    test_app
        .post("/v1/payments", "new", &sale("A-1"))
        .send()
        .await
        .is_problem(502, "not_sent");
}

#[tokio::test]
async fn what_the_contract_lacks_is_refused_before_anything_is_sent() {
    let test_app = TestApp::new().await;
    let refused = async |changes: &[(&str, Value)]| {
        test_app
            .post("/v1/payments", "k", &sale_with("A-1", changes))
            .send()
            .await
    };
    refused(&[("tax", json!({ "supply": 900, "vat": 90, "tax_free": 14 }))])
        .await
        .is_problem(422, "not_in_contract");
    let answer = refused(&[("currency", json!("USD"))]).await;
    answer
        .is_problem(422, "not_in_contract")
        .of_field("currency");
    assert_eq!(answer.json["rule"], "must be KRW");
    assert_eq!(answer.json["money_may_have_moved"], false);
    assert_eq!(answer.json["next"], "See the contract in GET /v1/shops.");
    refused(&[("shop", json!("nobody"))])
        .await
        .is_problem(422, "unknown_shop")
        .of_field("shop");
    refused(&[("installment_months", json!(3))])
        .await
        .is_problem(422, "invalid_value")
        .of_field("installment_months");
    assert_eq!(test_app.approvals("A-1"), 0);
    assert_eq!(
        test_app.pay("A-1").await.status,
        201,
        "none of them used the order up"
    );
}

#[tokio::test]
async fn dollars_are_cents_where_the_contract_takes_them() {
    let test_app = TestApp::with(Plan {
        currencies: Currencies::both(),
        tax_split: true,
        ..Plan::default()
    })
    .await;
    let contract = &test_app.get("/v1/shops").await.json["shops"][0]["contract"];
    assert_eq!(contract["currencies"], json!(["KRW", "USD"]));
    let body = sale_with(
        "A-1",
        &[
            ("amount", json!(1_234)),
            ("currency", json!("USD")),
            (
                "tax",
                json!({ "supply": 1000, "vat": 100, "tax_free": 134 }),
            ),
        ],
    );
    let paid = test_app.post("/v1/payments", "k", &body).send().await;
    assert_eq!(
        (paid.status, &paid.json["amount"], &paid.json["currency"]),
        (201, &json!(1_234), &json!("USD")),
        "{paid:?}"
    );
    let booked = test_app.sandbox.books_beginning("A-1-").transactions;
    assert_eq!((booked[0].amount, &*booked[0].currency), (1_234, "840"));

    let at = format!("/v1/payments/{}", paid.id());
    let part = json!({
        "amount": 134, "reason": "x", "tax": { "supply": 0, "vat": 0, "tax_free": 134 },
    });
    let cancels = format!("{at}/cancellations");
    assert_eq!(test_app.post(&cancels, "c", &part).send().await.status, 201);
    let told = test_app.get(&at).await.json["history"].to_string();
    let said = "cancel 1.34 USD (0.00 supply, 0.00 VAT, 1.34 tax-free)";
    assert!(told.contains(said), "{told}");
}
