//! Events: what became of payments, for a merchant's own programs. A webhook is told of them one by one; here
//! they can be read in order.

pub(crate) mod list;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sugi_core::{Payment, PublicEvent};
use sugi_store::Event;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::payments::view::View as PaymentView;

/// What became of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct View {
    /// The event's id, the same wherever it is told. Whoever hears of it twice knows it by this.
    #[schema(pattern = "^evt_[0-9]+$", example = "evt_12")]
    id: String,
    /// Its number, from 1 and without a gap. Of two events of a payment the one with the larger number
    /// happened later.
    #[schema(minimum = 1)]
    number: u64,
    #[serde(rename = "type")]
    kind: TypeWord,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The payment as it was then.
    payment: PaymentView,
}

/// A kind of event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypeWord(pub(crate) PublicEvent);

impl View {
    pub(crate) fn of(event: &Event, payment: &Payment) -> Self {
        Self {
            id: id(event.n),
            number: event.n,
            kind: TypeWord(event.public_event),
            created_at: event.at,
            payment: PaymentView::of(payment),
        }
    }
}

/// The id of an event, by its number.
pub(crate) fn id(n: u64) -> String {
    format!("evt_{n}")
}

/// What a webhook is told of an event, with the payment as it was then: the same as `GET /v1/events` shows.
#[must_use]
pub fn event_json(event: &Event, payment: &Payment) -> Vec<u8> {
    serde_json::to_vec(&View::of(event, payment)).unwrap_or_default()
}

impl Serialize for TypeWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl ToSchema for TypeWord {
    fn name() -> Cow<'static, str> {
        "EventType".into()
    }
}

impl PartialSchema for TypeWord {
    fn schema() -> RefOr<Schema> {
        let what = "What became of the payment: its state, or a cancellation that did not happen.";
        let wording = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(PublicEvent::ALL.map(PublicEvent::as_str)))
            .description(Some(what));
        RefOr::T(Schema::Object(wording.build()))
    }
}
