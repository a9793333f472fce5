//! Operators as they are kept and changed.

use nhn_kcp::Currency;
use sugi_access::{AccessError, NewOperator, Operator, PasswordError, Role};
use sugi_core::{Actor, ShopId, Shops};

use crate::{PASSWORD, TestApp, actor, together};

on_each_engine!(
    a_name_is_given_once,
    an_easy_password_is_refused_wherever_it_is_set,
    what_is_changed_at_once_is_all_changed,
    the_last_administrator_stays,
    somebody_can_always_administer_all_shops,
    taking_the_last_shop_away_gives_no_shop,
    of_the_last_two_administrators_that_go_at_once_one_stays,
    a_role_a_shop_and_a_limit_hold,
    what_does_not_read_is_named_and_not_shown,
);

/// Takes the role away, or the person.
async fn resign(test_app: &TestApp, name: &str, whole: bool) -> Result<Operator, AccessError> {
    let change = |operator: &mut Operator| {
        if whole {
            operator.active = false;
        } else {
            operator.roles.remove(&Role::Administer);
        }
    };
    test_app.change(name, change).await
}

async fn a_name_is_given_once(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let ask = |roles| NewOperator::new(actor("kim"), roles, PASSWORD);
    let taken = test_app.access.add_operator(ask([Role::Administer])).await;
    assert!(matches!(taken, Err(AccessError::NameTaken(name)) if name == actor("kim")));
    assert!(!test_app.operator("kim").await.may(Role::Administer));
    let both = together(["lee", "lee"].map(|name| {
        let new = NewOperator::new(actor(name), [], PASSWORD);
        test_app.access.add_operator(new)
    }));
    assert_eq!(both.await.iter().filter(|one| one.is_ok()).count(), 1);
    let names = test_app.access.operators().await.unwrap();
    let names: Vec<_> = names.iter().map(|one| one.name.to_string()).collect();
    assert_eq!(names, ["kim", "lee"]);
}

async fn an_easy_password_is_refused_wherever_it_is_set(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    for (password, why) in [
        ("short", PasswordError::Length),
        ("kimkimkimkim1", PasswordError::Guessable),
        ("Password1234", PasswordError::Common),
    ] {
        let add = NewOperator::new(actor("lee"), [], password);
        let add = test_app.access.add_operator(add).await;
        assert!(matches!(add, Err(AccessError::Password(found)) if found == why));
        let set = test_app.set_password("kim", password).await;
        assert!(matches!(set, Err(AccessError::Password(found)) if found == why));
    }
    assert!(test_app.enter("kim", PASSWORD).await.is_ok());
    let nobody = test_app.set_password("nobody", PASSWORD).await;
    assert!(matches!(nobody, Err(AccessError::Unknown(name)) if name == "nobody"));
}

async fn what_is_changed_at_once_is_all_changed(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    let none = |kim: &mut Operator| {
        kim.shops = Shops::none();
        Ok::<_, AccessError>(())
    };
    test_app
        .access
        .change_operator(&actor("kim"), none)
        .await
        .unwrap();
    let shops: Vec<ShopId> = (0..10)
        .map(|n| format!("shop{n}").parse().unwrap())
        .collect();
    let name = actor("kim");
    let changes = shops.iter().map(|shop| {
        test_app.access.change_operator(&name, |kim| {
            let named = kim.shops.named().into_iter().flatten().cloned();
            kim.shops = named.chain([shop.clone()]).collect();
            Ok::<_, AccessError>(())
        })
    });
    for outcome in together(changes).await {
        outcome.unwrap();
    }
    assert_eq!(
        test_app.operator("kim").await.shops,
        shops.into_iter().collect()
    );
    // A change that changes its mind changes nothing.
    let refused = test_app.access.change_operator(&name, |kim| {
        kim.shops = Shops::All;
        Err(AccessError::Code)
    });
    assert!(matches!(refused.await, Err(AccessError::Code)));
    assert_eq!(
        test_app.operator("kim").await.shops.named().unwrap().len(),
        10
    );
}

async fn the_last_administrator_stays(test_app: TestApp) {
    test_app.add("kim", &[Role::Administer]).await;
    test_app.add("lee", &[Role::KeyIn]).await;
    for whole in [false, true] {
        let refused = resign(&test_app, "kim", whole).await;
        assert!(matches!(refused, Err(AccessError::LastAdministrator)));
        assert!(test_app.operator("kim").await.may(Role::Administer));
        resign(&test_app, "lee", false).await.unwrap();
    }
    test_app.add("park", &[Role::Administer]).await;
    resign(&test_app, "kim", true).await.unwrap();
    let refused = resign(&test_app, "park", false).await;
    assert!(
        matches!(refused, Err(AccessError::LastAdministrator)),
        "kim does not count any more"
    );
}

async fn somebody_can_always_administer_all_shops(test_app: TestApp) {
    test_app.add("kim", &[Role::Administer]).await;
    test_app.add("lee", &[Role::Administer]).await;
    let narrow = async |name: &str| {
        let change = |one: &mut Operator| {
            one.shops = ["main".parse().unwrap()].into();
            Ok::<_, AccessError>(())
        };
        test_app.access.change_operator(&actor(name), change).await
    };
    narrow("lee").await.unwrap();
    let refused = narrow("kim").await;
    assert!(matches!(refused, Err(AccessError::LastAdministrator)));
    assert_eq!(test_app.operator("kim").await.shops, Shops::All);
    // Who is for some shops may administer them, and is not the one who is left.
    let (kim, lee) = (
        test_app.operator("kim").await,
        test_app.operator("lee").await,
    );
    assert!(lee.may_administer(&lee.shops) && !lee.may_administer(&kim.shops));
    assert!(kim.may_administer(&lee.shops) && lee.may_administer(&Shops::none()));
    let gone = resign(&test_app, "kim", false).await;
    assert!(matches!(gone, Err(AccessError::LastAdministrator)));
}

async fn taking_the_last_shop_away_gives_no_shop(test_app: TestApp) {
    let mut new = NewOperator::new(actor("kim"), [Role::KeyIn], PASSWORD);
    new.shops = ["main".parse().unwrap()].into();
    test_app.access.add_operator(new).await.unwrap();
    let change = |kim: &mut Operator| {
        let rest = kim.shops.named().into_iter().flatten().skip(1).cloned();
        kim.shops = rest.collect();
        Ok::<_, AccessError>(())
    };
    test_app
        .access
        .change_operator(&actor("kim"), change)
        .await
        .unwrap();
    let kim = test_app.operator("kim").await;
    for shop in ["main", "other"] {
        assert!(!kim.may_use(&shop.parse().unwrap()), "{shop}");
    }
    assert!(kim.shops.is_none());
}

async fn of_the_last_two_administrators_that_go_at_once_one_stays(test_app: TestApp) {
    for n in 0..5 {
        let names = [format!("a{n}"), format!("b{n}")];
        for name in &names {
            test_app.add(name, &[Role::Administer]).await;
        }
        if n > 0 {
            // Those who stayed the last time go.
            for gone in [format!("a{}", n - 1), format!("b{}", n - 1)] {
                let _ = resign(&test_app, &gone, true).await;
            }
        }
        let outcomes = together(names.iter().map(|name| resign(&test_app, name, n % 2 == 0))).await;
        let all = test_app.access.operators().await.unwrap();
        let left = all.iter().filter(|one| one.may(Role::Administer)).count();
        let gone = outcomes.iter().filter(|one| one.is_ok()).count();
        assert!(left >= 1, "{outcomes:?}");
        assert_eq!(left + gone, 2, "what was told is what is: {outcomes:?}");
    }
}

async fn a_role_a_shop_and_a_limit_hold(test_app: TestApp) {
    let mut new = NewOperator::new(actor("kim"), [Role::KeyIn], PASSWORD);
    new.shops = ["main".parse().unwrap()].into();
    new.amount_max = Some(50_000);
    let kim = test_app.access.add_operator(new).await.unwrap();
    let kept = test_app.operator("kim").await;
    for kim in [kim, kept] {
        assert!(kim.may(Role::KeyIn) && !kim.may(Role::Cancel));
        assert!(kim.may_use(&"main".parse().unwrap()) && !kim.may_use(&"other".parse().unwrap()));
        let won = |amount| kim.may_move(amount, Currency::Krw);
        assert!(won(50_000) && !won(50_001));
        assert!(
            !kim.may_move(1, Currency::Usd) && !kim.may_use_currency(Currency::Usd),
            "a limit in won says nothing of dollars"
        );
    }
    let lee = test_app.add("lee", &[]).await;
    assert!(lee.may_use(&"other".parse().unwrap()) && lee.may_move(u64::MAX, Currency::Usd));
    assert_eq!(test_app.access.rules(), &crate::rules());
}

async fn what_does_not_read_is_named_and_not_shown(test_app: TestApp) {
    test_app.add("kim", &[Role::KeyIn]).await;
    test_app.harm(
        "update document set body = replace(body, '\"active\":true', '\"active\":\"secret\"')",
    );
    let name: Actor = actor("kim");
    let why = test_app
        .access
        .operator(&name)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        why.contains("operator kim") && !why.contains("secret"),
        "{why}"
    );
    assert!(test_app.enter("kim", PASSWORD).await.is_err());
}
