//! `sugi verify`.

use sugi_store::{Anchor, StoreError};

use crate::{cli::Failure, house::Place, print};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// An anchor that was kept, from `sugi audit anchor`: the audit must still run through it
    #[arg(long, value_name = "NUMBER:HASH")]
    anchor: Option<Anchor>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let ledger = args.place.ledger().await?;
    let failed = |why: StoreError| {
        Failure::new(why).hint("keep the ledger as it is, and compare it with a backup from before")
    };
    let (payments, rows) = ledger.store().verify().await.map_err(failed)?;
    let end = ledger.store().verify_audit(args.anchor).await;
    let end = end.map_err(failed)?;
    if args.json {
        print::json(&serde_json::json!({
            "holds": true,
            "payments": payments,
            "rows": rows,
            "audit_rows": end.seq,
            "anchor": end.to_string(),
        }));
    } else {
        let deeds = end.seq;
        print::data(&format!(
            "holds: {payments} payments, {rows} journal rows, {deeds} audit rows"
        ));
    }
    Ok(())
}
