//! The three things asked of a certificate: until when, since when, and which key.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::der::{Der, tag};

pub(super) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// What a certificate says.
pub(super) struct Facts<'a> {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// The public key (`RSAPublicKey` in DER), or `None` if it is no RSA key.
    pub(super) rsa_key: Option<&'a [u8]>,
}

/// Reads a certificate. Its signature is not checked: KCP does that, and knows its own.
pub(super) fn read(der: &[u8]) -> Option<Facts<'_>> {
    let mut signed = Der::whole_sequence(der)?.sequence()?;
    let mut peeked = signed;
    if peeked.next()?.0 == tag::CONTEXT_0 {
        signed = peeked;
    }
    signed.expect(tag::INTEGER)?; // serial number
    signed.sequence()?; // signature algorithm
    signed.sequence()?; // issuer
    let mut validity = signed.sequence()?;
    let not_before = time(&mut validity)?;
    let not_after = time(&mut validity)?;
    signed.sequence()?; // subject
    let mut key = signed.sequence()?;
    let is_rsa = key.sequence()?.expect(tag::OID)? == RSA_ENCRYPTION;
    let bits = key.expect(tag::BIT_STRING)?;
    let rsa_key = bits.strip_prefix(&[0]).filter(|_| is_rsa);
    Some(Facts {
        not_before,
        not_after,
        rsa_key,
    })
}

fn time(der: &mut Der<'_>) -> Option<Timestamp> {
    let (tag, text) = der.next()?;
    let digits = text.strip_suffix(b"Z")?;
    let numbers: Vec<i8> = digits
        .chunks(2)
        .map(|pair| match pair {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok()
            }
            _ => None,
        })
        .collect::<Option<_>>()?;
    let (century, rest) = match (tag, numbers.as_slice()) {
        // RFC 5280: two-digit years are 1950 to 2049.
        (tag::UTC_TIME, rest @ [year, ..]) => (if *year < 50 { 20 } else { 19 }, rest),
        (tag::GENERALIZED_TIME, [century, rest @ ..]) => (i16::from(*century), rest),
        _ => return None,
    };
    let [year, month, day, hour, minute, second] = *rest else {
        return None;
    };
    DateTime::new(
        century * 100 + i16::from(year),
        month,
        day,
        hour,
        minute,
        second,
        0,
    )
    .ok()
    .and_then(|time| Offset::UTC.to_timestamp(time).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_time_are_read() {
        let read = |tag: u8, text: &str| {
            let der = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            time(&mut Der::new(&der)).map(|time| time.to_string())
        };
        assert_eq!(
            read(0x17, "260628003437Z").as_deref(),
            Some("2026-06-28T00:34:37Z")
        );
        assert_eq!(
            read(0x17, "990101000000Z").as_deref(),
            Some("1999-01-01T00:00:00Z")
        );
        assert_eq!(
            read(0x18, "20500101000000Z").as_deref(),
            Some("2050-01-01T00:00:00Z")
        );
        for bad in [
            "",
            "Z",
            "260628003437",
            "261328003437Z",
            "26062800343Z",
            "2606280034aaZ",
        ] {
            assert_eq!(read(0x17, bad), None, "{bad}");
        }
    }
}
