//! Every byte of the journal, of its projection and of the audit counts: whichever is broken, the row
//! that it is in is named.

use sugi_store::{AuditEntry, Store, StoreError};

use crate::{Place, TestApp, approved, at, id};

on_each_engine!(every_byte_that_is_broken_is_named);

/// A row, and two ways to find it: by what it is named by, and by its hash.
struct Row {
    table: &'static str,
    by_name: String,
    by_hash: String,
    place: String,
}

/// A column of a row.
struct Cell {
    table: &'static str,
    column: &'static str,
    found_by: String,
    place: String,
}

/// What is in a cell.
#[derive(Debug, Clone, PartialEq)]
enum Content {
    Text(Vec<u8>),
    Number(i64),
}

async fn every_byte_that_is_broken_is_named(test_app: TestApp) {
    for n in 1..=2 {
        let payment_snapshot = test_app.pay(n, &format!("A-{n}")).await.unwrap();
        let approval = approved(&format!("2600000000000{n}"));
        test_app.then(&payment_snapshot, approval).await.unwrap();
    }
    let payment = id(2);
    let audit_entries: Vec<_> = (1..=3).map(|n| audit_entry(n, payment.as_str())).collect();
    let start = test_app.store().audit_checkpoint().await.unwrap();
    test_app
        .store()
        .audit(start, &audit_entries)
        .await
        .unwrap()
        .unwrap();
    assert!(verify(test_app.store()).await.is_ok());

    // A round trip costs more there, and what is compared is the same.
    let step = match test_app.place {
        Place::Folder(_) => 1,
        Place::Database(_) => 37,
    };
    let hand = Hand::on(&test_app).await;
    let mut broken = 0;
    for cell in cells(&hand, payment.as_str()).await {
        let whole = hand.read(&cell).await;
        let places = (0..whole.len()).step_by(step);
        // The highest bit makes most texts no text at all.
        for (at, bit) in places.flat_map(|at| [(at, 0x01), (at, 0x80)]) {
            let Some(flipped) = whole.flipped(at, bit, step == 1) else {
                continue;
            };
            hand.write(&cell, &flipped).await;
            let found = verify(test_app.store()).await;
            let name = format!("{}, {} byte {at} bit {bit}", cell.place, cell.column);
            let Err(StoreError::Inconsistent(violation)) = found else {
                panic!("{name}: {found:?}")
            };
            assert!(cell.is_named(&violation.place), "{name}: {violation}");
            hand.write(&cell, &whole).await;
            broken += 1;
        }
    }
    assert!(broken > 2_400 / step, "{broken}");
    assert!(verify(test_app.store()).await.is_ok(), "all is as it was");
}

async fn verify(store: &Store) -> Result<(), StoreError> {
    store.verify().await?;
    store.verify_audit(None).await?;
    Ok(())
}

fn audit_entry(n: i64, subject: &str) -> AuditEntry {
    AuditEntry {
        at: at(n),
        actor: "operator:김".into(),
        action: "GET /v1/payments/{id}".into(),
        subject: subject.into(),
        outcome: "200".into(),
        origin: "192.0.2.7".into(),
    }
}

/// All cells of a payment's journal, of its row in the projection, and of two rows of the audit.
async fn cells(hand: &Hand, payment: &str) -> Vec<Cell> {
    let mut rows = Vec::new();
    for seq in 1..=3 {
        let name = format!("payment = '{payment}' and seq = {seq}");
        let place = format!("journal row ({payment}, {seq})");
        rows.push(row(hand, "journal", "hash", name, place).await);
    }
    let place = format!("payment row {payment}");
    rows.push(row(hand, "payment", "head", format!("id = '{payment}'"), place).await);
    for seq in 2..=3 {
        let place = format!("audit row {seq}");
        rows.push(row(hand, "audit", "hash", format!("seq = {seq}"), place).await);
    }
    let cells = rows.iter().flat_map(|row| {
        columns(row.table).iter().map(|column| Cell {
            table: row.table,
            column,
            found_by: if is_name(column) {
                &row.by_hash
            } else {
                &row.by_name
            }
            .clone(),
            place: row.place.clone(),
        })
    });
    cells.collect()
}

async fn row(hand: &Hand, table: &'static str, hash: &str, by_name: String, place: String) -> Row {
    let found = hand
        .ask(&format!("select {hash} from {table} where {by_name}"))
        .await;
    let Content::Text(found) = found else {
        panic!("{place} has no hash")
    };
    let by_hash = format!("{hash} = '{}'", String::from_utf8(found).unwrap());
    Row {
        table,
        by_name,
        by_hash,
        place,
    }
}

/// All columns of a table, but for `due_at`: when the engine looks next is its own affair.
fn columns(table: &str) -> &'static [&'static str] {
    match table {
        "journal" => &["payment", "seq", "at", "body", "hash", "erasable"],
        "payment" => &[
            "id",
            "seq",
            "head",
            "status",
            "shop",
            "site_cd",
            "order_no",
            "ordr_idxx",
            "amount",
            "cancelled",
            "currency",
            "buyer_name",
            "buyer_phone",
            "last4",
            "tno",
            "app_no",
            "actor",
            "created_at",
            "updated_at",
        ],
        _ => &[
            "seq", "at", "actor", "action", "subject", "outcome", "origin", "changes", "events",
            "hash",
        ],
    }
}

/// Whether rows are named by a column: broken, it names another one, or one that is missing.
fn is_name(column: &str) -> bool {
    ["payment", "id", "seq"].contains(&column)
}

impl Cell {
    fn is_named(&self, place: &str) -> bool {
        match (self.table, is_name(self.column)) {
            (_, false) => place == self.place,
            ("audit", true) => place.starts_with("audit row "),
            (_, true) => place.starts_with("journal row (") || place.starts_with("payment row "),
        }
    }
}

impl Content {
    fn len(&self) -> usize {
        match self {
            Self::Text(bytes) => bytes.len(),
            Self::Number(_) => 8,
        }
    }

    /// With a bit of one byte the other way round; `None` if that is no text and texts are checked.
    fn flipped(&self, at: usize, bit: u8, any: bool) -> Option<Self> {
        match self {
            Self::Text(bytes) => {
                let mut bytes = bytes.clone();
                bytes[at] ^= bit;
                (any || std::str::from_utf8(&bytes).is_ok()).then_some(Self::Text(bytes))
            }
            // With a low bit the other way round it could be another row's.
            Self::Number(_) if bit != 0x80 => None,
            Self::Number(number) => Some(Self::Number(number ^ (0x80 << (8 * at)))),
        }
    }
}

/// Someone's hand in the rows, behind the store's back.
enum Hand {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Hand {
    async fn on(test_app: &TestApp) -> Self {
        match &test_app.place {
            Place::Folder(dir) => {
                let db = rusqlite::Connection::open(dir.path().join("sugi.db")).unwrap();
                db.execute_batch("pragma synchronous = off").unwrap();
                Self::Sqlite(db)
            }
            Place::Database(database) => {
                let (client, connection) =
                    tokio_postgres::connect(database.url(), tokio_postgres::NoTls)
                        .await
                        .unwrap();
                tokio::spawn(connection);
                Self::Postgres(client)
            }
        }
    }

    async fn read(&self, cell: &Cell) -> Content {
        let Cell {
            table,
            column,
            found_by,
            ..
        } = cell;
        self.ask(&format!("select {column} from {table} where {found_by}"))
            .await
    }

    /// What one cell holds; nothing is a text without bytes.
    async fn ask(&self, sql: &str) -> Content {
        match self {
            Self::Sqlite(db) => {
                let read = |row: &rusqlite::Row| {
                    Ok(match row.get_ref(0)? {
                        rusqlite::types::ValueRef::Integer(number) => Content::Number(number),
                        rusqlite::types::ValueRef::Null => Content::Text(Vec::new()),
                        text => Content::Text(text.as_bytes().unwrap().to_vec()),
                    })
                };
                db.query_row(sql, [], read).unwrap()
            }
            Self::Postgres(client) => {
                let row = client.query_one(sql, &[]).await.unwrap();
                if let Ok(number) = row.try_get::<_, i64>(0) {
                    return Content::Number(number);
                }
                let text: Option<String> = row.get(0);
                Content::Text(text.unwrap_or_default().into_bytes())
            }
        }
    }

    async fn write(&self, cell: &Cell, content: &Content) {
        let Cell {
            table,
            column,
            found_by,
            ..
        } = cell;
        let touched = match (self, content) {
            (Self::Sqlite(db), Content::Text(bytes)) => {
                let sql =
                    format!("update {table} set {column} = cast(?1 as text) where {found_by}");
                db.execute(&sql, [bytes]).unwrap() as u64
            }
            (Self::Sqlite(db), Content::Number(number)) => {
                let sql = format!("update {table} set {column} = ?1 where {found_by}");
                db.execute(&sql, [number]).unwrap() as u64
            }
            (Self::Postgres(client), Content::Text(bytes)) => {
                let sql = format!("update {table} set {column} = $1 where {found_by}");
                let text = std::str::from_utf8(bytes).unwrap();
                client.execute(&sql, &[&text]).await.unwrap()
            }
            (Self::Postgres(client), Content::Number(number)) => {
                let sql = format!("update {table} set {column} = $1 where {found_by}");
                client.execute(&sql, &[number]).await.unwrap()
            }
        };
        assert_eq!(touched, 1, "{table} {column}");
    }
}
