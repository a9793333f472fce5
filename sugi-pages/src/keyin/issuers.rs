//! Who issues a card, from its first six digits: learnt from the approvals that this process has seen.
//!
//! There is no list of them that is free and stays true; KCP's own answers are.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Beginnings that are remembered.
const MOST: usize = 500;

#[derive(Debug, Default)]
pub(crate) struct Issuers(Mutex<BTreeMap<String, String>>);

impl Issuers {
    pub(crate) fn learn(&self, first6: &str, issuer: &str) {
        let mut known = self.known();
        if known.len() < MOST || known.contains_key(first6) {
            known.insert(first6.into(), issuer.into());
        }
    }

    /// `411111:KB국민,540926:신한`, for the page's script.
    pub(crate) fn as_text(&self) -> String {
        let known = self.known();
        let pairs = known.iter().map(|(first6, issuer)| {
            let issuer: String = issuer.chars().filter(|c| !matches!(c, ',' | ':')).collect();
            format!("{first6}:{issuer}")
        });
        pairs.collect::<Vec<_>>().join(",")
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_is_told() {
        let issuers = Issuers::default();
        issuers.learn("411111", "KB:국민,");
        issuers.learn("411111", "KB국민");
        issuers.learn("356900", "신한");
        assert_eq!(issuers.as_text(), "356900:신한,411111:KB국민");
    }
}
