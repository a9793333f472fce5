//! The watch over settled payments: what it costs, what it found, and how far it is behind.

use std::collections::BTreeMap;

use sugi_core::ShopId;
use sugi_engine::Engine;
use sugi_store::StoreError;

use super::text::{Kind, Text};

/// Writes what is told of these shops.
pub(super) async fn write(
    text: &mut Text,
    engine: &Engine,
    may_see: impl Fn(&ShopId) -> bool,
) -> Result<(), StoreError> {
    let counts = engine.counts().watch;
    let mine = || counts.iter().filter(|(shop, _)| may_see(shop));
    text.family(
        Kind::Counter,
        "sugi_watch_inquiries_total",
        "Inquiries about settled payments, by shop and whether they told anything.",
        mine().flat_map(|(shop, n)| {
            let labels = |outcome| [("shop", shop.as_str()), ("outcome", outcome)];
            [
                (labels("told"), n.inquiries - n.failed),
                (labels("failed"), n.failed),
            ]
        }),
    );
    text.family(
        Kind::Counter,
        "sugi_watch_differing_total",
        "Settled payments of which KCP's books were found to differ from the ledger.",
        mine().map(|(shop, n)| ([("shop", shop.as_str())], n.differing)),
    );
    let mut open: BTreeMap<_, u64> = mine().map(|(shop, _)| (shop.clone(), 0)).collect();
    for finding in engine.findings().await? {
        if may_see(&finding.shop) {
            *open.entry(finding.shop).or_default() += 1;
        }
    }
    text.family(
        Kind::Gauge,
        "sugi_watch_cases_open",
        "Open cases of the watch: settled payments that differ, or about which KCP said nothing.",
        open.iter().map(|(shop, n)| ([("shop", shop.as_str())], n)),
    );
    let lags = engine.watch_lag().await?;
    text.family(
        Kind::Gauge,
        "sugi_watch_lag_seconds",
        "How long ago the oldest payment that was not looked at yet should have been, by pass.",
        lags.iter()
            .map(|lag| ([("pass", lag.pass)], lag.behind.as_secs())),
    );
    Ok(())
}
