//! What stands around every page: where one can go, and what is in doubt.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use sugi_access::{ApprovalRequest, Role};
use sugi_store::StoreError;

use crate::{
    Pages, approval_requests, assets,
    current_operator::CurrentOperator,
    lang::{Lang, fill},
    messages::Common,
    write,
};

/// Doubts that are shown by name; of more the number is told.
const DOUBTS_SHOWN: usize = 3;
/// Doubts that are counted one by one.
const DOUBTS_COUNTED: u32 = 100;

/// Which part of the pages one is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    KeyIn,
    Payments,
    Doubts,
    ApprovalRequests,
    Day,
    Settings,
    Account,
    /// None of them: a page that is not there.
    Nowhere,
}

impl Part {
    /// Its first page: where one goes from an answer that has no address of its own.
    fn path(self) -> &'static str {
        match self {
            Self::KeyIn => "/keyin",
            Self::Payments => "/payments",
            Self::Doubts => "/doubts",
            Self::ApprovalRequests => "/approvals",
            Self::Day => "/day",
            Self::Settings => "/settings",
            Self::Account => "/account",
            Self::Nowhere => "/",
        }
    }
}

/// Around a page. Templates that extend `layout.html` have it as `layout`.
pub(crate) struct Layout {
    pub(crate) lang: Lang,
    pub(crate) t: &'static Common,
    pub(crate) title: String,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
    pub(crate) operator: String,
    pub(crate) links: Vec<Link>,
    /// A sentence about doubts, and the oldest of them.
    pub(crate) alarm: Option<Alarm>,
    /// What waits for a second person.
    pub(crate) approval_requests: Vec<ApprovalRequest>,
    pub(crate) path: String,
    /// How far the payment is that the page shows, for whatever keeps it fresh.
    pub(crate) seen: String,
    /// No shop of this installation moves real money.
    pub(crate) test: bool,
    /// Whose page this is, sealed, for forms that are kept when their session ends.
    pub(crate) whose: String,
    /// Where this page is to be found, when it answers a form that was sent elsewhere.
    pub(crate) address: Option<String>,
}

/// A way to go.
pub(crate) struct Link {
    pub(crate) href: &'static str,
    pub(crate) name: &'static str,
    part: Part,
    pub(crate) here: bool,
    /// How many wait there, if any do.
    pub(crate) count: Option<String>,
    /// The key that goes there, after `g`.
    pub(crate) key: &'static str,
}

/// What is in doubt.
pub(crate) struct Alarm {
    pub(crate) sentence: String,
    pub(crate) doubts: Vec<Doubt>,
}

pub(crate) struct Doubt {
    pub(crate) href: String,
    pub(crate) order_no: String,
    pub(crate) amount: String,
    pub(crate) since: String,
}

impl Layout {
    /// What stands around a page of this operator now.
    pub(crate) async fn around(
        pages: &Pages,
        current_operator: &CurrentOperator,
        part: Part,
        title: impl Into<String>,
    ) -> Result<Self, StoreError> {
        let (access, lang) = (pages.access(), current_operator.lang);
        let t = Common::of(lang);
        let store = pages.store();
        let shops = &current_operator.operator().shops;
        let doubts = store.doubts(DOUBTS_COUNTED, shops).await?;
        let mut approval_requests = access.open_approval_requests().await?;
        approval_requests.retain(|one| approval_requests::shows(current_operator.operator(), one));
        let now = access.clock().now();
        let alarm = (!doubts.is_empty()).then(|| Alarm {
            sentence: fill(t.doubt_alarm, &[&count(doubts.len())]),
            doubts: doubts
                .iter()
                .take(DOUBTS_SHOWN)
                .map(|doubt| Doubt {
                    href: format!("/payments/{}", doubt.id),
                    order_no: doubt.order_no.clone(),
                    amount: write::money(lang, doubt.amount, &doubt.currency),
                    since: doubt.doubt_since.map_or_else(String::new, |since| {
                        fill(
                            t.doubt_since,
                            &[&write::span(lang, now.duration_since(since))],
                        )
                    }),
                })
                .collect(),
        });
        if alarm.is_some() {
            current_operator.alarmed.set();
        }
        let may = |role| current_operator.operator().may(role);
        let link = |href, name, of, key, waiting: usize| Link {
            href,
            name,
            part: of,
            here: part == of,
            count: (waiting > 0).then(|| count(waiting)),
            key,
        };
        let mut links = Vec::new();
        if may(Role::KeyIn) {
            links.push(link("/keyin", t.keyin, Part::KeyIn, "k", 0));
        }
        links.push(link("/payments", t.payments, Part::Payments, "p", 0));
        links.push(link("/doubts", t.doubts, Part::Doubts, "d", doubts.len()));
        if may(Role::Cancel) || may(Role::Close) {
            links.push(link(
                "/approvals",
                t.approval_requests,
                Part::ApprovalRequests,
                "w",
                approval_requests.len(),
            ));
        }
        links.push(link("/day", t.day, Part::Day, "m", 0));
        if may(Role::Administer) {
            links.push(link("/settings", t.settings, Part::Settings, "s", 0));
        }
        let shops = pages.engine().shops();
        let test = |shop: &std::sync::Arc<sugi_engine::Shop>| shop.client.site_code().is_test();
        Ok(Self {
            lang,
            t,
            title: title.into(),
            style: assets::style_path(),
            script: assets::script_path(),
            operator: current_operator.operator().name.to_string(),
            links,
            alarm,
            approval_requests,
            path: if current_operator.path.is_empty() {
                part.path().into()
            } else {
                current_operator.path.clone()
            },
            seen: String::new(),
            test: !shops.is_empty() && shops.iter().all(test),
            whose: pages
                .0
                .keeper
                .whose(current_operator.operator().name.as_str()),
            address: current_operator.path.is_empty().then(|| part.path().into()),
        })
    }
}

impl Layout {
    /// How many wait in a part, if any do and this operator has it.
    pub(crate) fn waiting(&self, part: Part) -> Option<&str> {
        let link = self.links.iter().find(|link| link.part == part);
        link.and_then(|link| link.count.as_deref())
    }
}

fn count(number: usize) -> String {
    if number >= DOUBTS_COUNTED as usize {
        format!("{DOUBTS_COUNTED}+")
    } else {
        number.to_string()
    }
}

/// A page as an answer.
pub(crate) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(why) => {
            tracing::error!(%why, "a page could not be rendered");
            crate::error_page::ErrorPage::Broken.into()
        }
    }
}
