//! What the day's page says against what the ledger says, over ledgers of chance.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::Money;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use sugi_core::Status;
use sugi_store::Filter;

use crate::{
    ledger::{self, End, Sale},
    page::{between, plain},
    test_app::TestApp,
};

/// Count and amount of each total that stands on a page of one currency.
pub(crate) fn totals(page: &str) -> BTreeMap<String, (u64, String)> {
    let list = between(page, "<dl class=\"totals\">", "</dl>");
    let list = list.first().copied().unwrap_or_default();
    let one = |one: &str| {
        let name = between(one, "<dt>", "</dt>")[0];
        let (name, count) = name
            .split_once(" <span")
            .map_or((name, ""), |(name, rest)| {
                (name, rest.split_once('>').map_or("", |(_, count)| count))
            });
        let count = plain(count).replace(',', "").parse().unwrap_or(0);
        let amount = plain(between(one, "<dd>", "</dd>")[0]);
        (plain(name), (count, amount))
    };
    between(list, "<div>", "</div>")
        .into_iter()
        .map(one)
        .collect()
}

/// The rows of the table with this heading: name, count, gross, cancelled, net.
fn table(page: &str, name: &str) -> Vec<Vec<String>> {
    let tables = between(page, &format!("<h2>{name}</h2>"), "</section>");
    let Some(table) = tables.first() else {
        return Vec::new();
    };
    let rows = between(table, "<tr><td", "</tr>").into_iter();
    rows.map(|row| {
        let cells = row.split("</td>").filter_map(|cell| cell.split_once('>'));
        cells
            .map(|(_, text)| plain(text))
            .filter(|text| !text.is_empty())
            .collect()
    })
    .collect()
}

const START: &str = "2026-03-04T15:00:00Z";

fn sale() -> impl Strategy<Value = Sale> {
    let end = prop_oneof![
        3 => Just(0_u8),
        2 => Just(1),
        1 => 2..7_u8,
    ];
    let shops = prop_oneof![Just("main"), Just("second")];
    let people = prop_oneof![Just("kim"), Just("lee"), Just("key:shop")];
    let issuers = prop_oneof![Just("신한카드"), Just("비씨카드")];
    let hours = -2..30_i64;
    (
        hours,
        shops,
        people,
        issuers,
        1..2_000_000_u64,
        end,
        1..100_u64,
    )
        .prop_map(|(hour, shop, by, issuer, won, end, percent)| {
            let mut sale = Sale::new(0, START);
            sale.at += SignedDuration::from_hours(hour);
            (sale.shop, sale.by, sale.issuer) = (shop, by, issuer);
            sale.money = Money::won(won + 100).unwrap();
            let all = sale.money.amount.get();
            sale.end = match end {
                0 => End::Approved,
                1 => End::GivenBack((all * percent / 100).max(1)),
                2 => End::GivenBack(all),
                3 => End::Declined,
                4 => End::Void,
                5 => End::InDoubt,
                _ => End::Approving,
            };
            sale
        })
}

/// Won as the page writes them.
fn won(amount: u64) -> String {
    let digits = amount.to_string();
    let parts: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    let parts = parts.iter().map(|part| std::str::from_utf8(part).unwrap());
    format!("₩{}", parts.collect::<Vec<_>>().join(","))
}

/// Everything of the day, one by one and by what the projection says of it.
async fn one_by_one(test_app: &TestApp, from: Timestamp) -> BTreeMap<&'static str, (u64, u64)> {
    let filter = Filter {
        from: Some(from),
        until: Some(from + SignedDuration::from_hours(24)),
        limit: Filter::MOST,
        ..Filter::default()
    };
    let page = test_app.engine.store().list(filter).await.unwrap();
    assert!(!page.more);
    let mut sums = BTreeMap::new();
    let names = [
        "Approved",
        "Cancelled",
        "Net",
        "Declined",
        "Reversed or void",
        "In doubt",
        "On their way",
    ];
    for name in names {
        sums.insert(name, (0, 0));
    }
    let mut add = |name, count, amount| {
        let sum: &mut (u64, u64) = sums.get_mut(name).unwrap();
        sum.0 += count;
        sum.1 += amount;
    };
    for one in page.payments {
        match one.status {
            Status::Approved | Status::PartiallyCancelled | Status::Cancelled => {
                add("Approved", 1, one.amount);
                add("Cancelled", u64::from(one.cancelled > 0), one.cancelled);
                add("Net", 0, one.amount - one.cancelled);
            }
            Status::Declined => add("Declined", 1, one.amount),
            Status::Reversed | Status::Void => add("Reversed or void", 1, one.amount),
            Status::InDoubt | Status::Reversing => add("In doubt", 1, one.amount),
            Status::Requested | Status::Approving => add("On their way", 1, one.amount),
        }
    }
    sums
}

async fn compare(test_app: &TestApp, cookie: &str, from: Timestamp, sales: &[Sale]) {
    ledger::write(test_app.engine.store(), sales).await;
    let day = jiff::tz::Offset::constant(9).to_datetime(from).date();
    let page = test_app
        .page("GET", &format!("/day?from={day}"), cookie)
        .await
        .text;
    let expected = one_by_one(test_app, from).await;
    let told = totals(&page);
    if expected.values().all(|sum| *sum == (0, 0)) {
        assert!(told.is_empty(), "{told:?}");
        return;
    }
    for (name, (count, amount)) in &expected {
        let (told_count, told_amount) = &told[*name];
        assert_eq!(told_count, count, "{name}");
        if !told_amount.is_empty() {
            assert_eq!(*told_amount, won(*amount), "{name}");
        }
    }
    // However it is cut, it is the same money.
    let number = |text: &str| text.replace(['₩', ','], "").parse::<u64>().unwrap();
    for name in ["By shop", "By operator", "By card company"] {
        let sum = |column: usize| {
            table(&page, name)
                .iter()
                .map(|row| number(&row[column]))
                .sum::<u64>()
        };
        assert_eq!(sum(1), expected["Approved"].0, "{name}");
        assert_eq!(sum(2), expected["Approved"].1, "{name}");
        assert_eq!(sum(3), expected["Cancelled"].1, "{name}");
        assert_eq!(sum(4), expected["Net"].1, "{name}");
    }
    let bars = between(&page, "<details>", "</details>");
    let bars = bars
        .first()
        .map_or_else(Vec::new, |bars| between(bars, "<dd>", "</dd>"));
    let drawn: u64 = bars.into_iter().map(number).sum();
    assert_eq!(drawn, expected["Approved"].1, "the bars");
}

#[test]
fn the_days_numbers_are_the_ledgers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (test_app, cookie) = runtime.block_on(async {
        let test_app = TestApp::new().await;
        let cookie = test_app.english("looker").await;
        (test_app, cookie)
    });
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let ledgers = prop::collection::vec(sale(), 0..40);
    let (mut day, mut n) = (START.parse::<Timestamp>().unwrap(), 0);
    let mut next = |sales: &mut [Sale]| {
        // A day of its own, with days around it for what is not of it.
        day += SignedDuration::from_hours(72);
        for sale in sales {
            n += 1;
            (sale.n, sale.at) = (n, day + (sale.at - START.parse::<Timestamp>().unwrap()));
        }
        day
    };
    let next = std::cell::RefCell::new(&mut next);
    let result = TestRunner::new(config).run(&ledgers, |mut sales| {
        let day = (next.borrow_mut())(&mut sales);
        runtime.block_on(compare(&test_app, &cookie, day, &sales));
        Ok(())
    });
    result.unwrap();
}
