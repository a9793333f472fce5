//! `sugi cancel`.

use std::time::Duration;

use nhn_kcp::{Amount, CancelReason, pan::Rule};
use sugi_core::{Payment, PaymentId, State};
use sugi_engine::CancelAsk;

use crate::{
    cli::{Failure, audit_entry, tax::Parts},
    ledger_location::LedgerLocation,
    print, view,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// The payment
    payment: PaymentId,
    /// How much, in the currency's smallest unit; all that is left if not given
    #[arg(long, value_name = "DIGITS", value_parser = Amount::parse)]
    amount: Option<Amount>,
    /// Why; KCP keeps it
    #[arg(long, value_name = "TEXT")]
    reason: CancelReason,
    /// Asking twice with one key makes one cancel
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// How many seconds to wait for the end of it
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    /// Print the payment as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tax: Parts,
}

/// Exit codes beyond 0: 3 refused, 4 not ended yet.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    audit_entry::no_card(&[
        ("--reason", Rule::Text, Some(args.reason.as_str())),
        ("--key", Rule::Name, args.key.as_deref()),
    ])?;
    let engine = args.place.engine().await?;
    let ask = CancelAsk {
        amount: args.amount,
        seen: None,
        tax: args.tax.given(),
        reason: args.reason,
        by: "cli".parse()?,
        key: args.key.map(|key| ("cli".into(), key)),
    };
    audit_entry::noted(&engine, "cancel", args.payment.as_str(), "begun").await;
    let asked = engine.cancel(&args.payment, ask).await;
    let outcome = if asked.is_ok() { "asked" } else { "refused" };
    audit_entry::noted(&engine, "cancel", args.payment.as_str(), outcome).await;
    let id = asked.map_err(|why| Failure::new(why).code(2))?;
    let ended = |payment: &Payment| {
        !matches!(
            payment.state,
            State::Approved {
                pending: Some(_),
                ..
            }
        )
    };
    let watched = engine
        .watch(&args.payment, Duration::from_secs(args.wait), ended)
        .await?;
    let payment = watched.ok_or_else(|| Failure::new("the payment is gone"))?;
    if args.json {
        print::json(&sugi_api::show::payment(&payment));
    } else {
        print::data(&format!("{}  {}", payment.id, view::sentence(&payment)));
    }
    match &payment.state {
        State::Approved {
            pending: Some(_), ..
        } => Err(Failure::new("the cancel has not ended yet")
            .hint("it goes on with the next command; `sugi show` tells")
            .code(4)),
        State::Approved {
            refused: Some(refused),
            ..
        } if refused.0.id == id => {
            let why = refused.1.as_ref().map_or_else(String::new, |why| {
                format!(" ({} {})", why.code, why.message)
            });
            let failure = Failure::new(format!("KCP refused the cancel{why}")).code(3);
            Err(failure.hint("the amounts above are what KCP's books say now"))
        }
        _ => Ok(()),
    }
}
