use std::collections::BTreeMap;

use http::{Method, StatusCode};
use ocirepo::digest::Digest;
use ocirepo::manifest::{ImageIndex, Manifest};
use ocirepo::reference::{Selector, Tag};
use ocirepo_native::mirror::{self, Copied, Options, Place};
use ocirepo_native::oci_directory::OciDirectory;
use ocirepo_native::{Client, Error};
use ocirepo_registry::{Config, Quirk, Rule};
use ocirepo_rpm::layout::{format, tags};

use crate::common::{Server, client};
use crate::sample::{about, artifact, publish, put, sign, tag};

const NAME: &str = "me/repo";

/// A registry that refuses manifests whose parts are not there, so that a wrong order shows.
async fn strict() -> Server {
    Server::start(Config {
        sparse: false,
        ..Config::default()
    })
    .await
}

fn place(client: &Client, server: &Server) -> Place {
    Place::registry(client, &server.repository(NAME))
}

async fn el9(from: &Place, to: &Place, options: Options) -> Result<Copied, Error> {
    mirror::copy(from, &tag("el9").into(), to, &tag("el9"), options).await
}

/// All tags, with what they point at.
async fn tags_of(client: &Client, server: &Server) -> BTreeMap<Tag, Digest> {
    let repository = server.repository(NAME);
    let mut found = BTreeMap::new();
    for tag in client.tags(&repository).await.unwrap() {
        let at = client.resolve(&repository, tag.clone()).await.unwrap();
        found.insert(tag, at.digest);
    }
    found
}

fn count(server: &Server, method: &str, part: &str) -> usize {
    let asked = server.asked();
    let is = |line: &&String| line.starts_with(method) && line.contains(part);
    asked.iter().filter(is).count()
}

#[tokio::test]
async fn everything_that_belongs_to_a_tag_is_copied_and_no_digest_changes() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    // Where lists of referrers are in tags, two at a time would lose one.
    to.script(Rule::new(Quirk::NoReferrers));
    let (first, root, notes, other) = {
        let mut registry = from.registry();
        let first = publish(&mut registry, NAME, 1, &[&["a-1", "b-1"], &["c-1"]]);
        let root = publish(&mut registry, NAME, 2, &[&["a-1", "b-2"], &["c-1"]]);
        sign(&mut registry, NAME, &root.digest());
        let note = about(&mut registry, NAME, &root, "one");
        let second = about(&mut registry, NAME, &root, "two");
        let note_on_note = about(&mut registry, NAME, &note, "on one");
        let shard = Manifest::parse(
            None,
            registry
                .manifest(NAME, &root.children()[1].digest.to_string())
                .unwrap()
                .2
                .to_vec(),
        )
        .unwrap();
        let below = about(&mut registry, NAME, &shard, "on a shard");
        let other = artifact(&mut registry, NAME, "application/other", &["other"]);
        put(&mut registry, NAME, Some("el10"), &other);
        (first, root, [note, second, note_on_note, below], other)
    };
    let (source, at) = (place(&client, &from), place(&client, &to));
    let copied = el9(&source, &at, Options::default()).await.unwrap();
    assert_eq!(copied.root, Some(root.digest()));
    assert_eq!(copied.tags.last(), Some(&tag("el9")));

    let (there, mut here) = (tags_of(&client, &to).await, tags_of(&client, &from).await);
    here.remove(&tag("el10"));
    for (tag, digest) in &here {
        assert_eq!(there.get(tag), Some(digest), "{tag}");
    }
    {
        let registry = to.registry();
        for manifest in notes.iter().chain([&first, &root]) {
            let digest = manifest.digest().to_string();
            assert!(registry.manifest(NAME, &digest).is_some());
            for blob in manifest.blobs() {
                assert!(registry.blob(NAME, &blob.digest).is_some());
            }
        }
        let digest = other.digest().to_string();
        assert!(registry.manifest(NAME, &digest).is_none(), "of another tag");
    }
    let listed = client
        .referrers(&to.repository(NAME), root.digest(), None)
        .await
        .unwrap();
    assert_eq!(listed.len(), 2);
}

#[tokio::test]
async fn a_second_run_sends_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    publish(&mut from.registry(), NAME, 1, &[&["a-1"], &["b-1"]]);
    let (from, at) = (place(&client, &from), place(&client, &to));
    let first = el9(&from, &at, Options::default()).await.unwrap();
    assert_eq!((first.written, first.present), (4, 0));
    to.registry().clear_log();
    let second = el9(&from, &at, Options::default()).await.unwrap();
    assert_eq!((second.written, second.present), (0, 4));
    assert_eq!(second.tags, []);
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        assert_eq!(count(&to, method, ""), 0, "{method}");
    }
    assert_eq!(count(&to, "", "/blobs/"), 0);
}

#[tokio::test]
async fn a_copy_that_failed_leaves_the_tag_and_goes_on_where_it_ended() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    let old = publish(
        &mut from.registry(),
        NAME,
        1,
        &[&["a-1"], &["b-1"], &["c-1"]],
    );
    let (source, at) = (place(&client, &from), place(&client, &to));
    el9(&source, &at, Options::default()).await.unwrap();
    let new = publish(
        &mut from.registry(),
        NAME,
        2,
        &[&["a-2"], &["b-2"], &["c-2"]],
    );
    // Wherever it fails, what was done stays done.
    let mut before = 0;
    for after in 0.. {
        assert!(after < 40, "it never came to its end");
        let rule = Rule::new(Quirk::Status(StatusCode::FORBIDDEN));
        to.script(rule.method(Method::PUT).after(after));
        let copied = el9(&source, &at, Options::default()).await;
        to.registry().clear_script();
        let now = tags_of(&client, &to).await[&tag("el9")];
        match copied {
            Err(_) => assert_eq!(now, old.digest(), "after {after} requests"),
            Ok(_) => {
                assert_eq!(now, new.digest());
                break;
            }
        }
        let there = to.registry();
        let blobs = ["a-2", "b-2", "c-2", "repomd 2"];
        let blobs = blobs.map(|blob| there.blob(NAME, &Digest::of(blob.as_bytes())).is_some());
        let blobs = blobs.iter().filter(|there| **there).count();
        assert!(blobs >= before);
        before = blobs;
    }
}

#[tokio::test]
async fn within_a_registry_blobs_are_mounted() {
    let home = tempfile::tempdir().unwrap();
    let (client, server) = (client(home.path()), strict().await);
    publish(
        &mut server.registry(),
        NAME,
        1,
        &[&["a-1", "b-1"], &["c-1"]],
    );
    let from = place(&client, &server);
    let to = Place::registry(&client, &server.repository("me/mirror"));
    let copied = el9(&from, &to, Options::default()).await.unwrap();
    assert_eq!(copied.blobs.sent, 0, "{copied:?}");
    // The configs are all the same one.
    assert_eq!(copied.blobs.mounted, 5);
    assert_eq!(count(&server, "GET", "/blobs/"), 0);
}

#[tokio::test]
async fn a_small_update_asks_for_what_changed_only() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    let many: Vec<String> = (0..50).map(|n| format!("package-{n}")).collect();
    let mut shard: Vec<&str> = many.iter().map(String::as_str).collect();
    publish(&mut from.registry(), NAME, 1, &[&shard, &["other"]]);
    let (source, at) = (place(&client, &from), place(&client, &to));
    el9(&source, &at, Options::default()).await.unwrap();
    shard.push("new");
    publish(&mut from.registry(), NAME, 2, &[&shard, &["other"]]);
    to.registry().clear_log();
    let copied = el9(&source, &at, Options::default()).await.unwrap();
    assert_eq!(copied.blobs.sent, 2, "the package and the metadata");
    assert_eq!(count(&to, "POST", "/blobs/"), 2);
    assert_eq!(count(&to, "HEAD", "/blobs/"), 0);
}

#[tokio::test]
async fn what_the_target_lost_is_sent_after_all() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    publish(&mut from.registry(), NAME, 1, &[&["a-1", "b-1"]]);
    let (source, at) = (place(&client, &from), place(&client, &to));
    el9(&source, &at, Options::default()).await.unwrap();
    let lost = Digest::of(b"a-1");
    client
        .delete_blob(&to.repository(NAME), lost)
        .await
        .unwrap();
    let new = publish(&mut from.registry(), NAME, 2, &[&["a-1", "b-2"]]);
    let copied = el9(&source, &at, Options::default()).await.unwrap();
    assert_eq!(copied.root, Some(new.digest()));
    assert!(to.registry().blob(NAME, &lost).is_some());
}

#[tokio::test]
async fn what_the_target_had_is_marked_as_superseded() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    let old = publish(&mut from.registry(), NAME, 1, &[&["a-1"]]);
    let options = || Options {
        snapshots: false,
        now: 1234,
        ..Options::default()
    };
    let (source, at) = (place(&client, &from), place(&client, &to));
    el9(&source, &at, options()).await.unwrap();
    publish(&mut from.registry(), NAME, 2, &[&["a-2"]]);
    el9(&source, &at, options()).await.unwrap();
    let mark = tags::superseded(&tag("el9"), 1, &old.digest(), 1234).unwrap();
    assert_eq!(tags_of(&client, &to).await.get(&mark), Some(&old.digest()));
}

#[tokio::test]
async fn a_copy_whose_mark_was_refused_is_done_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    let old = publish(&mut from.registry(), NAME, 1, &[&["a-1"]]);
    let options = || Options {
        now: 1234,
        ..Options::default()
    };
    let (source, at) = (place(&client, &from), place(&client, &to));
    el9(&source, &at, options()).await.unwrap();
    let new = publish(&mut from.registry(), NAME, 2, &[&["a-2"]]);
    let mark = tags::superseded(&tag("el9"), 1, &old.digest(), 1234).unwrap();
    let rule = Rule::new(Quirk::Status(StatusCode::FORBIDDEN));
    to.script(rule.method(Method::PUT).path(format!("*/{mark}")));
    let copied = el9(&source, &at, options()).await.unwrap();
    assert_eq!(copied.unmarked, [mark]);
    assert!(copied.tags.contains(&tag("el9")), "{copied:?}");
    assert_eq!(tags_of(&client, &to).await[&tag("el9")], new.digest());
}

#[tokio::test]
async fn a_target_is_not_led_back_unless_that_is_allowed() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    let old = publish(&mut from.registry(), NAME, 1, &[&["a-1"]]);
    let new = publish(&mut from.registry(), NAME, 2, &[&["a-2"]]);
    let (source, at) = (place(&client, &from), place(&client, &to));
    el9(&source, &at, Options::default()).await.unwrap();
    put(&mut from.registry(), NAME, Some("el9"), &old);
    let error = el9(&source, &at, Options::default()).await.unwrap_err();
    assert!(
        matches!(error, Error::Older { has: 2, new: 1, .. }),
        "{error}"
    );
    assert_eq!(tags_of(&client, &to).await[&tag("el9")], new.digest());
    let options = Options {
        allow_rollback: true,
        ..Options::default()
    };
    el9(&source, &at, options).await.unwrap();
    assert_eq!(tags_of(&client, &to).await[&tag("el9")], old.digest());
}

#[tokio::test]
async fn under_another_tag_the_snapshots_take_its_name() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    let first = publish(&mut from.registry(), NAME, 1, &[&["a-1"]]);
    let root = publish(&mut from.registry(), NAME, 2, &[&["a-2"]]);
    let (source, at) = (place(&client, &from), place(&client, &to));
    let what: Selector = tag("el9").into();
    mirror::copy(&source, &what, &at, &tag("stable"), Options::default())
        .await
        .unwrap();
    let there = tags_of(&client, &to).await;
    for (manifest, sequence) in [(&first, 1), (&root, 2)] {
        let own = tags::snapshot(&tag("stable"), sequence, &manifest.digest()).unwrap();
        assert_eq!(there.get(&own), Some(&manifest.digest()));
    }
    assert_eq!(there[&tag("stable")], root.digest());
    assert!(there.keys().all(|tag| !tag.as_str().starts_with("el9")));
}

#[tokio::test]
async fn all_tags_of_a_repository_are_copied_whatever_they_are() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    from.script(Rule::new(Quirk::NoReferrers));
    {
        let mut registry = from.registry();
        publish(&mut registry, NAME, 1, &[&["a-1"]]);
        let image = artifact(&mut registry, NAME, "application/x", &["image"]);
        put(&mut registry, NAME, None, &image);
        let inner = ImageIndex::new().manifest(image.descriptor()).to_manifest();
        put(&mut registry, NAME, None, &inner);
        let outer = ImageIndex::new().manifest(inner.descriptor()).to_manifest();
        put(&mut registry, NAME, Some("nested"), &outer);
        sign(&mut registry, NAME, &outer.digest());
        let orphan = artifact(&mut registry, NAME, format::PACKAGES, &["orphan"]);
        let at = tags::child(&orphan.digest()).unwrap();
        put(&mut registry, NAME, Some(at.as_str()), &orphan);
        let note = about(&mut registry, NAME, &inner, "note");
        let list = ImageIndex::new().manifest(note.referrer()).to_manifest();
        let at = format!("sha256-{}", inner.digest().hex());
        put(&mut registry, NAME, Some(&at), &list);
    }
    let (source, at) = (place(&client, &from), place(&client, &to));
    mirror::copy_all(&source, &at, Options::default())
        .await
        .unwrap();
    let mut here = tags_of(&client, &from).await;
    // The target has an API for that.
    here.retain(|tag, _| !tag.as_str().starts_with("sha256-") || tag.as_str().contains('.'));
    assert_eq!(tags_of(&client, &to).await, here);
    let inner = {
        let registry = to.registry();
        let (_, _, raw) = registry.manifest(NAME, "nested").unwrap();
        Manifest::parse(None, raw.to_vec()).unwrap().children()[0].digest
    };
    let repository = to.repository(NAME);
    let notes = client.referrers(&repository, inner, None).await.unwrap();
    assert_eq!(notes.len(), 1);
}

#[tokio::test]
async fn through_a_directory_and_back_everything_stays_the_same() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    {
        let mut registry = from.registry();
        publish(&mut registry, NAME, 1, &[&["a-1"], &["b-1"]]);
        let root = publish(&mut registry, NAME, 2, &[&["a-2"], &["b-1"]]);
        sign(&mut registry, NAME, &root.digest());
        about(&mut registry, NAME, &root, "note");
    }
    let (source, at) = (place(&client, &from), place(&client, &to));
    let path = home.path().join("layout");
    let directory = || Place::from(OciDirectory::create(&path).unwrap());
    let there = el9(&source, &directory(), Options::default())
        .await
        .unwrap();
    assert!(there.written >= 7, "{there:?}");
    let index = std::fs::read(path.join("index.json")).unwrap();
    let again = el9(&source, &directory(), Options::default())
        .await
        .unwrap();
    assert_eq!((again.blobs.sent, again.written), (0, 0));
    assert_eq!(std::fs::read(path.join("index.json")).unwrap(), index);
    let other = Place::from(OciDirectory::create(home.path().join("other")).unwrap());
    el9(&directory(), &other, Options::default()).await.unwrap();
    el9(&other, &at, Options::default()).await.unwrap();
    assert_eq!(tags_of(&client, &to).await, tags_of(&client, &from).await);
    let root = tags_of(&client, &to).await[&tag("el9")];
    let repository = to.repository(NAME);
    let notes = client.referrers(&repository, root, None).await.unwrap();
    assert_eq!(notes.len(), 1);
}

#[tokio::test]
async fn a_directory_with_damaged_content_is_not_copied() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    publish(&mut from.registry(), NAME, 1, &[&["a-1"]]);
    let layout = OciDirectory::create(home.path().join("layout")).unwrap();
    let directory = Place::from(layout.clone());
    let (source, at) = (place(&client, &from), place(&client, &to));
    el9(&source, &directory, Options::default()).await.unwrap();
    std::fs::write(layout.blob(&Digest::of(b"a-1")), b"a-2").unwrap();
    el9(&directory, &at, Options::default()).await.unwrap_err();
    assert_eq!(tags_of(&client, &to).await.get(&tag("el9")), None);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (client, from, to) = (client(home.path()), strict().await, strict().await);
    let (source, at) = (place(&client, &from), place(&client, &to));
    let error = el9(&source, &at, Options::default()).await.unwrap_err();
    assert!(error.is_not_found());
    assert!(error.to_string().contains("me/repo:el9"), "{error}");
}
