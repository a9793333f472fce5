//! Approval of both kinds, and every way to be refused.

use kcp_sandbox::{Sandbox, State, magic_card};
use serde_json::{Value, json};

use crate::client::{APPROVE, JSON, Shop, exchange, lint_names, post};

/// Fields of a successful answer that the guide names.
const GUIDE_FIELDS: [&str; 20] = [
    "res_cd",
    "res_msg",
    "res_en_msg",
    "tno",
    "amount",
    "card_cd",
    "card_name",
    "card_no",
    "app_no",
    "app_time",
    "noinf",
    "quota",
    "card_mny",
    "acqu_cd",
    "acqu_name",
    "partcanc_yn",
    "card_bin_type_01",
    "card_bin_type_02",
    "card_bin_bank_cd",
    "order_no",
];

#[tokio::test]
async fn both_kinds_are_approved_with_every_field_of_the_guide() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    for (order, fields) in [
        ("A-1", shop.payment("A-1")),
        ("A-2", shop.unauthenticated("A-2")),
    ] {
        let reply = shop.approve(fields).await;
        assert_eq!(reply["res_cd"], "0000", "{reply}");
        assert_eq!(reply["res_msg"], "정상처리");
        for field in GUIDE_FIELDS {
            assert!(reply[field].is_string(), "{field}: {reply}");
        }
        assert!(reply.as_object().unwrap().values().all(Value::is_string));
        assert_eq!(reply["amount"], "1004");
        assert_eq!(reply["card_no"], "4111110000001111");
        assert_eq!(reply["order_no"], order);
        assert_eq!(reply["tno"].as_str().unwrap().len(), 14);
        assert_eq!(reply["app_no"].as_str().unwrap().len(), 8);
        assert_eq!(reply["pg_txid"].as_str().unwrap().len(), 44);
        assert_eq!(reply["trace_no"].as_str().unwrap().len(), 16);
        assert_eq!(reply["res_tax_mny"], "913");
        assert_eq!(reply["res_vat_mny"], "91");
    }
    let books = sandbox.books();
    assert_eq!(books.transactions.len(), 2);
    assert_eq!(books.transactions[0].kind, "authenticated");
    assert_eq!(books.transactions[1].kind, "unauthenticated");
    assert_eq!(books.transactions[0].state, State::Approved);
    assert_eq!(books.charged(), 2008);
    assert_eq!(lint_names(&sandbox), Vec::<String>::new());
}

#[tokio::test]
async fn times_are_korean_and_follow_the_clock() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    sandbox.set_clock("2027-01-31T16:30:00Z".parse().unwrap());
    let reply = shop.approve(shop.payment("A-1")).await;
    assert!(
        reply["app_time"]
            .as_str()
            .unwrap()
            .starts_with("202702010130"),
        "{reply}"
    );
    assert!(
        reply["tno"].as_str().unwrap().starts_with("27032"),
        "{reply}"
    );
}

#[tokio::test]
async fn every_refusal_has_its_code() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let cases = [
        (json!({ "site_cd": null }), "8001"),
        (json!({ "site_cd": "T9999" }), "8001"),
        (json!({ "kcp_cert_info": null }), "5704"),
        (
            json!({ "kcp_cert_info": "-----BEGIN CERTIFICATE-----MIID-----END CERTIFICATE-----" }),
            "8002",
        ),
        (json!({ "pay_method": null }), "5704"),
        (json!({ "pay_method": "VCNT" }), "8024"),
        (json!({ "card_tx_type": null }), "8103"),
        (json!({ "card_tx_type": "11511000" }), "8104"),
        (json!({ "ordr_idxx": null }), "8015"),
        (json!({ "ordr_idxx": "x".repeat(41) }), "8501"),
        (json!({ "amount": null }), "8051"),
        (json!({ "amount": "1,004" }), "8051"),
        (json!({ "amount": "-1" }), "8051"),
        (json!({ "amount": "1004.0" }), "8051"),
        (json!({ "amount": "1234567890123" }), "8051"),
        (json!({ "amount": "0", "card_mny": "0" }), "8058"),
        (json!({ "card_mny": "x" }), "8105"),
        (json!({ "card_mny": "1003" }), "8059"),
        (json!({ "currency": "" }), "8052"),
        (json!({ "currency": "WON" }), "8052"),
        (json!({ "quota": "0" }), "8106"),
        (json!({ "quota": "01" }), "8106"),
        (json!({ "quota": "13" }), "8125"),
        (json!({ "cust_ip": "seoul" }), "8055"),
        (json!({ "card_no": null }), "8107"),
        (json!({ "card_no": "4111-1111-1111-1111" }), "8107"),
        (json!({ "card_no": "44445555666677777" }), "8107"),
        (json!({ "card_no": "4000056655665556" }), "8108"),
        (json!({ "card_expiry": null }), "8109"),
        (json!({ "card_expiry": "1230" }), "8109"),
        (json!({ "card_expiry": "2013" }), "8109"),
        (json!({ "card_expiry": "2012" }), "CC54"),
        (json!({ "card_taxno": null }), "8110"),
        (json!({ "card_taxno": "95101" }), "8110"),
        (json!({ "card_taxno": "000000" }), "CC66"),
        (json!({ "card_taxno": "0000000000" }), "CC67"),
        (json!({ "card_taxno": "1111111111" }), "CC68"),
        (json!({ "card_pwd": null }), "8111"),
        (json!({ "card_pwd": "0000" }), "8111"),
        (json!({ "card_pwd": "99" }), "CC63"),
        (json!({ "card_pwd": "98" }), "CC69"),
    ];
    for (changes, code) in &cases {
        let reply = shop.approve_with("A-1", changes.clone()).await;
        assert_eq!(reply["res_cd"], *code, "{changes}: {reply}");
        assert!(
            reply["res_msg"].is_string() && reply["tno"].is_null(),
            "{reply}"
        );
    }
    let books = sandbox.books();
    assert_eq!(books.transactions, []);
    assert_eq!(books.declined.len(), cases.len());
    assert_eq!(books.declined[0].res_cd, "8001");
}

#[tokio::test]
async fn a_card_that_expires_this_month_is_still_good() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    sandbox.set_clock("2029-12-31T14:59:00Z".parse().unwrap());
    let reply = shop
        .approve_with("A-1", json!({ "card_expiry": "2912" }))
        .await;
    assert_eq!(reply["res_cd"], "0000", "in Korea it is still December");
    sandbox.set_clock("2029-12-31T15:00:00Z".parse().unwrap());
    let reply = shop
        .approve_with("A-2", json!({ "card_expiry": "2912" }))
        .await;
    assert_eq!(reply["res_cd"], "CC54", "in Korea it is January");
}

#[tokio::test]
async fn every_code_can_be_had_by_card() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let cards = kcp_sandbox::cards();
    assert!(cards.len() > 150);
    for card in &cards {
        let reply = shop
            .approve_with("A-1", json!({ "card_no": card.card_no }))
            .await;
        assert_eq!(reply["res_cd"], card.res_cd, "{card:?}");
    }
    let charged = magic_card(98, "8996").unwrap();
    let reply = shop
        .approve_with("A-98", json!({ "card_no": charged }))
        .await;
    assert_eq!(reply["res_cd"], "8996");
    assert_eq!(
        sandbox.books_of("A-98").transactions.len(),
        1,
        "the card was charged all the same"
    );
}

#[tokio::test]
async fn issuer_and_flags_come_from_the_card() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let reply = shop
        .approve_with("A-1", json!({ "card_no": "9490051110000000" }))
        .await;
    assert_eq!(reply["card_cd"], "CCLO");
    assert_eq!(reply["acqu_cd"], "CCAM");
    assert_eq!(reply["card_bin_type_01"], "1");
    assert_eq!(reply["card_bin_type_02"], "1");
    assert_eq!(reply["partcanc_yn"], "N");
    let reply = shop
        .approve_with("A-2", json!({ "card_no": "378282246310005" }))
        .await;
    assert_eq!(reply["card_no"], "378282000000005");
}

#[tokio::test]
async fn switches_change_what_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    assert_eq!(shop.approve_with("A", json!({})).await["res_cd"], "0000");
    assert_eq!(
        shop.approve_with("A", json!({})).await["res_cd"],
        "0000",
        "duplicates are allowed"
    );
    assert_eq!(lint_names(&sandbox), ["duplicate_order:ordr_idxx"]);

    sandbox.set(|s| s.refuse_duplicate_orders = true);
    assert_eq!(shop.approve_with("A", json!({})).await["res_cd"], "8338");
    sandbox.set(|s| s.authenticated_contract = false);
    assert_eq!(shop.approve_with("B", json!({})).await["res_cd"], "CC37");
    sandbox.set(|s| s.unauthenticated_contract = false);
    assert_eq!(
        shop.approve(shop.unauthenticated("B")).await["res_cd"],
        "CC35"
    );
    sandbox.reset();

    let dollars = json!({ "currency": "840", "amount": "1055", "card_mny": "1055" });
    assert_eq!(
        shop.approve_with("D", dollars.clone()).await["res_cd"],
        "0000"
    );
    sandbox.set(|s| s.dollars = false);
    assert_eq!(shop.approve_with("D", dollars).await["res_cd"], "8176");

    let won = |n: u64| json!({ "amount": n.to_string(), "card_mny": n.to_string() });
    assert_eq!(shop.approve_with("E", won(999)).await["res_cd"], "0000");
    sandbox.set(|s| s.minimum_amount = true);
    assert_eq!(shop.approve_with("E", won(999)).await["res_cd"], "8135");
    sandbox.set(|s| s.test_amount_rule = true);
    assert_eq!(shop.approve_with("E", won(5_005)).await["res_cd"], "8129");
    assert_eq!(shop.approve_with("E", won(5_004)).await["res_cd"], "0000");
    sandbox.set(|s| s.mask = kcp_sandbox::Mask::Stars);
    assert_eq!(
        shop.approve_with("F", json!({})).await["card_no"],
        "411111******1111"
    );
}

#[tokio::test]
async fn an_expired_certificate_is_reported_and_refused_only_when_asked() {
    let expired = kcp_sandbox::Credentials::expired("T0000").unwrap();
    let sandbox = Sandbox::builder()
        .credentials(expired)
        .start()
        .await
        .unwrap();
    let shop = Shop::of(&sandbox);
    assert_eq!(shop.approve_with("A", json!({})).await["res_cd"], "0000");
    assert_eq!(lint_names(&sandbox), ["cert_expired:kcp_cert_info"]);
    sandbox.set(|s| s.check_certificate_dates = true);
    assert_eq!(shop.approve_with("B", json!({})).await["res_cd"], "S032");
}

#[tokio::test]
async fn what_is_no_request_gets_one_clear_error() {
    let sandbox = Sandbox::start().await.unwrap();
    let ask = async |request: &[u8]| exchange(sandbox.url(), request).await.unwrap().unwrap();
    let get = ask(b"GET /gw/hub/v1/payment HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n").await;
    assert_eq!(get.status, 405);
    assert_eq!(ask(&post("/std/inquiry", &[JSON], b"{}")).await.status, 404);
    assert_eq!(
        ask(&post(APPROVE, &[JSON], &vec![b' '; 65 * 1024]))
            .await
            .status,
        413
    );
    let broken = ask(&post(APPROVE, &[JSON], br#"{"good_name":"12" TV"}"#)).await;
    assert_eq!(
        (broken.status, &broken.json()["res_cd"]),
        (200, &json!("0902"))
    );
    let header = ask(&post(
        APPROVE,
        &[JSON, ("x-sandbox-fault", "nonsense")],
        b"{}",
    ))
    .await;
    assert_eq!(
        (header.status, &header.json()["error"]["field"]),
        (400, &json!("fault"))
    );
    assert_eq!(
        lint_names(&sandbox),
        [
            "body_too_large",
            "broken_json",
            "wrong_method",
            "wrong_path"
        ]
    );
}
