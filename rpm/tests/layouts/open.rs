//! Repositories of other clients are recognised and read.

use std::io::Write as _;

use ocirepo::descriptor::Descriptor;
use ocirepo::manifest::{ImageIndex, ImageManifest};
use ocirepo::media_type::{OCI_LAYER_GZIP, OCTET_STREAM};
use ocirepo::reference::{Reference, Repository, Tag};
use ocirepo::{Digest, Manifest};
use ocirepo_rpm::checksum::{Checksum, ChecksumKind};
use ocirepo_rpm::layout::{Layout, format};
use ocirepo_rpm::publish::Parent;
use ocirepo_rpm::snapshot::{Answer, Ask, FileEntry, Opening, Options, SnapshotErrorKind, Target};

use super::registry::{Directory, Registry, WITH_REPODATA, href, repository};

fn titled(title: &str, content: &[u8]) -> Descriptor {
    Descriptor::of(OCTET_STREAM, content).annotate(format::TITLE, title)
}

/// What the Python client of ORAS makes of files: base names, and no type.
fn artifact(layers: Vec<Descriptor>) -> Manifest {
    let config = Descriptor::of("application/vnd.unknown.config.v1+json", b"{}");
    let mut image = ImageManifest::new(config);
    image.layers = layers;
    image.to_manifest()
}

fn small() -> Directory {
    Directory::new(
        1,
        &[("hello", "hello"), ("hello", "hello-doc")],
        &[("KEY", "key")],
    )
}

fn put(registry: &mut Registry, tag: &str, directory: &Directory, layers: Vec<Descriptor>) {
    let contents: Vec<&[u8]> = directory.files.values().map(Vec::as_slice).collect();
    registry.put_files(tag, artifact(layers), &contents);
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[test]
fn titles_may_be_base_names() {
    let directory = small();
    let mut registry = Registry::default();
    let layers = directory
        .files
        .iter()
        .map(|(path, content)| titled(base_name(path), content));
    put(&mut registry, "el9", &directory, layers.collect());
    let mut snapshot = registry.open("el9", Options::default()).unwrap();
    assert_eq!(snapshot.layout(), Layout::Files);
    for taught in [false, true] {
        for (path, content) in &directory.files {
            assert_eq!(registry.fetch(&snapshot, path).as_ref(), Some(content));
        }
        if !taught {
            directory.teach(&mut snapshot);
        }
    }
}

#[test]
fn base_names_that_mean_two_things_are_refused_unless_checksums_tell() {
    let directory = small();
    let package = directory.packages[0].path.clone();
    let mut registry = Registry::default();
    let mut layers: Vec<_> = directory
        .files
        .iter()
        .map(|(path, content)| titled(base_name(path), content))
        .collect();
    layers.push(titled(package.file_name(), b"another"));
    layers.push(titled("KEY", b"another"));
    registry.put_blob(&repository(), b"another");
    put(&mut registry, "el9", &directory, layers);
    let mut snapshot = registry.open("el9", Options::default()).unwrap();
    for path in [&package, &href("KEY")] {
        let error = snapshot.resolve(path).unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::Malformed);
        assert!(error.to_string().contains(path.path()), "{error}");
    }
    directory.teach(&mut snapshot);
    assert!(registry.fetch(&snapshot, package.path()).is_some());
    assert!(snapshot.resolve(&href("KEY")).is_err());
}

fn pack(directory: &Directory, prefix: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in &directory.files {
        let Some(name) = path.strip_prefix(format::REPODATA) else {
            continue;
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let name = format!("{prefix}{name}");
        builder
            .append_data(&mut header, name, content.as_slice())
            .unwrap();
    }
    let tar = builder.into_inner().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&tar).unwrap();
    encoder.finish().unwrap()
}

fn with_archive(directory: &Directory, archive: &[u8]) -> Registry {
    let mut registry = Registry::default();
    registry.put_blob(&repository(), archive);
    let mut layers = vec![Descriptor {
        media_type: OCI_LAYER_GZIP.to_owned(),
        ..titled("repodata", archive).annotate(format::UNPACK, "true")
    }];
    for package in &directory.packages {
        let path = package.path.path();
        layers.push(titled(base_name(path), path.as_bytes()));
    }
    put(&mut registry, "el9", directory, layers);
    registry
}

#[test]
fn repodata_may_be_one_archive() {
    let directory = small();
    for prefix in ["repodata/", "./repodata/", ""] {
        let registry = with_archive(&directory, &pack(&directory, prefix));
        let mut snapshot = registry.open("el9", Options::default()).unwrap();
        directory.teach(&mut snapshot);
        registry.log();
        for (path, content) in directory.files.iter().filter(|(path, _)| *path != "KEY") {
            assert_eq!(
                registry.fetch(&snapshot, path).as_ref(),
                Some(content),
                "{path}"
            );
        }
        // The metadata is at hand.
        assert_eq!(registry.log().len(), directory.packages.len());
    }
}

#[test]
fn an_archive_must_hold_what_its_repomd_says() {
    let mut directory = small();
    let primary = directory.repomd.records[0].location.path().to_owned();
    directory.files.get_mut(&primary).unwrap().push(b' ');
    let registry = with_archive(&directory, &pack(&directory, "repodata/"));
    let error = registry.open("el9", Options::default()).unwrap_err();
    assert!(error.to_string().contains(&primary), "{error}");

    directory.files.remove("repodata/repomd.xml");
    let registry = with_archive(&directory, &pack(&directory, "repodata/"));
    let error = registry.open("el9", Options::default()).unwrap_err();
    assert!(error.to_string().contains("no repomd.xml"), "{error}");

    let registry = with_archive(&directory, b"no archive");
    let error = registry.open("el9", Options::default()).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::Malformed);
}

/// A tree as a shell script with curl makes it.
fn tree(directory: &Directory) -> Registry {
    let mut registry = Registry::default();
    let plan = directory.plan(Some(Layout::Tree), None).unwrap();
    assert!(registry.perform(&plan, directory, usize::MAX));
    registry
}

#[test]
fn without_the_tag_latest_there_may_be_a_tree() {
    let registry = tree(&small());
    for reference in ["localhost:5000/me/repo", "localhost:5000/me/repo:latest"] {
        let reference: Reference = reference.parse().unwrap();
        let snapshot = registry.open_at(&reference, Options::default()).unwrap();
        assert_eq!(snapshot.layout(), Layout::Tree);
        assert_eq!(snapshot.digest(), Digest::of(snapshot.raw_repomd()));
        let asked: Vec<String> = registry.log();
        assert_eq!(
            asked[..2],
            ["me/repo latest", "me/repo/repodata/repomd.xml latest"]
        );
        assert_eq!(asked.len(), 3);

        // A reader that remembers saves the first request.
        let options = Options {
            layout: Some(Layout::Tree),
            ..Options::default()
        };
        registry.open_at(&reference, options).unwrap();
        assert_eq!(registry.log()[0], "me/repo/repodata/repomd.xml latest");
    }
    for reference in [
        "localhost:5000/me/repo:el9".to_owned(),
        format!("localhost:5000/me/repo@{}", Digest::of(b"")),
    ] {
        let reference: Reference = reference.parse().unwrap();
        let error = registry
            .open_at(&reference, Options::default())
            .unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::NotFound);
        assert!(
            error.to_string().starts_with(&reference.to_string()),
            "{error}"
        );
        assert_eq!(registry.log().len(), 1);
    }
}

#[test]
fn a_remembered_layout_is_no_promise() {
    let directory = small();
    let mut registry = Registry::default();
    let options = Options {
        layout: Some(Layout::Tree),
        ..Options::default()
    };
    let error = registry.open("latest", options.clone()).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::NotFound);
    assert_eq!(registry.log().len(), 2);
    let layers = directory
        .files
        .iter()
        .map(|(path, content)| titled(path, content));
    put(&mut registry, "latest", &directory, layers.collect());
    let snapshot = registry.open("latest", options).unwrap();
    assert_eq!(snapshot.layout(), Layout::Files);
}

#[test]
fn packages_of_a_tree_are_asked_for_by_digest() {
    let directory = small();
    let registry = tree(&directory);
    let mut snapshot = registry.open("latest", Options::default()).unwrap();
    let path = directory.packages[0].path.clone();
    assert!(matches!(snapshot.resolve(&path), Ok(Target::Listed(_))));
    directory.teach(&mut snapshot);
    registry.log();
    registry.fetch(&snapshot, path.path()).unwrap();
    let digest = Digest::of(path.path().as_bytes());
    let name = "me/repo/z--z50ackages/hello-1.0-1.noarch.rpm";
    assert_eq!(registry.log(), [format!("{name} blob {digest}")]);
    let Ok(Target::Blob(blob)) = snapshot.resolve(&path) else {
        panic!("it is known");
    };
    let list = blob.list.unwrap();
    assert_eq!(list.repository.name(), name);
    assert_eq!(list.selector, Tag::latest().into());
}

#[test]
fn a_listed_file_is_what_the_metadata_says_not_what_the_tag_says() {
    let directory = small();
    let mut registry = tree(&directory);
    let path = directory.packages[0].path.clone();
    let mut snapshot = registry.open("latest", Options::default()).unwrap();
    directory.teach(&mut snapshot);
    let Ok(Target::Blob(blob)) = snapshot.resolve(&path) else {
        panic!("it is known");
    };
    registry.put_blob(&blob.repository, b"newer");
    let newer = artifact(vec![titled(path.path(), b"newer")]);
    registry.put_manifest(&blob.repository, &Tag::latest().into(), &newer);
    assert_eq!(
        registry.fetch(&snapshot, path.path()).unwrap(),
        path.path().as_bytes()
    );
    let listed = snapshot.listed(&path, &newer).unwrap().unwrap();
    assert_eq!(listed.descriptor.digest, blob.descriptor.digest);
}

#[test]
fn what_is_no_repository_is_said_so() {
    let mut registry = Registry::default();
    let image = artifact(vec![titled("etc/passwd", b"root")]);
    registry.put_files("image", image.clone(), &[b"root"]);
    let index = ImageIndex::new().manifest(image.descriptor()).to_manifest();
    registry.put_files("index", index, &[]);
    registry.put_files("empty", ImageIndex::new().to_manifest(), &[]);
    for (tag, kind) in [
        ("image", SnapshotErrorKind::NotARepository),
        ("index", SnapshotErrorKind::NotARepository),
        ("empty", SnapshotErrorKind::Malformed),
    ] {
        let error = registry.open(tag, Options::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[test]
fn indexes_that_contradict_themselves_are_refused() {
    let directory = small();
    let mut registry = Registry::default();
    let plan = directory.plan(Some(Layout::Index), None).unwrap();
    registry.perform(&plan, &directory, usize::MAX);
    let root = registry.open("el9", Options::default()).unwrap();
    let index = root.root().unwrap().as_index().unwrap().clone();
    let mut put = |tag: &str, change: &dyn Fn(&mut ImageIndex)| {
        let mut index = index.clone();
        change(&mut index);
        registry.put_files(tag, index.to_manifest(), &[]);
        registry
            .open(tag, Options::default())
            .unwrap_err()
            .to_string()
    };
    let error = put("swapped", &|index| index.manifests.reverse());
    assert!(
        error.contains("does not begin with the metadata"),
        "{error}"
    );
    let error = put("twice", &|index| {
        index.manifests.push(index.manifests[1].clone())
    });
    assert!(error.contains("overlap"), "{error}");
    let error = put("bits", &|index| {
        index.manifests[1].annotations.insert(format::SHARD, "2");
    });
    assert!(error.contains("bits"), "{error}");
}

#[test]
fn content_that_is_gone_is_named() {
    let directory = small();
    for layout in WITH_REPODATA {
        let mut registry = Registry::default();
        let plan = directory.plan(Some(layout), None).unwrap();
        registry.perform(&plan, &directory, usize::MAX);
        let digest = Digest::of(&directory.files["repodata/repomd.xml"]);
        let name = match layout {
            Layout::Tree => "me/repo/repodata/repomd.xml",
            _ => "me/repo",
        };
        let holder = Repository::new(repository().registry, name).unwrap();
        registry.drop_blob(&holder, digest);
        let error = registry
            .open(super::registry::tag(layout), Options::default())
            .unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::Incomplete);
        assert!(error.to_string().contains(&digest.to_string()), "{error}");
    }
}

#[test]
fn old_checksums_are_found_by_title_and_left_to_check() {
    let mut directory = small();
    let raw = String::from_utf8(directory.files["repodata/repomd.xml"].clone()).unwrap();
    let hex = directory
        .checksum(directory.repomd.records[0].location.path())
        .hex();
    let sha1 = "0".repeat(40);
    let raw = raw.replace(&format!("\"sha256\">{hex}<"), &format!("\"sha1\">{sha1}<"));
    directory
        .files
        .insert("repodata/repomd.xml".to_owned(), raw.clone().into_bytes());
    directory.repomd = ocirepo_rpm::repomd::Repomd::parse(raw.as_bytes()).unwrap();
    let sha1 = Checksum::from_hex(ChecksumKind::Sha1, &sha1).unwrap();
    for package in &mut directory.packages {
        package.checksum = sha1;
    }
    for layout in WITH_REPODATA {
        let mut registry = Registry::default();
        let plan = directory.plan(Some(layout), None).unwrap();
        registry.perform(&plan, &directory, usize::MAX);
        let tag = super::registry::tag(layout);
        let mut snapshot = registry.open(tag, Options::default()).unwrap();
        directory.teach(&mut snapshot);
        let primary = directory.repomd.records[0].location.clone();
        for path in [&primary, &directory.packages[0].path] {
            let blob = match snapshot.resolve(path).unwrap() {
                Target::Blob(blob) => blob,
                Target::Listed(list) => {
                    let manifest = registry.manifest(&list.repository, &list.selector).unwrap();
                    snapshot.listed(path, &manifest).unwrap().unwrap()
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(blob.checksum, Some(sha1), "{path} in {layout}");
            let content = registry.blob(&blob.repository, &blob.descriptor).unwrap();
            assert_eq!(content, directory.files[path.path()]);
        }
    }
}

#[test]
fn sizes_that_metadata_leaves_out_come_from_manifests() {
    let mut directory = small();
    let raw = String::from_utf8(directory.files["repodata/repomd.xml"].clone()).unwrap();
    let (before, rest) = raw.split_once("<size>").unwrap();
    let (_, after) = rest.split_once("</size>").unwrap();
    let raw = format!("{before}{after}");
    directory
        .files
        .insert("repodata/repomd.xml".to_owned(), raw.clone().into_bytes());
    directory.repomd = ocirepo_rpm::repomd::Repomd::parse(raw.as_bytes()).unwrap();
    for layout in WITH_REPODATA {
        let mut registry = Registry::default();
        let plan = directory.plan(Some(layout), None).unwrap();
        registry.perform(&plan, &directory, usize::MAX);
        let tag = super::registry::tag(layout);
        let snapshot = registry.open(tag, Options::default()).unwrap();
        let primary = directory.repomd.records[0].location.path();
        let found = registry.fetch(&snapshot, primary);
        assert_eq!(found.as_ref(), Some(&directory.files[primary]), "{layout}");
    }
}

#[test]
fn delta_packages_are_found_by_what_prestodelta_says() {
    let mut directory = small();
    let path = "drpms/hello-1_2.noarch.drpm";
    directory.files.insert(path.to_owned(), b"delta".to_vec());
    for layout in WITH_REPODATA {
        let mut registry = Registry::default();
        let plan = directory.plan(Some(layout), None).unwrap();
        registry.perform(&plan, &directory, usize::MAX);
        let tag = super::registry::tag(layout);
        let mut snapshot = registry.open(tag, Options::default()).unwrap();
        snapshot.learn_files([FileEntry {
            path: &href(path),
            checksum: directory.checksum(path),
            size: Some(5),
        }]);
        registry.log();
        assert_eq!(registry.fetch(&snapshot, path).unwrap(), b"delta");
        assert_eq!(registry.log().len(), 1);
        // The next publisher need not push it again.
        let plan = directory
            .plan(Some(layout), Some(&Parent::of(&snapshot)))
            .unwrap();
        let blobs = plan.stages.iter().flat_map(|stage| &stage.blobs);
        let digest = Digest::of(b"delta");
        assert!(
            blobs
                .filter(|b| b.descriptor.digest == digest)
                .all(|b| b.known)
        );
    }
}

#[test]
fn questions_and_answers_must_match() {
    let reference: Reference = "localhost:5000/me/repo".parse().unwrap();
    let mut opening = Opening::new(&reference, Options::default());
    let error = opening.answer(Answer::Blob(None)).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::Misuse);

    let mut opening = Opening::new(&reference, Options::default());
    assert!(matches!(opening.ask(), Ask::Manifest { .. }));
    opening.answer(Answer::Manifest(None)).unwrap();
    let error = opening.answer(Answer::Manifest(None)).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::NotFound);
    let error = opening.answer(Answer::Manifest(None)).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::Misuse);
}

#[test]
fn files_that_are_too_large_are_not_asked_for() {
    let mut registry = Registry::default();
    let layer = Descriptor {
        size: u64::MAX,
        ..titled("repodata/repomd.xml", b"")
    };
    registry.put_blob(&repository(), b"");
    registry.put_files("el9", artifact(vec![layer]), &[]);
    let error = registry.open("el9", Options::default()).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::TooLarge);
}
