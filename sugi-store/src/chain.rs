//! The chain through a payment's journal: each row is hashed over the one before, so that a row
//! cannot be changed, cut out or moved without its successor telling.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sugi_core::PaymentId;

/// A SHA-256 of a journal row and all rows before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What stands before the first row.
    pub const START: Self = Self([0; 32]);

    /// The hash of the row that follows. Lengths are hashed too, so no two rows read alike. Of what it
    /// keeps aside it covers the digest: that stays when the rest is taken away.
    #[must_use]
    pub fn next(
        self,
        payment: &PaymentId,
        seq: u32,
        at: Timestamp,
        body: &str,
        erasable: Option<[u8; 32]>,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(payment.as_str());
        hash.update(seq.to_be_bytes());
        hash.update(at.as_microsecond().to_be_bytes());
        hash.update((body.len() as u64).to_be_bytes());
        hash.update(body);
        if let Some(erasable) = erasable {
            hash.update(erasable);
        }
        Self(hash.finalize().into())
    }

    pub(crate) fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// The hash of the audit row that follows. It covers how far other chains are.
    #[must_use]
    pub(crate) fn next_audit_entry(
        self,
        seq: i64,
        at: Timestamp,
        texts: [&str; 5],
        others: [(i64, Self); 2],
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(seq.to_be_bytes());
        hash.update(at.as_microsecond().to_be_bytes());
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        for (n, other) in others {
            hash.update(n.to_be_bytes());
            hash.update(other.0);
        }
        Self(hash.finalize().into())
    }

    /// The hash of the event that follows.
    #[must_use]
    pub(crate) fn next_event(self, n: i64, at: i64, seq: i64, texts: [&str; 3]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        for number in [n, at, seq] {
            hash.update(number.to_be_bytes());
        }
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Self(hash.finalize().into())
    }

    /// The hash of the row of document changes that follows.
    #[must_use]
    pub(crate) fn next_change(self, n: i64, version: i64, texts: [&str; 3]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(n.to_be_bytes());
        hash.update(version.to_be_bytes());
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Self(hash.finalize().into())
    }

    /// As stored: 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }

    /// Reads what [`to_hex`](Self::to_hex) wrote; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        let digits = text.as_bytes();
        let value = |digit: u8| {
            (digit as char)
                .to_digit(16)
                .filter(|_| !digit.is_ascii_uppercase())
        };
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(value(pair[0])? * 16 + value(pair[1])?).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_row_counts() {
        let id = |n| format!("pay_{n:032x}").parse::<PaymentId>().unwrap();
        let at = |us| Timestamp::from_microsecond(us).unwrap();
        let base = Hash::START.next(&id(1), 1, at(1), "a", None);
        for other in [
            base.next(&id(1), 1, at(1), "a", None),
            Hash::START.next(&id(2), 1, at(1), "a", None),
            Hash::START.next(&id(1), 2, at(1), "a", None),
            Hash::START.next(&id(1), 1, at(2), "a", None),
            Hash::START.next(&id(1), 1, at(1), "b", None),
            Hash::START.next(&id(1), 1, at(1), "a", Some([0; 32])),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn hexadecimal_goes_there_and_back_and_nothing_else_does() {
        let hash = Hash::START.next(
            &"pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b".parse().unwrap(),
            1,
            Timestamp::UNIX_EPOCH,
            "",
            None,
        );
        assert_eq!(Hash::from_hex(&hash.to_hex()), Some(hash));
        for bad in ["", "00", &"g".repeat(64), &"A".repeat(64), &"가".repeat(21)] {
            assert_eq!(Hash::from_hex(bad), None, "{bad}");
        }
    }
}
