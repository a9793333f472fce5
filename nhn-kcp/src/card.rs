//! Card data: held in memory only, for as long as a request needs it.
//!
//! None of these types has `Serialize`, `Display`, `Clone`, or a `Debug` that shows anything but its
//! name. The digits live in one heap block that never moves or grows and is overwritten when the
//! value is dropped. Only this crate can read them, and only to write a request.

use std::fmt;

use jiff::civil::Date;
use zeroize::Zeroizing;

use crate::error::{Field, Invalid, Rule};
use crate::mask::MaskedCard;

/// What is keyed in from the card itself.
#[derive(Debug)]
pub struct Card {
    /// The number on the card.
    pub number: CardNumber,
    /// The month it is valid to.
    pub expiry: Expiry,
}

impl Card {
    /// A card with its number and expiry.
    #[must_use]
    pub fn new(number: CardNumber, expiry: Expiry) -> Self {
        Self { number, expiry }
    }
}

/// What proves that the buyer holds the card, for the authenticated kind.
///
/// KCP wants both or neither, which is why they are one value.
#[derive(Debug)]
pub struct HolderProof {
    /// Birth date or business number.
    pub holder_no: HolderNo,
    /// First two digits of the card's password.
    pub password: PasswordPrefix,
}

impl HolderProof {
    /// A proof of both parts.
    #[must_use]
    pub fn new(holder_no: HolderNo, password: PasswordPrefix) -> Self {
        Self {
            holder_no,
            password,
        }
    }
}

/// Digits that must not be seen: one heap block, wiped on drop.
struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    fn copy(digits: &[u8]) -> Self {
        // Exactly as large as needed, so it is never moved and leaves no copy behind.
        let mut block = Zeroizing::new(Vec::with_capacity(digits.len()));
        block.extend_from_slice(digits);
        Self(block)
    }

    fn as_str(&self) -> &str {
        // Only ASCII digits get in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

macro_rules! secret {
    ($($name:ident),*) => {$(
        /// Prints the name of the type and nothing else.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl $name {
            /// The digits for the wire.
            #[cfg_attr(not(feature = "client"), allow(dead_code))]
            pub(crate) fn expose(&self) -> &str {
                self.0.as_str()
            }
        }
    )*};
}

secret!(CardNumber, Expiry, HolderNo, PasswordPrefix);

/// A card number, `card_no`: 13 to 16 digits.
///
/// ```
/// use nhn_kcp::CardNumber;
/// let number = CardNumber::parse("4111111111111111")?;
/// assert_eq!(number.masked().to_string(), "411111******1111");
/// assert_eq!(format!("{number:?}"), "CardNumber");
/// # Ok::<(), nhn_kcp::Invalid>(())
/// ```
///
/// These do not compile, for this and the other secrets:
///
/// ```compile_fail,E0277
/// let number = nhn_kcp::CardNumber::parse("4111111111111111")?;
/// println!("{number}");
/// # Ok::<(), nhn_kcp::Invalid>(())
/// ```
///
/// ```compile_fail,E0599
/// let number = nhn_kcp::CardNumber::parse("4111111111111111")?;
/// let copy = number.clone();
/// # Ok::<(), nhn_kcp::Invalid>(())
/// ```
///
/// ```compile_fail,E0277
/// let number = nhn_kcp::CardNumber::parse("4111111111111111")?;
/// let text = serde_json::to_string(&number);
/// # Ok::<(), nhn_kcp::Invalid>(())
/// ```
pub struct CardNumber(Secret);

impl CardNumber {
    /// Reads the digits.
    ///
    /// # Errors
    ///
    /// [`Rule::Digits`] for anything but 13 to 16 digits. The check digit is not asked for, because
    /// it is not settled that every Korean card keeps it: see [`passes_luhn`](Self::passes_luhn).
    pub fn parse(digits: &str) -> Result<Self, Invalid> {
        let field = Field::new("card number", "card_no");
        crate::text::digits(digits, field, 13, 16, "leave out spaces and hyphens")?;
        Ok(Self(Secret::copy(digits.as_bytes())))
    }

    /// Whether the last digit is the check digit of the others (Luhn). A wrong one is nearly always
    /// a slip of the finger, so warn; do not refuse.
    #[must_use]
    pub fn passes_luhn(&self) -> bool {
        crate::mask::luhn(self.expose().as_bytes())
    }

    /// Checks that a text does not repeat this number, no matter what stands between its digits: what is kept
    /// beside a payment must not hold the card that pays it. `field` is the name for the error.
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`].
    ///
    /// ```
    /// let card = nhn_kcp::CardNumber::parse("4111111111111111")?;
    /// assert!(card.check_absent("note", "paid by 4242").is_ok());
    /// assert!(card.check_absent("note", "paid by 4111-1111-1111-1111").is_err());
    /// # Ok::<(), nhn_kcp::Invalid>(())
    /// ```
    pub fn check_absent(&self, field: &'static str, text: &str) -> Result<(), Invalid> {
        self.absent(Field::new(field, field), text)
    }

    pub(crate) fn absent(&self, field: Field, text: &str) -> Result<(), Invalid> {
        if crate::pan::repeats(text, self.expose()) {
            let rule = Rule::Agree("not repeat the number of the card that pays");
            return Err(Invalid::new(
                field,
                rule,
                "take it out; its last four digits may stay",
            ));
        }
        Ok(())
    }

    /// The part that may be stored and shown: the first six digits and the last four.
    #[must_use]
    pub fn masked(&self) -> MaskedCard {
        MaskedCard::of_digits(self.expose().as_bytes())
    }
}

/// The month a card is valid to, `card_expiry`. It is valid through that month's last day.
///
/// KCP wants year before month (`YYMM`), the other way round than cards print it. Two-digit years
/// are 2000 to 2099.
pub struct Expiry(Secret);

impl Expiry {
    /// A year from 2000 to 2099 and a month from 1 to 12.
    ///
    /// # Errors
    ///
    /// [`Rule::CalendarDate`] outside these bounds.
    pub fn new(year: i16, month: i8) -> Result<Self, Invalid> {
        if !(2000..=2099).contains(&year) || !(1..=12).contains(&month) {
            return Err(Invalid::new(EXPIRY, Rule::CalendarDate, EXPIRY_REMEDY));
        }
        let year = u8::try_from(year % 100).unwrap_or_default();
        let month = u8::try_from(month).unwrap_or_default();
        let digits = Zeroizing::new([
            b'0' + year / 10,
            b'0' + year % 10,
            b'0' + month / 10,
            b'0' + month % 10,
        ]);
        Ok(Self(Secret::copy(digits.as_slice())))
    }

    /// Reads KCP's form, `YYMM`: December 2030 is `3012`.
    ///
    /// # Errors
    ///
    /// [`Rule::Digits`] for another form, [`Rule::CalendarDate`] for a month that does not exist.
    /// A card prints `MM/YY`; read the wrong way round it is often a month that does not exist, but
    /// not always (07/08), so ask people for `MM/YY` and turn it yourself.
    pub fn from_yymm(digits: &str) -> Result<Self, Invalid> {
        crate::text::digits(digits, EXPIRY, 4, 4, EXPIRY_REMEDY)?;
        if !matches!(
            &digits[2..],
            "01" | "02" | "03" | "04" | "05" | "06" | "07" | "08" | "09" | "10" | "11" | "12"
        ) {
            return Err(Invalid::new(EXPIRY, Rule::CalendarDate, EXPIRY_REMEDY));
        }
        Ok(Self(Secret::copy(digits.as_bytes())))
    }

    /// Reads `YYYY-MM`: `2030-12`.
    ///
    /// # Errors
    ///
    /// [`Rule::Form`] for another form, [`Rule::CalendarDate`] for a month that does not exist or a
    /// year outside 2000 to 2099.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let form =
            || Invalid::new(EXPIRY, Rule::Form("YYYY-MM"), EXPIRY_REMEDY).with_length(text.len());
        let (year, month) = text.split_once('-').ok_or_else(form)?;
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
            return Err(form());
        }
        match (year.parse(), month.parse()) {
            (Ok(year), Ok(month)) => Self::new(year, month),
            _ => Err(form()),
        }
    }

    /// Whether the month is over on the given day. Take today's date in Korea:
    /// [`korean_date`](crate::korean_date).
    #[must_use]
    pub fn has_passed(&self, today: Date) -> bool {
        let digits = self.expose().as_bytes();
        let two = |at: usize| match digits.get(at..at + 2) {
            Some([tens, ones]) => i16::from(tens - b'0') * 10 + i16::from(ones - b'0'),
            _ => 0,
        };
        (2000 + two(0), two(2)) < (today.year(), i16::from(today.month()))
    }

    /// Refuses a card whose month is over on the given day, Korean time.
    ///
    /// # Errors
    ///
    /// [`Rule::NotExpired`].
    pub fn check(&self, today: Date) -> Result<(), Invalid> {
        if self.has_passed(today) {
            Err(Invalid::new(
                EXPIRY,
                Rule::NotExpired,
                "ask for another card",
            ))
        } else {
            Ok(())
        }
    }
}

const EXPIRY: Field = Field::new("card expiry", "card_expiry");
const EXPIRY_REMEDY: &str = "the card prints month/year; give the year first";

/// Who holds the card, `card_taxno`: a person's birth date (`YYMMDD`) or a company's business
/// number (10 digits).
pub struct HolderNo(Secret);

impl HolderNo {
    /// Reads 6 or 10 digits.
    ///
    /// # Errors
    ///
    /// [`Rule::DigitsEither`] for another form; [`Rule::CalendarDate`] for six digits that are no
    /// birth date in any calendar. Some registers hold lunar dates, so 30 February passes and 31
    /// April does not. A business number's check digit is not asked for: see
    /// [`passes_check_digit`](Self::passes_check_digit).
    pub fn parse(digits: &str) -> Result<Self, Invalid> {
        const FIELD: Field = Field::new("birth date or business number", "card_taxno");
        const REMEDY: &str = "6 digits YYMMDD for a person's card, 10 for a company's";
        if !matches!(digits.len(), 6 | 10) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            let rule = Rule::DigitsEither(6, 10);
            return Err(Invalid::new(FIELD, rule, REMEDY).with_length(digits.len()));
        }
        if digits.len() == 6 {
            let (month, day) = (&digits[2..4], &digits[4..6]);
            let most = match month {
                "01" | "03" | "05" | "07" | "08" | "10" | "12" => "31",
                "02" | "04" | "06" | "09" | "11" => "30",
                _ => "",
            };
            if day == "00" || day > most {
                return Err(Invalid::new(FIELD, Rule::CalendarDate, REMEDY));
            }
        }
        Ok(Self(Secret::copy(digits.as_bytes())))
    }

    /// Whether this is a company's business number rather than a person's birth date.
    #[must_use]
    pub fn is_business(&self) -> bool {
        self.expose().len() == 10
    }

    /// Whether a business number's last digit is the check digit of the others; always true for a
    /// birth date, which has none. A wrong one will be declined (CC67), so warn; do not refuse.
    #[must_use]
    pub fn passes_check_digit(&self) -> bool {
        let digits = self.expose().as_bytes();
        let [first @ .., ninth, check] = digits else {
            return false;
        };
        if digits.len() != 10 {
            return true;
        }
        let value = |digit: &u8| u32::from(digit - b'0');
        let weighted: u32 = first
            .iter()
            .zip([1, 3, 7, 1, 3, 7, 1, 3])
            .map(|(digit, weight)| value(digit) * weight)
            .sum();
        let last = value(ninth) * 5;
        (weighted + last / 10 + last % 10 + value(check)).is_multiple_of(10)
    }
}

/// The first two digits of the card's four-digit password, `card_pwd`.
pub struct PasswordPrefix(Secret);

impl PasswordPrefix {
    /// Reads two digits.
    ///
    /// # Errors
    ///
    /// [`Rule::Digits`] for anything else.
    pub fn parse(digits: &str) -> Result<Self, Invalid> {
        let field = Field::new("card password", "card_pwd");
        crate::text::digits(
            digits,
            field,
            2,
            2,
            "only the first two digits are asked for",
        )?;
        Ok(Self(Secret::copy(digits.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_13_to_16_digits() {
        for good in [
            "4111111111111111",
            "378282246310005",
            "30569309025904",
            "1234567800000000",
            "1234567890123",
        ] {
            assert!(CardNumber::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "123456789012",
            "44445555666677777",
            "4111-1111-1111-1111",
            "4111 1111 1111 1111",
            "411111111111111a",
            "４111111111111111",
        ] {
            assert!(CardNumber::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn luhn_is_told_not_required() {
        assert!(CardNumber::parse("4111111111111111").unwrap().passes_luhn());
        assert!(!CardNumber::parse("4111111111111112").unwrap().passes_luhn());
        assert!(CardNumber::parse("378282246310005").unwrap().passes_luhn());
    }

    #[test]
    fn masks_keep_the_length() {
        let masked = |digits| CardNumber::parse(digits).unwrap().masked().to_string();
        assert_eq!(masked("4111111111111111"), "411111******1111");
        assert_eq!(masked("378282246310005"), "378282*****0005");
        assert_eq!(masked("1234567890123"), "123456***0123");
    }

    #[test]
    fn an_expiry_lasts_through_its_month() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let expiry = Expiry::from_yymm("2607").unwrap();
        assert!(!expiry.has_passed(day("2026-07-31")));
        assert!(expiry.has_passed(day("2026-08-01")));
        assert!(expiry.has_passed(day("2027-01-01")));
        assert!(!expiry.has_passed(day("2025-12-31")));
        assert_eq!(Expiry::new(2030, 12).unwrap().expose(), "3012");
        assert_eq!(Expiry::parse("2030-01").unwrap().expose(), "3001");
        for bad in ["2613", "2600", "26-7", "267", "26070", "가나"] {
            assert!(Expiry::from_yymm(bad).is_err(), "{bad}");
        }
        for bad in [
            "2030-13", "2030-00", "30-12", "2030/12", "2030-1", "1999-12", "2100-01", "+030-12",
            "2030-+1", "", "-",
        ] {
            assert!(Expiry::parse(bad).is_err(), "{bad}");
        }
        assert!(Expiry::new(2030, 0).is_err());
    }

    #[test]
    fn holders_are_people_or_companies() {
        for good in [
            "951010",
            "000101",
            "000229",
            "950230",
            "1138521083",
            "0000000000",
        ] {
            assert!(HolderNo::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "95101",
            "9510101",
            "951301",
            "950132",
            "950100",
            "950431",
            "113852108a",
        ] {
            assert!(HolderNo::parse(bad).is_err(), "{bad}");
        }
        // KCP's own business number, as it appears in its replies.
        assert!(HolderNo::parse("1138521083").unwrap().passes_check_digit());
        assert!(!HolderNo::parse("1138521084").unwrap().passes_check_digit());
        assert!(HolderNo::parse("1138521083").unwrap().is_business());
        assert!(HolderNo::parse("951010").unwrap().passes_check_digit());
    }

    #[test]
    fn password_prefixes_are_two_digits() {
        assert!(PasswordPrefix::parse("00").is_ok());
        for bad in ["", "0", "000", "0a", "가"] {
            assert!(PasswordPrefix::parse(bad).is_err(), "{bad}");
        }
    }
}
