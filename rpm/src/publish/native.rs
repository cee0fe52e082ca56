//! The plan of `native`: a catalogue at the tag, and an artifact for each package.

use std::collections::BTreeSet;

use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::Repository;

use super::error::{Problem, PublishError};
use super::single::Content;
use super::{BlobPush, Destination, File, Input, ManifestPush, Parent, Source, layer, rank};
use crate::href::Href;
use crate::layout::format::{
    CATALOGUE, HEADER, MAX_LAYERS, PACKAGE_CONFIG, REPOSITORY, media_type,
};
use crate::layout::{Layout, tags};
use crate::native::{Artifact, Part};

/// A package to push as an artifact of its own.
///
/// What is to be pushed follows from the front of the package ([`Artifact::read`]). So a
/// plan for many packages does not hold all of it at once: read one, [expand] it, push that,
/// and forget it.
///
/// [expand]: PackagePush::expand
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePush {
    /// Where to.
    pub repository: Repository,
    /// Where it is in the directory.
    pub path: Href,
    /// Its SHA-256.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The snapshot before lists it, so everything is there.
    pub known: bool,
    /// The snapshot before has the package, in whatever layout.
    pub known_blob: bool,
}

/// What to push of one package: first the blobs, in any order, then the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePushes {
    /// Config, header and the package itself.
    pub blobs: [BlobPush; 3],
    /// The manifest, at the tag of the package.
    pub manifest: ManifestPush,
}

impl PackagePush {
    /// What to push of the package. `artifact` is what was read of it.
    ///
    /// # Errors
    /// When its digest is of another kind than packages are named by.
    pub fn expand(&self, artifact: Artifact) -> Result<PackagePushes, PublishError> {
        let tag = tags::package(&self.digest);
        let tag = tag.ok_or_else(|| Problem::Digest(self.path.clone()))?;
        let blob = |descriptor: Descriptor, source, known| BlobPush {
            repository: self.repository.clone(),
            descriptor,
            source,
            known,
        };
        let bytes = |media_type, content: Vec<u8>| {
            let descriptor = Descriptor::of(media_type, &content);
            blob(descriptor, Source::Bytes(content), false)
        };
        let rpm = Descriptor::new(media_type(".rpm"), self.digest, self.size);
        Ok(PackagePushes {
            blobs: [
                bytes(PACKAGE_CONFIG, artifact.config),
                bytes(HEADER, artifact.header),
                blob(rpm, Source::File(self.path.clone()), self.known_blob),
            ],
            manifest: ManifestPush {
                repository: self.repository.clone(),
                selector: tag.into(),
                manifest: artifact.manifest,
                known: false,
            },
        })
    }
}

/// The root without its place in the line.
pub(super) struct Root {
    config: Vec<u8>,
    layers: Vec<(Descriptor, Source)>,
}

impl Root {
    pub(super) fn image(&self) -> ImageManifest {
        ImageManifest {
            config: Descriptor::of(CATALOGUE, &self.config),
            layers: self.layers.iter().map(|(layer, _)| layer.clone()).collect(),
            ..ImageManifest::artifact(REPOSITORY)
        }
    }

    pub(super) fn blobs(&self) -> Vec<(Descriptor, Source)> {
        let config = Descriptor::of(CATALOGUE, &self.config);
        let config = (config, Source::Bytes(self.config.clone()));
        std::iter::once(config)
            .chain(self.layers.iter().cloned())
            .collect()
    }
}

/// The parts of the catalogue, then metadata that is no part of it, then other files.
pub(super) fn content(input: &Input<'_>, files: &[&File]) -> Result<Content, PublishError> {
    let layout = Layout::Native;
    let Some(catalogue) = input.catalogue else {
        return Err(Problem::Catalogue(layout).into());
    };
    let packages: BTreeSet<&str> = input.packages.iter().map(|p| p.path.path()).collect();
    let parts = Part::ALL.map(|part| (catalogue.part(part).clone(), Source::Part(part)));
    let mut layers = Vec::from(parts);
    for file in files {
        let path = file.path.path();
        // The first two are written from the config.
        if rank(path) >= 2 && !packages.contains(path) {
            layers.push((layer(file), Source::File(file.path.clone())));
        }
    }
    if layers.len() > MAX_LAYERS {
        let (files, limit) = (layers.len(), MAX_LAYERS);
        return Err(Problem::TooManyFiles {
            files,
            layout,
            limit,
        }
        .into());
    }
    Ok(Content::Native(Root {
        config: catalogue.to_config(),
        layers,
    }))
}

/// The packages, in `native`.
pub(super) fn packages(
    input: &Input<'_>,
    files: &[&File],
    to: &Destination,
    parent: Option<&Parent>,
) -> Vec<PackagePush> {
    if input.catalogue.is_none() {
        return Vec::new();
    }
    let packages: BTreeSet<&str> = input.packages.iter().map(|p| p.path.path()).collect();
    let mut seen = BTreeSet::new();
    files
        .iter()
        .filter(|file| packages.contains(file.path.path()) && seen.insert(file.digest))
        .map(|file| PackagePush {
            repository: to.repository.clone(),
            path: file.path.clone(),
            digest: file.digest,
            size: file.size,
            known: parent.is_some_and(|p| p.has_package(&to.repository, &file.digest)),
            known_blob: parent.is_some_and(|p| p.has_blob(&to.repository, &file.digest)),
        })
        .collect()
}
