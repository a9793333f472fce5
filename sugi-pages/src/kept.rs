//! What someone had typed when their session was over: kept for them, and for no one else, until they have
//! signed in again.
//!
//! It is held nowhere but in the sign-in page itself, sealed under the installation's secret with the operator's
//! name, so whoever finds that page reads nothing of it, and whoever signs in under another name gets nothing.
//! Nothing of a card and no secret is ever among it: of each form only the fields of a list are taken, and of
//! those none that holds a card number.

use axum::{
    extract::{FromRequest, FromRequestParts, Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{StatusCode, request::Parts};
use jiff::{SignedDuration, Timestamp};
use nhn_kcp::pan::Rule;
use serde::{Deserialize, Serialize};
use sugi_access::{Cookie, Role, Secret};
use sugi_api::Audited;

use crate::{
    Pages,
    current_operator::{self, CurrentOperator, SESSION_COOKIE, SignedOut, cookie, wants_json},
    error_page::ErrorPage,
    form::Form,
    keyin,
    lang::Lang,
    payments::{
        self,
        show::{self, Typed},
    },
    sign_in,
};

/// For how long: a sign-in page may stand open through a break, and not for another day.
const LIFE: SignedDuration = SignedDuration::from_hours(12);
/// The most of it; a form of ours that is filled in has less.
const BYTES_MAX: usize = 8 * 1_024;
/// The field of the sign-in page that holds it.
pub(crate) const FIELD: &str = "kept";
/// The field of every form worth keeping that says, sealed, whose page it stands on.
const WHOSE: &str = "whose";
/// The field of every form that moves money or decides: the name of the operator whose page it stands on. It is
/// not sealed, so that it says the same after a restart and on every node.
const MADE_FOR: &str = "operator";

/// What seals it: the installation's secret, which is the same on all of its nodes, or one of this process.
#[derive(Debug)]
pub(crate) struct Keeper(Secret);

/// A form that was kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The page that it stands on.
    pub(crate) page: String,
    kind: KeptKind,
    until: Timestamp,
    fields: Vec<(String, String)>,
}

/// A form that is worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum KeptKind {
    KeyIn,
    Cancel,
    Close,
}

impl KeptKind {
    /// The form that is sent to an address, and the page that it stands on.
    fn of(address: &str) -> Option<(Self, String)> {
        if address == "/keyin" {
            return Some((Self::KeyIn, address.into()));
        }
        let (payment, act) = address.strip_prefix("/payments/")?.split_once('/')?;
        let payment: sugi_core::PaymentId = payment.parse().ok()?;
        let kind = match act {
            "cancel" => Self::Cancel,
            "close" => Self::Close,
            _ => return None,
        };
        Some((kind, format!("/payments/{payment}")))
    }

    /// What of it is kept. A name that is not here is a card's, or a secret, or nothing of ours.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::KeyIn => &[
                "key",
                "shop",
                "currency",
                "amount",
                "free",
                "order_no",
                "product",
                "buyer",
                "phone",
                "email",
                "proof",
                "months",
                "anyway",
                "anyway_of",
            ],
            Self::Cancel => &["key", "amount", "supply", "vat", "free", "reason"],
            Self::Close => &["key", "found", "tno", "outcome", "remaining", "note"],
        }
    }

    fn role(self) -> Role {
        match self {
            Self::KeyIn => Role::KeyIn,
            Self::Cancel => Role::Cancel,
            Self::Close => Role::Close,
        }
    }
}

impl Keeper {
    pub(crate) fn of(installation: Option<&Secret>) -> Self {
        Self(installation.cloned().unwrap_or_else(Secret::of_chance))
    }

    /// Says, for a form on a page of theirs, who an operator is.
    pub(crate) fn whose(&self, operator: &str) -> String {
        self.0.seal("whose form", "", operator).unwrap_or_default()
    }

    /// What is kept of a form that was on its way to an address; nothing where there is nothing worth it.
    fn keep(&self, address: &str, form: &Form, now: Timestamp) -> Option<String> {
        let (kind, page) = KeptKind::of(address)?;
        let by = self.0.open("whose form", "", form.get(WHOSE))?;
        let held = |name: &&str| {
            let rule = match *name {
                "order_no" => Rule::Stored,
                "anyway_of" => Rule::Name,
                _ => Rule::Text,
            };
            // The form's own key is ours, and chance may look like anything.
            let text = match *name {
                "key" => payments::cancel::form_key(form)?,
                name => form.shown(name, rule).to_owned(),
            };
            (!text.is_empty()).then(|| ((*name).to_owned(), text))
        };
        let kept = Kept {
            page,
            kind,
            until: now + LIFE,
            fields: kind.fields().iter().filter_map(held).collect(),
        };
        let text = serde_json::to_string(&kept).ok()?;
        self.0
            .seal("kept form", &by, &text)
            .filter(|sealed| sealed.len() <= BYTES_MAX)
    }

    /// What was kept for an operator; nothing if it is someone else's, or too old.
    fn open(&self, operator: &str, sealed: &str, now: Timestamp) -> Option<Kept> {
        let text = self.0.open("kept form", operator, sealed)?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (now < kept.until).then_some(kept)
    }
}

/// What someone sent from a page of theirs. When their session is over nothing is done, and the page to sign in
/// at keeps what they typed.
pub(crate) struct Sent {
    pub(crate) current_operator: CurrentOperator,
    pub(crate) form: Form,
}

impl FromRequest<Pages> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        match CurrentOperator::from_request_parts(&mut parts, pages).await {
            Ok(current_operator) => {
                let request = Request::from_parts(parts.clone(), body);
                let form = Form::from_request(request, pages).await?;
                if is_for(&form, &current_operator) {
                    return Ok(Self {
                        current_operator,
                        form,
                    });
                }
                Err(if wants_json(&parts.headers) {
                    keyin::other_operator(current_operator.lang)
                } else {
                    ErrorPage::OtherOperator.into()
                })
            }
            Err(away) => {
                let had_session = cookie(&parts.headers, SESSION_COOKIE).is_some();
                let is_over = away.extensions().get::<SignedOut>().is_some();
                if !is_over || !had_session || wants_json(&parts.headers) {
                    return Err(away);
                }
                let head = parts.clone();
                let form = Form::from_request(Request::from_parts(parts, body), pages).await?;
                let page = sign_in_page(pages, &head, head.uri.path(), &form);
                Err((StatusCode::UNAUTHORIZED, page).into_response())
            }
        }
    }
}

/// Whether a form stands on a page of this operator. An idempotency key counts within its operator, so a form of
/// another one, who shared the browser, would do under this name once more what was done under that one.
pub(crate) fn is_for(form: &Form, current_operator: &CurrentOperator) -> bool {
    form.get(MADE_FOR) == current_operator.operator().name.as_str()
}

/// `POST /signed-out`: the script's way here, for a form that stood open when the session ended. Nothing is
/// looked up and nothing is done.
pub(crate) async fn signed_out(State(pages): State<Pages>, parts: Parts, form: Form) -> Response {
    let page = sign_in_page(&pages, &parts, form.get("of"), &form);
    (axum::Extension(sugi_api::Unaudited), page).into_response()
}

/// The page to sign in at: it says that nothing was sent, and keeps the form.
fn sign_in_page(pages: &Pages, parts: &Parts, address: &str, form: &Form) -> Response {
    let now = pages.access().clock().now();
    let kept = pages.0.keeper.keep(address, form, now);
    let next = KeptKind::of(address).map_or_else(String::new, |(_, page)| page);
    sign_in::unsent(pages, Lang::of(&parts.headers), &next, kept)
}

/// `POST /kept`: the same for whoever signed in with a passkey, which is a script's matter.
pub(crate) async fn again(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    form: Form,
) -> Result<Response, ErrorPage> {
    let now = pages.access().clock().now();
    let name = current_operator.operator().name.as_str();
    match pages.0.keeper.open(name, form.get(FIELD), now) {
        Some(kept) => back(&pages, current_operator, kept).await,
        None => Ok(Redirect::to("/").into_response()),
    }
}

/// The form as it was, for who has just signed in with the name of whoever had filled it in; nothing if it was
/// someone else.
pub(crate) async fn after_sign_in(
    pages: &Pages,
    parts: &Parts,
    session: &Cookie,
    sealed: &str,
) -> Result<Option<Response>, ErrorPage> {
    if sealed.is_empty() {
        return Ok(None);
    }
    let Some(session) = pages.access().session(session).await? else {
        return Ok(None);
    };
    let now = pages.access().clock().now();
    let name = session.operator.name.clone();
    let Some(kept) = pages.0.keeper.open(name.as_str(), sealed, now) else {
        return Ok(None);
    };
    let current_operator = CurrentOperator {
        lang: Lang::of(&parts.headers),
        from: current_operator::origin(parts),
        path: kept.page.clone(),
        alarmed: parts.extensions.get().cloned().unwrap_or_default(),
        session,
    };
    if current_operator.needs_codes(pages) {
        return Ok(None);
    }
    // They are signed in, no matter what became of the page.
    Ok(back(pages, current_operator, kept).await.ok())
}

/// The page with everything in it but the card.
async fn back(
    pages: &Pages,
    mut current_operator: CurrentOperator,
    kept: Kept,
) -> Result<Response, ErrorPage> {
    if !current_operator.operator().may(kept.kind.role()) {
        return Ok(Redirect::to("/").into_response());
    }
    current_operator.path.clone_from(&kept.page);
    let form = Form::of(kept.fields);
    let mut shown = match kept.kind {
        KeptKind::KeyIn => keyin::opened_again(pages, &current_operator, &form).await,
        KeptKind::Cancel => {
            show::opened_again(pages, &current_operator, &kept.page, Typed::Cancel(&form)).await
        }
        KeptKind::Close => {
            show::opened_again(pages, &current_operator, &kept.page, Typed::Close(&form)).await
        }
    }?;
    // The address says nothing of whose payment is shown again.
    let of = kept.page.rsplit('/').next().unwrap_or_default();
    shown.extensions_mut().insert(Audited(of.into()));
    Ok(shown)
}
