//! Directories for as long as a process works.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

use tempfile::TempDir;

use crate::error::{Error, Result};

/// What their names begin with.
const PREFIX: &str = ".ocirepo-";

/// A directory that nobody else uses, and that is deleted on drop.
///
/// A process that is killed leaves its own behind: the next one that makes one beside it
/// deletes it.
#[derive(Debug)]
pub struct WorkDir {
    directory: TempDir,
    /// Locked, as a sign that somebody works here.
    _lock: Option<File>,
}

impl WorkDir {
    /// Makes one where the system has temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    /// Makes one in another directory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new_in(place: &Path) -> Result<Self> {
        let failed = |error| Error::io("make a directory in", place, error);
        let made = loop {
            let directory = tempfile::Builder::new()
                .prefix(PREFIX)
                .tempdir_in(place)
                .map_err(failed)?;
            // Where a directory cannot be locked nobody can be told apart from the dead, and
            // nobody sweeps.
            let lock = File::open(directory.path()).ok();
            let lock = lock.filter(|lock| lock.lock().is_ok());
            // Somebody may have swept it before it was locked.
            if directory.path().exists() {
                let _lock = lock;
                break Self { directory, _lock };
            }
        };
        if let Some(lock) = &made._lock {
            // What cannot be swept is in nobody's way.
            let _ = lock.metadata().and_then(|own| sweep(place, &own));
        }
        Ok(made)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Deletes the directories of processes that are gone.
fn sweep(place: &Path, own: &Metadata) -> io::Result<()> {
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // Others may put anything where everybody may write.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if !metadata.is_dir() || !is_of_same_owner(&metadata, own) {
            continue;
        }
        let lock = File::open(entry.path());
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_of_same_owner(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    one.uid() == other.uid()
}

#[cfg(not(unix))]
fn is_of_same_owner(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_is_swept_and_what_the_living_use_is_not() {
        let place = tempfile::tempdir().unwrap();
        let living = WorkDir::new_in(place.path()).unwrap();
        fs::write(living.path().join("file"), "kept").unwrap();
        let dead = place.path().join(".ocirepo-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("file"), "left").unwrap();
        let others = place.path().join("ocirepo");
        fs::create_dir(&others).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(elsewhere.path(), place.path().join(".ocirepo-link")).unwrap();

        let next = WorkDir::new_in(place.path()).unwrap();
        assert!(living.path().join("file").is_file());
        assert!(!dead.exists());
        assert!(others.exists() && elsewhere.path().exists());
        let path = next.path().to_owned();
        drop(next);
        assert!(!path.exists());
    }
}
