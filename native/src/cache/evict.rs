//! Keeping the cache within its limit.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};

/// Where nothing is locked, unfinished files older than this are of a process that
/// was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes unfinished files that nobody works on any more: those that nobody has locked.
pub(super) fn leftovers(dir: &Path) -> Result<()> {
    let now = SystemTime::now();
    each_file(dir, &mut |path, metadata| {
        let age = metadata
            .modified()
            .ok()
            .and_then(|written| now.duration_since(written).ok());
        let Ok(file) = File::open(path) else {
            return;
        };
        let old = age.is_some_and(|age| age > ABANDONED);
        let abandoned = match file.try_lock() {
            Ok(()) => old || !cfg!(windows),
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(_)) => old,
        };
        // Removed while it is locked: whoever waits for the lock then makes another one.
        if abandoned {
            let _ = fs::remove_file(path);
        }
    })
}

/// Removes what was not used for longest until a tenth less than `limit` bytes are left,
/// so that the next entry does not start it again. Tells of what is gone, and returns how many
/// bytes are left.
pub(super) fn down_to(dir: &Path, limit: u64, gone: &mut dyn FnMut(&Path)) -> Result<u64> {
    let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    let mut total = 0u64;
    each_file(dir, &mut |path, metadata| {
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        total = total.saturating_add(metadata.len());
        entries.push((used, metadata.len(), path.to_owned()));
    })?;
    if total <= limit {
        return Ok(total);
    }
    let goal = limit - limit / 10;
    entries.sort();
    for (_, size, path) in entries {
        if total <= goal {
            break;
        }
        match fs::remove_file(&path) {
            Ok(()) => total = total.saturating_sub(size),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                total = total.saturating_sub(size);
            }
            Err(error) => return Err(Error::io("remove", &path, error)),
        }
        gone(&path);
    }
    Ok(total)
}

/// Calls `found` with every file below a directory. What vanishes meanwhile is passed
/// over: other processes are at work.
fn each_file(dir: &Path, found: &mut dyn FnMut(&Path, &fs::Metadata)) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("list", dir, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", dir, error))?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            each_file(&entry.path(), found)?;
        } else if metadata.is_file() {
            found(&entry.path(), &metadata);
        }
    }
    Ok(())
}
