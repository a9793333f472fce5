//! What looks the same is the same, however it was typed.

use serde_json::{Value, json};

use crate::test_app::{TestApp, sale, sale_with};

/// 홍길동 in its emails, as a Mac keeps it in a file's name.
const IN_LETTERS: &str = "\u{1112}\u{1169}\u{11bc}\u{1100}\u{1175}\u{11af}\u{1103}\u{1169}\u{11bc}";

fn encoded(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |all, byte| all + &format!("%{byte:02X}"))
}

async fn found(test_app: &TestApp, query: &str) -> Vec<String> {
    let page = test_app.get(&format!("/v1/payments?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {page:?}");
    let payments = page.json["payments"].as_array().unwrap();
    let orders = payments.iter().map(|one| one["order_no"].as_str().unwrap());
    orders.map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_name_is_found_and_repeated_in_every_spelling_of_it() {
    let test_app = TestApp::new().await;
    let typed = [
        ("buyer.name", json!(IN_LETTERS)),
        ("product", json!("책\u{200b} \u{202e}한 권\u{202c}")),
    ];
    let paid = test_app
        .post("/v1/payments", "k", &sale_with("A-1\u{feff}", &typed))
        .send()
        .await;
    assert_eq!(paid.status, 201, "{paid:?}");
    assert_eq!(paid.json["buyer"]["name"], "홍길동");
    assert_eq!(
        (&paid.json["order_no"], &paid.json["product"]),
        (&json!("A-1"), &json!("책 한 권"))
    );
    for name in ["홍길동", IN_LETTERS, "홍길동\u{200b}"] {
        let query = format!("buyer_name={}", encoded(name));
        assert_eq!(found(&test_app, &query).await, ["A-1"], "{name:?}");
    }
    // The same sale from another machine, with the same key.
    let composed = [("product", json!("책 한 권"))];
    let again = test_app
        .post("/v1/payments", "k", &sale_with("A-1", &composed))
        .send()
        .await;
    assert_eq!(again.status, 201, "{again:?}");
    assert_eq!(again.json["id"], paid.json["id"]);
    assert_eq!(test_app.approvals("A-1"), 1);
}

#[tokio::test]
async fn a_phone_is_kept_as_it_is_typed_and_found_by_its_digits() {
    let test_app = TestApp::new().await;
    for (order, phone) in [
        ("A-1", "02-000-3333"),
        ("A-2", "+82 10-1234-5678"),
        ("A-3", "1588-0000"),
        ("A-4", "0505) 000.0000"),
        ("A-5", "+82 (0)2 111-2222"),
    ] {
        let sale = sale_with(order, &[("buyer.phone", json!(phone))]);
        let paid = test_app.post("/v1/payments", order, &sale).send().await;
        assert_eq!(paid.status, 201, "{phone}: {paid:?}");
        assert_eq!(paid.json["buyer"]["phone"], phone);
    }
    for (typed, order) in [
        ("020003333", "A-1"),
        ("02 000 3333", "A-1"),
        ("+82-2-000-3333", "A-1"),
        ("01012345678", "A-2"),
        ("010-1234-5678", "A-2"),
        ("15880000", "A-3"),
        ("05050000000", "A-4"),
        ("02)111-2222", "A-5"),
    ] {
        let query = format!("buyer_phone={}", encoded(typed));
        assert_eq!(found(&test_app, &query).await, [order], "{typed}");
    }
}

#[tokio::test]
async fn what_hides_a_card_number_hides_nothing() {
    let test_app = TestApp::new().await;
    let hidden: String = "4111111111111111"
        .chars()
        .flat_map(|digit| {
            [
                digit, '\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}',
            ]
        })
        .collect();
    let sale = sale_with("A-1", &[("product", json!(hidden))]);
    let refused = test_app.post("/v1/payments", "k", &sale).send().await;
    refused
        .is_problem(422, "card_number_in_text")
        .of_field("product");
}

#[tokio::test]
async fn a_mark_before_the_body_and_a_compressed_one_are_named() {
    let test_app = TestApp::new().await;
    let body = serde_json::to_vec(&sale("A-1")).unwrap();
    let ask = || {
        test_app
            .ask("POST", "/v1/payments")
            .header("idempotency-key", "k")
            .header("content-type", "application/json")
    };
    let marked = [b"\xef\xbb\xbf".as_slice(), &body].concat();
    let marked = ask().body(marked).send().await;
    marked.is_problem(400, "bad_json");
    assert!(
        marked.json["detail"]
            .as_str()
            .unwrap()
            .contains("byte order mark"),
        "{marked:?}"
    );
    for how in ["gzip", "br", "GZIP", "identity, gzip"] {
        let packed = ask().header("content-encoding", how).body(body.clone());
        let packed = packed.send().await;
        packed
            .is_problem(415, "unsupported_media_type")
            .of_field("Content-Encoding");
        assert_eq!(packed.header("accept-encoding"), Some("identity"), "{how}");
    }
    assert_eq!(test_app.approvals("A-1"), 0);
    let plain = ask().header("content-encoding", "identity").body(body);
    let plain: Value = plain.send().await.json;
    assert_eq!(plain["state"], "approved");
}
