//! One's own password and sessions.

use crate::{
    http::Answer,
    page::{between, problem},
    test_app::{PASSWORD, TestApp},
};

const NEW: &str = "another horse battery";

async fn change(test_app: &TestApp, cookie: &str, old: &str, new: &str, again: &str) -> Answer {
    let form = format!("old={old}&new={new}&again={again}").replace(' ', "+");
    test_app.form("/account/password", cookie, &form).await
}

async fn lets_in(test_app: &TestApp, password: &str) -> bool {
    let form = format!("name=looker&password={password}").replace(' ', "+");
    test_app.form("/sign-in", "", &form).await.status == 303
}

async fn is_in(test_app: &TestApp, cookie: &str) -> bool {
    test_app.page("GET", "/account", cookie).await.status == 200
}

#[tokio::test]
async fn a_new_password_ends_every_session_and_the_old_one() {
    let test_app = TestApp::new().await;
    let (here, there) = (
        test_app.english("looker").await,
        test_app.english("looker").await,
    );
    let answer = change(&test_app, &here, PASSWORD, NEW, NEW).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/sign-in"))
    );
    assert!(!is_in(&test_app, &here).await && !is_in(&test_app, &there).await);
    assert!(!lets_in(&test_app, PASSWORD).await);
    assert!(lets_in(&test_app, NEW).await);
}

#[tokio::test]
async fn a_password_that_is_not_taken_changes_nothing_and_says_why() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("looker").await;
    for (old, new, again, why) in [
        (
            "not the right one",
            NEW,
            NEW,
            "The present password or the code is not right.",
        ),
        (
            "",
            NEW,
            NEW,
            "The present password or the code is not right.",
        ),
        (
            PASSWORD,
            NEW,
            "another horse",
            "The two new passwords differ.",
        ),
        (
            PASSWORD,
            "short",
            "short",
            "A password has 12 to 128 characters.",
        ),
        (
            PASSWORD,
            "looker looker",
            "looker looker",
            "This is too easy to guess. Leave your name out, and do not repeat letters.",
        ),
        (
            PASSWORD,
            "password1234",
            "password1234",
            "This is one of the passwords that are tried first.",
        ),
    ] {
        let answer = change(&test_app, &cookie, old, new, again).await;
        assert_eq!(answer.status, 422, "{why}");
        assert_eq!(problem(&answer.text).unwrap(), why);
        for secret in [old, new, again].iter().filter(|secret| !secret.is_empty()) {
            assert!(
                !answer.text.contains(&format!("\"{secret}\"")),
                "{secret} on the page"
            );
        }
    }
    assert!(is_in(&test_app, &cookie).await);
    assert!(lets_in(&test_app, PASSWORD).await);
}

/// An open screen is no place to guess at its owner's password.
#[tokio::test]
async fn who_guesses_at_the_present_password_is_held_up() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("looker").await;
    for _ in 0..5 {
        change(&test_app, &cookie, "not the right one", NEW, NEW).await;
    }
    let answer = change(&test_app, &cookie, PASSWORD, NEW, NEW).await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        problem(&answer.text).unwrap(),
        "Too many wrong tries. Try again later."
    );
    test_app.clock.advance(jiff::SignedDuration::from_mins(1));
    assert_eq!(
        change(&test_app, &cookie, PASSWORD, NEW, NEW).await.status,
        303
    );
}

fn sessions(page: &str) -> Vec<String> {
    let forms = between(page, "action=\"/account/sessions/", "\"");
    forms.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn ones_sessions_are_listed_and_each_can_be_ended() {
    let test_app = TestApp::new().await;
    let form = format!("name=looker&password={}", PASSWORD.replace(' ', "+"));
    let entered = test_app
        .request("POST", "/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("user-agent", "<b>Firefox</b>")
        .body(form)
        .send()
        .await;
    let there = entered.header("set-cookie").unwrap();
    let there = there.split(';').next().unwrap().to_owned();
    test_app.clock.advance(jiff::SignedDuration::from_mins(1));
    let here = test_app.english("looker").await;
    let page = test_app.page("GET", "/account", &here).await.text;
    // The newest first, and which of them this is.
    let all = sessions(&page);
    assert_eq!(all.len(), 2);
    assert_eq!(page.matches("this one").count(), 1);
    let lines = between(&page, "<div class=\"head line\">", "</div>");
    assert!(lines[0].contains("this one") && lines[0].contains("127.0.0.1"));
    assert!(lines[1].contains("&#60;b&#62;Firefox") && !page.contains("<b>Firefox"));
    // Neither of the names is of any use as a cookie.
    for id in &all {
        assert!(!is_in(&test_app, &format!("__Host-sugi={id}")).await);
    }
    let end = async |id: &str| {
        test_app
            .form(&format!("/account/sessions/{id}"), &here, "")
            .await
    };
    let ended = end(&all[1]).await;
    assert_eq!(
        (ended.status, ended.header("location")),
        (303, Some("/account"))
    );
    assert!(!is_in(&test_app, &there).await && is_in(&test_app, &here).await);
    end(&all[0]).await;
    assert!(!is_in(&test_app, &here).await);
}

#[tokio::test]
async fn nobody_ends_somebody_elses_session() {
    let test_app = TestApp::new().await;
    let (mine, theirs) = (
        test_app.english("looker").await,
        test_app.english("administer").await,
    );
    let page = test_app.page("GET", "/account", &theirs).await.text;
    let id = &sessions(&page)[0];
    assert!(
        !test_app
            .page("GET", "/account", &mine)
            .await
            .text
            .contains(id.as_str())
    );
    let answer = test_app
        .form(&format!("/account/sessions/{id}"), &mine, "")
        .await;
    assert_eq!(answer.status, 404);
    assert!(is_in(&test_app, &theirs).await);
}
