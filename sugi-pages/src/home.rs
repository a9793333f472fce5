//! `/`: where an operator begins.

use axum::response::Redirect;
use sugi_access::Role;

use crate::visitor::Visitor;

pub(crate) async fn home(visitor: Visitor) -> Redirect {
    if visitor.operator().may(Role::KeyIn) {
        Redirect::to("/keyin")
    } else {
        Redirect::to("/payments")
    }
}
