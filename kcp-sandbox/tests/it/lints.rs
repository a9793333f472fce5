//! Deviations: each is answered and reported, and refused in strict mode.

use kcp_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{APPROVE, JSON, Shop, exchange, lint_names, post};

#[tokio::test]
async fn every_deviation_is_answered_reported_and_refused_when_strict() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let pem = shop.credentials.cert_pem.clone();
    let plain = json!({ "card_tx_type": "11111000", "card_pwd": null });
    let cases = [
        (
            json!({ "amount": 1004, "card_mny": 1004 }),
            vec!["number_for_string:amount", "number_for_string:card_mny"],
            "8051",
        ),
        (
            json!({ "quota": "00", "buyr_mail": "null" }),
            vec!["text_null:buyr_mail"],
            "8509",
        ),
        (
            json!({ "kcp_cert_info": pem }),
            vec!["cert_newlines:kcp_cert_info"],
            "8002",
        ),
        (
            json!({ "kcp_cert_info": pem.replace('\n', "\r\n") }),
            vec!["cert_crlf:kcp_cert_info"],
            "8002",
        ),
        (
            json!({ "kcp_cert_info": pem.replace('\n', "\\n") }),
            vec!["cert_literal_backslash_n:kcp_cert_info"],
            "8002",
        ),
        (
            json!({ "kcp_cert_info": pem.replace(char::is_whitespace, "") }),
            vec!["cert_label_squeezed:kcp_cert_info"],
            "8002",
        ),
        (
            json!({ "kcp_cert_info": pem.replace('\n', " ") }),
            vec!["cert_spaces:kcp_cert_info"],
            "8002",
        ),
        (plain, vec!["proof_on_unauthenticated:card_taxno"], "8110"),
        (
            json!({ "amount": "01004", "card_mny": "1004" }),
            vec!["leading_zeros:amount"],
            "8051",
        ),
        (
            json!({ "ordr_idxx": "주문 1" }),
            vec!["order_number_form:ordr_idxx"],
            "8501",
        ),
        (
            json!({ "good_name": "a&b" }),
            vec!["forbidden_character:good_name"],
            "8502",
        ),
        (
            json!({ "good_name": "가".repeat(34) }),
            vec!["too_long:good_name"],
            "8502",
        ),
        (
            json!({ "buyr_mail": "nobody" }),
            vec!["bad_mail:buyr_mail"],
            "8509",
        ),
        (
            json!({ "buyr_tel2": "전화" }),
            vec!["bad_phone:buyr_tel2"],
            "8508",
        ),
        (
            json!({ "quota": "03" }),
            vec!["instalments_below_minimum:quota"],
            "8106",
        ),
        (json!({ "good_name": "tab\there" }), vec![], "0000"),
    ];
    for (changes, lints, strict) in cases {
        sandbox.reset();
        let reply = shop.approve_with("A-1", changes.clone()).await;
        assert_eq!(reply["res_cd"], "0000", "{changes}: {reply}");
        assert_eq!(lint_names(&sandbox), lints, "{changes}");
        sandbox.set(|s| s.strict = true);
        let reply = shop.approve_with("A-2", changes.clone()).await;
        assert_eq!(reply["res_cd"], strict, "{changes}: {reply}");
    }
}

#[tokio::test]
async fn what_only_informs_is_never_refused() {
    let sandbox = Sandbox::builder().strict(true).start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let changes = json!({ "good_name": null, "shop_colour": "blue" });
    assert_eq!(shop.approve_with("A-1", changes).await["res_cd"], "0000");
    assert_eq!(
        lint_names(&sandbox),
        ["missing_good_name:good_name", "unknown_field:shop_colour"]
    );
}

#[tokio::test]
async fn bodies_of_other_encodings_are_reported() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let text = Value::from(shop.payment("A-1")).to_string();
    let send = async |headers: &[(&str, &str)], body: &[u8]| {
        let answer = exchange(sandbox.url(), &post(APPROVE, headers, body))
            .await
            .unwrap()
            .unwrap();
        answer.json()["res_cd"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        send(&[JSON], &[b"\xef\xbb\xbf", text.as_bytes()].concat()).await,
        "0000"
    );
    assert_eq!(lint_names(&sandbox), ["byte_order_mark"]);
    sandbox.reset();
    // "홍길동" in EUC-KR.
    let (before, after) = text.split_once("홍길동").unwrap();
    let euc_kr = [
        before.as_bytes(),
        b"\xc8\xab\xb1\xe6\xb5\xbf",
        after.as_bytes(),
    ]
    .concat();
    assert_eq!(send(&[JSON], &euc_kr).await, "0000");
    assert_eq!(lint_names(&sandbox), ["not_utf8"]);
    sandbox.reset();
    assert_eq!(
        send(&[("Content-Type", "text/plain")], text.as_bytes()).await,
        "0000"
    );
    assert_eq!(lint_names(&sandbox), ["wrong_content_type"]);
    sandbox.reset();
    let nested = text.replacen("\"410\"", "{\"code\":\"410\"}", 1);
    assert_eq!(send(&[JSON], nested.as_bytes()).await, "0902");
    assert_eq!(lint_names(&sandbox), ["nested_value:currency"]);
    sandbox.reset();
    let null = text.replacen("\"cust_ip\":\"\"", "\"cust_ip\":null", 1);
    assert_eq!(send(&[JSON], null.as_bytes()).await, "0000");
    assert_eq!(lint_names(&sandbox), ["null_value:cust_ip"]);
}

#[tokio::test]
async fn expiry_turned_round_is_explained() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    assert_eq!(
        shop.approve_with("A-1", json!({ "card_expiry": "0730" }))
            .await["res_cd"],
        "8109"
    );
    assert_eq!(lint_names(&sandbox), ["expiry_order:card_expiry"]);
    sandbox.reset();
    assert_eq!(
        shop.approve_with("A-1", json!({ "card_expiry": "0712" }))
            .await["res_cd"],
        "CC54"
    );
    assert_eq!(lint_names(&sandbox), ["expiry_order:card_expiry"]);
}

#[tokio::test]
async fn equal_findings_are_counted() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    for n in 0..5 {
        shop.approve_with(&format!("A-{n}"), json!({ "amount": 1004 }))
            .await;
    }
    let lints = sandbox.lints();
    assert_eq!(lints.len(), 1);
    assert_eq!(
        (lints[0].count, lints[0].last_request.as_deref()),
        (5, Some("A-4"))
    );
}
