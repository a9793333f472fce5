//! The bodies that the guide's six samples send, byte for byte, for both kinds of payment.

use kcp_sandbox::Sandbox;
use serde_json::Value;

use crate::client::{APPROVE, Answer, exchange, lint_names, post};

/// The fields of the guide's example, in the order of the samples.
struct Sample {
    certificate: String,
    order: &'static str,
    good_name: &'static str,
    authenticated: bool,
}

impl Sample {
    fn new(sandbox: &Sandbox, order: &'static str, authenticated: bool) -> Self {
        let certificate = sandbox.credentials().cert_info();
        Self {
            certificate,
            order,
            good_name: "테스트 상품",
            authenticated,
        }
    }

    fn fields(&self, cust_ip: bool) -> Vec<(&'static str, &str)> {
        let mut fields = vec![
            ("site_cd", "T0000"),
            ("kcp_cert_info", &self.certificate),
            ("pay_method", "CARD"),
        ];
        if cust_ip {
            fields.push(("cust_ip", ""));
        }
        fields.extend([
            ("amount", "1004"),
            ("card_mny", "1004"),
            ("currency", "410"),
            ("quota", "00"),
            ("ordr_idxx", self.order),
            ("good_name", self.good_name),
            ("buyr_name", "홍길동"),
            ("buyr_mail", "test@kcp.co.kr"),
            ("buyr_tel2", "01000000000"),
            (
                "card_tx_type",
                if self.authenticated {
                    "11121000"
                } else {
                    "11111000"
                },
            ),
            ("card_no", "1234567800000000"),
            ("card_expiry", "3007"),
        ]);
        if self.authenticated {
            fields.extend([("card_taxno", "951010"), ("card_pwd", "00")]);
        }
        fields
    }

    /// json-simple's text (it writes `\/`), then the sample's `replace(",", ",\r\n")`.
    fn java(&self) -> String {
        let pairs: Vec<_> = self
            .fields(true)
            .iter()
            .map(|(name, value)| format!("\"{name}\":\"{}\"", value.replace('/', "\\/")))
            .collect();
        format!("{{{}}}", pairs.join(",")).replace(',', ",\r\n")
    }

    /// `json_encode` without options: `\uXXXX` for everything beyond ASCII, and `\/`.
    fn php(&self) -> String {
        let escape = |text: &str| -> String {
            let units = text.encode_utf16().map(|unit| match unit {
                0x2f => "\\/".to_owned(),
                0x20..=0x7e => char::from(u8::try_from(unit).unwrap()).to_string(),
                _ => format!("\\u{unit:04x}"),
            });
            units.collect()
        };
        let pairs: Vec<_> = self
            .fields(true)
            .iter()
            .map(|(n, v)| format!("\"{n}\":\"{}\"", escape(v)))
            .collect();
        format!("{{{}}}", pairs.join(","))
    }

    /// Glued together; the first field alone has spaces around its colon.
    fn c_sharp(&self) -> String {
        let pairs: Vec<_> = self
            .fields(true)
            .iter()
            .map(|(n, v)| format!("\"{n}\":\"{v}\""))
            .collect();
        format!("{{{}}}", pairs.join(",")).replacen("\"site_cd\":", "\"site_cd\" : ", 1)
    }

    /// Glued together, without `cust_ip`; `currency` comes from a variable called `curr_code`.
    fn asp(&self, curr_code: &str) -> String {
        let pairs: Vec<_> = self
            .fields(false)
            .iter()
            .map(|(n, v)| {
                format!(
                    "\"{n}\":\"{}\"",
                    if *n == "currency" { curr_code } else { v }
                )
            })
            .collect();
        format!("{{{}}}", pairs.join(","))
    }

    fn node(&self) -> String {
        let pairs: Vec<_> = self
            .fields(true)
            .iter()
            .map(|(n, v)| format!("\"{n}\":{}", Value::from(*v)))
            .collect();
        format!("{{{}}}", pairs.join(","))
    }

    /// `json.dumps(…, ensure_ascii=False, indent="\t")`, in the order of that sample.
    fn python(&self) -> String {
        const ORDER: [&str; 17] = [
            "site_cd",
            "kcp_cert_info",
            "ordr_idxx",
            "buyr_name",
            "good_name",
            "buyr_mail",
            "buyr_tel2",
            "currency",
            "amount",
            "card_mny",
            "quota",
            "pay_method",
            "card_tx_type",
            "card_no",
            "card_expiry",
            "card_taxno",
            "card_pwd",
        ];
        let fields = self.fields(false);
        let pairs: Vec<_> = ORDER
            .iter()
            .filter_map(|name| fields.iter().find(|(known, _)| known == name))
            .map(|(n, v)| format!("\t\"{n}\": {}", Value::from(*v)))
            .collect();
        format!("{{\n{}\n}}", pairs.join(",\n"))
    }
}

const PLAIN: (&str, &str) = ("Content-Type", "application/json");

async fn send(sandbox: &Sandbox, headers: &[(&str, &str)], body: &str) -> Answer {
    exchange(sandbox.url(), &post(APPROVE, headers, body.as_bytes()))
        .await
        .unwrap()
        .unwrap()
}

/// Sends what `body` makes of both kinds, expects both approved, and these lints.
async fn check(headers: &[(&str, &str)], body: fn(&Sample) -> String, lints: &[&str]) {
    let sandbox = Sandbox::start().await.unwrap();
    for (order, authenticated) in [("TEST1234567890", true), ("TEST1235467890", false)] {
        let body = body(&Sample::new(&sandbox, order, authenticated));
        let reply = send(&sandbox, headers, &body).await.json();
        assert_eq!(reply["res_cd"], "0000", "{body}\n{reply}");
        assert_eq!(reply["order_no"], order);
    }
    let kinds: Vec<_> = sandbox
        .books()
        .transactions
        .iter()
        .map(|t| t.kind)
        .collect();
    assert_eq!(kinds, ["authenticated", "unauthenticated"]);
    assert_eq!(lint_names(&sandbox), lints);
}

#[tokio::test]
async fn java_without_a_comma() {
    let headers = [
        PLAIN,
        ("Accept-Charset", "UTF-8"),
        ("User-Agent", "Java/17"),
    ];
    check(&headers, Sample::java, &["missing_charset"]).await;
}

#[tokio::test]
async fn java_with_a_comma_in_a_korean_name() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut sample = Sample::new(&sandbox, "A-1", false);
    sample.good_name = "사과, 배, 감";
    let body = sample.java();
    assert!(
        body.contains("사과,\r\n 배,\r\n 감"),
        "raw line ends inside the text"
    );
    let reply = send(&sandbox, &[PLAIN], &body).await.json();
    assert_eq!(reply["res_cd"], "0000", "{reply}");
    assert_eq!(
        lint_names(&sandbox),
        [
            "forbidden_character:good_name",
            "java_comma_crlf:good_name",
            "missing_charset"
        ]
    );
    let lints = sandbox.lints();
    let lint = lints
        .iter()
        .find(|lint| lint.code == "java_comma_crlf")
        .unwrap();
    assert!(
        lint.message.contains("replace(\",\"") && lint.message.contains("broke good_name"),
        "{}",
        lint.message
    );

    sandbox.set(|s| s.strict = true);
    let reply = send(&sandbox, &[PLAIN], &body).await.json();
    assert_eq!(reply["res_cd"], "0902");
    assert_eq!(sandbox.transaction_count(), 1);
}

#[tokio::test]
async fn php() {
    check(&[PLAIN, ("Accept", "*/*")], Sample::php, &[]).await;
    let sandbox = Sandbox::start().await.unwrap();
    let mut sample = Sample::new(&sandbox, "A-1", false);
    sample.good_name = "커피/차 😀";
    let body = sample.php();
    assert!(
        body.contains(r"\ucee4\ud53c\/\ucc28 \ud83d\ude00"),
        "{body}"
    );
    assert_eq!(
        send(&sandbox, &[PLAIN], &body).await.json()["res_cd"],
        "0000"
    );
    assert_eq!(sandbox.messages()[0].request["good_name"], "커피/차 😀");
}

#[tokio::test]
async fn c_sharp() {
    check(&[PLAIN], Sample::c_sharp, &["missing_charset"]).await;
}

#[tokio::test]
async fn a_glued_body_breaks_at_a_quote_and_lets_fields_in() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut sample = Sample::new(&sandbox, "A-1", false);
    sample.good_name = "12\" 피자";
    let reply = send(&sandbox, &[PLAIN], &sample.c_sharp()).await.json();
    assert_eq!(reply["res_cd"], "0902");
    assert_eq!(sandbox.lints()[0].code, "broken_json");

    sample.good_name = "x\",\"amount\":\"1\",\"card_mny\":\"1";
    let reply = send(&sandbox, &[PLAIN], &sample.c_sharp()).await.json();
    assert_eq!(
        (&reply["res_cd"], &reply["amount"]),
        (&"0000".into(), &"1".into())
    );
    assert!(lint_names(&sandbox).contains(&"duplicate_field:amount".to_owned()));
}

#[tokio::test]
async fn asp() {
    let headers = [("Content-Type", "application/json;charset=UTF-8")];
    check(&headers, |sample| sample.asp("410"), &[]).await;
    // Nothing sets the sample's variable: the currency is empty.
    let sandbox = Sandbox::start().await.unwrap();
    let body = Sample::new(&sandbox, "A-1", true).asp("");
    assert_eq!(
        send(&sandbox, &headers, &body).await.json()["res_cd"],
        "8052"
    );
    assert_eq!(lint_names(&sandbox), ["empty_currency:currency"]);
}

#[tokio::test]
async fn node() {
    check(&[PLAIN], Sample::node, &["missing_charset"]).await;
}

#[tokio::test]
async fn python() {
    let headers = [PLAIN, ("charset", "UTF-8")];
    check(
        &headers,
        Sample::python,
        &["missing_charset", "stray_charset_header"],
    )
    .await;
}
