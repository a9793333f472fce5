//! Passkeys: set up on the account page, shown at the door, taken away; what the script is told.

use sugi_access::{AccessError, Operator, Rules};
use sugi_store::AuditFilter;

use crate::{
    authenticator::{Authenticator, HOST, site},
    http::Answer,
    page::{between, problem},
    test_app::{PASSWORD, TestApp},
};

fn rules() -> Rules {
    Rules {
        passkeys: Some(site()),
        ..Rules::default()
    }
}

impl TestApp {
    async fn begin_passkey(&self, cookie: &str, more: &str) -> Answer {
        let form = format!("password={}{more}", PASSWORD.replace(' ', "+"));
        self.form("/account/passkeys/begin", cookie, &form).await
    }

    /// Adds a passkey as the script does.
    async fn add_passkey(&self, cookie: &str, name: &str) -> Authenticator {
        let offer = self.begin_passkey(cookie, "").await;
        assert_eq!(offer.status, 200, "{offer:?}");
        let made = Authenticator::new(offer.json["user"]["id"].as_str().unwrap());
        let added = self.made(cookie, name, &made, &offer).await;
        assert_eq!((added.status, &added.json["to"]), (200, &"/account".into()));
        made
    }

    /// Sends what a browser made.
    async fn made(&self, cookie: &str, name: &str, one: &Authenticator, offer: &Answer) -> Answer {
        let new = one.make(offer.json["challenge"].as_str().unwrap());
        let form = format!(
            "name={name}&client_data={}&authenticator_data={}",
            new.client_data, new.authenticator_data
        );
        self.form("/account/passkeys", cookie, &form).await
    }

    /// Shows a passkey at the door.
    async fn show(&self, one: &mut Authenticator, next: &str) -> Answer {
        let asked = self.form("/sign-in/challenge", "", "").await;
        assert_eq!(asked.status, 200, "{asked:?}");
        assert_eq!(asked.json["rpId"], HOST);
        assert_eq!(asked.json["userVerification"], "required");
        let shown = one.show(asked.json["challenge"].as_str().unwrap());
        let form = format!(
            "credential={}&handle={}&client_data={}&authenticator_data={}&signature={}&next={next}",
            shown.credential,
            shown.handle,
            shown.client_data,
            shown.authenticator_data,
            shown.signature
        );
        self.form("/sign-in/passkey", "sugi-lang=en", &form).await
    }

    async fn passkeys(&self, name: &str) -> Vec<sugi_access::Passkey> {
        let name = name.parse().unwrap();
        let operator = self.access.operator(&name).await.unwrap().unwrap();
        operator.passkeys().to_vec()
    }
}

fn told(answer: &Answer) -> &str {
    answer.json["text"].as_str().unwrap()
}

#[tokio::test]
async fn a_passkey_is_added_shown_and_removed() {
    let test_app = TestApp::with(rules()).await;
    let cookie = test_app.english("looker").await;
    let page = test_app.page("GET", "/account", &cookie).await.text;
    assert!(page.contains("data-passkey=\"add\"") && page.contains("You have none."));
    let offer = test_app.begin_passkey(&cookie, "").await.json;
    assert_eq!(offer["rp"]["id"], HOST);
    assert_eq!(offer["user"]["name"], "looker");
    assert_eq!(offer["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(
        offer["authenticatorSelection"]["userVerification"],
        "required"
    );
    assert_eq!(offer["attestation"], "none");
    assert!(offer["excludeCredentials"].as_array().unwrap().is_empty());
    let mut one = test_app.add_passkey(&cookie, "%3Cb%3Elaptop").await;
    let offer = test_app.begin_passkey(&cookie, "").await.json;
    assert_eq!(offer["excludeCredentials"].as_array().unwrap().len(), 1);
    let page = test_app.page("GET", "/account", &cookie).await.text;
    assert!(page.contains("&#60;b&#62;laptop") && page.contains("not used yet"));
    assert!(!page.contains(&one.handle), "it is nobody's to see");

    let answer = test_app.show(&mut one, "%2Fday").await;
    assert_eq!((answer.status, &answer.json["to"]), (200, &"/day".into()));
    let given = answer.header("set-cookie").unwrap();
    for part in [
        "__Host-sugi=",
        "Secure",
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
    ] {
        assert!(given.contains(part), "{given}");
    }
    let there = given.split(';').next().unwrap();
    let page = test_app
        .page("GET", "/account", &format!("{there}; sugi-lang=en"))
        .await;
    assert!(page.text.contains("looker") && page.text.contains("last used"));

    let id = &between(&page.text, "action=\"/account/passkeys/", "\"")[0].to_owned();
    let remove = async |cookie: &str, form: &str| {
        let path = format!("/account/passkeys/{id}");
        test_app.form(&path, cookie, form).await
    };
    let password = format!("password={}", PASSWORD.replace(' ', "+"));
    let refused = remove(&cookie, "password=not+the+right+one").await;
    assert_eq!(refused.status, 422);
    let why = problem(&refused.text).unwrap();
    assert_eq!(why, "The present password or the code is not right.");
    let other = test_app.english("administer").await;
    assert_eq!(
        remove(&other, &password).await.status,
        404,
        "somebody else's"
    );
    assert_eq!(test_app.passkeys("looker").await.len(), 1);
    let removed = remove(&cookie, &password).await;
    assert_eq!(
        (removed.status, removed.header("location")),
        (303, Some("/account"))
    );
    let refused = test_app.show(&mut one, "").await;
    assert_eq!(refused.status, 401);
    assert!(told(&refused).starts_with("This passkey lets nobody in."));
    assert!(refused.header("set-cookie").is_none());
}

#[tokio::test]
async fn nothing_is_added_without_the_password_the_code_and_a_challenge_of_this_session() {
    let test_app = TestApp::with(rules()).await;
    let cookie = test_app.english("looker").await;
    for form in ["", "password=", "password=not+the+right+one"] {
        let refused = test_app
            .form("/account/passkeys/begin", &cookie, form)
            .await;
        assert_eq!(refused.status, 422, "{form}");
        assert_eq!(
            told(&refused),
            "The present password or the code is not right."
        );
    }
    let secret = test_app.codes_for(&cookie).await;
    assert_eq!(test_app.begin_passkey(&cookie, "").await.status, 422);
    let code = test_app.next_code(&secret);
    let offer = test_app
        .begin_passkey(&cookie, &format!("&code={code}"))
        .await;
    let one = Authenticator::new(offer.json["user"]["id"].as_str().unwrap());
    let other = test_app.english("key_in").await;
    let refused = test_app.made(&other, "mine", &one, &offer).await;
    assert_eq!(refused.status, 422, "another session's");
    assert!(told(&refused).starts_with("It took too long, or was begun in another session."));
    for name in ["", "4111+1111+1111+1111"] {
        let refused = test_app.made(&cookie, name, &one, &offer).await;
        assert_eq!(
            told(&refused),
            "The name of a passkey has 1 to 64 characters and holds no card number."
        );
    }
    assert_eq!(
        test_app.made(&cookie, "mine", &one, &offer).await.status,
        200
    );
    let again = test_app.made(&cookie, "mine", &one, &offer).await;
    assert!(
        told(&again).starts_with("It took too long"),
        "it was used up"
    );
    let nothing = test_app.form("/account/passkeys", &cookie, "name=x").await;
    assert!(told(&nothing).starts_with("This passkey is not taken."));
    assert_eq!(test_app.passkeys("looker").await.len(), 1);
}

#[tokio::test]
async fn a_passkey_is_as_good_as_a_code_and_a_password_alone_is_not() {
    let test_app = TestApp::with(Rules {
        code_required: true,
        ..rules()
    })
    .await;
    let cookie = test_app.english("looker").await;
    let page = test_app.page("GET", "/account/codes", &cookie).await.text;
    assert!(page.contains("Or add a passkey to your account"));
    let mut one = test_app.add_passkey(&cookie, "laptop").await;
    let answer = test_app.page("GET", "/payments", &cookie).await;
    assert_eq!(
        answer.header("location"),
        Some("/account/codes"),
        "a password alone"
    );
    let answer = test_app.show(&mut one, "%2F%2Fevil.example").await;
    assert_eq!(answer.json["to"], "/", "no way but ours");
    let there = answer
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    assert_eq!(test_app.page("GET", "/payments", there).await.status, 200);
    let form = format!("name=looker&password={}", PASSWORD.replace(' ', "+"));
    let refused = test_app.form("/sign-in", "sugi-lang=en", &form).await;
    assert_eq!(refused.status, 401);
    let why = problem(&refused.text).unwrap();
    assert!(why.contains("sign in with your passkey"), "{why}");
}

#[tokio::test]
async fn whoever_guesses_is_held_and_everything_is_in_the_audit() {
    let test_app = TestApp::with(rules()).await;
    let cookie = test_app.english("looker").await;
    let mut one = test_app.add_passkey(&cookie, "laptop").await;
    let mut impostor = one.impostor();
    // The address is held, not the name: no one is kept out by what others sign elsewhere. Someone has signed
    // in from it, so it may err more often than another.
    for _ in 0..300 {
        assert_eq!(test_app.show(&mut impostor, "").await.status, 401);
    }
    let held = test_app.show(&mut one, "").await;
    assert_eq!(held.status, 429);
    assert!(told(&held).starts_with("Too many wrong tries."));
    test_app.clock.advance(jiff::SignedDuration::from_mins(10));
    assert_eq!(test_app.show(&mut one, "").await.status, 200);
    let id = test_app.passkeys("looker").await[0].id.clone();
    let password = format!("password={}", PASSWORD.replace(' ', "+"));
    let path = format!("/account/passkeys/{id}");
    test_app.form(&path, &cookie, &password).await;
    test_app.access.flush().await;
    let mut rows = Vec::new();
    let mut filter = AuditFilter {
        actor: Some("operator:looker".into()),
        ..AuditFilter::default()
    };
    loop {
        let page = test_app
            .engine
            .store()
            .audit_entries(&filter)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.seq);
        let row = |row: sugi_store::AuditRow| {
            (
                row.audit_entry.action,
                row.audit_entry.subject,
                row.audit_entry.outcome,
            )
        };
        rows.extend(page.into_iter().map(row));
    }
    rows.reverse();
    let row = |action: &str, subject: &str, outcome: &str| {
        (action.to_owned(), subject.to_owned(), outcome.to_owned())
    };
    let mut expected = vec![
        row("POST /sign-in", "", "303"),
        row("POST /account/passkeys/begin", "", "200"),
        row("POST /account/passkeys", "", "200"),
    ];
    expected.extend([
        row("POST /sign-in/passkey", "", "200"),
        row("POST /account/passkeys/{id}", &id, "303"),
    ]);
    assert_eq!(rows, expected);
    // Who only showed something in that operator's name is no one, told of the operator, and not each time.
    let filter = AuditFilter {
        actor: Some("-".into()),
        subject: Some("looker".into()),
        ..AuditFilter::default()
    };
    let tried = test_app
        .engine
        .store()
        .audit_entries(&filter)
        .await
        .unwrap();
    let refused = tried
        .iter()
        .filter(|row| row.audit_entry.outcome.starts_with("401"));
    assert!((1..=20).contains(&refused.count()), "{tried:?}");
}

#[tokio::test]
async fn an_administrator_takes_the_passkeys_of_a_lost_device_away() {
    let test_app = TestApp::with(rules()).await;
    let (cookie, boss) = (
        test_app.english("looker").await,
        test_app.english("administer").await,
    );
    let page = "/settings/operators/looker";
    let text = test_app.page("GET", page, &boss).await.text;
    assert!(!text.contains("value=\"passkeys\""), "there are none");
    let mut one = test_app.add_passkey(&cookie, "laptop").await;
    let text = test_app.page("GET", page, &boss).await.text;
    assert!(text.contains("value=\"passkeys\"") && text.contains("1 of them"));
    let own = PASSWORD.replace(' ', "+");
    let answer = test_app
        .form(page, &boss, &format!("act=passkeys&own={own}"))
        .await;
    assert_eq!(answer.status, 303);
    assert!(test_app.passkeys("looker").await.is_empty());
    assert_eq!(test_app.show(&mut one, "").await.status, 401);
    assert_eq!(
        test_app.page("GET", "/account", &cookie).await.status,
        303,
        "signed out"
    );
}

#[tokio::test]
async fn who_is_inactive_gets_no_word_more_than_anybody() {
    let test_app = TestApp::with(rules()).await;
    let cookie = test_app.english("looker").await;
    let mut one = test_app.add_passkey(&cookie, "laptop").await;
    let unknown = test_app
        .show(&mut Authenticator::new(&"A".repeat(43)), "")
        .await;
    let change = |one: &mut Operator| {
        one.active = false;
        Ok::<_, AccessError>(())
    };
    let name = "looker".parse().unwrap();
    test_app
        .access
        .change_operator(&name, change)
        .await
        .unwrap();
    let inactive = test_app.show(&mut one, "").await;
    assert_eq!(
        (inactive.status, inactive.text),
        (unknown.status, unknown.text)
    );
}

#[tokio::test]
async fn where_there_are_none_who_administers_is_told_why() {
    let test_app = TestApp::new().await;
    for (name, told) in [("looker", false), ("administer", true)] {
        let cookie = test_app.english(name).await;
        let page = test_app.page("GET", "/account", &cookie).await.text;
        assert_eq!(page.contains("Passkeys are not offered:"), told, "{name}");
        assert!(!page.contains("data-passkey="));
        assert_eq!(test_app.begin_passkey(&cookie, "").await.status, 422);
    }
    let listening = test_app.page("GET", "/sign-in", "").await.text;
    assert!(!listening.contains("data-passkey=") && !listening.contains("<script"));
    assert_eq!(
        test_app.form("/sign-in/challenge", "", "").await.status,
        404
    );
    let test_app = TestApp::with(rules()).await;
    let listening = test_app.page("GET", "/sign-in", "").await.text;
    assert!(listening.contains("data-passkey=\"enter\"") && listening.contains("<script src="));
}
