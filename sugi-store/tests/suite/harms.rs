//! Whatever is done to a row of whichever table is found, or is said not to be.

use std::{collections::HashSet, path::Path};

use sugi_store::{
    AuditEntry, CreationClaims, DocumentKind, NOT_COVERED, NotCovered, Store, StoreError,
};

use crate::{Place, TestApp, approved, at, declined, id, key, pending_append};

/// Rows of a table that are harmed: what the table is called here, and which rows of it.
const TABLES: &[(&str, &str, &str)] = &[
    ("journal", "journal", "true"),
    ("payment", "payment", "true"),
    ("order_claim", "order_claim", "true"),
    ("idempotency", "idempotency", "true"),
    ("lease", "lease", "true"),
    ("document", "document", "kind = 'operator'"),
    ("document of sessions", "document", "kind = 'session'"),
    ("document_change", "document_change", "kind = 'operator'"),
    ("audit", "audit", "true"),
    ("outbox", "outbox", "true"),
    ("event", "event", "true"),
    ("delivery", "delivery", "state = 'waiting'"),
    ("ending", "ending", "true"),
    ("migration", "migration", "true"),
];

/// A ledger with something in every table.
async fn full(test_app: &TestApp) {
    let store = test_app.store();
    let first = pending_append(1, "A-1");
    let creation_claims = |key| CreationClaims { key: Some(key) };
    let payment_snapshot = store
        .create(first, Some(at(40)), creation_claims(key("k-1", "r-1")))
        .await
        .unwrap();
    test_app
        .then(&payment_snapshot, approved("26000000000001"))
        .await
        .unwrap();
    let second = pending_append(2, "A-2");
    let payment_snapshot = store
        .create(second, Some(at(40)), creation_claims(key("k-2", "r-2")))
        .await
        .unwrap();
    for (kind, name) in [
        (DocumentKind::Operator, "kim"),
        (DocumentKind::Operator, "lee"),
        (DocumentKind::Session, "cookie"),
        (DocumentKind::Webhook, "wh_1"),
    ] {
        assert!(store.add_document(kind, name, "", "{}").await.unwrap());
    }
    let events = store.unnumbered().await.unwrap();
    let to = |_: &_| vec!["wh_1".to_owned()];
    assert!(store.number(at(10), &events, to).await.unwrap());
    test_app.then(&payment_snapshot, declined()).await.unwrap();
    test_app.pay(3, "A-3").await.unwrap();
    let leases = store.lease_due("node", at(41), jiff::SignedDuration::from_secs(60), 8);
    assert!(!leases.await.unwrap().is_empty());
    let kim = store
        .document(DocumentKind::Operator, "kim")
        .await
        .unwrap()
        .unwrap();
    let replaced = store.replace_document(DocumentKind::Operator, &kim, "", "{1}");
    assert!(replaced.await.unwrap());
    assert!(
        store
            .remove_document(DocumentKind::Operator, "lee")
            .await
            .unwrap()
    );
    let audit_entries: Vec<_> = (1..=3)
        .map(|n| AuditEntry {
            at: at(n),
            actor: "operator:kim".into(),
            action: "look".into(),
            subject: id(1).to_string(),
            outcome: "200".into(),
            origin: "-".into(),
        })
        .collect();
    let start = store.audit_checkpoint().await.unwrap();
    store.audit(start, &audit_entries).await.unwrap().unwrap();
    prove(store).await.unwrap();
}

async fn prove(store: &Store) -> Result<(), StoreError> {
    store.verify().await?;
    store.verify_audit(None).await.map(drop)
}

/// The columns of a table, and those of its primary key.
fn columns(db: &rusqlite::Connection, table: &str) -> (Vec<String>, Vec<String>) {
    let mut statement = db.prepare(&format!("pragma table_info({table})")).unwrap();
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(1)?, row.get::<_, i64>(5)?))
    });
    let all: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    let keys = all.iter().filter(|(_, key)| *key > 0);
    let keys = keys.map(|(name, _)| name.clone()).collect();
    (all.into_iter().map(|(name, _)| name).collect(), keys)
}

fn other(column: &str) -> String {
    format!(
        "case typeof({column}) when 'integer' then {column} + 1 when 'text' then {column} || 'x' else 1 end"
    )
}

/// What is done to one row of a table: which column, or the row itself, and how.
fn harms(
    db: &rusqlite::Connection,
    (name, table, rows): (&str, &str, &str),
) -> Vec<(String, String)> {
    let (columns, keys) = columns(db, table);
    // The last row is that of which nothing comes after.
    let one = format!("rowid = (select max(rowid) from {table} where {rows})");
    let mut all: Vec<_> = columns
        .iter()
        .map(|column| {
            let set = other(column);
            (
                column.clone(),
                format!("update {table} set {column} = {set} where {one}"),
            )
        })
        .collect();
    all.push(("row".into(), format!("delete from {table} where {one}")));
    let values = columns.iter().map(|column| {
        if keys.contains(column) {
            other(column)
        } else {
            column.clone()
        }
    });
    let (into, values) = (columns.join(", "), values.collect::<Vec<_>>().join(", "));
    let copy = format!("insert into {table} ({into}) select {values} from {table} where {one}");
    all.push(("row".into(), copy));
    if table == "idempotency" {
        let set = format!("update {table} set payment = '{}' where {one}", id(1));
        all.push(("payment".into(), set));
    }
    assert!(!name.is_empty());
    all
}

fn is_listed(entry: &NotCovered, table: &str, column: &str) -> bool {
    entry.table == table && (entry.columns.is_empty() || entry.columns.contains(&column))
}

/// Copies a closed ledger; what is done to the copy is not done to it.
fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in ["sugi.db", "sugi.end"] {
        std::fs::copy(from.join(name), to.path().join(name)).unwrap();
    }
    to
}

#[tokio::test]
async fn each_change_of_each_column_is_found_or_said_not_to_be() {
    let mut test_app = TestApp::sqlite();
    full(&test_app).await;
    test_app.store = None;
    let Place::Folder(dir) = &test_app.place else {
        unreachable!()
    };
    let whole = copied(dir.path());
    prove(&Store::open_to_read(whole.path()).unwrap())
        .await
        .unwrap();
    let db = rusqlite::Connection::open(whole.path().join("sugi.db")).unwrap();
    let (mut tried, mut wrong, mut used) = (0, Vec::new(), HashSet::new());
    for table in TABLES {
        for (column, harm) in harms(&db, *table) {
            let copy = copied(dir.path());
            let hand = rusqlite::Connection::open(copy.path().join("sugi.db")).unwrap();
            match hand.execute(&harm, []) {
                Ok(count) => assert_eq!(count, 1, "{harm}"),
                // The database itself refuses it.
                Err(_) => continue,
            }
            drop(hand);
            tried += 1;
            let found = prove(&Store::open_to_read(copy.path()).unwrap()).await;
            let entry = NOT_COVERED
                .iter()
                .position(|one| is_listed(one, table.0, &column));
            match (found, entry) {
                (Ok(()), Some(entry)) => drop(used.insert(entry)),
                (Ok(()), None) => wrong.push(format!("{harm}: not seen")),
                (Err(StoreError::Inconsistent(_)), _) => {}
                (Err(why), _) => wrong.push(format!("{harm}: {why}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(tried > 80, "{tried}");
    let unused: Vec<_> = (0..NOT_COVERED.len())
        .filter(|n| !used.contains(n))
        .map(|n| NOT_COVERED[n].what)
        .collect();
    assert!(unused.is_empty(), "covered after all: {unused:?}");
    // Every table is harmed.
    let mut tables = db
        .prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
        .unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for table in tables.map(Result::unwrap) {
        assert!(TABLES.iter().any(|(_, name, _)| *name == table), "{table}");
    }
}

on_each_engine!(
    a_schema_that_is_another_is_found_and_named,
    an_index_that_does_not_hold_its_table_is_found_and_named,
    a_document_that_was_changed_by_another_hand_is_named,
    what_makes_a_payment_happen_once_is_in_its_journal,
    the_order_of_events_is_a_chain,
    a_checkpoint_is_that_of_documents_and_events_as_well,
    every_table_is_looked_through,
    a_ledger_that_is_written_to_holds,
);

async fn a_schema_that_is_another_is_found_and_named(test_app: TestApp) {
    for (harm, place) in [
        ("drop index payment_due", "index payment_due"),
        (
            "drop index document_owner; create index document_owner on document (owner, kind)",
            "index document_owner",
        ),
        ("delete from migration where n = 1", "migration"),
    ] {
        let test_app = test_app.another().await;
        full(&test_app).await;
        test_app.harm_all(harm);
        let why = test_app.store().verify().await.unwrap_err().to_string();
        assert!(why.contains(place), "{harm}: {why}");
    }
}

async fn an_index_that_does_not_hold_its_table_is_found_and_named(test_app: TestApp) {
    for index in ["idempotency_pkey", "payment_due"] {
        let mut test_app = test_app.another().await;
        full(&test_app).await;
        test_app.store = None;
        test_app.blind(index, "idempotency");
        let store = match &test_app.place {
            Place::Folder(dir) => Store::open_to_read(dir.path()).unwrap(),
            Place::Database(database) => Store::connect_to_read(database.url()).await.unwrap(),
        };
        let why = store.verify().await.unwrap_err();
        let StoreError::Inconsistent(why) = why else {
            panic!("{why}")
        };
        assert!(why.to_string().contains("index"), "{why}");
    }
}

async fn a_document_that_was_changed_by_another_hand_is_named(test_app: TestApp) {
    for harm in [
        "update document set body = '{2}' where key = 'kim'",
        "update document set body = '{}', version = 1 where key = 'kim'",
        "delete from document where key = 'kim'",
        "insert into document (kind, key, owner, version, body) values ('operator', 'lee', '', 1, '{}')",
        "insert into document (kind, key, owner, version, body) values ('operator', 'choi', '', 1, '{}')",
    ] {
        let test_app = test_app.another().await;
        full(&test_app).await;
        assert_eq!(test_app.harm(harm), 1);
        let why = test_app.store().verify().await.unwrap_err().to_string();
        assert!(
            why.starts_with("the ledger does not read as it should: operator "),
            "{harm}: {why}"
        );
    }
}

async fn what_makes_a_payment_happen_once_is_in_its_journal(test_app: TestApp) {
    let (one, two) = (id(1), id(2));
    for (harm, place) in [
        (
            "delete from idempotency where key = 'k-1'".to_owned(),
            format!("payment row {one}"),
        ),
        (
            format!("update idempotency set payment = '{two}' where key = 'k-1'"),
            format!("idempotency row of cli for {two}"),
        ),
        (
            "update idempotency set key = 'k-9' where key = 'k-1'".to_owned(),
            format!("idempotency row of cli for {one}"),
        ),
        (
            "update idempotency set request = 'r-9' where key = 'k-1'".to_owned(),
            format!("idempotency row of cli for {one}"),
        ),
        (
            format!(
                "insert into idempotency (scope, key, request, payment) values ('cli', 'k-9', 'r-9', '{}')",
                id(3)
            ),
            format!("idempotency row of cli for {}", id(3)),
        ),
    ] {
        let test_app = test_app.another().await;
        full(&test_app).await;
        assert_eq!(test_app.harm(&harm), 1);
        let why = test_app.store().verify().await.unwrap_err();
        let StoreError::Inconsistent(why) = why else {
            panic!("{harm}: {why}")
        };
        assert_eq!(why.place, place, "{harm}");
    }
}

async fn the_order_of_events_is_a_chain(test_app: TestApp) {
    full(&test_app).await;
    let store = test_app.store();
    let events = store.unnumbered().await.unwrap();
    assert!(store.number(at(11), &events, |_| vec![]).await.unwrap());
    store.verify().await.unwrap();
    // Two that change places, and nothing else about them.
    test_app.harm_all(
        "update event set n = 90 where n = 1; update event set n = 1 where n = 2; update event set n = 2 where n = 90",
    );
    let why = store.verify().await.unwrap_err().to_string();
    assert!(why.contains("event 1: its hash does not fit"), "{why}");
}

/// Who owns the database takes the last change back, document and all: both chains hold by themselves.
async fn a_checkpoint_is_that_of_documents_and_events_as_well(test_app: TestApp) {
    for (harm, what) in [
        (
            "delete from document where kind in ('webhook', 'operator'); delete from document_change",
            "change of documents",
        ),
        (
            "insert into outbox (at, payment, seq, news, shop) select at, payment, seq, news, shop from event;
             delete from delivery; delete from event",
            "event",
        ),
    ] {
        let test_app = test_app.another().await;
        full(&test_app).await;
        test_app.harm_all(harm);
        let store = test_app.store();
        store.verify().await.unwrap();
        let why = store.verify_audit(None).await.unwrap_err().to_string();
        assert!(why.contains(what) && why.contains("was there then, is gone"), "{why}");
    }
}

/// A search for card numbers looks everywhere.
async fn every_table_is_looked_through(test_app: TestApp) {
    full(&test_app).await;
    let mut seen = HashSet::new();
    let look = |place: &str, _: &str| _ = seen.insert(place.split(' ').next().unwrap().to_owned());
    test_app.store().every_text(look).await.unwrap();
    let missing: Vec<_> = TABLES
        .iter()
        .filter(|(_, table, _)| !seen.contains(*table))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A moment is looked at, so what is written meanwhile is no difference.
async fn a_ledger_that_is_written_to_holds(test_app: TestApp) {
    full(&test_app).await;
    let writes = async {
        for n in 10..40 {
            let payment_snapshot = test_app.pay(n, &format!("B-{n}")).await.unwrap();
            let tno = format!("260000001{n:05}");
            test_app
                .then(&payment_snapshot, approved(&tno))
                .await
                .unwrap();
            let events = test_app.store().unnumbered().await.unwrap();
            let to = |_: &_| Vec::new();
            test_app.store().number(at(10), &events, to).await.unwrap();
            let name = n.to_string();
            let kind = DocumentKind::Operator;
            test_app
                .store()
                .add_document(kind, &name, "", "")
                .await
                .unwrap();
        }
    };
    let proofs = async {
        for _ in 0..5 {
            test_app.store().verify().await.unwrap();
        }
    };
    tokio::join!(writes, proofs);
    test_app.store().verify().await.unwrap();
}

#[tokio::test]
async fn a_torn_copy_is_told_by_the_ending_beside_it() {
    let test_app = TestApp::sqlite();
    full(&test_app).await;
    let Place::Folder(dir) = &test_app.place else {
        unreachable!()
    };
    // The log is not brought home: what is in it is missing in a copy without it.
    let torn = copied(dir.path());
    let store = Store::open_to_read(torn.path());
    let why = match store {
        Ok(store) => store.verify().await.unwrap_err().to_string(),
        Err(why) => why.to_string(),
    };
    assert!(
        !torn.path().join("sugi.db-wal").exists() || why.contains("cut off"),
        "{why}"
    );
    // With some of it at home, what is left is a whole ledger of some time ago.
    let home = |dir: &Path| {
        let db = rusqlite::Connection::open(dir.join("sugi.db")).unwrap();
        db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
            .unwrap();
    };
    home(dir.path());
    test_app.pay(9, "A-9").await.unwrap();
    let torn = copied(dir.path());
    let store = Store::open_to_read(torn.path()).unwrap();
    assert!(store.knows_its_end());
    let why = store.verify().await.unwrap_err().to_string();
    assert!(
        why.contains("cut off") && why.contains("sugi.db-wal"),
        "{why}"
    );
    drop(store);
    let why = Store::open(torn.path()).unwrap_err().to_string();
    assert!(why.contains("sugi.db-wal"), "{why}");
    // Without the file nothing is known of what is missing, and that is known.
    std::fs::remove_file(torn.path().join("sugi.end")).unwrap();
    let store = Store::open_to_read(torn.path()).unwrap();
    store.verify().await.unwrap();
    assert!(!store.knows_its_end());
    drop(store);
    // Whole again, it ends where the file says.
    let whole = copied(dir.path());
    std::fs::copy(
        dir.path().join("sugi.db-wal"),
        whole.path().join("sugi.db-wal"),
    )
    .unwrap();
    let store = Store::open_to_read(whole.path()).unwrap();
    assert_eq!(store.verify().await.unwrap().0, 4);
}

#[tokio::test]
async fn an_index_that_is_not_read_is_named() {
    let test_app = TestApp::postgres().await;
    full(&test_app).await;
    test_app.harm_all("create index another on lease (payment)");
    let (_, unread) = test_app.store().prove().await.unwrap();
    assert!(
        !unread.is_empty(),
        "each of two that serve the same is read"
    );
    test_app.harm_all("create extension amcheck");
    let (_, unread) = test_app.store().prove().await.unwrap();
    assert_eq!(unread, [""; 0]);
}

/// PostgreSQL's own check, where it is installed.
#[tokio::test]
async fn amcheck_is_asked_where_it_is_installed() {
    let test_app = TestApp::postgres().await;
    full(&test_app).await;
    test_app.harm_all("create extension amcheck");
    test_app.store().verify().await.unwrap();
    test_app.blind("idempotency_pkey", "idempotency");
    let why = test_app.store().verify().await.unwrap_err().to_string();
    assert!(why.contains("index idempotency_pkey: heap tuple"), "{why}");
}

/// Bytes read as the text that they are made of, and nothing that asks for the text finds them.
#[tokio::test]
async fn a_text_is_not_stored_as_bytes() {
    let mut test_app = TestApp::sqlite();
    full(&test_app).await;
    test_app.store = None;
    let Place::Folder(dir) = &test_app.place else {
        unreachable!()
    };
    let harm = "update payment set shop = cast(shop as blob), tno = cast(tno as blob) where tno is not null";
    let db = rusqlite::Connection::open(dir.path().join("sugi.db")).unwrap();
    let why = db.execute(harm, []).unwrap_err().to_string();
    assert!(
        why.contains("cannot store BLOB value in TEXT column"),
        "{why}"
    );
    // With a table that was not strict for a while, they are there, and found.
    let rewrite = |sql: &str| {
        db.execute_batch(&format!(
            "pragma writable_schema = on;
             update sqlite_schema set sql = {sql} where name = 'payment';
             pragma writable_schema = reset"
        ))
        .unwrap();
    };
    rewrite("substr(sql, 1, length(sql) - length(' strict'))");
    assert_eq!(db.execute(harm, []).unwrap(), 1);
    let loose = Store::open_to_read(dir.path()).unwrap();
    let why = loose.verify().await.unwrap_err().to_string();
    assert!(why.contains("table payment"), "{why}");
    drop(loose);
    rewrite("sql || ' strict'");
    let why = Store::open_to_read(dir.path()).unwrap().verify().await;
    let why = why.unwrap_err().to_string();
    assert!(why.contains("non-TEXT value in payment"), "{why}");
}

/// The power went before the file beside the ledger was written for the first time.
#[tokio::test]
async fn an_ending_that_is_empty_is_none() {
    let mut test_app = TestApp::sqlite();
    full(&test_app).await;
    test_app.store = None;
    let Place::Folder(dir) = &test_app.place else {
        unreachable!()
    };
    let ending = dir.path().join("sugi.end");
    for empty in ["", "\0\0\0"] {
        std::fs::write(&ending, empty).unwrap();
        let store = Store::open_to_read(dir.path()).unwrap();
        assert!(!store.knows_its_end());
        prove(&store).await.unwrap();
        drop(store);
        drop(Store::open(dir.path()).unwrap());
        let written = std::fs::read_to_string(&ending).unwrap();
        assert!(written.trim().parse::<u64>().is_ok(), "{written:?}");
    }
}
