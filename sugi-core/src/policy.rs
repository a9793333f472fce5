//! What a shop has decided in advance.

use jiff::SignedDuration;

use crate::Request;

/// The times and choices of one shop. Together with a payment and a clock they settle what
/// happens next; nothing else does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The longest that one of our own calls to KCP can last, connect and answer together, with
    /// a margin. After it, a call whose end was never written down has no one behind it any more.
    pub call_life: SignedDuration,
    /// The longest that a request can live inside KCP after it was sent. Only a look made after it
    /// can prove that something did *not* happen.
    pub uncertainty_window: SignedDuration,
    /// Whether this shop's contract answers an inquiry by order number. KCP does not document it,
    /// so it is off unless the merchant has tried it. Payments that KCP knows by the merchant's bare
    /// number are never looked up by it: see
    /// [`Request::has_number_of_its_own`](crate::Request::has_number_of_its_own).
    pub order_lookup: bool,
    /// Whether an approval found alive is kept while its caller still waits for the answer.
    /// Otherwise, and always when no one waits, it is reversed.
    pub keep_if_waiting: bool,
    /// How far this machine's calendar may be from KCP's before nothing is concluded from times of day.
    pub clock_tolerance: SignedDuration,
    /// Pauses between tries: the n-th is taken after n tries, the last for all later ones.
    pub backoff: Vec<SignedDuration>,
}

impl Default for Policy {
    /// Calls of at most 40 s, five minutes of quiet, clocks within five minutes, no order look-up, keep for a waiting caller,
    /// and tries at once, then after 1 s, 3 s, 10 s, 30 s, 2 min, 10 min, then hourly.
    fn default() -> Self {
        Self {
            call_life: SignedDuration::from_secs(40),
            uncertainty_window: SignedDuration::from_secs(300),
            order_lookup: false,
            keep_if_waiting: true,
            clock_tolerance: SignedDuration::from_mins(5),
            backoff: [0, 1, 3, 10, 30, 120, 600, 3600]
                .map(SignedDuration::from_secs)
                .into(),
        }
    }
}

impl Policy {
    /// Whether KCP is asked for a sale by its order number: the contract answers that, and the number is
    /// that sale's and nothing else's.
    #[must_use]
    pub fn looks_up(&self, request: &Request) -> bool {
        self.order_lookup && request.has_number_of_its_own()
    }

    /// The pause after `tries` tries.
    ///
    /// ```
    /// let policy = sugi_core::Policy::default();
    /// assert!(policy.pause(0).is_zero());
    /// assert_eq!(policy.pause(200), policy.pause(7));
    /// ```
    #[must_use]
    pub fn pause(&self, tries: u32) -> SignedDuration {
        let last = self.backoff.len().saturating_sub(1);
        self.backoff
            .get(usize::try_from(tries).map_or(last, |tries| tries.min(last)))
            .copied()
            .unwrap_or(SignedDuration::from_secs(60))
    }

    /// Whether so many tries have used the whole backoff schedule up.
    #[must_use]
    pub(crate) fn is_used_up(&self, tries: u32) -> bool {
        usize::try_from(tries).is_ok_and(|tries| tries > self.backoff.len())
    }
}
