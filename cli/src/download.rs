//! Files of a repository, put into files of this machine.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use ocirepo::digest::{Algorithm, Digest, Hasher};
use ocirepo::sink::Content;
use ocirepo_native::{Client, file};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::snapshot::{Blob, Made, Snapshot};

use crate::exit::Failure;
use crate::repository::{self, Located};

/// Whether a file had to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// It was there, with the right content.
    There,
    /// It is there now.
    Fetched,
}

/// Puts one file of the repository at `to`, verified, in one step. `None` when the
/// repository has no such file.
pub(crate) async fn file(
    client: &Client,
    snapshot: &Snapshot,
    path: &Href,
    to: &Path,
) -> Result<Option<Got>, Failure> {
    match repository::locate(client, snapshot, path).await? {
        None => Ok(None),
        Some(Located::Held(bytes)) => held(bytes, to).await.map(Some),
        Some(Located::Blob(blob)) => self::blob(client, &blob, to).await.map(Some),
        Some(Located::Made(made)) => self::made(client, *made, to).await.map(Some),
    }
}

async fn held(bytes: Vec<u8>, to: &Path) -> Result<Got, Failure> {
    let content = Content {
        digest: Digest::of(&bytes),
        size: Some(bytes.len() as u64),
    };
    if file::holds(to, content) {
        return Ok(Got::There);
    }
    let write = move |file: &mut dyn Write| Ok::<_, Failure>(file.write_all(&bytes)?);
    file::put(to, content, write).await?;
    Ok(Got::Fetched)
}

/// Makes a file from the catalogue.
async fn made(client: &Client, made: Made, to: &Path) -> Result<Got, Failure> {
    let content = Content {
        digest: made.digest,
        size: Some(made.size),
    };
    if file::holds(to, content) {
        return Ok(Got::There);
    }
    let part = repository::pull(client, &made.from).await?.into_file();
    file::put(to, content, move |file| {
        let mut source = TeeReader {
            source: made.make(part)?,
            hasher: Hasher::new(Algorithm::Sha256),
        };
        std::io::copy(&mut source, file)?;
        let found = source.hasher.finish();
        if found == made.digest {
            return Ok(());
        }
        Err(Failure::verification(format!(
            "the {} of the catalogue become {found}, and repomd.xml says {}; the repository \
             must be published again",
            made.part, made.digest
        )))
    })
    .await?;
    Ok(Got::Fetched)
}

async fn blob(client: &Client, blob: &Blob, to: &Path) -> Result<Got, Failure> {
    let descriptor = &blob.descriptor;
    if file::holds(to, descriptor) {
        return Ok(Got::There);
    }
    let pulled = client.pull_to_file(&blob.repository, descriptor, to).await;
    match (pulled, &blob.list) {
        (Err(error), Some(list)) if error.is_not_found() => {
            // Some caches serve only blobs of manifests they have seen.
            client
                .find_manifest(&list.repository, list.selector.clone())
                .await?;
            client
                .pull_to_file(&blob.repository, descriptor, to)
                .await?;
        }
        (pulled, _) => drop(pulled?),
    }
    if let Some(checksum) = &blob.checksum
        && let Err(error) = repository::verify(File::open(to)?, checksum)
    {
        // The digest was right and the metadata disagrees: nobody may take it for good.
        std::fs::remove_file(to)?;
        return Err(error);
    }
    Ok(Got::Fetched)
}

/// Hashes what is read.
struct TeeReader<R> {
    source: R,
    hasher: Hasher,
}

impl<R: Read> Read for TeeReader<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(into)?;
        self.hasher.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}
