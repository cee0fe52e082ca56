//! Why something is not published.

use std::fmt;

use ocirepo::Digest;

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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSource { path, digest } => write!(
                f,
                "the registry no longer has the content of {path} ({digest}); give that file \
                 again"
            ),
        }
    }
}

impl std::error::Error for Refusal {}
