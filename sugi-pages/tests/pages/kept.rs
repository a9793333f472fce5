//! Forms whose session is over, without a script: nothing is done, and who filled it in finds it again.

use jiff::SignedDuration;
use sugi_pages::ROUTES;

use crate::{
    browser::Browser,
    html,
    test_app::{PASSWORD, TestApp},
};

const CARD: &str = "4111111111111111";

/// The value of a field of a page.
fn value(page: &str, name: &str) -> String {
    let (_, after) = page
        .split_once(&format!("name=\"{name}\""))
        .unwrap_or_else(|| panic!("no {name}: {page}"));
    let tag = after.split('>').next().unwrap();
    let value = tag.split_once("value=\"").map_or("", |(_, value)| value);
    value.split('"').next().unwrap().to_owned()
}

async fn enter(browser: &mut Browser, name: &str, kept: &str) -> crate::http::Answer {
    let fields = [("name", name), ("password", PASSWORD), ("kept", kept)];
    browser.post("/sign-in", &fields).await
}

impl TestApp {
    /// Everybody's session is over.
    fn leave(&self) {
        self.clock.advance(SignedDuration::from_mins(16));
    }
}

#[tokio::test]
async fn a_sale_that_was_sent_too_late_is_kept_for_who_keyed_it_in() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let page = kim.page("/keyin").await;
    let (key, whose) = (value(&page, "key"), value(&page, "whose"));
    assert!(!whose.contains("kim"), "it is sealed");
    test_app.leave();
    let form = [
        ("key", &*key),
        ("whose", &whose),
        ("shop", "main"),
        ("amount", "50,000"),
        ("order_no", "K-1"),
        ("product", "<b>\"&"),
        ("buyer", "홍길동"),
        ("phone", "010-1234-5678"),
        ("email", CARD),
        ("card", CARD),
        ("expiry", "12/30"),
        ("holder", "951010"),
        ("password", "00"),
        ("proof", "with"),
        ("months", "3"),
    ];
    let answer = kim.post("/keyin", &form).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(answer.text.contains("전송되지 않았습니다"), "{answer:?}");
    let faults = html::faults(&answer.text);
    assert!(faults.is_empty(), "{faults:?}");
    // Whoever finds the page reads nothing of it.
    for text in [
        "홍길동",
        "K-1",
        "50,000",
        "010-1234",
        CARD,
        "951010",
        "12/30",
    ] {
        assert!(!answer.text.contains(text), "{text}: {}", answer.text);
    }
    let kept = value(&answer.text, "kept");
    // Someone else: they go where they always go.
    let mut lee = Browser::new(test_app.address);
    let other = enter(&mut lee, "lee", &kept).await;
    assert_eq!(
        (other.status, other.header("location")),
        (303, Some("/")),
        "{other:?}"
    );
    // Whoever changes it gets nothing, and nothing breaks.
    for wrong in [&kept[1..], "x", &format!("{kept}A"), &whose] {
        let answer = enter(&mut kim.clone(), "kim", wrong).await;
        assert_eq!(answer.status, 303, "{answer:?}");
    }
    // A wrong password keeps it.
    let wrong = kim
        .post(
            "/sign-in",
            &[("name", "kim"), ("password", "x"), ("kept", &kept)],
        )
        .await;
    assert_eq!(
        (wrong.status, value(&wrong.text, "kept")),
        (401, kept.clone())
    );
    let back = enter(&mut kim, "kim", &kept).await;
    assert_eq!(back.status, 200, "{back:?}");
    let faults = html::faults(&back.text);
    assert!(faults.is_empty(), "{faults:?}");
    for (name, text) in [
        ("key", &*key),
        ("amount", "50,000"),
        ("order_no", "K-1"),
        ("buyer", "홍길동"),
        ("phone", "010-1234-5678"),
        ("product", "&#60;b&#62;&#34;&#38;"),
        ("email", ""),
        ("card", ""),
        ("expiry", ""),
        ("holder", ""),
        ("password", ""),
    ] {
        assert_eq!(value(&back.text, name), text, "{name}");
    }
    assert!(!back.text.contains(CARD) && !back.text.contains("951010"));
    assert!(back.text.contains("결제되지 않았습니다"), "{}", back.text);
    assert!(test_app.sandbox.books().transactions.is_empty());
    // The form is as good as any: it makes one payment.
    let page = kim.page("/keyin").await;
    assert!(!value(&page, "whose").is_empty());
    let mut form = form.to_vec();
    form.retain(|(name, _)| *name != "email" && *name != "months");
    let paid = kim.post("/keyin", &form).await;
    assert_eq!(paid.status, 303, "{paid:?}");
    assert_eq!(test_app.sandbox.books().transactions.len(), 1);
    // A day later it is no one's.
    test_app.clock.advance(SignedDuration::from_hours(13));
    let late = enter(&mut kim, "kim", &kept).await;
    assert_eq!(late.status, 303, "{late:?}");
}

#[tokio::test]
async fn a_cancel_that_was_sent_too_late_gives_nothing_back_and_is_kept() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let paid = test_app.approved("A-1", 150_000).await;
    let page = kim.page(&paid).await;
    let (key, whose) = (value(&page, "key"), value(&page, "whose"));
    test_app.leave();
    let form = [
        ("key", &*key),
        ("whose", &whose),
        ("amount", "12,345"),
        ("reason", "고객 변심"),
    ];
    let cancel = format!("{paid}/cancel");
    let answer = kim.post(&cancel, &form).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [0; 0]);
    let back = enter(&mut kim, "kim", &value(&answer.text, "kept")).await;
    assert_eq!(back.status, 200, "{back:?}");
    for (name, text) in [
        ("amount", "12,345"),
        ("reason", "고객 변심"),
        ("key", &*key),
    ] {
        assert_eq!(value(&back.text, name), text, "{name}");
    }
    let done = kim.post(&cancel, &form).await;
    assert_eq!(done.header("location"), Some(&*paid), "{done:?}");
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [12_345]);
    // What was someone else's page, or no one's, is kept for no one.
    test_app.leave();
    for whose in ["", "x", &key] {
        let form = [
            ("key", &*key),
            ("whose", whose),
            ("amount", "1"),
            ("reason", "x"),
        ];
        let answer = kim.post(&cancel, &form).await;
        assert_eq!(answer.status, 401);
        assert!(
            !answer.text.contains("name=\"kept\"") && answer.text.contains("전송되지 않았습니다"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn every_form_that_comes_too_late_says_that_nothing_was_sent() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let paid = test_app.approved("A-1", 1_004).await;
    test_app.leave();
    let mut tried = 0;
    for route in ROUTES
        .iter()
        .filter(|route| route.post && route.gate != sugi_pages::Gate::Anybody)
    {
        let path = route.path.replace("/payments/{id}", &paid);
        let path = path.replace("{id}", "nothing").replace("{name}", "lee");
        let answer = kim.post(&path, &[("x", "y")]).await;
        let text = match answer.header("location") {
            Some(to) => kim.page(to).await,
            None => answer.text,
        };
        assert!(text.contains("전송되지 않았습니다"), "{path}: {text}");
        tried += 1;
    }
    assert!(tried > 12, "{tried}");
}

#[tokio::test]
async fn typing_keeps_a_session_and_a_page_by_itself_does_not() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let minutes = |minutes| test_app.clock.advance(SignedDuration::from_mins(minutes));
    let stay = async || kim.form("/stay", &[]).send().await.status;
    for _ in 0..4 {
        minutes(14);
        assert_eq!(stay().await, 204);
    }
    // What a page fetches by itself, because something changed, is no one's doing.
    minutes(14);
    let by_itself = kim.request("GET", "/payments").header("x-refresh", "1");
    assert_eq!(by_itself.send().await.status, 200);
    minutes(2);
    assert_eq!(stay().await, 303);
    // However much is typed, a session ends.
    let kim = test_app.sign_in("kim").await;
    let stay = async || kim.form("/stay", &[]).send().await.status;
    let mut lasted = 0;
    while stay().await == 204 {
        minutes(14);
        lasted += 14;
        assert!(lasted < 13 * 60, "it never ends");
    }
    assert!(lasted > 11 * 60, "{lasted}");
}
