//! The access suite: what the crate promises, on every engine under the store, with a clock that is
//! moved by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

/// Makes a test of each function for each engine: `session::sqlite::…` and `session::postgres::…`.
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::TestApp::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::TestApp::postgres().await).await;
            })*
        }
    };
}

mod approval_requests;
mod audit;
mod authenticator;
mod challenges;
mod codes;
mod operators;
mod passkeys;
mod session;
mod sign_in;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sugi_access::{
    Access, AccessError, Cookie, NewOperator, Operator, Origin, Role, Rules, Secret, SignIn,
    SignInError,
};
use sugi_clock::Clock;
use sugi_core::Actor;
use sugi_store::Store;
use zeroize::Zeroizing;

/// Everybody's first password.
const PASSWORD: &str = "correct horse battery";

/// An installation of its own.
struct TestApp {
    place: Place,
    clock: Clock,
    store: Arc<Store>,
    access: Access,
}

/// Where its ledger is kept.
enum Place {
    Folder(tempfile::TempDir),
    Database(pg_for_tests::Database),
}

impl TestApp {
    fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        Self::of(Place::Folder(dir), store)
    }

    async fn postgres() -> Self {
        let database = pg_for_tests::database();
        let store = Store::connect(database.url()).await.unwrap();
        Self::of(Place::Database(database), store)
    }

    fn of(place: Place, store: Store) -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let store = Arc::new(store);
        let access = Access::new(store.clone(), clock.clone(), rules());
        Self {
            place,
            clock,
            store,
            access,
        }
    }

    /// The same with rules of its own.
    fn with(mut self, rules: Rules) -> Self {
        self.access = Access::new(self.store.clone(), self.clock.clone(), rules);
        self
    }

    /// Access once more over the same ledger: of another node where there can be one.
    async fn another_access(&self) -> Access {
        let rules = self.access.rules().clone();
        Access::new(self.another_store().await, self.clock.clone(), rules)
    }

    /// The same ledger, opened by another node where there can be one.
    async fn another_store(&self) -> Arc<Store> {
        match &self.place {
            Place::Folder(_) => self.store.clone(),
            Place::Database(database) => Arc::new(Store::connect(database.url()).await.unwrap()),
        }
    }

    /// Does something to the ledger behind everybody's back.
    fn harm(&self, sql: &str) {
        match &self.place {
            Place::Folder(dir) => {
                let db = rusqlite::Connection::open(dir.path().join("sugi.db")).unwrap();
                db.execute_batch(sql).unwrap();
            }
            Place::Database(database) => {
                database.sql(sql);
            }
        }
    }

    /// The same, where the two engines say it differently.
    fn harm_each(&self, sqlite: &str, postgres: &str) {
        match &self.place {
            Place::Folder(_) => self.harm(sqlite),
            Place::Database(_) => self.harm(postgres),
        }
    }

    fn pass(&self, time: SignedDuration) {
        self.clock.advance(time);
    }

    async fn add(&self, name: &str, roles: &[Role]) -> Operator {
        let new = NewOperator::new(actor(name), roles.iter().copied(), PASSWORD);
        self.access.add_operator(new).await.unwrap()
    }

    async fn operator(&self, name: &str) -> Operator {
        self.access.operator(&actor(name)).await.unwrap().unwrap()
    }

    /// Tries to sign in, from nowhere in particular.
    async fn enter(&self, name: &str, password: &str) -> Result<Cookie, SignInError> {
        let ask = SignIn::new(name, password);
        self.access.sign_in(ask, &Origin::default()).await
    }

    async fn enter_with(&self, name: &str, code: &str) -> Result<Cookie, SignInError> {
        let ask = SignIn::new(name, PASSWORD).with_code(code);
        self.access.sign_in(ask, &Origin::default()).await
    }

    async fn set_password(&self, name: &str, password: &str) -> Result<(), AccessError> {
        let password = Zeroizing::new(password.to_owned());
        self.access.set_password(&actor(name), password).await
    }

    async fn change(
        &self,
        name: &str,
        change: impl Fn(&mut Operator),
    ) -> Result<Operator, AccessError> {
        let change = |operator: &mut Operator| {
            change(operator);
            Ok(())
        };
        self.access.change_operator(&actor(name), change).await
    }

    /// Whether a cookie is one of a session that lives; uses it.
    async fn is_in(&self, cookie: &Cookie) -> bool {
        self.access.session(cookie).await.unwrap().is_some()
    }
}

/// As an installation is that `sugi init` made.
fn rules() -> Rules {
    Rules {
        secret: Some(secret("1")),
        ..Rules::default()
    }
}

fn secret(digit: &str) -> Secret {
    Secret::parse(&digit.repeat(64)).unwrap()
}

fn actor(name: &str) -> Actor {
    name.parse().unwrap()
}

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

/// Drives all at once and waits for all.
async fn together<T>(all: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(move |cx| {
        let mut open = false;
        for (future, slot) in all.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *slot = Some(value),
                    std::task::Poll::Pending => open = true,
                }
            }
        }
        if open {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(done.drain(..).flatten().collect())
        }
    })
    .await
}
