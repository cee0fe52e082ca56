//! Errors of planning.

use std::fmt;

use crate::href::Href;
use crate::layout::Layout;
use crate::name::NameError;

/// Why a directory cannot be published. Nothing was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishError(pub(super) Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    NoRepomd,
    Twice(Href),
    MissingMetadata {
        path: Href,
        kind: String,
    },
    ChangedMetadata {
        path: Href,
        kind: String,
    },
    MissingPackage(Href),
    ChangedPackage(Href),
    Digest(Href),
    TooManyFiles {
        files: usize,
        layout: Layout,
        limit: usize,
    },
    TooLarge {
        layout: Layout,
        size: usize,
        limit: usize,
    },
    /// There is a catalogue and the layout has none, or the other way round.
    Catalogue(Layout),
    Tag(String),
    Repository(String),
    Name(NameError),
    Sequence,
}

impl From<Problem> for PublishError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<NameError> for PublishError {
    fn from(error: NameError) -> Self {
        Self(Problem::Name(error))
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::NoRepomd => f.write_str(
                "the directory has no repodata/repomd.xml; run createrepo_c in it first",
            ),
            Problem::Twice(path) => write!(f, "the file {path} is given twice"),
            Problem::MissingMetadata { path, kind } => write!(
                f,
                "{path} is not there, though repomd.xml lists it as {kind}; run createrepo_c again"
            ),
            Problem::ChangedMetadata { path, kind } => write!(
                f,
                "{path} is not what repomd.xml says about its {kind}; run createrepo_c again"
            ),
            Problem::MissingPackage(path) => write!(
                f,
                "the package {path} is not there, though primary lists it; run createrepo_c again"
            ),
            Problem::ChangedPackage(path) => write!(
                f,
                "the package {path} is not the one that primary lists; run createrepo_c again"
            ),
            Problem::Digest(path) => {
                write!(f, "the digest of {path} is not a SHA-256; give that one")
            }
            Problem::TooManyFiles {
                files,
                layout: Layout::Files,
                limit,
            } => write!(
                f,
                "{files} files do not fit the layout files, which takes {limit}; publish as index"
            ),
            Problem::TooManyFiles {
                files,
                layout: Layout::Native,
                limit,
            } => write!(
                f,
                "{files} files beside packages do not fit the layout native, which takes \
                 {limit}; publish as index"
            ),
            Problem::TooManyFiles {
                files,
                layout,
                limit,
            } => write!(
                f,
                "{files} metadata files do not fit the layout {layout}, which takes {limit}; \
                 remove old ones from repodata"
            ),
            Problem::TooLarge {
                layout,
                size,
                limit,
            } => write!(
                f,
                "a manifest of the layout {layout} would have {size} bytes, and registries \
                 take {limit}; shorten paths{}",
                match layout {
                    Layout::Files => ", or publish as index",
                    _ => ", or publish less in one repository",
                }
            ),
            Problem::Catalogue(Layout::Native) => {
                f.write_str("the layout native needs a catalogue, and none was given")
            }
            Problem::Catalogue(layout) => write!(
                f,
                "a catalogue was given, and the layout {layout} has none; publish as native"
            ),
            Problem::Tag(tag) => write!(
                f,
                "the tag {tag:?} cannot be published to: it is longer than 90 characters, or \
                 has the form of a tag that keeps a snapshot or a part of one; choose another"
            ),
            Problem::Repository(name) => write!(f, "{name:?} is no name of a repository"),
            Problem::Name(error) => error.fmt(f),
            Problem::Sequence => f.write_str(
                "the snapshot that is there has the highest number there is; publish to \
                 another tag",
            ),
        }
    }
}

impl std::error::Error for PublishError {}
