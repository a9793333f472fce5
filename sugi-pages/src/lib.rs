//! sugi's pages, for the people who key cards in.
//!
//! Server-rendered: every page works without a script and better with the one that is served here.
//! Nothing comes from elsewhere. A page asks [`Access`] who somebody is and what they may do, and
//! [`Engine`](sugi_engine::Engine) to move money; it decides nothing about either.
//!
//! One folder per page under `src`, with its handlers, its words in both languages and its tests;
//! one template per page under `templates`, checked by the compiler.
//!
//! ```no_run
//! # fn run(access: sugi_access::Access) {
//! let router = sugi_pages::Pages::new(access, Vec::new()).router();
//! # let _: axum::Router = router;
//! # }
//! ```

mod account;
mod assets;
mod day;
mod doubts;
mod form;
mod home;
mod keyin;
mod lang;
mod live;
mod payments;
mod router;
mod say;
mod settings;
mod shell;
mod sign_in;
mod trouble;
mod visitor;
mod wishes;
mod words;
mod write;

pub use router::{Gate, ROUTES, Route};

use std::sync::Arc;

use sugi_access::Access;
use sugi_api::ApiKey;

/// What every page needs. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Pages(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    access: Access,
    /// The API keys of this installation, for the settings to list.
    keys: Vec<ApiKey>,
    keyin: keyin::Memory,
    streams: live::Streams,
}

impl Pages {
    /// The pages over an installation's access.
    #[must_use]
    pub fn new(access: Access, keys: Vec<ApiKey>) -> Self {
        let keyin = keyin::Memory::default();
        Self(Arc::new(Inner {
            access,
            keys,
            keyin,
            streams: live::Streams::default(),
        }))
    }

    /// Every page, to be served beside the API.
    pub fn router(&self) -> axum::Router {
        router::router(self)
    }

    fn access(&self) -> &Access {
        &self.0.access
    }
}
