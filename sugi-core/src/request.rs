//! What was asked for: everything about a sale that may come to rest, and nothing that may not.

use nhn_kcp::{MaskedCard, Order, OrderNo};
use serde::{Deserialize, Serialize};

use crate::{Actor, ShopId};

/// How the card was keyed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 인증: with the holder's birth date or business number and two password digits (11121000).
    Authenticated,
    /// 비인증: card number and expiry alone (11111000).
    Unauthenticated,
}

/// A sale as it is kept. The card itself travels beside it, in memory, until the approval is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The shop that sells.
    pub shop: ShopId,
    /// The merchant's own order number. Several payments may carry it: a retry after a decline is
    /// a new payment of the same order.
    pub order_no: OrderNo,
    /// The order as KCP is told it. Its number (`ordr_idxx`) is ours alone: the merchant's for the
    /// first attempt, with a suffix for later ones, so that a look-up finds one attempt.
    pub order: Order,
    /// With the holder's proof or without.
    pub kind: Kind,
    /// What may be kept of the card: first six, last four.
    pub card: MaskedCard,
    /// Who keyed it in.
    pub by: Actor,
}
