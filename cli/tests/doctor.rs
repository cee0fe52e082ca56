//! `ocirepo doctor` against registries that are set up well, and not so well.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

mod common;

use std::collections::BTreeMap;
use std::process::Command;

use http::{HeaderName, StatusCode};
use ocirepo::manifest::ImageManifest;
use ocirepo::operation::Upload;
use ocirepo::reference::Selector;
use ocirepo::{Descriptor, Location};
use ocirepo_cli::registry_server::{Options, RegistryServer};
use ocirepo_native::Client;
use ocirepo_registry::{Auth, Config, Quirk, Rule, Scheme};
use serde_json::Value;

use common::Server;

/// `ocirepo registry` on a free port, until dropped.
struct Registry {
    _server: Server,
    address: String,
}

impl Registry {
    fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocirepo"));
        command.args(["registry", "--json", "--listen", "127.0.0.1:0"]);
        let server = Server::start(command.args(options));
        let said: Value = serde_json::from_str(&server.said).unwrap();
        let url = said["listening"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap().to_owned();
        Self {
            _server: server,
            address,
        }
    }
}

/// The exit code, and what was said of each subject: `(verdict, found, advice)`.
struct Said {
    code: i32,
    findings: BTreeMap<String, (String, String, String)>,
}

impl Said {
    #[track_caller]
    fn assert(&self, subject: &str, verdict: &str, found: &str) {
        let said = self.findings.get(subject);
        let (v, f, _) = said.unwrap_or_else(|| panic!("nothing of {subject}: {:?}", self.findings));
        assert_eq!(v, verdict, "{subject}: {f}");
        assert!(f.contains(found), "{subject}: {f}");
    }

    fn advice(&self, subject: &str) -> &str {
        &self.findings[subject].2
    }
}

fn doctor(registry: &str, options: &[&str], login: Option<(&str, &str)>) -> Said {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocirepo"));
    command
        .args(["doctor", "--json", registry])
        .args(options)
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("DOCKER_CONFIG")
        .env_remove("REGISTRY_AUTH_FILE");
    if let Some((name, password)) = login {
        command
            .env("OCIREPO_REGISTRY", registry)
            .env("OCIREPO_USERNAME", name)
            .env("OCIREPO_PASSWORD", password);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let field = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let findings = text.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        let said = (
            field(&value, "verdict"),
            field(&value, "found"),
            field(&value, "advice"),
        );
        (field(&value, "subject"), said)
    });
    Said {
        code: output.status.code().unwrap(),
        findings: findings.collect(),
    }
}

#[test]
fn an_open_registry_is_looked_over_without_writing() {
    let registry = Registry::start(&["--cors"]);
    let said = doctor(&registry.address, &[], None);
    assert_eq!(said.code, 0, "{:?}", said.findings);
    said.assert("connection", "ok", "http on loopback, HTTP/1.1");
    said.assert("protocol", "ok", "distribution-spec");
    said.assert("authentication", "ok", "none is asked for");
    said.assert("catalog", "ok", "listed");
    said.assert("cors", "ok", "https://inspector.example");
    assert!(!said.findings.contains_key("upload"), "{:?}", said.findings);
}

#[test]
fn writing_is_tried_out_and_cleaned_up() {
    let registry = Registry::start(&[]);
    let said = doctor(&registry.address, &["--write"], None);
    assert_eq!(said.code, 0, "{:?}", said.findings);
    for (subject, found) in [
        ("upload", "/ocirepo-doctor"),
        ("single-post", "one request"),
        ("chunks", "in chunks"),
        ("mount", "other repositories"),
        ("publish", "manifests"),
        ("delete", "and was"),
    ] {
        said.assert(subject, "ok", found);
    }
}

#[test]
fn what_is_in_a_repository_is_looked_into() {
    let registry = Registry::start(&["--no-delete"]);
    push_a_sample(&registry.address);
    let said = doctor(&registry.address, &["--repository", "me/demo"], None);
    assert_eq!(said.code, 0, "{:?}", said.findings);
    said.assert("tags", "ok", "me/demo");
    said.assert("digest", "ok", "HEAD of a tag tells its digest");
    said.assert(
        "manifest",
        "ok",
        "application/vnd.oci.image.manifest.v1+json",
    );
    said.assert("range", "ok", "part of a blob");
    said.assert("referrers", "ok", "referrers API");
    let said = doctor(&registry.address, &["--repository", "me/none"], None);
    assert_eq!(said.code, 3, "{:?}", said.findings);
    said.assert("tags", "fail", "me/none");
}

/// A registry in this process, so that it can be told to misbehave.
struct Scripted {
    runtime: tokio::runtime::Runtime,
    server: RegistryServer,
    address: String,
}

impl Scripted {
    fn start(config: Config) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = Options {
            config,
            ..Options::default()
        };
        let server = runtime.block_on(RegistryServer::start(options)).unwrap();
        let address = server.address().to_string();
        Self {
            runtime,
            server,
            address,
        }
    }

    fn with_sample(rules: impl IntoIterator<Item = Rule>) -> Self {
        let scripted = Self::start(Config::default());
        push_a_sample(&scripted.address);
        for rule in rules {
            scripted.server.registry().script(rule);
        }
        scripted
    }

    fn stop(self) {
        self.runtime.block_on(self.server.stop());
    }
}

#[test]
fn what_clients_cope_with_is_a_warning() {
    let rules = [
        Quirk::NoReferrers,
        Quirk::RangeIgnored,
        Quirk::SinglePostIgnored,
        Quirk::MountIgnored,
        Quirk::ChunkLimit(4 << 20),
        Quirk::WithoutHeader(HeaderName::from_static("docker-content-digest")),
    ];
    let registry = Scripted::with_sample(rules.map(Rule::new));
    let said = doctor(&registry.address, &["--write"], None);
    assert_eq!(said.code, 0, "{:?}", said.findings);
    for (subject, found) in [
        ("digest", "does not tell its digest"),
        ("range", "all of it comes"),
        ("referrers", "no referrers API"),
        ("single-post", "two requests"),
        ("chunks", "too large"),
        ("mount", "sent again"),
    ] {
        said.assert(subject, "warn", found);
    }
    said.assert("delete", "ok", "");
    registry.stop();
}

#[test]
fn parts_of_blobs_are_found_where_the_registry_leads() {
    let registry = Scripted::with_sample([]);
    let origin = format!("http://{}", registry.address);
    let leads = Quirk::StorageRedirect {
        origin: origin.clone(),
    };
    registry.server.registry().script(Rule::new(leads));
    let said = doctor(&registry.address, &[], None);
    said.assert("range", "ok", &format!("from {origin}"));
    registry.stop();
}

#[test]
fn what_is_no_registry_is_told_from_one_that_is_busy() {
    let refuses = Rule::new(Quirk::Status(StatusCode::NOT_FOUND)).path("/v2/");
    let registry = Scripted::with_sample([refuses]);
    let said = doctor(&registry.address, &[], None);
    assert_eq!(said.code, 3, "{:?}", said.findings);
    said.assert("protocol", "fail", "no registry");
    assert!(said.advice("protocol").contains("location /v2/"));

    let busy = Quirk::TooManyRequests { retry_after: None };
    registry.server.registry().clear_script();
    registry
        .server
        .registry()
        .script(Rule::new(busy).path("/v2/"));
    let said = doctor(&registry.address, &[], None);
    assert_eq!(said.code, 6, "{:?}", said.findings);
    said.assert("protocol", "fail", "too many requests");
    registry.stop();
}

#[test]
fn credentials_stay_here_when_the_realm_is_elsewhere() {
    let mut auth = Auth::bearer("me", "right");
    auth.scheme = Scheme::Bearer {
        realm: Some("https://login.example/token".into()),
        service: "s".into(),
        lifetime: 60,
    };
    let registry = Scripted::start(Config {
        auth: Some(auth),
        ..Config::default()
    });
    let said = doctor(&registry.address, &[], Some(("me", "right")));
    assert_eq!(said.code, 4, "{:?}", said.findings);
    said.assert(
        "authentication",
        "fail",
        "your credentials were not sent there",
    );
    registry.stop();
}

#[test]
fn what_could_not_be_deleted_is_said_with_what_to_change() {
    let registry = Registry::start(&["--no-delete"]);
    let said = doctor(&registry.address, &["--write"], None);
    assert_eq!(said.code, 0);
    said.assert("delete", "warn", "stays in");
    assert!(said.advice("delete").contains("storage.delete.enabled"));
}

#[test]
fn a_registry_that_lets_no_page_in_is_told_how_to() {
    let registry = Registry::start(&[]);
    let said = doctor(
        &registry.address,
        &["--origin", "https://page.example"],
        None,
    );
    said.assert("cors", "warn", "https://page.example may not read it");
    assert!(said.advice("cors").contains("Access-Control-Allow-Origin"));
}

#[test]
fn credentials_are_tried_where_they_are_wanted() {
    for scheme in ["basic", "bearer"] {
        let options = ["--auth", scheme, "--user", "me", "--password", "right"];
        let registry = Registry::start(&options);
        let said = doctor(&registry.address, &["--write"], Some(("me", "right")));
        assert_eq!(said.code, 0, "{:?}", said.findings);
        said.assert("credentials", "ok", "accepted");
        said.assert("upload", "ok", "can be pushed");
        said.assert("mount", "ok", "other repositories");

        let said = doctor(&registry.address, &["--write"], Some(("me", "wrong")));
        assert_eq!(said.code, 4, "{:?}", said.findings);
        said.assert("credentials", "fail", "");
        assert!(said.advice("credentials").contains("ocirepo login"));
        assert!(!said.findings.contains_key("upload"));
    }
}

#[test]
fn nobody_there_is_an_unavailable_registry() {
    // Bound and never accepted from, then closed: nobody listens.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let said = doctor(&address, &[], None);
    assert_eq!(said.code, 6);
    said.assert("connection", "fail", &address);
    assert_eq!(said.findings.len(), 1);
}

/// Pushes `me/demo:el9`, a manifest with one layer.
fn push_a_sample(address: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let place: Location = format!("oci://{address}/me/demo:el9").parse().unwrap();
        let repository = place.repository();
        let client = Client::new().unwrap();
        for blob in [&b"{}"[..], b"a layer"] {
            let upload = Upload::default();
            client.push_bytes(repository, blob, upload).await.unwrap();
        }
        let manifest = ImageManifest::artifact("application/x")
            .layer(Descriptor::of("text/plain", b"a layer"))
            .to_manifest();
        let tag: Selector = "el9".parse().unwrap();
        client
            .push_manifest(repository, tag, manifest)
            .await
            .unwrap();
    });
}
