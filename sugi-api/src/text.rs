//! Card numbers do not belong into texts that are stored and shown.

use nhn_kcp::{
    normal,
    pan::{self, Rule},
};

use crate::problem::{Code, Problem};

/// The rule that a text with a card number breaks.
pub(crate) const NO_CARD: &str = "must not hold a card number; its last four digits may stay";

/// What is wrong with a field that holds one.
pub(crate) fn holds_card(field: &str) -> String {
    format!(
        "{field} holds what looks like a card number; take it out, or leave its last four digits"
    )
}

/// Refuses a text that holds what looks like a card number, no matter what stands between its digits: in the form
/// in which it would be kept, where nothing is hidden in between.
pub(crate) fn no_card_number(field: &str, text: &str) -> Result<(), Problem> {
    refuse_if(pan::holds(&normal::text(text), Rule::Text), field)
}

/// The same for names, where groups of digits with hyphens are usual.
pub(crate) fn no_card_in_name(field: &str, name: &str) -> Result<(), Problem> {
    refuse_if(pan::holds(&normal::text(name), Rule::Name), field)
}

/// The same for order numbers: only what would be found where it is stored, because shops number their
/// orders with digits of which one in ten would pass for a card's. That the card itself is not repeated is
/// seen where the card is.
pub(crate) fn no_card_in_order_no(field: &str, order_no: &str) -> Result<(), Problem> {
    refuse_if(pan::holds(&normal::text(order_no), Rule::Stored), field)
}

fn refuse_if(holds: bool, field: &str) -> Result<(), Problem> {
    if !holds {
        return Ok(());
    }
    Err(Problem::new(Code::CardNumberInText, holds_card(field))
        .field(field)
        .rule(NO_CARD))
}
