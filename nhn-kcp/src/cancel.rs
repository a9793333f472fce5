//! Cancel, whole or in part.

use serde::{Deserialize, Serialize};

use crate::error::{Field, Invalid, Rule};
use crate::money::Amount;
use crate::order::CancelReason;
use crate::tax::TaxParts;
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
    tax: Option<PartialTax>,
}

/// How a partial amount divides for tax, and how what was left before it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct PartialTax {
    parts: TaxParts,
    remaining_before: TaxParts,
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

    /// Says how a partial amount divides for tax (`TG03`). Only for sales that were approved with
    /// [`TaxSplit::Mixed`](crate::TaxSplit::Mixed), under a contract that asks for it.
    ///
    /// KCP keeps what is left of each part. It is not told what we believe to be left, as it is of the
    /// amount; so what no answer could have let us believe is refused here.
    ///
    /// The field names are those of KCP's manual of the older module; its guide to key-in payments
    /// does not mention partial cancels (inferred for this API).
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] if this is a full cancel, if the parts do not add up to the amount to cancel,
    /// or if one of them is more than what is left of it.
    pub fn with_tax(
        mut self,
        parts: TaxParts,
        remaining_before: TaxParts,
    ) -> Result<Self, Invalid> {
        let CancelScope::Partial { amount, .. } = self.scope else {
            let field = Field::new("tax parts", "tax_flag");
            let rule = Rule::Agree("belong to a partial cancel");
            return Err(Invalid::new(field, rule, "leave them out"));
        };
        parts.check_cancel(amount, remaining_before)?;
        self.tax = Some(PartialTax {
            parts,
            remaining_before,
        });
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

    /// How a partial amount divides for tax.
    #[must_use]
    pub const fn tax(&self) -> Option<TaxParts> {
        match self.tax {
            Some(tax) => Some(tax.parts),
            None => None,
        }
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
    tax: Option<PartialTax>,
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
            Some(tax) => cancel.with_tax(tax.parts, tax.remaining_before),
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
    }

    #[test]
    fn tax_parts_belong_to_a_partial_cancel_and_fit_it() {
        let amount = |units| Amount::new(units).unwrap();
        let (tno, reason) = parts();
        let partial = |units| {
            Cancel::partial(tno.clone(), amount(units), amount(1004), reason.clone()).unwrap()
        };
        let taken = mixed(80, 8, 12);
        assert!(partial(100).with_tax(taken, mixed(800, 80, 124)).is_ok());
        assert!(partial(101).with_tax(taken, mixed(800, 80, 124)).is_err());
        assert!(partial(100).with_tax(taken, mixed(993, 0, 11)).is_err());
        let full = Cancel::full(tno.clone(), reason.clone());
        assert!(full.with_tax(taken, taken).is_err());
    }

    fn mixed(supply: u64, vat: u64, free: u64) -> TaxParts {
        TaxParts { supply, vat, free }
    }

    #[test]
    fn stored_cancels_are_checked_again() {
        let (tno, reason) = parts();
        let amount = Amount::new(100).unwrap();
        let cancel = Cancel::partial(tno, amount, amount, reason).unwrap();
        let cancel = cancel.with_tax(mixed(80, 8, 12), mixed(80, 8, 12)).unwrap();
        let json = serde_json::to_string(&cancel).unwrap();
        assert_eq!(serde_json::from_str::<Cancel>(&json).unwrap(), cancel);
        let worse = json.replace("\"remaining_before\":100", "\"remaining_before\":99");
        assert_ne!(worse, json);
        assert!(serde_json::from_str::<Cancel>(&worse).is_err());
        let worse = json.replacen("\"free\":12", "\"free\":13", 1);
        assert_ne!(worse, json);
        assert!(serde_json::from_str::<Cancel>(&worse).is_err());
    }
}
