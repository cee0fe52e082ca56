//! Where the content of files is.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempPath;

use crate::error::Result;

/// Where the content of each file of a repository is on this side. A path that has none is
/// content that only the registry has, or that is fetched when it turns out to be needed.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    local: BTreeMap<String, Local>,
    fetch: Option<Arc<dyn Fetch>>,
}

/// Fetches the content of files that are not on this side, one by one: only those that the
/// registry does not have, and each only when it is its turn.
pub trait Fetch: std::fmt::Debug + Send + Sync {
    /// Fetches the file at a path of the repository, verified; `None` where nobody has it.
    /// It is deleted when it is dropped.
    fn fetch<'a>(&'a self, path: &'a str) -> Fetching<'a>;
}

/// A file on its way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Option<TempPath>>> + Send + 'a>>;

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
        self.local.insert(path.into(), local);
    }

    /// Forgets the sources of other paths than those that are wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.local.retain(|path, _| wanted(path));
    }

    /// Fetches what is needed and has no place on this side.
    pub fn fetch_with(&mut self, fetch: Arc<dyn Fetch>) {
        self.fetch = Some(fetch);
    }

    /// Fetches the file at a path, where there is somebody who can.
    pub(super) async fn fetched(&self, path: &str) -> Result<Option<TempPath>> {
        match &self.fetch {
            Some(fetch) => fetch.fetch(path).await,
            None => Ok(None),
        }
    }

    /// Where the content of a path is.
    pub fn get(&self, path: &str) -> Option<&Local> {
        self.local.get(path)
    }
}
