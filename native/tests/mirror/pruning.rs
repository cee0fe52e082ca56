use std::collections::BTreeSet;

use http::{Method, StatusCode};
use ocirepo::digest::Digest;
use ocirepo::manifest::Manifest;
use ocirepo_native::Client;
use ocirepo_native::prune::{Pruned, Survey, survey};
use ocirepo_registry::{Config, Quirk, Rule};
use ocirepo_rpm::layout::{format, tags};
use ocirepo_rpm::mirror::retention::Policy;

use crate::common::{Server, client};
use crate::sample::{about, artifact, publish, put, sign, tag};

const NAME: &str = "me/repo";
const DAY: u64 = 24 * 60 * 60;
const NOW: u64 = 1_700_000_000;

fn policy(days: u64) -> Policy {
    Policy {
        now: NOW,
        keep_within: days * DAY,
        keep_last: 1,
        line: None,
    }
}

async fn look(client: &Client, server: &Server, policy: &Policy) -> Survey {
    let repository = server.repository(NAME);
    survey(client, &repository, policy).await.unwrap()
}

async fn prune(client: &Client, server: &Server, policy: &Policy) -> Pruned {
    let survey = look(client, server, policy).await;
    survey.carry_out(&|_, _| ()).await.unwrap()
}

/// Says that a snapshot of `el9` is superseded for so many days.
fn supersede(server: &Server, root: &Manifest, sequence: u64, days: u64) {
    let mark = tags::superseded(&tag("el9"), sequence, &root.digest(), NOW - days * DAY);
    let mark = mark.unwrap();
    put(&mut server.registry(), NAME, Some(mark.as_str()), root);
}

fn has(server: &Server, digest: &Digest) -> bool {
    let digest = digest.to_string();
    server.registry().manifest(NAME, &digest).is_some()
}

/// Whether everything that an index lists is there.
fn whole(server: &Server, root: &Manifest) -> bool {
    let mut children = root.children().iter();
    has(server, &root.digest()) && children.all(|child| has(server, &child.digest))
}

fn tags_of(server: &Server, digest: &Digest) -> BTreeSet<String> {
    let registry = server.registry();
    let child = tags::child(digest).unwrap();
    let marks = [child.clone(), tags::unused(&child, NOW).unwrap()];
    let there = marks
        .iter()
        .filter(|tag| registry.manifest(NAME, tag.as_str()).is_some());
    there.map(ToString::to_string).collect()
}

#[tokio::test]
async fn old_snapshots_go_with_what_only_they_need_and_the_rest_stays() {
    let home = tempfile::tempdir().unwrap();
    let (client, server) = (client(home.path()), Server::start(Config::default()).await);
    let (first, second, third, signature, note, other) = {
        let mut registry = server.registry();
        let first = publish(&mut registry, NAME, 1, &[&["a-1"], &["shared"]]);
        let second = publish(&mut registry, NAME, 2, &[&["a-2"], &["shared"]]);
        let third = publish(&mut registry, NAME, 3, &[&["a-3"], &["shared"]]);
        let signature = sign(&mut registry, NAME, &first.digest());
        let note = about(&mut registry, NAME, &first, "note");
        sign(&mut registry, NAME, &third.digest());
        let other = artifact(&mut registry, NAME, "application/x", &["other"]);
        put(&mut registry, NAME, Some("mine"), &other);
        (first, second, third, signature, note, other)
    };
    supersede(&server, &first, 1, 20);
    supersede(&server, &second, 2, 5);
    let found = look(&client, &server, &policy(14)).await;
    let expired: Vec<Digest> = found.expired().iter().map(|e| e.digest).collect();
    assert_eq!(expired, [first.digest()]);
    assert_eq!((found.kept(), found.marked()), (2, 0));
    // The root, its metadata, the shard of a-1, the signature and the note.
    assert_eq!(found.manifests(), 5);
    assert!(found.bytes() > first.raw().len() as u64);
    assert!(whole(&server, &first), "looking changes nothing");

    let pruned = found.carry_out(&|_, _| ()).await.unwrap();
    assert_eq!((pruned.snapshots, pruned.manifests), (1, 5));
    for gone in [&first.digest(), &signature.digest(), &note.digest()] {
        assert!(!has(&server, gone));
    }
    assert!(!has(&server, &first.children()[1].digest));
    assert!(whole(&server, &second) && whole(&server, &third));
    assert!(has(&server, &other.digest()));
    let at = format!("sha256-{}.sig", third.digest().hex());
    assert!(server.registry().manifest(NAME, &at).is_some());

    assert_eq!(
        prune(&client, &server, &policy(14)).await,
        Pruned::default()
    );
}

#[tokio::test]
async fn a_snapshot_nobody_timed_is_timed_and_goes_later() {
    let home = tempfile::tempdir().unwrap();
    let (client, server) = (client(home.path()), Server::start(Config::default()).await);
    let (first, second) = {
        let mut registry = server.registry();
        let first = publish(&mut registry, NAME, 1, &[&["a-1"]]);
        (first, publish(&mut registry, NAME, 2, &[&["a-2"]]))
    };
    let pruned = prune(&client, &server, &policy(14)).await;
    assert_eq!((pruned.marked, pruned.manifests), (1, 0));
    let later = |days: u64| Policy {
        now: NOW + days * DAY,
        ..policy(14)
    };
    let pruned = prune(&client, &server, &later(13)).await;
    assert_eq!(pruned, Pruned::default());
    prune(&client, &server, &later(14)).await;
    assert!(!has(&server, &first.digest()));
    assert!(whole(&server, &second));
}

#[tokio::test]
async fn what_belongs_to_no_snapshot_yet_is_left_to_be_published() {
    let home = tempfile::tempdir().unwrap();
    let (client, server) = (client(home.path()), Server::start(Config::default()).await);
    let shard = {
        let mut registry = server.registry();
        publish(&mut registry, NAME, 1, &[&["a-1"]]);
        let shard = artifact(&mut registry, NAME, format::PACKAGES, &["a-2"]);
        let at = tags::child(&shard.digest()).unwrap();
        put(&mut registry, NAME, Some(at.as_str()), &shard);
        shard
    };
    let pruned = prune(&client, &server, &policy(0)).await;
    assert_eq!((pruned.marked, pruned.manifests), (1, 0));
    assert_eq!(tags_of(&server, &shard.digest()).len(), 2);
    let later = Policy {
        now: NOW + 14 * DAY,
        ..policy(14)
    };
    let pruned = prune(&client, &server, &later).await;
    assert_eq!((pruned.snapshots, pruned.manifests), (0, 1));
    assert!(!has(&server, &shard.digest()));
}

#[tokio::test]
async fn an_interrupted_run_is_finished_by_the_next() {
    let home = tempfile::tempdir().unwrap();
    let (client, server) = (client(home.path()), Server::start(Config::default()).await);
    for after in 0..5 {
        let sequence = 2 * u64::from(after) + 1;
        let (old, new) = {
            let mut registry = server.registry();
            let (a, b) = (format!("a-{sequence}"), format!("b-{sequence}"));
            let old = publish(&mut registry, NAME, sequence, &[&[&a], &[&b], &["shared"]]);
            let new = publish(&mut registry, NAME, sequence + 1, &[&["a"], &["shared"]]);
            (old, new)
        };
        supersede(&server, &old, sequence, 20);
        let rule = Rule::new(Quirk::Status(StatusCode::FORBIDDEN));
        server.script(rule.method(Method::DELETE).after(after));
        let found = look(&client, &server, &policy(14)).await;
        let result = found.carry_out(&|_, _| ()).await;
        server.registry().clear_script();
        // There are four manifests to delete: the root, the metadata, two shards.
        assert_eq!(result.is_ok(), after >= 4, "after {after}");
        assert!(whole(&server, &new));
        prune(&client, &server, &policy(14)).await;
        for child in &old.children()[..3] {
            assert!(!has(&server, &child.digest), "after {after}");
        }
        assert!(!has(&server, &old.digest()));
        assert!(whole(&server, &new));
        supersede(&server, &new, sequence + 1, 1);
    }
}

#[tokio::test]
async fn what_is_published_meanwhile_stays_whole() {
    let home = tempfile::tempdir().unwrap();
    let (client, server) = (client(home.path()), Server::start(Config::default()).await);
    let old = publish(&mut server.registry(), NAME, 1, &[&["a-1"], &["b-1"]]);
    publish(&mut server.registry(), NAME, 2, &[&["a-2"]]);
    supersede(&server, &old, 1, 20);

    // Between looking and deleting.
    let found = look(&client, &server, &policy(14)).await;
    let again = publish(&mut server.registry(), NAME, 3, &[&["a-1"], &["a-2"]]);
    let pruned = found.carry_out(&|_, _| ()).await.unwrap();
    assert_eq!(pruned.rescued, 1);
    assert!(whole(&server, &again));
    assert!(!has(&server, &old.digest()));

    // While deleting: what is gone already is put back.
    let old = publish(&mut server.registry(), NAME, 4, &[&["c-1"], &["d-1"]]);
    publish(&mut server.registry(), NAME, 5, &[&["a-2"]]);
    supersede(&server, &old, 4, 20);
    let found = look(&client, &server, &policy(14)).await;
    let published = std::sync::Mutex::new(None);
    let pruned = found
        .carry_out(&|done, all| {
            if done == all {
                let root = publish(&mut server.registry(), NAME, 6, &[]);
                let mut image = root.as_index().unwrap().clone();
                image.manifests.push(old.children()[1].clone());
                let root = image.to_manifest();
                put(&mut server.registry(), NAME, Some("el9"), &root);
                *published.lock().unwrap() = Some(root);
            }
        })
        .await
        .unwrap();
    let root = published.into_inner().unwrap().unwrap();
    assert!(whole(&server, &root));
    assert_eq!(pruned.rescued, 1);
    assert_eq!(tags_of(&server, &old.children()[1].digest).len(), 1);
}

#[tokio::test]
async fn a_root_that_came_back_into_use_stays_with_its_signature() {
    let home = tempfile::tempdir().unwrap();
    let (client, server) = (client(home.path()), Server::start(Config::default()).await);
    let old = publish(&mut server.registry(), NAME, 1, &[&["a-1"]]);
    publish(&mut server.registry(), NAME, 2, &[&["a-2"]]);
    let signature = sign(&mut server.registry(), NAME, &old.digest());
    supersede(&server, &old, 1, 20);
    let found = look(&client, &server, &policy(14)).await;
    put(&mut server.registry(), NAME, Some("el9"), &old);
    let pruned = found.carry_out(&|_, _| ()).await.unwrap();
    assert_eq!((pruned.snapshots, pruned.rescued), (0, 4));
    assert!(whole(&server, &old) && has(&server, &signature.digest()));
}

#[tokio::test]
async fn a_registry_that_does_not_delete_is_left_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let client = client(home.path());
    let server = Server::start(Config {
        delete: false,
        ..Config::default()
    })
    .await;
    let old = publish(&mut server.registry(), NAME, 1, &[&["a-1"]]);
    publish(&mut server.registry(), NAME, 2, &[&["a-2"]]);
    supersede(&server, &old, 1, 20);
    let found = look(&client, &server, &policy(14)).await;
    let error = found.carry_out(&|_, _| ()).await.unwrap_err();
    assert!(error.to_string().contains("does not delete"), "{error}");
    assert!(whole(&server, &old));
}

#[tokio::test]
async fn registries_that_delete_no_tags_are_not_asked_to() {
    let home = tempfile::tempdir().unwrap();
    let (client, server) = (client(home.path()), Server::start(Config::default()).await);
    server.script(Rule::new(Quirk::TagDeletionRefused));
    let old = publish(&mut server.registry(), NAME, 1, &[&["a-1"]]);
    publish(&mut server.registry(), NAME, 2, &[&["a-2"]]);
    supersede(&server, &old, 1, 20);
    prune(&client, &server, &policy(14)).await;
    assert!(!has(&server, &old.digest()));
}
