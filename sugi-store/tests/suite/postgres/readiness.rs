//! A writer that met trouble is well again when the trouble is over, whether anything is written or not; and while it
//! lasts, what waits for the server does not pile up there.

use std::sync::Arc;

use pg_for_tests::Server;
use sugi_store::{AuditEntry, DocumentKind, Store, StoreError, WriterState};
use tokio_postgres::Client;

use super::{
    MAX_WAIT,
    faults::{connect, plain, shown},
};
use crate::{at, pending_append};

/// How often a probe is given up that hangs.
const PROBES: usize = 12;
const OURS: &str = "application_name = 'sugi' and pid <> pg_backend_pid()";
const HANGS: &str = "select 1 from pg_stat_activity where wait_event = 'SyncRep'";

async fn set(other: &Client, setting: &str) {
    let alter = format!("alter system set {setting}");
    other.batch_execute(&alter).await.unwrap();
    let reload = "select pg_reload_conf()";
    other.batch_execute(reload).await.unwrap();
}

/// Asks until the writer is as it should be; asks it for nothing.
async fn becomes(store: &Store, is: impl Fn(&WriterState) -> bool) {
    let asking = async {
        while !is(&store.writer()) {
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(MAX_WAIT, asking).await;
    assert!(asked.is_ok(), "it stays {:?}", store.writer());
}

async fn count(other: &Client, which: &str) -> i64 {
    let sql = format!("select count(*) from pg_stat_activity where {which}");
    other.query_one(&sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_is_well_again_without_a_write() {
    let server = Server::start(&[]);
    let database = server.database();
    let store = Store::connect(database.url()).await.unwrap();
    let other = connect(database.url()).await;
    set(&other, "default_transaction_read_only = on").await;
    let refused = async {
        for n in 1.. {
            let order = format!("A-{n}");
            let written = store.create(pending_append(n, &order), None, plain());
            if written.await.is_err() {
                return;
            }
        }
    };
    let refused = tokio::time::timeout(MAX_WAIT, refused).await;
    refused.expect("a server that only reads takes writes");
    becomes(&store, |state| matches!(state, WriterState::Failing { .. })).await;
    assert!(store.probe().await.is_err());
    set(&other, "default_transaction_read_only = off").await;
    becomes(&store, |state| *state == WriterState::Working).await;
    store.probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_broke_is_replaced_before_anything_is_written() {
    let server = Server::start(&[]);
    let database = server.database();
    let store = Store::connect(database.url()).await.unwrap();
    let other = connect(database.url()).await;
    let kill = format!("select pg_terminate_backend(pid) from pg_stat_activity where {OURS}");
    assert!(!other.query(&kill, &[]).await.unwrap().is_empty());
    let back = format!("select 1 from pg_stat_activity where {OURS} and query like '%{TOUCH}%'");
    shown(&other, "a new connection that has committed", &back).await;
    becomes(&store, |state| *state == WriterState::Working).await;
}

/// What the writer commits to see whether the server takes it.
const TOUCH: &str = "update migration set name = name";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_hang_do_not_pile_up() {
    let server = Server::start(&[]);
    let database = server.database();
    let store = Store::connect(database.url()).await.unwrap();
    let other = connect(database.url()).await;
    set(&other, "synchronous_standby_names = 'nobody'").await;
    let mut given_up = 0;
    while given_up < PROBES {
        tokio::select! {
            // The server takes its settings in its own time.
            probed = store.probe() => assert!(probed.is_ok() || given_up > 0, "{probed:?}"),
            () = shown(&other, "a commit that hangs", HANGS) => given_up += 1,
        }
    }
    let entry = AuditEntry {
        at: at(1),
        actor: "operator:kim".into(),
        action: "look".into(),
        subject: String::new(),
        outcome: "200".into(),
        origin: "-".into(),
    };
    let end = store.audit_checkpoint().await.unwrap();
    for n in 1..=PROBES {
        let entries = vec![entry.clone(); n];
        let hangs = "select 1 from pg_stat_activity where wait_event in ('SyncRep', 'transactionid') \
                     and query like 'insert into audit%'";
        tokio::select! {
            written = store.audit(end, &entries) => panic!("{written:?}"),
            () = shown(&other, "an audit row that hangs", hangs) => {}
        }
        // What is read has places of its own.
        store.load(&crate::id(1)).await.unwrap();
    }
    let hanging = count(&other, OURS).await;
    assert!(hanging <= 8, "{hanging} connections");
    set(&other, "synchronous_standby_names = ''").await;
    becomes(&store, |state| *state == WriterState::Working).await;
    store.probe().await.unwrap();
}

/// The database's default is that a commit waits for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_statement_waits_for_the_standby_and_hears_that_there_was_none() {
    let server = Server::start(&[]);
    let database = server.database();
    let name = database.url().rsplit_once('/').unwrap().1;
    database.sql(&format!(
        "alter database {name} set synchronous_commit = off"
    ));
    let store = Arc::new(Store::connect(database.url()).await.unwrap());
    let other = connect(database.url()).await;
    set(&other, "synchronous_standby_names = 'nobody'").await;
    let cancel = format!(
        "select pg_cancel_backend(pid) from pg_stat_activity where {OURS} and wait_event = 'SyncRep' \
         and query like 'insert into document%'"
    );
    let unsafe_one = async {
        for n in 1.. {
            let (writing, key) = (Arc::clone(&store), format!("cookie-{n}"));
            let mut writing = tokio::spawn(async move {
                let kind = DocumentKind::Session;
                writing.add_document(kind, &key, "kim", "{}").await
            });
            tokio::select! {
                written = &mut writing => match written.unwrap() {
                    // The setting is not in force yet.
                    Ok(written) => assert!(written),
                    // It heard of the cancelled wait before we did.
                    cancelled => return cancelled,
                },
                () = shown(&other, "a commit that waits", &cancel) => return writing.await.unwrap(),
            }
        }
        unreachable!()
    };
    let written = tokio::time::timeout(MAX_WAIT, unsafe_one).await;
    let written = written.expect("it waits for no standby");
    assert!(
        matches!(written, Err(StoreError::Unknown { .. })),
        "{written:?}"
    );
    set(&other, "synchronous_standby_names = ''").await;
}
