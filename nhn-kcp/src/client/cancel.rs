//! The cancel on the wire: `/gw/mod/v1/cancel`.

use crate::cancel::{Cancel, CancelScope};
use crate::code::MoneyMoved;
use crate::credential::{CredentialError, Credentials};
use crate::money::Amount;
use crate::outcome::{CancelError, Lost, LostWhy};
use crate::reply::Cancellation;
use crate::tax::{TaxParts, TaxSplit};
use crate::tno::SiteCode;
use crate::verdict::Operation;
use crate::wire::{Body, Fields};

pub(super) const PATH: &str = "/gw/mod/v1/cancel";

/// What a cancel stands on besides its code and number: the API's names, and those of the older module.
const AMOUNT_FIELDS: [&str; 5] = [
    "amount",
    "mod_mny",
    "rem_mny",
    "panc_mod_mny",
    "panc_rem_mny",
];

/// Writes the request. Signed over `site_cd^tno^mod_type`.
pub(super) fn write(
    site_code: &SiteCode,
    credentials: &Credentials,
    cancel: &Cancel,
) -> Result<Body, CredentialError> {
    let mod_type = cancel.kcp_mod_type();
    let signature = credentials.sign(&format!("{site_code}^{}^{mod_type}", cancel.tno()))?;
    let amounts = match cancel.scope() {
        CancelScope::Full => None,
        CancelScope::Partial {
            amount,
            remaining_before,
        } => Some((amount.to_string(), remaining_before.to_string())),
    };
    let tax = cancel.tax().map(tax_fields);
    let mut fields = vec![
        ("site_cd", site_code.as_str()),
        ("kcp_cert_info", credentials.cert_info()),
        ("kcp_sign_data", &signature),
        ("mod_type", mod_type),
        ("tno", cancel.tno().as_str()),
        ("mod_desc", cancel.reason().as_str()),
    ];
    if let Some((amount, remaining_before)) = &amounts {
        fields.push(("mod_mny", amount));
        fields.push(("rem_mny", remaining_before));
    }
    fields.extend(
        tax.iter()
            .flatten()
            .map(|(name, value)| (*name, value.as_str())),
    );
    Ok(Body::of(&fields))
}

/// Reads the answer. A cancel is `0000`, the transaction that was asked about, and amounts that do not
/// contradict what was asked.
pub(super) fn read(body: &[u8], cancel: &Cancel) -> Result<Cancellation, CancelError> {
    let unknown = |why| CancelError::Unknown(Lost::new(why, None));
    let mut fields = Fields::read(body).map_err(unknown)?;
    let code = fields.take_code().ok_or(unknown(LostWhy::NoCode))?;
    fields.whole(&["tno"]).map_err(unknown)?;
    match fields.get("tno") {
        None | Some("") if code.is_ok() => return Err(unknown(LostWhy::NoTno)),
        None | Some("") => {}
        Some(tno) if tno == cancel.tno().as_str() => {}
        Some(_) => return Err(unknown(LostWhy::WrongTno)),
    }
    if !code.is_ok() {
        let operation = match cancel.scope() {
            CancelScope::Full => Operation::Cancel,
            CancelScope::Partial { .. } => Operation::PartialCancel,
        };
        return Err(match code.verdict(operation).money() {
            MoneyMoved::No => CancelError::Refused(fields.take_refusal(code)),
            MoneyMoved::Yes | MoneyMoved::Maybe => unknown(LostWhy::AmbiguousCode(code)),
        });
    }
    fields.whole(&AMOUNT_FIELDS).map_err(unknown)?;
    let amounts = Amounts::read(&fields, cancel.scope()).map_err(unknown)?;
    Ok(cancellation(cancel, &amounts, fields))
}

/// The amounts of a cancel that was carried out.
struct Amounts {
    original: Option<Amount>,
    cancelled: Option<Amount>,
    remaining: u64,
}

impl Amounts {
    fn read(fields: &Fields, scope: CancelScope) -> Result<Self, LostWhy> {
        let original = fields.amount("amount").map_err(|()| LostWhy::NoAmount)?;
        let cancelled = fields.amount("mod_mny").and_then(|amount| match amount {
            None => fields.amount("panc_mod_mny"),
            some => Ok(some),
        });
        let left = fields.number("rem_mny").and_then(|number| match number {
            None => fields.number("panc_rem_mny"),
            some => Ok(some),
        });
        let left = left.map_err(|()| LostWhy::WrongRemainder)?;
        match scope {
            CancelScope::Full => {
                if left.is_some_and(|left| left != 0) {
                    return Err(LostWhy::WrongRemainder);
                }
                Ok(Self {
                    original,
                    cancelled: original,
                    remaining: 0,
                })
            }
            CancelScope::Partial {
                amount: asked,
                remaining_before,
            } => {
                match cancelled.map_err(|()| LostWhy::NoAmount)? {
                    Some(answered) if answered != asked => {
                        return Err(LostWhy::WrongAmount { asked, answered });
                    }
                    _ => {}
                }
                if let Some(answered) = original
                    && answered < remaining_before
                {
                    return Err(LostWhy::WrongAmount {
                        asked: remaining_before,
                        answered,
                    });
                }
                let remaining = remaining_before.get() - asked.get();
                // KCP's log says the figure is what is left after, KCP's manual says before.
                if left.is_some_and(|left| left != remaining && left != remaining_before.get()) {
                    return Err(LostWhy::WrongRemainder);
                }
                Ok(Self {
                    original,
                    cancelled: Some(asked),
                    remaining,
                })
            }
        }
    }
}

fn cancellation(cancel: &Cancel, amounts: &Amounts, mut fields: Fields) -> Cancellation {
    fields.take("tno");
    for known in AMOUNT_FIELDS {
        fields.take(known);
    }
    // Reduced like everywhere, should KCP send it.
    if let Some(card) = fields.take_card() {
        fields.put("card_no", card.to_string());
    }
    Cancellation {
        tno: cancel.tno().clone(),
        amount: amounts.original,
        cancelled: amounts.cancelled,
        remaining: amounts.remaining,
        cancelled_at: fields.take_time("canc_time"),
        sequence: fields.take_first_id(&["mod_pcan_seq_no", "mod_pacn_seq_no"]),
        message: fields.take_text("res_msg").unwrap_or_default(),
        damaged: fields.damaged(),
        extra: fields.into_extra(),
    }
}

fn tax_fields(parts: TaxParts) -> [(&'static str, String); 4] {
    let TaxParts { supply, vat, free } = parts;
    [
        ("tax_flag", TaxSplit::Mixed(parts).kcp_flag().to_owned()),
        ("mod_tax_mny", supply.to_string()),
        ("mod_vat_mny", vat.to_string()),
        ("mod_free_mny", free.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::CancelReason;
    use crate::tno::Tno;

    const TNO: &str = "23542357804508";

    fn full() -> Cancel {
        Cancel::full(
            Tno::parse(TNO).unwrap(),
            CancelReason::parse("고객 요청").unwrap(),
        )
    }

    fn partial() -> Cancel {
        let amount = |units| Amount::new(units).unwrap();
        let (tno, reason) = (full().tno().clone(), full().reason().clone());
        Cancel::partial(tno, amount(22_500), amount(27_900), reason).unwrap()
    }

    fn why(body: &str, cancel: &Cancel) -> LostWhy {
        match read(body.as_bytes(), cancel) {
            Err(CancelError::Unknown(lost)) => {
                assert_eq!(lost.tno, None);
                lost.why
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_unreadable_text_is_no_unreadable_answer() {
        for text in ["\\ud83c", "\n", "a\u{0}"] {
            let body =
                format!(r#"{{"res_cd":"0000","res_msg":"{text}","tno":"{TNO}","amount":"1000"}}"#);
            let done = read(body.as_bytes(), &full()).unwrap();
            assert_eq!(
                (done.damaged, done.remaining),
                (vec!["res_msg".to_owned()], 0)
            );
            let no = body.replace("0000", "8012");
            let Err(CancelError::Refused(no)) = read(no.as_bytes(), &full()) else {
                panic!("{no}")
            };
            assert_eq!(no.damaged, ["res_msg"]);
            for (field, value) in [("tno", TNO), ("amount", "1000")] {
                let value = format!("\"{field}\":\"{value}");
                let body = body.replace(&value, &format!("{value}{text}"));
                assert_eq!(why(&body, &full()), LostWhy::Unreadable, "{field}");
            }
        }
    }

    #[test]
    fn full_cancels_are_read() {
        let body = r#"{"res_cd":"0000","res_msg":"정상처리","tno":"23542357804508","amount":"1000","canc_time":"20231019133645","canc_gubn":"B","card_no":"4111-1111-0000-1111"}"#;
        let done = read(body.as_bytes(), &full()).unwrap();
        assert_eq!(
            (done.remaining, done.cancelled.map(Amount::get)),
            (0, Some(1000))
        );
        assert_eq!(done.cancelled_at.unwrap().to_string(), "20231019133645");
        assert_eq!(done.extra["canc_gubn"], "B");
        assert_eq!(done.extra["card_no"], "411111******1111");
        assert_eq!(
            why(&body.replace("{\"res", "{\"rem_mny\":\"1\",\"res"), &full()),
            LostWhy::WrongRemainder
        );
        assert_eq!(
            why(&body.replace("804508", "804509"), &full()),
            LostWhy::WrongTno
        );
        assert_eq!(
            why(&body.replace("\"tno\":\"23542357804508\",", ""), &full()),
            LostWhy::NoTno
        );
        let refused = body
            .replace("0000\"", "8133\"")
            .replace("\"tno\":\"23542357804508\",", "");
        assert!(matches!(
            read(refused.as_bytes(), &full()),
            Err(CancelError::Refused(_))
        ));
        let foreign = body.replace("0000\"", "8133\"").replace("804508", "804509");
        assert_eq!(why(&foreign, &full()), LostWhy::WrongTno);
        let open = body.replace("0000\"", "8996\"");
        assert!(matches!(why(&open, &full()), LostWhy::AmbiguousCode(_)));
    }

    #[test]
    fn partial_cancels_are_held_against_what_was_asked() {
        let body = r#"{"res_cd":"0000","tno":"23542357804508","amount":"27900","mod_mny":"22500","rem_mny":"5400","mod_pacn_seq_no":"16082600006458"}"#;
        let done = read(body.as_bytes(), &partial()).unwrap();
        assert_eq!(
            (done.remaining, done.cancelled.map(Amount::get)),
            (5400, Some(22_500))
        );
        assert_eq!(done.sequence.as_deref(), Some("16082600006458"));
        // KCP's manual says that the figure is the one before.
        let before = body.replace("\"5400\"", "\"27900\"");
        assert_eq!(read(before.as_bytes(), &partial()).unwrap().remaining, 5400);
        // The older module's names.
        let old = body
            .replace("\"mod_mny", "\"panc_mod_mny")
            .replace("\"rem_mny", "\"panc_rem_mny");
        assert_eq!(read(old.as_bytes(), &partial()).unwrap().remaining, 5400);
        for (from, to) in [
            ("\"22500\"", "\"22501\""),
            ("\"22500\"", "\"x\""),
            ("\"5400\"", "\"5399\""),
            ("\"27900\"", "\"27899\""),
        ] {
            for body in [body, &old] {
                let why = why(&body.replace(from, to), &partial());
                assert!(
                    matches!(
                        why,
                        LostWhy::WrongAmount { .. } | LostWhy::NoAmount | LostWhy::WrongRemainder
                    ),
                    "{to}"
                );
            }
        }
        for cut in 0..body.len() {
            assert_eq!(why(&body[..cut], &partial()), LostWhy::NotJson);
        }
    }
}
