//! Manifests: OCI image manifests and indexes, Docker's schema 2 and manifest lists.
//!
//! A [`Manifest`] keeps the bytes it was parsed from, so that what is pushed or copied
//! is byte for byte what was read, and what it hashes to never depends on this crate.
//!
//! ```
//! use ocirepo::descriptor::Descriptor;
//! use ocirepo::manifest::{ImageManifest, Manifest};
//!
//! let built = ImageManifest::artifact("application/vnd.example.thing")
//!     .layer(Descriptor::of("text/plain", b"hello").annotate("title", "hello.txt"))
//!     .to_manifest();
//! let read = Manifest::parse(None, built.raw().to_vec())?;
//! assert_eq!(read.digest(), built.digest());
//! assert_eq!(read.artifact_type(), Some("application/vnd.example.thing"));
//! # Ok::<(), ocirepo::manifest::ManifestError>(())
//! ```

mod image;
mod index;
mod parse;
mod view;

use std::fmt;
use std::sync::OnceLock;

use crate::annotations::Annotations;
use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest};

pub use image::ImageManifest;
pub use index::ImageIndex;
pub use parse::ManifestError;
pub use view::{DescriptorRef, ManifestRef};

/// A manifest of any kind, with the bytes it was read from.
#[derive(Clone)]
pub struct Manifest {
    raw: Vec<u8>,
    body: Body,
    algorithm: Algorithm,
    /// Computed when first asked for: whoever pulled the manifest has hashed it already.
    digest: OnceLock<Digest>,
}

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each manifest, and that has kilobytes of bytes anyway"
)]
pub enum Body {
    /// One image or artifact: a config and layers.
    Image(ImageManifest),
    /// A list of manifests.
    Index(ImageIndex),
}

impl Manifest {
    /// Reads a manifest that came with the given `Content-Type`, if any.
    ///
    /// The document's kind is what its `mediaType` says, or else the `Content-Type`, or
    /// else its fields; when the first two are both there they must agree, and the
    /// fields must agree with them. The caller caps the size of `raw`; the memory used
    /// is proportional to it.
    pub fn parse(content_type: Option<&str>, raw: Vec<u8>) -> Result<Self, ManifestError> {
        let body = parse::body(content_type, &raw)?;
        Ok(Self::with(raw, body))
    }

    fn with(raw: Vec<u8>, body: Body) -> Self {
        Self {
            raw,
            body,
            algorithm: Algorithm::Sha256,
            digest: OnceLock::new(),
        }
    }

    /// The same manifest, known by its digest under another algorithm than SHA-256.
    pub fn hashed_with(mut self, algorithm: Algorithm) -> Self {
        if self.algorithm != algorithm {
            self.algorithm = algorithm;
            self.digest = OnceLock::new();
        }
        self
    }

    /// The bytes as they were read, or as they were built.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The bytes, without copying them.
    pub fn into_raw(self) -> Vec<u8> {
        self.raw
    }

    /// The digest of the bytes: SHA-256 unless [`Manifest::hashed_with`] said otherwise.
    pub fn digest(&self) -> Digest {
        *(self.digest).get_or_init(|| Digest::with(self.algorithm, &self.raw))
    }

    /// The media type: what the document says, or what it was found to be.
    pub fn media_type(&self) -> &str {
        match &self.body {
            Body::Image(image) => &image.media_type,
            Body::Index(index) => &index.media_type,
        }
    }

    /// What the manifest says.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The image manifest, when it is one.
    pub fn as_image(&self) -> Option<&ImageManifest> {
        match &self.body {
            Body::Image(image) => Some(image),
            Body::Index(_) => None,
        }
    }

    /// The index, when it is one.
    pub fn as_index(&self) -> Option<&ImageIndex> {
        match &self.body {
            Body::Index(index) => Some(index),
            Body::Image(_) => None,
        }
    }

    /// The config, which only image manifests have.
    pub fn config(&self) -> Option<&Descriptor> {
        self.as_image().map(|image| &image.config)
    }

    /// The layers; none for an index.
    pub fn layers(&self) -> &[Descriptor] {
        self.as_image().map_or(&[], |image| &image.layers)
    }

    /// The manifests an index lists; none for an image manifest.
    pub fn children(&self) -> &[Descriptor] {
        self.as_index().map_or(&[], |index| &index.manifests)
    }

    /// The blobs this manifest refers to, config first. Manifests it lists or has as
    /// its subject are no blobs.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config().into_iter().chain(self.layers())
    }

    /// The manifest this one refers to as its subject.
    pub fn subject(&self) -> Option<&Descriptor> {
        match &self.body {
            Body::Image(image) => image.subject.as_ref(),
            Body::Index(index) => index.subject.as_ref(),
        }
    }

    /// The type of artifact: `artifactType`, or else the type of an image manifest's
    /// config (distribution-spec, "Listing Referrers").
    pub fn artifact_type(&self) -> Option<&str> {
        let (declared, config) = match &self.body {
            Body::Image(image) => (&image.artifact_type, Some(image.config.media_type.as_str())),
            Body::Index(index) => (&index.artifact_type, None),
        };
        (declared.as_deref().filter(|declared| !declared.is_empty())).or(config)
    }

    /// The annotations of the manifest itself.
    pub fn annotations(&self) -> &Annotations {
        match &self.body {
            Body::Image(image) => &image.annotations,
            Body::Index(index) => &index.annotations,
        }
    }

    /// A descriptor of this manifest: type, digest and size.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type(), self.digest(), self.raw.len() as u64)
    }

    /// A descriptor of this manifest as lists of referrers hold it: with the artifact
    /// type and the annotations (distribution-spec, "Listing Referrers").
    pub fn referrer(&self) -> Descriptor {
        Descriptor {
            artifact_type: self.artifact_type().map(str::to_owned),
            annotations: self.annotations().clone(),
            ..self.descriptor()
        }
    }
}

impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw && self.media_type() == other.media_type()
    }
}

impl Eq for Manifest {}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest")
            .field("digest", &self.digest())
            .field("bytes", &self.raw.len())
            .field("body", &self.body)
            .finish()
    }
}

#[cfg(test)]
mod tests;
