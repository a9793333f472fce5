//! Inquiry, `/std/inquery` (KCP's spelling): what has become of a payment.

use std::sync::Arc;

use crate::approve::put_success;
use crate::books::State;
use crate::cards::Behaviour;
use crate::clock;
use crate::gateway::Decision;
use crate::ledger::{Ledger, Row};
use crate::lint::{Finding, LintKind};
use crate::reply::{Refusal, Reply};
use crate::settings::{InquirySignature, Mask};
use crate::shop::Request;

/// A question that was judged well-formed and signed.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub(crate) site_cd: Arc<str>,
    pub(crate) what: What,
}

#[derive(Clone)]
pub(crate) enum What {
    Tno(u64),
    /// The day of the approval in Korean time (`yyyyMMdd`) and the order number.
    Order {
        day: String,
        order: Arc<str>,
    },
}

pub(crate) fn judge(mut request: Request<'_>) -> Result<Decision, Refusal> {
    let request = &mut request;
    let shop = request.shop()?;
    let tno = request.tno()?;
    let pay_type = request.get("pay_type");
    if pay_type.is_empty() {
        return Err(Refusal::new("8511", "pay_type is missing; a card is PACA"));
    }
    if pay_type != "PACA" {
        return Err(Refusal::new("8511", "this sandbox knows cards alone, PACA"));
    }
    signature(request, shop, pay_type)?;
    let order = match request.get("ordr_idxx") {
        "" => request.get("mod_ordr_idxx"),
        order => order,
    };
    let text = request.get("tno");
    let by_order = !order.is_empty() && text.ends_with("000000");
    let what = if by_order && request.settings.order_lookup {
        What::Order {
            day: text[..8].to_owned(),
            order: order.into(),
        }
    } else {
        if by_order {
            request.lint(Finding::new(LintKind::OrderLookupOff));
        }
        What::Tno(tno)
    };
    Ok(Decision::Inquire(Lookup {
        site_cd: shop.site_cd.clone(),
        what,
    }))
}

fn signature(
    request: &mut Request<'_>,
    shop: &crate::shop::Shop,
    pay_type: &str,
) -> Result<(), Refusal> {
    let rule = request.settings.inquiry_signature;
    if rule == InquirySignature::Optional && request.get("kcp_sign_data").is_empty() {
        return Ok(());
    }
    let text = |last: &str| format!("{}^{}^{last}", shop.site_cd, request.get("tno"));
    // No inquiry carries a mod_type in what was seen; STSQ is the one of the older TCP module.
    let mod_type = match request.get("mod_type") {
        "" => "STSQ",
        mod_type => mod_type,
    };
    let texts = match rule {
        InquirySignature::PayType | InquirySignature::Optional => vec![text(pay_type)],
        InquirySignature::ModType => vec![text(mod_type)],
        InquirySignature::Either => vec![text(pay_type), text(mod_type)],
    };
    let found = request.signed(shop, &texts)?;
    if found == 1 {
        request.lint(Finding::of(
            LintKind::InquirySignedByModType,
            "kcp_sign_data",
        ));
    }
    Ok(())
}

/// The payment asked for.
pub(crate) fn look_up(ledger: &Ledger, lookup: &Lookup) -> Result<Row, Refusal> {
    let row = match &lookup.what {
        What::Tno(tno) => ledger.find(*tno, &lookup.site_cd),
        What::Order { day, order } => ledger.last_of_order(order, |row| {
            row.approval.site_cd == lookup.site_cd && clock::kcp_time(row.booked).starts_with(day)
        }),
    };
    let Some(row) = row else {
        return Err(Refusal::new("8132", "no payment of this site_cd fits"));
    };
    if let Behaviour::RefuseInquiry(code) = row.approval.card.behaviour {
        return Err(Refusal {
            code,
            detail: "magic card".into(),
        });
    }
    Ok(row.clone())
}

/// The answer: the payment and how much of it is left. It lists no single cancels, as at KCP.
pub(crate) fn answer(row: &Row, trace_no: String, mask: Mask) -> Reply {
    let card = &row.approval.card;
    let (state, cancelled) = match row.state() {
        State::Approved => ("STSR", "N"),
        State::PartiallyCancelled => ("STPC", "N"),
        State::Cancelled => ("STSC", "Y"),
    };
    let mut reply = Reply::with_capacity(30);
    put_success(&mut reply);
    reply.put("trace_no", trace_no);
    reply.put("pay_method", "PACA");
    reply.put("tno", row.tno());
    reply.put("order_no", row.approval.order.to_string());
    reply.put("amount", row.approval.amount.to_string());
    reply.put("card_mny", row.approval.amount.to_string());
    reply.put("rem_mny", row.remaining().to_string());
    reply.put("stat_ca_cd", state);
    reply.put("shop_status", state);
    reply.put("canc_card_yn", cancelled);
    reply.put("app_time", clock::kcp_time(row.booked));
    reply.put("app_no", format!("{:08}", row.numbers.app_no));
    if let Some(last) = row.cancels.last() {
        reply.put("canc_time", clock::kcp_time(last.at));
        reply.put("can_time", clock::kcp_time(last.at));
    }
    reply.put("card_cd", card.issuer.card_cd);
    reply.put("card_name", card.issuer.card_name);
    reply.put("acqu_cd", card.issuer.acqu_cd);
    reply.put("acqu_name", card.issuer.acqu_name);
    reply.put("card_no", card.masked.with(mask.sign()));
    reply.put("quota", format!("{:02}", row.approval.quota));
    reply.put("noinf", "N");
    reply.put("partcanc_yn", if card.partial_cancel { "Y" } else { "N" });
    reply
}
