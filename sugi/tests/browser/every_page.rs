//! Every page, in both languages, on a telephone and on a desk, light, dark and on paper: small enough,
//! nothing from elsewhere, nothing that axe finds, and a picture of it to be looked at.

use std::{fs, path::Path};

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::{
    measure::overlaps,
    test_app::{TestApp, keys},
};

/// Over the wire, style and script included.
const PAGE_BYTES_MAX: u64 = 60_000;

/// How a page is looked at.
#[derive(Clone, Copy)]
struct View {
    name: &'static str,
    width: u64,
    scheme: &'static str,
    media: &'static str,
}

const DESK: View = View::new("1440", 1_440, "light", "screen");

const VIEWS: [View; 4] = [
    View::new("390", 390, "light", "screen"),
    DESK,
    View::new("dark", 1_440, "dark", "screen"),
    // A4 without its margins. Who works in the dark prints on white paper all the same.
    View::new("paper", 734, "dark", "print"),
];

impl View {
    const fn new(
        name: &'static str,
        width: u64,
        scheme: &'static str,
        media: &'static str,
    ) -> Self {
        Self {
            name,
            width,
            scheme,
            media,
        }
    }

    /// Looks at the page that is open in this way, all of it at once.
    async fn at(self, browser: &WebDriver) {
        let scheme = json!([{ "name": "prefers-color-scheme", "value": self.scheme }]);
        let media = json!({ "media": self.media, "features": scheme });
        let tools = browser.cdp();
        let media = tools.send_raw("Emulation.setEmulatedMedia", media).await;
        media.unwrap();
        let mut height = 800;
        for _ in 0..2 {
            let size = json!({
                "width": self.width, "height": height, "deviceScaleFactor": 1, "mobile": false,
            });
            let set = tools.send_raw("Emulation.setDeviceMetricsOverride", size);
            set.await.unwrap();
            let tall = "return document.documentElement.scrollHeight + 40";
            let tall = browser.execute(tall, vec![]).await.unwrap();
            height = tall.json().as_u64().unwrap().clamp(800, 6_000);
        }
    }
}

pub(crate) fn axe() -> String {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/axe/axe.min.js");
    fs::read_to_string(place).expect("axe-core is not here; ./test installs it")
}

/// Looks at a page that is open in every way; whatever is wrong with it.
pub(crate) async fn look(browser: &WebDriver, axe: &str, name: &str) -> Vec<String> {
    let mut found = weigh(browser, name).await;
    // The script gets in through the driver, past the policy that the page has.
    browser.execute(axe, vec![]).await.unwrap();
    for view in VIEWS {
        let name = format!("{name}-{}", view.name);
        view.at(browser).await;
        if view.media == "screen" {
            found.extend(violations(browser, &name).await);
        }
        let wide = "return document.documentElement.scrollWidth > innerWidth";
        if browser.execute(wide, vec![]).await.unwrap().json() == &Value::Bool(true) {
            found.push(format!("{name}: wider than the window"));
        }
        let cut = "return [...document.querySelectorAll('.scroll')].some((one) => one.scrollWidth > one.clientWidth)";
        if browser.execute(cut, vec![]).await.unwrap().json() == &Value::Bool(true) {
            found.push(format!("{name}: a table is cut off"));
        }
        let ground =
            "return getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'";
        let white = browser.execute(ground, vec![]).await.unwrap();
        if view.media == "print" && white.json() != &Value::Bool(true) {
            found.push(format!("{name}: is no white paper"));
        }
        picture(browser, &name).await;
    }
    // No one can click on paper.
    DESK.at(browser).await;
    found
}

/// What the page and all that it asks for weigh, and where it comes from.
async fn weigh(browser: &WebDriver, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let sizes = r#"
        const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
        return all.filter((one) => !one.name.includes("/live")).map((one) => [one.name, one.encodedBodySize]);"#;
    let sizes = browser.execute(sizes, vec![]).await.unwrap();
    let sizes: Vec<(String, u64)> = serde_json::from_value(sizes.json().clone()).unwrap();
    let bytes: u64 = sizes.iter().map(|(_, size)| size).sum();
    if bytes > PAGE_BYTES_MAX {
        found.push(format!("{name}: {bytes} bytes"));
    }
    for (address, _) in &sizes {
        let ours = ["http://127.0.0.1:", "http://localhost:", "data:"];
        if !ours.iter().any(|ours| address.starts_with(ours)) {
            found.push(format!("{name}: asks {address}"));
        }
    }
    found
}

/// What axe finds.
pub(crate) async fn violations(browser: &WebDriver, name: &str) -> Vec<String> {
    let run = r#"
        const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ["violations"] }).then((all) => done(all.violations.map((one) =>
            one.id + ": " + one.nodes.map((node) => node.html.slice(0, 160)).join(" | "))));"#;
    let violations = browser.execute_async(run, vec![]).await.unwrap();
    let violations: Vec<String> = serde_json::from_value(violations.json().clone()).unwrap();
    let violations = violations.into_iter();
    violations.map(|what| format!("{name}: {what}")).collect()
}

async fn picture(browser: &WebDriver, name: &str) {
    let dir = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/screenshots"
    ));
    fs::create_dir_all(dir).unwrap();
    let png = browser.screenshot_as_png().await.unwrap();
    fs::write(dir.join(format!("{name}.png")), png).unwrap();
}

/// Something of everything: sales, one of them in dollars, one that is refunded in part, one that was
/// declined, and one that stays in doubt and waits for a second person to close it. Where each of them is.
async fn scene(test_app: &TestApp, browser: &WebDriver) -> Vec<(&'static str, String)> {
    let page = |sale: &Value| format!("/payments/{}", sale["id"].as_str().unwrap());
    let webhook = test_app.webhook();
    let sale = page(&test_app.sale("P-1"));
    let part = test_app.sale("P-2");
    test_app.cancel(&part, 50_000);
    let number = kcp_sandbox::magic_card(99, "CC61").unwrap();
    let card = json!({ "card": { "number": number, "expiry": "2030-12" } });
    let declined = page(&test_app.pay("P-3", &card));
    let cents = json!({ "amount": 123_456, "currency": "USD" });
    let dollars = page(&test_app.pay("P-5", &cents));
    test_app.fault("lose_answer");
    let elsewhere = json!({ "shop": "no-lookup", "amount": 1_234_567 });
    let doubt = page(&test_app.pay("P-4", &elsewhere));
    browser.goto(test_app.at(&doubt)).await.unwrap();
    for (field, text) in [("tno", "26000000000001"), ("note", "KCP 상점관리자")] {
        let field = test_app.until(browser, By::Id(field)).await;
        field.send_keys(text).await.unwrap();
    }
    let close = browser.find(By::Css("form[action$='/close'] .button"));
    close.await.unwrap().click().await.unwrap();
    test_app
        .until(browser, By::Css(".notice[role=alert]"))
        .await;
    vec![
        ("webhook", webhook),
        ("receipt", format!("{sale}/receipt")),
        ("receipt-dollars", format!("{dollars}/receipt")),
        ("payment-dollars", dollars),
        ("receipt-part", format!("{}/receipt", page(&part))),
        ("payment", sale),
        ("payment-part", page(&part)),
        ("payment-declined", declined),
        ("payment-doubt", doubt),
    ]
}

/// What else there is to see, by name.
const PAGES: [(&str, &str); 14] = [
    ("keyin", "/keyin"),
    ("payments", "/payments"),
    ("doubts", "/doubts"),
    ("approvals", "/approvals"),
    ("day", "/day"),
    ("settings", "/settings"),
    ("operator", "/settings/operators/demo2"),
    ("add-operator", "/settings/add-operator"),
    ("add-webhook", "/settings/add-webhook"),
    ("audit", "/settings/audit"),
    ("account", "/account"),
    ("codes", "/account/codes"),
    ("nothing", "/payments/nothing"),
    ("nowhere", "/nowhere"),
];

/// The page to key in at, when something was wrong; a webhook's secret; and the keys that there are.
async fn in_between(test_app: &TestApp, browser: &WebDriver, axe: &str, lang: &str) -> Vec<String> {
    browser.goto(test_app.at("/keyin")).await.unwrap();
    for (field, text) in [
        ("amount", "1234567"),
        ("card", "4111111111111111"),
        ("expiry", "1220"),
        ("holder", "951399"),
        ("password", "00"),
    ] {
        let field = test_app.until(browser, By::Id(field)).await;
        field.send_keys(text).await.unwrap();
    }
    browser
        .find(By::Id("charge"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    test_app
        .until(browser, By::Css("#expiry[aria-invalid]"))
        .await;
    let mut found = look(browser, axe, &format!("keyin-wrong-{lang}")).await;
    browser
        .goto(test_app.at("/settings/add-webhook"))
        .await
        .unwrap();
    let url = browser.find(By::Id("url")).await.unwrap();
    url.send_keys("https://shop.example.com/sugi")
        .await
        .unwrap();
    let own = browser.find(By::Name("own")).await.unwrap();
    own.send_keys(test_app.password()).await.unwrap();
    keys(browser, "\u{e007}").await;
    test_app.until(browser, By::Css("section code")).await;
    found.extend(look(browser, axe, &format!("webhook-secret-{lang}")).await);
    browser.goto(test_app.at("/day")).await.unwrap();
    keys(browser, "?").await;
    test_app.until(browser, By::Css("#keys[open]")).await;
    found.extend(look(browser, axe, &format!("keys-{lang}")).await);
    found
}

async fn every_page_in(lang: &str) {
    let (test_app, axe) = (TestApp::new().await, axe());
    let browser = test_app.stranger(lang).await;
    browser.goto(test_app.at("/sign-in")).await.unwrap();
    let mut found = look(&browser, &axe, &format!("sign-in-{lang}")).await;
    test_app.sign_in(&browser).await;
    let mut pages = scene(&test_app, &browser).await;
    pages.extend(PAGES.map(|(name, path)| (name, path.to_owned())));
    for (name, path) in pages {
        browser.goto(test_app.at(&path)).await.unwrap();
        found.extend(look(&browser, &axe, &format!("{name}-{lang}")).await);
        // The other language is measured in every configuration.
        if lang == "ko" {
            found.extend(overlaps(&browser, name).await);
        }
    }
    found.extend(in_between(&test_app, &browser, &axe, lang).await);
    browser.quit().await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_light_and_can_be_used_by_everybody_in_korean() {
    every_page_in("ko").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_light_and_can_be_used_by_everybody_in_english() {
    every_page_in("en").await;
}
