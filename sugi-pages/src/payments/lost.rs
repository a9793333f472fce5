//! Why an answer was lost, in Korean. The journal keeps English words, which are written once and for ever; here
//! they are said to whoever reads.

use crate::lang::{Lang, fill};

/// What the journal says, and the same in Korean; `{}` stands for what differs from case to case.
const WORDS: &[(&str, &str)] = &[
    (
        "no whole answer in time",
        "제한 시간 안에 응답을 다 받지 못함",
    ),
    (
        "the connection ended before a whole answer",
        "응답을 다 받기 전에 연결이 끊김",
    ),
    ("the answer is too large", "응답이 지나치게 큼"),
    ("HTTP status {}", "HTTP 상태 {}"),
    ("the answer is not a JSON object", "응답이 JSON 객체가 아님"),
    (
        "the answer repeats a field",
        "응답에 같은 항목이 두 번 있음",
    ),
    (
        "a field that decides cannot be read",
        "결과를 정하는 응답 항목을 읽을 수 없음",
    ),
    ("the answer has no result code", "응답에 결과코드가 없음"),
    (
        "answered {}, after which the outcome is open",
        "결과코드 {}: 승인 여부를 알 수 없음",
    ),
    (
        "the answer has no transaction number",
        "응답에 거래번호가 없음",
    ),
    (
        "the answer is about another transaction",
        "다른 거래에 대한 응답",
    ),
    ("the answer is about another order", "다른 주문에 대한 응답"),
    ("the answer has no amount", "응답에 금액이 없음"),
    ("asked for {}, answered {}", "요청 금액 {}, 응답 금액 {}"),
    (
        "the card part of the amount is wrong",
        "응답의 카드 결제 금액이 맞지 않음",
    ),
    ("the currency is wrong", "응답의 통화가 맞지 않음"),
    ("the amount left is wrong", "응답의 남은 금액이 맞지 않음"),
    (
        "nobody is left who could hear the answer",
        "응답을 받을 프로세스가 종료됨",
    ),
    (
        "found alive after it was closed",
        "종결한 뒤 승인된 거래로 확인됨",
    ),
    (
        "KCP does not know the number that it gave",
        "KCP가 준 거래번호를 KCP가 알지 못함",
    ),
];

/// Why, in the language of whoever reads. What has no words here is said as the journal says it.
pub(super) fn why(lang: Lang, kept: &str) -> String {
    let said = WORDS.iter().find_map(|(english, korean)| {
        let parts = parts(english, kept)?;
        Some(fill(korean, &parts))
    });
    match lang {
        Lang::Ko => said.unwrap_or_else(|| kept.to_owned()),
        Lang::En => kept.to_owned(),
    }
}

/// What stands in the place of each `{}` of a form, if a text has that form.
fn parts<'a>(form: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = form.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    for piece in pieces {
        let (part, after) = if piece.is_empty() {
            (rest, "")
        } else {
            rest.split_once(piece)?
        };
        found.push(part);
        rest = after;
    }
    rest.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use nhn_kcp::{Amount, LostWhy};

    use super::*;

    #[test]
    fn every_reason_of_the_client_has_korean_words() {
        let won = |won| Amount::new(won).unwrap();
        let all = [
            LostWhy::TimedOut,
            LostWhy::Disconnected,
            LostWhy::TooLarge,
            LostWhy::HttpStatus(502),
            LostWhy::NotJson,
            LostWhy::RepeatedField,
            LostWhy::Unreadable,
            LostWhy::NoCode,
            LostWhy::AmbiguousCode("9502".parse().unwrap()),
            LostWhy::NoTno,
            LostWhy::WrongTno,
            LostWhy::WrongOrder,
            LostWhy::NoAmount,
            LostWhy::WrongAmount {
                asked: won(1_004),
                answered: won(1_000),
            },
            LostWhy::WrongCardAmount,
            LostWhy::WrongCurrency,
            LostWhy::WrongRemainder,
        ];
        for reason in all {
            // One that is added has to be added here as well.
            match reason {
                LostWhy::TimedOut
                | LostWhy::Disconnected
                | LostWhy::TooLarge
                | LostWhy::HttpStatus(_)
                | LostWhy::NotJson
                | LostWhy::RepeatedField
                | LostWhy::Unreadable
                | LostWhy::NoCode
                | LostWhy::AmbiguousCode(_)
                | LostWhy::NoTno
                | LostWhy::WrongTno
                | LostWhy::WrongOrder
                | LostWhy::NoAmount
                | LostWhy::WrongAmount { .. }
                | LostWhy::WrongCardAmount
                | LostWhy::WrongCurrency
                | LostWhy::WrongRemainder => {}
            }
            let kept = reason.to_string();
            let said = why(Lang::Ko, &kept);
            assert_ne!(said, kept, "{kept}");
            assert!(!said.contains("{}"), "{said}");
            assert_eq!(why(Lang::En, &kept), kept);
        }
        let of = |reason: LostWhy| why(Lang::Ko, &reason.to_string());
        assert_eq!(of(LostWhy::HttpStatus(502)), "HTTP 상태 502");
        assert_eq!(of(all[13]), "요청 금액 1004, 응답 금액 1000");
        assert_eq!(why(Lang::Ko, "something else"), "something else");
    }
}
