//! What commands leave in the audit, and what they refuse to leave anywhere.

use nhn_kcp::{
    normal,
    pan::{self, Rule},
};
use sugi_access::{Access, Rules};
use sugi_clock::Clock;
use sugi_engine::Engine;
use sugi_store::AuditEntry;

use crate::{cli::Failure, print, unix_user};

/// Writes into the audit what was done to what and how it ended, and returns when it stands.
pub(crate) async fn written_down(
    access: &Access,
    done: &str,
    subject: &str,
    outcome: &str,
) -> Result<(), Failure> {
    let audit_entry = AuditEntry {
        at: access.clock().now(),
        actor: format!("cli:{}", unix_user::name()),
        action: done.into(),
        subject: subject.into(),
        outcome: outcome.into(),
        origin: "cli".into(),
    };
    access.write_down(audit_entry).await.map_err(|why| {
        Failure::new(format!("it is done, but it is not in the audit: {why}"))
            .hint("write down elsewhere what you did, and when")
    })
}

/// The same for what moves money: that is done whether the audit takes it or not, and its journal tells
/// of it, so how it ended is what the command has to say.
pub(crate) async fn noted(engine: &Engine, done: &str, subject: &str, outcome: &str) {
    let access = Access::new(engine.store().clone(), Clock::real(), Rules::default());
    if let Err(why) = written_down(&access, done, subject, outcome).await {
        print::talk(&format!("warning: {why}"));
    }
}

/// Refuses texts that hold something like a card number: they are kept and shown. The text itself is
/// not repeated.
pub(crate) fn no_card(texts: &[(&str, Rule, Option<&str>)]) -> Result<(), Failure> {
    let holds = |(_, rule, text): &&(_, Rule, Option<&str>)| {
        text.is_some_and(|text| pan::holds(&normal::text(text), *rule))
    };
    match texts.iter().find(holds) {
        None => Ok(()),
        Some((argument, ..)) => {
            let what = format!("{argument} must not hold a card number; nothing was done");
            let hint = "a card comes from the prompt or from stdin, and is kept nowhere";
            Err(Failure::new(what).hint(hint).code(2))
        }
    }
}
