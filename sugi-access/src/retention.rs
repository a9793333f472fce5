//! Who bought is not kept for ever.

use jiff::{SignedDuration, civil::Date};
use sugi_store::{AuditEntry, Store, StoreError};

use crate::Access;

/// How far behind what was taken away before it is looked every night, for what was not settled then.
const BEHIND: SignedDuration = SignedDuration::from_hours(366 * 24);

impl Access {
    /// Takes away who bought what was asked for before a day in Korea, and returns of how many
    /// payments. The audit tells of it first, and afterwards how it went; where no one is kept any
    /// more there is nothing to tell.
    ///
    /// # Errors
    /// What the ledger says. What was taken away by then is gone; begun again it goes on from there.
    pub async fn erase_buyers(&self, before: Date, by: &str) -> Result<u64, StoreError> {
        self.erase_buyers_since(None, before, by).await
    }

    /// The same for whoever does it every night: what was done before is not walked again, but for a year
    /// of it, in which something may have been in doubt.
    ///
    /// # Errors
    /// As [`erase_buyers`](Self::erase_buyers).
    pub async fn erase_more_buyers(&self, before: Date, by: &str) -> Result<u64, StoreError> {
        let done = self.0.store.buyers_erased().await?;
        let since = done.map(|day| day.min(before).saturating_sub(BEHIND));
        self.erase_buyers_since(since, before, by).await
    }

    async fn erase_buyers_since(
        &self,
        since: Option<Date>,
        before: Date,
        by: &str,
    ) -> Result<u64, StoreError> {
        let store = &self.0.store;
        if !store.keeps_buyers(since, before).await? {
            return Ok(0);
        }
        let audit_entry = |outcome: String| AuditEntry {
            at: self.clock().now(),
            actor: by.to_owned(),
            action: "purge".into(),
            subject: Store::buyers_before(before),
            outcome,
            origin: "-".into(),
        };
        self.write_down(audit_entry("begun".into())).await?;
        let taken = store.erase_buyers(since, before).await?;
        self.write_down(audit_entry(format!("{taken} payments")))
            .await?;
        Ok(taken)
    }
}
