//! `GET /payments/{id}/receipt`: a sales slip to print, on A4 or on a roll of 80 mm.

use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use nhn_kcp::TaxSplit;
use sugi_access::Role;
use sugi_core::{Payment, State as Stands, Status};
use sugi_engine::Merchant;

use super::{find, notice::Notice, show::Back};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    lang::{Lang, fill, messages},
    layout::{Layout, Part, html},
    messages, write,
};

messages! {
    /// A sales slip.
    ReceiptMessages {
        title "신용카드 매출전표" "Card sales slip"
        print "인쇄" "Print"
        back "결제로 돌아가기" "Back to the payment"
        merchant "가맹점" "Merchant"
        business_no "사업자등록번호" "Registration number"
        representative "대표자" "Representative"
        address "주소" "Address"
        phone "전화" "Phone"
        site "KCP 상점코드" "KCP site code"
        order "주문번호" "Order number"
        product "상품명" "Product"
        buyer "구매자" "Buyer"
        card "카드번호" "Card"
        issuer "카드사" "Card company"
        acquirer "매입사" "Acquirer"
        months "할부" "Instalments"
        lump "일시불" "lump sum"
        months_n "{}개월" "{} months"
        approved_at "승인일시" "Approved at"
        app_no "승인번호" "Approval number"
        tno "거래번호" "KCP number"
        supply "공급가액" "Supply"
        vat "부가세" "VAT"
        free "면세금액" "Tax-free"
        total "합계" "Total"
        cancelled "취소금액" "Cancelled"
        remaining "남은금액" "Remaining"
        cancelled_at "취소일시" "Cancelled at"
        test "테스트 거래: 실제 결제가 아닙니다" "Test transaction: no real payment"
        by_kcp "전자지급결제대행: NHN KCP" "Payment gateway: NHN KCP"
        kcp_slip "KCP 매출전표" "KCP's own slip"
        mail_title "이메일로 보내기" "Mail it"
        mail_to "받는 사람 이메일" "To which address"
        mail_hint "주소를 고객에게 다시 읽어 확인하십시오." "Read the address back to the caller."
        mail_lang "언어" "Language"
        mail_go "보내기" "Send"
    }
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    layout: Layout,
    back: String,
    slip: Slip,
    notice: Option<&'static str>,
    /// The notice tells of something that went wrong.
    bad: bool,
    mail: Option<MailForm>,
    /// Where KCP shows its own.
    kcp_slip: Option<String>,
}

/// What an email with the slip can be sent by.
struct MailForm {
    key: String,
    to: String,
    korean: bool,
}

/// What stands on a slip, printed or mailed.
pub(super) struct Slip {
    pub(super) w: &'static ReceiptMessages,
    pub(super) state: &'static str,
    /// Whether the state is to catch the eye: it is not simply approved.
    pub(super) stamp: bool,
    pub(super) lines: Vec<(&'static str, String)>,
    pub(super) sums: Vec<(&'static str, String)>,
    pub(super) test: bool,
    /// What the merchant is called.
    merchant: String,
}

impl Slip {
    pub(super) fn of(pages: &Pages, lang: Lang, payment: &Payment) -> Self {
        let w = ReceiptMessages::of(lang);
        let shops = pages.engine().shops();
        let shop = shops.iter().find(|shop| shop.id == payment.request.shop);
        let site = shop.map(|shop| shop.client.site_code());
        let merchant = shop.map(|shop| shop.merchant.clone()).unwrap_or_default();
        let name = merchant.name.clone();
        Self {
            w,
            state: messages::state(lang, payment.status()),
            stamp: payment.status() != Status::Approved,
            lines: [
                who_sells(w, payment, merchant, site.map(ToString::to_string)),
                what_is_sold(w, payment),
            ]
            .concat(),
            sums: sums(lang, w, payment),
            test: site.is_some_and(nhn_kcp::SiteCode::is_test),
            merchant: name.unwrap_or_else(|| payment.request.shop.to_string()),
        }
    }

    /// What an email with it is about.
    pub(super) fn subject(&self) -> String {
        format!("[{}] {}", self.merchant, self.w.title)
    }
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(id): Path<String>,
    query: Result<Query<Back>, QueryRejection>,
) -> Result<Response, ErrorPage> {
    let payment = find(&pages, &current_operator, &id).await?;
    if !has_slip(&payment) {
        return Err(ErrorPage::NotFound);
    }
    let lang = current_operator.lang;
    let slip = Slip::of(&pages, lang, &payment);
    let layout = Layout::around(&pages, &current_operator, Part::Payments, slip.w.title).await?;
    let back = query.map(|Query(back)| back).unwrap_or_default();
    let notice = Notice::parse(&back.said);
    let buyer = payment.request.order.buyer.mail.as_ref();
    let shops = pages.engine().shops();
    let shop = shops.iter().find(|shop| shop.id == payment.request.shop);
    let kcp_slip = shop.zip(payment.approval()).and_then(|(shop, approval)| {
        let order = &payment.request.order;
        let gateway = shop.client.gateway();
        gateway.slip_url(&approval.tno, &order.order_no, order.money.amount)
    });
    let can_mail = pages.0.mail.is_some() && current_operator.operator().may(Role::KeyIn);
    Ok(html(&ReceiptPage {
        layout,
        back: format!("/payments/{}", payment.id),
        slip,
        notice: notice.map(|notice| notice.text(lang)),
        kcp_slip,
        bad: notice.is_some_and(|notice| notice != Notice::Mailed),
        mail: can_mail.then(|| MailForm {
            key: sugi_clock::new_secret(),
            to: buyer.map(ToString::to_string).unwrap_or_default(),
            korean: lang == Lang::Ko,
        }),
    }))
}

/// Whether there is a slip to print: of what was approved, once it is known what became of it.
pub(super) fn has_slip(payment: &Payment) -> bool {
    matches!(
        payment.state,
        Stands::Approved { .. } | Stands::Reversed { .. }
    )
}

fn who_sells(
    w: &'static ReceiptMessages,
    payment: &Payment,
    merchant: Merchant,
    site: Option<String>,
) -> Vec<(&'static str, String)> {
    let name = merchant
        .name
        .unwrap_or_else(|| payment.request.shop.to_string());
    let all = [
        (w.merchant, Some(name)),
        (w.business_no, merchant.business_no),
        (w.representative, merchant.representative),
        (w.address, merchant.address),
        (w.phone, merchant.phone),
        (w.site, site),
    ];
    there(all)
}

/// What is there of all that could be.
fn there<const N: usize>(all: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    let there = |(name, text): (_, Option<String>)| text.map(|text| (name, text));
    all.into_iter().filter_map(there).collect()
}

fn what_is_sold(w: &'static ReceiptMessages, payment: &Payment) -> Vec<(&'static str, String)> {
    let (request, order) = (&payment.request, &payment.request.order);
    let approval = payment.approval();
    let months = match order.installments.months() {
        0 => w.lump.into(),
        months => fill(w.months_n, &[&months.to_string()]),
    };
    let name = |company: &nhn_kcp::Company| company.name.clone();
    let issuer = approval.and_then(|approval| approval.issuer.as_ref());
    let acquirer = approval.and_then(|approval| approval.acquirer.as_ref());
    let app_time = approval.and_then(|approval| approval.app_time);
    let all = [
        (w.order, Some(request.order_no.to_string())),
        (
            w.product,
            order.goods_name.as_ref().map(ToString::to_string),
        ),
        (w.buyer, order.buyer.name.as_ref().map(ToString::to_string)),
        (w.card, Some(request.card.to_string())),
        (w.issuer, issuer.map(name)),
        (w.acquirer, acquirer.map(name)),
        (w.months, Some(months)),
        (
            w.approved_at,
            app_time.map(|at| write::time(at.to_timestamp())),
        ),
        (
            w.app_no,
            approval.and_then(|approval| approval.app_no.clone()),
        ),
        (w.tno, approval.map(|approval| approval.tno.to_string())),
    ];
    there(all)
}

fn sums(lang: Lang, w: &'static ReceiptMessages, payment: &Payment) -> Vec<(&'static str, String)> {
    let order = &payment.request.order;
    let currency = order.money.currency.to_string();
    let money = |amount| write::money(lang, amount, &currency);
    let total = order.money.amount.get();
    let mut sums = match order.tax {
        Some(TaxSplit::Mixed(parts)) => vec![
            (w.supply, money(parts.supply)),
            (w.vat, money(parts.vat)),
            (w.free, money(parts.free)),
        ],
        Some(TaxSplit::TaxFree) => vec![(w.free, money(total))],
        // How KCP works it out is not ours to print.
        Some(TaxSplit::Taxable) | None => Vec::new(),
    };
    sums.push((w.total, money(total)));
    let (remaining, at) = match &payment.state {
        Stands::Approved {
            remaining, cancels, ..
        } => (*remaining, cancels.last().map(|last| last.at)),
        // Nothing happens to it any more after that.
        Stands::Reversed { .. } => (0, Some(payment.updated_at)),
        _ => (total, None),
    };
    if let Some(at) = at {
        sums.push((w.cancelled, money(payment.cancelled_amount())));
        sums.push((w.remaining, money(remaining)));
        sums.push((w.cancelled_at, write::time(at)));
    }
    sums
}
