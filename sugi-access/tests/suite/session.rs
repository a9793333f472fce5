//! How sessions begin, live and end.

use sugi_access::{Cookie, Origin, Role, SignIn};

use crate::{PASSWORD, TestApp, actor, minutes, seconds};

on_each_engine!(
    a_session_that_nobody_uses_ends,
    looking_without_using_keeps_nothing_alive,
    a_session_ends_however_much_it_is_used,
    a_session_is_never_taken_over,
    what_the_ledger_holds_is_no_cookie,
    a_session_can_be_ended_by_whose_it_is,
    the_oldest_session_ends_for_the_next,
    a_new_password_ends_every_session,
    where_a_session_came_from_is_kept,
    a_card_number_that_a_browser_says_is_not_kept,
);

async fn in_as(test_app: &TestApp, name: &str) -> Cookie {
    test_app.enter(name, PASSWORD).await.unwrap()
}

async fn a_session_that_nobody_uses_ends(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let (used, unused) = (in_as(&test_app, "kim").await, in_as(&test_app, "kim").await);
    test_app.pass(minutes(15) - seconds(1));
    assert!(test_app.is_in(&used).await, "used in time");
    test_app.pass(seconds(1));
    assert!(
        !test_app.is_in(&unused).await,
        "a quarter of an hour unused"
    );
    test_app.pass(minutes(15) - seconds(2));
    assert!(test_app.is_in(&used).await);
    test_app.pass(minutes(15));
    assert!(!test_app.is_in(&used).await);
}

async fn looking_without_using_keeps_nothing_alive(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let cookie = in_as(&test_app, "kim").await;
    for _ in 0..14 {
        test_app.pass(minutes(1));
        let seen = test_app.access.session_unused(&cookie).await.unwrap();
        assert!(seen.is_some());
    }
    test_app.pass(minutes(1));
    let seen = test_app.access.session_unused(&cookie).await.unwrap();
    assert!(seen.is_none());
}

async fn a_session_ends_however_much_it_is_used(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let cookie = in_as(&test_app, "kim").await;
    for _ in 0..71 {
        test_app.pass(minutes(10));
        assert!(test_app.is_in(&cookie).await);
    }
    test_app.pass(minutes(10) - seconds(1));
    assert!(test_app.is_in(&cookie).await, "a second before half a day");
    test_app.pass(seconds(1));
    assert!(!test_app.is_in(&cookie).await, "half a day");
}

async fn a_session_is_never_taken_over(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let planted = Cookie::sent("0".repeat(64).as_str());
    assert!(!test_app.is_in(&planted).await);
    let first = in_as(&test_app, "kim").await;
    let second = in_as(&test_app, "kim").await;
    assert!(
        !test_app.is_in(&planted).await,
        "signing in makes it nobody's"
    );
    assert_ne!(first.reveal(), second.reveal());
    assert_eq!(first.reveal().len(), 64);
    assert!(test_app.is_in(&first).await && test_app.is_in(&second).await);
    for text in [
        "",
        " ",
        &first.reveal()[1..],
        &first.reveal().to_uppercase(),
    ] {
        assert!(!test_app.is_in(&Cookie::sent(text)).await, "{text}");
    }
}

async fn what_the_ledger_holds_is_no_cookie(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let cookie = in_as(&test_app, "kim").await;
    let session = test_app.access.session(&cookie).await.unwrap().unwrap();
    assert_ne!(session.id, cookie.reveal());
    assert!(!test_app.is_in(&Cookie::sent(&session.id)).await);
    let kept = &test_app.store;
    let kept = kept.documents(sugi_store::DocumentKind::Session);
    let kept = format!("{:?}", kept.await.unwrap());
    assert!(kept.contains(&session.id) && !kept.contains(cookie.reveal()));
    // Nor is it, or what a password hashes to, in anything that is printed.
    let printed = format!("{cookie:?} {session:?}");
    assert!(!printed.contains(cookie.reveal()) && !printed.contains("argon2"));
}

async fn a_session_can_be_ended_by_whose_it_is(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    test_app.add("lee", &[Role::KeyIn]).await;
    let (one, other) = (in_as(&test_app, "kim").await, in_as(&test_app, "kim").await);
    let id = test_app.access.session(&one).await.unwrap().unwrap().id;
    let access = &test_app.access;
    assert!(!access.end_session(&actor("lee"), &id).await.unwrap());
    assert!(test_app.is_in(&one).await);
    assert!(access.end_session(&actor("kim"), &id).await.unwrap());
    assert!(!access.end_session(&actor("kim"), &id).await.unwrap());
    assert!(!test_app.is_in(&one).await && test_app.is_in(&other).await);
    let kim = test_app.operator("kim").await;
    assert_eq!(access.sessions(&kim).await.unwrap().len(), 1);
}

async fn the_oldest_session_ends_for_the_next(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let first = in_as(&test_app, "kim").await;
    test_app.pass(seconds(31));
    let second = in_as(&test_app, "kim").await;
    test_app.pass(seconds(31));
    assert!(test_app.is_in(&first).await, "used after the second began");
    for _ in 0..18 {
        in_as(&test_app, "kim").await;
    }
    let kim = test_app.operator("kim").await;
    assert_eq!(test_app.access.sessions(&kim).await.unwrap().len(), 20);
    in_as(&test_app, "kim").await;
    assert_eq!(test_app.access.sessions(&kim).await.unwrap().len(), 20);
    assert!(!test_app.is_in(&second).await && test_app.is_in(&first).await);
}

async fn a_new_password_ends_every_session(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    test_app.add("lee", &[Role::KeyIn]).await;
    let (kim, lee) = (in_as(&test_app, "kim").await, in_as(&test_app, "lee").await);
    // Within the same tick of the clock, so that nothing but the order can tell.
    let password = "another horse battery";
    test_app.set_password("kim", password).await.unwrap();
    assert!(!test_app.is_in(&kim).await);
    assert!(test_app.is_in(&lee).await);
    assert!(test_app.enter("kim", PASSWORD).await.is_err());
    let anew = test_app.enter("kim", password).await.unwrap();
    assert!(test_app.is_in(&anew).await);
    test_app.set_password("kim", password).await.unwrap();
    assert!(!test_app.is_in(&anew).await, "once more within the tick");
}

async fn where_a_session_came_from_is_kept(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let from = Origin {
        address: Some("192.0.2.7".parse().unwrap()),
        agent: "x".repeat(10_000),
    };
    let ask = SignIn::new("kim", PASSWORD);
    let began = test_app.clock.now();
    let cookie = test_app.access.sign_in(ask, &from).await.unwrap();
    test_app.pass(minutes(1));
    assert!(test_app.is_in(&cookie).await);
    let kim = test_app.operator("kim").await;
    let sessions = test_app.access.sessions(&kim).await.unwrap();
    let session = &sessions[0];
    assert_eq!(session.address, "192.0.2.7");
    assert_eq!(session.agent.len(), 200);
    assert_eq!(session.created_at, began);
    assert_eq!(session.seen_at, test_app.clock.now());
}

async fn a_card_number_that_a_browser_says_is_not_kept(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let from = Origin {
        address: None,
        agent: format!("{}4111 1111 1111 1111 \u{0}x", "a".repeat(190)),
    };
    let ask = SignIn::new("kim", PASSWORD);
    let cookie = test_app.access.sign_in(ask, &from).await.unwrap();
    let session = test_app.access.session(&cookie).await.unwrap().unwrap();
    assert_eq!(session.agent, format!("{}411111****", "a".repeat(190)));
}
