//! What a program writes when it panics with secrets in its hands.
//!
//! The test runs itself as another process, which logs in and then panics in the middle of what it
//! does, over and over, with everything that holds a secret in the message: as `unwrap`, `expect`
//! and `assert_eq` put it there. All that this process wrote, messages and full backtraces, is
//! searched for what was planted and for what was sent to prove it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use common::{Server, builder, environment, noise};
use ocirepo::Descriptor;
use ocirepo::auth::{Credentials, Secret};
use ocirepo_native::Client;
use ocirepo_native::config::ClientCertificate;
use ocirepo_native::credentials::CredentialStore;
use ocirepo_registry::{Auth, Config};

const TEST: &str = "no_panic_shows_a_secret";

/// With everything that is spelled otherwise in URLs, forms, JSON and headers.
const SECRET: &str = "PLANTED-pass/w+rd%20&=\"\\~-DETNALP";

/// The process that panics is told by this with which credentials, and by the other where to
/// write down what it sent.
const PANIC_WITH: &str = "OCIREPO_TEST_PANIC_WITH";
const SENT: &str = "OCIREPO_TEST_SENT";

/// At least so many, each with a message of its own.
const PANICS: usize = 7;

#[test]
fn no_panic_shows_a_secret() {
    if let Some(kind) = std::env::var_os(PANIC_WITH) {
        let sent = PathBuf::from(std::env::var_os(SENT).unwrap());
        return panic_with(&kind.to_string_lossy(), &sent);
    }
    let directory = tempfile::tempdir().unwrap();
    for kind in ["basic", "token", "identity", "bearer"] {
        let sent = directory.path().join(kind);
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(PANIC_WITH, kind)
            .env(SENT, &sent)
            .env("RUST_BACKTRACE", "full")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success(), "{kind}: {text}");
        let panics = text.matches("panicked at").count();
        assert!(panics >= PANICS, "{kind}: {panics} in {text}");
        assert_eq!(text.matches("stack backtrace").count(), panics, "{kind}");
        let sent = fs::read_to_string(sent).unwrap();
        assert!(!sent.is_empty(), "{kind}: nobody proved anything");
        // Lists of bytes are shown one to a line, or not.
        let text: String = text.split_whitespace().collect();
        assert!(
            text.contains("CredentialStore{"),
            "{kind}: the messages are there"
        );
        for secret in sent.lines().chain([SECRET]) {
            for needle in spellings(secret) {
                let needle: String = needle.split_whitespace().collect();
                assert!(!text.contains(&needle), "{kind}: {needle} in {text}");
            }
        }
    }
}

/// The ways in which a secret may be shown: as text, and that text as a list of its bytes.
fn spellings(secret: &str) -> Vec<String> {
    let escaped: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut spellings = vec![
        secret.to_owned(),
        escaped.replace('+', "%20"),
        escaped,
        format!("{secret:?}").trim_matches('"').to_owned(),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE.encode(secret),
        STANDARD_NO_PAD.encode(format!("me:{secret}")),
    ];
    for at in 0..spellings.len() {
        let bytes = format!("{:?}", spellings[at].as_bytes());
        spellings.push(bytes.trim_matches(['[', ']']).to_owned());
    }
    spellings
}

/// As `unwrap` and `assert_eq` show it, and as `dbg` does.
fn show(values: &[&dyn Debug]) -> String {
    format!("{values:?} {values:#?}")
}

/// Panics on a thread of its own, as a task or a callback would.
fn panic(message: String) {
    let ended = std::thread::spawn(move || panic!("{message}")).join();
    assert!(ended.is_err());
}

fn panic_with(kind: &str, sent: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let auth = match kind {
            "basic" => Auth::basic("me", SECRET),
            _ => Auth::bearer("me", SECRET),
        };
        let server = Server::start(Config {
            auth: Some(auth),
            ..Config::default()
        })
        .await;
        let credentials = match kind {
            "identity" => Credentials::IdentityToken {
                token: SECRET.into(),
                username: Some("me".to_owned()),
            },
            "bearer" => Credentials::Bearer(SECRET.into()),
            _ => Credentials::basic("me", SECRET),
        };
        holders(&credentials, home.path());
        let bytes = noise(300_000);
        let descriptor = Descriptor::of("application/octet-stream", &bytes);
        server.registry().put_blob("me/repo", bytes);
        let client = builder(home.path())
            .credentials(server.at(), credentials.clone())
            .build()
            .unwrap();
        pull(&client, &credentials, &server, descriptor).await;

        // What a registry refuses is an error that somebody unwraps.
        let wrong = builder(home.path())
            .credentials(server.at(), Credentials::basic("me", format!("{SECRET}x")))
            .build()
            .unwrap();
        let repository = server.repository("me/repo");
        let refused = tokio::spawn(async move { wrong.tags(&repository).await.unwrap() }).await;
        let ended = refused.unwrap_err();
        panic(show(&[&ended, &client, &credentials]));
        let proofs: BTreeSet<String> = server
            .log()
            .iter()
            .flat_map(|entry| entry.headers.get_all("authorization"))
            .filter_map(|value| Some(value.to_str().ok()?.split_once(' ')?.1.to_owned()))
            .collect();
        let proofs: Vec<String> = proofs.into_iter().collect();
        fs::write(sent, proofs.join("\n")).unwrap();
    });
}

/// Everything that somebody makes of secrets before anything is sent.
fn holders(credentials: &Credentials, home: &Path) {
    let secret = Secret::from(SECRET);
    let headers = (credentials.basic_header(), secret.bearer_header());
    panic(show(&[credentials, &secret, &headers]));
    let environment = environment(home)
        .set("OCIREPO_REGISTRY", "registry.example")
        .set("OCIREPO_TOKEN", SECRET);
    let auth = STANDARD.encode(format!("me:{SECRET}"));
    let file = format!(r#"{{"auths": {{"registry.example": {{"auth": "{auth}"}}}}}}"#);
    let handed = CredentialStore::with_contents([("auth.json".into(), file.into_bytes())]);
    let store = CredentialStore::new(environment.clone());
    panic(show(&[&environment, &handed, &store]));
    let certificate = ClientCertificate {
        path: "client.cert".into(),
        certificate: Vec::new(),
        key: SECRET.as_bytes().to_vec().into(),
    };
    let builder = Client::builder()
        .credential_store(handed)
        .client_certificate(certificate.clone());
    panic(show(&[&certificate, &builder]));
}

/// Panics in the middle of a pull, and where its end is unwrapped.
async fn pull(client: &Client, credentials: &Credentials, server: &Server, descriptor: Descriptor) {
    let (puller, held) = (client.clone(), (client.clone(), credentials.clone()));
    let repository = server.repository("me/repo");
    let task = tokio::spawn(async move {
        let take = move |_: bytes::Bytes| {
            panic(show(&[&held]));
            Err(std::io::Error::other("somebody panicked"))
        };
        let pulled = puller.pull_each(&repository, &descriptor, take).await;
        pulled.unwrap()
    });
    let ended = task.await.unwrap_err();
    panic(show(&[&ended]));
}
