//! A sale, by keyboard alone; and every way to send it twice.

use thirtyfour::{Key, prelude::*};

use crate::test_app::{TestApp, keys};

/// An authenticated sale, keyed in on a page that was just opened; how many keys it took.
async fn key_in(browser: &WebDriver) -> usize {
    let enter = char::from(Key::Enter);
    let mut count = keys(browser, &format!("1004{enter}")).await;
    count += keys(browser, "4111111111111111").await;
    count += keys(browser, "1230").await;
    count += keys(browser, &format!("951010{enter}")).await;
    count + keys(browser, "00").await
}

async fn open(test_app: &TestApp, browser: &WebDriver) {
    browser.goto(test_app.at("/keyin")).await.unwrap();
    test_app.until(browser, By::Id("keyin")).await;
}

async fn press_enter(browser: &WebDriver) -> usize {
    keys(browser, &char::from(Key::Enter).to_string()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticated_sale_takes_at_most_45_keys_and_no_mouse() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("ko").await;
    open(&test_app, &browser).await;
    let seen = browser.find(By::Id("card-seen")).await.unwrap();
    let count = key_in(&browser).await;
    assert_eq!(seen.text().await.unwrap(), "•••• •••• •••• 1111  Visa");
    let count = count + press_enter(&browser).await;
    test_app.until(&browser, By::Css(".result.good")).await;
    println!("{count} keys");
    assert!(count <= 45, "{count} keys");
    let books = test_app.books();
    assert_eq!(books.len(), 1);
    assert_eq!(books[0]["amount"], 1_004);
    // Nothing of the card is left in the page or its history.
    let source = browser.source().await.unwrap();
    assert!(!source.contains("4111111111111111") && !source.contains("951010"));
    let shown = browser.current_url().await.unwrap();
    browser.back().await.unwrap();
    test_app.left(&browser, shown.as_str()).await;
    let source = browser.source().await.unwrap();
    assert!(!source.contains("4111111111111111"));
    // What was typed is in no page's source.
    let typed = "return [...document.querySelectorAll('input')].map((one) => one.value).join(' ')";
    let typed = browser.execute(typed, Vec::new()).await.unwrap();
    let typed: String = typed.convert().unwrap();
    assert!(
        !typed.contains("4111") && !typed.contains("951010"),
        "{typed}"
    );
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_that_is_sent_twice_is_one() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("ko").await;
    // Enter held down, and a double click: the answer takes a while.
    for (n, twice) in ["enter", "click"].into_iter().enumerate() {
        open(&test_app, &browser).await;
        key_in(&browser).await;
        if n > 0 {
            // The guard would stop it before anything is sent, so this one has another amount.
            let amount = browser.find(By::Id("amount")).await.unwrap();
            amount.send_keys("0").await.unwrap();
        }
        if twice == "enter" {
            press_enter(&browser).await;
            press_enter(&browser).await;
        } else {
            let button = browser.find(By::Id("charge")).await.unwrap();
            let chain = browser.action_chain().double_click_element(&button);
            chain.perform().await.unwrap();
        }
        test_app.until(&browser, By::Css(".result.good")).await;
        assert_eq!(test_app.books().len(), n + 1, "{twice}");
    }
    // The page of the result again, and back from it: neither sends anything.
    browser.refresh().await.unwrap();
    test_app.until(&browser, By::Css(".result.good")).await;
    let shown = browser.current_url().await.unwrap();
    browser.back().await.unwrap();
    test_app.left(&browser, shown.as_str()).await;
    assert_eq!(test_app.books().len(), 2);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_make_one_payment_and_say_so() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("ko").await;
    let first = browser.window().await.unwrap();
    open(&test_app, &browser).await;
    let second = browser.new_tab().await.unwrap();
    browser.switch_to_window(second).await.unwrap();
    open(&test_app, &browser).await;
    key_in(&browser).await;
    press_enter(&browser).await;
    test_app.until(&browser, By::Css(".result.good")).await;
    browser.switch_to_window(first).await.unwrap();
    let amount = browser.find(By::Id("amount")).await.unwrap();
    amount.focus().await.unwrap();
    key_in(&browser).await;
    press_enter(&browser).await;
    let earlier = test_app
        .until(&browser, By::Css("#refused:not([hidden]) a"))
        .await;
    assert!(
        earlier
            .attr("href")
            .await
            .unwrap()
            .unwrap()
            .contains("/payments/pay_")
    );
    assert_eq!(test_app.books().len(), 1);
    // With a reason it is a sale of its own.
    let why = browser.find(By::Id("anyway")).await.unwrap();
    why.send_keys("두 번째 상품").await.unwrap();
    press_enter(&browser).await;
    test_app.until(&browser, By::Css(".result.good")).await;
    assert_eq!(test_app.books().len(), 2);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_is_for_the_payment_that_was_shown() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("ko").await;
    let mut shown = Vec::new();
    for more in ["", "0"] {
        open(&test_app, &browser).await;
        key_in(&browser).await;
        let amount = browser.find(By::Id("amount")).await.unwrap();
        amount.send_keys(more).await.unwrap();
        press_enter(&browser).await;
        test_app.until(&browser, By::Css(".result.good")).await;
        let at = browser.current_url().await.unwrap();
        shown.push(format!("#refused:not([hidden]) a[href='{}']", at.path()));
    }
    open(&test_app, &browser).await;
    key_in(&browser).await;
    press_enter(&browser).await;
    test_app.until(&browser, By::Css(shown[0].clone())).await;
    let why = browser.find(By::Id("anyway")).await.unwrap();
    why.send_keys("두 번째 상품").await.unwrap();
    // As much as the other sale was: the reason is none for that one.
    let amount = browser.find(By::Id("amount")).await.unwrap();
    amount.send_keys("0").await.unwrap();
    press_enter(&browser).await;
    test_app.until(&browser, By::Css(shown[1].clone())).await;
    assert_eq!(why.prop("value").await.unwrap().as_deref(), Some(""));
    assert!(why.is_displayed().await.unwrap());
    assert_eq!(test_app.books().len(), 2);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_in_doubt_and_then_known_without_a_key() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("ko").await;
    open(&test_app, &browser).await;
    test_app.fault("lose_answer");
    // Whoever looks learns nothing, until it was seen that nothing is known.
    test_app.faults("garbage", "inquire", 1_000_000);
    key_in(&browser).await;
    press_enter(&browser).await;
    test_app.until(&browser, By::Css(".result.doubt")).await;
    let source = browser.source().await.unwrap();
    assert!(
        source.contains("승인 여부를 아직 모릅니다") && !source.contains("승인되었습니다"),
        "it says more than is known"
    );
    test_app.clear_faults();
    // This shop's contract answers look-ups, and the operator waits: the sale is found and kept.
    test_app.until(&browser, By::Css(".result.good")).await;
    let source = browser.source().await.unwrap();
    assert!(source.contains("승인되었습니다"), "it does not say so");
    assert_eq!(test_app.books().len(), 1);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_where_it_is_and_nothing_typed_is_lost() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("en").await;
    open(&test_app, &browser).await;
    let enter = char::from(Key::Enter);
    keys(&browser, &format!("1004{enter}4111111111111111")).await;
    keys(&browser, &format!("1220951399{enter}00{enter}")).await;
    test_app
        .until(&browser, By::Css("#expiry[aria-invalid]"))
        .await;
    let focus = browser.active_element().await.unwrap();
    assert_eq!(focus.id().await.unwrap().as_deref(), Some("expiry"));
    let note = browser.find(By::Id("expiry-note")).await.unwrap();
    assert_eq!(
        note.text().await.unwrap(),
        "This card has expired. Ask for another one."
    );
    let card = browser.find(By::Id("card")).await.unwrap();
    let kept = card.prop("value").await.unwrap();
    assert_eq!(kept.as_deref(), Some("4111111111111111"));
    assert_eq!(test_app.books().len(), 0);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dollars_are_chosen_typed_with_cents_and_seen_before_they_are_charged() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("en").await;
    open(&test_app, &browser).await;
    let find = async |id: &str| browser.find(By::Id(id)).await.unwrap();
    let choose = async |id: &str, value: &str| {
        let option = format!("#{id} option[value={value}]");
        let option = browser.find(By::Css(option)).await.unwrap();
        option.click().await.unwrap();
    };
    let amount = async || {
        let value = find("amount").await.prop("value").await.unwrap();
        value.unwrap_or_default()
    };
    let echo = async || {
        let echo = browser.find(By::Css("[data-amount-echo]")).await.unwrap();
        echo.text().await.unwrap()
    };
    keys(&browser, "12345").await;
    assert_eq!(
        (amount().await, echo().await),
        ("12,345".into(), "KRW 12,345".into())
    );
    // Won have no point: it is not just left out of what is charged.
    keys(&browser, ".6").await;
    assert_eq!(
        (amount().await, echo().await),
        ("12,345.6".into(), String::new())
    );
    // A number of won is none of dollars: it goes, and the field waits for another.
    choose("currency", "USD").await;
    assert_eq!(
        (amount().await, echo().await),
        (String::new(), String::new())
    );
    for (text, typed, seen) in [
        ("1234", "1,234", "US$1,234.00"),
        (".5", "1,234.5", ""),
        ("6", "1,234.56", "US$1,234.56"),
        // More than cents is no amount; it is not cut off to one.
        ("7", "1,234.567", ""),
    ] {
        find("amount").await.send_keys(text).await.unwrap();
        assert_eq!((&*amount().await, &*echo().await), (typed, seen), "{text}");
    }
    // No instalments, however many dollars.
    let months = "return [...document.getElementById('months').options].filter((one) => !one.disabled).length";
    let months = browser.execute(months, vec![]).await.unwrap();
    assert_eq!(months.json(), 1);
    // The other shop takes won: there is nothing to choose, and nothing of dollars stays.
    for (shop, shown) in [("no-lookup", false), ("main", true)] {
        choose("shop", shop).await;
        assert_eq!(find("currency").await.is_displayed().await.unwrap(), shown);
        assert_eq!(amount().await, "");
    }
    choose("currency", "USD").await;
    let focus = browser.active_element().await.unwrap();
    assert_eq!(focus.id().await.unwrap().as_deref(), Some("amount"));
    let enter = char::from(Key::Enter);
    keys(
        &browser,
        &format!("12.34{enter}41111111111111111230951010{enter}00{enter}"),
    )
    .await;
    test_app.until(&browser, By::Css(".result.good")).await;
    let source = browser.source().await.unwrap();
    assert!(source.contains("Your payment of US$12.34"), "{source}");
    let books = test_app.books();
    assert_eq!(
        (&books[0]["amount"], &books[0]["currency"]),
        (&1_234.into(), &"840".into())
    );
    browser.quit().await.unwrap();
}
