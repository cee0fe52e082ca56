//! Lists of manifests: OCI indexes and Docker manifest lists.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Body, Manifest};
use crate::annotations::Annotations;
use crate::descriptor::Descriptor;
use crate::media_type;
use crate::platform::Platform;

/// A list of manifests (image-spec, `image-index.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageIndex {
    /// [`media_type::OCI_INDEX`] or [`media_type::DOCKER_MANIFEST_LIST`].
    pub media_type: String,
    /// Type of the artifact.
    pub artifact_type: Option<String>,
    /// The manifests, in order.
    pub manifests: Vec<Descriptor>,
    /// The manifest this one is about.
    pub subject: Option<Descriptor>,
    /// Annotations, by key.
    pub annotations: Annotations,
    /// Fields this crate gives no meaning to, kept for whoever does.
    pub unknown: Map<String, Value>,
}

impl ImageIndex {
    /// An OCI index that lists nothing yet.
    pub fn new() -> Self {
        Self {
            media_type: media_type::OCI_INDEX.to_owned(),
            artifact_type: None,
            manifests: Vec::new(),
            subject: None,
            annotations: Annotations::new(),
            unknown: Map::new(),
        }
    }

    /// Appends a manifest.
    pub fn manifest(mut self, manifest: Descriptor) -> Self {
        self.manifests.push(manifest);
        self
    }

    /// Says what this index is about.
    pub fn about(mut self, subject: Descriptor) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Adds an annotation.
    pub fn annotate(mut self, key: impl AsRef<str>, value: impl Into<Box<str>>) -> Self {
        self.annotations.insert(key, value);
        self
    }

    /// The manifest that runs best on a platform ([`Platform::rank`]), the first of
    /// equals. Manifests without a platform are for nobody in particular and never
    /// chosen.
    pub fn select(&self, wanted: &Platform) -> Option<&Descriptor> {
        self.manifests
            .iter()
            .filter_map(|manifest| Some((wanted.rank(manifest.platform.as_deref()?)?, manifest)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, manifest)| manifest)
    }

    /// Writes the index: compact JSON, fields in the order of the specification,
    /// annotations sorted. The same value always gives the same bytes.
    pub fn to_manifest(self) -> Manifest {
        Manifest::with(crate::json::write(&self), Body::Index(self))
    }
}

impl Default for ImageIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl Serialize for ImageIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schemaVersion", &2)?;
        map.serialize_entry("mediaType", &self.media_type)?;
        if let Some(artifact_type) = &self.artifact_type {
            map.serialize_entry("artifactType", artifact_type)?;
        }
        map.serialize_entry("manifests", &self.manifests)?;
        if let Some(subject) = &self.subject {
            map.serialize_entry("subject", subject)?;
        }
        if !self.annotations.is_empty() {
            map.serialize_entry("annotations", &self.annotations)?;
        }
        for (key, value) in &self.unknown {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
