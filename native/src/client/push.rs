//! Pushing blobs and manifests.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ocirepo::operation::{Condition, PushedBlob, Upload};
use ocirepo::reference::{Repository, Selector};
use ocirepo::source::BlobSource;
use ocirepo::{Descriptor, Digest, Manifest};

use super::Client;
use crate::driver::Job;
use crate::error::{Error, Result};
use crate::file::blocking;
use crate::http;

/// Smaller blobs are better sent without asking whether the registry has them: that costs
/// as many requests as it may save.
pub(crate) const ASK_FROM: u64 = 64 << 10;

impl Client {
    /// Pushes a file as a blob. Without a digest it is hashed while it is sent, so that
    /// it is read once; asking first whether the registry has it, or mounting it from
    /// elsewhere, needs the digest.
    ///
    /// # Errors
    /// Kind `SourceChanged` or `Local` when the file changes meanwhile; whatever else
    /// the exchange fails with.
    pub async fn push_file(
        &self,
        repository: &Repository,
        path: impl AsRef<Path>,
        digest: Option<Digest>,
        upload: Upload,
    ) -> Result<PushedBlob> {
        let (file, size) = open(path.as_ref().to_owned()).await?;
        let content = http::Content::file(file);
        self.push(repository, content, size, digest, upload).await
    }

    /// Pushes the bytes `range` of a file as a blob; otherwise as [`Client::push_file`].
    ///
    /// # Errors
    /// As for [`Client::push_file`]; kind `Local` when the file ends before the range does.
    pub async fn push_part(
        &self,
        repository: &Repository,
        path: impl AsRef<Path>,
        range: Range<u64>,
        digest: Option<Digest>,
        upload: Upload,
    ) -> Result<PushedBlob> {
        let (file, _) = open(path.as_ref().to_owned()).await?;
        let size = range.end.saturating_sub(range.start);
        let content = http::Content::part(file, range.start);
        self.push(repository, content, size, digest, upload).await
    }

    /// Pushes bytes at hand as a blob.
    ///
    /// # Errors
    /// Whatever the exchange fails with.
    pub async fn push_bytes(
        &self,
        repository: &Repository,
        bytes: impl Into<Bytes>,
        upload: Upload,
    ) -> Result<PushedBlob> {
        let bytes = bytes.into();
        let (size, digest) = (bytes.len() as u64, Digest::of(&bytes));
        let content = http::Content::Bytes(bytes);
        self.push(repository, content, size, Some(digest), upload)
            .await
    }

    async fn push(
        &self,
        repository: &Repository,
        content: http::Content,
        size: u64,
        digest: Option<Digest>,
        mut upload: Upload,
    ) -> Result<PushedBlob> {
        let place = self.own_place(repository)?;
        if let Some(from) = upload.mount_from.take() {
            upload.mount_from = Some(self.own_place(&from)?);
        }
        let source = match digest {
            Some(digest) => BlobSource::with_digest(size, digest),
            None => BlobSource::new(size),
        };
        let job = Job {
            content: Some(content),
            on_bytes: self.report(digest, Some(size)),
            ..Job::default()
        };
        let driver = self.driver(&place);
        driver
            .run(job, |s| s.push_blob(&place, source, upload))
            .await
    }

    /// Pushes a manifest, byte for byte, under a tag or its digest.
    ///
    /// # Errors
    /// Whatever the exchange fails with.
    pub async fn push_manifest(
        &self,
        repository: &Repository,
        selector: impl Into<Selector>,
        manifest: Manifest,
    ) -> Result<Descriptor> {
        let selector = selector.into();
        self.at_home(repository, |s, place| {
            s.push_manifest(place, selector, manifest)
        })
        .await
    }

    /// Pushes a manifest as [`Client::push_manifest`] does, where what is at the tag now is
    /// as `condition` says. Most registries do not look at it.
    ///
    /// # Errors
    /// Kind `Conflict` when the condition does not hold, which may be because of this push
    /// itself, after an answer was lost; whatever else the exchange fails with.
    pub async fn push_manifest_if(
        &self,
        repository: &Repository,
        selector: impl Into<Selector>,
        manifest: Manifest,
        condition: Condition,
    ) -> Result<Descriptor> {
        let selector = selector.into();
        self.at_home(repository, |s, place| {
            s.push_manifest_if(place, selector, manifest, condition)
        })
        .await
    }
}

/// Opens a file that is to be sent, and tells its size.
async fn open(path: PathBuf) -> Result<(File, u64)> {
    blocking(move || {
        let failed = |error| Error::io("read", &path, error);
        let file = File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(std::io::Error::other("not a file")));
        }
        Ok((file, metadata.len()))
    })
    .await
}
