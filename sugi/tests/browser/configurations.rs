//! Every page in every configuration that an installation can have: one shop and several, won and dollars, with
//! and without tax parts, proof and instalments, each role, with one-time codes and without. Each is measured
//! at every width; its buttons in every state.

use serde_json::json;
use sugi_engine::{Contract, Currencies};
use sugi_pages::{Gate, ROUTES};
use thirtyfour::{Key, prelude::*};
use totp_rs::{Builder, Secret};

use crate::{
    measure::{faint_buttons, overlaps},
    service::{PASSWORD, Service, contract},
    test_app::until,
};

fn dollars() -> Currencies {
    Currencies::parse(&["USD"]).unwrap()
}

/// Sends what stands in the form to key in at, so that whatever is missing is said at its field.
async fn refused(browser: &WebDriver) {
    let charge = browser.find(By::Id("charge")).await.unwrap();
    charge.click().await.unwrap();
    until(browser, By::Css("#card[aria-invalid]")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_contract_has_pages_that_can_be_typed_in() {
    let service = Service::new().await;
    let browser = service.browser("ko").await;
    service.sign_in(&browser, "all").await;
    let both = Contract {
        currencies: Currencies::both(),
        ..contract()
    };
    let plain = Contract {
        authenticated: true,
        unauthenticated: false,
        installments: 0,
        partial_cancel: false,
        ..contract()
    };
    let split = Contract {
        tax_split: true,
        unauthenticated: true,
        ..both.clone()
    };
    service.shops([("main", split.clone())]);
    let tax = json!({ "amount": 1_234_567, "tax": { "supply": 1_000_000, "vat": 100_000, "tax_free": 134_567 } });
    let sales = [
        service.pay(&browser, "A-1", json!({})).await,
        service.pay(&browser, "A-2", tax).await,
        service
            .pay(
                &browser,
                "A-3",
                json!({ "amount": 123_456, "currency": "USD" }),
            )
            .await,
    ];
    let mut found = Vec::new();
    for (name, shops) in [
        ("one shop, won", vec![("main", contract())]),
        (
            "one shop, won, proof only, whole only",
            vec![("main", plain.clone())],
        ),
        ("one shop, both", vec![("main", both.clone())]),
        ("one shop, both, tax", vec![("main", split.clone())]),
        (
            "one shop, dollars",
            vec![(
                "main",
                Contract {
                    currencies: dollars(),
                    ..contract()
                },
            )],
        ),
        (
            "two shops, one with both",
            vec![("main", split), ("second-shop-of-a-long-name", plain)],
        ),
    ] {
        match <[_; 1]>::try_from(shops.clone()) {
            Ok(one) => service.shops(one),
            Err(two) => service.shops(<[_; 2]>::try_from(two).unwrap()),
        }
        browser.goto(service.at("/keyin")).await.unwrap();
        found.extend(overlaps(&browser, &format!("keyin, {name}")).await);
        let amount = browser.find(By::Id("amount")).await.unwrap();
        amount.send_keys("999999999999").await.unwrap();
        refused(&browser).await;
        found.extend(overlaps(&browser, &format!("keyin refused, {name}")).await);
        for (n, sale) in sales.iter().enumerate() {
            browser.goto(service.at(sale)).await.unwrap();
            found.extend(overlaps(&browser, &format!("payment {n}, {name}")).await);
        }
        browser.goto(service.at("/payments")).await.unwrap();
        found.extend(overlaps(&browser, &format!("payments, {name}")).await);
    }
    browser.quit().await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_has_pages_that_can_be_read_and_buttons_in_every_state() {
    let service = Service::new().await;
    let browser = service.browser("en").await;
    let mut found = overlaps(&browser, "sign-in").await;
    found.extend(faint_buttons(&browser, "sign-in").await);
    let sale = service.pay(&browser, "A-1", json!({})).await;
    let mut looked = 0;
    for name in ["looker", "key_in", "cancel", "close", "administer", "all"] {
        service.sign_in(&browser, name).await;
        for route in ROUTES.iter().filter(|route| route.get) {
            let of_all = route.gate == Gate::Operator && !matches!(name, "looker" | "all");
            let is_page = !matches!(
                route.path,
                "/" | "/live" | "/sign-in" | "/assets/{name}" | "/day/export/{name}"
            ) && !route.path.contains("/webhooks/");
            // What everybody sees alike is looked at as who may the least and who may the most.
            if of_all && !route.path.starts_with("/payments/") || !is_page {
                continue;
            }
            let path = route
                .path
                .replace("/payments/{id}", &sale)
                .replace("{name}", "lee");
            browser.goto(service.at(&path)).await.unwrap();
            let whole = format!("{name} at {path}");
            found.extend(overlaps(&browser, &whole).await);
            if name == "all" {
                found.extend(faint_buttons(&browser, &whole).await);
            }
            looked += 1;
        }
    }
    assert!(looked > 40, "{looked}");
    found.extend(codes(&service, &browser).await);
    browser.quit().await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Sets one-time codes up; the recovery codes, which are shown once, and the pages of someone who has codes.
async fn codes(service: &Service, browser: &WebDriver) -> Vec<String> {
    browser.goto(service.at("/account/codes")).await.unwrap();
    let field = browser.find(By::Name("secret")).await.unwrap();
    let secret = field.prop("value").await.unwrap().unwrap();
    let secret = Secret::try_from_base32(&secret).unwrap();
    let app = Builder::new().with_secret(secret).build().unwrap();
    let now = u64::try_from(service.clock.now().as_second()).unwrap();
    for (field, text) in [
        ("code", &*app.generate(now).to_string()),
        ("password", PASSWORD),
    ] {
        let field = browser.find(By::Id(field)).await.unwrap();
        field.send_keys(text).await.unwrap();
    }
    let password = browser.find(By::Id("password")).await.unwrap();
    password.send_keys(Key::Enter + "").await.unwrap();
    until(browser, By::Css(".paper li")).await;
    let mut found = overlaps(browser, "recovery codes").await;
    for path in [
        "/account",
        "/account/codes",
        "/settings/operators/lee",
        "/settings/add-webhook",
    ] {
        browser.goto(service.at(path)).await.unwrap();
        found.extend(overlaps(browser, &format!("{path} with codes")).await);
    }
    found
}
