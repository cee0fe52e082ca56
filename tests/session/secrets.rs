//! Whom secrets are shown, where there is more than one who might see them.

use std::fmt::Debug;

use bytes::Bytes;
use http::Request as HttpRequest;
use ocirepo::auth::{Credentials, Secret};
use ocirepo::clock::Now;
use ocirepo::exchange::{Body, Head};
use ocirepo::reference::{Registry, Repository, Scheme as Transport};
use ocirepo::session::{Config, Input, Output, Session};
use ocirepo::{Descriptor, Digest, ErrorKind};
use ocirepo_registry::simulator::{Sent, Simulator};
use ocirepo_registry::{Auth, Config as RegistryConfig, Registry as Server, Scheme};

use crate::scenario::{ORIGIN, Scenario, assert_kind, repository};

const OTHER: &str = "https://other.example";

fn authorizations(sent: &[Sent], origin: &str) -> Vec<String> {
    let there = sent
        .iter()
        .filter(|sent| sent.url.origin().ascii_serialization() == origin);
    let values = there.filter_map(|sent| sent.headers.get("authorization"));
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

/// Both name the same token server, the same service, and have a repository of the same name.
#[test]
fn a_token_for_one_registry_is_never_shown_to_another() {
    let mut auth = Auth::bearer("lab", "labpass");
    auth.scheme = Scheme::Bearer {
        realm: Some(format!("{ORIGIN}/token")),
        service: "registry".into(),
        lifetime: 300,
    };
    let config = RegistryConfig {
        auth: Some(auth),
        ..RegistryConfig::default()
    };
    let mut simulator = Simulator::new(7);
    let content = &b"hello"[..];
    for origin in [ORIGIN, OTHER] {
        simulator
            .add_registry(origin, config.clone())
            .put_blob("me/demo", content);
    }
    let ours = repository("me/demo");
    let theirs = Registry::new(Transport::Https, "other.example").unwrap();
    let theirs = Repository::new(theirs, "me/demo").unwrap();
    for registry in [&ours.registry, &theirs.registry] {
        simulator.log_in(registry.clone(), Credentials::basic("lab", "labpass"));
    }
    let mut session = Session::new(Config::default(), 7);
    let digest = Digest::of(content);
    let first = session.pull_blob_bytes(&ours, digest, 100);
    simulator.run(&mut session);
    assert_eq!(session.take(first).unwrap().unwrap(), content);
    let issued = authorizations(&simulator.sent, ORIGIN);
    assert!(!issued.is_empty());

    simulator.sent.clear();
    let second = session.pull_blob_bytes(&theirs, digest, 100);
    simulator.run(&mut session);
    // The credentials of the other registry do not go to a token server on our site either.
    assert_kind(
        session.take(second).unwrap(),
        ErrorKind::UntrustedRealm,
        "registry.example",
    );
    assert_eq!(authorizations(&simulator.sent, OTHER), [""; 0]);
    assert_eq!(authorizations(&simulator.sent, ORIGIN), [""; 0]);
}

/// What is known as CVE-2020-15157: a manifest sends the client, with its credentials, elsewhere.
#[test]
fn the_urls_of_a_descriptor_are_never_asked() {
    let mut scenario = Scenario::with_auth(Auth::bearer("lab", "labpass"));
    scenario.log_in();
    let mut layer = Descriptor::of("application/x", b"hello");
    layer.urls = vec!["https://thief.example/hello".into()];
    let result =
        scenario.run(|session, repository| session.pull_blob_bytes(repository, &layer, 100));
    assert_kind(result, ErrorKind::NotFound, "BLOB_UNKNOWN");
    assert!(!scenario.simulator.sent.is_empty());
    for sent in &scenario.simulator.sent {
        assert_eq!(sent.url.origin().ascii_serialization(), ORIGIN);
    }
}

/// As `unwrap`, `assert_eq` and logs show it.
fn show(value: &dyn Debug) -> String {
    format!("{value:?}\n{value:#?}\n")
}

/// A session that holds a secret of every kind, and all it gives and takes, shown in full.
#[test]
fn no_debug_output_shows_a_secret() {
    const SECRET: &str = "PLANTED-secret+/x-DETNALP";
    let repository = repository("me/demo");
    for credentials in [
        Credentials::basic("lab", SECRET),
        Credentials::IdentityToken {
            token: Secret::from(SECRET),
            username: Some("lab".into()),
        },
        Credentials::Bearer(Secret::from(SECRET)),
    ] {
        for auth in [Auth::bearer("lab", SECRET), Auth::basic("lab", SECRET)] {
            let mut server = Server::new(RegistryConfig {
                auth: Some(auth),
                origin: Some(ORIGIN.to_owned()),
                ..RegistryConfig::default()
            });
            let digest = server.put_blob("me/demo", &b"hello"[..]);
            let mut session = Session::new(Config::default(), 7);
            let operation = session.pull_blob_bytes(&repository, digest, 100);
            let mut shown = [show(&operation), show(&credentials), show(&server)].concat();
            let mut secrets = vec![SECRET.to_owned()];
            loop {
                let output = session.poll(Now::default());
                shown.push_str(&show(&(&output, &session)));
                match output {
                    Output::Request(request) => {
                        let proof = request.headers.get("authorization");
                        let proof = proof.map(|value| value.to_str().unwrap().to_owned());
                        secrets.extend(proof.and_then(|p| Some(p.split_once(' ')?.1.to_owned())));
                        let mut http = HttpRequest::builder()
                            .method(request.method.clone())
                            .uri(request.url.as_str());
                        *http.headers_mut().unwrap() = request.headers.clone();
                        let body = match &request.body {
                            Body::Bytes(bytes) => Bytes::from(bytes.clone()),
                            _ => Bytes::new(),
                        };
                        let response = server.handle(0, http.body(body).unwrap());
                        let exchange = request.exchange;
                        let head = Head {
                            status: response.status(),
                            headers: response.headers().clone(),
                            url: None,
                        };
                        let now = Now::default();
                        shown.push_str(&show(&session.head(now, exchange, head)));
                        let bytes = &response.body()[..];
                        for input in [
                            Input::Data { exchange, bytes },
                            Input::End {
                                exchange,
                                sink: None,
                            },
                        ] {
                            session.handle(now, input);
                            shown.push_str(&show(&session));
                        }
                    }
                    Output::Credentials { registry } => {
                        let credentials = Some(credentials.clone());
                        let input = Input::Credentials {
                            registry,
                            credentials,
                        };
                        shown.push_str(&show(&input));
                        session.handle(Now::default(), input);
                    }
                    Output::Wait { until: None } => break,
                    Output::Wait { until: Some(at) } => {
                        let now = Now {
                            monotonic_ms: at,
                            ..Now::default()
                        };
                        session.handle(now, Input::Timeout);
                        shown.push_str(&show(&session));
                        if session.is_idle() {
                            break;
                        }
                    }
                    _ => {}
                }
            }
            let result = session.take(operation).expect("it came to an end");
            shown.push_str(&show(&(&result, &session)));
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                assert!(!shown.contains(&**secret), "{secret} in {shown}");
            }
        }
    }
}
