//! Files that appear under their name whole, or not at all.
//!
//! Until then they are hidden beside it, under a name that follows from theirs and from the
//! content: whoever wants the same in the same place takes over what a process that was killed
//! left, and waits for one that is alive.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ocirepo::Digest;
use ocirepo::sink::{BlobSink, Content};
use tokio::time::sleep;

use crate::error::{Error, Result};
use crate::target::Target;

/// The size of the pieces in which a file is read, in bytes.
const PIECE: usize = 64 << 10;

/// How often it is looked whether another process is done with a file.
const PATIENCE: Duration = Duration::from_millis(50);

/// Puts content at a path in one step, in place of whatever is there. A function writes it, and
/// has to see for itself that it is what it should be; what it wrote when it fails is deleted.
/// When another process is writing the same, this waits, and has nothing left to write.
///
/// # Errors
/// What the function fails with, or the disk.
pub async fn put<E: From<Error> + Send + 'static>(
    path: &Path,
    content: impl Into<Content>,
    mut write: impl FnOnce(&mut dyn Write) -> Result<(), E> + Send + 'static,
) -> Result<(), E> {
    let content = content.into();
    loop {
        let place = path.to_owned();
        // All on one thread: for what is small, a change of threads is most of the work.
        let attempt = blocking(move || {
            Ok(match Partial::attempt(place, content)? {
                Attempt::Had(partial) => Ok(partial.put(write)),
                other => Err((other, write)),
            })
        });
        match attempt.await? {
            Ok(done) => return done,
            Err((other, unused)) if found_after(&other, path, content).await?.is_none() => {
                write = unused;
            }
            Err(_) => return Ok(()),
        }
    }
}

/// Whether a file has this content, as it turns out by reading all of it if its size is right.
/// One that cannot be read does not.
pub fn holds(path: &Path, content: impl Into<Content>) -> bool {
    found(path, content.into()).is_some()
}

/// A sink that took all of a file, if that is what it should be.
fn found(path: &Path, content: Content) -> Option<BlobSink> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    if content.size.is_some_and(|wanted| wanted != size) {
        return None;
    }
    feed(&mut file, content).ok().filter(BlobSink::is_verified)
}

/// What another process has put at a path, if it is done with it.
async fn found_after(attempt: &Attempt, path: &Path, content: Content) -> Result<Option<BlobSink>> {
    if let Attempt::Busy = attempt {
        sleep(PATIENCE).await;
    }
    let path = path.to_owned();
    blocking(move || Ok(found(&path, content))).await
}

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

/// How a file is had.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It has to be filled, from where it ends.
    Over(Partial),
    /// Another process has just put it into its place; the sink took all of it.
    There(Box<BlobSink>),
}

/// What came of trying to have a partial file.
enum Attempt {
    Had(Partial),
    /// Another process has it.
    Busy,
    /// Another process had it, and it has its final name now, or is gone.
    Moved,
}

impl Partial {
    /// Whether somebody has begun it, or is at it.
    pub(crate) fn is_begun(path: &Path, content: Content) -> bool {
        partial_path(path, &content.digest).exists()
    }

    /// Opens the partial file for `path`, or makes it. Waits for a process that has it.
    pub(crate) async fn take_over(path: &Path, content: Content) -> Result<Taken> {
        loop {
            let place = path.to_owned();
            let attempt = match blocking(move || Self::attempt(place, content)).await? {
                Attempt::Had(partial) => return Ok(Taken::Over(partial)),
                other => other,
            };
            if let Some(sink) = found_after(&attempt, path, content).await? {
                return Ok(Taken::There(Box::new(sink)));
            }
        }
    }

    fn attempt(path: PathBuf, content: Content) -> Result<Attempt> {
        let partial = partial_path(&path, &content.digest);
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
            return Ok(Attempt::Busy);
        }
        if !is_at(&file, &partial).map_err(failed)? {
            return Ok(Attempt::Moved);
        }
        Ok(Attempt::Had(Self {
            content,
            file,
            partial,
            path,
        }))
    }

    /// Has a function write all of it, and finishes it.
    fn put<E: From<Error>>(
        mut self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |error| Error::io("write", &self.partial, error);
        self.file.set_len(0).map_err(failed)?;
        match write(&mut self.file) {
            Ok(()) => Ok(self.finish()?),
            Err(error) => {
                // Still locked, so it is nobody else's.
                let _ = std::fs::remove_file(&self.partial);
                Err(error)
            }
        }
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
    let sink = feed(&mut file, content)?;
    file.set_len(sink.offset())?;
    file.seek(SeekFrom::Start(sink.offset()))?;
    Ok(sink)
}

/// A sink that took what is in a file; or nothing, if the file is longer than the blob.
fn feed(file: &mut File, content: Content) -> io::Result<BlobSink> {
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
            return Ok(sink);
        }
        if sink.chunk(bytes).is_err() {
            return Ok(BlobSink::new(content));
        }
    }
}

/// Whether an open file is the one at a path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let open = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an open file is the one at a path.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
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

    async fn taken(path: &Path) -> Partial {
        match Partial::take_over(path, content()).await.unwrap() {
            Taken::Over(partial) => partial,
            Taken::There(_) => panic!("it is there"),
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
            let partial = taken(&path).await;
            std::fs::write(&partial.partial, left).unwrap();
            let (sink, _) = partial.resume().await.unwrap();
            assert_eq!(sink.offset(), expected, "{left}");
            let metadata = std::fs::metadata(&partial.partial).unwrap();
            assert_eq!(metadata.len(), expected);
        }
    }

    #[tokio::test]
    async fn whoever_wants_the_same_waits_and_has_nothing_left_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let first = taken(&path).await;
        let second = tokio::spawn({
            let path = path.clone();
            async move { Partial::take_over(&path, content()).await }
        });
        sleep(3 * PATIENCE).await;
        assert!(!second.is_finished());
        std::fs::write(&first.partial, "0123456789").unwrap();
        first.finish().unwrap();
        let second = second.await.unwrap().unwrap();
        assert!(matches!(second, Taken::There(sink) if sink.is_verified()));
        assert!(holds(&path, content()));
    }

    #[tokio::test]
    async fn whoever_waited_for_one_that_failed_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let first = taken(&path).await;
        let second = tokio::spawn({
            let path = path.clone();
            async move { taken(&path).await }
        });
        sleep(3 * PATIENCE).await;
        std::fs::write(&first.partial, "0123").unwrap();
        drop(first);
        let second = second.await.unwrap();
        let (sink, _) = second.resume().await.unwrap();
        assert_eq!(sink.offset(), 4);
    }

    #[tokio::test]
    async fn what_is_put_replaces_what_was_there_and_a_failure_leaves_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "old").unwrap();
        let failing = put(&path, content(), |file| {
            file.write_all(b"0123").unwrap();
            Err(Error::Impossible("no more".into()))
        });
        failing.await.unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
        let failed = |error| Error::io("write", Path::new("file"), error);
        put(&path, content(), move |file| {
            file.write_all(b"0123456789").map_err(failed)
        })
        .await
        .unwrap();
        assert!(holds(&path, content()));
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    }
}
