//! Directories that are gone when they are dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What all names begin with; the process id follows.
const PREFIX: &str = "ocirepo-lab-";

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
        let above = std::env::var_os("OCIREPO_LAB_DIR");
        Scratch::below(
            &above.map_or_else(std::env::temp_dir, PathBuf::from),
            purpose,
        )
    }

    /// Makes the directory in the system's own place for such, where paths are short: the path
    /// of a socket must be.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn short(purpose: &str) -> io::Result<Scratch> {
        Scratch::below(&std::env::temp_dir(), purpose)
    }

    /// Makes the directory below another one.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn below(above: &Path, purpose: &str) -> io::Result<Scratch> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{purpose}", std::process::id());
        let path = above.join(name);
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

/// Removes what processes that are gone have left: what lives as long as a process is never
/// dropped, and a killed one drops nothing.
///
/// # Errors
/// When a directory that should be there cannot be read.
pub fn sweep(lab: &Path) -> io::Result<()> {
    for above in [lab, &std::env::temp_dir()] {
        if !above.is_dir() {
            continue;
        }
        for entry in fs::read_dir(above)? {
            let entry = entry?;
            let name = entry.file_name();
            let owner = name
                .to_str()
                .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
            if owner.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
                // Somebody else's is not ours to remove.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_left_is_swept() {
        let lab = Scratch::new("sweep").unwrap();
        let ours = lab.join(format!("{PREFIX}{}-0-x", std::process::id()));
        // Above the most process ids Linux can be told to have.
        let theirs = lab.join(format!("{PREFIX}4194305-0-x"));
        let other = lab.join("python");
        for directory in [&ours, &theirs, &other] {
            fs::create_dir(directory).unwrap();
        }
        sweep(lab.path()).unwrap();
        assert!(ours.exists() && other.exists() && !theirs.exists());
    }
}
