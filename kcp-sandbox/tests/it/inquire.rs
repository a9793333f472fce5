//! Inquiries, by number and, where switched on, by date and order.

use kcp_sandbox::{InquirySignature, Sandbox, magic_card};
use serde_json::json;

use crate::client::{Shop, lint_names, sign};

#[tokio::test]
async fn an_inquiry_tells_how_much_is_left() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    let check = async |state: &str, left: &str, cancelled: &str| {
        let reply = shop.inquire(&tno).await;
        assert_eq!(reply["res_cd"], "0000", "{reply}");
        assert_eq!(reply["tno"], tno);
        assert_eq!(reply["order_no"], "A-1");
        assert_eq!(reply["amount"], "1004");
        assert_eq!(reply["rem_mny"], left);
        assert_eq!(reply["stat_ca_cd"], state);
        assert_eq!(reply["canc_card_yn"], cancelled);
        for field in ["app_time", "app_no", "card_name", "pay_method", "quota"] {
            assert!(reply[field].is_string(), "{field}");
        }
        assert_eq!(reply["canc_time"].is_string(), state != "STSR");
    };
    check("STSR", "1004", "N").await;
    shop.cancel_part(&tno, 4, 1004).await;
    check("STPC", "1000", "N").await;
    shop.cancel_part(&tno, 1000, 1000).await;
    check("STSC", "0", "Y").await;
}

#[tokio::test]
async fn refusals_have_their_codes() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    assert_eq!(shop.inquire("26328999999999").await["res_cd"], "8132");
    assert_eq!(shop.inquire("x").await["res_cd"], "8072");
    let ask = async |changes| shop.inquire_with(&tno, changes).await["res_cd"].clone();
    assert_eq!(ask(json!({ "pay_type": null })).await, "8511");
    assert_eq!(ask(json!({ "pay_type": "PABK" })).await, "8511");
    assert_eq!(ask(json!({ "kcp_sign_data": null })).await, "S034");
    assert_eq!(
        ask(json!({ "kcp_sign_data": sign(&format!("T0000^{tno}^STSC")) })).await,
        "S034"
    );
    let card = magic_card(96, "8393").unwrap();
    let other = shop.approve_with("B", json!({ "card_no": card })).await;
    assert_eq!(
        shop.inquire(other["tno"].as_str().unwrap()).await["res_cd"],
        "8393"
    );
}

#[tokio::test]
async fn what_has_to_be_signed_is_a_setting() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    let by_mod_type =
        json!({ "kcp_sign_data": sign(&format!("T0000^{tno}^STSQ")), "mod_type": "STSQ" });
    let ask = async |changes| shop.inquire_with(&tno, changes).await["res_cd"].clone();
    let set = |rule| sandbox.set(|s| s.inquiry_signature = rule);
    assert_eq!(ask(by_mod_type.clone()).await, "S034");
    set(InquirySignature::Either);
    assert_eq!(ask(by_mod_type.clone()).await, "0000");
    assert!(lint_names(&sandbox).contains(&"inquiry_signed_by_mod_type:kcp_sign_data".to_owned()));
    set(InquirySignature::ModType);
    assert_eq!(ask(by_mod_type).await, "0000");
    assert_eq!(ask(json!({})).await, "S034");
    set(InquirySignature::Optional);
    assert_eq!(ask(json!({ "kcp_sign_data": null })).await, "0000");
}

#[tokio::test]
async fn by_date_and_order_only_when_switched_on() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    sandbox.set_clock("2026-11-23T15:30:00Z".parse().unwrap());
    let first = shop.approved("A-1").await;
    let second = shop.approved("A-1").await;
    let ask = async |day: &str, field: &str, order: &str| {
        shop.inquire_with(&format!("{day}000000"), json!({ field: order }))
            .await
    };
    assert_eq!(ask("20261124", "ordr_idxx", "A-1").await["res_cd"], "8132");
    assert!(lint_names(&sandbox).contains(&"order_lookup_off".to_owned()));

    sandbox.set(|s| s.order_lookup = true);
    let found = ask("20261124", "ordr_idxx", "A-1").await;
    assert_eq!(found["tno"], second, "the last one, by the Korean day");
    assert_eq!(ask("20261124", "mod_ordr_idxx", "A-1").await["tno"], second);
    assert_eq!(ask("20261123", "ordr_idxx", "A-1").await["res_cd"], "8132");
    assert_eq!(ask("20261124", "ordr_idxx", "A-2").await["res_cd"], "8132");
    assert_eq!(
        shop.inquire(&first).await["tno"],
        first,
        "the ordinary way goes on working"
    );
}

#[tokio::test]
async fn the_builder_switches_it_on() {
    let sandbox = Sandbox::builder().order_lookup(true).start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    let day = &sandbox.books().transactions[0].approved_at[..10].replace('-', "");
    let reply = shop
        .inquire_with(&format!("{day}000000"), json!({ "ordr_idxx": "A-1" }))
        .await;
    assert_eq!(reply["tno"], tno);
    assert_eq!(reply["rem_mny"], "1004");
}
