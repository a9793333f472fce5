//! What looking and knocking leave in the audit.

use sugi_pages::{Gate, ROUTES};
use sugi_store::{AuditRow, DeedFilter};

use crate::house::{House, PASSWORD};

async fn rows(house: &House) -> Vec<AuditRow> {
    house.access.flush().await;
    let rows = house.engine.store().deeds(&DeedFilter::default()).await;
    rows.unwrap()
}

#[tokio::test]
async fn every_page_that_shows_somebody_leaves_an_entry_and_no_other_does() {
    let house = House::new().await;
    let cookie = house.sign_in("administer").await;
    let (mut seen, mut unseen) = (0, 0);
    for route in ROUTES
        .iter()
        .filter(|route| route.get && route.path != "/live")
    {
        let before = rows(&house).await.len();
        let path = crate::roles::at(&house, route);
        let answer = house.page("GET", &path, &cookie).await;
        if answer.status != 200 {
            continue;
        }
        let now = rows(&house).await;
        if route.shows_nobody {
            assert_eq!(now.len(), before, "{path}");
            unseen += 1;
        } else {
            let deed = &now[0].deed;
            let action = format!("GET {}", route.path);
            assert_eq!(now.len(), before + 1, "{path}");
            assert_eq!(
                (&*deed.actor, &deed.action),
                ("operator:administer", &action)
            );
            assert!(!deed.subject.is_empty(), "{path}: {deed:?}");
            seen += 1;
        }
    }
    assert!(seen >= 7 && unseen >= 5, "{seen} {unseen}");
    let mut open = ROUTES.iter().filter(|route| route.gate == Gate::Anybody);
    assert!(open.all(|route| route.shows_nobody || !route.get));
}

#[tokio::test]
async fn who_only_names_an_operator_writes_nothing_in_that_operators_name() {
    let house = House::new().await;
    for password in ["wrong", "correct horse batter", ""] {
        let form = format!("name=looker&password={}", password.replace(' ', "+"));
        assert_eq!(house.form("/sign-in", "", &form).await.status, 401);
    }
    for _ in 0..50 {
        house.form("/sign-in", "", "name=looker&password=x").await;
    }
    house.form("/sign-in", "", "name=whoever&password=x").await;
    // The house itself has taken a payment before.
    let mut tried = rows(&house).await;
    tried.retain(|row| row.deed.action == "POST /sign-in");
    assert!(tried.iter().all(|row| row.deed.actor == "-"), "{tried:#?}");
    assert_eq!(
        tried.len(),
        10,
        "the first ten of a minute, the rest in one row later"
    );
    assert!(tried.iter().all(|row| row.deed.subject == "looker"));
    house.clock.advance(jiff::SignedDuration::from_hours(1));
    let form = format!("name=looker&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(house.form("/sign-in", "", &form).await.status, 303);
    let proved = rows(&house).await;
    let entered = proved
        .iter()
        .filter(|row| row.deed.actor == "operator:looker");
    assert_eq!(entered.count(), 1);
    // What is asked for without a proof by name of a passkey is nobody's either.
    let shown = "credential=eA&handle=eA&client_data=eA&authenticator_data=eA&signature=eA";
    house.form("/sign-in/passkey", "", shown).await;
    assert_eq!(rows(&house).await[0].deed.actor, "-");
}

#[tokio::test]
async fn a_control_character_is_refused_before_anything_hears_of_it() {
    let house = House::new().await;
    let cookie = house.sign_in("administer").await;
    for name in ["act", "name", "a%00b"] {
        for path in [
            "/settings/operators/looker",
            "/settings/add-operator",
            "/account/password",
        ] {
            let answer = house.form(path, &cookie, &format!("{name}=x%00y")).await;
            assert_eq!(answer.status, 400, "{path}: {answer:?}");
            assert!(answer.text.contains("NUL"), "{answer:?}");
        }
    }
    for query in ["actor=%00", "a%1b=1"] {
        let path = format!("/settings/audit?{query}");
        let answer = house.page("GET", &path, &cookie).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let told = rows(&house).await;
    assert!(
        told.iter()
            .all(|row| !row.deed.outcome.contains('\u{fffd}'))
    );
}
