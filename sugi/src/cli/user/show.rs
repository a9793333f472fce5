//! Operators, shown: never what their password hashes to, never the secret of their codes.

use std::collections::BTreeSet;

use serde_json::json;
use sugi_access::{Access, AccessError, Operator, Role};
use sugi_core::Actor;

use super::{Common, failed};
use crate::{cli::Failure, print};

pub(super) async fn list(common: &Common) -> Result<(), Failure> {
    let access = common.place.access_to_read().await?;
    let operators = access.operators().await?;
    if common.json {
        for operator in &operators {
            print::json(&as_json(operator));
        }
        return Ok(());
    }
    let mut states = Vec::with_capacity(operators.len());
    for operator in &operators {
        states.push(state(&access, operator).await?);
    }
    let rows = operators.iter().zip(states).map(|(operator, state)| {
        vec![
            operator.name.to_string(),
            state,
            roles_in_words(&operator.roles),
            operator.shops.to_string(),
            limit_in_words(operator.amount_max),
            codes(operator),
            operator.passkeys().len().to_string(),
        ]
    });
    let head = [
        "name", "state", "roles", "shops", "limit", "codes", "passkeys",
    ];
    print::table(&head, &[4, 6], rows);
    Ok(())
}

pub(super) async fn one(common: &Common, name: &Actor) -> Result<(), Failure> {
    let access = common.place.access_to_read().await?;
    let operator = known(&access, name).await?;
    let sessions = access.sessions(&operator).await?;
    if common.json {
        let mut shown = as_json(&operator);
        shown["sessions"] = sessions
            .iter()
            .map(|session| {
                json!({
                    "created_at": session.created_at,
                    "seen_at": session.seen_at,
                    "address": session.address,
                    "agent": session.agent,
                })
            })
            .collect();
        print::json(&shown);
        return Ok(());
    }
    for (what, value) in [
        ("name", operator.name.to_string()),
        ("state", state(&access, &operator).await?),
        ("roles", roles_in_words(&operator.roles)),
        ("shops", operator.shops.to_string()),
        ("limit", limit_in_words(operator.amount_max)),
        ("codes", codes(&operator)),
        ("passkeys", passkeys(&operator)),
        ("since", print::time(operator.created_at)),
    ] {
        print::data(&format!("{what:<12} {value}"));
    }
    for session in sessions {
        let (since, seen) = (
            print::time(session.created_at),
            print::time(session.seen_at),
        );
        let from = &session.address;
        print::data(&format!(
            "{:<12} since {since}, seen {seen}, from {from}",
            "session"
        ));
    }
    Ok(())
}

/// Shows an operator who was changed.
pub(super) fn after(common: &Common, operator: &Operator) {
    if common.json {
        print::json(&as_json(operator));
        return;
    }
    let does = if operator.active {
        roles_in_words(&operator.roles)
    } else {
        "locked".into()
    };
    print::data(&format!("{}  {does}", operator.name));
}

/// The operator of a name, or what to do.
pub(super) async fn known(access: &Access, name: &Actor) -> Result<Operator, Failure> {
    let operator = access.operator(name).await?;
    operator.ok_or_else(|| failed(&AccessError::Unknown(name.to_string())))
}

/// An operator, for programs.
pub(crate) fn as_json(operator: &Operator) -> serde_json::Value {
    json!({
        "name": operator.name,
        "active": operator.active,
        "roles": operator.roles,
        "shops": operator.shops,
        "amount_max": operator.amount_max,
        "has_codes": operator.has_codes(),
        "recovery_codes_left": operator.recovery_codes_left(),
        "passkeys": operator.passkeys().len(),
        "created_at": operator.created_at,
    })
}

async fn state(access: &Access, operator: &Operator) -> Result<String, Failure> {
    Ok(match access.held(operator).await? {
        _ if !operator.active => "locked".into(),
        Some(until) => format!("held until {}", print::time(until)),
        None => "active".into(),
    })
}

fn codes(operator: &Operator) -> String {
    if operator.has_codes() {
        format!(
            "yes, {} recovery codes left",
            operator.recovery_codes_left()
        )
    } else {
        "no".into()
    }
}

fn passkeys(operator: &Operator) -> String {
    let names: Vec<_> = operator.passkeys().iter().map(|one| &*one.name).collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

/// What someone may do: `key_in, cancel`.
pub(crate) fn roles_in_words(roles: &BTreeSet<Role>) -> String {
    let words: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
    if words.is_empty() {
        "looks only".into()
    } else {
        words.join(", ")
    }
}

pub(super) fn limit_in_words(most: Option<u64>) -> String {
    most.map_or_else(|| "none".into(), |most| print::money(most, "KRW"))
}
