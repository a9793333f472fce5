//! What is told to those who watch, and to whom.

use std::collections::BTreeMap;

use kcp_sandbox::{Fault, FaultKind, Operation};
use serde_json::json;

use crate::{
    http::{Answer, Request},
    test_app::{KEY_OTHER_SHOP, KEY_PAY, KEY_READ, TestApp, sale_with},
};

const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

/// The metrics as a key sees them; without one, as anybody does.
async fn seen(test_app: &TestApp, key: Option<&str>) -> Answer {
    let request = Request::new(test_app.address, "GET", "/metrics");
    match key {
        Some(key) => request.header("authorization", &format!("Bearer {key}")),
        None => request,
    }
    .send()
    .await
}

/// Name and kind of every metric that is served, and its labels as far as it has lines.
fn served(answer: &Answer) -> BTreeMap<String, (String, Option<String>)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut all = BTreeMap::new();
    for line in answer.text.lines() {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            let before = all.insert(name.to_owned(), (kind.to_owned(), None));
            assert_eq!(before, None, "{name} is there twice");
        } else if !line.starts_with('#') {
            let (name, rest) = line.split_once(['{', ' ']).unwrap();
            let labels: Vec<_> = rest
                .split("=\"")
                .map(|part| part.rsplit(['"', ',', '{']).next().unwrap())
                .collect();
            let labels = labels[..labels.len() - 1].join(", ");
            all.get_mut(name).unwrap().1 = Some(labels);
        }
    }
    all
}

/// The same from the document's tables.
fn documented() -> BTreeMap<String, (String, Option<String>)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, kind, labels, what, _] = cells[..] else {
            panic!("{row}");
        };
        assert!(what.len() > 10, "{row}");
        let plain = |text: &str| text.replace('`', "");
        (plain(name), (kind.to_owned(), Some(plain(labels))))
    })
    .collect()
}

#[tokio::test]
async fn every_metric_that_is_served_is_documented_and_the_other_way_round() {
    let test_app = TestApp::without_lookup().await;
    let id = test_app.approved("A-1").await;
    test_app
        .cancel(&id, "c", &json!({ "amount": 4, "reason": "x" }))
        .await;
    test_app.fault(FaultKind::LoseAnswer);
    test_app.pay("A-2").await;
    test_app.get("/v1/payments/pay_1").await;
    let url = json!({ "url": "https://shop.example.com/" });
    test_app.post("/v1/webhooks", "w", &url).send().await;
    let served = served(&seen(&test_app, Some(KEY_READ)).await);
    let documented = documented();
    for (name, (kind, labels)) in &served {
        let told = documented.get(name);
        let (told, told_labels) = told.unwrap_or_else(|| panic!("{name} is not documented"));
        assert_eq!(kind, told, "{name}");
        assert_eq!(labels, told_labels, "{name}: its labels");
    }
    for name in documented.keys() {
        assert!(served.contains_key(name), "{name} is not served");
    }
}

#[tokio::test]
async fn payments_and_money_are_told_by_shop() {
    let test_app = TestApp::without_lookup().await;
    let id = test_app.approved("A-1").await;
    for (key, amount) in [("c1", 300), ("c2", 200)] {
        let body = json!({ "amount": amount, "reason": "x" });
        assert_eq!(test_app.cancel(&id, key, &body).await.status, 201);
    }
    let number = kcp_sandbox::magic_card(99, "CC61").unwrap();
    let declined = sale_with("A-2", &[("card.number", json!(number))]);
    let answer = test_app.post("/v1/payments", "A-2", &declined).send().await;
    assert_eq!(answer.json["state"], "declined");
    test_app.fault(FaultKind::LoseAnswer);
    test_app.pay("A-3").await;
    // Asked again: nothing of it is new.
    test_app.pay("A-1").await;
    let metrics = seen(&test_app, Some(KEY_READ)).await.text;
    for line in [
        r#"sugi_shop_payments_total{shop="main",state="approving"} 3"#,
        r#"sugi_shop_payments_total{shop="main",state="approved"} 1"#,
        r#"sugi_shop_payments_total{shop="main",state="declined"} 1"#,
        r#"sugi_shop_payments_total{shop="main",state="in_doubt"} 1"#,
        r#"sugi_shop_payments_total{shop="main",state="partially_cancelled"} 1"#,
        r#"sugi_shop_amount_total{shop="main",moved="approved",currency="KRW"} 1004"#,
        r#"sugi_shop_amount_total{shop="main",moved="cancelled",currency="KRW"} 500"#,
        r#"sugi_shop_payments_open{shop="main",state="in_doubt"} 1"#,
        r#"sugi_shop_amount_open{shop="main",state="in_doubt",currency="KRW"} 1004"#,
    ] {
        assert!(
            metrics.lines().any(|told| told == line),
            "{line} in {metrics}"
        );
    }
}

#[tokio::test]
async fn a_cancel_that_has_not_ended_is_open() {
    let test_app = TestApp::new().await;
    let id = test_app.approved("A-1").await;
    for operation in [Operation::Cancel, Operation::Inquire] {
        let lost = Fault::new(FaultKind::LoseAnswer).on(operation);
        test_app.sandbox.fault(lost.times(1_000)).unwrap();
    }
    let body = json!({ "amount": 4, "reason": "x" });
    let answer = test_app.cancel(&id, "c", &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let metrics = seen(&test_app, Some(KEY_READ)).await.text;
    for line in [
        r#"sugi_payments_open{state="cancelling"} 1"#,
        r#"sugi_shop_payments_open{shop="main",state="cancelling"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    test_app.sandbox.clear_faults();
    test_app.settled(&id).await;
    let metrics = seen(&test_app, None).await.text;
    assert!(
        metrics.contains(r#"sugi_payments_open{state="cancelling"} 0"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn nobody_without_a_key_learns_of_shops_or_money() {
    let test_app = TestApp::new().await;
    test_app.approved("A-1").await;
    let open = seen(&test_app, None).await;
    assert!(open.text.contains("sugi_in_doubt 0"), "{}", open.text);
    assert!(!open.text.contains("shop"), "{}", open.text);
    let other = seen(&test_app, Some(KEY_OTHER_SHOP)).await;
    assert!(other.text.contains("sugi_shop_amount_total"));
    assert!(!other.text.contains("shop=\""), "{}", other.text);
    seen(&test_app, Some(KEY_PAY))
        .await
        .is_problem(403, "scope_missing");
    seen(&test_app, Some("sk_test_nobody"))
        .await
        .is_problem(401, "unauthenticated");
}

/// A caller without a key reads the ledger at most once a second, however often it asks.
#[tokio::test]
async fn without_a_key_what_is_open_is_read_once_a_second() {
    let (test_app, clock) = TestApp::manual().await;
    let open = async |key| {
        let metrics = seen(&test_app, key).await.text;
        let lines = metrics
            .lines()
            .filter(|line| line.starts_with("sugi_payments_open{"));
        let counts = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        counts.sum::<u64>()
    };
    assert_eq!(open(None).await, 0);
    test_app.fault(FaultKind::LoseAnswer);
    test_app.pay("A-1").await;
    assert_eq!(open(Some(KEY_READ)).await, 1);
    assert_eq!(open(None).await, 0, "the ledger was asked again");
    clock.advance(jiff::SignedDuration::from_secs(1));
    assert_eq!(open(None).await, 1);
}
