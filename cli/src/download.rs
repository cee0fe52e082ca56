//! Files of a repository, put into files of this machine.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use ocirepo::descriptor::Descriptor;
use ocirepo::digest::{Algorithm, Digest, Hasher};
use ocirepo_native::Client;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::snapshot::{Blob, Made, Snapshot};
use tempfile::NamedTempFile;

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
        Some(Located::Held(bytes)) => held(&bytes, to).map(Some),
        Some(Located::Blob(blob)) => self::blob(client, &blob, to).await.map(Some),
        Some(Located::Made(made)) => self::made(client, *made, to).await.map(Some),
    }
}

fn held(bytes: &[u8], to: &Path) -> Result<Got, Failure> {
    if std::fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(Got::There);
    }
    written(to, |file| Ok(file.write_all(bytes)?))
}

/// Writes a new file and puts it into place, in one step.
fn written(
    to: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> Result<(), Failure>,
) -> Result<Got, Failure> {
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", to.display()));
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // What a web server may read, as far as the umask lets it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder
        .tempfile_in(dir.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    write(&mut file)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(to).map_err(|error| failed(error.error))?;
    Ok(Got::Fetched)
}

/// Makes a file from the catalogue.
async fn made(client: &Client, made: Made, to: &Path) -> Result<Got, Failure> {
    if matches(made.digest, made.size, to) {
        return Ok(Got::There);
    }
    let part = repository::pull(client, &made.from).await?.into_file();
    let to = to.to_owned();
    tokio::task::spawn_blocking(move || {
        written(&to, |file| {
            let mut hasher = HashWriter(Hasher::new(Algorithm::Sha256));
            let mut source = TeeReader {
                source: made.make(part)?,
                hasher: &mut hasher,
            };
            std::io::copy(&mut source, file)?;
            let found = hasher.0.finish();
            if found == made.digest {
                return Ok(());
            }
            Err(Failure::verification(format!(
                "the {} of the catalogue become {found}, and repomd.xml says {}; the \
                 repository must be published again",
                made.part, made.digest
            )))
        })
    })
    .await
    .map_err(Failure::failed)?
}

async fn blob(client: &Client, blob: &Blob, to: &Path) -> Result<Got, Failure> {
    let Descriptor { digest, size, .. } = blob.descriptor;
    if matches(digest, size, to) {
        return Ok(Got::There);
    }
    let descriptor = &blob.descriptor;
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

/// Whether a file has that content already.
fn matches(digest: Digest, size: u64, to: &Path) -> bool {
    let found = std::fs::metadata(to).map(|metadata| metadata.len());
    if found.ok() != Some(size) || digest.algorithm() != Algorithm::Sha256 {
        return false;
    }
    let Ok(mut file) = File::open(to) else {
        return false;
    };
    let mut hasher = HashWriter(Hasher::new(digest.algorithm()));
    std::io::copy(&mut file, &mut hasher).is_ok() && hasher.0.finish() == digest
}

struct HashWriter(Hasher);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Hashes what is read.
struct TeeReader<'a, R> {
    source: R,
    hasher: &'a mut HashWriter,
}

impl<R: Read> Read for TeeReader<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(into)?;
        self.hasher
            .write_all(into.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}
