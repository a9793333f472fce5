//! `[access]`: what an installation has decided about its operators.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sugi_access::{Rules, SecondPerson};

/// The longest that anything here may be: a session is no way to stay signed in for ever.
const IDLE_MINUTES_MAX: u32 = 24 * 60;
const LONGEST_HOURS_MAX: u32 = 7 * 24;

/// How operators' sessions end, and what takes a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccessConfig {
    /// Minutes after which a session ends that nobody uses.
    pub(crate) idle_minutes: u32,
    /// Hours after which every session ends.
    pub(crate) longest_hours: u32,
    /// Whether every operator has to have one-time codes.
    pub(crate) code_required: bool,
    pub(crate) second_person: SecondPersonConfig,
}

/// What takes a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SecondPersonConfig {
    /// Closing a payment in doubt by hand.
    pub(crate) close: bool,
    /// Cancelling more than this at a time, in won (or in US cents).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancel_above: Option<u64>,
    /// Taking a list out as a file.
    pub(crate) export: bool,
}

impl Default for AccessConfig {
    fn default() -> Self {
        let rules = Rules::default();
        let whole = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            idle_minutes: whole(rules.idle.as_mins()),
            longest_hours: whole(rules.longest.as_hours()),
            code_required: rules.code_required,
            second_person: SecondPersonConfig::default(),
        }
    }
}

impl Default for SecondPersonConfig {
    fn default() -> Self {
        let SecondPerson {
            close,
            cancel_above,
            export,
        } = Rules::default().second_person;
        Self {
            close,
            cancel_above,
            export,
        }
    }
}

impl AccessConfig {
    /// Says which rule a value breaks.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=IDLE_MINUTES_MAX).contains(&self.idle_minutes) {
            return Err("access.idle_minutes must be 1 to 1440: a session that nobody uses ends within a day".into());
        }
        if !(1..=LONGEST_HOURS_MAX).contains(&self.longest_hours) {
            return Err(
                "access.longest_hours must be 1 to 168: every session ends within a week".into(),
            );
        }
        if self.rules().idle > self.rules().longest {
            return Err("access.idle_minutes is longer than access.longest_hours; a session would never be idle".into());
        }
        Ok(())
    }

    pub(super) fn rules(&self) -> Rules {
        let SecondPersonConfig {
            close,
            cancel_above,
            export,
        } = self.second_person;
        Rules {
            idle: SignedDuration::from_mins(self.idle_minutes.into()),
            longest: SignedDuration::from_hours(self.longest_hours.into()),
            code_required: self.code_required,
            second_person: SecondPerson {
                close,
                cancel_above,
                export,
            },
        }
    }
}
