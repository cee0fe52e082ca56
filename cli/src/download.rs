//! Files of a repository, put into files of this machine.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use ocirepo::digest::{Algorithm, Hasher};
use ocirepo_native::Client;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::snapshot::{Blob, Snapshot};

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
    }
}

fn held(bytes: &[u8], to: &Path) -> Result<Got, Failure> {
    if std::fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(Got::There);
    }
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", to.display()));
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // What a web server may read, as far as the umask lets it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder
        .tempfile_in(dir.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(to).map_err(|error| failed(error.error))?;
    Ok(Got::Fetched)
}

async fn blob(client: &Client, blob: &Blob, to: &Path) -> Result<Got, Failure> {
    if matches(blob, to) {
        return Ok(Got::There);
    }
    let descriptor = &blob.descriptor;
    let pulled = client.pull_to_file(&blob.repository, descriptor, to).await;
    match (pulled, &blob.list) {
        (Err(error), Some(list)) if error.is_not_found() => {
            // Some caches serve only blobs of manifests they have seen.
            repository::manifest(client, &list.repository, list.selector.clone()).await?;
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

/// Whether a file has the content of a blob already.
fn matches(blob: &Blob, to: &Path) -> bool {
    let digest = blob.descriptor.digest;
    let size = std::fs::metadata(to).map(|metadata| metadata.len());
    if size.ok() != Some(blob.descriptor.size) || digest.algorithm() != Algorithm::Sha256 {
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
