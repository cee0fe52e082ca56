//! What callers ask for. Each operation checks what came of it.

use bytes::Bytes;
use ocirepo::auth::Credentials;
use ocirepo::manifest::Manifest;
use ocirepo::operation::{BlobCopy, Operation, Outcome, Resume, Upload};
use ocirepo::reference::{Registry as Address, Repository, Scheme, Tag};
use ocirepo::session::{Config, Session};
use ocirepo::source::BlobSource;
use ocirepo::{Digest, Error};
use ocirepo_registry::Registry;
use ocirepo_registry::simulator::Simulator;
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "https://registry.example";
pub(crate) const STORAGE: &str = "https://storage.example";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const KIND: &str = "application/vnd.example.kind";
const OTHER_KIND: &str = "application/vnd.example.other";

/// A registry with content, and a session that does not know it yet.
pub(crate) struct Scene {
    pub(crate) simulator: Simulator,
    session: Session,
    repository: Repository,
    other: Repository,
    blob: Bytes,
    manifest: String,
}

impl Scene {
    pub(crate) fn new(registry: Registry) -> Self {
        let mut simulator = Simulator::new(3);
        *simulator.registry(ORIGIN) = registry;
        let address = Address::new(Scheme::Https, "registry.example").unwrap();
        simulator.log_in(address.clone(), Credentials::basic("lab", "labpass"));
        let place = |name| Repository::new(address.clone(), name).unwrap();
        let mut scene = Self {
            simulator,
            session: Session::new(Config::default(), 3),
            repository: place("me/demo"),
            other: place("you/other"),
            blob: content(),
            manifest: image(None, None).to_string(),
        };
        scene.stock();
        scene
    }

    pub(crate) fn registry(&mut self) -> &mut Registry {
        self.simulator.registry(ORIGIN)
    }

    /// Two repositories with the same content, three tags and two referrers in one.
    fn stock(&mut self) {
        let (blob, manifest) = (self.blob.clone(), self.manifest.clone());
        let subject = Digest::of(manifest.as_bytes());
        let stores = [ORIGIN, STORAGE];
        for origin in stores {
            let registry = self.simulator.registry(origin);
            registry.put_blob("me/demo", blob.clone());
        }
        let registry = self.registry();
        for repository in ["me/demo", "you/other"] {
            registry.put_blob(repository, "{}");
        }
        registry.put_blob("you/other", "only there");
        for tag in ["a", "b", "c"] {
            registry.put_manifest("me/demo", Some(tag), None, manifest.clone());
        }
        let mut referrers = Vec::new();
        for kind in [KIND, OTHER_KIND] {
            let referrer = image(Some(subject), Some(kind)).to_string();
            let mut listed = descriptor(MANIFEST, referrer.as_bytes());
            listed["artifactType"] = json!(kind);
            referrers.push(listed);
            registry.put_manifest("me/demo", None, None, referrer);
        }
        // What a client leaves where there is no referrers API.
        let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": referrers });
        let fallback = format!("sha256-{}", subject.hex());
        registry.put_manifest("me/demo", Some(&fallback), None, list.to_string());
    }

    /// Starts something, drives it to its end and gives what came of it.
    fn run<T: Outcome>(
        &mut self,
        start: impl FnOnce(&mut Session, &Repository) -> Operation<T>,
    ) -> Result<T, Error> {
        let operation = start(&mut self.session, &self.repository);
        self.simulator.run(&mut self.session);
        assert!(self.session.is_idle(), "the operation came to an end");
        self.session.take(operation).unwrap()
    }

    fn push(&mut self, known: bool, upload: Upload) -> Result<(), Error> {
        let content = Bytes::from(content().iter().rev().copied().collect::<Vec<_>>());
        let size = content.len() as u64;
        let source = match known {
            true => BlobSource::with_digest(size, Digest::of(&content)),
            false => BlobSource::new(size),
        };
        let operation = self.session.push_blob(&self.repository, source, upload);
        self.simulator
            .sources
            .insert(operation.id(), content.clone());
        self.simulator.run(&mut self.session);
        let pushed = self.session.take(operation).unwrap()?;
        assert_eq!(pushed.digest, Digest::of(&content));
        let stored = self.registry().blob("me/demo", &pushed.digest);
        assert_eq!(stored, Some(content), "what is stored is what was pushed");
        Ok(())
    }
}

fn content() -> Bytes {
    (0..1_200u32).map(|i| (i * 31 % 253) as u8).collect()
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(content), "size": content.len() })
}

/// An image manifest, or an artifact that has a subject.
fn image(subject: Option<Digest>, kind: Option<&str>) -> Value {
    let descriptor = |media_type: &str, content: &[u8]| json!({ "mediaType": media_type, "digest": Digest::of(content), "size": content.len() });
    let mut image = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [],
    });
    if let Some(kind) = kind {
        image["artifactType"] = json!(kind);
    }
    if let Some(subject) = subject {
        image["subject"] = json!({ "mediaType": MANIFEST, "digest": subject, "size": 1 });
    }
    image
}

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

/// An operation, and how to do it.
type Named = (&'static str, fn(&mut Scene) -> Result<(), Error>);

pub(crate) const OPERATIONS: &[Named] = &[
    ("resolve", |scene| {
        let found = scene.run(|s, r| s.resolve(r, tag("b")))?;
        assert_eq!(found.digest, Digest::of(scene.manifest.as_bytes()));
        assert_eq!(found.size, scene.manifest.len() as u64);
        Ok(())
    }),
    ("pull a manifest by tag", |scene| {
        let found = scene.run(|s, r| s.pull_manifest(r, tag("b")))?;
        assert_eq!(found.raw(), scene.manifest.as_bytes());
        Ok(())
    }),
    ("pull a manifest by digest", |scene| {
        let digest = Digest::of(scene.manifest.as_bytes());
        let found = scene.run(|s, r| s.pull_manifest(r, digest))?;
        assert_eq!(found.raw(), scene.manifest.as_bytes());
        Ok(())
    }),
    ("pull a blob", |scene| {
        let digest = Digest::of(&scene.blob);
        let operation = scene
            .session
            .pull_blob(&scene.repository, digest, Resume::Fresh);
        scene.simulator.run(&mut scene.session);
        let pulled = scene.session.take(operation).unwrap()?;
        assert_eq!(pulled.size, scene.blob.len() as u64);
        assert_eq!(scene.simulator.files[&operation.id()], scene.blob);
        Ok(())
    }),
    ("pull a blob into memory", |scene| {
        let digest = Digest::of(&scene.blob);
        let found = scene.run(|s, r| s.pull_blob_bytes(r, digest, 2_000))?;
        assert_eq!(found, scene.blob);
        Ok(())
    }),
    ("pull a part of a blob", |scene| {
        let digest = Digest::of(&scene.blob);
        let found = scene.run(|s, r| s.pull_blob_range(r, digest, 100..130))?;
        assert_eq!(found.bytes, scene.blob[100..130]);
        Ok(())
    }),
    ("ask for a blob", |scene| {
        let digest = Digest::of(&scene.blob);
        let found = scene.run(|s, r| s.blob_exists(r, digest))?;
        assert!(found.is_some());
        let missing = scene.run(|s, r| s.blob_exists(r, Digest::of(b"missing")))?;
        assert!(missing.is_none());
        Ok(())
    }),
    ("ask for a manifest", |scene| {
        let digest = Digest::of(scene.manifest.as_bytes());
        let found = scene.run(|s, r| s.manifest_exists(r, digest))?;
        assert!(found.is_some());
        let missing = scene.run(|s, r| s.manifest_exists(r, tag("missing")))?;
        assert!(missing.is_none());
        Ok(())
    }),
    ("push a blob", |scene| scene.push(true, Upload::default())),
    ("push a blob of unknown digest", |scene| {
        scene.push(false, Upload::default())
    }),
    ("push a blob in one request", |scene| {
        let upload = Upload {
            single_request: true,
            ..Upload::default()
        };
        scene.push(true, upload)
    }),
    ("push a blob in chunks", |scene| {
        let upload = Upload {
            chunk: Some(250),
            ..Upload::default()
        };
        scene.push(true, upload)
    }),
    ("push a blob that may be there", |scene| {
        let upload = Upload {
            check: true,
            ..Upload::default()
        };
        scene.push(true, upload)
    }),
    ("mount a blob", |scene| {
        let content = Bytes::from_static(b"only there");
        let digest = Digest::of(&content);
        let source = BlobSource::with_digest(content.len() as u64, digest);
        let upload = Upload {
            mount_from: Some(scene.other.clone()),
            ..Upload::default()
        };
        let operation = scene.session.push_blob(&scene.repository, source, upload);
        let sources = &mut scene.simulator.sources;
        sources.insert(operation.id(), content.clone());
        scene.simulator.run(&mut scene.session);
        scene.session.take(operation).unwrap()?;
        let stored = scene.registry().blob("me/demo", &digest);
        assert_eq!(stored, Some(content));
        Ok(())
    }),
    ("push a manifest", |scene| {
        let raw = format!("{} ", scene.manifest);
        let manifest = Manifest::parse(Some(MANIFEST), raw.clone().into_bytes()).unwrap();
        scene.run(|s, r| s.push_manifest(r, tag("new"), manifest))?;
        let stored = scene.registry().manifest("me/demo", "new");
        assert_eq!(stored.map(|found| found.2), Some(Bytes::from(raw)));
        Ok(())
    }),
    ("push a manifest with a subject", |scene| {
        let subject = Digest::of(b"elsewhere");
        let raw = image(Some(subject), Some(KIND)).to_string().into_bytes();
        let manifest = Manifest::parse(Some(MANIFEST), raw.clone()).unwrap();
        let digest = manifest.digest();
        scene.run(|s, r| s.push_manifest(r, digest, manifest))?;
        let found = scene.run(|s, r| s.referrers(r, subject, None))?;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].digest, digest);
        Ok(())
    }),
    ("list tags", |scene| {
        let mut found = scene.run(|s, r| s.tags(r))?;
        // They come in the registry's order, and the list of referrers has one too.
        found.retain(|tag| tag.as_str().len() == 1);
        found.sort();
        assert_eq!(found, [tag("a"), tag("b"), tag("c")]);
        Ok(())
    }),
    ("list referrers", |scene| {
        let subject = Digest::of(scene.manifest.as_bytes());
        let found = scene.run(|s, r| s.referrers(r, subject, Some(KIND)))?;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].artifact_type.as_deref(), Some(KIND));
        Ok(())
    }),
    ("list repositories", |scene| {
        let registry = scene.repository.registry.clone();
        let found = scene.run(|s, _| s.repositories(&registry))?;
        assert_eq!(found, [scene.repository.clone(), scene.other.clone()]);
        Ok(())
    }),
    ("delete a tag", |scene| {
        scene.run(|s, r| s.delete_manifest(r, tag("b")))?;
        assert!(scene.registry().manifest("me/demo", "b").is_none());
        assert!(scene.registry().manifest("me/demo", "a").is_some());
        Ok(())
    }),
    ("delete a blob", |scene| {
        let digest = Digest::of(&scene.blob);
        scene.run(|s, r| s.delete_blob(r, digest))?;
        assert!(scene.registry().blob("me/demo", &digest).is_none());
        Ok(())
    }),
    ("copy a manifest", |scene| {
        let to = scene.other.clone();
        scene.run(|s, r| s.copy_manifest(r, &to, tag("b")))?;
        let copied = scene.registry().manifest("you/other", "b").unwrap();
        assert_eq!(copied.2, scene.manifest.clone());
        Ok(())
    }),
    ("copy a blob", |scene| {
        let to = scene.other.clone();
        let digest = Digest::of(&scene.blob);
        let copy = scene.run(|s, r| s.copy_blob(r, &to, digest))?;
        let there = scene.registry().blob("you/other", &digest).is_some();
        assert_eq!(there, copy != BlobCopy::ToBeSent);
        Ok(())
    }),
];
