//! Two nodes on one database want the same thing, thousands of times.

use std::sync::Arc;

use sugi_store::{CreateError, Opening, Store};

use crate::{House, Place, approved, at, declined, draft, id, key};

/// How often each kind of race is run.
const RACES: u32 = 1_000;

async fn two_nodes() -> (House, Arc<Store>, Arc<Store>) {
    let mut house = House::postgres().await;
    let one = Arc::new(house.store.take().unwrap());
    let two = Arc::new(house.open().await.unwrap());
    assert!(!one.is_sole());
    (house, one, two)
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
                node.create(draft(n, &format!("A-{n}")), None, plain(1))
                    .await
                    .unwrap(),
            ),
            _ => None,
        }
    });
    let books: Vec<_> = begun
        .await
        .into_iter()
        .filter_map(|[book, _]| book)
        .collect();
    let outcomes = race([&one, &two], |node, n, side| {
        let event = if side == 0 {
            approved("26000000000001")
        } else {
            declined()
        };
        let draft = sugi_store::Draft::of(books[n as usize].clone(), at(2), event).unwrap();
        async move { node.append(draft, None).await.unwrap() }
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
    let (house, one, two) = two_nodes().await;
    let outcomes = race([&one, &two], |node, n, side| async move {
        node.create(draft(2 * n + side, &format!("A-{n}")), None, plain(1))
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
    nothing_is_left_over(&house, &one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_key() {
    let (house, one, two) = two_nodes().await;
    let outcomes = race([&one, &two], |node, n, side| async move {
        let opening = Opening {
            attempt: 1,
            key: Some(key(&format!("k{n}"), &format!("r{}", side * (n % 2)))),
        };
        node.create(
            draft(2 * n + side, &format!("A-{}", 2 * n + side)),
            None,
            opening,
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
    nothing_is_left_over(&house, &one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_the_second_attempt_at_an_order() {
    let (house, one, two) = two_nodes().await;
    let begun = race([&one, &two], |node, n, side| async move {
        if side == 0 {
            let book = node
                .create(draft(3 * n, &format!("A-{n}")), None, plain(1))
                .await
                .unwrap();
            let draft = sugi_store::Draft::of(book, at(2), declined()).unwrap();
            node.append(draft, None).await.unwrap().unwrap();
        }
    });
    begun.await;
    let outcomes = race([&one, &two], |node, n, side| async move {
        let draft =
            crate::create::attempt(3 * n + 1 + side, &format!("A-{n}"), &format!("A-{n}-2"));
        let opening = Opening {
            attempt: 2,
            key: Some(key(&format!("k{n}-{side}"), "r")),
        };
        node.create(draft, None, opening).await
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
    nothing_is_left_over(&house, &one).await;
}

fn plain(attempt: u32) -> Opening {
    Opening { attempt, key: None }
}

/// Whoever lost has taken nothing with it.
async fn nothing_is_left_over(house: &House, store: &Store) {
    store.verify().await.unwrap();
    let Place::Database(database) = &house.place else {
        panic!()
    };
    for claims in ["order_claim", "idempotency"] {
        let strays = "where not exists (select 1 from payment where id = payment)";
        assert_eq!(
            database.sql(&format!("select count(*) from {claims} {strays}")),
            "0",
            "{claims}"
        );
    }
    let keys = database.sql("select count(*) from idempotency");
    assert!(keys == "0" || keys == RACES.to_string(), "{keys} keys");
}
