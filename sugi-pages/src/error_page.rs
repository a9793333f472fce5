//! What a page cannot do, said as a page.

use askama::Template;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use sugi_api::{Audited, Unaudited};
use sugi_store::StoreError;

use crate::{
    Pages,
    current_operator::{CurrentOperator, asks_json},
    lang::{Lang, messages},
    layout::{Layout, Part, html},
    messages::Common,
};

/// Why there is no page. It becomes one in [`render_errors`], which knows the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorPage {
    /// The role is missing.
    MayNot,
    /// There is nothing at this address, or nothing for this operator.
    NotFound,
    /// There is no such address.
    Nowhere,
    /// The address takes something else.
    Method,
    /// What was sent is no form of ours.
    BadForm,
    /// The address cannot be read.
    BadAddress,
    /// More was sent than is taken.
    TooLarge,
    /// A text holds a control character.
    BadSign,
    /// It came from another site's page.
    OtherSite,
    /// The page that it came from was made for another operator.
    OtherOperator,
    /// Too many who are not signed in ask for something at once.
    Busy,
    /// The ledger.
    Ledger,
    /// Something of ours broke.
    Broken,
}

messages! {
    /// What went wrong, and what to do.
    TroubleMessages {
        may_not "권한이 없습니다" "You may not do this"
        may_not_next "이 화면에 필요한 권한을 관리자에게 요청해 주세요." "Ask an administrator for the role that it takes."
        not_found "찾을 수 없습니다" "There is nothing here"
        not_found_next "주소를 확인하거나 결제 내역에서 검색해 주세요." "Check the address, or search in the payments."
        nowhere "없는 주소입니다" "There is no such page"
        nowhere_next "주소를 확인하거나 메뉴에서 찾아 주세요." "Check the address, or go by the menu."
        method "이 주소에서 할 수 없는 요청입니다" "This address does not take that"
        method_next "메뉴에서 화면을 다시 열어 주세요. 처리된 것은 없습니다." "Open the page again by the menu. Nothing was done."
        bad_form "읽을 수 없는 요청입니다" "This could not be read"
        bad_form_next "화면을 새로 열고 다시 입력해 주세요. 처리된 것은 없습니다." "Open the page again and fill it in anew. Nothing was done."
        bad_address "읽을 수 없는 주소입니다" "This address cannot be read"
        bad_address_next "주소를 확인하거나 메뉴에서 찾아 주세요. 처리된 것은 없습니다." "Check the address, or go by the menu. Nothing was done."
        too_large "입력한 내용이 너무 깁니다" "That is too much"
        too_large_next "내용을 줄여 다시 보내 주세요. 처리된 것은 없습니다." "Shorten it and send it again. Nothing was done."
        bad_sign "쓸 수 없는 문자가 있습니다" "A field holds a control character"
        bad_sign_next "보이지 않는 제어 문자(NUL 등)를 지우고 다시 보내 주세요. 처리된 것은 없습니다." "Take it out (NUL and the like, which cannot be seen) and send it again. Nothing was done."
        other_site "다른 사이트에서 온 요청입니다" "This came from another site"
        other_site_next "sugi 화면에서 다시 시도해 주세요. 처리된 것은 없습니다." "Try again from a page of sugi. Nothing was done."
        other_operator "다른 담당자가 열어 둔 화면입니다" "This page belongs to another operator"
        other_operator_next "이 브라우저에서 다른 담당자가 로그인했습니다. 이번 요청은 처리되지 않았습니다. 앞서 보낸 요청이 있으면 결제 내역에서 먼저 확인하고, 화면을 새로 열어 주세요." "Another operator has signed in with this browser. This request was not carried out. If you sent one before, check the payments first; then open the page again."
        busy "지금은 요청이 너무 많습니다" "Too much to do at once"
        busy_next "잠시 후 다시 시도해 주세요. 처리된 것은 없습니다." "Try again in a moment. Nothing was done."
        ledger "시스템에 저장할 수 없습니다" "The ledger cannot be used now"
        ledger_next "방금 결제를 요청했다면 다시 결제하지 말고 결제 내역을 먼저 확인해 주세요." "If you have just asked for a payment, do not charge again: look at the payments first."
        broken "화면을 만들지 못했습니다" "This page could not be made"
        broken_next "방금 결제나 취소를 요청했다면 다시 요청하지 말고 결제 내역을 먼저 확인해 주세요." "If you have just asked for a payment or a cancellation, do not ask again: look at the payments first."
    }
}

/// Said to someone who is signed in: with everything around it, so that they can go on.
#[derive(Template)]
#[template(path = "trouble_inside.html")]
struct Inside {
    layout: Layout,
    next: &'static str,
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct ErrorPageTemplate {
    lang: Lang,
    t: &'static Common,
    style: &'static str,
    title: &'static str,
    next: &'static str,
}

impl ErrorPage {
    fn status(self) -> StatusCode {
        match self {
            Self::MayNot | Self::OtherSite => StatusCode::FORBIDDEN,
            Self::OtherOperator => StatusCode::CONFLICT,
            Self::NotFound | Self::Nowhere => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadForm | Self::BadAddress | Self::BadSign => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy | Self::Ledger => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What went wrong, and what to do.
    pub(crate) fn messages(self, lang: Lang) -> (&'static str, &'static str) {
        let w = TroubleMessages::of(lang);
        match self {
            Self::MayNot => (w.may_not, w.may_not_next),
            Self::NotFound => (w.not_found, w.not_found_next),
            Self::Nowhere => (w.nowhere, w.nowhere_next),
            Self::Method => (w.method, w.method_next),
            Self::BadForm => (w.bad_form, w.bad_form_next),
            Self::BadAddress => (w.bad_address, w.bad_address_next),
            Self::TooLarge => (w.too_large, w.too_large_next),
            Self::BadSign => (w.bad_sign, w.bad_sign_next),
            Self::OtherSite => (w.other_site, w.other_site_next),
            Self::OtherOperator => (w.other_operator, w.other_operator_next),
            Self::Busy => (w.busy, w.busy_next),
            Self::Ledger => (w.ledger, w.ledger_next),
            Self::Broken => (w.broken, w.broken_next),
        }
    }

    /// It as a page: with the ways to go around it, if whoever asked is signed in and the ledger can be read.
    /// With it, who was shown orders in doubt.
    async fn page(self, pages: &Pages, asked: &Parts) -> (String, Option<CurrentOperator>) {
        let lang = Lang::of(&asked.headers);
        let (title, next) = self.messages(lang);
        // From another site's page no one is told who is signed in here.
        if self != Self::OtherSite
            && let Some(current_operator) = CurrentOperator::anywhere(asked, pages).await
            && let Ok(layout) = Layout::around(pages, &current_operator, Part::Nowhere, title).await
            && let Ok(page) = (Inside { layout, next }).render()
        {
            return (
                page,
                Some(current_operator).filter(|current_operator| current_operator.alarmed.is_set()),
            );
        }
        let page = ErrorPageTemplate {
            lang,
            t: Common::of(lang),
            style: crate::assets::style_path(),
            title,
            next,
        };
        (page.render().unwrap_or_default(), None)
    }

    /// What an answer says that is none of ours: the frame's own, in a few words of English.
    fn in_place_of(response: &Response) -> Option<Self> {
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain")) {
            return None;
        }
        match response.status() {
            StatusCode::NOT_FOUND => Some(Self::Nowhere),
            StatusCode::METHOD_NOT_ALLOWED => Some(Self::Method),
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::TooLarge),
            StatusCode::BAD_REQUEST => Some(Self::BadAddress),
            StatusCode::INTERNAL_SERVER_ERROR => Some(Self::Broken),
            _ => None,
        }
    }
}

impl From<ErrorPage> for Response {
    fn from(error_page: ErrorPage) -> Self {
        let mut response = error_page.status().into_response();
        response.extensions_mut().insert(error_page);
        response
    }
}

impl axum::response::IntoResponse for ErrorPage {
    fn into_response(self) -> Response {
        self.into()
    }
}

impl From<StoreError> for ErrorPage {
    fn from(why: StoreError) -> Self {
        tracing::error!(%why, "the ledger failed a page");
        Self::Ledger
    }
}

#[derive(Template)]
#[template(path = "said.html")]
struct SaidPage<'a> {
    layout: Layout,
    why: &'a str,
}

/// A page that says why something was not done, with everything around it.
pub(crate) fn said(layout: Layout, why: &str) -> Response {
    html(&SaidPage { layout, why })
}

/// Makes pages of troubles, in the language of whoever asked.
pub(crate) async fn render_errors(
    State(pages): State<Pages>,
    request: Request,
    next: Next,
) -> Response {
    let (asked, body) = request.into_parts();
    let request = Request::from_parts(asked.clone(), body);
    let response = next.run(request).await;
    let accept = asked.headers.get(header::ACCEPT);
    let is_stream = accept.is_some_and(|accept| accept.as_bytes() == b"text/event-stream");
    let error_page = response.extensions().get::<ErrorPage>().copied();
    let reads_pages = !is_stream && !asks_json(&asked.headers);
    let strange = || ErrorPage::in_place_of(&response).filter(|_| reads_pages);
    let Some(error_page) = error_page.or_else(strange) else {
        return response;
    };
    let (page, alarmed) = error_page.page(&pages, &asked).await;
    // Whatever else it says, of what is allowed or what is told to the audit, stays.
    let (mut head, _) = response.into_parts();
    // The alarm around it names orders, and so this was a look at them.
    if let Some(current_operator) = alarmed {
        if let Some(who) = asked.extensions.get::<sugi_api::Who>() {
            who.is(&format!("operator:{}", current_operator.operator().name));
        }
        head.extensions.remove::<Unaudited>();
        if head.extensions.get::<Audited>().is_none() {
            head.extensions.insert(Audited("doubts".into()));
        }
    }
    head.headers.remove(header::CONTENT_LENGTH);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    head.headers.insert(header::CONTENT_TYPE, html);
    Response::from_parts(head, page.into())
}
