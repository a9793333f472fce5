//! Who looks at a page.

use axum::{
    extract::{FromRequestParts, MatchedPath},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use nhn_kcp::pan::{self, Rule};
use sugi_access::{Cookie, Operator, Origin, Session};
use sugi_core::{ShopId, Shops};

use crate::{
    Pages,
    error_page::ErrorPage,
    lang::Lang,
    router::{Gate, ROUTES},
    seen::Alarmed,
};

/// The cookie that keeps a session. The prefix makes browsers hold it to this host, to TLS (or to
/// this machine), and to the whole path, so that no neighbour can plant one.
pub(crate) const SESSION_COOKIE: &str = "__Host-sugi";

/// A refusal that is one because no one is signed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedOut;

/// An operator with a session that lives.
#[derive(Debug)]
pub(crate) struct CurrentOperator {
    pub(crate) session: Session,
    pub(crate) lang: Lang,
    pub(crate) from: Origin,
    /// Where they are: path and query. Empty when they sent something to an address that cannot be opened.
    pub(crate) path: String,
    /// To be set when orders in doubt are named around what they look at.
    pub(crate) alarmed: Alarmed,
}

impl FromRequestParts<Pages> for CurrentOperator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Response> {
        let lang = Lang::of(&parts.headers);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if holds_card(path) { "/" } else { path };
        // What a page asks by itself is no use of the session: no one may sit in front of it.
        let by_itself = parts.headers.contains_key("x-refresh");
        let session = match cookie(&parts.headers, SESSION_COOKIE).map(|text| Cookie::sent(&text)) {
            Some(cookie) if by_itself => pages.access().session_unused(&cookie).await,
            Some(cookie) => pages.access().session(&cookie).await,
            None => Ok(None),
        };
        let session = session.map_err(|why| Response::from(ErrorPage::from(why)))?;
        let Some(session) = session else {
            return Err(to_sign_in(
                &parts.headers,
                path,
                parts.method == http::Method::GET,
            ));
        };
        if let Some(standing) = parts.extensions.get::<sugi_api::Standing>() {
            standing.proved();
        }
        if let Some(who) = parts.extensions.get::<sugi_api::Who>() {
            who.is(&format!("operator:{}", session.operator.name));
        }
        let may_come = match parts.extensions.get::<Gate>() {
            Some(Gate::Anybody | Gate::Operator) => true,
            Some(Gate::Role(role)) => session.operator.may(*role),
            // An address that is not in the table is no one's.
            None => false,
        };
        if !may_come {
            return Err(ErrorPage::MayNot.into());
        }
        let current_operator = Self {
            lang,
            from: origin(parts),
            path: if can_be_opened(parts) {
                path.into()
            } else {
                String::new()
            },
            alarmed: parts.extensions.get().cloned().unwrap_or_default(),
            session,
        };
        let is_free = ["/account", "/sign-out", "/stay"];
        if current_operator.needs_codes(pages) && !is_free.iter().any(|free| path.starts_with(free))
        {
            return Err(Redirect::to("/account/codes").into_response());
        }
        Ok(current_operator)
    }
}

impl CurrentOperator {
    /// Whoever is signed in, wherever they are: for what stands around a page that is none. It is no use of the
    /// session.
    pub(crate) async fn anywhere(parts: &Parts, pages: &Pages) -> Option<Self> {
        let cookie = Cookie::sent(&cookie(&parts.headers, SESSION_COOKIE)?);
        let session = pages.access().session_unused(&cookie).await.ok()??;
        // What was sent somewhere cannot be opened there.
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let stays = parts.method == http::Method::GET && !holds_card(path);
        Some(Self {
            lang: Lang::of(&parts.headers),
            from: origin(parts),
            path: if stays { path.into() } else { "/".into() },
            alarmed: Alarmed::default(),
            session,
        })
    }

    pub(crate) fn operator(&self) -> &Operator {
        &self.session.operator
    }

    /// Refuses what shows or changes all shops at once to someone who is for some of them.
    pub(crate) fn must_use_all(&self) -> Result<(), ErrorPage> {
        if self.operator().shops == Shops::All {
            Ok(())
        } else {
            Err(ErrorPage::MayNot)
        }
    }

    /// Until codes are set up nothing else can be done, where the installation wants them; a passkey is as
    /// good.
    pub(crate) fn needs_codes(&self, pages: &Pages) -> bool {
        pages.access().rules().code_required
            && !self.operator().has_codes()
            && !self.session.with_passkey
    }

    /// Hides what belongs to shops that are not theirs.
    pub(crate) fn must_use(&self, shop: &ShopId) -> Result<(), ErrorPage> {
        if self.operator().may_use(shop) {
            Ok(())
        } else {
            Err(ErrorPage::NotFound)
        }
    }
}

/// Whether what was asked for has a page of its own, by which it can be opened again.
fn can_be_opened(parts: &Parts) -> bool {
    let route = parts.extensions.get::<MatchedPath>();
    let has_page = |route: &MatchedPath| {
        ROUTES
            .iter()
            .any(|one| one.get && one.path == route.as_str())
    };
    parts.method == http::Method::GET || route.is_some_and(has_page)
}

/// Where a request came from.
pub(crate) fn origin(parts: &Parts) -> Origin {
    let agent = parts.headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    Origin {
        address: parts
            .extensions
            .get::<sugi_api::ClientAddress>()
            .map(|sugi_api::ClientAddress(address)| *address),
        agent: agent.unwrap_or_default().into(),
    }
}

/// A cookie's text.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(given, _)| *given == name)
        .map(|(_, text)| text.to_owned())
}

/// Sends someone to sign in and back; a script is told so, so that it can go there itself.
fn to_sign_in(headers: &HeaderMap, path: &str, can_come_back: bool) -> Response {
    let mut to = String::from("/sign-in");
    if !can_come_back {
        to.push_str("?unsent=1");
    } else if path != "/" {
        to.push_str("?next=");
        to.extend(form_urlencoded::byte_serialize(path.as_bytes()));
    }
    let mut away = if wants_json(headers) {
        (StatusCode::UNAUTHORIZED, [(header::LOCATION, to)]).into_response()
    } else {
        Redirect::to(&to).into_response()
    };
    away.extensions_mut().insert(SignedOut);
    away
}

/// Whether whoever asks would rather have JSON than a page.
pub(crate) fn asks_json(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("json") && !accept.contains("text/html"))
}

/// Whether it is the script that asks.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept.is_some_and(|accept| accept.as_bytes() == b"application/json")
}

/// Whether a card number was written into an address: then it is repeated nowhere.
fn holds_card(path: &str) -> bool {
    pan::holds(path, Rule::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        let line = "x__Host-sugi=1; __Host-sugi=2; __Host-sugi=3";
        headers.insert(header::COOKIE, line.parse().unwrap());
        assert_eq!(cookie(&headers, SESSION_COOKIE).as_deref(), Some("2"));
        assert_eq!(cookie(&headers, "nothing"), None);
    }
}
