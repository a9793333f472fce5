//! `sugi purge`.

use jiff::civil::Date;

use crate::{cli::Failure, day, ledger_location::LedgerLocation, print, retention, unix_user};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("age").args(["before", "older_than_days"]))]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// Whoever bought something before this day in Korea
    #[arg(long, value_name = "YYYY-MM-DD")]
    before: Option<Date>,
    /// Whoever bought something this many days ago or earlier; if neither is given, `[retention]` says
    #[arg(long, value_name = "DAYS")]
    older_than_days: Option<u32>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let access = args.place.access().await?;
    let now = access.clock().now();
    let days = args.older_than_days.or(args.place.buyer_days()?);
    let before =
        match (args.before, days) {
            (Some(day), _) => day,
            (None, Some(days)) => retention::before(now, days)?,
            (None, None) => {
                return Err(Failure::new("how long buyers are kept is not said anywhere")
                .hint("give --before or --older-than-days, or [retention] buyer_days in the file")
                .code(2));
            }
        };
    // Before tomorrow is everything there is. What is later is a slip.
    if before.yesterday().is_ok_and(|day| day > day::today(now)) {
        return Err(Failure::new(format!("--before {before} is too far ahead"))
            .hint("name tomorrow, today or an earlier day")
            .code(2));
    }
    let by = format!("cli:{}", unix_user::name());
    let taken = access.erase_buyers(before, &by).await?;
    access.flush().await;
    if args.json {
        print::json(&serde_json::json!({ "before": before, "payments": taken }));
    } else {
        print::data(&format!(
            "took the buyer away from {taken} payment(s) asked for before {before}"
        ));
    }
    Ok(())
}
