//! Webhooks: what is not delivered, for those whose key may read it.

use jiff::Timestamp;
use sugi_store::StoreError;

use super::text::{Kind, Text};
use crate::{Api, auth::Caller};

/// Writes what is told of the webhooks that a key may see.
pub(super) async fn write(
    text: &mut Text,
    api: &Api,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut open = Vec::new();
    for webhook in api.0.app.webhooks.all().await? {
        if webhook.is_within(&caller.key.shops) {
            let store = api.0.app.engine.store();
            let undelivered = store.undelivered(webhook.id.as_str()).await?;
            open.push((webhook.id, undelivered));
        }
    }
    let states = open.iter().flat_map(|(id, open)| {
        let of = |state| [("webhook", id.as_str()), ("state", state)];
        [
            (of("waiting"), open.waiting),
            (of("given_up"), open.given_up),
        ]
    });
    text.family(
        Kind::Gauge,
        "sugi_webhook_undelivered",
        "Events that a webhook was not told of, by what becomes of them.",
        states,
    );
    let ages = open.iter().map(|(id, open)| {
        let age = open
            .waiting_since
            .map_or(0.0, |since| now.duration_since(since).as_secs_f64());
        ([("webhook", id.as_str())], format!("{:.3}", age.max(0.0)))
    });
    text.family(
        Kind::Gauge,
        "sugi_webhook_oldest_age_seconds",
        "Age of the oldest event that waits for a webhook; 0 when none does.",
        ages,
    );
    let (webhooks, events) = api.0.app.webhooks.unreadable();
    text.family(
        Kind::Gauge,
        "sugi_webhook_unreadable",
        "Webhooks, and events in the outbox, that do not read and are passed over.",
        [
            ([("what", "webhook")], webhooks),
            ([("what", "event")], events),
        ],
    );
    let (taken, not_taken) = api.0.app.webhooks.tries();
    text.family(
        Kind::Counter,
        "sugi_webhook_tries_total",
        "Tries to tell a webhook, by how they ended.",
        [
            ([("outcome", "taken")], taken),
            ([("outcome", "not_taken")], not_taken),
        ],
    );
    Ok(())
}
