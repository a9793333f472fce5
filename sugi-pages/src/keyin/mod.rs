//! `/keyin`: key a card in.
//!
//! The form's key is made when the form is: whatever sends it twice (a second click, Enter held down,
//! a reload, an answer that was lost and a second try) makes one payment. Two forms are two sales, and
//! the [guard](duplicates) stops the second if it is like the first.

mod answer;
mod currency;
pub(crate) mod duplicates;
pub(crate) mod issuers;
mod messages;
mod sale;

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use nhn_kcp::pan::Rule;
use sugi_core::{Payment, PaymentId, Status};
use sugi_engine::{Outcome, PayError, PaymentHandle, Sale, Shop};
use sugi_store::AuditEntry;

pub(crate) use self::messages::KeyInMessages;
use self::{answer::Refused, duplicates::DuplicateDetector, issuers::Issuers, sale::Asked};
use crate::{
    Pages,
    current_operator::{CurrentOperator, wants_json},
    error_page::ErrorPage,
    form::Form,
    kept::Sent,
    lang::{Lang, fill},
    layout::{Layout, Part, html},
    payments::cancel::form_key,
    write,
};

/// How long the browser waits for a first word, before it is sent to the payment's own page.
const FIRST_WORD: Duration = Duration::from_secs(20);
/// How long an operator counts as waiting: an approval that is found alive meanwhile can be kept.
const AT_THE_PHONE: Duration = Duration::from_mins(1);

/// From this amount in won on KCP takes instalments.
const INSTALMENTS_FROM: u64 = 50_000;

#[derive(Template)]
#[template(path = "keyin.html")]
struct KeyinPage {
    layout: Layout,
    w: &'static KeyInMessages,
    /// The form's key: of whatever this form makes, one payment.
    key: String,
    shops: Vec<ShopChoice>,
    /// What amounts can be in, where that is more than won.
    currencies: Vec<currency::Choice>,
    values: Values,
    refused: Option<Refused>,
    /// What was typed before the session was over is here again.
    again: bool,
    months: Vec<(u8, String)>,
    issuers: String,
    tax: bool,
}

impl KeyinPage {
    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        self.refused.as_ref().and_then(|refused| refused.at(field))
    }

    /// The shop that was asked for is none of theirs: another in its place would be charged at unseen.
    fn no_shop(&self) -> bool {
        self.refused.is_some() && !self.shops.iter().any(|shop| shop.chosen)
    }

    /// What keys a telephone shows for a part of the amount.
    fn free_keys(&self) -> &'static str {
        if self.currencies.is_empty() {
            "inputmode=\"numeric\" data-zero data-money=\"KRW\""
        } else {
            "inputmode=\"decimal\" data-zero data-money=\"KRW\""
        }
    }

    /// From which amount instalments begin.
    fn months_from(&self) -> String {
        fill(self.w.months_hint, &[&write::grouped(INSTALMENTS_FROM)])
    }
}

struct ShopChoice {
    id: String,
    chosen: bool,
    with_proof: bool,
    without_proof: bool,
    months: u8,
    /// Codes, with spaces between.
    currencies: String,
}

/// What is put into the form again after a mistake: never anything of a card.
#[derive(Default)]
struct Values {
    shop: String,
    currency: String,
    amount: String,
    free: String,
    order_no: String,
    product: String,
    buyer: String,
    phone: String,
    email: String,
    without_proof: bool,
    months: u8,
}

/// What the key-in page remembers while the process runs.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) duplicates: DuplicateDetector,
    pub(crate) issuers: Issuers,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    let values = Values {
        order_no: new_order_no(pages.access().clock().now()),
        ..Values::default()
    };
    page(
        &pages,
        &current_operator,
        sugi_clock::new_secret(),
        values,
        Note::Nothing,
    )
    .await
}

pub(crate) async fn charge(
    State(pages): State<Pages>,
    headers: HeaderMap,
    Sent {
        current_operator,
        form,
    }: Sent,
) -> Result<Response, ErrorPage> {
    let lang = current_operator.lang;
    let refused = match sale::read(&pages, &current_operator, &form) {
        Ok(asked) => match begin(&pages, asked, lang).await {
            Ok(payment) => return Ok(answer::gone_to(&headers, &payment)),
            Err(refused) => refused,
        },
        Err(refused) => refused,
    };
    if wants_json(&headers) {
        return Ok(refused.json(KeyInMessages::of(lang)));
    }
    let status = refused.status;
    let values = Values::of(&form);
    let key = form.get("key").to_owned();
    let mut response = page(
        &pages,
        &current_operator,
        key,
        values,
        Note::Refused(refused),
    )
    .await?;
    *response.status_mut() = status;
    Ok(response)
}

/// The page with what was typed before its session was over; its key is the one that it had, so whatever it
/// began then is not begun again.
pub(crate) async fn opened_again(
    pages: &Pages,
    current_operator: &CurrentOperator,
    form: &Form,
) -> Result<Response, ErrorPage> {
    let key = form_key(form).unwrap_or_else(sugi_clock::new_secret);
    page(pages, current_operator, key, Values::of(form), Note::Again).await
}

/// What the page has to say besides its form.
enum Note {
    Nothing,
    /// Why nothing was charged.
    Refused(Refused),
    /// Its session was over, and now it is here again.
    Again,
}

/// Begins a sale in a task of its own: whoever closes the browser changes nothing.
async fn begin(pages: &Pages, asked: Asked, lang: Lang) -> Result<PaymentId, Refused> {
    let pages = pages.clone();
    let work = tokio::spawn(async move { begin_here(&pages, asked, lang).await });
    work.await.unwrap_or_else(|why| {
        let why = sugi_store::broke_off(&why);
        tracing::error!(why, "a key-in ended without a result");
        Err(Refused::ledger(lang))
    })
}

async fn begin_here(pages: &Pages, asked: Asked, lang: Lang) -> Result<PaymentId, Refused> {
    let w = KeyInMessages::of(lang);
    let Asked {
        sale,
        marks,
        form_key,
        anyway,
    } = asked;
    let memory = &pages.0.keyin;
    let now = pages.access().clock().now();
    let in_spite_of = anyway.as_ref().map(|anyway| &anyway.of);
    let entered = enter(pages, &marks, &form_key, now, in_spite_of, w).await?;
    let reason = anyway.filter(|_| entered.again).map(|anyway| anyway.reason);
    let again = reason.map(|reason| again(&sale, now, reason));
    let first6 = sale.card.number.masked().first6().to_owned();
    let begun = pages.engine().pay(sale).await;
    let payment = match begun {
        Ok(Outcome::Begun(payment_handle)) => {
            memory
                .duplicates
                .became(entered.attempt, &payment_handle.id());
            if let Some(mut again) = again {
                again.subject = payment_handle.id().to_string();
                pages.access().note(again).await;
            }
            first_result(payment_handle).await
        }
        Ok(Outcome::Replayed(payment)) => {
            memory.duplicates.became(entered.attempt, &payment.id);
            Arc::new(*payment)
        }
        Err(why) => {
            // Only after an unknown write may there be a payment; then nothing is forgotten.
            if !matches!(
                &why,
                PayError::Store(sugi_store::StoreError::Unknown { .. })
            ) {
                memory.duplicates.forget(entered.attempt);
            }
            return Err(Refused::pay(why, lang));
        }
    };
    if moved_nothing(payment.status()) {
        memory.duplicates.forget(entered.attempt);
    }
    learn(memory, &payment, &first6);
    Ok(payment.id.clone())
}

/// What the audit is told of a sale that is made although one like it was there: why.
fn again(sale: &Sale, now: Timestamp, reason: String) -> AuditEntry {
    AuditEntry {
        at: now,
        actor: format!("operator:{}", sale.by),
        action: "key in again".into(),
        subject: String::new(),
        outcome: reason,
        origin: sale.from.map_or_else(|| "-".into(), |at| at.to_string()),
    }
}

/// Takes the guard's place, or says what stands in the way. An earlier sale that moved nothing does
/// not: a wrong date that was declined is keyed in again at once.
async fn enter(
    pages: &Pages,
    marks: &duplicates::Marks,
    form_key: &str,
    now: Timestamp,
    in_spite_of: Option<&PaymentId>,
    w: &'static KeyInMessages,
) -> Result<duplicates::Entered, Refused> {
    let duplicates = &pages.0.keyin.duplicates;
    // Each round forgets one earlier sale that is in no one's way.
    for _ in 0..duplicates::ROUNDS {
        let earlier = match duplicates.enter(marks, form_key, now, in_spite_of) {
            Ok(entered) => return Ok(entered),
            Err(earlier) => earlier,
        };
        let Some(id) = &earlier.payment else {
            return Err(Refused::duplicate(&earlier, w));
        };
        let store = pages.store();
        match store.load(id).await {
            Ok(Some(book)) if moved_nothing(book.payment.status()) => duplicates.forget_payment(id),
            _ => return Err(Refused::duplicate(&earlier, w)),
        }
    }
    Err(Refused::simple(StatusCode::CONFLICT, "", w.dup_busy))
}

fn moved_nothing(status: Status) -> bool {
    matches!(
        status,
        Status::Declined | Status::Void | Status::Reversed | Status::Cancelled
    )
}

/// Waits for the first word; the operator counts as waiting for longer than the browser does.
async fn first_result(payment_handle: PaymentHandle) -> Arc<Payment> {
    let payment_handle = Arc::new(payment_handle);
    let at_the_phone = Arc::clone(&payment_handle);
    tokio::spawn(async move { at_the_phone.final_outcome(AT_THE_PHONE).await });
    match tokio::time::timeout(FIRST_WORD, payment_handle.first_result()).await {
        Ok(payment) => payment,
        Err(_) => payment_handle.final_outcome(Duration::ZERO).await,
    }
}

/// Learns from an approval who issues cards that begin like this one.
fn learn(memory: &Memory, payment: &Payment, first6: &str) {
    let issuer = payment
        .approval()
        .and_then(|approval| approval.issuer.as_ref());
    if let Some(issuer) = issuer {
        memory.issuers.learn(first6, &issuer.name);
    }
}

/// For the script: the form was made for another operator, and nothing was done.
pub(crate) fn other_operator(lang: Lang) -> Response {
    let (title, next) = ErrorPage::OtherOperator.messages(lang);
    Refused::simple(StatusCode::CONFLICT, "", &format!("{title}. {next}"))
        .json(KeyInMessages::of(lang))
}

async fn page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    key: String,
    values: Values,
    note: Note,
) -> Result<Response, ErrorPage> {
    let w = KeyInMessages::of(current_operator.lang);
    let mut layout = Layout::around(pages, current_operator, Part::KeyIn, w.title).await?;
    let again = matches!(note, Note::Again);
    if again {
        layout.address = Some("/keyin".into());
    }
    let refused = match note {
        Note::Refused(refused) => Some(refused),
        Note::Nothing | Note::Again => None,
    };
    let mut usable = pages.engine().shops();
    usable.retain(|shop| current_operator.operator().may_use(&shop.id));
    usable.sort_by(|one, other| one.id.cmp(&other.id));
    let most = usable.iter().map(|shop| shop.contract.installments).max();
    let tax = usable.iter().any(|shop| shop.contract.tax_split);
    let operator = current_operator.operator();
    let choice = |shop: &Arc<Shop>| ShopChoice {
        id: shop.id.to_string(),
        chosen: shop.id.as_str() == values.shop,
        with_proof: shop.contract.authenticated,
        without_proof: shop.contract.unauthenticated,
        months: shop.contract.installments,
        currencies: currency::taken(shop, operator)
            .iter()
            .map(|one| one.as_str())
            .collect::<Vec<_>>()
            .join(" "),
    };
    let shops = usable.iter().map(choice).collect();
    let currencies = currency::choices(w, &usable, operator, &values.currency);
    let months = (2..=most.unwrap_or(0)).map(|n| (n, fill(w.months_n, &[&n.to_string()])));
    Ok(html(&KeyinPage {
        layout,
        w,
        key,
        shops,
        currencies,
        values,
        refused,
        again,
        months: months.collect(),
        issuers: pages.0.keyin.issuers.as_text(),
        tax,
    }))
}

impl Values {
    fn of(form: &Form) -> Self {
        let text_by = |name: &str, rule| form.shown(name, rule).to_owned();
        let text = |name| text_by(name, Rule::Text);
        Self {
            shop: text("shop"),
            currency: text("currency"),
            amount: text("amount"),
            free: text("free"),
            order_no: text_by("order_no", Rule::Stored),
            product: text("product"),
            buyer: text("buyer"),
            phone: text("phone"),
            email: text("email"),
            without_proof: form.get("proof") == "without",
            months: form.get("months").parse().unwrap_or(0),
        }
    }
}

/// An order number for whoever has none: the day, and letters that can be read out on the phone.
fn new_order_no(now: Timestamp) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let day = write::KOREA.to_datetime(now).date();
    let letters =
        sugi_clock::random_bytes::<6>().map(|byte| LETTERS[usize::from(byte % 32)] as char);
    format!(
        "{:02}{:02}{:02}-{}",
        day.year() % 100,
        day.month(),
        day.day(),
        letters.iter().collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_numbers_are_kcps() {
        let no = new_order_no("2026-11-22T15:00:00Z".parse().unwrap());
        assert!(no.starts_with("261123-"), "{no}");
        nhn_kcp::OrderNo::parse(&no).unwrap();
        assert_ne!(no, new_order_no("2026-11-22T15:00:00Z".parse().unwrap()));
    }
}
