//! How the key-in page answers: a way to the payment, or what stands in the way.

use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use sugi_core::PaymentId;
use sugi_engine::PayError;

use super::{KeyInMessages, currency, duplicates::Earlier};
use crate::{
    current_operator::wants_json,
    lang::{Lang, fill},
    write,
};

/// To the payment's page; a script goes there itself, so that the form is not in its history.
pub(crate) fn gone_to(headers: &HeaderMap, payment: &PaymentId) -> Response {
    let to = format!("/payments/{payment}");
    if wants_json(headers) {
        let body = axum::Json(json!({ "to": to }));
        return ([(header::LOCATION, to)], body).into_response();
    }
    Redirect::to(&to).into_response()
}

/// Why nothing was charged.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    /// A payment to look at instead.
    pub(crate) payment: Option<String>,
    /// One like it was there: it can be made all the same, with a reason.
    pub(crate) duplicate: bool,
    /// What is wrong with which field.
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl Refused {
    pub(crate) fn simple(status: StatusCode, field: &'static str, text: &str) -> Self {
        let fields = match field {
            "" => Vec::new(),
            field => vec![(field, text.to_owned())],
        };
        Self {
            status,
            text: text.into(),
            payment: None,
            duplicate: false,
            fields,
        }
    }

    pub(crate) fn fields(fields: Vec<(&'static str, String)>, w: &KeyInMessages) -> Self {
        // Where the form offers no choice of the currency, it has no field to say it at.
        let said = fields.iter().find(|(field, _)| *field == "currency");
        let said = said.map_or_else(|| w.errors.into(), |(_, text)| text.clone());
        Self {
            fields,
            ..Self::simple(StatusCode::UNPROCESSABLE_ENTITY, "", &said)
        }
    }

    pub(crate) fn ledger(lang: Lang) -> Self {
        let text = KeyInMessages::of(lang).e_ledger;
        Self::simple(StatusCode::SERVICE_UNAVAILABLE, "", text)
    }

    pub(crate) fn duplicate(earlier: &Earlier, w: &KeyInMessages) -> Self {
        let text = match &earlier.payment {
            Some(_) => fill(w.dup_text, &[&write::clock(earlier.at)]),
            None => w.dup_busy.into(),
        };
        Self {
            payment: earlier.payment.as_ref().map(|id| format!("/payments/{id}")),
            duplicate: true,
            ..Self::simple(StatusCode::CONFLICT, "", &text)
        }
    }

    /// Why the engine did not begin.
    pub(crate) fn pay(why: PayError, lang: Lang) -> Self {
        let w = KeyInMessages::of(lang);
        let of = |status, field, text| Self::simple(status, field, text);
        let to = |payment: PaymentId| Some(format!("/payments/{payment}"));
        match why {
            PayError::UnknownShop(_) => of(StatusCode::UNPROCESSABLE_ENTITY, "shop", w.e_shop),
            PayError::Contract { .. } => of(StatusCode::UNPROCESSABLE_ENTITY, "", w.e_contract),
            PayError::Currency { takes, .. } => {
                let text = fill(w.e_currency, &[&currency::names(w, &takes)]);
                of(StatusCode::UNPROCESSABLE_ENTITY, "currency", &text)
            }
            PayError::Invalid(why) => {
                let (field, text) = match why.kcp_field() {
                    "quota" => ("months", w.e_months),
                    "card_expiry" => ("expiry", w.e_expired),
                    "ordr_idxx" => ("order_no", w.e_order_no),
                    _ => ("", w.e_other),
                };
                of(StatusCode::UNPROCESSABLE_ENTITY, field, text)
            }
            PayError::OrderLive { payment, .. } => Self {
                payment: to(payment),
                ..of(StatusCode::CONFLICT, "order_no", w.e_order_live)
            },
            PayError::KeyReused { payment } => Self {
                payment: to(payment),
                ..of(StatusCode::CONFLICT, "", w.e_key_reused)
            },
            PayError::Busy(_) => of(StatusCode::TOO_MANY_REQUESTS, "", w.e_busy),
            PayError::CircuitBreaker { until, .. } => {
                let text = fill(w.e_brake, &[&write::clock(until)]);
                of(StatusCode::SERVICE_UNAVAILABLE, "", &text)
            }
            PayError::VelocityLimited { until, .. } => {
                let text = fill(w.e_too_fast, &[&write::clock(until)]);
                of(StatusCode::TOO_MANY_REQUESTS, "", &text)
            }
            PayError::Stopping => of(StatusCode::SERVICE_UNAVAILABLE, "", w.e_stopping),
            PayError::Store(why) => {
                tracing::error!(%why, "the ledger failed a key-in");
                Self::ledger(lang)
            }
        }
    }

    /// For the script, which keeps what was typed in.
    pub(crate) fn json(&self, w: &KeyInMessages) -> Response {
        let fields: serde_json::Map<String, serde_json::Value> = self
            .fields
            .iter()
            .map(|(field, text)| ((*field).into(), text.clone().into()))
            .collect();
        let body = json!({
            "text": self.text,
            "title": if self.duplicate { w.dup_title } else { "" },
            "payment": self.payment,
            "duplicate": self.duplicate,
            "earlier": self.earlier(),
            "fields": fields,
        });
        (self.status, axum::Json(body)).into_response()
    }

    /// The payment that a reason to charge all the same would be for.
    pub(crate) fn earlier(&self) -> &str {
        let payment = self.payment.as_deref().filter(|_| self.duplicate);
        let id = payment.and_then(|path| path.strip_prefix("/payments/"));
        id.unwrap_or_default()
    }

    /// What is wrong with a field, for the page.
    pub(crate) fn at(&self, field: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(name, _)| *name == field);
        found.map(|(_, text)| text.as_str())
    }
}
