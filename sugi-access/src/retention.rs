//! Who bought is not kept for ever.

use jiff::civil::Date;
use sugi_store::{Deed, Store, StoreError};

use crate::Access;

impl Access {
    /// Takes away who bought what was asked for before a day in Korea, and returns of how many
    /// payments. The audit tells of it first, and afterwards how it went; where nobody is kept any
    /// more there is nothing to tell.
    ///
    /// # Errors
    /// What the ledger says. What was taken away by then is gone; begun again it goes on from there.
    pub async fn forget_buyers(&self, before: Date, by: &str) -> Result<u64, StoreError> {
        let store = self.engine().store();
        if !store.keeps_buyers(before).await? {
            return Ok(0);
        }
        let deed = |outcome: String| Deed {
            at: self.clock().now(),
            actor: by.to_owned(),
            action: "purge".into(),
            subject: Store::buyers_before(before),
            outcome,
            origin: "-".into(),
        };
        self.write_down(deed("begun".into())).await?;
        let taken = store.forget_buyers(before).await?;
        self.write_down(deed(format!("{taken} payments"))).await?;
        Ok(taken)
    }
}
