//! Errors of opening a repository.

use std::fmt;

use ocirepo::digest::Digest;
use ocirepo::reference::{Repository, Selector};

use crate::cosign::Verdict;
use crate::date::{rfc3339, span};
use crate::error::{MetadataError, excerpt};
use crate::layout::unpack::UnpackError;
use crate::name::NameError;
use crate::signature::SignatureError;

/// What is wrong with a repository, for a program to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnapshotErrorKind {
    /// There is nothing at the reference.
    NotFound,
    /// There is something that is no RPM repository.
    NotARepository,
    /// What makes the repository contradicts itself or cannot be read.
    Malformed,
    /// A manifest names content that the registry does not have.
    Incomplete,
    /// A file exceeds a cap.
    TooLarge,
    /// Keys were given and the repository is not signed.
    Unsigned,
    /// Keys were given and no signature is good.
    BadSignature,
    /// It is older than what the reader has seen.
    Rollback,
    /// It is older than the reader wants, or does not say how old it is.
    Stale,
    /// It changed again and again while it was read.
    Moving,
    /// The host answered what was not asked.
    Misuse,
}

/// Why a repository could not be opened, or a path not be found in it.
///
/// Displays as one line that begins with the repository.
#[derive(Clone, Debug)]
pub struct SnapshotError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    subject: String,
    problem: Problem,
}

#[derive(Clone, Debug)]
pub(super) enum Problem {
    NotFound {
        tree_too: bool,
    },
    NotARepository {
        found: String,
    },
    BadIndex(&'static str),
    NoFile(&'static str),
    Metadata(MetadataError),
    Archive(UnpackError),
    ArchiveContent(String),
    Ambiguous(String),
    MissingBlob {
        digest: Digest,
        what: &'static str,
    },
    MissingManifest {
        digest: Digest,
    },
    TooLarge {
        what: &'static str,
        size: u64,
        limit: u64,
    },
    Unsigned,
    BadSignature(SignatureError),
    NoRoot,
    RootUnsigned {
        digest: Digest,
        verdict: Verdict,
    },
    Undated,
    Stale {
        date: u64,
        now: u64,
        max_age: u64,
    },
    Rollback {
        seen: String,
        found: String,
    },
    Moving,
    Name(NameError),
    Misuse,
}

impl SnapshotError {
    pub(super) fn new(repository: &Repository, problem: Problem) -> Self {
        let subject = repository.to_string();
        Self(Box::new(Inner { subject, problem }))
    }

    pub(super) fn at(repository: &Repository, selector: &Selector, problem: Problem) -> Self {
        let joint = match selector {
            Selector::Tag(_) => ':',
            Selector::Digest(_) => '@',
        };
        let subject = format!("{repository}{joint}{selector}");
        Self(Box::new(Inner { subject, problem }))
    }

    /// What kind of error it is.
    pub fn kind(&self) -> SnapshotErrorKind {
        match &self.0.problem {
            Problem::NotFound { .. } | Problem::NoRoot => SnapshotErrorKind::NotFound,
            Problem::NotARepository { .. } => SnapshotErrorKind::NotARepository,
            Problem::BadIndex(_)
            | Problem::NoFile(_)
            | Problem::Metadata(_)
            | Problem::Archive(_)
            | Problem::ArchiveContent(_)
            | Problem::Ambiguous(_)
            | Problem::Name(_) => SnapshotErrorKind::Malformed,
            Problem::MissingBlob { .. } | Problem::MissingManifest { .. } => {
                SnapshotErrorKind::Incomplete
            }
            Problem::TooLarge { .. } => SnapshotErrorKind::TooLarge,
            Problem::Unsigned => SnapshotErrorKind::Unsigned,
            Problem::RootUnsigned { verdict, .. } if verdict.signatures().is_empty() => {
                SnapshotErrorKind::Unsigned
            }
            Problem::RootUnsigned { .. } => SnapshotErrorKind::BadSignature,
            Problem::Undated | Problem::Stale { .. } => SnapshotErrorKind::Stale,
            Problem::BadSignature(_) => SnapshotErrorKind::BadSignature,
            Problem::Rollback { .. } => SnapshotErrorKind::Rollback,
            Problem::Moving => SnapshotErrorKind::Moving,
            Problem::Misuse => SnapshotErrorKind::Misuse,
        }
    }

    /// What was found about each signature, when none was good.
    pub fn signature(&self) -> Option<&SignatureError> {
        match &self.0.problem {
            Problem::BadSignature(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { subject, problem } = &*self.0;
        write!(f, "{subject}: ")?;
        match problem {
            Problem::NotFound { tree_too: false } => f.write_str(
                "there is no such manifest; the tags that exist are listed by `ocirepo tags`",
            ),
            Problem::NotFound { tree_too: true } => f.write_str(
                "there is no such tag, and no repository in the tree layout (no \
                 repodata/repomd.xml:latest below it) either; check the name, or give the tag",
            ),
            Problem::NotARepository { found } => write!(
                f,
                "this is no RPM repository: {} without repodata/repomd.xml",
                excerpt(found)
            ),
            Problem::BadIndex(why) => {
                write!(f, "the index cannot be read as an RPM repository: {why}")
            }
            Problem::NoFile(why) => f.write_str(why),
            Problem::Metadata(error) => error.fmt(f),
            Problem::Archive(error) => {
                write!(f, "the archive of repodata cannot be used: {error}")
            }
            Problem::ArchiveContent(path) => write!(
                f,
                "{path} in the archive of repodata is not what repomd.xml says it is"
            ),
            Problem::Ambiguous(path) => write!(
                f,
                "layers with different content have the title of {path}; they must be \
                 titled with their paths in the repository"
            ),
            Problem::MissingBlob { digest, what } => write!(
                f,
                "the registry does not have {what}, {digest}, though a manifest lists it; \
                 the repository must be published again"
            ),
            Problem::MissingManifest { digest } => write!(
                f,
                "the registry does not have {digest}, though the index lists it; the \
                 repository must be published again"
            ),
            Problem::TooLarge { what, size, limit } => {
                write!(f, "{what} has {size} bytes; at most {limit} are read")
            }
            Problem::Unsigned => f.write_str(
                "keys were given, but the repository has no repodata/repomd.xml.asc; ask \
                 the publisher to sign it, or open it without keys",
            ),
            Problem::BadSignature(error) => error.fmt(f),
            Problem::NoRoot => f.write_str(
                "there is no such tag; and a repository in the tree layout has no root that \
                 could be signed, so it cannot be opened with --verify: give the keys of its \
                 repomd.xml with --key instead",
            ),
            Problem::RootUnsigned { digest, verdict } if verdict.signatures().is_empty() => {
                write!(
                    f,
                    "keys were given, but there is no signature of {digest}; ask the publisher \
                     to sign it (`ocirepo sign`), or open it without --verify"
                )
            }
            Problem::RootUnsigned { digest, verdict } => {
                write!(f, "no signature of {digest} by a given key is good")?;
                for checked in verdict.signatures() {
                    if let Err(refusal) = &checked.outcome {
                        write!(f, "; {}: {refusal}", checked.found)?;
                    }
                }
                Ok(())
            }
            Problem::Undated => f.write_str(
                "neither its root nor repomd.xml says when it was made, so it may be older \
                 than --max-age allows; open it without",
            ),
            Problem::Stale { date, now, max_age } => {
                let made = rfc3339(*date).unwrap_or_else(|| date.to_string());
                write!(
                    f,
                    "this snapshot was made {} ago ({made}), and at most {} are allowed; if the \
                     publisher has nothing newer, raise --max-age",
                    span(now.saturating_sub(*date)),
                    span(*max_age)
                )
            }
            Problem::Rollback { seen, found } => write!(
                f,
                "this snapshot ({found}) is older than one that was seen before ({seen}); \
                 if the publisher meant to go back, allow it with --allow-rollback"
            ),
            Problem::Moving => f.write_str(
                "repomd.xml and its signature did not match in three attempts, as if the \
                 repository was being published; try again later",
            ),
            Problem::Name(error) => error.fmt(f),
            Problem::Misuse => f.write_str("the host answered a question that was not asked"),
        }
    }
}

impl std::error::Error for SnapshotError {}
