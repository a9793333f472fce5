//! Webhooks, set up and looked after by whoever administers.

use sugi_access::{AccessError, Operator, Role, Rules};
use sugi_webhooks::{Line, Webhook, Webhooks};

use crate::{
    page::{between, plain, problem, ticked, value},
    test_app::{PASSWORD, TestApp},
};

/// What whoever adds one shows of themselves.
fn own() -> String {
    format!("&own={}", PASSWORD.replace(' ', "+"))
}

const URL: &str = "https%3A%2F%2Fshop.example.com%2Fsugi";

async fn all(test_app: &TestApp) -> Vec<Webhook> {
    let webhooks = Webhooks::new(
        test_app.engine.store().clone(),
        test_app.clock.clone(),
        test_app.access.rules().secret.clone(),
        Line::new(None, sugi_webhooks::Targets::public()).unwrap(),
    );
    webhooks.all().await.unwrap()
}

/// Adds one by the form; the page that came and the webhook's address.
async fn add(test_app: &TestApp, cookie: &str, fields: &str) -> (String, String) {
    let form = test_app.page("GET", "/settings/add-webhook", cookie).await;
    let key = value(&form.text, "key").unwrap();
    let sent = format!("key={key}&{fields}{}", own());
    let page = test_app.form("/settings/add-webhook", cookie, &sent).await;
    assert_eq!(page.status, 200, "{page:?}");
    let there = between(&page.text, "href=\"/settings/webhooks/", "\"")[0].to_owned();
    (page.text, format!("/settings/webhooks/{there}"))
}

fn secret(page: &str) -> &str {
    between(page, "<code>", "</code>")[0]
}

#[tokio::test]
async fn one_is_added_and_its_secret_shown_once() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("administer").await;
    let form = test_app.page("GET", "/settings/add-webhook", &cookie).await;
    let key = value(&form.text, "key").unwrap();
    let wanted = format!("key={key}&url={URL}&type=payment.approved&type=payment.void&shop=main");
    let sent = format!("{wanted}{}", own());
    let page = test_app.form("/settings/add-webhook", &cookie, &sent).await;
    let secret_shown = secret(&page.text).to_owned();
    assert!(secret_shown.starts_with("whsec_"));
    // Whoever finds an open screen adds none.
    let page = test_app
        .form("/settings/add-webhook", &cookie, &wanted)
        .await;
    assert_eq!(page.status, 422);
    assert!(problem(&page.text).unwrap().contains("not right"));
    // Sent twice it is the same one.
    let again = test_app.form("/settings/add-webhook", &cookie, &sent).await;
    assert_eq!(secret(&again.text), secret_shown);
    let made = all(&test_app).await;
    assert_eq!((made.len(), made[0].by.as_str()), (1, "administer"));
    let settings = test_app.page("GET", "/settings", &cookie).await.text;
    let listed = between(&settings, "<h2>Webhooks</h2>", "</section>")[0];
    assert!(
        plain(listed).contains("https://shop.example.com/sugi all delivered Approved, Void main"),
        "{}",
        plain(listed)
    );
    let address = format!("/settings/webhooks/{}", made[0].id);
    let shown = test_app.page("GET", &address, &cookie).await.text;
    for page in [&settings, &shown] {
        assert!(!page.contains("whsec_"));
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_and_what_was_typed_stays() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("administer").await;
    for (url, said) in [
        (
            "shop",
            "Write an address like https://shop.example.com/sugi",
        ),
        (
            "http%3A%2F%2Fshop.example.com",
            "It must begin with https://",
        ),
        ("https%3A%2F%2Fexample.com%3A99999", "A port is from 1"),
        (
            "https%3A%2F%2Fkim%3Ax%40example.com",
            "without a user or password",
        ),
        (
            "https%3A%2F%2Fexample.com%2F4111111111111111",
            "Write an address",
        ),
    ] {
        let sent = format!("key=k&url={url}&type=payment.void&shop=main");
        let page = test_app.form("/settings/add-webhook", &cookie, &sent).await;
        assert_eq!(page.status, 422);
        let told = problem(&page.text).unwrap();
        assert!(told.contains(said), "{url}: {told}");
        assert_eq!(ticked(&page.text, "type"), ["payment.void"]);
        assert_eq!(ticked(&page.text, "shop"), ["main"]);
        assert_eq!(value(&page.text, "key").as_deref(), Some("k"));
    }
    for sent in [
        "url=https%3A%2F%2Fexample.com%2F",
        "key=k&url=https%3A%2F%2Fexample.com%2F&type=payment.paid",
        "key=k&url=https%3A%2F%2Fexample.com%2F&shop=A+B",
    ] {
        let page = test_app.form("/settings/add-webhook", &cookie, sent).await;
        assert_eq!(page.status, 400, "{sent}");
    }
    assert!(all(&test_app).await.is_empty());
}

#[tokio::test]
async fn without_a_secret_of_the_installation_it_says_what_to_do() {
    let test_app = TestApp::with_only(Rules::default()).await;
    let cookie = test_app.english("administer").await;
    let sent = format!("key=k&url={URL}&shop=main{}", own());
    let page = test_app.form("/settings/add-webhook", &cookie, &sent).await;
    assert!(problem(&page.text).unwrap().contains("run sugi init"));
}

#[tokio::test]
async fn it_is_tested_renewed_told_again_and_removed() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("administer").await;
    // No one listens there any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("url=http%3A%2F%2F127.0.0.1%3A{port}%2F&all_shops=yes");
    let (page, address) = add(&test_app, &cookie, &url).await;
    let first = secret(&page).to_owned();
    let act = async |form: &str| {
        let form = format!("{form}{}", own());
        test_app.form(&address, &cookie, &form).await
    };
    for form in [
        "act=secret&key=r",
        "act=remove",
        "act=remove&own=another+horse+battery",
    ] {
        let refused = test_app.form(&address, &cookie, form).await;
        assert_eq!(refused.status, 422, "an open screen is enough: {form}");
        assert!(!refused.text.contains("whsec_"));
    }
    assert_eq!(all(&test_app).await.len(), 1);
    let tested = act("key=t&act=test").await;
    assert!(
        plain(&tested.text).contains("The test was not taken: not reached"),
        "{}",
        plain(&tested.text)
    );
    let renewed = act("key=r&act=secret").await.text;
    assert_ne!(secret(&renewed), first);
    assert!(renewed.contains("signed with the one before as well"));
    assert_eq!(
        secret(&act("key=r&act=secret").await.text),
        secret(&renewed)
    );

    // The house's payment was approved; no one was told of it yet.
    let store = test_app.engine.store();
    let id = address.rsplit('/').next().unwrap().to_owned();
    let now = test_app.clock.now();
    let public_event = store.unnumbered().await.unwrap();
    let to = |_: &sugi_store::Event| vec![id.clone()];
    assert!(store.number(now, &public_event, to).await.unwrap());
    let due = store.due_deliveries(&id, now, 1).await.unwrap()[0];
    let mine = store
        .take_delivery(&id, due, now, now)
        .await
        .unwrap()
        .unwrap();
    let given_up = sugi_store::DeliveryState::GivenUp;
    let ended = store.end_delivery(&id, mine, now, given_up, None, "500");
    assert!(ended.await.unwrap());
    for address in [address.clone(), format!("{address}?open=1")] {
        let shown = test_app.page("GET", &address, &cookie).await.text;
        let row = plain(between(&shown, "<tbody>", "</tbody>")[0]);
        assert!(
            row.starts_with("1 Approved payment.approved ") && row.contains("given up 1 500"),
            "{row}"
        );
        assert!(shown.contains("1 given up"));
        assert!(shown.contains(&format!("/payments/{}", test_app.payment)));
    }
    let again = act("act=again&event=1").await;
    assert_eq!(
        (again.status, again.header("location")),
        (303, Some(&*address))
    );
    let shown = test_app.page("GET", &address, &cookie).await.text;
    assert!(shown.contains("1 waiting") && shown.contains(">soon<"));
    for (form, status) in [
        ("act=again&event=2", 404),
        ("act=again&event=x", 400),
        ("act=x", 400),
    ] {
        assert_eq!(act(form).await.status, status, "{form}");
    }
    let gone = act("act=remove").await;
    assert_eq!(
        (gone.status, gone.header("location")),
        (303, Some("/settings"))
    );
    assert_eq!(test_app.page("GET", &address, &cookie).await.status, 404);
    assert!(all(&test_app).await.is_empty());
}

#[tokio::test]
async fn who_is_for_some_shops_sees_and_makes_those_of_them_alone() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("administer").await;
    let (_, of_all) = add(&test_app, &cookie, &format!("url={URL}&all_shops=yes")).await;
    let name = "cancel".parse().unwrap();
    let change = |one: &mut Operator| {
        one.shops = ["other".parse().unwrap()].into();
        one.roles = Role::ALL.into();
        Ok::<_, AccessError>(())
    };
    test_app
        .access
        .change_operator(&name, change)
        .await
        .unwrap();
    let cookie = test_app.english("cancel").await;
    assert_eq!(test_app.page("GET", &of_all, &cookie).await.status, 404);
    assert_eq!(
        test_app
            .form(&of_all, &cookie, &format!("act=remove{}", own()))
            .await
            .status,
        404
    );
    let settings = test_app.page("GET", "/settings", &cookie).await.text;
    assert!(!settings.contains("shop.example.com"));
    let theirs = format!("key=k&url={URL}&shop=main");
    let page = test_app
        .form("/settings/add-webhook", &cookie, &theirs)
        .await;
    assert_eq!(page.status, 403);
    // All of theirs is not all; none is none.
    let none = test_app
        .form(
            "/settings/add-webhook",
            &cookie,
            &format!("key=k&url={URL}"),
        )
        .await;
    assert_eq!(none.status, 422);
    assert_eq!(
        problem(&none.text).as_deref(),
        Some("Choose at least one shop.")
    );
    let (_, of_theirs) = add(&test_app, &cookie, &format!("url={URL}&all_shops=yes")).await;
    let made = all(&test_app).await;
    let made = made.iter().find(|one| of_theirs.ends_with(one.id.as_str()));
    assert_eq!(made.unwrap().shops, ["other".parse().unwrap()].into());
}

#[tokio::test]
async fn who_did_it_is_in_the_audit() {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("administer").await;
    let (_, address) = add(&test_app, &cookie, &format!("url={URL}&all_shops=yes")).await;
    test_app
        .form(&address, &cookie, &format!("act=remove{}", own()))
        .await;
    test_app.access.flush().await;
    let subject = address.rsplit('/').next().unwrap().to_owned();
    let filter = sugi_store::AuditFilter {
        subject: Some(subject),
        ..sugi_store::AuditFilter::default()
    };
    let audit_entries = test_app
        .engine
        .store()
        .audit_entries(&filter)
        .await
        .unwrap();
    let told: Vec<_> = audit_entries
        .iter()
        .map(|row| {
            (
                row.audit_entry.actor.as_str(),
                row.audit_entry.action.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("operator:administer", "POST /settings/webhooks/{id}"),
            ("operator:administer", "POST /settings/add-webhook")
        ]
    );
}
