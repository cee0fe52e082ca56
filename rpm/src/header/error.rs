//! Why an RPM package cannot be read.

use std::fmt;
use std::io;

use crate::error::{excerpt, shorten};

/// What is wrong with a package, for a program to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderErrorKind {
    /// It is something else than an RPM package.
    NotAPackage,
    /// It ends before what it says it has.
    Truncated,
    /// Its header is not what the format says, or lacks what every package has.
    Malformed,
    /// Its header is not the one that was signed with its digest: it was damaged.
    Damaged,
    /// It exceeds a cap of [`HeaderOptions`](super::HeaderOptions).
    TooLarge,
    /// The host could not read it.
    Source,
}

/// Why a package cannot be read. Displays as one line that names the file.
#[derive(Clone, Debug)]
pub struct HeaderError {
    kind: HeaderErrorKind,
    file: Box<str>,
    message: String,
}

impl HeaderError {
    pub(super) fn new(kind: HeaderErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            file: Box::default(),
            message: message.into(),
        }
    }

    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(HeaderErrorKind::Malformed, message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(HeaderErrorKind::TooLarge, message)
    }

    pub(super) fn source(error: &io::Error) -> Self {
        Self::new(HeaderErrorKind::Source, excerpt(&error.to_string()))
    }

    pub(super) fn in_file(mut self, file: &str) -> Self {
        self.file = shorten(file, 4096).into();
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> HeaderErrorKind {
        self.kind
    }

    /// The file it is about, as the caller named it.
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.file, self.message)
    }
}

impl std::error::Error for HeaderError {}
