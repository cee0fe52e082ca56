//! Where the file of a path is.

use std::io::Read;

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::reference::{Repository, Selector, Tag};

use super::error::{Problem, SnapshotError};
use super::{Content, Named, Snapshot};
use crate::checksum::Checksum;
use crate::error::MetadataError;
use crate::href::Href;
use crate::layout::format::{REPODATA, REPOMD, SIGNATURE, TITLE, media_type};
use crate::layout::shard::Key;
use crate::layout::tags;
use crate::limits::Limits;
use crate::name;
use crate::native::{Part, Synthesis};
use crate::package::Package;
use crate::publish::source_name;

/// How to get a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Here it is, verified.
    Held(&'a [u8]),
    /// By one blob.
    Blob(Blob),
    /// By making it from one blob.
    Made(Made),
    /// Pull that manifest, and [`Snapshot::listed`] tells the blob. If there is no such
    /// manifest, there is no such file.
    Listed(List),
    /// It may be a package: read `primary`, give it to [`Snapshot::learn_packages`], and
    /// ask again.
    Packages,
    /// There is no such file.
    Missing,
}

/// A file that is a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The repository the blob is in.
    pub repository: Repository,
    /// Its digest and size, which the content must have.
    pub descriptor: Descriptor,
    /// The checksum the content must have as well: the metadata names the file, but not
    /// by SHA-256, so that only a manifest vouches for the digest.
    pub checksum: Option<Checksum>,
    /// The manifest that lists the file: if the blob is not there, pull the manifest and
    /// ask once more. Some caches serve only blobs of manifests they have seen.
    pub list: Option<List>,
}

/// A file that is made from a part of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What it is made from.
    pub from: Blob,
    /// Which part that is.
    pub part: Part,
    /// How many packages the catalogue says it has.
    pub packages: u64,
    /// The digest of the file that results.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl Made {
    /// Writes the file, while it is read, from the bytes of [`Made::from`]. What results
    /// must still be compared with digest and size.
    pub fn make<R: Read>(&self, source: R) -> Result<Synthesis<R>, MetadataError> {
        let synthesis = Synthesis::new(self.part, self.packages, source, Limits::default())?;
        Ok(synthesis.at_most(self.size))
    }
}

/// A manifest to pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The repository it is in.
    pub repository: Repository,
    /// Its tag or digest.
    pub selector: Selector,
}

/// A package as `primary` lists it.
#[derive(Clone, Copy, Debug)]
pub struct PackageEntry<'a> {
    /// Its location.
    pub path: &'a Href,
    /// Checksum of the file (the `pkgid`).
    pub checksum: Checksum,
    /// Size of the file in bytes.
    pub size: Option<u64>,
    /// Its name.
    pub name: &'a str,
    /// The name of its source package, which [`source_name`](crate::publish::source_name)
    /// tells.
    pub source: &'a str,
}

impl<'a> From<&'a Package> for PackageEntry<'a> {
    fn from(package: &'a Package) -> Self {
        let size = package.size.package;
        Self {
            path: &package.location,
            checksum: package.checksum,
            // No package is empty: it was left out.
            size: (size != 0).then_some(size),
            name: &package.nevra.name,
            source: source_name(Some(&package.details.source_rpm), &package.nevra.name),
        }
    }
}

/// Any other file that metadata lists with its checksum, such as a delta RPM.
#[derive(Clone, Copy, Debug)]
pub struct FileEntry<'a> {
    /// Its path.
    pub path: &'a Href,
    /// Checksum of the file.
    pub checksum: Checksum,
    /// Size of the file in bytes.
    pub size: Option<u64>,
}

impl Snapshot {
    /// Takes the packages that `primary` lists: all of them, in one or several calls.
    pub fn learn_packages<'p>(&mut self, packages: impl IntoIterator<Item = PackageEntry<'p>>) {
        self.packages_learnt = true;
        for package in packages {
            let shard = match &self.content {
                Content::Index { packages, .. } => {
                    let path = package.path.path();
                    let key = Key::package(package.source, package.name, path);
                    packages.find(&key).map(|(at, _)| at)
                }
                _ => None,
            };
            let named = Named {
                checksum: package.checksum,
                size: package.size,
                package: true,
                shard,
            };
            self.named.insert(package.path.path().into(), named);
        }
    }

    /// Takes other files that metadata lists, such as the delta RPMs of `prestodelta`.
    pub fn learn_files<'p>(&mut self, files: impl IntoIterator<Item = FileEntry<'p>>) {
        for file in files {
            let named = Named {
                checksum: file.checksum,
                size: file.size,
                package: false,
                shard: None,
            };
            self.named.insert(file.path.path().into(), named);
        }
    }

    /// Whether the packages are known.
    pub fn knows_packages(&self) -> bool {
        self.packages_learnt
    }

    /// How to get the file of a path.
    ///
    /// Fails where the repository is at fault: a title that says nothing, or a name that
    /// `tree` cannot have.
    pub fn resolve(&self, path: &Href) -> Result<Target<'_>, SnapshotError> {
        if let Some(held) = self.held(path.path()) {
            return Ok(Target::Held(held));
        }
        if let Some(made) = self.made(path.path()) {
            return Ok(Target::Made(made));
        }
        let named = self.named.get(path.path());
        let titled = self.titled(path.path());
        if let Some(named) = named
            && let Some(digest) = named.checksum.to_digest()
        {
            // What a title means does not matter where the digest is known.
            let size = (named.size).or_else(|| self.listed_size(&digest));
            if let Some(size) = size {
                let descriptor = Descriptor::new(media_type(path.path()), digest, size);
                return Ok(Target::Blob(Blob {
                    repository: self.repository_of(path)?,
                    descriptor,
                    checksum: None,
                    list: self.list_of(path, named)?,
                }));
            }
        } else if let Some(layer) = titled? {
            return Ok(Target::Blob(Blob {
                repository: self.repository.clone(),
                descriptor: layer.clone(),
                checksum: named.map(|named| named.checksum),
                list: None,
            }));
        }
        self.by_manifest(path, named)
    }

    /// The blob of a file, from the manifest that [`Target::Listed`] named.
    ///
    /// `None` when the manifest does not list the file.
    pub fn listed(&self, path: &Href, manifest: &Manifest) -> Result<Option<Blob>, SnapshotError> {
        let named = self.named.get(path.path());
        let layer = match self.content {
            Content::Tree => manifest.layers().first(),
            // Its layers have the names that packages have anywhere.
            Content::Native { .. } => {
                let digest = named.and_then(|named| named.checksum.to_digest());
                let mut layers = manifest.layers().iter();
                layers.find(|layer| Some(layer.digest) == digest)
            }
            _ => manifest
                .layers()
                .iter()
                .find(|layer| layer.annotation(TITLE) == Some(path.path())),
        };
        let Some(layer) = layer else {
            return Ok(None);
        };
        let checksum = named.map(|named| named.checksum);
        let digest = checksum.and_then(|checksum| checksum.to_digest());
        Ok(Some(Blob {
            repository: self.repository_of(path)?,
            descriptor: Descriptor {
                digest: digest.unwrap_or(layer.digest),
                ..layer.clone()
            },
            checksum: checksum.filter(|_| digest.is_none()),
            list: None,
        }))
    }

    fn held(&self, path: &str) -> Option<&[u8]> {
        match path {
            REPOMD => Some(&self.raw_repomd),
            SIGNATURE if self.signature.is_some() => self.signature.as_deref(),
            _ => match &self.content {
                Content::Files { unpacked, .. } => unpacked.get(path).map(Vec::as_slice),
                _ => None,
            },
        }
    }

    /// What is to be made from the catalogue.
    fn made(&self, path: &str) -> Option<Made> {
        let Content::Native {
            root, catalogue, ..
        } = &self.content
        else {
            return None;
        };
        let (part, record) = catalogue.made(path)?;
        Some(Made {
            from: Blob {
                repository: self.repository.clone(),
                descriptor: catalogue.part(part).clone(),
                checksum: None,
                list: Some(List {
                    repository: self.repository.clone(),
                    selector: root.digest().into(),
                }),
            },
            part,
            packages: catalogue.packages(),
            digest: record.checksum.to_digest()?,
            size: record.size?,
        })
    }

    /// The layer with the title of a path, in the manifests that were read.
    fn titled(&self, path: &str) -> Result<Option<&Descriptor>, SnapshotError> {
        match &self.content {
            Content::Tree => Ok(None),
            Content::Files { titles, .. }
            | Content::Index { titles, .. }
            | Content::Native { titles, .. } => titles.find(path).map_err(|_| {
                SnapshotError::new(&self.repository, Problem::Ambiguous(path.to_owned()))
            }),
        }
    }

    /// The size of content, as a manifest that was read has it.
    fn listed_size(&self, digest: &Digest) -> Option<u64> {
        let layers = match &self.content {
            Content::Tree => &[],
            Content::Files { root, .. } | Content::Native { root, .. } => root.layers(),
            Content::Index { metadata, .. } => metadata.layers(),
        };
        layers
            .iter()
            .find(|layer| layer.digest == *digest)
            .map(|layer| layer.size)
    }

    /// The OCI repository that holds the file of a path.
    fn repository_of(&self, path: &Href) -> Result<Repository, SnapshotError> {
        match self.content {
            Content::Tree => tree_repository(&self.repository, path.path()),
            _ => Ok(self.repository.clone()),
        }
    }

    /// The tag of a package, in `native`.
    fn package_tag(&self, named: &Named) -> Option<Tag> {
        let digest = named.checksum.to_digest().filter(|_| named.package)?;
        tags::package(&digest)
    }

    /// The manifest that lists a file which metadata names.
    fn list_of(&self, path: &Href, named: &Named) -> Result<Option<List>, SnapshotError> {
        let digest = match &self.content {
            Content::Tree => return tree_list(&self.repository, path.path()).map(Some),
            Content::Files { root, .. } => root.digest(),
            Content::Native { root, .. } => match self.package_tag(named) {
                Some(tag) => {
                    return Ok(Some(List {
                        repository: self.repository.clone(),
                        selector: tag.into(),
                    }));
                }
                None => root.digest(),
            },
            Content::Index {
                metadata, packages, ..
            } => match named.shard.and_then(|at| packages.get(at)) {
                Some(shard) => shard.digest,
                None => metadata.digest(),
            },
        };
        Ok(Some(List {
            repository: self.repository.clone(),
            selector: digest.into(),
        }))
    }

    /// What is left when no manifest that was read lists the file, or none has its size.
    fn by_manifest(&self, path: &Href, named: Option<&Named>) -> Result<Target<'_>, SnapshotError> {
        let shard = match &self.content {
            Content::Files { .. } => None,
            Content::Native { .. } => {
                let tag = named.and_then(|named| self.package_tag(named));
                return Ok(match tag {
                    Some(tag) => Target::Listed(List {
                        repository: self.repository.clone(),
                        selector: tag.into(),
                    }),
                    None if self.packages_learnt || path.path().starts_with(REPODATA) => {
                        Target::Missing
                    }
                    None => Target::Packages,
                });
            }
            Content::Tree => {
                return Ok(Target::Listed(tree_list(&self.repository, path.path())?));
            }
            Content::Index {
                packages, other, ..
            } => {
                if let Some(named) = named {
                    named.shard.and_then(|at| packages.get(at))
                } else if path.path().starts_with(REPODATA) {
                    None
                } else if !self.packages_learnt && !packages.is_empty() {
                    return Ok(Target::Packages);
                } else {
                    let key = Key::file(path.path());
                    other.find(&key).map(|(_, shard)| shard)
                }
            }
        };
        Ok(shard.map_or(Target::Missing, |shard| {
            Target::Listed(List {
                repository: self.repository.clone(),
                selector: shard.digest.into(),
            })
        }))
    }
}

/// The OCI repository of a file in the `tree` layout.
pub(super) fn tree_repository(
    repository: &Repository,
    path: &str,
) -> Result<Repository, SnapshotError> {
    let name = name::encode_path(repository.name(), path)
        .map_err(|error| SnapshotError::new(repository, Problem::Name(error)))?;
    Repository::new(repository.registry.clone(), &name).map_err(|_| {
        // Names that are encoded are legal, unless the first one was not.
        SnapshotError::new(repository, Problem::Misuse)
    })
}

/// The manifest of a file in the `tree` layout.
pub(super) fn tree_list(repository: &Repository, path: &str) -> Result<List, SnapshotError> {
    Ok(List {
        repository: tree_repository(repository, path)?,
        selector: Tag::latest().into(),
    })
}
