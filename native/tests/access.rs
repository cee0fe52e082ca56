//! Who is let in, where secrets go, and where requests may go.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Server, builder, client, environment, noise};
use http::Method;
use ocirepo::auth::Credentials;
use ocirepo::operation::Upload;
use ocirepo::session::Event;
use ocirepo::{Digest, ErrorKind};
use ocirepo_native::ClientBuilder;
use ocirepo_registry::{Auth, Config, Quirk, Rule};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn locked(auth: Auth) -> Config {
    Config {
        auth: Some(auth),
        ..Config::default()
    }
}

/// base64 of "me:hunter2"
const LOGIN: &str = "bWU6aHVudGVyMg==";

fn keep_login(home: &std::path::Path, key: &str) {
    let dir = home.join(".docker");
    fs::create_dir_all(&dir).unwrap();
    let text = format!(r#"{{"auths": {{"{key}": {{"auth": "{LOGIN}"}}}}}}"#);
    fs::write(dir.join("config.json"), text).unwrap();
}

#[tokio::test]
async fn the_login_that_docker_kept_is_used_with_both_schemes() {
    for auth in [Auth::basic("me", "hunter2"), Auth::bearer("me", "hunter2")] {
        let home = tempfile::tempdir().unwrap();
        let server = Server::start(locked(auth)).await;
        let repository = server.repository("me/repo");
        let push = || {
            let client = client(home.path());
            let repository = repository.clone();
            async move { client.push_bytes(&repository, "x", Upload::default()).await }
        };
        let error = push().await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::Unauthorized), "{error}");
        assert!(error.to_string().contains("log in"), "{error}");
        keep_login(home.path(), &server.authority());
        push().await.unwrap();
    }
}

#[tokio::test]
async fn each_namespace_has_its_own_login() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(locked(Auth::basic("me", "hunter2"))).await;
    keep_login(home.path(), &format!("{}/mine", server.authority()));
    let client = client(home.path());
    let push = |name| {
        let (client, repository) = (client.clone(), server.repository(name));
        async move { client.push_bytes(&repository, "x", Upload::default()).await }
    };
    push("mine/repo").await.unwrap();
    let error = push("other/repo").await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Unauthorized), "{error}");
}

#[tokio::test]
async fn a_helper_that_fails_is_named_when_the_registry_wants_a_login() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(locked(Auth::basic("me", "hunter2"))).await;
    let dir = home.path().join(".docker");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.json"), r#"{"credsStore": "absent"}"#).unwrap();
    let error = client(home.path()).tags(&server.repository("x")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Unauthorized), "{error}");
    assert!(
        error.to_string().contains("docker-credential-absent"),
        "{error}"
    );
}

#[tokio::test]
async fn a_token_that_stops_working_in_a_push_is_renewed() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(locked(Auth::bearer("me", "hunter2"))).await;
    let revoked = Rule::new(Quirk::TokensRevoked).method(Method::PATCH).nth(3);
    server.script(revoked);
    let client = builder(home.path())
        .credentials(server.at(), Credentials::basic("me", "hunter2"))
        .build()
        .unwrap();
    let bytes = noise(500_000);
    let file = home.path().join("file");
    fs::write(&file, &bytes).unwrap();
    let upload = Upload {
        chunk: Some(100_000),
        ..Upload::default()
    };
    let repository = server.repository("me/repo");
    let pushed = client.push_file(&repository, &file, None, upload).await;
    assert_eq!(pushed.unwrap().digest, Digest::of(&bytes));
    let tokens = server
        .asked()
        .iter()
        .filter(|line| line.contains("/token"))
        .count();
    assert!(tokens >= 2, "{:?}", server.asked());
}

#[tokio::test]
async fn storage_on_another_host_never_sees_the_login() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(locked(Auth::basic("me", "hunter2"))).await;
    let storage = MockServer::start().await;
    let bytes = noise(1000);
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_bytes(bytes.clone()))
        .mount(&storage)
        .await;
    let digest = server.registry().put_blob("me/repo", bytes.clone());
    server.script(Rule::new(Quirk::StorageRedirect {
        origin: storage.uri(),
    }));
    let client = builder(home.path())
        .credentials(server.at(), Credentials::basic("me", "hunter2"))
        .build()
        .unwrap();
    let pulled = client
        .pull_bytes(&server.repository("me/repo"), digest, 1 << 20)
        .await;
    assert_eq!(pulled.unwrap(), bytes);
    let seen = storage.received_requests().await.unwrap();
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].headers.contains_key("authorization"));
    assert!(
        server
            .log()
            .iter()
            .any(|entry| entry.headers.contains_key("authorization"))
    );
}

#[tokio::test]
async fn a_realm_on_another_site_gets_no_password_until_it_is_trusted() {
    let home = tempfile::tempdir().unwrap();
    let (registry, thief) = (MockServer::start().await, MockServer::start().await);
    // Another site in name: both names lead to this machine.
    let realm = thief.uri().replace("127.0.0.1", "localhost");
    let challenge = format!("Bearer realm=\"{realm}/token\",service=\"x\"");
    Mock::given(any())
        .respond_with(ResponseTemplate::new(401).insert_header("WWW-Authenticate", challenge))
        .mount(&registry)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"token": "t"}"#))
        .mount(&thief)
        .await;
    let authority = registry.address().to_string();
    keep_login(home.path(), &authority);
    let reference: ocirepo::Reference = format!("{authority}/me/repo").parse().unwrap();
    let error = client(home.path())
        .tags(reference.repository())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::UntrustedRealm), "{error}");
    assert!(thief.received_requests().await.unwrap().is_empty());

    let dir = home.path().join(".config/ocirepo");
    fs::create_dir_all(&dir).unwrap();
    let text = format!("[trusted-realms]\n\"{authority}\" = [\"{realm}\"]\n");
    fs::write(dir.join("config.toml"), text).unwrap();
    let error = client(home.path())
        .tags(reference.repository())
        .await
        .unwrap_err();
    assert_ne!(error.kind(), Some(ErrorKind::UntrustedRealm), "{error}");
    assert!(!thief.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_busy_registry_is_waited_for_as_long_as_it_says() {
    let home = tempfile::tempdir().unwrap();
    let server = MockServer::start().await;
    Mock::given(path("/v2/me/repo/tags/list"))
        .respond_with(
            ResponseTemplate::new(429)
                .insert_header("Retry-After", "1")
                .set_body_string("<html>slow down</html>"),
        )
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/v2/me/repo/tags/list"))
        .respond_with(
            ResponseTemplate::new(200).set_body_string(r#"{"name":"me/repo","tags":["a"]}"#),
        )
        .mount(&server)
        .await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let client = builder(home.path())
        .on_event(move |event| seen.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let reference: ocirepo::Reference = format!("{}/me/repo", server.address()).parse().unwrap();
    let start = std::time::Instant::now();
    assert_eq!(client.tags(reference.repository()).await.unwrap().len(), 1);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(matches!(events.lock().unwrap()[..], [Event::Retry { .. }]));
}

#[tokio::test]
async fn a_head_that_never_comes_and_a_body_that_stalls_are_given_up() {
    let home = tempfile::tempdir().unwrap();
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
        .mount(&server)
        .await;
    let client = builder(home.path())
        .session(|config| {
            config.head_timeout_ms = 100;
            config.retry.retries = 1;
        })
        .build()
        .unwrap();
    let reference: ocirepo::Reference = format!("{}/me/repo", server.address()).parse().unwrap();
    let start = std::time::Instant::now();
    let error = client.tags(reference.repository()).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Network), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(server.received_requests().await.unwrap().len(), 2);

    // A server that declares more than it ever sends.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
            open.push(stream);
        }
    });
    let client = builder(home.path())
        .read_timeout(Duration::from_millis(100))
        .session(|config| config.retry.retries = 0)
        .build()
        .unwrap();
    let reference: ocirepo::Reference = format!("{address}/me/repo").parse().unwrap();
    let error = client.tags(reference.repository()).await.unwrap_err();
    assert!(
        error.to_string().contains("nothing came for 100ms"),
        "{error}"
    );

    // A server that never says anything.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = builder(home.path())
        .read_timeout(Duration::from_millis(100))
        .session(|config| config.retry.retries = 0)
        .build()
        .unwrap();
    let reference: ocirepo::Reference = format!("{address}/me/repo").parse().unwrap();
    let start = std::time::Instant::now();
    let error = client.tags(reference.repository()).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Network), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_wrong_range_does_not_corrupt_what_is_there() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let bytes = noise(300_000);
    let digest = server.registry().put_blob("r", bytes.clone());
    server.script(
        Rule::new(Quirk::CutAfter(100_000))
            .method(Method::GET)
            .first(1),
    );
    let range = Quirk::SetHeader(http::header::CONTENT_RANGE, "bytes 5-9/300000".into());
    server.script(Rule::new(range).method(Method::GET).nth(2));
    let file = home.path().join("file");
    let client = client(home.path());
    client
        .pull_to_file(&server.repository("r"), digest, &file)
        .await
        .unwrap();
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[tokio::test]
async fn mirrors_are_read_first_and_never_written_to() {
    let home = tempfile::tempdir().unwrap();
    let (origin, mirror) = (
        Server::start(Config::default()).await,
        Server::start(Config::default()).await,
    );
    let (here, there) = (noise(1000), noise(2000));
    let mirrored = mirror.registry().put_blob("copy/repo", here.clone());
    let missing = origin.registry().put_blob("me/repo", there.clone());
    let dir = home.path().join(".config/containers");
    fs::create_dir_all(&dir).unwrap();
    let conf = format!(
        "[[registry]]\nprefix = \"{0}/me\"\nlocation = \"{0}/me\"\n\
         [[registry.mirror]]\nlocation = \"{1}/copy\"\n\
         [[registry]]\nprefix = \"{0}/evil\"\nblocked = true\n",
        origin.authority(),
        mirror.authority()
    );
    fs::write(dir.join("registries.conf"), conf).unwrap();
    let client = client(home.path());
    let repository = origin.repository("me/repo");
    assert_eq!(
        client
            .pull_bytes(&repository, mirrored, 1 << 20)
            .await
            .unwrap(),
        here
    );
    assert!(origin.asked().is_empty());
    assert_eq!(
        client
            .pull_bytes(&repository, missing, 1 << 20)
            .await
            .unwrap(),
        there
    );
    assert_eq!(mirror.asked().len(), 2);
    client
        .push_bytes(&repository, "x", Upload::default())
        .await
        .unwrap();
    assert_eq!(mirror.asked().len(), 2);
    let error = client
        .tags(&origin.repository("evil/repo"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is blocked"), "{error}");
}

#[tokio::test]
async fn on_behalf_of_others_no_registry_leads_into_the_local_network() {
    let home = tempfile::tempdir().unwrap();
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(307).insert_header("Location", "http://10.1.2.3/secret"),
        )
        .mount(&server)
        .await;
    let client = builder(home.path()).guard_local_network().build().unwrap();
    let reference: ocirepo::Reference = format!("{}/me/repo", server.address()).parse().unwrap();
    let digest = Digest::of(b"x");
    let error = client
        .pull_bytes(reference.repository(), digest, 10)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("leads to 10.1.2.3"), "{error}");
}

#[tokio::test]
async fn a_proxy_from_the_environment_carries_the_requests() {
    let home = tempfile::tempdir().unwrap();
    let proxy = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"name":"x","tags":["via"]}"#))
        .mount(&proxy)
        .await;
    let proxied = environment(home.path()).set("http_proxy", proxy.uri());
    let registry =
        ocirepo::reference::Registry::new(ocirepo::reference::Scheme::Http, "registry.invalid");
    let repository = ocirepo::reference::Repository::new(registry.unwrap(), "x").unwrap();
    let client = ClientBuilder::new(proxied.clone()).build().unwrap();
    assert_eq!(client.tags(&repository).await.unwrap()[0].as_str(), "via");

    let exempt = proxied.set("no_proxy", "registry.invalid");
    let client = ClientBuilder::new(exempt)
        .session(|config| config.retry.retries = 0)
        .build()
        .unwrap();
    let error = client.tags(&repository).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Network), "{error}");
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_exchange_is_a_span_and_no_secret_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let home = tempfile::tempdir().unwrap();
    let server = Server::start(locked(Auth::bearer("me", "hunter2"))).await;
    server.script(Rule::new(Quirk::LocationQuery("_state=signed".into())));
    keep_login(home.path(), &server.authority());
    let client = client(home.path());
    let repository = server.repository("me/repo");
    client
        .push_bytes(&repository, "x", Upload::default())
        .await
        .unwrap();
    let tokens: Vec<String> = server
        .log()
        .iter()
        .filter_map(|entry| entry.headers.get("authorization"))
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    assert!(
        tokens.len() >= 2,
        "the login, and the token it was traded for"
    );

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in ["exchange{", "method=PUT", "status=201"] {
        assert!(text.contains(expected), "{expected} is missing from {text}");
    }
    let secrets = tokens.iter().filter_map(|token| token.split(' ').nth(1));
    for secret in secrets.chain(["hunter2", LOGIN, "signed"]) {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}
