//! Webhooks: a merchant's own programs that are told of events, set up by whoever administers.

pub(crate) mod add;
pub(crate) mod one;

use sugi_core::{PublicEvent, Status, WebhookId};
use sugi_store::{StoreError, Undelivered};
use sugi_webhooks::{BROKE, BadAddress, NOT_REACHED, SLOW, Webhook, WebhookError};

use super::{names, or};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    lang::{Lang, fill, messages},
    messages::{Common, state},
};

messages! {
    /// Webhooks, wherever they are shown.
    WebhookMessages {
        title "웹훅" "Webhooks"
        one "웹훅" "Webhook"
        lead "결제에 일어난 일을 상점의 프로그램에 서명하여 알립니다." "They tell your own programs, signed, what became of a payment."
        add "웹훅 추가" "Add a webhook"
        url "주소" "Address"
        url_hint "https://로 시작하는 주소. http://는 이 서버 안에서만 쓸 수 있습니다." "It begins with https://; http:// is for this machine alone."
        types "알릴 일" "Events"
        types_hint "아무것도 고르지 않으면 모두 알립니다." "With none of them it is told of all."
        all "모두" "All"
        shops "상점" "Shops"
        all_shops "내가 쓸 수 있는 모든 상점" "All shops that you may use"
        e_no_shop "상점을 하나 이상 고르십시오." "Choose at least one shop."
        by "추가한 사람" "Set up by"
        since "추가한 때" "Since"
        state "상태" "State"
        good "모두 전달됨" "all delivered"
        waiting "{}건 대기" "{} waiting"
        given_up "{}건 실패" "{} given up"
        waiting_since "가장 오래 기다린 것: {} 전" "the oldest for {}"
        cancel_refused "취소 안 됨" "Cancel refused"
        differs "KCP와 다름" "Differs at KCP"
        save "추가" "Add"
        secret "서명 비밀값" "Signing secret"
        secret_lead "받는 프로그램이 서명을 확인할 때 씁니다. 지금만 보이니 옮겨 적으십시오." "Your program checks the signatures with it. It is shown now and never again: copy it there."
        secret_both "지금부터 하루 동안은 이전 비밀값으로도 함께 서명합니다." "For a day from now messages are signed with the one before as well."
        go_on "옮겨 적었습니다" "I have copied it"
        test "시험 전송" "Send a test"
        tested_good "시험 전송을 받았습니다. 응답 {}." "The test was taken: {}."
        tested_bad "시험 전송을 받지 못했습니다: {}" "The test was not taken: {}"
        renew "새 비밀값 만들기" "Make a new secret"
        renew_lead "받는 프로그램에 새 비밀값을 하루 안에 옮겨야 합니다." "The new one has to be in your program within a day."
        remove "웹훅 지우기" "Remove the webhook"
        remove_lead "아직 전달하지 않은 것도 함께 지워집니다. 일어난 일은 /v1/events에 남습니다." "What it was not told of goes with it. The events themselves stay at /v1/events."
        sure "진행" "Do it"
        deliveries "최근 전달" "Deliveries"
        open_only "전달 안 된 것만" "Only what is not delivered"
        show_all "모두 보기" "Show all"
        none "아직 없습니다." "There are none yet."
        event "번호" "No."
        what "일" "Event"
        when "일어난 때" "When"
        tries "시도" "Tries"
        answer "마지막 응답" "Last answer"
        delivered "전달됨" "delivered"
        waits "{}에 다시" "again at {}"
        soon "곧 전달" "soon"
        failed "실패" "given up"
        again "다시 보내기" "Tell again"
        older "이전" "Older"
        not_reached "연결되지 않음" "not reached"
        broke "연결이 끊김" "the connection broke"
        slow "15초 안에 응답 없음" "no answer within 15 seconds"
        e_url_form "https://shop.example.com/sugi 같은 주소를 적으십시오. 사용자 이름이나 비밀번호는 넣을 수 없습니다." "Write an address like https://shop.example.com/sugi, without a user or password."
        e_url_http "https://로 시작해야 합니다. http://는 이 서버 안에서만 쓸 수 있습니다." "It must begin with https://; http:// is for this machine alone."
        e_url_port "포트는 1~65535입니다." "A port is from 1 to 65535."
        e_url_net "공개된 주소만 쓸 수 있습니다. 내부 주소라면 관리자가 sugi.toml의 [webhooks] allow_networks에 그 망을 적어야 합니다." "It has to be a public address. For an inner one, name its network in allow_networks of [webhooks] in sugi.toml."
        e_no_secret "웹훅의 비밀값을 봉인할 수 없습니다. 관리자가 sugi.toml의 [access]에 secret_file을 적고 sugi init을 실행한 뒤 서비스를 다시 시작해야 합니다." "The secret of a webhook cannot be sealed: name a secret_file in [access] of sugi.toml, run sugi init and start the service anew."
        e_sealed "비밀값을 읽을 수 없습니다. access.secret_file이 바뀌었습니다. 새 비밀값을 만드십시오." "Its secret cannot be read: access.secret_file is not what it was. Make a new secret."
        e_many "웹훅이 너무 많습니다. 쓰지 않는 것을 먼저 지우십시오." "There are as many as there can be. Remove one that is not needed any more."
        e_used "이 양식으로는 이미 다른 웹훅을 추가했습니다. 내용을 확인하고 다시 보내십시오." "This form has added another webhook already. Look at it once more and send it again."
        e_often "하루 동안 비밀값을 너무 여러 번 바꾸었습니다. 이전 비밀값의 기한이 지난 뒤 다시 시도하십시오." "Its secret was changed too often within a day. Try again when an earlier one is over."
        e_busy "다른 사람이 동시에 바꾸고 있습니다. 다시 시도하십시오." "Somebody else is changing it at the same time. Try again."
    }
}

/// A webhook among others.
pub(super) struct WebhookLine {
    pub(super) href: String,
    pub(super) url: String,
    pub(super) types: String,
    pub(super) shops: String,
    pub(super) state: String,
    pub(super) tone: &'static str,
}

/// The webhooks that someone may see, the oldest first.
pub(super) async fn lines(
    pages: &Pages,
    current_operator: &CurrentOperator,
) -> Result<Vec<WebhookLine>, StoreError> {
    let (lang, w) = (
        current_operator.lang,
        WebhookMessages::of(current_operator.lang),
    );
    let mut all = pages.webhooks().all().await?;
    all.retain(|webhook| webhook.is_within(&current_operator.operator().shops));
    all.sort_by_key(|webhook| webhook.created_at);
    let mut lines = Vec::with_capacity(all.len());
    for webhook in all {
        let store = pages.store();
        let open = store.undelivered(webhook.id.as_str()).await?;
        let (state, tone) = standing(w, &open);
        lines.push(WebhookLine {
            href: address(&webhook.id),
            types: types(lang, &webhook),
            shops: shops(lang, &webhook),
            url: webhook.url.to_string(),
            state,
            tone,
        });
    }
    Ok(lines)
}

fn address(id: &WebhookId) -> String {
    format!("/settings/webhooks/{id}")
}

/// How far a webhook's deliveries are, and how that looks.
fn standing(w: &WebhookMessages, open: &Undelivered) -> (String, &'static str) {
    let count = |messages, n: u64| fill(messages, &[&n.to_string()]);
    match (open.waiting, open.given_up) {
        (0, 0) => (w.good.into(), "good"),
        (waiting, 0) => (count(w.waiting, waiting), "quiet"),
        (0, given_up) => (count(w.given_up, given_up), "bad"),
        (waiting, given_up) => {
            let both = [count(w.waiting, waiting), count(w.given_up, given_up)];
            (both.join(", "), "bad")
        }
    }
}

fn types(lang: Lang, webhook: &Webhook) -> String {
    let all = webhook
        .public_event
        .iter()
        .map(|public_event| name(lang, *public_event));
    or(names(all), WebhookMessages::of(lang).all)
}

fn shops(lang: Lang, webhook: &Webhook) -> String {
    let t = Common::of(lang);
    webhook.shops.in_words(t.all, t.none)
}

/// News in a word: the word of the state that it is about.
fn name(lang: Lang, public_event: PublicEvent) -> &'static str {
    let status = match public_event {
        PublicEvent::Approved => Status::Approved,
        PublicEvent::Declined => Status::Declined,
        PublicEvent::InDoubt => Status::InDoubt,
        PublicEvent::Reversing => Status::Reversing,
        PublicEvent::Reversed => Status::Reversed,
        PublicEvent::PartiallyCancelled => Status::PartiallyCancelled,
        PublicEvent::Cancelled => Status::Cancelled,
        PublicEvent::Void => Status::Void,
        PublicEvent::CancelRefused => return WebhookMessages::of(lang).cancel_refused,
        PublicEvent::Differs => return WebhookMessages::of(lang).differs,
    };
    state(lang, status)
}

/// How a try ended, in the language of whoever reads: a status, or why there was none. What a machine says
/// of it besides stays as it is.
fn ended(w: &WebhookMessages, answer: &str) -> String {
    let (kind, rest) = answer.split_once(": ").unwrap_or((answer, ""));
    let kind = match kind {
        NOT_REACHED => w.not_reached,
        BROKE => w.broke,
        SLOW => w.slow,
        other => other,
    };
    if rest.is_empty() {
        kind.into()
    } else {
        format!("{kind}: {rest}")
    }
}

/// What is said of something that could not be done.
/// What is wrong with an address, and what to write.
fn wrong_url(why: BadAddress, w: &'static WebhookMessages) -> &'static str {
    match why {
        BadAddress::Clear => w.e_url_http,
        BadAddress::Port => w.e_url_port,
        BadAddress::NotPublic => w.e_url_net,
        BadAddress::Form | BadAddress::Long | BadAddress::User => w.e_url_form,
    }
}

fn said(why: WebhookError, w: &'static WebhookMessages) -> Result<&'static str, ErrorPage> {
    match why {
        WebhookError::NoSecret => Ok(w.e_no_secret),
        WebhookError::Sealed => Ok(w.e_sealed),
        WebhookError::Address(why) => Ok(wrong_url(why, w)),
        WebhookError::TooMany => Ok(w.e_many),
        WebhookError::Busy => Ok(w.e_busy),
        WebhookError::KeyReused | WebhookError::Renewed => Ok(w.e_used),
        WebhookError::TooOften => Ok(w.e_often),
        WebhookError::Unknown(_) => Err(ErrorPage::NotFound),
        WebhookError::Store(why) => Err(why.into()),
    }
}
