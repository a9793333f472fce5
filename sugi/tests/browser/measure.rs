//! Looking at a page by measuring it: where its texts are, and how its buttons can be read.

use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// Windows that people have: small and usual telephones, a tablet upright and on its side, a desk, a large one.
const WIDTHS: [u64; 6] = [360, 390, 768, 1_024, 1_440, 1_920];

/// Makes the window so wide, and as high as the page is.
pub(crate) async fn window(browser: &WebDriver, width: u64) {
    let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
    let tools = browser.cdp();
    let set = tools.send_raw("Emulation.setDeviceMetricsOverride", size);
    set.await.unwrap();
}

/// What lies over what at any width, and what is too narrow to type in.
pub(crate) async fn overlaps(browser: &WebDriver, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for width in WIDTHS {
        window(browser, width).await;
        let measured = browser.execute(include_str!("measure.js"), vec![]).await;
        let measured: Vec<String> = measured.unwrap().convert().unwrap();
        found.extend(
            measured
                .into_iter()
                .map(|what| format!("{name} at {width}: {what}")),
        );
    }
    window(browser, 1_440).await;
    found
}

/// Buttons that cannot be read in one of their states, light or dark. The page is not fit for use afterwards.
pub(crate) async fn faint_buttons(browser: &WebDriver, name: &str) -> Vec<String> {
    let tools = browser.cdp();
    for domain in ["DOM.enable", "CSS.enable"] {
        tools.send_raw(domain, json!({})).await.unwrap();
    }
    let page = tools.send_raw("DOM.getDocument", json!({ "depth": 0 }));
    let page = page.await.unwrap()["root"]["nodeId"].clone();
    let all = json!({ "nodeId": page, "selector": "button, .button" });
    let all = tools.send_raw("DOM.querySelectorAll", all).await.unwrap();
    let all = all["nodeIds"].as_array().unwrap().clone();
    let mut found = Vec::new();
    for (state, pseudo, least) in [
        ("rest", &[][..], 4.5),
        ("hover", &["hover"], 4.5),
        ("focus", &["focus", "focus-visible"], 4.5),
        ("active", &["hover", "active"], 4.5),
        ("busy", &["hover"], 4.5),
        ("disabled", &["hover"], 4.5),
    ] {
        for node in &all {
            let forced = json!({ "nodeId": node, "forcedPseudoClasses": pseudo });
            let forced = tools.send_raw("CSS.forcePseudoState", forced).await;
            forced.unwrap();
        }
        let attribute = match state {
            "busy" => "one.setAttribute('aria-busy', 'true')",
            "disabled" => "one.disabled = true",
            _ => "0",
        };
        let script = format!("for (const one of document.querySelectorAll('button')) {attribute};");
        browser.execute(script, vec![]).await.unwrap();
        for scheme in ["light", "dark"] {
            let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            let media = json!({ "media": "screen", "features": features });
            let set = tools.send_raw("Emulation.setEmulatedMedia", media).await;
            set.unwrap();
            let script = include_str!("contrast.js");
            let seen = browser.execute(script, vec![Value::from(state)]).await;
            let seen: Vec<(f64, String, String)> = seen.unwrap().convert().unwrap();
            let faint = seen.into_iter().filter(|(ratio, ..)| *ratio < least);
            found.extend(faint.map(|(ratio, kind, text)| {
                format!("{name}, {state}, {scheme}: {kind} \"{text}\" has {ratio:.1}")
            }));
        }
    }
    found
}
