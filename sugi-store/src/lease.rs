//! Several nodes share the work that is due by leasing it.
//!
//! A lease only saves work: it keeps two nodes from looking at the same payment at KCP. No money
//! rests on it. If a node sleeps through the end of its lease and then writes, the journal's key
//! (payment, number) decides as it does between any two writers.
//!
//! Nothing wakes a node when work falls due: each looks at its own pace, and a dead node's leases
//! are taken over once they have run out. LISTEN and NOTIFY could make the others look sooner, but
//! a notice can be lost, so they could never replace the looking.

use jiff::{SignedDuration, Timestamp};
use sugi_core::PaymentId;

use crate::{error::StoreError, sql, store::Store};

/// The right to look after a payment for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The payment.
    pub payment: PaymentId,
    /// The node that has it.
    pub node: String,
    /// A number that grows whenever the payment changes hands. Who holds a smaller one is too late.
    pub fence: u64,
}

/// How far the clocks of nodes may be apart before a lease of the one that is ahead keeps no one.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(60);

impl Store {
    /// Leases up to `limit` payments that are due at `now` and in no one's hands, the longest due
    /// first, to a node until `now + ttl`. What it still holds is not given to it again.
    ///
    /// The nodes' clocks should agree to within a small part of `ttl`; where they do not, a lease
    /// changes hands sooner or later than meant, and nothing worse happens. One that ends further in the
    /// future than any lease can was written by a clock that is ahead: it keeps no one.
    ///
    /// # Errors
    /// What the database says. After [`StoreError::Unknown`] leases may have been taken; they run
    /// out by themselves.
    pub async fn lease_due(
        &self,
        node: &str,
        now: Timestamp,
        ttl: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Lease>, StoreError> {
        let now_us = now.as_microsecond();
        let values = vec![
            node.to_owned().into(),
            end(now, ttl).into(),
            now_us.into(),
            end(now, ttl + CLOCKS_APART).into(),
            limit.into(),
        ];
        let rows = self.engine.run(sql::LEASE, values).await?;
        let lease = |row: &crate::value::Cells| {
            let payment = crate::store::named(row)?;
            let fence = row.int(1);
            Some(fence.map(|fence| Lease {
                payment,
                node: node.into(),
                fence: u64::try_from(fence).unwrap_or_default(),
            }))
        };
        rows.iter().filter_map(lease).collect()
    }

    /// Holds a lease until `now + ttl`. `false`: someone else has the payment now, leave it alone.
    ///
    /// # Errors
    /// What the database says.
    pub async fn renew(
        &self,
        lease: &Lease,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<bool, StoreError> {
        self.end_lease(lease, end(now, ttl)).await
    }

    /// Gives a lease back before its time. `false`: someone else has the payment already.
    ///
    /// # Errors
    /// What the database says.
    pub async fn release(&self, lease: &Lease) -> Result<bool, StoreError> {
        // The row stays, and with it the count of hands: a fence never repeats.
        self.end_lease(lease, 0).await
    }

    async fn end_lease(&self, lease: &Lease, ends_at: i64) -> Result<bool, StoreError> {
        let fence = i64::try_from(lease.fence).unwrap_or(i64::MAX);
        let (payment, node) = (lease.payment.to_string(), lease.node.clone());
        let values = vec![ends_at.into(), payment.into(), node.into(), fence.into()];
        Ok(!self.engine.run(sql::RENEW, values).await?.is_empty())
    }
}

fn end(now: Timestamp, ttl: SignedDuration) -> i64 {
    now.saturating_add(ttl)
        .unwrap_or(Timestamp::MAX)
        .as_microsecond()
}
