//! How fast a shop's sales may come: `[shop.main.velocity]`.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sugi_engine::{AlarmRule, Most, VelocityRule};

/// Limits in a sliding window; 0 is no limit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VelocityConfig {
    /// The window, in seconds.
    pub(crate) window: u32,
    pub(crate) sales_per_address: u32,
    /// Of an API key or an operator.
    pub(crate) sales_per_actor: u32,
    /// Of cards with the same first six digits.
    pub(crate) sales_per_bin: u32,
    pub(crate) sales_per_shop: u32,
    /// Declines count where they are also more than half of the answers.
    pub(crate) declines_per_address: u32,
    pub(crate) declines_per_actor: u32,
    pub(crate) declines_per_bin: u32,
    /// When more of a shop's answers than this are declines, the alarm is raised.
    pub(crate) alarm_percent: u32,
    /// With fewer answers than this it is not.
    pub(crate) alarm_answers: u32,
}

impl Default for VelocityConfig {
    fn default() -> Self {
        let VelocityRule {
            window,
            sales,
            declines,
            alarm,
        } = VelocityRule::default();
        Self {
            window: u32::try_from(window.as_secs()).unwrap_or(LONGEST_WINDOW_SECS),
            sales_per_address: sales.address,
            sales_per_actor: sales.actor,
            sales_per_bin: sales.bin,
            sales_per_shop: sales.shop,
            declines_per_address: declines.address,
            declines_per_actor: declines.actor,
            declines_per_bin: declines.bin,
            alarm_percent: alarm.percent,
            alarm_answers: alarm.answers,
        }
    }
}

impl VelocityConfig {
    /// Sales as fast as one likes: a sandbox is there to be tried out. Declines are limited as ever.
    pub(crate) fn of_sandbox() -> Self {
        Self {
            sales_per_address: 0,
            sales_per_actor: 0,
            sales_per_bin: 0,
            sales_per_shop: 0,
            ..Self::default()
        }
    }

    pub(super) fn open(&self) -> Result<VelocityRule, &'static str> {
        if !(1..=LONGEST_WINDOW_SECS).contains(&self.window) {
            return Err("velocity.window must be 1 to 86400 seconds");
        }
        if self.alarm_percent > 99 {
            return Err("velocity.alarm_percent must be 0 to 99: more than all are never declined");
        }
        Ok(VelocityRule {
            window: SignedDuration::from_secs(self.window.into()),
            sales: Most {
                address: self.sales_per_address,
                actor: self.sales_per_actor,
                bin: self.sales_per_bin,
                shop: self.sales_per_shop,
            },
            declines: Most {
                address: self.declines_per_address,
                actor: self.declines_per_actor,
                bin: self.declines_per_bin,
                shop: 0,
            },
            alarm: AlarmRule {
                percent: self.alarm_percent,
                answers: self.alarm_answers,
            },
        })
    }
}

/// A day: who is refused must be able to wait for the end of it.
const LONGEST_WINDOW_SECS: u32 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_usual() {
        let said: VelocityConfig = toml::from_str("sales_per_bin = 7").unwrap();
        let usual = VelocityRule::default();
        let sales = Most {
            bin: 7,
            ..usual.sales
        };
        assert_eq!(said.open().unwrap(), VelocityRule { sales, ..usual });
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (toml, named) in [
            ("window = 0", "velocity.window"),
            ("window = 86401", "velocity.window"),
            ("alarm_percent = 100", "velocity.alarm_percent"),
        ] {
            let said: VelocityConfig = toml::from_str(toml).unwrap();
            assert!(said.open().unwrap_err().contains(named), "{toml}");
        }
        assert!(toml::from_str::<VelocityConfig>("sales_per_card = 1").is_err());
        assert!(toml::from_str::<VelocityConfig>("window = -1").is_err());
    }
}
