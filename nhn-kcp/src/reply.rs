//! What KCP answers when it says yes. All of it may be stored: card numbers are reduced on the way in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mask::MaskedCard;
use crate::money::Amount;
use crate::order::OrderNo;
use crate::time::KcpTime;
use crate::tno::Tno;

/// An approved payment: the card was charged `amount`, which is what was asked.
///
/// Only the transaction number and the amount are certain to be there; everything else is what KCP
/// said, if it said it in a form that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// KCP's transaction number (`tno`), the key of every cancel and inquiry.
    pub tno: Tno,
    /// The amount charged (`amount`), in the smallest unit of the currency that was asked.
    pub amount: Amount,
    /// The part of it on the card (`card_mny`); equal to `amount` in key-in payments.
    #[serde(default)]
    pub card_amount: Option<Amount>,
    /// Who issued the card (`card_cd`, `card_name`).
    #[serde(default)]
    pub issuer: Option<Company>,
    /// Who settles the payment with the merchant (`acqu_cd`, `acqu_name`).
    #[serde(default)]
    pub acquirer: Option<Company>,
    /// The card, reduced to the digits that may be kept (`card_no`).
    #[serde(default)]
    pub card: Option<MaskedCard>,
    /// The card company's approval number (`app_no`).
    #[serde(default)]
    pub app_no: Option<String>,
    /// When it was approved (`app_time`).
    #[serde(default)]
    pub app_time: Option<KcpTime>,
    /// Months of instalments (`quota`), 0 for a lump sum. A plain number, since KCP adds 60 or 80
    /// when card points take part.
    #[serde(default)]
    pub installment_months: Option<u8>,
    /// Who pays the interest of instalments (`noinf`, `noinf_type`).
    #[serde(default)]
    pub interest: Option<Interest>,
    /// Whether it may be cancelled in part (`partcanc_yn`).
    #[serde(default)]
    pub partial_cancel_allowed: Option<bool>,
    /// Whether it is a company's card (`card_bin_type_01`).
    #[serde(default)]
    pub corporate: Option<bool>,
    /// Whether it is a check (debit) card (`card_bin_type_02`).
    #[serde(default)]
    pub check_card: Option<bool>,
    /// The issuer's bank (`card_bin_bank_cd`): four digits in practice, `BK` and two in KCP's list.
    #[serde(default)]
    pub bank_code: Option<String>,
    /// KCP's text (`res_msg`).
    #[serde(default)]
    pub message: String,
    /// KCP's text in English (`res_en_msg`).
    #[serde(default)]
    pub message_en: Option<String>,
    /// Every other field of the answer by KCP's name, with whole card numbers masked.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// The fields, by KCP's names, that could not be read whole. What of them is a text has U+FFFD where
    /// that was; the others are absent.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// A card company.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Company {
    /// KCP's code, such as `CCLG`.
    pub code: String,
    /// KCP's name for it, such as `신한카드`; empty when KCP gave none.
    #[serde(default)]
    pub name: String,
}

/// Who pays the interest of instalments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interest {
    /// The buyer (`noinf` N), or there is none.
    Buyer,
    /// The issuer's promotion (`noinf` Y, `noinf_type` CARD).
    Issuer,
    /// The merchant (`noinf` Y, `noinf_type` SHOP).
    Merchant,
    /// Not the buyer; KCP did not say who.
    NotBuyer,
}

/// A cancel that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// The transaction.
    pub tno: Tno,
    /// The amount of the original approval (`amount`), when KCP said it.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// What was given back by this cancel: what was asked of a partial one; of a full one the
    /// original amount, when KCP said it.
    #[serde(default)]
    pub cancelled: Option<Amount>,
    /// What is left after this cancel: 0 after a full one; of a partial one what follows from the
    /// amounts asked, which KCP's own figure did not contradict.
    pub remaining: u64,
    /// When (`canc_time`).
    #[serde(default)]
    pub cancelled_at: Option<KcpTime>,
    /// The serial number of a partial cancel (`mod_pcan_seq_no`, which KCP also misspells
    /// `mod_pacn_seq_no`).
    #[serde(default)]
    pub sequence: Option<String>,
    /// KCP's text (`res_msg`).
    #[serde(default)]
    pub message: String,
    /// Every other field of the answer by KCP's name, with whole card numbers masked.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// The fields, by KCP's names, that could not be read whole. What of them is a text has U+FFFD where
    /// that was; the others are absent.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// What KCP knows of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// KCP's transaction number.
    pub tno: Tno,
    /// The merchant's order number (`order_no`), when KCP said one that can be an order number.
    #[serde(default)]
    pub order_no: Option<OrderNo>,
    /// The amount of the approval.
    pub amount: Amount,
    /// What is not cancelled of it (`rem_mny`), when KCP said it.
    #[serde(default)]
    pub remaining: Option<u64>,
    /// Its state.
    pub state: TransactionState,
    /// The card company's approval number (`app_no`).
    #[serde(default)]
    pub app_no: Option<String>,
    /// When it was approved (`app_time`).
    #[serde(default)]
    pub app_time: Option<KcpTime>,
    /// When it was cancelled (`canc_time` or `can_time`).
    #[serde(default)]
    pub cancelled_at: Option<KcpTime>,
    /// Who issued the card.
    #[serde(default)]
    pub issuer: Option<Company>,
    /// The card, reduced to the digits that may be kept.
    #[serde(default)]
    pub card: Option<MaskedCard>,
    /// KCP's text (`res_msg`).
    #[serde(default)]
    pub message: String,
    /// Every other field of the answer by KCP's name, with whole card numbers masked.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// The fields, by KCP's names, that could not be read whole. What of them is a text has U+FFFD where
    /// that was; the others are absent.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// The state of a transaction at KCP.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionState {
    /// Approved, nothing cancelled (`STSR`).
    Approved,
    /// Cancelled in part (`STPC`).
    PartiallyCancelled,
    /// Cancelled whole (`STSC`).
    Cancelled,
    /// Anything else that KCP said (other states exist and are not published), or a state that
    /// contradicts the amounts beside it. Decide nothing by it.
    Other(String),
}
