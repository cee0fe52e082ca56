//! Image manifests: OCI's and Docker's schema 2.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Body, Manifest};
use crate::annotations::Annotations;
use crate::descriptor::Descriptor;
use crate::media_type;

/// One image or artifact (image-spec, `manifest.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageManifest {
    /// [`media_type::OCI_MANIFEST`] or [`media_type::DOCKER_MANIFEST`].
    pub media_type: String,
    /// Type of the artifact, where the config does not tell it.
    pub artifact_type: Option<String>,
    /// The configuration; for artifacts without one, the empty descriptor.
    pub config: Descriptor,
    /// The layers, in order.
    pub layers: Vec<Descriptor>,
    /// The manifest this one is about.
    pub subject: Option<Descriptor>,
    /// Annotations, by key.
    pub annotations: Annotations,
    /// Fields this crate gives no meaning to, kept for whoever does.
    pub unknown: Map<String, Value>,
}

impl ImageManifest {
    /// An OCI manifest with a config and nothing else yet.
    pub fn new(config: Descriptor) -> Self {
        Self {
            media_type: media_type::OCI_MANIFEST.to_owned(),
            artifact_type: None,
            config,
            layers: Vec::new(),
            subject: None,
            annotations: Annotations::new(),
            unknown: Map::new(),
        }
    }

    /// An OCI manifest of an artifact that needs no config (image-spec, "Guidelines
    /// for Artifact Usage"). The blob `{}` still has to be pushed.
    pub fn artifact(artifact_type: impl Into<String>) -> Self {
        Self {
            artifact_type: Some(artifact_type.into()),
            ..Self::new(Descriptor::empty())
        }
    }

    /// Appends a layer. The specification wants at least one: artifacts without
    /// content take [`Descriptor::empty`].
    pub fn layer(mut self, layer: Descriptor) -> Self {
        self.layers.push(layer);
        self
    }

    /// Says what this manifest is about.
    pub fn about(mut self, subject: Descriptor) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Adds an annotation.
    pub fn annotate(mut self, key: impl AsRef<str>, value: impl Into<Box<str>>) -> Self {
        self.annotations.insert(key, value);
        self
    }

    /// Writes the manifest: compact JSON, fields in the order of the specification,
    /// annotations sorted. The same value always gives the same bytes.
    pub fn to_manifest(self) -> Manifest {
        Manifest::with(crate::json::write(&self), Body::Image(self))
    }
}

impl Serialize for ImageManifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schemaVersion", &2)?;
        map.serialize_entry("mediaType", &self.media_type)?;
        if let Some(artifact_type) = &self.artifact_type {
            map.serialize_entry("artifactType", artifact_type)?;
        }
        map.serialize_entry("config", &self.config)?;
        map.serialize_entry("layers", &self.layers)?;
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
