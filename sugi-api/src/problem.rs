//! Errors as RFC 9457 problems: one list of codes, one shape.
//!
//! Nothing of a request's content gets into a problem but the names of fields. Card digits cannot
//! come in by accident: values are refused by [`Invalid`], which never holds any of the value.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
};
use jiff::Timestamp;
use nhn_kcp::Invalid;
use serde::Serialize;
use sugi_core::{PaymentId, Refusal};
use sugi_engine::LimitBy;
use sugi_store::StoreError;
use utoipa::ToSchema;

use crate::health::Readiness;

macro_rules! codes {
    ($($name:ident $text:literal $status:ident $title:literal $next:literal)*) => {
        /// What can go wrong. The words never change; programs may rely on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
        #[allow(missing_docs, reason = "the title says it")]
        #[schema(as = ProblemCode)]
        pub enum Code {
            $(#[serde(rename = $text)] #[schema(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code as it stands in answers.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// What it is, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn next(self) -> &'static str {
                match self { $(Self::$name => $next,)* }
            }
        }
    };
}

codes! {
    BadJson "bad_json" BAD_REQUEST "The body is not JSON" "Send one JSON object in UTF-8."
    BadParameter "bad_parameter" BAD_REQUEST "A query parameter is wrong" "Correct the parameter."
    BadHeader "bad_header" BAD_REQUEST "A header is wrong" "Correct the header."
    KeyMissing "idempotency_key_missing" BAD_REQUEST "Idempotency-Key is missing"
        "Send a new random key, such as a UUID, for every new request, and the same key to ask again."
    Unauthenticated "unauthenticated" UNAUTHORIZED "No valid API key"
        "Send Authorization: Bearer and an API key of this service."
    ScopeMissing "scope_missing" FORBIDDEN "The API key may not do this"
        "Use a key that has the scope, or have it granted."
    ShopForbidden "shop_forbidden" FORBIDDEN "The API key may not use this shop"
        "Use a key that is allowed this shop."
    AddressForbidden "address_forbidden" FORBIDDEN "The API key may not be used from this address"
        "Ask from an address that the key is for, or have this one added to its addresses."
    NotFound "not_found" NOT_FOUND "There is nothing at this address" "See /docs for what there is."
    PaymentNotFound "payment_not_found" NOT_FOUND "There is no such payment"
        "Look for it with GET /v1/payments."
    WebhookNotFound "webhook_not_found" NOT_FOUND "There is no such webhook"
        "Look for it with GET /v1/webhooks."
    EventNotFound "event_not_found" NOT_FOUND "There is no such event"
        "Look for it with GET /v1/events; a webhook is told only of what it was set up for."
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "Not with this method"
        "Use one of the methods in Allow."
    SlowBody "slow_body" REQUEST_TIMEOUT "The body did not arrive in time"
        "Nothing was done. Send the request again with the same Idempotency-Key."
    OrderLive "order_live" CONFLICT "The order has a payment that is alive"
        "Do not charge again. Look at the payment that is named, and use that one."
    StillRunning "still_running" CONFLICT "A request with this key is still running"
        "Ask again with the same key after Retry-After, or get the payment that is named."
    NotCancellable "not_cancellable" CONFLICT "This payment cannot be cancelled as it is"
        "Look at its state: only an approved payment can be cancelled."
    NothingLeft "nothing_left" CONFLICT "Nothing is left to cancel" "There is nothing to do."
    TooMuch "amount_exceeds_remaining" CONFLICT "More than what is left"
        "Cancel at most what is left."
    WholeOnly "whole_only" CONFLICT "This payment can only be cancelled whole"
        "Cancel without an amount, or with all of it."
    CancelPending "cancellation_pending" CONFLICT "Another cancellation has not ended"
        "Ask again after Retry-After."
    CancelRefused "cancellation_refused" CONFLICT "KCP refused the cancellation"
        "Read KCP's code; the payment is as it was before."
    CancelFailed "cancellation_failed" CONFLICT "The cancellation did not happen"
        "KCP's books show that it did not take effect. Ask again with a new Idempotency-Key."
    NotInDoubt "not_in_doubt" CONFLICT "The payment is not in doubt" "Look at its state."
    KnownAlive "known_alive" CONFLICT "The payment cannot be closed as absent"
        "KCP gave a number for it: resolve it with a tno."
    TooEarly "too_early" CONFLICT "Too early to say that it is not there"
        "Look at KCP's partner site again after Retry-After."
    NotConfirmed "not_confirmed" CONFLICT "KCP does not confirm it"
        "Check the tno: it has to be of this order and this amount."
    TooManyWebhooks "too_many_webhooks" CONFLICT "There are as many webhooks as there can be"
        "Take one away that is not needed any more."
    WebhookBusy "webhook_busy" CONFLICT "Somebody else changes this webhook" "Ask again after Retry-After."
    WebhookSecretUnreadable "webhook_secret_unreadable" CONFLICT "The webhook's secret cannot be sealed or read"
        "Have access.secret_file name the installation's secret, as sugi init makes it."
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large" "Send at most 64 KiB."
    MediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body has to be JSON"
        "Send Content-Type: application/json."
    BadBody "bad_body" UNPROCESSABLE_ENTITY "The JSON does not have the right form"
        "Correct the field that is named; see /docs."
    UnknownField "unknown_field" UNPROCESSABLE_ENTITY "The JSON has a field that is not known"
        "Leave it out, or correct its name; see /docs."
    InvalidValue "invalid_value" UNPROCESSABLE_ENTITY "A value breaks a rule"
        "Correct the field that is named."
    CardNumberInText "card_number_in_text" UNPROCESSABLE_ENTITY "A text looks like a card number"
        "Card numbers belong into card.number and nowhere else. Leave it out of the text."
    UnknownShop "unknown_shop" UNPROCESSABLE_ENTITY "There is no such shop" "See GET /v1/shops."
    NotInContract "not_in_contract" UNPROCESSABLE_ENTITY "The shop's contract does not have it"
        "See the contract in GET /v1/shops."
    TaxMissing "tax_missing" UNPROCESSABLE_ENTITY "The amount has to be divided for tax"
        "Send tax with the amount: the payment's remaining_tax says what is left of each part."
    KeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "The key was used for another request"
        "Use a new Idempotency-Key for a new request."
    TooManyRequests "too_many_requests" TOO_MANY_REQUESTS "Too many requests of this key at once"
        "Ask again after Retry-After."
    ShopBusy "shop_busy" TOO_MANY_REQUESTS "The shop has as many payments under way as it may"
        "Nothing was done. Ask again after Retry-After with the same Idempotency-Key."
    VelocityLimited "velocity_limited" TOO_MANY_REQUESTS "New payments come faster than people buy, or too many are declined"
        "Nothing was done. Ask again after Retry-After with the same Idempotency-Key; if it was no attack, have the shop's velocity limits raised."
    TooManyConnections "too_many_connections" TOO_MANY_REQUESTS "Too many connections"
        "Nothing was done. Close those that are not used, and ask again after Retry-After with the same Idempotency-Key."
    Internal "internal" INTERNAL_SERVER_ERROR "Something is broken here"
        "Ask again with the same Idempotency-Key; tell the operator the x-request-id."
    LedgerInconsistent "ledger_inconsistent" INTERNAL_SERVER_ERROR "The ledger does not read as it should"
        "Tell the operator: sugi verify says what is wrong."
    NotSent "not_sent" BAD_GATEWAY "KCP was not reached"
        "Nothing was sent and nothing was charged. To try again, use a new Idempotency-Key."
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Too much to do at once"
        "Nothing was done. Ask again after Retry-After with the same Idempotency-Key."
    KcpUnsteady "kcp_unsteady" SERVICE_UNAVAILABLE "KCP is losing answers: no new payments for a while"
        "Nothing was done. Ask again after Retry-After with the same Idempotency-Key."
    Stopping "stopping" SERVICE_UNAVAILABLE "This service is ending"
        "Nothing was done. Ask again after Retry-After with the same Idempotency-Key."
    NotReady "not_ready" SERVICE_UNAVAILABLE "The service cannot take payments now"
        "Send requests to another node, or ask again after Retry-After; readiness says what is wrong."
    LedgerBusy "ledger_busy" SERVICE_UNAVAILABLE "The ledger has too much to write"
        "Nothing was done. Ask again after Retry-After with the same Idempotency-Key."
    OutcomeUnknown "outcome_unknown" SERVICE_UNAVAILABLE "What became of the request cannot be told now"
        "If it was about a payment, money may have moved. Ask again after Retry-After with the same Idempotency-Key: it stays one request."
    LedgerUnavailable "ledger_unavailable" SERVICE_UNAVAILABLE "The ledger cannot be used now"
        "Nothing was sent to KCP. Ask again after Retry-After with the same Idempotency-Key."
}

/// An error answer, `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body {
    /// A relative address that names the kind of problem: `/problems/` and the code.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid_value")]
    kind: String,
    /// The kind of problem in a few words.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// This problem, in a sentence. Never holds anything of a card.
    detail: String,
    /// The kind of problem, for programs: these words never change.
    code: Code,
    /// Which field, header or query parameter; nested fields with dots (`card.number`).
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The rule that the field's value breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// Which velocity limit it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<LimitWord>,
    /// KCP's result code, where KCP said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "8012")]
    res_cd: Option<String>,
    /// KCP's own words with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    res_msg: Option<String>,
    /// Whether this request may have moved money.
    money_may_have_moved: bool,
    /// What to do.
    next: &'static str,
    /// The payment that this is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^pay_[0-9a-f]{32}$")]
    payment: Option<PaymentId>,
    /// How much of it is left to cancel, in the currency's smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_amount: Option<u64>,
    /// What the service's readiness rests on, where that was the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness: Option<Readiness>,
}

/// By what a velocity limit counts: the caller's address, the API key or operator, the card's first
/// six digits, or the shop.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VelocityLimit)]
pub(crate) enum LimitWord {
    Address,
    Key,
    CardRange,
    Shop,
}

impl From<LimitBy> for LimitWord {
    fn from(by: LimitBy) -> Self {
        match by {
            LimitBy::Address => Self::Address,
            LimitBy::Actor => Self::Key,
            LimitBy::Bin => Self::CardRange,
            LimitBy::Shop => Self::Shop,
        }
    }
}

/// A problem on its way out.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    body: Body,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of a kind, with a sentence about this one.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let body = Body {
            kind: format!("/problems/{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: detail.into(),
            code,
            field: None,
            rule: None,
            limit: None,
            res_cd: None,
            res_msg: None,
            money_may_have_moved: code == Code::OutcomeUnknown,
            next: code.next(),
            payment: None,
            remaining_amount: None,
            readiness: None,
        };
        Self(Box::new(Parts {
            body,
            headers: Vec::new(),
        }))
    }

    /// The whole answer as it goes over HTTP/1.1, for a connection that is closed after it.
    pub(crate) fn to_http1(&self) -> Vec<u8> {
        let Parts { body, headers } = &*self.0;
        let status = body.code.status();
        let json = serde_json::to_vec(body).unwrap_or_default();
        let mut answer = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n",
            status.as_str(),
            status.canonical_reason().unwrap_or_default(),
            json.len()
        )
        .into_bytes();
        for (name, value) in headers {
            answer.extend(name.as_str().as_bytes());
            answer.extend(b": ");
            answer.extend(value.as_bytes());
            answer.extend(b"\r\n");
        }
        answer.extend(b"connection: close\r\n\r\n");
        answer.extend(json);
        answer
    }

    pub(crate) fn readiness(mut self, readiness: Readiness) -> Self {
        self.0.body.readiness = Some(readiness);
        self
    }

    /// A value that breaks a rule, by the API's name of its field.
    pub(crate) fn invalid(why: &Invalid) -> Self {
        Self::invalid_at(field_of(why), why)
    }

    /// The same, where the field's name does not follow from KCP's.
    pub(crate) fn invalid_at(field: &str, why: &Invalid) -> Self {
        Self::new(Code::InvalidValue, why.to_string())
            .field(field)
            .rule(why.rule().to_string())
    }

    /// What the ledger failed after it had taken the request: that is carried out, no matter what it answers now.
    pub(crate) fn after_asking(why: StoreError) -> Self {
        let said = Self::from(why);
        match said.code() {
            Code::LedgerUnavailable | Code::LedgerBusy | Code::LedgerInconsistent => {
                Self::new(Code::OutcomeUnknown, Code::OutcomeUnknown.title()).retry_after(1)
            }
            _ => said,
        }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.body.code
    }

    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.0.body.field = Some(field.into());
        self
    }

    pub(crate) fn rule(mut self, rule: impl Into<String>) -> Self {
        self.0.body.rule = Some(rule.into());
        self
    }

    pub(crate) fn limit(mut self, by: LimitBy) -> Self {
        self.0.body.limit = Some(by.into());
        self
    }

    pub(crate) fn payment(mut self, id: &PaymentId) -> Self {
        if let Ok(at) = HeaderValue::from_str(&format!("/v1/payments/{id}")) {
            self.0.headers.push((LOCATION, at));
        }
        self.0.body.payment = Some(id.clone());
        self
    }

    pub(crate) fn remaining(mut self, amount: u64) -> Self {
        self.0.body.remaining_amount = Some(amount);
        self
    }

    pub(crate) fn kcp(mut self, refusal: &Refusal) -> Self {
        self.0.body.res_cd = Some(refusal.code.to_string());
        self.0.body.res_msg = Some(refusal.message.clone());
        self
    }

    pub(crate) fn retry_after(self, secs: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(secs))
    }

    /// When asking again can help; in whole seconds, and never too early.
    pub(crate) fn retry_at(self, at: Timestamp, now: Timestamp) -> Self {
        let secs = at.duration_since(now).as_secs();
        self.retry_after(u64::try_from(secs).unwrap_or(0) + 1)
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }
}

impl From<StoreError> for Problem {
    fn from(why: StoreError) -> Self {
        tracing::error!(%why, "the ledger failed a request");
        let code = match why {
            StoreError::Busy => Code::LedgerBusy,
            // Whose a transaction is is for the engine, which asks for nothing else here.
            StoreError::Inconsistent(_) | StoreError::Foreign { .. } => Code::LedgerInconsistent,
            StoreError::Locked { .. }
            | StoreError::Held { .. }
            | StoreError::ClockBehind { .. }
            | StoreError::Failed { .. } => Code::LedgerUnavailable,
            // What was asked for may stand, and then it is carried out.
            StoreError::Unknown { .. } => Code::OutcomeUnknown,
        };
        // The database's own words are for the log: they can quote what was written.
        let problem = Self::new(code, code.title());
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
            problem.retry_after(1)
        } else {
            problem
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { body, headers } = *self.0;
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (body.code.status(), json).into_response();
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        // Answers with this mark are counted by what went wrong.
        response.extensions_mut().insert(body.code);
        for (name, value) in headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// KCP's name of a field, as this API calls it.
fn field_of(why: &Invalid) -> &'static str {
    match why.kcp_field() {
        "ordr_idxx" => "order_no",
        "good_name" => "product",
        "buyr_name" => "buyer.name",
        "buyr_mail" => "buyer.email",
        "buyr_tel2" => "buyer.phone",
        "card_no" => "card.number",
        "card_expiry" => "card.expiry",
        "card_taxno" => "card.holder_proof.birth_or_business_no",
        "card_pwd" => "card.holder_proof.password_prefix",
        "quota" => "installment_months",
        "comm_tax_mny" | "mod_tax_mny" => "tax",
        "mod_desc" => "reason",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_carried_out_is_never_said_not_to_be() {
        let failed = || StoreError::Failed { why: "away".into() };
        let before = Problem::from(failed());
        assert_eq!(before.code(), Code::LedgerUnavailable);
        assert!(!before.0.body.money_may_have_moved);
        let unknown = StoreError::Unknown {
            why: "the connection ended during the commit".into(),
        };
        for unknown in [
            Problem::from(unknown),
            Problem::after_asking(failed()),
            Problem::after_asking(StoreError::Busy),
        ] {
            assert_eq!(unknown.code(), Code::OutcomeUnknown);
            assert!(unknown.0.body.money_may_have_moved);
        }
    }

    #[test]
    fn codes_are_distinct_and_spelt_alike() {
        let mut wording: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        wording.sort_unstable();
        wording.dedup();
        assert_eq!(wording.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(code.next().ends_with('.'), "{code:?}");
        }
    }
}
