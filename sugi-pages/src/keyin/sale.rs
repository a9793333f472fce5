//! From a form to a sale: every field parsed by its own rule, every mistake named at its field.

use http::StatusCode;
use jiff::civil::Date;
use nhn_kcp::{
    Amount, Buyer, BuyerMail, BuyerName, BuyerPhone, Card, CardNumber, Currency, Expiry, GoodsName,
    HolderNo, HolderProof, Installments, Invalid, Money, Order, OrderNo, PasswordPrefix, TaxParts,
    TaxSplit, korean_date, normal,
    pan::{self, Rule},
};
use sugi_core::{PaymentId, ShopId};
use sugi_engine::Sale;
use zeroize::Zeroizing;

use super::{KeyInMessages, answer::Refused, duplicates::Marks};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    form::{Form, NoAmount},
    lang::fill,
    write,
};

/// A sale that someone asked for.
pub(crate) struct Asked {
    pub(crate) sale: Sale,
    pub(crate) marks: Marks,
    pub(crate) form_key: String,
    /// Why it is to be made although one like it was there.
    pub(crate) anyway: Option<Anyway>,
}

/// A reason to make a sale all the same, and the one payment that it is a reason for: whoever gave it
/// looked at that one and at no other.
pub(crate) struct Anyway {
    pub(crate) reason: String,
    pub(crate) of: PaymentId,
}

/// Reads a form; all that is wrong with it at once.
pub(crate) fn read(
    pages: &Pages,
    current_operator: &CurrentOperator,
    form: &Form,
) -> Result<Asked, Refused> {
    let w = KeyInMessages::of(current_operator.lang);
    let today = korean_date(pages.access().clock().now());
    let mut reading = Reading {
        form,
        w,
        current_operator,
        wrong: Vec::new(),
    };
    // The card first, so that its digits are in types that keep them before anything else fails.
    let card = reading.card(today);
    let proof = reading.proof();
    let shop = reading.shop();
    let order = reading.order();
    // Why it is charged all the same goes into the log.
    if reading.holds_card("anyway", Rule::Text) {
        reading.at("anyway", w.e_card_in_text);
    }
    let (Some(card), Some(proof), Some(shop), Some(order), true) =
        (card, proof, shop, order, reading.wrong.is_empty())
    else {
        return Err(Refused::fields(reading.wrong, w));
    };
    let form_key = form.get("key").to_owned();
    if !(32..=64).contains(&form_key.len()) || !form_key.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return Err(Refused::simple(StatusCode::BAD_REQUEST, "", w.e_other));
    }
    let duplicates = &pages.0.keyin.duplicates;
    let marks = duplicates.marks(&shop, order.money, &form.digits("card"), &buyer_mark(form));
    let by = current_operator.operator().name.clone();
    Ok(Asked {
        sale: Sale {
            shop,
            order,
            card,
            proof,
            key: Some((format!("operator:{by}"), form_key.clone())),
            from: current_operator.from.address,
            by,
        },
        marks,
        form_key,
        anyway: anyway(form),
    })
}

fn anyway(form: &Form) -> Option<Anyway> {
    let reason = form.maybe("anyway")?.chars().take(200).collect();
    let of = form.get("anyway_of").parse().ok()?;
    Some(Anyway { reason, of })
}

/// A form that is being read, and what was wrong with it so far.
struct Reading<'a> {
    form: &'a Form,
    w: &'static KeyInMessages,
    current_operator: &'a CurrentOperator,
    wrong: Vec<(&'static str, String)>,
}

impl Reading<'_> {
    fn at(&mut self, field: &'static str, what: &str) {
        self.wrong.push((field, what.to_owned()));
    }

    /// Whether a text beside the card holds a card number, or the digits of the one that is charged.
    fn holds_card(&self, field: &str, rule: Rule) -> bool {
        let text = self.form.get(field);
        pan::holds(text, rule) || pan::repeats(text, &self.form.digits("card"))
    }

    fn card(&mut self, today: Date) -> Option<Card> {
        let number = CardNumber::parse(&self.form.digits("card")).ok();
        if number.is_none() {
            self.at("card", self.w.e_card);
        }
        let expiry = expiry(self.form).ok();
        match &expiry {
            None => self.at("expiry", self.w.e_expiry),
            Some(expiry) if expiry.has_passed(today) => self.at("expiry", self.w.e_expired),
            Some(_) => {}
        }
        Some(Card::new(number?, expiry?))
    }

    /// The holder's proof, if there is to be one.
    #[allow(clippy::option_option, reason = "a sale without a proof is no mistake")]
    fn proof(&mut self) -> Option<Option<HolderProof>> {
        if self.form.get("proof") == "without" {
            return Some(None);
        }
        let holder = HolderNo::parse(&self.form.digits("holder")).ok();
        if holder.is_none() {
            self.at("holder", self.w.e_holder);
        }
        let password = PasswordPrefix::parse(&self.form.digits("password")).ok();
        if password.is_none() {
            self.at("password", self.w.e_password);
        }
        Some(Some(HolderProof::new(holder?, password?)))
    }

    fn shop(&mut self) -> Option<ShopId> {
        let shop = self.form.get("shop").parse::<ShopId>().ok();
        let shop = shop.filter(|shop| self.current_operator.operator().may_use(shop));
        if shop.is_none() {
            self.at("shop", self.w.e_shop);
        }
        shop
    }

    /// Won, where the form offers nothing else.
    fn currency(&mut self) -> Option<Currency> {
        let currency = self.form.maybe("currency");
        let Ok(currency) = currency.map_or(Ok(Currency::Krw), str::parse) else {
            self.at("currency", self.w.e_currency_word);
            return None;
        };
        if !self.current_operator.operator().may_use_currency(currency) {
            self.at("currency", self.w.e_won_only);
        }
        Some(currency)
    }

    fn money(&mut self) -> Option<Money> {
        let currency = self.currency()?;
        let amount = self.form.money("amount", currency).ok().flatten();
        let amount = amount.and_then(|units| Amount::new(units).ok());
        let Some(amount) = amount else {
            self.at("amount", e_amount(self.w, currency));
            return None;
        };
        let operator = self.current_operator.operator();
        let over = operator.amount_max.filter(|_| currency == Currency::Krw);
        if let Some(most) = over.filter(|_| !operator.may_move(amount.get(), currency)) {
            let most = write::money(self.current_operator.lang, most, "KRW");
            let what = fill(self.w.e_amount_limit, &[&most]);
            self.at("amount", &what);
        }
        Some(Money { amount, currency })
    }

    fn order(&mut self) -> Option<Order> {
        let (form, w) = (self.form, self.w);
        let money = self.money();
        let order_no = self.text_by(Rule::Stored, "order_no", w.e_order_no, OrderNo::parse);
        if form.maybe("order_no").is_none() {
            self.at("order_no", w.e_order_no);
        }
        let goods_name = self.text("product", w.e_product, GoodsName::parse);
        let buyer = Buyer {
            name: self.text("buyer", w.e_buyer, BuyerName::parse),
            mail: self.text("email", w.e_email, BuyerMail::parse),
            phone: self.text("phone", w.e_phone, BuyerPhone::parse),
        };
        let months = form.maybe("months").map_or(Ok(0), str::parse::<u8>);
        let months = months
            .ok()
            .and_then(|months| Installments::new(months).ok());
        let months = months.filter(|months| money.is_none_or(|money| months.check(money).is_ok()));
        let currency = money.map_or(Currency::Krw, |money| money.currency);
        if months.is_none() {
            let what = match currency {
                Currency::Krw => w.e_months,
                Currency::Usd => w.e_months_dollars,
            };
            self.at("months", what);
        }
        let tax = money.map_or(Ok(None), |money| tax(form, money));
        if tax.is_err() {
            self.at("free", e_amount(w, currency));
        }
        Some(Order {
            goods_name,
            buyer,
            installments: months?,
            tax: tax.ok()?,
            ..Order::new(order_no?, money?)
        })
    }

    /// A text that may be left out, parsed by its rule.
    fn text<T>(
        &mut self,
        field: &'static str,
        what: &str,
        parse: fn(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        self.text_by(Rule::Text, field, what, parse)
    }

    /// The same, by the rule for what must not look like a card number.
    fn text_by<T>(
        &mut self,
        rule: Rule,
        field: &'static str,
        what: &str,
        parse: fn(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let text = self.form.maybe(field)?;
        if self.holds_card(field, rule) {
            self.at(field, self.w.e_card_in_text);
            return None;
        }
        let parsed = parse(text).ok();
        if parsed.is_none() {
            self.at(field, what);
        }
        parsed
    }
}

/// What is wrong with an amount of a currency.
fn e_amount(w: &'static KeyInMessages, currency: Currency) -> &'static str {
    match currency {
        Currency::Krw => w.e_amount,
        Currency::Usd => w.e_amount_dollars,
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

/// The tax-free part, where someone gave one; what is left is taxed at ten per cent, which the price
/// holds already.
fn tax(form: &Form, Money { amount, currency }: Money) -> Result<Option<TaxSplit>, ()> {
    let free = form.money("free", currency);
    let Some(free) = free.map_err(|NoAmount| ())? else {
        return Ok(None);
    };
    let taxed = amount.get().checked_sub(free).ok_or(())?;
    let parts = TaxParts::of_price(taxed, free);
    TaxSplit::of(amount, parts).map(Some).map_err(|_| ())
}

/// Who buys: by phone if there is one, for names are many people's.
fn buyer_mark(form: &Form) -> String {
    let phone = normal::phone_digits(form.get("phone"));
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
        let of = |free, amount| tax(&form(&format!("free={free}")), Money::won(amount).unwrap());
        assert_eq!(of("", 1_000), Ok(None));
        assert_eq!(of("1,000", 1_000), Ok(Some(TaxSplit::TaxFree)));
        let (supply, vat, free) = (1_000, 100, 400);
        let mixed = TaxSplit::Mixed(TaxParts { supply, vat, free });
        assert_eq!(of("400", 1_500), Ok(Some(mixed)));
        // As the shop's own books divide it: 1,000 won of taxed goods are 909 and 91.
        let (supply, vat, free) = (909, 91, 400);
        let odd = TaxSplit::Mixed(TaxParts { supply, vat, free });
        assert_eq!(of("400", 1_400), Ok(Some(odd)));
        assert_eq!(of("1,001", 1_000), Err(()));
        let cents = Money::usd_cents(1_500).unwrap();
        let of = |free| tax(&form(&format!("free={free}")), cents);
        assert_eq!(of("4.00"), Ok(Some(mixed)));
        assert_eq!(of("4"), Ok(Some(mixed)));
        assert_eq!(of("400"), Err(()));
    }

    #[test]
    fn a_buyer_is_known_by_phone_before_name() {
        assert_eq!(
            buyer_mark(&form("phone=010-1234-5678&buyer=Kim")),
            "01012345678"
        );
        assert_eq!(buyer_mark(&form("phone=%2B82+10-1234-5678")), "01012345678");
        assert_eq!(buyer_mark(&form("buyer=Hong Gil")), "honggil");
    }
}
