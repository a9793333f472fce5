//! The words that answers are made of, as the document lists them.

use nhn_kcp::{Currency, Interest};
use serde::Serialize;
use sugi_core::{Kind, Status};
use utoipa::ToSchema;

macro_rules! wording {
    ($(#[$meta:meta])* $name:ident $(as $as:ident)?: $($variant:ident)*) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Serialize, ToSchema)]
        $(#[schema(as = $as)])?
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name { $($variant),* }
    };
}

wording! {
    /// Where it stands. `approved` and `declined` are KCP's word; `in_doubt` means that money may
    /// have moved and no one knows yet; `void` that it is proved that none did.
    StateWord as PaymentState: Requested Approving Approved Declined InDoubt Reversing Reversed PartiallyCancelled Cancelled Void
}
wording! {
    /// With the holder's proof (인증) or without (비인증).
    KindWord: Authenticated Unauthenticated
}
wording! {
    /// Where a cancellation stands.
    CancellationWord: Done Pending Refused
}
wording! {
    /// Who pays the interest of instalments.
    InterestWord: Buyer Issuer Merchant NotBuyer
}
wording! {
    /// Why it is void: the card left memory before anything was sent; the request never left; KCP's
    /// books do not have it; a person vouched for that.
    VoidWord: CardGone NotSent Absent Attested
}

/// A currency.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) enum CurrencyWord {
    #[serde(rename = "KRW")]
    #[schema(rename = "KRW")]
    Krw,
    #[serde(rename = "USD")]
    #[schema(rename = "USD")]
    Usd,
}

impl From<Status> for StateWord {
    fn from(status: Status) -> Self {
        match status {
            Status::Requested => Self::Requested,
            Status::Approving => Self::Approving,
            Status::Approved => Self::Approved,
            Status::Declined => Self::Declined,
            Status::InDoubt => Self::InDoubt,
            Status::Reversing => Self::Reversing,
            Status::Reversed => Self::Reversed,
            Status::PartiallyCancelled => Self::PartiallyCancelled,
            Status::Cancelled => Self::Cancelled,
            Status::Void => Self::Void,
        }
    }
}

impl From<Currency> for CurrencyWord {
    fn from(currency: Currency) -> Self {
        match currency {
            Currency::Krw => Self::Krw,
            Currency::Usd => Self::Usd,
        }
    }
}

impl From<Kind> for KindWord {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Authenticated => Self::Authenticated,
            Kind::Unauthenticated => Self::Unauthenticated,
        }
    }
}

impl From<Interest> for InterestWord {
    fn from(interest: Interest) -> Self {
        match interest {
            Interest::Buyer => Self::Buyer,
            Interest::Issuer => Self::Issuer,
            Interest::Merchant => Self::Merchant,
            Interest::NotBuyer => Self::NotBuyer,
        }
    }
}
