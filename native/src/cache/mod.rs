//! Content on disk by digest, and what is remembered of repositories.

mod entry;
mod evict;
mod memory;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use ocirepo::Digest;
use ocirepo::digest::Hasher;

pub use self::entry::{CacheEntry, CacheWriter};
pub use self::memory::{Memory, Remembered};

use crate::error::{Error, Result};

/// How much a cache holds when nobody says otherwise, in bytes.
pub const DEFAULT_LIMIT: u64 = 10 << 30;

/// When an entry is hashed again before it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recheck {
    /// Each time.
    Always,
    /// The first time in this process, and again when its size or time changed.
    #[default]
    Once,
    /// Never; only its size is compared when that is known.
    Never,
}

/// A directory of content by digest that several processes share.
///
/// - Nothing enters that does not hash to its name, and nothing leaves that was not
///   checked as [`Recheck`] says. A damaged entry is removed and counts as missing.
/// - An entry appears in one step, by renaming; readers keep an open file, so that
///   eviction by another process harms nobody.
/// - When the entries outgrow the limit, those that were not used for longest go.
///   One process at a time evicts.
///
/// All functions block on the disk: asynchronous callers run them where that is allowed.
#[derive(Clone, Debug)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    limit: u64,
    recheck: Recheck,
    /// What was found intact in this process.
    checked: Mutex<BTreeMap<Digest, Stamp>>,
    /// Bytes added since the entries were last counted; more than the limit at first.
    uncounted: AtomicU64,
}

/// What would change if somebody else wrote to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    written: Option<SystemTime>,
    /// When the system last changed anything about it, in seconds and nanoseconds. Nobody
    /// can set that back, as they can the time of writing. 0 where systems do not tell.
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        #[cfg(unix)]
        let changed = {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.ctime(), metadata.ctime_nsec())
        };
        #[cfg(not(unix))]
        let changed = (0, 0);
        Self {
            size: metadata.len(),
            written: metadata.modified().ok(),
            changed,
        }
    }
}

impl Cache {
    /// Opens the cache in a directory, and makes the directory when there is none. It
    /// grows to about `limit` bytes.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(dir: impl Into<PathBuf>, limit: u64) -> Result<Self> {
        let dir = dir.into();
        for part in ["content", "new"] {
            let path = dir.join(part);
            fs::create_dir_all(&path).map_err(|error| Error::io("make", &path, error))?;
        }
        Ok(Self(Arc::new(Inner {
            dir,
            limit,
            recheck: Recheck::default(),
            checked: Mutex::default(),
            uncounted: AtomicU64::new(u64::MAX),
        })))
    }

    /// Sets when entries are hashed again. To be called before the cache is shared.
    pub fn recheck(mut self, recheck: Recheck) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.recheck = recheck;
        }
        self
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Looks for content and opens it. `None` when it is not there or was damaged.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn get(&self, digest: &Digest) -> Result<Option<CacheEntry>> {
        let path = self.path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", &path, error)),
        };
        let mut entry = CacheEntry::new(*digest, file, path)?;
        let stamp = entry.stamp();
        let must_check = match self.0.recheck {
            Recheck::Always => true,
            Recheck::Never => false,
            Recheck::Once => self.checked().get(digest) != Some(&stamp),
        };
        if must_check && !entry.is_intact()? {
            tracing::warn!(%digest, "removed a damaged entry from the cache");
            entry.remove();
            self.checked().remove(digest);
            return Ok(None);
        }
        let stamp = entry.touch();
        self.checked().insert(*digest, stamp);
        Ok(Some(entry))
    }

    /// Whether there is an entry, without looking at its content.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Begins to write new content. Nothing is seen of it until
    /// [`CacheWriter::finish`] found it right.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn writer(&self, digest: Digest) -> Result<CacheWriter> {
        let hasher = Hasher::new(digest.algorithm());
        CacheWriter::new(self.clone(), digest, Some(hasher))
    }

    /// Begins to write content that somebody verifies on its way here, as every pull does: it is
    /// not hashed again. Whoever writes it calls [`CacheWriter::finish`] only when it was right.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn writer_of_verified(&self, digest: Digest) -> Result<CacheWriter> {
        CacheWriter::new(self.clone(), digest, None)
    }

    /// Puts content in that is at hand.
    ///
    /// # Errors
    /// When it does not hash to the digest, or the disk fails.
    pub fn put(&self, digest: Digest, content: &[u8]) -> Result<CacheEntry> {
        let mut writer = self.writer(digest)?;
        writer.write(content)?;
        writer.finish()
    }

    /// Removes an entry, if it is there.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remove(&self, digest: &Digest) -> Result<()> {
        self.checked().remove(digest);
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the entries that were not used for longest, down to the limit. It runs
    /// by itself after a while of writing; returns the number of bytes that are left,
    /// or `None` when another process is at it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn evict(&self) -> Result<Option<u64>> {
        let lock = self.0.dir.join("evict.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(|error| Error::io("open", &lock, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(Error::io("lock", &lock, error)),
        }
        self.0.uncounted.store(0, Ordering::Relaxed);
        evict::leftovers(&self.0.dir.join("new"))?;
        // A process that runs for months must not remember all it ever had.
        let mut forget = |path: &Path| {
            if let Some(digest) = digest_of(path) {
                self.checked().remove(&digest);
            }
        };
        let content = self.0.dir.join("content");
        evict::down_to(&content, self.0.limit, &mut forget).map(Some)
    }

    /// Counts what was added, and evicts when it may be too much.
    fn added(&self, bytes: u64) -> Result<()> {
        let add = |before: u64| Some(before.saturating_add(bytes));
        let uncounted = &self.0.uncounted;
        let before = uncounted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        let (Ok(before) | Err(before)) = before;
        if before.saturating_add(bytes) > self.0.limit / 16 {
            self.evict()?;
        }
        Ok(())
    }

    /// `content/sha256/ab/abcd…`
    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let shelf = hex.get(..2).unwrap_or(&hex);
        let mut path = self.0.dir.join("content");
        path.push(digest.algorithm().as_str());
        path.push(shelf);
        path.push(&hex);
        path
    }

    fn checked(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Stamp>> {
        // A panic elsewhere leaves the map whole.
        self.0
            .checked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digest of the entry at a path, as [`Cache::path`] makes it.
fn digest_of(path: &Path) -> Option<Digest> {
    let hex = path.file_name()?.to_str()?;
    let algorithm = path.parent()?.parent()?.file_name()?.to_str()?;
    format!("{algorithm}:{hex}").parse().ok()
}
