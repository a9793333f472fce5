//! What a page cannot do, said as a page.

use askama::Template;
use axum::{
    extract::Request,
    middleware::Next,
    response::{Html, IntoResponse as _, Response},
};
use http::StatusCode;
use sugi_store::StoreError;

use crate::{
    lang::{Lang, words},
    shell::{Shell, html},
    words::Common,
};

/// Why there is no page. It becomes one in [`dress`], which knows the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The role is missing.
    MayNot,
    /// There is nothing at this address, or nothing for this operator.
    NotFound,
    /// What was sent is no form of ours.
    BadForm,
    /// It came from another site's page.
    OtherSite,
    /// The ledger.
    Ledger,
}

words! {
    /// What went wrong, and what to do.
    TroubleWords {
        may_not "권한이 없습니다" "You may not do this"
        may_not_next "이 화면에 필요한 권한을 관리자에게 요청하십시오." "Ask an administrator for the role that it takes."
        not_found "찾을 수 없습니다" "There is nothing here"
        not_found_next "주소를 확인하거나 결제 내역에서 검색하십시오." "Check the address, or search in the payments."
        bad_form "읽을 수 없는 요청입니다" "This could not be read"
        bad_form_next "화면을 새로 열고 다시 입력하십시오. 처리된 것은 없습니다." "Open the page again and fill it in anew. Nothing was done."
        other_site "다른 사이트에서 온 요청입니다" "This came from another site"
        other_site_next "sugi 화면에서 다시 시도하십시오. 처리된 것은 없습니다." "Try again from a page of sugi. Nothing was done."
        ledger "원장을 읽거나 쓸 수 없습니다" "The ledger cannot be used now"
        ledger_next "방금 결제를 요청했다면 다시 결제하지 말고 결제 내역을 먼저 확인하십시오." "If you have just asked for a payment, do not charge again: look at the payments first."
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Page {
    lang: Lang,
    t: &'static Common,
    style: &'static str,
    title: &'static str,
    next: &'static str,
}

impl Trouble {
    fn status(self) -> StatusCode {
        match self {
            Self::MayNot | Self::OtherSite => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadForm => StatusCode::BAD_REQUEST,
            Self::Ledger => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn page(self, lang: Lang) -> Response {
        let w = TroubleWords::of(lang);
        let (title, next) = match self {
            Self::MayNot => (w.may_not, w.may_not_next),
            Self::NotFound => (w.not_found, w.not_found_next),
            Self::BadForm => (w.bad_form, w.bad_form_next),
            Self::OtherSite => (w.other_site, w.other_site_next),
            Self::Ledger => (w.ledger, w.ledger_next),
        };
        let page = Page {
            lang,
            t: Common::of(lang),
            style: crate::assets::style_path(),
            title,
            next,
        };
        (self.status(), Html(page.render().unwrap_or_default())).into_response()
    }
}

impl From<Trouble> for Response {
    fn from(trouble: Trouble) -> Self {
        let mut response = trouble.status().into_response();
        response.extensions_mut().insert(trouble);
        response
    }
}

impl axum::response::IntoResponse for Trouble {
    fn into_response(self) -> Response {
        self.into()
    }
}

impl From<StoreError> for Trouble {
    fn from(why: StoreError) -> Self {
        tracing::error!(%why, "the ledger failed a page");
        Self::Ledger
    }
}

#[derive(Template)]
#[template(path = "said.html")]
struct SaidPage<'a> {
    shell: Shell,
    why: &'a str,
}

/// A page that says why something was not done, with everything around it.
pub(crate) fn said(shell: Shell, why: &str) -> Response {
    html(&SaidPage { shell, why })
}

/// Makes pages of troubles, in the language of whoever asked.
pub(crate) async fn dress(request: Request, next: Next) -> Response {
    let lang = Lang::of(request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<Trouble>() {
        Some(trouble) => {
            let mut page = trouble.page(lang);
            page.extensions_mut().insert(*trouble);
            page
        }
        None => response,
    }
}
