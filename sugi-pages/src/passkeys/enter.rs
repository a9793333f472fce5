//! The way in with a passkey.

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header, request::Parts};
use serde_json::json;
use sugi_access::{AccessError, PASSKEY_TIMEOUT, ShownPasskey, SignInError};
use sugi_api::Audited;

use super::{PasskeyMessages, go_on, refused, said};
use crate::{
    Pages, current_operator,
    form::Form,
    lang::{Lang, fill},
    ours,
    sign_in::{SignInMessages, session_cookie},
    write,
};

/// Gives out what is to be signed.
pub(crate) async fn challenge(State(pages): State<Pages>, parts: Parts) -> Response {
    let w = PasskeyMessages::of(Lang::of(&parts.headers));
    let from = current_operator::origin(&parts);
    let challenge = match pages.access().challenge_to_sign_in(&from).await {
        Ok(challenge) => challenge,
        Err(AccessError::Passkey(why)) => return refused(StatusCode::NOT_FOUND, said(why, w)),
        Err(AccessError::Busy) => return refused(StatusCode::TOO_MANY_REQUESTS, w.e_often),
        Err(why) => {
            tracing::error!(%why, "the ledger failed a passkey");
            return refused(StatusCode::SERVICE_UNAVAILABLE, w.e_ledger);
        }
    };
    let site = pages.access().rules().passkeys.as_ref();
    // No one is let in by it, and anyone at the page can ask: it is no audit entry.
    let nothing = Extension(sugi_api::Unaudited);
    let challenge = Json(json!({
        "challenge": challenge,
        "rpId": site.map(|site| &site.host),
        "userVerification": "required",
        "timeout": PASSKEY_TIMEOUT.as_millis(),
    }));
    (nothing, challenge).into_response()
}

/// Lets someone in who shows a passkey.
pub(crate) async fn enter(State(pages): State<Pages>, parts: Parts, form: Form) -> Response {
    let w = PasskeyMessages::of(Lang::of(&parts.headers));
    let shown = ShownPasskey {
        credential: form.get("credential").into(),
        handle: form.get("handle").into(),
        client_data: form.get("client_data").into(),
        authenticator_data: form.get("authenticator_data").into(),
        signature: form.get("signature").into(),
    };
    let access = pages.access();
    let known = access.operator_of_handle(&shown.handle).await;
    let known = known.ok().flatten().map(|known| known.name);
    let origin = current_operator::origin(&parts);
    let why = match access.sign_in_with_passkey(&shown, &origin).await {
        Ok(cookie) => {
            // Before this, a passkey of theirs was only named.
            if let (Some(who), Some(known)) = (parts.extensions.get::<sugi_api::Who>(), known) {
                who.is(&format!("operator:{known}"));
            }
            let next = ours::page(form.get("next"));
            let cookie = [(header::SET_COOKIE, session_cookie(&cookie))];
            return (cookie, go_on(next.unwrap_or("/"))).into_response();
        }
        Err(why) => why,
    };
    let status = match &why {
        SignInError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        SignInError::Held(_) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNAUTHORIZED,
    };
    let text = match why {
        SignInError::Store(why) => {
            tracing::error!(%why, "the ledger failed a passkey");
            w.e_ledger.into()
        }
        SignInError::Held(until) => {
            let w = SignInMessages::of(Lang::of(&parts.headers));
            fill(w.held, &[&write::clock(until)])
        }
        SignInError::Stale => w.e_stale.into(),
        SignInError::Copied => w.e_copied.into(),
        _ => w.e_wrong.to_owned(),
    };
    let about = known.map(|name| Extension(Audited(name.to_string())));
    (about, refused(status, &text)).into_response()
}
