//! Amounts: what stands in a field is charged, or refused where it stands. Nothing is read into it, and the script
//! makes nothing of a text that the server would not take.

use serde_json::json;
use sugi_engine::{Contract, Currencies};
use thirtyfour::{Key, prelude::*};

use crate::{
    service::{Service, contract},
    test_app::{keys, until},
};

/// What people type who mean an amount, and what is none.
const NONE: [&str; 10] = [
    "5만원",
    "5만",
    "-5000",
    "1,000원 x 3",
    "1,0",
    "1,0005",
    "10000-",
    "1.5",
    "1000 2000",
    "1234567890123",
];

async fn value(browser: &WebDriver, id: &str) -> String {
    let field = browser.find(By::Id(id)).await.unwrap();
    field.prop("value").await.unwrap().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_makes_nothing_of_a_text_that_the_server_refuses() {
    let service = Service::new().await;
    let contract = Contract {
        currencies: Currencies::both(),
        ..contract()
    };
    service.shops([("main", contract)]);
    let browser = service.browser("en").await;
    service.sign_in(&browser, "all").await;
    let mut found = Vec::new();
    for currency in ["KRW", "USD"] {
        browser.goto(service.at("/keyin")).await.unwrap();
        until(&browser, By::Id("currency")).await;
        let seen = browser
            .execute_async(
                include_str!("amounts.js"),
                vec![currency.into(), json!(NONE)],
            )
            .await
            .unwrap();
        let (tried, wrong): (usize, Vec<String>) = seen.convert().unwrap();
        assert!(tried > 100, "{tried}");
        found.extend(wrong.into_iter().map(|what| format!("{currency}: {what}")));
    }
    browser.quit().await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_amount_is_refused_where_it_stands_and_stays_to_be_mended() {
    let service = Service::new().await;
    let browser = service.browser("ko").await;
    service.sign_in(&browser, "all").await;
    browser.goto(service.at("/keyin")).await.unwrap();
    let enter = char::from(Key::Enter);
    until(&browser, By::Id("keyin")).await;
    keys(&browser, &format!("5만원{enter}")).await;
    keys(&browser, &format!("41111111111111111230951010{enter}00")).await;
    for text in NONE {
        let amount = browser.find(By::Id("amount")).await.unwrap();
        amount.send_keys(Key::Control + "a").await.unwrap();
        amount.send_keys(text).await.unwrap();
        // As it stands, before anything is sent.
        until(&browser, By::Css("#amount-note.error")).await;
        keys(&browser, &enter.to_string()).await;
        until(&browser, By::Css("#refused:not([hidden])")).await;
        until(&browser, By::Css("#amount[aria-invalid]:focus")).await;
        let kept = value(&browser, "amount").await;
        assert_eq!(kept.replace(',', ""), text.replace(',', ""), "{text}");
        let note = browser.find(By::Id("amount-note")).await.unwrap();
        let note = note.text().await.unwrap();
        assert!(note.contains("숫자로만"), "{note}");
        assert_eq!(service.sandbox.books().transactions.len(), 0, "{text}");
        browser
            .execute("document.getElementById('refused').hidden = true", vec![])
            .await
            .unwrap();
    }
    // Mended, it is charged: what was typed of the card is still there.
    let amount = browser.find(By::Id("amount")).await.unwrap();
    amount.send_keys(Key::Control + "a").await.unwrap();
    keys(&browser, &format!("50000{enter}")).await;
    until(&browser, By::Css(".result.good")).await;
    let books = service.sandbox.books();
    assert_eq!(books.transactions[0].amount, 50_000);

    // The same where money is refunded; digits in the middle keep the place where one is.
    for text in NONE {
        let field = browser.find(By::Id("cancel-amount")).await.unwrap();
        field.send_keys(Key::Control + "a").await.unwrap();
        field.send_keys(text).await.unwrap();
        until(&browser, By::Css("#cancel-amount-note.error")).await;
        let kept = value(&browser, "cancel-amount").await;
        assert_eq!(kept.replace(',', ""), text.replace(',', ""), "{text}");
        let button = browser.find(By::Css("#acts .danger")).await.unwrap();
        assert!(!button.text().await.unwrap().contains('원'), "{text}");
    }
    let field = browser.find(By::Id("cancel-amount")).await.unwrap();
    field.send_keys(Key::Control + "a").await.unwrap();
    field.send_keys("1234").await.unwrap();
    field.send_keys(Key::Left + Key::Left).await.unwrap();
    field.send_keys("56").await.unwrap();
    assert_eq!(value(&browser, "cancel-amount").await, "125,634");
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_is_none_is_not_made_one() {
    let service = Service::new().await;
    let browser = service.browser("en").await;
    service.sign_in(&browser, "all").await;
    browser.goto(service.at("/keyin")).await.unwrap();
    until(&browser, By::Id("keyin")).await;
    let paste = "const field = document.getElementById(arguments[0]); field.value = arguments[1]; \
                 field.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertFromPaste' })); return field.value";
    for (field, text, shown) in [
        ("card", "4111-1111 1111–1111", "4111111111111111"),
        (
            "card",
            "4111-1111-1111-1111 and 2",
            "4111-1111-1111-1111 and 2",
        ),
        ("card", "41111111111111112", "41111111111111112"),
        ("expiry", "12 / 30", "12/30"),
        ("expiry", "12/2030", "12/2030"),
        ("expiry", "2030-12", "2030-12"),
        ("holder", "951010-1234567", "9510101234567"),
        ("holder", "951010x", "951010x"),
    ] {
        let made = browser.execute(paste, vec![field.into(), text.into()]);
        let made: String = made.await.unwrap().convert().unwrap();
        assert_eq!(made, shown, "{field} {text}");
    }
    browser.quit().await.unwrap();
}
