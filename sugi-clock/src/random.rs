//! Random bytes of the operating system, and the secrets that are made of them.

use std::fmt::Write as _;

/// A new API key: 256 random bits.
#[must_use]
pub fn new_api_key() -> String {
    format!("sugi_{}", new_secret())
}

/// A new secret: 256 random bits, as 64 hexadecimal digits.
#[must_use]
pub fn new_secret() -> String {
    let mut text = String::with_capacity(64);
    for byte in random_bytes::<32>() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Random bytes that cannot be predicted, from the operating system.
#[must_use]
pub fn random_bytes<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    if getrandom::fill(&mut bytes).is_err() {
        // Without randomness every secret could be guessed: the process must not go on.
        std::process::abort();
    }
    bytes
}
