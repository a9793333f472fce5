//! Leases: what is due is in one node's hands at a time, and never stays in a dead one's.

use jiff::SignedDuration;
use sugi_store::Lease;

use crate::{TestApp, at, id};

on_each_engine!(
    nodes_get_different_payments,
    a_dead_nodes_work_is_taken_over_when_its_time_is_up,
    who_was_taken_over_is_told_so,
    what_was_given_back_is_free_at_once,
    only_what_is_due_is_leased,
    many_nodes_at_once_share_the_work,
    a_dead_node_whose_clock_was_ahead_keeps_nobody_waiting,
);

const TTL: SignedDuration = SignedDuration::from_secs(5);

/// Payments that are due from second 40 on.
async fn due(test_app: &TestApp, n: u32) {
    for n in 1..=n {
        test_app.pay(n, &format!("A-{n}")).await.unwrap();
    }
}

async fn lease(test_app: &TestApp, node: &str, second: i64, limit: u32) -> Vec<Lease> {
    test_app
        .store()
        .lease_due(node, at(second), TTL, limit)
        .await
        .unwrap()
}

fn payments(leases: &[Lease]) -> Vec<sugi_core::PaymentId> {
    let mut payments: Vec<_> = leases.iter().map(|lease| lease.payment.clone()).collect();
    payments.sort();
    payments
}

async fn nodes_get_different_payments(test_app: TestApp) {
    due(&test_app, 3).await;
    let first = lease(&test_app, "a", 40, 2).await;
    assert_eq!(payments(&first), [id(1), id(2)], "the longest due first");
    assert!(
        first
            .iter()
            .all(|lease| lease.fence == 1 && lease.node == "a")
    );
    assert_eq!(payments(&lease(&test_app, "b", 40, 2).await), [id(3)]);
    assert_eq!(
        lease(&test_app, "a", 41, 2).await,
        [],
        "what it holds is not given to it again"
    );
}

async fn a_dead_nodes_work_is_taken_over_when_its_time_is_up(test_app: TestApp) {
    due(&test_app, 1).await;
    lease(&test_app, "a", 40, 9).await;
    assert_eq!(lease(&test_app, "b", 44, 9).await, []);
    let taken = lease(&test_app, "b", 45, 9).await;
    assert_eq!(
        taken,
        [Lease {
            payment: id(1),
            node: "b".into(),
            fence: 2
        }]
    );
}

async fn who_was_taken_over_is_told_so(test_app: TestApp) {
    due(&test_app, 1).await;
    let old = lease(&test_app, "a", 40, 9).await.remove(0);
    assert!(test_app.store().renew(&old, at(44), TTL).await.unwrap());
    assert_eq!(lease(&test_app, "b", 46, 9).await, [], "it was renewed");
    let new = lease(&test_app, "b", 49, 9).await.remove(0);
    assert!(!test_app.store().renew(&old, at(50), TTL).await.unwrap());
    assert!(!test_app.store().release(&old).await.unwrap());
    assert!(test_app.store().renew(&new, at(50), TTL).await.unwrap());
    // The same node again is not the same hold.
    let again = lease(&test_app, "a", 60, 9).await.remove(0);
    assert_eq!(again.fence, 3);
    assert!(!test_app.store().renew(&old, at(61), TTL).await.unwrap());
}

async fn what_was_given_back_is_free_at_once(test_app: TestApp) {
    due(&test_app, 1).await;
    let held = lease(&test_app, "a", 40, 9).await.remove(0);
    assert!(test_app.store().release(&held).await.unwrap());
    assert_eq!(
        lease(&test_app, "b", 40, 9).await[0].fence,
        2,
        "a fence never repeats"
    );
}

async fn only_what_is_due_is_leased(test_app: TestApp) {
    due(&test_app, 1).await;
    assert_eq!(lease(&test_app, "a", 39, 9).await, []);
    let payment_snapshot = test_app.store().load(&id(1)).await.unwrap().unwrap();
    test_app
        .then(&payment_snapshot, crate::declined())
        .await
        .unwrap();
    assert_eq!(lease(&test_app, "a", 99, 9).await, [], "it rests");
    assert_eq!(test_app.store().verify().await.unwrap(), (1, 3));
}

async fn a_dead_node_whose_clock_was_ahead_keeps_nobody_waiting(test_app: TestApp) {
    due(&test_app, 1).await;
    let ahead = 14 * 3_600;
    assert_eq!(lease(&test_app, "a", 40 + ahead, 9).await.len(), 1);
    let taken = lease(&test_app, "b", 41, 9).await;
    assert_eq!((payments(&taken), taken[0].fence), (vec![id(1)], 2));
}

async fn many_nodes_at_once_share_the_work(test_app: TestApp) {
    due(&test_app, 60).await;
    let nodes: Vec<_> = (0..8).map(|n| format!("node-{n}")).collect();
    let mut all = Vec::new();
    // Some may come out with less than they asked for, or nothing; none with another's.
    for _ in 0..20 {
        let tries = nodes.iter().map(|node| lease(&test_app, node, 40, 3));
        all.extend(crate::together(tries).await.into_iter().flatten());
    }
    assert_eq!(payments(&all), (1..=60).map(id).collect::<Vec<_>>());
    assert!(all.iter().all(|lease| lease.fence == 1));
}
