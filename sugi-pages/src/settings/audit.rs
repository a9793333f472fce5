//! `/settings/audit`: who looked at what and did what.

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use sugi_api::Audited;
use sugi_store::{DEEDS_PAGE, DeedFilter};

use crate::{
    Pages,
    lang::words,
    shell::{Part, Shell, html},
    trouble::Trouble,
    visitor::Visitor,
    write,
};

words! {
    /// The audit.
    AuditWords {
        title "감사 기록" "Audit"
        anchor "오늘의 고정값" "Today's anchor"
        anchor_lead "이 값을 인쇄하거나 메일로 보내 따로 보관하십시오. 나중에 sugi verify --anchor로 그때까지의 기록이 하나도 바뀌거나 잘리지 않았음을 증명합니다." "Print this or mail it away. Later, sugi verify --anchor proves that nothing before it was changed or cut off."
        print "인쇄" "Print"
        actor "누가" "Who"
        actor_hint "담당자 이름 또는 key:이름" "an operator's name, or key:name"
        subject "무엇에" "About"
        find "찾기" "Find"
        number "번호" "No."
        when "일시" "When"
        action "무엇을" "What"
        outcome "결과" "Outcome"
        origin "주소" "Address"
        empty "기록이 없습니다." "Nothing is here."
        older "이전 기록" "Older"
    }
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ask {
    actor: String,
    subject: String,
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "settings/audit.html")]
struct Page {
    shell: Shell,
    w: &'static AuditWords,
    ask: Ask,
    anchor: String,
    now: String,
    rows: Vec<Row>,
    older: Option<String>,
}

struct Row {
    seq: i64,
    when: String,
    actor: String,
    action: String,
    subject: String,
    status: String,
    words: String,
    tone: &'static str,
    origin: String,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    visitor: Visitor,
    query: Result<Query<Ask>, QueryRejection>,
) -> Result<Response, Trouble> {
    // It tells of every shop's payments, and who looked for which buyer.
    visitor.must_use_all()?;
    let w = AuditWords::of(visitor.lang);
    let ask = query.map(|Query(ask)| ask).unwrap_or_default();
    let shell = Shell::around(&pages, &visitor, Part::Settings, w.title).await?;
    let store = pages.access().engine().store();
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = DeedFilter {
        actor: text(&ask.actor).map(|actor| {
            // A name alone is a person's; `-` is nobody.
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
    let rows = store.deeds(&filter).await?;
    let last = rows
        .last()
        .map(|row| row.seq)
        .filter(|_| rows.len() == DEEDS_PAGE);
    let page = Page {
        shell,
        w,
        anchor: store.audit_anchor().await?.to_string(),
        now: write::time(pages.access().clock().now()),
        older: last.map(|last| ask.address(last)),
        ask,
        rows: rows.into_iter().map(Row::of).collect(),
    };
    Ok((Extension(Audited("audit".into())), html(&page)).into_response())
}

impl Ask {
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

impl Row {
    fn of(row: sugi_store::AuditRow) -> Self {
        let deed = row.deed;
        // A status, and in words what it was of; or words alone.
        let of_status = deed.outcome.split_once(' ');
        let of_status = of_status.filter(|(status, _)| status.bytes().all(|b| b.is_ascii_digit()));
        let (status, words) = of_status.unwrap_or((&deed.outcome, ""));
        let (status, words) = (status.to_owned(), words.to_owned());
        Self {
            seq: row.seq,
            when: write::time(deed.at),
            actor: deed.actor,
            action: deed.action,
            subject: deed.subject,
            tone: match deed.outcome.as_bytes().first() {
                Some(b'2' | b'3') => "good",
                Some(b'4') => "doubt",
                _ => "bad",
            },
            status,
            words,
            origin: deed.origin,
        }
    }
}
