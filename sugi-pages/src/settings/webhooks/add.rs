//! `/settings/add-webhook`: one more of them, and its secret, once.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse as _, Response},
};
use nhn_kcp::pan::{self, Rule};
use sugi_api::Audited;
use sugi_core::{PublicEvent, Shops};
use sugi_webhooks::{Address, NewWebhook, SigningSecret, Webhook, WebhookError};

use super::{WebhookMessages, address, name, said, wrong_url};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::Form,
    layout::{Layout, Part, html},
    settings::{
        reauthentication::{self, Own},
        refused,
    },
};

#[derive(Template)]
#[template(path = "settings/add_webhook.html")]
struct NewWebhookPage {
    layout: Layout,
    w: &'static WebhookMessages,
    problem: Option<&'static str>,
    key: String,
    url: String,
    types: Vec<(&'static str, &'static str, bool)>,
    shops: Vec<(String, bool)>,
    all_shops: bool,
    reauthentication: Own,
}

#[derive(Template)]
#[template(path = "settings/webhook_secret.html")]
struct SecretPage<'a> {
    layout: Layout,
    w: &'static WebhookMessages,
    secret: &'a str,
    url: &'a str,
    /// Whether there was one before, which is good for a day.
    both: bool,
    back: String,
}

/// The page that shows a webhook's secret, once.
pub(super) async fn secret_page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    webhook: &Webhook,
    secret: &SigningSecret,
    both: bool,
) -> Result<Response, ErrorPage> {
    let w = WebhookMessages::of(current_operator.lang);
    let layout = Layout::around(pages, current_operator, Part::Settings, w.one).await?;
    Ok(html(&SecretPage {
        layout,
        w,
        secret: secret.as_str(),
        url: webhook.url.as_str(),
        both,
        back: address(&webhook.id),
    }))
}

/// What stands in the form.
struct Wanted {
    /// Made with the form, so that a form that is sent twice sets up one.
    key: String,
    url: String,
    public_event: BTreeSet<PublicEvent>,
    /// All means all that whoever asks may use.
    shops: Shops,
}

pub(crate) async fn new(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    let wanted = Wanted {
        key: sugi_clock::new_webhook_id().to_string(),
        url: String::new(),
        public_event: BTreeSet::new(),
        shops: Shops::All,
    };
    page(&pages, &current_operator, wanted, None).await
}

pub(crate) async fn add(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    form: Form,
) -> Result<Response, ErrorPage> {
    let w = WebhookMessages::of(current_operator.lang);
    let wanted = Wanted::of(&form)?;
    let me = current_operator.operator();
    // No one has others told of what they may not see.
    let shops = match &wanted.shops {
        Shops::All => me.shops.clone(),
        Shops::Only(_) => wanted.shops.clone(),
    };
    if !shops.is_within(&me.shops) {
        return Err(ErrorPage::MayNot);
    }
    if shops.is_none() {
        let page = page(&pages, &current_operator, wanted, Some(w.e_no_shop));
        return Ok(refused(page.await?));
    }
    let url = match wanted.url.parse::<Address>() {
        Ok(url) if !pan::holds(&wanted.url, Rule::Name) => url,
        wrong => {
            let problem = wrong.err().map_or(w.e_url_form, |why| wrong_url(why, w));
            let page = page(&pages, &current_operator, wanted, Some(problem));
            return Ok(refused(page.await?));
        }
    };
    if let Some(problem) = reauthentication::answered(&pages, &current_operator, &form).await? {
        let page = page(&pages, &current_operator, wanted, Some(problem));
        return Ok(refused(page.await?));
    }
    let new = NewWebhook {
        key: Some((format!("operator:{}", me.name), wanted.key.clone())),
        url,
        public_event: wanted.public_event.clone(),
        shops,
        by: me.name.clone(),
    };
    match pages.webhooks().add(new).await {
        Ok((webhook, secret, _)) => {
            let page = secret_page(&pages, &current_operator, &webhook, &secret, false).await?;
            Ok((Extension(Audited(webhook.id.to_string())), page).into_response())
        }
        Err(why) => {
            let mut wanted = wanted;
            if matches!(why, WebhookError::KeyReused) {
                wanted.key = sugi_clock::new_webhook_id().to_string();
            }
            let problem = said(why, w)?;
            let page = page(&pages, &current_operator, wanted, Some(problem));
            Ok(refused(page.await?))
        }
    }
}

impl Wanted {
    /// What was sent. A type or a shop that reads as none is not left out: fewer types can mean all.
    fn of(form: &Form) -> Result<Self, ErrorPage> {
        let public_event = form.all("type").into_iter().map(|word| word.parse().ok());
        let shops = super::super::shops_of(form)?;
        Ok(Self {
            key: form.maybe("key").ok_or(ErrorPage::BadForm)?.into(),
            url: form.get("url").into(),
            public_event: public_event
                .collect::<Option<_>>()
                .ok_or(ErrorPage::BadForm)?,
            shops,
        })
    }
}

async fn page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    wanted: Wanted,
    problem: Option<&'static str>,
) -> Result<Response, ErrorPage> {
    let (lang, w) = (
        current_operator.lang,
        WebhookMessages::of(current_operator.lang),
    );
    let layout = Layout::around(pages, current_operator, Part::Settings, w.add).await?;
    let shops = pages.engine().shops();
    let mut shops: Vec<_> = shops
        .iter()
        .filter(|shop| current_operator.operator().may_use(&shop.id))
        .map(|shop| {
            let named = wanted.shops.named();
            let has = named.is_some_and(|named| named.contains(&shop.id));
            (shop.id.to_string(), has)
        })
        .collect();
    shops.sort();
    let types = PublicEvent::ALL.map(|public_event| {
        let is_wanted = wanted.public_event.contains(&public_event);
        (public_event.as_str(), name(lang, public_event), is_wanted)
    });
    Ok(html(&NewWebhookPage {
        layout,
        w,
        problem,
        key: wanted.key,
        url: wanted.url,
        types: types.into(),
        shops,
        all_shops: wanted.shops == Shops::All,
        reauthentication: Own::of(current_operator),
    }))
}
