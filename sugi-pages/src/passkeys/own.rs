//! One's own passkeys: on the account page, with the same proof of who asks as one-time codes take.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use serde_json::{Value, json};
use sugi_access::{
    AccessError, NewPasskey, PASSKEY_ALGORITHMS, PASSKEY_NAME_CHARS_MAX, PASSKEY_TIMEOUT, Role,
};

use super::{PasskeyMessages, go_on, refused, said};
use crate::{
    Pages, account, current_operator::CurrentOperator, error_page::ErrorPage, form::Form, write,
};

/// The part of the account page.
pub(crate) struct Section {
    pub(crate) w: &'static PasskeyMessages,
    pub(crate) rows: Vec<OwnPasskeyRow>,
    /// Where they are good, and the sentence for who is elsewhere; none, if they are not offered.
    pub(crate) offered: Option<(String, String)>,
    /// Whoever looks can do something about that.
    pub(crate) says_why_not: bool,
    pub(crate) name_chars_max: usize,
}

pub(crate) struct OwnPasskeyRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) added: String,
    pub(crate) used: String,
}

impl Section {
    pub(crate) fn of(pages: &Pages, current_operator: &CurrentOperator) -> Self {
        let w = PasskeyMessages::of(current_operator.lang);
        let me = current_operator.operator();
        let site = pages.access().rules().passkeys.as_ref();
        let fill = |text, at| crate::lang::fill(text, &[&write::time(at)]);
        let rows = me.passkeys().iter().map(|one| OwnPasskeyRow {
            id: one.id.clone(),
            name: one.name.clone(),
            added: fill(w.added, one.created_at),
            used: one
                .used_at
                .map_or_else(|| w.unused.into(), |at| fill(w.used, at)),
        });
        Self {
            w,
            rows: rows.collect(),
            offered: site.map(|site| {
                let at = site.origins.first().map_or("", String::as_str);
                let elsewhere = crate::lang::fill(w.elsewhere, &[at]);
                (site.origins.join(" "), elsewhere)
            }),
            says_why_not: site.is_none() && me.may(Role::Administer),
            name_chars_max: PASSKEY_NAME_CHARS_MAX,
        }
    }

    /// Whether there is anything to be seen or done.
    pub(crate) fn shows(&self) -> bool {
        self.offered.is_some() || self.says_why_not || !self.rows.is_empty()
    }
}

/// Tells the script what to make, once who asks has shown again who they are.
pub(crate) async fn begin(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    form: Form,
) -> Result<Response, ErrorPage> {
    let w = PasskeyMessages::of(current_operator.lang);
    let (password, code) = (form.secret("password"), form.get("code"));
    if let Some(problem) =
        account::reauthenticated(&pages, &current_operator, password, code).await?
    {
        return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, problem));
    }
    let offer = match pages
        .access()
        .begin_passkey(&current_operator.session)
        .await
    {
        Ok(offer) => offer,
        Err(why) => return not_added(why, w),
    };
    let name = &current_operator.operator().name;
    let kind = |id: &str| json!({ "type": "public-key", "id": id });
    let known: Vec<Value> = offer.known.iter().map(|id| kind(id)).collect();
    let kinds = PASSKEY_ALGORITHMS.map(|alg| json!({ "type": "public-key", "alg": alg }));
    Ok(Json(json!({
        "challenge": offer.challenge,
        "rp": {
            "id": pages.access().rules().passkeys.as_ref().map(|site| &site.host),
            "name": "sugi",
        },
        "user": { "id": offer.handle, "name": name, "displayName": name },
        "pubKeyCredParams": kinds,
        "excludeCredentials": known,
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        },
        "attestation": "none",
        "timeout": PASSKEY_TIMEOUT.as_millis(),
    }))
    .into_response())
}

/// Takes what the script made.
pub(crate) async fn add(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    form: Form,
) -> Result<Response, ErrorPage> {
    let new = NewPasskey {
        name: form.get("name").into(),
        client_data: form.get("client_data").into(),
        authenticator_data: form.get("authenticator_data").into(),
    };
    match pages
        .access()
        .add_passkey(&current_operator.session, new)
        .await
    {
        Ok(()) => Ok(go_on("/account")),
        Err(why) => not_added(why, PasskeyMessages::of(current_operator.lang)),
    }
}

pub(crate) async fn remove(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, ErrorPage> {
    let (password, code) = (form.secret("password"), form.get("code"));
    let problem = account::reauthenticated(&pages, &current_operator, password, code).await?;
    if let Some(problem) = problem {
        return account::refused(&pages, &current_operator, problem).await;
    }
    let name = &current_operator.operator().name;
    match pages.access().remove_passkey(name, &id).await {
        Ok(true) => Ok(Redirect::to("/account").into_response()),
        Ok(false) => Err(ErrorPage::NotFound),
        Err(AccessError::Store(why)) => Err(why.into()),
        Err(_) => Err(ErrorPage::Ledger),
    }
}

fn not_added(why: AccessError, w: &'static PasskeyMessages) -> Result<Response, ErrorPage> {
    match why {
        AccessError::Passkey(why) => Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, said(why, w))),
        AccessError::Store(why) => Err(why.into()),
        _ => Ok(refused(StatusCode::SERVICE_UNAVAILABLE, w.e_ledger)),
    }
}
