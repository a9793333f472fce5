//! The choice of a language: a click, on every page, and it is kept.

use thirtyfour::prelude::*;

use crate::house::House;

/// Clicks the button that is written in the other language.
async fn click(browser: &WebDriver, name: &str) {
    let button = format!("//form[@action='/lang']//button[.='{name}']");
    let button = browser.find(By::XPath(button)).await.unwrap();
    button.click().await.unwrap();
}

/// Waits until the page is in a language, and has this heading.
async fn is_in(house: &House, browser: &WebDriver, lang: &str, heading: &str) {
    let whole = format!("//html[@lang='{lang}']//h1[starts-with(., '{heading}')]");
    house.until(browser, By::XPath(whole)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_language_is_chosen_by_a_click_and_kept() {
    let house = House::new().await;
    // The browser asks for Korean.
    let browser = house.stranger("ko").await;
    browser.goto(house.at("/sign-in")).await.unwrap();
    is_in(&house, &browser, "ko", "로그인").await;
    click(&browser, "English").await;
    is_in(&house, &browser, "en", "Sign in").await;
    house.sign_in(&browser).await;
    is_in(&house, &browser, "en", "Key in a card").await;
    // Where one is one stays, with what was asked for.
    let search = house.at("/payments?q=A-1&state=approved");
    browser.goto(&search).await.unwrap();
    is_in(&house, &browser, "en", "Payments").await;
    click(&browser, "한국어").await;
    is_in(&house, &browser, "ko", "결제 내역").await;
    assert_eq!(browser.current_url().await.unwrap().as_str(), search);
    click(&browser, "English").await;
    is_in(&house, &browser, "en", "Payments").await;
    // Signing out does not change it, nor does a new tab.
    let out = browser.find(By::Css("form[action='/sign-out'] button"));
    out.await.unwrap().click().await.unwrap();
    is_in(&house, &browser, "en", "Sign in").await;
    let tab = browser.new_tab().await.unwrap();
    browser.switch_to_window(tab).await.unwrap();
    browser.goto(house.at("/sign-in")).await.unwrap();
    is_in(&house, &browser, "en", "Sign in").await;
    house.sign_in(&browser).await;
    browser.goto(house.at("/day")).await.unwrap();
    is_in(&house, &browser, "en", "The day").await;
    browser.quit().await.unwrap();
}
