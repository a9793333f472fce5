//! Things that want a second person.

use nhn_kcp::Currency;
use sugi_access::{
    Access, AccessError, ApprovalRequest, ApprovalRequestError, ApprovalRequestState, Asked,
    Decision, Operator, Role, Rules, SecondPerson, What,
};

use crate::{TestApp, minutes, seconds, together};

on_each_engine!(
    one_asks_another_confirms_and_it_is_done_once,
    what_is_asked_for_with_a_key_is_asked_for_once,
    of_one_payment_one_cancel_waits_at_a_time,
    who_asked_cannot_confirm_and_can_take_it_back,
    deciding_takes_the_role,
    an_approval_request_waits_for_a_day,
    of_many_that_decide_at_once_one_does,
    wishes_that_waited_too_long_do_not_hide_those_that_wait,
    what_takes_two_is_what_the_rules_say,
);

fn cancel() -> What {
    What::Cancel {
        payment: "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b".parse().unwrap(),
        shop: "main".parse().unwrap(),
        amount: Some(1_004),
        seen: None,
        tax: None,
        reason: "고객 변심".into(),
    }
}

fn close() -> What {
    What::Close {
        payment: "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b".parse().unwrap(),
        shop: "main".parse().unwrap(),
        tno: None,
        keep: false,
        note: "not there".into(),
    }
}

/// The same of another payment.
fn another(mut what: What) -> What {
    if let What::Cancel { payment, .. } | What::Close { payment, .. } = &mut what {
        *payment = "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1c".parse().unwrap();
    }
    what
}

async fn approval_request(test_app: &TestApp, what: What, by: &Operator) -> ApprovalRequest {
    test_app
        .access
        .approval_request(what, &by.name)
        .await
        .unwrap()
}

async fn open(test_app: &TestApp) -> Vec<String> {
    let open = test_app.access.open_approval_requests().await.unwrap();
    open.into_iter()
        .map(|approval_request| approval_request.id)
        .collect()
}

async fn now(test_app: &TestApp, id: &str) -> ApprovalRequestState {
    test_app
        .access
        .approval_request_of(id)
        .await
        .unwrap()
        .unwrap()
        .state
}

async fn one_asks_another_confirms_and_it_is_done_once(test_app: TestApp) {
    let kim = test_app.add("kim", &[Role::Cancel]).await;
    let lee = test_app.add("lee", &[Role::Cancel]).await;
    let (first, second) = (
        approval_request(&test_app, cancel(), &kim).await,
        approval_request(&test_app, cancel(), &kim).await,
    );
    assert_ne!(first.id, second.id);
    assert_eq!(open(&test_app).await, [first.id.clone(), second.id.clone()]);
    assert_eq!(
        test_app
            .access
            .approval_request_of(&first.id)
            .await
            .unwrap()
            .as_ref(),
        Some(&first)
    );
    assert_eq!(
        first.what.payment().unwrap().as_str(),
        "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b"
    );

    // Nothing is done that no one confirmed.
    let done = test_app
        .access
        .approval_request_done(&first.id, "cancelled")
        .await;
    assert!(!done.unwrap());
    assert_eq!(now(&test_app, &first.id).await, ApprovalRequestState::Open);

    let (by, at) = (lee.name.clone(), test_app.clock.now());
    let confirmed = test_app
        .access
        .decide(&first.id, &lee, Decision::Confirm)
        .await
        .unwrap();
    assert_eq!(
        confirmed.state,
        ApprovalRequestState::Confirmed { by: by.clone(), at }
    );
    assert_eq!((&confirmed.id, &confirmed.what), (&first.id, &first.what));
    assert_eq!(open(&test_app).await.len(), 2, "not carried out yet");
    test_app.pass(minutes(60 * 48));
    let left = open(&test_app).await;
    assert_eq!(left, [first.id.as_str()], "confirmed, it waits on");

    let done = together(
        ["cancelled", "cancelled"].map(|how| test_app.access.approval_request_done(&first.id, how)),
    );
    let mut done: Vec<bool> = done.await.into_iter().map(Result::unwrap).collect();
    done.sort_unstable();
    assert_eq!(done, [false, true], "of two that carry it out one has");
    let (at, outcome) = (test_app.clock.now(), "cancelled".to_owned());
    let ended = ApprovalRequestState::Done { by, at, outcome };
    assert_eq!(now(&test_app, &first.id).await, ended);
    test_app.pass(minutes(1));
    let again = test_app
        .access
        .approval_request_done(&first.id, "something else")
        .await;
    assert!(!again.unwrap());
    assert_eq!(now(&test_app, &first.id).await, ended);
    assert_eq!(open(&test_app).await, [""; 0]);
    let again = test_app
        .access
        .decide(&first.id, &lee, Decision::Refuse)
        .await;
    assert!(matches!(again, Err(ApprovalRequestError::Decided)));
    let nothing = test_app
        .access
        .approval_request_done("apr_0", "cancelled")
        .await;
    assert!(!nothing.unwrap());
}

async fn what_is_asked_for_with_a_key_is_asked_for_once(test_app: TestApp) {
    let kim = test_app.add("kim", &[Role::Close]).await;
    let lee = test_app.add("lee", &[Role::Close]).await;
    let once = async |what, by: &Operator, key| match test_app
        .access
        .approval_request_once(what, &by.name, key)
        .await
        .unwrap()
    {
        Asked::Written(approval_request) => Some(approval_request.id),
        _ => None,
    };
    let both = together([close(), close()].map(|what| once(what, &kim, "k"))).await;
    assert!(both[0].is_some() && both[0] == both[1], "{both:?}");
    assert_eq!(
        once(another(close()), &kim, "k").await,
        None,
        "it asked for something else"
    );
    // Another key is another approval request, and so is another's key.
    assert_ne!(once(close(), &kim, "k2").await, both[0]);
    assert_ne!(once(close(), &lee, "k").await, both[0]);
    assert_eq!(open(&test_app).await.len(), 3);
    // Decided, it stays what it was.
    let id = both[0].clone().unwrap();
    test_app
        .access
        .decide(&id, &lee, Decision::Refuse)
        .await
        .unwrap();
    assert_eq!(once(close(), &kim, "k").await, both[0]);
    assert!(matches!(
        now(&test_app, &id).await,
        ApprovalRequestState::Refused { .. }
    ));
    assert_eq!(open(&test_app).await.len(), 2);
}

async fn of_one_payment_one_cancel_waits_at_a_time(test_app: TestApp) {
    let kim = test_app.add("kim", &[Role::Cancel]).await;
    let lee = test_app.add("lee", &[Role::Cancel]).await;
    let ask = async |what, by: &Operator, key| {
        test_app
            .access
            .approval_request_once(what, &by.name, key)
            .await
            .unwrap()
    };
    // Two pages at once, or two people.
    let asked =
        together([(&kim, "1"), (&kim, "2"), (&lee, "1")].map(|(by, key)| ask(cancel(), by, key)));
    let asked = Box::pin(asked).await;
    let others = asked.iter().filter(|one| **one == Asked::Another).count();
    assert_eq!(others, 2, "{asked:?}");
    let approval_requests = open(&test_app).await;
    assert_eq!(approval_requests.len(), 1);
    // Another payment has its own, and closing is something else.
    for what in [another(cancel()), close()] {
        assert!(matches!(ask(what, &lee, "3").await, Asked::Written(_)));
    }
    // Confirmed and not carried out it still stands; then the next can be asked for.
    let decider = test_app.add("park", &[Role::Cancel]).await;
    let id = &approval_requests[0];
    test_app
        .access
        .decide(id, &decider, Decision::Confirm)
        .await
        .unwrap();
    assert_eq!(ask(cancel(), &kim, "4").await, Asked::Another);
    assert!(
        test_app
            .access
            .approval_request_done(id, "done")
            .await
            .unwrap()
    );
    let Asked::Written(next) = ask(cancel(), &kim, "4").await else {
        panic!("nothing stands in the way");
    };
    assert_ne!(next.id, *id, "its name is the key of what it asks for");
    // The form of one that is over asks for nothing new.
    test_app
        .access
        .decide(&next.id, &kim, Decision::Refuse)
        .await
        .unwrap();
    let Asked::Written(before) = ask(cancel(), &kim, "4").await else {
        panic!("it is the same form");
    };
    assert!(matches!(before.state, ApprovalRequestState::Refused { .. }));
    assert_eq!(
        ask(another(cancel()), &lee, "3").await,
        ask(another(cancel()), &lee, "3").await
    );
    // One that no one decided about is in the way for a day.
    assert!(matches!(ask(cancel(), &kim, "5").await, Asked::Written(_)));
    assert_eq!(ask(cancel(), &lee, "6").await, Asked::Another);
    test_app.pass(minutes(24 * 60));
    assert!(matches!(ask(cancel(), &lee, "6").await, Asked::Written(_)));
}

async fn who_asked_cannot_confirm_and_can_take_it_back(test_app: TestApp) {
    let kim = test_app
        .add("kim", &[Role::Cancel, Role::Close, Role::Administer])
        .await;
    let lee = test_app.add("lee", &[Role::Cancel]).await;
    let asked = approval_request(&test_app, cancel(), &kim).await;
    let own = test_app
        .access
        .decide(&asked.id, &kim, Decision::Confirm)
        .await;
    assert!(matches!(own, Err(ApprovalRequestError::SamePerson)));
    assert_eq!(now(&test_app, &asked.id).await, ApprovalRequestState::Open);
    test_app
        .access
        .decide(&asked.id, &kim, Decision::Refuse)
        .await
        .unwrap();
    let (by, at) = (kim.name.clone(), test_app.clock.now());
    assert_eq!(
        now(&test_app, &asked.id).await,
        ApprovalRequestState::Refused { by, at }
    );
    let late = test_app
        .access
        .decide(&asked.id, &lee, Decision::Confirm)
        .await;
    assert!(matches!(late, Err(ApprovalRequestError::Decided)));
    assert_eq!(open(&test_app).await, [""; 0]);
}

async fn deciding_takes_the_role(test_app: TestApp) {
    let kim = test_app.add("kim", &[Role::Cancel, Role::Close]).await;
    let canceller = test_app
        .add("lee", &[Role::Cancel, Role::KeyIn, Role::Administer])
        .await;
    let closer = test_app.add("park", &[Role::Close]).await;
    let mut gone = test_app.add("choi", &[Role::Cancel, Role::Close]).await;
    gone.active = false;
    let query = "/reports/payments.csv?state=approved".to_owned();
    let shops = sugi_core::Shops::All;
    let export = What::Export { query, shops };
    assert_eq!(export.payment(), None);
    for (what, may, may_not) in [
        (cancel(), &canceller, &closer),
        (close(), &closer, &canceller),
        (export, &closer, &canceller),
    ] {
        let asked = approval_request(&test_app, what, &kim).await;
        for nobody in [may_not, &gone] {
            for decision in [Decision::Confirm, Decision::Refuse] {
                let refused = test_app.access.decide(&asked.id, nobody, decision).await;
                assert!(
                    matches!(refused, Err(ApprovalRequestError::MayNot)),
                    "{:?}",
                    asked.what
                );
            }
        }
        assert_eq!(now(&test_app, &asked.id).await, ApprovalRequestState::Open);
        test_app
            .access
            .decide(&asked.id, may, Decision::Confirm)
            .await
            .unwrap();
    }
}

async fn an_approval_request_waits_for_a_day(test_app: TestApp) {
    let kim = test_app.add("kim", &[Role::Cancel]).await;
    let lee = test_app.add("lee", &[Role::Cancel]).await;
    let (early, late) = (
        approval_request(&test_app, cancel(), &kim).await,
        approval_request(&test_app, cancel(), &kim).await,
    );
    test_app.pass(minutes(24 * 60) - seconds(1));
    assert_eq!(open(&test_app).await.len(), 2);
    test_app
        .access
        .decide(&early.id, &lee, Decision::Confirm)
        .await
        .unwrap();
    test_app.pass(seconds(1));
    assert_eq!(open(&test_app).await, [early.id]);
    for (who, decision) in [
        (&lee, Decision::Confirm),
        (&lee, Decision::Refuse),
        (&kim, Decision::Refuse),
    ] {
        let gone = test_app.access.decide(&late.id, who, decision).await;
        assert!(matches!(gone, Err(ApprovalRequestError::Gone)));
    }
    let nothing = test_app
        .access
        .decide("apr_0", &lee, Decision::Confirm)
        .await;
    assert!(matches!(nothing, Err(ApprovalRequestError::Gone)));
}

async fn of_many_that_decide_at_once_one_does(test_app: TestApp) {
    let kim = test_app.add("kim", &[Role::Cancel]).await;
    let other = test_app.another_access().await;
    let mut deciders = Vec::new();
    for n in 0..6 {
        deciders.push(test_app.add(&format!("decider {n}"), &[Role::Cancel]).await);
    }
    for n in 0..3 {
        let asked = approval_request(&test_app, cancel(), &kim).await;
        let decide = async |access: &Access, who: usize| {
            let decision = if who.is_multiple_of(2) {
                Decision::Confirm
            } else {
                Decision::Refuse
            };
            access.decide(&asked.id, &deciders[who], decision).await
        };
        let outcomes = together((0..6_usize).map(|who| {
            let access = if who.is_multiple_of(3) {
                &other
            } else {
                &test_app.access
            };
            decide(access, who)
        }));
        let outcomes = outcomes.await;
        let decided: Vec<_> = outcomes
            .iter()
            .filter_map(|one| one.as_ref().ok())
            .collect();
        assert_eq!(decided.len(), 1, "{n}: {outcomes:?}");
        assert_eq!(now(&test_app, &asked.id).await, decided[0].state);
        let late = outcomes
            .iter()
            .filter(|one| matches!(one, Err(ApprovalRequestError::Decided)));
        assert_eq!(late.count(), 5, "{n}: {outcomes:?}");
    }
}

async fn wishes_that_waited_too_long_do_not_hide_those_that_wait(test_app: TestApp) {
    let kim = test_app.add("kim", &[Role::Cancel]).await;
    for _ in 0..3 {
        approval_request(&test_app, cancel(), &kim).await;
    }
    test_app.pass(minutes(24 * 60));
    let asked = approval_request(&test_app, cancel(), &kim).await;
    assert_eq!(open(&test_app).await, [asked.id]);
    // The store finds so many of one owner and no more: the old ones are not among them any more.
    let kind = sugi_store::DocumentKind::ApprovalRequest;
    let store = &test_app.store;
    assert_eq!(store.documents_of(kind, "open").await.unwrap().len(), 1);
    assert_eq!(store.documents(kind).await.unwrap().len(), 4);
}

async fn what_takes_two_is_what_the_rules_say(test_app: TestApp) {
    assert!(test_app.access.rules().second_person.close);
    assert_eq!(test_app.access.cancel_alone(Currency::Krw), None);
    assert_eq!(test_app.access.cancel_alone(Currency::Usd), None);
    let rules = Rules {
        second_person: SecondPerson {
            cancel_above: Some(100_000),
            ..Rules::default().second_person
        },
        ..Rules::default()
    };
    let access = Access::new(test_app.store.clone(), test_app.clock.clone(), rules);
    assert_eq!(access.cancel_alone(Currency::Krw), Some(100_000));
    let dollars = access.cancel_alone(Currency::Usd);
    assert_eq!(
        dollars,
        Some(0),
        "what is much in won says nothing of dollars"
    );
    // An approval request of one node is an approval request of all.
    let kim = test_app.add("kim", &[Role::Cancel]).await;
    let asked = access.approval_request(cancel(), &kim.name).await.unwrap();
    assert_eq!(open(&test_app).await, [asked.id]);
    let nobody: Result<Operator, AccessError> = access
        .change_operator(&"nobody".parse().unwrap(), |_| Ok(()))
        .await;
    assert!(matches!(nobody, Err(AccessError::Unknown(_))));
}
