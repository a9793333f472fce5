//! A payment's journal, told to people.

use sugi_core::{Answer, Difference, Event, Live, Mode, Payment, Source, VoidReason};
use sugi_store::Entry;

use crate::{
    lang::Lang,
    say,
    write::{self, grouped},
};

/// One thing that happened.
pub(crate) struct Happening {
    pub(crate) at: String,
    pub(crate) text: String,
}

pub(crate) fn of(lang: Lang, payment: &Payment, journal: &[Entry]) -> Vec<Happening> {
    let currency = payment.request.order.money.currency;
    let money = |amount| write::money(lang, amount, currency.as_str());
    let tell = |entry: &Entry| Happening {
        at: write::time(entry.at),
        text: match lang {
            Lang::Ko => korean(&entry.event, &money),
            Lang::En => sugi_api::show::event(&entry.event, currency),
        },
    };
    journal.iter().map(tell).collect()
}

fn korean(event: &Event, money: &dyn Fn(u64) -> String) -> String {
    match event {
        Event::Requested(request) => format!(
            "{} 담당자가 {} 결제를 요청했습니다. 카드 {}",
            request.by,
            money(request.order.money.amount.get()),
            request.card
        ),
        Event::ApproveSent => "KCP에 승인을 요청합니다.".into(),
        Event::Approved(approval) => match &approval.app_no {
            Some(app_no) => format!(
                "KCP가 승인했습니다. 승인번호 {app_no}, 거래번호 {}",
                approval.tno
            ),
            None => format!("KCP가 승인했습니다. 거래번호 {}", approval.tno),
        },
        Event::Declined(refusal) => format!(
            "거절되었습니다. {} {}",
            refusal.code,
            say::why(Lang::Ko, refusal.code)
        ),
        Event::Lost(lost) => match &lost.tno {
            Some(tno) => format!("응답을 믿을 수 없습니다. 응답에 보인 거래번호는 {tno}입니다."),
            None => "응답을 받지 못했습니다. 승인되었을 수도 있습니다.".into(),
        },
        Event::Voided(reason) => match reason {
            VoidReason::CardGone => {
                "카드 정보가 메모리에 남아 있지 않아 요청하지 않았습니다.".into()
            }
            VoidReason::NotSent { .. } => "KCP에 닿기 전에 실패하여 요청되지 않았습니다.".into(),
            VoidReason::Absent => {
                "대기 시간이 지난 뒤 KCP에 조회하여 거래가 없음을 확인했습니다. 청구되지 않았습니다."
                    .into()
            }
            VoidReason::Attested { by, note, .. } => {
                format!("{by} 담당자가 KCP에 거래가 없다고 확인했습니다: {note}")
            }
        },
        Event::Inquired(looked) => looked_up(&looked.seen, &looked.source, money),
        Event::Kept => "승인을 유지하기로 했습니다.".into(),
        Event::ReverseDecided => "결과를 들은 사람이 없어 승인을 되돌리기로 했습니다.".into(),
        Event::CancelAsked(order) => format!(
            "{} 담당자가 {} 취소를 요청했습니다: {}",
            order.by,
            money(order.amount.get()),
            order.reason
        ),
        Event::CancelSent {
            mode: Mode::Full, ..
        } => "KCP에 전액 취소를 요청합니다.".into(),
        Event::CancelSent {
            mode:
                Mode::Partial {
                    amount, remaining, ..
                },
            ..
        } => format!(
            "KCP에 {} 중 {} 취소를 요청합니다.",
            money(remaining.get()),
            money(amount.get())
        ),
        Event::CancelDone { remaining, .. } => {
            format!("취소되었습니다. 남은 금액 {}", money(*remaining))
        }
        Event::CancelRefused { refusal, .. } => format!(
            "KCP가 취소를 거절했습니다. {} {}",
            refusal.code,
            say::why(Lang::Ko, refusal.code)
        ),
        Event::CancelFailed { remaining, .. } => format!(
            "취소되지 않았음을 KCP 조회로 확인했습니다. 남은 금액 {}",
            money(*remaining)
        ),
        Event::CancelUndone { remaining } => format!(
            "KCP에 두 번 조회한 결과 원장보다 많은 {}이(가) 남아 있습니다. 끝난 것으로 본 취소가 실제로는 되지 않았습니다.",
            money(*remaining)
        ),
        Event::CancelLost { .. } => "취소 응답을 받지 못했습니다. KCP에 조회합니다.".into(),
        Event::CancelNotSent { .. } => "취소 요청이 KCP에 닿지 않았습니다.".into(),
        Event::LateAnswer(answer) => {
            let said = late(answer, money);
            format!("진행 중인 요청과 맞지 않는 응답이 늦게 왔습니다: {said} KCP에 조회합니다.")
        }
        Event::Differs(difference) => format!(
            "끝난 결제를 KCP에 다시 조회했더니 원장과 다릅니다. {}",
            differs(Lang::Ko, difference, money)
        ),
        Event::AgreesAgain => "KCP와 원장이 다시 같습니다.".into(),
    }
}

/// How KCP's books differ from the ledger.
pub(crate) fn differs(
    lang: Lang,
    difference: &Difference,
    money: &dyn Fn(u64) -> String,
) -> String {
    if lang == Lang::En {
        return sugi_api::show::differs(difference, money);
    }
    match difference {
        Difference::Remaining { ledger, kcp } => {
            format!("남은 금액: 원장 {}, KCP {}", money(*ledger), money(*kcp))
        }
        Difference::Amount { ledger, kcp } => {
            format!("승인 금액: 원장 {}, KCP {}", money(*ledger), money(*kcp))
        }
        Difference::Denied => "KCP가 알려 준 거래번호를 KCP가 모릅니다.".into(),
        Difference::Alive { tno, kcp } => format!(
            "원장에 없는 거래가 KCP에 있습니다. 거래번호 {tno}, 남은 금액 {}",
            money(*kcp)
        ),
    }
}

fn looked_up(seen: &Live, source: &Source, money: &dyn Fn(u64) -> String) -> String {
    let seen = match seen {
        Live::Found {
            approval,
            remaining,
        } => format!(
            "승인이 있습니다. 거래번호 {}, 남은 금액 {}",
            approval.tno,
            money(*remaining)
        ),
        Live::Absent => "거래가 없습니다.".into(),
        Live::Foreign { .. } => "다른 주문의 거래번호입니다.".into(),
        Live::Unclear { .. } => "답을 얻지 못했습니다.".into(),
    };
    match source {
        Source::Inquiry { .. } => format!("KCP에 거래번호로 조회: {seen}"),
        Source::OrderLookup { day } => format!("KCP에 주문번호로 조회 ({day}): {seen}"),
        Source::Statement { who, note, .. } => {
            format!(
                "{who} 담당자가 KCP 상점관리자에서 확인했습니다 ({note}): {seen} KCP 조회는 아직입니다."
            )
        }
        Source::Person { who, note, .. } => {
            format!("{who} 담당자가 거래번호를 찾았습니다 ({note}). KCP에 조회: {seen}")
        }
    }
}

fn late(answer: &Answer, money: &dyn Fn(u64) -> String) -> String {
    let code = |refusal: &sugi_core::Refusal| {
        format!("{} {}", refusal.code, say::why(Lang::Ko, refusal.code))
    };
    match answer {
        Answer::Approved(approval) => format!("승인, 거래번호 {}.", approval.tno),
        Answer::Declined(refusal) => format!("승인 거절, {}.", code(refusal)),
        Answer::Lost(lost) => match &lost.tno {
            Some(tno) => format!("손상된 응답, 거래번호 {tno}."),
            None => "손상된 응답.".into(),
        },
        Answer::NotSent { .. } => "승인 요청이 KCP에 닿지 않았음.".into(),
        Answer::CancelDone { send, remaining } => {
            format!("취소 요청 {send}번 완료, 남은 금액 {}.", money(*remaining))
        }
        Answer::CancelRefused { send, refusal } => {
            format!("취소 요청 {send}번 거절, {}.", code(refusal))
        }
    }
}

/// Each tax part, in a line.
pub(crate) fn parts(text: &str, parts: nhn_kcp::TaxParts, currency: &str) -> String {
    let part = |amount| match currency {
        "KRW" => grouped(amount),
        _ => write::decimal(amount, currency),
    };
    let parts = [parts.supply, parts.vat, parts.free].map(part);
    crate::lang::fill(text, &[&parts[0], &parts[1], &parts[2]])
}
