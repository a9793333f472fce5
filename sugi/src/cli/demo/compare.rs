//! The ledger beside the sandbox's true books.

use std::{collections::BTreeMap, sync::PoisonError};

use serde_json::json;
use sugi_core::{Payment, Status};
use sugi_store::Filter;

use super::Demo;
use crate::{cli::Failure, print};

/// What is live of one order, on either side.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    ledger: Option<(Status, u64)>,
    books: Option<(&'static str, u64)>,
    /// What a stranger sold by this number, which no one but the stranger may touch.
    strangers: Option<u64>,
}

/// Prints both sides, and says whether they agree: of every order the same money is live, and of what is
/// not ours all of it.
pub(crate) async fn ledger_and_books(demo: &Demo) -> Result<bool, Failure> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let mut before = None;
    loop {
        let page = demo
            .engine
            .store()
            .list(Filter {
                before,
                limit: Filter::MOST,
                ..Filter::default()
            })
            .await?;
        for summary in &page.payments {
            let Some(payment_snapshot) = demo.engine.store().load(&summary.id).await? else {
                continue;
            };
            let at_kcp = payment_snapshot.payment.request.order.order_no.to_string();
            lines.entry(at_kcp).or_default().ledger = Some((
                payment_snapshot.payment.status(),
                live(&payment_snapshot.payment),
            ));
        }
        before = page.payments.last().map(|payment| payment.id.clone());
        if !page.more {
            break;
        }
    }
    let strangers = demo
        .strangers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    for transaction in demo.sandbox.books().transactions {
        let line = lines.entry(transaction.ordr_idxx).or_default();
        if strangers.contains(&transaction.tno) {
            line.strangers = Some(line.strangers.unwrap_or_default() + transaction.amount);
        }
        let (_, booked) = line.books.unwrap_or_default();
        line.books = Some((transaction.state.as_str(), booked + transaction.remaining));
    }
    demo.engine.store().verify().await?;

    let agree = lines.values().all(Line::agrees);
    if demo.json {
        let orders: Vec<_> = lines.iter().map(|(order, line)| line.json(order)).collect();
        print::json(&json!({ "agree": agree, "orders": orders }));
        return Ok(agree);
    }
    print::data("");
    let rows = lines.iter().map(|(order, line)| line.row(order));
    print::table(
        &["order at KCP", "ledger", "live", "books", "live", ""],
        &[2, 4],
        rows,
    );
    let count = lines.len();
    print::data(&if agree {
        format!("The ledger and the books agree on all {count} orders.")
    } else {
        "THE LEDGER AND THE BOOKS DIFFER.".into()
    });
    Ok(agree)
}

/// What is left with the merchant.
fn live(payment: &Payment) -> u64 {
    match payment.status() {
        Status::Approved | Status::PartiallyCancelled => {
            payment.request.order.money.amount.get() - payment.cancelled_amount()
        }
        _ => 0,
    }
}

impl Line {
    fn agrees(&self) -> bool {
        if let Some(sold) = self.strangers {
            return self.ledger.is_none() && self.books.is_some_and(|(_, left)| left == sold);
        }
        let open = matches!(
            self.ledger,
            None | Some((Status::InDoubt | Status::Reversing | Status::Approving, _))
        );
        !open && self.ledger.map_or(0, |(_, live)| live) == self.books.map_or(0, |(_, live)| live)
    }

    /// What the ledger says of an order that it does not have.
    fn nothing(&self) -> &'static str {
        if self.strangers.is_some() {
            "not ours"
        } else {
            "–"
        }
    }

    fn row(&self, order: &str) -> Vec<String> {
        let (state, live) = self
            .ledger
            .map_or((self.nothing().into(), "–".into()), |(status, live)| {
                (print::status(status).to_owned(), print::money(live, "KRW"))
            });
        let (booked, left) = self.books.map_or(
            ("not there".into(), print::money(0, "KRW")),
            |(state, left)| (state.replace('_', " "), print::money(left, "KRW")),
        );
        let mark = if self.agrees() { "equal" } else { "DIFFERS" };
        vec![order.into(), state, live, booked, left, mark.into()]
    }

    fn json(&self, order: &str) -> serde_json::Value {
        json!({
            "ordr_idxx": order,
            "ours": self.strangers.is_none(),
            "ledger": self.ledger.map(|(status, live)| json!({ "state": status.as_str(), "live": live })),
            "books": self.books.map(|(state, live)| json!({ "state": state, "live": live })),
            "agree": self.agrees(),
        })
    }
}
