//! The audit, as it is read.

use sugi_store::{AUDIT_ENTRIES_PAGE, AuditEntry};

use crate::{
    page::{between, plain},
    test_app::TestApp,
};

async fn test_app() -> (TestApp, String) {
    let test_app = TestApp::new().await;
    let cookie = test_app.english("administer").await;
    (test_app, cookie)
}

async fn note(test_app: &TestApp, actor: &str, subject: &str) {
    let audit_entry = AuditEntry {
        at: test_app.clock.now(),
        actor: actor.into(),
        action: "POST /somewhere".into(),
        subject: subject.into(),
        outcome: "303".into(),
        origin: "192.0.2.1".into(),
    };
    test_app.access.write_down(audit_entry).await.unwrap();
}

/// The rows of a page: number, and the rest of it in words.
fn rows(page: &str) -> Vec<(i64, String)> {
    let body = between(page, "<tbody>", "</tbody>");
    let body = body.first().copied().unwrap_or_default();
    let row = |row: &str| {
        let messages = plain(row);
        let (number, rest) = messages.split_once(' ').unwrap();
        (number.parse().unwrap(), rest.to_owned())
    };
    between(body, "<tr>", "</tr>")
        .into_iter()
        .map(row)
        .collect()
}

async fn audit(test_app: &TestApp, cookie: &str, query: &str) -> String {
    test_app.access.flush().await;
    let answer = test_app
        .page("GET", &format!("/settings/audit{query}"), cookie)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

#[tokio::test]
async fn the_newest_comes_first_and_looking_is_a_deed() {
    let (test_app, cookie) = test_app().await;
    audit(&test_app, &cookie, "").await;
    let page = audit(&test_app, &cookie, "").await;
    let rows = rows(&page);
    assert!(rows.windows(2).all(|two| two[0].0 > two[1].0), "{rows:?}");
    assert!(
        rows[0]
            .1
            .contains("operator:administer GET /settings/audit audit 200 127.0.0.1"),
        "{rows:?}"
    );
}

#[tokio::test]
async fn how_the_pages_look_is_no_deed() {
    let (test_app, cookie) = test_app().await;
    let page = test_app.page("GET", "/payments", &cookie).await;
    let names = between(&page.text, "=\"/assets/", "\"");
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let path = format!("/assets/{name}");
        assert_eq!(test_app.page("GET", &path, "").await.status, 200);
    }
    let found = rows(&audit(&test_app, &cookie, "").await);
    assert!(
        found.iter().any(|(_, row)| row.contains("GET /payments"))
            && !found.iter().any(|(_, row)| row.contains("assets")),
        "{found:?}"
    );
}

#[tokio::test]
async fn it_is_found_by_who_and_by_what() {
    let (test_app, cookie) = test_app().await;
    note(&test_app, "operator:김 대리", "pay_1").await;
    note(&test_app, "operator:kim", "pay_1").await;
    note(&test_app, "operator:kim", "pay_2").await;
    let found = async |query: &str| rows(&audit(&test_app, &cookie, query).await).len();
    assert_eq!(found("?actor=operator:kim").await, 2);
    assert_eq!(
        found("?actor=+operator:%EA%B9%80+%EB%8C%80%EB%A6%AC+").await,
        1
    );
    assert_eq!(found("?subject=pay_1").await, 2);
    assert_eq!(found("?actor=operator:kim&subject=pay_1").await, 1);
    assert_eq!(found("?actor=nobody").await, 0);
    // A name alone is enough for a person.
    assert_eq!(found("?actor=kim").await, 2);
    let page = audit(&test_app, &cookie, "?actor=nobody").await;
    assert!(page.contains("Nothing is here."));
}

#[tokio::test]
async fn page_by_page_without_gap_or_repeat() {
    let (test_app, cookie) = test_app().await;
    let count = AUDIT_ENTRIES_PAGE * 2 + 1;
    for n in 0..count {
        note(&test_app, "operator:kim", &format!("pay_{n}")).await;
    }
    let (mut numbers, mut query) = (Vec::new(), String::from("?actor=operator%3Akim"));
    for _ in 0..4 {
        let page = audit(&test_app, &cookie, &query).await;
        numbers.extend(rows(&page).into_iter().map(|(number, _)| number));
        let older = between(&page, "href=\"/settings/audit", "\" rel=\"next\"");
        let Some(older) = older.first() else { break };
        query = plain(older);
    }
    assert_eq!(numbers.len(), count);
    assert!(numbers.windows(2).all(|two| two[0] > two[1]));
    assert!(
        !audit(&test_app, &cookie, "?actor=operator:kim&before=1")
            .await
            .contains("rel=\"next\"")
    );
}

#[tokio::test]
async fn the_checkpoint_is_that_of_the_ledger() {
    let (test_app, cookie) = test_app().await;
    note(&test_app, "operator:kim", &test_app.payment).await;
    let checkpoint = test_app.engine.store().audit_checkpoint().await.unwrap();
    let page = audit(&test_app, &cookie, "").await;
    assert_eq!(
        between(&page, "<code>", "</code>"),
        [checkpoint.to_string()]
    );
    assert!(page.contains("data-print"));
    // Kept on paper, it proves all that came before.
    let kept = test_app.engine.store().verify_audit(Some(checkpoint)).await;
    assert!(kept.is_ok(), "{kept:?}");
}

#[tokio::test]
async fn nothing_that_was_written_down_becomes_markup() {
    let (test_app, cookie) = test_app().await;
    note(&test_app, "operator:<b>\"", "<i>").await;
    let page = audit(&test_app, &cookie, "").await;
    assert!(!page.contains("<b>") && !page.contains("<i>"));
    let page = audit(&test_app, &cookie, "?actor=%22%3E%3Cb%3E&before=x").await;
    assert!(!page.contains("<b>"));
}
