//! Telling a merchant's own programs what became of a payment.
//!
//! What is news stands in the store's outbox, written with the journal row that it is about. Here it is
//! numbered, and every *webhook* that wants it is told: one signed POST each, tried again for about three
//! days until the other side takes it, from one node at a time. It may be told twice and out of order;
//! it is not forgotten. The same events can be read in order at `/v1/events`.
//!
//! ```no_run
//! # async fn run(store: sugi_store::Store, secret: sugi_access::Secret) -> Result<(), Box<dyn std::error::Error>> {
//! use sugi_clock::Clock;
//! use sugi_webhooks::{Line, NewWebhook, Targets, Webhooks};
//! let webhooks = Webhooks::new(store, Clock::real(), Some(secret), Line::new(None, Targets::public())?);
//! let new = NewWebhook::to("https://shop.example.com/sugi".parse()?, "kim".parse()?);
//! let (webhook, secret, _) = webhooks.add(new).await?;
//! println!("{} signs with {}", webhook.id, secret.as_str());
//! # Ok(())
//! # }
//! ```

mod address;
mod dispatcher;
mod line;
mod sign;
mod targets;
mod webhook;
mod webhooks;

pub use address::{Address, BadAddress};
pub use dispatcher::{BACKOFF, Render};
pub use line::{Answer, BROKE, BadAuthority, Line, NOT_REACHED, SLOW};
pub use sign::{SigningSecret, signature};
pub use targets::Targets;
pub use webhook::{NewWebhook, Webhook};
pub use webhooks::{WEBHOOKS_MOST, WebhookError, Webhooks};
