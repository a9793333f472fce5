//! What an installation is made of.

use jiff::SignedDuration;

use crate::{
    page::{between, plain},
    test_app::TestApp,
};

async fn rows(test_app: &TestApp, name: &str) -> Vec<String> {
    let cookie = test_app.english("administer").await;
    let page = test_app.page("GET", "/settings", &cookie).await;
    assert_eq!(page.status, 200);
    let part = between(&page.text, &format!("<h2>{name}</h2>"), "</section>")[0].to_owned();
    between(&part, "<tr>", "</tr>")
        .into_iter()
        .map(plain)
        .collect()
}

#[tokio::test]
async fn a_shop_is_told_with_its_contract() {
    let test_app = TestApp::new().await;
    let shops = rows(&test_app, "Shops").await;
    assert_eq!(shops.len(), 2, "{shops:?}");
    let site = test_app.engine.shops()[0].client.site_code().to_string();
    assert!(
        shops[1].starts_with(&format!("main {site} Test with proof")),
        "{shops:?}"
    );
}

#[tokio::test]
async fn keys_are_told_without_what_opens() {
    let test_app = TestApp::new().await;
    let keys = rows(&test_app, "API keys").await;
    for key in &keys[1..] {
        // In this house a key's name, its scope and its spelling are one word.
        let (name, rest) = key.split_once(' ').unwrap();
        assert_eq!(rest, format!("{name} All"));
    }
    assert_eq!(keys.len(), 1 + sugi_api::Scope::ALL.len());
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_seen() {
    let test_app = TestApp::new().await;
    let shop = test_app.engine.shops().remove(0);
    let (from, ends) = {
        let credentials = shop.client.credentials();
        (credentials.not_before(), credentials.not_after())
    };
    let cell = async || {
        let cookie = test_app.english("administer").await;
        let page = test_app.page("GET", "/settings", &cookie).await.text;
        between(&page, "data-label=\"Certificate\">", "</td>")[0].to_owned()
    };
    let write = |at: jiff::Timestamp| {
        jiff::tz::Offset::constant(9)
            .to_datetime(at)
            .date()
            .to_string()
    };
    let told = cell().await;
    assert!(
        told.contains(&write(from)) && told.contains(&write(ends)),
        "{told}"
    );
    assert!(told.contains("state good"), "{told}");
    let until = |days: i64| {
        let at = ends - SignedDuration::from_hours(24 * days);
        let wait = at.duration_since(test_app.clock.now());
        test_app.clock.advance(wait);
    };
    until(31);
    let told = cell().await;
    assert!(
        told.contains("state good") && told.contains("31 days left"),
        "{told}"
    );
    until(30);
    let told = cell().await;
    assert!(
        told.contains("state bad") && told.contains("30 days left"),
        "{told}"
    );
    until(0);
    let told = cell().await;
    assert!(
        told.contains("state bad") && told.contains("ended"),
        "{told}"
    );
}
