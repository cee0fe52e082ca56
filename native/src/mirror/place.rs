//! Where content is copied from and to: a registry or a directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use ocirepo::reference::{Repository, Selector, Tag};
use ocirepo::{Descriptor, Digest, ErrorKind, Manifest};
use tokio::sync::OnceCell;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::file::blocking;
use crate::oci_directory::OciDirectory;

/// A repository in a registry, or an OCI image layout, which holds one repository.
#[derive(Clone, Debug)]
pub enum Place {
    /// A repository in a registry.
    Registry {
        /// Who talks to it.
        client: Client,
        /// The repository.
        repository: Repository,
    },
    /// An OCI image layout.
    Directory(Directory),
}

/// An OCI image layout, with what is learnt about it on the way.
#[derive(Clone, Debug)]
pub struct Directory {
    pub(super) layout: OciDirectory,
    referrers: Arc<OnceCell<BTreeMap<Digest, Vec<Descriptor>>>>,
}

impl From<OciDirectory> for Place {
    fn from(layout: OciDirectory) -> Self {
        Self::Directory(Directory {
            layout,
            referrers: Arc::default(),
        })
    }
}

impl Place {
    /// A repository in a registry.
    pub fn registry(client: &Client, repository: &Repository) -> Self {
        Self::Registry {
            client: client.clone(),
            repository: repository.clone(),
        }
    }

    /// How messages name it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Registry { repository, .. } => repository.to_string(),
            Self::Directory(directory) => directory.layout.path().display().to_string(),
        }
    }

    /// The tags; `None` when the registry does not list them.
    pub(super) async fn tags(&self) -> Result<Option<Vec<Tag>>> {
        let listed = match self {
            Self::Registry { client, repository } => client.tags(repository).await,
            Self::Directory(directory) => {
                let layout = directory.layout.clone();
                blocking(move || layout.tags()).await
            }
        };
        match listed {
            Ok(tags) => Ok(Some(tags)),
            Err(error) => match error.kind() {
                Some(ErrorKind::NotFound | ErrorKind::Unsupported) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// What a tag points at.
    pub(super) async fn tagged(&self, tag: &Tag) -> Result<Option<Descriptor>> {
        match self {
            Self::Registry { client, repository } => client.tag_at_home(repository, tag).await,
            Self::Directory(directory) => {
                let (layout, tag) = (directory.layout.clone(), tag.clone());
                blocking(move || layout.tagged(&tag)).await
            }
        }
    }

    /// A manifest.
    pub(super) async fn manifest(&self, selector: Selector) -> Result<Option<Manifest>> {
        match self {
            Self::Registry { client, repository } => {
                client.find_manifest(repository, selector).await
            }
            Self::Directory(directory) => {
                let layout = directory.layout.clone();
                blocking(move || layout.manifest(&selector)).await
            }
        }
    }

    /// A manifest that has to be there.
    pub(super) async fn required(&self, digest: &Digest) -> Result<Manifest> {
        let found = self.manifest((*digest).into()).await?;
        found.ok_or_else(|| {
            Error::NotFound(format!(
                "{} has no manifest {digest}, though it refers to it; publish it again",
                self.name()
            ))
        })
    }

    /// Whether a manifest is there; in a directory, with all its blobs.
    pub(super) async fn has_manifest(&self, digest: &Digest) -> Result<bool> {
        match self {
            Self::Registry { client, repository } => {
                Ok(client.manifest_exists(repository, *digest).await?.is_some())
            }
            Self::Directory(directory) => {
                let (layout, digest) = (directory.layout.clone(), *digest);
                blocking(move || {
                    let Some(manifest) = layout.manifest(&digest.into())? else {
                        return Ok(false);
                    };
                    for blob in manifest.blobs() {
                        if layout.blob_size(&blob.digest)? != Some(blob.size) {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                })
                .await
            }
        }
    }

    /// The manifests that have this one as their subject.
    pub(super) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        match self {
            Self::Registry { client, repository } => {
                client.referrers(repository, *subject, None).await
            }
            Self::Directory(directory) => {
                let layout = directory.layout.clone();
                let read = || blocking(move || layout.referrers());
                let all = directory.referrers.get_or_try_init(read).await?;
                Ok(all.get(subject).cloned().unwrap_or_default())
            }
        }
    }

    /// Puts a manifest; at a directory it then still has to be listed.
    pub(super) async fn put(&self, selector: Selector, manifest: Manifest) -> Result<()> {
        match self {
            Self::Registry { client, repository } => {
                client.push_manifest(repository, selector, manifest).await?;
                Ok(())
            }
            Self::Directory(directory) => {
                let layout = directory.layout.clone();
                blocking(move || layout.put(&manifest.digest(), manifest.raw())).await
            }
        }
    }
}
