//! A shop: one site code at KCP, its contract, its times and its client.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::{Client, Order, Timeouts};
use sugi_core::{Event, Kind, Policy, ShopId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    circuit_breaker::{CircuitBreaker, CircuitBreakerRule},
    currencies::Currencies,
    kcp_clock::KcpClock,
    merchant::Merchant,
    sale::PayError,
    velocity::{Counted, LimitBy, Velocity, VelocityLimited, VelocityNow, VelocityRule, Who},
};

/// A shop that payments can be taken for.
#[derive(Debug, Clone)]
pub struct Shop {
    /// As this installation calls it.
    pub id: ShopId,
    /// The way to KCP.
    pub client: Client,
    /// What its contract with KCP allows.
    pub contract: Contract,
    /// Its times and choices.
    pub policy: Policy,
    /// How much of a call's life is not the call's own: what the ledger and the scheduler may take
    /// between writing an intent and acting on it.
    pub margin: SignedDuration,
    /// Who sells, for slips.
    pub merchant: Merchant,
    /// What new sales have to pass.
    pub(crate) gate: Arc<Gate>,
    /// Whether its settled payments are looked at again.
    pub watch: bool,
    /// KCP's time, as its answers to this shop tell it.
    pub kcp_clock: Arc<KcpClock>,
}

/// What a shop's new sales have to pass: room in flight, a pace that people have, and a circuit breaker that
/// does not hold.
#[derive(Debug)]
pub(crate) struct Gate {
    size: usize,
    calls: Arc<Semaphore>,
    rule: CircuitBreakerRule,
    circuit_breaker: Mutex<CircuitBreaker>,
    velocity: Mutex<Velocity>,
}

impl Gate {
    fn new(limits: &Limits) -> Self {
        let (size, calls) = (
            limits.calls_at_once,
            Arc::new(Semaphore::new(limits.calls_at_once)),
        );
        Self {
            size,
            calls,
            rule: limits.circuit_breaker.clone(),
            circuit_breaker: Mutex::default(),
            velocity: Mutex::new(Velocity::new(limits.velocity.clone())),
        }
    }

    /// Room in flight, until it is dropped; `None` when there is none.
    pub(crate) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.calls).try_acquire_owned().ok()
    }

    /// How many sales are admitted and have not ended their call.
    pub(crate) fn in_use(&self) -> usize {
        self.size - self.calls.available_permits()
    }

    /// Takes the velocity limits of a shop that is read anew; what is counted stays.
    pub(crate) fn take_limits_of(&self, other: &Self) {
        let rule = other.velocity().rule().clone();
        self.velocity().set_rule(rule);
    }

    /// A sale that was let through did not go out after all.
    pub(crate) fn hand_back(&self, counted: &Counted) {
        self.circuit_breaker().hand_back();
        self.velocity().hand_back(counted);
    }

    /// Counts a sale, unless it comes too fast.
    pub(crate) fn count(&self, who: Who, now: Timestamp) -> Result<Counted, VelocityLimited> {
        self.velocity().admit(who, now)
    }

    /// The circuit breaker refused a sale that was counted.
    pub(crate) fn uncount(&self, counted: &Counted) {
        self.velocity().hand_back(counted);
    }

    /// A sale was refused because it came too fast.
    pub(crate) fn refused(&self, by: LimitBy) {
        self.velocity().refused(by);
    }

    /// Counts how an approval ended. Whether too many are declined from now on.
    pub(crate) fn answered(&self, who: &Who, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Approved(_) => self.velocity().answered(who, false, now),
            Event::Declined(_) => self.velocity().answered(who, true, now),
            _ => false,
        }
    }

    /// Whether the circuit breaker lets a sale through; otherwise when to ask again.
    pub(crate) fn pass(&self, now: Timestamp) -> Result<(), Timestamp> {
        self.circuit_breaker().pass(now, &self.rule)
    }

    /// Tells the circuit breaker how an approval ended.
    pub(crate) fn heard(&self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Lost(_) => self.circuit_breaker().lost(now, &self.rule),
            Event::Approved(_) | Event::Declined(_) => {
                self.circuit_breaker().answered();
                false
            }
            _ => false,
        }
    }

    fn circuit_breaker(&self) -> MutexGuard<'_, CircuitBreaker> {
        self.circuit_breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn velocity(&self) -> MutexGuard<'_, Velocity> {
        self.velocity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much a shop may do at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Approvals in flight; more are refused, to be asked again in a moment.
    pub calls_at_once: usize,
    /// When lost answers stop new sales.
    pub circuit_breaker: CircuitBreakerRule,
    /// How fast new sales may come, and how many may be declined.
    pub velocity: VelocityRule,
}

impl Default for Limits {
    /// 1,024 approvals at once.
    fn default() -> Self {
        Self {
            calls_at_once: 1_024,
            circuit_breaker: CircuitBreakerRule::default(),
            velocity: VelocityRule::default(),
        }
    }
}

/// What a shop's contract with KCP allows. KCP refuses the rest anyway; saying so before anything is
/// sent costs the buyer no attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "a contract has what it has; each is independent"
)]
pub struct Contract {
    /// Sales with the holder's proof (인증).
    pub authenticated: bool,
    /// Sales without it (비인증).
    pub unauthenticated: bool,
    /// The most months of instalments; 0 for none.
    pub installments: u8,
    /// Cancels of a part.
    pub partial_cancel: bool,
    /// An amount split into taxed and tax-free parts.
    pub tax_split: bool,
    /// What amounts may be in.
    pub currencies: Currencies,
    /// By which numbers KCP knows its orders.
    pub order_numbers: OrderNumbers,
}

/// By which numbers KCP knows a shop's orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderNumbers {
    /// The merchant's with a mark behind it: what KCP has under it is that payment and nothing else.
    #[default]
    Marked,
    /// The merchant's alone. Others may sell under it, so such a shop has no look-up by order number.
    Bare,
}

impl Default for Contract {
    /// What every key-in contract has, and nothing that a merchant answers for alone: no sales without the
    /// holder's proof, no split for tax, won. Instalments and cancels of a part are KCP's to refuse, and
    /// cost nothing where it does.
    fn default() -> Self {
        Self {
            authenticated: true,
            unauthenticated: false,
            installments: 12,
            partial_cancel: true,
            tax_split: false,
            currencies: Currencies::default(),
            order_numbers: OrderNumbers::default(),
        }
    }
}

impl Shop {
    /// A shop whose policy allows for the times of its client: connect, answer, and `margin`.
    #[must_use]
    pub fn new(
        id: ShopId,
        client: Client,
        times: Timeouts,
        margin: Duration,
        contract: Contract,
        policy: Policy,
        limits: &Limits,
    ) -> Self {
        let margin = SignedDuration::try_from(margin).unwrap_or(SignedDuration::from_secs(5));
        let call = SignedDuration::try_from(times.connect + times.answer)
            .unwrap_or(SignedDuration::from_secs(35));
        let policy = Policy {
            call_life: call + margin,
            ..policy
        };
        Self {
            id,
            client,
            contract,
            policy,
            margin,
            merchant: Merchant::default(),
            gate: Arc::new(Gate::new(limits)),
            watch: true,
            kcp_clock: Arc::default(),
        }
    }

    /// How its velocity limits stand.
    #[must_use]
    pub fn velocity(&self, now: Timestamp) -> VelocityNow {
        self.gate.velocity().now(now)
    }

    /// Refuses what the contract does not have.
    pub(crate) fn allows(&self, kind: Kind, order: &Order) -> Result<(), PayError> {
        let refused = |what| {
            Err(PayError::Contract {
                shop: self.id.clone(),
                what,
            })
        };
        match kind {
            Kind::Authenticated if !self.contract.authenticated => {
                return refused("authenticated key-in (인증)");
            }
            Kind::Unauthenticated if !self.contract.unauthenticated => {
                return refused("unauthenticated key-in (비인증)");
            }
            _ => {}
        }
        if !self.contract.currencies.takes(order.money.currency) {
            return Err(PayError::Currency {
                shop: self.id.clone(),
                takes: self.contract.currencies.clone(),
            });
        }
        if order.installments.months() > self.contract.installments {
            return refused("that many months of instalments");
        }
        if order.tax.is_some() && !self.contract.tax_split {
            return refused("a tax split");
        }
        Ok(())
    }
}
