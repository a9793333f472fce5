//! `Idempotency-Key`: asking twice does once.
//!
//! For payments and cancellations the ledger remembers keys as long as the payment. For resolutions
//! this process remembers them, see [`Notes`].

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{extract::FromRequestParts, response::Response};
use http::{HeaderName, HeaderValue, request::Parts};
use sha2::{Digest, Sha256};
use sugi_core::{Actor, PaymentId};

use crate::{
    problem::{Code, Problem},
    text::holds_card_number,
};

/// The caller's key: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IdempotencyKey(pub(crate) String);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let bad = |detail: &str| {
            let rule = "must be 1 to 255 visible ASCII characters, given once";
            Problem::new(Code::BadHeader, detail)
                .field("Idempotency-Key")
                .rule(rule)
        };
        let mut given = parts.headers.get_all("idempotency-key").iter();
        let Some(key) = given.next() else {
            let detail = "every POST carries an Idempotency-Key";
            return Err(Problem::new(Code::KeyMissing, detail).field("Idempotency-Key"));
        };
        if given.next().is_some() {
            return Err(bad("Idempotency-Key is there more than once"));
        }
        let key = key.as_bytes();
        if !(1..=255).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            return Err(bad(
                "Idempotency-Key is not 1 to 255 visible ASCII characters",
            ));
        }
        let key = String::from_utf8_lossy(key).into_owned();
        // It is stored: see there.
        if holds_card_number(&key, true) {
            return Err(bad("Idempotency-Key looks like a card number"));
        }
        Ok(Self(key))
    }
}

/// Marks an answer that was given before.
pub(crate) fn replayed(mut response: Response) -> Response {
    let name = HeaderName::from_static("idempotency-replayed");
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static("true"));
    response
}

/// What this process remembers of keys that the ledger does not keep: those of resolutions. Bounded:
/// past [`Notes::MOST`] the oldest are forgotten. They do not outlive the process; a resolution that
/// is asked for again after a restart finds the payment not in doubt any more, or confirms it again.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    notes: HashMap<NoteKey, Note>,
    oldest_first: VecDeque<NoteKey>,
}

type NoteKey = (Actor, IdempotencyKey);

#[derive(Debug, Clone)]
struct Note {
    request: [u8; 32],
    /// Whether it was carried out.
    done: bool,
}

/// The right to carry out a request, which nobody else has meanwhile. Dropped without
/// [`done`](Self::done), the key is free again: nothing happened.
#[derive(Debug)]
pub(crate) struct Turn {
    notes: Arc<Notes>,
    key: Option<NoteKey>,
}

/// What a key means for a request.
#[derive(Debug)]
pub(crate) enum Noted {
    /// It is new.
    First(Turn),
    /// It was carried out before.
    Again,
}

impl Notes {
    /// The most keys that are remembered.
    pub(crate) const MOST: usize = 100_000;

    /// Takes the key for a request on a payment.
    pub(crate) fn take(
        self: &Arc<Self>,
        who: &Actor,
        key: IdempotencyKey,
        payment: &PaymentId,
        request: &str,
    ) -> Result<Noted, Problem> {
        let request: [u8; 32] = Sha256::digest(format!("{payment}\n{request}")).into();
        let key = (who.clone(), key);
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match book.notes.get(&key) {
            Some(note) if note.request != request => {
                let detail = "this Idempotency-Key was used for another request";
                Err(Problem::new(Code::KeyReused, detail).field("Idempotency-Key"))
            }
            Some(Note { done: true, .. }) => Ok(Noted::Again),
            Some(Note { done: false, .. }) => {
                let detail = "the first request with this Idempotency-Key has not ended";
                Err(Problem::new(Code::StillRunning, detail)
                    .payment(payment)
                    .retry_after(1))
            }
            None => {
                if book.oldest_first.len() >= Self::MOST
                    && let Some(oldest) = book.oldest_first.pop_front()
                {
                    book.notes.remove(&oldest);
                }
                book.notes.insert(
                    key.clone(),
                    Note {
                        request,
                        done: false,
                    },
                );
                book.oldest_first.push_back(key.clone());
                Ok(Noted::First(Turn {
                    notes: Arc::clone(self),
                    key: Some(key),
                }))
            }
        }
    }
}

impl Turn {
    /// Remembers that it was carried out.
    pub(crate) fn done(mut self) {
        let mut book = self.notes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(note) = self.key.take().and_then(|key| book.notes.get_mut(&key)) {
            note.done = true;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut book = self.notes.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.notes.remove(&key);
        // It is nearly always the newest.
        if let Some(at) = book.oldest_first.iter().rposition(|other| *other == key) {
            book.oldest_first.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(notes: &Arc<Notes>, key: &str, request: &str) -> Result<Noted, Problem> {
        let payment = "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b".parse().unwrap();
        notes.take(
            &"kim".parse().unwrap(),
            IdempotencyKey(key.into()),
            &payment,
            request,
        )
    }

    #[test]
    fn a_key_has_one_turn_until_it_is_given_back() {
        let notes = Arc::new(Notes::default());
        let Ok(Noted::First(turn)) = take(&notes, "k", "a") else {
            panic!()
        };
        assert_eq!(
            take(&notes, "k", "a").unwrap_err().code(),
            Code::StillRunning
        );
        assert_eq!(take(&notes, "k", "b").unwrap_err().code(), Code::KeyReused);
        drop(turn);
        let Ok(Noted::First(turn)) = take(&notes, "k", "b") else {
            panic!()
        };
        turn.done();
        assert!(matches!(take(&notes, "k", "b"), Ok(Noted::Again)));
        assert_eq!(take(&notes, "k", "a").unwrap_err().code(), Code::KeyReused);
    }

    #[test]
    fn memory_is_bounded() {
        let notes = Arc::new(Notes::default());
        for n in 0..Notes::MOST + 10 {
            let Ok(Noted::First(turn)) = take(&notes, &n.to_string(), "a") else {
                panic!()
            };
            turn.done();
        }
        let book = notes.0.lock().unwrap();
        assert_eq!(
            (book.notes.len(), book.oldest_first.len()),
            (Notes::MOST, Notes::MOST)
        );
    }
}
