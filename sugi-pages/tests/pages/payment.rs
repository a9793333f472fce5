//! One payment's page.

use jiff::SignedDuration;
use serde_json::json;
use sugi_engine::Shop;

use crate::{html, test_app::TestApp};

/// Markup, in every text that someone else can choose.
const MARKUP: &str = "<script>alert(1)</script>";

#[tokio::test]
async fn it_says_what_became_of_it_and_what_to_say() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let paid = test_app.approved("A-1", 150_000).await;
    let page = kim.page(&paid).await;
    let tno = test_app.tno("A-1");
    for text in [
        "승인되었습니다",
        "150,000원",
        "끝자리 1111",
        "A-1",
        "홍길동",
        "411111******1111",
        &tno,
        "KCP에 승인을 요청합니다.",
        "테스트 상점",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = kim.in_lang("en").page(&paid).await;
    assert!(
        page.contains("₩150,000") && page.contains("Your payment of"),
        "{page}"
    );
}

#[tokio::test]
async fn a_decline_says_that_nothing_was_charged_and_a_doubt_never_does() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let card = kcp_sandbox::magic_card(99, "CC61").unwrap();
    let card = json!({ "card": { "number": card, "expiry": "2030-12" } });
    let declined = test_app.pay("A-1", 1_004, card).await;
    let page = kim.page(&format!("/payments/{}", declined.id())).await;
    assert!(
        page.contains("거절되었습니다") && page.contains("청구되지 않았습니다"),
        "{page}"
    );
    let doubt = test_app.in_doubt("A-2").await;
    for lang in ["ko", "en"] {
        let page = kim.clone().in_lang(lang).page(&doubt).await;
        assert!(
            page.contains("다시 결제하지 마십시오")
                || page.contains("Do not charge this order again")
        );
        assert!(
            !page.contains("청구되지 않") && !page.contains("not charged"),
            "{page}"
        );
        // Neither a new sale nor a slip is offered while it may have been charged.
        assert!(
            !page.contains("href=\"/keyin\">새") && !page.contains("/receipt"),
            "{page}"
        );
    }
    assert!(kim.page("/doubts").await.contains("A-2"));
}

#[tokio::test]
async fn texts_that_are_markup_are_shown_and_do_nothing() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let besides = json!({
        "product": MARKUP,
        "buyer": { "name": "\"><b onclick=a>'&amp;", "phone": "010-1234-5678" },
    });
    let paid = test_app.pay("A\"1", 1_004, besides.clone()).await;
    assert_eq!(paid.status, 422, "KCP's order numbers hold no markup");
    let paid = test_app.pay("A-1", 1_004, besides).await;
    let paid = format!("/payments/{}", paid.id());
    test_app.in_doubt("A-2").await;
    let key = kim.form_key(&paid).await;
    let fields = [("key", &*key), ("amount", "4"), ("reason", "<i>'\"&")];
    let mut sender = kim.clone();
    sender.follow(&format!("{paid}/cancel"), &fields).await;
    test_app.settled(&paid).await;
    let search = format!("/payments?q={}", "%22%3E%3Cscript%3E");
    for path in [
        &*paid,
        &format!("{paid}/receipt"),
        "/payments",
        &search,
        "/doubts",
        "/approvals",
        "/day",
    ] {
        for lang in ["ko", "en"] {
            let page = kim.clone().in_lang(lang).page(path).await;
            assert!(
                !page.contains(MARKUP) && !page.contains("<b onclick") && !page.contains("<i>"),
                "{page}"
            );
            let faults = html::faults(&page);
            assert!(faults.is_empty(), "{path}: {faults:?}\n{page}");
        }
    }
    let page = kim.page(&paid).await;
    assert!(
        page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
        "{page}"
    );
    assert!(page.contains("&#60;i&#62;"), "{page}");
}

#[tokio::test]
async fn nothing_says_something_that_the_page_does_not_know() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let paid = test_app.approved("A-1", 1_004).await;
    let page = kim.page(&format!("{paid}?said=%3Cscript%3E")).await;
    assert!(!page.contains("role=\"alert\""), "{page}");
    for path in [
        "/payments/pay_1",
        "/payments/pay_00000000000000000000000000000000",
        "/payments/%2e%2e",
    ] {
        assert_eq!(kim.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn forms_that_move_money_are_not_made_anew_under_somebodys_hands() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    for page in [
        test_app.approved("A-1", 1_004).await,
        test_app.in_doubt("A-2").await,
    ] {
        let seq = test_app.settled(&page).await.seq;
        let text = kim.page(&page).await;
        let steady = format!("<div id=\"acts\" data-steady=\"{seq}\" data-locks>");
        assert!(text.contains(&steady), "{steady}: {text}");
        // Where no script runs neither.
        assert!(!text.contains("http-equiv=\"refresh\""), "{text}");
        for (lang, said) in [
            ("ko", "이 결제가 바뀌었습니다."),
            ("en", "This payment has changed."),
        ] {
            let text = kim.clone().in_lang(lang).page(&page).await;
            let (_, note) = text.split_once("data-stale hidden>").unwrap();
            assert!(note.starts_with(said), "{note}");
            let (note, _) = note.split_once("</p>").unwrap();
            assert!(note.contains(&format!("href=\"{page}\"")), "{note}");
        }
    }
    // Who has no form there still sees how it goes on.
    let looker = test_app.sign_in("looker").await;
    let text = looker.page(&test_app.in_doubt("A-3").await).await;
    assert!(text.contains("http-equiv=\"refresh\""), "{text}");
}

#[tokio::test]
async fn what_kcp_has_otherwise_is_on_the_page_of_doubts() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let paid = test_app.approved("A-1", 1_004).await;
    let engine = &test_app.engine;
    let mut shops: Vec<_> = engine
        .shops()
        .iter()
        .map(|shop| Shop::clone(shop))
        .collect();
    for shop in &mut shops {
        // Old enough at once.
        shop.policy.call_life = SignedDuration::ZERO;
        shop.policy.uncertainty_window = SignedDuration::ZERO;
    }
    let shop = shops.iter().find(|shop| shop.id.as_str() == "main");
    let past_us = nhn_kcp::Cancel::full(
        test_app.tno("A-1").parse().unwrap(),
        "past us".parse().unwrap(),
    );
    shop.unwrap().client.cancel(&past_us).await.unwrap();
    engine.set_shops(shops);
    let store = engine.store();
    let events = store.unnumbered().await.unwrap();
    let now = test_app.clock.now();
    store.number(now, &events, |_| Vec::new()).await.unwrap();
    let found = async {
        while engine.findings().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = engine.watch_settled(1_000, std::future::pending()) => {}
        () = found => {}
    }
    let page = kim.page("/doubts").await;
    for text in ["A-1", "남은 금액: 원장 1,004원, KCP 0원", &*paid] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = kim.in_lang("en").page("/doubts").await;
    assert!(page.contains("left by the ledger"), "{page}");
    let faults = html::faults(&page);
    assert!(faults.is_empty(), "{faults:?}\n{page}");
}
