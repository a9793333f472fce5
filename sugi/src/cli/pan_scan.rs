//! `sugi pan-scan`.

use std::path::PathBuf;

use crate::{
    cli::Failure,
    ledger_location::LedgerLocation,
    print,
    scan::{Canaries, IntegrityViolation, Outcome, Search, Trouble},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files and folders to look through besides the ledger: logs, backups, exports
    paths: Vec<PathBuf>,
    #[command(flatten)]
    place: LedgerLocation,
    /// A text that must be nowhere, such as a card number or a birth date that a test used
    #[arg(long, value_name = "TEXT")]
    canary: Vec<String>,
    /// A file with such texts, one in a line
    #[arg(long, value_name = "FILE")]
    canaries: Option<PathBuf>,
    /// Look through the paths only
    #[arg(long, requires = "paths")]
    paths_only: bool,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let mut texts = args.canary;
    if let Some(file) = &args.canaries {
        let lines = std::fs::read_to_string(file)
            .map_err(|why| Failure::new(format!("--canaries {}: {why}", file.display())).code(2))?;
        texts.extend(lines.lines().map(ToOwned::to_owned));
    }
    let canaries = Canaries::new(&texts).map_err(|why| Failure::new(why).code(2))?;
    let mut search = Search::new(canaries);
    let mut places = Vec::new();
    if !args.paths_only {
        if !args.place.is_there() && !args.paths.is_empty() {
            print::talk("no sugi.toml here, so no ledger: only what you named is looked through");
        } else if let Some(folder) = args.place.folder()? {
            // Files as they are: what was overwritten, or is about to be written, is in them as well.
            places.push(folder);
        } else if let Some(ledger) = args.place.ledger_as_it_is().await? {
            let look = |place: &str, text: &str| search.text(place, text);
            ledger.every_text(look).await?;
        }
    }
    places.extend(args.paths);
    let mut troubles = Vec::new();
    for place in &places {
        troubles.extend(search.path(place));
    }
    let outcome = search.outcome();
    report(&outcome, &troubles, args.json);
    match (outcome.violations.len(), troubles.len()) {
        (0, 0) => Ok(()),
        (0, count) => Err(
            Failure::new(format!("{count} place(s) could not be looked through"))
                .hint("nothing is proved before they are")
                .code(2),
        ),
        (count, _) => Err(Failure::new(format!("{count} finding(s)"))
            .hint("find out how they came there before you take them out")),
    }
}

fn report(outcome: &Outcome, troubles: &[Trouble], json: bool) {
    let Outcome {
        violations,
        looked_through,
        bytes,
    } = outcome;
    if json {
        print::json(&serde_json::json!({
            "clean": violations.is_empty() && troubles.is_empty(),
            "not_looked_through": troubles.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "findings": violations,
            "looked_through": looked_through,
            "bytes": bytes,
        }));
        return;
    }
    for one in violations {
        let IntegrityViolation {
            place,
            offset,
            kind,
            masked,
        } = one;
        print::data(&format!("{place} at byte {offset}: {kind} {masked}"));
    }
    for trouble in troubles {
        print::talk(&format!("not looked through: {trouble}"));
    }
    if violations.is_empty() && troubles.is_empty() {
        print::data("nothing that looks like a card number");
    }
    print::talk(&format!(
        "looked through {looked_through} file(s) and texts, {bytes} bytes, archives unpacked"
    ));
}
