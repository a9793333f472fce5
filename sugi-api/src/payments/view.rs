//! A payment as the API shows it.

use jiff::Timestamp;
use serde::Serialize;
use sugi_core::{
    Approval, CancelOrder, Cancelled, Difference, Payment, Refusal, State, Status, VoidReason,
};
use utoipa::ToSchema;

use super::tax::TaxView;
use super::wording::{CancellationWord, CurrencyWord, InterestWord, KindWord, StateWord, VoidWord};

/// A payment as it is now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub(crate) struct View {
    /// The payment's id. Ids sort by the time they were made.
    #[schema(
        pattern = "^pay_[0-9a-f]{32}$",
        example = "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b"
    )]
    id: String,
    #[schema(inline)]
    state: StateWord,
    /// The shop that it is for.
    shop: String,
    /// The merchant's own order number.
    order_no: String,
    /// The order number as KCP has it (`ordr_idxx`): the merchant's, cut to 27 characters, with a hyphen and
    /// twelve emails behind it that no other sale has. The merchant's alone where the shop's contract says
    /// `order_numbers = "bare"`.
    kcp_order_no: String,
    #[schema(inline)]
    kind: KindWord,
    /// What was asked for, in the currency's smallest unit (won, US cents).
    #[schema(minimum = 1, maximum = 999_999_999_999_u64)]
    amount: u64,
    /// How much of it was refunded.
    cancelled_amount: u64,
    /// How the amount divides for tax, if the request said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax: Option<TaxView>,
    /// What is left of each part, while an approved payment has several. It is the most that can be
    /// left, and adds up to more than what is left, once someone gave back past this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_tax: Option<TaxView>,
    #[schema(inline)]
    currency: CurrencyWord,
    /// What is sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    buyer: BuyerView,
    card: CardView,
    /// Months of instalments; 0 for a lump sum.
    installment_months: u8,
    /// KCP's transaction number, once it is known to be this payment's.
    #[serde(skip_serializing_if = "Option::is_none")]
    tno: Option<String>,
    /// What KCP said when it approved, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalView>,
    /// Why KCP declined; there when the state is `declined`.
    #[serde(skip_serializing_if = "Option::is_none")]
    decline: Option<RefusalView>,
    /// What is not known; there when the state is `in_doubt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt: Option<DoubtView>,
    /// How KCP's books differ, where a look at the settled payment found that. A case is open until both
    /// agree again.
    #[serde(skip_serializing_if = "Option::is_none")]
    differs: Option<DiffersView>,
    /// How it is proved that no money moved; there when the state is `void`.
    #[serde(skip_serializing_if = "Option::is_none")]
    void: Option<VoidView>,
    /// What was refunded, the oldest first; then the cancellation that has not ended, or the last
    /// one if it was refused.
    cancellations: Vec<CancellationView>,
    /// Whether the buyer's money is taken, or may be. While it is `true` and the state is none of
    /// the approved ones, do not charge again.
    money_may_have_moved: bool,
    /// What to do, where there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
    /// Which API key or operator asked for it.
    by: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When something last happened to it.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Who buys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BuyerView)]
pub(crate) struct BuyerView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
}

/// What may be kept of a card.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CardView)]
pub(crate) struct CardView {
    /// First six and last four digits; only the last four where a list shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "411111******1111")]
    pub(crate) masked: Option<String>,
    #[schema(pattern = "^[0-9]{4}$", example = "1111")]
    pub(crate) last4: String,
}

/// What KCP said when it approved.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approval)]
struct ApprovalView {
    /// The card company's approval number.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_no: Option<String>,
    /// When the card company approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    app_time: Option<Timestamp>,
    /// Who issued the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<CompanyView>,
    /// Who settles with the merchant.
    #[serde(skip_serializing_if = "Option::is_none")]
    acquirer: Option<CompanyView>,
    /// Whether KCP takes partial cancels of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_cancel: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interest: Option<InterestWord>,
    /// Whether it is a debit (check) card.
    #[serde(skip_serializing_if = "Option::is_none")]
    check_card: Option<bool>,
    /// Whether it is a company's card.
    #[serde(skip_serializing_if = "Option::is_none")]
    corporate_card: Option<bool>,
}

/// A card company.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Company)]
struct CompanyView {
    /// KCP's code.
    code: String,
    /// KCP's name for it.
    name: String,
}

/// A refusal in KCP's words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(crate) struct RefusalView {
    /// KCP's result code.
    #[schema(pattern = "^[0-9A-Za-z]{4}$", example = "CC61")]
    res_cd: String,
    /// KCP's own words, mostly Korean.
    res_msg: String,
    /// What the code means.
    meaning: &'static str,
    /// The same in Korean.
    meaning_ko: &'static str,
    /// KCP's number of the exchange, which its support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_no: Option<String>,
}

/// What is not known of a payment in doubt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Doubt)]
struct DoubtView {
    /// What went wrong.
    why: String,
    /// When the approval was sent.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// A transaction number that the broken answer still showed; not confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    tno: Option<String>,
    /// How many looks at KCP's books have brought nothing.
    inquiries: u32,
    /// What KCP has of it, where that is another amount than was asked for. Nothing of it is refunded
    /// before a resolution names its `tno`.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_amount: Option<u64>,
}

/// How KCP's books differ from the ledger about a settled payment.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Differs)]
struct DiffersView {
    /// `remaining`: another amount is left. `amount`: another amount was approved. `denied`: KCP does not
    /// know the `tno` that it gave. `alive`: KCP has a transaction of it that the ledger does not know.
    #[schema(inline, pattern = "^(remaining|amount|denied|alive)$")]
    kind: &'static str,
    /// The amount by the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<u64>,
    /// The amount by KCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    kcp: Option<u64>,
    /// The transaction that the ledger does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    tno: Option<String>,
}

impl DiffersView {
    fn of(difference: &Difference) -> Self {
        let (kind, ledger, kcp, tno) = match difference {
            Difference::Remaining { ledger, kcp } => ("remaining", Some(*ledger), Some(*kcp), None),
            Difference::Amount { ledger, kcp } => ("amount", Some(*ledger), Some(*kcp), None),
            Difference::Denied => ("denied", None, None, None),
            Difference::Alive { tno, kcp } => ("alive", None, Some(*kcp), Some(tno.to_string())),
        };
        Self {
            kind,
            ledger,
            kcp,
            tno,
        }
    }
}

/// How it is proved that no money moved.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Void)]
struct VoidView {
    #[schema(inline)]
    reason: VoidWord,
    /// What failed, or what someone vouched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// One cancellation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cancellation)]
pub(crate) struct CancellationView {
    /// Its id; absent for money that someone gave back past this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^can_[0-9a-f]{32}$")]
    id: Option<String>,
    #[schema(inline)]
    state: CancellationWord,
    /// How much, in the currency's smallest unit.
    amount: u64,
    /// How that divides for tax, if it does and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax: Option<TaxView>,
    /// Why, as told to KCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it took effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// KCP's refusal, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalView>,
}

impl View {
    pub(crate) fn of(payment: &Payment) -> Self {
        let request = &payment.request;
        let order = &request.order;
        let approval = payment.approval();
        let (mut decline, mut doubt, mut void) = (None, None, None);
        match &payment.state {
            State::Declined(refusal) => decline = Some(RefusalView::of(refusal)),
            State::InDoubt(open) => {
                let tno = open.lost.tno.as_ref().map(ToString::to_string);
                doubt = Some(DoubtView {
                    why: open.lost.why.clone(),
                    since: open.sent_at.at,
                    tno,
                    inquiries: open.inquiries,
                    other_amount: payment.other_amount(),
                });
            }
            State::Void(reason) => void = Some(VoidView::of(reason)),
            _ => {}
        }
        Self {
            id: payment.id.to_string(),
            state: payment.status().into(),
            shop: request.shop.to_string(),
            order_no: request.order_no.to_string(),
            kcp_order_no: order.order_no.to_string(),
            kind: request.kind.into(),
            amount: order.money.amount.get(),
            cancelled_amount: payment.cancelled_amount(),
            tax: order
                .tax
                .and_then(|split| TaxView::of_split(split, order.money.amount.get())),
            remaining_tax: payment.tax_left().map(TaxView::from),
            currency: order.money.currency.into(),
            product: order.goods_name.as_ref().map(ToString::to_string),
            buyer: BuyerView {
                name: order.buyer.name.as_ref().map(ToString::to_string),
                email: order.buyer.mail.as_ref().map(ToString::to_string),
                phone: order.buyer.phone.as_ref().map(ToString::to_string),
            },
            card: CardView {
                masked: Some(request.card.to_string()),
                last4: request.card.last4().to_owned(),
            },
            installment_months: order.installments.months(),
            tno: approval.map(|approval| approval.tno.to_string()),
            approval: approval.map(ApprovalView::of),
            decline,
            doubt,
            differs: payment.differs.as_ref().map(DiffersView::of),
            void,
            cancellations: cancellations(&payment.state),
            money_may_have_moved: money_may_have_moved(payment.status()),
            next: next(payment.status()),
            by: request.by.to_string(),
            created_at: payment.created_at,
            updated_at: payment.updated_at,
        }
    }
}

/// Whether the buyer's money is taken, or may be.
pub(crate) fn money_may_have_moved(status: Status) -> bool {
    match status {
        Status::Approving
        | Status::Approved
        | Status::InDoubt
        | Status::Reversing
        | Status::PartiallyCancelled => true,
        Status::Requested
        | Status::Declined
        | Status::Reversed
        | Status::Cancelled
        | Status::Void => false,
    }
}

fn next(status: Status) -> Option<&'static str> {
    Some(match status {
        Status::Requested | Status::Approving => {
            "Do not charge again. Get this payment until its state is decided."
        }
        Status::InDoubt => {
            "Do not charge again. It is being settled; get this payment until its state is decided, or resolve it \
             with a transaction number from KCP's partner site."
        }
        Status::Reversing => {
            "It is being reversed. Get this payment until it is, before charging again."
        }
        Status::Declined => {
            "The card was not charged. Another card, or another try, is a new payment."
        }
        Status::Reversed => {
            "The card was charged and the charge undone. Another try is a new payment."
        }
        Status::Void => "The card was not charged. Another try is a new payment.",
        Status::Approved | Status::PartiallyCancelled | Status::Cancelled => return None,
    })
}

fn cancellations(state: &State) -> Vec<CancellationView> {
    let State::Approved {
        cancels,
        pending,
        refused,
        ..
    } = state
    else {
        return Vec::new();
    };
    let mut all: Vec<_> = cancels.iter().map(CancellationView::done).collect();
    all.extend(
        refused
            .iter()
            .map(|refused| CancellationView::refused(&refused.0, refused.1.as_ref())),
    );
    all.extend(
        pending
            .iter()
            .map(|pending| CancellationView::asked(CancellationWord::Pending, &pending.0)),
    );
    all
}

impl CancellationView {
    fn done(cancel: &Cancelled) -> Self {
        Self {
            id: cancel.id.as_ref().map(ToString::to_string),
            state: CancellationWord::Done,
            amount: cancel.amount,
            tax: cancel.tax.map(TaxView::from),
            reason: None,
            at: Some(cancel.at),
            by: cancel.by.as_ref().map(ToString::to_string),
            refusal: None,
        }
    }

    fn asked(state: CancellationWord, order: &CancelOrder) -> Self {
        Self {
            id: Some(order.id.to_string()),
            state,
            amount: order.amount.get(),
            tax: order.tax.map(TaxView::from),
            reason: Some(order.reason.to_string()),
            at: None,
            by: Some(order.by.to_string()),
            refusal: None,
        }
    }

    fn refused(order: &CancelOrder, refusal: Option<&Refusal>) -> Self {
        let refusal = refusal.map(RefusalView::of);
        Self {
            refusal,
            ..Self::asked(CancellationWord::Refused, order)
        }
    }
}

impl ApprovalView {
    fn of(approval: &Approval) -> Self {
        let company = |company: &nhn_kcp::Company| CompanyView {
            code: company.code.clone(),
            name: company.name.clone(),
        };
        Self {
            app_no: approval.app_no.clone(),
            app_time: approval.app_time.map(nhn_kcp::KcpTime::to_timestamp),
            issuer: approval.issuer.as_ref().map(company),
            acquirer: approval.acquirer.as_ref().map(company),
            partial_cancel: approval.partial_cancel,
            interest: approval.interest.map(InterestWord::from),
            check_card: approval.check_card,
            corporate_card: approval.corporate_card,
        }
    }
}

impl RefusalView {
    fn of(refusal: &Refusal) -> Self {
        let meaning = refusal.code.meaning();
        Self {
            res_cd: refusal.code.to_string(),
            res_msg: refusal.message.clone(),
            meaning: meaning.gloss_en,
            meaning_ko: meaning.gloss_ko,
            trace_no: refusal.trace_no.clone(),
        }
    }
}

impl VoidView {
    fn of(reason: &VoidReason) -> Self {
        let (reason, detail) = match reason {
            VoidReason::CardGone => (VoidWord::CardGone, None),
            VoidReason::NotSent { why } => (VoidWord::NotSent, Some(why.clone())),
            VoidReason::Absent => (VoidWord::Absent, None),
            VoidReason::Attested { by, note, .. } => {
                (VoidWord::Attested, Some(format!("{by}: {note}")))
            }
        };
        Self { reason, detail }
    }
}
