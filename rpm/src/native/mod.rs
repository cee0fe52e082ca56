//! The layout `native`: a catalogue of packages instead of rpm-md.
//!
//! Every package is an artifact of its own, and the root of a snapshot is a manifest whose
//! config is the [`Catalogue`] and whose layers are its three [parts](Part): lines of JSON
//! with the facts of `primary`, of `filelists` and of `other`. The XML itself is in no
//! registry. [`Synthesis`] writes it when somebody asks, always the same bytes, so that
//! `repomd.xml`, which is written from the config alone, can name it by checksum and be
//! signed.
//!
//! ```text
//! publishing:  facts ──▶ CatalogueWriter ──▶ three parts, and what they become
//!                                               │
//!                                           Catalogue ──▶ config ──▶ signature
//!
//! reading:     config ──▶ Catalogue ──▶ repomd.xml
//!              part ──▶ Synthesis ──▶ primary.xml, filelists.xml or other.xml
//! ```
//!
//! ```
//! use ocirepo_rpm::limits::Limits;
//! use ocirepo_rpm::native::{Catalogue, CatalogueWriter, Part, Synthesis};
//! use ocirepo_rpm::repomd::Repomd;
//! use std::io::Read;
//!
//! // A repository without packages.
//! let writer = CatalogueWriter::new(0, [Vec::new(), Vec::new(), Vec::new()])?;
//! let (parts, files) = writer.finish(Some(1_700_000_000))?;
//! let catalogue = Catalogue::new(parts, &Repomd::default());
//!
//! let record = catalogue.record(Part::Packages).unwrap();
//! let mut primary = String::new();
//! Synthesis::new(Part::Packages, 0, &files[0][..], Limits::default())?
//!     .read_to_string(&mut primary)?;
//! assert_eq!(record.checksum, ocirepo::Digest::of(primary.as_bytes()).into());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `docs/format.md` specifies all of it.

mod catalogue;
mod line;
mod lines;
mod package;
mod synthesis;
mod write;

use std::fmt;

use crate::layout::format;

pub use catalogue::{Catalogue, MAX_CONFIG, is_kept};
pub use package::Artifact;
pub use synthesis::Synthesis;
pub use write::{CatalogueWriter, Parts};

/// A part of a catalogue: a gzip file with one line of JSON for each package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What `primary` says.
    Packages,
    /// What `filelists` says.
    Files,
    /// What `other` says.
    Changes,
}

impl Part {
    /// All parts, in the order they have in a manifest.
    pub const ALL: [Self; 3] = [Self::Packages, Self::Files, Self::Changes];

    /// The media type of its layer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Packages => format::CATALOGUE_PACKAGES,
            Self::Files => format::CATALOGUE_FILES,
            Self::Changes => format::CATALOGUE_CHANGES,
        }
    }

    /// The type that its XML has in `repomd.xml`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Packages => "primary",
            Self::Files => "filelists",
            Self::Changes => "other",
        }
    }

    /// The part that becomes a metadata file of that type.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.kind() == kind)
    }

    /// What the source of its content is called among those of files: no file has such a
    /// path.
    pub fn source_key(self) -> &'static str {
        match self {
            Self::Packages => "/packages",
            Self::Files => "/files",
            Self::Changes => "/changes",
        }
    }

    /// What errors call it.
    fn file(self) -> &'static str {
        match self {
            Self::Packages => "the packages of the catalogue",
            Self::Files => "the files of the catalogue",
            Self::Changes => "the changes of the catalogue",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Packages => "packages",
            Self::Files => "files",
            Self::Changes => "changes",
        })
    }
}
