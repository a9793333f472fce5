//! Digits of a card are in no answer, no problem, no log and no file.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use kcp_sandbox::FaultKind;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::test_app::{TestApp, sale_with};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn digits_of_a_card_are_nowhere() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone());
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        talk(&log).await;
    });
}

async fn talk(log: &Log) {
    // Of the sandbox's test range, with a middle that occurs nowhere else.
    const NUMBER: &str = "9490991060100003";
    const SECRETS: &[&str] = &["0991060100", "2077-07", "7707", "0707", "8807063"];
    let test_app = TestApp::without_lookup().await;
    let card = json!({ "number": NUMBER, "expiry": "2077-07",
        "holder_proof": { "birth_or_business_no": "8807063210", "password_prefix": "73" } });
    let sale = |order_no: &str| sale_with(order_no, &[("card", card.clone())]);
    let mut answers = Vec::new();
    answers.push(
        test_app
            .post("/v1/payments", "declined", &sale("A-1"))
            .send()
            .await,
    );
    test_app.fault(FaultKind::LoseAnswer);
    answers.push(
        test_app
            .post("/v1/payments", "lost", &sale("A-2"))
            .send()
            .await,
    );
    answers.push(
        test_app
            .post("/v1/payments", "lost", &sale("A-2"))
            .send()
            .await,
    );
    answers.push(
        test_app
            .get(&format!("/v1/payments/{}", answers[1].id()))
            .await,
    );

    // The whole card where it does not belong, and everything that can be wrong with the body.
    let whole = card.to_string();
    let mut bodies = vec![
        whole.clone(),
        format!("{whole}}}"),
        format!("[{whole}]"),
        format!("\"{NUMBER}\""),
        NUMBER.to_owned(),
    ];
    let text = sale("A-3").to_string();
    bodies.extend(
        (1..text.len())
            .step_by(7)
            .filter(|at| text.is_char_boundary(*at))
            .map(|at| text[..at].to_owned()),
    );
    for (field, value) in [
        ("card", json!(NUMBER)),
        ("card.number", json!(9_490_991_060_100_003_u64)),
        ("card.number", json!([NUMBER])),
        ("card.number", json!({ NUMBER: 1 })),
        ("card.expiry", json!(NUMBER)),
        ("card.expiry", json!("07/2077-07")),
        ("amount", json!(NUMBER)),
        ("currency", json!(NUMBER)),
        ("shop", json!(NUMBER)),
        ("order_no", json!(NUMBER)),
        ("product", json!(format!("x {NUMBER}"))),
        ("buyer", card.clone()),
        ("buyer.name", json!(NUMBER)),
        ("buyer.email", json!(NUMBER)),
        ("buyer.phone", json!(NUMBER)),
        (NUMBER, json!(1)),
        ("card.cvc9490991060100003", json!(1)),
        ("installment_months", json!(NUMBER)),
        ("card.holder_proof.password_prefix", json!("8807063210")),
        (
            "card.holder_proof.birth_or_business_no",
            json!("88070632101"),
        ),
    ] {
        bodies.push(sale_with("A-3", &[("card", card.clone()), (field, value)]).to_string());
    }
    for body in bodies {
        let post = test_app
            .ask("POST", "/v1/payments")
            .header("content-type", "application/json")
            .body(body);
        answers.push(post.header("idempotency-key", "k").send().await);
        let code = answers.last().unwrap().json["code"].clone();
        assert!(code.is_string(), "{:?}", answers.last());
    }
    // In addresses and headers.
    answers.push(test_app.get(&format!("/v1/payments/{NUMBER}")).await);
    answers.push(
        test_app
            .get(&format!("/v1/payments?order_no={NUMBER}&{NUMBER}=1"))
            .await,
    );
    answers.push(test_app.get(&format!("/{NUMBER}")).await);
    answers.push(
        test_app
            .ask("GET", "/v1/shops")
            .header("x-request-id", NUMBER)
            .send()
            .await,
    );
    answers.push(
        test_app
            .ask("GET", "/v1/shops")
            .header("authorization", &format!("Bearer {NUMBER}"))
            .send()
            .await,
    );
    answers.push(test_app.get("/metrics").await);

    let mut said: Vec<_> = answers.iter().map(|answer| format!("{answer:?}")).collect();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("answered") && logged.contains("route=\"/v1/payments\""),
        "{logged}"
    );
    said.push(logged);
    for entry in std::fs::read_dir(test_app.dir()).unwrap() {
        said.push(
            String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned(),
        );
    }
    for text in said {
        for secret in SECRETS {
            // Four digits alone are also in hashes and times: there they count if they stand alone.
            let stands = |at: usize| {
                let near = [
                    text[..at].chars().last(),
                    text[at + secret.len()..].chars().next(),
                ];
                secret.len() > 4 || !near.iter().flatten().any(char::is_ascii_alphanumeric)
            };
            let found = text
                .match_indices(secret)
                .map(|(at, _)| at)
                .find(|at| stands(*at));
            if let Some(at) = found {
                let around: String = text[..at]
                    .chars()
                    .rev()
                    .take(200)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
                panic!("{secret} in …{around}");
            }
        }
    }
}
