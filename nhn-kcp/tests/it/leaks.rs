//! No digit of a card gets into what is printed.

use std::fmt::{Debug, Display};

use kcp_sandbox::{CutAt, Fault, FaultKind, Sandbox};
use nhn_kcp::{
    AuthenticatedKeyIn, Card, CardNumber, Expiry, HolderNo, HolderProof, PasswordPrefix,
    UnauthenticatedKeyIn,
};
use proptest::prelude::*;

use crate::house::{House, order, today};

const NUMBER: &str = "5555555555554444";
const EXPIRY: &str = "9907";
const HOLDER: &str = "880315";
const PASSWORD: &str = "73";

fn card() -> Card {
    Card::new(
        CardNumber::parse(NUMBER).unwrap(),
        Expiry::from_yymm(EXPIRY).unwrap(),
    )
}

fn proof() -> HolderProof {
    HolderProof::new(
        HolderNo::parse(HOLDER).unwrap(),
        PasswordPrefix::parse(PASSWORD).unwrap(),
    )
}

fn is_clean(text: &str) -> bool {
    // More of the number than its ends, and anything of the rest.
    !["5555555", "54444", EXPIRY, HOLDER]
        .iter()
        .any(|secret| text.contains(secret))
}

fn debug(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

fn both(value: &(impl Debug + Display)) -> String {
    format!("{value} {}", debug(value))
}

#[test]
fn secrets_print_their_type_alone() {
    assert_eq!(
        format!("{:?}", CardNumber::parse(NUMBER).unwrap()),
        "CardNumber"
    );
    assert_eq!(
        format!("{:?}", Expiry::from_yymm(EXPIRY).unwrap()),
        "Expiry"
    );
    assert_eq!(
        format!("{:?}", HolderNo::parse(HOLDER).unwrap()),
        "HolderNo"
    );
    assert_eq!(
        format!("{:?}", PasswordPrefix::parse(PASSWORD).unwrap()),
        "PasswordPrefix"
    );
    assert_eq!(
        format!("{:?}", card()),
        "Card { number: CardNumber, expiry: Expiry }"
    );
    assert_eq!(
        format!("{:?}", proof()),
        "HolderProof { holder_no: HolderNo, password: PasswordPrefix }"
    );
    let proved = AuthenticatedKeyIn::new(order("A-1", 1000), card(), proof(), today()).unwrap();
    let plain = UnauthenticatedKeyIn::new(order("A-1", 1000), card(), today()).unwrap();
    for text in [debug(&proved), debug(&plain)] {
        assert!(
            is_clean(&text) && !text.contains("card") && text.contains("A-1"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn no_answer_and_no_error_shows_card_data() {
    let house = House::of(Sandbox::start().await.unwrap());
    let kinds = [
        None,
        Some(FaultKind::LoseAnswer),
        Some(FaultKind::CutBody {
            at: CutAt::AfterTno,
        }),
        Some(FaultKind::Garbage),
        Some(FaultKind::WrongAmount {
            amount: None,
            books_too: false,
        }),
        Some(FaultKind::NoTno),
        Some(FaultKind::Http500 { status: 500 }),
        Some(FaultKind::DuplicateKeys),
        Some(FaultKind::Refuse {
            res_cd: "CC61".to_owned(),
        }),
        Some(FaultKind::Refuse {
            res_cd: "8996".to_owned(),
        }),
    ];
    for (place, kind) in kinds.into_iter().enumerate() {
        if let Some(kind) = kind {
            house.sandbox.fault(Fault::new(kind)).unwrap();
        }
        let order = order(&format!("L-{place}"), 1000);
        let request = AuthenticatedKeyIn::new(order, card(), proof(), today()).unwrap();
        let text = match house.client.approve(request).await {
            Ok(approval) => {
                let stored = serde_json::to_string(&approval).unwrap();
                format!("{} {stored}", debug(&approval))
            }
            Err(error) => format!(
                "{} {}",
                both(&error),
                serde_json::to_string(&error).unwrap()
            ),
        };
        assert!(is_clean(&text), "{text}");
    }
    assert!(is_clean(&debug(&house.client)));
    assert!(is_clean(&debug(house.client.credentials())));
}

proptest! {
    /// Whatever is typed, a refusal shows no four signs of it in a row.
    #[test]
    fn refusals_show_nothing_of_what_was_typed(
        text in prop_oneof!["[3-9]{5,30}", "[가-힣]{4,20}", "[g-z]{0,3}[3-9]{5,20}[g-z]?", any::<String>()],
    ) {
        let sentences = [
            CardNumber::parse(&text).err(),
            Expiry::from_yymm(&text).err(),
            Expiry::parse(&text).err(),
            HolderNo::parse(&text).err(),
            PasswordPrefix::parse(&text).err(),
        ]
        .into_iter()
        .flatten()
        .map(|refused| both(&refused))
        .collect::<String>();
        let signs: Vec<char> = text.chars().collect();
        for window in signs.windows(4).filter(|w| w.iter().all(|c| ('3'..='9').contains(c) || *c >= '가')) {
            let shown: String = window.iter().collect();
            prop_assert!(!sentences.contains(&shown), "{sentences}");
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = CardNumber::parse(&text).map(|number| (number.passes_luhn(), number.masked()));
        let _ = Expiry::parse(&text).map(|expiry| expiry.has_passed(today()));
        let _ = Expiry::from_yymm(&text);
        let _ = HolderNo::parse(&text).map(|holder| holder.passes_check_digit());
        let _ = PasswordPrefix::parse(&text);
        let _ = nhn_kcp::MaskedCard::parse(&text);
        let _ = nhn_kcp::MaskedCard::from_kcp(&text);
        let _ = nhn_kcp::Amount::parse(&text);
        let _ = nhn_kcp::KcpTime::parse(&text);
        let _ = nhn_kcp::OrderNo::parse(&text);
        let _ = nhn_kcp::GoodsName::parse(&text);
        let _ = nhn_kcp::BuyerMail::parse(&text);
        let _ = nhn_kcp::BuyerPhone::parse(&text);
        let _ = nhn_kcp::Tno::parse(&text);
        let _ = nhn_kcp::ResultCode::parse(&text);
        let _ = nhn_kcp::Gateway::sandbox(&text);
    }

    #[test]
    fn digits_only_texts_of_card_length_are_cards(text in "[0-9]{13,16}") {
        let number = CardNumber::parse(&text).unwrap();
        let masked = number.masked().to_string();
        prop_assert_eq!(masked.len(), text.len());
        prop_assert_eq!(&masked[..6], &text[..6]);
        prop_assert_eq!(&masked[masked.len() - 4..], &text[text.len() - 4..]);
        prop_assert!(masked[6..masked.len() - 4].bytes().all(|b| b == b'*'));
        prop_assert_eq!(nhn_kcp::MaskedCard::parse(&masked).unwrap(), number.masked());
    }
}
