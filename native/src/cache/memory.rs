//! What a reader remembers of each repository between runs, so that it notices when it
//! is shown an older state than before.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use ocirepo::Digest;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::{Error, Result};

/// What is known of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Where it is, as it was written.
    pub location: String,
    /// The layout it was found in, by its name.
    pub layout: Option<String>,
    /// The highest sequence number of a verified snapshot.
    pub sequence: Option<u64>,
    /// The digest of that snapshot.
    pub digest: Option<Digest>,
    /// The highest revision of a verified `repomd.xml`.
    pub revision: Option<u64>,
}

/// A directory with one small file for each repository.
#[derive(Clone, Debug)]
pub struct Memory {
    dir: PathBuf,
}

impl Memory {
    /// The memory in a directory, which is made when something is to be remembered.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The user's: `$XDG_STATE_HOME/ocirepo/repositories`. `None` without a home.
    pub fn of_user(environment: &Environment) -> Option<Self> {
        let dir = environment.state_home()?;
        Some(Self::new(dir.join("ocirepo/repositories")))
    }

    /// What is remembered of a repository.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged: taking it for nothing would let an
    /// older state through.
    pub fn recall(&self, location: &str) -> Result<Option<Remembered>> {
        let path = self.path(location);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        match serde_json::from_slice(&text) {
            Ok(remembered) => Ok(Some(remembered)),
            Err(error) => Err(Error::config(
                path,
                format!(
                    "damaged ({error}); remove it to forget which state of {location} was seen last"
                ),
            )),
        }
    }

    /// Remembers what was seen. Sequence and revision never go down, whoever else
    /// writes at the same time; the layout is the one seen last. Returns what is
    /// remembered now.
    ///
    /// # Errors
    /// When the disk fails or the old file is damaged.
    pub fn remember(&self, seen: &Remembered) -> Result<Remembered> {
        let _lock = self.lock()?;
        let mut known = self.recall(&seen.location)?.unwrap_or_default();
        known.location.clone_from(&seen.location);
        if seen.layout.is_some() {
            known.layout.clone_from(&seen.layout);
        }
        // Revisions decide where nobody counts.
        if (seen.sequence, seen.revision) >= (known.sequence, known.revision) {
            known.sequence = seen.sequence;
            known.digest = seen.digest.or(known.digest);
        }
        known.revision = known.revision.max(seen.revision);
        self.write(&known)?;
        Ok(known)
    }

    /// Forgets a repository, so that any state of it is accepted again.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn forget(&self, location: &str) -> Result<()> {
        let path = self.path(location);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, known: &Remembered) -> Result<()> {
        let path = self.path(&known.location);
        let failed = |error| Error::io("write", &path, error);
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.dir)
            .map_err(failed)?;
        serde_json::to_writer_pretty(&mut file, known).map_err(|error| failed(error.into()))?;
        file.write_all(b"\n").map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Waits until no other process changes the memory. Ends when it is dropped.
    fn lock(&self) -> Result<fs::File> {
        fs::create_dir_all(&self.dir).map_err(|error| Error::io("make", &self.dir, error))?;
        let path = self.dir.join(".lock");
        let failed = |error| Error::io("lock", &path, error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }

    /// Locations have slashes and may be long, so files are named by their hash.
    fn path(&self, location: &str) -> PathBuf {
        let name = Digest::of(location.as_bytes()).hex();
        self.dir.join(format!("{name}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sequence: u64, content: &[u8]) -> Remembered {
        Remembered {
            location: "oci://reg.example/repo:el9".into(),
            layout: Some("index".into()),
            sequence: Some(sequence),
            digest: Some(Digest::of(content)),
            revision: Some(sequence * 10),
        }
    }

    #[test]
    fn the_highest_sequence_is_kept_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(dir.path().join("deep/memory"));
        let location = &seen(1, b"").location;
        assert_eq!(memory.recall(location).unwrap(), None);

        memory.remember(&seen(5, b"five")).unwrap();
        assert_eq!(
            memory.remember(&seen(3, b"three")).unwrap(),
            seen(5, b"five")
        );
        assert_eq!(memory.recall(location).unwrap(), Some(seen(5, b"five")));
        memory.remember(&seen(6, b"six")).unwrap();
        assert_eq!(memory.recall(location).unwrap(), Some(seen(6, b"six")));

        memory.forget(location).unwrap();
        memory.forget(location).unwrap();
        assert_eq!(memory.recall(location).unwrap(), None);
    }

    #[test]
    fn a_damaged_memory_is_an_error_and_not_a_clean_slate() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(dir.path());
        let seen = seen(1, b"one");
        memory.remember(&seen).unwrap();
        fs::write(memory.path(&seen.location), "{\"sequence\":").unwrap();
        let error = memory.recall(&seen.location).unwrap_err().to_string();
        assert!(error.contains("remove it to forget"), "{error}");
        assert!(memory.remember(&seen).is_err());
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(dir.path());
        std::thread::scope(|scope| {
            for sequence in 0..16 {
                let memory = &memory;
                scope.spawn(move || memory.remember(&seen(sequence, b"")).unwrap());
            }
        });
        let known = memory.recall(&seen(0, b"").location).unwrap().unwrap();
        assert_eq!(known.sequence, Some(15));
    }
}
