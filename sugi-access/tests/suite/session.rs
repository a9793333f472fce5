//! How sessions begin, live and end.

use sugi_access::{Cookie, Origin, Role, SignIn};

use crate::{House, PASSWORD, actor, minutes, seconds};

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

async fn in_as(house: &House, name: &str) -> Cookie {
    house.enter(name, PASSWORD).await.unwrap()
}

async fn a_session_that_nobody_uses_ends(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    let (used, unused) = (in_as(&house, "kim").await, in_as(&house, "kim").await);
    house.pass(minutes(15) - seconds(1));
    assert!(house.is_in(&used).await, "used in time");
    house.pass(seconds(1));
    assert!(!house.is_in(&unused).await, "a quarter of an hour unused");
    house.pass(minutes(15) - seconds(2));
    assert!(house.is_in(&used).await);
    house.pass(minutes(15));
    assert!(!house.is_in(&used).await);
}

async fn looking_without_using_keeps_nothing_alive(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    let cookie = in_as(&house, "kim").await;
    for _ in 0..14 {
        house.pass(minutes(1));
        let seen = house.access.session_unused(&cookie).await.unwrap();
        assert!(seen.is_some());
    }
    house.pass(minutes(1));
    let seen = house.access.session_unused(&cookie).await.unwrap();
    assert!(seen.is_none());
}

async fn a_session_ends_however_much_it_is_used(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    let cookie = in_as(&house, "kim").await;
    for _ in 0..71 {
        house.pass(minutes(10));
        assert!(house.is_in(&cookie).await);
    }
    house.pass(minutes(10) - seconds(1));
    assert!(house.is_in(&cookie).await, "a second before half a day");
    house.pass(seconds(1));
    assert!(!house.is_in(&cookie).await, "half a day");
}

async fn a_session_is_never_taken_over(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    let planted = Cookie::sent("0".repeat(64).as_str());
    assert!(!house.is_in(&planted).await);
    let first = in_as(&house, "kim").await;
    let second = in_as(&house, "kim").await;
    assert!(!house.is_in(&planted).await, "signing in makes it nobody's");
    assert_ne!(first.reveal(), second.reveal());
    assert_eq!(first.reveal().len(), 64);
    assert!(house.is_in(&first).await && house.is_in(&second).await);
    for text in [
        "",
        " ",
        &first.reveal()[1..],
        &first.reveal().to_uppercase(),
    ] {
        assert!(!house.is_in(&Cookie::sent(text)).await, "{text}");
    }
}

async fn what_the_ledger_holds_is_no_cookie(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    let cookie = in_as(&house, "kim").await;
    let session = house.access.session(&cookie).await.unwrap().unwrap();
    assert_ne!(session.id, cookie.reveal());
    assert!(!house.is_in(&Cookie::sent(&session.id)).await);
    let kept = house.access.engine().store();
    let kept = kept.documents(sugi_store::DocumentKind::Session);
    let kept = format!("{:?}", kept.await.unwrap());
    assert!(kept.contains(&session.id) && !kept.contains(cookie.reveal()));
    // Nor is it, or what a password hashes to, in anything that is printed.
    let printed = format!("{cookie:?} {session:?}");
    assert!(!printed.contains(cookie.reveal()) && !printed.contains("argon2"));
}

async fn a_session_can_be_ended_by_whose_it_is(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    house.add("lee", &[Role::KeyIn]).await;
    let (one, other) = (in_as(&house, "kim").await, in_as(&house, "kim").await);
    let id = house.access.session(&one).await.unwrap().unwrap().id;
    let access = &house.access;
    assert!(!access.end_session(&actor("lee"), &id).await.unwrap());
    assert!(house.is_in(&one).await);
    assert!(access.end_session(&actor("kim"), &id).await.unwrap());
    assert!(!access.end_session(&actor("kim"), &id).await.unwrap());
    assert!(!house.is_in(&one).await && house.is_in(&other).await);
    let kim = house.operator("kim").await;
    assert_eq!(access.sessions(&kim).await.unwrap().len(), 1);
}

async fn the_oldest_session_ends_for_the_next(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    let first = in_as(&house, "kim").await;
    house.pass(seconds(31));
    let second = in_as(&house, "kim").await;
    house.pass(seconds(31));
    assert!(house.is_in(&first).await, "used after the second began");
    for _ in 0..18 {
        in_as(&house, "kim").await;
    }
    let kim = house.operator("kim").await;
    assert_eq!(house.access.sessions(&kim).await.unwrap().len(), 20);
    in_as(&house, "kim").await;
    assert_eq!(house.access.sessions(&kim).await.unwrap().len(), 20);
    assert!(!house.is_in(&second).await && house.is_in(&first).await);
}

async fn a_new_password_ends_every_session(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    house.add("lee", &[Role::KeyIn]).await;
    let (kim, lee) = (in_as(&house, "kim").await, in_as(&house, "lee").await);
    // Within the same tick of the clock, so that nothing but the order can tell.
    let password = "another horse battery";
    house.set_password("kim", password).await.unwrap();
    assert!(!house.is_in(&kim).await);
    assert!(house.is_in(&lee).await);
    assert!(house.enter("kim", PASSWORD).await.is_err());
    let anew = house.enter("kim", password).await.unwrap();
    assert!(house.is_in(&anew).await);
    house.set_password("kim", password).await.unwrap();
    assert!(!house.is_in(&anew).await, "once more within the tick");
}

async fn where_a_session_came_from_is_kept(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    let from = Origin {
        address: Some("192.0.2.7".parse().unwrap()),
        agent: "x".repeat(10_000),
    };
    let ask = SignIn::new("kim", PASSWORD);
    let began = house.clock.now();
    let cookie = house.access.sign_in(ask, &from).await.unwrap();
    house.pass(minutes(1));
    assert!(house.is_in(&cookie).await);
    let kim = house.operator("kim").await;
    let sessions = house.access.sessions(&kim).await.unwrap();
    let session = &sessions[0];
    assert_eq!(session.address, "192.0.2.7");
    assert_eq!(session.agent.len(), 200);
    assert_eq!(session.created_at, began);
    assert_eq!(session.seen_at, house.clock.now());
}

async fn a_card_number_that_a_browser_says_is_not_kept(house: House) {
    house.add("kim", &[Role::KeyIn]).await;
    let from = Origin {
        address: None,
        agent: format!("{}4111 1111 1111 1111 \u{0}x", "a".repeat(190)),
    };
    let ask = SignIn::new("kim", PASSWORD);
    let cookie = house.access.sign_in(ask, &from).await.unwrap();
    let session = house.access.session(&cookie).await.unwrap().unwrap();
    assert_eq!(session.agent, format!("{}411111****", "a".repeat(190)));
}
