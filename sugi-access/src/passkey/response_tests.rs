use proptest::prelude::*;

use super::*;

/// The examples of the standard, in hexadecimal.
const VECTORS: &str = include_str!("vectors.txt");

/// A passkey of the standard's: what it was made with, and what it signed.
struct Example {
    made_client: Vec<u8>,
    made: Vec<u8>,
    client: Vec<u8>,
    said: Vec<u8>,
    signature: Vec<u8>,
}

fn example(name: &str) -> Example {
    let mut lines = VECTORS.lines().skip_while(|line| *line != name).skip(1);
    let mut next = || {
        let line = lines.next().unwrap();
        let byte = |at| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
        (0..line.len()).step_by(2).map(byte).collect()
    };
    Example {
        made_client: next(),
        made: next(),
        client: next(),
        said: next(),
        signature: next(),
    }
}

fn site(origin: &str) -> PasskeySite {
    PasskeySite {
        host: "example.org".into(),
        origins: vec![origin.into()],
    }
}

fn here() -> PasskeySite {
    site("https://example.org")
}

impl Example {
    /// Whether what was made signed what was signed.
    fn holds(&self) -> Result<bool, Flaw> {
        let made = AuthenticatorData::read(&self.made)?;
        let key = made.made.ok_or(Flaw::AuthenticatorData)?.key;
        AuthenticatorData::read(&self.said)?;
        Ok(signed(key, &self.said, &self.client, &self.signature))
    }
}

#[test]
fn the_standards_own_passkeys_are_read_and_their_signatures_hold() {
    for (name, id_bytes) in [
        ("none-es256", 32),
        ("packed-self-es256", 32),
        ("none-es256-long-credential-id", 1_023),
        ("packed-rs256", 32),
        ("packed-eddsa", 32),
    ] {
        let one = example(name);
        assert_eq!(one.holds(), Ok(true), "{name}");
        let made = AuthenticatorData::read(&one.made).unwrap();
        assert_eq!(made.made.unwrap().id.len(), id_bytes, "{name}");
        let of = |client: &[u8], ceremony| challenge_of(client, ceremony, &here());
        for (client, ceremony, other) in [
            (&one.made_client, Ceremony::Create, Ceremony::Get),
            (&one.client, Ceremony::Get, Ceremony::Create),
        ] {
            assert_eq!(of(client, ceremony).unwrap().len(), 43, "{name}");
            assert_eq!(of(client, other), Err(Flaw::Ceremony), "{name}");
        }
    }
}

#[test]
fn a_challenge_is_the_one_that_was_given() {
    let client = example("none-es256").client;
    let challenge = challenge_of(&client, Ceremony::Get, &here()).unwrap();
    assert_eq!(challenge, "OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag");
}

#[test]
fn a_page_of_anothers_is_refused() {
    let client = example("none-es256").client;
    let at = |origin: &str| challenge_of(&client, Ceremony::Get, &site(origin));
    assert!(at("https://example.org").is_ok());
    for origin in [
        "http://example.org",
        "https://example.org:8443",
        "https://example.or",
        "https://www.example.org",
        "",
    ] {
        assert_eq!(at(origin), Err(Flaw::Origin), "{origin}");
    }
    for name in ["none-es256-crossOrigin", "none-es256-topOrigin"] {
        let Example {
            made_client,
            client,
            ..
        } = example(name);
        let made = challenge_of(&made_client, Ceremony::Create, &here());
        let shown = challenge_of(&client, Ceremony::Get, &here());
        assert_eq!(
            (made, shown),
            (Err(Flaw::Framed), Err(Flaw::Framed)),
            "{name}"
        );
    }
    let framed = r#"{"type":"webauthn.get","challenge":"a","origin":"https://example.org","topOrigin":"https://example.com"}"#;
    let said = challenge_of(framed.as_bytes(), Ceremony::Get, &here());
    assert_eq!(said, Err(Flaw::Framed));
}

#[test]
fn client_data_that_says_a_thing_twice_says_nothing() {
    for text in [
        "",
        "{}",
        "null",
        "[]",
        r#"{"type":"webauthn.get","challenge":"a","origin":"https://example.org"} "x""#,
        r#"{"type":"webauthn.get","type":"webauthn.get","challenge":"a","origin":"https://example.org"}"#,
        r#"{"type":"webauthn.get","challenge":"a","challenge":"b","origin":"https://example.org"}"#,
        r#"{"type":"webauthn.get","challenge":["a"],"origin":"https://example.org"}"#,
        r#"{"type":"webauthn.get","challenge":"a","origin":"https://example.org","crossOrigin":"true"}"#,
    ] {
        let said = challenge_of(text.as_bytes(), Ceremony::Get, &here());
        assert_eq!(said, Err(Flaw::ClientData), "{text}");
    }
    let long = format!(
        r#"{{"type":"webauthn.get","challenge":"a","origin":"https://example.org","x":"{}"}}"#,
        "x".repeat(BYTES_MAX)
    );
    let said = challenge_of(long.as_bytes(), Ceremony::Get, &here());
    assert_eq!(said, Err(Flaw::ClientData));
}

/// The flags of an answer, and what is said to them.
#[test]
fn who_was_not_there_or_not_recognised_is_refused() {
    let mut said = example("packed-self-es256").said;
    let mut with = |flags: u8, site: &PasskeySite| {
        said[32] = flags;
        AuthenticatorData::read(&said).and_then(|read| read.check(site))
    };
    for (flags, outcome) in [
        (PRESENT | VERIFIED, Ok(())),
        (PRESENT | VERIFIED | COPYABLE, Ok(())),
        (PRESENT | VERIFIED | COPYABLE | COPIED, Ok(())),
        (PRESENT | VERIFIED | COPIED, Err(Flaw::Copies)),
        (PRESENT, Err(Flaw::Unverified)),
        (VERIFIED, Err(Flaw::Absent)),
        (0, Err(Flaw::Absent)),
        (PRESENT | VERIFIED | EXTENDED, Err(Flaw::AuthenticatorData)),
        (PRESENT | VERIFIED | MADE, Err(Flaw::AuthenticatorData)),
    ] {
        assert_eq!(with(flags, &here()), outcome, "{flags:#010b}");
    }
    let elsewhere = PasskeySite {
        host: "example.com".into(),
        ..here()
    };
    assert_eq!(with(PRESENT | VERIFIED, &elsewhere), Err(Flaw::Host));
}

#[test]
fn a_key_of_no_kind_that_is_offered_is_none() {
    let es384 = example("packed-es384").made;
    assert_eq!(AuthenticatorData::read(&es384).unwrap_err(), Flaw::Key);
    let made = example("none-es256").made;
    let at = made.len() - 77;
    let changed = |n: usize, to: u8| {
        let mut made = made.clone();
        made[at + n] = to;
        AuthenticatorData::read(&made).err()
    };
    assert_eq!(changed(0, 0xa5), None, "as it was");
    // Another number of fields, another algorithm, another curve, a point that is on none.
    for (n, to) in [(0, 0xa4), (4, 0x27), (6, 2), (40, 0), (76, 0)] {
        assert_eq!(changed(n, to), Some(Flaw::Key), "{n}");
    }
    // An RSA key that is too short, and one with another exponent.
    let rsa = |bytes: usize, end: &[u8]| {
        let length = u16::try_from(bytes).unwrap().to_be_bytes();
        let modulus = vec![0xff; bytes];
        let key = [
            &[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59][..],
            &length,
            &modulus,
            end,
        ]
        .concat();
        Key::take(&key).is_some()
    };
    assert!(rsa(256, &[0x21, 0x43, 1, 0, 1]) && rsa(512, &[0x21, 0x43, 1, 0, 1]));
    assert!(!rsa(255, &[0x21, 0x43, 1, 0, 1]) && !rsa(513, &[0x21, 0x43, 1, 0, 1]));
    assert!(!rsa(256, &[0x21, 0x43, 0, 0, 3]) && !rsa(256, &[0x21, 0x41, 3]));
}

/// Extensions that no one asked for stand behind the key, and are not looked at.
#[test]
fn extensions_are_passed_over() {
    let mut made = example("none-es256").made;
    made.extend_from_slice(&[0xa1, 0x6b]);
    assert_eq!(
        AuthenticatorData::read(&made).unwrap_err(),
        Flaw::AuthenticatorData
    );
    made[32] |= EXTENDED;
    assert!(AuthenticatorData::read(&made).unwrap().made.is_some());
}

const NAMES: [&str; 3] = ["packed-self-es256", "packed-rs256", "packed-eddsa"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// One bit anywhere in what was signed, in the signature or in the key.
    #[test]
    fn nothing_that_was_changed_holds(name in 0..3_usize, part in 0..4, at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut one = example(NAMES[name]);
        let (part, from) = match part {
            0 => (&mut one.client, 0),
            1 => (&mut one.said, 0),
            2 => (&mut one.signature, 0),
            // The id is no one's but its owner's; the key stands behind it.
            _ => (&mut one.made, 32 + 1 + 4 + 16 + 2 + 32),
        };
        let at = from + at.index(part.len() - from);
        part[at] ^= 1_u8 << bit;
        prop_assert_ne!(one.holds(), Ok(true));
    }

    /// Cut short anywhere, or longer than it was.
    #[test]
    fn nothing_of_another_length_holds(name in 0..3_usize, part in 0..4, at in any::<prop::sample::Index>(), more in any::<bool>()) {
        let mut one = example(NAMES[name]);
        let part = match part {
            0 => &mut one.client,
            1 => &mut one.said,
            2 => &mut one.signature,
            _ => &mut one.made,
        };
        if more {
            part.push(0);
        } else {
            part.truncate(at.index(part.len()));
        }
        prop_assert_ne!(one.holds(), Ok(true));
    }

    /// Whatever is sent, it is refused and nothing breaks.
    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(challenge_of(&bytes, Ceremony::Get, &here()).is_err());
        if let Ok(read) = AuthenticatorData::read(&bytes) {
            prop_assert!(read.check(&here()).is_err());
        }
        prop_assert!(!signed(&bytes, &bytes, &bytes, &bytes));
    }
}
