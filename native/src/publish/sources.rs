//! Where the content of files is.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;

/// Where the content of each file of a repository is on this side. A path that has none is
/// content that only the registry has.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<String, Local>);

/// Content on this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    /// A file.
    File(PathBuf),
    /// A part of a file.
    Part {
        /// The file.
        file: PathBuf,
        /// Which bytes of it.
        range: Range<u64>,
    },
    /// Bytes at hand.
    Bytes(Bytes),
}

impl Sources {
    /// No sources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says where the content of the file at a path of the repository is.
    pub fn insert(&mut self, path: impl Into<String>, local: Local) {
        self.0.insert(path.into(), local);
    }

    /// Where the content of a path is.
    pub fn get(&self, path: &str) -> Option<&Local> {
        self.0.get(path)
    }
}
