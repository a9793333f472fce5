//! Operators as they are kept: added, read, changed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use nhn_kcp::pan::{self, Rule};
use sugi_core::{Actor, Shops};
use sugi_store::{Document, DocumentKind, IntegrityViolation, StoreError};
use zeroize::Zeroizing;

use crate::{
    access::{Access, AccessError},
    operator::{Operator, Role},
    password,
};

/// How often a change is tried while others change the same operator.
const TRIES: usize = 20;

/// What an installation must not be without: someone who can administer, and someone who can for all
/// shops. Without the second no one could give another one all shops again.
const OFFICES: [fn(&Operator) -> bool; 2] = [
    |one| one.may(Role::Administer),
    |one| one.may_administer(&Shops::All),
];

/// Someone who is to be an operator.
pub struct NewOperator {
    /// Under which name they act.
    pub name: Actor,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// For which shops.
    pub shops: Shops,
    /// The most that one sale or one cancellation of theirs may be, in won; with a limit they take no
    /// other currency.
    pub amount_max: Option<u64>,
    /// Their first password.
    pub password: Zeroizing<String>,
}

impl NewOperator {
    /// An operator for all shops, without a limit.
    #[must_use]
    pub fn new(name: Actor, roles: impl IntoIterator<Item = Role>, password: &str) -> Self {
        Self {
            name,
            roles: roles.into_iter().collect(),
            shops: Shops::All,
            amount_max: None,
            password: Zeroizing::new(password.into()),
        }
    }
}

impl Access {
    /// All operators, by name.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        let found = self.0.store.documents(DocumentKind::Operator);
        found.await?.iter().map(read).collect()
    }

    /// The operator of a name.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn operator(&self, name: &Actor) -> Result<Option<Operator>, StoreError> {
        self.named(name.as_str()).await
    }

    pub(crate) async fn named(&self, name: &str) -> Result<Option<Operator>, StoreError> {
        let found = self.0.store.document(DocumentKind::Operator, name);
        found.await?.as_ref().map(read).transpose()
    }

    /// Adds an operator.
    ///
    /// # Errors
    /// When the name is taken or holds a card number, or the password breaks a rule.
    pub async fn add_operator(&self, new: NewOperator) -> Result<Operator, AccessError> {
        if pan::holds(new.name.as_str(), Rule::Name) {
            return Err(AccessError::CardInName);
        }
        password::check(&new.password, new.name.as_str())?;
        let operator = Operator {
            password: self.hash(new.password).await,
            name: new.name,
            roles: new.roles,
            shops: new.shops,
            amount_max: new.amount_max,
            active: true,
            created_at: self.0.clock.now(),
            codes: None,
            passkeys: Vec::new(),
            handle: None,
            places: Vec::new(),
            sessions_from: None,
        };
        let (store, name) = (&self.0.store, operator.name.as_str());
        let added = store
            .add_document(DocumentKind::Operator, name, "", &text(&operator))
            .await?;
        if added {
            Ok(operator)
        } else {
            Err(AccessError::NameTaken(operator.name))
        }
    }

    /// Changes an operator; whoever else changes them at the same time is waited for. The last one
    /// who can administer stays that.
    ///
    /// # Errors
    /// What the change says, or [`AccessError`]; then nothing was changed.
    pub async fn change_operator<E: From<AccessError> + From<StoreError>>(
        &self,
        name: &Actor,
        change: impl Fn(&mut Operator) -> Result<(), E>,
    ) -> Result<Operator, E> {
        let store = &self.0.store;
        for _ in 0..TRIES {
            let read_now = store
                .document(DocumentKind::Operator, name.as_str())
                .await?;
            let Some(document) = read_now else {
                return Err(AccessError::Unknown(name.to_string()).into());
            };
            let before = read(&document)?;
            let mut after = before.clone();
            change(&mut after)?;
            if before.active && !after.active {
                // Whoever is let in again later begins anew.
                after.end_sessions(self.0.clock.now());
            }
            let resigned: Vec<_> = OFFICES
                .into_iter()
                .filter(|holds| holds(&before) && !holds(&after))
                .collect();
            if !self.all_held_without(name, &resigned).await? {
                return Err(AccessError::LastAdministrator.into());
            }
            let written = store
                .replace_document(
                    DocumentKind::Operator,
                    &document,
                    owner(&after),
                    &text(&after),
                )
                .await?;
            if !written {
                continue;
            }
            // Of the last two each may have been let go because of the other.
            if !self.all_held_without(name, &resigned).await? {
                self.reinstate(&before).await?;
                return Err(AccessError::LastAdministrator.into());
            }
            return Ok(after);
        }
        Err(AccessError::Busy.into())
    }

    /// Whether someone else holds each of these offices.
    async fn all_held_without(
        &self,
        name: &Actor,
        offices: &[fn(&Operator) -> bool],
    ) -> Result<bool, StoreError> {
        if offices.is_empty() {
            return Ok(true);
        }
        let all = self.operators().await?;
        let others: Vec<_> = all.iter().filter(|other| other.name != *name).collect();
        let held = |holds: &fn(&Operator) -> bool| others.iter().any(|other| holds(other));
        Ok(offices.iter().all(held))
    }

    /// Lets someone administer again, as before.
    async fn reinstate(&self, before: &Operator) -> Result<(), AccessError> {
        let store = &self.0.store;
        for _ in 0..TRIES {
            let name = before.name.as_str();
            let read_now = store.document(DocumentKind::Operator, name).await?;
            let document = read_now.ok_or_else(|| AccessError::Unknown(name.into()))?;
            let mut again = read(&document)?;
            again.active = before.active;
            again.roles.insert(Role::Administer);
            again.shops = before.shops.clone();
            let written = store
                .replace_document(
                    DocumentKind::Operator,
                    &document,
                    owner(&again),
                    &text(&again),
                )
                .await?;
            if written {
                return Ok(());
            }
        }
        Err(AccessError::Busy)
    }

    /// Gives an operator a new password, and ends every session that began with the old one.
    ///
    /// # Errors
    /// When it breaks a rule, or there is no one of that name.
    pub async fn set_password(
        &self,
        name: &Actor,
        password: Zeroizing<String>,
    ) -> Result<(), AccessError> {
        password::check(&password, name.as_str())?;
        let hash = self.hash(password).await;
        let now = self.0.clock.now();
        self.change_operator(name, |operator| {
            operator.password.clone_from(&hash);
            operator.end_sessions(now);
            // Who knew the old one may have made a place known.
            operator.places.clear();
            Ok::<_, AccessError>(())
        })
        .await?;
        Ok(self.forget_tries(name.as_str()).await?)
    }

    /// Until when someone is held after wrong tries: at a place of theirs, or anywhere else.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn held(&self, operator: &Operator) -> Result<Option<Timestamp>, StoreError> {
        let now = self.0.clock.now();
        let elsewhere = self.wrong_tries(operator.name.as_str()).await?;
        Ok(operator.held_at_a_place(now).max(elsewhere.held(now)))
    }

    /// Lets someone try to sign in again at once, who was held or may not sign in any more.
    ///
    /// # Errors
    /// When there is no one of that name.
    pub async fn unlock(&self, name: &Actor) -> Result<Operator, AccessError> {
        let unlocked = self
            .change_operator(name, |operator| {
                operator.active = true;
                operator.forgive();
                Ok::<_, AccessError>(())
            })
            .await?;
        self.forget_tries(name.as_str()).await?;
        Ok(unlocked)
    }

    /// The same for someone who may still sign in: no one is let in again by it.
    ///
    /// # Errors
    /// When there is no one of that name.
    pub async fn forgive(&self, name: &Actor) -> Result<(), AccessError> {
        let forgive = |operator: &mut Operator| {
            operator.forgive();
            Ok::<_, AccessError>(())
        };
        self.change_operator(name, forgive).await?;
        Ok(self.forget_tries(name.as_str()).await?)
    }
}

pub(crate) fn read(document: &Document) -> Result<Operator, StoreError> {
    serde_json::from_str(&document.body).map_err(|why| {
        // The parser's words name a place in the text, never what stands there.
        let what = format!("it is no operator: {:?} error", why.classify());
        let place = format!("operator {}", document.key);
        StoreError::from(IntegrityViolation { place, what })
    })
}

/// What an operator is also found by.
fn owner(operator: &Operator) -> &str {
    operator.handle.as_deref().unwrap_or_default()
}

fn text(operator: &Operator) -> String {
    // Texts, times and lists of texts: nothing that JSON could refuse.
    serde_json::to_string(operator).unwrap_or_default()
}
