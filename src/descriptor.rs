//! Descriptors: what is where, how big it is and what it hashes to
//! (image-spec, `descriptor.md`).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::annotations::Annotations;
use crate::digest::Digest;
use crate::json::{keep, once};
use crate::media_type;
use crate::platform::Platform;

/// Points at content by digest, with its size and type.
///
/// As JSON it keeps the fields it does not know, writes its own in the order of the
/// image specification, and takes `null` for an absent optional field, as Go's
/// encoders write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type of the content.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes. It is a claim: nothing is allocated from it.
    pub size: u64,
    /// Other places the content may be had from. Credentials are never sent there.
    pub urls: Vec<String>,
    /// Annotations, by key.
    pub annotations: Annotations,
    /// The content itself, embedded, as it came; [`Descriptor::embedded`] checks it.
    pub data: Option<Vec<u8>>,
    /// Platform of the image, for descriptors inside an index.
    pub platform: Option<Box<Platform>>,
    /// Type of the artifact, for descriptors of manifests.
    pub artifact_type: Option<String>,
    /// Fields this crate gives no meaning to, kept for whoever does.
    pub unknown: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor with the required fields only.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            urls: Vec::new(),
            annotations: Annotations::new(),
            data: None,
            platform: None,
            artifact_type: None,
            unknown: Map::new(),
        }
    }

    /// Describes content at hand, by SHA-256.
    pub fn of(media_type: impl Into<String>, content: &[u8]) -> Self {
        Self::new(media_type, Digest::of(content), content.len() as u64)
    }

    /// The descriptor of `{}`, which artifacts without a config refer to, with its
    /// content embedded (image-spec, "Guidance for an empty descriptor").
    pub fn empty() -> Self {
        Self {
            data: Some(b"{}".to_vec()),
            ..Self::of(media_type::OCI_EMPTY, b"{}")
        }
    }

    /// Adds an annotation.
    pub fn annotate(mut self, key: impl AsRef<str>, value: impl Into<Box<str>>) -> Self {
        self.annotations.insert(key, value);
        self
    }

    /// An annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key)
    }

    /// The content, when it is embedded: an error unless it has the declared size and
    /// hashes to the declared digest.
    pub fn embedded(&self) -> Option<Result<&[u8], EmbeddedError>> {
        self.data.as_deref().map(|data| {
            if data.len() as u64 != self.size {
                return Err(EmbeddedError(Mismatch::Size {
                    declared: self.size,
                    found: data.len(),
                }));
            }
            let found = Digest::with(self.digest.algorithm(), data);
            if found == self.digest {
                Ok(data)
            } else {
                Err(EmbeddedError(Mismatch::Digest {
                    declared: Box::new(self.digest),
                    found: Box::new(found),
                }))
            }
        })
    }
}

/// The `data` of a descriptor is not what the descriptor describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedError(Mismatch);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mismatch {
    Size {
        declared: u64,
        found: usize,
    },
    Digest {
        declared: Box<Digest>,
        found: Box<Digest>,
    },
}

impl fmt::Display for EmbeddedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("content embedded in a descriptor is not what it describes: ")?;
        match &self.0 {
            Mismatch::Size { declared, found } => {
                write!(f, "{declared} bytes declared, {found} found")
            }
            Mismatch::Digest { declared, found } => write!(f, "{declared} declared, {found} found"),
        }?;
        f.write_str("; pull the blob instead")
    }
}

impl std::error::Error for EmbeddedError {}

impl Serialize for Descriptor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("mediaType", &self.media_type)?;
        map.serialize_entry("digest", &self.digest)?;
        map.serialize_entry("size", &self.size)?;
        if !self.urls.is_empty() {
            map.serialize_entry("urls", &self.urls)?;
        }
        if !self.annotations.is_empty() {
            map.serialize_entry("annotations", &self.annotations)?;
        }
        if let Some(data) = &self.data {
            map.serialize_entry("data", &BASE64.encode(data))?;
        }
        if let Some(platform) = &self.platform {
            map.serialize_entry("platform", platform)?;
        }
        if let Some(artifact_type) = &self.artifact_type {
            map.serialize_entry("artifactType", artifact_type)?;
        }
        for (key, value) in &self.unknown {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DescriptorVisitor)
    }
}

// Written out because serde's `flatten` buffers every field before it looks at any,
// which more than doubles the time a manifest of many layers takes.
struct DescriptorVisitor;

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
pub(crate) enum Field {
    MediaType,
    Digest,
    Size,
    Urls,
    Annotations,
    Data,
    Platform,
    ArtifactType,
    Other(String),
}

pub(crate) const FIELDS: [&str; 8] = [
    "mediaType",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "platform",
    "artifactType",
];

impl<'de> Visitor<'de> for DescriptorVisitor {
    type Value = Descriptor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a descriptor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Descriptor, A::Error> {
        let mut media_type = None;
        let mut digest = None;
        let mut size = None;
        let mut urls: Option<Option<Vec<String>>> = None;
        let mut annotations: Option<Option<Annotations>> = None;
        let mut data: Option<Option<Base64>> = None;
        let mut platform: Option<Option<Box<Platform>>> = None;
        let mut artifact_type: Option<Option<String>> = None;
        let mut unknown = Map::new();
        while let Some(field) = map.next_key()? {
            match field {
                Field::MediaType => once(&mut media_type, "mediaType", map.next_value()?)?,
                Field::Digest => once(&mut digest, "digest", map.next_value()?)?,
                Field::Size => once(&mut size, "size", map.next_value()?)?,
                Field::Urls => once(&mut urls, "urls", map.next_value()?)?,
                Field::Annotations => once(&mut annotations, "annotations", map.next_value()?)?,
                Field::Data => once(&mut data, "data", map.next_value()?)?,
                Field::Platform => once(&mut platform, "platform", map.next_value()?)?,
                Field::ArtifactType => once(&mut artifact_type, "artifactType", map.next_value()?)?,
                Field::Other(key) => keep(&mut unknown, &FIELDS, key, map.next_value()?)?,
            }
        }
        Ok(Descriptor {
            media_type: media_type.ok_or_else(|| de::Error::missing_field("mediaType"))?,
            digest: digest.ok_or_else(|| de::Error::missing_field("digest"))?,
            size: size.ok_or_else(|| de::Error::missing_field("size"))?,
            urls: urls.flatten().unwrap_or_default(),
            annotations: annotations.flatten().unwrap_or_default(),
            data: data.flatten().map(|data| data.0),
            platform: platform.flatten(),
            artifact_type: artifact_type.flatten(),
            unknown,
        })
    }
}

struct Base64(Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Base64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
                BASE64.decode(text).map(Base64).map_err(|error| {
                    E::custom(format_args!(
                        "`data` of a descriptor is not base64: {error}"
                    ))
                })
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn parse(fields: &str) -> Result<Descriptor, serde_json::Error> {
        serde_json::from_str(&format!(
            r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":2{fields}}}"#
        ))
    }

    #[test]
    fn writes_what_it_read_in_the_order_of_the_specification() {
        let text = format!(
            r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":2,"urls":["https://x"],"annotations":{{"a":"1","b":"2"}},"data":"e30=","platform":{{"architecture":"arm","os":"linux","variant":"v7","x":[]}},"artifactType":"c/d","later":{{"deep":[1,null]}}}}"#
        );
        let parsed: Descriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        assert_eq!(parsed.annotation("b"), Some("2"));
        assert_eq!(parsed.embedded(), Some(Ok(&b"{}"[..])));
        assert_eq!(parsed.unknown["later"]["deep"][0], 1);
    }

    #[test]
    fn null_is_absent() {
        let nulls =
            r#","urls":null,"annotations":null,"data":null,"platform":null,"artifactType":null"#;
        assert_eq!(parse(nulls).unwrap(), parse("").unwrap());
    }

    #[test]
    fn refuses_what_clients_would_read_differently() {
        for (fields, message) in [
            (r#","size":3"#, "duplicate field `size`"),
            (r#","urls":null,"urls":null"#, "duplicate field `urls`"),
            (r#","x":1,"x":1"#, "a field occurs twice"),
            (
                r#","Digest":"x""#,
                "field `Digest` differs from `digest` only in case",
            ),
            (
                r#","\u017fize":3"#,
                "field `ſize` differs from `size` only in case",
            ),
            (r#","data":"e30""#, "`data` of a descriptor is not base64"),
            (r#","urls":"x""#, "expected a sequence"),
        ] {
            let error = parse(fields).unwrap_err().to_string();
            assert!(error.contains(message), "{fields}: {error}");
        }
    }

    #[test]
    fn sizes_are_whole_and_not_negative() {
        for size in ["-1", "2.0", "1e3", "\"2\"", "18446744073709551616", "null"] {
            let text = format!(r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":{size}}}"#);
            assert!(serde_json::from_str::<Descriptor>(&text).is_err(), "{size}");
        }
    }

    #[test]
    fn embedded_content_counts_only_when_it_is_what_was_described() {
        assert_eq!(Descriptor::empty().embedded(), Some(Ok(&b"{}"[..])));
        assert_eq!(parse("").unwrap().embedded(), None);
        let other = Descriptor {
            data: Some(b"[]".to_vec()),
            ..Descriptor::empty()
        };
        let error = other.embedded().unwrap().unwrap_err().to_string();
        assert!(error.contains(DIGEST), "{error}");
        let longer = Descriptor {
            data: Some(b"{} ".to_vec()),
            ..Descriptor::empty()
        };
        assert_eq!(
            longer.embedded().unwrap().unwrap_err().to_string(),
            "content embedded in a descriptor is not what it describes: \
             2 bytes declared, 3 found; pull the blob instead"
        );
    }
}
