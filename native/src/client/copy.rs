//! Copying between repositories.

use ocirepo::Descriptor;
use ocirepo::operation::{BlobCopy, Upload};
use ocirepo::reference::{Repository, Selector};
use ocirepo::sink::Content;

use super::Client;
use crate::driver::Job;
use crate::error::Result;
use crate::file::blocking;
use crate::work_dir::WorkDir;

impl Client {
    /// Copies a manifest, byte for byte, to another repository under the same tag or
    /// digest. What it refers to must be there already.
    ///
    /// # Errors
    /// Whatever the exchanges fail with.
    pub async fn copy_manifest(
        &self,
        from: &Repository,
        to: &Repository,
        selector: impl Into<Selector>,
    ) -> Result<Descriptor> {
        let selector = selector.into();
        let manifest = self.pull_manifest(from, selector.clone()).await?;
        self.push_manifest(to, selector, manifest).await
    }

    /// Copies a blob to another repository: not at all if it is there, by mounting it if
    /// the registry does that, otherwise through a temporary file.
    ///
    /// # Errors
    /// Whatever the exchanges or the disk fail with.
    pub async fn copy_blob(
        &self,
        from: &Repository,
        to: &Repository,
        content: impl Into<Content>,
    ) -> Result<BlobCopy> {
        let content = content.into();
        let (source, place) = (self.own_place(from)?, self.own_place(to)?);
        let driver = self.driver(&place);
        let copied = driver
            .run(Job::default(), |s| {
                s.copy_blob(&source, &place, content.digest)
            })
            .await?;
        if copied != BlobCopy::ToBeSent {
            return Ok(copied);
        }
        let dir = blocking(WorkDir::new).await?;
        let path = dir.path().join("blob");
        self.pull_to_file(from, content, &path).await?;
        let upload = Upload::default();
        self.push_file(to, &path, Some(content.digest), upload)
            .await?;
        Ok(BlobCopy::ToBeSent)
    }
}
