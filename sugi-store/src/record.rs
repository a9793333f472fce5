//! Between what sugi means and what a database holds.

use jiff::Timestamp;
use sugi_core::{Event, Payment, PaymentId, State, Status};

use crate::{
    book::Book,
    chain::Hash,
    error::{Finding, StoreError},
};

/// An event as it is stored.
pub(crate) fn event_to_text(event: &Event) -> String {
    // Events hold strings, numbers and maps with text keys: nothing that JSON could refuse.
    serde_json::to_string(event).unwrap_or_default()
}

/// A row of the journal as it was read.
pub(crate) struct RawEntry {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) body: String,
    pub(crate) hash: String,
}

/// Folds rows that were read, and checks the chain on the way: what comes out of here is believed.
pub(crate) fn fold(id: &PaymentId, rows: Vec<RawEntry>) -> Result<Option<Book>, StoreError> {
    let mut book: Option<Book> = None;
    for row in rows {
        let bad = |what: String| Finding::in_row(id.as_str(), row.seq, what);
        let before = book.as_ref().map_or(Hash::START, |book| book.head);
        let seq = book.as_ref().map_or(0, |book| book.payment.seq) + 1;
        if row.seq != i64::from(seq) {
            return Err(bad(format!("row {seq} is missing")).into());
        }
        let at = Timestamp::from_microsecond(row.at).map_err(|why| bad(why.to_string()))?;
        let head = before.next(id, seq, at, &row.body);
        if Hash::from_hex(&row.hash) != Some(head) {
            return Err(bad("its hash does not fit it and the row before".into()).into());
        }
        let event: Event = serde_json::from_str(&row.body).map_err(|why| bad(format!("not an event: {why}")))?;
        let payment = match book {
            None => Payment::begin(id.clone(), at, event),
            Some(book) => book.payment.evolve(at, event),
        };
        book = Some(Book { payment: payment.map_err(|why| bad(why.to_string()))?, head });
    }
    Ok(book)
}

/// Whether an order with such a payment must not be paid again.
pub(crate) fn is_live(status: Status) -> bool {
    !matches!(status, Status::Declined | Status::Void | Status::Reversed | Status::Cancelled)
}

/// A row of the projection. Texts are borrowed where they can be: this is made twice per payment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) seq: i64,
    pub(crate) head: String,
    pub(crate) status: String,
    pub(crate) cancelled: i64,
    pub(crate) tno: Option<String>,
    pub(crate) app_no: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) due_at: Option<i64>,
    pub(crate) doubt_since: Option<i64>,
    pub(crate) updated_at: i64,
    pub(crate) shop: String,
    pub(crate) order_no: String,
    pub(crate) ordr_idxx: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) buyer_name: Option<String>,
    pub(crate) buyer_phone: Option<String>,
    pub(crate) last4: String,
    pub(crate) actor: String,
    pub(crate) created_at: i64,
}

impl Row {
    pub(crate) fn of(payment: &Payment, head: Hash, due_at: Option<Timestamp>) -> Self {
        let request = &payment.request;
        let order = &request.order;
        let approval = payment.approval();
        let doubt_since = match &payment.state {
            State::InDoubt(doubt) => Some(doubt.sent_at.as_microsecond()),
            _ => None,
        };
        Self {
            id: payment.id.to_string(),
            seq: i64::from(payment.seq),
            head: head.to_hex(),
            status: payment.status().as_str().into(),
            cancelled: signed(payment.cancelled_amount()),
            tno: approval.map(|approval| approval.tno.to_string()),
            app_no: approval.and_then(|approval| approval.app_no.clone()),
            issuer: approval.and_then(|approval| approval.issuer.as_ref()).map(|issuer| issuer.name.clone()),
            due_at: due_at.map(Timestamp::as_microsecond),
            doubt_since,
            updated_at: payment.updated_at.as_microsecond(),
            shop: request.shop.to_string(),
            order_no: request.order_no.to_string(),
            ordr_idxx: order.order_no.to_string(),
            amount: signed(order.money.amount.get()),
            currency: order.money.currency.to_string(),
            buyer_name: order.buyer.name.as_ref().map(ToString::to_string),
            buyer_phone: order.buyer.phone.as_ref().map(ToString::to_string),
            last4: request.card.last4().to_string(),
            actor: request.by.to_string(),
            created_at: payment.created_at.as_microsecond(),
        }
    }
}

/// Amounts have at most twelve digits.
fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
