//! The schema: made once, by whoever comes first, and sorted by bytes.

use sugi_store::{Store, StoreError};

use crate::{Place, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_it_once() {
    let database = pg_for_tests::database();
    let nodes: Vec<_> = (0..8)
        .map(|_| {
            let url = database.url().to_owned();
            tokio::spawn(async move { Store::connect(&url).await })
        })
        .collect();
    for node in nodes {
        node.await.unwrap().unwrap();
    }
    assert_eq!(database.sql("select count(*) = max(n) from migration"), "t");
}

#[tokio::test]
async fn whoever_only_reads_makes_nothing() {
    let database = pg_for_tests::database();
    assert!(Store::connect_to_read(database.url()).await.is_err());
    let tables = "select count(*) from information_schema.tables where table_schema = 'public'";
    assert_eq!(database.sql(tables), "0");
    Store::connect(database.url()).await.unwrap();
    let reader = Store::connect_to_read(database.url()).await.unwrap();
    reader.verify().await.unwrap();
    assert!(
        reader
            .audit(sugi_store::AuditCheckpoint::START, &[])
            .await
            .is_ok(),
        "nothing is nothing"
    );
}

#[tokio::test]
async fn a_newer_one_is_refused() {
    let test_app = TestApp::postgres().await;
    let Place::Database(database) = &test_app.place else {
        panic!()
    };
    database.sql("insert into migration (n, name) values (99, 'from the future')");
    let refused = test_app.open().await;
    let Err(StoreError::Inconsistent(violation)) = refused else {
        panic!("{refused:?}")
    };
    assert!(violation.what.contains("use a newer sugi"), "{violation}");
}

/// The test server sorts as Korean does where it can; ids and cursors have to sort by bytes.
#[tokio::test]
async fn every_text_sorts_by_its_bytes() {
    let test_app = TestApp::postgres().await;
    let Place::Database(database) = &test_app.place else {
        panic!()
    };
    let others = database.sql(
        "select table_name, column_name from information_schema.columns \
         where table_schema = 'public' and data_type = 'text' and collation_name is distinct from 'C'",
    );
    assert_eq!(others, "");
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_name_is_refused() {
    let test_app = TestApp::postgres().await;
    let Place::Database(database) = &test_app.place else {
        panic!()
    };
    let name = format!("euc_kr_{}", std::process::id());
    database.sql(&format!(
        "create database {name} encoding 'EUC_KR' locale 'C' locale_provider libc template template0"
    ));
    let (server, _) = database.url().rsplit_once('/').unwrap();
    let refused = Store::connect(&format!("{server}/{name}")).await;
    let Err(StoreError::Failed { why }) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("UTF8"), "{why}");
}
