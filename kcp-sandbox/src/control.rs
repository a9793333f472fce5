//! The control port: the truth, and the levers, as JSON. `GET /` is the same for people.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::compare::{self, LedgerEntry};
use crate::gateway::respond;
use crate::payload::Payload;
use crate::query::Query;
use crate::server::HungUp;
use crate::world::World;
use crate::{Error, cards, clock, fault_text, fidelity, page};

const MAX_BODY_BYTES: usize = 64 * 1024;
/// A ledger to compare may be a month of payments.
const MAX_LEDGER_BYTES: usize = 32 * 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// Payments in one answer of `GET /books`.
const MAX_BOOKS_PAGE: usize = 100_000;

/// Every path with the methods it knows.
const PATHS: &[(&str, &[Method])] = &[
    ("/", &[Method::GET]),
    ("/healthz", &[Method::GET]),
    ("/books", &[Method::GET]),
    ("/compare", &[Method::POST]),
    ("/faults", &[Method::GET, Method::POST, Method::DELETE]),
    ("/messages", &[Method::GET, Method::DELETE]),
    ("/lints", &[Method::GET, Method::DELETE]),
    ("/clock", &[Method::GET, Method::POST]),
    ("/settings", &[Method::GET, Method::POST]),
    ("/reset", &[Method::POST]),
    ("/snapshot", &[Method::POST]),
    ("/restore", &[Method::POST]),
    ("/cards", &[Method::GET]),
    ("/fidelity", &[Method::GET]),
];

type Answer = Result<Response<Payload>, (StatusCode, Error)>;

pub(crate) async fn serve(
    world: Arc<World>,
    request: Request<Incoming>,
) -> Result<Response<Payload>, HungUp> {
    let head_only = request.method() == Method::HEAD;
    let answered = answer(&world, request).await;
    let mut response = answered.unwrap_or_else(|(status, error)| {
        let mut response = as_json(status, &json!({ "error": error }));
        // What is left of a refused body is not read.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    });
    if head_only {
        *response.body_mut() = Payload::whole("");
    }
    Ok(response)
}

async fn answer(world: &World, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let Some((_, methods)) = PATHS.iter().find(|(known, _)| *known == path) else {
        let paths: Vec<_> = PATHS.iter().map(|(path, _)| *path).collect();
        let error = Error::new(
            "path",
            "is not served here",
            format!("there are {}", paths.join(" ")),
        );
        return Err((StatusCode::NOT_FOUND, error));
    };
    let method = match request.method() {
        &Method::HEAD => Method::GET,
        method => method.clone(),
    };
    if !methods.contains(&method) {
        let names: Vec<_> = methods.iter().map(Method::as_str).collect();
        let error = Error::new(
            "method",
            "is not known to this path",
            format!("use {}", names.join(" or ")),
        );
        return Err((StatusCode::METHOD_NOT_ALLOWED, error));
    }
    if method != Method::GET {
        same_origin(request.headers())?;
    }
    let host = host(request.headers()).to_owned();
    let query = Query::of(request.uri());
    let limit = if path == "/compare" {
        MAX_LEDGER_BYTES
    } else {
        MAX_BODY_BYTES
    };
    let body = if method == Method::POST {
        read(request, limit).await?
    } else {
        Value::Null
    };
    match (method, path.as_str()) {
        (Method::GET, "/") => Ok(page(world, &host)),
        (Method::GET, "/healthz") => Ok(ok(&json!({ "ok": true }))),
        (Method::GET, "/books") => books(world, &query).map_err(bad),
        (Method::POST, "/compare") => compare(world, body).map_err(bad),
        (Method::GET, "/faults") => Ok(ok(&json!({ "faults": world.faults.list() }))),
        (Method::POST, "/faults") => arm(world, &body).map_err(bad),
        (Method::DELETE, "/faults") => {
            world.faults.set(Vec::new());
            Ok(ok(&json!({ "faults": [] })))
        }
        (Method::GET, "/messages") => Ok(ok(&json!({ "messages": world.messages.list() }))),
        (Method::DELETE, "/messages") => {
            world.messages.clear();
            Ok(ok(&json!({ "messages": [] })))
        }
        (Method::GET, "/lints") => Ok(ok(&json!({ "lints": world.lints.list() }))),
        (Method::DELETE, "/lints") => {
            world.lints.clear();
            Ok(ok(&json!({ "lints": [] })))
        }
        (Method::GET, "/clock") => Ok(ok(&time(world))),
        (Method::POST, "/clock") => set_clock(world, &body).map_err(bad),
        (Method::GET, "/settings") => Ok(ok(&*world.settings())),
        (Method::POST, "/settings") => {
            let settings = world.settings().patched(&body).map_err(bad)?;
            world.set_settings(settings);
            Ok(ok(&*world.settings()))
        }
        (Method::POST, "/reset") => {
            world.reset();
            Ok(ok(&json!({ "reset": true })))
        }
        (Method::POST, "/snapshot") => snapshot(world, &body).map_err(bad),
        (Method::POST, "/restore") => restore(world, &body).map_err(bad),
        (_, "/cards") => Ok(ok(
            &json!({ "scheme": cards::SCHEME, "cards": cards::cards() }),
        )),
        _ => Ok(ok(&json!({ "behaviours": fidelity::fidelity() }))),
    }
}

fn ok(value: &impl Serialize) -> Response<Payload> {
    as_json(StatusCode::OK, value)
}

fn bad(error: Error) -> (StatusCode, Error) {
    (StatusCode::BAD_REQUEST, error)
}

fn as_json(status: StatusCode, value: &impl Serialize) -> Response<Payload> {
    // Our own types: strings, numbers and lists of them always have a JSON form.
    let mut text =
        serde_json::to_string_pretty(value).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"));
    text.push('\n');
    respond(status, "application/json", Payload::whole(text))
}

/// The address by which this port was called.
fn host(headers: &HeaderMap) -> &str {
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
}

/// A page of another site must not arm faults here through a developer's browser.
fn same_origin(headers: &HeaderMap) -> Result<(), (StatusCode, Error)> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let host = host(headers);
    let same = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, o)| o == host);
    if same {
        return Ok(());
    }
    let error = Error::new(
        "Origin",
        "is another site",
        "call the control port from its own page or a program",
    );
    Err((StatusCode::FORBIDDEN, error))
}

/// The JSON body of a POST; an empty one is an empty object.
async fn read(request: Request<Incoming>, limit: usize) -> Result<Value, (StatusCode, Error)> {
    let reading = Limited::new(request.into_body(), limit).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            let rule = format!("is larger than {limit} bytes, or ended early");
            return Err((
                StatusCode::PAYLOAD_TOO_LARGE,
                Error::new("body", rule, "send less"),
            ));
        }
        Err(_) => {
            let error = Error::new("body", "took more than 60 seconds", "send it at once");
            return Err((StatusCode::REQUEST_TIMEOUT, error));
        }
    };
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    serde_json::from_slice(&body).map_err(|e| {
        bad(Error::new(
            "body",
            format!("is not JSON: {e}"),
            "send one JSON object",
        ))
    })
}

fn books(world: &World, query: &Query) -> Result<Response<Payload>, Error> {
    query.only(&["ordr_idxx", "offset", "limit"])?;
    if let Some(order) = query.get("ordr_idxx") {
        return Ok(ok(&world.ledger().books(Some(order))));
    }
    let offset = query.number("offset")?.unwrap_or(0);
    let limit = query
        .number("limit")?
        .unwrap_or(MAX_BOOKS_PAGE)
        .min(MAX_BOOKS_PAGE);
    let (transactions, total, (declined, declined_dropped)) = {
        let ledger = world.ledger();
        (
            ledger.page(offset, limit),
            ledger.len(),
            ledger.last_declined(1_000),
        )
    };
    let next = offset + transactions.len();
    let mut books = json!({
        "transactions": transactions,
        "total": total,
        "declined": declined,
        "declined_dropped": declined_dropped,
    });
    if next < total && limit > 0 {
        books["next_offset"] = next.into();
    }
    Ok(ok(&books))
}

fn compare(world: &World, mut body: Value) -> Result<Response<Payload>, Error> {
    const REMEDY: &str = "send {\"transactions\": [{\"tno\", \"ordr_idxx\"?, \"amount\", \"cancelled\"?, \"state\"?}]}";
    let list = body.get_mut("transactions").map(Value::take);
    let list = list.ok_or_else(|| Error::new("transactions", "is missing", REMEDY))?;
    let ledger: Vec<LedgerEntry> = serde_json::from_value(list)
        .map_err(|e| Error::new("transactions", e.to_string(), REMEDY))?;
    let books = world.ledger().books(None);
    Ok(ok(&compare::compare(&books, &ledger)))
}

fn arm(world: &World, body: &Value) -> Result<Response<Payload>, Error> {
    let fault = fault_text::from_json(body)?;
    world.faults.arm(fault.clone())?;
    Ok(ok(
        &json!({ "armed": fault, "faults": world.faults.list() }),
    ))
}

fn time(world: &World) -> Value {
    json!({ "now": clock::rfc3339(world.clock.now()), "offset_ms": world.clock.offset_ms() })
}

fn set_clock(world: &World, body: &Value) -> Result<Response<Payload>, Error> {
    const REMEDY: &str =
        "send {\"advance_s\": 60}, {\"set\": \"2026-11-24T09:00:00+09:00\"} or {\"reset\": true}";
    let body = body.as_object().filter(|body| body.len() == 1);
    let Some((name, value)) = body.and_then(|body| body.iter().next()) else {
        return Err(Error::new(
            "body",
            "must hold one of advance_s, set and reset",
            REMEDY,
        ));
    };
    match name.as_str() {
        "advance_s" => {
            let seconds = value.as_f64().filter(|s| (0.0..=315_360_000.0).contains(s));
            let rule = "must be 0 to 315360000 seconds (ten years)";
            let seconds = seconds.ok_or_else(|| Error::new(name, rule, REMEDY))?;
            world.clock.advance(Duration::from_secs_f64(seconds));
        }
        "set" => {
            let to = value.as_str().and_then(|text| text.parse().ok());
            let rule = "must be a time as in RFC 3339";
            world
                .clock
                .set(to.ok_or_else(|| Error::new(name, rule, REMEDY))?);
        }
        "reset" if value == true => world.clock.reset(),
        _ => {
            return Err(Error::new(
                name,
                "is none of advance_s, set and reset",
                REMEDY,
            ));
        }
    }
    Ok(ok(&time(world)))
}

/// The one text field `name` of a body that may hold nothing else.
fn one_text(body: &Value, name: &str) -> Result<Option<String>, Error> {
    let remedy = format!("send {{\"{name}\": \"before-test\"}}");
    let Some(map) = body.as_object() else {
        return Err(Error::new("body", "must be one JSON object", remedy));
    };
    if let Some(other) = map.keys().find(|key| *key != name) {
        return Err(Error::new(other, "is no field of this call", remedy));
    }
    let Some(value) = map.get(name) else {
        return Ok(None);
    };
    let text = value.as_str().filter(|text| (1..=64).contains(&text.len()));
    let text = text.ok_or_else(|| Error::new(name, "must be a text of 1 to 64 bytes", remedy))?;
    Ok(Some(text.to_owned()))
}

fn snapshot(world: &World, body: &Value) -> Result<Response<Payload>, Error> {
    let name = world.save(one_text(body, "name")?)?;
    Ok(ok(&json!({ "snapshot": name })))
}

fn restore(world: &World, body: &Value) -> Result<Response<Payload>, Error> {
    let missing = || {
        Error::new(
            "snapshot",
            "is missing",
            "send the name that POST /snapshot gave",
        )
    };
    let name = one_text(body, "snapshot")?.ok_or_else(missing)?;
    world.restore_named(&name)?;
    Ok(ok(&json!({ "restored": name })))
}

fn page(world: &World, host: &str) -> Response<Payload> {
    let mut response = respond(
        StatusCode::OK,
        "text/html; charset=utf-8",
        Payload::whole(page::render(world, host)),
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    response
}
