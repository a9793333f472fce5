//! What is sold, to whom, and how it is paid.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::card::CardNumber;
use crate::error::{Field, Invalid, Rule};
use crate::money::{Installments, Money};
use crate::tax::TaxSplit;
use crate::text::{bytes, no_control, text_value};

/// One sale: everything about an approval that is not card data, so it may be stored.
///
/// The fields are free to combine here; what must agree (instalments with the amount, tax parts with
/// the amount) is checked where a request is made of it, by [`check`](Self::check).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The merchant's own order number (`ordr_idxx`).
    pub order_no: OrderNo,
    /// The amount asked (`amount` and `card_mny`, which are the same in key-in payments).
    pub money: Money,
    /// Instalments (`quota`).
    #[serde(default)]
    pub installments: Installments,
    /// What is sold (`good_name`). Optional at KCP; the buyer reads it on the receipt.
    #[serde(default)]
    pub goods_name: Option<GoodsName>,
    /// Who buys.
    #[serde(default)]
    pub buyer: Buyer,
    /// From which address the buyer or the caller asked (`cust_ip`).
    ///
    /// KCP's field has room for IPv4 only, so an IPv6 address is not sent (an IPv4 address mapped
    /// into IPv6 is sent as IPv4). A wrong form here would cost the sale (code 8055); leaving it
    /// empty, as KCP's samples do, costs nothing.
    #[serde(default)]
    pub client_ip: Option<IpAddr>,
    /// How the amount divides for tax, for merchants whose contract says so. Nothing is sent for
    /// `None`.
    #[serde(default)]
    pub tax: Option<TaxSplit>,
}

impl Order {
    /// An order with a number and an amount: lump sum, nothing else known.
    #[must_use]
    pub fn new(order_no: OrderNo, money: Money) -> Self {
        Self {
            order_no,
            money,
            installments: Installments::LUMP_SUM,
            goods_name: None,
            buyer: Buyer::default(),
            client_ip: None,
            tax: None,
        }
    }

    /// Checks what must agree within the order.
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] when instalments do not suit the amount or tax parts do not add up to it.
    pub fn check(&self) -> Result<(), Invalid> {
        self.installments.check(self.money)?;
        self.tax.map_or(Ok(()), |tax| tax.check(self.money.amount))
    }

    /// Checks that no text repeats the number of the card that is to pay: it would be stored and shown.
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] names the field.
    pub fn check_card(&self, card: &CardNumber) -> Result<(), Invalid> {
        let texts = [
            ("order number", "ordr_idxx", Some(self.order_no.as_str())),
            (
                "goods name",
                "good_name",
                self.goods_name.as_ref().map(GoodsName::as_str),
            ),
            (
                "buyer name",
                "buyr_name",
                self.buyer.name.as_ref().map(BuyerName::as_str),
            ),
            (
                "buyer mail",
                "buyr_mail",
                self.buyer.mail.as_ref().map(BuyerMail::as_str),
            ),
            (
                "buyer phone",
                "buyr_tel2",
                self.buyer.phone.as_ref().map(BuyerPhone::as_str),
            ),
        ];
        let mut given = texts
            .into_iter()
            .filter_map(|(name, kcp, text)| Some((Field::new(name, kcp), text?)));
        given.try_for_each(|(field, text)| card.absent(field, text))
    }
}

/// Who buys. Every part is optional at KCP.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Buyer {
    /// Name (`buyr_name`).
    #[serde(default)]
    pub name: Option<BuyerName>,
    /// E-mail (`buyr_mail`). KCP sends the result of the payment there.
    #[serde(default)]
    pub mail: Option<BuyerMail>,
    /// Mobile phone (`buyr_tel2`).
    #[serde(default)]
    pub phone: Option<BuyerPhone>,
}

text_value! {
    /// The merchant's order number `ordr_idxx`: 1 to 40 printable ASCII characters, without spaces,
    /// quotes, and the signs that KCP forbids in text (`, & ; \ | < >`).
    ///
    /// The length and the alphabet come from KCP's manual of the older module (inferred for this
    /// API). Make it unique: KCP only recommends that, but it is how a lost answer is found again.
    OrderNo, check_order_no
}

fn check_order_no(text: &str) -> Result<(), Invalid> {
    const FIELD: Field = Field::new("order number", "ordr_idxx");
    const REMEDY: &str = "letters, digits, and hyphens are always right";
    bytes(text, FIELD, 1, 40, REMEDY)?;
    if text
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"'\"`,&;\\|<>".contains(&b))
    {
        Ok(())
    } else {
        let only = "printable ASCII without spaces, quotes, and any of , & ; \\ | < >";
        Err(Invalid::new(FIELD, Rule::Only(only), REMEDY))
    }
}

text_value! {
    /// What is sold, `good_name`: 1 to 100 bytes of UTF-8 without control characters.
    ///
    /// A Korean letter takes three bytes. Commas, quotes, and emoji are fine: this crate writes JSON
    /// properly, unlike KCP's own samples. The limit is KCP's window's and is counted in bytes
    /// (inferred for this API).
    GoodsName, check_goods_name
}

fn check_goods_name(text: &str) -> Result<(), Invalid> {
    const FIELD: Field = Field::new("goods name", "good_name");
    bytes(
        text,
        FIELD,
        1,
        100,
        "shorten it; a Korean letter takes 3 bytes",
    )?;
    no_control(text, FIELD, "write it on one line")
}

text_value! {
    /// The buyer's name `buyr_name`: 1 to 30 characters without control characters.
    ///
    /// KCP's manuals give the length 30 without saying of what; more than 30 characters cannot fit by
    /// any reading, and fewer are left for KCP to judge (inferred).
    BuyerName, check_buyer_name
}

fn check_buyer_name(text: &str) -> Result<(), Invalid> {
    const FIELD: Field = Field::new("buyer name", "buyr_name");
    if !(1..=30).contains(&text.chars().count()) {
        let rule = Rule::Chars { min: 1, max: 30 };
        return Err(
            Invalid::new(FIELD, rule, "shorten it, or leave it out").with_length(text.len())
        );
    }
    no_control(text, FIELD, "write it on one line")
}

text_value! {
    /// The buyer's e-mail address `buyr_mail`: 3 to 50 bytes of printable ASCII with one `@` inside.
    ///
    /// KCP sends the result of the payment there.
    BuyerMail, check_buyer_mail
}

fn check_buyer_mail(text: &str) -> Result<(), Invalid> {
    const FIELD: Field = Field::new("buyer e-mail", "buyr_mail");
    const REMEDY: &str = "correct it, or leave it out";
    bytes(text, FIELD, 3, 50, REMEDY)?;
    let parts = text
        .split_once('@')
        .filter(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if parts.is_none() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Invalid::new(
            FIELD,
            Rule::Form("user@host in ASCII"),
            REMEDY,
        ));
    }
    Ok(())
}

text_value! {
    /// The buyer's mobile phone number `buyr_tel2`, as it was typed: up to 20 bytes with at least one
    /// digit, with hyphens, spaces, points and parentheses as people set them, and an optional `+` in front.
    BuyerPhone, check_buyer_phone
}

impl BuyerPhone {
    /// The number as it goes to KCP: digits and hyphens, and the `+`.
    #[must_use]
    pub fn to_kcp(&self) -> String {
        let (plus, number) = match self.0.strip_prefix('+') {
            Some(number) => ("+", number),
            None => ("", &*self.0),
        };
        let parts = number.split(|sign: char| !sign.is_ascii_digit());
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        format!("{plus}{}", parts.join("-"))
    }
}

fn check_buyer_phone(text: &str) -> Result<(), Invalid> {
    const FIELD: Field = Field::new("buyer phone", "buyr_tel2");
    const REMEDY: &str = "correct it, or leave it out";
    bytes(text, FIELD, 1, 20, REMEDY)?;
    let number = text.strip_prefix('+').unwrap_or(text);
    let signs = number
        .bytes()
        .all(|b| b.is_ascii_digit() || b"- .()".contains(&b));
    let begins = number == text || number.starts_with(|sign: char| sign.is_ascii_digit());
    if begins && signs && number.bytes().any(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err(Invalid::new(
            FIELD,
            Rule::Only("digits, hyphens, spaces, points and parentheses after an optional +"),
            REMEDY,
        ))
    }
}

text_value! {
    /// Why something is cancelled, `mod_desc`: 1 to 100 bytes of UTF-8 without control characters.
    ///
    /// KCP's manual allows 256, working clients keep to 100; the smaller is safe. A longer text is
    /// refused here, never cut.
    CancelReason, check_cancel_reason
}

fn check_cancel_reason(text: &str) -> Result<(), Invalid> {
    const FIELD: Field = Field::new("cancel reason", "mod_desc");
    bytes(
        text,
        FIELD,
        1,
        100,
        "shorten it; a Korean letter takes 3 bytes",
    )?;
    no_control(text, FIELD, "write it on one line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goods_names_are_counted_in_bytes() {
        let korean = "가".repeat(33);
        assert_eq!(korean.len(), 99);
        assert!(GoodsName::parse(&korean).is_ok());
        assert!(GoodsName::parse(&format!("{korean}a")).is_ok());
        let refused = GoodsName::parse(&format!("{korean}ab")).unwrap_err();
        assert_eq!(refused.length(), Some(101));
        assert_eq!(refused.rule(), Rule::Bytes { min: 1, max: 100 });
        assert!(GoodsName::parse("").is_err());
        assert!(GoodsName::parse("a\nb").is_err());
        assert!(GoodsName::parse("a\u{85}b").is_err());
        assert!(GoodsName::parse("사과, \"배\" & 감 <1> 🍎\\").is_ok());
    }

    #[test]
    fn no_text_repeats_the_card_that_pays() {
        let card = CardNumber::parse("4111111111111111").unwrap();
        let order =
            |order_no: &str| Order::new(OrderNo::parse(order_no).unwrap(), Money::won(1).unwrap());
        for slip in [
            "4111111111111111",
            "A4111111111111111",
            "X-4111/1111.1111_1111-9",
            "a4b111111111111111",
        ] {
            let refused = order(slip).check_card(&card).unwrap_err();
            assert_eq!(refused.kcp_field(), "ordr_idxx", "{slip}");
            assert!(!refused.to_string().contains("1111"), "{refused}");
        }
        for good in ["A-1", "A4242424242424242", "2611300000001234"] {
            assert_eq!(order(good).check_card(&card), Ok(()), "{good}");
        }
        let mut named = order("A-1");
        named.buyer.name = Some(BuyerName::parse("홍길동 ４１１１ 1111 1111 1111").unwrap());
        assert_eq!(
            named.check_card(&card).unwrap_err().kcp_field(),
            "buyr_name"
        );
    }

    #[test]
    fn order_numbers_are_plain() {
        for good in ["A-1", "TEST1234567890", &"x".repeat(40), "a_b.c:d/e#1"] {
            assert!(OrderNo::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "a b",
            "a\"b",
            "a'b",
            "a,b",
            "주문1",
            "a\n",
            &"x".repeat(41),
        ] {
            assert!(OrderNo::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn buyers_are_people() {
        assert!(BuyerName::parse("홍길동").is_ok());
        assert!(BuyerName::parse("김, \"철수\" 🎉").is_ok());
        assert!(BuyerName::parse(&"가".repeat(30)).is_ok());
        assert!(BuyerName::parse(&"가".repeat(31)).is_err());
        assert!(BuyerMail::parse("test@kcp.co.kr").is_ok());
        for bad in ["", "a", "@b.c", "a@", "a@b@c", "a b@c.d", "홍@kcp.co.kr"] {
            assert!(BuyerMail::parse(bad).is_err(), "{bad}");
        }
        for (typed, kcp) in [
            ("01000000000", "01000000000"),
            ("010-0000-0000", "010-0000-0000"),
            ("+82-10-0000-0000", "+82-10-0000-0000"),
            ("+82 10-0000-0000", "+82-10-0000-0000"),
            ("010 0000 0000", "010-0000-0000"),
            ("010.0000.0000", "010-0000-0000"),
            ("(02) 000-3333", "02-000-3333"),
            ("02)000-3333", "02-000-3333"),
            ("1588-0000", "1588-0000"),
        ] {
            let phone = BuyerPhone::parse(typed).unwrap();
            assert_eq!((phone.as_str(), &*phone.to_kcp()), (typed, kcp));
        }
        for bad in ["", "-", "+", "( )", "010+1", "010/1", "전화"] {
            assert!(BuyerPhone::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_order_can_be_stored_and_read_back() {
        let mut order = Order::new(OrderNo::parse("A-1").unwrap(), Money::won(50_000).unwrap());
        order.goods_name = Some(GoodsName::parse("책").unwrap());
        order.installments = Installments::new(3).unwrap();
        order.tax = Some(TaxSplit::Mixed(crate::tax::TaxParts {
            supply: 1,
            vat: 2,
            free: 3,
        }));
        let json = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&json).unwrap(), order);
        assert!(order.check().is_err());
        assert!(serde_json::from_str::<Order>(&json.replace("\"A-1\"", "\"A 1\"")).is_err());
    }
}
