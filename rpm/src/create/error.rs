//! Why packages cannot be put together.

use std::fmt;

use crate::error::excerpt;

/// What is wrong, for a program to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SelectErrorKind {
    /// Two files have the same name, version, release and architecture, and other content.
    SameName,
    /// Two packages would lie at the same path.
    SameLocation,
    /// A pattern means no package that is there.
    NothingToRemove,
}

/// Why packages cannot be put together into one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectError(pub(super) Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Of two new packages.
    TwoNew {
        nevra: String,
        first: String,
        second: String,
    },
    /// Of a new package and one that is there.
    Differs {
        nevra: String,
        file: String,
        location: String,
    },
    TwoAt {
        location: String,
        first: String,
        second: String,
    },
    Taken {
        location: String,
        file: String,
        by: String,
    },
    NothingToRemove(String),
}

impl From<Problem> for SelectError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl SelectError {
    /// What kind of error it is.
    pub fn kind(&self) -> SelectErrorKind {
        match self.0 {
            Problem::TwoNew { .. } | Problem::Differs { .. } => SelectErrorKind::SameName,
            Problem::TwoAt { .. } | Problem::Taken { .. } => SelectErrorKind::SameLocation,
            Problem::NothingToRemove(_) => SelectErrorKind::NothingToRemove,
        }
    }
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::TwoNew {
                nevra,
                first,
                second,
            } => write!(
                f,
                "{first} and {second} are both {nevra}, with different content; give one of them"
            ),
            Problem::Differs {
                nevra,
                file,
                location,
            } => write!(
                f,
                "{file} is {nevra}, which the repository has with different content at \
                 {location}; replace it with --replace, or build with another release"
            ),
            Problem::TwoAt {
                location,
                first,
                second,
            } => write!(
                f,
                "{first} and {second} would both lie at {location}; give one of them, or a \
                 folder with both"
            ),
            Problem::Taken { location, file, by } => write!(
                f,
                "{file} would lie at {location}, where the repository has {by}; rename the \
                 file, or replace what is there with --replace"
            ),
            Problem::NothingToRemove(pattern) => write!(
                f,
                "the repository has no package `{}` to remove; `ocirepo ls` shows what it has",
                excerpt(pattern)
            ),
        }
    }
}

impl std::error::Error for SelectError {}
