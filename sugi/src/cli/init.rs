//! `sugi init`: the first set-up.

use std::io::IsTerminal as _;

use dialoguer::{Input, theme::ColorfulTheme};
use sugi_access::{NewOperator, Role};
use sugi_core::Actor;

use crate::{
    cli::{
        Failure,
        audit_entry::written_down,
        user::{self, RolesArg},
    },
    config,
    ledger_location::LedgerLocation,
    password_input::PasswordArgs,
    print,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// The first administrator; asked for if not given
    #[arg(long)]
    name: Option<Actor>,
    /// What they may do besides administering
    #[arg(long, value_delimiter = ',', default_value = "key_in,cancel,close")]
    roles: Vec<RolesArg>,
    #[command(flatten)]
    password: PasswordArgs,
    /// Print the operator as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let file = args.place.file();
    if config::write_first(&file)? {
        print::talk(&format!(
            "{} is made; your shops belong there",
            file.display()
        ));
    }
    if args.place.make_secret()? {
        print::talk(
            "the secret of the one-time codes is made; keep it, and keep it apart from the ledger",
        );
    }
    let access = args.place.access().await?;
    let operators = access.operators().await?;
    let mut administrators = operators.iter().filter(|one| one.may(Role::Administer));
    if let Some(one) = administrators.next() {
        let what = format!("there is an administrator already: {}", one.name);
        let hint = "`sugi user add` adds operators, `sugi user password` gives one a new password";
        return Err(Failure::new(what).hint(hint).code(2));
    }
    let name = match args.name {
        Some(name) => name,
        None => ask_name()?,
    };
    let mut new = NewOperator::new(name, [Role::Administer], "");
    new.roles.extend(args.roles.into_iter().map(|role| role.0));
    new.password = args.password.read()?;
    let operator = access.add_operator(new).await?;
    let done = format!("init: {}", user::roles_in_words(&operator.roles));
    written_down(&access, &done, operator.name.as_str(), "done").await?;
    if args.json {
        print::json(&user::as_json(&operator));
    } else {
        print::data(&format!("{} can sign in and administer", operator.name));
        print::talk("`sugi serve` starts the service; the pages are where it listens");
    }
    Ok(())
}

fn ask_name() -> Result<Actor, Failure> {
    if !std::io::stdin().is_terminal() {
        let what = "the first administrator needs a name";
        return Err(Failure::new(what).hint("give it with --name").code(2));
    }
    let asked = Input::<Actor>::with_theme(&ColorfulTheme::default())
        .with_prompt("Name of the first administrator 첫 관리자의 이름")
        .interact_text();
    asked.map_err(|why| Failure::new(format!("the prompt ended: {why}")))
}
