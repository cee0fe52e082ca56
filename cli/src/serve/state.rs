//! What the bridge keeps between runs: its secret, and what it served.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::guard::Secret;
use super::history::History;
use crate::exit::Failure;

/// Reads the secret, or makes one that nobody can guess.
pub(super) fn secret(path: &Path) -> Result<Secret, Failure> {
    let failed = |error: io::Error| {
        Failure::failed(format!(
            "cannot keep the secret in {}: {error}",
            path.display()
        ))
    };
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 16 => return Ok(Secret::new(text.trim().to_owned())),
        Ok(_) => {
            return Err(Failure::failed(format!(
                "the secret in {} has less than 16 characters; remove the file to get a new one",
                path.display()
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let secret = random()?;
    replace(path, format!("{secret}\n").as_bytes()).map_err(failed)?;
    Ok(Secret::new(secret))
}

/// 128 random bits in hex.
pub(crate) fn random() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What was served before; nothing when there is no file. A damaged file is no reason
/// not to start: it only costs clients in the middle of their work.
pub(super) fn history(path: &Path) -> History {
    let Ok(text) = fs::read(path) else {
        return History::default();
    };
    let mut history = serde_json::from_slice(&text).unwrap_or_else(|error| {
        tracing::warn!("forgetting what {} says: {error}", path.display());
        History::default()
    });
    history.prune(crate::clock::now());
    history
}

/// Puts a file in place at once, readable by its owner alone.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_a_short_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/secret");
        secret(&path).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        secret(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        fs::write(&path, "short").unwrap();
        assert!(secret(&path).is_err());
    }

    #[test]
    fn a_damaged_history_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.json");
        fs::write(&path, "{").unwrap();
        assert!(history(&path).candidates("a", "b", 0).is_empty());
    }
}
