//! Cancel, whole or in part.

use serde::{Deserialize, Serialize};

use crate::error::{Field, Invalid, Rule};
use crate::money::Amount;
use crate::order::{CancelReason, TaxSplit};
use crate::tno::Tno;

/// A cancel: what may still be cancelled, all of it or a part.
///
/// KCP's net cancel (망취소) is this too: there is no other. A cancel cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Cancel {
    tno: Tno,
    scope: CancelScope,
    reason: CancelReason,
    #[serde(default)]
    tax: Option<TaxSplit>,
}

/// How much a cancel takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelScope {
    /// Everything (`STSC`). KCP refuses it once something was cancelled in part (8040, CCA9): then
    /// the rest goes as a partial cancel of all that is left.
    Full,
    /// A part (`STPC`).
    Partial {
        /// What to take back now (`mod_mny`).
        amount: Amount,
        /// What is left before that (`rem_mny`). KCP compares it with its own books, so it works as
        /// a compare-and-swap: on a mismatch nothing is cancelled.
        remaining_before: Amount,
    },
}

impl Cancel {
    /// Cancels everything.
    #[must_use]
    pub fn full(tno: Tno, reason: CancelReason) -> Self {
        Self {
            tno,
            scope: CancelScope::Full,
            reason,
            tax: None,
        }
    }

    /// Cancels a part.
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] if `amount` is more than `remaining_before`.
    pub fn partial(
        tno: Tno,
        amount: Amount,
        remaining_before: Amount,
        reason: CancelReason,
    ) -> Result<Self, Invalid> {
        if amount > remaining_before {
            let field = Field::new("amount to cancel", "mod_mny");
            let rule = Rule::Agree("be no more than what is left");
            return Err(Invalid::new(field, rule, "inquire what is left"));
        }
        let scope = CancelScope::Partial {
            amount,
            remaining_before,
        };
        Ok(Self {
            tno,
            scope,
            reason,
            tax: None,
        })
    }

    /// Says how a partial amount divides for tax. Only for mixed-tax sales ([`TaxSplit::Mixed`]),
    /// under a contract that asks for it.
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] if this is a full cancel, the split is not a mixed one, or its parts do not
    /// add up to the amount to cancel.
    pub fn with_tax(mut self, tax: TaxSplit) -> Result<Self, Invalid> {
        let (CancelScope::Partial { amount, .. }, TaxSplit::Mixed { .. }) = (self.scope, tax)
        else {
            let field = Field::new("tax parts", "tax_flag");
            let rule = Rule::Agree("be mixed, and belong to a partial cancel");
            return Err(Invalid::new(field, rule, "leave them out"));
        };
        tax.check(amount)?;
        self.tax = Some(tax);
        Ok(self)
    }

    /// Which transaction.
    #[must_use]
    pub const fn tno(&self) -> &Tno {
        &self.tno
    }

    /// How much.
    #[must_use]
    pub const fn scope(&self) -> CancelScope {
        self.scope
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> &CancelReason {
        &self.reason
    }

    /// How the amount divides for tax.
    #[must_use]
    pub const fn tax(&self) -> Option<TaxSplit> {
        self.tax
    }

    /// KCP's `mod_type`: `STSC` or `STPC`.
    #[must_use]
    pub const fn kcp_mod_type(&self) -> &'static str {
        match self.scope {
            CancelScope::Full => "STSC",
            CancelScope::Partial { .. } => "STPC",
        }
    }
}

/// The fields as stored, before their agreement is checked again.
#[derive(Deserialize)]
struct Stored {
    tno: Tno,
    scope: CancelScope,
    reason: CancelReason,
    #[serde(default)]
    tax: Option<TaxSplit>,
}

impl TryFrom<Stored> for Cancel {
    type Error = Invalid;

    fn try_from(
        Stored {
            tno,
            scope,
            reason,
            tax,
        }: Stored,
    ) -> Result<Self, Invalid> {
        let cancel = match scope {
            CancelScope::Full => Self::full(tno, reason),
            CancelScope::Partial {
                amount,
                remaining_before,
            } => Self::partial(tno, amount, remaining_before, reason)?,
        };
        match tax {
            Some(tax) => cancel.with_tax(tax),
            None => Ok(cancel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> (Tno, CancelReason) {
        (
            Tno::parse("23542357804508").unwrap(),
            CancelReason::parse("고객 요청").unwrap(),
        )
    }

    #[test]
    fn a_part_is_no_more_than_what_is_left() {
        let amount = |units| Amount::new(units).unwrap();
        let (tno, reason) = parts();
        let partial = |a, b| Cancel::partial(tno.clone(), amount(a), amount(b), reason.clone());
        assert!(partial(8000, 8000).is_ok());
        assert!(partial(8001, 8000).is_err());
        assert_eq!(partial(1, 2).unwrap().kcp_mod_type(), "STPC");
        let mixed = TaxSplit::Mixed {
            supply: 80,
            vat: 8,
            free: 12,
        };
        assert!(partial(100, 1004).unwrap().with_tax(mixed).is_ok());
        assert!(partial(101, 1004).unwrap().with_tax(mixed).is_err());
        assert!(
            partial(100, 1004)
                .unwrap()
                .with_tax(TaxSplit::Taxable)
                .is_err()
        );
        assert!(
            Cancel::full(tno.clone(), reason.clone())
                .with_tax(mixed)
                .is_err()
        );
    }

    #[test]
    fn stored_cancels_are_checked_again() {
        let (tno, reason) = parts();
        let amount = Amount::new(100).unwrap();
        let cancel = Cancel::partial(tno, amount, amount, reason).unwrap();
        let json = serde_json::to_string(&cancel).unwrap();
        assert_eq!(serde_json::from_str::<Cancel>(&json).unwrap(), cancel);
        let worse = json.replace("\"remaining_before\":100", "\"remaining_before\":99");
        assert_ne!(worse, json);
        assert!(serde_json::from_str::<Cancel>(&worse).is_err());
    }
}
