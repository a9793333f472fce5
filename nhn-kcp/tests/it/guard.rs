//! The rails: which shop may go where, and what is refused before anything is sent.

use kcp_sandbox::Sandbox;
use nhn_kcp::{
    Amount, BuildError, CardNumber, Client, Expiry, Gateway, GatewayError, GoodsName, Installments,
    Money, Order, OrderNo, SiteCode, UnauthenticatedKeyIn,
};

use crate::house::{card, credentials_of, today};

#[tokio::test]
async fn live_shops_and_test_shops_are_kept_apart() {
    let sandbox = Sandbox::start().await.unwrap();
    let build = |site_code: &str, gateway: Gateway| {
        let site_code = SiteCode::parse(site_code).unwrap();
        Client::builder(site_code, credentials_of(&sandbox), gateway)
            .build()
            .map(|_| ())
    };
    let here = || Gateway::sandbox(sandbox.url()).unwrap();
    assert_eq!(build("T0000", here()), Ok(()));
    assert_eq!(
        build("SR123", here()),
        Err(BuildError::Gateway(GatewayError::LiveShopElsewhere))
    );
    assert_eq!(build("SR123", Gateway::Production), Ok(()));
    assert_eq!(
        build("T0000", Gateway::Production),
        Err(BuildError::Gateway(GatewayError::TestShopOnLive))
    );
    assert_eq!(build("T0000", Gateway::Test), Ok(()));
}

#[tokio::test]
async fn kcps_own_servers_are_trusted_by_the_common_list_alone() {
    let sandbox = Sandbox::start().await.unwrap();
    let builder = |gateway| {
        let site_code = SiteCode::parse("T0000").unwrap();
        Client::builder(site_code, credentials_of(&sandbox), gateway)
    };
    let roots = sandbox.ca_pem().as_bytes();
    let refused = builder(Gateway::Test)
        .trust_roots(roots)
        .build()
        .unwrap_err();
    assert_eq!(refused, BuildError::RootAtKcp);
    let here = Gateway::sandbox("https://127.0.0.1:1").unwrap();
    let refused = builder(here).trust_roots(b"no pem").build().unwrap_err();
    assert_eq!(refused, BuildError::RootUnreadable);
}

#[test]
fn bad_input_is_refused_with_a_sentence() {
    let order = |won: u64, months: u8| {
        let mut order = Order::new(OrderNo::parse("A-1").unwrap(), Money::won(won).unwrap());
        order.installments = Installments::new(months).unwrap();
        order
    };
    let g101 = format!("{}ab", "가".repeat(33));
    let refusals = [
        Amount::parse("1004won").unwrap_err(),
        Amount::parse("1,004").unwrap_err(),
        CardNumber::parse("44445555666677777").unwrap_err(),
        Installments::new(1).unwrap_err(),
        GoodsName::parse(&g101).unwrap_err(),
        UnauthenticatedKeyIn::new(order(49_999, 3), card("4111111111111111"), today()).unwrap_err(),
        {
            let mut card = card("4111111111111111");
            card.expiry = Expiry::parse("2026-10").unwrap();
            UnauthenticatedKeyIn::new(order(1000, 0), card, today()).unwrap_err()
        },
    ];
    let sentences: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(
        sentences,
        [
            "amount (amount) must be 1 to 12 digits and nothing else, got 7 bytes: leave out commas, \
             signs, and decimal points",
            "amount (amount) must be 1 to 12 digits and nothing else, got 5 bytes: leave out commas, \
             signs, and decimal points",
            "card number (card_no) must be 13 to 16 digits and nothing else, got 17 bytes: leave out \
             spaces and hyphens",
            "instalments (quota) must be 0 for a lump sum or 2 to 12 months: 1 month is a lump sum",
            "goods name (good_name) must be 1 to 100 bytes long in UTF-8, got 101 bytes: shorten it; \
             a Korean letter takes 3 bytes",
            "instalments (quota) must be a lump sum for amounts under 50,000 won: offer a lump sum",
            "card expiry (card_expiry) must not be in the past: ask for another card",
        ]
    );
}
