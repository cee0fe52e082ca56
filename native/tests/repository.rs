//! Opening RPM repositories and remembering them.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{Server, client};
use ocirepo::descriptor::Descriptor;
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::{Reference, Tag};
use ocirepo_native::cache::Memory;
use ocirepo_native::{Client, Error, repository};
use ocirepo_registry::Config;
use ocirepo_rpm::layout::{Layout, format};
use ocirepo_rpm::snapshot::{Options, SnapshotErrorKind};

/// Publishes a repository without packages at a revision.
async fn publish(client: &Client, reference: &Reference, revision: u64) {
    let repomd = format!(
        "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\
         <revision>{revision}</revision></repomd>"
    );
    let layer = Descriptor::of("application/octet-stream", repomd.as_bytes())
        .annotate(format::TITLE, "repodata/repomd.xml");
    let manifest = ImageManifest::artifact(format::REPOSITORY)
        .layer(layer)
        .to_manifest();
    let place = reference.repository();
    for blob in [repomd.into_bytes(), b"{}".to_vec()] {
        client
            .push_bytes(place, blob, Default::default())
            .await
            .unwrap();
    }
    client
        .push_manifest(place, Tag::latest(), manifest)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_repository_that_went_back_is_refused_until_that_is_allowed() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let client = client(home.path());
    let reference: Reference = format!("{}/me/repo", server.authority()).parse().unwrap();
    let memory = Memory::new(home.path().join("memory"));
    let open = |options| repository::open(&client, &reference, options, Some(&memory));

    publish(&client, &reference, 20).await;
    let snapshot = open(Options::default()).await.unwrap();
    assert_eq!(snapshot.layout(), Layout::Files);
    open(Options::default()).await.unwrap();

    publish(&client, &reference, 10).await;
    let error = open(Options::default()).await.unwrap_err();
    let Error::Repository(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), SnapshotErrorKind::Rollback, "{error}");
    let without = repository::open(&client, &reference, Options::default(), None).await;
    assert_eq!(without.unwrap().mark().revision, Some(10));

    let allowed = Options {
        allow_rollback: true,
        ..Options::default()
    };
    open(allowed).await.unwrap();
    open(Options::default()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_no_repository() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let reference: Reference = format!("{}/me/none", server.authority()).parse().unwrap();
    let client = client(home.path());
    let error = repository::open(&client, &reference, Options::default(), None).await;
    let Err(Error::Repository(error)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), SnapshotErrorKind::NotFound, "{error}");
}
