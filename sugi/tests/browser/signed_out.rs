//! Sessions that end while someone types: typing is using, the end is said before it comes, and what was typed is
//! there again for who typed it, all but the card.

use jiff::SignedDuration;
use serde_json::json;
use thirtyfour::{Key, prelude::*};

use crate::{
    every_page::axe,
    measure::overlaps,
    service::{PASSWORD, Service},
    test_app::{keys, until},
};

const CARD: &str = "4111111111111111";

async fn value(browser: &WebDriver, id: &str) -> String {
    let field = browser.find(By::Id(id)).await.unwrap();
    field.prop("value").await.unwrap().unwrap_or_default()
}

/// A page to key in at with everything filled in.
async fn filled(service: &Service, browser: &WebDriver) {
    browser.goto(service.at("/keyin")).await.unwrap();
    until(browser, By::Id("keyin")).await;
    let enter = char::from(Key::Enter);
    keys(browser, &format!("50000{enter}{CARD}1230951010{enter}00")).await;
    for (field, text) in [
        ("order_no", "K-1"),
        ("buyer", "홍길동"),
        ("phone", "01012345678"),
    ] {
        let field = browser.find(By::Id(field)).await.unwrap();
        field.send_keys(Key::Control + "a").await.unwrap();
        field.send_keys(text).await.unwrap();
    }
}

/// Signs in on the page that is open.
async fn enter(browser: &WebDriver, name: &str) {
    for (field, text) in [("name", name), ("password", PASSWORD)] {
        let field = browser.find(By::Id(field)).await.unwrap();
        field.send_keys(text).await.unwrap();
    }
    keys(browser, &char::from(Key::Enter).to_string()).await;
}

async fn source(browser: &WebDriver) -> String {
    let fields = "return document.documentElement.outerHTML + [...document.querySelectorAll('input')].map((one) => one.value)";
    browser
        .execute(fields, vec![])
        .await
        .unwrap()
        .convert()
        .unwrap()
}

fn holds_card(text: &str) -> bool {
    text.contains("4111") || text.contains("951010") || text.contains("12/30")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_types_stays_and_who_leaves_finds_all_but_the_card_again() {
    let service = Service::new().await;
    let browser = service.browser("en").await;
    service.sign_in(&browser, "all").await;
    filled(&service, &browser).await;
    // A quarter of an hour, less half a minute: it is said, and typing is enough to stay.
    let nearly = SignedDuration::from_secs(14 * 60 + 30);
    service.clock.advance(nearly);
    until(&browser, By::Css("#ending:not([hidden])")).await;
    let mut found = overlaps(&browser, "ending").await;
    found.extend(violations(&browser).await);
    let product = browser.find(By::Id("product")).await.unwrap();
    product.send_keys("x").await.unwrap();
    until(&browser, By::Css("#ending[hidden]")).await;
    service.clock.advance(nearly);
    until(&browser, By::Css("#ending:not([hidden])")).await;
    let stay = browser.find(By::Css("[data-stay]")).await.unwrap();
    stay.click().await.unwrap();
    until(&browser, By::Css("#ending[hidden]")).await;
    assert_eq!(
        value(&browser, "card").await,
        CARD,
        "nothing was loaded anew"
    );
    // Then they leave.
    service.clock.advance(SignedDuration::from_mins(16));
    let said = until(&browser, By::Id("unsent")).await;
    assert!(
        said.text()
            .await
            .unwrap()
            .contains("nothing was charged or cancelled")
    );
    let page = source(&browser).await;
    for text in ["K-1", "홍길동", "01012345678"] {
        assert!(
            !page.contains(text),
            "{text} stands on a page that anybody finds"
        );
    }
    found.extend(overlaps(&browser, "unsent").await);
    // A wrong password loses nothing.
    let name = browser.find(By::Id("name")).await.unwrap();
    name.send_keys("all").await.unwrap();
    let password = browser.find(By::Id("password")).await.unwrap();
    password
        .send_keys("not this one" + Key::Enter)
        .await
        .unwrap();
    until(&browser, By::Id("problem")).await;
    let password = browser.find(By::Id("password")).await.unwrap();
    password
        .send_keys(PASSWORD.to_owned() + Key::Enter)
        .await
        .unwrap();
    until(&browser, By::Id("keyin")).await;
    for (field, text) in [
        ("amount", "50,000"),
        ("order_no", "K-1"),
        ("buyer", "홍길동"),
        ("phone", "01012345678"),
        ("product", "x"),
        ("card", ""),
        ("expiry", ""),
        ("holder", ""),
        ("password", ""),
    ] {
        assert_eq!(value(&browser, field).await, text, "{field}");
    }
    assert!(!holds_card(&source(&browser).await));
    assert_eq!(browser.current_url().await.unwrap().path(), "/keyin");
    found.extend(overlaps(&browser, "again").await);
    assert_eq!(service.sandbox.books().transactions.len(), 0);
    let card = browser.find(By::Id("card")).await.unwrap();
    card.focus().await.unwrap();
    keys(
        &browser,
        &format!(
            "{CARD}1230951010{}00{}",
            char::from(Key::Enter),
            char::from(Key::Enter)
        ),
    )
    .await;
    until(&browser, By::Css(".result.good")).await;
    assert_eq!(service.sandbox.books().transactions.len(), 1);
    browser.quit().await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_without_a_session_is_not_done_and_nobody_else_gets_it() {
    let service = Service::new().await;
    let browser = service.browser("en").await;
    service.sign_in(&browser, "all").await;
    // The page does not hear of the end of its session: what it sends does.
    let deaf = "window.EventSource = undefined";
    let deaf = json!({ "source": deaf });
    browser
        .cdp()
        .send_raw("Page.addScriptToEvaluateOnNewDocument", deaf)
        .await
        .unwrap();
    filled(&service, &browser).await;
    service.clock.advance(SignedDuration::from_mins(16));
    keys(&browser, &char::from(Key::Enter).to_string()).await;
    until(&browser, By::Id("unsent")).await;
    assert_eq!(service.sandbox.books().transactions.len(), 0);
    // Someone else signs in: they get their own first page, and nothing of it.
    enter(&browser, "lee").await;
    until(&browser, By::Id("keyin")).await;
    assert_eq!(value(&browser, "buyer").await, "");
    assert_ne!(value(&browser, "order_no").await, "K-1");

    // Money that is refunded is not, either; and comes back to be sent.
    let paid = service.pay(&browser, "A-1", json!({})).await;
    browser.goto(service.at(&paid)).await.unwrap();
    for (field, text) in [("cancel-amount", "12345"), ("reason", "고객 변심")] {
        let field = browser.find(By::Id(field)).await.unwrap();
        field.send_keys(Key::Control + "a").await.unwrap();
        field.send_keys(text).await.unwrap();
    }
    service.clock.advance(SignedDuration::from_mins(16));
    keys(&browser, &char::from(Key::Enter).to_string()).await;
    until(&browser, By::Id("unsent")).await;
    enter(&browser, "lee").await;
    until(&browser, By::Id("cancel-amount")).await;
    assert_eq!(value(&browser, "cancel-amount").await, "12,345");
    assert_eq!(value(&browser, "reason").await, "고객 변심");
    assert_eq!(browser.current_url().await.unwrap().path(), paid);
    assert!(service.sandbox.books().transactions[0].cancels.is_empty());
    let button = browser.find(By::Css("#acts .danger")).await.unwrap();
    button.click().await.unwrap();
    until(&browser, By::XPath("//*[@id='facts']//dd[.='₩137,655']")).await;
    browser.quit().await.unwrap();
}

/// What axe finds on the page that is open.
async fn violations(browser: &WebDriver) -> Vec<String> {
    browser.execute(axe(), vec![]).await.unwrap();
    crate::every_page::violations(browser, "ending").await
}
