//! The snapshot that is there already.

use std::collections::{BTreeMap, BTreeSet};

use ocirepo::Manifest;
use ocirepo::digest::Digest;
use ocirepo::reference::Repository;

use crate::layout::Layout;
use crate::layout::format;
use crate::snapshot::Snapshot;

/// What a publisher needs to know about the snapshot that is there already.
#[derive(Clone, Debug)]
pub struct Parent {
    pub(super) repository: Repository,
    pub(super) layout: Layout,
    pub(super) root: Option<Manifest>,
    /// Blobs that are in the repository, except in `tree`.
    blobs: BTreeSet<Digest>,
    /// Packages that have artifacts of their own, in `native`.
    packages: BTreeSet<Digest>,
    /// Files that are in repositories of their own, in `tree`.
    files: BTreeMap<String, Digest>,
}

impl Parent {
    /// Notes what a snapshot has. If it has learnt its packages, they need not be pushed
    /// again, nor asked for one by one.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut parent = Self {
            repository: snapshot.repository().clone(),
            layout: snapshot.layout(),
            root: snapshot.root().cloned(),
            blobs: snapshot
                .manifests()
                .flat_map(Manifest::blobs)
                .map(|blob| blob.digest)
                .collect(),
            packages: BTreeSet::new(),
            files: BTreeMap::new(),
        };
        if parent.layout == Layout::Native {
            parent.packages = snapshot.package_digests().collect();
        }
        for (path, digest) in snapshot.named_digests() {
            match parent.layout {
                Layout::Tree => drop(parent.files.insert(path.to_owned(), digest)),
                _ => drop(parent.blobs.insert(digest)),
            }
        }
        parent
    }

    /// Whether the repository has the blob, which is not asked in `tree`.
    pub(super) fn has_blob(&self, repository: &Repository, digest: &Digest) -> bool {
        self.repository == *repository && self.blobs.contains(digest)
    }

    /// Whether the package is there as an artifact of its own.
    pub(super) fn has_package(&self, repository: &Repository, digest: &Digest) -> bool {
        self.repository == *repository && self.packages.contains(digest)
    }

    /// Whether the file has this content, in `tree`.
    pub(super) fn has_file(&self, repository: &Repository, path: &str, digest: &Digest) -> bool {
        self.repository == *repository && self.files.get(path) == Some(digest)
    }

    /// Whether the repository has the manifest below the root.
    pub(super) fn has_child(&self, repository: &Repository, digest: &Digest) -> bool {
        let children = self.root.as_ref().map_or(&[][..], Manifest::children);
        self.repository == *repository && children.iter().any(|child| child.digest == *digest)
    }

    /// The number of the snapshot; 0 when the publisher did not count.
    pub(super) fn sequence(&self) -> u64 {
        let root = self.root.as_ref();
        root.and_then(format::sequence).unwrap_or(0)
    }

    /// The snapshot before this one.
    pub(super) fn parent(&self) -> Option<Digest> {
        format::parent(self.root.as_ref()?)
    }

    /// The roots outside of the line whose changes are in it, the newest last.
    pub(super) fn merged(&self) -> Vec<Digest> {
        format::merged(self.root.as_ref())
    }
}
