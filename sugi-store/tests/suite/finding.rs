//! Payments are found by what people have in their hands.

use sugi_core::Status;
use sugi_store::Filter;

use crate::{House, approved, declined, id};

on_each_engine!(
    by_state_order_number_card_and_approval,
    page_by_page_without_gap_or_repeat,
);

async fn by_state_order_number_card_and_approval(house: House) {
    for n in 1..=5 {
        let book = house.pay(n, &format!("A-{n}")).await.unwrap();
        let event = if n % 2 == 0 {
            declined()
        } else {
            approved(&format!("2600000000000{n}"))
        };
        house.then(&book, event).await.unwrap();
    }
    let found = async |filter: Filter| {
        let page = house
            .store()
            .list(Filter {
                limit: 50,
                ..filter
            })
            .await
            .unwrap();
        page.payments
            .into_iter()
            .map(|payment| payment.id)
            .collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        found(Filter::default()).await,
        [id(5), id(4), id(3), id(2), id(1)],
        "the newest first"
    );
    assert_eq!(
        found(Filter {
            statuses: vec![Status::Declined],
            ..Filter::default()
        })
        .await,
        [id(4), id(2)]
    );
    assert_eq!(
        found(Filter {
            order_no: some("A-3"),
            ..Filter::default()
        })
        .await,
        [id(3)]
    );
    assert_eq!(
        found(Filter {
            tno: some("26000000000005"),
            ..Filter::default()
        })
        .await,
        [id(5)]
    );
    assert_eq!(
        found(Filter {
            app_no: some("12345678"),
            ..Filter::default()
        })
        .await
        .len(),
        3
    );
    assert_eq!(
        found(Filter {
            last4: some("1111"),
            ..Filter::default()
        })
        .await
        .len(),
        5
    );
    assert_eq!(
        found(Filter {
            buyer_name: some("홍길동, \"고객\" 🙂"),
            ..Filter::default()
        })
        .await
        .len(),
        5
    );
    assert_eq!(
        found(Filter {
            shops: vec!["other".parse().unwrap()],
            ..Filter::default()
        })
        .await,
        []
    );
    assert_eq!(
        found(Filter {
            order_no: some("' or 1=1 --"),
            ..Filter::default()
        })
        .await,
        []
    );
}

async fn page_by_page_without_gap_or_repeat(house: House) {
    for n in 1..=7 {
        house.pay(n, &format!("A-{n}")).await.unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = house
            .store()
            .list(Filter {
                before,
                limit: 3,
                ..Filter::default()
            })
            .await
            .unwrap();
        seen.extend(page.payments.iter().map(|payment| payment.id.clone()));
        before = page.payments.last().map(|payment| payment.id.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=7).rev().map(id).collect::<Vec<_>>());
}
