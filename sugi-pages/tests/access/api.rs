//! The API's own document, tried with every key.

use serde_json::Value;

use crate::test_app::TestApp;

#[tokio::test]
async fn every_operation_takes_the_scope_that_its_document_names_and_no_other() {
    let test_app = TestApp::new().await;
    let document = test_app.request("GET", "/openapi.json").send().await.json;
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Some(security) = operation["security"].as_array() else {
                continue;
            };
            let scopes = security.iter().find_map(|one| one["api_key"].as_array());
            let scope = scopes.and_then(|all| all[0].as_str()).unwrap();
            // Some of it can be asked for without a key as well.
            let open = security
                .iter()
                .any(|one| one == &Value::Object(serde_json::Map::new()));
            let path = path.replace("{id}", &test_app.payment);
            let method = method.to_uppercase();
            for key in ["", "wrong", "pay", "cancel", "resolve", "read", "webhooks"] {
                let bearer = format!("Bearer {key}");
                let answer = test_app
                    .request(&method, &path)
                    .header("authorization", if key.is_empty() { "" } else { &bearer })
                    .header("idempotency-key", "k")
                    .json(&serde_json::json!({}))
                    .send()
                    .await;
                let refused = match key {
                    "" if open => None,
                    "" | "wrong" => Some(401),
                    key if key != scope => Some(403),
                    _ => None,
                };
                let is = Some(answer.status).filter(|status| matches!(status, 401 | 403));
                assert_eq!(is, refused, "{key} {method} {path}: {answer:?}");
                assert!(answer.status < 500);
                tried += 1;
            }
        }
    }
    assert!(tried >= 100, "{tried}");
}
