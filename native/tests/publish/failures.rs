//! Every failure that a registry can be scripted to have, at every request of a push.
//!
//! A push is stopped at one request after the other, each in every way, until it fails
//! (or gets over it); whatever is left, the old snapshot can be read, and a second push ends
//! exactly where one without failures does.

use std::collections::BTreeSet;

use http::StatusCode;
use ocirepo::Digest;
use ocirepo::reference::Tag;
use ocirepo_native::publish::{Options, Published};
use ocirepo_native::{Client, Error};
use ocirepo_registry::{Config, Quirk, Registry, Rule};
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::Destination;

use crate::common::{Server, builder};
use crate::directory::{add, destination, held, names, read};

const OLD: [&str; 1] = ["a"];

fn options() -> Options {
    Options {
        now: 1_700_000_000,
        ..Options::default()
    }
}

/// What befalls a request at all kinds of moments.
fn usual() -> Vec<Quirk> {
    vec![
        Quirk::Reset,
        Quirk::CutAfter(1),
        Quirk::LostAfter(1),
        Quirk::Status(StatusCode::BAD_REQUEST),
        Quirk::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Quirk::AnswerWith(StatusCode::INTERNAL_SERVER_ERROR),
    ]
}

/// And whatever else a registry can be scripted to do.
fn unusual() -> Vec<Quirk> {
    let status = |code| Quirk::Status(StatusCode::from_u16(code).unwrap());
    let mut quirks = vec![
        Quirk::Unprocessed,
        Quirk::LostAfter(0),
        Quirk::Corrupt { at: 0 },
        Quirk::Surplus(b"more".to_vec()),
        Quirk::Body(Vec::new()),
        Quirk::Body(b"<html></html>".to_vec()),
        Quirk::TooManyRequests { retry_after: None },
        Quirk::TokensRevoked,
        Quirk::AnswerWith(StatusCode::PRECONDITION_FAILED),
        Quirk::EarlyHead(StatusCode::PAYLOAD_TOO_LARGE),
        Quirk::EarlyHead(StatusCode::SERVICE_UNAVAILABLE),
    ];
    quirks.extend([401, 403, 404, 405, 412, 413, 416].map(status));
    for header in [
        "location",
        "docker-content-digest",
        "content-type",
        "content-length",
    ] {
        quirks.push(Quirk::WithoutHeader(http::HeaderName::from_static(header)));
    }
    quirks
}

/// A client that tries everything twice, and hardly waits.
fn client(home: &std::path::Path) -> Client {
    let builder = builder(home).session(|config| {
        config.retry.first_wait_ms = 0;
        config.retry.longest_wait_ms = 1;
        config.retry.retries = 1;
    });
    builder.build().unwrap()
}

struct Scene<'a> {
    server: Server,
    client: &'a Client,
    to: Destination,
}

impl<'a> Scene<'a> {
    async fn of(registry: Registry, client: &'a Client, layout: Layout) -> Self {
        let server = Server::of(registry).await;
        let to = destination(server.repository("me/repo"), layout);
        Self { server, client, to }
    }

    async fn push(&self) -> Result<Published, Error> {
        add(self.client, &self.to, options(), &["d"]).await
    }
}

/// A registry with a snapshot.
async fn published(client: &Client, layout: Layout) -> Registry {
    let registry = Registry::new(Config {
        sparse: false,
        ..Config::default()
    });
    let scene = Scene::of(registry, client, layout).await;
    let done = add(client, &scene.to, options(), &OLD).await;
    done.unwrap();
    let mut registry = scene.server.registry().clone();
    registry.clear_log();
    registry
}

/// What a repository holds: its tags, and where they point.
async fn state(scene: &Scene<'_>) -> Vec<(String, Digest)> {
    if scene.to.layout == Some(Layout::Tree) {
        return Vec::new();
    }
    let mut state = Vec::new();
    let tags: Vec<Tag> = scene.client.tags(&scene.to.repository).await.unwrap();
    for tag in tags {
        let there = scene.client.tag_at_home(&scene.to.repository, &tag).await;
        state.push((tag.to_string(), there.unwrap().unwrap().digest));
    }
    state.sort();
    state
}

/// Goes through all failures of a push in a layout; how many failed it.
async fn every(quirks: Vec<Quirk>, layout: Layout) -> usize {
    let home = tempfile::tempdir().unwrap();
    let client = client(home.path());
    let old = published(&client, layout).await;
    let undisturbed = Scene::of(old.clone(), &client, layout).await;
    undisturbed.push().await.unwrap();
    let requests = undisturbed.server.asked().len();
    assert_eq!(read(&client, &undisturbed.to).await, names(&["a", "d"]));
    let mut expected = state(&undisturbed).await;
    expected.retain(|(tag, _)| !tag.contains("-u"));
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (names(&OLD), names(&["a", "d"]));

    let mut failed = 0;
    for quirk in quirks {
        for nth in 1..=requests {
            let context = format!("{layout}: {quirk:?} at request {nth}");
            let scene = Scene::of(old.clone(), &client, layout).await;
            let rule = quirk.clone();
            // And when it is tried again.
            scene.server.before(move |registry, parts| {
                if registry.log().len() == nth - 1 {
                    let rule = Rule::new(rule.clone()).method(parts.method.clone());
                    registry.script(rule.path(parts.uri.path()).first(3));
                }
            });
            let result = scene.push().await;
            scene.server.registry().clear_script();
            scene.server.before(|_, _| {});
            let there = held(&scene.server.registry(), &scene.to);
            match &result {
                Ok(_) => assert_eq!(there, after, "{context}"),
                Err(error) => {
                    failed += 1;
                    assert!(there == before || there == after, "{context}: {error}");
                }
            }
            let again = scene.push().await;
            if let Err(error) = &again {
                panic!("{context}: the second push: {error}");
            }
            let there = held(&scene.server.registry(), &scene.to);
            assert_eq!(there, after, "{context}");
            // A registry that says that there is no tag gets a first snapshot; when its
            // publisher notices, he merges it. And the mark is best effort.
            let lies = quirk == Quirk::Status(StatusCode::NOT_FOUND);
            let mut tags = state(&scene).await;
            tags.retain(|(tag, _)| !tag.contains("-u"));
            if !lies {
                assert_eq!(tags, expected, "{context}");
            }
            assert_eq!(again.unwrap().lost, [], "{context}");
        }
    }
    failed
}

#[tokio::test]
async fn a_push_of_files_survives_what_is_usual() {
    let failed = every(usual(), Layout::Files).await;
    assert!(failed > 50, "only {failed} pushes failed");
}

#[tokio::test]
async fn a_push_of_a_tree_survives_what_is_usual() {
    let failed = every(usual(), Layout::Tree).await;
    assert!(failed > 50, "only {failed} pushes failed");
}

#[tokio::test]
async fn a_push_of_an_index_survives_what_is_usual() {
    let failed = every(usual(), Layout::Index).await;
    assert!(failed > 50, "only {failed} pushes failed");
}

#[tokio::test]
async fn a_push_of_an_index_survives_everything_else() {
    let failed = every(unusual(), Layout::Index).await;
    assert!(failed > 100, "only {failed} pushes failed");
}
