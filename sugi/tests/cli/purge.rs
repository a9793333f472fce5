//! Buyers are taken away, and everything else holds.

use crate::{CARD, Desk, failure};

#[tokio::test(flavor = "multi_thread")]
async fn buyers_go_on_demand_and_the_ledger_still_holds() {
    let desk = Desk::new().await;
    let sale = [
        "pay",
        "--order",
        "A-1",
        "--amount",
        "1004",
        "--buyer",
        "홍길동",
        "--json",
    ];
    let paid = desk.json(&sale, CARD);
    let id = paid["id"].as_str().unwrap();
    assert_eq!(
        desk.json(&["show", id, "--json"], "")["buyer"]["name"],
        "홍길동"
    );

    let (said, code) = failure(&desk.sugi(&["purge"], ""));
    assert!(code == 2 && said.contains("buyer_days"), "{code} {said}");
    let (said, code) = failure(&desk.sugi(&["purge", "--before", "2999-01-01"], ""));
    assert!(code == 2 && said.contains("2999-01-01"), "{code} {said}");
    // What was bought today is bought zero days ago, and not before.
    let none = desk.json(&["purge", "--older-than-days", "0", "--json"], "");
    assert_eq!(none["payments"], 0);

    let korea = jiff::tz::offset(9);
    let tomorrow = korea
        .to_datetime(sugi_clock::Clock::real().now())
        .date()
        .tomorrow();
    let tomorrow = tomorrow.unwrap().to_string();
    let done = desk.json(&["purge", "--before", &tomorrow, "--json"], "");
    assert_eq!(done["payments"], 1);
    let shown = desk.json(&["show", id, "--json"], "");
    assert!(shown["buyer"]["name"].is_null(), "{shown}");
    assert_eq!(shown["state"], "approved");
    assert_eq!(desk.json(&["verify", "--json"], "")["holds"], true);
    let cancelled = desk.json(&["cancel", id, "--reason", "고객 변심", "--json"], "");
    assert_eq!(cancelled["state"], "cancelled");
}
