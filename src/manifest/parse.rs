//! Reading a manifest and finding out what it is.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Body, ImageIndex, ImageManifest};
use crate::annotations::Annotations;
use crate::descriptor::Descriptor;
use crate::json::{keep, once};
use crate::media_type;

/// Why bytes are not a manifest this crate reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError(Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Utf8(usize),
    Json(String),
    Schema(Option<u64>),
    Type(String),
    Disagreement {
        content_type: String,
        media_type: String,
    },
    Both(&'static str, &'static str),
    Misplaced {
        media_type: String,
        field: &'static str,
    },
    NoConfig,
    Unclassifiable,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read manifest: ")?;
        match &self.0 {
            Problem::Utf8(at) => write!(f, "it is not text in UTF-8, at byte {at}"),
            Problem::Json(error) => f.write_str(error),
            Problem::Schema(Some(1)) => f.write_str(
                "it is of Docker's schema 1, which is not supported; \
                 push the image again with a current tool",
            ),
            Problem::Schema(Some(version)) => {
                write!(f, "its `schemaVersion` is {version}, only 2 is known")
            }
            Problem::Schema(None) => f.write_str("it has no `schemaVersion`, so it is no manifest"),
            Problem::Type(found) => write!(
                f,
                "its type is {}, known are OCI image manifests and indexes, \
                 Docker schema 2 manifests and manifest lists",
                Shown(found)
            ),
            Problem::Disagreement {
                content_type,
                media_type,
            } => write!(
                f,
                "the registry sent it as {}, but it says it is {}",
                Shown(content_type),
                Shown(media_type)
            ),
            Problem::Both(one, other) => write!(
                f,
                "it has both `{one}` and `{other}`, so that different clients \
                 would see different content"
            ),
            Problem::Misplaced { media_type, field } => {
                write!(
                    f,
                    "its type is {}, which has no `{field}`",
                    Shown(media_type)
                )
            }
            Problem::NoConfig => f.write_str("an image manifest needs a `config`"),
            Problem::Unclassifiable => f.write_str(
                "it has neither `mediaType` nor `config`, `layers` or `manifests`, \
                 so nothing tells what it is",
            ),
        }
    }
}

impl std::error::Error for ManifestError {}

impl ManifestError {
    pub(super) fn json(error: serde_json::Error) -> Self {
        Self(Problem::Json(error.to_string()))
    }
}

/// Text of a stranger, quoted, on one line and not too long.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 120;
        write!(f, "`")?;
        for c in self.0.chars().take(MOST) {
            write!(f, "{}", c.escape_debug())?;
        }
        let more = self.0.chars().nth(MOST).is_some();
        f.write_str(if more { "…`" } else { "`" })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Index,
}

pub(super) fn body(content_type: Option<&str>, raw: &[u8]) -> Result<Body, ManifestError> {
    let document: Document = serde_json::from_str(text(raw)?).map_err(ManifestError::json)?;
    document.classify(content_type).map_err(ManifestError)
}

/// The text of a document: checked once as a whole, and not again for each string.
pub(super) fn text(raw: &[u8]) -> Result<&str, ManifestError> {
    std::str::from_utf8(raw).map_err(|error| ManifestError(Problem::Utf8(error.valid_up_to())))
}

/// Every field that any kind of manifest has.
#[derive(Default)]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Annotations,
    unknown: Map<String, Value>,
}

/// What tells the kind of a document: its types, and which fields it has.
pub(super) struct Shape<'a> {
    pub(super) schema_version: Option<u64>,
    pub(super) media_type: Option<&'a str>,
    pub(super) config: bool,
    pub(super) layers: bool,
    pub(super) manifests: bool,
}

impl<'a> Shape<'a> {
    /// The kind of the document, and its media type.
    pub(super) fn kind(
        &self,
        content_type: Option<&'a str>,
    ) -> Result<(Kind, &'a str), ManifestError> {
        self.classify(content_type).map_err(ManifestError)
    }

    fn classify(&self, content_type: Option<&'a str>) -> Result<(Kind, &'a str), Problem> {
        if self.schema_version != Some(2) {
            return Err(Problem::Schema(self.schema_version));
        }
        // Whatever the types say: CVE-2021-41190 is about documents that are an image
        // to one client and an index to another.
        if self.manifests {
            if self.layers {
                return Err(Problem::Both("manifests", "layers"));
            }
            if self.config {
                return Err(Problem::Both("manifests", "config"));
            }
        }
        let content_type = content_type
            .map(media_type::essence)
            .filter(|essence| !essence.is_empty());
        let declared = self.media_type.filter(|declared| !declared.is_empty());
        if let (Some(content_type), Some(declared)) = (content_type, declared)
            && !media_type::same(content_type, declared)
        {
            return Err(Problem::Disagreement {
                content_type: content_type.to_owned(),
                media_type: declared.to_owned(),
            });
        }
        let (kind, media_type) = match declared.or(content_type) {
            Some(named) if media_type::is_image(named) => (Kind::Image, named),
            Some(named) if media_type::is_index(named) => (Kind::Index, named),
            Some(named) => return Err(Problem::Type(named.to_owned())),
            None if self.manifests => (Kind::Index, media_type::OCI_INDEX),
            None if self.config || self.layers => (Kind::Image, media_type::OCI_MANIFEST),
            None => return Err(Problem::Unclassifiable),
        };
        let misplaced = match kind {
            Kind::Image => self.manifests.then_some("manifests"),
            Kind::Index => (self.layers.then_some("layers")).or(self.config.then_some("config")),
        };
        match misplaced {
            Some(field) => Err(Problem::Misplaced {
                media_type: media_type.to_owned(),
                field,
            }),
            None if kind == Kind::Image && !self.config => Err(Problem::NoConfig),
            None => Ok((kind, media_type)),
        }
    }
}

impl Document {
    fn classify(self, content_type: Option<&str>) -> Result<Body, Problem> {
        let shape = Shape {
            schema_version: self.schema_version,
            media_type: self.media_type.as_deref(),
            config: self.config.is_some(),
            layers: self.layers.is_some(),
            manifests: self.manifests.is_some(),
        };
        let (kind, media_type) = shape.classify(content_type)?;
        let media_type = media_type.to_owned();
        Ok(match kind {
            Kind::Image => Body::Image(ImageManifest {
                media_type,
                artifact_type: self.artifact_type,
                config: self.config.ok_or(Problem::NoConfig)?,
                layers: self.layers.unwrap_or_default(),
                subject: self.subject,
                annotations: self.annotations,
                unknown: self.unknown,
            }),
            Kind::Index => Body::Index(ImageIndex {
                media_type,
                artifact_type: self.artifact_type,
                manifests: self.manifests.unwrap_or_default(),
                subject: self.subject,
                annotations: self.annotations,
                unknown: self.unknown,
            }),
        })
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
pub(super) enum Field {
    SchemaVersion,
    MediaType,
    ArtifactType,
    Config,
    Layers,
    Manifests,
    Subject,
    Annotations,
    Other(String),
}

pub(super) const FIELDS: [&str; 8] = [
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
];

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut schema_version = None;
        let mut media_type = None;
        let mut artifact_type = None;
        let mut config = None;
        let mut layers = None;
        let mut manifests = None;
        let mut subject = None;
        let mut annotations = None;
        let mut unknown = Map::new();
        while let Some(field) = map.next_key()? {
            match field {
                Field::SchemaVersion => {
                    once(&mut schema_version, "schemaVersion", map.next_value()?)?;
                }
                Field::MediaType => once(&mut media_type, "mediaType", map.next_value()?)?,
                Field::ArtifactType => once(&mut artifact_type, "artifactType", map.next_value()?)?,
                Field::Config => once(&mut config, "config", map.next_value()?)?,
                Field::Layers => once(&mut layers, "layers", map.next_value()?)?,
                Field::Manifests => once(&mut manifests, "manifests", map.next_value()?)?,
                Field::Subject => once(&mut subject, "subject", map.next_value()?)?,
                Field::Annotations => once(&mut annotations, "annotations", map.next_value()?)?,
                Field::Other(key) => keep(&mut unknown, &FIELDS, key, map.next_value()?)?,
            }
        }
        // Each slot is "seen at all" around "not null".
        Ok(Document {
            schema_version: schema_version.flatten(),
            media_type: media_type.flatten(),
            artifact_type: artifact_type.flatten(),
            config: config.flatten(),
            layers: layers.flatten(),
            manifests: manifests.flatten(),
            subject: subject.flatten(),
            annotations: annotations.flatten().unwrap_or_default(),
            unknown,
        })
    }
}
