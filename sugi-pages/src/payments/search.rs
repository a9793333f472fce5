//! One search box for everything that a caller can name: what was typed says by its form what it can
//! be, and each of those is looked up by an index of its own.

use nhn_kcp::{
    OrderNo, normal,
    pan::{self, Rule},
};
use sugi_core::order_number::is_marked;
use sugi_store::{Filter, Store, StoreError, Text};

/// The last four digits of a card number that someone typed, by which its payments are found. What can
/// be an order number is taken for one wherever it may be one.
pub(crate) fn last_four_of_card(text: &str) -> Option<String> {
    let text = text.trim();
    let rule = match OrderNo::parse(text) {
        Ok(_) => Rule::Stored,
        Err(_) => Rule::Text,
    };
    pan::last_four(text, rule)
}

/// What begins with what was typed: a caller tells the beginning, and a long number is typed in part.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    orders: Vec<String>,
    names: Vec<String>,
    /// More than are looked through. Then only what is named whole is found.
    pub(crate) too_many: bool,
}

impl Begun {
    pub(crate) async fn of(store: &Store, text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        let mut begun = Self::default();
        if text.is_empty() {
            return Ok(begun);
        }
        let named = [
            (Text::OrderNo, &mut begun.orders),
            (Text::BuyerName, &mut begun.names),
        ];
        for (what, found) in named {
            *found = store.beginning(what, text).await?;
            if found.len() > Text::MOST {
                begun.too_many = true;
                // The whole text is the first that begins with it.
                found.retain(|one| one == text);
            }
        }
        Ok(begun)
    }
}

/// What a text can be, each as a filter over `base`. Nothing typed is everything.
pub(crate) fn alternatives(text: &str, begun: Begun, base: &Filter) -> Vec<Filter> {
    let text = text.trim();
    if text.is_empty() {
        return vec![base.clone()];
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_number = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '-' | ' ' | '+' | '.' | '(' | ')'));
    let mut found = Vec::new();
    // Of no order and no one would be of all.
    if !begun.orders.is_empty() {
        found.push(Filter {
            order_nos: begun.orders,
            ..base.clone()
        });
    }
    if !begun.names.is_empty() {
        found.push(Filter {
            buyer_names: begun.names,
            ..base.clone()
        });
    }
    if is_marked(text) {
        found.push(Filter {
            kcp_order_no: Some(text.into()),
            ..base.clone()
        });
    }
    if text.len() <= 12 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        found.push(Filter {
            app_no: Some(text.into()),
            ..base.clone()
        });
    }
    if is_number && digits.len() == 4 {
        found.push(Filter {
            last4: Some(digits.clone()),
            ..base.clone()
        });
    }
    if is_number && digits.len() == 14 {
        found.push(Filter {
            tno: Some(digits.clone()),
            ..base.clone()
        });
    }
    if is_number && (7..=15).contains(&digits.len()) {
        // However it was written down, it is kept by its digits.
        found.push(Filter {
            buyer_phone: Some(normal::phone_digits(text)),
            ..base.clone()
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<String> {
        let begun = Begun {
            orders: vec![text.trim().into()],
            names: vec![format!("{}!", text.trim())],
            too_many: false,
        };
        let found = alternatives(text, begun, &Filter::default());
        let mut named: Vec<String> = found
            .into_iter()
            .map(|filter| {
                let named = [
                    ("order", filter.order_nos.first().cloned()),
                    ("name", filter.buyer_names.first().cloned()),
                    ("kcp_order_no", filter.kcp_order_no),
                    ("app_no", filter.app_no),
                    ("last4", filter.last4),
                    ("tno", filter.tno),
                    ("phone", filter.buyer_phone),
                ];
                let (name, text) = named.into_iter().find(|(_, text)| text.is_some()).unwrap();
                format!("{name} {}", text.unwrap())
            })
            .collect();
        named.sort();
        named
    }

    #[test]
    fn of_a_card_its_last_four_digits_are_looked_for() {
        for typed in [
            "4111111111111111",
            "4111-1111-1111-1111",
            " 4111 1111 1111 1111 ",
            "41111111 11111111",
            "４１１１\u{a0}１１１１\u{a0}１１１１\u{a0}１１１１",
            "홍길동 4111111111111111",
        ] {
            let four = last_four_of_card(typed);
            assert_eq!(four.as_deref(), Some("1111"), "{typed}");
        }
        for typed in [
            "1234",
            "26000000000001",
            "010-1234-5678",
            // An order number, as it may be one.
            "41111111-11111111",
            "홍길동",
        ] {
            assert_eq!(last_four_of_card(typed), None, "{typed}");
        }
    }

    #[test]
    fn what_was_typed_says_what_it_can_be() {
        assert_eq!(fields(" 홍길동 "), ["name 홍길동!", "order 홍길동"]);
        assert_eq!(
            fields("1111"),
            ["app_no 1111", "last4 1111", "name 1111!", "order 1111"]
        );
        let at_kcp = "A-1-BCDFGHJKLMNP";
        assert!(fields(at_kcp).contains(&format!("kcp_order_no {at_kcp}")));
        assert!(fields("26000000000001").contains(&"tno 26000000000001".into()));
        for typed in [
            "01012345678",
            "010-1234-5678",
            "010 1234 5678",
            "+82 10-1234-5678",
            "+82(0)10.1234.5678",
        ] {
            let found = fields(typed);
            let phone = "phone 01012345678".into();
            assert!(found.contains(&phone), "{typed}: {found:?}");
        }
        assert!(fields("02)000-3333").contains(&"phone 020003333".into()));
        assert!(fields("1588-0000").contains(&"phone 15880000".into()));
        let nothing = |text| alternatives(text, Begun::default(), &Filter::default()).len();
        assert_eq!((nothing(""), nothing("홍길동")), (1, 0));
    }
}
