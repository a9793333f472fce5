//! `/settings/audit`: who looked at what and did what.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use sugi_api::Audited;
use sugi_core::{PaymentId, WebhookId};
use sugi_store::{AUDIT_ENTRIES_PAGE, AuditFilter, AuditRow};

use super::audit_sentence::AuditSentence;
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    lang::{Lang, messages},
    layout::{Layout, Part, html},
    write,
};

messages! {
    /// The audit.
    AuditMessages {
        title "감사 기록" "Audit"
        checkpoint "무결성 기준값(앵커)" "Today's checkpoint"
        checkpoint_lead "이 값을 인쇄하거나 메일로 보내 따로 보관해 주세요. 나중에 sugi verify --checkpoint로 그때까지의 기록이 하나도 바뀌거나 잘리지 않았음을 증명합니다." "Print this or mail it away. Later, sugi verify --checkpoint proves that nothing before it was changed or cut off."
        print "인쇄" "Print"
        actor "사용자" "Who"
        actor_hint "담당자 아이디 또는 key:이름" "an operator's name, or key:name"
        subject "대상" "About"
        find "조회" "Find"
        number "번호" "No."
        when "일시" "When"
        what "작업" "What happened"
        outcome "결과" "Outcome"
        origin "IP" "Address"
        raw "원본" "The entry itself"
        empty "기록이 없습니다." "Nothing is here."
        older "이전 기록" "Older"
    }
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AuditQuery {
    actor: String,
    subject: String,
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "settings/audit.html")]
struct AuditPage {
    layout: Layout,
    w: &'static AuditMessages,
    ask: AuditQuery,
    checkpoint: String,
    now: String,
    rows: Vec<Row>,
    older: Option<String>,
}

struct Row {
    seq: i64,
    when: String,
    audit_sentence: AuditSentence,
    /// What it was done to, as people call it, and where that is to be seen.
    subject: String,
    href: Option<String>,
    /// The entry as it stands in the chain.
    raw: String,
    origin: String,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Response, ErrorPage> {
    // It tells of every shop's payments, and who looked for which buyer.
    current_operator.must_use_all()?;
    let w = AuditMessages::of(current_operator.lang);
    let ask = query.map(|Query(ask)| ask).unwrap_or_default();
    let layout = Layout::around(&pages, &current_operator, Part::Settings, w.title).await?;
    let store = pages.store();
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = AuditFilter {
        actor: text(&ask.actor).map(|actor| {
            // A name alone is a person's; `-` is no one.
            let whole = actor == "-" || actor.contains(':');
            if whole {
                actor
            } else {
                format!("operator:{actor}")
            }
        }),
        subject: text(&ask.subject),
        before: ask.before,
    };
    let rows = store.audit_entries(&filter).await?;
    let last = rows
        .last()
        .map(|row| row.seq)
        .filter(|_| rows.len() == AUDIT_ENTRIES_PAGE);
    let orders = orders(&pages, &current_operator, &rows).await?;
    let row = |row| Row::of(current_operator.lang, row, &orders);
    let page = AuditPage {
        layout,
        w,
        checkpoint: store.audit_checkpoint().await?.to_string(),
        now: write::time(pages.access().clock().now()),
        older: last.map(|last| ask.address(last)),
        ask,
        rows: rows.into_iter().map(row).collect(),
    };
    Ok((Extension(Audited("audit".into())), html(&page)).into_response())
}

impl AuditQuery {
    fn address(&self, before: i64) -> String {
        let mut address =
            form_urlencoded::Serializer::for_suffix(String::from("/settings/audit?"), 16);
        for (name, text) in [("actor", &self.actor), ("subject", &self.subject)] {
            if !text.is_empty() {
                address.append_pair(name, text);
            }
        }
        address.append_pair("before", &before.to_string()).finish()
    }
}

/// The order numbers of the payments that entries are about, where this operator may see them.
async fn orders(
    pages: &Pages,
    current_operator: &CurrentOperator,
    rows: &[AuditRow],
) -> Result<HashMap<String, String>, ErrorPage> {
    let store = pages.store();
    let mut orders = HashMap::new();
    for AuditRow { audit_entry, .. } in rows {
        let Ok(id) = audit_entry.subject.parse::<PaymentId>() else {
            continue;
        };
        if orders.contains_key(&audit_entry.subject) {
            continue;
        }
        if let Some(book) = store.load(&id).await? {
            let request = &book.payment.request;
            if current_operator.operator().may_use(&request.shop) {
                orders.insert(audit_entry.subject.clone(), request.order_no.to_string());
            }
        }
    }
    Ok(orders)
}

impl Row {
    fn of(lang: Lang, row: AuditRow, orders: &HashMap<String, String>) -> Self {
        let audit_entry = row.audit_entry;
        let order = orders.get(&audit_entry.subject);
        let href = if order.is_some() {
            Some(format!("/payments/{}", audit_entry.subject))
        } else if audit_entry.subject.parse::<WebhookId>().is_ok() {
            Some(format!("/settings/webhooks/{}", audit_entry.subject))
        } else {
            None
        };
        Self {
            seq: row.seq,
            when: write::time(audit_entry.at),
            audit_sentence: AuditSentence::of(lang, &audit_entry),
            subject: order.unwrap_or(&audit_entry.subject).clone(),
            href,
            raw: [
                &*audit_entry.actor,
                &audit_entry.action,
                &audit_entry.subject,
                &audit_entry.outcome,
                &audit_entry.origin,
            ]
            .join(" "),
            origin: audit_entry.origin,
        }
    }
}
