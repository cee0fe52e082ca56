//! The moving tag: conditions, races, and tags that do not move.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request};
use ocirepo::reference::{Selector, Tag};
use ocirepo::{Digest, Manifest};
use ocirepo_native::publish::{self, Options, Refusal};
use ocirepo_native::{Client, Error};
use ocirepo_registry::{Config, Quirk, Registry, Rule};
use ocirepo_rpm::layout::{Layout, tags};
use ocirepo_rpm::publish::Destination;

use crate::common::{Server, client};
use crate::directory::{Directory, add, destination, names, names_in, read};

const NOW: u64 = 1_700_000_000;

fn now() -> Options {
    Options {
        now: NOW,
        ..Options::default()
    }
}

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) to: Destination,
    _home: tempfile::TempDir,
}

/// A registry with one snapshot, of the package `a`.
pub(crate) async fn scene(rules: Vec<Rule>) -> Scene {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config {
        sparse: false,
        ..Config::default()
    })
    .await;
    let client = client(home.path());
    let to = destination(server.repository("me/repo"), Layout::Index);
    add(&client, &to, now(), &["a"]).await.unwrap();
    for rule in rules {
        server.script(rule);
    }
    Scene {
        server,
        client,
        to,
        _home: home,
    }
}

impl Scene {
    async fn root(&self) -> Digest {
        let tagged = self.client.tag_at_home(&self.to.repository, &self.to.tag);
        tagged.await.unwrap().unwrap().digest
    }

    async fn manifest(&self, digest: Digest) -> Manifest {
        let pulled = self.client.pull_manifest(&self.to.repository, digest);
        pulled.await.unwrap()
    }

    async fn tags(&self) -> Vec<String> {
        let tags = self.client.tags(&self.to.repository).await.unwrap();
        tags.iter().map(Tag::to_string).collect()
    }

    /// Pushes all of a snapshot on top of what is there but its tags, and returns its root.
    pub(crate) async fn rival(&self, added: &str) -> Manifest {
        let root = Arc::new(Mutex::new(None));
        let result = publish::publish(&self.client, &self.to, now(), async |snapshot, to| {
            let mut all = names_in(snapshot.unwrap());
            all.insert(added.to_owned());
            let mut prepared = Directory::of(&all).prepare(snapshot, to);
            let last = prepared.plan.stages.pop().unwrap();
            *root.lock().unwrap() = Some(last.manifests[0].manifest.clone());
            Ok::<_, Error>(prepared)
        });
        result.await.unwrap();
        root.lock().unwrap().take().unwrap()
    }
}

/// Puts a manifest at a tag behind everybody's back.
fn put(registry: &mut Registry, tag: &str, manifest: &Manifest) {
    let request = Request::put(format!("/v2/me/repo/manifests/{tag}"))
        .header("content-type", manifest.media_type())
        .body(Bytes::copy_from_slice(manifest.raw()))
        .unwrap();
    assert_eq!(registry.handle(NOW, request).status(), 201);
}

pub(crate) fn refusal<T>(result: Result<T, Error>) -> Refusal {
    match result.err() {
        Some(Error::Publish(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_publisher_who_was_too_late_does_it_again_on_top() {
    let scene = scene(vec![]).await;
    let mut calls = 0;
    let published = publish::publish(&scene.client, &scene.to, now(), async |snapshot, to| {
        calls += 1;
        if calls == 1 {
            add(&scene.client, to, now(), &["b"]).await?;
        }
        let mut all = names_in(snapshot.unwrap());
        all.insert("c".to_owned());
        Ok::<_, Error>(Directory::of(&all).prepare(snapshot, to))
    });
    let published = published.await.unwrap();
    assert_eq!((published.attempts, calls), (2, 2));
    assert_eq!(published.plan.sequence, Some(3));
    assert_eq!(
        read(&scene.client, &scene.to).await,
        names(&["a", "b", "c"])
    );
    // It noticed before it left a snapshot of its own.
    let root = scene.manifest(scene.root().await).await;
    assert!(
        !root
            .annotations()
            .contains_key("org.ocirepo.snapshot.merged")
    );
}

#[tokio::test]
async fn a_registry_that_looks_at_conditions_leaves_no_window() {
    let scene = scene(vec![]).await;
    let rival = scene.rival("b").await;
    // Just before the tag is moved, somebody else moves it.
    let mut done = false;
    scene.server.before(move |registry, parts| {
        let moves = parts.method == Method::PUT && parts.uri.path().ends_with("/el9");
        if moves && !std::mem::replace(&mut done, true) {
            put(registry, "el9", &rival);
        }
    });
    let published = add(&scene.client, &scene.to, now(), &["c"]).await.unwrap();
    assert_eq!(published.attempts, 2);
    assert_eq!(
        read(&scene.client, &scene.to).await,
        names(&["a", "b", "c"])
    );
}

#[tokio::test]
async fn a_publisher_who_was_overwritten_notices_and_does_it_again() {
    let scene = scene(vec![Rule::new(Quirk::ConditionsIgnored)]).await;
    let rival = scene.rival("b").await;
    // The tag was moved, and somebody else, who had looked before, moves it away.
    let mut moved = 0;
    scene.server.before(move |registry, parts| {
        let here = parts.uri.path().ends_with("/el9");
        match parts.method {
            Method::PUT if here => moved += 1,
            Method::HEAD if here && moved == 1 => {
                moved += 1;
                put(registry, "el9", &rival);
            }
            _ => {}
        }
    });
    let published = add(&scene.client, &scene.to, now(), &["c"]).await.unwrap();
    assert_eq!(published.attempts, 2);
    assert_eq!(published.plan.sequence, Some(3));
    assert_eq!(
        read(&scene.client, &scene.to).await,
        names(&["a", "b", "c"])
    );
    // The snapshot that was overwritten is in the line, so that nobody misses it.
    let tags = scene.tags().await;
    let root = scene.manifest(scene.root().await).await;
    let merged: Digest = root.annotations()["org.ocirepo.snapshot.merged"]
        .parse()
        .unwrap();
    let tag = tags::snapshot(&scene.to.tag, 2, &merged).unwrap();
    assert!(tags.contains(&tag.to_string()), "{tags:?}");
}

#[tokio::test]
async fn who_published_on_top_of_ours_did_not_overwrite_it() {
    let scene = scene(vec![Rule::new(Quirk::ConditionsIgnored)]).await;
    let (client, to) = (scene.client.clone(), scene.to.clone());
    let published = add(&scene.client, &scene.to, now(), &["b"]).await.unwrap();
    let second = scene.manifest(published.plan.root.unwrap()).await;
    let third = add(&client, &to, now(), &["c"]).await.unwrap().plan.root;
    let third = scene.manifest(third.unwrap()).await;
    // Back to the first: the second is published again, and by the time its publisher looks
    // the third is there.
    let first: Digest = second.annotations()["org.ocirepo.snapshot.parent"]
        .parse()
        .unwrap();
    let first = scene.manifest(first).await;
    put(&mut scene.server.registry(), "el9", &first);
    let mut moved = false;
    scene.server.before(move |registry, parts| {
        if parts.uri.path().ends_with("/el9") {
            if parts.method == Method::HEAD && moved {
                put(registry, "el9", &third);
            }
            moved |= parts.method == Method::PUT;
        }
    });
    let published = add(&client, &to, now(), &["b"]).await.unwrap();
    assert_eq!(
        (published.attempts, published.plan.root),
        (1, Some(second.digest()))
    );
    assert_eq!(read(&client, &to).await, names(&["a", "b", "c"]));
}

#[tokio::test]
async fn with_an_expectation_a_publisher_stops_instead() {
    let scene = scene(vec![]).await;
    let first = scene.root().await;
    let expecting = |expect| Options {
        expect: Some(expect),
        ..now()
    };
    let result = publish::publish(
        &scene.client,
        &scene.to,
        expecting(first),
        async |snapshot, to| {
            add(&scene.client, to, now(), &["b"]).await?;
            let mut all = names_in(snapshot.unwrap());
            all.insert("c".to_owned());
            Ok::<_, Error>(Directory::of(&all).prepare(snapshot, to))
        },
    );
    let second = refusal(result.await);
    let there = scene.root().await;
    let Refusal::Unexpected {
        expected, found, ..
    } = second
    else {
        panic!("{second}");
    };
    assert_eq!((expected, found), (first, Some(there)));
    assert_eq!(read(&scene.client, &scene.to).await, names(&["a", "b"]));

    let asked = scene.server.asked().len();
    let result = add(&scene.client, &scene.to, expecting(first), &["c"]).await;
    let message = refusal(result).to_string();
    assert!(
        message.contains(&format!("el9 is at {there}, not at {first} as expected")),
        "{message}"
    );
    let asked = scene.server.asked().split_off(asked);
    assert!(
        asked
            .iter()
            .all(|line| !line.starts_with("PUT") && !line.starts_with("POST"))
    );
    let done = add(&scene.client, &scene.to, expecting(there), &["c"])
        .await
        .unwrap();
    assert_eq!(done.attempts, 1);
}

#[tokio::test]
async fn who_is_always_too_late_gives_up() {
    let scene = scene(vec![]).await;
    let options = Options {
        attempts: 3,
        ..now()
    };
    let mut count = 0;
    let result = publish::publish(&scene.client, &scene.to, options, async |snapshot, to| {
        count += 1;
        add(&scene.client, to, now(), &[&format!("rival{count}")]).await?;
        let mut all = names_in(snapshot.unwrap());
        all.insert("c".to_owned());
        Ok::<_, Error>(Directory::of(&all).prepare(snapshot, to))
    });
    let refusal = refusal(result.await);
    assert!(
        matches!(refusal, Refusal::Overtaken { attempts: 3, .. }),
        "{refusal}"
    );
    assert_eq!(
        read(&scene.client, &scene.to).await,
        names(&["a", "rival1", "rival2", "rival3"])
    );
}

#[tokio::test]
async fn a_condition_that_a_registry_misunderstands_is_left_out() {
    let scene = scene(vec![]).await;
    // It means something else by it, and answers 412.
    scene.server.before(|registry, parts| {
        if parts.headers.contains_key("if-match") {
            let refused = Quirk::Status(http::StatusCode::PRECONDITION_FAILED);
            let move_of_the_tag = Rule::new(refused).method(Method::PUT).path("*/el9");
            registry.script(move_of_the_tag.nth(1));
        }
    });
    let published = add(&scene.client, &scene.to, now(), &["b"]).await.unwrap();
    assert_eq!(published.attempts, 1);
    let moves = |line: &&String| *line == "PUT /v2/me/repo/manifests/el9";
    let asked = scene.server.asked();
    assert_eq!(
        asked.iter().filter(moves).count(),
        3,
        "the first, the refused, the second"
    );
    assert_eq!(read(&scene.client, &scene.to).await, names(&["a", "b"]));
}

#[tokio::test]
async fn a_lost_answer_to_the_move_is_no_conflict() {
    let lost = Rule::new(Quirk::Reset)
        .method(Method::PUT)
        .path("*/manifests/el9")
        .nth(1);
    let scene = scene(vec![lost]).await;
    let published = add(&scene.client, &scene.to, now(), &["b"]).await.unwrap();
    assert_eq!(published.attempts, 1);
    assert_eq!(read(&scene.client, &scene.to).await, names(&["a", "b"]));
}

#[tokio::test]
async fn an_immutable_tag_is_a_clear_error_and_the_same_digest_is_success() {
    let scene = scene(vec![]).await;
    // The snapshot and its parts got there, and the moving tag did not.
    let left = scene.rival("b").await;
    let tag = tags::snapshot(&scene.to.tag, 2, &left.digest()).unwrap();
    assert!(scene.tags().await.contains(&tag.to_string()));
    scene.server.script(Rule::new(Quirk::TagsImmutable));
    let first = scene.root().await;
    let refusal = refusal(add(&scene.client, &scene.to, now(), &["b"]).await);
    let message = refusal.to_string();
    assert!(
        matches!(refusal, Refusal::Immutable { holds, .. } if holds == first),
        "{message}"
    );
    assert!(
        message.contains("does not let it move; make it mutable there, or publish at another tag")
            && message.contains("TAG_INVALID"),
        "{message}"
    );
    assert_eq!(read(&scene.client, &scene.to).await, names(&["a"]));

    // At a tag that is not there yet, all that is immutable is there already.
    let to = Destination {
        tag: "el10".parse().unwrap(),
        ..scene.to.clone()
    };
    add(&scene.client, &to, now(), &["a"]).await.unwrap();
    assert_eq!(read(&scene.client, &to).await, names(&["a"]));
}

#[tokio::test]
async fn a_snapshot_that_was_superseded_says_since_when() {
    let scene = scene(vec![]).await;
    let first = scene.root().await;
    add(&scene.client, &scene.to, now(), &["b"]).await.unwrap();
    let mark = tags::superseded(&scene.to.tag, 1, &first, NOW).unwrap();
    let marked = scene.client.tag_at_home(&scene.to.repository, &mark).await;
    assert_eq!(marked.unwrap().unwrap().digest, first);

    // Best effort: the repository is published all the same.
    let fails = Rule::new(Quirk::Status(http::StatusCode::FORBIDDEN)).path("*-u*");
    scene.server.script(fails);
    add(&scene.client, &scene.to, now(), &["c"]).await.unwrap();
    let unknown = Options::default();
    add(&scene.client, &scene.to, unknown, &["d"])
        .await
        .unwrap();
    let marks = scene.tags().await;
    assert_eq!(marks.iter().filter(|tag| tag.contains("-u")).count(), 1);
    let selector = Selector::Tag(mark);
    assert!(
        scene
            .server
            .asked()
            .iter()
            .any(|line| line.ends_with(&format!("/{selector}")))
    );
}
