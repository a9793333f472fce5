//! A merchant made for tests: writes HTTP by hand, so that nothing is repaired on the way.

use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kcp_sandbox::{Credentials, Sandbox};
use pkcs8::der::Decode as _;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const APPROVE: &str = "/gw/hub/v1/payment";
pub(crate) const CANCEL: &str = "/gw/mod/v1/cancel";
pub(crate) const INQUIRE: &str = "/std/inquery";
pub(crate) const CARD: &str = "4111111111111111";

/// What came back on a connection, complete or not.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether as much body came as was announced.
    pub(crate) complete: bool,
    /// What came behind the announced body.
    pub(crate) extra: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Sends one request on a connection of its own and reads until the end.
///
/// `None` when the connection ended without a byte of answer; the error tells a reset from an end.
pub(crate) async fn exchange(origin: &str, request: &[u8]) -> std::io::Result<Option<Answer>> {
    let address = origin.split_once("://").unwrap().1;
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .expect("an answer in 20 s")?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let end = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head")
        + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
    let rest = &bytes[end..];
    let body = rest[..rest.len().min(length)].to_vec();
    Ok(Some(Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        complete: body.len() == length,
        extra: rest[body.len()..].to_vec(),
        head,
        body,
    }))
}

/// A POST with these header lines, byte for byte.
pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("POST {path} HTTP/1.1\r\nHost: kcp\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    [text.as_bytes(), body].concat()
}

pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json; charset=utf-8");

/// Posts JSON and expects a whole answer.
pub(crate) async fn send(origin: &str, path: &str, body: &Value) -> Answer {
    let request = post(path, &[JSON], body.to_string().as_bytes());
    let answer = exchange(origin, &request)
        .await
        .unwrap()
        .expect("an answer");
    assert!(answer.complete && answer.extra.is_empty(), "{answer:?}");
    answer
}

/// A call on the control port.
pub(crate) async fn control(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(sandbox.control_url(), request.as_bytes())
        .await
        .unwrap()
        .expect("an answer")
}

/// A shop of the sandbox.
pub(crate) struct Shop<'s> {
    pub(crate) sandbox: &'s Sandbox,
    pub(crate) credentials: Credentials,
}

impl<'s> Shop<'s> {
    pub(crate) fn of(sandbox: &'s Sandbox) -> Self {
        Self {
            sandbox,
            credentials: sandbox.credentials().clone(),
        }
    }

    /// The example payment, authenticated.
    pub(crate) fn payment(&self, order: &str) -> Map<String, Value> {
        let mut fields = self.unauthenticated(order);
        fields.insert("card_tx_type".to_owned(), "11121000".into());
        fields.insert("card_taxno".to_owned(), "951010".into());
        fields.insert("card_pwd".to_owned(), "00".into());
        fields
    }

    /// The same, unauthenticated.
    pub(crate) fn unauthenticated(&self, order: &str) -> Map<String, Value> {
        let fields = json!({
            "site_cd": self.credentials.site_cd,
            "kcp_cert_info": self.credentials.cert_info(),
            "pay_method": "CARD",
            "cust_ip": "",
            "amount": "1004",
            "card_mny": "1004",
            "currency": "410",
            "quota": "00",
            "ordr_idxx": order,
            "good_name": "테스트 상품",
            "buyr_name": "홍길동",
            "buyr_mail": "test@kcp.co.kr",
            "buyr_tel2": "01000000000",
            "card_tx_type": "11111000",
            "card_no": CARD,
            "card_expiry": "3012",
        });
        fields.as_object().unwrap().clone()
    }

    /// Sends the example payment with some fields changed; null takes a field out.
    pub(crate) async fn approve_with(&self, order: &str, changes: Value) -> Value {
        let mut fields = self.payment(order);
        change(&mut fields, &changes);
        self.approve(fields).await
    }

    pub(crate) async fn approve(&self, fields: Map<String, Value>) -> Value {
        let answer = send(self.sandbox.url(), APPROVE, &fields.into()).await;
        assert_eq!(answer.status, 200);
        answer.json()
    }

    /// Approves the example payment and gives its tno.
    pub(crate) async fn approved(&self, order: &str) -> String {
        let reply = self.approve(self.payment(order)).await;
        assert_eq!(reply["res_cd"], "0000", "{reply}");
        reply["tno"].as_str().unwrap().to_owned()
    }

    /// A cancel request; `changes` may add `mod_mny` and `rem_mny`.
    pub(crate) fn cancel_fields(
        &self,
        tno: &str,
        mod_type: &str,
        changes: Value,
    ) -> Map<String, Value> {
        let site_cd = &self.credentials.site_cd;
        let mut fields = json!({
            "site_cd": site_cd,
            "kcp_cert_info": self.credentials.cert_info(),
            "kcp_sign_data": sign(&format!("{site_cd}^{tno}^{mod_type}")),
            "tno": tno,
            "mod_type": mod_type,
            "mod_desc": "test",
        });
        let fields = fields.as_object_mut().unwrap();
        change(fields, &changes);
        fields.clone()
    }

    pub(crate) async fn cancel(&self, tno: &str) -> Value {
        self.cancel_with(tno, "STSC", json!({})).await
    }

    pub(crate) async fn cancel_part(&self, tno: &str, amount: u64, believed_left: u64) -> Value {
        let amounts =
            json!({ "mod_mny": amount.to_string(), "rem_mny": believed_left.to_string() });
        self.cancel_with(tno, "STPC", amounts).await
    }

    pub(crate) async fn cancel_with(&self, tno: &str, mod_type: &str, changes: Value) -> Value {
        let fields = self.cancel_fields(tno, mod_type, changes);
        send(self.sandbox.url(), CANCEL, &fields.into())
            .await
            .json()
    }

    pub(crate) fn inquiry_fields(&self, tno: &str, changes: Value) -> Map<String, Value> {
        let site_cd = &self.credentials.site_cd;
        let mut fields = json!({
            "site_cd": site_cd,
            "kcp_cert_info": self.credentials.cert_info(),
            "kcp_sign_data": sign(&format!("{site_cd}^{tno}^PACA")),
            "tno": tno,
            "pay_type": "PACA",
        });
        let fields = fields.as_object_mut().unwrap();
        change(fields, &changes);
        fields.clone()
    }

    pub(crate) async fn inquire(&self, tno: &str) -> Value {
        self.inquire_with(tno, json!({})).await
    }

    pub(crate) async fn inquire_with(&self, tno: &str, changes: Value) -> Value {
        let fields = self.inquiry_fields(tno, changes);
        send(self.sandbox.url(), INQUIRE, &fields.into())
            .await
            .json()
    }
}

pub(crate) fn change(fields: &mut Map<String, Value>, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
}

/// Base64 of the SHA256withRSA signature, with the key as a merchant reads it from the modern file.
pub(crate) fn sign(text: &str) -> String {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let credentials = Credentials::generate("T0000").unwrap();
        let body: String = credentials
            .key_pem_modern
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        let der = STANDARD.decode(body).unwrap();
        let sealed = pkcs8::EncryptedPrivateKeyInfoRef::from_der(&der).unwrap();
        let opened = sealed.decrypt(&credentials.key_password).unwrap();
        RsaKeyPair::from_pkcs8(opened.as_bytes()).unwrap()
    });
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .unwrap();
    STANDARD.encode(signature)
}

/// The lints seen so far, as `code` or `code:field`, sorted.
pub(crate) fn lint_names(sandbox: &Sandbox) -> Vec<String> {
    let mut names: Vec<_> = sandbox
        .lints()
        .into_iter()
        .map(|lint| match lint.field {
            Some(field) => format!("{}:{field}", lint.code),
            None => lint.code.to_owned(),
        })
        .collect();
    names.sort();
    names
}
