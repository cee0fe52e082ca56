//! Files that are not complete yet, and survive the process that was filling them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use ocirepo::Digest;
use ocirepo::sink::{BlobSink, Content};

use crate::error::{Error, Result};
use crate::target::Target;

/// The size of the pieces in which a file is read, in bytes.
const PIECE: usize = 64 << 10;

/// A file on its way to its final name, locked for this process.
#[derive(Debug)]
pub(crate) struct Partial {
    content: Content,
    file: File,
    /// Where it is now.
    partial: PathBuf,
    /// Where it will be.
    path: PathBuf,
}

impl Partial {
    /// Opens the partial file for `path`, or makes it.
    pub(crate) fn take_over(path: &Path, content: Content) -> Result<Self> {
        let partial = partial_path(path, &content.digest);
        let failed = |error| Error::io("write", &partial, error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&partial)
            .map_err(failed)?;
        // Some file systems know no locks; then nobody is kept out.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(failed(io::Error::other(
                "another process is pulling the same file; wait for it or stop it",
            )));
        }
        Ok(Self {
            content,
            file,
            partial,
            path: path.to_owned(),
        })
    }

    /// Feeds what is on disk to a sink, cuts off what cannot belong to the blob, and
    /// opens the file where the rest belongs.
    pub(crate) async fn resume(&self) -> Result<(BlobSink, Target)> {
        let (content, path) = (self.content, self.partial.clone());
        let open = |file: &File| {
            file.try_clone()
                .map_err(|error| Error::io("open", &self.partial, error))
        };
        let (reader, writer) = (open(&self.file)?, open(&self.file)?);
        let sink = blocking(move || {
            refeed(reader, content).map_err(|error| Error::io("read", &path, error))
        })
        .await?;
        let target = Target::file(writer, self.partial.clone(), sink.offset());
        Ok((sink, target))
    }

    /// Puts the complete file on disk and under its name.
    pub(crate) fn finish(self) -> Result<()> {
        let failed = |error| Error::io("write", &self.path, error);
        self.file.sync_all().map_err(failed)?;
        std::fs::rename(&self.partial, &self.path).map_err(failed)?;
        // The new name is on disk when the directory is.
        #[cfg(unix)]
        if let Some(dir) = self.path.parent() {
            let dir = match dir.as_os_str().is_empty() {
                true => Path::new("."),
                false => dir,
            };
            File::open(dir)
                .and_then(|dir| dir.sync_all())
                .map_err(failed)?;
        }
        Ok(())
    }
}

fn refeed(mut file: File, content: Content) -> io::Result<BlobSink> {
    let mut sink = BlobSink::new(content);
    let mut piece = vec![0; PIECE];
    file.rewind()?;
    loop {
        let read = match file.read(&mut piece) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = piece.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        if sink.chunk(bytes).is_err() {
            // It is longer than the blob, so it is not the blob's.
            sink = BlobSink::new(content);
            break;
        }
    }
    file.set_len(sink.offset())?;
    file.seek(SeekFrom::Start(sink.offset()))?;
    Ok(sink)
}

/// `.NAME.0123456789ab.partial`: other content for the same file is another partial file.
fn partial_path(path: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    let short = hex.get(..12).unwrap_or(&hex);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // File names have at most 255 bytes.
    let name: String = name.chars().take(50).collect();
    path.with_file_name(format!(".{name}.{short}.partial"))
}

/// Runs what blocks where that is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Setup(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            digest: Digest::of(b"0123456789"),
            size: Some(10),
        }
    }

    #[test]
    fn partial_files_are_hidden_beside_their_file_and_differ_by_content() {
        let path = Path::new("/srv/packages/a.rpm");
        let one = partial_path(path, &Digest::of(b"one"));
        assert_eq!(one.parent(), path.parent());
        assert_ne!(one, partial_path(path, &Digest::of(b"two")));
        let long = "é".repeat(120);
        let partial = partial_path(Path::new(&long), &Digest::of(b"one"));
        assert!(partial.as_os_str().len() < 255);
    }

    #[tokio::test]
    async fn what_is_left_is_taken_over_unless_it_is_too_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for (left, expected) in [("0123", 4), ("", 0), ("0123456789", 10), ("0123456789x", 0)] {
            let partial = Partial::take_over(&path, content()).unwrap();
            std::fs::write(&partial.partial, left).unwrap();
            let (sink, _) = partial.resume().await.unwrap();
            assert_eq!(sink.offset(), expected, "{left}");
            let metadata = std::fs::metadata(&partial.partial).unwrap();
            assert_eq!(metadata.len(), expected);
        }
    }

    #[test]
    fn two_pulls_of_one_file_do_not_meet() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let first = Partial::take_over(&path, content()).unwrap();
        let error = Partial::take_over(&path, content()).unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
        first.finish().unwrap();
        assert!(path.is_file());
        assert!(Partial::take_over(&path, content()).is_ok());
    }
}
