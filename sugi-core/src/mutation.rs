//! Named ways in which the core can be broken, so that the walk is seen to find each.
//!
//! In every build but that of the crate's own tests [`is_on`] is a constant `false`: a mutation cannot
//! reach a binary.

/// A way to break the core. Each takes one rule away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    clippy::enum_variant_names,
    dead_code,
    reason = "each is named for what goes wrong"
)]
pub(crate) enum Mutation {
    /// An answer to any send ends the cancel that is pending.
    AnswerToAnySendEnds,
    /// An answer that fits nothing is dropped.
    LateAnswerDropped,
    /// Absence is proved before the uncertainty window is over.
    AbsenceProvedEarly,
    /// A person may attest absence before it is over.
    AbsenceAttestedEarly,
    /// An approval is given up while a process may wait for its answer.
    GivenUpWhileAwaited,
    /// A cancel is called failed while it can still take effect.
    CancelFailedEarly,
    /// A lost reversal is taken for done.
    LostReversalIsDone,
    /// A number of another order keeps a doubt open.
    ForeignNumberCounts,
    /// A cancel is not sent again where inquiries fail.
    NeverSentAgain,
    /// What a person stated about a cancel is never asked of KCP.
    StatementNotChecked,
    /// The end of a cancel that failed is no news.
    FailureNotTold,
    /// "Cancel all that is left" insists on what was left when it was asked for.
    RestNotAdjusted,
}

impl Mutation {
    /// Every one.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 12] = [
        Self::AnswerToAnySendEnds,
        Self::LateAnswerDropped,
        Self::AbsenceProvedEarly,
        Self::AbsenceAttestedEarly,
        Self::GivenUpWhileAwaited,
        Self::CancelFailedEarly,
        Self::LostReversalIsDone,
        Self::ForeignNumberCounts,
        Self::NeverSentAgain,
        Self::StatementNotChecked,
        Self::FailureNotTold,
        Self::RestNotAdjusted,
    ];
}

#[cfg(test)]
std::thread_local! {
    static ON: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

/// Breaks the core on this thread, or mends it.
#[cfg(test)]
pub(crate) fn set(mutation: Option<Mutation>) {
    ON.set(mutation);
}

/// Whether the core is broken in this way.
#[cfg(test)]
pub(crate) fn is_on(mutation: Mutation) -> bool {
    ON.get() == Some(mutation)
}

/// Whether the core is broken in this way: never.
#[cfg(not(test))]
pub(crate) const fn is_on(_: Mutation) -> bool {
    false
}
