//! An audit entry in a sentence: who did what to what, and how it ended. The entry itself is a click away.

use sugi_store::AuditEntry;

use crate::{
    lang::{Lang, fill, messages},
    payments::notice::Notice,
};

messages! {
    /// Who did it, and how it ended.
    ToldMessages {
        operator "{} 담당자가" "{}"
        key "API 키 {}에서" "The API key {}"
        cli "서버 명령줄에서 {} 사용자가" "{}, on the server's command line,"
        nobody "로그인하지 않은 접속에서" "Somebody who was not signed in"
        system "{}에서" "{}"
        done "완료" "done"
        begun "시작" "begun"
        waits "2차 승인 대기" "waits for a second person"
        refused "처리되지 않음" "not done"
        wrong "인증 실패" "not let in"
        may_not "권한 없음" "no right to"
        nothing "대상 없음" "not there"
        too_often "요청이 너무 잦음" "too often"
        failed "오류" "failed"
        hung_up "응답 전에 연결 끊김" "hung up before the answer"
    }
}

macro_rules! acts {
    ($($action:literal $ko:literal $en:literal)*) => {
        /// What an action is in words, with a blank for what it was done to; nothing for one that has none.
        fn act(lang: Lang, action: &str) -> Option<&'static str> {
            match action { $($action => Some(lang.pick($ko, $en)),)* _ => None }
        }

        #[cfg(test)]
        const ACTS: &[(&str, &str, &str)] = &[$(($action, $ko, $en)),*];
    };
}

acts! {
    "POST /sign-in" "로그인했습니다" "signed in"
    "POST /sign-in/passkey" "패스키로 로그인했습니다" "signed in with a passkey"
    "POST /sign-in/challenge" "패스키 로그인을 시작했습니다" "began to sign in with a passkey"
    "POST /sign-out" "로그아웃했습니다" "signed out"
    "POST /lang" "화면 언어를 바꿨습니다" "chose a language"
    "POST /kept" "다시 로그인해 입력하던 화면을 열었습니다" "signed in again and went on with a form"
    "GET /keyin" "카드 결제 화면을 열었습니다" "opened the page to key in at"
    "POST /keyin" "{} 결제를 요청했습니다" "keyed in {}"
    "GET /payments" "결제 내역을 조회했습니다" "looked at the payments"
    "GET /payments/{id}" "{} 결제를 조회했습니다" "looked at {}"
    "POST /payments/{id}/cancel" "{} 결제의 취소를 요청했습니다" "asked to cancel {}"
    "POST /payments/{id}/close" "{} 결제의 결과를 확정하려 했습니다" "asked to close the doubt about {}"
    "GET /payments/{id}/receipt" "{} 결제의 매출전표를 열었습니다" "opened the slip of {}"
    "POST /payments/{id}/mail" "{} 결제의 매출전표를 메일로 보내려 했습니다" "asked to mail the receipt of {}"
    "mail slip" "{} 결제의 매출전표를 메일로 보내려 했습니다" "asked to mail the receipt of {}"
    "key in again" "같은 결제가 있었지만 {} 결제를 다시 요청했습니다" "keyed in {} although there was one like it"
    "GET /doubts" "미확인 결제를 조회했습니다" "looked at the payments in doubt"
    "GET /approvals" "2차 승인 대기 목록을 조회했습니다" "looked at what waits for a second person"
    "POST /approvals/{id}" "2차 승인 요청 {}을(를) 처리했습니다" "decided on the request {}"
    "GET /day" "일별 집계를 조회했습니다" "looked at a day"
    "POST /day/export" "결제 내역을 파일로 내보냈습니다 ({})" "exported payments ({})"
    "GET /day/export/{name}" "내보내기 진행을 확인했습니다" "looked how far an export is"
    "GET /account" "내 계정을 열었습니다" "opened their account"
    "POST /account/password" "비밀번호를 변경했습니다" "changed their password"
    "GET /account/codes" "2단계 인증 설정을 열었습니다" "opened the set-up of one-time codes"
    "POST /account/codes" "2단계 인증을 설정했습니다" "set up one-time codes"
    "POST /account/passkeys" "패스키를 추가했습니다" "added a passkey"
    "POST /account/passkeys/begin" "패스키 추가를 시작했습니다" "began to add a passkey"
    "POST /account/passkeys/{id}" "패스키를 삭제했습니다" "removed a passkey"
    "POST /account/sessions/{id}" "로그인 기기 하나를 로그아웃했습니다" "ended one of their sessions"
    "GET /settings" "설정을 열었습니다" "opened the settings"
    "GET /settings/audit" "감사 기록을 조회했습니다" "looked at the audit"
    "GET /settings/add-operator" "담당자 추가 화면을 열었습니다" "opened the page to add an operator"
    "POST /settings/add-operator" "담당자 {}을(를) 추가했습니다" "added the operator {}"
    "GET /settings/operators/{name}" "담당자 {}의 설정을 열었습니다" "opened the settings of {}"
    "POST /settings/operators/{name}" "담당자 {}의 설정을 변경했습니다" "changed the settings of {}"
    "GET /settings/add-webhook" "웹훅 추가 화면을 열었습니다" "opened the page to add a webhook"
    "POST /settings/add-webhook" "웹훅 {}을(를) 추가했습니다" "added the webhook {}"
    "GET /settings/webhooks/{id}" "웹훅 {}을(를) 조회했습니다" "looked at the webhook {}"
    "POST /settings/webhooks/{id}" "웹훅 {}을(를) 변경했습니다" "changed the webhook {}"
    "GET /live" "화면을 새로 고치려 했습니다" "asked for news of a page"
    "POST /stay" "로그인을 유지하려 했습니다" "asked to stay signed in"
    "GET /" "첫 화면을 열었습니다" "opened the first page"
    "POST /v1/payments" "{} 결제를 요청했습니다" "asked for the payment {}"
    "GET /v1/payments" "결제 내역을 조회했습니다" "listed payments"
    "GET /v1/payments/{id}" "{} 결제를 조회했습니다" "looked at {}"
    "POST /v1/payments/{id}/cancellations" "{} 결제의 취소를 요청했습니다" "asked to cancel {}"
    "POST /v1/payments/{id}/resolution" "{} 결제의 결과를 확정하려 했습니다" "asked to close the doubt about {}"
    "GET /v1/shops" "상점 목록을 조회했습니다" "listed the shops"
    "GET /v1/events" "이벤트를 조회했습니다" "listed events"
    "POST /v1/webhooks" "웹훅 {}을(를) 추가했습니다" "added the webhook {}"
    "GET /v1/webhooks" "웹훅 목록을 조회했습니다" "listed the webhooks"
    "GET /v1/webhooks/{id}" "웹훅 {}을(를) 조회했습니다" "looked at the webhook {}"
    "DELETE /v1/webhooks/{id}" "웹훅 {}을(를) 삭제했습니다" "removed the webhook {}"
    "pay" "{} 결제를 요청했습니다" "asked for the payment {}"
    "cancel" "{} 결제의 취소를 요청했습니다" "asked to cancel {}"
    "resolve" "{} 결제의 결과를 확정하려 했습니다" "asked to close the doubt about {}"
    "purge" "기간이 지난 구매자 정보를 삭제했습니다" "erased buyers whose time is over"
    "user add" "담당자 {}을(를) 추가했습니다" "added the operator {}"
    "user password" "담당자 {}의 비밀번호를 변경했습니다" "changed the password of {}"
    "sign in" "로그인하려 했습니다" "tried to sign in"
    "passkey" "복제되었을 수 있는 패스키로 로그인하려 했습니다" "tried to sign in with a passkey that may have been copied"
    "knocked" "그 밖에 여러 번 접속했습니다" "came by more often"
}

/// An audit entry in words.
pub(super) struct AuditSentence {
    pub(super) who: String,
    /// What stands before and after what it was done to.
    pub(super) before: String,
    pub(super) after: String,
    pub(super) outcome: String,
    pub(super) tone: &'static str,
}

impl AuditSentence {
    pub(super) fn of(lang: Lang, audit_entry: &AuditEntry) -> Self {
        // Who was not let in did not sign in.
        let is_try =
            audit_entry.action.starts_with("POST /sign-in") && audit_entry.outcome.starts_with('4');
        let action = if is_try {
            "sign in"
        } else {
            &audit_entry.action
        };
        let act = act(lang, action).unwrap_or(&audit_entry.action);
        // What an action has no place for stands behind it.
        let (before, after) = match act.split_once("{}") {
            Some(("", after)) => (String::new(), after),
            Some((before, after)) => (before.to_owned(), after),
            None if audit_entry.subject.is_empty() => (act.to_owned(), ""),
            None => (format!("{act}: "), ""),
        };
        let (outcome, tone) = outcome(lang, &audit_entry.outcome);
        Self {
            who: who(lang, &audit_entry.actor),
            before,
            after: after.to_owned(),
            outcome,
            tone,
        }
    }
}

fn who(lang: Lang, actor: &str) -> String {
    let w = ToldMessages::of(lang);
    match actor.split_once(':') {
        Some(("operator", name)) => fill(w.operator, &[name]),
        Some(("key", name)) => fill(w.key, &[name]),
        Some(("cli", name)) => fill(w.cli, &[name]),
        None if actor == "-" => w.nobody.into(),
        _ => fill(w.system, &[actor]),
    }
}

/// How it ended, and how that looks.
fn outcome(lang: Lang, outcome: &str) -> (String, &'static str) {
    let w = ToldMessages::of(lang);
    if outcome == "hung up" {
        return (w.hung_up.into(), "doubt");
    }
    let (status, messages) = outcome.split_once(' ').unwrap_or((outcome, ""));
    let Some(first) = status.bytes().next().filter(|_| is_status(status)) else {
        // Words alone: of a command, or of what something itself said.
        if let Some(notice) = Notice::parse(outcome) {
            return (notice.text(lang).into(), "doubt");
        }
        let word = match outcome {
            "done" => w.done,
            "begun" => w.begun,
            other => other,
        };
        return (word.into(), "quiet");
    };
    let notice = Notice::parse(messages);
    let is_refused = notice.is_some_and(Notice::is_refusal);
    let why = notice.map(|notice| notice.text(lang));
    match (first, messages) {
        (b'2' | b'3', "requested") => (w.waits.into(), "doubt"),
        (b'2' | b'3', _) if !is_refused => (w.done.into(), "good"),
        _ => {
            let ended = match status {
                "401" => w.wrong,
                "403" => w.may_not,
                "404" => w.nothing,
                "429" => w.too_often,
                _ if first == b'5' => w.failed,
                _ => w.refused,
            };
            let tone = if first == b'5' { "bad" } else { "doubt" };
            match why.or(Some(messages).filter(|messages| !messages.is_empty())) {
                Some(why) => (format!("{ended}: {why}"), tone),
                None => (ended.into(), tone),
            }
        }
    }
}

fn is_status(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ROUTES;

    fn audit_sentence(lang: Lang, actor: &str, action: &str, subject: &str, ended: &str) -> String {
        let audit_entry = AuditEntry {
            at: jiff::Timestamp::UNIX_EPOCH,
            actor: actor.into(),
            action: action.into(),
            subject: subject.into(),
            outcome: ended.into(),
            origin: "-".into(),
        };
        let audit_sentence = AuditSentence::of(lang, &audit_entry);
        format!(
            "{} {}{subject}{} [{}]",
            audit_sentence.who, audit_sentence.before, audit_sentence.after, audit_sentence.outcome
        )
    }

    #[test]
    fn an_entry_is_a_sentence() {
        let of = |lang, ended| {
            audit_sentence(
                lang,
                "operator:kim",
                "POST /payments/{id}/cancel",
                "A-1",
                ended,
            )
        };
        assert_eq!(
            of(Lang::Ko, "303 done"),
            "kim 담당자가 A-1 결제의 취소를 요청했습니다 [완료]"
        );
        assert_eq!(of(Lang::En, "303 done"), "kim asked to cancel A-1 [done]");
        assert_eq!(
            of(Lang::En, "303 requested"),
            "kim asked to cancel A-1 [waits for a second person]"
        );
        let more = of(Lang::En, "422 too-much");
        assert!(
            more.ends_with("[not done: That is more than what is left. Nothing was cancelled.]"),
            "{more}"
        );
        let other = audit_sentence(Lang::En, "-", "POST /sign-in", "", "401");
        assert_eq!(
            other,
            "Somebody who was not signed in tried to sign in [not let in]"
        );
        // What no one foresaw is told as it is.
        let new = audit_sentence(Lang::Ko, "cli:root", "turn", "x", "halfway");
        assert_eq!(new, "서버 명령줄에서 root 사용자가 turn: x [halfway]");
    }

    #[test]
    fn every_address_of_the_pages_has_words_in_both_languages() {
        for route in ROUTES {
            for (method, is_there) in [("GET", route.get), ("POST", route.post)] {
                // What leaves no entry needs none.
                let silent = matches!(route.path, "/assets/{name}" | "/signed-out")
                    || (method, route.path) == ("GET", "/sign-in");
                let action = format!("{method} {}", route.path);
                let known = act(Lang::Ko, &action).is_some();
                assert!(known || !is_there || silent, "{action}");
            }
        }
        for (action, ko, en) in ACTS {
            crate::lang::check(action, ko, en);
        }
    }
}
