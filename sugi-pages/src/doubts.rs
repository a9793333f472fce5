//! `/doubts`: the payments that no one knows about yet, the oldest first.

use askama::Template;
use axum::{extract::State, response::Response};
use sugi_engine::Finding;
use sugi_store::Summary;

use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    lang::{Lang, fill, messages},
    layout::{Layout, Part, html},
    payments::timeline,
    write,
};

/// How many are shown.
const MOST: u32 = 500;

messages! {
    /// The list of doubts.
    DoubtsMessages {
        title "확인 필요" "In doubt"
        lead "카드사 승인 여부를 아직 모르는 결제입니다. 같은 주문을 다시 결제하지 마십시오." "Whether these were charged is not known yet. Do not charge the same order again."
        empty "확인이 필요한 결제가 없습니다." "Nothing is in doubt."
        order "주문번호" "Order"
        amount "금액" "Amount"
        buyer "구매자" "Buyer"
        card "카드" "Card"
        shop "상점" "Shop"
        by "담당자" "Operator"
        age "경과" "Age"
        since "{} 발생" "since {}"
        differs "KCP와 다른 결제" "Differs at KCP"
        differs_lead "끝난 결제를 KCP에 다시 조회했더니 원장과 다릅니다. KCP 상점관리자에서 확인하십시오." "KCP was asked again about these settled payments, and its books differ from the ledger. Check them on KCP's partner site."
        found "확인 시각" "Found"
        what "내용" "Difference"
        silent "KCP가 여러 번 답하지 않았습니다." "KCP did not answer, asked several times"
    }
}

#[derive(Template)]
#[template(path = "doubts.html")]
struct DoubtsPage {
    layout: Layout,
    w: &'static DoubtsMessages,
    rows: Vec<DoubtRow>,
    cases: Vec<CaseRow>,
}

/// An open case of the watch over settled payments.
struct CaseRow {
    href: String,
    order_no: String,
    shop: String,
    at: String,
    what: String,
}

struct DoubtRow {
    href: String,
    order_no: String,
    amount: String,
    buyer: String,
    last4: String,
    shop: String,
    by: String,
    age: String,
    since: String,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    let lang = current_operator.lang;
    let w = DoubtsMessages::of(lang);
    let layout = Layout::around(&pages, &current_operator, Part::Doubts, w.title).await?;
    let store = pages.store();
    let doubts = store
        .doubts(MOST, &current_operator.operator().shops)
        .await?;
    let now = pages.access().clock().now();
    let row = |doubt| DoubtRow::of(lang, w, doubt, now);
    let rows = doubts.into_iter().map(row).collect();
    let mut cases = pages.engine().findings().await?;
    cases.retain(|case| current_operator.operator().may_use(&case.shop));
    let cases = cases.iter().map(|case| CaseRow::of(lang, w, case));
    let cases = cases.collect();
    Ok(html(&DoubtsPage {
        layout,
        w,
        rows,
        cases,
    }))
}

impl CaseRow {
    fn of(lang: Lang, w: &DoubtsMessages, case: &Finding) -> Self {
        let money = |amount| write::money(lang, amount, &case.currency);
        Self {
            href: format!("/payments/{}", case.payment),
            order_no: case.order_no.clone(),
            shop: case.shop.to_string(),
            at: write::time(case.at),
            what: match &case.difference {
                Some(difference) => timeline::differs(lang, difference, &money),
                None => w.silent.into(),
            },
        }
    }
}

impl DoubtRow {
    fn of(lang: Lang, w: &DoubtsMessages, doubt: Summary, now: jiff::Timestamp) -> Self {
        let since = doubt.doubt_since.unwrap_or(doubt.created_at);
        Self {
            href: format!("/payments/{}", doubt.id),
            order_no: doubt.order_no,
            amount: write::money(lang, doubt.amount, &doubt.currency),
            buyer: doubt.buyer_name.unwrap_or_default(),
            last4: doubt.last4,
            shop: doubt.shop.to_string(),
            by: doubt.by,
            age: write::span(lang, now.duration_since(since)),
            since: fill(w.since, &[&write::time(since)]),
        }
    }
}
