//! Copying blobs, each once, with bounded memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use ocirepo::operation::{BlobCopy, Upload};
use ocirepo::{Descriptor, Digest, Manifest};
use tokio::sync::{OnceCell, Semaphore};

use super::place::Place;
use crate::client::ASK_FROM;
use crate::error::{Error, Result};
use crate::file::blocking;
use crate::http::lock;
use crate::oci_directory::OciDirectory;

/// Blobs copied at a time.
const AT_ONCE: usize = 16;

/// Blobs up to this size go through memory, larger ones through a temporary file.
const IN_MEMORY: u64 = 1 << 20;

/// Copies the blobs of manifests.
#[derive(Debug)]
pub(super) struct Blobs {
    from: Place,
    to: Place,
    room: Semaphore,
    /// What the target has, because a manifest that it has names it.
    known: BTreeSet<Digest>,
    /// Those being copied or copied already. Who comes second waits for the first.
    begun: Mutex<BTreeMap<Digest, Arc<OnceCell<()>>>>,
    /// Bytes that were sent, and how many blobs.
    bytes: AtomicU64,
    sent: AtomicU64,
    mounted: AtomicU64,
    present: AtomicU64,
}

impl Blobs {
    pub(super) fn new(from: Place, to: Place, known: BTreeSet<Digest>) -> Self {
        Self {
            from,
            to,
            room: Semaphore::new(AT_ONCE),
            known,
            begun: Mutex::default(),
            bytes: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            mounted: AtomicU64::new(0),
            present: AtomicU64::new(0),
        }
    }

    pub(super) fn counted(&self) -> super::Blobs {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        super::Blobs {
            sent: read(&self.sent),
            bytes: read(&self.bytes),
            mounted: read(&self.mounted),
            present: read(&self.present),
        }
    }

    /// Copies all blobs of a manifest. With `doubt`, nothing is taken to be there because
    /// something said so.
    pub(super) async fn of(&self, manifest: &Manifest, doubt: bool) -> Result<()> {
        let blobs = manifest.blobs().map(|blob| self.once(blob, doubt));
        stream::iter(blobs.collect::<Vec<_>>())
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    async fn once(&self, blob: &Descriptor, doubt: bool) -> Result<()> {
        if doubt {
            let _room = self.room.acquire().await;
            return self.copy(blob).await;
        }
        if self.known.contains(&blob.digest) {
            self.present.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let cell = Arc::clone(lock(&self.begun).entry(blob.digest).or_default());
        let copy = || async {
            // The semaphore is never closed.
            let _room = self.room.acquire().await;
            self.copy(blob).await
        };
        cell.get_or_try_init(copy).await?;
        Ok(())
    }

    async fn copy(&self, blob: &Descriptor) -> Result<()> {
        match self.transfer(blob).await {
            Ok(how) => {
                match how {
                    BlobCopy::Present => &self.present,
                    BlobCopy::Mounted => &self.mounted,
                    _ => {
                        self.bytes.fetch_add(blob.size, Ordering::Relaxed);
                        &self.sent
                    }
                }
                .fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            // Content that the registry does not have may be in the descriptor, or
            // elsewhere (layers that must not be distributed).
            Err(error) if error.is_not_found() => match blob.embedded() {
                Some(Ok(bytes)) => self.put(blob, bytes.to_vec()).await,
                _ if !blob.urls.is_empty() => Ok(()),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn transfer(&self, blob: &Descriptor) -> Result<BlobCopy> {
        match (&self.from, &self.to) {
            (Place::Registry { client, repository }, Place::Registry { repository: to, .. }) => {
                let same = repository.registry == to.registry;
                if same || blob.size > IN_MEMORY {
                    return client.copy_blob(repository, to, blob).await;
                }
                let check = blob.size >= ASK_FROM;
                if check && client.blob_exists(to, blob.digest).await?.is_some() {
                    return Ok(BlobCopy::Present);
                }
                let bytes = client.pull_bytes(repository, blob, IN_MEMORY).await?;
                client.push_bytes(to, bytes, Upload::default()).await?;
                Ok(BlobCopy::ToBeSent)
            }
            (Place::Registry { client, repository }, Place::Directory(to)) => {
                let Some(path) = absent(&to.layout, blob).await? else {
                    return Ok(BlobCopy::Present);
                };
                client.pull_to_file(repository, blob, path).await?;
                Ok(BlobCopy::ToBeSent)
            }
            (
                Place::Directory(from),
                Place::Registry {
                    client,
                    repository: to,
                },
            ) => {
                let path = there(&from.layout, blob).await?;
                let upload = Upload {
                    check: blob.size >= ASK_FROM,
                    ..Upload::default()
                };
                let digest = Some(blob.digest);
                let pushed = client.push_file(to, path, digest, upload).await?;
                Ok(match pushed.uploaded {
                    true => BlobCopy::ToBeSent,
                    false => BlobCopy::Present,
                })
            }
            (Place::Directory(from), Place::Directory(to)) => {
                let path = there(&from.layout, blob).await?;
                if absent(&to.layout, blob).await?.is_none() {
                    return Ok(BlobCopy::Present);
                }
                let (to, digest) = (to.layout.clone(), blob.digest);
                blocking(move || to.put_file(&digest, &path)).await?;
                Ok(BlobCopy::ToBeSent)
            }
        }
    }

    async fn put(&self, blob: &Descriptor, bytes: Vec<u8>) -> Result<()> {
        match &self.to {
            Place::Registry { client, repository } => {
                let upload = Upload::default();
                client.push_bytes(repository, bytes, upload).await?;
                Ok(())
            }
            Place::Directory(to) => {
                let (to, digest) = (to.layout.clone(), blob.digest);
                blocking(move || to.put(&digest, &bytes)).await
            }
        }
    }
}

/// The file of a blob that a directory has.
async fn there(layout: &OciDirectory, blob: &Descriptor) -> Result<std::path::PathBuf> {
    let (layout, digest) = (layout.clone(), blob.digest);
    blocking(move || match layout.blob_size(&digest)? {
        Some(_) => Ok(layout.blob(&digest)),
        None => Err(Error::NotFound(format!(
            "{} has no blob {digest}, though a manifest in it names it; copy it there again",
            layout.path().display()
        ))),
    })
    .await
}

/// The file for a blob that a directory does not have yet.
async fn absent(layout: &OciDirectory, blob: &Descriptor) -> Result<Option<std::path::PathBuf>> {
    let (layout, digest, size) = (layout.clone(), blob.digest, blob.size);
    blocking(move || match layout.blob_size(&digest)? {
        Some(found) if found == size => Ok(None),
        _ => layout.place(&digest).map(Some),
    })
    .await
}
