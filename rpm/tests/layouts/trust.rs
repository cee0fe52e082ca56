//! Signatures belong to their `repomd.xml`, and readers are not led back.

use ocirepo::reference::Repository;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::Parent;
use ocirepo_rpm::signature::{Keyring, SecretKey};
use ocirepo_rpm::snapshot::{Answer, Ask, Opening, Options, SnapshotError, SnapshotErrorKind};

use super::registry::{Directory, Registry, WITH_REPODATA, repository, tag};

const NOW: u64 = 1_700_000_000;

fn key(seed: u8) -> SecretKey {
    SecretKey::generate("Me <me@example.org>", NOW - 1000, [seed; 32]).unwrap()
}

fn signed(revision: u64, key: &SecretKey) -> Directory {
    let mut directory = Directory::new(revision, &[("hello", "hello")], &[]);
    let repomd = &directory.files["repodata/repomd.xml"];
    let asc = key.sign(repomd, NOW - 100, None, [1; 32]).unwrap();
    directory
        .files
        .insert("repodata/repomd.xml.asc".to_owned(), asc.into_bytes());
    directory
}

fn publish(registry: &mut Registry, directory: &Directory, layout: Layout) {
    let parent = registry.open(tag(layout), Options::default()).ok();
    let parent = parent.as_ref().map(Parent::of);
    let plan = directory.plan(Some(layout), parent.as_ref()).unwrap();
    assert!(registry.perform(&plan, directory, usize::MAX));
}

fn with(key: &SecretKey) -> Options {
    Options {
        keys: Some(Keyring::parse(key.certificate().unwrap().as_bytes()).unwrap()),
        now: NOW,
        ..Options::default()
    }
}

#[test]
fn with_keys_the_signature_is_read_and_checked() {
    for layout in WITH_REPODATA {
        let mut registry = Registry::default();
        let directory = signed(1, &key(1));
        publish(&mut registry, &directory, layout);
        registry.log();
        let snapshot = registry.open(tag(layout), with(&key(1))).unwrap();
        let requests = registry.log().len();
        // Root, metadata, repomd and signature; a tree looks whether it is still the same.
        let expected = [(Layout::Tree, 6), (Layout::Files, 3), (Layout::Index, 4)];
        assert!(
            expected.contains(&(layout, requests)),
            "{layout} {requests}"
        );
        assert_eq!(
            snapshot.signer().unwrap().fingerprint(),
            key(1).fingerprint()
        );
        let asc = &directory.files["repodata/repomd.xml.asc"];
        assert_eq!(snapshot.signature(), Some(asc.as_slice()));

        let error = registry.open(tag(layout), with(&key(2))).unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::BadSignature);
        assert!(error.to_string().contains(&key(1).fingerprint()), "{error}");
        assert!(error.signature().is_some());

        let empty = Options {
            keys: Some(Keyring::default()),
            ..with(&key(1))
        };
        let error = registry.open(tag(layout), empty).unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::BadSignature);
    }
}

#[test]
fn with_keys_an_unsigned_repository_is_refused() {
    for layout in WITH_REPODATA {
        let mut registry = Registry::default();
        publish(&mut registry, &Directory::new(1, &[], &[]), layout);
        let error = registry.open(tag(layout), with(&key(1))).unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::Unsigned);
        assert!(registry.open(tag(layout), Options::default()).is_ok());
    }
}

#[test]
fn without_keys_the_signature_is_handed_on_when_asked() {
    for layout in WITH_REPODATA {
        let mut registry = Registry::default();
        let directory = signed(1, &key(1));
        publish(&mut registry, &directory, layout);
        let options = Options {
            signature: true,
            ..Options::default()
        };
        let snapshot = registry.open(tag(layout), options.clone()).unwrap();
        assert!(snapshot.signature().is_some() && snapshot.signer().is_none());

        let mut registry = Registry::default();
        publish(&mut registry, &Directory::new(1, &[], &[]), layout);
        let snapshot = registry.open(tag(layout), options).unwrap();
        assert!(snapshot.signature().is_none());
    }
}

/// Opens a tree that is published again before the questions with these numbers.
fn open_moving(
    registry: &mut Registry,
    options: Options,
    moves: &[usize],
) -> Result<u64, SnapshotError> {
    let reference = "localhost:5000/me/repo".parse().unwrap();
    let mut opening = Opening::new(&reference, options);
    for question in 0.. {
        if moves.contains(&question) {
            publish(
                registry,
                &signed(question as u64 + 2, &key(1)),
                Layout::Tree,
            );
        }
        let answer = match opening.ask() {
            Ask::Manifest {
                repository,
                selector,
            } => Answer::Manifest(registry.manifest(repository, selector)),
            Ask::Referrers { .. } => Answer::Referrers(Vec::new()),
            Ask::Blob {
                repository,
                descriptor,
                ..
            } => Answer::Blob(registry.blob(repository, descriptor)),
        };
        if let Some(snapshot) = opening.answer(answer)? {
            return Ok(snapshot.mark().revision.unwrap());
        }
        assert!(question < 100, "it does not end");
    }
    unreachable!("the loop ends by returning");
}

#[test]
fn a_tree_that_moves_while_it_is_read_is_read_again() {
    let mut registry = Registry::default();
    publish(&mut registry, &signed(1, &key(1)), Layout::Tree);
    for question in 0..6 {
        let found = open_moving(&mut registry, with(&key(1)), &[question]).unwrap();
        assert_eq!(
            found,
            question as u64 + 2,
            "moved before question {question}"
        );
    }
    let always: Vec<usize> = (0..100).collect();
    let error = open_moving(&mut registry, with(&key(1)), &always).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::Moving);
}

#[test]
fn a_reader_is_not_led_back_unless_it_allows_it() {
    for layout in WITH_REPODATA {
        let mut registry = Registry::default();
        publish(&mut registry, &Directory::new(1, &[], &[]), layout);
        let old = registry.clone();
        publish(&mut registry, &Directory::new(2, &[], &[]), layout);
        let seen = registry
            .open(tag(layout), Options::default())
            .unwrap()
            .mark();
        let options = Options {
            seen: Some(seen),
            ..Options::default()
        };
        assert!(registry.open(tag(layout), options.clone()).is_ok());
        let error = old.open(tag(layout), options.clone()).unwrap_err();
        assert_eq!(error.kind(), SnapshotErrorKind::Rollback, "{layout}");
        let allowed = Options {
            allow_rollback: true,
            ..options
        };
        assert!(old.open(tag(layout), allowed).is_ok());
    }
}

#[test]
fn a_signature_of_another_repomd_does_not_count() {
    let mut registry = Registry::default();
    let mut directory = signed(2, &key(1));
    let other = signed(1, &key(1)).files["repodata/repomd.xml.asc"].clone();
    directory
        .files
        .insert("repodata/repomd.xml.asc".to_owned(), other);
    publish(&mut registry, &directory, Layout::Index);
    let error = registry.open("el9", with(&key(1))).unwrap_err();
    assert_eq!(error.kind(), SnapshotErrorKind::BadSignature);
    let name = repository();
    assert!(error.to_string().starts_with(&Repository::to_string(&name)));
}
