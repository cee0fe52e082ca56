//! Packages that become artifacts of their own.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use ocirepo::descriptor::Descriptor;
use ocirepo_rpm::layout::format::media_type;
use ocirepo_rpm::native::Artifact;
use ocirepo_rpm::publish::{PackagePush, PackagePushes};

use super::error::Refusal;
use super::head::Stop;
use super::push::{Doubt, Pusher};
use super::sources::Local;
use crate::error::{Error, Result};
use crate::file::blocking;
use crate::work_dir::WorkDir;

impl Pusher<'_> {
    /// Reads a package, and pushes what its artifact is made of. Only then is it known what
    /// that is: a plan of all packages does not hold it.
    pub(super) async fn package(&self, push: &PackagePush) -> Result<(), Stop> {
        let path = push.path.path();
        // What was brought here for it is deleted at the end.
        let (_fetched, _pulled);
        let local = match self.sources.get(path) {
            Some(local) => local.clone(),
            None => match self.sources.fetched(path).await? {
                Some(file) => {
                    let place = file.to_path_buf();
                    _fetched = file;
                    Local::File(place)
                }
                None => {
                    let (place, directory) = self.pulled(push).await?;
                    _pulled = directory;
                    Local::File(place)
                }
            },
        };
        let artifact = read(push, local.clone()).await?;
        let PackagePushes { blobs, manifest } = push.expand(artifact).map_err(unreadable)?;
        for blob in blobs.iter().filter(|blob| !blob.known) {
            let local = (blob.descriptor.digest == push.digest).then_some(&local);
            self.blob_from(blob, local, Doubt::Usual).await?;
        }
        self.manifest(&manifest, &blobs).await
    }

    /// A package that the registry has as another layout left it, and nobody else does.
    async fn pulled(&self, push: &PackagePush) -> Result<(PathBuf, WorkDir)> {
        let directory = blocking(WorkDir::new).await?;
        let file = directory.path().join("package");
        let content = Descriptor::new(media_type(".rpm"), push.digest, push.size);
        self.client
            .pull_to_file(&push.repository, &content, &file)
            .await?;
        Ok((file, directory))
    }
}

async fn read(push: &PackagePush, local: Local) -> Result<Artifact> {
    let push = push.clone();
    blocking(move || {
        let PackagePush {
            path, digest, size, ..
        } = &push;
        match local {
            Local::Bytes(bytes) => Artifact::read(Cursor::new(bytes), path, *digest, *size),
            Local::File(file) => Artifact::read(open(&file, 0..*size)?, path, *digest, *size),
            Local::Part { file, range } => {
                Artifact::read(open(&file, range)?, path, *digest, *size)
            }
        }
        .map_err(unreadable)
    })
    .await
}

fn open(path: &Path, range: Range<u64>) -> Result<impl Read> {
    let failed = |error| Error::io("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
    Ok(BufReader::new(file).take(range.end - range.start))
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    let why = error.to_string();
    Refusal::Package { why }.into()
}
