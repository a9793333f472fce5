//! The audit's writer: everything in one chain, whoever writes.

use std::{collections::BTreeMap, time::Duration};

use sugi_store::{AuditEntry, AuditFilter, AuditRow, Store};

use crate::{TestApp, together};

on_each_engine!(
    hundreds_of_deeds_from_everywhere_are_one_whole_chain,
    what_was_written_down_stands,
    what_was_noted_stands_after_a_flush,
    a_ledger_that_is_away_for_a_moment_is_waited_for,
    what_the_ledger_refuses_takes_nothing_else_with_it,
    no_text_is_one_that_the_ledger_refuses,
);

fn audit_entry(test_app: &TestApp, actor: &str, n: usize) -> AuditEntry {
    AuditEntry {
        at: test_app.clock.now(),
        actor: format!("operator:{actor}"),
        action: "GET /payments/{id}".into(),
        subject: n.to_string(),
        outcome: "200".into(),
        origin: "192.0.2.7".into(),
    }
}

/// All of the audit, the oldest first.
async fn all(store: &Store) -> Vec<AuditRow> {
    let mut rows: Vec<AuditRow> = Vec::new();
    // More pages than there can be.
    for _ in 0..100 {
        let before = rows.last().map(|row| row.seq);
        let filter = AuditFilter {
            before,
            ..AuditFilter::default()
        };
        let page = store.audit_entries(&filter).await.unwrap();
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    rows.reverse();
    rows
}

async fn hundreds_of_deeds_from_everywhere_are_one_whole_chain(test_app: TestApp) {
    const TASKS: usize = 8;
    const EACH: usize = 75;
    let other = test_app.another_access().await;
    let tasks = (0..TASKS).map(|task| {
        let access = if task % 2 == 0 {
            test_app.access.clone()
        } else {
            other.clone()
        };
        let audit_entries: Vec<_> = (0..EACH)
            .map(|n| audit_entry(&test_app, &format!("task {task}"), n))
            .collect();
        tokio::spawn(async move {
            for (n, audit_entry) in audit_entries.into_iter().enumerate() {
                match n % 3 {
                    0 => access.note_now(audit_entry),
                    1 => access.note(audit_entry).await,
                    _ => access.write_down(audit_entry).await.unwrap(),
                }
            }
        })
    });
    for task in together(tasks).await {
        task.unwrap();
    }
    test_app.access.flush().await;
    other.flush().await;
    let rows = all(&test_app.store).await;
    assert_eq!(rows.len(), TASKS * EACH);
    let end = test_app.store.verify_audit(None).await.unwrap();
    assert_eq!(end.seq, i64::try_from(TASKS * EACH).unwrap());
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &rows {
        of.entry(&row.audit_entry.actor)
            .or_default()
            .push(&row.audit_entry.subject);
    }
    let in_order: Vec<_> = (0..EACH).map(|n| n.to_string()).collect();
    assert_eq!(of.len(), TASKS);
    for (task, subjects) in of {
        assert_eq!(subjects, in_order, "{task}: each once, in order");
    }
}

async fn what_was_written_down_stands(test_app: TestApp) {
    let written = audit_entry(&test_app, "kim", 1);
    test_app.access.write_down(written.clone()).await.unwrap();
    let rows = all(&test_app.store).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].audit_entry, written);
}

async fn what_was_noted_stands_after_a_flush(test_app: TestApp) {
    for n in 0..300 {
        test_app.access.note_now(audit_entry(&test_app, "kim", n));
    }
    test_app.access.flush().await;
    assert_eq!(all(&test_app.store).await.len(), 300);
    test_app.access.flush().await;
}

async fn a_ledger_that_is_away_for_a_moment_is_waited_for(test_app: TestApp) {
    test_app
        .access
        .write_down(audit_entry(&test_app, "kim", 1))
        .await
        .unwrap();
    test_app.harm("alter table audit rename to gone");
    let mut waits = Box::pin(test_app.access.write_down(audit_entry(&test_app, "kim", 2)));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waits).await;
    assert!(early.is_err(), "given up at once: {early:?}");
    test_app.access.note(audit_entry(&test_app, "kim", 3)).await;
    test_app.harm("alter table gone rename to audit");
    waits.await.unwrap();
    test_app.access.flush().await;
    let subjects: Vec<_> = all(&test_app.store)
        .await
        .into_iter()
        .map(|row| row.audit_entry.subject)
        .collect();
    assert_eq!(subjects, ["1", "2", "3"]);
    test_app.store.verify_audit(None).await.unwrap();
}

/// Makes the ledger refuse every entry about this.
const REFUSED: &str = "refused";

async fn what_the_ledger_refuses_takes_nothing_else_with_it(test_app: TestApp) {
    test_app.harm_each(
        &format!(
            "create trigger no before insert on audit when new.subject = '{REFUSED}' \
             begin select raise(abort, 'no'); end"
        ),
        &format!("alter table audit add constraint no check (subject <> '{REFUSED}')"),
    );
    let bad = AuditEntry {
        subject: REFUSED.into(),
        ..audit_entry(&test_app, "kim", 0)
    };
    for n in 0..40 {
        test_app.access.note_now(audit_entry(&test_app, "kim", n));
        if n % 20 == 10 {
            test_app.access.note_now(bad.clone());
        }
    }
    assert!(test_app.access.write_down(bad).await.is_err());
    test_app.access.flush().await;
    let rows = all(&test_app.store).await;
    let of = |actor: &str| {
        rows.iter()
            .filter(|row| row.audit_entry.actor == actor)
            .count()
    };
    assert_eq!((of("operator:kim"), of("sugi")), (40, 3), "{rows:#?}");
    // Each where the one that is missing would stand.
    let place = rows.iter().position(|row| row.audit_entry.actor == "sugi");
    assert_eq!(place, Some(11));
    assert!(
        rows[11].audit_entry.outcome.starts_with("1 not written"),
        "{:?}",
        rows[11]
    );
    let store = &test_app.store;
    store.verify_audit(None).await.unwrap();
}

async fn no_text_is_one_that_the_ledger_refuses(test_app: TestApp) {
    let nul = AuditEntry {
        outcome: "422 a\u{0}b".into(),
        ..audit_entry(&test_app, "kim", 1)
    };
    test_app.access.write_down(nul).await.unwrap();
    let rows = all(&test_app.store).await;
    assert_eq!(rows[0].audit_entry.outcome, "422 a\u{fffd}b");
    let store = &test_app.store;
    store.verify_audit(None).await.unwrap();
}
