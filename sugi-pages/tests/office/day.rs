//! A day in numbers: whose day it is, whose payments, and what is said before it is closed.

use jiff::SignedDuration;
use nhn_kcp::Money;
use sugi_access::{AccessError, Operator, Role, What};

use crate::{
    ledger::{self, End, Sale},
    page::{between, plain, problem, value},
    test_app::TestApp,
    totals::totals,
};

/// A house in English with these payments, and the cookie of someone who only looks.
async fn test_app(sales: &[Sale]) -> (TestApp, String) {
    let test_app = TestApp::new().await;
    ledger::write(test_app.engine.store(), sales).await;
    let cookie = test_app.english("looker").await;
    (test_app, cookie)
}

async fn day(test_app: &TestApp, cookie: &str, query: &str) -> String {
    let answer = test_app.page("GET", &format!("/day{query}"), cookie).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

#[tokio::test]
async fn a_day_begins_and_ends_at_midnight_in_korea() {
    let (test_app, cookie) = test_app(&[
        Sale::new(1, "2026-03-04T14:59:59.999999Z"),
        Sale::new(2, "2026-03-04T15:00:00Z"),
        Sale::new(3, "2026-03-05T14:59:59.999999Z"),
        Sale::new(4, "2026-03-05T15:00:00Z"),
    ])
    .await;
    let approved = async |query: &str| totals(&day(&test_app, &cookie, query).await)["Approved"].0;
    assert_eq!(approved("?from=2026-03-05&until=2026-03-05").await, 2);
    assert_eq!(approved("?from=2026-03-05").await, 2);
    assert_eq!(approved("?from=2026-03-04&until=2026-03-06").await, 4);
    // Without a word it is today, in which the house has taken one payment.
    assert_eq!(approved("").await, 1);
}

#[tokio::test]
async fn of_other_shops_there_is_nothing_in_any_number() {
    let mut sales = vec![
        Sale::new(1, "2026-03-05T03:00:00Z"),
        Sale::new(2, "2026-03-05T03:00:00Z"),
        Sale::new(3, "2026-03-05T03:00:00Z"),
    ];
    sales[1].shop = "other";
    sales[2].shop = "third";
    sales[2].end = End::InDoubt;
    let (test_app, _) = test_app(&sales).await;
    let only_main = |one: &mut Operator| {
        one.shops = ["main".parse().unwrap()].into();
        Ok::<_, AccessError>(())
    };
    let name = "looker".parse().unwrap();
    test_app
        .access
        .change_operator(&name, only_main)
        .await
        .unwrap();
    let theirs = test_app.english("looker").await;
    let page = day(&test_app, &theirs, "?from=2026-03-05").await;
    assert_eq!(totals(&page)["Approved"], (1, "₩1,000".into()));
    assert_eq!(totals(&page)["In doubt"].0, 0);
    assert!(!page.contains("other") && !page.contains("third"));
    let all = test_app.english("cancel").await;
    let page = day(&test_app, &all, "?from=2026-03-05").await;
    assert_eq!(totals(&page)["Approved"], (2, "₩2,000".into()));
    assert_eq!(totals(&page)["In doubt"].0, 1);
}

#[tokio::test]
async fn won_and_dollars_are_never_added_up() {
    let mut dollars = Sale::new(2, "2026-03-05T03:00:00Z");
    dollars.money = Money::usd_cents(1_055).unwrap();
    let (test_app, cookie) = test_app(&[Sale::new(1, "2026-03-05T03:00:00Z"), dollars]).await;
    let page = day(&test_app, &cookie, "?from=2026-03-05").await;
    let amounts = between(&page, "<dd>", "</dd>");
    assert!(amounts.contains(&"₩1,000") && amounts.contains(&"US$10.55"));
    assert!(!page.contains("2,055"), "won and cents in one sum");
    // The picture is of won, and says so.
    assert!(page.contains("Approved by hour (won)"), "{page}");
    assert!(
        between(&page, "<rect", "</rect>")
            .join("")
            .contains("12:00: ₩1,000")
    );
}

#[tokio::test]
async fn what_is_open_is_said_before_anything_is_compared() {
    let mut doubt = Sale::new(1, "2026-03-05T03:00:00Z");
    doubt.end = End::InDoubt;
    let mut sent = Sale::new(2, "2026-03-05T03:00:00Z");
    sent.end = End::Approving;
    let (test_app, cookie) = test_app(&[]).await;
    let close = async |cookie: &str| {
        let page = day(&test_app, cookie, "?from=2026-03-05").await;
        plain(between(&page, "Before you close the day</h2>", "</section>")[0])
    };
    let done = "Nothing is open.";
    assert!(close(&cookie).await.starts_with(done));
    ledger::write(test_app.engine.store(), &[sent]).await;
    let open = close(&cookie).await;
    assert!(open.starts_with("Still on their way: 1."), "{open}");
    ledger::write(test_app.engine.store(), &[doubt]).await;
    let open = close(&cookie).await;
    assert!(
        open.starts_with("1 in doubt: do not charge again"),
        "{open}"
    );
    let what = What::Cancel {
        payment: test_app.payment.parse().unwrap(),
        shop: "main".parse().unwrap(),
        amount: None,
        seen: None,
        tax: None,
        reason: "고객 변심".into(),
    };
    let by = "cancel".parse().unwrap();
    test_app.access.approval_request(what, &by).await.unwrap();
    let open = close(&test_app.english("close").await).await;
    assert!(open.contains("Waiting for a second person: 1"), "{open}");
}

#[tokio::test]
async fn days_that_are_none_are_refused_and_today_is_shown() {
    let (test_app, cookie) = test_app(&[]).await;
    let today = value(&day(&test_app, &cookie, "").await, "from").unwrap();
    for query in [
        "?from=2026-03-06&until=2026-03-05",
        "?from=2026-01-01&until=2026-12-31",
        "?from=yesterday",
        "?from=2026-02-30",
        "?from=%3Cscript%3E&until=%22",
        "?from=9999-12-31",
        "?from=-9999-01-01&until=9999-12-31",
    ] {
        let page = day(&test_app, &cookie, query).await;
        let said = problem(&page).unwrap_or_else(|| panic!("{query}"));
        assert_eq!(said, "Check the days. At most 92 at a time.");
        assert_eq!(value(&page, "from").as_ref(), Some(&today), "{query}");
    }
}

#[tokio::test]
async fn one_goes_from_day_to_day_and_not_into_the_future() {
    let (test_app, cookie) = test_app(&[]).await;
    let page = day(&test_app, &cookie, "?from=2026-03-01&until=2026-03-03").await;
    assert!(page.contains(r#"href="/day?from=2026-02-26&#38;until=2026-02-28" rel="prev""#));
    assert!(page.contains(r#"href="/day?from=2026-03-04&#38;until=2026-03-06" rel="next""#));
    let today = day(&test_app, &cookie, "").await;
    assert!(!today.contains("rel=\"next\""), "tomorrow");
    test_app.clock.advance(SignedDuration::from_hours(24));
    let cookie = test_app.english("looker").await;
    let yesterday = value(&today, "from").unwrap();
    let page = day(&test_app, &cookie, &format!("?from={yesterday}")).await;
    assert!(page.contains("rel=\"next\""));
}

#[tokio::test]
async fn the_picture_has_a_table_beside_it() {
    let mut sales = vec![
        Sale::new(1, "2026-03-05T00:30:00Z"),
        Sale::new(2, "2026-03-05T14:30:00Z"),
    ];
    sales[1].money = Money::won(500).unwrap();
    let (test_app, cookie) = test_app(&sales).await;
    let bars = |page: &str| {
        let bars = between(page, "<rect", "</rect>");
        let bar = |bar: &&str| {
            let height = between(bar, " height=\"", "\"")[0].parse::<u64>().unwrap();
            (plain(between(bar, "<title>", "</title>")[0]), height)
        };
        bars.iter().map(bar).collect::<Vec<_>>()
    };
    let page = day(&test_app, &cookie, "?from=2026-03-05").await;
    let hours = bars(&page);
    assert_eq!(hours.len(), 24);
    let (nine, late) = (&hours[9], &hours[23]);
    assert_eq!((&*nine.0, &*late.0), ("9:00: ₩1,000", "23:00: ₩500"));
    assert_eq!(nine.1, 2 * late.1, "half the money is half as high");
    assert!(hours.iter().filter(|(_, height)| *height > 0).count() == 2);
    // The same numbers, to be read aloud.
    let table = between(&page, "<details>", "</details>")[0];
    assert_eq!(between(table, "<dt>", "</dt>").len(), 24);
    assert!(table.contains("<dt>9:00</dt><dd>₩1,000</dd>"), "{table}");
    assert!(page.contains("role=\"img\" aria-label="));
    let days = bars(&day(&test_app, &cookie, "?from=2026-03-04&until=2026-03-06").await);
    let named: Vec<_> = days.iter().map(|(name, _)| &**name).collect();
    assert_eq!(named, ["3/4: ₩0", "3/5: ₩1,500", "3/6: ₩0"]);
}

#[tokio::test]
async fn who_may_not_export_is_not_offered_to() {
    let (test_app, cookie) = test_app(&[]).await;
    assert!(!day(&test_app, &cookie, "").await.contains("/day/export"));
    let close = test_app.english(Role::Close.as_str()).await;
    assert!(day(&test_app, &close, "").await.contains("/day/export"));
}

#[tokio::test]
async fn a_doubt_is_seen_however_many_older_ones_other_shops_have() {
    let mut sales: Vec<_> = (1..=600)
        .map(|n| Sale::new(n, "2026-03-05T03:00:00Z"))
        .collect();
    for sale in &mut sales {
        sale.end = End::InDoubt;
    }
    sales[599].at = "2026-03-05T04:00:00Z".parse().unwrap();
    sales[599].shop = "other";
    let (test_app, _) = test_app(&sales).await;
    let only_other = |one: &mut Operator| {
        one.shops = ["other".parse().unwrap()].into();
        Ok::<_, AccessError>(())
    };
    let name = "looker".parse().unwrap();
    let changed = test_app.access.change_operator(&name, only_other).await;
    changed.unwrap();
    let cookie = test_app.english("looker").await;
    for path in ["/doubts", "/day"] {
        let page = test_app.page("GET", path, &cookie).await.text;
        assert!(page.contains("S-600"), "{path}: {page}");
        assert!(!page.contains(">S-1<"), "{path}: {page}");
    }
}
