//! In what currency a sale can be keyed in: a choice only where there is more than won.

use std::sync::Arc;

use nhn_kcp::Currency;
use sugi_access::Operator;
use sugi_engine::{Currencies, Shop};

use super::KeyInMessages;

/// A currency that the form offers.
pub(super) struct Choice {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) chosen: bool,
}

/// What a shop takes and the operator may.
pub(super) fn taken(shop: &Shop, operator: &Operator) -> Vec<Currency> {
    let all = shop.contract.currencies.iter();
    all.filter(|currency| operator.may_use_currency(*currency))
        .collect()
}

/// What any of the shops takes; nothing where that is won alone, for then there is nothing to choose.
pub(super) fn choices(
    w: &'static KeyInMessages,
    shops: &[Arc<Shop>],
    operator: &Operator,
    chosen: &str,
) -> Vec<Choice> {
    let is_taken = |currency| (shops.iter()).any(|shop| taken(shop, operator).contains(&currency));
    if !is_taken(Currency::Usd) {
        return Vec::new();
    }
    let all = [Currency::Krw, Currency::Usd].into_iter();
    let offered = all.filter(|currency| is_taken(*currency));
    let choice = |currency: Currency| Choice {
        code: currency.as_str(),
        name: name(w, currency),
        chosen: currency.as_str() == chosen,
    };
    offered.map(choice).collect()
}

/// The currencies of a contract, as the form calls them.
pub(super) fn names(w: &'static KeyInMessages, currencies: &Currencies) -> String {
    let names: Vec<_> = currencies.iter().map(|one| name(w, one)).collect();
    names.join(", ")
}

fn name(w: &'static KeyInMessages, currency: Currency) -> &'static str {
    match currency {
        Currency::Krw => w.won,
        Currency::Usd => w.dollars,
    }
}
