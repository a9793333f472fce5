//! KCP's side of the wire: from an HTTP request to a decision, the books, and an answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cancel::CancelOrder;
use crate::codes::ResCd;
use crate::fault::{Fault, Keys};
use crate::fields::{self, Fields};
use crate::inquire::Lookup;
use crate::ledger::Approval;
use crate::lint::{Finding, LintKind};
use crate::message::{self, Kept};
use crate::misbehave;
use crate::payload::Payload;
use crate::reply::{Refusal, Reply};
use crate::server::{HungUp, Line};
use crate::settings::Settings;
use crate::world::{Book, World};
use crate::{approve, cancel, cards, clock, fault_text, inquire, shop, wire};

/// No request of this protocol comes near this size.
const MAX_BODY_BYTES: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_mins(1);
const FAULT_HEADER: &str = "x-sandbox-fault";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `/gw/hub/v1/payment`
    Approve,
    /// `/gw/mod/v1/cancel`
    Cancel,
    /// `/std/inquery`
    Inquire,
}

impl Operation {
    /// The path under which KCP serves it.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Approve => "/gw/hub/v1/payment",
            Self::Cancel => "/gw/mod/v1/cancel",
            Self::Inquire => "/std/inquery",
        }
    }

    fn at(path: &str) -> Option<Self> {
        [Self::Approve, Self::Cancel, Self::Inquire]
            .into_iter()
            .find(|op| op.path() == path)
    }
}

/// What a request comes to, before the books are touched. Holds nothing secret.
#[derive(Clone)]
pub(crate) enum Decision {
    Approve {
        approval: Approval,
        /// A code to answer with although the payment is booked.
        answered_with: Option<ResCd>,
    },
    Cancel(CancelOrder),
    Inquire(Lookup),
    /// Refused without a look at the books. Which operation it was, the exchange knows.
    Refuse(Refusal),
}

/// One request from here on: decided, with everything secret left behind.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) operation: Operation,
    pub(crate) decision: Decision,
    pub(crate) order: Arc<str>,
    pub(crate) seen: Timestamp,
    /// The request as it may be kept.
    masked: String,
}

impl Exchange {
    /// Carries out the decision.
    pub(crate) fn commit(&self, world: &World, book: Book) -> Reply {
        world.commit(self.operation, &self.decision, &self.order, book)
    }

    /// Keeps the message. `sent` is the body that leaves, if one does.
    pub(crate) fn record(
        &self,
        world: &World,
        res_cd: &str,
        sent: Option<String>,
        fault: Option<&'static str>,
    ) {
        tracing::debug!(operation = ?self.operation, order = %self.order, res_cd, fault, "answered");
        world.messages.record(Kept {
            at: self.seen,
            operation: self.operation,
            request: self.masked.clone(),
            reply: sent,
            res_cd: res_cd.to_owned(),
            fault,
        });
    }
}

/// Serves one request. The answer's `Date` is this sandbox's time, which its clock may have moved.
pub(crate) async fn serve(
    world: Arc<World>,
    request: Request<Incoming>,
    line: Arc<Line>,
) -> Result<Response<Payload>, HungUp> {
    let mut response = answer(Arc::clone(&world), request, line).await?;
    if let Ok(date) = HeaderValue::from_str(&clock::http_date(world.clock.now())) {
        response.headers_mut().insert(header::DATE, date);
    }
    Ok(response)
}

async fn answer(
    world: Arc<World>,
    request: Request<Incoming>,
    line: Arc<Line>,
) -> Result<Response<Payload>, HungUp> {
    let Some(operation) = Operation::at(request.uri().path()) else {
        world.lints.record(
            &[Finding::new(LintKind::WrongPath)],
            None,
            world.clock.now(),
        );
        return Ok(not_here());
    };
    if request.method() != Method::POST {
        world.lints.record(
            &[Finding::new(LintKind::WrongMethod)],
            None,
            world.clock.now(),
        );
        let mut response = json(
            StatusCode::METHOD_NOT_ALLOWED,
            "{\"res_cd\":\"0902\",\"res_msg\":\"POST only\"}",
        );
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        return Ok(response);
    }
    let fault = match request.headers().get(FAULT_HEADER) {
        None => None,
        Some(text) => match fault_text::from_header(text.to_str().unwrap_or_default(), operation) {
            Ok(fault) => Some(fault),
            Err(error) => {
                let text = serde_json::json!({ "error": error }).to_string();
                return Ok(json(StatusCode::BAD_REQUEST, text));
            }
        },
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = tokio::time::timeout(BODY_TIMEOUT, read(body)).await else {
        return Err(HungUp);
    };
    let Some(body) = body? else {
        world.lints.record(
            &[Finding::new(LintKind::BodyTooLarge)],
            None,
            world.clock.now(),
        );
        let text = "{\"res_cd\":\"0902\",\"res_msg\":\"body over 64 KiB\"}";
        let mut response = json(StatusCode::PAYLOAD_TOO_LARGE, text);
        // The rest of the body is not read, so the connection cannot go on.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Ok(response);
    };
    let settings = world.settings();
    let (exchange, armed) = decide(&world, operation, &parts.headers, &body, &settings);
    drop(body);
    let fault = fault.or(armed);
    if fault.is_none() && settings.latency_ms == 0 {
        return Ok(plain(&world, &exchange));
    }
    misbehave::run(
        world,
        exchange,
        fault,
        line,
        Duration::from_millis(settings.latency_ms),
    )
    .await
}

/// The answer when nothing goes wrong.
fn plain(world: &World, exchange: &Exchange) -> Response<Payload> {
    let reply = exchange.commit(world, Book::Yes);
    let text = reply.to_json();
    exchange.record(world, reply.get("res_cd"), Some(text.clone()), None);
    json(StatusCode::OK, text)
}

/// Reads the body, or nothing when it is larger than the limit.
async fn read(mut body: Incoming) -> Result<Option<Zeroizing<Vec<u8>>>, HungUp> {
    let mut all = Zeroizing::new(Vec::with_capacity(4_096));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| HungUp)?.into_data() else {
            continue;
        };
        if all.len() + data.len() > MAX_BODY_BYTES {
            return Ok(None);
        }
        if all.len() + data.len() > all.capacity() {
            // Growing in place could leave a copy behind; this one is wiped.
            let mut larger = Zeroizing::new(Vec::with_capacity(MAX_BODY_BYTES));
            larger.extend_from_slice(&all);
            all = larger;
        }
        all.extend_from_slice(&data);
    }
    Ok(Some(all))
}

/// Reads and judges a request, and takes the armed fault that waits for it.
fn decide(
    world: &World,
    operation: Operation,
    headers: &header::HeaderMap,
    body: &[u8],
    settings: &Settings,
) -> (Exchange, Option<Fault>) {
    let now = world.clock.now();
    let mut findings = Vec::new();
    look_at_headers(headers, body, &mut findings);
    let text = fields::text_of(body, &mut findings);
    let fields = match wire::read(text.as_str(), &mut findings) {
        Ok(fields) => fields,
        Err(error) => {
            if findings
                .last()
                .is_none_or(|finding| finding.kind != LintKind::NestedValue)
            {
                let place = format!("byte {}: {}", error.at, error.what);
                findings.push(Finding::new(LintKind::BrokenJson).detail(place));
            }
            world.lints.record(&findings, None, now);
            let refusal = Refusal::new("0902", format!("byte {}: {}", error.at, error.what));
            let exchange = Exchange {
                operation,
                decision: Decision::Refuse(refusal),
                order: "".into(),
                seen: now,
                masked: format!("\"(not JSON: {} bytes)\"", body.len()),
            };
            let fault = take_fault(world, operation, "", "");
            return (exchange, fault);
        }
    };
    let request = shop::Request {
        fields: &fields,
        findings: &mut findings,
        settings,
        shops: &world.shops,
        now,
    };
    let judged = match operation {
        Operation::Approve => approve::judge(request),
        Operation::Cancel => cancel::judge(request),
        Operation::Inquire => inquire::judge(request),
    };
    let strict = findings
        .iter()
        .find_map(|finding| Some((finding.strict_code()?, finding.kind)));
    let decision = match (strict.filter(|_| settings.strict), judged) {
        (Some((code, kind)), _) => Decision::Refuse(Refusal {
            code,
            detail: format!("strict: {}", kind.code()).into(),
        }),
        (None, Ok(decision)) => decision,
        (None, Err(refusal)) => Decision::Refuse(refusal),
    };
    let (order, tno) = names(&fields);
    let request_name = if order.is_empty() { tno } else { order };
    world.lints.record(
        &findings,
        Some(request_name).filter(|name| !name.is_empty()),
        now,
    );
    let card = cards::find(fields.get("card_no"));
    let masked_card = card.map_or_else(String::new, |card| card.masked.with('*'));
    let exchange = Exchange {
        operation,
        decision,
        order: order.into(),
        seen: now,
        masked: message::masked(&fields, &masked_card),
    };
    let fault = take_fault(world, operation, order, tno);
    (exchange, fault)
}

/// Order number and `tno`, as far as they may be kept and shown.
fn names<'f>(fields: &'f Fields<'_>) -> (&'f str, &'f str) {
    let name = |field| {
        let value: &str = fields.get(field);
        let card = message::repeats_card(value, fields.get("card_no"));
        if card || value.chars().count() > 40 {
            ""
        } else {
            value
        }
    };
    let order = match name("ordr_idxx") {
        "" => name("mod_ordr_idxx"),
        order => order,
    };
    (order, name("tno"))
}

fn take_fault(world: &World, operation: Operation, order: &str, tno: &str) -> Option<Fault> {
    if world.faults.is_empty() {
        return None;
    }
    // A cancel or an inquiry names a tno; the books know the order behind it.
    let known = tno
        .parse()
        .ok()
        .and_then(|tno| world.ledger().order_of(tno));
    let order = known
        .as_deref()
        .filter(|_| order.is_empty())
        .unwrap_or(order);
    world.faults.take(operation, &Keys { order, tno })
}

fn look_at_headers(headers: &header::HeaderMap, body: &[u8], findings: &mut Vec<Finding>) {
    if headers.contains_key("charset") {
        findings.push(Finding::new(LintKind::StrayCharsetHeader));
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let (kind, rest) = content_type
        .unwrap_or_default()
        .split_once(';')
        .unwrap_or((content_type.unwrap_or_default(), ""));
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        findings.push(Finding::new(LintKind::WrongContentType));
    } else if !rest.to_ascii_lowercase().contains("charset") && !body.is_ascii() {
        findings.push(Finding::new(LintKind::MissingCharset));
    }
}

/// An answer as KCP sends it.
pub(crate) fn json(status: StatusCode, text: impl Into<Bytes>) -> Response<Payload> {
    respond(
        status,
        "application/json;charset=UTF-8",
        Payload::whole(text),
    )
}

pub(crate) fn respond(status: StatusCode, kind: &'static str, body: Payload) -> Response<Payload> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn not_here() -> Response<Payload> {
    let text = serde_json::json!({
        "res_cd": "0902",
        "res_msg": "no such address here",
        "addresses": [
            Operation::Approve.path(), Operation::Cancel.path(), Operation::Inquire.path(),
        ],
    });
    json(StatusCode::NOT_FOUND, text.to_string())
}
