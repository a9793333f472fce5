//! `POST /payments/{id}/mail`: the slip as an email to the buyer.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use sugi_core::Payment;
use sugi_mail::{EmailMessage, Mailer, SendError};
use sugi_store::AuditEntry;
use tokio::sync::OnceCell;

use super::{
    cancel::form_key,
    detached, find,
    notice::{Notice, back},
    receipt::{Slip, has_slip},
};
use crate::{
    Pages, current_operator::CurrentOperator, error_page::ErrorPage, form::Form, lang::Lang,
};

/// How many forms are remembered, so that each is one letter.
const FORMS_MAX: usize = 1_000;

/// What became of the forms that were sent last. A form that comes twice waits for the same end.
#[derive(Debug, Default)]
pub(crate) struct Forms(Mutex<VecDeque<Sent>>);

/// A form that was sent.
#[derive(Debug)]
struct Sent {
    key: String,
    /// What it asked for: sent again, it asks for the same.
    asks: String,
    end: Arc<OnceCell<Notice>>,
}

impl Forms {
    /// Where a form's end is to be found; `None` when its key asked for something else before.
    fn of(&self, key: &str, asks: String) -> Option<Arc<OnceCell<Notice>>> {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = forms.iter().find(|known| known.key == key) {
            return (known.asks == asks).then(|| Arc::clone(&known.end));
        }
        if forms.len() == FORMS_MAX {
            forms.pop_front();
        }
        let end = Arc::default();
        forms.push_back(Sent {
            key: key.to_owned(),
            asks,
            end: Arc::clone(&end),
        });
        Some(end)
    }
}

/// The slip for readers of mail in a browser: styles stand in it, because emails have no others.
#[derive(Template)]
#[template(path = "mail.html")]
struct PaymentMailPage<'a> {
    lang: Lang,
    slip: &'a Slip,
}

pub(crate) async fn send(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, ErrorPage> {
    let payment = find(&pages, &current_operator, &id).await?;
    let mailer = pages.0.mail.clone().ok_or(ErrorPage::NotFound)?;
    if !has_slip(&payment) {
        return Err(ErrorPage::NotFound);
    }
    let page = format!("/payments/{}/receipt", payment.id);
    let notice = match form_key(&form) {
        None => Notice::Used,
        Some(key) => {
            let lang = Lang::parse(form.get("lang")).unwrap_or(current_operator.lang);
            let email_message = email_message(
                lang,
                &Slip::of(&pages, lang, &payment),
                form.get("to"),
                &key,
            );
            let begun = AuditEntry {
                at: pages.access().clock().now(),
                actor: format!("operator:{}", current_operator.operator().name),
                action: "mail slip".into(),
                subject: payment.id.to_string(),
                outcome: "begun".into(),
                origin: current_operator.from.address(),
            };
            let sent = whom(&payment, &email_message.to);
            let asks = format!("{} {} {}", payment.id, lang.code(), email_message.to);
            let access = pages.access().clone();
            let send = Box::pin(async move {
                access.note(begun.clone()).await;
                let end = mail(&mailer, email_message).await;
                let outcome = match end {
                    Notice::Mailed => sent,
                    other => other.code(),
                };
                let ended = AuditEntry {
                    at: access.clock().now(),
                    outcome: outcome.into(),
                    ..begun
                };
                access.note(ended).await;
                end
            });
            match pages.0.mailed.of(&key, asks) {
                None => Notice::Used,
                // A letter that is on its way goes on, whoever closes the browser.
                Some(end) => detached(async move { *end.get_or_init(|| send).await }).await?,
            }
        }
    };
    Ok(back(&page, Some(notice)))
}

/// To whom a slip goes, for the audit: not the address, which is not to be kept for ever.
fn whom(payment: &Payment, to: &str) -> &'static str {
    let buyer = payment.request.order.buyer.mail.as_ref();
    if buyer.is_some_and(|mail| mail.as_str().eq_ignore_ascii_case(to.trim())) {
        "to the buyer's address"
    } else {
        "to another address"
    }
}

fn email_message(lang: Lang, slip: &Slip, to: &str, key: &str) -> EmailMessage {
    let lines = slip.lines.iter().chain(&slip.sums);
    let lines = lines.map(|(name, text)| format!("{name}: {text}\n"));
    let mut text = format!("{}\n{}\n\n", slip.w.title, slip.state);
    if slip.test {
        text = format!("{text}{}\n\n", slip.w.test);
    }
    text.extend(lines);
    text = format!("{text}\n{}\n", slip.w.by_kcp);
    EmailMessage {
        // A template that the compiler checked does not fail; the plain text says the same.
        html: PaymentMailPage { lang, slip }.render().ok(),
        id: Some(key.to_owned()),
        ..EmailMessage::text(to, slip.subject(), text)
    }
}

async fn mail(mailer: &Mailer, email_message: EmailMessage) -> Notice {
    match mailer.send(email_message).await {
        Ok(()) => Notice::Mailed,
        Err(SendError::Address) => Notice::MailAddress,
        Err(SendError::Busy) => Notice::MailBusy,
        Err(SendError::NotSent(why)) => {
            tracing::warn!(%why, "a slip was not mailed");
            Notice::MailNot
        }
        Err(SendError::Unknown(why)) => {
            tracing::warn!(%why, "a slip may have been mailed or not");
            Notice::MailUnknown
        }
    }
}
