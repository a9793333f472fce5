//! `sugi user`: the operators, from a shell.

mod show;

use std::collections::BTreeSet;

use clap::Subcommand;
use sugi_access::{AccessError, NewOperator, Operator, Role};
use sugi_clock::Clock;
use sugi_core::{Actor, ShopId, Shops};

pub(crate) use self::show::{as_json, roles_in_words};
use crate::{
    cli::{Failure, audit_entry::written_down},
    control::{self, Ask},
    ledger_location::LedgerLocation,
    password_input::PasswordArgs,
    print,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What every one of them takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    place: LedgerLocation,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add an operator; the password is asked for
    #[command(group = clap::ArgGroup::new("which").required(true).args(["shops", "all_shops"]))]
    Add {
        #[command(flatten)]
        common: Common,
        /// Under which name they act
        name: Actor,
        /// What they may do, of `key_in`, `cancel`, `close`, `administer`; without any they look only
        #[arg(long, value_delimiter = ',')]
        roles: Vec<RolesArg>,
        /// For which shops
        #[arg(long, value_delimiter = ',', value_name = "SHOPS")]
        shops: Vec<ShopId>,
        /// For all shops, those that come later as well
        #[arg(long)]
        all_shops: bool,
        /// The most that one sale or one cancellation of theirs may be, in won
        #[arg(long, value_name = "WON")]
        limit: Option<u64>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List the operators
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show one operator, with their sessions
    Show {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
    },
    /// Give an operator a new password, which is asked for; their sessions end
    Password {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Say anew what an operator may do
    #[command(group = clap::ArgGroup::new("which").required(true).args(["roles", "none"]))]
    Roles {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
        /// Of `key_in`, `cancel`, `close`, `administer`
        #[arg(value_delimiter = ',')]
        roles: Vec<RolesArg>,
        /// They look only
        #[arg(long)]
        none: bool,
    },
    /// Say anew for which shops an operator is
    #[command(group = clap::ArgGroup::new("which").required(true).args(["shops", "all", "none"]))]
    Shops {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
        /// The shops
        #[arg(value_delimiter = ',')]
        shops: Vec<ShopId>,
        /// For all of them, those that come later as well
        #[arg(long)]
        all: bool,
        /// For none
        #[arg(long)]
        none: bool,
    },
    /// Say anew what the most is that one sale or one cancellation of an operator may be
    #[command(group = clap::ArgGroup::new("which").required(true).args(["won", "none"]))]
    Limit {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
        /// The most, in won; other currencies are then not for them
        won: Option<u64>,
        /// Whatever their shops take
        #[arg(long)]
        none: bool,
    },
    /// Let an operator do nothing any more; their sessions end. Nobody is ever removed, because the
    /// ledger names them
    #[command(visible_alias = "remove")]
    Lock {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
    },
    /// Let an operator sign in again, after `lock` or too many wrong passwords; also while the service runs
    Unlock {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
    },
    /// Take an operator's one-time codes away, for somebody who lost the telephone; their sessions end
    CodesReset {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
    },
    /// Take an operator's passkeys away, for somebody who lost what they are on; their sessions end
    PasskeysReset {
        #[command(flatten)]
        common: Common,
        /// Who
        name: Actor,
    },
}

/// A role as an argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RolesArg(pub(crate) Role);

impl std::str::FromStr for RolesArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse().map(Self)
    }
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        What::List { common } => show::list(&common).await,
        What::Show { common, name } => show::one(&common, &name).await,
        What::Add {
            common,
            name,
            roles,
            shops,
            all_shops,
            limit,
            password,
        } => {
            let mut new = NewOperator::new(name, roles.iter().map(|role| role.0), "");
            new.shops = if all_shops {
                Shops::All
            } else {
                shops.into_iter().collect()
            };
            new.amount_max = limit;
            add(&common, new, password).await
        }
        What::Password {
            common,
            name,
            password,
        } => new_password(&common, &name, password).await,
        What::Roles {
            common,
            name,
            roles,
            none: _,
        } => {
            let roles: BTreeSet<Role> = roles.iter().map(|role| role.0).collect();
            let done = format!("roles: {}", roles_in_words(&roles));
            change(&common, &name, &done, |one| one.roles.clone_from(&roles)).await
        }
        What::Shops {
            common,
            name,
            shops,
            all,
            none: _,
        } => {
            let shops = if all {
                Shops::All
            } else {
                shops.into_iter().collect()
            };
            let done = format!("shops: {shops}");
            change(&common, &name, &done, |one| one.shops.clone_from(&shops)).await
        }
        What::Limit {
            common,
            name,
            won,
            none: _,
        } => {
            let done = format!("limit: {}", show::limit_in_words(won));
            change(&common, &name, &done, |one| one.amount_max = won).await
        }
        What::Lock { common, name } => {
            change(&common, &name, "lock", |one| one.active = false).await
        }
        What::Unlock { common, name } => unlock(&common, &name).await,
        What::CodesReset { common, name } => {
            let now = Clock::real().now();
            let forget = |one: &mut Operator| one.forget_codes(now);
            change(&common, &name, "codes-reset", forget).await
        }
        What::PasskeysReset { common, name } => {
            let now = Clock::real().now();
            let forget = |one: &mut Operator| one.forget_passkeys(now);
            change(&common, &name, "passkeys-reset", forget).await
        }
    }
}

async fn add(common: &Common, mut new: NewOperator, password: PasswordArgs) -> Result<(), Failure> {
    let access = common.place.access().await?;
    if access.operator(&new.name).await?.is_some() {
        return Err(failed(&AccessError::NameTaken(new.name)));
    }
    new.password = password.read()?;
    let operator = access.add_operator(new).await.map_err(|why| failed(&why))?;
    let done = format!("user add: {}", roles_in_words(&operator.roles));
    written_down(&access, &done, operator.name.as_str(), "done").await?;
    show::after(common, &operator);
    Ok(())
}

async fn new_password(
    common: &Common,
    name: &Actor,
    password: PasswordArgs,
) -> Result<(), Failure> {
    let access = common.place.access().await?;
    show::known(&access, name).await?;
    let set = access.set_password(name, password.read()?);
    set.await.map_err(|why| failed(&why))?;
    written_down(&access, "user password", name.as_str(), "done").await?;
    show::after(common, &show::known(&access, name).await?);
    Ok(())
}

async fn change(
    common: &Common,
    name: &Actor,
    done: &str,
    change: impl Fn(&mut Operator),
) -> Result<(), Failure> {
    let access = common.place.access().await?;
    let changed = access.change_operator(name, |operator| {
        change(operator);
        Ok::<_, AccessError>(())
    });
    let operator = changed.await.map_err(|why| failed(&why))?;
    written_down(&access, &format!("user {done}"), name.as_str(), "done").await?;
    show::after(common, &operator);
    Ok(())
}

/// Beside a service that has the ledger to itself, the service does it.
async fn unlock(common: &Common, name: &Actor) -> Result<(), Failure> {
    if let Some(folder) = common.place.ledger_folder()?
        && let Some(answer) = control::ask(&folder, &Ask::Unlock(name.clone())).await
    {
        let operator = answer?;
        if common.json {
            print::json(&operator);
        } else {
            print::data(&format!("{name}  unlocked by the running service"));
        }
        return Ok(());
    }
    let access = common.place.access().await?;
    let unlocked = access.unlock(name).await;
    let operator = unlocked.map_err(|why| failed(&why))?;
    written_down(&access, "user unlock", name.as_str(), "done").await?;
    show::after(common, &operator);
    Ok(())
}

/// What was refused; nothing was changed.
fn failed(why: &AccessError) -> Failure {
    let failure = Failure::new(why);
    match why {
        AccessError::Unknown(_) => failure.hint("`sugi user list` shows who there is").code(2),
        AccessError::Store(_) | AccessError::Busy => failure,
        _ => failure.code(2),
    }
}
