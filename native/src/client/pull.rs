//! Pulling blobs: into memory, files, writers, streams and the cache.

use std::io::{self, Seek as _, Write as _};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use ocirepo::operation::{Blob, Resume};
use ocirepo::reference::Repository;
use ocirepo::sink::{BlobSink, Content};
use ocirepo::{Digest, Session};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::{BlobStream, Client};
use crate::cache::CacheEntry;
use crate::config::By;
use crate::driver::Job;
use crate::error::{Error, Result};
use crate::file::{self, Partial, Taken, blocking};
use crate::target::{Chunks, OnChunk, Target};

/// How many chunks a stream may be ahead of its reader.
const AHEAD: usize = 2;

/// Up to which size a blob on its way to a file is kept in memory, in bytes.
const SMALL: u64 = 128 << 10;

/// Whether a part of a file is there already.
async fn begun(path: &Path, content: Content) -> Result<bool> {
    let path = path.to_owned();
    blocking(move || Ok(Partial::is_begun(&path, content))).await
}

impl Client {
    /// Pulls a blob of at most `cap` bytes into memory, or takes it from the cache; and
    /// puts it there.
    ///
    /// # Errors
    /// Kind `TooLarge` when it has more bytes; whatever else the exchange fails with.
    pub async fn pull_bytes(
        &self,
        repository: &Repository,
        content: impl Into<Content>,
        cap: u64,
    ) -> Result<Vec<u8>> {
        let content = content.into();
        if let Some(entry) = self.cached(content.digest).await
            && entry.size() <= cap
        {
            return blocking(move || entry.read(cap)).await;
        }
        let bytes = self
            .read(repository, By::Digest, |place| async move {
                let driver = self.driver(&place);
                let start = |s: &mut Session| s.pull_blob_bytes(&place, content, cap);
                driver.run(Job::default(), start).await
            })
            .await?;
        let Some(cache) = self.inner.cache.clone() else {
            return Ok(bytes);
        };
        blocking(move || {
            // A full disk spoils the cache, not the pull.
            if let Err(error) = cache.put(content.digest, &bytes) {
                tracing::warn!(%error, "cannot keep a blob in the cache");
            }
            Ok(bytes)
        })
        .await
    }

    /// Pulls a blob as a stream of chunks, the last of which comes when the blob was
    /// found right. Nothing is kept in the cache.
    pub fn pull_stream(&self, repository: &Repository, content: impl Into<Content>) -> BlobStream {
        let (content, repository, client) = (content.into(), repository.clone(), self.clone());
        let (sender, chunks) = mpsc::channel(AHEAD);
        BlobStream::new(chunks, async move {
            let chunks = || Chunks::Channel(sender.clone());
            client.pull_chunks(&repository, content, chunks).await
        })
    }

    /// Pulls a blob and hands each chunk to a function as it arrives, on whichever thread it
    /// does: nothing of the blob is verified before this returns, not even the last chunk. A
    /// function that waits makes the transfer wait.
    ///
    /// # Errors
    /// Whatever the exchange or the function fails with; what was handed out is then useless.
    pub async fn pull_each(
        &self,
        repository: &Repository,
        content: impl Into<Content>,
        take: impl FnMut(Bytes) -> io::Result<()> + Send + 'static,
    ) -> Result<Blob> {
        let take: Arc<Mutex<OnChunk>> = Arc::new(Mutex::new(take));
        let chunks = || Chunks::Call(Arc::clone(&take));
        self.pull_chunks(repository, content.into(), chunks).await
    }

    /// Pulls a blob piece by piece.
    async fn pull_chunks(
        &self,
        repository: &Repository,
        content: Content,
        chunks: impl Fn() -> Chunks,
    ) -> Result<Blob> {
        let sent = Arc::new(AtomicU64::new(0));
        let target = || Target::stream(chunks(), Arc::clone(&sent));
        self.pull_into(repository, content, target).await
    }

    /// Pulls a blob from its first byte on, from one place after another until one has it.
    async fn pull_into(
        &self,
        repository: &Repository,
        content: Content,
        target: impl Fn() -> Target,
    ) -> Result<Blob> {
        let on_bytes = self.report(Some(content.digest), content.size);
        self.read(repository, By::Digest, |place| {
            let job = Job {
                target: Some(target()),
                on_bytes: on_bytes.clone(),
                ..Job::default()
            };
            let driver = self.driver(&place);
            async move {
                let start = |s: &mut Session| s.pull_blob(&place, content, Resume::Fresh);
                driver.run(job, start).await
            }
        })
        .await
    }

    /// Pulls a blob into a writer, which gets the last chunk when the blob was found
    /// right. Returns the number of bytes.
    ///
    /// # Errors
    /// Whatever the exchange or the writer fails with; what was written is then useless.
    pub async fn pull_to_writer(
        &self,
        repository: &Repository,
        content: impl Into<Content>,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64> {
        let mut stream = self.pull_stream(repository, content);
        let mut written = 0u64;
        let failed = |source| Error::Stream {
            doing: "write a blob",
            source,
        };
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            writer.write_all(&chunk).await.map_err(failed)?;
            written = written.saturating_add(chunk.len() as u64);
        }
        writer.flush().await.map_err(failed)?;
        Ok(written)
    }

    /// Pulls a blob into a file, which appears in one step when the blob was found right
    /// and is on disk. Replaces a file of that name.
    ///
    /// Until then the bytes are in a hidden file beside it, or in memory when they are few.
    /// When the pull is interrupted, even by killing the process, the next one takes over what
    /// is there, and fetches only the rest. While another process is pulling the same file
    /// this waits, and then has nothing left to fetch.
    ///
    /// # Errors
    /// Whatever the exchange or the disk fails with.
    pub async fn pull_to_file(
        &self,
        repository: &Repository,
        content: impl Into<Content>,
        path: impl AsRef<Path>,
    ) -> Result<Blob> {
        let (content, path) = (content.into(), path.as_ref().to_owned());
        if content.size.is_some_and(|size| size <= SMALL) && !begun(&path, content).await? {
            return self.pull_to_small_file(repository, content, &path).await;
        }
        let on_bytes = self.report(Some(content.digest), content.size);
        let taken = Partial::take_over(&path, content).await?;
        let blob = self
            .read(repository, By::Digest, |place| {
                let (taken, on_bytes) = (&taken, on_bytes.clone());
                async move {
                    let (sink, target) = match taken {
                        Taken::Over(partial) => {
                            let (sink, target) = partial.resume().await?;
                            (sink, Some(target))
                        }
                        Taken::There(sink) => (BlobSink::clone(sink), None),
                    };
                    if let Some(on_bytes) = &on_bytes {
                        on_bytes(sink.offset());
                    }
                    let job = Job {
                        target,
                        on_bytes,
                        ..Job::default()
                    };
                    let driver = self.driver(&place);
                    let start = |s: &mut Session| s.pull_blob(&place, content, Resume::From(sink));
                    driver.run(job, start).await
                }
            })
            .await?;
        if let Taken::Over(partial) = taken {
            blocking(move || partial.finish()).await?;
        }
        Ok(blob)
    }

    /// Pulls a small blob into memory, and then into its file: a change of threads for each
    /// piece would take longer than the whole pull.
    async fn pull_to_small_file(
        &self,
        repository: &Repository,
        content: Content,
        path: &Path,
    ) -> Result<Blob> {
        let buffer: Arc<Mutex<Vec<u8>>> = Arc::default();
        let target = || Target::Memory(Arc::clone(&buffer));
        let blob = self.pull_into(repository, content, target).await?;
        let bytes = std::mem::take(&mut *buffer.lock().unwrap_or_else(PoisonError::into_inner));
        let failed = {
            let path = path.to_owned();
            move |error| Error::io("write", &path, error)
        };
        let write = move |file: &mut dyn io::Write| file.write_all(&bytes).map_err(failed);
        file::put(path, content, write).await?;
        Ok(blob)
    }

    /// Pulls a blob into the cache, or finds it there. Where nothing can be written into the
    /// cache, or there is none, it goes into a file without a name.
    ///
    /// # Errors
    /// Whatever the exchange or the disk fails with.
    pub async fn pull_cached(
        &self,
        repository: &Repository,
        content: impl Into<Content>,
    ) -> Result<CacheEntry> {
        let content = content.into();
        if let Some(entry) = self.cached(content.digest).await {
            return Ok(entry);
        }
        let writer = match self.inner.cache.clone() {
            Some(cache) => blocking(move || cache.writer_of_verified(content.digest))
                .await
                .map(Some),
            None => Ok(None),
        };
        let mut stream = self.pull_stream(repository, content);
        let mut writer = match writer {
            Ok(Some(writer)) => writer,
            Err(error) if !error.is_read_only() => return Err(error),
            Ok(None) | Err(_) => return self.pull_unnamed(stream, content.digest).await,
        };
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            writer = blocking(move || writer.write(&chunk).map(|()| writer)).await?;
        }
        blocking(move || writer.finish()).await
    }

    /// Pulls a blob into a file that is gone when it is closed.
    async fn pull_unnamed(&self, mut stream: BlobStream, digest: Digest) -> Result<CacheEntry> {
        let path = std::env::temp_dir();
        let failed = {
            let path = path.clone();
            move |error| Error::io("write a file in", &path, error)
        };
        let made = failed.clone();
        let mut file = blocking(move || tempfile::tempfile().map_err(made)).await?;
        while let Some(chunk) = stream.next().await {
            let (chunk, failed) = (chunk?, failed.clone());
            file = blocking(move || file.write_all(&chunk).map(|()| file).map_err(failed)).await?;
        }
        blocking(move || {
            file.rewind().map_err(failed)?;
            CacheEntry::new(digest, file, path)
        })
        .await
    }

    /// Looks into the cache. A cache that fails counts as one without the blob.
    async fn cached(&self, digest: Digest) -> Option<CacheEntry> {
        let cache = self.inner.cache.clone()?;
        let found = blocking(move || cache.get(&digest)).await;
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot use the cache");
            None
        })
    }
}
