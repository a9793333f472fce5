//! Who may do what: operators and their roles, passwords, one-time codes and passkeys, sessions, things that
//! want a second person, and the audit of all of it.
//!
//! Nothing here moves money or knows HTTP. The pages ask who someone is and what they may do, and
//! then ask the engine; the audit is written by whatever lies around every request.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use sugi_access::{Access, NewOperator, Origin, Role, Rules, SignIn};
//! # use sugi_clock::Clock;
//! # let dir = tempfile::tempdir()?;
//! # let store = sugi_store::Store::open(dir.path())?;
//! let access = Access::new(store, Clock::real(), Rules::default());
//! let kim = NewOperator::new("kim".parse()?, [Role::KeyIn], "correct horse battery");
//! access.add_operator(kim).await?;
//! let cookie = access
//!     .sign_in(SignIn::new("kim", "correct horse battery"), &Origin::default())
//!     .await?;
//! let session = access.session(&cookie).await?.expect("just begun");
//! assert!(session.operator.may(Role::KeyIn) && !session.operator.may(Role::Cancel));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod approval_request;
mod auditor;
mod code;
mod network;
mod operator;
mod operators;
mod passkey;
mod password;
mod place;
mod retention;
mod seal;
mod session;
mod sign_in;
mod throttle;
mod tries;

pub use access::{Access, AccessError, Origin, Rules, SecondPerson};
pub use approval_request::{
    ApprovalRequest, ApprovalRequestError, ApprovalRequestState, Asked, Decision, What,
};
pub use code::{Enrolment, RECOVERY_CODES};
pub use network::{BadNetwork, Network};
pub use operator::{Operator, Role};
pub use operators::NewOperator;
pub use passkey::{
    NewPasskey, PASSKEY_ALGORITHMS, PASSKEY_NAME_CHARS_MAX, PASSKEY_TIMEOUT, PASSKEYS_MAX, Passkey,
    PasskeyError, PasskeyOffer, PasskeySite, ShownPasskey,
};
pub use password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PasswordError};
pub use seal::Secret;
pub use session::{Cookie, Session};
pub use sign_in::{SignIn, SignInError};
