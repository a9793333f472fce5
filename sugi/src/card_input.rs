//! How a card comes in: from a prompt that does not show it, or from stdin. Never from an argument,
//! which every other user of the machine could read.

use std::io::{IsTerminal as _, Read as _};

use dialoguer::{Password, theme::ColorfulTheme};
use nhn_kcp::{Card, CardNumber, Expiry, HolderNo, HolderProof, PasswordPrefix};
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::cli::Failure;

/// More than any card takes.
const MOST: u64 = 4_096;

/// Reads a card, and the holder's proof if there is one.
pub(crate) fn read() -> Result<(Card, Option<HolderProof>), Failure> {
    if std::io::stdin().is_terminal() {
        ask()
    } else {
        from_stdin()
    }
}

/// As in the API: `{"number", "expiry", "holder_proof": {"birth_or_business_no", "password_prefix"}}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keyed {
    number: Secret,
    expiry: Secret,
    holder_proof: Option<Proof>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    birth_or_business_no: Secret,
    password_prefix: Secret,
}

/// Text that is wiped.
#[derive(Deserialize)]
struct Secret(String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn from_stdin() -> Result<(Card, Option<HolderProof>), Failure> {
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MOST).unwrap_or(0)));
    std::io::stdin()
        .take(MOST)
        .read_to_string(&mut text)
        .map_err(|why| Failure::new(format!("stdin: {why}")))?;
    parse(&text)
}

fn parse(text: &str) -> Result<(Card, Option<HolderProof>), Failure> {
    // The parser's own words could quote what it stumbled over.
    let keyed: Keyed = serde_json::from_str(text).map_err(|why| {
        let place = format!("line {}, column {}", why.line(), why.column());
        let hint = r#"write {"number": "…", "expiry": "YYYY-MM", "holder_proof": {"birth_or_business_no": "…", "password_prefix": "…"}} (holder_proof only for authenticated sales)"#;
        Failure::new(format!("the card on stdin is not the JSON that is wanted ({place})")).hint(hint).code(2)
    })?;
    let number = CardNumber::parse(&keyed.number.0)?;
    let expiry = Expiry::parse(&keyed.expiry.0)?;
    let proof = keyed.holder_proof.as_ref().map(|proof| {
        let holder_no = HolderNo::parse(&proof.birth_or_business_no.0)?;
        Ok::<_, Failure>(HolderProof::new(
            holder_no,
            PasswordPrefix::parse(&proof.password_prefix.0)?,
        ))
    });
    Ok((Card::new(number, expiry), proof.transpose()?))
}

fn ask() -> Result<(Card, Option<HolderProof>), Failure> {
    let number = hidden("Card number 카드번호", |text| {
        CardNumber::parse(&digits(text))
    })?;
    let expiry = hidden("Expiry 유효기간 (MM/YY)", |text| {
        let month_year = digits(text);
        match month_year.split_at_checked(2) {
            Some((month, year)) => Expiry::from_yymm(&format!("{year}{month}")),
            None => Expiry::from_yymm(&month_year),
        }
    })?;
    let holder = hidden(
        "Birth date 생년월일 (6) or business number 사업자번호 (10), empty for none",
        |text| match digits(text) {
            none if none.is_empty() => Ok(None),
            digits => HolderNo::parse(&digits).map(Some),
        },
    )?;
    let proof = match holder {
        Some(holder_no) => {
            let password = hidden(
                "First two password digits 비밀번호 앞 두 자리",
                PasswordPrefix::parse,
            )?;
            Some(HolderProof::new(holder_no, password))
        }
        None => None,
    };
    Ok((Card::new(number, expiry), proof))
}

/// Asks without showing what is typed, until it is right.
fn hidden<T>(
    prompt: &str,
    read: impl Fn(&str) -> Result<T, nhn_kcp::Invalid>,
) -> Result<T, Failure> {
    loop {
        let asked = Password::with_theme(&ColorfulTheme::default())
            .with_prompt(prompt)
            .allow_empty_password(true)
            .interact();
        let typed =
            Zeroizing::new(asked.map_err(|why| Failure::new(format!("the prompt ended: {why}")))?);
        match read(&typed) {
            Ok(value) => return Ok(value),
            Err(why) => crate::print::talk(&format!("{why}")),
        }
    }
}

/// Digits alone: people type spaces, dashes and slashes as they are printed.
fn digits(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.chars().filter(char::is_ascii_digit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_from_stdin() {
        let (card, proof) =
            parse(r#"{"number": "4111111111111111", "expiry": "2030-12"}"#).unwrap();
        assert_eq!(card.number.masked().to_string(), "411111******1111");
        assert!(proof.is_none());
        let proof = r#"{"birth_or_business_no": "951010", "password_prefix": "00"}"#;
        let keyed = format!(
            r#"{{"number": "4111111111111111", "expiry": "2030-12", "holder_proof": {proof}}}"#
        );
        assert!(parse(&keyed).unwrap().1.is_some());
    }

    #[test]
    fn nothing_of_a_card_is_in_an_error() {
        for bad in [
            r#"{"number": "41111111111111117", "expiry": "2030-12"}"#,
            r#"{"number": 4111111111111111, "expiry": "2030-12"}"#,
            r#"{"number": "4111111111111111", "expiry": "2030-13"}"#,
            r#"{"number": "4111111111111111", "expiry": "2030-12", "4111111111111111": 1}"#,
            r#"{"number": "4111111111111111", "expiry": "2030-12", "holder_proof": {"birth_or_business_no": "951010"}}"#,
            r"4111111111111111",
            "",
        ] {
            let failure = format!("{:?}", parse(bad).err().unwrap());
            for secret in ["4111", "951010", "2030-13"] {
                assert!(!failure.contains(secret), "{failure}");
            }
        }
    }
}
