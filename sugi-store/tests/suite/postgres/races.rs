//! Two nodes on one database want the same thing, thousands of times.

use std::sync::Arc;

use sugi_store::{CreateError, CreationClaims, Store, StoreError};

use crate::{Place, TestApp, approved, at, declined, id, key, pending_append};

/// How often each kind of race is run.
const RACES: u32 = 1_000;

async fn two_nodes() -> (TestApp, Arc<Store>, Arc<Store>) {
    let mut test_app = TestApp::postgres().await;
    let one = Arc::new(test_app.store.take().unwrap());
    let two = Arc::new(test_app.open().await.unwrap());
    assert!(!one.is_sole());
    (test_app, one, two)
}

/// Runs both sides of every race at once, now one first, now the other.
async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    nodes: [&Arc<Store>; 2],
    side: impl Fn(Arc<Store>, u32, u32) -> F,
) -> Vec<[T; 2]> {
    let mut races = Vec::new();
    for n in 0..RACES {
        let first = n % 2;
        let run = |side_no: u32| side(Arc::clone(nodes[side_no as usize]), n, side_no);
        let (a, b) = (tokio::spawn(run(first)), tokio::spawn(run(1 - first)));
        races.push(if first == 0 { [a, b] } else { [b, a] });
    }
    let mut outcomes = Vec::new();
    for [a, b] in races {
        outcomes.push([a.await.unwrap(), b.await.unwrap()]);
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_the_next_row_of_a_payment() {
    let (_house, one, two) = two_nodes().await;
    let begun = race([&one, &two], |node, n, side| async move {
        match side {
            0 => Some(
                node.create(pending_append(n, &format!("A-{n}")), None, plain())
                    .await
                    .unwrap(),
            ),
            _ => None,
        }
    });
    let books: Vec<_> = begun
        .await
        .into_iter()
        .filter_map(|[payment_snapshot, _]| payment_snapshot)
        .collect();
    let outcomes = race([&one, &two], |node, n, side| {
        let event = if side == 0 {
            approved(&tno(n))
        } else {
            declined()
        };
        let pending_append =
            sugi_store::PendingAppend::of(books[n as usize].clone(), at(2), event).unwrap();
        async move { node.append(pending_append, None).await.unwrap() }
    });
    for (n, outcome) in (0..).zip(outcomes.await) {
        let ([Some(winner), None] | [None, Some(winner)]) = outcome else {
            panic!("{n}: {outcome:?}")
        };
        assert_eq!(one.load(&id(n)).await.unwrap().unwrap().head, winner.head);
    }
    assert_eq!(
        two.verify().await.unwrap(),
        (RACES.into(), u64::from(RACES) * 3)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_an_order() {
    let (test_app, one, two) = two_nodes().await;
    let outcomes = race([&one, &two], |node, n, side| async move {
        node.create(
            pending_append(2 * n + side, &format!("A-{n}")),
            None,
            plain(),
        )
        .await
    });
    for outcome in outcomes.await {
        let ([Ok(won), Err(lost)] | [Err(lost), Ok(won)]) = outcome else {
            panic!("{outcome:?}")
        };
        let CreateError::OrderLive { payment } = lost else {
            panic!("{lost}")
        };
        assert_eq!(payment, won.payment.id);
    }
    nothing_is_left_over(&test_app, &one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_key() {
    let (test_app, one, two) = two_nodes().await;
    let outcomes = race([&one, &two], |node, n, side| async move {
        let creation_claims = CreationClaims {
            key: Some(key(&format!("k{n}"), &format!("r{}", side * (n % 2)))),
        };
        node.create(
            pending_append(2 * n + side, &format!("A-{}", 2 * n + side)),
            None,
            creation_claims,
        )
        .await
    });
    for (n, outcome) in (0..).zip(outcomes.await) {
        let ([Ok(won), Err(lost)] | [Err(lost), Ok(won)]) = outcome else {
            panic!("{n}: {outcome:?}")
        };
        let CreateError::KeyUsed {
            payment,
            same_request,
        } = lost
        else {
            panic!("{n}: {lost}")
        };
        assert_eq!((payment, same_request), (won.payment.id, n % 2 == 0));
    }
    nothing_is_left_over(&test_app, &one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_the_second_attempt_at_an_order() {
    let (test_app, one, two) = two_nodes().await;
    let begun = race([&one, &two], |node, n, side| async move {
        if side == 0 {
            let payment_snapshot = node
                .create(pending_append(3 * n, &format!("A-{n}")), None, plain())
                .await
                .unwrap();
            let pending_append =
                sugi_store::PendingAppend::of(payment_snapshot, at(2), declined()).unwrap();
            node.append(pending_append, None).await.unwrap().unwrap();
        }
    });
    begun.await;
    let outcomes = race([&one, &two], |node, n, side| async move {
        let pending_append =
            crate::create::attempt(3 * n + 1 + side, &format!("A-{n}"), &format!("A-{n}-2"));
        let creation_claims = CreationClaims {
            key: Some(key(&format!("k{n}-{side}"), "r")),
        };
        node.create(pending_append, None, creation_claims).await
    });
    for (n, outcome) in (0..).zip(outcomes.await) {
        let ([Ok(won), Err(lost)] | [Err(lost), Ok(won)]) = outcome else {
            panic!("{n}: {outcome:?}")
        };
        let CreateError::OrderLive { payment } = lost else {
            panic!("{n}: {lost}")
        };
        assert_eq!(payment, won.payment.id);
    }
    nothing_is_left_over(&test_app, &one).await;
}

/// Of two payments of an order one comes back to life while the other dies. Neither sees the other's
/// transaction, and yet the order must be known to be alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_payments_of_an_order_move_at_once() {
    let (_house, one, two) = two_nodes().await;
    let begun = race([&one, &two], |node, n, side| async move {
        if side == 1 {
            return None;
        }
        let order = format!("A-{n}");
        let first = node.create(pending_append(3 * n, &order), None, plain());
        let dies = sugi_store::PendingAppend::of(first.await.unwrap(), at(2), declined());
        let first = node.append(dies.unwrap(), None).await.unwrap().unwrap();
        let second = node.create(pending_append(3 * n + 1, &order), None, plain());
        Some([first, second.await.unwrap()])
    });
    let books: Vec<_> = begun
        .await
        .into_iter()
        .filter_map(|[both, _]| both)
        .collect();
    let moved = race([&one, &two], |node, n, side| {
        let event = if side == 0 {
            approved(&tno(n))
        } else {
            declined()
        };
        let payment_snapshot = books[n as usize][side as usize].clone();
        let pending_append = sugi_store::PendingAppend::of(payment_snapshot, at(3), event).unwrap();
        async move { node.append(pending_append, None).await.unwrap() }
    });
    for outcome in moved.await {
        assert!(outcome.iter().all(Option::is_some), "{outcome:?}");
    }
    one.verify().await.unwrap();
    for n in 0..RACES {
        let again = two.create(pending_append(3 * n + 2, &format!("A-{n}")), None, plain());
        let again = again.await;
        let Err(CreateError::OrderLive { payment }) = again else {
            panic!("{n} was paid twice: {again:?}")
        };
        assert_eq!(payment, id(3 * n));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_transaction_at_kcp() {
    let (_house, one, two) = two_nodes().await;
    let begun = race([&one, &two], |node, n, side| async move {
        let n = 2 * n + side;
        let created = node.create(pending_append(n, &format!("A-{n}")), None, plain());
        created.await.unwrap()
    });
    let books = begun.await;
    let taken = race([&one, &two], |node, n, side| {
        let payment_snapshot = books[n as usize][side as usize].clone();
        let pending_append =
            sugi_store::PendingAppend::of(payment_snapshot, at(2), approved(&tno(n))).unwrap();
        async move { node.append(pending_append, None).await }
    });
    for (n, outcome) in (0..).zip(taken.await) {
        let ([Ok(Some(won)), Err(lost)] | [Err(lost), Ok(Some(won))]) = outcome else {
            panic!("{n}: {outcome:?}")
        };
        let StoreError::Foreign {
            tno: taken,
            payment,
        } = lost
        else {
            panic!("{n}: {lost}")
        };
        assert_eq!((taken, payment), (tno(n), won.payment.id));
    }
    let all = u64::from(RACES);
    assert_eq!(one.verify().await.unwrap(), (2 * all, 2 * 2 * all + all));
}

/// What KCP calls the n-th.
fn tno(n: u32) -> String {
    format!("26{n:012}")
}

fn plain() -> CreationClaims {
    CreationClaims::default()
}

/// Whoever lost has taken nothing with it.
async fn nothing_is_left_over(test_app: &TestApp, store: &Store) {
    store.verify().await.unwrap();
    let Place::Database(database) = &test_app.place else {
        panic!()
    };
    let strays = "select count(*) from idempotency where not exists (select 1 from payment where id = payment)";
    assert_eq!(database.sql(strays), "0");
    let keys = database.sql("select count(*) from idempotency");
    assert!(keys == "0" || keys == RACES.to_string(), "{keys} keys");
}
