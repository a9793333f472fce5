//! The last messages, as they may be kept: no card data but a masked number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::clock;
use crate::fields::Fields;
use crate::gateway::Operation;
use crate::reply::push_string;

/// So many messages are kept; the oldest give way.
pub(crate) const MAX_MESSAGES: usize = 1_000;
/// No more of an answer is kept than this.
const MAX_REPLY_BYTES: usize = 4_096;

/// One request and what was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Message {
    /// When the request was read (RFC 3339, Korean time).
    pub at: String,
    /// What was asked for.
    pub operation: Operation,
    /// The request's fields. The card number is masked; expiry, birth date or business number,
    /// password, certificate and signature are replaced by a remark.
    pub request: Value,
    /// The answer: its fields, or its text when it was not JSON; null when nothing was sent.
    pub reply: Value,
    /// The result code that was decided, even if a fault kept it from being sent.
    pub res_cd: String,
    /// The fault that happened, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A message as it is kept: texts that were masked before they came here.
pub(crate) struct Kept {
    pub(crate) at: Timestamp,
    pub(crate) operation: Operation,
    pub(crate) request: String,
    pub(crate) reply: Option<String>,
    pub(crate) res_cd: String,
    pub(crate) fault: Option<&'static str>,
}

#[derive(Default)]
pub(crate) struct Messages {
    ring: Mutex<VecDeque<Arc<Kept>>>,
}

impl Messages {
    pub(crate) fn record(&self, mut kept: Kept) {
        if let Some(reply) = &mut kept.reply
            && reply.len() > MAX_REPLY_BYTES
        {
            let end = (0..=MAX_REPLY_BYTES)
                .rev()
                .find(|at| reply.is_char_boundary(*at));
            reply.truncate(end.unwrap_or(0));
        }
        let kept = Arc::new(kept);
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        // The oldest is dropped after the lock is open again.
        let _oldest = if ring.len() >= MAX_MESSAGES {
            ring.pop_front()
        } else {
            None
        };
        ring.push_back(kept);
        drop(ring);
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<Message> {
        let kept: Vec<_> = self
            .ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect();
        kept.iter().map(|kept| kept.view()).collect()
    }

    pub(crate) fn clear(&self) {
        self.ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Kept {
    fn view(&self) -> Message {
        let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.into());
        Message {
            at: clock::rfc3339(self.at),
            operation: self.operation,
            request: value(&self.request),
            reply: self.reply.as_deref().map_or(Value::Null, value),
            res_cd: self.res_cd.clone(),
            fault: self.fault.map(str::to_owned),
        }
    }
}

/// The request as JSON with everything taken out that must not be kept. `masked_card` stands for
/// the card number, and is empty when it is not one of a test card.
pub(crate) fn masked(fields: &Fields<'_>, masked_card: &str) -> String {
    let card_no = fields.get("card_no");
    let mut text = String::with_capacity(512);
    text.push('{');
    for (name, value) in fields.iter() {
        if text.len() > 1 {
            text.push(',');
        }
        push_string(&mut text, name);
        text.push(':');
        match name {
            "card_no" if !masked_card.is_empty() => push_string(&mut text, masked_card),
            "card_no" => push_string(&mut text, "(not kept: no test card)"),
            "card_expiry" | "card_taxno" | "card_pwd" | "card_cvn" => {
                push_string(&mut text, "(not kept)");
            }
            "kcp_cert_info" => {
                push_string(
                    &mut text,
                    &format!("(certificate, {} characters)", value.chars().count()),
                );
            }
            "kcp_sign_data" => {
                push_string(
                    &mut text,
                    &format!("(signature, {} characters)", value.chars().count()),
                );
            }
            _ if hides_card(name, value, card_no) => {
                push_string(&mut text, "(not kept: card digits)");
            }
            // An unknown name may be any part of the card form under another name.
            _ if !crate::fields::is_known(name) => push_string(&mut text, "(not kept)"),
            _ => {
                let end = value
                    .char_indices()
                    .nth(200)
                    .map_or(value.len(), |(at, _)| at);
                push_string(&mut text, &value[..end]);
            }
        }
    }
    text.push('}');
    text
}

/// Whether `value` repeats the request's card number, however it is spaced.
pub(crate) fn repeats_card(value: &str, card_no: &str) -> bool {
    let card = Zeroizing::new(digits(card_no));
    card.len() >= 12 && Zeroizing::new(digits(value)).contains(card.as_str())
}

/// Whether a text field repeats the card number or holds a number that passes the card check digit.
/// Numbers that are long by nature (`tno`, order numbers) are compared with the card alone.
fn hides_card(name: &str, value: &str, card_no: &str) -> bool {
    // Nearly every value has too few digits to hide anything.
    if value.bytes().filter(u8::is_ascii_digit).count() < 12 {
        return false;
    }
    let long_by_nature = matches!(name, "tno" | "ordr_idxx" | "mod_ordr_idxx");
    repeats_card(value, card_no) || (!long_by_nature && passes_luhn(&Zeroizing::new(digits(value))))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            if at % 2 == 0 {
                digit
            } else {
                digit * 2 / 10 + digit * 2 % 10
            }
        })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_card_survives_but_its_mask() {
        let body = r#"{"card_no":"4111111111111111","card_expiry":"3012","card_taxno":"951010",
            "card_pwd":"07","good_name":"4111-1111-1111-1111","ordr_idxx":"A-1",
            "kcp_cert_info":"abc","cardno":"31","buyr_tel2":"4242 4242 4242 4242"}"#;
        let fields = crate::wire::read(body, &mut Vec::new()).unwrap();
        let text = masked(&fields, "411111******1111");
        for secret in [
            "4111111111111111",
            "3012",
            "951010",
            "\"07\"",
            "4111-1111",
            "4242",
            "31\"",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["card_no"], "411111******1111");
        assert_eq!(value["ordr_idxx"], "A-1");
        assert_eq!(value["kcp_cert_info"], "(certificate, 3 characters)");
    }

    #[test]
    fn the_ring_keeps_the_last() {
        let messages = Messages::default();
        for n in 0..MAX_MESSAGES + 5 {
            messages.record(Kept {
                at: Timestamp::UNIX_EPOCH,
                operation: Operation::Approve,
                request: format!("{{\"n\":{n}}}"),
                reply: Some("x".repeat(10_000)),
                res_cd: "0000".to_owned(),
                fault: None,
            });
        }
        let list = messages.list();
        assert_eq!(list.len(), MAX_MESSAGES);
        assert_eq!(list[0].request["n"], 5);
        assert_eq!(list[0].reply.as_str().unwrap().len(), MAX_REPLY_BYTES);
    }
}
