//! What looking and knocking leave in the audit.

use sugi_pages::{Gate, ROUTES};
use sugi_store::{AuditFilter, AuditRow};

use crate::test_app::{PASSWORD, TestApp};

async fn rows(test_app: &TestApp) -> Vec<AuditRow> {
    test_app.access.flush().await;
    let rows = test_app
        .engine
        .store()
        .audit_entries(&AuditFilter::default())
        .await;
    rows.unwrap()
}

#[tokio::test]
async fn every_page_that_shows_somebody_leaves_an_entry_and_no_other_does() {
    let test_app = TestApp::new().await;
    let cookie = test_app.sign_in("administer").await;
    let (mut seen, mut unseen) = (0, 0);
    for route in ROUTES
        .iter()
        .filter(|route| route.get && route.path != "/live")
    {
        let before = rows(&test_app).await.len();
        let path = crate::roles::at(&test_app, route);
        let answer = test_app.page("GET", &path, &cookie).await;
        if answer.status != 200 {
            continue;
        }
        let now = rows(&test_app).await;
        if route.shows_nobody {
            assert_eq!(now.len(), before, "{path}");
            unseen += 1;
        } else {
            let audit_entry = &now[0].audit_entry;
            let action = format!("GET {}", route.path);
            assert_eq!(now.len(), before + 1, "{path}");
            assert_eq!(
                (&*audit_entry.actor, &audit_entry.action),
                ("operator:administer", &action)
            );
            assert!(!audit_entry.subject.is_empty(), "{path}: {audit_entry:?}");
            seen += 1;
        }
    }
    assert!(seen >= 7 && unseen >= 5, "{seen} {unseen}");
    let mut open = ROUTES.iter().filter(|route| route.gate == Gate::Anybody);
    assert!(open.all(|route| route.shows_nobody || !route.get));
}

#[tokio::test]
async fn who_only_names_an_operator_writes_nothing_in_that_operators_name() {
    let test_app = TestApp::new().await;
    for password in ["wrong", "correct horse batter", ""] {
        let form = format!("name=looker&password={}", password.replace(' ', "+"));
        assert_eq!(test_app.form("/sign-in", "", &form).await.status, 401);
    }
    for _ in 0..50 {
        test_app
            .form("/sign-in", "", "name=looker&password=x")
            .await;
    }
    test_app
        .form("/sign-in", "", "name=stranger&password=x")
        .await;
    // The house itself has taken a payment before.
    let mut tried = rows(&test_app).await;
    tried.retain(|row| row.audit_entry.action == "POST /sign-in");
    assert!(
        tried.iter().all(|row| row.audit_entry.actor == "-"),
        "{tried:#?}"
    );
    assert_eq!(
        tried.len(),
        10,
        "the first ten of a minute, the rest in one row later"
    );
    assert!(tried.iter().all(|row| row.audit_entry.subject == "looker"));
    test_app.clock.advance(jiff::SignedDuration::from_hours(1));
    let form = format!("name=looker&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(test_app.form("/sign-in", "", &form).await.status, 303);
    let proved = rows(&test_app).await;
    let entered = proved
        .iter()
        .filter(|row| row.audit_entry.actor == "operator:looker");
    assert_eq!(entered.count(), 1);
    // What is asked for without a proof by name of a passkey is no one's either.
    let shown = "credential=eA&handle=eA&client_data=eA&authenticator_data=eA&signature=eA";
    test_app.form("/sign-in/passkey", "", shown).await;
    assert_eq!(rows(&test_app).await[0].audit_entry.actor, "-");
}

#[tokio::test]
async fn a_control_character_is_refused_before_anything_hears_of_it() {
    let test_app = TestApp::new().await;
    let cookie = test_app.sign_in("administer").await;
    for name in ["act", "name", "a%00b"] {
        for path in [
            "/settings/operators/looker",
            "/settings/add-operator",
            "/account/password",
        ] {
            let answer = test_app.form(path, &cookie, &format!("{name}=x%00y")).await;
            assert_eq!(answer.status, 400, "{path}: {answer:?}");
            assert!(answer.text.contains("NUL"), "{answer:?}");
        }
    }
    for query in ["actor=%00", "a%1b=1"] {
        let path = format!("/settings/audit?{query}");
        let answer = test_app.page("GET", &path, &cookie).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let told = rows(&test_app).await;
    assert!(
        told.iter()
            .all(|row| !row.audit_entry.outcome.contains('\u{fffd}'))
    );
}
