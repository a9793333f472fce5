//! Spans for traces: which work was done for which shop, and how it ended. Never an order number, a
//! buyer, or anything of a card.

use sugi_core::{Event, Live, ShopId};
use tracing::{Span, field::Empty, info_span};

/// The target of spans that are for traces. The log has lines of its own and leaves them out.
pub const TRACES: &str = "traces";

/// A stretch of the engine's work on a payment. It ends with that work, and not with the payment,
/// which may wait for days.
pub(crate) fn work(name: &'static str, shop: &ShopId) -> Span {
    let shop = shop.as_str();
    info_span!(target: TRACES, "payment", otel.name = name, shop, payment = Empty, outcome = Empty)
}

/// A call to KCP.
pub(crate) fn call(call: &'static str, shop: &ShopId) -> Span {
    let (name, shop) = (format_args!("kcp {call}"), shop.as_str());
    info_span!(
        target: TRACES, "kcp", otel.name = %name, otel.kind = "client", shop, call,
        outcome = Empty, otel.status_code = Empty
    )
}

/// Says what came of it.
pub(crate) fn ended(span: &Span, event: &Event) {
    let outcome = match event {
        Event::Inquired(looked) => seen(&looked.seen),
        event => event.name(),
    };
    span.record("outcome", outcome);
    if matches!(event, Event::Lost(_) | Event::CancelLost { .. }) {
        span.record("otel.status_code", "ERROR");
    }
}

/// What a look brought, in one word.
pub(crate) fn seen(live: &Live) -> &'static str {
    match live {
        Live::Found { .. } => "found",
        Live::Absent => "absent",
        Live::Foreign { .. } => "foreign",
        Live::Unclear { .. } => "unclear",
    }
}
