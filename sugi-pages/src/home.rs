//! `/`: where an operator begins.

use axum::response::Redirect;
use sugi_access::Role;

use crate::current_operator::CurrentOperator;

pub(crate) async fn home(current_operator: CurrentOperator) -> Redirect {
    if current_operator.operator().may(Role::KeyIn) {
        Redirect::to("/keyin")
    } else {
        Redirect::to("/payments")
    }
}
