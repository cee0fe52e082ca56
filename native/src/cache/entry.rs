//! Reading and writing one entry.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ocirepo::Digest;
use ocirepo::digest::Hasher;
use tempfile::NamedTempFile;

use super::{Cache, Stamp};
use crate::error::{Error, Result};

/// The size of the pieces in which files are read, in bytes.
const PIECE: usize = 64 << 10;

/// Content that was found in the cache, open for reading from its start. It stays
/// readable when it is evicted.
#[derive(Debug)]
pub struct CacheEntry {
    digest: Digest,
    file: File,
    path: PathBuf,
    stamp: Stamp,
}

impl CacheEntry {
    pub(crate) fn new(digest: Digest, file: File, path: PathBuf) -> Result<Self> {
        let metadata = file
            .metadata()
            .map_err(|error| Error::io("look at", &path, error))?;
        Ok(Self {
            digest,
            stamp: Stamp::of(&metadata),
            file,
            path,
        })
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.stamp.size
    }

    /// The file, to read from or to clone the handle of.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The open file, at its start.
    pub fn into_file(self) -> File {
        self.file
    }

    /// Reads all of it into memory.
    ///
    /// # Errors
    /// When it has more than `cap` bytes, or the disk fails.
    pub fn read(mut self, cap: u64) -> Result<Vec<u8>> {
        let size = self.size();
        if size > cap {
            let message = format!("{size} bytes, and at most {cap} were asked for");
            return Err(self.failed("read", io::Error::other(message)));
        }
        let mut content = Vec::new();
        match self.file.read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Hashes the file and goes back to its start.
    pub(super) fn is_intact(&mut self) -> Result<bool> {
        let mut hasher = Hasher::new(self.digest.algorithm());
        let mut piece = vec![0; PIECE];
        loop {
            match self.file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => hasher.update(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("read", error)),
            }
        }
        match self.file.seek(SeekFrom::Start(0)) {
            Ok(_) => Ok(hasher.finish() == self.digest),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// Marks the entry as used now. A cache on a read-only disk works without.
    pub(super) fn touch(&mut self) -> Stamp {
        let now = SystemTime::now();
        if self
            .file
            .set_times(FileTimes::new().set_modified(now))
            .is_ok()
            && let Ok(metadata) = self.file.metadata()
        {
            self.stamp = Stamp::of(&metadata);
        }
        self.stamp
    }

    pub(super) fn remove(&self) {
        // Somebody else may have done so; what stays is found damaged again.
        let _ = fs::remove_file(&self.path);
    }

    fn failed(&self, doing: &'static str, error: io::Error) -> Error {
        Error::io(doing, &self.path, error)
    }
}

/// New content on its way into the cache; dropping it throws it away.
#[derive(Debug)]
pub struct CacheWriter {
    cache: Cache,
    digest: Digest,
    /// None where whoever writes has hashed the content.
    hasher: Option<Hasher>,
    file: NamedTempFile,
    size: u64,
}

impl CacheWriter {
    pub(super) fn new(cache: Cache, digest: Digest, hasher: Option<Hasher>) -> Result<Self> {
        let dir = cache.dir().join("new");
        let failed = |error| Error::io("make a file in", &dir, error);
        // The lock says that somebody works on it. Whoever clears away what nobody works on
        // may have come between making and locking it.
        let file = loop {
            let file = NamedTempFile::new_in(&dir).map_err(failed)?;
            // On Windows a lock keeps readers out, too.
            let unlocked = cfg!(windows) || file.as_file().lock().is_err();
            if unlocked || file.path().exists() {
                break file;
            }
        };
        Ok(Self {
            hasher,
            cache,
            digest,
            file,
            size: 0,
        })
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// When the disk fails, such as when it is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io("write", self.file.path(), error))
    }

    /// The number of bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A second handle of the file that is being written, for readers that follow the
    /// writer. What they read is not verified yet.
    ///
    /// # Errors
    /// When the system has no more handles.
    pub fn reader(&self) -> Result<File> {
        File::open(self.file.path()).map_err(|error| Error::io("open", self.file.path(), error))
    }

    /// Makes the content an entry, if it is what its digest says.
    ///
    /// # Errors
    /// When it is something else, or the disk fails.
    pub fn finish(self) -> Result<CacheEntry> {
        let path = self.cache.path(&self.digest);
        let found = self.hasher.map_or(self.digest, Hasher::finish);
        if found != self.digest {
            let message = format!("the content hashes to {found}; it was thrown away");
            return Err(Error::io("cache", &path, io::Error::other(message)));
        }
        let failed = |error| Error::io("cache", &path, error);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        // Under the name of the entry somebody may evict it before it is open.
        let file = File::open(self.file.path()).map_err(failed)?;
        self.file
            .persist(&path)
            .map_err(|error| failed(error.error))?;
        let entry = CacheEntry::new(self.digest, file, path)?;
        self.cache.checked().insert(self.digest, entry.stamp());
        self.cache.added(self.size)?;
        Ok(entry)
    }
}
