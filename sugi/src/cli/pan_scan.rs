//! `sugi pan-scan`.

use std::path::PathBuf;

use crate::{
    cli::Failure,
    house::Place,
    print,
    scan::{self, Canaries, Finding},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files and folders to look through besides the ledger: logs, backups, exports
    paths: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// A text that must be nowhere, such as a card number or a birth date that a test used
    #[arg(long, value_name = "TEXT")]
    canary: Vec<String>,
    /// Look through the paths only
    #[arg(long, requires = "paths")]
    paths_only: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let canaries = Canaries::new(&args.canary);
    let mut found: Vec<Finding> = Vec::new();
    let mut places = Vec::new();
    if !args.paths_only {
        if let Some(folder) = args.place.folder()? {
            // Files as they are: what was overwritten, or is about to be written, is in them as well.
            places.push(folder);
        } else {
            let ledger = args.place.ledger().await?;
            let look = |place: &str, text: &str| found.extend(scan::text(place, text, &canaries));
            ledger.store().every_text(look).await?;
        }
    }
    places.extend(args.paths);
    for place in &places {
        let here = scan::path(place, &canaries);
        found.extend(here.map_err(|why| Failure::new(why).code(2))?);
    }
    if args.json {
        print::json(&serde_json::json!({ "clean": found.is_empty(), "findings": found }));
    } else {
        for one in &found {
            let Finding {
                place,
                offset,
                kind,
                masked,
            } = one;
            print::data(&format!("{place} at byte {offset}: {kind} {masked}"));
        }
        if found.is_empty() {
            print::data("nothing that looks like a card number");
        }
    }
    match found.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} finding(s)"))
            .hint("find out how they came there before you take them out")),
    }
}
