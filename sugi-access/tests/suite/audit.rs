//! The audit's writer: everything in one chain, whoever writes.

use std::{collections::BTreeMap, time::Duration};

use sugi_access::Access;
use sugi_store::{AuditRow, Deed, DeedFilter};

use crate::{House, together};

on_each_engine!(
    hundreds_of_deeds_from_everywhere_are_one_whole_chain,
    what_was_written_down_stands,
    what_was_noted_stands_after_a_flush,
    a_ledger_that_is_away_for_a_moment_is_waited_for,
    what_the_ledger_refuses_takes_nothing_else_with_it,
    no_text_is_one_that_the_ledger_refuses,
);

fn deed(house: &House, actor: &str, n: usize) -> Deed {
    Deed {
        at: house.clock.now(),
        actor: format!("operator:{actor}"),
        action: "GET /payments/{id}".into(),
        subject: n.to_string(),
        outcome: "200".into(),
        origin: "192.0.2.7".into(),
    }
}

/// All of the audit, the oldest first.
async fn all(access: &Access) -> Vec<AuditRow> {
    let mut rows: Vec<AuditRow> = Vec::new();
    // More pages than there can be.
    for _ in 0..100 {
        let before = rows.last().map(|row| row.seq);
        let filter = DeedFilter {
            before,
            ..DeedFilter::default()
        };
        let page = access.engine().store().deeds(&filter).await.unwrap();
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    rows.reverse();
    rows
}

async fn hundreds_of_deeds_from_everywhere_are_one_whole_chain(house: House) {
    const TASKS: usize = 8;
    const EACH: usize = 75;
    let other = house.another_access().await;
    let tasks = (0..TASKS).map(|task| {
        let access = if task % 2 == 0 {
            house.access.clone()
        } else {
            other.clone()
        };
        let deeds: Vec<_> = (0..EACH)
            .map(|n| deed(&house, &format!("task {task}"), n))
            .collect();
        tokio::spawn(async move {
            for (n, deed) in deeds.into_iter().enumerate() {
                match n % 3 {
                    0 => access.note_now(deed),
                    1 => access.note(deed).await,
                    _ => access.write_down(deed).await.unwrap(),
                }
            }
        })
    });
    for task in together(tasks).await {
        task.unwrap();
    }
    house.access.flush().await;
    other.flush().await;
    let rows = all(&house.access).await;
    assert_eq!(rows.len(), TASKS * EACH);
    let end = house
        .access
        .engine()
        .store()
        .verify_audit(None)
        .await
        .unwrap();
    assert_eq!(end.seq, i64::try_from(TASKS * EACH).unwrap());
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &rows {
        of.entry(&row.deed.actor)
            .or_default()
            .push(&row.deed.subject);
    }
    let in_order: Vec<_> = (0..EACH).map(|n| n.to_string()).collect();
    assert_eq!(of.len(), TASKS);
    for (task, subjects) in of {
        assert_eq!(subjects, in_order, "{task}: each once, in order");
    }
}

async fn what_was_written_down_stands(house: House) {
    let written = deed(&house, "kim", 1);
    house.access.write_down(written.clone()).await.unwrap();
    let rows = all(&house.access).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].deed, written);
}

async fn what_was_noted_stands_after_a_flush(house: House) {
    for n in 0..300 {
        house.access.note_now(deed(&house, "kim", n));
    }
    house.access.flush().await;
    assert_eq!(all(&house.access).await.len(), 300);
    house.access.flush().await;
}

async fn a_ledger_that_is_away_for_a_moment_is_waited_for(house: House) {
    house
        .access
        .write_down(deed(&house, "kim", 1))
        .await
        .unwrap();
    house.harm("alter table audit rename to gone");
    let mut waits = Box::pin(house.access.write_down(deed(&house, "kim", 2)));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waits).await;
    assert!(early.is_err(), "given up at once: {early:?}");
    house.access.note(deed(&house, "kim", 3)).await;
    house.harm("alter table gone rename to audit");
    waits.await.unwrap();
    house.access.flush().await;
    let subjects: Vec<_> = all(&house.access)
        .await
        .into_iter()
        .map(|row| row.deed.subject)
        .collect();
    assert_eq!(subjects, ["1", "2", "3"]);
    house
        .access
        .engine()
        .store()
        .verify_audit(None)
        .await
        .unwrap();
}

/// Makes the ledger refuse every entry about this.
const REFUSED: &str = "refused";

async fn what_the_ledger_refuses_takes_nothing_else_with_it(house: House) {
    house.harm_each(
        &format!(
            "create trigger no before insert on audit when new.subject = '{REFUSED}' \
             begin select raise(abort, 'no'); end"
        ),
        &format!("alter table audit add constraint no check (subject <> '{REFUSED}')"),
    );
    let bad = Deed {
        subject: REFUSED.into(),
        ..deed(&house, "kim", 0)
    };
    for n in 0..40 {
        house.access.note_now(deed(&house, "kim", n));
        if n % 20 == 10 {
            house.access.note_now(bad.clone());
        }
    }
    assert!(house.access.write_down(bad).await.is_err());
    house.access.flush().await;
    let rows = all(&house.access).await;
    let of = |actor: &str| rows.iter().filter(|row| row.deed.actor == actor).count();
    assert_eq!((of("operator:kim"), of("sugi")), (40, 3), "{rows:#?}");
    // Each where the one that is missing would stand.
    let place = rows.iter().position(|row| row.deed.actor == "sugi");
    assert_eq!(place, Some(11));
    assert!(
        rows[11].deed.outcome.starts_with("1 not written"),
        "{:?}",
        rows[11]
    );
    let store = house.access.engine().store();
    store.verify_audit(None).await.unwrap();
}

async fn no_text_is_one_that_the_ledger_refuses(house: House) {
    let nul = Deed {
        outcome: "422 a\u{0}b".into(),
        ..deed(&house, "kim", 1)
    };
    house.access.write_down(nul).await.unwrap();
    let rows = all(&house.access).await;
    assert_eq!(rows[0].deed.outcome, "422 a\u{fffd}b");
    let store = house.access.engine().store();
    store.verify_audit(None).await.unwrap();
}
