//! Why something is not published.

use std::fmt;

use ocirepo::Digest;
use ocirepo::reference::{Repository, Tag};

/// Why something was not published, though the registry answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The registry does not have the content of a file, and nobody gave it.
    NoSource {
        /// The path of the file in the repository.
        path: String,
        /// Its digest.
        digest: Digest,
    },
    /// What is there is not what the caller expected.
    Unexpected {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// What was expected there.
        expected: Digest,
        /// What is there.
        found: Option<Digest>,
    },
    /// Others published again and again meanwhile.
    Overtaken {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// How often it was tried.
        attempts: u32,
    },
    /// The registry said that it moved the tag, and goes on giving what was there before.
    Stuck {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// What should be there.
        root: Digest,
    },
    /// The registry does not let a tag move.
    Immutable {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: Tag,
        /// What it points at.
        holds: Digest,
        /// What the registry said.
        cause: String,
    },
    /// A package cannot be read.
    Package {
        /// Why, naming the file.
        why: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSource { path, digest } => write!(
                f,
                "the registry does not have the content of {path} ({digest}); give that file \
                 again"
            ),
            Self::Unexpected {
                repository,
                tag,
                expected,
                found,
            } => {
                write!(f, "{repository}:{tag} is ")?;
                match found {
                    Some(found) => write!(f, "at {found}")?,
                    None => f.write_str("not there")?,
                }
                write!(
                    f,
                    ", not at {expected} as expected; look at what was published there, and \
                     publish on top of it"
                )
            }
            Self::Overtaken {
                repository,
                tag,
                attempts,
            } => write!(
                f,
                "others published at {repository}:{tag} again and again, {attempts} times; \
                 try again when they are done"
            ),
            Self::Stuck {
                repository,
                tag,
                root,
            } => write!(
                f,
                "the registry took {root} for {repository}:{tag} and still gives what was there \
                 before; look again later, and try again if it stays so"
            ),
            Self::Immutable {
                repository,
                tag,
                holds,
                cause,
            } => write!(
                f,
                "the tag {tag} of {repository} points at {holds}, and the registry does not \
                 let it move; make it mutable there, or publish at another tag ({cause})"
            ),
            Self::Package { why } => f.write_str(why),
        }
    }
}

impl std::error::Error for Refusal {}
