//! `/settings/webhooks/{id}`: one of them, what it was told, and what can be done about it.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse as _, Redirect, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use sugi_api::Did;
use sugi_store::{DELIVERIES_MOST, Delivery, DeliveryState};
use sugi_webhooks::Webhook;

use super::{
    WebhookMessages, add::secret_page, address, ended, name, said, shops, standing, types,
};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::Form,
    lang::{Lang, fill},
    layout::{Layout, Part, html},
    settings::{
        reauthentication::{self, Own},
        refused,
    },
    write,
};

#[derive(Template)]
#[template(path = "settings/webhook.html")]
struct WebhookPage {
    layout: Layout,
    w: &'static WebhookMessages,
    /// What was done, or could not be, and how that looks.
    notice: Option<(String, &'static str)>,
    address: String,
    /// Made with the page, so that a form that is sent twice does one thing.
    key: String,
    facts: Vec<(&'static str, String)>,
    state: String,
    tone: &'static str,
    only_open: bool,
    lines: Vec<DeliveryLine>,
    older: Option<String>,
    reauthentication: Own,
}

struct DeliveryLine {
    n: u64,
    what: &'static str,
    kind: &'static str,
    payment: String,
    when: String,
    state: String,
    tone: &'static str,
    tries: u32,
    answer: String,
    can_again: bool,
}

/// Which deliveries to show.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebhookQuery {
    open: Option<String>,
    before: Option<u64>,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(id): Path<String>,
    query: Result<Query<WebhookQuery>, QueryRejection>,
) -> Result<Response, ErrorPage> {
    let webhook = find(&pages, &current_operator, &id).await?;
    let ask = query.map(|Query(ask)| ask).unwrap_or_default();
    page(&pages, &current_operator, &webhook, &ask, None).await
}

pub(crate) async fn change(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, ErrorPage> {
    let webhook = find(&pages, &current_operator, &id).await?;
    let w = WebhookMessages::of(current_operator.lang);
    let (webhooks, key) = (pages.webhooks(), form.get("key"));
    // With its secret anybody can say that a sale was paid.
    if matches!(form.get("act"), "secret" | "remove")
        && let Some(problem) = reauthentication::answered(&pages, &current_operator, &form).await?
    {
        let notice = Some((problem.to_owned(), "bad"));
        let page = page(
            &pages,
            &current_operator,
            &webhook,
            &WebhookQuery::default(),
            notice,
        )
        .await?;
        return Ok(refused(page));
    }
    let notice = match form.get("act") {
        "test" => {
            let answer = webhooks.try_out(&webhook, key).await;
            let (messages, tone) = if answer.is_taken() {
                (w.tested_good, "good")
            } else {
                (w.tested_bad, "bad")
            };
            (fill(messages, &[&ended(w, &answer.to_string())]), tone)
        }
        "again" => {
            let event = form.get("event").parse().map_err(|_| ErrorPage::BadForm)?;
            let event = pages.store().event(event).await?;
            let wanted = event.filter(|event| webhook.wants(event));
            let event = wanted.ok_or(ErrorPage::NotFound)?;
            webhooks.redeliver(&webhook, &event).await?;
            let did = Extension(Did(format!("again evt_{}", event.n)));
            return Ok((did, Redirect::to(&address(&webhook.id))).into_response());
        }
        "secret" => {
            let scope = format!("operator:{}", current_operator.operator().name);
            match webhooks
                .renew_secret(&webhook.id, Some((&scope, key)))
                .await
            {
                Ok((secret, _)) => {
                    let page =
                        secret_page(&pages, &current_operator, &webhook, &secret, true).await?;
                    return Ok((Extension(Did("secret".into())), page).into_response());
                }
                Err(why) => (said(why, w)?.to_owned(), "bad"),
            }
        }
        "remove" => {
            webhooks.remove(&webhook.id).await?;
            let did = Extension(Did("removed".into()));
            return Ok((did, Redirect::to("/settings")).into_response());
        }
        _ => return Err(ErrorPage::BadForm),
    };
    let ask = WebhookQuery::default();
    let page = page(&pages, &current_operator, &webhook, &ask, Some(notice)).await?;
    let act = if form.get("act") == "test" {
        "test"
    } else {
        "secret"
    };
    Ok((Extension(Did(act.into())), page).into_response())
}

/// A webhook that the visitor may see: one that tells of no shop but theirs.
async fn find(
    pages: &Pages,
    current_operator: &CurrentOperator,
    id: &str,
) -> Result<Webhook, ErrorPage> {
    let id = id.parse().map_err(|_| ErrorPage::NotFound)?;
    let found = pages.webhooks().get(&id).await?;
    let mine = found.filter(|webhook| webhook.is_within(&current_operator.operator().shops));
    mine.ok_or(ErrorPage::NotFound)
}

async fn page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    webhook: &Webhook,
    ask: &WebhookQuery,
    notice: Option<(String, &'static str)>,
) -> Result<Response, ErrorPage> {
    let (lang, w) = (
        current_operator.lang,
        WebhookMessages::of(current_operator.lang),
    );
    let layout = Layout::around(pages, current_operator, Part::Settings, w.one).await?;
    let store = pages.store();
    let (id, now) = (webhook.id.as_str(), pages.access().clock().now());
    let open = store.undelivered(id).await?;
    let (only_open, before) = (ask.open.is_some(), ask.before.unwrap_or(u64::MAX));
    let found = store.deliveries(id, before, only_open).await?;
    let is_full = found.len() == usize::try_from(DELIVERIES_MOST).unwrap_or(usize::MAX);
    let address = address(&webhook.id);
    let older = found.last().filter(|_| is_full).map(|last| {
        let open = if only_open { "open=1&" } else { "" };
        format!("{address}?{open}before={}", last.event.n)
    });
    let mut facts = vec![
        (w.url, webhook.url.to_string()),
        (w.types, types(lang, webhook)),
        (w.shops, shops(lang, webhook)),
        (w.by, webhook.by.to_string()),
        (w.since, write::time(webhook.created_at)),
    ];
    let (mut state, tone) = standing(w, &open);
    if let Some(since) = open.waiting_since {
        let age = write::span(lang, now.duration_since(since));
        state = format!("{state} ({})", fill(w.waiting_since, &[&age]));
    }
    facts.retain(|(_, text)| !text.is_empty());
    Ok(html(&WebhookPage {
        layout,
        w,
        notice,
        key: sugi_clock::new_webhook_id().to_string(),
        facts,
        state,
        tone,
        only_open,
        lines: found
            .into_iter()
            .map(|one| DeliveryLine::of(lang, now, one))
            .collect(),
        older,
        address,
        reauthentication: Own::of(current_operator),
    }))
}

impl DeliveryLine {
    fn of(lang: Lang, now: Timestamp, delivery: Delivery) -> Self {
        let (w, event) = (WebhookMessages::of(lang), delivery.event);
        let (state, tone) = match (delivery.state, delivery.due_at) {
            (DeliveryState::Delivered, _) => (w.delivered.into(), "good"),
            (DeliveryState::GivenUp, _) => (w.failed.into(), "bad"),
            (DeliveryState::Waiting, Some(at)) if at > now => {
                (fill(w.waits, &[&write::time(at)]), "quiet")
            }
            (DeliveryState::Waiting, _) => (w.soon.into(), "quiet"),
        };
        Self {
            n: event.n,
            what: name(lang, event.public_event),
            kind: event.public_event.as_str(),
            payment: event.payment.to_string(),
            when: write::time(event.at),
            state,
            tone,
            tries: delivery.attempts,
            answer: ended(w, &delivery.answer.unwrap_or_default()),
            can_again: delivery.state != DeliveryState::Waiting || delivery.attempts > 0,
        }
    }
}
