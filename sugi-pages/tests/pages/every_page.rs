//! Every page that can be looked at, in both languages: whole, and with every blank filled.

use sugi_pages::ROUTES;

use crate::{
    html,
    test_app::{TestApp, alone},
};
use sugi_access::SecondPerson;
use sugi_store::DeliveryState;
use sugi_webhooks::NewWebhook;

impl TestApp {
    /// A webhook that has taken one event, has one to be told again, and was given up for one.
    async fn webhook(&self) -> String {
        let line = sugi_webhooks::Line::new(None, sugi_webhooks::Targets::public()).unwrap();
        let webhooks = sugi_webhooks::Webhooks::new(
            self.engine.store().clone(),
            self.clock.clone(),
            self.access.rules().secret.clone(),
            line,
        );
        let url = "https://shop.example.com/sugi".parse().unwrap();
        let new = NewWebhook::to(url, "kim".parse().unwrap());
        let id = webhooks.add(new).await.unwrap().0.id.to_string();
        self.approved("W-1", 1_004).await;
        let (store, now) = (self.engine.store(), self.clock.now());
        let public_event = store.unnumbered().await.unwrap();
        let to = |_: &sugi_store::Event| vec![id.clone()];
        assert!(store.number(now, &public_event, to).await.unwrap());
        let due = store.due_deliveries(&id, now, 3).await.unwrap();
        let later = now + jiff::SignedDuration::from_hours(1);
        for (due, (state, at, answer)) in due.into_iter().zip([
            (DeliveryState::Delivered, None, "200"),
            (
                DeliveryState::Waiting,
                Some(later),
                "no answer within 15 seconds",
            ),
            (DeliveryState::GivenUp, None, "500"),
        ]) {
            let mine = store.take_delivery(&id, due, now, later).await.unwrap();
            let ended = store.end_delivery(&id, mine.unwrap(), now, state, at, answer);
            assert!(ended.await.unwrap());
        }
        id
    }
}

#[tokio::test]
async fn every_page_is_whole_in_both_languages() {
    let test_app = TestApp::with(SecondPerson {
        cancel_above: Some(100),
        ..alone()
    })
    .await;
    let mut kim = test_app.sign_in("kim").await;
    // Something of everything: an approval, one that waits for a second person, a doubt.
    let paid = test_app.approved("A-1", 150_000).await;
    let key = kim.form_key(&paid).await;
    let form = [("key", &*key), ("amount", "150000"), ("reason", "x")];
    kim.follow(&format!("{paid}/cancel"), &form).await;
    let doubt = test_app.in_doubt("A-2").await;
    let webhook = test_app.webhook().await;
    let mut looked = 0;
    for route in ROUTES.iter().filter(|route| route.get) {
        if matches!(
            route.path,
            "/live" | "/" | "/assets/{name}" | "/day/export/{name}"
        ) {
            continue;
        }
        let of = |page: &str| {
            let path = route.path.replace("/payments/{id}", page);
            let path = path.replace("/webhooks/{id}", &format!("/webhooks/{webhook}"));
            path.replace("{name}", "lee")
        };
        let receipt = route.path.ends_with("/receipt");
        let mut paths = vec![
            of(&paid),
            of(&doubt),
            format!("{}?said=requested", of(&paid)),
        ];
        paths.retain(|path| !(receipt && path.contains(&*doubt)));
        for (path, lang) in paths.iter().flat_map(|path| [(path, "ko"), (path, "en")]) {
            for who in ["kim", "lee"] {
                let browser = if who == "kim" {
                    kim.clone()
                } else {
                    test_app.sign_in("lee").await
                };
                let page = browser.in_lang(lang).page(path).await;
                let faults = html::faults(&page);
                assert!(faults.is_empty(), "{lang} {path}: {faults:?}\n{page}");
                assert!(page.contains(&format!("<html lang=\"{lang}\">")), "{path}");
                // One stroke from 결제, money taken back, a close that closes nothing.
                for word in ["결재", "요청 취소", "마감"] {
                    assert!(!page.contains(word), "{word} in {path}: {page}");
                }
                looked += 1;
            }
        }
    }
    assert!(looked > 40, "{looked}");
    // Troubles are pages as well.
    for lang in ["ko", "en"] {
        let answer = kim.clone().in_lang(lang).get("/payments/nothing").await;
        assert_eq!(answer.status, 404);
        let faults = html::faults(&answer.text);
        assert!(faults.is_empty(), "{faults:?}\n{}", answer.text);
    }
}
