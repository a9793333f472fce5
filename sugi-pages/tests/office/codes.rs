//! One-time codes: set up on the page, asked for at the door.

use jiff::SignedDuration;
use sugi_access::Rules;
use totp_rs::{Builder, Secret};

use crate::{
    http::Answer,
    page::{between, problem, value},
    test_app::{PASSWORD, TestApp},
};

impl TestApp {
    /// What an authenticator app shows now.
    fn app(&self, secret: &str) -> String {
        let secret = Secret::try_from_base32(secret).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        let now = u64::try_from(self.clock.now().as_second()).unwrap();
        totp.generate(now).to_string()
    }

    /// The secret that the page offers.
    async fn offered(&self, cookie: &str) -> String {
        let page = self.page("GET", "/account/codes", cookie).await;
        assert_eq!(page.status, 200, "{page:?}");
        value(&page.text, "secret").unwrap()
    }

    async fn set_codes(&self, cookie: &str, secret: &str, more: &str) -> Answer {
        let password = PASSWORD.replace(' ', "+");
        let form = format!(
            "secret={secret}&code={}&password={password}{more}",
            self.app(secret)
        );
        self.form("/account/codes", cookie, &form).await
    }

    async fn enter(&self, code: &str) -> Answer {
        let form = format!(
            "name=looker&password={}&code={code}",
            PASSWORD.replace(' ', "+")
        );
        self.form("/sign-in", "", &form).await
    }

    /// A new code, and time for it to be another than the last.
    pub(crate) fn next_code(&self, secret: &str) -> String {
        self.clock.advance(SignedDuration::from_secs(30));
        self.app(secret)
    }
}

fn paper(page: &str) -> Vec<String> {
    let list = between(page, "<ol class=\"mono paper\">", "</ol>");
    let list = list.first().copied().unwrap_or_default();
    between(list, "<li>", "</li>")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn codes_are_set_up_asked_for_and_replaced() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("looker").await;
    let page = test_app.page("GET", "/account/codes", &cookie).await.text;
    assert!(
        page.contains("<svg") && !page.contains("style="),
        "a picture that the policy draws"
    );
    let secret = value(&page, "secret").unwrap();
    assert_ne!(
        secret,
        test_app.offered(&cookie).await,
        "each try has its own"
    );
    let done = test_app.set_codes(&cookie, &secret, "").await;
    assert_eq!(done.status, 200);
    let codes = paper(&done.text);
    assert_eq!(codes.len(), 10);
    assert!(done.text.contains("data-print"));
    // They are shown once.
    for path in ["/account", "/account/codes"] {
        let page = test_app.page("GET", path, &cookie).await.text;
        assert!(
            !page.contains(&codes[0]) && !page.contains(&secret),
            "{path}"
        );
    }
    // The door asks for a code, takes each once, and the paper's as well.
    let asked = test_app.enter("").await;
    assert_eq!(asked.status, 401);
    assert!(
        problem(&asked.text)
            .unwrap()
            .starts_with("비밀번호는 맞습니다.")
    );
    assert_eq!(
        test_app.enter(&test_app.app(&secret)).await.status,
        401,
        "used already"
    );
    assert_eq!(
        test_app.enter(&test_app.next_code(&secret)).await.status,
        303
    );
    assert_eq!(test_app.enter(&codes[0]).await.status, 303);
    assert_eq!(test_app.enter(&codes[0]).await.status, 401);
    let page = test_app.page("GET", "/account", &cookie).await.text;
    assert!(page.contains("In use. 9 recovery codes are left."));
    // New ones take one of the present ones.
    let new = test_app.offered(&cookie).await;
    let refused = test_app.set_codes(&cookie, &new, "").await;
    assert_eq!(refused.status, 422);
    let present = format!("&present={}", test_app.next_code(&secret));
    let done = test_app.set_codes(&cookie, &new, &present).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(
        test_app.enter(&test_app.next_code(&secret)).await.status,
        401,
        "the old telephone"
    );
    assert_eq!(test_app.enter(&codes[1]).await.status, 401, "the old paper");
    assert_eq!(test_app.enter(&test_app.next_code(&new)).await.status, 303);
}

#[tokio::test]
async fn nothing_is_set_up_without_the_code_and_the_password() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("looker").await;
    let secret = test_app.offered(&cookie).await;
    let right = test_app.app(&secret);
    let wrong = if right == "000000" {
        "000001"
    } else {
        "000000"
    };
    let password = PASSWORD.replace(' ', "+");
    for (form, why) in [
        (
            format!("secret={secret}&code={wrong}&password={password}"),
            "The code is not right.",
        ),
        (
            format!("secret={secret}&code={right}&password=wrong"),
            "The present password",
        ),
        (
            format!("secret={secret}&code={right}"),
            "The present password",
        ),
    ] {
        let answer = test_app.form("/account/codes", &cookie, &form).await;
        assert_eq!(answer.status, 422, "{form}");
        assert!(
            problem(&answer.text).unwrap().starts_with(why),
            "{:?}",
            problem(&answer.text)
        );
        // What was scanned stays good.
        assert_eq!(value(&answer.text, "secret").as_ref(), Some(&secret));
        assert!(paper(&answer.text).is_empty());
    }
    assert_eq!(test_app.enter("").await.status, 303, "none was set up");
}

/// The secret comes back from the browser, so it is anything at all.
#[tokio::test]
async fn a_secret_that_is_none_is_refused() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("looker").await;
    let password = PASSWORD.replace(' ', "+");
    for secret in [
        "",
        "AAAAAAAA",
        "not+base32!",
        "%3Cscript%3E",
        &"A".repeat(2_000),
    ] {
        for code in ["", "000000"] {
            let form = format!("secret={secret}&code={code}&password={password}");
            let answer = test_app.form("/account/codes", &cookie, &form).await;
            assert_eq!(answer.status, 422, "{secret} {code}");
            assert!(!answer.text.contains("<script>"));
        }
    }
    assert_eq!(test_app.enter("").await.status, 303, "none was set up");
}

#[tokio::test]
async fn where_codes_are_required_nothing_else_comes_first() {
    let test_app = TestApp::with(Rules {
        code_required: true,
        ..Rules::default()
    })
    .await;
    let cookie = test_app.english("administer").await;
    let of = format!("/payments/{}", test_app.payment);
    for path in ["/", "/payments", &of, "/day", "/settings", "/approvals"] {
        let answer = test_app.page("GET", path, &cookie).await;
        let to = answer.header("location");
        assert_eq!((answer.status, to), (303, Some("/account/codes")), "{path}");
    }
    let answer = test_app
        .form("/settings/operators/looker", &cookie, "act=sessions")
        .await;
    assert_eq!(answer.header("location"), Some("/account/codes"));
    let page = test_app.page("GET", "/account/codes", &cookie).await.text;
    assert!(page.contains("This installation requires one-time codes."));
    let secret = value(&page, "secret").unwrap();
    assert_eq!(test_app.set_codes(&cookie, &secret, "").await.status, 200);
    assert_eq!(test_app.page("GET", "/settings", &cookie).await.status, 200);
    // Who has none can leave.
    let other = test_app.english("looker").await;
    let left = test_app.page("POST", "/sign-out", &other).await;
    assert_eq!(left.header("location"), Some("/sign-in"));
}

impl TestApp {
    /// Sets codes up for whoever this session is; the secret.
    pub(crate) async fn codes_for(&self, cookie: &str) -> String {
        let secret = self.offered(cookie).await;
        assert_eq!(self.set_codes(cookie, &secret, "").await.status, 200);
        secret
    }
}

#[tokio::test]
async fn without_a_secret_none_are_set_up_and_the_page_says_what_to_do() {
    let test_app = TestApp::with_only(Rules::default()).await;
    let cookie = test_app.english("looker").await;
    for path in ["/account", "/account/codes"] {
        let page = test_app.page("GET", path, &cookie).await.text;
        assert!(
            page.contains("an administrator has to name a secret_file"),
            "{path}"
        );
        assert!(!page.contains("href=\"/account/codes\"") && value(&page, "secret").is_none());
    }
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let refused = test_app.set_codes(&cookie, secret, "").await;
    assert_eq!(refused.status, 422);
    let why = problem(&refused.text).unwrap();
    assert!(why.starts_with("One-time codes cannot be set up"), "{why}");
    assert_eq!(test_app.enter("").await.status, 303, "none was set up");
}

#[tokio::test]
async fn codes_that_another_secret_sealed_are_said_to_be_so() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("looker").await;
    let secret = test_app.offered(&cookie).await;
    let paper = paper(&test_app.set_codes(&cookie, &secret, "").await.text);
    let rules = Rules {
        secret: Some(sugi_access::Secret::parse(&"2".repeat(64)).unwrap()),
        ..Rules::default()
    };
    let other = test_app.beside(rules).await;
    let form = |code: &str| {
        format!(
            "name=looker&password={}&code={code}",
            PASSWORD.replace(' ', "+")
        )
    };
    let post = async |path: &str, form: &str| {
        crate::http::Request::new(other, "POST", path)
            .header("cookie", &cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
    };
    let refused = post("/sign-in", &form(&test_app.next_code(&secret))).await;
    assert_eq!(refused.status, 503);
    let why = problem(&refused.text).unwrap();
    assert!(why.contains("your code cannot be checked"), "{why}");
    let old = format!(
        "old={}&code=000000&new=x&again=x",
        PASSWORD.replace(' ', "+")
    );
    let refused = post("/account/password", &old).await;
    assert_eq!(refused.status, 422);
    assert!(
        problem(&refused.text)
            .unwrap()
            .starts_with("Your code cannot be checked")
    );
    assert_eq!(post("/sign-in", &form(&paper[0])).await.status, 303);
}
