//! The config of a catalogue: everything but the packages.

use std::collections::BTreeMap;

use ocirepo::descriptor::Descriptor;
use serde::{Deserialize, Serialize};

use super::{Part, Parts, line};
use crate::checksum::Checksum;
use crate::error::MetadataError;
use crate::href::Href;
use crate::layout::format::{REPOMD, SIGNATURE};
use crate::repomd::{Distro, Record, Repomd, Tags};
use crate::write;

/// The largest config that is read, in bytes. Real ones have some thousand.
pub const MAX_CONFIG: u64 = 4 << 20;

/// What errors call the config.
const FILE: &str = "the config of the catalogue";

/// The root of a snapshot without its place in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    packages: u64,
    repomd: Repomd,
    parts: [Descriptor; 3],
    signature: Option<String>,
}

impl Catalogue {
    /// A catalogue of the parts that were written. Revision, tags and all metadata files
    /// that are not made of them are those of `repomd`, whose records of `primary`,
    /// `filelists` and `other`, in whatever form, are replaced.
    pub fn new(parts: Parts, repomd: &Repomd) -> Self {
        let Parts {
            packages,
            layers,
            records,
        } = parts;
        let passed = (repomd.records.iter()).filter(|record| !is_derived(&record.kind));
        Self {
            packages,
            repomd: Repomd {
                records: records.into_iter().chain(passed.cloned()).collect(),
                ..repomd.clone()
            },
            parts: layers,
            signature: None,
        }
    }

    /// The same packages with everything else as in `repomd`, and unsigned.
    #[must_use]
    pub fn revised(&self, repomd: &Repomd) -> Self {
        let records = &self.repomd.records;
        let own = records.iter().filter(|record| is_derived(&record.kind));
        let passed = (repomd.records.iter()).filter(|record| !is_derived(&record.kind));
        Self {
            repomd: Repomd {
                records: own.chain(passed).cloned().collect(),
                ..repomd.clone()
            },
            signature: None,
            ..self.clone()
        }
    }

    /// The same with the publisher's signature: an armored detached OpenPGP signature of
    /// [`Catalogue::raw_repomd`].
    #[must_use]
    pub fn signed(self, signature: String) -> Self {
        Self {
            signature: Some(signature),
            ..self
        }
    }

    /// How many packages it has.
    pub fn packages(&self) -> u64 {
        self.packages
    }

    /// What `repomd.xml` says.
    pub fn repomd(&self) -> &Repomd {
        &self.repomd
    }

    /// The bytes of `repomd.xml`.
    pub fn raw_repomd(&self) -> String {
        write::repomd(&self.repomd)
    }

    /// The publisher's signature of [`Catalogue::raw_repomd`].
    pub fn signature(&self) -> Option<&str> {
        self.signature.as_deref()
    }

    /// The layer of a part.
    pub fn part(&self, part: Part) -> &Descriptor {
        let [packages, files, changes] = &self.parts;
        match part {
            Part::Packages => packages,
            Part::Files => files,
            Part::Changes => changes,
        }
    }

    /// What `repomd.xml` says of the XML that a part becomes.
    pub fn record(&self, part: Part) -> Option<&Record> {
        (self.repomd.records.iter()).find(|record| record.kind == part.kind())
    }

    /// The part that becomes the file of a path, and what `repomd.xml` says of that.
    pub fn made(&self, path: &str) -> Option<(Part, &Record)> {
        Part::ALL.into_iter().find_map(|part| {
            let record = self.record(part)?;
            (record.location.path() == path).then_some((part, record))
        })
    }

    /// The content of the config.
    pub fn to_config(&self) -> Vec<u8> {
        let Repomd {
            revision,
            tags,
            records,
        } = &self.repomd;
        let config = Config {
            packages: self.packages,
            revision: revision.clone(),
            tags: tags.into(),
            records: records.iter().map(Into::into).collect(),
            signature: self.signature.clone(),
        };
        // Texts and numbers, and no map whose keys are anything else: this cannot fail.
        serde_json::to_vec(&config).unwrap_or_default()
    }

    /// Reads the config and the layers of a root.
    pub fn parse(config: &[u8], layers: &[Descriptor]) -> Result<Self, MetadataError> {
        parse(config, layers).map_err(|error| error.in_file(FILE))
    }
}

fn parse(config: &[u8], layers: &[Descriptor]) -> Result<Catalogue, MetadataError> {
    let config: Config = line::parse(config)?;
    let records: Result<Vec<Record>, _> = (config.records.into_iter())
        .map(ConfigRecord::read)
        .collect();
    let mut found = BTreeMap::new();
    for layer in layers {
        let part = Part::ALL
            .into_iter()
            .find(|part| part.media_type() == layer.media_type);
        if let Some(part) = part
            && found.insert(part, layer.clone()).is_some()
        {
            return Err(MetadataError::malformed(format!(
                "the part of its {part} is there twice"
            )));
        }
    }
    let mut part = |part| {
        found
            .remove(&part)
            .ok_or_else(|| MetadataError::malformed(format!("the part of its {part} is not there")))
    };
    let catalogue = Catalogue {
        packages: config.packages,
        repomd: Repomd {
            revision: config.revision,
            tags: config.tags.into(),
            records: records?,
        },
        parts: [
            part(Part::Packages)?,
            part(Part::Files)?,
            part(Part::Changes)?,
        ],
        signature: config.signature,
    };
    for part in Part::ALL {
        let kind = part.kind();
        let record = catalogue.record(part).ok_or_else(|| {
            MetadataError::malformed(format!("it has no record of type `{kind}`"))
        })?;
        if record.size.is_none() || record.checksum.to_digest().is_none() {
            return Err(MetadataError::malformed(format!(
                "its record of type `{kind}` has no size or no SHA-256"
            )));
        }
    }
    Ok(catalogue)
}

/// Whether a file of a directory stays as it is when a catalogue takes the place of its
/// metadata. `repomd` is the one of the directory.
pub fn is_kept(repomd: &Repomd, path: &str) -> bool {
    let replaced = |record: &Record| is_derived(&record.kind) && record.location.path() == path;
    path != REPOMD && path != SIGNATURE && !repomd.records.iter().any(replaced)
}

/// Whether a metadata file says again what `primary`, `filelists` and `other` say: an SQLite
/// or a zchunk form of one.
fn is_derived(kind: &str) -> bool {
    let base = ["_db", "_zck"]
        .into_iter()
        .find_map(|suffix| kind.strip_suffix(suffix));
    Part::of_kind(base.unwrap_or(kind)).is_some()
}

#[derive(Serialize, Deserialize)]
struct Config {
    packages: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(default, skip_serializing_if = "ConfigTags::is_empty")]
    tags: ConfigTags,
    records: Vec<ConfigRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
struct ConfigTags {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    content: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    repo: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    distro: Vec<ConfigDistro>,
}

#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct ConfigDistro {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpeid: Option<String>,
    name: String,
}

impl ConfigTags {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<&Tags> for ConfigTags {
    fn from(tags: &Tags) -> Self {
        let distro = |distro: &Distro| ConfigDistro {
            cpeid: distro.cpeid.clone(),
            name: distro.name.clone(),
        };
        Self {
            content: tags.content.clone(),
            repo: tags.repo.clone(),
            distro: tags.distro.iter().map(distro).collect(),
        }
    }
}

impl From<ConfigTags> for Tags {
    fn from(tags: ConfigTags) -> Self {
        let distro = |distro: ConfigDistro| Distro {
            cpeid: distro.cpeid,
            name: distro.name,
        };
        Self {
            content: tags.content,
            repo: tags.repo,
            distro: tags.distro.into_iter().map(distro).collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigRecord {
    #[serde(rename = "type")]
    kind: String,
    location: String,
    checksum: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open_checksum: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header_checksum: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database_version: Option<u64>,
}

impl From<&Record> for ConfigRecord {
    fn from(record: &Record) -> Self {
        let text = |checksum: &Option<Checksum>| checksum.as_ref().map(ToString::to_string);
        Self {
            kind: record.kind.clone(),
            location: record.location.as_written().to_owned(),
            checksum: record.checksum.to_string(),
            open_checksum: text(&record.open_checksum),
            header_checksum: text(&record.header_checksum),
            size: record.size,
            open_size: record.open_size,
            header_size: record.header_size,
            timestamp: record.timestamp,
            database_version: record.database_version,
        }
    }
}

impl ConfigRecord {
    fn read(self) -> Result<Record, MetadataError> {
        let checksum = |text: &str| {
            let (kind, hex) = text.split_once(':').unwrap_or(("", text));
            Checksum::parse(kind, hex).map_err(|e| MetadataError::malformed(e.to_string()))
        };
        let optional = |text: Option<String>| text.map(|text| checksum(&text)).transpose();
        Ok(Record {
            location: crate::fields::outside(Href::parse(&self.location))?,
            checksum: checksum(&self.checksum)?,
            open_checksum: optional(self.open_checksum)?,
            header_checksum: optional(self.header_checksum)?,
            kind: self.kind,
            size: self.size,
            open_size: self.open_size,
            header_size: self.header_size,
            timestamp: self.timestamp,
            database_version: self.database_version,
        })
    }
}
