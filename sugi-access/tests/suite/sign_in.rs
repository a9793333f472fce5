//! Who is let in, who is held, and what can be told of it from outside.

use std::net::IpAddr;

use sugi_access::{Cookie, Origin, Role, SignIn, SignInError};
use sugi_store::DocumentKind;

use crate::{PASSWORD, TestApp, actor, minutes, seconds, together};

on_each_engine!(
    a_right_name_and_password_let_in,
    waits_double_have_an_end_and_are_the_same_for_names_that_nobody_has,
    a_name_is_one_name_with_spaces_around_it,
    while_a_name_is_held_the_right_password_is_not_looked_at,
    a_right_password_begins_the_count_anew,
    an_address_is_held_whatever_names_it_tries,
    a_stranger_keeps_nobody_out_where_they_always_are,
    guessing_from_everywhere_is_held_as_well,
    names_answer_and_cost_alike_after_a_restart,
    who_is_unlocked_may_try_at_once,
    guesses_that_are_made_at_once_are_held_like_those_in_turn,
    an_address_that_guesses_at_once_is_held_like_one_in_turn,
    what_cannot_be_a_password_is_wrong_like_any_other,
    whoever_may_not_sign_in_gets_nothing,
);

/// How a try ended, as far as whoever tried can tell.
fn told(test_app: &TestApp, outcome: &Result<Cookie, SignInError>) -> String {
    match outcome {
        Ok(_) => "in".into(),
        Err(SignInError::Held(until)) => {
            format!(
                "held {}",
                until.duration_since(test_app.clock.now()).as_secs()
            )
        }
        Err(why @ (SignInError::Wrong | SignInError::CodeNeeded)) => why.to_string(),
        Err(why) => panic!("{why}"),
    }
}

const WRONG: &str = "name, password or code is not right";

async fn a_right_name_and_password_let_in(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let cookie = test_app.enter("kim", PASSWORD).await.unwrap();
    let session = test_app.access.session(&cookie).await.unwrap().unwrap();
    assert_eq!(session.operator.name, actor("kim"));
    assert!(session.operator.may(Role::KeyIn));
    for (name, password) in [
        ("kim", "correct horse batter"),
        ("Kim", PASSWORD),
        ("lee", PASSWORD),
        ("", PASSWORD),
        ("kim", ""),
    ] {
        let outcome = test_app.enter(name, password).await;
        assert_eq!(told(&test_app, &outcome), WRONG, "{name} {password}");
    }
}

async fn waits_double_have_an_end_and_are_the_same_for_names_that_nobody_has(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    test_app.add("gone", &[Role::KeyIn]).await;
    test_app
        .change("gone", |gone| gone.active = false)
        .await
        .unwrap();
    let mut transcripts = Vec::new();
    for name in ["kim", "nobody", "gone"] {
        let mut transcript = Vec::new();
        let mut attempt = async |after| {
            test_app.pass(seconds(after));
            let before = test_app.access.passwords_hashed();
            let outcome = test_app.enter(name, "not the password").await;
            let hashed = test_app.access.passwords_hashed() - before;
            transcript.push((told(&test_app, &outcome), hashed));
        };
        for _ in 0..5 {
            attempt(1).await;
        }
        // Tried again in the middle of each wait, which does not make it longer, and at its end.
        for wait in [60, 120, 240, 480, 960, 1_800, 1_800] {
            attempt(wait / 2).await;
            attempt(wait - wait / 2).await;
        }
        transcripts.push((name, transcript));
    }
    let wrong = (WRONG.to_owned(), 1);
    let held = |left: i64| (format!("held {left}"), 0);
    let mut expected = vec![wrong.clone(); 5];
    for left in [30, 60, 120, 240, 480, 900, 900] {
        expected.extend([held(left), wrong.clone()]);
    }
    for (name, transcript) in transcripts {
        assert_eq!(transcript, expected, "{name}");
    }
}

async fn a_name_is_one_name_with_spaces_around_it(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    assert!(test_app.enter(" kim\t", PASSWORD).await.is_ok());
    let long = "n".repeat(200);
    for name in ["kim", "nobody", &long] {
        for n in 0..5 {
            let spaced = format!("{}{name} ", " ".repeat(n));
            let outcome = test_app.enter(&spaced, "not the password").await;
            assert_eq!(told(&test_app, &outcome), WRONG);
        }
        let outcome = test_app.enter(name, "not the password").await;
        assert_eq!(told(&test_app, &outcome), "held 60", "{name}");
    }
}

async fn while_a_name_is_held_the_right_password_is_not_looked_at(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    for _ in 0..5 {
        let _ = test_app.enter("kim", "not the password").await;
    }
    let before = test_app.access.passwords_hashed();
    let outcome = test_app.enter("kim", PASSWORD).await;
    assert_eq!(told(&test_app, &outcome), "held 60");
    assert_eq!(test_app.access.passwords_hashed(), before);
    let other = test_app.another_access().await;
    let (ask, from) = (SignIn::new("kim", PASSWORD), Origin::default());
    let elsewhere = other.sign_in(ask, &from).await;
    assert_eq!(told(&test_app, &elsewhere), "held 60", "on another node");
    test_app.pass(minutes(1));
    assert!(test_app.enter("kim", PASSWORD).await.is_ok());
}

async fn a_right_password_begins_the_count_anew(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    for _ in 0..3 {
        for _ in 0..4 {
            let outcome = test_app.enter("kim", "not the password").await;
            assert_eq!(told(&test_app, &outcome), WRONG);
        }
        assert!(test_app.enter("kim", PASSWORD).await.is_ok());
    }
}

async fn an_address_is_held_whatever_names_it_tries(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let from = origin("192.0.2.7");
    for n in 0..30 {
        let ask = SignIn::new(&format!("name {n}"), PASSWORD);
        let outcome = test_app.access.sign_in(ask, &from).await;
        assert_eq!(told(&test_app, &outcome), WRONG);
    }
    let enter = async |from: &Origin| {
        let ask = SignIn::new("kim", PASSWORD);
        told(&test_app, &test_app.access.sign_in(ask, from).await)
    };
    assert_eq!(enter(&from).await, "held 600");
    assert_eq!(enter(&origin("192.0.2.8")).await, "in");
    test_app.pass(minutes(10));
    assert_eq!(enter(&from).await, "in");
}

async fn a_stranger_keeps_nobody_out_where_they_always_are(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let (office, stranger) = (origin("198.51.100.7"), origin("192.0.2.7"));
    let enter = async |password: &str, from: &Origin| {
        let outcome = test_app
            .access
            .sign_in(SignIn::new("kim", password), from)
            .await;
        told(&test_app, &outcome)
    };
    assert_eq!(enter(PASSWORD, &office).await, "in");
    for _ in 0..5 {
        assert_eq!(enter("not the password", &stranger).await, WRONG);
    }
    // The stranger is held, from wherever else it comes, also with the right password.
    for from in ["192.0.2.7", "203.0.113.9", "2001:db8::1"] {
        assert_eq!(enter(PASSWORD, &origin(from)).await, "held 60", "{from}");
    }
    assert_eq!(enter(PASSWORD, &Origin::default()).await, "held 60");
    // Its owner is not, on this node and on another.
    assert_eq!(enter(PASSWORD, &office).await, "in");
    let other = test_app.another_access().await;
    let elsewhere = other.sign_in(SignIn::new("kim", PASSWORD), &office).await;
    assert_eq!(told(&test_app, &elsewhere), "in");
    // At the usual place guesses count by themselves.
    for _ in 0..5 {
        assert_eq!(enter("not the password", &office).await, WRONG);
    }
    assert_eq!(enter(PASSWORD, &office).await, "held 60");
    test_app.pass(minutes(1));
    assert_eq!(enter(PASSWORD, &office).await, "in");
    // A place is no usual one any more when its owner was not there for long.
    test_app.pass(minutes(60 * 24 * 31));
    for _ in 0..5 {
        assert_eq!(enter("not the password", &stranger).await, WRONG);
    }
    assert_eq!(enter(PASSWORD, &office).await, "held 60");
}

async fn guessing_from_everywhere_is_held_as_well(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let mut outcomes = Vec::new();
    for n in 0..40 {
        let ask = SignIn::new("kim", "not the password");
        let from = origin(&format!("192.0.2.{n}"));
        outcomes.push(told(&test_app, &test_app.access.sign_in(ask, &from).await));
    }
    let wrong = outcomes.iter().filter(|told| *told == WRONG).count();
    assert_eq!(wrong, 5, "{outcomes:?}");
}

/// What is kept of tries is kept in the ledger, by the name's hash, whether anybody has the name or not.
async fn names_answer_and_cost_alike_after_a_restart(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let operator = async || {
        let store = &test_app.store;
        let kim = store.document(DocumentKind::Operator, "kim").await;
        kim.unwrap().unwrap()
    };
    let kept = async || {
        let store = &test_app.store;
        let kept = store.documents(DocumentKind::Throttle).await.unwrap();
        let mut versions: Vec<_> = kept
            .iter()
            .map(|one| (one.key.clone(), one.version))
            .collect();
        versions.sort();
        versions
    };
    let before = operator().await;
    for n in 1..=5 {
        for name in ["kim", "nobody"] {
            let outcome = test_app.enter(name, "not the password").await;
            assert_eq!(told(&test_app, &outcome), WRONG);
        }
        // One write each, to a row of the same kind.
        let versions: Vec<_> = kept()
            .await
            .into_iter()
            .map(|(_, version)| version)
            .collect();
        assert_eq!(versions, [n, n]);
    }
    assert_eq!(
        operator().await,
        before,
        "nothing is written that only kim has"
    );
    let other = test_app.another_access().await;
    for name in ["kim", "nobody"] {
        let ask = SignIn::new(name, PASSWORD);
        let outcome = other.sign_in(ask, &Origin::default()).await;
        assert_eq!(told(&test_app, &outcome), "held 60", "{name}");
    }
    // What was typed in is not in it.
    for (key, _) in kept().await {
        assert_eq!(key.len(), 4);
    }
}

async fn who_is_unlocked_may_try_at_once(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let office = origin("198.51.100.7");
    let enter = async |password: &str, from: &Origin| {
        let ask = SignIn::new("kim", password);
        told(&test_app, &test_app.access.sign_in(ask, from).await)
    };
    assert_eq!(enter(PASSWORD, &office).await, "in");
    for from in [office.clone(), Origin::default()] {
        for _ in 0..5 {
            assert_eq!(enter("not the password", &from).await, WRONG);
        }
        assert_eq!(enter(PASSWORD, &from).await, "held 60");
    }
    let kim = test_app.operator("kim").await;
    assert!(test_app.access.held(&kim).await.unwrap().is_some());
    let kim = test_app.access.unlock(&actor("kim")).await.unwrap();
    assert_eq!(test_app.access.held(&kim).await.unwrap(), None);
    for from in [office, Origin::default()] {
        assert_eq!(enter(PASSWORD, &from).await, "in");
    }
    let nobody = test_app.access.unlock(&actor("nobody")).await;
    assert!(matches!(nobody, Err(sugi_access::AccessError::Unknown(_))));
}

async fn guesses_that_are_made_at_once_are_held_like_those_in_turn(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    for name in ["kim", "nobody"] {
        let before = test_app.access.passwords_hashed();
        // The right one comes last.
        let guesses = (0..39).map(|n| format!("guess number {n}"));
        let guesses: Vec<_> = guesses.chain([PASSWORD.to_owned()]).collect();
        let tries = guesses.iter().map(|guess| test_app.enter(name, guess));
        let outcomes = together(tries).await;
        let count = |what: &str| {
            let told = outcomes.iter().map(|outcome| told(&test_app, outcome));
            told.filter(|told| told == what).count()
        };
        assert_eq!((count(WRONG), count("held 60")), (5, 35), "{name}");
        assert_eq!(test_app.access.passwords_hashed() - before, 40, "{name}");
    }
}

async fn an_address_that_guesses_at_once_is_held_like_one_in_turn(test_app: TestApp) {
    let from = origin("2001:db8::7");
    let names: Vec<_> = (0..40).map(|n| format!("name {n}")).collect();
    let tries = names.iter().map(|name| {
        let ask = SignIn::new(name, PASSWORD);
        test_app.access.sign_in(ask, &from)
    });
    let outcomes = together(tries).await;
    let wrong = outcomes.iter().filter(|one| told(&test_app, one) == WRONG);
    assert_eq!(wrong.count(), 30);
}

async fn what_cannot_be_a_password_is_wrong_like_any_other(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let long = "long enough to cost a lot ".repeat(100_000);
    for (name, password) in [("kim", long.as_str()), ("nobody", &long), ("kim", "")] {
        let before = test_app.access.passwords_hashed();
        let outcome = test_app.enter(name, password).await;
        assert_eq!(told(&test_app, &outcome), WRONG);
        assert_eq!(test_app.access.passwords_hashed() - before, 1);
    }
}

async fn whoever_may_not_sign_in_gets_nothing(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let cookie = test_app.enter("kim", PASSWORD).await.unwrap();
    test_app
        .change("kim", |kim| kim.active = false)
        .await
        .unwrap();
    let outcome = test_app.enter("kim", PASSWORD).await;
    assert_eq!(told(&test_app, &outcome), WRONG);
    let (ask, from) = (SignIn::new("kim", PASSWORD), Origin::default());
    let shown = test_app.access.show(ask, &from).await;
    assert!(matches!(shown, Err(SignInError::Wrong)));
    let kim = test_app.operator("kim").await;
    assert!(!kim.may(Role::KeyIn) && !kim.may_use(&"main".parse().unwrap()));
    assert!(test_app.access.sessions(&kim).await.unwrap().is_empty());
    // No one looked at the session meanwhile, and still it does not come back with its owner.
    test_app
        .change("kim", |kim| kim.active = true)
        .await
        .unwrap();
    assert!(!test_app.is_in(&cookie).await);
    assert!(test_app.enter("kim", PASSWORD).await.is_ok());
}

fn origin(address: &str) -> Origin {
    let address: IpAddr = address.parse().unwrap();
    Origin {
        address: Some(address),
        agent: "a browser".into(),
    }
}
