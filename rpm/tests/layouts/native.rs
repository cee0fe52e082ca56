//! The layout `native`: what is published as a catalogue is found again as rpm-md.

use std::collections::BTreeSet;

use ocirepo::Digest;
use ocirepo::descriptor::Descriptor;
use ocirepo::manifest::ImageManifest;
use ocirepo::media_type::OCI_MANIFEST;
use ocirepo_rpm::layout::{Layout, format, tags};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::publish::{self, Parent};
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::snapshot::{Options, Snapshot, SnapshotErrorKind, Target};

use super::registry::{Directory, Registry, destination, href, rpm};

const NAMES: [&str; 3] = ["a", "b+", "Zc"];
const OTHER: [(&str, &str); 3] = [
    ("RPM-GPG-KEY-me", "key"),
    (".treeinfo", "tree"),
    ("images/boot.img", ""),
];

fn publish(registry: &mut Registry, directory: &Directory) -> publish::Plan {
    let parent = registry.open("el9", Options::default()).ok();
    let parent = parent.as_ref().map(Parent::of);
    let plan = directory.plan(Some(Layout::Native), parent.as_ref());
    let plan = plan.unwrap();
    assert!(registry.perform(&plan, directory, usize::MAX));
    plan
}

fn open(registry: &Registry) -> Snapshot {
    let snapshot = registry.open("el9", Options::default()).unwrap();
    assert_eq!(snapshot.layout(), Layout::Native);
    snapshot
}

#[test]
fn every_file_and_the_metadata_are_found_again() {
    let directory = Directory::native(7, &NAMES, &OTHER);
    let mut registry = Registry::default();
    publish(&mut registry, &directory);
    let mut snapshot = open(&registry);
    assert_eq!(
        snapshot.repomd(),
        &Repomd::parse(snapshot.raw_repomd()).unwrap()
    );
    assert_eq!(snapshot.repomd().revision.as_deref(), Some("7"));

    let record = snapshot.repomd().require("primary").unwrap().clone();
    let primary = registry.fetch(&snapshot, record.location.path()).unwrap();
    let source = metadata::open(&record, &primary[..], Limits::default()).unwrap();
    let packages: Vec<_> = Primary::open(source, "primary", Limits::default())
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let names: Vec<&str> = packages
        .iter()
        .map(|package| &*package.nevra.name)
        .collect();
    assert_eq!(names, NAMES);
    for kind in ["filelists", "other"] {
        let record = snapshot.repomd().require(kind).unwrap().clone();
        let content = registry.fetch(&snapshot, record.location.path()).unwrap();
        metadata::verify(&record, &content).unwrap();
    }

    let package = packages[0].location.clone();
    assert_eq!(snapshot.resolve(&package).unwrap(), Target::Packages);
    snapshot.learn_packages(packages.iter().map(Into::into));
    for (path, content) in &directory.files {
        assert_eq!(
            registry.fetch(&snapshot, path).as_ref(),
            Some(content),
            "{path}"
        );
    }
    for path in [
        "Packages/none.rpm",
        "repodata/none",
        "none",
        "repodata/repomd.xml.asc",
    ] {
        assert_eq!(registry.fetch(&snapshot, path), None, "{path}");
    }
}

#[test]
fn opening_takes_two_requests_and_a_package_one() {
    let directory = Directory::native(7, &NAMES, &OTHER);
    let mut registry = Registry::default();
    publish(&mut registry, &directory);
    registry.log();
    let mut snapshot = open(&registry);
    let config = snapshot.root().unwrap().config().unwrap().digest;
    assert_eq!(
        registry.log(),
        ["me/repo el9".to_owned(), format!("me/repo blob {config}")]
    );

    directory.teach(&mut snapshot);
    let package = &directory.packages[1].path;
    let content = registry.fetch(&snapshot, package.path()).unwrap();
    let digest = Digest::of(&content);
    assert_eq!(registry.log(), [format!("me/repo blob {digest}")]);

    // Caches that serve only blobs of manifests they have seen are shown that of the package.
    let Target::Blob(blob) = snapshot.resolve(package).unwrap() else {
        panic!("it is known");
    };
    let list = blob.list.unwrap();
    assert_eq!(list.selector, tags::package(&digest).unwrap().into());
    let manifest = registry.manifest(&list.repository, &list.selector).unwrap();
    let listed = snapshot.listed(package, &manifest).unwrap().unwrap();
    assert_eq!(listed.descriptor.digest, digest);
}

#[test]
fn a_package_is_an_artifact_of_its_own_whatever_repository_lists_it() {
    let mut registry = Registry::default();
    publish(&mut registry, &Directory::native(7, &["a"], &[]));
    let content = rpm("a");
    let tag = tags::package(&Digest::of(&content)).unwrap();
    let manifest = registry
        .manifest(&super::registry::repository(), &tag.clone().into())
        .unwrap();
    let image = manifest.as_image().unwrap();
    assert_eq!(image.artifact_type.as_deref(), Some(format::PACKAGE));
    assert_eq!(image.config.media_type, format::PACKAGE_CONFIG);
    let [header, package] = &image.layers[..] else {
        panic!("{image:?}");
    };
    assert_eq!(header.media_type, format::HEADER);
    // There is no payload in these packages.
    assert_eq!(header.digest, Digest::of(&content));
    assert_eq!(
        package.annotation(format::TITLE),
        Some("a-1.0-1.noarch.rpm")
    );
    assert_eq!(package.digest, Digest::of(&content));

    let mut moved = Directory::native(8, &["a"], &[]);
    moved.packages[0].path = href("elsewhere/a.rpm");
    let content = moved.files.remove("Packages/a-1.0-1.noarch.rpm").unwrap();
    moved.files.insert("elsewhere/a.rpm".to_owned(), content);
    let plan = moved.plan(Some(Layout::Native), None).unwrap();
    let pushes = moved.expand(&plan.stages[0].packages[0]);
    assert_eq!(pushes.manifest.manifest.digest(), manifest.digest());
    assert_eq!(pushes.manifest.selector, tag.into());
}

#[test]
fn everything_fits_registries_and_has_a_tag() {
    let directory = Directory::native(7, &NAMES, &OTHER);
    let mut registry = Registry::default();
    let plan = publish(&mut registry, &directory);
    for manifest in registry.manifests() {
        assert_eq!(manifest.media_type(), OCI_MANIFEST);
        let config = manifest.config().unwrap();
        assert!(
            config
                .media_type
                .starts_with("application/vnd.ocirepo.rpm.")
        );
    }
    let packages = NAMES.map(|name| tags::package(&Digest::of(&rpm(name))).unwrap());
    let mut expected: BTreeSet<String> = packages.iter().map(ToString::to_string).collect();
    expected.insert("el9".to_owned());
    let root = plan.root.unwrap();
    expected.insert(
        tags::snapshot(&"el9".parse().unwrap(), 1, &root)
            .unwrap()
            .to_string(),
    );
    assert_eq!(registry.tags(), expected);

    let many: Vec<(String, &str)> = (0..400).map(|n| (format!("images/{n}"), "")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (&**path, *text)).collect();
    let error = Directory::native(7, &NAMES, &many).plan(Some(Layout::Native), None);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("publish as index"), "{error}");
}

#[test]
fn an_update_pushes_only_what_is_new() {
    let mut registry = Registry::default();
    let old = Directory::native(1, &["a", "b"], &OTHER);
    publish(&mut registry, &old);
    let mut before = open(&registry);
    let new = Directory::native(2, &["a", "b", "c"], &OTHER);
    old.teach(&mut before);
    let parent = Parent::of(&before);
    let plan = new.plan(None, Some(&parent)).unwrap();
    assert_eq!(plan.layout, Layout::Native);
    let packages = plan.stages[0].packages.iter();
    let pushed: Vec<&str> = packages
        .filter(|push| !push.known)
        .map(|push| push.path.path())
        .collect();
    assert_eq!(pushed, ["Packages/c-1.0-1.noarch.rpm"]);
    let blobs = plan.stages[0].blobs.iter().filter(|push| !push.known);
    // The config and the parts, two of which are the same: there are no files and no changes.
    assert_eq!(blobs.count(), 3);
    assert!(registry.perform(&plan, &new, usize::MAX));
    let after = open(&registry);
    assert_eq!((before.sequence(), after.sequence()), (Some(1), Some(2)));
    assert_eq!(after.parent(), Some(before.digest()));

    let again = new.plan(None, Some(&Parent::of(&after))).unwrap();
    assert!(again.unchanged);
}

#[test]
fn packages_that_another_layout_left_are_not_pushed_again() {
    let mut registry = Registry::default();
    let native = Directory::native(1, &["a"], &[]);
    let mut files = native.clone();
    let (catalogue, _) = files.catalogue.take().unwrap();
    let index = Directory::new(1, &[], &[]);
    for path in [
        "repodata/repomd.xml",
        index.repomd.records[0].location.path(),
    ] {
        files
            .files
            .insert(path.to_owned(), index.files[path].clone());
    }
    files.repomd = index.repomd;
    let plan = files.plan(Some(Layout::Files), None).unwrap();
    registry.perform(&plan, &files, usize::MAX);
    let mut before = registry.open("el9", Options::default()).unwrap();
    files.teach(&mut before);
    let plan = native.plan(None, Some(&Parent::of(&before))).unwrap();
    let push = &plan.stages[0].packages[0];
    assert_eq!((push.known, push.known_blob), (false, true));
    assert!(registry.perform(&plan, &native, usize::MAX));
    assert_eq!(open(&registry).catalogue(), Some(&catalogue));

    // And back: what was made from the catalogue is in no registry.
    let made = catalogue.repomd().records[0].location.path().to_owned();
    let mut before = open(&registry);
    native.teach(&mut before);
    let content = registry.fetch(&before, &made).unwrap();
    files.files.insert(made.clone(), content);
    let plan = files
        .plan(Some(Layout::Files), Some(&Parent::of(&before)))
        .unwrap();
    let mut blobs = plan.stages[0].blobs.iter();
    let push = blobs
        .find(|push| push.source.key() == Some(&*made))
        .unwrap();
    assert!(!push.known);
}

#[test]
fn an_interrupted_push_leaves_readers_with_the_old_snapshot() {
    let old = Directory::native(1, &["a", "b"], &OTHER);
    let new = Directory::native(2, &["b", "c"], &[("key", "new")]);
    let mut registry = Registry::default();
    publish(&mut registry, &old);
    let before = open(&registry);
    let plan = new.plan(None, Some(&Parent::of(&before))).unwrap();
    let mut steps = 0;
    loop {
        let mut interrupted = registry.clone();
        let complete = interrupted.perform(&plan, &new, steps);
        let mut now = open(&interrupted);
        let expected = if complete { &new } else { &old };
        let (catalogue, _) = expected.catalogue.as_ref().unwrap();
        assert_eq!(now.catalogue(), Some(catalogue), "after {steps} steps");
        expected.teach(&mut now);
        for (path, content) in &expected.files {
            assert_eq!(interrupted.fetch(&now, path).as_ref(), Some(content));
        }
        publish(&mut interrupted, &new);
        let mut now = open(&interrupted);
        new.teach(&mut now);
        for (path, content) in &new.files {
            assert_eq!(interrupted.fetch(&now, path).as_ref(), Some(content));
        }
        if complete {
            break;
        }
        steps += 1;
    }
    assert!(steps > 10);
}

#[test]
fn a_signature_comes_with_the_catalogue() {
    let mut directory = Directory::native(1, &["a"], &[]);
    let (catalogue, _) = directory.catalogue.as_mut().unwrap();
    let unsigned = catalogue.raw_repomd();
    *catalogue = catalogue.clone().signed("-----BEGIN".to_owned());
    assert_eq!(catalogue.raw_repomd(), unsigned);
    let mut registry = Registry::default();
    publish(&mut registry, &directory);
    let snapshot = open(&registry);
    assert_eq!(snapshot.signature(), Some(&b"-----BEGIN"[..]));
    assert_eq!(
        registry.fetch(&snapshot, format::SIGNATURE).unwrap(),
        b"-----BEGIN"
    );
    assert_eq!(snapshot.raw_repomd(), unsigned.as_bytes());
}

#[test]
fn a_layout_that_has_no_catalogue_is_given_none() {
    let directory = Directory::native(1, &["a"], &[]);
    let error = directory.plan(Some(Layout::Index), None).unwrap_err();
    assert!(error.to_string().contains("publish as native"), "{error}");
    let input = Directory::new(1, &[], &[]);
    let to = destination(Some(Layout::Native));
    let error = publish::plan(&input.input(), &to, None).unwrap_err();
    assert!(error.to_string().contains("needs a catalogue"), "{error}");
}

/// A root with that config and layers of those media types.
fn put(registry: &mut Registry, config: &[u8], layers: &[&str]) {
    let mut image = ImageManifest::artifact(format::REPOSITORY);
    image.config = Descriptor::of(format::CATALOGUE, config);
    for media_type in layers {
        image = image.layer(Descriptor::of(*media_type, b"layer"));
    }
    registry.put_files("el9", image.to_manifest(), &[config, b"layer"]);
}

#[test]
fn a_catalogue_that_contradicts_itself_is_refused() {
    let directory = Directory::native(1, &["a"], &[]);
    let (catalogue, _) = directory.catalogue.as_ref().unwrap();
    let good = String::from_utf8(catalogue.to_config()).unwrap();
    let parts = [
        format::CATALOGUE_PACKAGES,
        format::CATALOGUE_FILES,
        format::CATALOGUE_CHANGES,
    ];
    let mut registry = Registry::default();
    put(&mut registry, good.as_bytes(), &parts);
    open(&registry);
    let twice = [&parts[..], &parts[..1]].concat();
    let cases = [
        ("{".to_owned(), &parts[..], "EOF while parsing"),
        ("[]".to_owned(), &parts[..], "invalid"),
        (
            good.clone(),
            &parts[..2],
            "the part of its changes is not there",
        ),
        (
            good.clone(),
            &twice[..],
            "the part of its packages is there twice",
        ),
        (
            good.replace("\"primary\"", "\"x\""),
            &parts[..],
            "no record of type `primary`",
        ),
        (
            good.replacen("\"sha256:", "\"sha512:", 1),
            &parts[..],
            "sha512 takes 128",
        ),
        (
            good.replacen("\"size\":", "\"s\":", 1),
            &parts[..],
            "no size or no SHA-256",
        ),
        (good.replacen("repodata/", "../", 1), &parts[..], "`../"),
        (good.replacen("repodata/", "/", 1), &parts[..], "`/"),
    ];
    for (config, layers, expected) in cases {
        put(&mut registry, config.as_bytes(), layers);
        let error = registry.open("el9", Options::default()).unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::Malformed);
        let text = error.to_string();
        assert!(
            text.contains("the config of the catalogue") && text.contains(expected),
            "{text}"
        );
    }
    let large = format!("{{{}}}", " ".repeat(4 << 20));
    put(&mut registry, large.as_bytes(), &parts);
    let error = registry.open("el9", Options::default()).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::TooLarge);
    registry.drop_blob(&super::registry::repository(), Digest::of(large.as_bytes()));
    put(&mut registry, good.as_bytes(), &parts);
    registry.drop_blob(&super::registry::repository(), Digest::of(good.as_bytes()));
    let error = registry.open("el9", Options::default()).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::Incomplete);
}
