//! sugi's pages, for the people who key cards in.
//!
//! Server-rendered: every page works without a script and better with the one that is served here.
//! Nothing comes from elsewhere. A page asks [`Access`] who someone is and what they may do, and
//! [`Engine`] to move money; it decides nothing about either.
//!
//! One folder per page under `src`, with its handlers, its words in both languages and its tests;
//! one template per page under `templates`, checked by the compiler.
//!
//! ```no_run
//! # fn run(api: sugi_api::Api) {
//! let router = sugi_api::router(&api, sugi_pages::Pages::new(&api).router());
//! # let _: axum::Router = router;
//! # }
//! ```

mod account;
mod approval_requests;
mod assets;
mod current_operator;
mod day;
mod doubts;
mod error_page;
mod form;
mod home;
mod kept;
mod keyin;
mod lang;
mod layout;
mod live;
mod messages;
mod ours;
mod passkeys;
mod payments;
mod router;
mod say;
mod seen;
mod settings;
mod sign_in;
mod write;

pub use router::{Gate, ROUTES, Route};

use std::sync::Arc;

use sugi_access::Access;
use sugi_api::Api;
use sugi_engine::Engine;
use sugi_mail::Mailer;
use sugi_store::Store;
use sugi_webhooks::Webhooks;

/// What every page needs. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Pages(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: Api,
    keyin: keyin::Memory,
    keeper: kept::Keeper,
    streams: live::Streams,
    exports: day::running::Exports,
    /// What slips are mailed with, if anything.
    mail: Option<Mailer>,
    mailed: payments::mail::Forms,
}

impl Pages {
    /// The pages of an installation, beside its API.
    #[must_use]
    pub fn new(api: &Api) -> Self {
        Self::with_mail(api, None)
    }

    /// The same with something to mail slips by.
    #[must_use]
    pub fn with_mail(api: &Api, mail: Option<Mailer>) -> Self {
        Self(Arc::new(Inner {
            api: api.clone(),
            keyin: keyin::Memory::default(),
            keeper: kept::Keeper::of(api.app().access.rules().secret.as_ref()),
            streams: live::Streams::default(),
            exports: day::running::Exports::default(),
            mail,
            mailed: payments::mail::Forms::default(),
        }))
    }

    /// Every page, to be served beside the API.
    pub fn router(&self) -> axum::Router {
        router::router(self)
    }

    fn api(&self) -> &Api {
        &self.0.api
    }

    fn access(&self) -> &Access {
        &self.0.api.app().access
    }

    fn engine(&self) -> &Engine {
        &self.0.api.app().engine
    }

    fn store(&self) -> &Store {
        &self.0.api.app().store
    }

    fn webhooks(&self) -> &Webhooks {
        &self.0.api.app().webhooks
    }
}
