//! `/payments`: finding payments, and one payment with all that can be done about it.

pub(crate) mod cancel;
pub(crate) mod close;
pub(crate) mod list;
mod lost;
pub(crate) mod mail;
pub(crate) mod notice;
pub(crate) mod receipt;
mod search;
pub(crate) mod show;
mod story;
mod words;

use sugi_core::{Payment, PaymentId};

use crate::{Pages, trouble::Trouble, visitor::Visitor};

/// The payment of an address, if it is one of this operator's shops.
async fn find(pages: &Pages, visitor: &Visitor, id: &str) -> Result<Payment, Trouble> {
    let id: PaymentId = id.parse().map_err(|_| Trouble::NotFound)?;
    let book = pages.access().engine().store().load(&id).await?;
    let payment = book.ok_or(Trouble::NotFound)?.payment;
    visitor.must_use(&payment.request.shop)?;
    Ok(payment)
}

/// Runs something to its end, whoever closes the browser meanwhile.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::spawn(work).await.map_err(|why| {
        let why = sugi_store::broke_off(&why);
        tracing::error!(why, "the work on a page ended without a result");
        Trouble::Ledger
    })
}
