//! The pages' own table of addresses, tried as everybody.

use sugi_access::Role;
use sugi_pages::{Gate, ROUTES, Route};

use crate::test_app::{TestApp, everybody};

/// An address with names that exist where it has blanks.
pub(crate) fn at(test_app: &TestApp, route: &Route) -> String {
    route
        .path
        .replace("/payments/{id}", &format!("/payments/{}", test_app.payment))
        .replace("/operators/{name}", "/operators/looker")
        .replace("{id}", "nothing")
        .replace("{name}", "nothing")
}

fn methods(route: &Route) -> impl Iterator<Item = &'static str> {
    let get = route.get.then_some("GET");
    get.into_iter().chain(route.post.then_some("POST"))
}

#[tokio::test]
async fn every_address_lets_in_whom_the_table_says_and_nobody_else() {
    let test_app = TestApp::new().await;
    let mut people = Vec::new();
    for (name, roles) in everybody() {
        people.push((name, roles, test_app.sign_in(name).await));
    }
    let mut tried = 0;
    for route in ROUTES {
        let path = at(&test_app, route);
        for method in methods(route) {
            // No one.
            let answer = test_app.page(method, &path, "").await;
            let to = answer.header("location").unwrap_or_default();
            let sent_away = answer.status == 303 && to.starts_with("/sign-in");
            let live = route.path == "/live" && answer.status == 401;
            assert_eq!(
                sent_away || live,
                route.gate != Gate::Anybody,
                "{method} {path}: {answer:?}"
            );
            // Everybody.
            for (name, roles, cookie) in &people {
                // Signing out ends what the others are tried with, and a stream does not end.
                if matches!(route.path, "/sign-out" | "/live") {
                    continue;
                }
                let answer = test_app.page(method, &path, cookie).await;
                let may = match route.gate {
                    Gate::Anybody | Gate::Operator => true,
                    Gate::Role(role) => roles.contains(&role),
                };
                assert_eq!(
                    answer.status != 403,
                    may,
                    "{name} {method} {path}: {answer:?}"
                );
                assert!(answer.status < 500, "{name} {method} {path}: {answer:?}");
                tried += 1;
            }
        }
    }
    println!("{tried} answers");
    assert!(tried > 100);
}

#[tokio::test]
async fn no_other_sites_page_is_listened_to() {
    let test_app = TestApp::new().await;
    let cookie = test_app.sign_in("administer").await;
    for route in ROUTES.iter().filter(|route| route.post) {
        let path = at(&test_app, route);
        for (header, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let answer = test_app
                .request("POST", &path)
                .header("cookie", &cookie)
                .header("content-type", "application/x-www-form-urlencoded")
                .header(header, value)
                .send()
                .await;
            assert_eq!(answer.status, 403, "{path} {header} {value}: {answer:?}");
        }
    }
    // The session is as it was: it was not signed out on anybody's behalf.
    assert_eq!(test_app.page("GET", "/settings", &cookie).await.status, 200);
}

#[tokio::test]
async fn no_page_can_be_framed_sniffed_or_kept() {
    let test_app = TestApp::new().await;
    let cookie = test_app.sign_in("administer").await;
    for route in ROUTES
        .iter()
        .filter(|route| route.get && route.path != "/live")
    {
        let answer = test_app.page("GET", &at(&test_app, route), &cookie).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.starts_with("default-src 'none'")
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn no_spelling_of_an_address_gets_past_the_table() {
    let test_app = TestApp::new().await;
    let cookie = test_app.sign_in("looker").await;
    for path in [
        "/settings/",
        "//settings",
        "/settings/.",
        "/payments/../settings",
        "/payments/%2e%2e/settings",
        "/settings%2faudit",
        "/SETTINGS",
        "/settings;x",
        "/settings%00",
        "/assets/..%2f..%2fetc%2fpasswd",
    ] {
        let answer = test_app.page("GET", path, &cookie).await;
        assert!(
            matches!(answer.status, 400 | 403 | 404),
            "{path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn nothing_that_is_sent_becomes_a_header() {
    let test_app = TestApp::new().await;
    let evil = "next=%2Fx%0d%0aset-cookie:%20a=b&name=looker&password=correct+horse+battery";
    let answer = test_app.form("/sign-in", "", evil).await;
    assert_eq!(answer.header("location"), Some("/"));
    for back in [
        "%2F%2Fevil.example",
        "https:%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%2Fx%0d%0ab:c",
        "%2F%09%2Fevil.example",
        "%09%2F%2Fevil.example",
        "%2F%0a%2Fevil.example",
        "%2F%2509%2Fevil.example",
        "%2F%252F%2Fevil.example",
        "%2Fpayments%2F..%2F%2Fevil.example",
    ] {
        let answer = test_app
            .form("/lang", "", &format!("lang=en&back={back}"))
            .await;
        assert_eq!(answer.header("location"), Some("/"), "{back}");
        let signed = format!("next={back}&name=looker&password=correct+horse+battery");
        let answer = test_app.form("/sign-in", "", &signed).await;
        assert_eq!(answer.header("location"), Some("/"), "{back}");
    }
}

#[tokio::test]
async fn what_is_of_another_shop_is_not_there() {
    let test_app = TestApp::new().await;
    let name = "cancel".parse().unwrap();
    let change = |one: &mut sugi_access::Operator| {
        one.shops = ["other".parse().unwrap()].into();
        one.roles = Role::ALL.into();
        Ok::<_, sugi_access::AccessError>(())
    };
    test_app
        .access
        .change_operator(&name, change)
        .await
        .unwrap();
    let cookie = test_app.sign_in("cancel").await;
    let of = format!("/payments/{}", test_app.payment);
    for (method, path) in [
        ("GET", of.clone()),
        ("GET", format!("{of}/receipt")),
        ("POST", format!("{of}/cancel")),
        ("POST", format!("{of}/close")),
    ] {
        let answer = match method {
            "GET" => test_app.page(method, &path, &cookie).await,
            _ => test_app.form(&path, &cookie, "").await,
        };
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    let list = test_app.page("GET", "/payments", &cookie).await;
    assert!(!list.text.contains(&test_app.payment));
}
