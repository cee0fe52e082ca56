//! How a repository is opened: the options, the questions and the answers.

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::reference::{Repository, Selector};

use super::{List, Mark};
use crate::cosign::PublicKey;
use crate::layout::Layout;
use crate::signature::Keyring;

/// How a repository is to be opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The keys of the publisher. With them, a repository without a good signature of one
    /// of them is refused; with none in the keyring, every repository is.
    pub keys: Option<Keyring>,
    /// The publisher's keys for signatures of the root, as cosign makes them. With them, a
    /// repository whose root has no good signature of one of them is refused, before
    /// anything below the root is read; with none in the list, every repository is.
    pub cosign: Option<Vec<PublicKey>>,
    /// The most seconds that a snapshot may be old at `now`; see [`Snapshot::date`].
    ///
    /// [`Snapshot::date`]: super::Snapshot::date
    pub max_age: Option<u64>,
    /// The time, in Unix seconds, at which keys and signatures must be valid.
    pub now: u64,
    /// Read the signature although there are no keys, to hand it on with the `repomd.xml`
    /// it belongs to.
    pub signature: bool,
    /// The layout the repository had before, to save a request: what `tree` is asked for
    /// first. It is no promise.
    pub layout: Option<Layout>,
    /// The newest snapshot of the repository that was seen before.
    pub seen: Option<Mark>,
    /// Accept a snapshot older than that.
    pub allow_rollback: bool,
}

/// What the host is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Pull a manifest; [`Answer::Manifest`] with `None` says that there is none.
    Manifest {
        /// Where from.
        repository: Repository,
        /// Its tag or digest.
        selector: Selector,
    },
    /// List the manifests that refer to one; [`Answer::Referrers`].
    Referrers {
        /// Where from.
        repository: Repository,
        /// What they refer to.
        subject: Digest,
        /// The type they must have.
        artifact_type: String,
    },
    /// Pull a blob into memory, verified; [`Answer::Blob`] with `None` says that it is not
    /// there.
    Blob {
        /// Where from.
        repository: Repository,
        /// Its digest and size.
        descriptor: Descriptor,
        /// The most bytes it may have.
        limit: u64,
    },
}

/// What the host found. Errors that say nothing about existence are the host's own to
/// handle; the same question may be answered later.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Ask::Manifest`].
    Manifest(Option<Manifest>),
    /// To [`Ask::Referrers`]; none where there is nothing.
    Referrers(Vec<Descriptor>),
    /// To [`Ask::Blob`].
    Blob(Option<Vec<u8>>),
}

impl From<List> for Ask {
    fn from(list: List) -> Self {
        Self::Manifest {
            repository: list.repository,
            selector: list.selector,
        }
    }
}
