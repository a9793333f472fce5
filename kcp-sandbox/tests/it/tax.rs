//! Mixed-tax payments: divided when they are charged, and part by part when they are cancelled.

use kcp_sandbox::{Sandbox, TaxParts, Transaction};
use serde_json::{Value, json};

use crate::client::{Shop, lint_names};

/// A mixed-tax payment of 1,004 won: 800 supply, 80 VAT, 124 tax-free.
async fn mixed(shop: &Shop<'_>, order: &str) -> String {
    let parts = json!({ "tax_flag": "TG03", "comm_tax_mny": "800", "comm_vat_mny": "80", "comm_free_mny": "124" });
    let reply = shop.approve_with(order, parts).await;
    assert_eq!(reply["res_cd"], "0000", "{reply}");
    reply["tno"].as_str().unwrap().to_owned()
}

/// A partial cancel that divides its amount so.
fn part(amount: u64, left: u64, [tax, vat, free]: [u64; 3]) -> Value {
    json!({
        "mod_mny": amount.to_string(), "rem_mny": left.to_string(), "tax_flag": "TG03",
        "mod_tax_mny": tax.to_string(), "mod_vat_mny": vat.to_string(), "mod_free_mny": free.to_string(),
    })
}

fn booked(sandbox: &Sandbox) -> Transaction {
    sandbox.books().transactions[0].clone()
}

fn in_order(parts: Option<TaxParts>) -> [u64; 3] {
    let TaxParts { tax, vat, free, .. } = parts.unwrap();
    [tax, vat, free]
}

#[tokio::test]
async fn an_answer_tells_the_parts() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    for (sent, flag, parts) in [
        (json!({}), "TG01", ["913", "91", "0"]),
        (json!({ "tax_flag": "TG01" }), "TG01", ["913", "91", "0"]),
        (json!({ "tax_flag": "TG02" }), "TG02", ["0", "0", "1004"]),
        (
            json!({ "tax_flag": "TG03", "comm_tax_mny": "800", "comm_vat_mny": "80", "comm_free_mny": "124" }),
            "TG03",
            ["800", "80", "124"],
        ),
    ] {
        let reply = shop.approve_with("A", sent).await;
        assert_eq!(reply["res_tax_flag"], flag, "{reply}");
        let told = ["res_tax_mny", "res_vat_mny", "res_free_mny"].map(|name| &reply[name]);
        assert_eq!(told, parts, "{flag}");
    }
    assert!(
        lint_names(&sandbox)
            .iter()
            .all(|name| !name.contains("tax"))
    );
}

#[tokio::test]
async fn parts_that_do_not_fit_an_approval_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let sent = |tax: Value, vat: &str, free: &str| json!({ "tax_flag": "TG03", "comm_tax_mny": tax, "comm_vat_mny": vat, "comm_free_mny": free });
    for wrong in [
        sent(json!("800"), "80", "125"),
        sent(json!("800"), "80", "12,4"),
        sent(json!(null), "80", "924"),
        json!({ "tax_flag": "TG04" }),
    ] {
        let reply = shop.approve_with("A", wrong).await;
        assert_eq!(reply["res_cd"], "8011", "{reply}");
    }
    sandbox.set(|s| s.tax_split = false);
    let reply = shop
        .approve_with("A", sent(json!("800"), "80", "124"))
        .await;
    assert_eq!(reply["res_cd"], "8102", "{reply}");
    sandbox.set(|s| s.tax_split = true);
    let flagless = shop
        .approve_with("A", json!({ "comm_tax_mny": "800" }))
        .await;
    assert_eq!(flagless["res_tax_flag"], "TG01");
    assert!(lint_names(&sandbox).contains(&"tax_parts_ignored:comm_tax_mny".to_owned()));
}

#[tokio::test]
async fn what_is_left_of_each_part_is_in_the_books() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = mixed(&shop, "A").await;
    let reply = shop
        .cancel_with(&tno, "STPC", part(320, 1004, [200, 20, 100]))
        .await;
    assert_eq!(reply["res_cd"], "0000", "{reply}");
    assert_eq!(in_order(booked(&sandbox).tax_remaining), [600, 60, 24]);
    assert_eq!(in_order(booked(&sandbox).tax), [800, 80, 124]);
    for (parts, code) in [
        ([601, 0, 0], "8098"),
        ([540, 61, 0], "8098"),
        ([500, 76, 25], "8098"),
        ([516, 60, 25], "8099"),
    ] {
        let sent = part(parts.iter().sum(), 684, parts);
        let reply = shop.cancel_with(&tno, "STPC", sent).await;
        assert_eq!(reply["res_cd"], code, "{parts:?}");
    }
    assert_eq!(
        booked(&sandbox).remaining,
        684,
        "nothing refused was booked"
    );
    let rest = shop
        .cancel_with(&tno, "STPC", part(684, 684, [600, 60, 24]))
        .await;
    assert_eq!(
        (&rest["res_cd"], &rest["rem_mny"]),
        (&json!("0000"), &json!("0"))
    );
    assert_eq!(in_order(booked(&sandbox).tax_remaining), [0, 0, 0]);
    let taken: Vec<_> = booked(&sandbox)
        .cancels
        .iter()
        .map(|c| in_order(c.tax))
        .collect();
    assert_eq!(taken, [[200, 20, 100], [600, 60, 24]]);
}

#[tokio::test]
async fn parts_that_are_wrong_missing_or_not_wanted_have_their_codes() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = mixed(&shop, "A").await;
    let with = |name: &str, value: Value| {
        let mut sent = part(100, 1004, [80, 8, 12]);
        sent[name] = value;
        sent
    };
    for (sent, code) in [
        (with("tax_flag", json!("")), "8011"),
        (with("tax_flag", json!("TG01")), "8011"),
        (with("mod_free_mny", json!("13")), "8011"),
        (with("mod_tax_mny", json!("")), "8078"),
        (with("mod_vat_mny", json!("8.0")), "8080"),
        (with("mod_free_mny", json!("-12")), "8079"),
        // What someone believes to be left is compared before anything else.
        (with("rem_mny", json!("1003")), "8037"),
    ] {
        let reply = shop.cancel_with(&tno, "STPC", sent.clone()).await;
        assert_eq!(reply["res_cd"], code, "{sent}");
    }
    assert_eq!(booked(&sandbox).cancelled, 0);
    let taxed = shop.approved("B").await;
    let reply = shop
        .cancel_with(&taxed, "STPC", part(100, 1004, [80, 8, 12]))
        .await;
    assert_eq!(reply["res_cd"], "8074", "{reply}");
}

#[tokio::test]
async fn a_full_cancel_takes_every_part() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = mixed(&shop, "A").await;
    assert_eq!(shop.cancel(&tno).await["res_cd"], "0000");
    assert_eq!(in_order(booked(&sandbox).tax_remaining), [0, 0, 0]);
    assert_eq!(in_order(booked(&sandbox).cancels[0].tax), [800, 80, 124]);
}
