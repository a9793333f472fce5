//! From a form to a sale: every field parsed by its own rule, every mistake named at its field.

use nhn_kcp::{
    Amount, Buyer, BuyerMail, BuyerName, BuyerPhone, Card, CardNumber, Currency, Expiry, GoodsName,
    HolderNo, HolderProof, Installments, Money, Order, OrderNo, PasswordPrefix, TaxParts, TaxSplit,
    korean_date,
};
use sugi_core::ShopId;
use sugi_engine::Sale;
use zeroize::Zeroizing;

use super::{KeyInWords, answer::Refused, guard::Marks};
use crate::{Pages, form::Form, lang::fill, visitor::Visitor, write};

/// A sale that somebody asked for.
pub(crate) struct Asked {
    pub(crate) sale: Sale,
    pub(crate) marks: Marks,
    pub(crate) form_key: String,
    /// Why it is to be made although one like it was there.
    pub(crate) anyway: Option<String>,
}

/// Reads a form; all that is wrong with it at once.
pub(crate) fn read(pages: &Pages, visitor: &Visitor, form: &Form) -> Result<Asked, Refused> {
    let w = KeyInWords::of(visitor.lang);
    let mut wrong = Vec::new();
    let mut at = |field: &'static str, what: &str| wrong.push((field, what.to_owned()));

    // The card first, so that its digits are in types that keep them before anything else fails.
    let number = form.digits("card");
    let card_number = CardNumber::parse(&number)
        .map_err(|_| at("card", w.e_card))
        .ok();
    let expiry = expiry(form).map_err(|()| at("expiry", w.e_expiry)).ok();
    let today = korean_date(pages.access().clock().now());
    let expiry = expiry.filter(|expiry| {
        let good = !expiry.has_passed(today);
        if !good {
            at("expiry", w.e_expired);
        }
        good
    });
    let proof = if form.get("proof") == "without" {
        None
    } else {
        let holder = HolderNo::parse(&form.digits("holder"));
        let password = PasswordPrefix::parse(&form.digits("password"));
        let holder = holder.map_err(|_| at("holder", w.e_holder)).ok();
        let password = password.map_err(|_| at("password", w.e_password)).ok();
        Some(holder.zip(password))
    };

    let shop = form.get("shop").parse::<ShopId>().ok();
    let shop = shop.filter(|shop| visitor.operator().may_use(shop));
    if shop.is_none() {
        at("shop", w.e_shop);
    }
    let digits = form.digits("amount").replace([',', '원', '₩'], "");
    let amount = digits
        .parse::<u64>()
        .ok()
        .and_then(|won| Amount::new(won).ok());
    match amount {
        None => at("amount", w.e_amount),
        Some(amount) if !visitor.operator().may_move(amount.get(), true) => {
            let most = visitor.operator().amount_max.unwrap_or(0);
            let most = write::money(visitor.lang, most, "KRW");
            at("amount", &fill(w.e_amount_limit, &[&most]));
        }
        Some(_) => {}
    }

    let mut text = |field: &'static str, what: &str, fits: &dyn Fn(&str) -> bool| {
        let Some(text) = form.maybe(field) else {
            return;
        };
        if sugi_api::holds_card_number(text, true) {
            at(field, w.e_card_in_text);
        } else if !fits(text) {
            at(field, what);
        }
    };
    text("order_no", w.e_order_no, &|text| {
        OrderNo::parse(text).is_ok()
    });
    text("product", w.e_product, &|text| {
        GoodsName::parse(text).is_ok()
    });
    text("buyer", w.e_buyer, &|text| BuyerName::parse(text).is_ok());
    text("phone", w.e_phone, &|text| BuyerPhone::parse(text).is_ok());
    text("email", w.e_email, &|text| BuyerMail::parse(text).is_ok());
    if form.maybe("order_no").is_none() {
        at("order_no", w.e_order_no);
    }
    let months = form.maybe("months").map_or(Ok(0), str::parse::<u8>);
    let months = months
        .ok()
        .and_then(|months| Installments::new(months).ok());
    let months =
        months.filter(|months| amount.is_none_or(|amount| months.check(money(amount)).is_ok()));
    if months.is_none() {
        at("months", w.e_months);
    }
    let tax = tax(form, amount).map_err(|()| at("free", w.e_amount)).ok();

    let (Some(number_kept), Some(expiry), Some(shop), Some(amount), Some(months), Some(tax)) =
        (card_number, expiry, shop, amount, months, tax)
    else {
        return Err(Refused::fields(wrong, w));
    };
    let proof = match proof {
        Some(None) => return Err(Refused::fields(wrong, w)),
        Some(Some((holder, password))) => Some(HolderProof::new(holder, password)),
        None => None,
    };
    if !wrong.is_empty() {
        return Err(Refused::fields(wrong, w));
    }
    let form_key = form.get("key").to_owned();
    if !(32..=64).contains(&form_key.len()) || !form_key.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return Err(Refused::simple(
            http::StatusCode::BAD_REQUEST,
            "",
            w.e_other,
        ));
    }
    let Ok(order_no) = OrderNo::parse(form.get("order_no")) else {
        return Err(Refused::fields(vec![("order_no", w.e_order_no.into())], w));
    };
    let who = buyer_mark(form);
    let marks = pages
        .0
        .keyin
        .guard
        .marks(&shop, amount.get(), &number, &who);
    let name = &visitor.operator().name;
    let order = Order {
        goods_name: form.maybe("product").and_then(|text| text.parse().ok()),
        buyer: Buyer {
            name: form.maybe("buyer").and_then(|text| text.parse().ok()),
            mail: form.maybe("email").and_then(|text| text.parse().ok()),
            phone: form.maybe("phone").and_then(|text| text.parse().ok()),
        },
        installments: months,
        tax,
        ..Order::new(order_no, money(amount))
    };
    Ok(Asked {
        sale: Sale {
            shop,
            order,
            card: Card::new(number_kept, expiry),
            proof,
            by: name.clone(),
            key: Some((format!("operator:{name}"), form_key.clone())),
        },
        marks,
        form_key,
        anyway: form
            .maybe("anyway")
            .map(|reason| reason.chars().take(200).collect()),
    })
}

fn money(amount: Amount) -> Money {
    Money {
        amount,
        currency: Currency::Krw,
    }
}

/// As the card prints it: month and year, with or without a stroke between.
fn expiry(form: &Form) -> Result<Expiry, ()> {
    let digits = Zeroizing::new(form.digits("expiry").replace('/', ""));
    let (month, year) = digits.split_at_checked(2).ok_or(())?;
    let two = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !two(month) || !two(year) {
        return Err(());
    }
    let yymm = Zeroizing::new(format!("{year}{month}"));
    Expiry::from_yymm(&yymm).map_err(|_| ())
}

/// The tax-free part, where somebody gave one; what is left is taxed at ten per cent, which the price
/// holds already.
fn tax(form: &Form, amount: Option<Amount>) -> Result<Option<TaxSplit>, ()> {
    let digits = form.digits("free").replace([',', '원', '₩'], "");
    if digits.is_empty() {
        return Ok(None);
    }
    let free: u64 = digits.parse().map_err(|_| ())?;
    let Some(amount) = amount else {
        return Ok(None);
    };
    let taxed = amount.get().checked_sub(free).ok_or(())?;
    let vat = taxed / 11;
    let supply = taxed - vat;
    let parts = TaxParts { supply, vat, free };
    TaxSplit::of(amount, parts).map(Some).map_err(|_| ())
}

/// Who buys: by phone if there is one, for names are many people's.
fn buyer_mark(form: &Form) -> String {
    let phone: String = form
        .get("phone")
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    if phone.is_empty() {
        form.get("buyer")
            .split_whitespace()
            .collect::<String>()
            .to_lowercase()
    } else {
        phone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Form {
        Form::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_expiry_is_read_as_the_card_prints_it() {
        let today = "2028-09-30".parse().unwrap();
        for text in ["0928", "09/28", "09 28", "09-28", "09 / 28", "０９/２８"] {
            let expiry = expiry(&form(&format!("expiry={text}"))).unwrap();
            assert!(!expiry.has_passed(today), "{text}");
        }
        for text in ["", "1328", "09", "9/28", "09/2028", "2809", "aa/bb"] {
            assert!(expiry(&form(&format!("expiry={text}"))).is_err(), "{text}");
        }
    }

    #[test]
    fn the_tax_free_part_leaves_the_rest_taxed() {
        let of = |free, amount| tax(&form(&format!("free={free}")), Amount::new(amount).ok());
        assert_eq!(of("", 1_000), Ok(None));
        assert_eq!(of("1,000", 1_000), Ok(Some(TaxSplit::TaxFree)));
        let (supply, vat, free) = (1_000, 100, 400);
        let mixed = TaxSplit::Mixed(TaxParts { supply, vat, free });
        assert_eq!(of("400", 1_500), Ok(Some(mixed)));
        assert_eq!(of("1,001", 1_000), Err(()));
    }

    #[test]
    fn a_buyer_is_known_by_phone_before_name() {
        assert_eq!(
            buyer_mark(&form("phone=010-1234-5678&buyer=Kim")),
            "01012345678"
        );
        assert_eq!(buyer_mark(&form("buyer=Hong Gil")), "honggil");
    }
}
