//! Reading TOML files so that every error names the file and the line.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Reads and parses a file; `None` when there is none.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("read", path, error)),
    };
    match toml::from_str(&text) {
        Ok(document) => Ok(Some(document)),
        Err(error) => Err(Error::Config {
            place: path.to_owned(),
            line: error.span().map(|span| {
                let before = text.get(..span.start).unwrap_or(&text);
                before.matches('\n').count() + 1
            }),
            message: error.message().to_owned(),
        }),
    }
}

/// The files of a directory whose names end in `suffix`, in the order of their names;
/// none when there is no such directory.
pub(super) fn files(dir: &Path, suffix: &str) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::io("list", dir, error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::io("list", dir, error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        if name.is_some_and(|name| name.len() > suffix.len() && name.ends_with(suffix))
            && path.is_file()
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
