//! The choice of a language: a click, on every page, and it is kept.

use thirtyfour::prelude::*;

use crate::test_app::TestApp;

/// Clicks the button that is written in the other language.
async fn click(browser: &WebDriver, name: &str) {
    let button = format!("//form[@action='/lang']//button[.='{name}']");
    let button = browser.find(By::XPath(button)).await.unwrap();
    button.click().await.unwrap();
}

/// Waits until the page is in a language, and has this heading.
async fn is_in(test_app: &TestApp, browser: &WebDriver, lang: &str, heading: &str) {
    let whole = format!("//html[@lang='{lang}']//h1[starts-with(., '{heading}')]");
    test_app.until(browser, By::XPath(whole)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_language_is_chosen_by_a_click_and_kept() {
    let test_app = TestApp::new().await;
    // The browser asks for Korean.
    let browser = test_app.stranger("ko").await;
    browser.goto(test_app.at("/sign-in")).await.unwrap();
    is_in(&test_app, &browser, "ko", "로그인").await;
    click(&browser, "English").await;
    is_in(&test_app, &browser, "en", "Sign in").await;
    test_app.sign_in(&browser).await;
    is_in(&test_app, &browser, "en", "Key in a card").await;
    // Where one is one stays, with what was asked for.
    let search = test_app.at("/payments?q=A-1&state=approved");
    browser.goto(&search).await.unwrap();
    is_in(&test_app, &browser, "en", "Payments").await;
    click(&browser, "한국어").await;
    is_in(&test_app, &browser, "ko", "결제 내역").await;
    assert_eq!(browser.current_url().await.unwrap().as_str(), search);
    click(&browser, "English").await;
    is_in(&test_app, &browser, "en", "Payments").await;
    // Signing out does not change it, nor does a new tab.
    let out = browser.find(By::Css("form[action='/sign-out'] button"));
    out.await.unwrap().click().await.unwrap();
    is_in(&test_app, &browser, "en", "Sign in").await;
    let tab = browser.new_tab().await.unwrap();
    browser.switch_to_window(tab).await.unwrap();
    browser.goto(test_app.at("/sign-in")).await.unwrap();
    is_in(&test_app, &browser, "en", "Sign in").await;
    test_app.sign_in(&browser).await;
    browser.goto(test_app.at("/day")).await.unwrap();
    is_in(&test_app, &browser, "en", "The day").await;
    browser.quit().await.unwrap();
}
