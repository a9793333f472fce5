//! What the service mails.

use std::fs;

use crate::{
    Desk, failure,
    post::{Mood, Post},
    serve::Service,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_days_checkpoint_is_mailed_and_holds_later() {
    let post = Post::open(Mood::Good).await;
    let desk = Desk::new().await;
    desk.pay("A-1", "1004");
    fs::write(desk.dir.path().join("authority.pem"), &post.authority).unwrap();
    let port = post.address.port().to_string();
    let env = [
        ("SUGI_MAIL__SERVER", "localhost"),
        ("SUGI_MAIL__PORT", &port),
        ("SUGI_MAIL__AUTHORITY", "authority.pem"),
        ("SUGI_MAIL__FROM", "sugi@example.com"),
        ("SUGI_MAIL__CHECKPOINT_TO", "[\"kim@example.com\"]"),
    ];
    let service = Service::start_with(&desk, &env);
    let email_messages = post.arrived(1).await;
    drop(service);
    assert_eq!(email_messages[0].to, ["<kim@example.com>"]);
    let subject = "Subject: sugi audit checkpoint";
    assert!(
        email_messages[0].body.contains(subject),
        "{}",
        email_messages[0].body
    );

    // What was mailed is what `sugi audit checkpoint` prints, at its own time.
    let now = desk.json(&["audit", "checkpoint", "--json"], "");
    let [checkpoint, installation] =
        ["checkpoint", "installation"].map(|name| now[name].as_str().unwrap());
    let text = text(&email_messages[0].body);
    let line = text.lines().next().unwrap();
    let parts: Vec<_> = line.split("  ").collect();
    assert!(
        matches!(parts[..], [one, _, other] if one == checkpoint && other == installation),
        "{now}: {text}"
    );
    let command = format!("sugi verify --checkpoint {checkpoint}");
    assert!(text.lines().any(|line| line.trim() == command), "{text}");
    desk.pay("A-2", "1004");
    let holds = desk.json(&["verify", "--checkpoint", checkpoint, "--json"], "");
    assert_eq!(holds["holds"], true);
}

/// A letter's text, unpacked from the way.
fn text(body: &str) -> String {
    use base64::Engine as _;
    let (_, packed) = body.split_once("\r\n\r\n").unwrap();
    let packed: String = packed.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed);
    String::from_utf8(bytes.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_section_that_contradicts_itself_stops_the_start() {
    let desk = Desk::new().await;
    let config = fs::read_to_string(desk.config()).unwrap();
    for (mail, said) in [
        (
            "server = \"mail.example.com\"\nfrom = \"nobody\"",
            "from is not an address",
        ),
        (
            "server = \"mail.example.com\"\nfrom = \"a@example.com\"\nsecurity = \"none\"",
            "in the clear",
        ),
        (
            "server = \"localhost\"\nfrom = \"a@example.com\"\nuser = \"a\"",
            "password_file",
        ),
        (
            "server = \"localhost\"\nfrom = \"a@example.com\"\npassword = \"secret words\"",
            "mail.user",
        ),
        (
            "server = \"localhost\"\nfrom = \"a@example.com\"\ncheckpoint_to = [\"kim\"]",
            "checkpoint_to",
        ),
    ] {
        fs::write(desk.config(), format!("{config}\n[mail]\n{mail}\n")).unwrap();
        let (why, code) = failure(&desk.sugi(&["serve"], ""));
        assert_eq!(code, 2, "{why}");
        assert!(why.contains("mail") && why.contains(said), "{said}: {why}");
        assert!(!why.contains("secret words"), "{why}");
    }
}
