//! How the writer is, as others see it.

use pg_for_tests::Server;
use sugi_store::{CreateError, Store, StoreError, WriterState};

use crate::{Place, TestApp};

on_each_engine!(a_writer_that_writes_is_working);

async fn a_writer_that_writes_is_working(test_app: TestApp) {
    let store = test_app.store();
    assert_eq!(store.writer(), WriterState::Working);
    store.probe().await.unwrap();
    let before = store.tally().commits;
    test_app.pay(1, "A-1").await.unwrap();
    assert_eq!(store.writer(), WriterState::Working);
    assert!(store.tally().commits > before);
    let is_file = matches!(test_app.place, Place::Folder(_));
    assert_eq!(store.free_bytes().unwrap().is_some(), is_file);
}

/// Makes the file one that no writer can go on with: the schema names a page that is not there.
fn break_schema(dir: &std::path::Path) {
    let db = rusqlite::Connection::open(dir.join("sugi.db")).unwrap();
    let version: i64 = db
        .query_row("pragma schema_version", [], |row| row.get(0))
        .unwrap();
    db.execute_batch(&format!(
        "pragma writable_schema = on; update sqlite_schema set rootpage = 99999999 where name = 'migration';
         pragma schema_version = {}",
        version + 1
    ))
    .unwrap();
}

#[tokio::test]
async fn a_writer_that_ends_says_so_for_ever() {
    let test_app = TestApp::sqlite();
    let Place::Folder(dir) = &test_app.place else {
        panic!()
    };
    let store = test_app.store();
    break_schema(dir.path());
    let why = test_app.pay(1, "A-1").await.unwrap_err();
    let is_unknown = matches!(why, CreateError::Store(StoreError::Unknown { .. }));
    assert!(is_unknown, "{why}");
    let ended = store.writer_ended().await;
    assert!(ended.contains("malformed"), "{ended}");
    assert_eq!(store.writer(), WriterState::Ended { why: ended });
    let again = store.probe().await.unwrap_err();
    assert!(matches!(again, StoreError::Failed { .. }), "{again}");
}

/// In write-ahead mode SQLite writes on into a file that was moved, where no one will look for it.
#[tokio::test]
async fn a_file_that_was_moved_or_replaced_ends_the_writer() {
    for is_replaced in [false, true] {
        let test_app = TestApp::sqlite();
        let Place::Folder(dir) = &test_app.place else {
            panic!()
        };
        let store = test_app.store();
        test_app.pay(1, "A-1").await.unwrap();
        store.probe().await.unwrap();
        let file = dir.path().join("sugi.db");
        std::fs::rename(&file, dir.path().join("old.db")).unwrap();
        if is_replaced {
            std::fs::copy(dir.path().join("old.db"), &file).unwrap();
        }
        let why = store.probe().await.unwrap_err().to_string();
        assert!(why.contains("moved away or replaced"), "{why}");
        assert!(
            store
                .writer_ended()
                .await
                .contains("moved away or replaced")
        );
        assert!(test_app.pay(2, "A-2").await.is_err());
    }
}

#[tokio::test]
async fn a_ledger_that_is_read_has_no_writer() {
    let test_app = TestApp::sqlite();
    let Place::Folder(dir) = &test_app.place else {
        panic!()
    };
    let read = Store::open_to_read(dir.path()).unwrap();
    assert_eq!(read.writer(), WriterState::None);
    assert!(read.probe().await.is_err());
}

#[tokio::test]
async fn a_database_that_is_away_fails_the_probe_and_the_writer() {
    let server = Server::start(&[]);
    let database = server.database();
    let mut test_app = TestApp {
        place: Place::Database(database),
        store: None,
    };
    test_app.reopen().await;
    server.kill();
    assert!(test_app.store().probe().await.is_err());
    assert!(test_app.pay(1, "A-1").await.is_err());
    let state = test_app.store().writer();
    assert!(matches!(state, WriterState::Failing { .. }), "{state:?}");
}
