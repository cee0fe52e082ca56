//! One snapshot of an RPM repository in a registry, and where its files are.
//!
//! [`Opening`] finds out the layout and reads `repomd.xml` (and its signature); it asks
//! for manifests and blobs, and the host answers. The [`Snapshot`] it ends with is pinned:
//! it knows digests and no tags, except in `tree`, where every file has a tag of its own.
//! [`Snapshot::resolve`] then tells for each path what to ask the registry for. With the
//! list of packages learnt from `primary` ([`Snapshot::learn_packages`]), that is one blob
//! for each, and no manifest.
//!
//! ```
//! use ocirepo::Manifest;
//! use ocirepo::descriptor::Descriptor;
//! use ocirepo::manifest::ImageManifest;
//! use ocirepo::reference::{Reference, Repository, Selector};
//! use ocirepo_rpm::href::Href;
//! use ocirepo_rpm::layout::{Layout, format};
//! use ocirepo_rpm::snapshot::{Answer, Ask, Opening, Options, Target};
//!
//! // The registry, played by hand: one artifact with two files.
//! let repomd = b"<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"/>";
//! let titled = |path: &str, content: &[u8]| {
//!     Descriptor::of("application/octet-stream", content).annotate(format::TITLE, path)
//! };
//! let manifest = ImageManifest::artifact(format::REPOSITORY)
//!     .layer(titled("repodata/repomd.xml", repomd))
//!     .layer(titled("RPM-GPG-KEY-me", b"key"))
//!     .to_manifest();
//! let pull_manifest = |_: &Repository, selector: &Selector| -> Option<Manifest> {
//!     (selector.to_string() == "el9").then(|| manifest.clone())
//! };
//! let pull_blob = |_: &Repository, wanted: &Descriptor| -> Option<Vec<u8>> {
//!     (wanted.digest == Descriptor::of("", repomd).digest).then(|| repomd.to_vec())
//! };
//!
//! let reference: Reference = "localhost:5000/me/repo:el9".parse()?;
//! let mut opening = Opening::new(&reference, Options::default());
//! let snapshot = loop {
//!     // Whatever fails for another reason than that it is not there ends the loop.
//!     let answer = match opening.ask() {
//!         Ask::Manifest { repository, selector } => {
//!             Answer::Manifest(pull_manifest(repository, selector))
//!         }
//!         Ask::Blob { repository, descriptor, .. } => {
//!             Answer::Blob(pull_blob(repository, descriptor))
//!         }
//!         Ask::Referrers { .. } => Answer::Referrers(Vec::new()),
//!     };
//!     if let Some(snapshot) = opening.answer(answer)? {
//!         break snapshot;
//!     }
//! };
//! assert_eq!(snapshot.layout(), Layout::Files);
//! assert_eq!(snapshot.digest(), manifest.digest());
//! let Target::Blob(key) = snapshot.resolve(&Href::parse("RPM-GPG-KEY-me")?)? else {
//!     unreachable!("the manifest lists it");
//! };
//! assert_eq!(key.descriptor.size, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ask;
mod error;
mod mark;
mod opening;
mod others;
mod resolve;

use std::collections::BTreeMap;

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::reference::Repository;

use crate::checksum::Checksum;
use crate::cosign;
use crate::date::parse_rfc3339;
use crate::layout::Layout;
use crate::layout::format;
use crate::layout::shard::Shards;
use crate::layout::titles::Titles;
use crate::native::Catalogue;
use crate::repomd::Repomd;
use crate::signature::Good;

pub use ask::{Answer, Ask, Options};
pub use error::{SnapshotError, SnapshotErrorKind};
pub use mark::Mark;
pub use opening::{MAX_REPOMD, Opening};
pub use resolve::{Blob, FileEntry, List, Made, PackageEntry, Target};

/// One state of an RPM repository in a registry.
#[derive(Clone, Debug)]
pub struct Snapshot {
    repository: Repository,
    content: Content,
    raw_repomd: Vec<u8>,
    repomd: Repomd,
    signature: Option<Vec<u8>>,
    signer: Option<Good>,
    root_signature: Option<cosign::Good>,
    /// What the metadata says about files, by path.
    named: BTreeMap<Box<str>, Named>,
    packages_learnt: bool,
}

/// The manifests that were read.
#[derive(Clone, Debug)]
enum Content {
    Tree,
    Files {
        root: Manifest,
        titles: Titles,
        /// The files of a `repodata` that was published as an archive.
        unpacked: BTreeMap<String, Vec<u8>>,
    },
    Index {
        root: Manifest,
        metadata: Manifest,
        titles: Titles,
        packages: Shards<Descriptor>,
        other: Shards<Descriptor>,
    },
    Native {
        root: Manifest,
        catalogue: Catalogue,
        titles: Titles,
    },
}

/// What the metadata says about a file.
#[derive(Clone, Copy, Debug)]
struct Named {
    checksum: Checksum,
    size: Option<u64>,
    /// Whether it is a package.
    package: bool,
    /// Place among the shards of packages.
    shard: Option<usize>,
}

impl Snapshot {
    /// The repository it is in.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// How it is laid out.
    pub fn layout(&self) -> Layout {
        match self.content {
            Content::Tree => Layout::Tree,
            Content::Files { .. } => Layout::Files,
            Content::Index { .. } => Layout::Index,
            Content::Native { .. } => Layout::Native,
        }
    }

    /// What tells this snapshot from others: the digest of the manifest or index at its
    /// root, or in `tree`, which has none, of `repomd.xml`.
    pub fn digest(&self) -> Digest {
        self.root()
            .map_or_else(|| Digest::of(&self.raw_repomd), Manifest::digest)
    }

    /// The manifest or index at its root; `tree` has none.
    pub fn root(&self) -> Option<&Manifest> {
        match &self.content {
            Content::Tree => None,
            Content::Files { root, .. }
            | Content::Index { root, .. }
            | Content::Native { root, .. } => Some(root),
        }
    }

    /// What it says instead of metadata files; only `native` has one.
    pub fn catalogue(&self) -> Option<&Catalogue> {
        match &self.content {
            Content::Native { catalogue, .. } => Some(catalogue),
            _ => None,
        }
    }

    /// The bytes of `repomd.xml`.
    pub fn raw_repomd(&self) -> &[u8] {
        &self.raw_repomd
    }

    /// What `repomd.xml` says.
    pub fn repomd(&self) -> &Repomd {
        &self.repomd
    }

    /// The bytes of `repomd.xml.asc`, where they were asked for (in `native` they need not
    /// be) and are there.
    pub fn signature(&self) -> Option<&[u8]> {
        self.signature.as_deref()
    }

    /// The key that signed `repomd.xml`, where keys were given.
    pub fn signer(&self) -> Option<&Good> {
        self.signer.as_ref()
    }

    /// The signature that its root was believed by, where keys for one were given.
    pub fn root_signature(&self) -> Option<&cosign::Good> {
        self.root_signature.as_ref()
    }

    /// When it was made, in Unix seconds: the older of the date of its root and the date in
    /// `repomd.xml` (the revision, if that is a number, or else its newest timestamp).
    /// `None` if there is neither. The date of the root alone does not count where only
    /// `repomd.xml` is signed.
    pub fn date(&self) -> Option<u64> {
        let revision = self.repomd.revision.as_deref();
        let records = self.repomd.records.iter();
        let signed = revision
            .and_then(|revision| revision.parse().ok())
            .or_else(|| records.filter_map(|record| record.timestamp).max());
        let created = self.annotation(format::CREATED).and_then(parse_rfc3339);
        match (created, signed) {
            (Some(created), Some(signed)) => Some(created.min(signed)),
            (Some(_), None) if self.signer.is_some() && self.root_signature.is_none() => None,
            (created, signed) => created.or(signed),
        }
    }

    /// Fails if it is more than `max_age` seconds old at `now`, or does not say when it was
    /// made.
    pub fn check_age(&self, max_age: u64, now: u64) -> Result<(), SnapshotError> {
        let problem = match self.date() {
            None => error::Problem::Undated,
            Some(date) if date.saturating_add(max_age) < now => {
                error::Problem::Stale { date, now, max_age }
            }
            Some(_) => return Ok(()),
        };
        Err(SnapshotError::new(&self.repository, problem))
    }

    /// Its number in the line of snapshots, where the publisher counted.
    pub fn sequence(&self) -> Option<u64> {
        format::sequence(self.root()?)
    }

    /// The root of the snapshot that this one was made from, where the publisher said.
    pub fn parent(&self) -> Option<Digest> {
        format::parent(self.root()?)
    }

    /// The roots of snapshots outside of its line whose changes are in it, the newest last.
    pub fn merged(&self) -> Vec<Digest> {
        format::merged(self.root())
    }

    /// What a reader remembers so as not to be led back.
    pub fn mark(&self) -> Mark {
        let revision = self.repomd.revision.as_deref();
        Mark {
            sequence: self.sequence(),
            revision: revision.and_then(|revision| revision.parse().ok()),
            digest: self.digest(),
        }
    }

    /// The manifests that were read to open it.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        let metadata = match &self.content {
            Content::Index { metadata, .. } => Some(metadata),
            _ => None,
        };
        self.root().into_iter().chain(metadata)
    }

    /// What the metadata that was read names by SHA-256, by path.
    pub(crate) fn named_digests(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.named
            .iter()
            .filter_map(|(path, named)| Some((&**path, named.checksum.to_digest()?)))
    }

    /// The packages that were learnt and have a SHA-256.
    pub(crate) fn package_digests(&self) -> impl Iterator<Item = Digest> {
        self.named
            .values()
            .filter(|named| named.package)
            .filter_map(|named| named.checksum.to_digest())
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.root()?.annotations().get(key)
    }
}
