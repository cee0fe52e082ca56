//! What is published is found again, and nothing else changes.

use std::collections::BTreeSet;

use ocirepo::annotations::Annotations;
use ocirepo::media_type::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use ocirepo::platform::Platform;
use ocirepo::{Digest, Manifest};
use ocirepo_rpm::layout::{Layout, format};
use ocirepo_rpm::publish::{self, Parent};
use ocirepo_rpm::snapshot::{Options, Snapshot, Target};
use proptest::prelude::*;

use super::registry::{Directory, Registry, WITH_REPODATA, destination, tag};

/// So many packages, three to a source.
fn many(revision: u64, count: usize) -> Directory {
    let names: Vec<(String, String)> = (0..count)
        .map(|n| (format!("source{}", n / 3), format!("name{n}")))
        .collect();
    let names: Vec<(&str, &str)> = names.iter().map(|(s, n)| (&**s, &**n)).collect();
    Directory::new(
        revision,
        &names,
        &[("RPM-GPG-KEY-me", "key"), ("empty", "")],
    )
}

fn publish(registry: &mut Registry, directory: &Directory, layout: Layout) -> publish::Plan {
    let parent = registry.open(tag(layout), Options::default()).ok();
    let parent = parent.as_ref().map(Parent::of);
    let plan = directory.plan(Some(layout), parent.as_ref()).unwrap();
    assert!(registry.perform(&plan, directory, usize::MAX));
    plan
}

fn open(registry: &Registry, directory: &Directory, layout: Layout) -> Snapshot {
    let mut snapshot = registry.open(tag(layout), Options::default()).unwrap();
    assert_eq!(snapshot.layout(), layout);
    directory.teach(&mut snapshot);
    snapshot
}

#[test]
fn every_file_is_found_again_in_every_layout() {
    for (layout, count) in [
        (Layout::Tree, 3),
        (Layout::Files, 300),
        (Layout::Index, 1500),
    ] {
        let mut directory = many(1, count);
        for (path, content) in [
            ("Packages/LibFoo++-1.2~rc1^git-3.rpm", "odd"),
            (".treeinfo", "odd"),
            ("images/a b%20c/ü.img", "image"),
            ("repodata/repomd.xml.asc", "signature"),
        ] {
            let content = content.as_bytes().to_vec();
            directory.files.insert(path.to_owned(), content);
        }
        let mut registry = Registry::default();
        publish(&mut registry, &directory, layout);
        let snapshot = open(&registry, &directory, layout);
        for (path, content) in &directory.files {
            let found = registry.fetch(&snapshot, path);
            assert_eq!(found.as_ref(), Some(content), "{path} in {layout}");
        }
        for path in ["Packages/none.rpm", "repodata/none", "none"] {
            assert_eq!(registry.fetch(&snapshot, path), None, "{path} in {layout}");
        }
    }
}

#[test]
fn reading_an_index_asks_for_nothing_that_is_not_needed() {
    let directory = many(1, 1000);
    let mut registry = Registry::default();
    publish(&mut registry, &directory, Layout::Index);
    registry.log();

    let mut snapshot = registry.open("el9", Options::default()).unwrap();
    let root = snapshot.root().unwrap().clone();
    let repomd = Digest::of(&directory.files["repodata/repomd.xml"]);
    let primary = directory.repomd.records[0].location.clone();
    let content = registry.fetch(&snapshot, primary.path()).unwrap();
    assert_eq!(
        registry.log(),
        [
            "me/repo el9".to_owned(),
            format!("me/repo {}", root.children()[0].digest),
            format!("me/repo blob {repomd}"),
            format!("me/repo blob {}", Digest::of(&content)),
        ]
    );

    let package = directory.packages[500].path.clone();
    assert_eq!(snapshot.resolve(&package).unwrap(), Target::Packages);
    directory.teach(&mut snapshot);
    registry.fetch(&snapshot, package.path()).unwrap();
    let digest = Digest::of(package.path().as_bytes());
    assert_eq!(registry.log(), [format!("me/repo blob {digest}")]);

    // Caches that know only what they have seen a manifest of are shown the right one.
    let Target::Blob(blob) = snapshot.resolve(&package).unwrap() else {
        panic!("it is known");
    };
    let list = blob.list.unwrap();
    let shard = registry.manifest(&list.repository, &list.selector).unwrap();
    let listed = snapshot.listed(&package, &shard).unwrap().unwrap();
    assert_eq!(listed.descriptor.digest, digest);
}

#[test]
fn manifests_keep_to_the_limits_of_registries_and_tools() {
    let mut directory = many(1, 2000);
    for n in 0..1000 {
        let path = format!("images/{n}/{}", "long".repeat(50));
        directory.files.insert(path, b"image".to_vec());
    }
    let mut registry = Registry::default();
    let plan = publish(&mut registry, &directory, Layout::Index);
    let root = registry.manifests().find(|m| m.as_index().is_some());
    let index = root.unwrap().as_index().unwrap();
    for child in &index.manifests {
        assert_eq!(child.platform.as_deref(), Some(&Platform::unknown()));
        assert_eq!(child.artifact_type, None);
        assert_eq!(child.media_type, OCI_MANIFEST);
    }
    let others = (index.manifests.iter())
        .filter(|child| child.annotation(format::ROLE) == Some(format::ROLE_OTHER));
    assert!(others.count() > 1);
    for manifest in registry.manifests() {
        assert!(manifest.layers().len() <= format::MAX_LAYERS);
        assert!(manifest.raw().len() < format::MAX_MANIFEST);
        assert_ne!(manifest.config().map(|c| &*c.media_type), Some(OCI_CONFIG));
    }
    // Whatever is untagged may be collected.
    let tagged: BTreeSet<Digest> = (plan.stages.iter())
        .flat_map(|stage| &stage.manifests)
        .filter(|push| registry.tags().contains(&push.selector.to_string()))
        .map(|push| push.manifest.digest())
        .collect();
    assert!(index.manifests.iter().all(|c| tagged.contains(&c.digest)));
    assert_eq!(registry.tags().len(), index.manifests.len() + 2);
    let snapshot = open(&registry, &directory, Layout::Index);
    let path = format!("images/7/{}", "long".repeat(50));
    assert_eq!(registry.fetch(&snapshot, &path).unwrap(), b"image");
}

#[test]
fn the_layout_is_files_until_it_is_too_small() {
    let layouts = [100, 397, 398].map(|count| {
        let directory = many(1, count - 2);
        (
            directory.files.len(),
            directory.plan(None, None).unwrap().layout,
        )
    });
    let (files, index) = (Layout::Files, Layout::Index);
    assert_eq!(layouts, [(102, files), (399, files), (400, files)]);
    let directory = many(1, 397);
    assert_eq!(directory.plan(None, None).unwrap().layout, index);
    let error = directory.plan(Some(files), None).unwrap_err().to_string();
    assert!(error.contains("publish as index"), "{error}");
}

#[test]
fn identical_files_are_one_blob_and_empty_files_exist() {
    for layout in WITH_REPODATA {
        let same = [
            ("a/one", "same"),
            ("b/two", "same"),
            ("empty", ""),
            ("other", ""),
        ];
        let directory = Directory::new(1, &[], &same);
        let mut registry = Registry::default();
        let plan = publish(&mut registry, &directory, layout);
        if layout != Layout::Tree {
            // Two files, repomd, primary and the config.
            let expected = if directory.packages.is_empty() { 4 } else { 5 };
            assert_eq!(registry.blob_count(), expected);
            let blobs = plan.stages.iter().flat_map(|stage| &stage.blobs);
            assert_eq!(blobs.count(), expected);
        }
        let snapshot = open(&registry, &directory, layout);
        for (path, content) in same {
            let found = registry.fetch(&snapshot, path).unwrap();
            assert_eq!(found, content.as_bytes());
        }
    }
}

#[test]
fn an_update_pushes_what_is_new_and_the_shards_that_changed() {
    let mut registry = Registry::default();
    let old = many(1, 3000);
    publish(&mut registry, &old, Layout::Index);
    let before = open(&registry, &old, Layout::Index);

    let new = many(2, 3001);
    let plan = new
        .plan(Some(Layout::Index), Some(&Parent::of(&before)))
        .unwrap();
    let blobs: Vec<_> = (plan.stages.iter())
        .flat_map(|stage| &stage.blobs)
        .filter(|push| !push.known)
        .map(|push| push.source.key().unwrap())
        .collect();
    let primary = new.repomd.records[0].location.path();
    let package = "Packages/name3000-1.0-1.noarch.rpm";
    assert_eq!(blobs, ["repodata/repomd.xml", primary, package]);
    let manifests = (plan.stages.iter())
        .flat_map(|stage| &stage.manifests)
        .filter(|push| !push.known);
    // The metadata, one shard, the root at two tags.
    assert_eq!(manifests.count(), 4);

    assert!(registry.perform(&plan, &new, usize::MAX));
    let after = open(&registry, &new, Layout::Index);
    assert_eq!((before.sequence(), after.sequence()), (Some(1), Some(2)));
    assert_eq!(after.parent(), Some(before.digest()));
    assert_eq!(registry.fetch(&after, package).unwrap(), package.as_bytes());

    // What was read before stays whole.
    let gone = before.repomd().records[0].location.path();
    assert!(registry.fetch(&before, gone).is_some());
}

#[test]
fn publishing_the_same_again_changes_nothing() {
    for layout in [Layout::Files, Layout::Index] {
        let (mut registry, directory) = (Registry::default(), many(1, 20));
        let first = publish(&mut registry, &directory, layout);
        let snapshot = open(&registry, &directory, layout);
        let again = directory.plan(Some(layout), Some(&Parent::of(&snapshot)));
        let again = again.unwrap();
        assert!(again.unchanged && !first.unchanged);
        assert_eq!((again.root, again.sequence), (first.root, first.sequence));
        let mut pushes = again.stages.iter().flat_map(|stage| &stage.manifests);
        assert!(pushes.all(|push| push.known));
        assert_eq!(directory.plan(Some(layout), None).unwrap(), first);
    }
}

#[test]
fn dates_are_the_repositorys_own() {
    let created = |directory: &Directory, date| {
        let mut input = directory.input();
        input.date = date;
        let plan = publish::plan(&input, &destination(Some(Layout::Files)), None).unwrap();
        let root = &plan.stages[1].manifests[0].manifest;
        root.annotations().get(format::CREATED).map(str::to_owned)
    };
    let mut directory = many(1_700_000_000, 1);
    assert_eq!(created(&directory, None).unwrap(), "2023-11-14T22:13:20Z");
    assert_eq!(
        created(&directory, Some(0)).unwrap(),
        "1970-01-01T00:00:00Z"
    );
    directory.repomd.revision = Some("Fedora-39".to_owned());
    assert_eq!(created(&directory, None), None);
    directory.repomd.records[0].timestamp = Some(1);
    assert_eq!(created(&directory, None).unwrap(), "1970-01-01T00:00:01Z");
}

#[test]
fn an_interrupted_push_leaves_readers_with_the_old_snapshot() {
    for layout in WITH_REPODATA {
        let old = many(1, 4);
        let mut new = many(2, 5);
        new.files
            .insert("repodata/repomd.xml.asc".to_owned(), b"new".to_vec());
        let mut registry = Registry::default();
        publish(&mut registry, &old, layout);
        let before = open(&registry, &old, layout);
        let plan = new.plan(Some(layout), Some(&Parent::of(&before))).unwrap();
        let mut steps = 0;
        loop {
            let mut interrupted = registry.clone();
            let complete = interrupted.perform(&plan, &new, steps);
            let now = open(&interrupted, if complete { &new } else { &old }, layout);
            let expected = if complete { &new } else { &old };
            let repomd = &expected.files["repodata/repomd.xml"];
            assert_eq!(now.raw_repomd(), repomd, "{layout} after {steps} steps");
            for (path, content) in &old.files {
                if path != "repodata/repomd.xml" {
                    let found = interrupted.fetch(&before, path);
                    assert_eq!(found.as_ref(), Some(content), "{path} in {layout}");
                }
            }
            // Running it again, from what is there by then, goes on to the end.
            let parent = Parent::of(&now);
            let again = new.plan(Some(layout), Some(&parent)).unwrap();
            assert!(interrupted.perform(&again, &new, usize::MAX));
            let now = open(&interrupted, &new, layout);
            for (path, content) in &new.files {
                assert_eq!(interrupted.fetch(&now, path).as_ref(), Some(content));
            }
            if complete {
                break;
            }
            steps += 1;
        }
        assert!(steps > 5);
    }
}

#[test]
fn a_snapshot_of_another_client_becomes_the_parent() {
    let directory = many(1, 3);
    let mut registry = Registry::default();
    let plan = publish(&mut registry, &directory, Layout::Files);
    let mut image = plan.stages[1].manifests[0]
        .manifest
        .as_image()
        .unwrap()
        .clone();
    image.annotations = Annotations::new();
    let foreign: Manifest = image.to_manifest();
    registry.put_files("el9", foreign.clone(), &[]);
    publish(&mut registry, &directory, Layout::Index);
    let snapshot = open(&registry, &directory, Layout::Index);
    assert_eq!(snapshot.sequence(), Some(1));
    assert_eq!(snapshot.parent(), Some(foreign.digest()));
    assert_eq!(snapshot.root().unwrap().media_type(), OCI_INDEX);
}

#[test]
fn a_directory_that_is_not_what_its_metadata_says_is_refused() {
    let good = many(1, 3);
    let primary = good.repomd.records[0].location.path().to_owned();
    let package = good.packages[0].path.path().to_owned();
    let refused = |change: &dyn Fn(&mut Directory), expected: &str| {
        let mut directory = good.clone();
        change(&mut directory);
        let error = directory.plan(None, None).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(
        &|d| drop(d.files.remove("repodata/repomd.xml")),
        "no repodata/repomd.xml",
    );
    refused(&|d| drop(d.files.remove(&primary)), "is not there");
    refused(&|d| drop(d.files.remove(&package)), "is not there");
    refused(
        &|d| d.files.get_mut(&primary).unwrap().push(b' '),
        "not what repomd.xml says",
    );
    refused(
        &|d| d.files.get_mut(&package).unwrap().push(b' '),
        "not the one",
    );

    let mut input = good.input();
    input.files.push(input.files[0].clone());
    let error = publish::plan(&input, &destination(None), None).unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");

    for tag in [
        "c-".to_owned() + &"0".repeat(64),
        "el9-s1-0123456789ab".to_owned(),
    ] {
        let mut to = destination(None);
        to.tag = tag.parse().unwrap();
        let error = publish::plan(&good.input(), &to, None).unwrap_err();
        assert!(error.to_string().contains("choose another"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_published_is_found_again(
        names in proptest::collection::btree_set("[a-zA-Z+~^._-]{1,9}", 0..20),
        other in proptest::collection::btree_map(
            "[a-zA-Z0-9+~^_][a-zA-Z0-9+~^._ %-]{0,70}(/[A-Za-z0-9+][a-zA-Z.]{0,9}){0,3}",
            "[ab]{0,2}",
            0..8,
        ),
        layout in proptest::sample::select(WITH_REPODATA.to_vec()),
    ) {
        let packages: Vec<(&str, &str)> = names.iter().map(|n| (&n[..1], &**n)).collect();
        let other: Vec<(&str, &str)> = other.iter().map(|(p, c)| (&**p, &**c)).collect();
        let directory = Directory::new(1, &packages, &other);
        let mut registry = Registry::default();
        publish(&mut registry, &directory, layout);
        let snapshot = open(&registry, &directory, layout);
        for (path, content) in &directory.files {
            let found = registry.fetch(&snapshot, path);
            prop_assert_eq!(found.as_ref(), Some(content));
        }
        prop_assert_eq!(registry.fetch(&snapshot, "0/none"), None);
    }
}
