//! No one else passes for the database.

use pg_for_tests::Server;
use sugi_store::{Store, StoreError};

#[tokio::test]
async fn the_server_is_known_by_its_certificate() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let settings = [
        "ssl=on",
        "ssl_cert_file=../server.crt",
        "ssl_key_file=../server.key",
    ];
    let (cert, key) = (cert.pem(), signing_key.serialize_pem());
    let server =
        Server::start_with_files(&settings, &[("server.crt", &cert), ("server.key", &key)]);
    let by_address = server.database().url().to_owned();
    let by_name = by_address.replace("127.0.0.1", "localhost");
    let own = tempfile::tempdir().unwrap();
    let root = own.path().join("root a.crt");
    std::fs::write(&root, cert).unwrap();
    let root = root.display().to_string().replace(' ', "%20");

    let why = async |url: String| match Store::connect(&url).await {
        Err(StoreError::Failed { why }) => why,
        other => panic!("{other:?}"),
    };
    for mode in ["require", "verify-full"] {
        Store::connect(&format!("{by_name}?sslmode={mode}&sslrootcert={root}"))
            .await
            .unwrap();
        let stranger = why(format!("{by_name}?sslmode={mode}")).await;
        assert!(
            stranger.contains("certificate") && stranger.contains("sslrootcert"),
            "{stranger}"
        );
        let misnamed = why(format!("{by_address}?sslmode={mode}&sslrootcert={root}")).await;
        assert!(misnamed.contains("certificate"), "{misnamed}");
    }
    // Without a promise to keep, TLS is used all the same.
    let store = Store::connect(&by_address).await.unwrap();
    let encrypted = server.named("postgres").sql(
        "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'sugi'",
    );
    assert_eq!(encrypted, "t");
    drop(store);
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_was_asked_for() {
    let url = pg_for_tests::database().url().to_owned();
    let refused = Store::connect(&format!("{url}?sslmode=require")).await;
    let Err(StoreError::Failed { why }) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("sslmode=disable"), "{why}");
    Store::connect(&format!("{url}?sslmode=disable"))
        .await
        .unwrap();
}
