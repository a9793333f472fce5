//! Sales that come too fast, as `/metrics` tells of them to whoever may read a shop's numbers.

use sugi_core::ShopId;
use sugi_engine::VelocityNow;

use crate::{
    Api,
    metrics::text::{Kind, Text},
};

/// Writes whether too many sales are declined, and how many each limit refused, by shop.
pub(crate) fn write(text: &mut Text, api: &Api, may_see: impl Fn(&ShopId) -> bool) {
    let mut shops = api.0.app.engine.shops();
    shops.retain(|shop| may_see(&shop.id));
    shops.sort_by(|one, other| one.id.cmp(&other.id));
    let told: Vec<(&str, VelocityNow)> = shops
        .iter()
        .map(|shop| (shop.id.as_str(), api.0.app.engine.velocity(shop)))
        .collect();
    text.family(
        Kind::Gauge,
        "sugi_decline_rate_alarm",
        "1 while too many of a shop's sales are declined.",
        told.iter()
            .map(|(shop, now)| ([("shop", *shop)], u8::from(now.alarm))),
    );
    text.family(
        Kind::Counter,
        "sugi_velocity_limited_total",
        "Sales that were refused because they came too fast, by limit.",
        told.iter().flat_map(|(shop, now)| {
            let refused = now.refused.iter();
            refused.map(|(by, n)| ([("shop", *shop), ("limit", by.as_str())], n))
        }),
    );
}
