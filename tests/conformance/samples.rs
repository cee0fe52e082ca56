//! Content to push.

use ocirepo::digest::{Algorithm, Digest};
use serde_json::{Value, json};

use crate::client::Client;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const KIND: &str = "application/vnd.example.kind.v1";

/// Bytes that do not repeat, different for each seed.
pub(crate) fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut block = Digest::of(seed.as_bytes());
    let mut noise = Vec::new();
    while noise.len() < length {
        noise.extend_from_slice(block.hash());
        block = Digest::of(block.hash());
    }
    noise.truncate(length);
    noise
}

pub(crate) fn descriptor(media_type: &str, content: &[u8]) -> Value {
    descriptor_with(Algorithm::Sha256, media_type, content)
}

pub(crate) fn descriptor_with(algorithm: Algorithm, media_type: &str, content: &[u8]) -> Value {
    json!({
        "mediaType": media_type,
        "digest": Digest::with(algorithm, content),
        "size": content.len(),
    })
}

/// An image manifest; fields can still be added.
pub(crate) fn image(config: &Value, layers: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": layers,
    })
}

/// An image index; fields can still be added.
pub(crate) fn index(manifests: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": manifests,
    })
}

pub(crate) fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

impl Client<'_> {
    /// Pushes the blobs of an image that differs by its seed; gives the manifest, which
    /// is not pushed yet.
    pub(crate) fn prepare_image(&mut self, seed: &str) -> Result<Value, String> {
        let config = bytes(&json!({ "architecture": "amd64", "os": "linux", "author": seed }));
        let layer = noise(seed, 300);
        self.push_blob(&config)?;
        self.push_blob(&layer)?;
        Ok(image(
            &descriptor(CONFIG, &config),
            &[descriptor(LAYER, &layer)],
        ))
    }

    /// Pushes an image by digest; gives its bytes.
    pub(crate) fn push_image(&mut self, seed: &str) -> Result<Vec<u8>, String> {
        let raw = bytes(&self.prepare_image(seed)?);
        self.push_manifest(&Digest::of(&raw).to_string(), MANIFEST, &raw)?;
        Ok(raw)
    }

    /// Pushes an artifact without content of its own that has a subject; gives its bytes.
    pub(crate) fn push_referrer(
        &mut self,
        subject: &Value,
        artifact_type: Option<&str>,
        seed: &str,
    ) -> Result<Vec<u8>, String> {
        self.push_blob(b"{}")?;
        let mut artifact = image(&descriptor(EMPTY, b"{}"), &[descriptor(EMPTY, b"{}")]);
        artifact["subject"] = subject.clone();
        artifact["annotations"] = json!({ "org.example.seed": seed });
        if let Some(artifact_type) = artifact_type {
            artifact["artifactType"] = json!(artifact_type);
        }
        let raw = bytes(&artifact);
        self.push_manifest(&Digest::of(&raw).to_string(), MANIFEST, &raw)?;
        Ok(raw)
    }
}
