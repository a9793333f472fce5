//! What became of payments, read in order.

use serde_json::{Value, json};

use crate::test_app::{KEY_OTHER_SHOP, KEY_PAY, MAX_WAIT, TestApp, sale_with};

/// Numbers what happened so far, as the service does from time to time.
async fn publish(test_app: &TestApp) {
    let store = test_app.engine.store();
    let now = "2026-11-26T00:00:00Z".parse().unwrap();
    let events = store.unnumbered().await.unwrap();
    assert!(store.number(now, &events, |_| Vec::new()).await.unwrap());
}

fn told(page: &Value) -> Vec<(u64, &str, &str)> {
    let events = page["events"].as_array().unwrap().iter();
    events
        .map(|event| {
            let number = event["number"].as_u64().unwrap();
            assert_eq!(event["id"], format!("evt_{number}"));
            (
                number,
                event["type"].as_str().unwrap(),
                event["payment"]["order_no"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn whoever_reads_on_misses_nothing() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    let part = json!({ "amount": 4, "reason": "bruised" });
    assert_eq!(test_app.cancel(&id, "c1", &part).await.status, 201);
    let declined = [(
        "card.number",
        json!(kcp_sandbox::magic_card(99, "CC61").unwrap()),
    )];
    let declined = sale_with("A-2", &declined);
    test_app.post("/v1/payments", "k2", &declined).send().await;
    publish(&test_app).await;
    let first = test_app.get("/v1/events?limit=2").await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(
        told(&first.json),
        [
            (1, "payment.approved", "A-1"),
            (2, "payment.partially_cancelled", "A-1")
        ]
    );
    // Each as it was then.
    let of = |n: usize, field: &str| first.json["events"][n]["payment"][field].clone();
    assert_eq!(
        (of(0, "state"), of(0, "cancelled_amount")),
        (json!("approved"), json!(0))
    );
    assert_eq!(of(1, "cancelled_amount"), json!(4));
    assert_eq!(
        (&first.json["next"], &first.json["more"]),
        (&json!(2), &json!(true))
    );
    let rest = test_app.get("/v1/events?after=2").await.json;
    assert_eq!(told(&rest), [(3, "payment.declined", "A-2")]);
    assert_eq!((&rest["next"], &rest["more"]), (&json!(3), &json!(false)));
    let end = test_app.get("/v1/events?after=3").await.json;
    assert_eq!((told(&end).len(), &end["next"]), (0, &json!(3)));
    let some = test_app
        .get("/v1/events?type=payment.declined&type=payment.void")
        .await;
    assert_eq!(told(&some.json), [(3, "payment.declined", "A-2")]);
}

#[tokio::test]
async fn nobody_hears_of_the_shops_of_others() {
    let test_app = TestApp::new().await;
    test_app.approved("A-1").await;
    publish(&test_app).await;
    let ask = async |key: &str| {
        let ask = test_app.ask("GET", "/v1/events");
        ask.header("authorization", &format!("Bearer {key}"))
            .send()
            .await
    };
    let others = ask(KEY_OTHER_SHOP).await;
    assert_eq!(
        (
            others.status,
            told(&others.json).len(),
            &others.json["next"]
        ),
        (200, 0, &json!(1))
    );
    ask(KEY_PAY).await.is_problem(403, "scope_missing");
}

#[tokio::test]
async fn whoever_waits_is_answered_when_something_happens() {
    let test_app = TestApp::new().await;
    let wait = test_app
        .ask("GET", "/v1/events")
        .header("prefer", "wait=30")
        .send();
    let sell = async {
        test_app.approved("A-1").await;
        publish(&test_app).await;
    };
    let both = async { tokio::join!(wait, sell) };
    // Sooner than the wait would end by itself.
    let (answer, ()) = tokio::time::timeout(MAX_WAIT / 3, both).await.unwrap();
    assert_eq!(told(&answer.json), [(1, "payment.approved", "A-1")]);
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
}

#[tokio::test]
async fn its_parameters_are_checked() {
    let test_app = TestApp::new().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=-1", "after"),
        ("after=+1", "after"),
        ("after=9007199254740992", "after"),
        ("after=18446744073709551616", "after"),
        ("after=1&after=2", "after"),
        ("type=payment.paid", "type"),
        ("shop=main", "shop"),
    ] {
        test_app
            .get(&format!("/v1/events?{query}"))
            .await
            .is_problem(400, "bad_parameter")
            .of_field(field);
    }
}
