//! What is no page, said as one: in the reader's language, with the ways to go on; to programs as a problem.

use crate::{html, test_app::TestApp};

#[tokio::test]
async fn an_address_that_nobody_has_is_a_page_to_people_and_a_problem_to_programs() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let stranger = crate::browser::Browser::new(test_app.address);
    for path in [
        "/nothing",
        "/payments/",
        "/payments/a/b/c",
        "/결제",
        "/v2/payments",
        "/%20",
    ] {
        for (browser, around) in [(&kim, true), (&stranger, false)] {
            for (lang, said) in [("ko", "없는 주소입니다"), ("en", "There is no such page")]
            {
                let answer = browser.clone().in_lang(lang).get(path).await;
                assert_eq!(answer.status, 404, "{path}: {answer:?}");
                assert!(answer.text.contains(said), "{path}: {answer:?}");
                assert_eq!(answer.text.contains("<nav"), around, "{path}: {answer:?}");
                let faults = html::faults(&answer.text);
                assert!(faults.is_empty(), "{path}: {faults:?}");
            }
        }
    }
    for (path, accept) in [
        ("/v1/nothing", "text/html"),
        ("/v1/payments/a/b", "*/*"),
        ("/nothing", "application/json"),
        ("/nothing", "application/problem+json"),
    ] {
        let answer = kim
            .request("GET", path)
            .header("accept", accept)
            .send()
            .await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn every_trouble_keeps_the_ways_to_go_on() {
    let test_app = TestApp::new().await;
    let (mut kim, mut looker) = (
        test_app.sign_in("kim").await,
        test_app.sign_in("looker").await,
    );
    let paid = test_app.approved("A-1", 1_004).await;
    let large = "x".repeat(70_000);
    let answers = [
        (403, looker.get("/settings").await),
        (403, looker.post(&format!("{paid}/cancel"), &[]).await),
        (404, kim.get("/payments/nothing").await),
        (405, kim.post("/payments", &[]).await),
        (405, kim.get(&format!("{paid}/cancel")).await),
        (405, kim.request("DELETE", "/keyin").send().await),
        (413, kim.post("/keyin", &[("product", &large)]).await),
        (
            400,
            kim.request("POST", "/keyin")
                .header("content-type", "text/plain")
                .body("x")
                .send()
                .await,
        ),
        (400, kim.get("/payments/%ff").await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{answer:?}"
        );
        assert!(
            answer.text.contains("<nav") && answer.text.contains("href=\"/payments\""),
            "{answer:?}"
        );
        assert_eq!(
            answer.header("allow").is_some(),
            status == 405,
            "{answer:?}"
        );
        let faults = html::faults(&answer.text);
        assert!(faults.is_empty(), "{faults:?}");
    }
    // From another site's page no one learns who is signed in here.
    let other = kim
        .request("POST", "/keyin")
        .header("origin", "https://evil.example");
    let other = other
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await;
    assert_eq!(other.status, 403);
    assert!(
        !other.text.contains("<nav") && !other.text.contains("kim"),
        "{other:?}"
    );
}
