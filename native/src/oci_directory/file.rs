//! Whole files, read and put in place in one step.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use ocirepo::Digest;
use ocirepo::digest::Hasher;
use tempfile::NamedTempFile;

use super::damaged;
use crate::error::{Error, Result};

/// The size of the pieces in which a file is copied, in bytes.
const PIECE: usize = 256 << 10;

/// What the names of files that are being written begin with.
pub(super) const UNFINISHED: &str = ".writing-";

/// The content of a file of at most `cap` bytes; `None` when it is not there.
pub(super) fn read(path: &Path, cap: u64) -> Result<Option<Vec<u8>>> {
    let failed = |error| Error::io("read", path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Vec::new();
    file.take(cap.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() as u64 > cap {
        return Err(damaged(path, format!("has more than {cap} bytes")));
    }
    Ok(Some(content))
}

/// Puts content in place of whatever is there.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |error| Error::io("write", path, error);
    let mut file = beside(path).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    finish(file, path)
}

/// Copies a file whose content has this digest.
pub(super) fn copy(from: &Path, to: &Path, digest: &Digest) -> Result<()> {
    let mut source = File::open(from).map_err(|error| Error::io("read", from, error))?;
    let mut file = beside(to).map_err(|error| Error::io("write", to, error))?;
    let mut hasher = Hasher::new(digest.algorithm());
    let mut piece = vec![0; PIECE];
    loop {
        let count = match source.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read", from, error)),
        };
        let bytes = piece.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        file.write_all(bytes)
            .map_err(|error| Error::io("write", to, error))?;
    }
    if hasher.finish() != *digest {
        return Err(damaged(from, "does not have the digest it is named by"));
    }
    finish(file, to)
}

/// A file that is gone unless it is finished, with the rights that other programs'
/// files have.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The process's mask takes from it what it takes from every file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

fn finish(file: NamedTempFile, path: &Path) -> Result<()> {
    let failed = |error| Error::io("write", path, error);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
