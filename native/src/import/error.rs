//! Why a plain repository could not be read.

use std::fmt;

/// What went wrong, for a program to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportErrorKind {
    /// No mirror answered.
    Unavailable,
    /// Every mirror says that there is no such file.
    NotFound,
    /// What came is not what the metalink, the metadata or the signature vouches for.
    Corrupt,
    /// It asks for what is not done: a URL of another kind, metadata that would have to be
    /// rewritten.
    Refused,
}

/// Why a plain repository could not be read. Displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    kind: ImportErrorKind,
    message: String,
}

impl ImportError {
    pub(super) fn new(kind: ImportErrorKind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ImportErrorKind {
        self.kind
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ImportError {}
