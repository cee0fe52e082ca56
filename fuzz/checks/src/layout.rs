//! Opening a repository in whatever layout: bounded questions, one snapshot, and every path leads to
//! exactly what the metadata names, or nowhere.

use std::collections::BTreeMap;

use ocirepo::manifest::Manifest;
use ocirepo::reference::{Reference, Selector};
use ocirepo::{Descriptor, Digest};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::signature::Keyring;
use ocirepo_rpm::snapshot::{Answer, Ask, Mark, Opening, Options, Snapshot, SnapshotError, Target};

/// More than any layout takes.
const MOST_QUESTIONS: usize = 20;

/// What lies in the registry.
#[derive(Default)]
struct Store {
    blobs: BTreeMap<Digest, Vec<u8>>,
    manifests: BTreeMap<Digest, Manifest>,
    /// By repository, under the one tag `latest`.
    tagged: BTreeMap<String, Digest>,
}

/// What is stored, in pieces between lines of `--`, the first byte apart, which chooses the
/// options.
///
/// In each piece `$dN` stands for the digest of the piece N before it, `$sN` for its size, so that
/// a fuzzer need not invert SHA-256. A piece that begins with `@PATH` and a line break is the
/// manifest at that path, `@` alone the one of the repository itself; all others are blobs, and
/// manifests as far as they are any.
pub fn check(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let store = Store::of(text);
    let options = Options {
        keys: (choice & 1 != 0).then(Keyring::default),
        signature: choice & 2 != 0,
        seen: (choice & 4 != 0).then(seen),
        allow_rollback: choice & 8 != 0,
        max_age: (choice & 16 != 0).then_some(1000),
        now: 1_700_000_000,
        ..Options::default()
    };
    let Ok(snapshot) = store.open(&options) else {
        return;
    };
    assert!(options.keys.is_none(), "no key can have signed it");
    let raw = snapshot.raw_repomd();
    assert_eq!(&Repomd::parse(raw).expect("it was read"), snapshot.repomd());
    if let Some(seen) = options.seen
        && !options.allow_rollback
    {
        assert!(seen.allows(&snapshot.mark()), "led back");
    }
    if let Some(max_age) = options.max_age {
        assert!(
            snapshot
                .date()
                .is_some_and(|date| date + max_age >= options.now)
        );
    }
    store.resolves(&snapshot);
    // The same registry gives the same snapshot, and whoever has seen it accepts it again.
    let again = Options {
        seen: Some(snapshot.mark()),
        layout: Some(snapshot.layout()),
        ..options
    };
    let again = store.open(&again).expect("nothing changed");
    assert_eq!(again.mark(), snapshot.mark());
    assert_eq!(again.layout(), snapshot.layout());
    assert_eq!(again.raw_repomd(), raw);
}

fn seen() -> Mark {
    Mark {
        sequence: Some(5),
        revision: Some(5),
        digest: Digest::of(b"seen"),
    }
}

impl Store {
    fn of(text: &str) -> Self {
        let mut store = Self::default();
        let mut before: Vec<(String, String)> = Vec::new();
        for piece in text.split("\n--\n").take(10) {
            let mut piece = piece.to_owned();
            for (at, (digest, size)) in before.iter().enumerate() {
                piece = piece.replace(&format!("$d{at}"), digest);
                piece = piece.replace(&format!("$s{at}"), size);
                if piece.len() > 1 << 16 {
                    return store;
                }
            }
            let (path, content) = match piece.strip_prefix('@') {
                Some(rest) => {
                    let (path, content) = rest.split_once('\n').unwrap_or((rest, ""));
                    (Some(path), content)
                }
                None => (None, &*piece),
            };
            let digest = Digest::of(content.as_bytes());
            before.push((digest.to_string(), content.len().to_string()));
            store.blobs.insert(digest, content.as_bytes().to_vec());
            let Ok(manifest) = Manifest::parse(None, content.as_bytes().to_vec()) else {
                continue;
            };
            store.manifests.insert(digest, manifest);
            if let Some(path) = path {
                let name = match path {
                    "" => "me/repo".to_owned(),
                    path => format!("me/repo/{path}"),
                };
                store.tagged.insert(name, digest);
            }
        }
        store
    }

    fn open(&self, options: &Options) -> Result<Snapshot, SnapshotError> {
        let reference: Reference = "registry.example/me/repo".parse().unwrap();
        let mut opening = Opening::new(&reference, options.clone());
        for _ in 0..MOST_QUESTIONS {
            let answer = self.answer(opening.ask());
            if let Some(snapshot) = opening.answer(answer)? {
                return Ok(snapshot);
            }
        }
        panic!("no end of questions");
    }

    fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::Manifest {
                repository,
                selector,
            } => {
                assert!(repository.name().starts_with("me/repo"));
                let digest = match selector {
                    Selector::Digest(digest) => Some(digest),
                    Selector::Tag(_) => self.tagged.get(repository.name()),
                };
                let found = digest.and_then(|digest| self.manifests.get(digest));
                Answer::Manifest(found.cloned())
            }
            Ask::Referrers { .. } => Answer::Referrers(Vec::new()),
            Ask::Blob {
                descriptor, limit, ..
            } => {
                assert!(
                    descriptor.size <= *limit && *limit <= 64 << 20,
                    "under a cap"
                );
                Answer::Blob(self.blob(descriptor).cloned())
            }
        }
    }

    /// A host gives what has the digest and the size, and nothing else.
    fn blob(&self, descriptor: &Descriptor) -> Option<&Vec<u8>> {
        let blob = self.blobs.get(&descriptor.digest)?;
        (blob.len() as u64 == descriptor.size).then_some(blob)
    }

    /// Files that metadata names by SHA-256 are asked for by it, wherever a title leads.
    fn resolves(&self, snapshot: &Snapshot) {
        for record in &snapshot.repomd().records {
            let Ok(Target::Blob(blob)) = snapshot.resolve(&record.location) else {
                continue;
            };
            let first = (snapshot.repomd().records.iter())
                .filter(|one| one.location == record.location)
                .any(|one| one.checksum.to_digest() == Some(blob.descriptor.digest));
            assert!(first || blob.checksum.is_some() || record.checksum.to_digest().is_none());
        }
        for path in [
            "repodata/repomd.xml",
            "a.rpm",
            "Packages/a.rpm",
            "repodata/x",
            "key",
        ] {
            let path = Href::parse(path).unwrap();
            match snapshot.resolve(&path) {
                Ok(Target::Held(held)) => {
                    assert!(path.path() != "repodata/repomd.xml" || held == snapshot.raw_repomd());
                }
                Ok(Target::Listed(list)) => {
                    let manifest = self.manifests.values().next();
                    if let Some(manifest) = manifest {
                        let _ = snapshot.listed(&path, manifest);
                    }
                    assert!(list.repository.name().starts_with("me/repo"));
                }
                Ok(Target::Blob(blob)) => {
                    assert!(blob.repository.name().starts_with("me/repo"));
                }
                _ => {}
            }
        }
    }
}
