//! Cancel, `/gw/mod/v1/cancel`: full (STSC) and partial (STPC).

use std::sync::Arc;

use jiff::Timestamp;

use crate::approve::put_success;
use crate::books::State;
use crate::cards::Behaviour;
use crate::clock;
use crate::gateway::Decision;
use crate::ledger::{CancelRow, Ledger, Row};
use crate::lint::{Finding, LintKind};
use crate::reply::{Refusal, Reply};
use crate::settings::Settings;
use crate::shop::Request;
use crate::tax::{self, TaxParts};

/// A cancel that was judged well-formed and signed. Whether it is possible, the books say.
#[derive(Clone)]
pub(crate) struct CancelOrder {
    pub(crate) site_cd: Arc<str>,
    pub(crate) tno: u64,
    pub(crate) how: How,
}

#[derive(Clone, Copy)]
pub(crate) enum How {
    Full,
    /// `rem_mny` is a compare-and-swap: what the caller believes to be left.
    Partial {
        amount: u64,
        believed_left: u64,
        tax: Option<TaxParts>,
    },
}

pub(crate) fn judge(mut request: Request<'_>) -> Result<Decision, Refusal> {
    let request = &mut request;
    let shop = request.shop()?;
    let mod_type = request.get("mod_type");
    let tno = request.tno()?;
    if !matches!(mod_type, "STSC" | "STPC") {
        return Err(Refusal::new("8073", "mod_type takes STSC or STPC"));
    }
    let text = format!("{}^{}^{mod_type}", shop.site_cd, request.get("tno"));
    request.signed(shop, &[text])?;
    if !request.settings.ip_registered {
        return Err(Refusal::new("8012", "the setting ip_registered is off"));
    }
    let how = if mod_type == "STSC" {
        for field in ["mod_mny", "rem_mny"].into_iter().chain(tax::OF_CANCEL) {
            if !request.get(field).is_empty() {
                request.lint(Finding::of(LintKind::FullCancelWithAmounts, field));
            }
        }
        How::Full
    } else {
        if !request.settings.partial_cancel {
            return Err(Refusal::new("8392", "the setting partial_cancel is off"));
        }
        let amount = request.amount("mod_mny", "8082")?;
        let believed_left = request.amount("rem_mny", "8084")?;
        if amount == 0 {
            return Err(Refusal::new("8035", "mod_mny is zero"));
        }
        How::Partial {
            amount,
            believed_left,
            tax: tax::of_cancel(request, amount)?,
        }
    };
    Ok(Decision::Cancel(CancelOrder {
        site_cd: shop.site_cd.clone(),
        tno,
        how,
    }))
}

/// A cancel that went into the books.
pub(crate) struct Done {
    row: Row,
    cancel: CancelRow,
    pub(crate) findings: Vec<Finding>,
}

/// Changes the books, or says why not. Without `book`, says what it would have done.
pub(crate) fn apply(
    ledger: &mut Ledger,
    order: &CancelOrder,
    settings: &Settings,
    now: Timestamp,
    book: bool,
) -> Result<Done, Refusal> {
    let Some(row) = ledger.find_mut(order.tno, &order.site_cd) else {
        return Err(Refusal::new(
            "8132",
            "no payment of this site_cd has this tno",
        ));
    };
    let mut copy;
    let row = if book {
        row
    } else {
        copy = row.clone();
        &mut copy
    };
    if let Behaviour::RefuseCancel(code) = row.approval.card.behaviour {
        return Err(Refusal {
            code,
            detail: "magic card".into(),
        });
    }
    let (state, left) = (row.state(), row.remaining());
    let mut findings = Vec::new();
    let mut tax_left = row.tax_left;
    let done = match order.how {
        _ if state == State::Cancelled => {
            return Err(Refusal::new("8133", "nothing is left to cancel"));
        }
        How::Full if state == State::PartiallyCancelled => {
            return Err(Refusal::new("8040", "cancel the rest with STPC"));
        }
        How::Full => {
            tax_left = row.tax_left.map(|_| TaxParts::NOTHING);
            CancelRow {
                amount: left,
                remaining: 0,
                partial: false,
                tax: row.tax_left,
                at: now,
            }
        }
        How::Partial { .. } if !row.approval.card.partial_cancel => {
            return Err(Refusal::new("8385", "partcanc_yn of this payment is N"));
        }
        // The belief first: it says that someone else cancelled, which is why the amount is too much.
        How::Partial { believed_left, .. } if believed_left != left => {
            return Err(Refusal::new(
                "8037",
                "rem_mny is not what is left; read again",
            ));
        }
        How::Partial { amount, .. } if amount > left => {
            return Err(Refusal::new("8036", "mod_mny is more than is left"));
        }
        How::Partial { .. } if row.cancels.len() >= settings.max_partial_cancels as usize => {
            return Err(Refusal::new("8386", "the setting max_partial_cancels"));
        }
        How::Partial { amount, tax, .. } => {
            tax_left = match (tax_left, tax) {
                (Some(left), Some(taken)) => Some(left.less(taken)?),
                (Some(_), None) => {
                    let detail = "a mixed-tax payment: send tax_flag TG03 and the parts";
                    return Err(Refusal::new("8011", detail));
                }
                (None, Some(_)) => {
                    return Err(Refusal::new("8074", "this payment was not mixed-tax"));
                }
                (None, None) => None,
            };
            if amount == row.approval.amount {
                let finding = Finding::of(LintKind::PartialForWhole, "mod_mny");
                if let Some(code) = finding.strict_code().filter(|_| settings.strict) {
                    return Err(Refusal {
                        code,
                        detail: "use STSC for the whole".into(),
                    });
                }
                findings.push(finding);
            }
            CancelRow {
                amount,
                remaining: left - amount,
                partial: true,
                tax,
                at: now,
            }
        }
    };
    row.cancelled += done.amount;
    row.tax_left = tax_left;
    row.cancels.push(done);
    Ok(Done {
        row: row.clone(),
        cancel: done,
        findings,
    })
}

/// The answer to a cancel that was done. Amounts left are those after it, as real answers have them.
pub(crate) fn answer(done: &Done, trace_no: String, serial: u64) -> Reply {
    let Done {
        row, cancel: done, ..
    } = done;
    let card = &row.approval.card;
    let mut reply = Reply::with_capacity(40);
    put_success(&mut reply);
    reply.put("trace_no", trace_no);
    reply.put("pay_method", "PACA");
    reply.put("order_no", row.approval.order.to_string());
    reply.put("ca_order_id", row.approval.order.to_string());
    reply.put("tno", row.tno());
    reply.put("amount", row.approval.amount.to_string());
    reply.put("card_mny", row.approval.amount.to_string());
    reply.put("coupon_mny", "0");
    reply.put("card_cd", card.issuer.card_cd);
    reply.put("card_name", card.issuer.card_name);
    reply.put("acqu_cd", card.issuer.acqu_cd);
    reply.put("acqu_name", card.issuer.acqu_name);
    reply.put("quota", format!("{:02}", row.approval.quota));
    reply.put("noinf", "N");
    reply.put("escw_yn", "N");
    reply.put("van_cd", "VNKC");
    reply.put("app_no", format!("{:08}", row.numbers.app_no));
    reply.put("app_time", clock::kcp_time(row.booked));
    reply.put("canc_time", clock::kcp_time(done.at));
    if done.partial {
        let (amount, left) = (done.amount.to_string(), done.remaining.to_string());
        let serial = format!(
            "{}{:08}",
            &clock::kcp_time(done.at)[2..8],
            serial % 100_000_000
        );
        for (name, value) in [
            ("mod_mny", &amount),
            ("panc_mod_mny", &amount),
            ("card_mod_mny", &amount),
            ("panc_card_mod_mny", &amount),
            ("rem_mny", &left),
            ("panc_rem_mny", &left),
            // KCP spells this one in two ways; clients read one or the other.
            ("mod_pcan_seq_no", &serial),
            ("mod_pacn_seq_no", &serial),
        ] {
            reply.put(name, value.clone());
        }
        reply.put("coupon_mod_mny", "0");
        reply.put("panc_coupon_mod_mny", "0");
    } else {
        reply.put("canc_gubn", "B");
    }
    reply
}
