//! A sale, by keyboard alone; and every way to send it twice.

use thirtyfour::{Key, prelude::*};

use crate::house::{House, keys};

/// An authenticated sale, keyed in on a page that was just opened; how many keys it took.
async fn key_in(browser: &WebDriver) -> usize {
    let enter = char::from(Key::Enter);
    let mut count = keys(browser, &format!("1004{enter}")).await;
    count += keys(browser, "4111111111111111").await;
    count += keys(browser, "1230").await;
    count += keys(browser, &format!("951010{enter}")).await;
    count + keys(browser, "00").await
}

async fn open(house: &House, browser: &WebDriver) {
    browser.goto(house.at("/keyin")).await.unwrap();
    house.until(browser, By::Id("keyin")).await;
}

async fn press_enter(browser: &WebDriver) -> usize {
    keys(browser, &char::from(Key::Enter).to_string()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticated_sale_takes_at_most_45_keys_and_no_mouse() {
    let house = House::new().await;
    let browser = house.browser("ko").await;
    open(&house, &browser).await;
    let seen = browser.find(By::Id("card-seen")).await.unwrap();
    let count = key_in(&browser).await;
    assert_eq!(seen.text().await.unwrap(), "•••• •••• •••• 1111  Visa");
    let count = count + press_enter(&browser).await;
    house.until(&browser, By::Css(".result.good")).await;
    println!("{count} keys");
    assert!(count <= 45, "{count} keys");
    let books = house.books();
    assert_eq!(books.len(), 1);
    assert_eq!(books[0]["amount"], 1_004);
    // Nothing of the card is left in the page or its history.
    let source = browser.source().await.unwrap();
    assert!(!source.contains("4111111111111111") && !source.contains("951010"));
    let shown = browser.current_url().await.unwrap();
    browser.back().await.unwrap();
    house.left(&browser, shown.as_str()).await;
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
    let house = House::new().await;
    let browser = house.browser("ko").await;
    // Enter held down, and a double click: the answer takes a while.
    for (n, twice) in ["enter", "click"].into_iter().enumerate() {
        open(&house, &browser).await;
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
        house.until(&browser, By::Css(".result.good")).await;
        assert_eq!(house.books().len(), n + 1, "{twice}");
    }
    // The page of the result again, and back from it: neither sends anything.
    browser.refresh().await.unwrap();
    house.until(&browser, By::Css(".result.good")).await;
    let shown = browser.current_url().await.unwrap();
    browser.back().await.unwrap();
    house.left(&browser, shown.as_str()).await;
    assert_eq!(house.books().len(), 2);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_make_one_payment_and_say_so() {
    let house = House::new().await;
    let browser = house.browser("ko").await;
    let first = browser.window().await.unwrap();
    open(&house, &browser).await;
    let second = browser.new_tab().await.unwrap();
    browser.switch_to_window(second).await.unwrap();
    open(&house, &browser).await;
    key_in(&browser).await;
    press_enter(&browser).await;
    house.until(&browser, By::Css(".result.good")).await;
    browser.switch_to_window(first).await.unwrap();
    let amount = browser.find(By::Id("amount")).await.unwrap();
    amount.focus().await.unwrap();
    key_in(&browser).await;
    press_enter(&browser).await;
    let earlier = house
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
    assert_eq!(house.books().len(), 1);
    // With a reason it is a sale of its own.
    let why = browser.find(By::Id("anyway")).await.unwrap();
    why.send_keys("두 번째 상품").await.unwrap();
    press_enter(&browser).await;
    house.until(&browser, By::Css(".result.good")).await;
    assert_eq!(house.books().len(), 2);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_in_doubt_and_then_known_without_a_key() {
    let house = House::new().await;
    let browser = house.browser("ko").await;
    open(&house, &browser).await;
    house.fault("lose_answer");
    // Whoever looks learns nothing, until it was seen that nothing is known.
    house.faults("garbage", "inquire", 1_000_000);
    key_in(&browser).await;
    press_enter(&browser).await;
    house.until(&browser, By::Css(".result.doubt")).await;
    let source = browser.source().await.unwrap();
    assert!(
        source.contains("승인 여부를 아직 모릅니다") && !source.contains("승인되었습니다"),
        "it says more than is known"
    );
    house.clear_faults();
    // This shop's contract answers look-ups, and the operator waits: the sale is found and kept.
    house.until(&browser, By::Css(".result.good")).await;
    let source = browser.source().await.unwrap();
    assert!(source.contains("승인되었습니다"), "it does not say so");
    assert_eq!(house.books().len(), 1);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_where_it_is_and_nothing_typed_is_lost() {
    let house = House::new().await;
    let browser = house.browser("en").await;
    open(&house, &browser).await;
    let enter = char::from(Key::Enter);
    keys(&browser, &format!("1004{enter}4111111111111111")).await;
    keys(&browser, &format!("1220951399{enter}00{enter}")).await;
    house
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
    assert_eq!(house.books().len(), 0);
    browser.quit().await.unwrap();
}
