//! Credentials on disk, and TLS.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use kcp_sandbox::{Credentials, CredentialsError, Sandbox};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider};

use crate::client::{APPROVE, JSON, Shop, post};

#[tokio::test]
async fn what_was_written_is_read_again_and_serves() {
    let dir = tempfile::tempdir().unwrap();
    let first = Sandbox::builder().site_cd("T1234").start().await.unwrap();
    first
        .credentials()
        .write_to(dir.path().join("deep/er"))
        .unwrap();
    let again = Credentials::read_from(dir.path().join("deep/er")).unwrap();
    assert_eq!(again.site_cd, "T1234");
    assert_eq!(again.cert_pem, first.credentials().cert_pem);
    let second = Sandbox::builder().credentials(again).start().await.unwrap();
    Shop::of(&second).approved("A").await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for (name, mode) in [
            ("splCert.pem", 0o644),
            ("splPrikeyPKCS8.pem", 0o600),
            ("splPrikeyPKCS8.pbes2.pem", 0o600),
        ] {
            let metadata = std::fs::metadata(dir.path().join("deep/er").join(name)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, mode, "{name}");
        }
    }
}

#[test]
fn a_folder_that_does_not_fit_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Credentials::read_from(dir.path()).unwrap_err();
    assert!(matches!(missing, CredentialsError::Io { .. }));
    let made = Credentials::read_or_generate(dir.path(), "T0000").unwrap();
    let read = Credentials::read_or_generate(dir.path(), "T9999").unwrap();
    assert_eq!((read.site_cd, read.cert_pem), (made.site_cd, made.cert_pem));
    let check = |name: &str, text: &str| {
        let path = dir.path().join(name);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        let error = Credentials::read_from(dir.path()).unwrap_err();
        assert!(
            matches!(&error, CredentialsError::Content { path: at, .. } if *at == path),
            "{error}"
        );
        std::fs::write(&path, before).unwrap();
    };
    check(
        "splCert.pem",
        "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n",
    );
    check("splPrikeyPKCS8.pem", "not a key");
    check("sandbox-site.json", "{}");
    check("splCert.pem", &"x".repeat(70_000));
    assert!(Credentials::read_from(dir.path()).is_ok());
}

#[test]
fn a_key_of_another_certificate_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    Credentials::generate("T0000")
        .unwrap()
        .write_to(dir.path())
        .unwrap();
    // A good certificate, with an RSA key of its own.
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'static> = key.as_der().unwrap();
    let key = rcgen::KeyPair::try_from(der.as_ref()).unwrap();
    let other = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap()
        .pem();
    std::fs::write(dir.path().join("splCert.pem"), other).unwrap();
    let error = Credentials::read_from(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("does not belong to splCert.pem"),
        "{error}"
    );
}

#[test]
fn the_key_is_encrypted_as_kcp_encrypts_it() {
    let credentials = Credentials::generate("T0000").unwrap();
    // SEQUENCE, SEQUENCE, OBJECT IDENTIFIER 1.2.840.113549.1.12.1.3: how such files begin.
    let body: String = credentials
        .key_pem
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    assert!(
        body.starts_with("MII") && body[8..].starts_with("BgoqhkiG9w0BDAED"),
        "{}",
        &body[..32]
    );
    assert!(
        !format!("{credentials:?}").contains("MII"),
        "Debug shows no key"
    );
}

#[tokio::test]
async fn tls_is_served_with_our_own_authority() {
    let sandbox = Sandbox::builder().tls(true).start().await.unwrap();
    assert!(sandbox.url().starts_with("https://127.0.0.1:"));
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(sandbox.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = sandbox.url().strip_prefix("https://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let body = serde_json::Value::from(Shop::of(&sandbox).payment("A")).to_string();
    stream
        .write_all(&post(APPROVE, &[JSON], body.as_bytes()))
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(
        String::from_utf8(answer)
            .unwrap()
            .contains("\"res_cd\":\"0000\"")
    );
    assert_eq!(sandbox.transaction_count(), 1);
}
