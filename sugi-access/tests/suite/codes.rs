//! One-time codes and recovery codes.

use std::collections::BTreeSet;

use sugi_access::{
    Access, AccessError, Cookie, Enrolment, Operator, Origin, RECOVERY_CODES, Role, Rules, SignIn,
    SignInError,
};
use totp_rs::{Builder, Secret};

use crate::{PASSWORD, TestApp, actor, seconds, secret, together};

on_each_engine!(
    codes_are_kept_once_one_was_typed_in,
    a_code_is_asked_for_only_after_a_right_password,
    a_wrong_code_counts_like_a_wrong_password,
    a_code_is_good_once_even_when_two_show_it_at_once,
    recovery_codes_are_good_once_each,
    codes_can_be_taken_away,
    a_copy_of_the_ledger_makes_no_codes,
    codes_need_the_secret_that_they_were_sealed_with,
);

/// The code of this moment.
fn code(test_app: &TestApp, secret: &str) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    let now = u64::try_from(test_app.clock.now().as_second()).unwrap();
    totp.generate(now).to_string()
}

/// Adds an operator with codes; returns the secret and the recovery codes. The code that was typed
/// in is a step back.
async fn with_codes(test_app: &TestApp, name: &str) -> (String, Vec<String>) {
    test_app.add(name, &[Role::KeyIn]).await;
    set_codes(test_app, name).await
}

async fn set_codes(test_app: &TestApp, name: &str) -> (String, Vec<String>) {
    let name = actor(name);
    let Enrolment { secret, .. } = test_app.access.enrol(&name);
    let typed = code(test_app, &secret);
    let paper = test_app.access.set_codes(&name, &secret, &typed).await;
    test_app.pass(seconds(30));
    (secret, paper.unwrap())
}

async fn codes_are_kept_once_one_was_typed_in(test_app: TestApp) {
    test_app.add("김 대리", &[Role::KeyIn]).await;
    let name = actor("김 대리");
    let Enrolment { secret, url } = test_app.access.enrol(&name);
    assert!(
        url.starts_with("otpauth://totp/sugi:%EA%B9%80%20") && url.contains(&secret),
        "{url}"
    );
    let right = code(&test_app, &secret);
    let wrong = if right == "000000" {
        "000001"
    } else {
        "000000"
    };
    let refused = test_app.access.set_codes(&name, &secret, wrong).await;
    assert!(matches!(refused, Err(AccessError::Code)));
    assert!(!test_app.operator("김 대리").await.has_codes());
    assert!(test_app.enter("김 대리", PASSWORD).await.is_ok());
    let paper = test_app
        .access
        .set_codes(&name, &secret, &right)
        .await
        .unwrap();
    let different: BTreeSet<_> = paper.iter().collect();
    assert_eq!(different.len(), RECOVERY_CODES);
    assert!(test_app.operator("김 대리").await.has_codes());
    let again = test_app.enter_with("김 대리", &right).await;
    assert!(matches!(again, Err(SignInError::Wrong)), "it was used up");
    // Neither the secret nor the paper is in anything that is printed, nor the paper in the ledger.
    let printed = format!(
        "{:?} {:?}",
        test_app.operator("김 대리").await,
        test_app.access.enrol(&name)
    );
    assert!(!printed.contains(&secret) && !printed.contains("otpauth"));
    let store = &test_app.store;
    let kept = store.documents(sugi_store::DocumentKind::Operator).await;
    let kept = format!("{kept:?}");
    assert!(
        paper
            .iter()
            .all(|code| !kept.contains(&code.replace('-', "")) && !kept.contains(code))
    );
}

async fn a_code_is_asked_for_only_after_a_right_password(test_app: TestApp) {
    let (secret, _) = with_codes(&test_app, "kim").await;
    let right = code(&test_app, &secret);
    let ask = async |password: &str, code: &str| {
        let ask = SignIn::new("kim", password).with_code(code);
        test_app.access.sign_in(ask, &Origin::default()).await
    };
    let wrong = ask("not the password", "").await;
    assert!(matches!(wrong, Err(SignInError::Wrong)));
    let wrong = ask("not the password", &right).await;
    assert!(matches!(wrong, Err(SignInError::Wrong)));
    for code in ["", "  "] {
        let needed = ask(PASSWORD, code).await;
        assert!(matches!(needed, Err(SignInError::CodeNeeded)));
    }
    let kim = test_app.operator("kim").await;
    assert!(test_app.access.sessions(&kim).await.unwrap().is_empty());
    let cookie = ask(PASSWORD, &right).await.unwrap();
    assert!(
        test_app.is_in(&cookie).await,
        "a wrong password used no code up"
    );
}

async fn a_wrong_code_counts_like_a_wrong_password(test_app: TestApp) {
    let (secret, _) = with_codes(&test_app, "kim").await;
    let right = code(&test_app, &secret);
    for n in 0..5 {
        // Being asked for a code is no wrong try.
        let needed = test_app.enter("kim", PASSWORD).await;
        assert!(matches!(needed, Err(SignInError::CodeNeeded)), "{n}");
        let wrong = test_app.enter_with("kim", "abcd-efgh-jkmn-pqrs").await;
        assert!(matches!(wrong, Err(SignInError::Wrong)), "{n}");
    }
    for code in ["", right.as_str()] {
        let held = test_app.enter_with("kim", code).await;
        assert!(matches!(held, Err(SignInError::Held(_))), "{held:?}");
    }
    test_app.pass(seconds(60));
    let cookie = test_app.enter_with("kim", &code(&test_app, &secret)).await;
    assert!(cookie.is_ok());
}

/// Shows one code many times at once, to two nodes; says how many were let in.
async fn at_once(test_app: &TestApp, other: &Access, code: &str) -> usize {
    let tries = [&test_app.access, other].map(|access| async move {
        let tries = (0..4).map(|_| {
            let ask = SignIn::new("kim", PASSWORD).with_code(code);
            async move { access.sign_in(ask, &Origin::default()).await }
        });
        together(tries).await
    });
    let outcomes: Vec<Result<Cookie, _>> = together(tries).await.into_iter().flatten().collect();
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

async fn a_code_is_good_once_even_when_two_show_it_at_once(test_app: TestApp) {
    let (secret, _) = with_codes(&test_app, "kim").await;
    let other = test_app.another_access().await;
    for n in 0..5 {
        assert_eq!(
            at_once(&test_app, &other, &code(&test_app, &secret)).await,
            1,
            "{n}"
        );
        test_app.pass(seconds(15 * 60));
    }
    let last = code(&test_app, &secret);
    test_app.enter_with("kim", &last).await.unwrap();
    test_app.pass(seconds(30));
    let late = test_app.enter_with("kim", &last).await;
    assert!(late.is_err(), "a step later it would still be good");
}

async fn recovery_codes_are_good_once_each(test_app: TestApp) {
    let (_, paper) = with_codes(&test_app, "kim").await;
    let other = test_app.another_access().await;
    for (used, code) in paper.iter().enumerate() {
        let kim = test_app.operator("kim").await;
        assert_eq!(kim.recovery_codes_left(), RECOVERY_CODES - used);
        // As it is typed from paper.
        let typed = code.to_uppercase().replace('-', " ");
        assert_eq!(at_once(&test_app, &other, &typed).await, 1, "{used}");
        test_app.pass(seconds(15 * 60));
    }
    let kim = test_app.operator("kim").await;
    assert_eq!(kim.recovery_codes_left(), 0);
    assert!(kim.has_codes());
}

async fn codes_can_be_taken_away(test_app: TestApp) {
    let (secret, paper) = with_codes(&test_app, "kim").await;
    let open = test_app.enter_with("kim", &paper[1]).await.unwrap();
    let now = test_app.clock.now();
    let forget = |kim: &mut Operator| kim.forget_codes(now);
    test_app.change("kim", forget).await.unwrap();
    assert!(
        !test_app.is_in(&open).await,
        "a session goes on at the lost telephone"
    );
    assert!(test_app.enter("kim", PASSWORD).await.is_ok());
    let (anew, new_paper) = set_codes(&test_app, "kim").await;
    assert_ne!(secret, anew);
    let old = test_app.enter_with("kim", &paper[0]).await;
    assert!(matches!(old, Err(SignInError::Wrong)));
    assert!(test_app.enter_with("kim", &new_paper[0]).await.is_ok());
}

async fn a_copy_of_the_ledger_makes_no_codes(test_app: TestApp) {
    let (phone, _) = with_codes(&test_app, "kim").await;
    let store = &test_app.store;
    let kept = store.documents(sugi_store::DocumentKind::Operator).await;
    let kept = format!("{kept:?}");
    assert!(kept.contains("sealed") && !kept.contains(&phone));
    // What is sealed for one opens nothing for another.
    let (other, _) = with_codes(&test_app, "lee").await;
    let sealed = async |name: &str| {
        let kept = store.document(sugi_store::DocumentKind::Operator, name);
        let body = kept.await.unwrap().unwrap().body;
        let operator: serde_json::Value = serde_json::from_str(&body).unwrap();
        operator["codes"]["sealed"].as_str().unwrap().to_owned()
    };
    let (of_kim, of_lee) = (sealed("kim").await, sealed("lee").await);
    test_app.harm(&format!(
        "update document set body = replace(body, '{of_kim}', '{of_lee}') where kind = 'operator' and key = 'kim'"
    ));
    test_app.pass(seconds(30));
    let outcome = test_app.enter_with("kim", &code(&test_app, &other)).await;
    assert!(matches!(outcome, Err(SignInError::Sealed)), "{outcome:?}");
}

async fn codes_need_the_secret_that_they_were_sealed_with(test_app: TestApp) {
    let (phone, paper) = with_codes(&test_app, "kim").await;
    for (n, ours) in [None, Some(secret("2"))].into_iter().enumerate() {
        let rules = Rules {
            secret: ours,
            ..Rules::default()
        };
        let store = test_app.another_store().await;
        let other = Access::new(store, test_app.clock.clone(), rules);
        let enter = async |password: &str, code: &str| {
            let ask = SignIn::new("kim", password).with_code(code);
            other.sign_in(ask, &Origin::default()).await
        };
        // Told to whoever knows the password, and no wrong try.
        for _ in 0..6 {
            let outcome = enter(PASSWORD, &code(&test_app, &phone)).await;
            assert!(matches!(outcome, Err(SignInError::Sealed)), "{outcome:?}");
        }
        let wrong = enter("not the password", &code(&test_app, &phone)).await;
        assert!(matches!(wrong, Err(SignInError::Wrong)));
        assert!(enter(PASSWORD, &paper[n]).await.is_ok());
    }
    test_app.pass(seconds(30));
    assert!(
        test_app
            .enter_with("kim", &code(&test_app, &phone))
            .await
            .is_ok()
    );
    let name = actor("kim");
    let none = Access::new(
        test_app.store.clone(),
        test_app.clock.clone(),
        Rules::default(),
    );
    let Enrolment { secret, .. } = none.enrol(&name);
    let refused = none
        .set_codes(&name, &secret, &code(&test_app, &secret))
        .await;
    assert!(matches!(refused, Err(AccessError::NoSecret)));
}
