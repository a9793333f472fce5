//! `sugi verify`.

use crate::{cli::Failure, house::Place, print};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let ledger = args.place.ledger().await?;
    let (payments, rows) = ledger.store().verify().await.map_err(|why| {
        Failure::new(why).hint("keep the ledger as it is, and compare it with a backup from before")
    })?;
    if args.json {
        print::json(&serde_json::json!({ "holds": true, "payments": payments, "rows": rows }));
    } else {
        print::data(&format!("holds: {payments} payments, {rows} journal rows"));
    }
    Ok(())
}
