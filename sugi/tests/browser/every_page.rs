//! Every page, in both languages, on a telephone and on a desk: light enough, nothing from elsewhere,
//! nothing that axe finds, and a picture of it to be looked at.

use std::{fs, path::Path};

use serde_json::Value;
use thirtyfour::prelude::*;

use crate::house::{House, size};

/// Over the wire, style and script included.
const PAGE_BYTES_MAX: u64 = 60_000;

pub(crate) fn axe() -> String {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/axe/axe.min.js");
    fs::read_to_string(place).expect("axe-core is not here; ./test installs it")
}

/// Looks at a page that is open.
pub(crate) async fn look(browser: &WebDriver, axe: &str, name: &str) -> Vec<String> {
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
    // The script gets in through the driver, past the policy that the page has.
    browser.execute(axe, vec![]).await.unwrap();
    let run = r#"
        const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ["violations"] }).then((all) => done(all.violations.map((one) =>
            one.id + ": " + one.nodes.map((node) => node.html.slice(0, 160)).join(" | "))));"#;
    let violations = browser.execute_async(run, vec![]).await.unwrap();
    let violations: Vec<String> = serde_json::from_value(violations.json().clone()).unwrap();
    found.extend(violations.into_iter().map(|what| format!("{name}: {what}")));
    let wide = "return document.documentElement.scrollWidth > innerWidth";
    if browser.execute(wide, vec![]).await.unwrap().json() == &Value::Bool(true) {
        found.push(format!("{name}: wider than the window"));
    }
    found
}

pub(crate) async fn picture(browser: &WebDriver, name: &str) {
    let dir = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/screenshots"
    ));
    fs::create_dir_all(dir).unwrap();
    let png = browser.screenshot_as_png().await.unwrap();
    fs::write(dir.join(format!("{name}.png")), png).unwrap();
}

/// The whole page on one picture.
async fn as_tall_as_it_is(browser: &WebDriver, width: u32) {
    size(browser, width, 900).await;
    let tall = "return document.documentElement.scrollHeight + 40";
    let tall = browser.execute(tall, vec![]).await.unwrap();
    let tall = tall.json().as_u64().unwrap().clamp(900, 6_000);
    size(browser, width, u32::try_from(tall).unwrap()).await;
}

async fn pages(house: &House, browser: &WebDriver) -> Vec<(&'static str, String)> {
    let mut pages: Vec<_> = [
        ("keyin", "/keyin"),
        ("payments", "/payments"),
        ("doubts", "/doubts"),
        ("wishes", "/wishes"),
        ("day", "/day"),
        ("settings", "/settings"),
        ("audit", "/settings/audit"),
        ("account", "/account"),
    ]
    .map(|(name, path)| (name, path.to_owned()))
    .into();
    browser.goto(house.at("/payments")).await.unwrap();
    let link = browser
        .find(By::Css("main a[href^='/payments/pay_']"))
        .await;
    let payment = link.unwrap().attr("href").await.unwrap().unwrap();
    pages.push(("receipt", format!("{payment}/receipt")));
    pages.push(("payment", payment));
    pages
}

async fn every_page_in(lang: &str) {
    let (house, axe) = (House::new().await, axe());
    let mut found = Vec::new();
    let browser = house.stranger(lang).await;
    browser.goto(house.at("/sign-in")).await.unwrap();
    found.extend(look(&browser, &axe, &format!("sign-in-{lang}")).await);
    for width in [390, 1_440] {
        as_tall_as_it_is(&browser, width).await;
        picture(&browser, &format!("sign-in-{lang}-{width}")).await;
    }
    browser.quit().await.unwrap();
    let browser = house.browser(lang).await;
    for order in 1..=3 {
        house.sale(&format!("P-{lang}-{order}"));
    }
    for (name, path) in pages(&house, &browser).await {
        for width in [390, 1_440] {
            browser.goto(house.at(&path)).await.unwrap();
            as_tall_as_it_is(&browser, width).await;
            let name = format!("{name}-{lang}-{width}");
            found.extend(look(&browser, &axe, &name).await);
            picture(&browser, &name).await;
        }
    }
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
