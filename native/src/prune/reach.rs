//! What roots reach, and a place for manifests that may have to be put back.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use ocirepo::reference::Repository;
use ocirepo::{Descriptor, Digest, Manifest, media_type};
use ocirepo_rpm::mirror::walk::{Step, Walk};

use super::AT_ONCE;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::file::blocking;
use crate::work_dir::WorkDir;

/// What some roots reach.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// The roots and all manifests below.
    pub(super) manifests: BTreeSet<Digest>,
    /// Their configs and layers.
    pub(super) blobs: BTreeSet<Digest>,
}

/// Reads what roots reach, but nothing that was `seen` before and nothing below that.
/// Manifests that are not there reach nothing.
pub(super) async fn from(
    client: &Client,
    repository: &Repository,
    roots: impl IntoIterator<Item = Digest>,
    seen: impl Fn(&Digest) -> bool,
    found: &mut impl FnMut(&Manifest) -> Result<()>,
) -> Result<Reach> {
    let mut reach = Reach::default();
    let mut walk = Walk::new();
    let too_many = |error: ocirepo_rpm::mirror::walk::TooMany| Error::Impossible(error.to_string());
    for root in roots {
        // Read whatever it is: nobody said more than its digest.
        let root = Descriptor::new(media_type::OCI_INDEX, root, 0);
        walk.add(root).map_err(too_many)?;
    }
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(step) = walk.step()
        {
            match step {
                Step::Read(descriptor) if seen(&descriptor.digest) => {
                    walk.written(&descriptor.digest);
                }
                Step::Read(descriptor) => running.push(async move {
                    let pulled = client.pull_manifest(repository, descriptor.digest).await;
                    (descriptor.digest, pulled)
                }),
                Step::Write(digest) => walk.written(&digest),
            }
        }
        let Some((digest, pulled)) = running.next().await else {
            return Ok(reach);
        };
        reach.manifests.insert(digest);
        match pulled {
            Ok(manifest) => {
                found(&manifest)?;
                reach.blobs.extend(manifest.blobs().map(|blob| blob.digest));
                walk.read(&digest, manifest.children()).map_err(too_many)?;
            }
            Err(error) if error.is_not_found() => walk.written(&digest),
            Err(error) => return Err(error),
        }
    }
}

/// Manifests on disk, by digest, until dropped.
#[derive(Debug)]
pub(super) struct Spool(WorkDir);

impl Spool {
    pub(super) async fn new() -> Result<Self> {
        blocking(WorkDir::new).await.map(Self)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.0.path().join(digest.hex())
    }

    pub(super) fn put(&self, manifest: &Manifest) -> Result<()> {
        let path = self.path(&manifest.digest());
        fs::write(&path, manifest.raw()).map_err(|error| Error::io("write", &path, error))
    }

    pub(super) fn get(&self, digest: &Digest, media_type: &str) -> Result<Manifest> {
        let path = self.path(digest);
        let raw = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
        let manifest = Manifest::parse(Some(media_type), raw)
            .map_err(|error| Error::Impossible(format!("{digest}: {error}")))?;
        Ok(manifest.hashed_with(digest.algorithm()))
    }
}
