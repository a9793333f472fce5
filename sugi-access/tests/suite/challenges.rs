//! What passkeys sign: good once, for a while, for one purpose, on all nodes.

use sugi_access::{Access, AccessError, Cookie, Origin, PasskeyError, SignInError};
use sugi_store::DocumentKind;

use crate::{
    TestApp, authenticator::Authenticator, minutes, passkeys::with_passkeys, seconds, together,
};

on_each_engine!(
    a_challenge_is_good_once_on_all_nodes,
    a_challenge_waits_five_minutes_and_is_good_for_what_it_was_given_out_for,
    a_flood_of_challenges_makes_the_oldest_be_forgotten,
    of_two_that_show_one_count_at_once_one_gets_in,
);

async fn a_challenge_is_good_once_on_all_nodes(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    let other = test_app.another_access().await;
    let from = Origin::default();
    let challenge = test_app
        .access
        .challenge_to_sign_in(&Origin::default())
        .await
        .unwrap();
    let shown = passkey.show(&challenge);
    let nodes = [&test_app.access, &other];
    let tries = (0..8).map(|n| nodes[n % 2].sign_in_with_passkey(&shown, &from));
    let outcomes = together(tries).await;
    let of = |outcome: fn(&Result<Cookie, SignInError>) -> bool| {
        outcomes.iter().filter(|one| outcome(one)).count()
    };
    assert_eq!(of(Result::is_ok), 1);
    assert_eq!(of(|one| matches!(one, Err(SignInError::Stale))), 7);
    // What one node gave out another takes.
    let challenge = other
        .challenge_to_sign_in(&Origin::default())
        .await
        .unwrap();
    let shown = passkey.show(&challenge);
    assert!(
        test_app
            .access
            .sign_in_with_passkey(&shown, &from)
            .await
            .is_ok()
    );
}

async fn a_challenge_waits_five_minutes_and_is_good_for_what_it_was_given_out_for(
    test_app: TestApp,
) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    test_app.add("lee", &[]).await;
    let (kim, lee) = (test_app.session("kim").await, test_app.session("lee").await);
    let (access, from) = (&test_app.access, Origin::default());
    let is_stale =
        |outcome: Result<Cookie, SignInError>| matches!(outcome, Err(SignInError::Stale));
    for (after, good) in [(299, true), (300, false)] {
        let challenge = access
            .challenge_to_sign_in(&Origin::default())
            .await
            .unwrap();
        let offer = access.begin_passkey(&kim).await.unwrap();
        test_app.pass(seconds(after));
        let shown = passkey.show(&challenge);
        let outcome = access.sign_in_with_passkey(&shown, &from).await;
        assert_eq!(outcome.is_ok(), good);
        assert_eq!(is_stale(outcome), !good);
        let new = Authenticator::new(&offer.handle).make(&offer.challenge);
        let added = access.add_passkey(&kim, new).await;
        let stale = matches!(added, Err(AccessError::Passkey(PasskeyError::Stale)));
        assert_eq!((added.is_ok(), stale), (good, !good));
    }
    // One to add with is none to sign in with, nor another session's.
    let offer = access.begin_passkey(&kim).await.unwrap();
    let shown = passkey.show(&offer.challenge);
    assert!(is_stale(access.sign_in_with_passkey(&shown, &from).await));
    let to_sign_in = access
        .challenge_to_sign_in(&Origin::default())
        .await
        .unwrap();
    for (session, challenge) in [(&kim, &to_sign_in), (&lee, &offer.challenge)] {
        let new = Authenticator::new(&offer.handle).make(challenge);
        let added = access.add_passkey(session, new).await;
        assert!(matches!(
            added,
            Err(AccessError::Passkey(PasskeyError::Stale))
        ));
    }
    // None that no one gave out.
    for challenge in ["", "A", &"A".repeat(43), &"A".repeat(2_000)] {
        let shown = passkey.show(challenge);
        assert!(is_stale(access.sign_in_with_passkey(&shown, &from).await));
    }
    // Asking for too much is no wrong try: whoever holds the passkey still gets in.
    assert!(test_app.show(&mut passkey).await.is_ok());
}

async fn a_flood_of_challenges_makes_the_oldest_be_forgotten(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    let (access, from) = (&test_app.access, Origin::default());
    let first = access
        .challenge_to_sign_in(&Origin::default())
        .await
        .unwrap();
    test_app.pass(seconds(1));
    let last = access
        .challenge_to_sign_in(&Origin::default())
        .await
        .unwrap();
    test_app.pass(seconds(1));
    for _ in 0..499 {
        access
            .challenge_to_sign_in(&Origin::default())
            .await
            .unwrap();
    }
    let kept = test_app.store.documents(DocumentKind::Challenge);
    assert_eq!(kept.await.unwrap().len(), 500);
    let outcome = access
        .sign_in_with_passkey(&passkey.show(&first), &from)
        .await;
    assert!(matches!(outcome, Err(SignInError::Stale)));
    let outcome = access
        .sign_in_with_passkey(&passkey.show(&last), &from)
        .await;
    assert!(outcome.is_ok());
    // What waited too long goes with the next that is asked for.
    test_app.pass(minutes(5));
    access
        .challenge_to_sign_in(&Origin::default())
        .await
        .unwrap();
    let kept = test_app.store.documents(DocumentKind::Challenge);
    assert_eq!(kept.await.unwrap().len(), 1);
}

async fn of_two_that_show_one_count_at_once_one_gets_in(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    let (other, from) = (test_app.another_access().await, Origin::default());
    let mut shown = Vec::new();
    for _ in 0..2 {
        let challenge = test_app
            .access
            .challenge_to_sign_in(&Origin::default())
            .await
            .unwrap();
        passkey.count = 4;
        shown.push(passkey.show(&challenge));
    }
    let nodes: [&Access; 2] = [&test_app.access, &other];
    let tries = nodes.iter().zip(&shown);
    let tries = tries.map(|(node, shown)| node.sign_in_with_passkey(shown, &from));
    let outcomes = together(tries).await;
    assert_eq!(outcomes.iter().filter(|one| one.is_ok()).count(), 1);
}
