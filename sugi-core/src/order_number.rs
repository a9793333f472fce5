//! The number under which KCP knows an attempt at an order.
//!
//! A merchant's order number is not ours alone: the merchant's web shop, a second installation or a clerk
//! at KCP's partner site may sell under it with the same site code. What a look-up finds under it would
//! then be taken for our sale, and be reversed. So KCP is told the merchant's number with a *mark* behind
//! it, drawn anew for each attempt, which nothing else in the world has.

use nhn_kcp::{Invalid, OrderNo};

/// What marks are made of. No digits, which could make a card number of the merchant's digits before
/// them, and no vowels, which could make words.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many emails a mark has: 20¹² is 52 bits of chance for each attempt at one order.
const LENGTH: usize = 12;
/// Stands between the merchant's number and the mark. KCP takes it in every order number.
const SEPARATOR: char = '-';
/// The most that KCP takes.
const MOST: usize = 40;

/// The merchant's number, cut to fit, with a mark made of chance.
///
/// ```
/// # fn main() -> Result<(), nhn_kcp::Invalid> {
/// use sugi_core::order_number::{is_marked, marked};
/// let at_kcp = marked(&"A-1".parse()?, [7; 16])?;
/// assert!(at_kcp.as_str().starts_with("A-1-"));
/// assert!(is_marked(at_kcp.as_str()) && !is_marked("A-1"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// None that is known: an order number that was cut is one as well, and emails are always taken.
pub fn marked(order_no: &OrderNo, chance: [u8; 16]) -> Result<OrderNo, Invalid> {
    let keep = order_no.as_str().len().min(MOST - 1 - LENGTH);
    // An order number is ASCII, so any byte is a place to cut.
    let mut text = order_no.as_str()[..keep].to_owned();
    text.push(SEPARATOR);
    // Far more chance than is used, so that no letter is likelier than another.
    let mut chance = u128::from_le_bytes(chance);
    for _ in 0..LENGTH {
        let (rest, letter) = (chance / 20, chance % 20);
        chance = rest;
        text.extend(usize::try_from(letter).map(|at| char::from(LETTERS[at])));
    }
    OrderNo::parse(&text)
}

/// Whether a text ends in what looks like a mark, so that it is a number at KCP rather than a merchant's.
#[must_use]
pub fn is_marked(text: &str) -> bool {
    let mark = text.rsplit_once(SEPARATOR).map_or("", |(_, mark)| mark);
    mark.len() == LENGTH && mark.bytes().all(|letter| LETTERS.contains(&letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(order_no: &str, chance: u128) -> String {
        let order_no = order_no.parse().unwrap();
        marked(&order_no, chance.to_le_bytes()).unwrap().to_string()
    }

    #[test]
    fn any_order_number_can_be_marked_and_fits() {
        for order_no in [
            "1",
            "A-1",
            &"9".repeat(27),
            &"9".repeat(28),
            &"x".repeat(40),
        ] {
            for chance in [0, 1, 1 << 64, u128::MAX] {
                let at_kcp = of(order_no, chance);
                assert!(at_kcp.len() <= 40 && is_marked(&at_kcp), "{at_kcp}");
                let kept = &order_no[..order_no.len().min(27)];
                assert_eq!(at_kcp.len(), kept.len() + 13);
                assert!(at_kcp.starts_with(kept));
            }
        }
    }

    #[test]
    fn other_chance_is_another_mark() {
        let marks: std::collections::BTreeSet<_> = (0..1_000).map(|n| of("A-1", n * n)).collect();
        assert_eq!(marks.len(), 1_000);
        // Each letter counts, so no chance is thrown away.
        let all = 20_u128.pow(12);
        assert_ne!(of("A-1", all - 1), of("A-1", all / 20 - 1));
    }

    #[test]
    fn a_merchants_number_is_not_taken_for_marked() {
        for text in [
            "",
            "A-1",
            "A-1-2",
            "BCDFGHJKLMNP",
            "A-BCDFGHJKLMN",
            "A-bcdfghjklmnp",
            "A-BCDFGHJKLMNE",
        ] {
            assert!(!is_marked(text), "{text}");
        }
    }
}
