//! TLS with rustls: the system's roots, further authorities, client certificates.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use crate::config::ClientCertificate;
use crate::error::{Error, Result};

/// Whom to trust beside the system's roots, and what to show of oneself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    /// Authorities as PEM, each with the file it is from.
    pub(crate) authorities: Vec<(PathBuf, Vec<u8>)>,
    /// Whether the system's roots do not count.
    pub(crate) closed: bool,
    /// Whether any certificate is taken.
    pub(crate) unverified: bool,
    /// The client certificate.
    pub(crate) client: Option<ClientCertificate>,
}

impl Tls {
    /// Makes the configuration of rustls.
    pub(super) fn config(&self, unverified: bool) -> Result<ClientConfig> {
        let provider = provider();
        let verifier: Arc<dyn ServerCertVerifier> = if unverified || self.unverified {
            Arc::new(Unverified(provider.clone()))
        } else if self.closed {
            let mut roots = RootCertStore::empty();
            for root in self.roots()? {
                let added = roots.add(root);
                added.map_err(|error| Error::Setup(format!("not an authority: {error}")))?;
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| Error::Setup(error.to_string()))?
        } else {
            let verifier = Verifier::new_with_extra_roots(self.roots()?, provider.clone());
            Arc::new(verifier.map_err(|error| {
                Error::Setup(format!(
                    "{error}; install the system's CA certificates, or name a file of them in \
                     SSL_CERT_FILE"
                ))
            })?)
        };
        let builder = builder(provider)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.client {
            None => builder.with_no_client_auth(),
            Some(client) => with_identity(builder, client)?,
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn roots(&self) -> Result<Vec<CertificateDer<'static>>> {
        let mut roots = Vec::new();
        for (path, pem) in &self.authorities {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots
                    .push(certificate.map_err(|error| {
                        Error::config(path, format!("not a PEM file: {error}"))
                    })?);
            }
            if roots.len() == before {
                return Err(Error::config(path, "no certificate in PEM form in it"));
            }
        }
        Ok(roots)
    }
}

/// Shows a client certificate.
fn with_identity(
    builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    client: &ClientCertificate,
) -> Result<ClientConfig> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&client.certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::config(&client.path, format!("not a PEM file: {error}")))?;
    let key = PrivateKeyDer::from_pem_slice(&client.key).map_err(|error| {
        let path = client.path.with_extension("key");
        Error::config(path, format!("no private key in PEM form: {error}"))
    })?;
    builder.with_client_auth_cert(chain, key).map_err(|error| {
        let message = format!("the certificate and its key do not fit: {error}");
        Error::config(&client.path, message)
    })
}

/// For clients that only speak plain HTTP: no certificate is ever accepted, and no
/// roots need be there.
pub(super) fn plain() -> Result<ClientConfig> {
    Ok(builder(provider())?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// The cryptography, without touching the default of the process.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup(error.to_string()))
}

/// Accepts whoever answers: for registries that `registries.conf` calls insecure.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
