//! As much DER as certificates and key containers need: definite lengths, read front to back.

/// The tags that are looked for.
pub(super) mod tag {
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    /// `[0]`, where a certificate may say its version.
    pub(crate) const CONTEXT_0: u8 = 0xa0;
}

/// What is left to read of a DER text.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    #[cfg(test)]
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element's tag and content.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            // Four bytes of length are more than any file here has; 0x80 (indefinite) is not DER.
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (bytes, rest) = rest.split_at_checked(count)?;
            (
                bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The next element's content, if it has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(found, _)| *found == tag)
            .map(|(_, content)| content)
    }

    /// The next element, if it is a sequence.
    pub(super) fn sequence(&mut self) -> Option<Self> {
        self.expect(tag::SEQUENCE).map(Self)
    }

    /// The next element, if it is a small whole number.
    pub(super) fn small_integer(&mut self) -> Option<u64> {
        let bytes = self.expect(tag::INTEGER)?;
        let positive = bytes.first().is_some_and(|first| *first < 0x80);
        (positive && bytes.len() <= 8).then(|| {
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte))
        })
    }

    /// The one sequence that a whole text is; nothing may stand behind it.
    pub(super) fn whole_sequence(bytes: &'a [u8]) -> Option<Self> {
        let mut outer = Self(bytes);
        outer.sequence().filter(|_| outer.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_checked() {
        assert_eq!(Der::new(&[0x02, 0x01, 0x05]).small_integer(), Some(5));
        assert!(Der::new(&[0x02, 0x02, 0x05]).next().is_none());
        assert!(Der::new(&[0x30, 0x80, 0x00, 0x00]).next().is_none());
        assert!(Der::new(&[0x30, 0x85, 1, 1, 1, 1, 1]).next().is_none());
        assert!(
            Der::new(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff])
                .next()
                .is_none()
        );
        assert!(Der::whole_sequence(&[0x30, 0x00, 0x00]).is_none());
        assert!(Der::new(&[0x02, 0x01, 0x80]).small_integer().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut der = Der::new(&bytes);
            while der.next().is_some() {}
        }
    }
}
