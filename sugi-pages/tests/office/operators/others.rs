//! What an administrator, an old page or an open screen cannot do to others.

use super::*;

#[tokio::test]
async fn who_administers_one_shop_gives_nobody_another_one() {
    let (test_app, _) = test_app().await;
    test_app
        .change("cancel", |one| {
            one.roles = Role::ALL.into();
            one.shops = ["main".parse().unwrap()].into();
        })
        .await;
    test_app
        .change("looker", |one| one.shops = ["main".parse().unwrap()].into())
        .await;
    let cookie = test_app.english("cancel").await;
    // What they cannot give is not offered.
    let page = test_app
        .page("GET", "/settings/add-operator", &cookie)
        .await;
    assert!(!page.text.contains("all_shops") && !page.text.contains("value=\"other\""));
    let before = [
        stands(&test_app.operator("cancel").await),
        stands(&test_app.operator("looker").await),
    ];
    for shops in ["all_shops=yes", "shop=other", "shop=main&shop=other"] {
        for name in ["cancel", "looker"] {
            let form = format!("act=save&active=yes&role=administer&{shops}");
            let answer = test_app.act(&cookie, name, &form).await;
            assert_eq!(answer.status, 403, "{name}: {shops}");
        }
        let password = PASSWORD.replace(' ', "+");
        let new = format!("name=new&role=administer&password={password}&{shops}");
        assert_eq!(test_app.add(&cookie, &new).await.status, 403, "{shops}");
    }
    let after = [
        stands(&test_app.operator("cancel").await),
        stands(&test_app.operator("looker").await),
    ];
    assert_eq!(after, before);
    assert!(
        test_app
            .access
            .operator(&"new".parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
    // Nor do they make themselves someone who may more.
    let list = test_app.page("GET", "/settings", &cookie).await.text;
    assert!(!list.contains("/settings/operators/administer"));
    for form in [
        "act=password&password=another+horse+battery",
        "act=codes",
        "act=passkeys",
        "act=sessions",
        "act=unlock",
        "act=save&active=yes&shop=main",
    ] {
        let answer = test_app.act(&cookie, "administer", form).await;
        assert_eq!(answer.status, 404, "{form}");
    }
    // The audit tells of all shops.
    assert_eq!(
        test_app
            .page("GET", "/settings/audit", &cookie)
            .await
            .status,
        403
    );
    assert!(!list.contains("/settings/audit"));
    // Of their own shop they are in charge.
    let form = "act=save&active=yes&role=key_in&shop=main";
    assert_eq!(test_app.act(&cookie, "looker", form).await.status, 303);
    assert!(test_app.operator("looker").await.may(Role::KeyIn));
}

#[tokio::test]
async fn nobodys_page_is_not_there() {
    let (test_app, cookie) = test_app().await;
    for name in ["nobody", "%0a", &"x".repeat(100)] {
        let path = format!("/settings/operators/{name}");
        assert_eq!(test_app.page("GET", &path, &cookie).await.status, 404);
        assert_eq!(
            test_app.form(&path, &cookie, "act=unlock").await.status,
            404
        );
    }
}

#[tokio::test]
async fn a_name_is_never_markup() {
    let (test_app, cookie) = test_app().await;
    let form = format!(
        "name=%3Cb%3E%22x%2F%3F&password={}",
        PASSWORD.replace(' ', "+")
    );
    let answer = test_app.add(&cookie, &form).await;
    let page = answer.header("location").unwrap().to_owned();
    let text = test_app.page("GET", &page, &cookie).await;
    assert_eq!(text.status, 200, "{page}");
    let list = test_app.page("GET", "/settings", &cookie).await.text;
    for text in [text.text, list] {
        assert!(text.contains("&#60;b&#62;&#34;x/?") && !text.contains("<b>"));
    }
    assert_eq!(
        test_app.form(&page, &cookie, "act=sessions").await.status,
        303
    );
}

#[tokio::test]
async fn whoever_finds_an_open_screen_changes_nobody() {
    let (test_app, cookie) = test_app().await;
    let theirs = test_app.english("looker").await;
    test_app.codes_for(&theirs).await;
    let before = stands(&test_app.operator("looker").await);
    let count = test_app.access.operators().await.unwrap().len();
    for own in ["", "&own=", "&own=another+horse+battery"] {
        for form in [
            "act=save&role=administer&active=yes",
            "act=password&password=another+horse+battery",
            "act=codes",
            "act=passkeys",
        ] {
            let form = format!("{form}{own}");
            let answer = test_app
                .form("/settings/operators/looker", &cookie, &form)
                .await;
            assert_eq!(answer.status, 422, "{form}");
            let said = problem(&answer.text).unwrap();
            assert!(
                said.contains("not right") || said.contains("Too many"),
                "{said}"
            );
            assert_eq!(stands(&test_app.operator("looker").await), before, "{form}");
        }
        let new = format!("name=new&role=administer&password=another+horse+battery{own}");
        let answer = test_app.form("/settings/add-operator", &cookie, &new).await;
        assert_eq!(answer.status, 422);
        assert_eq!(test_app.access.operators().await.unwrap().len(), count);
        // What is tried in between does not count here.
        let name = "administer".parse().unwrap();
        test_app.access.forgive(&name).await.unwrap();
    }
}

#[tokio::test]
async fn the_audit_tells_what_was_changed() {
    let (test_app, cookie) = test_app().await;
    let form = "act=save&role=close&role=cancel&shop=main&limit=5000&active=yes";
    test_app.act(&cookie, "looker", form).await;
    test_app.act(&cookie, "looker", "act=unlock").await;
    test_app
        .act(
            &cookie,
            "looker",
            "act=password&password=another+horse+battery",
        )
        .await;
    test_app.access.flush().await;
    let filter = sugi_store::AuditFilter {
        subject: Some("looker".into()),
        ..sugi_store::AuditFilter::default()
    };
    let audit_entries = test_app
        .engine
        .store()
        .audit_entries(&filter)
        .await
        .unwrap();
    let outcomes: Vec<_> = audit_entries
        .iter()
        .map(|row| row.audit_entry.outcome.as_str())
        .filter(|outcome| *outcome != "200")
        .collect();
    assert_eq!(
        outcomes,
        [
            "303 password",
            "303 unlock",
            "303 roles cancel,close shops main limit 5000"
        ]
    );
}

#[tokio::test]
async fn a_page_that_is_old_brings_nobody_back() {
    let (test_app, cookie) = test_app().await;
    let path = "/settings/operators/cancel";
    let page = test_app.page("GET", path, &cookie).await.text;
    let stood = value(&page, "stood").unwrap();
    // Another administrator dismisses them.
    test_app.change("cancel", |one| one.active = false).await;
    let form = "act=save&role=cancel&role=key_in&all_shops=yes&limit=&active=yes";
    let before = stands(&test_app.operator("cancel").await);
    for stood in [&*stood, "", "x"] {
        let answer = test_app.act_on(&cookie, "cancel", form, stood).await;
        assert_eq!(answer.status, 409, "{stood}: {answer:?}");
        let said = problem(&answer.text).unwrap();
        assert!(said.starts_with("Another administrator"), "{said}");
        // The page that says so shows how they stand now.
        assert_eq!(ticked(&answer.text, "active"), [""; 0], "{stood}");
        assert_eq!(stands(&test_app.operator("cancel").await), before);
    }
    // From there it can be changed.
    let answer = test_app.act(&cookie, "cancel", form).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(test_app.operator("cancel").await.active);
}
