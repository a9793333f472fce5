//! `sugi key`.

use sha2::{Digest as _, Sha256};
use sugi_core::Actor;

use crate::print;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name under which its holder acts
    name: Actor,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) {
    let key = sugi_clock::new_api_key();
    let sha256 = sha256(&key);
    if args.json {
        print::json(&serde_json::json!({ "name": args.name, "key": key, "sha256": sha256 }));
        return;
    }
    print::talk("The key is shown once and kept nowhere; give it to its holder:");
    print::data(&key);
    print::talk("");
    print::talk(
        "And this to sugi.toml, with the shops (or shops = \"all\") and those of the scopes pay, cancel, resolve, \
         read and webhooks that its holder needs; addresses = [\"10.0.0.0/8\"] narrows from where it may be used:",
    );
    print::talk(&format!(
        "[key.\"{}\"]\nsha256 = \"{sha256}\"\nshops = [\"main\"]\nscopes = [\"pay\", \"read\"]",
        args.name
    ));
    print::talk("");
    print::talk(
        "If the name has a key already, write sha256 = [\"the old one\", \"this one\"] and send SIGHUP: both are \
         good until you take the old one out.",
    );
}

/// What is kept of a key.
pub(crate) fn sha256(key: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(key);
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
