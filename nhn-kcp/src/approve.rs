//! Approval: the two kinds of key-in payment.

use std::fmt;

use jiff::civil::Date;

use crate::card::{Card, HolderProof};
use crate::error::Invalid;
use crate::order::Order;

/// A key-in payment of the authenticated kind (인증, `card_tx_type` 11121000): card data and a proof
/// of who holds the card.
///
/// Having one means that its parts agree and that the card had not expired on the day given. It
/// cannot be built without the proof, cannot be copied, and its secrets are wiped when it is dropped.
pub struct AuthenticatedKeyIn {
    order: Order,
    card: Card,
    proof: HolderProof,
}

impl AuthenticatedKeyIn {
    /// A request whose parts agree.
    ///
    /// `today` is the day in Korea: [`korean_date`](crate::korean_date).
    ///
    /// # Errors
    ///
    /// [`Invalid`] if the card has expired, or by [`Order::check`] and [`Order::check_card`].
    pub fn new(order: Order, card: Card, proof: HolderProof, today: Date) -> Result<Self, Invalid> {
        order.check()?;
        order.check_card(&card.number)?;
        card.expiry.check(today)?;
        Ok(Self { order, card, proof })
    }
}

/// A key-in payment of the unauthenticated kind (비인증, `card_tx_type` 11111000): card data alone.
///
/// Having one means that its parts agree and that the card had not expired on the day given. It
/// cannot be copied, and its secrets are wiped when it is dropped.
pub struct UnauthenticatedKeyIn {
    order: Order,
    card: Card,
}

impl UnauthenticatedKeyIn {
    /// A request whose parts agree.
    ///
    /// `today` is the day in Korea: [`korean_date`](crate::korean_date).
    ///
    /// # Errors
    ///
    /// [`Invalid`] if the card has expired, or by [`Order::check`] and [`Order::check_card`].
    pub fn new(order: Order, card: Card, today: Date) -> Result<Self, Invalid> {
        order.check()?;
        order.check_card(&card.number)?;
        card.expiry.check(today)?;
        Ok(Self { order, card })
    }
}

/// One of the two kinds of key-in payment. Sealed: there are no others.
pub trait KeyIn: sealed::Parts {
    /// KCP's `card_tx_type`.
    const CARD_TX_TYPE: &'static str;

    /// What is sold.
    fn order(&self) -> &Order;
}

impl KeyIn for AuthenticatedKeyIn {
    const CARD_TX_TYPE: &'static str = "11121000";

    fn order(&self) -> &Order {
        &self.order
    }
}

impl KeyIn for UnauthenticatedKeyIn {
    const CARD_TX_TYPE: &'static str = "11111000";

    fn order(&self) -> &Order {
        &self.order
    }
}

impl fmt::Debug for AuthenticatedKeyIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatedKeyIn")
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for UnauthenticatedKeyIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnauthenticatedKeyIn")
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

mod sealed {
    use super::{AuthenticatedKeyIn, Card, HolderProof, UnauthenticatedKeyIn};

    /// The secret parts, for this crate alone.
    pub trait Parts: Send {
        /// The card.
        #[cfg_attr(not(feature = "client"), allow(dead_code))]
        fn card(&self) -> &Card;
        /// The proof, for the kind that has one.
        #[cfg_attr(not(feature = "client"), allow(dead_code))]
        fn proof(&self) -> Option<&HolderProof>;
    }

    impl Parts for AuthenticatedKeyIn {
        fn card(&self) -> &Card {
            &self.card
        }

        fn proof(&self) -> Option<&HolderProof> {
            Some(&self.proof)
        }
    }

    impl Parts for UnauthenticatedKeyIn {
        fn card(&self) -> &Card {
            &self.card
        }

        fn proof(&self) -> Option<&HolderProof> {
            None
        }
    }
}
