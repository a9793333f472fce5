//! What was asked for: everything about a sale that may come to rest, and nothing that may not.

use nhn_kcp::{MaskedCard, Order, OrderNo, SiteCode};
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
    /// KCP's code of the site that the sale was sent for. It stays the payment's, no matter what the shop's
    /// configuration says later: KCP's books are kept by it.
    pub site_cd: SiteCode,
    /// The merchant's own order number. Several payments may carry it: a retry after a decline is
    /// a new payment of the same order.
    pub order_no: OrderNo,
    /// The order as KCP is told it. Its number (`ordr_idxx`) is the merchant's with a mark of ours behind
    /// it ([`marked`](crate::order_number::marked)), so that a look-up finds this attempt and nothing else; or
    /// the merchant's alone, where a shop wants that and has no look-up.
    pub order: Order,
    /// With the holder's proof or without.
    pub kind: Kind,
    /// What may be kept of the card: first six, last four.
    pub card: MaskedCard,
    /// Who keyed it in.
    pub by: Actor,
}

impl Request {
    /// Whether KCP was told a number that sugi alone can have made. Only then does a look-up by it say
    /// anything: under a merchant's bare number others may have sold as well.
    #[must_use]
    pub fn has_number_of_its_own(&self) -> bool {
        self.order.order_no != self.order_no
    }
}
