//! Operators: added and changed by whoever administers, and what a mistake must not do.

mod others;

use sugi_access::{AccessError, Operator, Role};
use sugi_core::Shops;

use crate::{
    http::Answer,
    page::{problem, ticked, value},
    test_app::{PASSWORD, TestApp},
};

async fn test_app() -> (TestApp, String) {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("administer").await;
    (test_app, cookie)
}

impl TestApp {
    async fn operator(&self, name: &str) -> Operator {
        let name = name.parse().unwrap();
        self.access.operator(&name).await.unwrap().unwrap()
    }

    async fn change(&self, name: &str, change: impl Fn(&mut Operator)) {
        let change = |one: &mut Operator| {
            change(one);
            Ok::<_, AccessError>(())
        };
        let name = name.parse().unwrap();
        self.access.change_operator(&name, change).await.unwrap();
    }

    /// Sends a form of the page as it is now.
    async fn act(&self, cookie: &str, name: &str, form: &str) -> Answer {
        let path = format!("/settings/operators/{name}");
        let page = self.page("GET", &path, cookie).await.text;
        let stood = value(&page, "stood").unwrap_or_default();
        self.act_on(cookie, name, form, &stood).await
    }

    /// Sends a form of a page that showed the operator so.
    async fn act_on(&self, cookie: &str, name: &str, form: &str, stood: &str) -> Answer {
        let stood: String = form_urlencoded::byte_serialize(stood.as_bytes()).collect();
        let form = format!("{form}&stood={stood}{}", own());
        self.form(&format!("/settings/operators/{name}"), cookie, &form)
            .await
    }

    async fn add(&self, cookie: &str, form: &str) -> Answer {
        let form = format!("{form}{}", own());
        self.form("/settings/add-operator", cookie, &form).await
    }
}

/// The re-authentication of the operator who changes another.
fn own() -> String {
    format!("&own={}", PASSWORD.replace(' ', "+"))
}

/// How an operator stands, without what changes by itself.
fn stands(one: &Operator) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        one.roles.clone(),
        one.shops.clone(),
        one.amount_max,
        one.active,
        one.has_codes(),
    )
}

#[tokio::test]
async fn an_operator_is_added_with_what_they_may_do() {
    let (test_app, cookie) = test_app().await;
    let form = format!(
        "name=%EA%B9%80+%EB%8C%80%EB%A6%AC&role=key_in&role=cancel&shop=main&limit=1,000,000&password={}",
        PASSWORD.replace(' ', "+")
    );
    let answer = test_app.add(&cookie, &form).await;
    let page = "/settings/operators/%EA%B9%80%20%EB%8C%80%EB%A6%AC";
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(page))
    );
    let one = test_app.operator("김 대리").await;
    assert_eq!(one.roles, [Role::KeyIn, Role::Cancel].into());
    assert_eq!(one.shops, ["main".parse().unwrap()].into());
    assert_eq!((one.amount_max, one.active), (Some(1_000_000), true));
    let text = test_app.page("GET", page, &cookie).await.text;
    assert_eq!(ticked(&text, "role"), ["key_in", "cancel"]);
    assert_eq!(value(&text, "limit").as_deref(), Some("1000000"));
    let list = test_app.page("GET", "/settings", &cookie).await.text;
    assert!(list.contains(page) && list.contains("₩1,000,000"));
    // They can sign in.
    let form = format!(
        "name=%EA%B9%80+%EB%8C%80%EB%A6%AC&password={}",
        PASSWORD.replace(' ', "+")
    );
    assert_eq!(test_app.form("/sign-in", "", &form).await.status, 303);
}

#[tokio::test]
async fn what_is_not_taken_is_said_and_what_was_typed_stays() {
    let (test_app, cookie) = test_app().await;
    for (name, limit, password, why) in [
        (
            "looker",
            "5000",
            PASSWORD,
            "There is an operator of that name.",
        ),
        (
            "",
            "5000",
            PASSWORD,
            "A name has 1 to 64 bytes without control characters.",
        ),
        (
            "%0a",
            "5000",
            PASSWORD,
            "A name has 1 to 64 bytes without control characters.",
        ),
        ("new", "much", PASSWORD, "The limit is a number."),
        (
            "new",
            "5000",
            "short",
            "A password has 12 to 128 characters.",
        ),
        (
            "newcomer",
            "5000",
            "newcomernewcomer",
            "This is too easy to guess. Leave your name out, and do not repeat letters.",
        ),
    ] {
        let password = password.replace(' ', "+");
        let form = format!("name={name}&role=close&limit={limit}&password={password}&active=yes");
        let answer = test_app.add(&cookie, &form).await;
        assert_eq!(answer.status, 422, "{why}");
        assert_eq!(problem(&answer.text).unwrap(), why);
        assert_eq!(value(&answer.text, "limit").as_deref(), Some(limit));
        assert_eq!(ticked(&answer.text, "role"), ["close"]);
        assert!(!answer.text.contains("horse"), "the password");
    }
    assert_eq!(test_app.access.operators().await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_change_holds_from_the_next_click_on() {
    let (test_app, cookie) = test_app().await;
    let theirs = test_app.english("looker").await;
    assert_eq!(test_app.page("GET", "/keyin", &theirs).await.status, 403);
    let form = "act=save&role=key_in&role=close&limit=&active=yes";
    let answer = test_app.act(&cookie, "looker", form).await;
    assert_eq!(answer.status, 303);
    assert_eq!(
        test_app.operator("looker").await.roles,
        [Role::KeyIn, Role::Close].into()
    );
    assert_eq!(test_app.page("GET", "/keyin", &theirs).await.status, 200);
    test_app.act(&cookie, "looker", "act=save&active=yes").await;
    assert_eq!(test_app.page("GET", "/keyin", &theirs).await.status, 403);
}

#[tokio::test]
async fn the_last_who_can_administer_stays() {
    let (test_app, cookie) = test_app().await;
    for form in ["act=save&role=administer", "act=save&role=close&active=yes"] {
        let answer = test_app.act(&cookie, "administer", form).await;
        assert_eq!(answer.status, 422, "{form}");
        let said = problem(&answer.text).unwrap();
        assert!(
            said.starts_with("This is the last one who can administer all shops."),
            "{said}"
        );
        assert!(test_app.operator("administer").await.may(Role::Administer));
    }
    // Not the last any more.
    test_app
        .act(
            &cookie,
            "looker",
            "act=save&role=administer&active=yes&all_shops=yes",
        )
        .await;
    let answer = test_app
        .act(&cookie, "administer", "act=save&role=close&active=yes")
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(test_app.page("GET", "/settings", &cookie).await.status, 403);
}

#[tokio::test]
async fn who_is_made_inactive_is_out_at_once() {
    let (test_app, cookie) = test_app().await;
    let theirs = test_app.english("looker").await;
    test_app.act(&cookie, "looker", "act=save").await;
    assert_eq!(test_app.page("GET", "/payments", &theirs).await.status, 303);
    let form = format!("name=looker&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(test_app.form("/sign-in", "", &form).await.status, 401);
    let list = test_app.page("GET", "/settings", &cookie).await.text;
    assert!(list.contains("inactive"));
    // Let in again, they begin anew.
    test_app.act(&cookie, "looker", "act=save&active=yes").await;
    assert_eq!(test_app.page("GET", "/payments", &theirs).await.status, 303);
    assert_eq!(test_app.form("/sign-in", "", &form).await.status, 303);
}

#[tokio::test]
async fn a_new_password_ends_their_sessions_and_unlocks_them() {
    let (test_app, cookie) = test_app().await;
    let theirs = test_app.english("looker").await;
    for _ in 0..6 {
        test_app
            .form("/sign-in", "", "name=looker&password=not+the+right+one")
            .await;
    }
    let page = test_app
        .page("GET", "/settings/operators/looker", &cookie)
        .await
        .text;
    assert!(page.contains("value=\"unlock\""));
    let answer = test_app
        .act(
            &cookie,
            "looker",
            "act=password&password=another+horse+battery",
        )
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(test_app.page("GET", "/payments", &theirs).await.status, 303);
    let form = "name=looker&password=another+horse+battery";
    assert_eq!(test_app.form("/sign-in", "", form).await.status, 303);
}

#[tokio::test]
async fn who_is_locked_out_can_be_let_in_again() {
    let (test_app, cookie) = test_app().await;
    for _ in 0..6 {
        test_app
            .form("/sign-in", "", "name=looker&password=not+the+right+one")
            .await;
    }
    let list = test_app.page("GET", "/settings", &cookie).await.text;
    assert!(list.contains("locked"));
    let right = format!("name=looker&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(test_app.form("/sign-in", "", &right).await.status, 429);
    assert_eq!(
        test_app.act(&cookie, "looker", "act=unlock").await.status,
        303
    );
    assert_eq!(test_app.form("/sign-in", "", &right).await.status, 303);
    let page = test_app
        .page("GET", "/settings/operators/looker", &cookie)
        .await
        .text;
    assert!(
        !page.contains("value=\"unlock\""),
        "there is nothing to unlock"
    );
}

#[tokio::test]
async fn their_sessions_and_codes_can_be_ended() {
    let (test_app, cookie) = test_app().await;
    let theirs = test_app.english("looker").await;
    assert_eq!(
        test_app.act(&cookie, "looker", "act=sessions").await.status,
        303
    );
    assert_eq!(test_app.page("GET", "/payments", &theirs).await.status, 303);
    assert_eq!(
        test_app.page("GET", "/settings", &cookie).await.status,
        200,
        "only theirs"
    );
    let page = test_app
        .page("GET", "/settings/operators/looker", &cookie)
        .await
        .text;
    assert!(
        !page.contains("value=\"codes\""),
        "there are none to take away"
    );
    let theirs = test_app.english("looker").await;
    test_app.codes_for(&theirs).await;
    let page = test_app
        .page("GET", "/settings/operators/looker", &cookie)
        .await
        .text;
    assert!(page.contains("value=\"codes\""));
    assert_eq!(
        test_app.act(&cookie, "looker", "act=codes").await.status,
        303
    );
    assert!(!test_app.operator("looker").await.has_codes());
    assert_eq!(test_app.page("GET", "/payments", &theirs).await.status, 303);
}

/// What ends something for someone else asks once more, without a script.
#[tokio::test]
async fn what_cannot_be_taken_back_lies_behind_a_second_click() {
    let (test_app, cookie) = test_app().await;
    let theirs = test_app.english("looker").await;
    test_app.codes_for(&theirs).await;
    let page = test_app
        .page("GET", "/settings/operators/looker", &cookie)
        .await
        .text;
    let hidden = crate::page::between(&page, "<details", "</details>").join("");
    for act in ["sessions", "codes"] {
        assert!(hidden.contains(&format!("value=\"{act}\"")), "{act}");
    }
}

/// A form that was sent without what makes it one changes nothing.
#[tokio::test]
async fn a_form_that_is_none_changes_nobody() {
    let (test_app, cookie) = test_app().await;
    test_app
        .change("looker", |one| one.roles = [Role::Close].into())
        .await;
    let before = stands(&test_app.operator("looker").await);
    for form in [
        "",
        "act=",
        "act=what",
        "role=key_in",
        "act=save&role=king&active=yes",
        "act=save&shop=%20x%20y&active=yes",
    ] {
        let answer = test_app.act(&cookie, "looker", form).await;
        assert_eq!(answer.status, 400, "{form}");
        assert_eq!(stands(&test_app.operator("looker").await), before, "{form}");
    }
    let answer = test_app
        .add(&cookie, "name=new&role=king&password=another+horse+battery")
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(test_app.access.operators().await.unwrap().len(), 5);
}

/// The page again after a refusal shows the operator, not what another form of it left out: saving it
/// would take away everything.
#[tokio::test]
async fn a_password_that_is_refused_leaves_the_rest_of_the_page_as_it_is() {
    let (test_app, cookie) = test_app().await;
    test_app
        .change("looker", |one| {
            one.roles = [Role::Close].into();
            one.amount_max = Some(7_000);
        })
        .await;
    let answer = test_app
        .act(&cookie, "looker", "act=password&password=short")
        .await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        problem(&answer.text).unwrap(),
        "A password has 12 to 128 characters."
    );
    assert_eq!(ticked(&answer.text, "role"), ["close"]);
    assert_eq!(ticked(&answer.text, "active"), ["yes"]);
    assert_eq!(value(&answer.text, "limit").as_deref(), Some("7000"));
}

/// A shop that is not configured any more stays theirs.
#[tokio::test]
async fn who_had_one_shop_never_has_all_of_them_because_it_closed() {
    let (test_app, cookie) = test_app().await;
    test_app
        .change("looker", |one| {
            one.shops = ["closed".parse().unwrap()].into();
        })
        .await;
    let page = test_app
        .page("GET", "/settings/operators/looker", &cookie)
        .await
        .text;
    assert_eq!(ticked(&page, "shop"), ["closed"]);
    let ticked = ticked(&page, "shop");
    let sent: Vec<_> = ticked.iter().map(|shop| format!("&shop={shop}")).collect();
    let sent = sent.concat();
    let form = format!("act=save&limit=5&active=yes{sent}");
    assert_eq!(test_app.act(&cookie, "looker", &form).await.status, 303);
    let one = test_app.operator("looker").await;
    assert_eq!(
        (one.shops, one.amount_max),
        (["closed".parse().unwrap()].into(), Some(5))
    );
}

#[tokio::test]
async fn no_shop_ticked_is_no_shop_and_all_is_ticked_by_itself() {
    let (test_app, cookie) = test_app().await;
    let main = "main".parse().unwrap();
    for (sent, all) in [
        ("shop=main", false),
        ("", false),
        ("all_shops=yes", true),
        ("", false),
    ] {
        let form = format!("act=save&active=yes&{sent}");
        assert_eq!(test_app.act(&cookie, "looker", &form).await.status, 303);
        let one = test_app.operator("looker").await;
        assert_eq!(one.may_use(&main), !sent.is_empty(), "{sent}");
        assert_eq!(one.shops == Shops::All, all, "{sent}");
        let page = test_app
            .page("GET", "/settings/operators/looker", &cookie)
            .await
            .text;
        assert_eq!(ticked(&page, "all_shops").len(), usize::from(all), "{sent}");
    }
    // They look, and see no payment of anybody.
    let theirs = test_app.english("looker").await;
    let page = test_app.page("GET", "/account", &theirs).await.text;
    assert!(page.contains("None"), "{page}");
    for path in ["/payments", "/day"] {
        let page = test_app.page("GET", path, &theirs).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains("/payments/pay_"), "{path}");
    }
}
