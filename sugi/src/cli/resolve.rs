//! `sugi resolve`.

use std::time::Duration;

use nhn_kcp::{Tno, normal, pan::Rule};
use sugi_core::PaymentId;
use sugi_engine::{Resolution, ResolveAsk, ResolveError};

use crate::{
    cli::{Failure, audit_entry},
    ledger_location::{self, LedgerLocation},
    print, view,
};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("evidence").required(true).args(["tno", "absent", "remaining"]))]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// The payment
    payment: PaymentId,
    /// Its transaction number, from KCP's partner site or the buyer's message; KCP has to confirm it
    #[arg(long)]
    tno: Option<Tno>,
    /// It is not on KCP's partner site; counts only after the uncertainty window
    #[arg(long)]
    absent: bool,
    /// A cancel does not end because inquiries fail: what KCP's partner site shows to be left, in the
    /// currency's smallest unit
    #[arg(long, value_name = "AMOUNT")]
    remaining: Option<u64>,
    /// Let the sale stand instead of giving the money back
    #[arg(long, requires = "tno")]
    keep: bool,
    /// Where you saw it
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Telling twice with one key is telling once
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Print the payment as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    audit_entry::no_card(&[
        ("--note", Rule::Text, Some(&*args.note)),
        ("--key", Rule::Name, args.key.as_deref()),
    ])?;
    let note = normal::text(&args.note).into_owned();
    let engine = args.place.engine().await?;
    let what = match (args.tno, args.remaining) {
        (_, Some(amount)) => Resolution::Remaining { amount, note },
        (Some(tno), None) => Resolution::Live {
            tno,
            note,
            keep: args.keep,
        },
        (None, None) => Resolution::Absent { note },
    };
    let ask = ResolveAsk {
        what,
        by: "cli".parse()?,
        key: args.key.map(|key| ("cli".into(), key)),
    };
    audit_entry::noted(&engine, "resolve", args.payment.as_str(), "begun").await;
    let told = engine.resolve(&args.payment, ask).await;
    let outcome = if told.is_ok() { "taken" } else { "refused" };
    audit_entry::noted(&engine, "resolve", args.payment.as_str(), outcome).await;
    told.map_err(|why| {
        let hint = match &why {
            ResolveError::NotConfirmed(_) => {
                "read the number again; it must belong to this very order"
            }
            ResolveError::TooEarly(_) => {
                "a request can still arrive; what is not there now can be there then"
            }
            _ => "`sugi show` tells how it stands",
        };
        Failure::new(why).hint(hint).code(2)
    })?;
    engine.settle(Duration::from_mins(1)).await;
    let payment = ledger_location::payment(engine.store(), &args.payment)
        .await?
        .payment;
    if args.json {
        print::json(&sugi_api::show::payment(&payment));
    } else {
        print::data(&format!("{}  {}", payment.id, view::sentence(&payment)));
    }
    Ok(())
}
