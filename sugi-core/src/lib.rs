//! The deciding core of sugi.
//!
//! A payment *is* its journal: a list of [`Event`]s. Three functions hold everything that sugi
//! knows about money, and none of them touches a socket, a file, a clock or a die:
//!
//! * [`Payment::evolve`] folds an event into a payment and refuses what cannot have happened,
//!   when reading as well as when writing;
//! * [`todo`](todo::todo) says, from a payment, the time and a shop's [`Policy`], what must
//!   happen next;
//! * [`decode`] turns what KCP answered into the event to write down.
//!
//! Around them a program runs one loop: load, ask `todo`, append the intent, call, append what
//! was heard, again. Starting up after a crash is that same loop.
//!
//! Because everything comes in as an argument, the whole machine can be walked: see
//! `src/explore`, which tries every interleaving of loss, delay, crash and clock.

#[cfg(test)]
extern crate self as sugi_core;

mod cancel_attempt;
pub mod decode;
mod difference;
mod doubt;
mod event;
#[cfg(test)]
mod explore;
mod id;
mod late;
mod mutation;
pub mod order_number;
mod payment;
mod policy;
mod public_event;
mod recheck;
mod request;
mod shops;
mod standing;
mod state;
pub mod todo;
mod when;

pub use cancel_attempt::{CancelAttempt, Mode, Step};
pub use difference::{Comparison, Difference};
pub use doubt::Doubt;
pub use event::{
    Approval, CancelOrder, Event, Inquired, Live, Lost, Refusal, Says, Source, VoidReason,
};
pub use id::{Actor, BadName, CancelId, PaymentId, ResolutionId, ShopId, WebhookId};
pub use late::{Answer, AnswerSoFar, Review, Send, SendNo};
pub use payment::{Illegal, Payment};
pub use policy::Policy;
pub use public_event::{PublicEvent, PublicSnapshot};
pub use recheck::Recheck;
pub use request::{Kind, Request};
pub use shops::Shops;
pub use standing::Cancelled;
pub use state::{State, Status};
pub use when::{Boot, Reading, Since, When};
