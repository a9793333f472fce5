use proptest::prelude::*;

use super::*;

/// Test cards, of every brand: digits and how a card groups them.
const CARDS: [(&str, &[usize]); 9] = [
    ("4111111111111111", &[4, 4, 4, 4]),
    ("5555555555554444", &[4, 4, 4, 4]),
    ("2221000000000009", &[4, 4, 4, 4]),
    ("9490010000000007", &[4, 4, 4, 4]),
    ("378282246310005", &[4, 6, 5]),
    ("36227206271667", &[4, 6, 4]),
    ("3566002020360505", &[4, 4, 4, 4]),
    ("6200000000000005", &[4, 4, 4, 4]),
    ("6500000000000000003", &[4, 4, 4, 4, 3]),
];

fn found(bytes: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    find(bytes, &mut |seen| all.push(seen));
    all
}

/// Who sees a card in a text: texts, names, and what looks through what is stored.
fn seen(text: &str) -> [bool; 3] {
    let is_stored = !found(text.as_bytes()).is_empty();
    [holds(text, Rule::Text), holds(text, Rule::Name), is_stored]
}

/// The card's digits in groups, with a gap between.
fn grouped(digits: &str, groups: &[usize], gap: &str) -> String {
    let mut rest = digits;
    let mut parts = Vec::new();
    for length in groups {
        let (part, more) = rest.split_at(*length);
        parts.push(part);
        rest = more;
    }
    parts.join(gap)
}

/// The digits of another script, or of full width.
fn in_script(digits: &str, zero: char) -> String {
    let letter = |byte: u8| char::from_u32(u32::from(zero) + u32::from(byte - b'0')).unwrap();
    digits.bytes().map(letter).collect()
}

#[test]
fn cards_of_every_brand_are_seen_whatever_stands_between() {
    for gap in [
        "",
        " ",
        "-",
        ".",
        "  ",
        "   ",
        "\t",
        "\n",
        "\r\n",
        "\u{a0}",
        "\u{2013}",
        "\u{2014}",
        "/",
        "_",
        "+",
        ", ",
        " - ",
        "\u{3000}",
        "\u{200b}",
        "\u{ad}",
        "·",
        ":",
        "|",
        "%20",
        "%2D",
        "%C2%A0",
        "%E2%80%93",
        "\\u0020",
        "\\u00a0",
        "\\u{a0}",
        "\\x20",
        "\\t",
        "\\\\u0020",
        "\\\"",
        "&nbsp;",
        "&#160;",
        "&#xA0;",
        "&ndash;",
        "%20-%20",
        "</td><td>",
        "</td>\n      <td class=\"card\">",
        "</b> <b>",
        "<br/>",
    ] {
        for (digits, groups) in CARDS {
            let text = grouped(digits, groups, gap);
            for text in [
                text.clone(),
                format!("1) {text}, 12/30"),
                format!("카드{text}번"),
            ] {
                assert_eq!(seen(&text), [true; 3], "{text}");
                let all = found(text.as_bytes());
                let one = &all[0];
                assert!(text[one.at.clone()].starts_with(digits.split_at(3).0));
                let (first, last) = (&digits[..6], &digits[digits.len() - 4..]);
                assert_eq!(one.masked.replace('*', ""), format!("{first}{last}"));
                assert_eq!(one.masked.len(), digits.len());
            }
        }
    }
}

#[test]
fn digits_of_every_script_are_digits() {
    for zero in ['０', '٠', '۰', '०', '๐', '𝟎', '𝟘', '𝟶', '᠐', '෦'] {
        let text = in_script("4111111111111111", zero);
        assert_eq!(seen(&text), [true; 3], "{text}");
        assert_eq!(found(text.as_bytes())[0].masked, "411111******1111");
        for n in 0..10 {
            let letter = in_script(&n.to_string(), zero).chars().next().unwrap();
            assert_eq!(
                digit(letter),
                Some(b'0' + u8::try_from(n).unwrap()),
                "{letter}"
            );
        }
    }
    for letter in '\0'..=char::MAX {
        let begins = written::may_begin(letter.to_string().as_bytes()[0]);
        assert!(begins || digit(letter).is_none(), "{letter}");
    }
    for letter in ['a', '가', '①', '½', 'Ⅳ', '²', '四', ' '] {
        assert_eq!(digit(letter), None, "{letter}");
    }
    // As an address writes full width.
    let wide = in_script("4111111111111111", '０');
    let encoded: Vec<_> = wide.bytes().map(|b| format!("%{b:02X}")).collect();
    assert_eq!(seen(&encoded.concat()), [true; 3]);
}

#[test]
fn in_a_text_it_does_not_matter_how_many_digits_stand_together() {
    for text in [
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "41-11-11-11-11-11-11-11",
        "411111 1111111111",
        "4111 11111111 1111",
        "2, 41111111 11111111",
    ] {
        assert_eq!(seen(text), [true, false, false], "{text}");
    }
    // Letters beside one make an id of it where ids are.
    assert_eq!(seen("x4111111111111111y"), [true, true, false]);
    assert_eq!(seen("no4111-1111-1111-1111"), [true, true, false]);
}

#[test]
fn what_only_looks_like_one_is_none() {
    for text in [
        "",
        "4111111111111112",
        "1234567812345670",
        "41111111111111110000000",
        "411111******1111",
        "4111 **** **** 1111",
        "4111    1111    1111    1111",
        "4111 and 1111 and 1111 and 1111",
        "20231019133645",
        "1764000000000000 1764000000000000",
        "2026-11-26 14:33:05.123456",
        "2026-11-26T14:33:05.123456Z 010-1234-5678",
        "010-4111-1111",
        // A moment and a count, of which one in ten has a right check digit.
        "2611261430220009",
        // A sheet's cells.
        "<c r=\"A1\"><v>4111</v></c><c r=\"B1\"><v>1111</v></c><c r=\"C1\"><v>1111</v></c><c r=\"D1\"><v>1111</v></c>",
    ] {
        assert_eq!(seen(text), [false; 3], "{text}");
    }
    assert!(crate::mask::luhn(b"2611261430220009"));
    // A hash is none, no matter what is in it.
    let hash = format!("{}4111111111111111", "a".repeat(16));
    assert_eq!(seen(&hash), [false; 3]);
    assert_eq!(seen(&hash[2..]), [true, true, false]);
}

/// Chance that is the same every time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[test]
fn random_names_are_hardly_ever_refused() {
    const MANY: usize = 200_000;
    let mut chance = Chance(20_261_126);
    let (mut refused, mut bare, mut in_texts) = (0, 0, 0);
    for _ in 0..MANY {
        let (high, low) = (chance.next(), chance.next());
        let high = high & !0xf000 | 0x4000;
        let low = low >> 2 | 0x8000_0000_0000_0000;
        let hex = format!("{high:016x}{low:016x}");
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        let uuid = parts.join("-");
        refused += usize::from(holds(&uuid, Rule::Name));
        bare += usize::from(holds(&hex, Rule::Name));
        in_texts += usize::from(holds(&uuid, Rule::Text));
    }
    println!("of {MANY}: {refused} as names, {bare} without hyphens, {in_texts} as texts");
    assert!(
        refused * 10_000 < MANY && bare * 10_000 < MANY,
        "{refused} {bare}"
    );
    assert!(in_texts > refused, "gaps anywhere would refuse more");
}

#[test]
fn order_numbers_of_a_day_are_never_refused() {
    for day in 1..=28 {
        for n in 0..2_000_u64 {
            for order in [
                format!("202611{day:02}{n:06}"),
                format!("202611{day:02}-{n:04}"),
                format!("2611{day:02}-{n:06}"),
                format!("2611{day:02}0930{:02}{n:04}", n % 60),
                format!("2611{day:02}-0930-{n:04}-{n:04}"),
                // Sixteen digits that begin like Mastercard's.
                format!("2611{day:02}{:010}", n * 49_999_999),
                format!("2611-{day:02}{n:02}-0000-{n:04}", n = n % 100),
            ] {
                assert!(!holds(&order, Rule::Name), "{order}");
                assert!(!holds(&order, Rule::Stored), "{order}");
            }
        }
    }
}

#[test]
fn an_order_number_is_a_slip_where_it_stands_alone_as_a_card() {
    for slip in [
        "4111111111111111",
        "4111-1111-1111-1111",
        "ORD-4111111111111111",
        "3782-822463-10005",
    ] {
        assert!(holds(slip, Rule::Stored), "{slip}");
    }
    // A serial beside letters; what repeats the card that pays is seen by its digits.
    for serial in [
        "ORD4111111111111111",
        "A4242424242424242B",
        "2611300000001234",
    ] {
        assert!(!holds(serial, Rule::Stored), "{serial}");
    }
    assert!(repeats("ORD4111111111111111", "4111111111111111"));
    assert!(repeats("٤١١١-1111 1111_1111", "4111111111111111"));
    assert!(!repeats("ORD4111111111111111", "4242424242424242"));
    assert!(!repeats("anything", ""), "no card repeats nothing");
}

/// What people and programs write: digits, gaps, and what they are among.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{4}",
        1 => "[0-9]{1,19}",
        2 => Just("4111".to_owned()),
        2 => Just("1111".to_owned()),
        4 => "[ ./_+:,\u{a0}\u{2013}-]{1,3}",
        1 => prop::sample::select(vec!["%20", "\\u0020", "&nbsp;", "</td><td>", "\\", "%", "&", "<", "\n", "０", "a", "가", "%4", "\\x2"])
            .prop_map(str::to_owned),
    ]
}

#[test]
fn what_is_quoted_is_masked_and_the_rest_stays() {
    for (text, rule, safe) in [
        (
            "'4111111111111111' is no amount",
            Rule::Text,
            "'411111******1111' is no amount",
        ),
        ("4111-1111-1111-1111", Rule::Name, "411111******1111"),
        (
            "a4111111111111111b 카드",
            Rule::Text,
            "a411111******1111b 카드",
        ),
        (
            "４１１１ １１１１ １１１１ １１１１!",
            Rule::Text,
            "411111******1111!",
        ),
        ("no digits", Rule::Text, "no digits"),
        (
            "pay_0193b0a1c2d37e4f4111111111111111",
            Rule::Text,
            "pay_0193b0a1c2d37e4f4111111111111111",
        ),
    ] {
        assert_eq!(hidden(text, rule), safe);
        assert!(!holds(&hidden(text, rule), rule));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn what_would_be_found_in_store_is_refused_before(pieces in prop::collection::vec(piece(), 1..24)) {
        let text = pieces.concat();
        let [in_text, in_name, in_store] = seen(&text);
        prop_assert!(!in_store || in_name, "{}", text);
        prop_assert!(!in_name || in_text, "{}", text);
    }

    #[test]
    fn a_card_is_seen_with_up_to_three_signs_anywhere_between(
        n in 0_usize..CARDS.len(), before in "[가-힣 (]{0,9}", after in "[가-힣 )]{0,9}",
        gaps in prop::collection::vec("|||[ ./_+:,;()~*#\u{a0}\u{2009}\u{2013}\u{b7}'\"-]{1,3}", 19),
    ) {
        let (digits, groups) = CARDS[n];
        let spread: Vec<_> = digits.chars().zip(&gaps).map(|(digit, gap)| format!("{digit}{gap}")).collect();
        let text = format!("{before}{}{after}", spread.concat());
        prop_assert!(holds(&text, Rule::Text), "{}", text);
        let text = format!("{before}{}{after}", grouped(digits, groups, &gaps[0]));
        prop_assert_eq!(seen(&text), [true; 3], "{}", text);
    }

    #[test]
    fn nothing_breaks_on_anything(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,60}") {
        for seen in found(&bytes) {
            prop_assert!(seen.at.end <= bytes.len() && seen.at.len() <= SPAN);
        }
        let _ = holds(&text, Rule::Text);
    }
}
