//! Who tries out cards is stopped, and whoever buys is not.

use std::net::IpAddr;

use kcp_sandbox::magic_card;
use sugi_clock::Clock;
use sugi_core::Status;
use sugi_engine::{
    AlarmRule, Engine, LimitBy, Limits, Most, Outcome, PayError, Sale, VelocityRule,
};

use crate::{MAX_WAIT, TestApp, card, sale, sale::open_with};

/// A house whose shop has these limits of new sales and of declines.
async fn test_app(sales: Most, declines: Most) -> TestApp {
    let mut test_app = TestApp::new().await;
    let alarm = AlarmRule {
        percent: 50,
        answers: 3,
    };
    let velocity = VelocityRule {
        sales,
        declines,
        alarm,
        ..VelocityRule::none()
    };
    let limits = Limits {
        velocity,
        ..Limits::default()
    };
    open_with(&mut test_app, &limits);
    test_app
}

/// A sale with a card that KCP declines; all of those are of one range.
fn stolen(order_no: &str) -> Sale {
    Sale {
        card: card(&magic_card(99, "CC43").unwrap()),
        ..sale(order_no, 1004)
    }
}

async fn ends(engine: &Engine, sale: Sale) -> Result<Status, LimitBy> {
    match engine.pay(sale).await {
        Ok(Outcome::Begun(payment_handle)) => Ok(payment_handle.first_result().await.status()),
        Err(PayError::VelocityLimited { by, .. }) => Err(by),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_run_of_declines_in_one_card_range_is_stopped() {
    let declines = Most {
        bin: 5,
        ..Most::default()
    };
    let test_app = test_app(Most::default(), declines).await;
    let mut reached_kcp = 0;
    for n in 0..50 {
        match ends(test_app.engine(), stolen(&format!("S-{n}"))).await {
            Ok(status) => {
                assert_eq!(status, Status::Declined);
                reached_kcp += 1;
            }
            Err(by) => assert_eq!(by, LimitBy::Bin),
        }
    }
    assert_eq!((reached_kcp, test_app.sandbox.messages().len()), (5, 5));
    assert_eq!(test_app.pay("A-1").await.status(), Status::Approved);

    let shop = &test_app.engine().shops()[0];
    let now = shop.velocity(Clock::real().now());
    assert!(now.alarm, "five of six were declined");
    assert!(now.refused.contains(&(LimitBy::Bin, 45)), "{now:?}");
    // What was refused was not written either.
    assert_eq!(test_app.engine().store().verify().await.unwrap().0, 6);
    test_app.agrees().await;
}

#[tokio::test]
async fn each_caller_has_a_limit_of_its_own_and_asking_again_is_no_sale() {
    let sales = Most {
        address: 2,
        ..Most::default()
    };
    let test_app = test_app(sales, Most::default()).await;
    let from = |order: &str, ip: &str| Sale {
        from: Some(ip.parse::<IpAddr>().unwrap()),
        key: Some(("shop".into(), order.into())),
        ..sale(order, 1004)
    };
    let (one, net) = ("192.0.2.1", "2001:db8::");
    assert_eq!(
        ends(test_app.engine(), from("A-1", one)).await,
        Ok(Status::Approved)
    );
    // Asked again, and an order that is paid: nothing new is sold.
    for _ in 0..5 {
        let again = test_app.engine().pay(from("A-1", one)).await;
        assert!(matches!(again, Ok(Outcome::Replayed(_))), "{again:?}");
        let other_key = Sale {
            key: None,
            ..from("A-1", one)
        };
        let live = test_app.engine().pay(other_key).await;
        assert!(matches!(live, Err(PayError::OrderLive { .. })), "{live:?}");
    }
    assert_eq!(
        ends(test_app.engine(), from("A-2", one)).await,
        Ok(Status::Approved)
    );
    assert_eq!(
        ends(test_app.engine(), from("A-3", one)).await,
        Err(LimitBy::Address)
    );
    let again = test_app.engine().pay(from("A-2", one)).await;
    assert!(matches!(again, Ok(Outcome::Replayed(_))), "{again:?}");
    // An IPv6 address is its network.
    for (n, expected) in [
        (1, Ok(Status::Approved)),
        (2, Ok(Status::Approved)),
        (3, Err(LimitBy::Address)),
    ] {
        let sale = from(&format!("B-{n}"), &format!("{net}{n}"));
        assert_eq!(ends(test_app.engine(), sale).await, expected);
    }
    let shop = &test_app.engine().shops()[0];
    let refused = shop.velocity(Clock::real().now()).refused;
    assert!(refused.contains(&(LimitBy::Address, 2)), "{refused:?}");
    assert_eq!(test_app.engine().settle(MAX_WAIT).await, 0);
    test_app.agrees().await;
}

#[tokio::test]
async fn many_at_once_are_no_way_past_a_limit() {
    let sales = Most {
        shop: 10,
        ..Most::default()
    };
    let test_app = test_app(sales, Most::default()).await;
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let engine = test_app.engine().clone();
            tokio::spawn(async move { ends(&engine, sale(&format!("A-{n}"), 1004)).await })
        })
        .collect();
    let mut let_in = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(status) => {
                assert_eq!(status, Status::Approved);
                let_in += 1;
            }
            Err(by) => assert_eq!(by, LimitBy::Shop),
        }
    }
    assert_eq!(let_in, 10);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_shop_that_is_read_anew_keeps_what_was_counted_and_takes_its_new_limits() {
    let sales = |shop| Most {
        shop,
        ..Most::default()
    };
    let test_app = test_app(sales(0), Most::default()).await;
    test_app.pay("A-1").await;
    let anew = |most| {
        let velocity = VelocityRule {
            sales: most,
            ..VelocityRule::none()
        };
        test_app.shop_with(&Limits {
            velocity,
            ..Limits::default()
        })
    };
    test_app.engine().set_shops([anew(sales(1))]);
    assert_eq!(
        ends(test_app.engine(), sale("A-2", 1004)).await,
        Err(LimitBy::Shop)
    );
    test_app.engine().set_shops([anew(sales(2))]);
    assert_eq!(
        ends(test_app.engine(), sale("A-2", 1004)).await,
        Ok(Status::Approved)
    );
    test_app.agrees().await;
}
