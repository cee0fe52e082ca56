//! `repomd.xml`: the list of a repository's metadata files.

use std::io::BufRead;

use crate::checksum::Checksum;
use crate::error::{MetadataError, MetadataErrorKind, excerpt};
use crate::fields;
use crate::href::Href;
use crate::limits::Limits;
use crate::xml::Xml;

/// What `repomd.xml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repomd {
    /// The revision: seconds since 1970 by custom, but any text.
    pub revision: Option<String>,
    /// What the repository is for.
    pub tags: Tags,
    /// The metadata files in the order written, unknown types and duplicates included.
    /// Records without a type are left out, as every reader does.
    pub records: Vec<Record>,
}

/// The `tags` of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// What it holds, such as `binary-x86_64`.
    pub content: Vec<String>,
    /// Its names.
    pub repo: Vec<String>,
    /// The distributions it belongs to.
    pub distro: Vec<Distro>,
}

/// A distribution that a repository belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distro {
    /// Its name in the Common Platform Enumeration.
    pub cpeid: Option<String>,
    /// Its name for people.
    pub name: String,
}

/// One metadata file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its type: `primary`, `updateinfo`, `group_gz`, …
    pub kind: String,
    /// Where it lies.
    pub location: Href,
    /// The checksum of the file as it lies there.
    pub checksum: Checksum,
    /// The checksum of its uncompressed content.
    pub open_checksum: Option<Checksum>,
    /// The checksum of a zchunk header.
    pub header_checksum: Option<Checksum>,
    /// The size of the file in bytes.
    pub size: Option<u64>,
    /// The size of its uncompressed content in bytes.
    pub open_size: Option<u64>,
    /// The size of a zchunk header in bytes.
    pub header_size: Option<u64>,
    /// When it was made, in whole seconds since 1970.
    pub timestamp: Option<u64>,
    /// The schema version of an SQLite file.
    pub database_version: Option<u64>,
}

impl Record {
    /// Whether this is the zchunk form of a file, which is not read.
    pub fn is_zchunk(&self) -> bool {
        self.kind.ends_with("_zck") || self.location.path().ends_with(".zck")
    }
}

/// Most records in `repomd.xml`: real ones have 30.
const MAX_RECORDS: usize = 1000;

impl Repomd {
    /// Reads `repomd.xml`.
    pub fn parse(raw: &[u8]) -> Result<Self, MetadataError> {
        Self::read(raw, "repomd.xml", Limits::default())
    }

    /// Reads `repomd.xml` under caps of your own. `file` is what errors call it.
    pub fn read<R: BufRead>(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        let mut xml = Xml::open(source, file, limits, &["repomd"])?;
        parse(&mut xml).map_err(|error| xml.locate(error))
    }

    /// The first record of that type in a form that can be read.
    pub fn record(&self, kind: &str) -> Option<&Record> {
        self.records
            .iter()
            .find(|record| record.kind == kind && !record.is_zchunk())
    }

    /// The record of a metadata file that the caller cannot do without. The error
    /// tells apart that there is none and that there is only a zchunk one.
    pub fn require(&self, kind: &str) -> Result<&Record, MetadataError> {
        self.record(kind).ok_or_else(|| {
            let only_zchunk = self
                .records
                .iter()
                .any(|record| record.kind.strip_suffix("_zck").unwrap_or(&record.kind) == kind);
            if only_zchunk {
                MetadataError::new(
                    MetadataErrorKind::Unsupported,
                    format!(
                        "`{}` is there only as zchunk, which is not read; \
                         the repository must also offer gz, zstd or xz",
                        excerpt(kind)
                    ),
                )
            } else {
                MetadataError::malformed(format!("no record of type `{}`", excerpt(kind)))
            }
            .in_file("repomd.xml")
        })
    }

    /// The comps file: `group_gz` where there is one, else `group`.
    pub fn comps(&self) -> Option<&Record> {
        ["group_gz", "group_xz", "group"]
            .into_iter()
            .find_map(|kind| self.record(kind))
    }
}

fn parse<R: BufRead>(xml: &mut Xml<R>) -> Result<Repomd, MetadataError> {
    let mut repomd = Repomd::default();
    let root = xml.depth();
    while let Some(element) = xml.child(root)? {
        match element.name() {
            "revision" => repomd.revision = Some(xml.token()?.to_owned()),
            "tags" => parse_tags(xml, &mut repomd.tags)?,
            "data" => {
                if let Some(kind) = element.attribute("type")?.map(String::from) {
                    if repomd.records.len() >= MAX_RECORDS {
                        return Err(MetadataError::new(
                            MetadataErrorKind::TooLarge,
                            format!("it has more than {MAX_RECORDS} records"),
                        ));
                    }
                    let record = parse_record(xml, &kind)
                        .map_err(|error| error.in_entry(|| format!("record `{kind}`")))?;
                    repomd.records.push(record);
                }
            }
            _ => {}
        }
    }
    xml.finish()?;
    Ok(repomd)
}

fn parse_tags<R: BufRead>(xml: &mut Xml<R>, tags: &mut Tags) -> Result<(), MetadataError> {
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        if tags.content.len() + tags.repo.len() + tags.distro.len() >= MAX_RECORDS {
            return Err(MetadataError::new(
                MetadataErrorKind::TooLarge,
                format!("it has more than {MAX_RECORDS} tags"),
            ));
        }
        match element.name() {
            "content" => tags.content.push(xml.text()?.to_owned()),
            "repo" => tags.repo.push(xml.text()?.to_owned()),
            "distro" => {
                let cpeid = element.attribute("cpeid")?.map(String::from);
                let name = xml.text()?.to_owned();
                tags.distro.push(Distro { cpeid, name });
            }
            _ => {}
        }
    }
    Ok(())
}

fn parse_record<R: BufRead>(xml: &mut Xml<R>, kind: &str) -> Result<Record, MetadataError> {
    let (mut location, mut checksum) = (None, None);
    let (mut open_checksum, mut header_checksum) = (None, None);
    let (mut size, mut open_size, mut header_size) = (None, None, None);
    let (mut timestamp, mut database_version) = (None, None);
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        let name = element.name();
        let sum = match name {
            "checksum" => &mut checksum,
            "open-checksum" => &mut open_checksum,
            "header-checksum" => &mut header_checksum,
            "location" => {
                location = Some(fields::refuse_base(fields::location(element)?)?);
                continue;
            }
            _ => {
                let number = match name {
                    "size" => &mut size,
                    "open-size" => &mut open_size,
                    "header-size" => &mut header_size,
                    "timestamp" => &mut timestamp,
                    "database_version" => &mut database_version,
                    _ => continue,
                };
                *number = Some(xml.number()?);
                continue;
            }
        };
        let of = element.require("type")?.into_owned();
        *sum = Some(fields::checksum(xml, &of)?);
    }
    Ok(Record {
        kind: kind.to_owned(),
        location: location.ok_or_else(|| fields::missing("location"))?,
        checksum: checksum.ok_or_else(|| fields::missing("checksum"))?,
        open_checksum,
        header_checksum,
        size,
        open_size,
        header_size,
        timestamp,
        database_version,
    })
}

#[cfg(test)]
mod tests;
