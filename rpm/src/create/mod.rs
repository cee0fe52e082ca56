//! Making a repository out of packages, and out of the snapshot that is there.
//!
//! 1. A light pass over the old `primary` gives an [`Entry`] for each old package;
//!    reading the files gives one for each new package.
//! 2. [`select`] decides which old packages stay and which new ones come, or why this
//!    cannot be. Nothing was read or written for it.
//! 3. [`Merge`] passes the old `primary`, `filelists` and `other` on, one package at a
//!    time: old packages keep their order, new ones come before the first old one whose
//!    location is greater. So sorted metadata stays sorted, in one pass.
//! 4. [`records::assemble`] lists what was written and what is kept in `repomd.xml`.
//!
//! ```
//! use ocirepo_rpm::create::{Change, Entry, Merge, New, Step, select};
//! use ocirepo_rpm::limits::Limits;
//! use ocirepo_rpm::primary::Primary;
//! use std::collections::VecDeque;
//!
//! let package = |name: &str| format!(
//!     r#"<package><name>{name}</name><arch>noarch</arch><version ver="1" rel="1"/>
//!     <checksum type="sha256">{:064x}</checksum><location href="{name}.rpm"/></package>"#,
//!     name.len());
//! let xml = format!("<metadata>{}{}</metadata>", package("a"), package("ccc"));
//! let read = || Primary::open(xml.as_bytes(), "primary.xml", Limits::default());
//!
//! let old: Vec<Entry> = read()?.map(|package| package.map(|p| (&p).into()))
//!     .collect::<Result<_, _>>()?;
//! let mut new = old[0].clone();
//! new.nevra.name = "bb".into();
//! new.checksum = ocirepo::Digest::of(b"bb").into();
//! new.location = "bb.rpm".parse()?;
//! let new = [New { entry: new, file: "./bb.rpm".to_owned() }];
//! let selection = select(&old, &new, &Change::default())?;
//!
//! let mut names = Vec::new();
//! for step in Merge::new(&selection, &old, &new, read()?, "primary.xml") {
//!     names.push(match step? {
//!         Step::Old(package) => package.nevra.name,
//!         Step::New(at) => new[at].entry.nevra.name.clone(),
//!     });
//! }
//! assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "bb", "ccc"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod merge;
pub mod records;
mod select;

use std::sync::Arc;

use crate::checksum::Checksum;
use crate::evr::Nevra;
use crate::href::Href;
use crate::package::Package;
use crate::publish::{self, source_name};
use crate::snapshot::PackageEntry;

pub use error::{SelectError, SelectErrorKind};
pub use merge::{Identified, Merge, Step};
pub use select::{Change, Fate, Removal, Selection, select};

/// What has to be known of every package at once: some 400 bytes for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name, version and architecture.
    pub nevra: Nevra,
    /// The checksum of the file.
    pub checksum: Checksum,
    /// Where it lies.
    pub location: Href,
    /// The name of its source package, which is its own name if it has none.
    pub source: Arc<str>,
    /// The size of the file in bytes.
    pub size: u64,
    /// When it was built, in seconds since 1970.
    pub build_time: u64,
}

impl From<&Package> for Entry {
    fn from(package: &Package) -> Self {
        let name = &package.nevra.name;
        let source = source_name(Some(&package.details.source_rpm), name);
        Self {
            nevra: package.nevra.clone(),
            checksum: package.checksum,
            location: package.location.clone(),
            // Most packages have the name of their source, which is shared already.
            source: match source == &**name {
                true => name.clone(),
                false => source.into(),
            },
            size: package.size.package,
            build_time: package.build_time,
        }
    }
}

impl<'a> From<&'a Entry> for PackageEntry<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            path: &entry.location,
            checksum: entry.checksum,
            // No package is empty: it was left out.
            size: (entry.size != 0).then_some(entry.size),
            name: &entry.nevra.name,
            source: &entry.source,
        }
    }
}

impl From<&Entry> for publish::Package {
    fn from(entry: &Entry) -> Self {
        Self {
            path: entry.location.clone(),
            checksum: entry.checksum,
            name: entry.nevra.name.to_string(),
            source: entry.source.to_string(),
        }
    }
}

/// A package that is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// What it is.
    pub entry: Entry,
    /// What errors call its file.
    pub file: String,
}

#[cfg(test)]
pub(crate) mod testing {
    //! Packages for tests.

    use super::{Entry, New};
    use ocirepo::Digest;

    /// A package by its NEVRA and what its file contains, at the root.
    pub(crate) fn entry(nevra: &str, content: &str) -> Entry {
        at(&format!("{nevra}.rpm"), nevra, content)
    }

    /// A package at a path.
    pub(crate) fn at(path: &str, nevra: &str, content: &str) -> Entry {
        let nevra: crate::evr::Nevra = nevra.parse().unwrap();
        Entry {
            source: nevra.name.clone(),
            nevra,
            checksum: Digest::of(content.as_bytes()).into(),
            location: path.parse().unwrap(),
            size: content.len() as u64,
            build_time: 1,
        }
    }

    /// A package to add, whose file is at the same path below `/tmp`.
    pub(crate) fn new(entry: Entry) -> New {
        New {
            file: format!("/tmp/{}", entry.location),
            entry,
        }
    }
}
