//! How an RPM repository is laid out as OCI content.
//!
//! Everything here is specified in `docs/format.md`; this module holds the vocabulary
//! that the reading side ([`snapshot`](crate::snapshot)) and the writing side
//! ([`publish`](crate::publish)) share: media types and annotations ([`mod@format`]), names
//! of tags ([`tags`]) and the trie that packages are spread over ([`shard`]).

pub mod format;
pub mod shard;
pub mod tags;
pub(crate) mod titles;
pub(crate) mod unpack;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the ways to lay out an RPM repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Layout {
    /// One OCI repository per file, with the tag `latest`; the file is the first layer.
    Tree,
    /// One artifact, with one layer per file, titled with its path.
    Files,
    /// An image index: first an artifact with the metadata, then artifacts with packages.
    Index,
    /// A catalogue, and one artifact per package; the metadata is made from the catalogue.
    Native,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 4] = [Self::Tree, Self::Files, Self::Index, Self::Native];

    /// The name: `tree`, `files`, `index` or `native`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Files => "files",
            Self::Index => "index",
            Self::Native => "native",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|layout| layout.as_str() == name)
            .ok_or_else(|| UnknownLayout(name.chars().take(40).collect()))
    }
}

/// A name that is no layout's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLayout(String);

impl fmt::Display for UnknownLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no layout; there are tree, files, index and native",
            self.0
        )
    }
}

impl std::error::Error for UnknownLayout {}
