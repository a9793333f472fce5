//! Sessions as a browser has them: planted, stolen, left alone, ended.

use jiff::SignedDuration;
use sugi_store::DocumentKind;

use crate::test_app::{PASSWORD, TestApp};

#[tokio::test]
async fn a_cookie_that_somebody_planted_is_never_taken_over() {
    let test_app = TestApp::new().await;
    let planted = format!("__Host-sugi={}", "a".repeat(64));
    let form = format!("name=looker&password={}", PASSWORD.replace(' ', "+"));
    let answer = test_app.form("/sign-in", &planted, &form).await;
    let given = answer.header("set-cookie").unwrap();
    assert!(!given.starts_with(&planted));
    for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(given.contains(part), "{given}");
    }
    assert!(!given.contains("Domain"), "{given}");
    assert_eq!(
        test_app.page("GET", "/payments", &planted).await.status,
        303
    );
}

#[tokio::test]
async fn what_is_kept_of_a_session_opens_nothing() {
    let test_app = TestApp::new().await;
    let cookie = test_app.sign_in("looker").await;
    let store = test_app.engine.store();
    let kept = store.documents(DocumentKind::Session).await.unwrap();
    assert_eq!(kept.len(), 1);
    let secret = cookie.split_once('=').unwrap().1;
    assert!(!kept[0].key.contains(secret) && !kept[0].body.contains(secret));
    let stolen = format!("__Host-sugi={}", kept[0].key);
    assert_eq!(test_app.page("GET", "/payments", &stolen).await.status, 303);
    assert_eq!(test_app.page("GET", "/payments", &cookie).await.status, 200);
}

#[tokio::test]
async fn a_session_ends_when_it_is_left_alone_and_when_it_is_ended() {
    let test_app = TestApp::new().await;
    let (left, ended) = (
        test_app.sign_in("looker").await,
        test_app.sign_in("looker").await,
    );
    let status = async |cookie: &str| test_app.page("GET", "/payments", cookie).await.status;
    assert_eq!(test_app.page("POST", "/sign-out", &ended).await.status, 303);
    assert_eq!((status(&left).await, status(&ended).await), (200, 303));
    test_app.clock.advance(SignedDuration::from_mins(14));
    assert_eq!(status(&left).await, 200);
    test_app.clock.advance(SignedDuration::from_mins(14));
    assert_eq!(status(&left).await, 200, "it was used meanwhile");
    test_app.clock.advance(SignedDuration::from_mins(16));
    assert_eq!(status(&left).await, 303);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_look_alike() {
    let test_app = TestApp::new().await;
    let wrong = async |form: &str| {
        let answer = test_app.form("/sign-in", "", form).await;
        assert!(answer.header("set-cookie").is_none());
        // What was typed in stands in the page again, and nothing else differs.
        let text = answer.text.replace("looker", "x").replace("nobody", "x");
        (answer.status, text)
    };
    let password = wrong("name=looker&password=not+the+right+one").await;
    let name = wrong("name=nobody&password=not+the+right+one").await;
    assert_eq!(password.0, 401);
    assert_eq!(password, name);
}

#[tokio::test]
async fn who_guesses_is_held_up() {
    let test_app = TestApp::new().await;
    let guess = async || {
        test_app
            .form("/sign-in", "", "name=looker&password=a+wrong+password")
            .await
    };
    for _ in 0..5 {
        assert_eq!(guess().await.status, 401);
    }
    assert_eq!(guess().await.status, 429);
    let right = format!("name=looker&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(test_app.form("/sign-in", "", &right).await.status, 429);
    test_app.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(test_app.form("/sign-in", "", &right).await.status, 303);
}
