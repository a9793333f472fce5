//! Signing in and out, and the choice of a language.

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::Deserialize;
use sugi_access::{Cookie, SignIn, SignInError};
use sugi_api::Audited;
use sugi_core::Actor;

use crate::{
    Pages, assets,
    current_operator::{self, CurrentOperator, SESSION_COOKIE},
    error_page::ErrorPage,
    form::Form,
    kept,
    lang::{LANG_COOKIE, Lang, fill, messages},
    layout::html,
    messages::Common,
    ours,
    passkeys::PasskeyMessages,
    write,
};

messages! {
    /// The page to sign in at.
    SignInMessages {
        title "로그인" "Sign in"
        name "아이디" "Name"
        password "비밀번호" "Password"
        code "인증번호(OTP)" "One-time code"
        code_hint "인증 앱의 6자리 또는 복구 코드. 설정하지 않았다면 비워 두세요." "Six digits from your app, or a recovery code. Leave it empty if you have none."
        enter "로그인" "Sign in"
        wrong "아이디, 비밀번호 또는 인증번호가 올바르지 않습니다." "The name, the password or the code is not right."
        code_needed "비밀번호는 맞습니다. 비밀번호와 일회용 코드를 함께 입력하십시오." "The password is right. Enter it once more, together with your one-time code."
        passkey_needed "비밀번호는 맞지만 이 시스템은 한 가지 더 요구합니다. 패스키로 로그인하십시오. 패스키를 잃었다면 관리자에게 알리십시오." "The password is right, and this installation requires more: sign in with your passkey. If it is lost, tell an administrator."
        sealed "비밀번호는 맞지만 일회용 코드를 확인할 수 없습니다. 관리자가 서버의 access.secret_file을 되돌려야 합니다. 복구 코드는 쓸 수 있습니다." "The password is right, and your code cannot be checked: an administrator has to put the server's access.secret_file back. A recovery code is good meanwhile."
        held "여러 번 틀렸습니다. {} 이후에 다시 시도하십시오." "Too many wrong tries. Try again after {}."
        unsent "로그아웃되었습니다. 마지막으로 입력하신 내용은 전송되지 않았습니다. 결제되거나 취소된 것은 없습니다." "You were signed out. What you entered last was not sent: nothing was charged or cancelled."
        kept "같은 아이디로 로그인하면 입력하신 내용이 그대로 나타납니다. 카드 정보만 다시 입력해 주세요." "Sign in with the same name, and what you typed is there again; only the card has to be keyed in anew."
        no_operator "아직 담당자가 없습니다. 서버에서 sugi init을 실행하십시오." "There is no operator yet. Run sugi init on the server."
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    lang: Lang,
    t: &'static Common,
    w: &'static SignInMessages,
    style: &'static str,
    next: String,
    name: String,
    problem: Option<String>,
    /// Nothing was sent, and so this page is here.
    unsent: bool,
    /// The form that was open, sealed; empty if there was none.
    kept: String,
    code_needed: bool,
    p: &'static PasskeyMessages,
    /// Where passkeys are good, and the script that shows them.
    passkeys: Option<(String, &'static str)>,
}

/// Where to go after signing in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Next {
    next: String,
    /// Whatever stands there: something was sent, and did not arrive.
    unsent: Option<String>,
}

impl SignInPage {
    fn new(pages: &Pages, lang: Lang, next: &str) -> Self {
        let site = pages.access().rules().passkeys.as_ref();
        Self {
            lang,
            p: PasskeyMessages::of(lang),
            passkeys: site.map(|site| (site.origins.join(" "), assets::script_path())),
            t: Common::of(lang),
            w: SignInMessages::of(lang),
            style: assets::style_path(),
            next: ours::page(next).unwrap_or_default().into(),
            name: String::new(),
            problem: None,
            unsent: false,
            kept: String::new(),
            code_needed: false,
        }
    }
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    headers: HeaderMap,
    query: Result<Query<Next>, QueryRejection>,
) -> Result<Response, ErrorPage> {
    let lang = Lang::of(&headers);
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let mut page = SignInPage::new(&pages, lang, &query.next);
    page.unsent = query.unsent.is_some();
    if pages.access().operators().await?.is_empty() {
        page.problem = Some(page.w.no_operator.into());
    }
    Ok(html(&page))
}

/// The page for whoever sent something, or had typed something, when their session was over.
pub(crate) fn unsent(pages: &Pages, lang: Lang, next: &str, kept: Option<String>) -> Response {
    let mut page = SignInPage::new(pages, lang, next);
    page.unsent = true;
    page.kept = kept.unwrap_or_default();
    html(&page)
}

pub(crate) async fn enter(
    State(pages): State<Pages>,
    parts: Parts,
    form: Form,
) -> Result<Response, ErrorPage> {
    let lang = Lang::of(&parts.headers);
    let ask = SignIn {
        name: form.get("name").into(),
        password: form.secret("password"),
        code: form.get("code").into(),
    };
    let mut page = SignInPage::new(&pages, lang, form.get("next"));
    page.kept = form.get(kept::FIELD).into();
    page.unsent = !page.kept.is_empty();
    // A name that no one has could be a password in the wrong field.
    let known = match ask.name.trim().parse::<Actor>() {
        Ok(name) => pages.access().operator(&name).await?.map(|_| name),
        Err(_) => None,
    };
    match pages
        .access()
        .sign_in(ask, &current_operator::origin(&parts))
        .await
    {
        Ok(cookie) => {
            // Who it is stands in the audit once it is proved; before, someone has tried a name.
            if let (Some(who), Some(known)) = (parts.extensions.get::<sugi_api::Who>(), known) {
                who.is(&format!("operator:{known}"));
            }
            let session = [(header::SET_COOKIE, session_cookie(&cookie))];
            if let Some(form) = kept::after_sign_in(&pages, &parts, &cookie, &page.kept).await? {
                return Ok((session, form).into_response());
            }
            let to = if page.next.is_empty() {
                "/"
            } else {
                &page.next
            };
            Ok((session, Redirect::to(to)).into_response())
        }
        Err(why) => {
            let status = match &why {
                SignInError::Store(_) => return Err(ErrorPage::Ledger),
                SignInError::Held(_) => StatusCode::TOO_MANY_REQUESTS,
                SignInError::Sealed => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::UNAUTHORIZED,
            };
            page.problem = Some(match why {
                SignInError::Held(until) => fill(page.w.held, &[&write::clock(until)]),
                SignInError::CodeNeeded => page.w.code_needed.into(),
                SignInError::PasskeyNeeded => page.w.passkey_needed.into(),
                SignInError::Sealed => page.w.sealed.into(),
                _ => page.w.wrong.into(),
            });
            page.code_needed = status == StatusCode::UNAUTHORIZED;
            page.name = form.get("name").into();
            let about = known.map(|name| Extension(Audited(name.to_string())));
            Ok((status, about, html(&page)).into_response())
        }
    }
}

pub(crate) async fn leave(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    let name = &current_operator.operator().name;
    pages
        .access()
        .end_session(name, &current_operator.session.id)
        .await?;
    let gone = HeaderValue::from_static(
        "__Host-sugi=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    );
    let clear = (
        header::HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"cache\""),
    );
    Ok((
        [(header::SET_COOKIE, gone), clear],
        Redirect::to("/sign-in"),
    )
        .into_response())
}

/// Keeps a choice of language in a cookie, and goes back to where one was.
pub(crate) async fn choose_lang(form: Form) -> Response {
    let lang = Lang::parse(form.get("lang")).unwrap_or_default();
    let back = ours::page(form.get("back"));
    let cookie = format!(
        "{LANG_COOKIE}={}; Path=/; SameSite=Lax; Max-Age=31536000",
        lang.code()
    );
    (
        [(header::SET_COOKIE, cookie)],
        Redirect::to(back.unwrap_or("/")),
    )
        .into_response()
}

pub(crate) fn session_cookie(cookie: &Cookie) -> HeaderValue {
    let text = format!(
        "{SESSION_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict",
        cookie.reveal()
    );
    let mut value =
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("__Host-sugi="));
    value.set_sensitive(true);
    value
}
