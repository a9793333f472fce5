//! What to say to the caller: for every way that a payment can stand, and for every code of KCP's.
//!
//! Never "you were not charged" unless that is proved. A code of KCP's makes a decline only if it
//! means that no money moved; everything else is in doubt, and says so.

use nhn_kcp::{Class, ResultCode, Retry};
use sugi_core::{Payment, State, Status, VoidReason};

use crate::{
    lang::{Lang, fill, messages},
    messages::tone,
    write,
};

/// A payment's result in plain words.
pub(crate) struct Said {
    /// How it looks: a class of the style sheet.
    pub(crate) tone: &'static str,
    /// In a word or two.
    pub(crate) headline: String,
    /// To be read to the caller.
    pub(crate) say: String,
    /// What the operator does next, if there is something to do.
    pub(crate) next: String,
}

messages! {
    /// Results and what follows from them.
    SayMessages {
        approved "승인되었습니다" "Approved"
        approved_say "{} 결제가 승인되었습니다. 끝자리 {} 카드, 승인번호 {}입니다." "Your payment of {} with the card ending in {} is approved. The approval number is {}."
        declined "거절되었습니다" "Declined"
        declined_say "결제가 승인되지 않았고 청구되지 않았습니다. {}" "The payment was not approved and you were not charged. {}"
        doubt "승인 여부를 아직 모릅니다" "Not known yet"
        doubt_say "승인 결과를 확인하고 있습니다. 확인되는 대로 알려 드리겠습니다. 지금 다시 결제하지 않겠습니다." "We are finding out whether your payment went through and will tell you. We will not charge you again meanwhile."
        doubt_next "같은 주문을 다시 결제하지 마십시오. 결과는 이 화면에 나타납니다." "Do not charge this order again. The result will appear on this page."
        busy "승인을 요청하고 있습니다" "Asking for approval"
        busy_say "카드사의 승인을 기다리고 있습니다. 잠시만 기다려 주십시오." "We are waiting for the card company. One moment, please."
        busy_next "화면을 그대로 두십시오. 결과가 이 화면에 나타납니다." "Leave this page open. The result will appear here."
        reversing "승인을 되돌리고 있습니다" "Being reversed"
        reversing_say "결제를 마치지 못하여 승인을 되돌리고 있습니다. 승인 문자를 받으셨더라도 취소됩니다." "The payment could not be completed and its approval is being undone. If you got a message about it, it will be cancelled."
        reversing_next "되돌려진 것을 확인한 뒤 새로 결제하십시오." "Take a new payment only after this one is reversed."
        reversed "승인을 되돌렸습니다" "Reversed"
        reversed_say "승인이 취소되어 청구되지 않습니다. 카드사에 반영되기까지 며칠 걸릴 수 있습니다." "The approval was cancelled, so nothing will be charged. The card company may take some days to show it."
        reversed_next "원하시면 새로 결제할 수 있습니다." "You can take a new payment now."
        part "일부 취소되었습니다" "Partly cancelled"
        part_say "{} 중 {}이 취소되어 {}이 남았습니다." "Of {}, {} was given back and {} remains."
        cancelled "취소되었습니다" "Cancelled"
        cancelled_say "{} 결제가 전액 취소되었습니다. 카드사에 반영되기까지 며칠 걸릴 수 있습니다." "Your payment of {} was cancelled in full. The card company may take some days to show it."
        void "승인되지 않았습니다" "Not approved"
        void_proved_say "결제가 이루어지지 않았고 청구되지 않았습니다." "The payment did not happen and you were not charged."
        void_attested_say "승인된 결제가 없는 것으로 확인했습니다. 카드사 문자를 받으셨다면 알려 주십시오." "We found no approved payment. If you got a message from the card company, please tell us."
        void_next "새로 결제할 수 있습니다." "You can take a new payment."
        never "같은 내용으로 다시 시도해도 결과는 같습니다." "Trying the same again gives the same result."
        same_card_later "잠시 후 같은 카드로 다시 시도할 수 있습니다." "You can try the same card again in a little while."
        other_card "다른 카드를 요청하십시오." "Ask for another card."
        fix_input "입력한 내용을 고객과 다시 확인하고 새로 입력하십시오." "Check what was entered with the caller and key it in again."
        fix_contract "고객의 잘못이 아닙니다. 관리자에게 알리고 NHN KCP에 계약과 설정을 문의하십시오." "This is not the caller's fault. Tell your administrator to ask NHN KCP about the contract or the set-up."
        ask_issuer "고객이 카드사에 직접 문의해야 합니다. 또는 다른 카드를 요청하십시오." "The caller has to ask the card company. Or ask for another card."
        unknown_code "카드사의 응답 코드는 {}입니다." "The card company's code is {}."
    }
}

/// The result of a payment as it stands.
pub(crate) fn of(lang: Lang, payment: &Payment) -> Said {
    let w = SayMessages::of(lang);
    let currency = payment.request.order.money.currency.to_string();
    let money = |amount| write::money(lang, amount, &currency);
    let amount = payment.request.order.money.amount.get();
    let status = payment.status();
    let said = |headline: &str, say: String, next: &str| Said {
        tone: tone(status),
        headline: headline.into(),
        say,
        next: next.into(),
    };
    match (&payment.state, status) {
        (State::Approved { remaining, .. }, Status::PartiallyCancelled) => {
            let back = payment.cancelled_amount();
            let parts = [money(amount), money(back), money(*remaining)];
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            said(w.part, fill(w.part_say, &parts), "")
        }
        (State::Approved { .. }, Status::Cancelled) => {
            said(w.cancelled, fill(w.cancelled_say, &[&money(amount)]), "")
        }
        (State::Approved { approval, .. }, _) => {
            let app_no = approval.app_no.as_deref().unwrap_or("-");
            let last4 = payment.request.card.last4();
            let say = fill(w.approved_say, &[&money(amount), last4, app_no]);
            said(w.approved, say, "")
        }
        (State::Declined(refusal), _) => {
            let say = fill(w.declined_say, &[&why(lang, refusal.code)]);
            said(w.declined, say, next(lang, refusal.code))
        }
        (State::InDoubt(_), _) => said(w.doubt, w.doubt_say.into(), w.doubt_next),
        (State::Requested | State::Approving { .. }, _) => {
            said(w.busy, w.busy_say.into(), w.busy_next)
        }
        (State::Reversing { .. }, _) => said(w.reversing, w.reversing_say.into(), w.reversing_next),
        (State::Reversed { .. }, _) => said(w.reversed, w.reversed_say.into(), w.reversed_next),
        // A person's word is not a proof.
        (State::Void(VoidReason::Attested { .. }), _) => {
            said(w.void, w.void_attested_say.into(), w.void_next)
        }
        (State::Void(_), _) => said(w.void, w.void_proved_say.into(), w.void_next),
    }
}

/// Why KCP or the card company said no, in a sentence for the caller.
pub(crate) fn why(lang: Lang, code: ResultCode) -> String {
    let meaning = code.meaning();
    if meaning.class == Class::Unlisted {
        return fill(SayMessages::of(lang).unknown_code, &[code.as_str()]);
    }
    match lang {
        Lang::Ko => meaning.gloss_ko.into(),
        // The glosses are written to stand in the middle of a line.
        Lang::En => {
            let mut letters = meaning.gloss_en.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            first.chain(letters).chain(['.']).collect()
        }
    }
}

/// What the operator does after a code.
pub(crate) fn next(lang: Lang, code: ResultCode) -> &'static str {
    let w = SayMessages::of(lang);
    match code.meaning().retry {
        Retry::Never => w.never,
        Retry::SameCardLater => w.same_card_later,
        Retry::OtherCard => w.other_card,
        Retry::FixInput => w.fix_input,
        Retry::FixContract => w.fix_contract,
        Retry::AskIssuer => w.ask_issuer,
        Retry::ReadAgain | Retry::Settle => w.doubt_next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_sentence_in_both_languages() {
        for first in b'0'..=b'z' {
            for rest in 0..1_000 {
                let Ok(code) = ResultCode::parse(&format!("{}{rest:03}", first as char)) else {
                    continue;
                };
                for lang in [Lang::Ko, Lang::En] {
                    assert!(!why(lang, code).is_empty() && !next(lang, code).is_empty());
                }
            }
        }
        let broke = ResultCode::parse("CC61").unwrap();
        assert!(why(Lang::En, broke).starts_with(char::is_uppercase));
        assert!(why(Lang::Ko, broke).ends_with('.'));
    }
}
