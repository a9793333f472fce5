//! Payments are found by what people have in their hands.

use sugi_core::{Event, Lost, Status};
use sugi_store::{CreationClaims, Filter, PendingAppend, Text, Unsettled};

use crate::{TestApp, approved, at, declined, id, request};

on_each_engine!(
    by_state_order_number_card_and_approval,
    by_what_texts_begin_with,
    page_by_page_without_gap_or_repeat,
    page_by_page_through_several_shops_and_states,
    what_is_open_is_counted_by_shop_state_and_currency,
    a_span_of_time_is_told_in_groups,
    every_text_is_told_with_its_place,
);

async fn every_text_is_told_with_its_place(test_app: TestApp) {
    for n in 1..=600 {
        test_app.pay(n, &format!("A-{n}")).await.unwrap();
    }
    let mut told = Vec::new();
    let look = |place: &str, text: &str| {
        if text == "A-600" || text.contains("\"A-600\"") {
            told.push(place.split(' ').next().unwrap().to_owned());
        }
    };
    test_app.store().every_text(look).await.unwrap();
    told.dedup();
    assert_eq!(told, ["journal", "order_claim", "payment"]);
}

async fn a_span_of_time_is_told_in_groups(test_app: TestApp) {
    for n in 1..=6 {
        let payment_snapshot = test_app.pay(n, &format!("A-{n}")).await.unwrap();
        if n % 2 == 0 {
            test_app.then(&payment_snapshot, declined()).await.unwrap();
        }
    }
    let moment = |second| at(second);
    let groups = test_app
        .store()
        .report(
            moment(0),
            moment(i64::from(u32::MAX)),
            &sugi_core::Shops::All,
        )
        .await
        .unwrap();
    let told: Vec<_> = groups
        .iter()
        .map(|one| (one.status.as_str(), one.count, one.amount))
        .collect();
    let each = groups[0].amount / groups[0].count;
    assert_eq!(
        told,
        [("approving", 3, 3 * each), ("declined", 3, 3 * each)]
    );
    let shop: sugi_core::ShopId = groups[0].shop.parse().unwrap();
    let other: sugi_core::ShopId = "other".parse().unwrap();
    let all = (moment(0), moment(i64::from(u32::MAX)));
    let of = async |shops: sugi_core::Shops| {
        test_app
            .store()
            .report(all.0, all.1, &shops)
            .await
            .unwrap()
            .len()
    };
    assert_eq!(
        (
            of([shop.clone()].into()).await,
            of([other.clone()].into()).await,
            of(sugi_core::Shops::none()).await,
        ),
        (2, 0, 0)
    );
    assert_eq!(of([shop, other].into()).await, 2);
    let before = test_app
        .store()
        .report(moment(-10), moment(0), &sugi_core::Shops::All)
        .await
        .unwrap();
    assert_eq!(before, []);
}

async fn by_state_order_number_card_and_approval(test_app: TestApp) {
    for n in 1..=5 {
        let payment_snapshot = test_app.pay(n, &format!("A-{n}")).await.unwrap();
        let event = if n % 2 == 0 {
            declined()
        } else {
            approved(&format!("2600000000000{n}"))
        };
        test_app.then(&payment_snapshot, event).await.unwrap();
    }
    let found = async |filter: Filter| {
        let page = test_app
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
            order_nos: vec!["A-3".into()],
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
            buyer_names: vec!["홍길동, \"고객\" 🙂".into()],
            ..Filter::default()
        })
        .await
        .len(),
        5
    );
    assert_eq!(
        found(Filter {
            shops: ["other".parse().unwrap()].into(),
            ..Filter::default()
        })
        .await,
        []
    );
    assert_eq!(
        found(Filter {
            order_nos: vec!["' or 1=1 --".into()],
            ..Filter::default()
        })
        .await,
        []
    );
}

async fn by_what_texts_begin_with(test_app: TestApp) {
    let orders = ["A-1", "A-10", "A-11", "a-1", "A-2", "z-1", "A-1%", "A-1_"];
    for (n, order) in (1..).zip(orders) {
        test_app.pay(n, order).await.unwrap();
    }
    let store = test_app.store();
    for (beginning, expected) in [
        ("A-1", vec!["A-1", "A-1%", "A-10", "A-11", "A-1_"]),
        ("A-1%", vec!["A-1%"]),
        ("a", vec!["a-1"]),
        ("z", vec!["z-1"]),
        (
            "",
            vec!["A-1", "A-1%", "A-10", "A-11", "A-1_", "A-2", "a-1", "z-1"],
        ),
        ("A-3", vec![]),
        ("-1", vec![]),
        ("' or 1=1 --", vec![]),
    ] {
        let found = store.beginning(Text::OrderNo, beginning).await.unwrap();
        assert_eq!(found, expected, "{beginning}");
    }
    // Whoever has the name is told once.
    let names = store.beginning(Text::BuyerName, "홍길").await.unwrap();
    assert_eq!(names, ["홍길동, \"고객\" 🙂"]);
    // And what begins so is found page by page, the newest first.
    let (mut seen, mut before) = (Vec::new(), None);
    for _ in 0..3 {
        let filter = Filter {
            order_nos: store.beginning(Text::OrderNo, "A-1").await.unwrap(),
            before,
            limit: 2,
            ..Filter::default()
        };
        let page = store.list(filter).await.unwrap();
        seen.extend(page.payments.iter().map(|payment| payment.id.clone()));
        assert_eq!(page.more, seen.len() < 5);
        before = page.payments.last().map(|payment| payment.id.clone());
    }
    assert_eq!(seen, [id(8), id(7), id(3), id(2), id(1)]);
    let most = u32::try_from(Text::MOST).unwrap();
    for n in 0..=most + 1 {
        test_app.pay(100 + n, &format!("B-{n:03}")).await.unwrap();
    }
    let many = store.beginning(Text::OrderNo, "B-").await.unwrap();
    assert_eq!(
        many.len(),
        Text::MOST + 1,
        "one more says that there are more"
    );
}

async fn page_by_page_without_gap_or_repeat(test_app: TestApp) {
    for n in 1..=7 {
        test_app.pay(n, &format!("A-{n}")).await.unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = test_app
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

async fn page_by_page_through_several_shops_and_states(test_app: TestApp) {
    // By turns of three shops; every fourth was declined, every fifth came in the same moment.
    let shops = ["a", "b", "c"].map(|shop| shop.parse::<sugi_core::ShopId>().unwrap());
    for n in 1..=40_u32 {
        let mut request = request(&format!("A-{n}"));
        request.shop = shops[n as usize % 3].clone();
        let events = vec![Event::Requested(Box::new(request)), Event::ApproveSent];
        let time = at(i64::from(n / 5));
        let pending_append = PendingAppend::begin(id(n), time, &[7; 16], events).unwrap();
        let creation_claims = CreationClaims::default();
        let payment_snapshot = test_app
            .store()
            .create(pending_append, None, creation_claims)
            .await
            .unwrap();
        if n % 4 == 0 {
            let pending_append = PendingAppend::of(payment_snapshot, at(100), declined()).unwrap();
            test_app.store().append(pending_append, None).await.unwrap();
        }
    }
    let all = || sugi_core::Shops::All;
    let two = || sugi_core::Shops::from([shops[0].clone(), shops[1].clone()]);
    for (shops, statuses) in [
        (all(), vec![]),
        (two(), vec![]),
        (all(), vec![Status::Declined, Status::Approving]),
        (two(), vec![Status::Declined, Status::Approving]),
        (two(), vec![Status::Declined]),
    ] {
        let fits = |n: &u32| {
            (shops == all() || n % 3 != 2) && (statuses.len() != 1 || n.is_multiple_of(4))
        };
        let mut filter = Filter {
            shops: shops.clone(),
            statuses: statuses.clone(),
            from: Some(at(1)),
            limit: 7,
            ..Filter::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = test_app.store().list(filter.clone()).await.unwrap();
            filter.before = page.payments.last().map(|payment| payment.id.clone());
            seen.extend(page.payments.into_iter().map(|payment| payment.id));
            if !page.more {
                break;
            }
            assert!(seen.len() <= 40, "it goes round in a circle");
        }
        let all = (5..=40).rev().filter(fits).map(id).collect::<Vec<_>>();
        assert_eq!(seen, all, "{shops:?} {statuses:?}");
    }
    // No shop is no payment, no matter what else is asked for.
    for statuses in [vec![], vec![Status::Declined, Status::Approving]] {
        let filter = Filter {
            shops: sugi_core::Shops::none(),
            statuses,
            limit: 7,
            ..Filter::default()
        };
        let page = test_app.store().list(filter).await.unwrap();
        assert!(page.payments.is_empty() && !page.more);
    }
}

async fn what_is_open_is_counted_by_shop_state_and_currency(test_app: TestApp) {
    assert_eq!(test_app.store().unsettled().await.unwrap(), []);
    let lost = || {
        let why = "timed out".into();
        Event::Lost(Lost {
            why,
            tno: None,
            contradicts: false,
        })
    };
    // Settled: of no interest, however many there are.
    for n in 1..=3 {
        let payment_snapshot = test_app.pay(n, &format!("A-{n}")).await.unwrap();
        test_app.then(&payment_snapshot, declined()).await.unwrap();
    }
    // On its way; in doubt and due; in doubt and at rest.
    test_app.pay(4, "A-4").await.unwrap();
    let payment_snapshot = test_app.pay(5, "A-5").await.unwrap();
    let pending_append = PendingAppend::of(payment_snapshot, at(2), lost()).unwrap();
    test_app
        .store()
        .append(pending_append, Some(at(9)))
        .await
        .unwrap();
    let payment_snapshot = test_app.pay(6, "A-6").await.unwrap();
    test_app.then(&payment_snapshot, lost()).await.unwrap();
    // Of another shop, in dollars, approved, and a cancel of it under way.
    let mut request = request("A-7");
    request.shop = "other".parse().unwrap();
    request.order.money.currency = nhn_kcp::Currency::Usd;
    let events = vec![Event::Requested(Box::new(request)), Event::ApproveSent];
    let pending_append = PendingAppend::begin(id(7), at(1), &[7; 16], events).unwrap();
    let creation_claims = CreationClaims::default();
    let payment_snapshot = test_app
        .store()
        .create(pending_append, Some(at(40)), creation_claims)
        .await;
    let pending_append =
        PendingAppend::of(payment_snapshot.unwrap(), at(2), approved("26000000000007")).unwrap();
    test_app
        .store()
        .append(pending_append, Some(at(9)))
        .await
        .unwrap();

    let counted = |shop: &str, status, payments, doubt_since| Unsettled {
        shop: shop.parse().unwrap(),
        status,
        currency: if shop == "main" {
            nhn_kcp::Currency::Krw
        } else {
            nhn_kcp::Currency::Usd
        },
        payments,
        amount: payments * 1004,
        doubt_since,
    };
    assert_eq!(
        test_app.store().unsettled().await.unwrap(),
        [
            counted("main", Status::Approving, 1, None),
            counted("main", Status::InDoubt, 2, Some(at(1))),
            counted("other", Status::Approved, 1, None),
        ]
    );
}
