//! Certificates and keys as OpenSSL makes them, and signatures as OpenSSL checks them.

use std::path::{Path, PathBuf};
use std::process::Command;

use kcp_sandbox::Sandbox;
use nhn_kcp::{CredentialError, Credentials};
use tempfile::TempDir;

const PASSWORD: &str = "changeit";

/// A folder with an RSA key (`key.pem`, plain PKCS#8) and a certificate of it (`cert.pem`).
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(TempDir::new().unwrap());
        desk.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem");
        desk.openssl(
            "req -x509 -new -key key.pem -subj /C=KR/CN=2021062910000024 -days 30 -out cert.pem",
        );
        desk
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn openssl(&self, arguments: &str) {
        run(self.0.path(), &arguments.split(' ').collect::<Vec<_>>());
    }

    /// The key encrypted in some way.
    fn key(&self, how: &str, password: &str) -> String {
        let mut arguments: Vec<_> = "pkcs8 -topk8 -in key.pem -out out.pem".split(' ').collect();
        arguments.extend(how.split(' '));
        let password = format!("pass:{password}");
        arguments.extend(["-passout", &password]);
        run(self.0.path(), &arguments);
        self.read("out.pem")
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    fn load(&self, key: &str, password: &str) -> Result<Credentials, CredentialError> {
        Credentials::from_pem(self.read("cert.pem").as_bytes(), key.as_bytes(), password)
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {talk}");
    output.stdout
}

/// Every way in which OpenSSL writes keys that are read here.
const WAYS: [&str; 11] = [
    "-v1 PBE-SHA1-3DES",
    "-v1 PBE-SHA1-2DES",
    "-v1 PBE-MD5-DES -provider legacy -provider default",
    "-v1 PBE-SHA1-DES -provider legacy -provider default",
    "-v2 aes-256-cbc",
    "-v2 aes-128-cbc -v2prf hmacWithSHA1",
    "-v2 aes-192-cbc -v2prf hmacWithSHA512",
    "-v2 des3",
    "-v2 des3 -v2prf hmacWithSHA1",
    "-scrypt",
    "-v1 PBE-SHA1-3DES -iter 10000",
];

#[test]
fn every_encryption_opens_and_signs_as_openssl_does() {
    let desk = Desk::new();
    let text = "T0000^20210719000000^STSC";
    std::fs::write(desk.path("text"), text).unwrap();
    let expected = {
        desk.openssl("dgst -sha256 -sign key.pem -out signature text");
        desk.openssl("base64 -A -in signature -out signature.txt");
        desk.read("signature.txt")
    };
    for way in WAYS {
        let key = desk.key(way, PASSWORD);
        assert!(
            key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
            "{way}"
        );
        let credentials = desk
            .load(&key, PASSWORD)
            .unwrap_or_else(|error| panic!("{way}: {error}"));
        assert_eq!(credentials.sign(text).unwrap(), expected, "{way}");
        let error = desk.load(&key, "changeme").unwrap_err();
        assert_eq!(error, CredentialError::WrongPassword, "{way}");
    }
    let key = desk.key(WAYS[0], PASSWORD);
    for wrong in ["", "changeit ", "Changeit"] {
        assert_eq!(
            desk.load(&key, wrong).unwrap_err(),
            CredentialError::WrongPassword
        );
    }
    let plain = desk.load(&desk.read("key.pem"), "").unwrap();
    assert_eq!(plain.sign(text).unwrap(), expected);
    desk.openssl("rsa -in key.pem -traditional -out traditional.pem");
    let traditional = desk.read("traditional.pem");
    assert!(traditional.contains("BEGIN RSA PRIVATE KEY"));
    assert_eq!(
        desk.load(&traditional, "").unwrap().sign(text).unwrap(),
        expected
    );
}

#[test]
fn signatures_verify_at_openssl() {
    let desk = Desk::new();
    let credentials = desk.load(&desk.read("key.pem"), "").unwrap();
    std::fs::write(desk.path("text"), "T0000^23542357804508^PACA").unwrap();
    let signature = credentials.sign("T0000^23542357804508^PACA").unwrap();
    assert_eq!(signature.len(), 344);
    std::fs::write(desk.path("signature.txt"), signature).unwrap();
    desk.openssl("base64 -d -A -in signature.txt -out signature");
    desk.openssl("x509 -in cert.pem -pubkey -noout -out public.pem");
    desk.openssl("dgst -sha256 -verify public.pem -signature signature text");
}

#[test]
fn korean_passwords_open() {
    let desk = Desk::new();
    for way in ["-v1 PBE-SHA1-3DES", "-v2 aes-256-cbc"] {
        let password = "비밀번호 1!";
        let key = desk.key(way, password);
        assert!(desk.load(&key, password).is_ok(), "{way}");
        let error = desk.load(&key, "비밀번호 2!").unwrap_err();
        assert_eq!(error, CredentialError::WrongPassword, "{way}");
    }
}

#[test]
fn every_form_of_the_files_is_read() {
    let desk = Desk::new();
    let (cert, key) = (
        desk.read("cert.pem"),
        desk.key("-v1 PBE-SHA1-3DES", PASSWORD),
    );
    let line = format!(
        "-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----",
        cert.lines()
            .filter(|line| !line.starts_with("-----"))
            .collect::<String>()
    );
    let forms: [fn(&str) -> String; 7] = [
        str::to_owned,
        |pem| pem.replace('\n', "\r\n"),
        |pem| pem.replace('\n', ""),
        |pem| pem.replace('\n', "\\n"),
        |pem| format!("\u{feff}{pem}"),
        |pem| format!("Bag Attributes\n    localKeyID: 01 02\n{pem}\nsome text"),
        |pem| pem.split_whitespace().collect(),
    ];
    for (place, form) in forms.iter().enumerate() {
        let (cert, key) = (form(&cert), form(&key));
        let credentials = Credentials::from_pem(cert.as_bytes(), key.as_bytes(), PASSWORD).unwrap();
        assert_eq!(credentials.cert_info(), line, "{place}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let desk = Desk::new();
    let (cert, key) = (
        desk.read("cert.pem"),
        desk.key("-v1 PBE-SHA1-3DES", PASSWORD),
    );
    let load = |cert: &str, key: &str| {
        Credentials::from_pem(cert.as_bytes(), key.as_bytes(), PASSWORD).unwrap_err()
    };
    assert_eq!(load("", &key), CredentialError::CertificateMissing);
    assert_eq!(load(&key, &key), CredentialError::CertificateMissing);
    assert_eq!(
        load(&cert[..cert.len() / 2], &key),
        CredentialError::CertificateDamaged
    );
    assert_eq!(load(&cert, ""), CredentialError::KeyMissing);
    assert_eq!(
        load(&cert, &key[..key.len() / 2]),
        CredentialError::KeyDamaged
    );
    let found = "CERTIFICATE".to_owned();
    assert_eq!(load(&cert, &cert), CredentialError::KeyWrongType { found });
    // Cut in the middle, with an end line: right Base64, wrong length.
    let middle = |pem: &str| {
        let lines: Vec<_> = pem.lines().collect();
        [&lines[..4], &lines[lines.len() - 1..]].concat().join("\n")
    };
    assert_eq!(
        load(&middle(&cert), &key),
        CredentialError::CertificateDamaged
    );
    assert_eq!(load(&cert, &middle(&key)), CredentialError::KeyDamaged);

    desk.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other.pem");
    assert_eq!(
        load(&cert, &desk.read("other.pem")),
        CredentialError::KeyDoesNotFit
    );
    desk.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem");
    let error = load(&cert, &desk.read("ec.pem"));
    assert!(
        matches!(error, CredentialError::KeyWrongType { .. }),
        "{error:?}"
    );
    desk.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out small.pem");
    assert_eq!(
        load(&cert, &desk.read("small.pem")),
        CredentialError::KeyUnusable
    );
    let rc2 = desk.key(
        "-v1 PBE-SHA1-RC2-40 -provider legacy -provider default",
        PASSWORD,
    );
    assert_eq!(load(&cert, &rc2), CredentialError::KeyEncryptionUnsupported);
    desk.openssl("rsa -in key.pem -traditional -aes256 -passout pass:changeit -out old.pem");
    assert_eq!(
        load(&cert, &desk.read("old.pem")),
        CredentialError::KeyEncryptionUnsupported
    );

    let missing = Credentials::from_files(desk.path("none"), desk.path("key.pem"), "").unwrap_err();
    assert!(matches!(missing, CredentialError::File { .. }), "{missing}");
    assert!(Credentials::from_files(desk.path("cert.pem"), desk.path("key.pem"), "").is_ok());
}

#[test]
fn the_certificate_that_fits_is_taken_of_several() {
    let desk = Desk::new();
    let other = Desk::new();
    let chain = format!("{}{}", other.read("cert.pem"), desk.read("cert.pem"));
    let key = desk.read("key.pem");
    let credentials = Credentials::from_pem(chain.as_bytes(), key.as_bytes(), "").unwrap();
    let alone = desk.load(&key, "").unwrap();
    assert_eq!(credentials.cert_info(), alone.cert_info());
}

#[tokio::test]
async fn an_expired_certificate_loads_and_says_so() {
    let expired = kcp_sandbox::Credentials::expired("T0000").unwrap();
    let (cert, key) = (expired.cert_pem.as_bytes(), expired.key_pem.as_bytes());
    let credentials = Credentials::from_pem(cert, key, &expired.key_password).unwrap();
    let sandbox = Sandbox::start().await.unwrap();
    assert!(credentials.expires_in(sandbox.now()).is_negative());
    assert!(credentials.not_before() < credentials.not_after());
    let fresh = crate::house::credentials_of(&sandbox);
    assert!(fresh.expires_in(sandbox.now()).is_positive());
    assert_eq!(fresh.cert_info(), sandbox.credentials().cert_info());
    let modern = sandbox.credentials().key_pem_modern.clone();
    let password = &sandbox.credentials().key_password;
    let again = Credentials::from_pem(
        sandbox.credentials().cert_pem.as_bytes(),
        modern.as_bytes(),
        password,
    );
    assert!(again.is_ok());
}
