//! What became of something that was sent from a payment's page, carried back to it in its address as
//! one of these words. Whatever else stands there says nothing.

use axum::{
    Extension,
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use sugi_api::Did;
use sugi_engine::{CancelError, ResolveError};
use sugi_store::StoreError;

use crate::lang::Lang;

macro_rules! notices {
    ($($name:ident $code:literal $ko:literal $en:literal)*) => {
        /// A notice.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Notice { $($name,)* }

        impl Notice {
            pub(crate) fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            pub(crate) fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            pub(crate) fn text(self, lang: Lang) -> &'static str {
                match self { $(Self::$name => lang.pick($ko, $en),)* }
            }
        }
    };
}

notices! {
    Wished "requested" "다른 담당자의 확인을 기다립니다. 아직 처리된 것은 없습니다." "It waits for a second person. Nothing was done yet."
    Another "another" "이 결제에는 다른 담당자의 확인을 기다리는 취소 요청이 이미 있습니다. 그 요청이 처리되거나 철회된 뒤에 다시 요청하십시오. 새로 요청된 것은 없습니다." "A cancellation of this payment waits for a second person already. Ask again when that was decided or taken back. Nothing new was asked for."
    TooOften "too-often" "이 결제의 취소를 너무 여러 번 요청했습니다. 관리자에게 알리십시오. 새로 요청된 것은 없습니다." "Cancellations of this payment were asked for too often. Tell an administrator. Nothing new was asked for."
    Amount "amount" "금액을 확인하십시오. 취소된 것은 없습니다." "Check the amount. Nothing was cancelled."
    Parts "parts" "공급가액, 부가세, 면세의 합이 취소 금액과 같고 각각 남은 금액을 넘지 않아야 합니다. 취소된 것은 없습니다." "Supply, VAT and tax-free have to add up to the amount, and none may exceed what is left of it. Nothing was cancelled."
    Reason "reason" "사유를 100바이트(한글 33자) 이내로 입력하십시오. 카드번호는 쓸 수 없습니다." "Give a reason of up to 100 bytes, without a card number."
    Limit "limit" "담당자의 한도를 넘습니다. 한도가 높은 담당자에게 넘기십시오." "It is above your limit. Hand it to somebody with a higher one."
    WonOnly "won-only" "한도는 원화이므로 한도가 있는 담당자는 달러를 취소할 수 없습니다. 한도가 없는 담당자에게 넘기십시오." "Your limit is in won, so you cancel no dollars. Hand it to somebody without a limit."
    MayNot "may-not" "이 작업에 필요한 권한이 없습니다." "You do not have the role that this takes."
    NotApproved "not-approved" "지금 상태에서는 취소할 수 없습니다." "It cannot be cancelled as it is now."
    NothingLeft "nothing-left" "남은 금액이 없습니다." "Nothing is left to cancel."
    TooMuch "too-much" "남은 금액보다 많습니다. 취소된 것은 없습니다." "That is more than what is left. Nothing was cancelled."
    WholeOnly "whole-only" "이 결제는 전액만 취소할 수 있습니다." "This payment can only be cancelled whole."
    Pending "pending" "앞선 취소가 아직 끝나지 않았습니다. 끝난 뒤 다시 시도하십시오." "An earlier cancellation has not ended. Try again when it has."
    Used "used" "이 화면에서 이미 요청한 것과 다릅니다. 화면을 새로 열어 확인하십시오." "This page has asked for something else already. Open it anew and look."
    NotInDoubt "not-in-doubt" "이미 확인된 결제입니다." "It is not in doubt any more."
    OrderLive "order-live" "이 주문의 다른 결제가 살아 있어 유지할 수 없습니다. 유지하면 두 번 청구됩니다." "Another payment of this order is alive. Keeping this one would charge it twice."
    KnownAlive "known-alive" "KCP가 거래번호를 준 결제이므로 없는 것으로 종결할 수 없습니다. 거래번호로 종결하십시오." "KCP gave a number for it, so it cannot be closed as absent. Close it with the number."
    TooEarly "too-early" "아직 이릅니다. 승인 요청이 뒤늦게 처리될 수 있으니 표시된 시각 이후에 KCP에서 다시 확인하십시오." "Too early: the request may still arrive. Look at KCP again after the time that is shown."
    NotConfirmed "not-confirmed" "KCP 조회로 확인되지 않습니다. 이 주문, 이 금액의 거래번호인지 확인하십시오." "KCP does not confirm it. Make sure that the number is of this order and amount."
    Tno "tno" "거래번호는 숫자 14자리입니다." "A KCP number has 14 digits."
    NotHeldUp "not-held-up" "이 결제의 취소는 KCP의 답으로 끝났거나 곧 끝납니다. 화면을 새로 열어 확인해 주세요." "The cancellation of this payment has ended, or ends by KCP's own answer. Open the page again."
    Remaining "remaining" "KCP에 남아 있는 금액을 숫자로 입력해 주세요. 모두 취소되었으면 0입니다." "Enter the amount that is left at KCP: 0 if all of it is cancelled."
    RemainingMost "remaining-most" "취소하기 전에 남아 있던 금액보다 많습니다. KCP에 남아 있는 금액을 확인해 주세요." "That is more than what was left before the cancellation. Check what is left at KCP."
    Note "note" "어디서 확인했는지 200자 이내로 적으십시오. 카드번호는 쓸 수 없습니다." "Say where you saw it in up to 200 characters, without a card number."
    UnknownShop "unknown-shop" "이 결제의 상점이 설정에 없습니다. 관리자에게 알리십시오." "The payment's shop is not configured. Tell an administrator."
    Mailed "mailed" "매출전표를 보냈습니다." "The slip was mailed."
    MailAddress "mail-address" "이메일 주소 하나를 정확히 입력하십시오. 보낸 것은 없습니다." "Give one mail address. Nothing was sent."
    MailBusy "mail-busy" "지금 보내는 메일이 너무 많습니다. 잠시 후 다시 보내십시오." "Too many letters are on their way. Send it again in a moment."
    MailNot "mail-not" "메일 서버가 받지 않아 보내지 못했습니다. 주소를 확인하고 다시 보내거나 관리자에게 알리십시오." "The mail server did not take it. Check the address and send it again, or tell an administrator."
    MailUnknown "mail-unknown" "메일 서버가 끝까지 답하지 않아 보내졌는지 알 수 없습니다. 고객에게 받았는지 확인하십시오." "The mail server did not answer to the end, so it may have gone out. Ask the caller before you send it again."
    Ledger "ledger" "원장에 쓰지 못했습니다. 아래 처리 내역을 보고, 기록되지 않았으면 다시 시도하십시오." "The ledger could not be written. Look at what happened below, and try again if it is not there."
}

/// Where a notice is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Amount,
    Parts,
    Reason,
    Tno,
    Remaining,
    Note,
}

impl Notice {
    /// Whether it says that nothing was done, so that what was typed is to be mended.
    pub(crate) fn is_refusal(self) -> bool {
        !matches!(self, Self::Wished | Self::Mailed | Self::MailUnknown)
    }

    /// The field that it is about.
    pub(crate) fn at(self) -> Option<At> {
        match self {
            Self::Amount | Self::Limit | Self::WonOnly | Self::TooMuch | Self::WholeOnly => {
                Some(At::Amount)
            }
            Self::Parts => Some(At::Parts),
            Self::Reason => Some(At::Reason),
            Self::Tno | Self::NotConfirmed => Some(At::Tno),
            Self::Remaining | Self::RemainingMost => Some(At::Remaining),
            Self::Note => Some(At::Note),
            _ => None,
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Ledger => StatusCode::SERVICE_UNAVAILABLE,
            _ if self.at().is_some() => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        }
    }
}

/// Back to a page, with a notice if there is something to say.
pub(crate) fn back(page: &str, notice: Option<Notice>) -> Response {
    match notice {
        None => (Extension(Did("done".into())), Redirect::to(page)).into_response(),
        Some(notice) => {
            let to = Redirect::to(&format!("{page}?said={}", notice.code()));
            (Extension(Did(notice.code().into())), to).into_response()
        }
    }
}

impl From<&CancelError> for Notice {
    fn from(why: &CancelError) -> Self {
        match why {
            CancelError::UnknownPayment(_) | CancelError::NotApproved(_) => Self::NotApproved,
            CancelError::UnknownShop(_) => Self::UnknownShop,
            CancelError::NothingLeft => Self::NothingLeft,
            CancelError::TooMuch { .. }
            | CancelError::Above { .. }
            | CancelError::MoreLeft { .. } => Self::TooMuch,
            CancelError::WholeOnly(_) => Self::WholeOnly,
            CancelError::NotSplit
            | CancelError::PartsWithoutAmount
            | CancelError::PartsMissing { .. }
            | CancelError::Parts(_)
            | CancelError::PartsTooMuch { .. } => Self::Parts,
            CancelError::Pending => Self::Pending,
            CancelError::KeyReused => Self::Used,
            CancelError::Store(why) => why.into(),
        }
    }
}

impl From<&ResolveError> for Notice {
    fn from(why: &ResolveError) -> Self {
        match why {
            ResolveError::UnknownPayment(_) | ResolveError::NotInDoubt(_) => Self::NotInDoubt,
            ResolveError::NotHeldUp => Self::NotHeldUp,
            ResolveError::TooMuch { .. } => Self::RemainingMost,
            ResolveError::UnknownShop(_) => Self::UnknownShop,
            ResolveError::OrderLive(_) => Self::OrderLive,
            ResolveError::KnownAlive => Self::KnownAlive,
            ResolveError::TooEarly(_) => Self::TooEarly,
            ResolveError::KeyReused => Self::Used,
            ResolveError::NotConfirmed(_) => Self::NotConfirmed,
            ResolveError::Store(why) => why.into(),
        }
    }
}

impl From<&StoreError> for Notice {
    fn from(why: &StoreError) -> Self {
        tracing::error!(%why, "the ledger failed a page");
        Self::Ledger
    }
}
