//! Between what sugi means and what a database holds.

use jiff::Timestamp;
use serde::Deserialize;
use sugi_core::{
    Event, Payment, PaymentId, PublicEvent, PublicSnapshot, Reading, State, Status, When,
};

use crate::{
    chain::Hash,
    erasable,
    error::{CreateError, IntegrityViolation, StoreError},
    payment_snapshot::PaymentSnapshot,
    store::Key,
    value::{Cells, Value},
};

/// An event as it is stored, and beside it the clocks that no one sets.
pub(crate) fn body(event: &Event, clock: Option<Reading>) -> String {
    // Events hold strings, numbers and maps with text keys: nothing that JSON could refuse.
    let mut text = serde_json::to_string(event).unwrap_or_default();
    if let Some(clock) = clock
        && text.pop() == Some('}')
    {
        let clock = serde_json::to_string(&clock).unwrap_or_default();
        text.push_str(",\"clock\":");
        text.push_str(&clock);
        text.push('}');
    }
    text
}

/// What stands beside an event in its body.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    clock: Option<Reading>,
    #[serde(default)]
    key: Option<String>,
}

/// The body of a first row, with the digest of the idempotency key that made the payment beside its event.
pub(crate) fn keyed(mut body: String, key: &Key) -> String {
    if body.pop() == Some('}') {
        body.push_str(",\"key\":\"");
        body.push_str(&key.digest());
        body.push_str("\"}");
    }
    body
}

/// A row of the journal as it was read.
pub(crate) struct RawEntry {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) body: String,
    pub(crate) hash: String,
    pub(crate) erasable: Option<String>,
}

impl RawEntry {
    /// A row of [`sql::JOURNAL`](crate::sql::JOURNAL), which may begin at a later column.
    pub(crate) fn read(row: &Cells, from: usize) -> Result<Self, StoreError> {
        let (seq, at) = (row.int(from)?, row.int(from + 1)?);
        Ok(Self {
            seq,
            at,
            body: row.text(from + 2)?,
            hash: row.text(from + 3)?,
            erasable: row.maybe_text(from + 4)?,
        })
    }

    /// Its event, with what stands aside where it belongs.
    pub(crate) fn event(&self) -> Result<Event, String> {
        let event = serde_json::from_str(&self.body).map_err(|why| format!("not an event: {why}"));
        let mut event = event?;
        if let Some(erasable) = &self.erasable {
            erasable::join(&mut event, erasable)?;
        }
        Ok(event)
    }

    /// The clocks that were read when it was written.
    pub(crate) fn clock(&self) -> Result<Option<Reading>, String> {
        Ok(self.beside()?.clock)
    }

    /// The digest of the idempotency key that made the payment, if one did and this is its first row.
    pub(crate) fn key(&self) -> Result<Option<String>, String> {
        Ok(self.beside()?.key)
    }

    fn beside(&self) -> Result<Beside, String> {
        serde_json::from_str(&self.body).map_err(|why| format!("not an event: {why}"))
    }
}

/// Folds rows that were read, and checks the chain on the way: what comes out of here is believed.
pub(crate) fn fold(
    id: &PaymentId,
    rows: Vec<RawEntry>,
) -> Result<Option<PaymentSnapshot>, StoreError> {
    fold_each(id, rows, None)
}

/// Takes each row that is a public event, with its meaning and the payment after it.
type OnEvent<'a> = &'a mut dyn FnMut(&RawEntry, PublicEvent, &Payment);

/// The same, and hands on each row that is a public event.
pub(crate) fn fold_each(
    id: &PaymentId,
    rows: Vec<RawEntry>,
    mut each: Option<OnEvent<'_>>,
) -> Result<Option<PaymentSnapshot>, StoreError> {
    let mut payment_snapshot: Option<PaymentSnapshot> = None;
    for row in rows {
        let bad = |what: String| IntegrityViolation::in_row(id.as_str(), row.seq, what);
        let before = payment_snapshot
            .as_ref()
            .map_or(Hash::START, |payment_snapshot| payment_snapshot.head);
        let seq = payment_snapshot
            .as_ref()
            .map_or(0, |payment_snapshot| payment_snapshot.payment.seq)
            + 1;
        if row.seq != i64::from(seq) {
            return Err(bad(format!("row {seq} is missing")).into());
        }
        let at = Timestamp::from_microsecond(row.at).map_err(|why| bad(why.to_string()))?;
        let digest = row.erasable.as_deref().map(erasable::digest);
        let head = before.next(id, seq, at, &row.body, digest);
        if Hash::from_hex(&row.hash) != Some(head) {
            return Err(bad("its hash does not fit it and the row before".into()).into());
        }
        let when = When {
            at,
            clock: row.clock().map_err(bad)?,
        };
        let event = row.event().map_err(bad)?;
        let public_snapshot = payment_snapshot.as_ref().filter(|_| each.is_some());
        let public_snapshot =
            public_snapshot.map(|payment_snapshot| PublicSnapshot::at(&payment_snapshot.payment));
        let payment = match payment_snapshot {
            None => Payment::begin(id.clone(), when, event),
            Some(payment_snapshot) => payment_snapshot.payment.evolve(when, event),
        };
        let payment = payment.map_err(|why| bad(why.to_string()))?;
        if let (Some(each), Some(before)) = (&mut each, &public_snapshot)
            && let Some(public_event) = PublicEvent::between(before, &payment)
        {
            each(&row, public_event, &payment);
        }
        payment_snapshot = Some(PaymentSnapshot { payment, head });
    }
    Ok(payment_snapshot)
}

/// Whether an order with such a payment must not be paid again.
pub(crate) fn is_live(status: Status) -> bool {
    !matches!(
        status,
        Status::Declined | Status::Void | Status::Reversed | Status::Cancelled
    )
}

/// Why a key that is taken refuses a new payment; `holder` is its row of
/// [`sql::KEY`](crate::sql::KEY).
pub(crate) fn key_used(holder: Option<&Cells>, key: &Key) -> CreateError {
    let Some(holder) = holder else {
        return vanished();
    };
    match (holder.id(0), holder.text(1)) {
        (Ok(payment), Ok(request)) => CreateError::KeyUsed {
            payment,
            same_request: request == key.request,
        },
        (Err(why), _) | (_, Err(why)) => why.into(),
    }
}

/// Why an order that could not be claimed refuses a new payment; `living` is its row of
/// [`sql::LIVING`](crate::sql::LIVING).
pub(crate) fn order_live(living: Option<&Cells>) -> CreateError {
    match living.map(|row| row.id(0)) {
        Some(Ok(payment)) => CreateError::OrderLive { payment },
        Some(Err(why)) => why.into(),
        None => vanished(),
    }
}

/// Why a payment cannot take the transaction that its row names; `owner` is that one's row of
/// [`sql::OWNER`](crate::sql::OWNER). Its own it has already.
pub(crate) fn foreign(owner: Option<&Cells>, row: &Row) -> Option<StoreError> {
    let tno = row.tno.clone().unwrap_or_default();
    match owner?.id(0) {
        Ok(payment) if payment.as_str() == row.id => None,
        Ok(payment) => Some(StoreError::Foreign { tno, payment }),
        Err(why) => Some(why),
    }
}

/// A claim was refused and then no one held it: no engine does that, so it is nothing to guess about.
fn vanished() -> CreateError {
    StoreError::Failed {
        why: "a claim that refused this payment was gone a moment later; try again".into(),
    }
    .into()
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
    pub(crate) site_cd: String,
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
            State::InDoubt(doubt) => Some(doubt.sent_at.at.as_microsecond()),
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
            issuer: approval
                .and_then(|approval| approval.issuer.as_ref())
                .map(|issuer| issuer.name.clone()),
            due_at: due_at.map(Timestamp::as_microsecond),
            doubt_since,
            updated_at: payment.updated_at.as_microsecond(),
            shop: request.shop.to_string(),
            site_cd: request.site_cd.to_string(),
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

    /// How many columns it has.
    pub(crate) const WIDTH: usize = 22;

    /// All of it, in the order of [`sql::OPEN`](crate::sql::OPEN).
    pub(crate) fn opened(&self) -> [Value<'_>; Self::WIDTH] {
        [
            (&self.id).into(),
            self.seq.into(),
            (&self.head).into(),
            (&self.status).into(),
            self.cancelled.into(),
            (&self.tno).into(),
            (&self.app_no).into(),
            (&self.issuer).into(),
            self.due_at.into(),
            self.doubt_since.into(),
            self.updated_at.into(),
            (&self.shop).into(),
            (&self.site_cd).into(),
            (&self.order_no).into(),
            (&self.ordr_idxx).into(),
            self.amount.into(),
            (&self.currency).into(),
            (&self.buyer_name).into(),
            (&self.buyer_phone).into(),
            (&self.last4).into(),
            (&self.actor).into(),
            self.created_at.into(),
        ]
    }

    /// What of it changes, in the order of [`sql::PROJECT`](crate::sql::PROJECT).
    pub(crate) fn projected(&self) -> [Value<'_>; 11] {
        [
            self.seq.into(),
            (&self.head).into(),
            (&self.status).into(),
            self.cancelled.into(),
            (&self.tno).into(),
            (&self.app_no).into(),
            (&self.issuer).into(),
            self.due_at.into(),
            self.doubt_since.into(),
            self.updated_at.into(),
            (&self.id).into(),
        ]
    }

    /// A row as [`opened`](Self::opened) wrote it.
    pub(crate) fn read(row: &Cells) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text(0)?,
            seq: row.int(1)?,
            head: row.text(2)?,
            status: row.text(3)?,
            cancelled: row.int(4)?,
            tno: row.maybe_text(5)?,
            app_no: row.maybe_text(6)?,
            issuer: row.maybe_text(7)?,
            due_at: row.maybe_int(8)?,
            doubt_since: row.maybe_int(9)?,
            updated_at: row.int(10)?,
            shop: row.text(11)?,
            site_cd: row.text(12)?,
            order_no: row.text(13)?,
            ordr_idxx: row.text(14)?,
            amount: row.int(15)?,
            currency: row.text(16)?,
            buyer_name: row.maybe_text(17)?,
            buyer_phone: row.maybe_text(18)?,
            last4: row.text(19)?,
            actor: row.text(20)?,
            created_at: row.int(21)?,
        })
    }
}

/// Amounts have at most twelve digits.
fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
