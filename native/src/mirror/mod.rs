//! Copying repositories, byte for byte, between registries and directories.
//!
//! [`copy`] takes a tag (or digest) with everything that belongs to it: the manifests
//! below it, configs and layers, manifests that have one of those as their subject,
//! cosign's `sha256-<hex>.sig` tags, the `c-` tags of the format, the tags of its snapshots,
//! and the packages of those, where they are artifacts of their own. [`copy_all`] takes a repository with all its tags. Blobs come before the
//! manifests that name them, manifests before indexes that list them, then the tags, and
//! last those that move: an interruption leaves the target readable, as it was. What the
//! target has is skipped, so a second run goes on where the first one ended.

mod blobs;
mod job;
pub(crate) mod packages;
mod place;
mod roots;
mod transfer;
mod tree;

use std::fmt;

use ocirepo::Digest;
use ocirepo::reference::{Selector, Tag};

use crate::error::{Error, Result};

pub use self::place::{Directory, Place};
pub use self::tree::copy_tree;

use self::roots::Roots;

/// How to copy.
pub struct Options {
    /// Copy the superseded snapshots of the tag too, so that readers with older metadata
    /// find their packages.
    pub snapshots: bool,
    /// Copy what refers to the manifests: signatures, attestations.
    pub referrers: bool,
    /// Ask for everything, although a manifest that is at the target says that what it
    /// names is there too.
    pub recheck: bool,
    /// Let the tag of the target go back to a snapshot that is older than what it is at.
    pub allow_rollback: bool,
    /// The time of day, in Unix seconds: since when what the target had is superseded. At
    /// 0 nothing says so.
    pub now: u64,
    /// Is told how far it is: manifests done, and manifests found so far.
    pub on_progress: Option<OnProgress>,
}

/// What is told how far a copy is.
pub type OnProgress = Box<dyn Fn(u64, u64) + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            snapshots: true,
            referrers: true,
            recheck: false,
            allow_rollback: false,
            now: 0,
            on_progress: None,
        }
    }
}

impl Copied {
    fn add(&mut self, other: &Self) {
        self.written += other.written;
        self.present += other.present;
        self.blobs.sent += other.blobs.sent;
        self.blobs.bytes += other.blobs.bytes;
        self.blobs.mounted += other.blobs.mounted;
        self.blobs.present += other.blobs.present;
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("snapshots", &self.snapshots)
            .field("referrers", &self.referrers)
            .field("recheck", &self.recheck)
            .field("allow_rollback", &self.allow_rollback)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The manifest or index at the tag; there is none where all tags were copied.
    pub root: Option<Digest>,
    /// How many manifests were written, and how many were there.
    pub written: u64,
    /// How many manifests the target had.
    pub present: u64,
    /// The blobs of the manifests that were written.
    pub blobs: Blobs,
    /// The tags that were put or moved, in that order.
    pub tags: Vec<Tag>,
    /// Tags that would say since when what the target had is superseded, and that could not
    /// be put. Whoever prunes the target then counts from the day of that.
    pub unmarked: Vec<Tag>,
}

/// How blobs came to the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blobs {
    /// How many were sent.
    pub sent: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many the registry took from the other repository.
    pub mounted: u64,
    /// How many were there.
    pub present: u64,
}

/// Copies what a tag or digest names, with everything that belongs to it, to a tag.
///
/// The snapshots of a moving tag that has another name at the target get tags of that
/// name. What the tag of the target pointed at before gets a tag that says since when it
/// is superseded, if it is a snapshot.
///
/// # Errors
/// [`Error::NotFound`] when the source has no such tag, or lacks what it refers to;
/// [`Error::Older`] when the target has a later snapshot; whatever the exchanges and the
/// disk fail with. The tag of the target is then as it was.
pub async fn copy(
    from: &Place,
    what: &Selector,
    to: &Place,
    tag: &Tag,
    options: Options,
) -> Result<Copied> {
    let roots = Roots::of_one(from, what, to, tag, &options).await?;
    job::run(from, to, roots, &options).await
}

/// Copies all tags of a repository, with everything that belongs to them. Tags that only
/// the target has stay there.
///
/// # Errors
/// [`Error::NotFound`] when the source does not list its tags; as for [`copy`].
pub async fn copy_all(from: &Place, to: &Place, options: Options) -> Result<Copied> {
    let roots = Roots::of_all(from, to, &options).await?;
    job::run(from, to, roots, &options).await
}

fn too_many(error: ocirepo_rpm::mirror::walk::TooMany) -> Error {
    Error::Impossible(error.to_string())
}
