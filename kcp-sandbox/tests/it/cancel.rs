//! Cancels: full, partial, signed, raced.

use kcp_sandbox::{Sandbox, State, magic_card};
use serde_json::json;

use crate::client::{Shop, lint_names, sign};

#[tokio::test]
async fn a_full_cancel_takes_all_and_works_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    let reply = shop.cancel(&tno).await;
    assert_eq!(reply["res_cd"], "0000", "{reply}");
    assert_eq!(reply["tno"], tno);
    assert_eq!(reply["amount"], "1004");
    assert_eq!(reply["canc_time"].as_str().unwrap().len(), 14);
    assert_eq!(reply["canc_gubn"], "B");
    assert_eq!(shop.cancel(&tno).await["res_cd"], "8133");
    assert_eq!(shop.cancel_part(&tno, 1, 0).await["res_cd"], "8133");
    let books = sandbox.books();
    assert_eq!(books.transactions[0].state, State::Cancelled);
    assert_eq!(books.transactions[0].cancels.len(), 1);
    assert_eq!(books.charged(), 0);
}

#[tokio::test]
async fn partial_cancels_compare_and_swap() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    let reply = shop.cancel_part(&tno, 100, 1004).await;
    assert_eq!(reply["res_cd"], "0000", "{reply}");
    for (name, value) in [
        ("mod_mny", "100"),
        ("panc_mod_mny", "100"),
        ("card_mod_mny", "100"),
        ("panc_card_mod_mny", "100"),
        ("rem_mny", "904"),
        ("panc_rem_mny", "904"),
        ("amount", "1004"),
        ("coupon_mod_mny", "0"),
    ] {
        assert_eq!(reply[name], value, "{name}");
    }
    assert_eq!(reply["mod_pcan_seq_no"].as_str().unwrap().len(), 14);
    assert_eq!(reply["mod_pcan_seq_no"], reply["mod_pacn_seq_no"]);

    assert_eq!(
        shop.cancel_part(&tno, 100, 1004).await["res_cd"],
        "8037",
        "somebody else cancelled"
    );
    assert_eq!(shop.cancel_part(&tno, 905, 904).await["res_cd"], "8036");
    assert_eq!(shop.cancel_part(&tno, 0, 904).await["res_cd"], "8035");
    assert_eq!(shop.cancel(&tno).await["res_cd"], "8040");
    let transaction = sandbox.books().transactions[0].clone();
    assert_eq!(
        (transaction.cancelled, transaction.state),
        (100, State::PartiallyCancelled)
    );

    let reply = shop.cancel_part(&tno, 904, 904).await;
    assert_eq!(
        (&reply["res_cd"], &reply["rem_mny"]),
        (&json!("0000"), &json!("0"))
    );
    assert_eq!(shop.cancel_part(&tno, 1, 1).await["res_cd"], "8133");
    assert_eq!(sandbox.books().transactions[0].state, State::Cancelled);
}

#[tokio::test]
async fn of_many_equal_partial_cancels_one_wins() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    let cancels = (0..16).map(|_| shop.cancel_part(&tno, 100, 1004));
    let mut codes: Vec<_> = futures(cancels)
        .await
        .into_iter()
        .map(|r| r["res_cd"].to_string())
        .collect();
    codes.sort();
    assert_eq!(
        codes.iter().filter(|code| *code == "\"0000\"").count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| *code == "\"8037\"").count(),
        15,
        "{codes:?}"
    );
}

/// Runs all of them at once on this task.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|cx| {
        running.retain_mut(|future| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => {
                done.push(output);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done
}

#[tokio::test]
async fn only_the_right_signature_cancels_and_wrong_ones_are_explained() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    let signed =
        |text: String| json!({ "kcp_sign_data": sign(&text), "mod_mny": "100", "rem_mny": "1004" });
    for (text, detail) in [
        (
            format!("T0000^{tno}^STSC"),
            Some("it fits site_cd^tno^STSC"),
        ),
        (
            format!("T0000^{tno}^PACA"),
            Some("it fits site_cd^tno^PACA"),
        ),
        (format!("T0000^{tno}"), Some("without the third part")),
        (format!("T0000^{tno}^STPC^"), Some("one caret too many")),
        ("something else".to_owned(), None),
    ] {
        let reply = shop.cancel_with(&tno, "STPC", signed(text.clone())).await;
        assert_eq!(reply["res_cd"], "S034", "{text}");
        let lint = sandbox
            .lints()
            .into_iter()
            .find(|lint| lint.code == "signed_other_text");
        match detail {
            Some(detail) => assert!(lint.unwrap().message.contains(detail), "{text}"),
            None => assert!(reply["res_msg"].as_str().unwrap().contains("another key")),
        }
    }
    for sign_data in [json!(null), json!("not base64!"), json!("AAAA")] {
        let reply = shop
            .cancel_with(&tno, "STSC", json!({ "kcp_sign_data": sign_data }))
            .await;
        assert_eq!(reply["res_cd"], "S034");
    }
    assert_eq!(sandbox.books().charged(), 1004);
    let broken_lines = sign(&format!("T0000^{tno}^STSC")).replacen('A', "A\n", 1);
    let reply = shop
        .cancel_with(&tno, "STSC", json!({ "kcp_sign_data": broken_lines }))
        .await;
    assert_eq!(reply["res_cd"], "0000");
    assert!(lint_names(&sandbox).contains(&"signature_white_space:kcp_sign_data".to_owned()));
}

#[tokio::test]
async fn malformed_and_forbidden_cancels_have_their_codes() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A-1").await;
    assert_eq!(shop.cancel("26328999999999").await["res_cd"], "8132");
    assert_eq!(shop.cancel("123").await["res_cd"], "8072");
    assert_eq!(
        shop.cancel_with(&tno, "STE2", json!({})).await["res_cd"],
        "8073"
    );
    let no_amount = shop
        .cancel_with(&tno, "STPC", json!({ "rem_mny": "1004" }))
        .await;
    assert_eq!(no_amount["res_cd"], "8082");
    let no_rest = shop
        .cancel_with(&tno, "STPC", json!({ "mod_mny": "4" }))
        .await;
    assert_eq!(no_rest["res_cd"], "8084");
    sandbox.set(|s| s.partial_cancel = false);
    assert_eq!(shop.cancel_part(&tno, 4, 1004).await["res_cd"], "8392");
    sandbox.set(|s| s.ip_registered = false);
    assert_eq!(shop.cancel(&tno).await["res_cd"], "8012");
    sandbox.set(|s| {
        s.ip_registered = true;
        s.partial_cancel = true;
        s.max_partial_cancels = 1;
    });
    assert_eq!(shop.cancel_part(&tno, 4, 1004).await["res_cd"], "0000");
    assert_eq!(shop.cancel_part(&tno, 4, 1000).await["res_cd"], "8386");
}

#[tokio::test]
async fn cards_can_forbid_cancels() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let card = magic_card(97, "8178").unwrap();
    let reply = shop.approve_with("A", json!({ "card_no": card })).await;
    assert_eq!(
        shop.cancel(reply["tno"].as_str().unwrap()).await["res_cd"],
        "8178"
    );
    let reply = shop
        .approve_with("B", json!({ "card_no": "9490010010000000" }))
        .await;
    let tno = reply["tno"].as_str().unwrap();
    assert_eq!(shop.cancel_part(tno, 4, 1004).await["res_cd"], "8385");
    assert_eq!(shop.cancel(tno).await["res_cd"], "0000");
}

#[tokio::test]
async fn amounts_on_a_full_cancel_and_a_partial_for_all_are_reported() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A").await;
    let amounts = json!({ "mod_mny": 1004, "rem_mny": "null" });
    assert_eq!(
        shop.cancel_with(&tno, "STSC", amounts).await["res_cd"],
        "0000"
    );
    let tno = shop.approved("B").await;
    assert_eq!(shop.cancel_part(&tno, 1004, 1004).await["res_cd"], "0000");
    assert_eq!(
        lint_names(&sandbox),
        [
            "full_cancel_with_amounts:mod_mny",
            "number_for_string:mod_mny",
            "partial_for_whole:mod_mny",
            "text_null:rem_mny",
        ]
    );
}

#[tokio::test]
async fn one_shop_cannot_touch_the_payments_of_another() {
    let pem = kcp_sandbox::Credentials::generate("T0007")
        .unwrap()
        .cert_pem;
    let sandbox = Sandbox::builder().shop("T0007", pem).start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let mut other = Shop::of(&sandbox);
    other.credentials.site_cd = "T0007".to_owned();
    let tno = shop.approved("A").await;
    assert_eq!(other.cancel(&tno).await["res_cd"], "8132");
    assert_eq!(other.inquire(&tno).await["res_cd"], "8132");
    let theirs = other.approved("A").await;
    assert_eq!(shop.cancel(&theirs).await["res_cd"], "8132");
    assert_eq!(other.cancel(&theirs).await["res_cd"], "0000");
}
