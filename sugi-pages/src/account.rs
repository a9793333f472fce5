//! `/account`: one's own password, one-time codes, passkeys and sessions.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use qrcode::{QrCode, render::svg};
use sugi_access::{AccessError, PasswordError, SignIn, SignInError};
use zeroize::Zeroizing;

use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::Form,
    lang::{fill, messages},
    layout::{Layout, Part, html},
    messages::role,
    passkeys::own::Section,
    write,
};

messages! {
    /// One's own account.
    AccountMessages {
        title "내 계정" "My account"
        roles "권한" "Roles"
        look_only "조회만" "Look only"
        shops "상점" "Shops"
        limit "건당 한도" "Limit per payment"
        no_limit "없음" "none"
        password "비밀번호 변경" "Change the password"
        old "지금 비밀번호" "Present password"
        new "새 비밀번호" "New password"
        new_hint "12자 이상. 서로 관계없는 낱말 여러 개가 좋습니다." "At least 12 characters. Several words that do not belong together are good."
        again "새 비밀번호 확인" "New password again"
        code "일회용 코드" "One-time code"
        change "변경" "Change"
        e_old "지금 비밀번호나 코드가 맞지 않습니다." "The present password or the code is not right."
        e_held "여러 번 틀렸습니다. 잠시 후 다시 시도하십시오." "Too many wrong tries. Try again later."
        e_again "새 비밀번호 두 개가 서로 다릅니다." "The two new passwords differ."
        e_length "비밀번호는 12자 이상 128자 이하입니다." "A password has 12 to 128 characters."
        e_guessable "추측하기 쉬운 비밀번호입니다. 이름을 넣거나 같은 글자를 반복하지 마십시오." "This is too easy to guess. Leave your name out, and do not repeat letters."
        e_common "널리 쓰여 가장 먼저 시도되는 비밀번호입니다." "This is one of the passwords that are tried first."
        e_code "코드가 맞지 않습니다. 다음 코드를 기다리고 휴대전화의 시각을 확인하십시오." "The code is not right. Wait for the next one, and check the clock of the telephone."
        e_sealed "일회용 코드를 확인할 수 없습니다. 관리자가 서버의 access.secret_file을 되돌려야 합니다. 복구 코드는 쓸 수 있습니다." "Your code cannot be checked: an administrator has to put the server's access.secret_file back. A recovery code is good meanwhile."
        no_secret "일회용 코드를 설정할 수 없습니다. 관리자가 sugi.toml의 [access]에 secret_file을 적고 sugi init을 실행한 뒤 서비스를 다시 시작해야 합니다." "One-time codes cannot be set up: an administrator has to name a secret_file in [access] of sugi.toml, run sugi init and start the service anew."
        codes "일회용 코드 (2단계 인증)" "One-time codes"
        codes_on "사용 중입니다. 남은 복구 코드 {}개" "In use. {} recovery codes are left."
        codes_off "사용하지 않습니다." "Not in use."
        codes_needed "이 시스템은 일회용 코드를 요구합니다. 지금 설정하십시오." "This installation requires one-time codes. Set them up now."
        or_passkey "또는 내 계정에서 패스키를 추가한 뒤 그 패스키로 다시 로그인하십시오." "Or add a passkey to your account, and sign in anew with it."
        set_up "설정하기" "Set up"
        set_up_anew "새로 설정하기" "Set up anew"
        scan "인증 앱으로 이 그림을 읽으십시오. 읽을 수 없으면 아래 글자를 입력하십시오." "Scan this with an authenticator app, or type the letters below into it."
        enter_code "앱에 나타난 6자리 코드" "The six digits that the app shows"
        present "지금 쓰는 일회용 코드" "A code of the present ones"
        confirm "확인" "Confirm"
        paper "복구 코드" "Recovery codes"
        paper_lead "휴대전화를 잃었을 때 한 번씩 쓸 수 있는 코드입니다. 지금만 보이니 인쇄하거나 적어서 보관하십시오." "For when the telephone is gone; each is good once. They are shown now and never again: print them or write them down."
        print "인쇄" "Print"
        kept "보관했습니다" "I have kept them"
        sessions "로그인된 곳" "Where you are signed in"
        this "지금 이 화면" "this one"
        seen "마지막 사용 {}" "last used {}"
        end "끝내기" "End"
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    layout: Layout,
    w: &'static AccountMessages,
    problem: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
    codes: String,
    has_codes: bool,
    can_set_codes: bool,
    passkeys: Section,
    sessions: Vec<SessionRow>,
}

struct SessionRow {
    id: String,
    agent: String,
    address: String,
    seen: String,
    this: bool,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    layout: Layout,
    w: &'static AccountMessages,
    problem: Option<&'static str>,
    /// They are required: what else would do, if anything.
    needed: Option<&'static str>,
    can_set: bool,
    has_codes: bool,
    secret: String,
    picture: String,
    /// Shown once.
    paper: Vec<String>,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    page(&pages, &current_operator, None).await
}

async fn page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    problem: Option<&'static str>,
) -> Result<Response, ErrorPage> {
    let (lang, w, me) = (
        current_operator.lang,
        AccountMessages::of(current_operator.lang),
        current_operator.operator(),
    );
    let layout = Layout::around(pages, current_operator, Part::Account, w.title).await?;
    let roles: Vec<&str> = me.roles.iter().map(|one| role(lang, *one)).collect();
    let or = |text: String, other: &str| if text.is_empty() { other.into() } else { text };
    let limit = me.amount_max.map(|most| write::money(lang, most, "KRW"));
    let facts = vec![
        (w.roles, or(roles.join(", "), w.look_only)),
        (w.shops, me.shops.in_words(layout.t.all, layout.t.none)),
        (w.limit, limit.unwrap_or_else(|| w.no_limit.into())),
    ];
    let sessions = pages.access().sessions(me).await?;
    let sessions = sessions.into_iter().map(|session| SessionRow {
        this: session.id == current_operator.session.id,
        seen: fill(w.seen, &[&write::time(session.seen_at)]),
        id: session.id,
        agent: session.agent,
        address: session.address,
    });
    let left = me.recovery_codes_left().to_string();
    Ok(html(&AccountPage {
        layout,
        w,
        problem,
        facts,
        codes: if me.has_codes() {
            fill(w.codes_on, &[&left])
        } else {
            w.codes_off.into()
        },
        has_codes: me.has_codes(),
        can_set_codes: pages.access().rules().secret.is_some(),
        passkeys: Section::of(pages, current_operator),
        sessions: sessions.collect(),
    }))
}

pub(crate) async fn password(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    form: Form,
) -> Result<Response, ErrorPage> {
    let (w, me) = (
        AccountMessages::of(current_operator.lang),
        current_operator.operator(),
    );
    let new = form.secret("new");
    if *new != *form.secret("again") {
        return refused(&pages, &current_operator, w.e_again).await;
    }
    let (old, code) = (form.secret("old"), form.get("code"));
    if let Some(problem) = reauthenticated(&pages, &current_operator, old, code).await? {
        return refused(&pages, &current_operator, problem).await;
    }
    match pages.access().set_password(&me.name, new).await {
        Ok(()) => Ok(Redirect::to("/sign-in").into_response()),
        Err(why) => refused(&pages, &current_operator, said(&why, w)?).await,
    }
}

/// The page, with what was not done.
pub(crate) async fn refused(
    pages: &Pages,
    current_operator: &CurrentOperator,
    problem: &'static str,
) -> Result<Response, ErrorPage> {
    let mut response = page(pages, current_operator, Some(problem)).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// Asks once more who someone is: a stranger at an open screen must not lock its owner out. What is in
/// the way, if anything is.
pub(crate) async fn reauthenticated(
    pages: &Pages,
    current_operator: &CurrentOperator,
    password: Zeroizing<String>,
    code: &str,
) -> Result<Option<&'static str>, ErrorPage> {
    let w = AccountMessages::of(current_operator.lang);
    let ask = SignIn {
        name: current_operator.operator().name.to_string(),
        password,
        code: code.into(),
    };
    match pages.access().show(ask, &current_operator.from).await {
        Ok(_) => Ok(None),
        Err(SignInError::Store(why)) => Err(why.into()),
        Err(SignInError::Held(_)) => Ok(Some(w.e_held)),
        Err(SignInError::Sealed) => Ok(Some(w.e_sealed)),
        Err(_) => Ok(Some(w.e_old)),
    }
}

pub(crate) async fn codes(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    let enrolment = pages.access().enrol(&current_operator.operator().name);
    codes_page(
        &pages,
        &current_operator,
        &enrolment.secret,
        None,
        Vec::new(),
    )
    .await
}

pub(crate) async fn set_codes(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    form: Form,
) -> Result<Response, ErrorPage> {
    let w = AccountMessages::of(current_operator.lang);
    let secret = form.get("secret").to_owned();
    let code = form.digits("code");
    let name = &current_operator.operator().name;
    let (password, present) = (form.secret("password"), form.get("present"));
    let problem = reauthenticated(&pages, &current_operator, password, present).await?;
    if problem.is_some() {
        let mut response =
            codes_page(&pages, &current_operator, &secret, problem, Vec::new()).await?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    }
    match pages.access().set_codes(name, &secret, &code).await {
        Ok(paper) => codes_page(&pages, &current_operator, "", None, paper).await,
        Err(AccessError::Store(why)) => Err(why.into()),
        Err(why) => {
            let problem = Some(match why {
                AccessError::NoSecret => w.no_secret,
                _ => w.e_code,
            });
            let mut response =
                codes_page(&pages, &current_operator, &secret, problem, Vec::new()).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

async fn codes_page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    secret: &str,
    problem: Option<&'static str>,
    paper: Vec<String>,
) -> Result<Response, ErrorPage> {
    let w = AccountMessages::of(current_operator.lang);
    let layout = Layout::around(pages, current_operator, Part::Account, w.codes).await?;
    let url = pages
        .access()
        .enrolment_url(&current_operator.operator().name, secret);
    let rules = pages.access().rules();
    let has_other =
        current_operator.operator().has_codes() || current_operator.session.with_passkey;
    let other = rules.passkeys.as_ref().map_or("", |_| w.or_passkey);
    let needed = rules.code_required && !has_other && paper.is_empty();
    Ok(html(&CodesPage {
        layout,
        w,
        problem,
        needed: needed.then_some(other),
        can_set: rules.secret.is_some(),
        has_codes: current_operator.operator().has_codes(),
        picture: picture(&url),
        secret: secret.into(),
        paper,
    }))
}

pub(crate) async fn end_session(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(id): Path<String>,
) -> Result<Redirect, ErrorPage> {
    let name = &current_operator.operator().name;
    if pages.access().end_session(name, &id).await? {
        Ok(Redirect::to("/account"))
    } else {
        Err(ErrorPage::NotFound)
    }
}

/// Why a change of someone was not made, in words; the ledger's troubles are not among them.
pub(crate) fn said(why: &AccessError, w: &AccountMessages) -> Result<&'static str, ErrorPage> {
    match why {
        AccessError::Password(PasswordError::Length) => Ok(w.e_length),
        AccessError::Password(PasswordError::Guessable) => Ok(w.e_guessable),
        AccessError::Password(PasswordError::Common) => Ok(w.e_common),
        AccessError::Code => Ok(w.e_code),
        AccessError::NoSecret => Ok(w.no_secret),
        AccessError::Store(why) => Err(why.clone().into()),
        AccessError::NameTaken(_)
        | AccessError::CardInName
        | AccessError::Unknown(_)
        | AccessError::LastAdministrator
        | AccessError::Passkey(_)
        | AccessError::Busy => Err(ErrorPage::NotFound),
    }
}

/// A picture that a telephone can read, as a part of the page.
fn picture(url: &str) -> String {
    let Ok(code) = QrCode::new(url.as_bytes()) else {
        return String::new();
    };
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(220, 220)
        .build();
    // What stands before the picture itself belongs to a file of its own.
    let begin = svg.find("<svg").unwrap_or(0);
    svg[begin..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_part_of_a_page() {
        let picture = picture("otpauth://totp/sugi:kim?secret=ABC");
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>"));
        assert!(!picture.contains("style="), "the policy would not draw it");
    }
}
