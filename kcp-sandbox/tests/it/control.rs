//! The control port as a conversation.

use kcp_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{Shop, control, exchange};

async fn get(sandbox: &Sandbox, path: &str) -> Value {
    let answer = control(sandbox, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

async fn post(sandbox: &Sandbox, path: &str, body: Value) -> Value {
    let answer = control(sandbox, "POST", path, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn the_books_are_told() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    shop.approved("A-2").await;
    shop.cancel_part(&tno, 4, 1004).await;
    shop.approve_with("A-3", json!({ "card_pwd": "99" })).await;

    let books = get(&sandbox, "/books").await;
    let first = &books["transactions"][0];
    assert_eq!(first["tno"], tno);
    assert_eq!(first["ordr_idxx"], "A-1");
    assert_eq!(first["amount"], 1004);
    assert_eq!(first["cancelled"], 4);
    assert_eq!(first["remaining"], 1000);
    assert_eq!(first["state"], "partially_cancelled");
    assert_eq!(first["cancels"][0]["amount"], 4);
    assert!(first["order_seen_at"].as_str().unwrap().ends_with("+09:00"));
    assert_eq!(books["transactions"][1]["state"], "approved");
    assert_eq!(books["declined"][0]["res_cd"], "CC63");
    assert_eq!(books["total"], 2);

    let one = get(&sandbox, "/books?ordr_idxx=A-2").await;
    assert_eq!(one["transactions"].as_array().unwrap().len(), 1);
    assert_eq!(one["declined"], json!([]));
    let page = get(&sandbox, "/books?limit=1").await;
    assert_eq!(
        (
            &page["next_offset"],
            page["transactions"].as_array().unwrap().len()
        ),
        (&json!(1), 1)
    );
    let page = get(&sandbox, "/books?offset=1").await;
    assert_eq!(page["transactions"][0]["ordr_idxx"], "A-2");
    assert_eq!(page["next_offset"], Value::Null);
    // In process it is the same.
    let typed = serde_json::to_value(sandbox.books()).unwrap();
    assert_eq!(typed["transactions"], books["transactions"]);
}

#[tokio::test]
async fn a_ledger_is_compared_in_one_call() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let right = shop.approved("A-1").await;
    let wrong = shop.approved("A-2").await;
    let unknown = shop.approved("A-3").await;
    let ledger = json!({ "transactions": [
        { "tno": right, "ordr_idxx": "A-1", "amount": 1004, "state": "approved" },
        { "tno": wrong, "ordr_idxx": "B-2", "amount": 1000, "cancelled": 1, "state": "cancelled" },
        { "tno": right, "amount": 1004 },
        { "tno": "11111111111111", "amount": 5 },
    ] });
    let found = post(&sandbox, "/compare", ledger).await;
    assert_eq!(found["agree"], false);
    let list = found["differences"].as_array().unwrap();
    let seen: Vec<_> = list
        .iter()
        .map(|d| (d["what"].as_str().unwrap(), d["tno"].as_str().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("ordr_idxx", wrong.as_str()),
            ("amount", &wrong),
            ("cancelled", &wrong),
            ("state", &wrong),
            ("twice_in_ledger", &right),
            ("not_in_books", "11111111111111"),
            ("not_in_ledger", &unknown),
        ]
    );
    let books = get(&sandbox, "/books").await;
    let copy: Vec<_> = books["transactions"].as_array().unwrap().iter().map(|t| {
        json!({ "tno": t["tno"], "ordr_idxx": t["ordr_idxx"], "amount": t["amount"], "cancelled": t["cancelled"], "state": t["state"] })
    }).collect();
    let found = post(&sandbox, "/compare", json!({ "transactions": copy })).await;
    assert_eq!(
        found,
        json!({ "agree": true, "compared": 3, "differences": [] })
    );
}

#[tokio::test]
async fn faults_are_armed_listed_and_disarmed() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let fault = json!({ "fault": "lose_answer", "on": "approve", "times": 2, "match": { "ordr_idxx": "A-1" } });
    post(&sandbox, "/faults", fault.clone()).await;
    let armed = get(&sandbox, "/faults").await;
    assert_eq!(armed["faults"][0]["fault"], "lose_answer");
    assert_eq!(armed["faults"][0]["times"], 2);
    assert_eq!(armed["faults"][0]["match"], json!({ "ordr_idxx": "A-1" }));
    assert_eq!(sandbox.faults()[0], fault.to_string().parse().unwrap());
    shop.approved("A-2").await;
    assert_eq!(control(&sandbox, "DELETE", "/faults", "").await.status, 200);
    assert_eq!(get(&sandbox, "/faults").await, json!({ "faults": [] }));
    shop.approved("A-1").await;

    for (body, field) in [
        (r#"{"fault":"loose_answer"}"#, "fault"),
        (r#"{"fault":"lose_answer","onn":"approve"}"#, "onn"),
        (r#"{"fault":"lose_answer","on":"refund"}"#, "on"),
        (r#"{"fault":"lose_answer","times":0}"#, "times"),
        ("nonsense", "body"),
        ("", "fault"),
    ] {
        let answer = control(&sandbox, "POST", "/faults", body).await;
        assert_eq!(answer.status, 400, "{body}");
        let error = &answer.json()["error"];
        assert_eq!(error["field"], field, "{body}");
        assert!(error["rule"].is_string() && error["remedy"].is_string());
    }
}

#[tokio::test]
async fn the_clock_and_the_settings_are_moved() {
    let sandbox = Sandbox::start().await.unwrap();
    post(
        &sandbox,
        "/clock",
        json!({ "set": "2027-03-01T09:00:00+09:00" }),
    )
    .await;
    let now = post(&sandbox, "/clock", json!({ "advance_s": 90 })).await;
    assert!(
        now["now"]
            .as_str()
            .unwrap()
            .starts_with("2027-03-01T09:01:3"),
        "{now}"
    );
    assert!(sandbox.now() > "2027-03-01T00:01:30Z".parse().unwrap());
    assert_eq!(
        post(&sandbox, "/clock", json!({ "reset": true })).await["offset_ms"],
        0
    );
    for body in [
        "{}",
        r#"{"advance_s":-1}"#,
        r#"{"set":"tomorrow"}"#,
        r#"{"advance_s":1,"set":"x"}"#,
    ] {
        assert_eq!(
            control(&sandbox, "POST", "/clock", body).await.status,
            400,
            "{body}"
        );
    }

    let settings = post(
        &sandbox,
        "/settings",
        json!({ "order_lookup": true, "mask": "stars" }),
    )
    .await;
    assert_eq!(settings["order_lookup"], true);
    assert!(sandbox.settings().order_lookup);
    assert_eq!(get(&sandbox, "/settings").await, settings);
    let answer = control(&sandbox, "POST", "/settings", r#"{"strct":true}"#).await;
    assert_eq!(answer.json()["error"]["field"], "strct");
    post(&sandbox, "/reset", json!({})).await;
    assert!(!sandbox.settings().order_lookup);
}

#[tokio::test]
async fn snapshots_are_taken_and_restored() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    post(
        &sandbox,
        "/faults",
        json!({ "fault": "garbage", "on": "inquire" }),
    )
    .await;
    assert_eq!(
        post(&sandbox, "/snapshot", json!({ "name": "one" })).await["snapshot"],
        "one"
    );
    let unnamed = post(&sandbox, "/snapshot", json!({})).await["snapshot"].clone();
    control(&sandbox, "DELETE", "/faults", "").await;
    let later = shop.approved("A-2").await;
    shop.cancel(&tno).await;

    post(&sandbox, "/restore", json!({ "snapshot": "one" })).await;
    let books = sandbox.books();
    assert_eq!(books.transactions.len(), 1);
    assert_eq!(books.transactions[0].cancelled, 0);
    assert_eq!(sandbox.faults().len(), 1);
    sandbox.clear_faults();
    assert_eq!(shop.inquire(&later).await["res_cd"], "8132");
    assert_eq!(
        shop.cancel(&tno).await["res_cd"],
        "0000",
        "the books live on from there"
    );
    assert_ne!(
        shop.approved("A-3").await,
        later,
        "a number never comes twice"
    );
    post(&sandbox, "/restore", json!({ "snapshot": unnamed })).await;
    assert_eq!(sandbox.books().charged(), 1004);

    let answer = control(&sandbox, "POST", "/restore", r#"{"snapshot":"two"}"#).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["field"]),
        (400, &json!("snapshot"))
    );
    assert_eq!(
        control(&sandbox, "POST", "/restore", "{}").await.status,
        400
    );
    for n in 0..14 {
        post(&sandbox, "/snapshot", json!({ "name": format!("n{n}") })).await;
    }
    assert_eq!(
        control(&sandbox, "POST", "/snapshot", "{}").await.status,
        400,
        "16 are kept"
    );
    // Typed, in process.
    let snapshot = sandbox.snapshot();
    sandbox.reset();
    assert_eq!(sandbox.books().transactions, []);
    sandbox.restore(&snapshot);
    assert_eq!(sandbox.transaction_count(), 1);
}

#[tokio::test]
async fn messages_lints_cards_and_fidelity_are_served() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    shop.approve_with("A-1", json!({ "amount": 1004 })).await;
    let messages = get(&sandbox, "/messages").await;
    assert_eq!(messages["messages"][0]["operation"], "approve");
    assert_eq!(
        messages["messages"][0]["request"]["card_no"],
        "411111******1111"
    );
    assert_eq!(messages["messages"][0]["reply"]["res_cd"], "0000");
    let lints = get(&sandbox, "/lints").await;
    assert_eq!(lints["lints"][0]["code"], "number_for_string");
    assert_eq!(lints["lints"][0]["last_request"], "A-1");
    assert_eq!(control(&sandbox, "DELETE", "/lints", "").await.status, 200);
    assert_eq!(get(&sandbox, "/lints").await["lints"], json!([]));
    assert!(
        get(&sandbox, "/cards").await["cards"]
            .as_array()
            .unwrap()
            .len()
            > 150
    );
    let fidelity = get(&sandbox, "/fidelity").await;
    let sources: std::collections::BTreeSet<_> = fidelity["behaviours"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["source"].as_str().unwrap())
        .collect();
    assert_eq!(
        sources,
        ["assumed", "from the guide", "seen in public clients"].into()
    );
    assert_eq!(get(&sandbox, "/healthz").await, json!({ "ok": true }));
}

#[tokio::test]
async fn the_page_stands_alone_and_escapes_what_shops_send() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    shop.approve_with("<b>A</b>", json!({ "good_name": "<script>x</script>" }))
        .await;
    let answer = control(&sandbox, "GET", "/", "").await;
    let page = answer.text();
    assert!(answer.head.contains("default-src 'none'"));
    for part in [
        "장부",
        "장애",
        "지적",
        "시험 카드",
        "true books",
        "&lt;b&gt;A&lt;/b&gt;",
        "forbidden_character",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for part in ["<script", "src=", "href=\"http", "@import", "url("] {
        assert!(!page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn what_the_port_does_not_know_is_refused_clearly() {
    let sandbox = Sandbox::start().await.unwrap();
    assert_eq!(control(&sandbox, "GET", "/boks", "").await.status, 404);
    assert_eq!(control(&sandbox, "POST", "/books", "").await.status, 405);
    assert_eq!(
        control(&sandbox, "GET", "/books?order=A", "").await.status,
        400
    );
    assert_eq!(
        control(&sandbox, "POST", "/faults", &" ".repeat(65 * 1024))
            .await
            .status,
        413
    );
    let request = b"POST /reset HTTP/1.1\r\nHost: c\r\nOrigin: http://evil.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let answer = exchange(sandbox.control_url(), request)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status, 403);
}
