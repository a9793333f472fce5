//! An operator, and what an operator may do.

use std::{collections::BTreeSet, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::Currency;
use serde::{Deserialize, Serialize};
use sugi_core::{Actor, ShopId, Shops};

use crate::{code::Codes, passkey::Passkey, password::Hashed, place::Place};

/// Something that an operator may be allowed to do. Looking at payments of one's shops is part of
/// being an operator: who has no role looks only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Key cards in.
    KeyIn,
    /// Cancel payments.
    Cancel,
    /// Close payments in doubt, and take reports out.
    Close,
    /// Operators, settings, the audit.
    Administer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::KeyIn, Self::Cancel, Self::Close, Self::Administer];

    /// The role in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeyIn => "key_in",
            Self::Cancel => "cancel",
            Self::Close => "close",
            Self::Administer => "administer",
        }
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| "a role is one of key_in, cancel, close, administer".into())
    }
}

/// What the clock tells apart.
const TICK: SignedDuration = SignedDuration::from_micros(1);

/// Someone who works at the pages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operator {
    /// Under which name they act.
    pub name: Actor,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// For which shops. It binds in everything that they do: who administers no more than others.
    pub shops: Shops,
    /// The most that one sale or one cancellation of theirs may be, in won; with a limit they take
    /// no other currency.
    #[serde(default)]
    pub amount_max: Option<u64>,
    /// Whether they may sign in at all.
    pub active: bool,
    /// Since when they are here.
    pub created_at: Timestamp,
    /// Their password.
    pub(crate) password: Hashed,
    /// One-time codes, once they are set up.
    #[serde(default)]
    pub(crate) codes: Option<Codes>,
    /// Passkeys, in the order in which they were added.
    #[serde(default)]
    pub(crate) passkeys: Vec<Passkey>,
    /// What their passkeys know them by: chance, because an authenticator shows it to whoever has it in
    /// hand. None before the first passkey.
    #[serde(default)]
    pub(crate) handle: Option<String>,
    /// Where they sign in from, with the wrong tries there.
    #[serde(default)]
    pub(crate) places: Vec<Place>,
    /// When their sessions were ended last. A session that began under an earlier one is over.
    #[serde(default)]
    pub(crate) sessions_from: Option<Timestamp>,
}

impl Operator {
    /// Whether they have a role.
    #[must_use]
    pub fn may(&self, role: Role) -> bool {
        self.active && self.roles.contains(&role)
    }

    /// Whether they may use a shop.
    #[must_use]
    pub fn may_use(&self, shop: &ShopId) -> bool {
        self.active && self.shops.contains(shop)
    }

    /// Whether everything that another one may use is theirs as well: only then may they give it, take it
    /// away, or let that one in anew.
    #[must_use]
    pub fn may_administer(&self, shops: &Shops) -> bool {
        self.may(Role::Administer) && shops.is_within(&self.shops)
    }

    /// Whether they may move any money of a currency. A limit is in won and says nothing of what a
    /// dollar is worth, so whoever has one moves no dollars.
    #[must_use]
    pub fn may_use_currency(&self, currency: Currency) -> bool {
        self.amount_max.is_none() || currency == Currency::Krw
    }

    /// Whether an amount, in the currency's smallest unit, is within their limit.
    #[must_use]
    pub fn may_move(&self, amount: u64, currency: Currency) -> bool {
        self.may_use_currency(currency) && self.amount_max.is_none_or(|most| amount <= most)
    }

    /// The most of one payment that they may have refunded, all cancels of it together, in the currency's
    /// smallest unit: a limit per payment is none that many small cancels pass by.
    #[must_use]
    pub fn may_refund(&self, currency: Currency) -> u64 {
        match self.amount_max {
            None => u64::MAX,
            Some(most) if currency == Currency::Krw => most,
            Some(_) => 0,
        }
    }

    /// Whether one-time codes are set up.
    #[must_use]
    pub fn has_codes(&self) -> bool {
        self.codes.is_some()
    }

    /// How many recovery codes are left.
    #[must_use]
    pub fn recovery_codes_left(&self) -> usize {
        self.codes.as_ref().map_or(0, Codes::recovery_left)
    }

    /// The passkeys, in the order in which they were added.
    #[must_use]
    pub fn passkeys(&self) -> &[Passkey] {
        &self.passkeys
    }

    pub(crate) fn passkey(&self, id: &str) -> Option<&Passkey> {
        self.passkeys.iter().find(|one| one.id == id)
    }

    /// Ends all sessions that began before.
    pub fn end_sessions(&mut self, now: Timestamp) {
        // Each end is a later one than the last, even within one tick of the clock.
        let tick_after = |last: Timestamp| last.checked_add(TICK).unwrap_or(last);
        let after_last = self.sessions_from.map(tick_after);
        self.sessions_from = Some(after_last.map_or(now, |after| after.max(now)));
    }

    /// Takes their one-time codes away, for an operator who lost the telephone, and ends the sessions that may be open
    /// there.
    pub fn forget_codes(&mut self, now: Timestamp) {
        self.codes = None;
        self.end_sessions(now);
    }

    /// Takes their passkeys away, for someone who lost what they are on, and ends the sessions that may
    /// be open there.
    pub fn forget_passkeys(&mut self, now: Timestamp) {
        self.passkeys.clear();
        // What is left on the device names no one any more.
        self.handle = None;
        self.end_sessions(now);
    }
}
