//! The approval on the wire: `/gw/hub/v1/payment`.

use std::net::IpAddr;

use crate::approve::KeyIn;
use crate::money::{Currency, Money};
use crate::order::{BuyerPhone, Order, OrderNo};
use crate::outcome::{ApproveError, Lost, LostWhy};
use crate::reply::{Approval, Interest};
use crate::tax::{TaxParts, TaxSplit};
use crate::tno::{SiteCode, Tno};
use crate::verdict::{Operation, Says};
use crate::wire::{Body, Fields, find_text, find_tno};

pub(super) const PATH: &str = "/gw/hub/v1/payment";

/// The names under which an answer can say the order number.
pub(super) const ORDER_FIELDS: [&str; 2] = ["order_no", "ordr_idxx"];

/// What an approval stands on besides its code.
const MONEY_FIELDS: [&str; 4] = ["tno", "amount", "card_mny", "currency"];

/// What was asked, as far as the answer is held against it.
pub(super) struct Asked {
    money: Money,
    order_no: OrderNo,
}

impl Asked {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            money: order.money,
            order_no: order.order_no.clone(),
        }
    }
}

/// Writes the request, in the order of the guide's example.
pub(super) fn write<K: KeyIn>(site_code: &SiteCode, cert_info: &str, request: &K) -> Body {
    let order = request.order();
    let amount = order.money.amount.to_string();
    let client_ip = order
        .client_ip
        .as_ref()
        .and_then(as_ipv4)
        .unwrap_or_default();
    let tax = order.tax.map(tax_fields);
    let mut fields = vec![
        ("site_cd", site_code.as_str()),
        ("kcp_cert_info", cert_info),
        ("pay_method", "CARD"),
        ("cust_ip", &client_ip),
        ("amount", &amount),
        ("card_mny", &amount),
        ("currency", order.money.currency.kcp_code()),
        ("quota", order.installments.kcp_quota()),
        ("ordr_idxx", order.order_no.as_str()),
    ];
    fields.extend(
        order
            .goods_name
            .as_ref()
            .map(|name| ("good_name", name.as_str())),
    );
    fields.extend(
        order
            .buyer
            .name
            .as_ref()
            .map(|name| ("buyr_name", name.as_str())),
    );
    fields.extend(
        order
            .buyer
            .mail
            .as_ref()
            .map(|mail| ("buyr_mail", mail.as_str())),
    );
    let phone = order.buyer.phone.as_ref().map(BuyerPhone::to_kcp);
    fields.extend(phone.as_deref().map(|phone| ("buyr_tel2", phone)));
    fields.extend(
        tax.iter()
            .flatten()
            .map(|(name, value)| (*name, value.as_str())),
    );
    fields.push(("card_tx_type", K::CARD_TX_TYPE));
    fields.push(("card_no", request.card().number.expose()));
    fields.push(("card_expiry", request.card().expiry.expose()));
    if let Some(proof) = request.proof() {
        fields.push(("card_taxno", proof.holder_no.expose()));
        fields.push(("card_pwd", proof.password.expose()));
    }
    Body::of(&fields)
}

/// Reads the answer. An approval is `0000`, a transaction number, and the amount that was asked;
/// anything that contradicts these is no approval and no decline either.
pub(super) fn read(body: &[u8], asked: &Asked) -> Result<Approval, ApproveError> {
    let unknown = |why| ApproveError::Unknown(lost(why, body, asked));
    let mut fields = Fields::read(body).map_err(unknown)?;
    let code = fields.take_code().ok_or_else(|| unknown(LostWhy::NoCode))?;
    fields.whole(&ORDER_FIELDS).map_err(unknown)?;
    if !names_order(&fields, &asked.order_no) {
        return Err(unknown(LostWhy::WrongOrder));
    }
    if !code.is_ok() {
        return Err(match code.verdict(Operation::Approve).says {
            Says::Refused => ApproveError::Declined(fields.take_refusal(code)),
            _ => unknown(LostWhy::AmbiguousCode(code)),
        });
    }
    fields.whole(&MONEY_FIELDS).map_err(unknown)?;
    let tno = fields.get("tno").and_then(|tno| Tno::parse(tno).ok());
    let tno = tno.ok_or_else(|| unknown(LostWhy::NoTno))?;
    check_money(&fields, asked.money).map_err(unknown)?;
    Ok(approval(tno, asked.money, fields))
}

/// An answer that settles nothing, with the transaction number that can still be read in it: unless the
/// same ruins name another order, because that number is someone else's payment.
pub(super) fn lost(why: LostWhy, body: &[u8], asked: &Asked) -> Lost {
    let foreign = ORDER_FIELDS
        .iter()
        .flat_map(|name| find_text(body, name))
        .any(|order_no| !order_no.is_empty() && order_no != asked.order_no.as_str().as_bytes());
    Lost::new(why, find_tno(body).filter(|_| !foreign))
}

fn approval(tno: Tno, money: Money, mut fields: Fields) -> Approval {
    for known in ["tno", "amount", "order_no"] {
        fields.take(known);
    }
    Approval {
        tno,
        amount: money.amount,
        card_amount: fields.take_text("card_mny").map(|_| money.amount),
        issuer: fields.take_company("card_cd", "card_name"),
        acquirer: fields.take_company("acqu_cd", "acqu_name"),
        card: fields.take_card(),
        app_no: fields.take_id("app_no"),
        app_time: fields.take_time("app_time"),
        installment_months: fields.take("quota").and_then(|months| months.parse().ok()),
        interest: interest(&mut fields),
        partial_cancel_allowed: fields.take_flag("partcanc_yn", "Y", "N"),
        corporate: fields.take_flag("card_bin_type_01", "1", "0"),
        check_card: fields.take_flag("card_bin_type_02", "1", "0"),
        bank_code: fields.take_id("card_bin_bank_cd"),
        message: fields.take_text("res_msg").unwrap_or_default(),
        message_en: fields.take_text("res_en_msg"),
        damaged: fields.damaged(),
        extra: fields.into_extra(),
    }
}

fn check_money(fields: &Fields, asked: Money) -> Result<(), LostWhy> {
    let amount = fields
        .amount("amount")
        .ok()
        .flatten()
        .ok_or(LostWhy::NoAmount)?;
    if amount != asked.amount {
        return Err(LostWhy::WrongAmount {
            asked: asked.amount,
            answered: amount,
        });
    }
    match fields.amount("card_mny") {
        Ok(None) => {}
        Ok(Some(card)) if card == asked.amount => {}
        _ => return Err(LostWhy::WrongCardAmount),
    }
    let fits = match fields.get("currency") {
        None | Some("") => true,
        Some("410" | "KRW" | "WON") => asked.currency == Currency::Krw,
        Some("840" | "USD") => asked.currency == Currency::Usd,
        Some(_) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(LostWhy::WrongCurrency)
    }
}

/// Whether the order number in an answer, where there is one, is the one asked about. Another one
/// means that the answer belongs to another request.
pub(super) fn names_order(fields: &Fields, asked: &OrderNo) -> bool {
    ORDER_FIELDS
        .iter()
        .filter_map(|name| fields.get(name))
        .all(|order_no| order_no.is_empty() || order_no == asked.as_str())
}

fn interest(fields: &mut Fields) -> Option<Interest> {
    let free = fields.take_flag("noinf", "Y", "N")?;
    let by = fields.take("noinf_type");
    Some(match (free, by.as_deref()) {
        (false, _) => Interest::Buyer,
        (true, Some("CARD")) => Interest::Issuer,
        (true, Some("SHOP")) => Interest::Merchant,
        (true, _) => Interest::NotBuyer,
    })
}

fn as_ipv4(address: &IpAddr) -> Option<String> {
    match address.to_canonical() {
        IpAddr::V4(address) => Some(address.to_string()),
        IpAddr::V6(_) => None,
    }
}

fn tax_fields(tax: TaxSplit) -> Vec<(&'static str, String)> {
    let mut fields = vec![("tax_flag", tax.kcp_flag().to_owned())];
    if let Some(TaxParts { supply, vat, free }) = tax.parts() {
        fields.push(("comm_tax_mny", supply.to_string()));
        fields.push(("comm_vat_mny", vat.to_string()));
        fields.push(("comm_free_mny", free.to_string()));
    }
    fields
}

#[cfg(test)]
mod tests;
