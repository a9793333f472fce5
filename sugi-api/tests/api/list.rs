//! Finding payments.

use serde_json::{Value, json};

use crate::test_app::{TestApp, sale_with};

fn orders(page: &Value) -> Vec<&str> {
    page["payments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["order_no"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn page_by_page_the_newest_first() {
    let test_app = TestApp::new().await;
    for n in 1..=5 {
        test_app.approved(&format!("A-{n}")).await;
    }
    let first = test_app.get("/v1/payments?limit=2").await;
    assert_eq!(
        (first.status, orders(&first.json)),
        (200, vec!["A-5", "A-4"])
    );
    let next = first.json["next"].as_str().unwrap();
    let second = test_app
        .get(&format!("/v1/payments?limit=2&before={next}"))
        .await;
    assert_eq!(orders(&second.json), ["A-3", "A-2"]);
    let next = second.json["next"].as_str().unwrap();
    let last = test_app
        .get(&format!("/v1/payments?limit=2&before={next}"))
        .await;
    assert_eq!(
        (orders(&last.json), &last.json["next"]),
        (vec!["A-1"], &Value::Null)
    );
}

#[tokio::test]
async fn by_everything_that_people_remember() {
    let test_app = TestApp::new().await;
    let paid = test_app.pay("A-1").await;
    let changes = [
        ("buyer.name", json!("김철수")),
        ("buyer.phone", json!("01099998888")),
        (
            "card.number",
            json!(kcp_sandbox::magic_card(99, "CC61").unwrap()),
        ),
    ];
    test_app
        .post("/v1/payments", "k2", &sale_with("B-2", &changes))
        .send()
        .await;
    let (tno, app_no) = (
        paid.json["tno"].as_str().unwrap(),
        paid.json["approval"]["app_no"].as_str().unwrap(),
    );
    let found = async |query: &str| {
        let page = test_app.get(&format!("/v1/payments?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {page:?}");
        orders(&page.json)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    for query in [
        "order_no=A-1",
        "buyer_name=%ED%99%8D%EA%B8%B8%EB%8F%99",
        "buyer_phone=01000000000",
        "last4=1111",
        "state=approved",
        "state=approved&state=in_doubt&shop=main",
        &format!("tno={tno}"),
        &format!("app_no={app_no}"),
        "from=2020-01-01&order_no=A-1",
        "until=2099-01-01T00:00:00Z&order_no=A-1",
    ] {
        assert_eq!(found(query).await, ["A-1"], "{query}");
    }
    assert_eq!(found("state=declined").await, ["B-2"]);
    assert_eq!(
        found("from=2020-01-01&until=2099-01-01").await,
        ["B-2", "A-1"]
    );
    for query in [
        "order_no=A",
        "until=2020-01-01",
        "from=2099-01-01&until=2020-01-01",
        "shop=other",
        "tno=20990101000001",
    ] {
        assert_eq!(found(query).await, [""; 0], "{query}");
    }
}

#[tokio::test]
async fn parameters_are_checked() {
    let test_app = TestApp::new().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("last4=11", "last4"),
        ("tno=1", "tno"),
        ("state=paid", "state"),
        ("shop=A%20B", "shop"),
        ("from=yesterday", "from"),
        ("until=2026-13-01", "until"),
        ("before=pay_1", "before"),
        ("order=A-1", "order"),
        ("buyer_name=%ff", "buyer_name"),
        ("buyer_name=%00", "buyer_name"),
    ] {
        test_app
            .get(&format!("/v1/payments?{query}"))
            .await
            .is_problem(400, "bad_parameter")
            .of_field(field);
    }
}
