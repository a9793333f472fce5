//! Everything that is asked for goes into the audit: who, what, of what, how it ended, from where.
//!
//! It lies around every route that wants someone to be known, the API's and the pages' alike, so no
//! operation can forget it. A payment's journal holds what happened to the money and who asked; this
//! holds who looked, too, and who was refused.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{Method, StatusCode, Uri, header};
use nhn_kcp::pan::{self, Rule};
use sugi_store::AuditEntry;

use crate::{Api, ClientAddress, problem::Code, unauthenticated::Telling};

/// Whoever has not said who they are.
const NOBODY: &str = "-";

/// Who asks, once it is known. It is an extension of every request that the audit lies around, for
/// whatever finds out who it is.
#[derive(Debug, Clone, Default)]
pub struct Who(Arc<OnceLock<String>>);

impl Who {
    /// Says who it is: `operator:…` or `key:…`.
    pub fn is(&self, name: &str) {
        // Who it was first stays: no one becomes someone else in the middle of a request.
        let _ = self.0.set(name.to_owned());
    }

    fn name(&self) -> String {
        self.0.get().cloned().unwrap_or_else(|| NOBODY.into())
    }
}

/// An answer that shows more than its own page: it goes into the audit although nothing in its
/// address names what was seen.
#[derive(Debug, Clone)]
pub struct Audited(pub String);

/// What was done, or why it was not, in a few words of this program's own: where address and status tell too
/// little, as of a form that can do several things.
#[derive(Debug, Clone)]
pub struct Did(pub String);

/// An answer that shows nothing of anybody and changes nothing, no matter what its address names: asking for it
/// is no audit entry.
#[derive(Debug, Clone, Copy)]
pub struct Unaudited;

/// Writes down what was asked for and how it ended, before the answer goes out.
pub(crate) async fn audit(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let who = Who::default();
    request.extensions_mut().insert(who.clone());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str);
    let peer = request.extensions().get::<ClientAddress>();
    let mut open = Open {
        audit_entry: Some(AuditEntry {
            at: api.0.app.access.clock().now(),
            actor: String::new(),
            action: format!("{} {route}", request.method()),
            subject: subject(route, request.uri()),
            outcome: "hung up".into(),
            origin: peer.map_or_else(|| "-".into(), |ClientAddress(address)| address.to_string()),
        }),
        is_look: request.method() == Method::GET,
        who,
        api,
    };
    let response = next.run(request).await;
    // The answer itself must not be held while it is written down.
    if let Some(audit_entry) = open
        .answered(&response)
        .filter(|audit_entry| is_told(&open.api, audit_entry))
    {
        open.api.0.app.access.note(audit_entry).await;
    }
    response
}

/// Whether an audit entry is told by a row of its own. Of those that no one in particular does only the first are;
/// when their window is over, one row tells how many there were besides.
fn is_told(api: &Api, audit_entry: &AuditEntry) -> bool {
    if audit_entry.actor != NOBODY {
        return true;
    }
    let (of, at) = match api
        .0
        .unauthenticated
        .sample(&audit_entry.origin, audit_entry.at)
    {
        Telling::Itself => return true,
        Telling::Counted => return false,
        Telling::Later { of, at } => (of, at),
    };
    // A runtime that ends tells nothing any more.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let api = api.clone();
        runtime.spawn(async move {
            let clock = api.0.app.access.clock().clone();
            clock.sleep(at.duration_since(clock.now())).await;
            let rest = AuditEntry {
                at: clock.now(),
                actor: NOBODY.into(),
                action: "knocked".into(),
                subject: String::new(),
                outcome: format!("and {} more", api.0.unauthenticated.rest(&of)),
                origin: of,
            };
            api.0.app.access.note(rest).await;
        });
    }
    false
}

/// What a route's address names: the last of its parts that is not the same for everybody.
fn subject(route: &str, uri: &Uri) -> String {
    let named = route.split('/').zip(uri.path().split('/'));
    let named = named.filter(|(pattern, _)| pattern.starts_with('{'));
    let Some((_, name)) = named.last() else {
        return String::new();
    };
    // Anything can be written into an address: only what looks like a name of ours is kept.
    let sane = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.len() <= 64 && name.chars().all(sane) && !pan::holds(name, Rule::Name) {
        name.into()
    } else {
        "?".into()
    }
}

/// A request that was not answered yet. Dropped so, its caller hung up: what was asked for may have
/// happened all the same, so it is written down.
struct Open {
    audit_entry: Option<AuditEntry>,
    is_look: bool,
    who: Who,
    api: Api,
}

impl Open {
    /// What is to be written down about an answer, if anything is.
    fn answered(&mut self, response: &Response) -> Option<AuditEntry> {
        let mut audit_entry = self.audit_entry.take()?;
        let (status, seen) = (response.status(), response.extensions().get::<Audited>());
        let is_unaudited = response.extensions().get::<Unaudited>().is_some();
        let shows_nothing = is_unaudited || seen.is_none() && audit_entry.subject.is_empty();
        let is_audit_entry = !self.is_look && !is_unaudited;
        if !is_audit_entry && shows_nothing && !is_refusal(status) {
            return None;
        }
        audit_entry.actor = self.who.name();
        if let Some(Audited(what)) = seen.filter(|_| audit_entry.subject.is_empty()) {
            audit_entry.subject.clone_from(what);
        }
        if let Some(made) = response
            .headers()
            .get(header::LOCATION)
            .filter(|_| audit_entry.subject.is_empty())
        {
            let made = made.to_str().unwrap_or_default();
            let last = made.rsplit('/').next().unwrap_or_default();
            let is_payment = last.parse::<sugi_core::PaymentId>().is_ok();
            if is_payment || last.parse::<sugi_core::WebhookId>().is_ok() {
                audit_entry.subject = last.into();
            }
        }
        let code = response.extensions().get::<Code>();
        let did = response.extensions().get::<Did>();
        let wording = code
            .map(|code| code.as_str())
            .or(did.map(|Did(wording)| &**wording));
        audit_entry.outcome = match wording {
            Some(wording) => format!("{} {wording}", status.as_str()),
            None => status.as_str().into(),
        };
        Some(audit_entry)
    }
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    )
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut audit_entry) = self.audit_entry.take() {
            audit_entry.actor = self.who.name();
            if is_told(&self.api, &audit_entry) {
                self.api.0.app.access.note_now(audit_entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_is_about_is_in_its_address() {
        let of = |route, uri: &str| subject(route, &uri.parse().unwrap());
        let route = "/v1/payments/{id}/cancellations";
        assert_eq!(of(route, "/v1/payments/pay_1/cancellations"), "pay_1");
        assert_eq!(of("/v1/payments", "/v1/payments?buyer_name=x"), "");
        assert_eq!(
            of(route, "/v1/payments/4111111111111111/cancellations"),
            "?"
        );
        assert_eq!(of(route, "/v1/payments/%20/cancellations"), "?");
    }

    #[test]
    fn nobody_becomes_somebody_else() {
        let who = Who::default();
        assert_eq!(who.name(), "-");
        who.is("key:shop");
        who.is("operator:kim");
        assert_eq!(who.name(), "key:shop");
    }
}
