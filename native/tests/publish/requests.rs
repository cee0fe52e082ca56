//! How little a push asks for.

use std::collections::BTreeMap;

use http::Method;
use ocirepo::Digest;
use ocirepo_native::publish::{self, Local, Options, Refusal};
use ocirepo_native::{Client, Error};
use ocirepo_registry::{Config, Quirk, Rule};
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::Source;

use crate::common::{Server, client};
use crate::directory::{Directory, add, destination, names, names_in, noise_file, read};
use crate::moving::{Scene, refusal, scene};

/// What was asked since, counted by method and kind.
fn counted(server: &Server, since: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in server.asked().split_off(since) {
        let (method, path) = line.split_once(' ').unwrap();
        let kind = match path {
            path if path.contains("/uploads/") => "uploads",
            path if path.contains("/blobs/") => "blobs",
            path if path.contains("/manifests/") => "manifests",
            _ => "other",
        };
        *counts.entry(format!("{method} {kind}")).or_default() += 1;
    }
    counts
}

fn expected(counts: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let counts = counts
        .iter()
        .map(|(what, count)| ((*what).to_owned(), *count));
    counts.collect()
}

/// Enough packages for several shards.
fn many() -> Vec<String> {
    (0..900).map(|number| format!("package{number}")).collect()
}

#[tokio::test]
async fn an_update_of_one_package_pushes_it_the_metadata_and_the_shards_that_changed() {
    let scene = scene(vec![]).await;
    let all = many();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    add(&scene.client, &scene.to, Options::default(), &all)
        .await
        .unwrap();
    let shards = |plan: &ocirepo_rpm::publish::Plan| plan.stages[0].manifests.len() - 1;

    let since = scene.server.asked().len();
    let options = Options {
        now: 1_700_000_000,
        ..Options::default()
    };
    let published = add(&scene.client, &scene.to, options, &["new"])
        .await
        .unwrap();
    assert!(shards(&published.plan) >= 3, "{}", shards(&published.plan));
    // The package, primary and repomd.xml; the config is known.
    assert_eq!(published.blobs, 3);
    let asked = expected(&[
        ("POST uploads", 3),
        ("PUT uploads", 3),
        // repomd.xml of the snapshot before.
        ("GET blobs", 1),
        // The root and the metadata of the snapshot before.
        ("GET manifests", 2),
        // The tag: first, before the tag of the snapshot, before the move, after the move.
        ("HEAD manifests", 4),
        // The metadata, one shard, the tag of the snapshot, the tag, the mark.
        ("PUT manifests", 5),
        // Looking for lost publishes.
        ("GET other", 1),
    ]);
    assert_eq!(counted(&scene.server, since), asked);
}

#[tokio::test]
async fn what_is_there_already_is_not_pushed() {
    let scene = scene(vec![]).await;
    let since = scene.server.asked().len();
    let published = add(&scene.client, &scene.to, Options::default(), &["a"])
        .await
        .unwrap();
    assert!(published.plan.unchanged);
    let asked = expected(&[
        ("GET blobs", 1),
        ("GET manifests", 2),
        ("HEAD manifests", 1),
        ("GET other", 1),
    ]);
    assert_eq!(counted(&scene.server, since), asked);
}

#[tokio::test]
async fn content_comes_from_another_repository_of_the_registry() {
    let scene = scene(vec![]).await;
    add(&scene.client, &scene.to, Options::default(), &["b"])
        .await
        .unwrap();
    let to = destination(scene.server.repository("me/other"), Layout::Files);
    let since = scene.server.asked().len();
    let options = Options {
        mount_from: Some(scene.to.repository.clone()),
        ..Options::default()
    };
    let published = add(&scene.client, &to, options, &["a", "b"]).await.unwrap();
    assert_eq!((published.blobs, published.bytes), (0, 0));
    let counts = counted(&scene.server, since);
    // The config, two packages, primary and repomd.xml.
    assert_eq!(counts.get("POST uploads"), Some(&5));
    assert_eq!(counts.get("PUT uploads"), None);
    assert_eq!(read(&scene.client, &to).await, names(&["a", "b"]));

    // A registry that does not mount gets the bytes.
    scene.server.script(Rule::new(Quirk::MountIgnored));
    let to = destination(scene.server.repository("me/third"), Layout::Files);
    let options = Options {
        mount_from: Some(scene.to.repository.clone()),
        ..Options::default()
    };
    let published = add(&scene.client, &to, options, &["a", "b"]).await.unwrap();
    assert_eq!(published.blobs, 5);
    assert_eq!(read(&scene.client, &to).await, names(&["a", "b"]));
}

/// Publishes the packages of a snapshot and one more, whose content is at hand.
async fn add_with_only(scene: &Scene, name: &str) -> Result<publish::Published, Error> {
    publish::publish(
        &scene.client,
        &scene.to,
        Options::default(),
        async |snapshot, to| {
            let mut all = names_in(snapshot.unwrap());
            all.insert(name.to_owned());
            let mut prepared = Directory::of(&all).prepare(snapshot, to);
            prepared
                .sources
                .retain(|path| path.contains(name) || path.starts_with("repodata/"));
            Ok(prepared)
        },
    )
    .await
}

/// Takes the content of a package away behind the registry's back.
async fn lose(scene: &Scene, name: &str) -> Digest {
    let digest = Digest::of(format!("Packages/{name}-1.0-1.noarch.rpm").as_bytes());
    let deleted = scene.client.delete_blob(&scene.to.repository, digest);
    deleted.await.unwrap();
    digest
}

#[tokio::test]
async fn content_that_only_the_registry_has_is_not_needed_here() {
    let scene = scene(vec![]).await;
    add_with_only(&scene, "b").await.unwrap();
    assert_eq!(read(&scene.client, &scene.to).await, names(&["a", "b"]));
}

#[tokio::test]
async fn known_content_that_the_registry_lost_is_pushed_again_or_asked_for() {
    let scene = scene(vec![]).await;
    let digest = lose(&scene, "a").await;
    let error = refusal(add_with_only(&scene, "b").await);
    let path = "Packages/a-1.0-1.noarch.rpm".to_owned();
    assert_eq!(error, Refusal::NoSource { path, digest });
    assert!(
        error.to_string().ends_with("give that file again"),
        "{error}"
    );

    let since = scene.server.asked().len();
    let published = add(&scene.client, &scene.to, Options::default(), &["b"])
        .await
        .unwrap();
    assert_eq!(read(&scene.client, &scene.to).await, names(&["a", "b"]));
    // Three that are new, and what was lost.
    assert_eq!(published.blobs, 4);
    // Only what the refused manifest lists was asked for: the config and two packages.
    let counts = counted(&scene.server, since);
    assert_eq!(counts.get("HEAD blobs"), Some(&3));
}

#[tokio::test]
async fn a_registry_that_says_to_have_what_it_refuses_gets_it_anyway() {
    let scene = scene(vec![]).await;
    lose(&scene, "a").await;
    // It remembers what it had.
    let says_so = Rule::new(Quirk::AnswerWith(http::StatusCode::OK)).method(Method::HEAD);
    scene.server.script(says_so.path("*/blobs/*"));
    add(&scene.client, &scene.to, Options::default(), &["b"])
        .await
        .unwrap();
    assert_eq!(read(&scene.client, &scene.to).await, names(&["a", "b"]));
}

#[tokio::test]
async fn a_part_of_a_file_is_content() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let client: Client = client(home.path());
    let to = destination(server.repository("me/repo"), Layout::Files);
    let (file, content) = noise_file(home.path(), 300_000);
    // In place of a package that is a file, its middle.
    let part = 100_000..250_000;
    let bytes = content[100_000..250_000].to_vec();
    let path = "Packages/a-1.0-1.noarch.rpm";
    let publish = async |range: std::ops::Range<u64>| {
        let (file, bytes) = (file.clone(), bytes.clone());
        publish::publish(&client, &to, Options::default(), async |snapshot, to| {
            let mut prepared = Directory::of(&names(&["a"])).prepare(snapshot, to);
            let local = Local::Part {
                file: file.clone(),
                range: range.clone(),
            };
            prepared.sources.insert(path, local);
            for blob in &mut prepared.plan.stages[0].blobs {
                if matches!(&blob.source, Source::File(source) if source.path() == path) {
                    blob.descriptor.digest = Digest::of(&bytes);
                    blob.descriptor.size = bytes.len() as u64;
                }
            }
            Ok::<_, Error>(prepared)
        })
        .await
    };
    publish(part.clone()).await.unwrap();
    let pulled = client.pull_bytes(&to.repository, Digest::of(&bytes), 1 << 20);
    assert_eq!(pulled.await.unwrap(), bytes);

    // One byte on, it is something else; and after the end there is nothing.
    for wrong in [part.start + 1..part.end + 1, 200_000..350_000] {
        let server = Server::start(Config::default()).await;
        let to = destination(server.repository("me/repo"), Layout::Files);
        let digest = Some(Digest::of(&bytes));
        let upload = Default::default();
        let pushed = client.push_part(&to.repository, &file, wrong, digest, upload);
        let error = pushed.await.unwrap_err();
        let tags = client.blob_exists(&to.repository, Digest::of(&bytes)).await;
        assert_eq!(tags.unwrap(), None, "{error}");
    }
}
