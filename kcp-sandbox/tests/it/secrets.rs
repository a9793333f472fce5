//! Card data goes nowhere.

use std::time::Duration;

use kcp_sandbox::{Fault, FaultKind, Sandbox};
use serde_json::json;

use crate::client::{APPROVE, JSON, Shop, control, exchange, post};

/// Digits that appear nowhere else, so that finding them anywhere means a leak.
const CARD: &str = "9490011010000738";
const EXPIRY: &str = "3907";
const TAXNO: &str = "870614";
const BUSINESS: &str = "7736251849";
/// A number that may be a real card's.
const REAL: &str = "4539148803436467";

/// Everything that the sandbox tells anyone, on either port or in process.
async fn everything(sandbox: &Sandbox, answers: &[String]) -> String {
    let mut all = answers.join("\n");
    for path in [
        "/",
        "/books",
        "/faults",
        "/messages",
        "/lints",
        "/settings",
        "/clock",
    ] {
        all.push_str(&control(sandbox, "GET", path, "").await.text());
    }
    all.push_str(&format!(
        "{:?}{:?}{:?}",
        sandbox,
        sandbox.books(),
        sandbox.messages()
    ));
    all.push_str(&format!("{:?}{:?}", sandbox.lints(), sandbox.snapshot()));
    all
}

#[tokio::test]
async fn no_answer_of_either_port_repeats_card_data() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let base =
        json!({ "card_no": CARD, "card_expiry": EXPIRY, "card_taxno": TAXNO, "card_pwd": "73" });
    let mut answers = Vec::new();
    let mut send = async |order: &str, changes: serde_json::Value| {
        let mut fields = shop.payment(order);
        crate::client::change(&mut fields, &base);
        crate::client::change(&mut fields, &changes);
        let body = serde_json::Value::from(fields).to_string();
        if let Ok(Some(answer)) =
            exchange(sandbox.url(), &post(APPROVE, &[JSON], body.as_bytes())).await
        {
            answers.push(answer.text());
        }
    };
    send("A-1", json!({})).await;
    send("A-2", json!({ "card_taxno": BUSINESS })).await;
    // Refusals of every part of the card.
    send("A-3", json!({ "card_expiry": "39071" })).await;
    send("A-4", json!({ "card_taxno": "87061" })).await;
    send("A-5", json!({ "card_pwd": "737" })).await;
    send("A-6", json!({ "card_no": REAL })).await;
    send("A-7", json!({ "card_no": "9490 0110 1000 0738" })).await;
    // The number in places where it does not belong.
    send(CARD, json!({})).await;
    send(
        "A-8",
        json!({ "good_name": CARD, "buyr_name": "9490-0110-1000-0738" }),
    )
    .await;
    send(
        "A-9",
        json!({ "card_no": null, "cardno": CARD, "card_number": CARD }),
    )
    .await;
    send("A-10", json!({ CARD: "x" })).await;
    send("A-11", json!({ "buyr_tel2": REAL })).await;
    // Answers that are disturbed, and a body that is no JSON.
    for kind in [
        FaultKind::Garbage,
        FaultKind::LoseAnswer,
        FaultKind::ProcessTwice,
    ] {
        sandbox.fault(Fault::new(kind)).unwrap();
        send("A-12", json!({})).await;
    }
    let glued = format!(
        "{{\"card_no\":\"{CARD}\",\"good_name\":\"12\" {CARD}\",\"card_expiry\":\"{EXPIRY}\"}}"
    );
    let answer = exchange(sandbox.url(), &post(APPROVE, &[JSON], glued.as_bytes()))
        .await
        .unwrap();
    answers.push(answer.unwrap().text());
    sandbox.set(|s| s.strict = true);
    answers.push(
        shop.approve_with("A-13", json!({ "card_no": CARD, "card_pwd": 73 }))
            .await
            .to_string(),
    );

    let all = everything(&sandbox, &answers).await;
    assert!(
        all.contains("949001******0738") && all.contains("9490010000000738"),
        "the mask is there"
    );
    for secret in [
        CARD,
        "9490-0110",
        BUSINESS,
        REAL,
        "453914000000",
        "453914******",
    ] {
        assert!(!all.contains(secret), "{secret} leaked");
    }
    // Short secrets may stand inside longer numbers by chance, so they are looked for as words.
    for word in all.split(|c: char| !c.is_ascii_alphanumeric()) {
        assert!(
            ![EXPIRY, "39071", TAXNO, "87061", "73", "737"].contains(&word),
            "{word} leaked"
        );
    }
    // The last digits alone are allowed, once masked; any longer run of the card's digits is not.
    // (The page lists the documented test cards, which begin alike.)
    let all = kcp_sandbox::cards()
        .iter()
        .fold(all, |all, card| all.replace(&card.card_no, ""));
    for run in CARD.as_bytes().windows(10) {
        let run = std::str::from_utf8(run).unwrap();
        assert!(!all.contains(run), "{run} leaked");
    }
}

#[tokio::test]
async fn a_real_looking_card_is_refused_and_not_even_masked() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let reply = shop.approve_with("A-1", json!({ "card_no": REAL })).await;
    assert_eq!(reply["res_cd"], "8108");
    assert!(
        reply["res_msg"]
            .as_str()
            .unwrap()
            .contains("only test cards"),
        "{reply}"
    );
    assert_eq!(sandbox.lints()[0].code, "not_a_test_card");
    let message = &sandbox.messages()[0];
    assert_eq!(message.request["card_no"], "(not kept: no test card)");
    assert_eq!(sandbox.books().transactions, []);
    sandbox.advance(Duration::ZERO);
}
