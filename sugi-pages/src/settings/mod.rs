//! `/settings`: what this installation is made of, and who may work at it.

pub(crate) mod audit;
mod audit_sentence;
pub(crate) mod operators;
mod reauthentication;
pub(crate) mod webhooks;

use askama::Template;
use axum::{extract::State, response::Response};
use http::StatusCode;
use jiff::Timestamp;
use nhn_kcp::Currency;
use sugi_api::ApiKey;
use sugi_core::Shops;
use sugi_engine::{Calendar, Engine, Shop};

use self::webhooks::WebhookMessages;
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::Form,
    lang::{Lang, fill, messages},
    layout::{Layout, Part, html},
    messages::role,
    write,
};

messages! {
    /// What this installation is made of.
    SettingsMessages {
        title "설정" "Settings"
        operators "담당자" "Operators"
        add "담당자 추가" "Add an operator"
        name "이름" "Name"
        roles "권한" "Roles"
        look_only "조회만" "Look only"
        shops_of "상점" "Shops"
        limit "건당 한도" "Limit"
        state "상태" "State"
        active "사용" "active"
        inactive "중지" "inactive"
        locked "잠김" "locked"
        codes "2단계 인증" "One-time codes"
        passkeys "패스키" "Passkeys"
        on "사용" "in use"
        off "미사용" "not in use"
        shops "상점" "Shops"
        site "KCP 상점코드" "KCP site code"
        kind "구분" "Kind"
        live "실거래" "Live"
        test "테스트" "Test"
        contract "계약" "Contract"
        authenticated "인증" "with proof"
        unauthenticated "비인증" "without proof"
        installments "할부 {}개월까지" "instalments up to {} months"
        partial "부분취소" "partial cancels"
        tax "세금 구분" "tax parts"
        won "원화" "won"
        dollars "달러" "dollars"
        lookup "주문번호 조회" "order look-up"
        certificate "인증서" "Certificate"
        days_left "{}일 남음" "{} days left"
        expired "만료됨" "ended"
        clock "시각" "Clock"
        clock_unmeasured "KCP 시각을 아직 모름" "KCP's time is not known yet"
        clock_right "KCP와 {}초 차이" "{} s from KCP's"
        clock_wrong "KCP와 {}초 차이: 서버 시각을 맞추십시오" "{} s from KCP's: set the server's clock right"
        keys "API 키" "API keys"
        keys_hint "API 키는 서버에서 sugi key로 만들고 sugi.toml에 적습니다." "API keys are made on the server with sugi key and written into sugi.toml."
        scopes "범위" "Scopes"
        audit "감사 기록" "Audit"
        audit_lead "누가 무엇을 보고 했는지 고칠 수 없게 이어진 기록입니다." "Who looked at what and did what, in a chain that cannot be changed unnoticed."
        audit_show "감사 기록 보기" "Show the audit"
    }
}

#[derive(Template)]
#[template(path = "settings/index.html")]
struct SettingsPage {
    layout: Layout,
    w: &'static SettingsMessages,
    operators: Vec<OperatorRow>,
    shops: Vec<ShopRow>,
    keys: Vec<KeyRow>,
    hooks: &'static WebhookMessages,
    webhooks: Vec<webhooks::WebhookLine>,
    /// The audit is of all shops, and for who may use all of them.
    has_audit: bool,
}

struct OperatorRow {
    href: String,
    name: String,
    roles: String,
    shops: String,
    limit: String,
    state: &'static str,
    tone: &'static str,
    codes: &'static str,
    passkeys: String,
}

struct ShopRow {
    id: String,
    site: String,
    kind: &'static str,
    contract: String,
    certificate: String,
    left: String,
    tone: &'static str,
    clock: String,
    clock_tone: &'static str,
}

struct KeyRow {
    name: String,
    scopes: String,
    shops: String,
}

/// A certificate that ends within so many days is worth a colour.
const SOON_DAYS: i64 = 30;

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    let (lang, w) = (
        current_operator.lang,
        SettingsMessages::of(current_operator.lang),
    );
    let layout = Layout::around(&pages, &current_operator, Part::Settings, w.title).await?;
    let now = pages.access().clock().now();
    let operators = pages.access().operators().await?;
    let me = current_operator.operator();
    let mut held = Vec::new();
    for one in operators.iter().filter(|one| me.may_administer(&one.shops)) {
        held.push((one, pages.access().held(one).await?.is_some()));
    }
    let operators = held.into_iter().map(|(one, is_held)| OperatorRow {
        href: operators::address(&one.name),
        name: one.name.to_string(),
        roles: or(
            names(one.roles.iter().map(|one| role(lang, *one))),
            w.look_only,
        ),
        shops: one.shops.in_words(layout.t.all, layout.t.none),
        limit: one
            .amount_max
            .map_or_else(String::new, |most| write::money(lang, most, "KRW")),
        state: match (is_held, one.active) {
            (true, _) => w.locked,
            (false, true) => w.active,
            (false, false) => w.inactive,
        },
        tone: match (is_held, one.active) {
            (true, _) => "doubt",
            (false, true) => "good",
            (false, false) => "quiet",
        },
        codes: if one.has_codes() { w.on } else { w.off },
        passkeys: one.passkeys().len().to_string(),
    });
    let operators = operators.collect();
    let mut shops = pages.engine().shops();
    shops.retain(|shop| me.may_use(&shop.id));
    shops.sort_by(|one, other| one.id.cmp(&other.id));
    let shops = shops
        .iter()
        .map(|shop| ShopRow::of(w, pages.engine(), shop, now))
        .collect();
    let key = |key: &ApiKey| KeyRow {
        name: key.name.to_string(),
        scopes: or(
            names(key.scopes.iter().map(|scope| scope.as_str())),
            layout.t.none,
        ),
        shops: key.shops.in_words(layout.t.all, layout.t.none),
    };
    let keys = pages.0.api.known_keys();
    let theirs = keys.iter().filter(|one| one.shops.is_within(&me.shops));
    let keys = theirs.map(|one| key(one)).collect();
    Ok(html(&SettingsPage {
        has_audit: current_operator.must_use_all().is_ok(),
        layout,
        w,
        operators,
        shops,
        keys,
        hooks: WebhookMessages::of(lang),
        webhooks: webhooks::lines(&pages, &current_operator).await?,
    }))
}

impl ShopRow {
    fn of(w: &SettingsMessages, engine: &Engine, shop: &Shop, now: Timestamp) -> Self {
        let ahead = engine.ahead_of_kcp(shop);
        let ahead = ahead.map_or_else(String::new, |ahead| ahead.as_secs().to_string());
        let (clock, clock_tone) = match engine.calendar_at(shop) {
            Calendar::Unmeasured => (w.clock_unmeasured.to_owned(), "quiet"),
            Calendar::Right => (fill(w.clock_right, &[&ahead]), "good"),
            Calendar::Wrong => (fill(w.clock_wrong, &[&ahead]), "bad"),
        };
        let credentials = shop.client.credentials();
        let (from, ends) = (credentials.not_before(), credentials.not_after());
        let days = ends.duration_since(now).as_hours() / 24;
        let contract = &shop.contract;
        let months = fill(w.installments, &[&contract.installments.to_string()]);
        let parts = [
            (contract.authenticated, w.authenticated),
            (contract.unauthenticated, w.unauthenticated),
            (contract.installments > 0, &*months),
            (contract.partial_cancel, w.partial),
            (contract.tax_split, w.tax),
            (contract.currencies.takes(Currency::Krw), w.won),
            (contract.currencies.takes(Currency::Usd), w.dollars),
            (shop.policy.order_lookup, w.lookup),
        ];
        let site = shop.client.site_code();
        Self {
            id: shop.id.to_string(),
            kind: if site.is_test() { w.test } else { w.live },
            site: site.to_string(),
            contract: names(parts.iter().filter(|(has, _)| *has).map(|(_, name)| *name)),
            certificate: format!("{} ~ {}", write::day(from), write::day(ends)),
            left: if ends <= now {
                w.expired.into()
            } else {
                fill(w.days_left, &[&days.to_string()])
            },
            tone: if days > SOON_DAYS { "good" } else { "bad" },
            clock,
            clock_tone,
        }
    }
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.collect::<Vec<_>>().join(", ")
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() { other.into() } else { text }
}

pub(crate) fn roles_of(lang: Lang) -> Vec<(&'static str, &'static str)> {
    sugi_access::Role::ALL
        .map(|one| (one.as_str(), role(lang, one)))
        .into()
}

/// The shops that a form names, or all where that is ticked. None ticked is none. One that reads as no
/// shop is a form that no one was given.
fn shops_of(form: &Form) -> Result<Shops, ErrorPage> {
    if form.get("all_shops") == "yes" {
        return Ok(Shops::All);
    }
    let named = form.all("shop").into_iter().map(|shop| shop.parse().ok());
    let named: Option<Shops> = named.collect();
    named.ok_or(ErrorPage::BadForm)
}

/// A page that shows again what was sent and not taken.
fn refused(mut page: Response) -> Response {
    *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    page
}
