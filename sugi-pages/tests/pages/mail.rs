//! The slip as an email, by a real mail server on loopback.

use serde_json::json;
use sugi_store::AuditFilter;

use crate::{
    html,
    post::{Mood, Post},
    test_app::TestApp,
};

/// The form's fields.
fn form<'a>(key: &'a str, to: &'a str) -> [(&'a str, &'a str); 3] {
    [("key", key), ("to", to), ("lang", "ko")]
}

#[tokio::test]
async fn the_slip_goes_to_the_buyer_once_however_often_it_is_sent() {
    let post = Post::open(Mood::Good).await;
    let test_app = TestApp::mailing(&post).await;
    let mut kim = test_app.sign_in("kim").await;
    let buyer = json!({ "buyer": { "name": "<b>홍길동", "email": "hong@example.com" } });
    let paid = format!(
        "/payments/{}",
        test_app.pay("A-1", 12_000, buyer).await.id()
    );
    let slip = format!("{paid}/receipt");
    let page = kim.page(&slip).await;
    assert!(page.contains("value=\"hong@example.com\""), "{page}");
    let key = kim.form_key(&slip).await;
    let send = format!("{paid}/mail");
    let both = tokio::join!(
        kim.form(&send, &form(&key, "hong@example.com")).send(),
        kim.form(&send, &form(&key, "hong@example.com")).send(),
    );
    for answer in [both.0, both.1] {
        assert_eq!(
            answer.header("location"),
            Some(&*format!("{slip}?said=mailed"))
        );
    }
    let page = kim.follow(&send, &form(&key, "hong@example.com")).await;
    assert!(
        page.contains("매출전표를 보냈습니다") && html::faults(&page).is_empty(),
        "{page}"
    );
    let [email_message] = &post.arrived(1).await[..] else {
        panic!("more than one letter")
    };
    assert_eq!(email_message.to, ["<hong@example.com>"]);
    let text = decoded(&email_message.body);
    for part in [
        "신용카드 매출전표",
        "12,000원",
        "411111******1111",
        "&#60;b&#62;홍길동",
        "<b>홍길동",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("4111111111111111"));
    test_app.access.flush().await;
    let of_it = AuditFilter {
        subject: paid.strip_prefix("/payments/").map(Into::into),
        ..AuditFilter::default()
    };
    let audit_entries = test_app.engine.store().audit_entries(&of_it).await.unwrap();
    let told = audit_entries
        .iter()
        .filter(|row| row.audit_entry.action == "mail slip");
    let told: Vec<_> = told.map(|row| &*row.audit_entry.outcome).collect();
    assert_eq!(
        told,
        ["to the buyer's address", "begun"],
        "once, as the email"
    );
    // The same form for someone else is another letter, and not this form's to send.
    let page = kim.follow(&send, &form(&key, "lee@example.com")).await;
    assert!(page.contains("이미 요청한 것과 다릅니다"), "{page}");
    assert_eq!(post.email_messages().len(), 1);
    // A page that was opened anew sends an email of its own.
    let key = kim.form_key(&slip).await;
    kim.follow(&send, &form(&key, "hong@example.com")).await;
    assert_eq!(post.email_messages().len(), 2);
}

#[tokio::test]
async fn what_goes_wrong_is_told_as_well_as_it_is_known() {
    for (mood, to, end, said) in [
        (Mood::Good, "hong", "mail-address", "보낸 것은 없습니다"),
        (
            Mood::Good,
            "a@example.com\r\nBcc: b@example.com",
            "mail-address",
            "보낸 것은 없습니다",
        ),
        (
            Mood::NoSuchMailbox,
            "hong@example.com",
            "mail-not",
            "받지 않아 보내지 못했습니다",
        ),
        (
            Mood::HangsUp,
            "hong@example.com",
            "mail-unknown",
            "보내졌는지 알 수 없습니다",
        ),
        (
            Mood::Plain,
            "hong@example.com",
            "mail-not",
            "받지 않아 보내지 못했습니다",
        ),
    ] {
        let post = Post::open(mood).await;
        let test_app = TestApp::mailing(&post).await;
        let mut kim = test_app.sign_in("kim").await;
        let paid = test_app.approved("A-1", 1_004).await;
        let key = kim.form_key(&format!("{paid}/receipt")).await;
        let page = kim.follow(&format!("{paid}/mail"), &form(&key, to)).await;
        assert!(page.contains(said), "{mood:?} {to}: {page}");
        assert_eq!(
            post.email_messages().len(),
            usize::from(mood == Mood::HangsUp)
        );
        // The audit says how it ended, and calls nothing mailed that was not.
        test_app.access.flush().await;
        let of_it = AuditFilter {
            subject: paid.strip_prefix("/payments/").map(Into::into),
            ..AuditFilter::default()
        };
        let rows = test_app.engine.store().audit_entries(&of_it).await.unwrap();
        let rows = rows.iter().map(|row| &row.audit_entry);
        let rows = rows.filter(|entry| entry.action == "mail slip");
        let ended: Vec<_> = rows.map(|entry| &*entry.outcome).collect();
        assert_eq!(ended, [end, "begun"], "{mood:?} {to}");
    }
}

#[tokio::test]
async fn nobody_is_offered_what_is_not_there_or_not_theirs() {
    let without = TestApp::new().await;
    let mut kim = without.sign_in("kim").await;
    let paid = without.approved("A-1", 1_004).await;
    let key = kim.form_key(&paid).await;
    assert!(
        !kim.page(&format!("{paid}/receipt"))
            .await
            .contains("/mail\"")
    );
    let answer = kim
        .post(&format!("{paid}/mail"), &form(&key, "a@example.com"))
        .await;
    assert_eq!(answer.status, 404);

    let post = Post::open(Mood::Good).await;
    let test_app = TestApp::mailing(&post).await;
    let paid = test_app.approved("A-1", 1_004).await;
    for (name, status) in [("looker", 403), ("other", 404)] {
        let mut browser = test_app.sign_in(name).await;
        let answer = browser
            .post(&format!("{paid}/mail"), &form(&key, "a@example.com"))
            .await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
    let looker = test_app.sign_in("looker").await;
    assert!(
        !looker
            .page(&format!("{paid}/receipt"))
            .await
            .contains("/mail\"")
    );
    let mut kim = test_app.sign_in("kim").await;
    let doubt = test_app.in_doubt("A-2").await;
    let answer = kim
        .post(&format!("{doubt}/mail"), &form(&key, "a@example.com"))
        .await;
    assert_eq!(answer.status, 404, "there is no slip of it");
    assert!(post.email_messages().is_empty());
}

/// The parts of an email, each in the emails that it means.
fn decoded(body: &str) -> String {
    use base64::Engine as _;
    let part = |part: &str| {
        let packed: String = part.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed);
        bytes.unwrap_or_else(|_| quoted(part))
    };
    let parts = body
        .split("\r\n\r\n")
        .map(|all| all.split("\r\n--").next().unwrap());
    parts
        .map(|one| String::from_utf8_lossy(&part(one)).into_owned())
        .collect()
}

/// Quoted-printable as bytes.
fn quoted(text: &str) -> Vec<u8> {
    let text = text.replace("=\r\n", "");
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        bytes.extend(u8::from_str_radix(code, 16));
        bytes.extend(rest.as_bytes());
    }
    bytes
}
