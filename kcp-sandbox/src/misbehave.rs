//! Carrying out a fault.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};

use crate::euc_kr;
use crate::fault::{CutAt, Fault, FaultKind};
use crate::gateway::{Decision, Exchange, json, respond};
use crate::payload::Payload;
use crate::reply::{Refusal, Reply};
use crate::server::{self, HungUp, Line};
use crate::world::{Book, World};

const JSON: &str = "application/json;charset=UTF-8";
const GARBAGE: &str = "<<%!\u{fffd}\u{0} 0000 {\"res_cd\":";
const BROKEN_PAGE: &str =
    "<html><head><title>500</title></head><body>Internal Server Error</body></html>";

/// Answers `exchange` as `fault` has it, after `latency`.
///
/// It runs on its own: once a request has arrived it is carried out even when the caller hangs up,
/// as at a real gateway.
pub(crate) async fn run(
    world: Arc<World>,
    exchange: Exchange,
    fault: Option<Fault>,
    line: Arc<Line>,
    latency: Duration,
) -> Result<Response<Payload>, HungUp> {
    let mut closing = world.closing.subscribe();
    let work = tokio::spawn(async move {
        tokio::select! {
            () = server::closed(&mut closing) => Err(HungUp),
            answer = carry_out(&world, exchange, fault, &line, latency) => answer,
        }
    });
    work.await.unwrap_or(Err(HungUp))
}

async fn carry_out(
    world: &World,
    mut exchange: Exchange,
    fault: Option<Fault>,
    line: &Line,
    latency: Duration,
) -> Result<Response<Payload>, HungUp> {
    let epoch = world.epoch();
    if latency > Duration::ZERO {
        tokio::time::sleep(latency).await;
    }
    let (mut answer_delay, mut books_delay) = (Duration::ZERO, Duration::ZERO);
    if let Some(FaultKind::LateAnswer {
        delay_ms,
        books_delay_ms,
    }) = fault.as_ref().map(|f| &f.kind)
    {
        books_delay = Duration::from_millis(*books_delay_ms);
        // There is no answer before the books know one.
        answer_delay = Duration::from_millis(*delay_ms).saturating_sub(books_delay);
    }
    world.clock.sleep(books_delay).await;
    if world.epoch() != epoch {
        // The sandbox was reset meanwhile: this request belongs to books that are gone.
        return Err(HungUp);
    }
    let reply = book(world, &mut exchange, fault.as_ref());
    let res_cd = reply.get("res_cd").to_owned();
    let name = fault.as_ref().map(|fault| fault.kind.name());
    let sent = match &fault {
        Some(fault) => disturb(&fault.kind, reply, &exchange),
        None => Sent::ok(reply.to_json()),
    };
    exchange.record(world, &res_cd, sent.text.clone(), name);
    world.clock.sleep(answer_delay).await;
    sent.send(line)
}

/// Changes the books as the fault has it, and gives the answer that would be right.
fn book(world: &World, exchange: &mut Exchange, fault: Option<&Fault>) -> Reply {
    let Some(fault) = fault else {
        return exchange.commit(world, Book::Yes);
    };
    let book = if fault.after_books {
        Book::Yes
    } else {
        Book::No
    };
    match (&fault.kind, &mut exchange.decision) {
        (FaultKind::Refuse { res_cd }, _) => {
            if fault.after_books {
                exchange.commit(world, Book::Yes);
            }
            let code = crate::codes::ResCd::parse(res_cd).unwrap_or(crate::codes::ResCd::FORMAT);
            let refusal = Refusal {
                code,
                detail: "fault".into(),
            };
            if !fault.after_books {
                exchange.decision = Decision::Refuse(refusal);
                return exchange.commit(world, Book::Yes);
            }
            Reply::refused(&refusal, String::new())
        }
        (FaultKind::ProcessTwice, _) => {
            exchange.commit(world, book);
            exchange.commit(world, book)
        }
        (
            FaultKind::WrongAmount {
                amount,
                books_too: true,
            },
            Decision::Approve { approval, .. },
        ) => {
            approval.amount = amount.unwrap_or(approval.amount + 1);
            exchange.commit(world, book)
        }
        _ => exchange.commit(world, book),
    }
}

/// What leaves, and how.
struct Sent {
    /// The body as it may be kept; nothing when none leaves.
    text: Option<String>,
    how: How,
}

enum How {
    Answer(Box<Response<Payload>>),
    /// The answer, and the same once more right behind it.
    Twice(Bytes),
    HangUp,
    Reset,
}

impl Sent {
    fn ok(text: String) -> Self {
        Self::with(text.clone(), json(StatusCode::OK, text))
    }

    fn with(text: String, response: Response<Payload>) -> Self {
        Self {
            text: Some(text),
            how: How::Answer(Box::new(response)),
        }
    }

    fn send(self, line: &Line) -> Result<Response<Payload>, HungUp> {
        match self.how {
            How::Answer(response) => Ok(*response),
            How::HangUp => Err(HungUp),
            How::Reset => {
                line.reset();
                Err(HungUp)
            }
            How::Twice(body) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                line.send_after_answer([head.as_bytes(), &body].concat().into());
                Ok(json(StatusCode::OK, body))
            }
        }
    }
}

/// Turns the right answer into the wrong one.
fn disturb(kind: &FaultKind, mut reply: Reply, exchange: &Exchange) -> Sent {
    let page = |status, text: &str| {
        let body = Payload::whole(text.to_owned());
        Sent::with(text.to_owned(), respond(status, "text/html", body))
    };
    let body = |text: String, body: Payload| Sent::with(text, respond(StatusCode::OK, JSON, body));
    match kind {
        FaultKind::LoseRequest | FaultKind::LoseAnswer => Sent {
            text: None,
            how: How::HangUp,
        },
        FaultKind::Reset => Sent {
            text: None,
            how: How::Reset,
        },
        FaultKind::CutBody { at } => {
            let text = reply.to_json();
            let at = cut_place(&text, *at);
            let shown = String::from_utf8_lossy(&text.as_bytes()[..at]).into_owned();
            body(shown, Payload::cut(&text.into(), at))
        }
        FaultKind::Garbage => body(GARBAGE.to_owned(), Payload::whole(GARBAGE)),
        FaultKind::WrongAmount { amount, books_too } => wrong_amount(reply, *amount, *books_too),
        FaultKind::NoTno => {
            reply.remove("tno");
            // Real answers repeat it under this name; a client must not find it there either.
            reply.remove("cert_no");
            Sent::ok(reply.to_json())
        }
        FaultKind::WrongTno => {
            let wrong = other_tno(reply.get("tno"));
            reply.replace("tno", &wrong);
            Sent::ok(reply.to_json())
        }
        FaultKind::OthersTno { tno } => {
            reply.replace("tno", tno);
            Sent::ok(reply.to_json())
        }
        FaultKind::DuplicateAnswer => {
            let text = reply.to_json();
            Sent {
                text: Some(text.clone()),
                how: How::Twice(text.into()),
            }
        }
        FaultKind::Http500 { status } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            page(status, BROKEN_PAGE)
        }
        FaultKind::SlowDrip { interval_ms } => {
            let text = reply.to_json();
            body(
                text.clone(),
                Payload::drip(text.into(), Duration::from_millis(*interval_ms)),
            )
        }
        FaultKind::DuplicateKeys => {
            let amount = reply
                .get("amount")
                .parse::<u64>()
                .map_or(0, |amount| amount + 1);
            let tno = other_tno(reply.get("tno"));
            reply.put("amount", amount.to_string());
            reply.put("tno", tno);
            Sent::ok(reply.to_json())
        }
        FaultKind::EucKr => {
            let text = reply.to_json();
            let bytes = euc_kr::encode(&text);
            body(text, Payload::whole(bytes))
        }
        // The first two bytes of a letter that takes three.
        FaultKind::CutLetter { field } => damaged(reply, field.as_deref(), &[0xec, 0xb2]),
        FaultKind::RawLineEnd { field } => damaged(reply, field.as_deref(), b"\r\n"),
        FaultKind::Bom => {
            let text = format!("\u{feff}{}", reply.to_json());
            body(text.clone(), Payload::whole(text))
        }
        FaultKind::Redirect => {
            let mut response = respond(
                StatusCode::TEMPORARY_REDIRECT,
                "text/html",
                Payload::whole(Bytes::new()),
            );
            let same = HeaderValue::from_static(exchange.operation.path());
            response.headers_mut().insert(header::LOCATION, same);
            Sent::with(String::new(), response)
        }
        FaultKind::EmptyBody => body(String::new(), Payload::whole(Bytes::new())),
        FaultKind::HugeBody { bytes } => {
            let text = reply.to_json();
            body(
                text.clone(),
                Payload::followed_by_spaces(text.into(), *bytes),
            )
        }
        FaultKind::LateAnswer { .. }
        | FaultKind::ProcessTwice
        | FaultKind::Refuse { .. }
        | FaultKind::Random { .. } => Sent::ok(reply.to_json()),
    }
}

/// The answer with another amount, unless the books have it too and the answer says it already.
fn wrong_amount(mut reply: Reply, amount: Option<u64>, books_too: bool) -> Sent {
    if !books_too && let Ok(right) = reply.get("amount").parse::<u64>() {
        let wrong = amount.unwrap_or(right + 1).to_string();
        reply.replace("amount", &wrong);
        reply.replace("card_mny", &wrong);
    }
    Sent::ok(reply.to_json())
}

/// The texts of an answer that are for people.
const TEXTS: [&str; 3] = ["res_msg", "card_name", "acqu_name"];

/// The answer with these bytes in place of the last Korean letter of a text, or behind one that has none.
fn damaged(mut reply: Reply, field: Option<&str>, bytes: &[u8]) -> Sent {
    // Of private use, so that no text holds it.
    const PLACE: char = '\u{e000}';
    let fields = field.map_or(TEXTS.to_vec(), |field| vec![field]);
    for field in fields {
        let text = reply.get(field);
        if text.is_empty() {
            continue;
        }
        let cut = text.rfind(|letter: char| !letter.is_ascii());
        let text = format!("{}{PLACE}", &text[..cut.unwrap_or(text.len())]);
        reply.replace(field, &text);
    }
    let text = reply.to_json();
    let parts: Vec<_> = text.split(PLACE).map(str::as_bytes).collect();
    let bytes = parts.join(bytes);
    let shown = String::from_utf8_lossy(&bytes).into_owned();
    let body = Payload::whole(bytes);
    Sent::with(shown, respond(StatusCode::OK, JSON, body))
}

/// A number of the right shape that belongs to no payment: no year and day start like this.
fn other_tno(tno: &str) -> String {
    format!("99999{}", tno.get(5..).unwrap_or("000000000"))
}

fn cut_place(text: &str, at: CutAt) -> usize {
    let value = text.find("\"tno\":\"").map(|at| at + "\"tno\":\"".len());
    match (at, value) {
        (CutAt::Byte(at), _) => at.min(text.len() - 1),
        (CutAt::BeforeTno, Some(value)) => value,
        (CutAt::AfterTno, Some(value)) => value + "12345678901234\"".len(),
        // A refusal has no tno; half of it is as good a place as any.
        (_, None) => text.len() / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_is_where_it_was_asked_for() {
        let text = r#"{"res_cd":"0000","tno":"26328100000001","app_no":"1"}"#;
        assert_eq!(
            &text[..cut_place(text, CutAt::BeforeTno)],
            r#"{"res_cd":"0000","tno":""#
        );
        assert_eq!(
            &text[..cut_place(text, CutAt::AfterTno)],
            r#"{"res_cd":"0000","tno":"26328100000001""#
        );
        assert_eq!(cut_place(text, CutAt::Byte(3)), 3);
        assert_eq!(cut_place(text, CutAt::Byte(10_000)), text.len() - 1);
        assert_eq!(cut_place(r#"{"res_cd":"8107"}"#, CutAt::AfterTno), 8);
    }
}
