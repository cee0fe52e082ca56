//! TLS: authorities, client certificates, insecure registries, HTTP/2.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{Server, builder, client, noise};
use ocirepo::ErrorKind;
use ocirepo_registry::Config;
use rcgen::{CertifiedKey, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

type Identity = CertifiedKey<KeyPair>;

fn identity() -> Identity {
    rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap()
}

/// A server that shows `server`, and wants to see `client` when it is given.
fn config(server: &Identity, client: Option<&Identity>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.cert.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(server.signing_key.serialize_der()).unwrap();
    let mut config = builder
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn certs_d(home: &Path, server: &Server) -> std::path::PathBuf {
    let dir = home.join("etc/containers/certs.d").join(server.authority());
    fs::create_dir_all(&dir).unwrap();
    dir
}

#[tokio::test]
async fn a_registry_is_trusted_by_the_authority_that_certs_d_names() {
    let home = tempfile::tempdir().unwrap();
    let identity = identity();
    let server = Server::start_tls(Config::default(), config(&identity, None)).await;
    let bytes = noise(2_000_000);
    let digest = server.registry().put_blob("r", bytes.clone());
    let repository = server.repository("r");

    let error = client(home.path())
        .pull_bytes(&repository, digest, 1 << 22)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Tls), "{error}");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert!(server.asked().is_empty());

    fs::write(
        certs_d(home.path(), &server).join("ca.crt"),
        identity.cert.pem(),
    )
    .unwrap();
    let pulled = client(home.path())
        .pull_bytes(&repository, digest, 1 << 22)
        .await
        .unwrap();
    assert_eq!(pulled, bytes);

    let other = tempfile::tempdir().unwrap();
    let given = builder(other.path())
        .authority("ca.pem", identity.cert.pem().into_bytes())
        .build()
        .unwrap();
    assert_eq!(
        given
            .pull_bytes(&repository, digest, 1 << 22)
            .await
            .unwrap(),
        bytes
    );
}

#[tokio::test]
async fn uploads_and_downloads_work_over_http_2() {
    let home = tempfile::tempdir().unwrap();
    let identity = identity();
    let server = Server::start_tls(Config::default(), config(&identity, None)).await;
    fs::write(
        certs_d(home.path(), &server).join("ca.crt"),
        identity.cert.pem(),
    )
    .unwrap();
    let (client, repository) = (client(home.path()), server.repository("r"));
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    let bytes = noise(5_000_000);
    fs::write(&from, &bytes).unwrap();
    let pushed = client
        .push_file(&repository, &from, None, Default::default())
        .await
        .unwrap();
    client
        .pull_to_file(&repository, pushed.digest, &to)
        .await
        .unwrap();
    assert_eq!(fs::read(&to).unwrap(), bytes);
    // Over HTTP/2 the authority is in the request itself.
    assert!(
        server
            .log()
            .iter()
            .all(|entry| !entry.headers.contains_key("host"))
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_registry_it_is_for() {
    let home = tempfile::tempdir().unwrap();
    let (identity, me) = (identity(), identity());
    let server = Server::start_tls(Config::default(), config(&identity, Some(&me))).await;
    let digest = server.registry().put_blob("r", "content");
    let repository = server.repository("r");
    let dir = certs_d(home.path(), &server);
    fs::write(dir.join("ca.crt"), identity.cert.pem()).unwrap();
    let error = client(home.path())
        .pull_bytes(&repository, digest, 100)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Tls), "{error}");

    fs::write(dir.join("me.cert"), me.cert.pem()).unwrap();
    fs::write(dir.join("me.key"), me.signing_key.serialize_pem()).unwrap();
    let pulled = client(home.path())
        .pull_bytes(&repository, digest, 100)
        .await
        .unwrap();
    assert_eq!(pulled, b"content");
}

#[tokio::test]
async fn an_insecure_registry_may_show_any_certificate_or_none() {
    let home = tempfile::tempdir().unwrap();
    let encrypted = Server::start_tls(Config::default(), config(&identity(), None)).await;
    let plain = Server::start(Config::default()).await;
    let digest = encrypted.registry().put_blob("r", "content");
    plain.registry().put_blob("r", "content");
    let dir = home.path().join(".config/containers");
    fs::create_dir_all(&dir).unwrap();
    let conf = [&encrypted, &plain].map(|server| {
        format!(
            "[[registry]]\nlocation = \"{}\"\ninsecure = true\n",
            server.authority()
        )
    });
    fs::write(dir.join("registries.conf"), conf.concat()).unwrap();
    let client = client(home.path());
    for server in [&encrypted, &plain] {
        let mut repository = server.repository("r");
        repository.registry = repository
            .registry
            .with_scheme(ocirepo::reference::Scheme::Https);
        let pulled = client.pull_bytes(&repository, digest, 100).await.unwrap();
        assert_eq!(pulled, b"content");
    }
}

#[tokio::test]
async fn a_file_that_is_no_certificate_is_named_in_the_error() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start_tls(Config::default(), config(&identity(), None)).await;
    fs::write(
        certs_d(home.path(), &server).join("ca.crt"),
        "not a certificate",
    )
    .unwrap();
    let error = client(home.path())
        .tags(&server.repository("r"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("ca.crt: no certificate"),
        "{error}"
    );
}
