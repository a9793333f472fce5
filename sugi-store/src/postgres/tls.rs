//! Who is believed to be the database.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

/// Whose certificates count.
pub(super) enum Trust {
    /// Everybody's: only for `sslmode=prefer`, which does not promise anything.
    Anybody,
    /// Those signed by an authority that Mozilla's browsers trust; the list is compiled in, so that
    /// it is the same on every machine.
    Browsers,
    /// Those signed by an authority in a PEM file, and no one else's.
    File(String),
}

pub(super) fn connector(trust: Trust) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|why| StoreError::Failed {
            why: why.to_string(),
        })?;
    let config = match trust {
        Trust::Anybody => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unseen(provider)))
            .with_no_client_auth(),
        Trust::Browsers => {
            let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
            config.with_root_certificates(roots).with_no_client_auth()
        }
        Trust::File(file) => config
            .with_root_certificates(read(&file)?)
            .with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn read(file: &str) -> Result<RootCertStore, StoreError> {
    let failed = |why: String| StoreError::Failed {
        why: format!("sslrootcert {file}: {why}"),
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|why| failed(why.to_string()))? {
        let certificate = certificate.map_err(|why| failed(why.to_string()))?;
        roots
            .add(certificate)
            .map_err(|why| failed(why.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed(
            "it holds no certificate; give the PEM file of the server's authority".into(),
        ));
    }
    Ok(roots)
}

/// Encrypts without looking who is there: keeps out who listens, not who answers in the middle.
#[derive(Debug)]
struct Unseen(Arc<CryptoProvider>);

impl ServerCertVerifier for Unseen {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
