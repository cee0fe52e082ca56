//! Manifests looked at where they lie, without copies.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::ManifestError;
use super::parse::{self, FIELDS, Field, Kind, Shape};
use crate::annotations::Annotations;
use crate::descriptor;
use crate::digest::{self, Digest};
use crate::json::{no_other_case, once};

/// The descriptors of a manifest, in the bytes it came in.
///
/// For whoever looks once at each of many thousand descriptors: it takes less time than
/// [`Manifest::parse`](super::Manifest::parse), and memory for the list only. It accepts what that
/// accepts, but looks at less: not at fields that nobody knows, and at annotations only when they
/// are asked for.
///
/// ```
/// use ocirepo::Descriptor;
/// use ocirepo::manifest::{ImageManifest, ManifestRef};
///
/// let built = ImageManifest::artifact("application/vnd.example.thing")
///     .layer(Descriptor::of("text/plain", b"hello").annotate("title", "hello.txt"))
///     .to_manifest();
/// let view = ManifestRef::parse(None, built.raw())?;
/// for layer in view.layers() {
///     assert_eq!((layer.media_type(), layer.size()), ("text/plain", 5));
///     assert_eq!(layer.annotations()?.get("title"), Some("hello.txt"));
/// }
/// # Ok::<(), ocirepo::manifest::ManifestError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManifestRef<'a> {
    media_type: String,
    config: Option<DescriptorRef<'a>>,
    layers: Vec<DescriptorRef<'a>>,
    children: Vec<DescriptorRef<'a>>,
    subject: Option<DescriptorRef<'a>>,
}

impl<'a> ManifestRef<'a> {
    /// Reads a manifest that came with the given `Content-Type`, if any, by the rules of
    /// [`Manifest::parse`](super::Manifest::parse).
    pub fn parse(content_type: Option<&str>, raw: &'a [u8]) -> Result<Self, ManifestError> {
        let document: Document<'a> =
            serde_json::from_str(parse::text(raw)?).map_err(ManifestError::json)?;
        let shape = Shape {
            schema_version: document.schema_version,
            media_type: document.media_type.as_ref().map(|text| &*text.0),
            config: document.config.is_some(),
            layers: document.layers.is_some(),
            manifests: document.manifests.is_some(),
        };
        let (kind, media_type) = shape.kind(content_type)?;
        let media_type = media_type.to_owned();
        let (layers, children) = match kind {
            Kind::Image => (document.layers.unwrap_or_default(), Vec::new()),
            Kind::Index => (Vec::new(), document.manifests.unwrap_or_default()),
        };
        Ok(Self {
            media_type,
            config: document.config,
            layers,
            children,
            subject: document.subject,
        })
    }

    /// The media type: what the document says, or what it was found to be.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The config, which only image manifests have.
    pub fn config(&self) -> Option<&DescriptorRef<'a>> {
        self.config.as_ref()
    }

    /// The layers; none for an index.
    pub fn layers(&self) -> &[DescriptorRef<'a>] {
        &self.layers
    }

    /// The manifests an index lists; none for an image manifest.
    pub fn children(&self) -> &[DescriptorRef<'a>] {
        &self.children
    }

    /// The manifest this one refers to as its subject.
    pub fn subject(&self) -> Option<&DescriptorRef<'a>> {
        self.subject.as_ref()
    }
}

/// A descriptor, in the bytes of its manifest.
#[derive(Clone, Debug)]
pub struct DescriptorRef<'a> {
    media_type: Text<'a>,
    /// Checked, not decoded.
    digest: Text<'a>,
    size: u64,
    annotations: Option<&'a RawValue>,
}

impl DescriptorRef<'_> {
    /// Media type of the content.
    pub fn media_type(&self) -> &str {
        &self.media_type.0
    }

    /// Digest of the content.
    pub fn digest(&self) -> Digest {
        let checked = self.digest.0.parse();
        checked.expect("the digests of a view are checked when it is made")
    }

    /// Size of the content in bytes. It is a claim: nothing is allocated from it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The annotations. An error when they are no object of texts.
    pub fn annotations(&self) -> Result<Annotations, ManifestError> {
        match self.annotations {
            None => Ok(Annotations::new()),
            Some(raw) => serde_json::from_str(raw.get()).map_err(ManifestError::json),
        }
    }
}

/// A text, in the document unless it has escapes there.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The fields that a view is made of.
struct Document<'a> {
    schema_version: Option<u64>,
    media_type: Option<Text<'a>>,
    config: Option<DescriptorRef<'a>>,
    layers: Option<Vec<DescriptorRef<'a>>>,
    manifests: Option<Vec<DescriptorRef<'a>>>,
    subject: Option<DescriptorRef<'a>>,
}

impl<'de> Deserialize<'de> for Document<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Document<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a manifest, which is an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document<'de>, A::Error> {
                let mut schema_version = None;
                let mut media_type = None;
                let mut config = None;
                let mut layers = None;
                let mut manifests = None;
                let mut subject = None;
                let (mut artifact_type, mut annotations) = (None, None);
                while let Some(field) = map.next_key()? {
                    match field {
                        Field::SchemaVersion => {
                            once(&mut schema_version, "schemaVersion", map.next_value()?)?;
                        }
                        Field::MediaType => once(&mut media_type, "mediaType", map.next_value()?)?,
                        Field::Config => once(&mut config, "config", map.next_value()?)?,
                        Field::Layers => once(&mut layers, "layers", map.next_value()?)?,
                        Field::Manifests => once(&mut manifests, "manifests", map.next_value()?)?,
                        Field::Subject => once(&mut subject, "subject", map.next_value()?)?,
                        Field::ArtifactType => {
                            once(&mut artifact_type, "artifactType", skipped(&mut map)?)?;
                        }
                        Field::Annotations => {
                            once(&mut annotations, "annotations", skipped(&mut map)?)?;
                        }
                        Field::Other(key) => {
                            no_other_case(&FIELDS, &key)?;
                            skipped(&mut map)?;
                        }
                    }
                }
                // Each slot is "seen at all" around "not null".
                Ok(Document {
                    schema_version: schema_version.flatten(),
                    media_type: media_type.flatten(),
                    config: config.flatten(),
                    layers: layers.flatten(),
                    manifests: manifests.flatten(),
                    subject: subject.flatten(),
                })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'de> Deserialize<'de> for DescriptorRef<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = DescriptorRef<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a descriptor")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<DescriptorRef<'de>, A::Error> {
                use descriptor::Field;
                let mut media_type = None;
                let mut digest: Option<Text<'de>> = None;
                let mut size = None;
                let mut annotations: Option<Option<&RawValue>> = None;
                let (mut urls, mut data, mut platform) = (None, None, None);
                let mut artifact_type = None;
                while let Some(field) = map.next_key()? {
                    match field {
                        Field::MediaType => once(&mut media_type, "mediaType", map.next_value()?)?,
                        Field::Digest => once(&mut digest, "digest", map.next_value()?)?,
                        Field::Size => once(&mut size, "size", map.next_value()?)?,
                        Field::Annotations => {
                            once(&mut annotations, "annotations", map.next_value()?)?;
                        }
                        Field::Urls => once(&mut urls, "urls", skipped(&mut map)?)?,
                        Field::Data => once(&mut data, "data", skipped(&mut map)?)?,
                        Field::Platform => once(&mut platform, "platform", skipped(&mut map)?)?,
                        Field::ArtifactType => {
                            once(&mut artifact_type, "artifactType", skipped(&mut map)?)?;
                        }
                        Field::Other(key) => {
                            no_other_case(&descriptor::FIELDS, &key)?;
                            skipped(&mut map)?;
                        }
                    }
                }
                let digest = digest.ok_or_else(|| de::Error::missing_field("digest"))?;
                digest::check(&digest.0).map_err(de::Error::custom)?;
                Ok(DescriptorRef {
                    media_type: media_type.ok_or_else(|| de::Error::missing_field("mediaType"))?,
                    digest,
                    size: size.ok_or_else(|| de::Error::missing_field("size"))?,
                    annotations: annotations.flatten(),
                })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Passes over the value of a field.
fn skipped<'de, A: MapAccess<'de>>(map: &mut A) -> Result<IgnoredAny, A::Error> {
    map.next_value()
}
