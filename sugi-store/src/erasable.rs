//! What a row of the journal keeps aside: who bought. It is the one thing in a journal that can be taken
//! away again, because a buyer's name, address and phone may not be kept for ever and a proof should be.
//!
//! The row's hash covers what stands aside by its SHA-256. Taken away, it leaves that digest in its
//! place, and the chain is as whole as before. Salt stands beside the buyer and goes with them: a phone
//! number alone could be found by trying them all.

use std::fmt::Write as _;

use nhn_kcp::Buyer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sugi_core::Event;

use crate::chain::Hash;

/// What begins the text of an aside that was taken away.
const GONE: &str = "sha256:";

/// Chance that goes with a payment's buyer.
pub type Salt = [u8; 16];

/// A buyer as they are kept aside.
#[derive(Serialize, Deserialize)]
struct Kept {
    salt: String,
    buyer: Buyer,
}

/// Parts an event from its buyer: what goes into the row's body, and what stands aside.
pub(crate) fn part(event: &Event, salt: &Salt) -> (Event, Option<String>) {
    let mut bare = event.clone();
    let Event::Requested(request) = &mut bare else {
        return (bare, None);
    };
    let buyer = std::mem::take(&mut request.order.buyer);
    if buyer == Buyer::default() {
        return (bare, None);
    }
    let salt = salt.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    // Texts and an object around them: nothing that JSON could refuse.
    let erasable = serde_json::to_string(&Kept { salt, buyer }).unwrap_or_default();
    (bare, Some(erasable))
}

/// Gives an event its buyer back, if they were not taken away.
///
/// # Errors
/// When what stands aside is not a buyer, or beside something that has none.
pub(crate) fn join(event: &mut Event, erasable: &str) -> Result<(), String> {
    let Event::Requested(request) = event else {
        return Err("something stands aside, and nothing belongs there".into());
    };
    if !erasable.starts_with(GONE) {
        let kept: Kept = serde_json::from_str(erasable)
            .map_err(|_| "what stands aside is not a buyer".to_owned())?;
        request.order.buyer = kept.buyer;
    }
    Ok(())
}

/// The digest by which a row's hash knows what stands aside, taken away or not.
pub(crate) fn digest(erasable: &str) -> [u8; 32] {
    let kept = erasable.strip_prefix(GONE).and_then(Hash::from_hex);
    kept.map_or_else(|| Sha256::digest(erasable).into(), Hash::bytes)
}

/// What an aside leaves in its place.
pub(crate) fn gone(erasable: &str) -> String {
    let mut text = GONE.to_owned();
    for byte in digest(erasable) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether it was taken away.
pub(crate) fn is_gone(erasable: &str) -> bool {
    erasable.starts_with(GONE)
}
