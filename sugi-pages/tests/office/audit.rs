//! The audit, as it is read.

use sugi_store::{DEEDS_PAGE, Deed};

use crate::{
    house::House,
    page::{between, plain},
};

async fn house() -> (House, String) {
    let house = House::new().await;
    let cookie = house.english("administer").await;
    (house, cookie)
}

async fn note(house: &House, actor: &str, subject: &str) {
    let deed = Deed {
        at: house.clock.now(),
        actor: actor.into(),
        action: "POST /somewhere".into(),
        subject: subject.into(),
        outcome: "303".into(),
        origin: "192.0.2.1".into(),
    };
    house.access.write_down(deed).await.unwrap();
}

/// The rows of a page: number, and the rest of it in words.
fn rows(page: &str) -> Vec<(i64, String)> {
    let body = between(page, "<tbody>", "</tbody>");
    let body = body.first().copied().unwrap_or_default();
    let row = |row: &str| {
        let words = plain(row);
        let (number, rest) = words.split_once(' ').unwrap();
        (number.parse().unwrap(), rest.to_owned())
    };
    between(body, "<tr>", "</tr>")
        .into_iter()
        .map(row)
        .collect()
}

async fn audit(house: &House, cookie: &str, query: &str) -> String {
    house.access.flush().await;
    let answer = house
        .page("GET", &format!("/settings/audit{query}"), cookie)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

#[tokio::test]
async fn the_newest_comes_first_and_looking_is_a_deed() {
    let (house, cookie) = house().await;
    audit(&house, &cookie, "").await;
    let page = audit(&house, &cookie, "").await;
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
    let (house, cookie) = house().await;
    let page = house.page("GET", "/payments", &cookie).await;
    let names = between(&page.text, "=\"/assets/", "\"");
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let path = format!("/assets/{name}");
        assert_eq!(house.page("GET", &path, "").await.status, 200);
    }
    let found = rows(&audit(&house, &cookie, "").await);
    assert!(
        found.iter().any(|(_, row)| row.contains("GET /payments"))
            && !found.iter().any(|(_, row)| row.contains("assets")),
        "{found:?}"
    );
}

#[tokio::test]
async fn it_is_found_by_who_and_by_what() {
    let (house, cookie) = house().await;
    note(&house, "operator:김 대리", "pay_1").await;
    note(&house, "operator:kim", "pay_1").await;
    note(&house, "operator:kim", "pay_2").await;
    let found = async |query: &str| rows(&audit(&house, &cookie, query).await).len();
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
    let page = audit(&house, &cookie, "?actor=nobody").await;
    assert!(page.contains("Nothing is here."));
}

#[tokio::test]
async fn page_by_page_without_gap_or_repeat() {
    let (house, cookie) = house().await;
    let count = DEEDS_PAGE * 2 + 1;
    for n in 0..count {
        note(&house, "operator:kim", &format!("pay_{n}")).await;
    }
    let (mut numbers, mut query) = (Vec::new(), String::from("?actor=operator%3Akim"));
    for _ in 0..4 {
        let page = audit(&house, &cookie, &query).await;
        numbers.extend(rows(&page).into_iter().map(|(number, _)| number));
        let older = between(&page, "href=\"/settings/audit", "\" rel=\"next\"");
        let Some(older) = older.first() else { break };
        query = plain(older);
    }
    assert_eq!(numbers.len(), count);
    assert!(numbers.windows(2).all(|two| two[0] > two[1]));
    assert!(
        !audit(&house, &cookie, "?actor=operator:kim&before=1")
            .await
            .contains("rel=\"next\"")
    );
}

#[tokio::test]
async fn the_anchor_is_that_of_the_ledger() {
    let (house, cookie) = house().await;
    note(&house, "operator:kim", &house.payment).await;
    let anchor = house.engine.store().audit_anchor().await.unwrap();
    let page = audit(&house, &cookie, "").await;
    assert_eq!(between(&page, "<code>", "</code>"), [anchor.to_string()]);
    assert!(page.contains("data-print"));
    // Kept on paper, it proves all that came before.
    let kept = house.engine.store().verify_audit(Some(anchor)).await;
    assert!(kept.is_ok(), "{kept:?}");
}

#[tokio::test]
async fn nothing_that_was_written_down_becomes_markup() {
    let (house, cookie) = house().await;
    note(&house, "operator:<b>\"", "<i>").await;
    let page = audit(&house, &cookie, "").await;
    assert!(!page.contains("<b>") && !page.contains("<i>"));
    let page = audit(&house, &cookie, "?actor=%22%3E%3Cb%3E&before=x").await;
    assert!(!page.contains("<b>"));
}
