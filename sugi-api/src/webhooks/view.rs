//! Webhooks and their deliveries as the API shows them.

use jiff::Timestamp;
use serde::Serialize;
use sugi_core::Shops;
use sugi_store::{Delivery, DeliveryState, Undelivered};
use sugi_webhooks::Webhook;
use utoipa::ToSchema;

use crate::{
    events::{self, TypeWord},
    payments::list::ShopWord,
};

/// A place where a program of yours is told of events.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct View {
    #[schema(pattern = "^wh_[0-9a-f]{32}$")]
    id: String,
    /// Where it is told.
    #[schema(example = "https://shop.example.com/sugi")]
    url: String,
    /// Of which types of events; empty means all.
    types: Vec<TypeWord>,
    /// Of payments of which shops.
    #[schema(value_type = ShopsView)]
    shops: Shops,
    /// Which API key or operator set it up.
    by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// `all`, or a list of shops by name.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Shops)]
#[allow(dead_code, reason = "it describes what `Shops` writes")]
pub(crate) enum ShopsView {
    All(AllWord),
    Only(Vec<ShopWord>),
}

/// Every shop.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "it describes what `Shops` writes")]
pub(crate) enum AllWord {
    All,
}

/// A webhook, and what it has not taken.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookWithBacklog)]
pub(crate) struct Detail {
    #[serde(flatten)]
    webhook: View,
    /// Events that it is still to be told of; counted up to 10,000.
    waiting: u64,
    /// When the oldest of them happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    waiting_since: Option<Timestamp>,
    /// Events that it was not told of, although it was tried for days; counted up to 10,000.
    given_up: u64,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeliveryState)]
pub(crate) enum StateWord {
    Waiting,
    Delivered,
    GivenUp,
}

/// An event on its way to a webhook.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct Line {
    /// The event's id.
    #[schema(pattern = "^evt_[0-9]+$", example = "evt_12")]
    event: String,
    #[serde(rename = "type")]
    kind: TypeWord,
    /// The payment that it is of.
    #[schema(pattern = "^pay_[0-9a-f]{32}$")]
    payment: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(inline)]
    state: StateWord,
    /// How often it was tried.
    attempts: u32,
    /// How the last try ended: the status of the answer, or why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    /// When it was last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    tried_at: Option<Timestamp>,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
}

impl View {
    pub(crate) fn of(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            url: webhook.url.to_string(),
            types: webhook.public_event.iter().copied().map(TypeWord).collect(),
            shops: webhook.shops.clone(),
            by: webhook.by.to_string(),
            created_at: webhook.created_at,
        }
    }
}

impl Detail {
    pub(crate) fn of(webhook: &Webhook, open: Undelivered) -> Self {
        Self {
            webhook: View::of(webhook),
            waiting: open.waiting,
            waiting_since: open.waiting_since,
            given_up: open.given_up,
        }
    }
}

impl Line {
    pub(crate) fn of(delivery: Delivery) -> Self {
        let event = delivery.event;
        Self {
            event: events::id(event.n),
            kind: TypeWord(event.public_event),
            payment: event.payment.to_string(),
            created_at: event.at,
            state: match delivery.state {
                DeliveryState::Waiting => StateWord::Waiting,
                DeliveryState::Delivered => StateWord::Delivered,
                DeliveryState::GivenUp => StateWord::GivenUp,
            },
            attempts: delivery.attempts,
            answer: delivery.answer,
            tried_at: (delivery.attempts > 0).then_some(delivery.at),
            next_at: delivery.due_at,
        }
    }
}
