//! Directories that are gone when they are dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A new, empty directory, removed with everything in it on drop.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the directory, below `OCIREPO_LAB_DIR` or the system's own place for such.
    ///
    /// `OCIREPO_LAB_KEEP` in the environment keeps it, for looking at after a failure.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(purpose: &str) -> io::Result<Scratch> {
        let above = std::env::var_os("OCIREPO_LAB_DIR")
            .map_or_else(std::env::temp_dir, |lab| PathBuf::from(lab).join("scratch"));
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = above.join(format!("{purpose}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Scratch { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::env::var_os("OCIREPO_LAB_KEEP").is_none() {
            // What a failed removal leaves is below the target directory, and harms nobody.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
