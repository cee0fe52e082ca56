//! What to push, in which order, to publish a directory that has `repodata`.
//!
//! [`plan`] takes what is in the directory and what its metadata says, and the snapshot
//! that is there already, and gives a [`Plan`]: stages of blobs and manifests. A stage may
//! begin when the one before it is done; in each stage all blobs come before the
//! manifests, and otherwise the order is free. An interruption anywhere leaves what readers
//! see as it was, since the moving tag (in `tree`: `repomd.xml`) comes last; running the
//! same plan again goes on. The same input on the same parent gives the same plan, byte
//! for byte.
//!
//! ```
//! use ocirepo::Digest;
//! use ocirepo_rpm::href::Href;
//! use ocirepo_rpm::layout::Layout;
//! use ocirepo_rpm::publish::{self, Destination, File, Input};
//! use ocirepo_rpm::repomd::Repomd;
//!
//! let raw = br#"<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>7</revision></repomd>"#;
//! let repomd = Repomd::parse(raw)?;
//! let file = |path, content: &[u8]| File {
//!     path: Href::from_path(path).unwrap(),
//!     digest: Digest::of(content),
//!     size: content.len() as u64,
//! };
//! let input = Input {
//!     files: vec![file("RPM-GPG-KEY-me", b"key"), file("repodata/repomd.xml", raw)],
//!     repomd: &repomd,
//!     packages: Vec::new(),
//!     date: None,
//!     catalogue: None,
//! };
//! let to = Destination {
//!     repository: "localhost:5000/me/repo".parse::<ocirepo::Reference>()?.into_repository(),
//!     tag: "el9".parse()?,
//!     layout: None,
//!     merges: Vec::new(),
//! };
//! let plan = publish::plan(&input, &to, None)?;
//! assert_eq!(plan.layout, Layout::Files);
//! let tags: Vec<String> = plan.stages.iter()
//!     .flat_map(|stage| &stage.manifests)
//!     .map(|push| push.selector.to_string())
//!     .collect();
//! assert!(tags[0].starts_with("el9-s1-"));
//! assert_eq!(tags[1], "el9");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod error;
mod native;
mod parent;
mod single;
mod tree;

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::{Repository, Selector, Tag};

use crate::checksum::Checksum;
use crate::href::Href;
use crate::layout::Layout;
use crate::layout::format::{MAX_LAYERS, REPODATA, REPOMD, SIGNATURE, TITLE, media_type};
use crate::native::{Catalogue, Part};
use crate::package;
use crate::repomd::Repomd;

use error::Problem;

pub use error::PublishError;
pub use native::{PackagePush, PackagePushes};
pub use parent::Parent;

/// A directory to publish.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// Every file in it, in any order.
    pub files: Vec<File>,
    /// What its `repodata/repomd.xml` says.
    pub repomd: &'a Repomd,
    /// What its `primary` says.
    pub packages: Vec<Package>,
    /// The date of the snapshot in Unix seconds, instead of repomd's revision.
    pub date: Option<u64>,
    /// What `native` has instead of `repomd.xml`, `primary`, `filelists` and `other`, which
    /// are then not among the files ([`native::is_kept`](crate::native::is_kept)).
    pub catalogue: Option<&'a Catalogue>,
}

/// A file of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub path: Href,
    /// The SHA-256 of its content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl File {
    /// The file with this content.
    pub fn of(path: Href, content: &[u8]) -> Self {
        Self {
            path,
            digest: Digest::of(content),
            size: content.len() as u64,
        }
    }
}

/// A package that `primary` lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its location.
    pub path: Href,
    /// The checksum of the file.
    pub checksum: Checksum,
    /// Its name.
    pub name: String,
    /// The name of its source package: [`source_name`].
    pub source: String,
}

impl From<&package::Package> for Package {
    fn from(package: &package::Package) -> Self {
        let name: &str = &package.nevra.name;
        Self {
            path: package.location.clone(),
            checksum: package.checksum,
            name: name.to_owned(),
            source: source_name(Some(&package.details.source_rpm), name).to_owned(),
        }
    }
}

/// Where to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The repository.
    pub repository: Repository,
    /// The moving tag. In `tree` there is none.
    pub tag: Tag,
    /// The layout; without, `files` if everything fits one manifest, and `index` if not.
    pub layout: Option<Layout>,
    /// Roots of snapshots outside of the line whose changes are in this one, such as those
    /// of a publisher who was overwritten.
    pub merges: Vec<Digest>,
}

/// What to push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The layout.
    pub layout: Layout,
    /// The steps, one after the other.
    pub stages: Vec<Stage>,
    /// The root of the snapshot; `tree` has none.
    pub root: Option<Digest>,
    /// The number of the snapshot; `tree` does not count.
    pub sequence: Option<u64>,
    /// Whether exactly this is published already, so that there is nothing to do.
    pub unchanged: bool,
}

/// One step of a plan: first all blobs and packages, in any order, then all manifests, in any
/// order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// What to push as blobs; each digest once for a repository.
    pub blobs: Vec<BlobPush>,
    /// Packages to push as artifacts of their own.
    pub packages: Vec<PackagePush>,
    /// What to push as manifests.
    pub manifests: Vec<ManifestPush>,
}

/// A blob to push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobPush {
    /// Where to.
    pub repository: Repository,
    /// Its digest and size.
    pub descriptor: Descriptor,
    /// Where its content is.
    pub source: Source,
    /// The snapshot before names it, so it is there: skip it, unless the registry says
    /// later that it is not.
    pub known: bool,
}

/// Where the content of a blob is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In this file of the directory.
    File(Href),
    /// In the part of the catalogue.
    Part(Part),
    /// Here.
    Bytes(Vec<u8>),
}

impl Source {
    /// What the content is called among the sources a host has, unless it is here.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path.path()),
            Self::Part(part) => Some(part.source_key()),
            Self::Bytes(_) => None,
        }
    }
}

/// A manifest to push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestPush {
    /// Where to.
    pub repository: Repository,
    /// The tag (or digest) to put it at.
    pub selector: Selector,
    /// The manifest.
    pub manifest: Manifest,
    /// The snapshot before lists it, so it is there.
    pub known: bool,
}

/// Plans the publishing of a directory.
///
/// `parent` is the snapshot that the moving tag points at now. Fails when the directory is
/// not what its metadata says, or does not fit the layout.
pub fn plan(
    input: &Input<'_>,
    to: &Destination,
    parent: Option<&Parent>,
) -> Result<Plan, PublishError> {
    let files = check::ordered(input)?;
    let layout = to.layout.unwrap_or(if input.catalogue.is_some() {
        Layout::Native
    } else if files.len() <= MAX_LAYERS {
        Layout::Files
    } else {
        Layout::Index
    });
    if (layout == Layout::Native) != input.catalogue.is_some() {
        return Err(Problem::Catalogue(layout).into());
    }
    if layout == Layout::Tree {
        return tree::plan(&files, to, parent);
    }
    single::plan(layout, input, &files, to, parent)
}

/// The name of the source package of a package: what stands before version and release in
/// the file name of its source RPM (`rpm:sourcerpm`), or its own name if it has none.
pub fn source_name<'a>(source_rpm: Option<&'a str>, name: &'a str) -> &'a str {
    source_rpm
        .and_then(|file| {
            let (rest, _release) = file.rsplit_once('-')?;
            let (source, _version) = rest.rsplit_once('-')?;
            (!source.is_empty()).then_some(source)
        })
        .unwrap_or(name)
}

/// The layer of a file.
fn layer(file: &File) -> Descriptor {
    Descriptor::new(media_type(file.path.path()), file.digest, file.size)
        .annotate(TITLE, file.path.path())
}

/// The config of every artifact, and its content.
fn empty_config() -> (Descriptor, Vec<u8>) {
    let config = Descriptor {
        data: None,
        ..Descriptor::empty()
    };
    (config, b"{}".to_vec())
}

/// An artifact with these layers.
fn artifact(artifact_type: &str, layers: Vec<Descriptor>) -> ImageManifest {
    ImageManifest {
        config: empty_config().0,
        layers,
        ..ImageManifest::artifact(artifact_type)
    }
}

/// Whether a file is metadata, and which comes first in a manifest: `repomd.xml`, its
/// signature, the rest of `repodata`, everything else.
fn rank(path: &str) -> u8 {
    match path {
        REPOMD => 0,
        SIGNATURE => 1,
        _ if path.starts_with(REPODATA) => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::source_name;

    #[test]
    fn the_source_is_what_stands_before_version_and_release() {
        for (file, expected) in [
            (Some("bash-5.1.8-6.el9.src.rpm"), "bash"),
            (Some("python-a-b-1^git-2~rc.src.rpm"), "python-a-b"),
            (Some("odd.src.rpm"), "name"),
            (Some("-1-2.src.rpm"), "name"),
            (None, "name"),
        ] {
            assert_eq!(source_name(file, "name"), expected);
        }
    }
}
