//! How lists are found, on both engines: by a stretch of an index, however large the ledger is.

use sugi_core::Status;

use super::{Filter, Text};
use crate::{Store, sql, store::Engine, value::Value};

/// A ledger with many payments: of two shops that sell side by side, an old one that has closed, and
/// a new one; in the shares of states that a merchant sees.
struct Many {
    store: Store,
    n: u32,
    _dir: Option<tempfile::TempDir>,
}

/// A second, in the ledger's microseconds.
const SECOND: u64 = 1_000_000;
const FIRST: u64 = 1_800_000_000 * SECOND;

impl Many {
    fn sqlite(n: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let db = rusqlite::Connection::open(dir.path().join("sugi.db")).unwrap();
        let from = format!(
            "(with recursive up(n) as (select 1 union all select n + 1 from up where n < {n}) select n from up)"
        );
        let pad = |number: &str, width| format!("printf('%0{width}d', {number})");
        db.execute_batch(&payments(n, &from, pad)).unwrap();
        Self {
            store,
            n,
            _dir: Some(dir),
        }
    }

    async fn postgres(n: u32) -> Self {
        let database = pg_for_tests::database();
        let store = Store::connect(database.url()).await.unwrap();
        let from = format!("generate_series(1, {n}::bigint) as up (n)");
        let pad = |number: &str, width| format!("lpad(({number})::text, {width}, '0')");
        database.sql(&payments(n, &from, pad));
        database.sql("analyze payment");
        Self {
            store,
            n,
            _dir: None,
        }
    }

    /// How the engine would find this: a line for each way in which it comes to payments.
    async fn ways(&self, (sql, values): (String, Vec<Value<'static>>)) -> Vec<String> {
        let (explain, column) = match self.store.engine {
            Engine::Sqlite(_) => ("explain query plan", 3),
            // What a recursive step does is told only once it ran.
            Engine::Postgres(_) | Engine::Snapshot(_) => ("explain (analyze, timing off)", 0),
        };
        let rows = self.store.engine.rows(format!("{explain} {sql}"), values);
        let rows = rows.await.unwrap();
        let lines = rows.iter().map(|row| row.text(column).unwrap());
        let is_way = |line: &String| {
            // A bitmap is made of an index, which has a line of its own.
            let reads = ["SCAN ", "SEARCH ", " Scan "]
                .iter()
                .any(|reads| line.contains(reads));
            reads && line.contains(" payment") && !line.contains("Bitmap Heap")
        };
        lines.filter(is_way).collect()
    }

    /// What people look for, and the index that has to find it.
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn searches(&self) -> Vec<(&'static str, &'static str, Filter)> {
        let page = || Filter {
            limit: 50,
            ..Filter::default()
        };
        let shops = |names: &[&str]| Filter {
            shops: names.iter().map(|name| name.parse().unwrap()).collect(),
            ..page()
        };
        let states = |statuses: &[Status]| Filter {
            statuses: statuses.into(),
            ..page()
        };
        let text = |text: &str| Some(text.to_owned());
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let at = |n: u32| {
            let us = FIRST + u64::from(n) * 10 * SECOND;
            jiff::Timestamp::from_microsecond(us.try_into().unwrap()).ok()
        };
        let n = self.n;
        let orders: Vec<_> = (0..Text::MOST)
            .map(|at| format!("A-{}", n / 2 + u32::try_from(at).unwrap()))
            .collect();
        let id = |n: u32| format!("pay_{n:032}").parse().ok();
        vec![
            ("all", "payment_created", page()),
            (
                "all, far back",
                "payment_created",
                Filter {
                    before: id(n / 3),
                    ..page()
                },
            ),
            (
                "an old day",
                "payment_created",
                Filter {
                    from: at(n / 4),
                    until: at(n / 4 + 5_000),
                    ..page()
                },
            ),
            (
                "both large shops",
                "payment_shop",
                shops(&["main", "second"]),
            ),
            ("a shop that has closed", "payment_shop", shops(&["old"])),
            ("a shop that is new", "payment_shop", shops(&["new"])),
            ("a shop that nobody has", "payment_shop", shops(&["none"])),
            (
                "a common state",
                "payment_status",
                states(&[Status::Approved]),
            ),
            ("a rare state", "payment_status", states(&[Status::InDoubt])),
            (
                "a state that none has",
                "payment_status",
                states(&[Status::Reversing]),
            ),
            (
                "a common and a rare state",
                "payment_status",
                states(&[Status::Approved, Status::InDoubt]),
            ),
            (
                "a state of an old day",
                "payment_status",
                Filter {
                    from: at(n / 4),
                    until: at(n / 4 + 5_000),
                    ..states(&[Status::Void])
                },
            ),
            (
                "a state of a shop that has none",
                "payment_shop",
                Filter {
                    statuses: vec![Status::PartiallyCancelled],
                    ..shops(&["main"])
                },
            ),
            (
                "a state of a shop that has closed",
                "payment_shop",
                Filter {
                    statuses: vec![Status::Approved],
                    ..shops(&["old"])
                },
            ),
            (
                "an order",
                "payment_order",
                Filter {
                    order_nos: texts(&[&format!("A-{}", n / 2)]),
                    ..page()
                },
            ),
            (
                "several orders",
                "payment_order",
                Filter {
                    order_nos: orders.clone(),
                    before: id(n / 3),
                    from: at(1),
                    ..page()
                },
            ),
            (
                "several orders of a shop in a state",
                "payment_order",
                Filter {
                    order_nos: orders,
                    statuses: vec![Status::Approved],
                    ..shops(&["main", "new"])
                },
            ),
            (
                "an order's number at KCP",
                "payment_number",
                Filter {
                    kcp_order_no: text(&format!("A-{}-B", n / 2)),
                    ..page()
                },
            ),
            (
                "a number at KCP",
                "payment_tno",
                Filter {
                    tno: text(&format!("26{:012}", n / 2)),
                    ..page()
                },
            ),
            (
                "an approval number",
                "payment_app_no",
                Filter {
                    app_no: text("00048271"),
                    ..page()
                },
            ),
            (
                "a phone",
                "payment_phone_created",
                Filter {
                    buyer_phone: text("01000104729"),
                    ..page()
                },
            ),
            (
                "a card",
                "payment_last4_created",
                Filter {
                    last4: text("0031"),
                    ..page()
                },
            ),
            (
                "a card that many have",
                "payment_last4_created",
                Filter {
                    last4: text("1111"),
                    ..page()
                },
            ),
            (
                "a card that many have, far back",
                "payment_last4_created",
                Filter {
                    last4: text("1111"),
                    before: id(n / 3),
                    ..page()
                },
            ),
            (
                "a name",
                "payment_name_created",
                Filter {
                    buyer_names: texts(&["name 7919"]),
                    ..page()
                },
            ),
            (
                "a name that many have",
                "payment_name_created",
                Filter {
                    buyer_names: texts(&["name 0"]),
                    ..page()
                },
            ),
            (
                "several names, one of which many have",
                "payment_name_created",
                Filter {
                    buyer_names: texts(&["name 0", "name 1", "name 2", "nobody"]),
                    before: id(n / 3),
                    ..shops(&["main"])
                },
            ),
            (
                "an order of a shop in a state",
                "payment_order",
                Filter {
                    order_nos: texts(&[&format!("A-{}", n / 2)]),
                    statuses: vec![Status::Approved],
                    from: at(1),
                    ..shops(&["main", "second", "new"])
                },
            ),
            (
                "a card of a shop in a state",
                "payment_last4_created",
                Filter {
                    last4: text("0031"),
                    statuses: vec![Status::Approved],
                    ..shops(&["main"])
                },
            ),
        ]
    }
}

/// A statement that makes so many payments, one every ten seconds.
fn payments(n: u32, from: &str, pad: impl Fn(&str, u8) -> String) -> String {
    let columns = [
        ("id", format!("'pay_' || {}", pad("n", 32))),
        ("seq", "2".into()),
        ("head", "''".into()),
        ("status", format!(
            "case when n % {doubt} = 0 then 'in_doubt' when n % 100 < 7 then 'declined' when n % 100 < 10 then 'cancelled'
             when n % 100 = 10 and n > {old} then 'partially_cancelled' when n % 100 = 11 then 'void' else 'approved' end",
            doubt = n / 7, old = n / 10,
        )),
        ("shop", format!(
            "case when n <= {} then 'old' when n > {} then 'new' when n % 5 < 2 then 'second' else 'main' end",
            n / 10, n - 40,
        )),
        ("order_no", "'A-' || n".into()),
        ("site_cd", "'T0000'".into()),
        ("ordr_idxx", "'A-' || n || '-B'".into()),
        ("amount", "1004".into()),
        ("cancelled", "0".into()),
        ("currency", "'KRW'".into()),
        ("buyer_name", "'name ' || (case when n % 50 = 0 then 0 else n * 7919 % 20000 end)".into()),
        ("buyer_phone", format!("'010' || {}", pad("n * 104729 % 300000", 8))),
        ("last4", format!("case when n % 20 = 0 then '1111' else {} end", pad("n * 31 % 10000", 4))),
        ("tno", format!("'26' || {}", pad("n", 12))),
        ("app_no", pad("n * 48271 % 100000000", 8)),
        ("issuer", "'KB'".into()),
        ("actor", "'kim'".into()),
        ("created_at", format!("{FIRST} + n * {}", 10 * SECOND)),
        ("updated_at", format!("{FIRST} + n * {}", 10 * SECOND)),
    ];
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<_> = columns.iter().map(|(_, value)| value.as_str()).collect();
    format!(
        "insert into payment ({}) select {} from {from}",
        names.join(", "),
        values.join(", ")
    )
}

#[tokio::test]
async fn every_list_is_found_by_the_index_that_is_made_for_it() {
    for many in [Many::sqlite(20_000), Many::postgres(20_000).await] {
        for (what, index, filter) in many.searches() {
            let ways = many.ways(filter.to_sql()).await;
            let uses = |way: &String, index: &str| way.split_whitespace().any(|word| word == index);
            // The payment that a page goes on from is found by its name.
            let by_name = ["sqlite_autoindex_payment_1", "payment_pkey"];
            let is_right =
                |way: &String| uses(way, index) || by_name.iter().any(|name| uses(way, name));
            let is_found = ways.iter().any(|way| uses(way, index));
            assert!(is_found && ways.iter().all(is_right), "{what}: {ways:?}");
        }
    }
}

/// However many begin so, and however many have one of them.
#[tokio::test]
async fn texts_are_found_by_their_beginning_by_an_index() {
    for many in [Many::sqlite(20_000), Many::postgres(20_000).await] {
        for (text, beginning, index) in [
            (Text::OrderNo, "A-", "payment_order"),
            (Text::OrderNo, "A-1234", "payment_order"),
            (Text::BuyerName, "name", "payment_name_created"),
        ] {
            let ways = many.ways(text.to_sql(beginning)).await;
            let by_index = |way: &String| way.split_whitespace().any(|word| word == index);
            assert!(
                ways.len() == 2 && ways.iter().all(by_index),
                "{text:?} {beginning}: {ways:?}"
            );
        }
        let found = many.store.beginning(Text::BuyerName, "name 77").await;
        let found = found.unwrap();
        let right = |name: &String| name.starts_with("name 77");
        assert!(
            found.len() == Text::MOST + 1 && found.iter().all(right) && found.is_sorted(),
            "{found:?}"
        );
    }
}

/// The indexes of lists are no way for what is written: an order has few payments, a shop all of them.
#[tokio::test]
async fn whose_an_order_and_a_transaction_are_is_found_by_their_numbers() {
    for many in [Many::sqlite(20_000), Many::postgres(20_000).await] {
        for (sql, values, index) in [
            (
                sql::LIVING,
                vec!["A-15001", "T0000", "main"],
                "payment_order",
            ),
            (
                sql::LIVING_ELSEWHERE,
                vec!["A-15001", "T0000", "main"],
                "payment_order",
            ),
            (sql::OWNER, vec!["26000000015001", "T0000"], "payment_tno"),
        ] {
            let values = values.into_iter().map(Value::from).collect();
            let ways = many.ways((sql.into(), values));
            let ways = ways.await;
            let by_index = |way: &String| way.split_whitespace().any(|word| word == index);
            assert!(
                ways.iter().filter(|way| by_index(way)).count() == 1,
                "{sql}: {ways:?}"
            );
        }
    }
}
