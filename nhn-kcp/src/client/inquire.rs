//! The inquiry on the wire: `/std/inquery`, which is KCP's spelling.

use super::approve::{ORDER_FIELDS, names_order};
use crate::credential::{CredentialError, Credentials};
use crate::inquire::{Inquiry, InquirySubject};
use crate::order::OrderNo;
use crate::outcome::{InquireError, Lost, LostWhy};
use crate::reply::{Transaction, TransactionState};
use crate::tno::{SiteCode, Tno};
use crate::verdict::{Operation, Says};
use crate::wire::{Body, Fields};

pub(super) const PATH: &str = "/std/inquery";

/// Card payments, among the ways of payment that can be asked about.
const PAY_TYPE: &str = "PACA";

/// What a transaction stands on besides its code and order. When it was approved, and by which card, tells
/// whose it is.
const STATE_FIELDS: [&str; 8] = [
    "tno",
    "amount",
    "rem_mny",
    "stat_ca_cd",
    "shop_status",
    "canc_card_yn",
    "app_time",
    "card_no",
];

/// Writes the request. Signed over `site_cd^tno^pay_type`.
pub(super) fn write(
    site_code: &SiteCode,
    credentials: &Credentials,
    inquiry: &Inquiry,
) -> Result<Body, CredentialError> {
    let tno = inquiry.kcp_tno();
    let signature = credentials.sign(&format!("{site_code}^{tno}^{PAY_TYPE}"))?;
    let mut fields = vec![
        ("site_cd", site_code.as_str()),
        ("kcp_cert_info", credentials.cert_info()),
        ("kcp_sign_data", &signature),
        ("tno", &tno),
        ("pay_type", PAY_TYPE),
    ];
    if let InquirySubject::Order { order_no, .. } = inquiry.subject() {
        fields.push(("ordr_idxx", order_no.as_str()));
        fields.push(("mod_ordr_idxx", order_no.as_str()));
    }
    Ok(Body::of(&fields))
}

/// Reads the answer. A transaction is `0000`, a number, and an amount, and it is the one asked about.
pub(super) fn read(body: &[u8], inquiry: &Inquiry) -> Result<Transaction, InquireError> {
    let unknown = |why| InquireError::Unknown(Lost::new(why, None));
    let mut fields = Fields::read(body).map_err(unknown)?;
    let code = fields.take_code().ok_or(unknown(LostWhy::NoCode))?;
    if !code.is_ok() {
        return Err(match code.verdict(Operation::Inquire).says {
            Says::NotFound => InquireError::NotFound(fields.take_refusal(code)),
            Says::Refused => InquireError::Refused(fields.take_refusal(code)),
            _ => unknown(LostWhy::AmbiguousCode(code)),
        });
    }
    fields.whole(&ORDER_FIELDS).map_err(unknown)?;
    fields.whole(&STATE_FIELDS).map_err(unknown)?;
    let tno = fields.get("tno").and_then(|tno| Tno::parse(tno).ok());
    let tno = tno.ok_or(unknown(LostWhy::NoTno))?;
    match inquiry.subject() {
        InquirySubject::Tno(asked) if tno != *asked => return Err(unknown(LostWhy::WrongTno)),
        InquirySubject::Tno(_) => {}
        // The number that was sent is no transaction's.
        InquirySubject::Order { .. } if tno.as_str() == inquiry.kcp_tno() => {
            return Err(unknown(LostWhy::NoTno));
        }
        InquirySubject::Order { order_no, .. } => {
            let named = fields.get("order_no").or(fields.get("ordr_idxx")).is_some();
            if !named || !names_order(&fields, order_no) {
                return Err(unknown(LostWhy::WrongOrder));
            }
        }
    }
    transaction(tno, fields).map_err(unknown)
}

fn transaction(tno: Tno, mut fields: Fields) -> Result<Transaction, LostWhy> {
    let amount = fields
        .amount("amount")
        .ok()
        .flatten()
        .ok_or(LostWhy::NoAmount)?;
    let remaining = fields
        .number("rem_mny")
        .map_err(|()| LostWhy::WrongRemainder)?;
    if remaining.is_some_and(|left| left > amount.get()) {
        return Err(LostWhy::WrongRemainder);
    }
    let state = state(&fields, amount.get(), remaining);
    for known in ["tno", "amount", "rem_mny"] {
        fields.take(known);
    }
    let order_no = fields
        .get("order_no")
        .and_then(|order_no| OrderNo::parse(order_no).ok());
    if order_no.is_some() {
        fields.take("order_no");
    }
    Ok(Transaction {
        tno,
        order_no,
        amount,
        remaining,
        state,
        app_no: fields.take_id("app_no"),
        app_time: fields.take_time("app_time"),
        cancelled_at: fields
            .take_time("canc_time")
            .or_else(|| fields.take_time("can_time")),
        issuer: fields.take_company("card_cd", "card_name"),
        card: fields.take_card(),
        message: fields.take_text("res_msg").unwrap_or_default(),
        damaged: fields.damaged(),
        extra: fields.into_extra(),
    })
}

/// The state, if all that the answer says of it agrees.
fn state(fields: &Fields, amount: u64, remaining: Option<u64>) -> TransactionState {
    let code = ["stat_ca_cd", "shop_status"]
        .iter()
        .find_map(|name| fields.get(name).filter(|code| !code.is_empty()));
    let all_gone = fields.get("canc_card_yn") == Some("Y");
    let says = |says: &str| match remaining {
        Some(left) => TransactionState::Other(format!("{says}, {left} of {amount} left")),
        None => TransactionState::Other(says.to_owned()),
    };
    match (code, remaining) {
        (Some("STSR"), None) if !all_gone => TransactionState::Approved,
        (Some("STSR"), Some(left)) if !all_gone && left == amount => TransactionState::Approved,
        // Cancelled in part until nothing was left: that is cancelled too.
        (Some("STPC"), Some(0)) | (Some("STSC"), None | Some(0)) => TransactionState::Cancelled,
        (Some("STPC"), None) if !all_gone => TransactionState::PartiallyCancelled,
        (Some("STPC"), Some(left)) if !all_gone && left < amount => {
            TransactionState::PartiallyCancelled
        }
        (Some(code @ ("STSR" | "STPC" | "STSC")), _) => says(&format!("{code} contradicted")),
        (Some(code), _) => says(
            &code
                .chars()
                .filter(|c| !c.is_control())
                .take(40)
                .collect::<String>(),
        ),
        (None, None | Some(0)) if all_gone => TransactionState::Cancelled,
        (None, _) => says("no state"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TNO: &str = "23542357804508";

    fn by_tno() -> Inquiry {
        Inquiry::by_tno(Tno::parse(TNO).unwrap())
    }

    fn by_order() -> Inquiry {
        Inquiry::by_order(date(2023, 10, 19), OrderNo::parse("A-1").unwrap())
    }

    fn body(tno: &str, order_no: &str, rest: &str) -> String {
        format!(
            r#"{{"res_cd":"0000","tno":"{tno}","order_no":"{order_no}","amount":"1000"{rest}}}"#
        )
    }

    fn state_of(rest: &str) -> TransactionState {
        read(body(TNO, "A-1", rest).as_bytes(), &by_tno())
            .unwrap()
            .state
    }

    fn why(body: &str, inquiry: &Inquiry) -> LostWhy {
        match read(body.as_bytes(), inquiry) {
            Err(InquireError::Unknown(lost)) => lost.why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn states_are_believed_when_nothing_contradicts_them() {
        use TransactionState::{Approved, Cancelled, Other, PartiallyCancelled};
        for (rest, state) in [
            (r#","stat_ca_cd":"STSR","rem_mny":"1000""#, Approved),
            (r#","shop_status":"STSR""#, Approved),
            (
                r#","stat_ca_cd":"STPC","rem_mny":"400""#,
                PartiallyCancelled,
            ),
            (r#","stat_ca_cd":"STPC","rem_mny":"0""#, Cancelled),
            (
                r#","stat_ca_cd":"STSC","rem_mny":"0","canc_card_yn":"Y""#,
                Cancelled,
            ),
            (r#","canc_card_yn":"Y""#, Cancelled),
        ] {
            assert_eq!(state_of(rest), state, "{rest}");
        }
        for rest in [
            "",
            r#","stat_ca_cd":"STSR","rem_mny":"400""#,
            r#","stat_ca_cd":"STSR","canc_card_yn":"Y""#,
            r#","stat_ca_cd":"STSC","rem_mny":"1000""#,
            r#","stat_ca_cd":"STPC","rem_mny":"1000""#,
            r#","stat_ca_cd":"STAQ","rem_mny":"1000""#,
        ] {
            assert!(matches!(state_of(rest), Other(_)), "{rest}");
        }
    }

    #[test]
    fn the_answer_is_about_what_was_asked() {
        assert!(read(body(TNO, "A-1", "").as_bytes(), &by_order()).is_ok());
        assert_eq!(
            why(&body("23542357804509", "A-1", ""), &by_tno()),
            LostWhy::WrongTno
        );
        assert_eq!(why(&body(TNO, "A-2", ""), &by_order()), LostWhy::WrongOrder);
        assert_eq!(
            why(&body("20231019000000", "A-1", ""), &by_order()),
            LostWhy::NoTno
        );
        let nameless = body(TNO, "A-1", "").replace("\"order_no\":\"A-1\",", "");
        assert_eq!(why(&nameless, &by_order()), LostWhy::WrongOrder);
        assert_eq!(
            why(&body(TNO, "A-1", r#","rem_mny":"1001""#), &by_tno()),
            LostWhy::WrongRemainder
        );
        assert_eq!(
            why(&body(TNO, "A-1", "").replace("1000", "0"), &by_tno()),
            LostWhy::NoAmount
        );
    }

    #[test]
    fn a_look_needs_what_tells_whose_it_is_and_no_texts() {
        let texts = ",\"card_name\":\"신\n\",\"card_cd\":\"CCLG\",\"app_time\":\"20231019133645\"";
        let seen = read(body(TNO, "A-1", texts).as_bytes(), &by_tno()).unwrap();
        assert_eq!(seen.damaged, ["card_name"]);
        assert_eq!(seen.issuer.unwrap().name, "신\u{fffd}");
        assert!(seen.app_time.is_some());
        for damaged in [
            texts.replace("133645", "133645\n"),
            texts
                .replace("card_cd", "card_no")
                .replace("CCLG", "4111\n"),
            texts
                .replace("card_cd", "rem_mny")
                .replace("CCLG", "1000\n"),
        ] {
            let body = body(TNO, "A-1", &damaged);
            assert_eq!(why(&body, &by_tno()), LostWhy::Unreadable, "{damaged}");
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        let answer = |code: &str| read(format!(r#"{{"res_cd":"{code}"}}"#).as_bytes(), &by_tno());
        assert!(matches!(answer("8132"), Err(InquireError::NotFound(_))));
        assert!(matches!(answer("S032"), Err(InquireError::Refused(_))));
        // What is not listed for inquiries proves no absence, no matter what it says to a cancel.
        assert!(matches!(answer("8643"), Err(InquireError::Unknown(_))));
        assert!(matches!(answer("8030"), Err(InquireError::Unknown(_))));
        assert!(matches!(answer("8996"), Err(InquireError::Unknown(_))));
        assert!(matches!(answer("ZZZZ"), Err(InquireError::Unknown(_))));
    }
}
