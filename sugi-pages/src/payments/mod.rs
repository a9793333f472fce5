//! `/payments`: finding payments, and one payment with all that can be done about it.

pub(crate) mod cancel;
pub(crate) mod close;
pub(crate) mod list;
mod lost;
pub(crate) mod mail;
mod messages;
pub(crate) mod notice;
pub(crate) mod receipt;
mod search;
pub(crate) mod show;
pub(crate) mod timeline;

use sugi_core::{Payment, PaymentId};

use crate::{Pages, current_operator::CurrentOperator, error_page::ErrorPage};

/// The payment of an address, if it is one of this operator's shops.
async fn find(
    pages: &Pages,
    current_operator: &CurrentOperator,
    id: &str,
) -> Result<Payment, ErrorPage> {
    let id: PaymentId = id.parse().map_err(|_| ErrorPage::NotFound)?;
    let book = pages.store().load(&id).await?;
    let payment = book.ok_or(ErrorPage::NotFound)?.payment;
    current_operator.must_use(&payment.request.shop)?;
    Ok(payment)
}

/// Runs something to its end, whoever closes the browser meanwhile.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, ErrorPage> {
    tokio::spawn(work).await.map_err(|why| {
        let why = sugi_store::broke_off(&why);
        tracing::error!(why, "the work on a page ended without a result");
        ErrorPage::Ledger
    })
}
