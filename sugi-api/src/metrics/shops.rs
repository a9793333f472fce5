//! Payments and money by shop: only for those whose key may read them.

use std::collections::BTreeMap;

use sugi_core::ShopId;
use sugi_engine::{Counts, Engine};
use sugi_store::Unsettled;

use super::{
    open_state,
    text::{Kind, Text},
};

/// Writes what is told of these shops.
pub(super) fn write(
    text: &mut Text,
    counts: &Counts,
    open: &[Unsettled],
    may_see: impl Fn(&ShopId) -> bool,
) {
    let mut payments = BTreeMap::<_, u64>::new();
    let mut amounts = BTreeMap::<_, u64>::new();
    for one in open.iter().filter(|one| may_see(&one.shop)) {
        let (shop, state) = (one.shop.as_str(), open_state(one.status));
        *payments.entry((shop, state)).or_default() += one.payments;
        let amount = amounts.entry((shop, state, one.currency.as_str()));
        *amount.or_default() += one.amount;
    }
    text.family(
        Kind::Gauge,
        "sugi_shop_payments_open",
        "Payments that are not settled, by shop and state.",
        payments
            .iter()
            .map(|((shop, state), n)| ([("shop", *shop), ("state", *state)], n)),
    );
    text.family(
        Kind::Gauge,
        "sugi_shop_amount_open",
        "Amounts of those, in the currency's smallest unit.",
        amounts.iter().map(|((shop, state, currency), sum)| {
            let labels = [("shop", *shop), ("state", *state), ("currency", *currency)];
            (labels, sum)
        }),
    );
    let mine = counts
        .payments
        .iter()
        .filter(|((shop, _), _)| may_see(shop));
    text.family(
        Kind::Counter,
        "sugi_shop_payments_total",
        "Payments that came to a state, by shop and state.",
        mine.map(|((shop, state), n)| ([("shop", shop.as_str()), ("state", state.as_str())], n)),
    );
    let late = counts.late_answers.iter();
    text.family(
        Kind::Counter,
        "sugi_shop_late_answers_total",
        "Answers that fitted nothing which was pending. Each is a case to look at.",
        late.filter(|(shop, _)| may_see(shop))
            .map(|(shop, n)| ([("shop", shop.as_str())], n)),
    );
    let inquiries = || {
        let all = counts.inquiries.iter();
        all.filter(|(shop, _)| may_see(shop))
    };
    text.family(
        Kind::Counter,
        "sugi_shop_inquiries_total",
        "Inquiries, by shop and whether they told anything.",
        inquiries().flat_map(|(shop, n)| {
            let labels = |outcome| [("shop", shop.as_str()), ("outcome", outcome)];
            [
                (labels("told"), n.made - n.failed),
                (labels("failed"), n.failed),
            ]
        }),
    );
    text.family(
        Kind::Gauge,
        "sugi_shop_inquiries_failing",
        "How many inquiries in a row have told nothing up to now.",
        inquiries().map(|(shop, n)| ([("shop", shop.as_str())], n.failing)),
    );
    let mine = counts.money.iter().filter(|((shop, ..), _)| may_see(shop));
    text.family(
        Kind::Counter,
        "sugi_shop_amount_total",
        "Money that moved, in the currency's smallest unit.",
        mine.map(|((shop, currency, how), sum)| {
            let labels = [
                ("shop", shop.as_str()),
                ("moved", how.as_str()),
                ("currency", currency.as_str()),
            ];
            (labels, sum)
        }),
    );
    let mine = counts.foreign.iter().filter(|(shop, _)| may_see(shop));
    text.family(
        Kind::Counter,
        "sugi_shop_foreign_transactions_total",
        "Answers of KCP that named another payment's transaction, by shop.",
        mine.map(|(shop, n)| ([("shop", shop.as_str())], n)),
    );
}

/// Writes how far this machine's calendar is ahead of KCP's, by the shops whose answers tell it.
pub(super) fn write_clocks(text: &mut Text, engine: &Engine, may_see: impl Fn(&ShopId) -> bool) {
    let mut shops = engine.shops();
    shops.retain(|shop| may_see(&shop.id));
    shops.sort_by(|one, other| one.id.cmp(&other.id));
    let ahead = shops.iter().filter_map(|shop| {
        let ahead = engine.ahead_of_kcp(shop)?.as_secs_f64();
        Some(([("shop", shop.id.as_str())], format!("{ahead:.0}")))
    });
    text.family(
        Kind::Gauge,
        "sugi_shop_clock_ahead_seconds",
        "How far this machine's calendar is ahead of KCP's; negative when it is behind.",
        ahead,
    );
}
