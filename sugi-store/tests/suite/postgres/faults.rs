//! Connections break, at every point, and no one is told anything that is not so.

use std::sync::Arc;

use pg_for_tests::Server;
use sugi_store::{CreateError, CreationClaims, PendingAppend, Store, StoreError};

use super::{MAX_WAIT, load::Told, proxy::Proxy};
use crate::{Place, TestApp, approved, at, id, pending_append};

/// How often a proxy cuts a connection in two.
const CUTS: u32 = 60;
/// How often the connections of the loaded store are killed.
const KILLS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_lose_nothing_and_leave_no_doubt() {
    let mut test_app = TestApp::postgres().await;
    let store = Arc::new(test_app.store.take().unwrap());
    let Place::Database(database) = &test_app.place else {
        panic!()
    };
    let killer = connect(database.url()).await;

    let told = Arc::new(Told::default());
    let callers = told.begin(&store, 16);
    let (mut killed, mut committing) = (0, 0);
    let mut last = tokio::time::Instant::now();
    while killed < KILLS {
        assert!(last.elapsed() < MAX_WAIT, "nobody is left to be killed");
        // Every other time the killer lies in wait for a commit.
        let phase = if killed % 2 == 0 {
            "true"
        } else {
            "state = 'active' and query = 'commit'"
        };
        let kill = format!(
            "select query = 'commit' and state = 'active', pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid() and {phase}"
        );
        let victims = killer.query(&kill, &[]).await.unwrap();
        committing += victims
            .iter()
            .filter(|row| row.get::<_, Option<bool>>(0) == Some(true))
            .count();
        if victims.is_empty() {
            continue;
        }
        (killed, last) = (killed + 1, tokio::time::Instant::now());
        if killed % 2 == 0 {
            // Let some work be done between kills, different amounts of it.
            told.reach(told.count() + killed % 7).await;
        }
    }
    told.stop();
    for caller in callers {
        caller.await.unwrap();
    }
    let (written, failed, unknown) = told.check(&test_app.open().await.unwrap()).await;
    println!(
        "{killed} kills, {committing} of them in a commit: {written} written, {failed} failed, {unknown} unknown"
    );
    assert!(written > KILLS && failed > 0 && committing > 0);
    assert_eq!(
        unknown, 0,
        "the server was there all the time, so everything could be found out"
    );
}

/// A commit whose answer is cut off took effect, and one that was cut off itself did not: both look
/// alike from here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_at_any_byte_lose_nothing_and_leave_no_doubt() {
    let test_app = TestApp::postgres().await;
    let Place::Database(database) = &test_app.place else {
        panic!()
    };
    let (server, name) = database
        .url()
        .split_once('@')
        .unwrap()
        .1
        .split_once('/')
        .unwrap();
    let mut proxy = Proxy::begin(server).await;
    let (user, _) = database.url().split_once('@').unwrap();
    let url = format!("{user}@{}/{name}", proxy.address);
    // The way through may be cut before the store is even there.
    let connected = async {
        loop {
            if let Ok(store) = Store::connect(&url).await {
                break Arc::new(store);
            }
        }
    };
    let store = tokio::time::timeout(MAX_WAIT, connected)
        .await
        .expect("no way through");

    let told = Arc::new(Told::default());
    let callers = told.begin(&store, 16);
    tokio::time::timeout(3 * MAX_WAIT, proxy.cuts.wait_for(|cuts| *cuts >= CUTS))
        .await
        .expect("the connections are not cut")
        .unwrap();
    told.stop();
    for caller in callers {
        caller.await.unwrap();
    }
    let (written, failed, unknown) = told.check(&test_app.open().await.unwrap()).await;
    println!("{CUTS} cuts: {written} written, {failed} failed, {unknown} unknown");
    assert!(written > 0 && failed > 0);
    assert_eq!(unknown, 0, "the server was there all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_no_standby_confirmed_is_looked_into_and_else_unknown() {
    let server = Server::start(&[]);
    let database = server.database();
    let store = Arc::new(Store::connect(database.url()).await.unwrap());
    let other = connect(database.url()).await;
    let payment_snapshot = store
        .create(pending_append(1, "A-1"), None, plain())
        .await
        .unwrap();
    let standbys = async |names: &str| {
        let alter = format!("alter system set synchronous_standby_names = '{names}'");
        other.batch_execute(&alter).await.unwrap();
        other
            .batch_execute("select pg_reload_conf()")
            .await
            .unwrap();
    };
    // Commits wait for a standby that never comes; then someone cancels the wait, in one of two ways.
    let waiting = async |function: &str, who: &str| {
        let cancel = format!(
            "select {function}(pid) from pg_stat_activity where wait_event = 'SyncRep' and {who}"
        );
        shown(&other, "a commit that waits for a standby", &cancel).await;
    };
    let a_commit_waits = "query = 'commit'";
    // A server takes its settings anew in its own time, so it is asked until a commit waits.
    let nobody = async || {
        standbys("nobody").await;
        let probe = Arc::new(connect(database.url()).await);
        let pid = probe.query_one("select pg_backend_pid()", &[]).await;
        let of_probe = format!("pid = {}", pid.unwrap().get::<_, i32>(0));
        let in_force = async {
            loop {
                let write = tokio::spawn({
                    let probe = Arc::clone(&probe);
                    async move {
                        let touch = "update migration set name = name where n = 1";
                        probe.batch_execute(touch).await
                    }
                });
                tokio::select! {
                    // It did not have to wait yet.
                    _ = write => {}
                    () = waiting("pg_cancel_backend", &of_probe) => return,
                }
            }
        };
        tokio::time::timeout(MAX_WAIT, in_force)
            .await
            .expect("the setting is never in force");
    };
    let spawn = |store: &Arc<Store>, pending_append: PendingAppend| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.append(pending_append, None).await })
    };

    nobody().await;
    let appended = spawn(
        &store,
        PendingAppend::of(payment_snapshot, at(2), approved("26000000000001")).unwrap(),
    );
    waiting("pg_cancel_backend", a_commit_waits).await;
    // The server ends the commit in its own time: then the row can be seen, and is still no one's to
    // rely on.
    shown(&other, "the row", "select 1 from journal offset 2").await;
    // The store looks into it: what it writes to vouch for the row waits for the standby as well.
    let waits = "select 1 from pg_stat_activity where wait_event = 'SyncRep'";
    shown(&other, "a look", waits).await;
    assert!(!appended.is_finished(), "answered before it was safe");
    standbys("").await;
    let payment_snapshot = appended.await.unwrap().unwrap();
    assert_eq!(
        payment_snapshot.unwrap().payment.seq,
        3,
        "it became safe, and that was found out"
    );

    nobody().await;
    let created = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.create(pending_append(2, "A-2"), None, plain()).await }
    });
    waiting("pg_terminate_backend", a_commit_waits).await;
    let created = created.await.unwrap();
    assert!(
        matches!(created, Err(CreateError::Store(StoreError::Unknown { .. }))),
        "{created:?}"
    );
    standbys("").await;
    assert!(
        store.load(&id(2)).await.unwrap().is_some(),
        "it was true that it may have been written"
    );
    // And life goes on, as soon as the writer has a connection again.
    let go_on = async {
        while store
            .create(pending_append(3, "A-3"), None, plain())
            .await
            .is_err()
        {}
    };
    tokio::time::timeout(MAX_WAIT, go_on)
        .await
        .expect("it is stuck");
    store.verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_writes_fail_quickly_and_clearly() {
    let server = Server::start(&[]);
    let store = Store::connect(server.database().url()).await.unwrap();
    store
        .create(pending_append(1, "A-1"), None, plain())
        .await
        .unwrap();
    server.kill();
    // What was on its way when it died may have arrived, or may not.
    let _ = store.create(pending_append(2, "A-2"), None, plain()).await;
    let refusals = async {
        for n in 3..=500 {
            let refused = store.create(pending_append(n, "A-3"), None, plain()).await;
            let Err(CreateError::Store(StoreError::Failed { why })) = refused else {
                panic!("{refused:?}")
            };
            assert!(why.contains("nothing was written"), "{why}");
        }
    };
    // If each waited as long as the first one, they would take ten times as long.
    tokio::time::timeout(MAX_WAIT, refusals)
        .await
        .expect("they wait");
    assert!(matches!(
        store.load(&id(1)).await,
        Err(StoreError::Failed { .. })
    ));
}

#[tokio::test]
async fn what_the_server_cannot_take_is_nobody_elses_fault() {
    let test_app = TestApp::postgres().await;
    // PostgreSQL takes no NUL in a text.
    let key = |n: u32| match n {
        7 => crate::key("k\0", "r"),
        n => crate::key(&format!("k{n}"), "r"),
    };
    let all = (1..=20).map(|n| {
        let creation_claims = CreationClaims { key: Some(key(n)) };
        test_app
            .store()
            .create(pending_append(n, &format!("A-{n}")), None, creation_claims)
    });
    for (n, made) in (1..).zip(crate::together(all).await) {
        match n {
            7 => assert!(
                matches!(made, Err(CreateError::Store(StoreError::Failed { .. }))),
                "{made:?}"
            ),
            _ => drop(made.unwrap()),
        }
    }
    assert_eq!(test_app.store().verify().await.unwrap().0, 19);
}

#[tokio::test]
async fn what_was_created_already_is_not_created_again() {
    let test_app = TestApp::postgres().await;
    test_app.pay(1, "A-1").await.unwrap();
    let again = [test_app.pay(1, "A-2"), test_app.pay(2, "A-3")];
    let again = crate::together(again.into_iter()).await;
    assert!(
        matches!(again[0], Err(CreateError::Store(StoreError::Failed { .. }))),
        "{again:?}"
    );
    assert!(again[1].is_ok());
    test_app
        .pay(3, "A-2")
        .await
        .expect("the order was not kept");
}

pub(super) fn plain() -> CreationClaims {
    CreationClaims::default()
}

/// Asks until there is something to be seen.
pub(super) async fn shown(client: &tokio_postgres::Client, what: &str, query: &str) {
    let asking = async {
        while client.query(query, &[]).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(MAX_WAIT, asking).await;
    assert!(asked.is_ok(), "not to be seen: {what}");
}

pub(super) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(driver);
    client
}
