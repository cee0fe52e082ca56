//! The plans of `files` and `index`: everything in one repository, under a moving tag.

use std::collections::{BTreeMap, BTreeSet};

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::manifest::ImageIndex;
use ocirepo::platform::Platform;
use ocirepo::reference::{Selector, Tag};

use super::error::{Problem, PublishError};
use super::{
    BlobPush, Destination, File, Input, ManifestPush, Parent, Plan, Source, Stage, artifact,
    empty_config, layer, native, rank,
};
use crate::date::rfc3339;
use crate::layout::format::{
    CREATED, LAYOUT, MAX_LAYERS, MAX_MANIFEST, MAX_MERGED, MERGED, METADATA, OTHER, PACKAGES,
    PARENT, REPOSITORY, ROLE, ROLE_METADATA, ROLE_OTHER, ROLE_PACKAGES, SEQUENCE, SHARD,
    media_type,
};
use crate::layout::shard::{Key, Prefix, split};
use crate::layout::{Layout, tags};

/// Room for everything in a manifest but its layers.
const MARGIN: usize = 4096;

/// A snapshot's place in the line.
#[derive(Clone)]
struct Place {
    sequence: u64,
    parent: Option<Digest>,
    merged: Vec<Digest>,
}

pub(super) fn plan(
    layout: Layout,
    input: &Input<'_>,
    files: &[&File],
    to: &Destination,
    parent: Option<&Parent>,
) -> Result<Plan, PublishError> {
    let date = date(input);
    let content = match layout {
        Layout::Files => Content::files(files)?,
        Layout::Native => native::content(input, files)?,
        _ => Content::index(input, files)?,
    };
    let before = parent.map_or_else(Vec::new, Parent::merged);
    let merged = merged(&before, &to.merges);
    // The same content once more is not a new snapshot, unless it is to say what it merges.
    let same = parent.filter(|_| merged == before).and_then(|parent| {
        let root = parent.root.as_ref()?;
        let place = Place {
            sequence: parent.sequence(),
            parent: parent.parent(),
            merged: before.clone(),
        };
        let same = content.root(layout, date, &place);
        (parent.repository == to.repository && same.digest() == root.digest()).then_some(place)
    });
    let unchanged = same.is_some();
    let place = match (same, parent) {
        (Some(same), _) => same,
        (None, None) => Place {
            sequence: 1,
            parent: None,
            merged,
        },
        (None, Some(parent)) => Place {
            sequence: parent.sequence().checked_add(1).ok_or(Problem::Sequence)?,
            parent: parent.root.as_ref().map(Manifest::digest),
            merged,
        },
    };
    let root = content.root(layout, date, &place);
    let size = root.raw().len();
    if size > MAX_MANIFEST {
        let limit = MAX_MANIFEST;
        return Err(Problem::TooLarge {
            layout,
            size,
            limit,
        }
        .into());
    }
    let snapshot = tags::snapshot(&to.tag, place.sequence, &root.digest())
        .ok_or_else(|| Problem::Tag(to.tag.to_string()))?;
    let push = |tag: Tag| ManifestPush {
        repository: to.repository.clone(),
        selector: tag.into(),
        manifest: root.clone(),
        known: unchanged,
    };
    let only = |push| Stage {
        manifests: vec![push],
        ..Stage::default()
    };
    Ok(Plan {
        layout,
        stages: vec![
            Stage {
                blobs: blobs(content.blobs(files), to, parent),
                packages: native::packages(input, files, to, parent),
                manifests: content.into_children(to, parent)?,
            },
            only(push(snapshot)),
            only(push(to.tag.clone())),
        ],
        root: Some(root.digest()),
        sequence: Some(place.sequence),
        unchanged,
    })
}

/// What a snapshot says to have merged: what the one before said, and what is new. The
/// oldest are forgotten when there are too many.
fn merged(before: &[Digest], new: &[Digest]) -> Vec<Digest> {
    let new = new.iter().filter(|digest| !before.contains(digest));
    let mut merged: Vec<Digest> = before.iter().chain(new).copied().collect();
    merged.drain(..merged.len().saturating_sub(MAX_MERGED));
    merged
}

/// The date of the snapshot, where there is one: never that of the publishing.
fn date(input: &Input<'_>) -> Option<u64> {
    let revision = input.repomd.revision.as_deref();
    let newest = || {
        input
            .repomd
            .records
            .iter()
            .filter_map(|r| r.timestamp)
            .max()
    };
    input
        .date
        .or_else(|| revision.and_then(|revision| revision.parse().ok()))
        .or_else(newest)
}

fn blobs(
    blobs: Vec<(Descriptor, Source)>,
    to: &Destination,
    parent: Option<&Parent>,
) -> Vec<BlobPush> {
    let mut seen = BTreeSet::new();
    blobs
        .into_iter()
        .filter(|(descriptor, _)| seen.insert(descriptor.digest))
        .map(|(descriptor, source)| BlobPush {
            repository: to.repository.clone(),
            known: parent.is_some_and(|p| p.has_blob(&to.repository, &descriptor.digest)),
            descriptor,
            source,
        })
        .collect()
}

/// A snapshot without its place in the line.
pub(super) enum Content {
    Files(Vec<Descriptor>),
    Index(Vec<Child>),
    Native(native::Root),
}

/// A manifest below an index.
pub(super) struct Child {
    manifest: Manifest,
    role: &'static str,
    shard: Option<Prefix>,
}

impl Content {
    fn files(files: &[&File]) -> Result<Self, PublishError> {
        let layout = Layout::Files;
        let (files, limit) = (files.iter().map(|file| layer(file)), MAX_LAYERS);
        let layers: Vec<Descriptor> = files.collect();
        if layers.len() > limit {
            let files = layers.len();
            return Err(Problem::TooManyFiles {
                files,
                layout,
                limit,
            }
            .into());
        }
        Ok(Self::Files(layers))
    }

    fn index(input: &Input<'_>, files: &[&File]) -> Result<Self, PublishError> {
        let layout = Layout::Index;
        let keys: BTreeMap<&str, Key> = input
            .packages
            .iter()
            .map(|package| {
                let path = package.path.path();
                let key = Key::package(&package.source, &package.name, path);
                (path, key)
            })
            .collect();
        let (mut metadata, mut packages, mut other) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            let path = file.path.path();
            match keys.get(path) {
                Some(key) => packages.push((*key, layer(file))),
                None if rank(path) < 3 => metadata.push(layer(file)),
                None => other.push((Key::file(path), layer(file))),
            }
        }
        if metadata.len() > MAX_LAYERS {
            let (files, limit) = (metadata.len(), MAX_LAYERS);
            return Err(Problem::TooManyFiles {
                files,
                layout,
                limit,
            }
            .into());
        }
        // A few keys and images lie with the metadata; an installation tree does not.
        let mut all = metadata.clone();
        all.extend(other.iter().map(|(_, layer)| layer.clone()));
        if all.len() <= MAX_LAYERS && weight(&all) <= MAX_MANIFEST - MARGIN {
            (metadata, other) = (all, Vec::new());
        }
        let size = weight(&metadata);
        if size > MAX_MANIFEST - MARGIN {
            let limit = MAX_MANIFEST;
            return Err(Problem::TooLarge {
                layout,
                size,
                limit,
            }
            .into());
        }
        let metadata = Child {
            manifest: artifact(METADATA, metadata).to_manifest(),
            role: ROLE_METADATA,
            shard: None,
        };
        let packages = shards(packages, PACKAGES, ROLE_PACKAGES);
        let other = shards(other, OTHER, ROLE_OTHER);
        let children = std::iter::once(metadata).chain(packages).chain(other);
        Ok(Self::Index(children.collect()))
    }

    /// What is pushed as blobs, of these files.
    fn blobs(&self, files: &[&File]) -> Vec<(Descriptor, Source)> {
        let (config, content) = empty_config();
        let config = (config, Source::Bytes(content));
        // There are as many as packages, and what a blob is called matters to manifests only.
        let file = |file: &&File| {
            let blob = Descriptor::new(media_type(file.path.path()), file.digest, file.size);
            (blob, Source::File(file.path.clone()))
        };
        match self {
            Self::Files(_) | Self::Index(_) => std::iter::once(config)
                .chain(files.iter().map(file))
                .collect(),
            Self::Native(root) => root.blobs(),
        }
    }

    /// The manifest or index at the root.
    fn root(&self, layout: Layout, date: Option<u64>, place: &Place) -> Manifest {
        let created = date.and_then(rfc3339).map(|date| (CREATED, date));
        let parent = place.parent.map(|digest| (PARENT, digest.to_string()));
        let annotations = [
            (LAYOUT, layout.to_string()),
            (SEQUENCE, place.sequence.to_string()),
        ];
        let merged: Vec<String> = place.merged.iter().map(Digest::to_string).collect();
        let merged = (!merged.is_empty()).then(|| (MERGED, merged.join(" ")));
        let annotations = annotations.into_iter();
        let annotations = annotations.chain(created).chain(parent).chain(merged);
        match self {
            Self::Files(layers) => {
                let image = artifact(REPOSITORY, layers.clone());
                annotations
                    .fold(image, |image, (key, value)| image.annotate(key, value))
                    .to_manifest()
            }
            Self::Native(root) => annotations
                .fold(root.image(), |image, (key, value)| {
                    image.annotate(key, value)
                })
                .to_manifest(),
            Self::Index(children) => {
                let mut index = ImageIndex::new();
                index.artifact_type = Some(REPOSITORY.to_owned());
                index.manifests = children.iter().map(Child::descriptor).collect();
                annotations
                    .fold(index, |index, (key, value)| index.annotate(key, value))
                    .to_manifest()
            }
        }
    }

    /// The manifests below the root, each to be put at a tag made of its content. They list
    /// every package, so there should not be two of each.
    fn into_children(
        self,
        to: &Destination,
        parent: Option<&Parent>,
    ) -> Result<Vec<ManifestPush>, PublishError> {
        let Self::Index(children) = self else {
            return Ok(Vec::new());
        };
        let push = |child: Child| {
            let digest = child.manifest.digest();
            let tag = tags::child(&digest).ok_or_else(|| Problem::Tag(digest.to_string()))?;
            Ok(ManifestPush {
                repository: to.repository.clone(),
                selector: Selector::Tag(tag),
                manifest: child.manifest,
                known: parent.is_some_and(|p| p.has_child(&to.repository, &digest)),
            })
        };
        children.into_iter().map(push).collect()
    }
}

impl Child {
    /// As it stands in the index: tools that look for an image for their platform find
    /// none, and tools that drop `artifactType` find nothing to drop.
    fn descriptor(&self) -> Descriptor {
        let descriptor = Descriptor {
            platform: Some(Box::new(Platform::unknown())),
            ..self.manifest.descriptor()
        }
        .annotate(ROLE, self.role);
        match &self.shard {
            Some(prefix) => descriptor.annotate(SHARD, prefix.as_str()),
            None => descriptor,
        }
    }
}

fn shards(
    layers: Vec<(Key, Descriptor)>,
    artifact_type: &'static str,
    role: &'static str,
) -> impl Iterator<Item = Child> {
    let weighed = layers
        .into_iter()
        .map(|(key, layer)| (key, (weight(std::slice::from_ref(&layer)), layer)))
        .collect();
    let fits = |items: &[(Key, (usize, Descriptor))]| {
        let size: usize = items.iter().map(|(_, (size, _))| size).sum();
        items.len() <= MAX_LAYERS && size <= MAX_MANIFEST - MARGIN
    };
    split(weighed, fits)
        .into_iter()
        .map(move |(prefix, layers)| {
            let layers = layers.into_iter().map(|(_, layer)| layer).collect();
            Child {
                manifest: artifact(artifact_type, layers).to_manifest(),
                role,
                shard: Some(prefix),
            }
        })
}

/// How many bytes layers take in a manifest.
fn weight(layers: &[Descriptor]) -> usize {
    layers
        .iter()
        .map(|layer| serde_json::to_vec(layer).map_or(0, |json| json.len() + 1))
        .sum()
}
