use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A window of 20 seconds: slots of one.
fn rule() -> VelocityRule {
    VelocityRule {
        window: SignedDuration::from_secs(20),
        ..VelocityRule::none()
    }
}

fn who(address: &str, actor: &str, bin: &str) -> Who {
    Who {
        address: Some(counted_as(address.parse().unwrap())),
        actor: actor.parse().unwrap(),
        bin: bin.into(),
    }
}

fn anybody() -> Who {
    who("192.0.2.1", "kim", "411111")
}

fn refused(by: LimitBy, until: Timestamp) -> VelocityLimited {
    VelocityLimited { by, until }
}

#[test]
fn each_limit_counts_its_own_and_says_which_it_is() {
    let one = |by| {
        let mut most = Most::default();
        match by {
            LimitBy::Address => most.address = 1,
            LimitBy::Actor => most.actor = 1,
            LimitBy::Bin => most.bin = 1,
            LimitBy::Shop => most.shop = 1,
        }
        most
    };
    for by in LimitBy::ALL {
        let sales = one(by);
        let mut velocity = Velocity::new(VelocityRule { sales, ..rule() });
        velocity.admit(anybody(), at(0)).unwrap();
        let again = velocity.admit(anybody(), at(0)).unwrap_err();
        assert_eq!(again, refused(by, at(21)));
        // Only who shares that with the first one is in its way.
        for (other, shared) in [
            (who("192.0.2.2", "lee", "555555"), LimitBy::Shop),
            (who("192.0.2.1", "lee", "555555"), LimitBy::Address),
            (who("192.0.2.2", "kim", "555555"), LimitBy::Actor),
            (who("192.0.2.2", "lee", "411111"), LimitBy::Bin),
        ] {
            let mut velocity = Velocity::new(VelocityRule { sales, ..rule() });
            velocity.admit(anybody(), at(0)).unwrap();
            let passes = by != LimitBy::Shop && by != shared;
            assert_eq!(
                velocity.admit(other, at(0)).is_ok(),
                passes,
                "{by:?} {shared:?}"
            );
        }
    }
}

#[test]
fn no_window_holds_more_than_allowed_and_who_comes_back_when_told_is_let_in() {
    let sales = Most {
        shop: 5,
        ..Most::default()
    };
    // Callers that come at every pace, in one long run by a clock that is moved by hand.
    for pace_ms in [1, 130, 999, 1_000, 3_700, 4_100, 9_999, 30_000] {
        let mut velocity = Velocity::new(VelocityRule { sales, ..rule() });
        let mut now = at(0);
        let mut let_in: Vec<Timestamp> = Vec::new();
        for _ in 0..200 {
            match velocity.admit(anybody(), now) {
                Ok(_) => {
                    let_in.push(now);
                    now += SignedDuration::from_millis(pace_ms);
                }
                Err(VelocityLimited { until, .. }) => {
                    assert!(until > now);
                    assert!(until.duration_since(now) <= SignedDuration::from_secs(21));
                    let just_before = until - SignedDuration::from_millis(1);
                    assert!(velocity.admit(anybody(), just_before).is_err());
                    now = until;
                    let_in.push(now);
                    velocity.admit(anybody(), now).unwrap();
                }
            }
        }
        for (nth, first) in let_in.iter().enumerate() {
            let window = *first + SignedDuration::from_secs(20);
            let within = let_in[nth..].iter().take_while(|at| **at < window);
            assert!(within.count() <= 5, "a pace of {pace_ms} ms");
        }
    }
}

#[test]
fn declines_stop_who_has_little_else_and_not_a_busy_shop() {
    let declines = Most {
        bin: 3,
        ..Most::default()
    };
    let run = |approved_between: usize| {
        let mut velocity = Velocity::new(VelocityRule { declines, ..rule() });
        (0..10).position(|_| {
            let refused = velocity.admit(anybody(), at(0)).is_err();
            velocity.answered(&anybody(), true, at(0));
            for _ in 0..approved_between {
                velocity.answered(&anybody(), false, at(0));
            }
            refused
        })
    };
    assert_eq!(run(0), Some(3));
    assert_eq!(run(1), None, "half of them are approved");
    let mut velocity = Velocity::new(VelocityRule { declines, ..rule() });
    for second in 0..3 {
        velocity.answered(&anybody(), true, at(second));
    }
    let told = velocity.admit(anybody(), at(3)).unwrap_err();
    assert_eq!(
        told,
        refused(LimitBy::Bin, at(21)),
        "the first is forgotten then"
    );
    assert!(
        velocity
            .admit(who("192.0.2.1", "kim", "555555"), at(3))
            .is_ok()
    );
    assert!(velocity.admit(anybody(), at(21)).is_ok());
}

#[test]
fn of_several_limits_the_one_that_holds_longest_is_named() {
    let sales = Most {
        address: 1,
        shop: 2,
        ..Most::default()
    };
    let mut velocity = Velocity::new(VelocityRule { sales, ..rule() });
    velocity
        .admit(who("192.0.2.9", "kim", "411111"), at(0))
        .unwrap();
    velocity.admit(anybody(), at(5)).unwrap();
    let told = velocity.admit(anybody(), at(6)).unwrap_err();
    assert_eq!(told, refused(LimitBy::Address, at(26)));
}

#[test]
fn what_was_not_written_and_what_was_refused_do_not_count() {
    let sales = Most {
        address: 1,
        ..Most::default()
    };
    let mut velocity = Velocity::new(VelocityRule { sales, ..rule() });
    for _ in 0..3 {
        let counted = velocity.admit(anybody(), at(0)).unwrap();
        velocity.hand_back(&counted);
    }
    velocity.admit(anybody(), at(0)).unwrap();
    for second in 0..21 {
        assert!(velocity.admit(anybody(), at(second)).is_err());
    }
    assert!(velocity.admit(anybody(), at(21)).is_ok());
}

#[test]
fn an_ipv6_address_stands_for_its_network() {
    let as_text = |text: &str| counted_as(text.parse().unwrap()).to_string();
    assert_eq!(as_text("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(as_text("::ffff:192.0.2.7"), "192.0.2.7");
    assert_eq!(as_text("192.0.2.7"), "192.0.2.7");
}

#[test]
fn under_a_flood_of_addresses_memory_is_bounded_and_the_shops_limit_holds() {
    let most = u32::try_from(Tracked::<IpAddr>::MOST).unwrap() + 2_000;
    let sales = Most {
        address: 2,
        shop: most,
        ..Most::default()
    };
    let mut velocity = Velocity::new(VelocityRule { sales, ..rule() });
    let from = |n: u32| who(&std::net::Ipv4Addr::from(n).to_string(), "kim", "411111");
    for n in 0..most {
        velocity.admit(from(n), at(0)).unwrap();
    }
    assert_eq!(velocity.tallies.addresses.len(), Tracked::<IpAddr>::MOST);
    // Those who are refused push no one out.
    for n in most..most + 100 {
        let told = velocity.admit(from(n), at(1)).unwrap_err();
        assert_eq!(told.by, LimitBy::Shop);
    }
    assert!(
        velocity
            .tallies
            .addresses
            .get(&counted_as(std::net::Ipv4Addr::from(2_000).into()))
            .is_some()
    );
    velocity.admit(from(0), at(21)).unwrap();
    assert_eq!(velocity.tallies.addresses.len(), 1, "what is over is gone");
}

#[test]
fn the_alarm_is_raised_once_and_ends_when_it_is_quiet() {
    let alarm = AlarmRule {
        percent: 50,
        answers: 4,
    };
    let mut velocity = Velocity::new(VelocityRule { alarm, ..rule() });
    let mut hear = |declined, second| velocity.answered(&anybody(), declined, at(second));
    assert!(
        !hear(true, 0) && !hear(true, 0) && !hear(false, 0),
        "too few"
    );
    assert!(hear(true, 1), "three of four");
    assert!(!hear(true, 2), "raised already");
    assert!(
        !hear(false, 3) && !hear(false, 3) && !hear(false, 3),
        "four of eight"
    );
    assert!(
        velocity.now(at(22)).alarm,
        "a window after it was last true"
    );
    assert!(!velocity.now(at(23)).alarm);
    let mut later = |second| velocity.answered(&anybody(), true, at(second));
    assert!(
        !later(100) && !later(100) && !later(100) && later(100),
        "and again"
    );
}

#[test]
fn nothing_is_limited_where_no_limit_is_set() {
    let mut velocity = Velocity::new(VelocityRule::none());
    for _ in 0..10_000 {
        velocity.admit(anybody(), at(0)).unwrap();
        assert!(!velocity.answered(&anybody(), true, at(0)));
    }
}

#[test]
fn other_limits_are_taken_and_what_was_counted_stays() {
    let sales = |shop| Most {
        shop,
        ..Most::default()
    };
    let mut velocity = Velocity::new(rule());
    velocity.admit(anybody(), at(0)).unwrap();
    velocity.set_rule(VelocityRule {
        sales: sales(1),
        ..rule()
    });
    assert!(velocity.admit(anybody(), at(0)).is_err());
    velocity.set_rule(VelocityRule {
        window: SignedDuration::from_secs(40),
        sales: sales(1),
        ..rule()
    });
    assert!(velocity.admit(anybody(), at(0)).is_ok());
}
