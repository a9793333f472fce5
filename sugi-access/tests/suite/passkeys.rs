//! Passkeys: added, shown, refused, taken away.

use sugi_access::{
    AccessError, Cookie, Operator, Origin, PASSKEYS_MAX, PasskeyError, Role, Rules, Session,
    SignIn, SignInError,
};
use sugi_store::AuditFilter;

use crate::{
    PASSWORD, TestApp, actor,
    authenticator::{Authenticator, COPYABLE, PRESENT, VERIFIED, site},
    minutes, seconds, together,
};

on_each_engine!(
    a_passkey_lets_in_without_a_name_and_is_both_factors,
    what_is_kept_of_a_passkey_opens_nothing,
    what_was_made_or_shown_elsewhere_is_refused,
    a_passkey_of_somebody_else_is_refused,
    a_count_that_does_not_grow_is_refused_and_in_the_audit,
    wrong_passkeys_are_counted_of_their_address,
    wrong_passwords_keep_no_passkey_out_and_who_is_gone_is_gone,
    a_passkey_that_was_taken_away_opens_nothing,
    passkeys_that_are_forgotten_take_their_sessions_with_them,
    there_are_at_most_ten_and_none_twice,
    a_passkeys_name_is_one,
    where_one_factor_is_not_enough_a_password_is_no_way_around_a_passkey,
    where_no_host_is_named_there_are_none,
);

fn rules() -> Rules {
    Rules {
        passkeys: Some(site()),
        ..Rules::default()
    }
}

pub(crate) fn with_passkeys(test_app: TestApp) -> TestApp {
    test_app.with(rules())
}

impl TestApp {
    /// A session of someone's, begun with the password.
    pub(crate) async fn session(&self, name: &str) -> Session {
        let cookie = self.enter(name, PASSWORD).await.unwrap();
        self.access.session(&cookie).await.unwrap().unwrap()
    }

    /// Adds an operator with a passkey.
    pub(crate) async fn add_with_passkey(&self, name: &str) -> Authenticator {
        self.add(name, &[Role::KeyIn]).await;
        self.add_passkey(&self.session(name).await).await
    }

    pub(crate) async fn add_passkey(&self, session: &Session) -> Authenticator {
        let offer = self.access.begin_passkey(session).await.unwrap();
        let made = Authenticator::new(&offer.handle);
        let new = made.make(&offer.challenge);
        self.access.add_passkey(session, new).await.unwrap();
        made
    }

    /// Tries to sign in with a passkey.
    pub(crate) async fn show(&self, passkey: &mut Authenticator) -> Result<Cookie, SignInError> {
        let challenge = self
            .access
            .challenge_to_sign_in(&Origin::default())
            .await
            .unwrap();
        let shown = passkey.show(&challenge);
        let from = Origin::default();
        self.access.sign_in_with_passkey(&shown, &from).await
    }
}

fn is_wrong(outcome: &Result<Cookie, SignInError>) -> bool {
    matches!(outcome, Err(SignInError::Wrong))
}

async fn a_passkey_lets_in_without_a_name_and_is_both_factors(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("김 대리").await;
    test_app.pass(minutes(1));
    let cookie = test_app.show(&mut passkey).await.unwrap();
    let session = test_app.access.session(&cookie).await.unwrap().unwrap();
    assert_eq!(session.operator.name, actor("김 대리"));
    assert!(session.with_passkey);
    assert!(!test_app.session("김 대리").await.with_passkey);
    let operator = test_app.operator("김 대리").await;
    let one = &operator.passkeys()[0];
    assert_eq!(one.name, "laptop");
    assert_eq!(one.used_at, Some(test_app.clock.now()));
    assert_eq!(one.created_at, test_app.clock.now() - minutes(1));
    // One of them that its owner's other devices share.
    let session = test_app.session("김 대리").await;
    let offer = test_app.access.begin_passkey(&session).await.unwrap();
    assert_eq!(offer.known.len(), 1);
    let mut shared = Authenticator::new(&offer.handle);
    shared.flags |= COPYABLE;
    let new = shared.make(&offer.challenge);
    test_app.access.add_passkey(&session, new).await.unwrap();
    assert!(test_app.show(&mut shared).await.is_ok());
    // Which it stays.
    shared.flags = PRESENT | VERIFIED;
    assert!(is_wrong(&test_app.show(&mut shared).await));
}

async fn what_is_kept_of_a_passkey_opens_nothing(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let passkey = test_app.add_with_passkey("kim").await;
    // The handle is chance, and says nothing of its owner.
    assert_eq!(passkey.handle.len(), 43);
    let other = test_app.add_with_passkey("lee").await;
    assert_ne!(passkey.handle, other.handle);
    let found = test_app.access.operator_of_handle(&passkey.handle).await;
    assert_eq!(found.unwrap().unwrap().name, actor("kim"));
    test_app.add("nobody's handle", &[]).await;
    let spaced = format!("{} ", passkey.handle);
    for handle in ["", "kim", &spaced, &"A".repeat(43), &passkey.handle[1..]] {
        let found = test_app.access.operator_of_handle(handle).await.unwrap();
        assert!(found.is_none(), "{handle}");
    }
    // Whoever knows all of it and has not the key.
    assert!(is_wrong(&test_app.show(&mut passkey.impostor()).await));
}

type Harm = fn(&mut Authenticator);

async fn what_was_made_or_shown_elsewhere_is_refused(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    let session = test_app.session("kim").await;
    let harms: [Harm; 5] = [
        |one| one.origin = "https://pay.example.com.evil.example",
        |one| one.host = "example.com",
        |one| one.flags = PRESENT,
        |one| one.flags = VERIFIED,
        |one| one.flags |= 16,
    ];
    for (n, harm) in harms.into_iter().enumerate() {
        let as_it_was = (passkey.origin, passkey.host, passkey.flags);
        harm(&mut passkey);
        assert!(is_wrong(&test_app.show(&mut passkey).await), "{n}");
        (passkey.origin, passkey.host, passkey.flags) = as_it_was;
        assert!(test_app.show(&mut passkey).await.is_ok(), "{n}");
        let offer = test_app.access.begin_passkey(&session).await.unwrap();
        let mut new = Authenticator::new(&offer.handle);
        harm(&mut new);
        let added = test_app
            .access
            .add_passkey(&session, new.make(&offer.challenge));
        let refused = added.await.unwrap_err();
        let why = AccessError::Passkey(PasskeyError::Refused).to_string();
        assert_eq!(refused.to_string(), why, "{n}");
    }
    assert_eq!(test_app.operator("kim").await.passkeys().len(), 1);
    // What is neither.
    let from = Origin::default();
    let nothing = sugi_access::ShownPasskey::default();
    let outcome = test_app.access.sign_in_with_passkey(&nothing, &from).await;
    assert!(is_wrong(&outcome));
}

async fn a_passkey_of_somebody_else_is_refused(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut kim = test_app.add_with_passkey("kim").await;
    let mut lee = test_app.add_with_passkey("lee").await;
    std::mem::swap(&mut kim.handle, &mut lee.handle);
    assert!(is_wrong(&test_app.show(&mut kim).await));
    assert!(is_wrong(&test_app.show(&mut lee).await));
    std::mem::swap(&mut kim.handle, &mut lee.handle);
    // The same id at another operator changes nothing for the first.
    let session = test_app.session("lee").await;
    let offer = test_app.access.begin_passkey(&session).await.unwrap();
    let mut twin = kim.impostor();
    twin.handle.clone_from(&offer.handle);
    let new = twin.make(&offer.challenge);
    test_app.access.add_passkey(&session, new).await.unwrap();
    let name_of = async |cookie: Cookie| {
        let session = test_app.access.session(&cookie).await.unwrap().unwrap();
        session.operator.name.to_string()
    };
    let cookie = test_app.show(&mut kim).await.unwrap();
    assert_eq!(name_of(cookie).await, "kim");
    let cookie = test_app.show(&mut twin).await.unwrap();
    assert_eq!(name_of(cookie).await, "lee");
}

async fn a_count_that_does_not_grow_is_refused_and_in_the_audit(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    passkey.count = 6;
    assert!(test_app.show(&mut passkey).await.is_ok());
    for before in [6, 5, 1] {
        // The authenticator adds one.
        passkey.count = before;
        let outcome = test_app.show(&mut passkey).await;
        assert!(matches!(outcome, Err(SignInError::Copied)), "{before}");
    }
    passkey.count = 0;
    let outcome = test_app.show(&mut passkey).await;
    assert!(
        matches!(outcome, Err(SignInError::Copied)),
        "it counted once"
    );
    passkey.count = 7;
    assert!(test_app.show(&mut passkey).await.is_ok());
    test_app.access.flush().await;
    let filter = AuditFilter::default();
    let rows = test_app.store.audit_entries(&filter).await;
    let rows: Vec<_> = rows
        .unwrap()
        .into_iter()
        .map(|row| row.audit_entry)
        .collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[3].outcome, "refused: count 7 after 7");
    assert_eq!(rows[0].outcome, "refused: count 0 after 7");
    let kim = test_app.operator("kim").await;
    let id = &kim.passkeys()[0].id;
    for row in rows {
        assert_eq!((&*row.actor, &*row.action), ("operator:kim", "passkey"));
        assert_eq!(&row.subject, id);
    }
}

async fn wrong_passkeys_are_counted_of_their_address(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    let mut impostor = passkey.impostor();
    for n in 0..5 {
        assert!(is_wrong(&test_app.show(&mut impostor).await), "{n}");
    }
    // A handle is no secret of its owner's: no one is held by what others sign.
    assert!(test_app.show(&mut passkey).await.is_ok());
    test_app.enter("kim", PASSWORD).await.unwrap();
    // An address that tries everything it finds is held, no matter whom it names.
    let from = Origin {
        address: Some("192.0.2.7".parse().unwrap()),
        agent: String::new(),
    };
    for n in 0..31 {
        let challenge = test_app
            .access
            .challenge_to_sign_in(&Origin::default())
            .await
            .unwrap();
        let mut noise = Authenticator::new(&"A".repeat(43));
        let shown = noise.show(&challenge);
        let outcome = test_app.access.sign_in_with_passkey(&shown, &from).await;
        let held = matches!(outcome, Err(SignInError::Held(_)));
        assert_eq!((held, is_wrong(&outcome)), (n == 30, n < 30), "{n}");
    }
    // An empty name is another matter.
    for _ in 0..5 {
        let _ = test_app.enter("", PASSWORD).await;
    }
    assert!(test_app.show(&mut passkey).await.is_ok());
}

async fn wrong_passwords_keep_no_passkey_out_and_who_is_gone_is_gone(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    for _ in 0..5 {
        let _ = test_app.enter("kim", "not the password").await;
    }
    assert!(test_app.show(&mut passkey).await.is_ok());
    let outcome = test_app.enter("kim", PASSWORD).await;
    assert!(
        matches!(outcome, Err(SignInError::Held(_))),
        "the password is held still"
    );
    test_app.pass(minutes(1));
    test_app.enter("kim", PASSWORD).await.unwrap();
    assert!(test_app.show(&mut passkey).await.is_ok());
    test_app
        .change("kim", |kim| kim.active = false)
        .await
        .unwrap();
    test_app.pass(seconds(1));
    assert!(is_wrong(&test_app.show(&mut passkey).await));
    let used_at = test_app.operator("kim").await.passkeys()[0].used_at;
    assert_eq!(used_at, Some(test_app.clock.now() - seconds(1)));
    test_app
        .change("kim", |kim| kim.active = true)
        .await
        .unwrap();
    assert!(test_app.show(&mut passkey).await.is_ok());
}

async fn a_passkey_that_was_taken_away_opens_nothing(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut first = test_app.add_with_passkey("kim").await;
    let mut second = test_app.add_passkey(&test_app.session("kim").await).await;
    assert_eq!(first.handle, second.handle);
    let id = test_app.operator("kim").await.passkeys()[0].id.clone();
    test_app.add("lee", &[]).await;
    let remove = async |name: &str, id: &str| {
        let removed = test_app.access.remove_passkey(&actor(name), id).await;
        removed.unwrap()
    };
    assert!(!remove("lee", &id).await, "somebody else's");
    assert!(!remove("kim", "nothing").await);
    assert!(test_app.show(&mut first).await.is_ok());
    assert!(remove("kim", &id).await);
    assert!(!remove("kim", &id).await);
    assert!(is_wrong(&test_app.show(&mut first).await));
    assert!(test_app.show(&mut second).await.is_ok());
}

async fn passkeys_that_are_forgotten_take_their_sessions_with_them(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let mut passkey = test_app.add_with_passkey("kim").await;
    let cookie = test_app.show(&mut passkey).await.unwrap();
    let now = test_app.clock.now();
    let change = |kim: &mut Operator| kim.forget_passkeys(now);
    test_app.change("kim", change).await.unwrap();
    assert!(!test_app.is_in(&cookie).await);
    assert!(is_wrong(&test_app.show(&mut passkey).await));
    let anew = test_app.add_passkey(&test_app.session("kim").await).await;
    assert_ne!(anew.handle, passkey.handle, "what was lost names nobody");
}

async fn there_are_at_most_ten_and_none_twice(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    let passkey = test_app.add_with_passkey("kim").await;
    let session = test_app.session("kim").await;
    let begin = async || test_app.access.begin_passkey(&session).await;
    let offer = begin().await.unwrap();
    let again = passkey.make(&offer.challenge);
    let again = test_app.access.add_passkey(&session, again).await;
    assert!(matches!(
        again,
        Err(AccessError::Passkey(PasskeyError::Refused))
    ));
    for _ in 2..PASSKEYS_MAX {
        test_app.add_passkey(&session).await;
    }
    // Of more than fit that were begun before, one is added.
    let offers = [begin().await.unwrap(), begin().await.unwrap()];
    let adding = offers.map(|offer| {
        let new = Authenticator::new(&offer.handle).make(&offer.challenge);
        test_app.access.add_passkey(&session, new)
    });
    let added = together(adding).await;
    assert_eq!(added.iter().filter(|one| one.is_ok()).count(), 1);
    assert_eq!(
        test_app.operator("kim").await.passkeys().len(),
        PASSKEYS_MAX
    );
    let more = begin().await;
    assert!(matches!(
        more,
        Err(AccessError::Passkey(PasskeyError::TooMany))
    ));
}

async fn a_passkeys_name_is_one(test_app: TestApp) {
    let test_app = with_passkeys(test_app);
    test_app.add("kim", &[]).await;
    let session = test_app.session("kim").await;
    let name = async |name: &str| {
        let offer = test_app.access.begin_passkey(&session).await.unwrap();
        let mut new = Authenticator::new(&offer.handle).make(&offer.challenge);
        new.name = name.into();
        test_app.access.add_passkey(&session, new).await
    };
    for bad in ["", "  ", "a\nb", &"x".repeat(65)] {
        let refused = name(bad).await;
        assert!(matches!(
            refused,
            Err(AccessError::Passkey(PasskeyError::Name))
        ));
    }
    name(&format!(" {} ", "키".repeat(64))).await.unwrap();
    let kim = test_app.operator("kim").await;
    assert_eq!(kim.passkeys()[0].name, "키".repeat(64));
}

async fn where_one_factor_is_not_enough_a_password_is_no_way_around_a_passkey(test_app: TestApp) {
    let test_app = test_app.with(Rules {
        code_required: true,
        ..rules()
    });
    let mut passkey = test_app.add_with_passkey("kim").await;
    let refused = test_app.enter("kim", PASSWORD).await;
    assert!(matches!(refused, Err(SignInError::PasskeyNeeded)));
    // Which only whoever knows the password is told.
    assert!(is_wrong(&test_app.enter("kim", "not the password").await));
    let cookie = test_app.show(&mut passkey).await.unwrap();
    // What asks again asks for the password all the same.
    let ask = SignIn::new("kim", PASSWORD);
    assert!(test_app.access.show(ask, &Origin::default()).await.is_ok());
    assert!(test_app.is_in(&cookie).await);
    let now = test_app.clock.now();
    test_app
        .change("kim", |kim| kim.forget_passkeys(now))
        .await
        .unwrap();
    assert!(test_app.enter("kim", PASSWORD).await.is_ok());
}

async fn where_no_host_is_named_there_are_none(test_app: TestApp) {
    let with = with_passkeys(test_app);
    let mut passkey = with.add_with_passkey("kim").await;
    let challenge = with
        .access
        .challenge_to_sign_in(&Origin::default())
        .await
        .unwrap();
    let test_app = with.with(Rules::default());
    let asked = test_app
        .access
        .challenge_to_sign_in(&Origin::default())
        .await;
    assert!(matches!(
        asked,
        Err(AccessError::Passkey(PasskeyError::NotOffered))
    ));
    let session = test_app.session("kim").await;
    let begun = test_app.access.begin_passkey(&session).await;
    assert!(matches!(
        begun,
        Err(AccessError::Passkey(PasskeyError::NotOffered))
    ));
    let new = passkey.make(&challenge);
    let added = test_app.access.add_passkey(&session, new).await;
    assert!(matches!(
        added,
        Err(AccessError::Passkey(PasskeyError::NotOffered))
    ));
    let shown = passkey.show(&challenge);
    let from = Origin::default();
    let outcome = test_app.access.sign_in_with_passkey(&shown, &from).await;
    assert!(is_wrong(&outcome));
}
