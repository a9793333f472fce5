//! Passkeys in a real browser, with an authenticator that the driver plays.

use serde_json::json;
use thirtyfour::{Key, prelude::*};

use crate::{
    every_page::{axe, look},
    test_app::{TestApp, keys},
};

/// A device that recognises its owner; its name.
async fn device(browser: &WebDriver) -> String {
    let device = json!({ "options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
        "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true,
    } });
    let cdp = browser.cdp();
    cdp.send_raw("WebAuthn.enable", json!({})).await.unwrap();
    let added = cdp.send_raw("WebAuthn.addVirtualAuthenticator", device);
    let added = added.await.unwrap();
    added["authenticatorId"].as_str().unwrap().to_owned()
}

/// Says whether the device recognises whoever sits there.
async fn recognises(browser: &WebDriver, device: &str, yes: bool) {
    let said = json!({ "authenticatorId": device, "isUserVerified": yes });
    let cdp = browser.cdp();
    cdp.send_raw("WebAuthn.setUserVerified", said)
        .await
        .unwrap();
}

/// Fills in the form to add a passkey, and sends it.
async fn add(test_app: &TestApp, browser: &WebDriver, name: &str) {
    browser
        .goto(test_app.at_localhost("/account"))
        .await
        .unwrap();
    let open = test_app
        .until(browser, By::Css("#passkey-add summary"))
        .await;
    open.click().await.unwrap();
    let field = browser.find(By::Id("passkey-name")).await.unwrap();
    field.send_keys(name).await.unwrap();
    let (tab, enter) = (char::from(Key::Tab), char::from(Key::Enter));
    keys(browser, &format!("{tab}{}{enter}", test_app.password())).await;
}

/// Asks to be let in with a passkey, by keyboard.
async fn enter(test_app: &TestApp, browser: &WebDriver) {
    browser
        .goto(test_app.at_localhost("/sign-in"))
        .await
        .unwrap();
    let way = By::Css("[data-passkey]:not([hidden]) button");
    let way = test_app.until(browser, way).await;
    way.focus().await.unwrap();
    keys(browser, &char::from(Key::Enter).to_string()).await;
}

async fn sign_out(test_app: &TestApp, browser: &WebDriver) {
    let out = browser
        .find(By::Css("form[action='/sign-out'] button"))
        .await;
    out.unwrap().click().await.unwrap();
    test_app.until(browser, By::Id("password")).await;
}

/// What the page says is wrong, which has the focus so that it is read out.
async fn problem(test_app: &TestApp, browser: &WebDriver) -> String {
    let problem = By::Css("[data-passkey] .problem:not([hidden])");
    let problem = test_app.until(browser, problem).await;
    assert_eq!(
        problem.attr("role").await.unwrap().as_deref(),
        Some("alert")
    );
    let focus = browser.active_element().await.unwrap();
    let text = problem.text().await.unwrap();
    assert_eq!(focus.text().await.unwrap(), text);
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_added_lets_in_and_is_removed() {
    let (test_app, axe) = (TestApp::new().await, axe());
    let browser = test_app.stranger("en").await;
    let device = device(&browser).await;
    browser
        .goto(test_app.at_localhost("/sign-in"))
        .await
        .unwrap();
    let mut found = look(&browser, &axe, "passkeys-sign-in").await;
    test_app.sign_in(&browser).await;

    add(&test_app, &browser, "office laptop").await;
    let mine = By::Css("form[action^='/account/passkeys/']:not([data-passkey])");
    test_app.until(&browser, mine.clone()).await;
    let section = browser.find(By::Id("passkeys")).await.unwrap();
    assert!(section.text().await.unwrap().contains("office laptop"));
    let open = browser.find(By::Css("#passkey-add summary")).await.unwrap();
    open.click().await.unwrap();
    found.extend(look(&browser, &axe, "passkeys-account").await);
    add(&test_app, &browser, "once more").await;
    let why = problem(&test_app, &browser).await;
    assert_eq!(why, "This device has a passkey of yours already.");

    sign_out(&test_app, &browser).await;
    enter(&test_app, &browser).await;
    test_app.until(&browser, By::Id("keyin")).await;
    sign_out(&test_app, &browser).await;
    recognises(&browser, &device, false).await;
    enter(&test_app, &browser).await;
    let why = problem(&test_app, &browser).await;
    assert!(why.starts_with("It was cancelled on the device"), "{why}");
    recognises(&browser, &device, true).await;
    enter(&test_app, &browser).await;
    test_app.until(&browser, By::Id("keyin")).await;

    browser
        .goto(test_app.at_localhost("/account"))
        .await
        .unwrap();
    let open = browser.find(By::Css("#passkeys .line summary")).await;
    open.unwrap().click().await.unwrap();
    let password = By::Css("#passkeys .line input[type=password]");
    let password = browser.find(password).await.unwrap();
    password.send_keys(test_app.password()).await.unwrap();
    keys(&browser, &char::from(Key::Enter).to_string()).await;
    let add_one = By::Css("#passkeys .hint + noscript + [data-passkey-note]");
    test_app.until(&browser, add_one).await;
    assert!(browser.find_all(mine).await.unwrap().is_empty());
    sign_out(&test_app, &browser).await;
    enter(&test_app, &browser).await;
    let why = problem(&test_app, &browser).await;
    assert!(why.starts_with("This passkey lets nobody in."), "{why}");
    let at = browser.current_url().await.unwrap();
    assert_eq!(at.path(), "/sign-in");
    browser.quit().await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_another_address_there_is_no_way_to_try_and_the_page_says_where_there_is() {
    let test_app = TestApp::new().await;
    let browser = test_app.stranger("en").await;
    browser.goto(test_app.at("/sign-in")).await.unwrap();
    let way = browser.find(By::Css("[data-passkey]")).await.unwrap();
    assert!(!way.is_displayed().await.unwrap());
    test_app.sign_in(&browser).await;
    browser.goto(test_app.at("/account")).await.unwrap();
    let note = By::Css("[data-passkey-note]:not([hidden])");
    let note = test_app.until(&browser, note).await;
    assert_eq!(
        note.text().await.unwrap(),
        format!(
            "Passkeys can be used at {} only.",
            test_app.at_localhost("")
        )
    );
    let form = browser.find(By::Css("[data-passkey]")).await.unwrap();
    assert!(!form.is_displayed().await.unwrap());
    browser.quit().await.unwrap();
}
