//! The lines of a catalogue: one package each, as JSON.
//!
//! The same types are written and read. Fields that are empty or zero are left out; fields
//! that nobody knows are passed over.

mod package;

pub(super) use package::config as package_config;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::checksum::{Checksum, ChecksumKind};
use crate::error::{MetadataError, MetadataErrorKind, excerpt};
use crate::evr::{Evr, Nevra};
use crate::filelists::PackageFiles;
use crate::intern::Interner;
use crate::other::{Change, PackageChanges};
use crate::package::{File, FileKind};

/// Most entries of one list.
const MAX_ENTRIES: usize = 2_000_000;

/// Facts that can be a line of a part.
pub(super) trait Line: Sized {
    /// The line, without its end.
    fn to_json(&self, to: &mut Vec<u8>) -> io::Result<()>;

    /// Reads a line.
    fn from_json(line: &[u8], interner: &mut Interner) -> Result<Self, MetadataError>;
}

impl Line for PackageFiles {
    fn to_json(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let Nevra { name, evr, arch } = &self.nevra;
        let line = FilesLine {
            name: Cow::Borrowed(name),
            epoch: evr.epoch,
            version: Cow::Borrowed(&evr.version),
            release: Cow::Borrowed(&evr.release),
            arch: Cow::Borrowed(arch),
            checksum: checksum(&self.nevra, &self.pkgid)?.into(),
            files: file_entries(&self.files),
        };
        Ok(serde_json::to_writer(to, &line)?)
    }

    fn from_json(line: &[u8], interner: &mut Interner) -> Result<Self, MetadataError> {
        let line = parse::<FilesLine<'_>>(line)?;
        let identity = Identity {
            name: &line.name,
            epoch: line.epoch,
            version: &line.version,
            release: &line.release,
            arch: &line.arch,
            checksum: &line.checksum,
        };
        let (nevra, pkgid) = identity.read(interner)?;
        Ok(Self {
            pkgid,
            nevra,
            files: line.files.into_iter().map(FileEntry::into_file).collect(),
        })
    }
}

impl Line for PackageChanges {
    fn to_json(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let changes = self.changes.iter().map(|change| ChangeEntry {
            author: Cow::Borrowed(&*change.author),
            date: change.date,
            text: Cow::Borrowed(&*change.text),
        });
        let Nevra { name, evr, arch } = &self.nevra;
        let line = ChangesLine {
            name: Cow::Borrowed(name),
            epoch: evr.epoch,
            version: Cow::Borrowed(&evr.version),
            release: Cow::Borrowed(&evr.release),
            arch: Cow::Borrowed(arch),
            checksum: checksum(&self.nevra, &self.pkgid)?.into(),
            changes: changes.collect(),
        };
        Ok(serde_json::to_writer(to, &line)?)
    }

    fn from_json(line: &[u8], interner: &mut Interner) -> Result<Self, MetadataError> {
        let line = parse::<ChangesLine<'_>>(line)?;
        let identity = Identity {
            name: &line.name,
            epoch: line.epoch,
            version: &line.version,
            release: &line.release,
            arch: &line.arch,
            checksum: &line.checksum,
        };
        let (nevra, pkgid) = identity.read(interner)?;
        let changes = line.changes.into_iter().map(|change| Change {
            author: interner.text(&change.author),
            date: change.date,
            text: change.text.into(),
        });
        Ok(Self {
            pkgid,
            nevra,
            changes: changes.collect(),
        })
    }
}

/// A text, not copied where JSON has it as it is.
type Text<'a> = Cow<'a, str>;

/// Which package a line is about.
struct Identity<'a> {
    name: &'a str,
    epoch: u32,
    version: &'a str,
    release: &'a str,
    arch: &'a str,
    checksum: &'a str,
}

impl Identity<'_> {
    fn read(&self, interner: &mut Interner) -> Result<(Nevra, Checksum), MetadataError> {
        if self.name.is_empty() || self.arch.is_empty() {
            return Err(MetadataError::malformed(
                "its name or architecture is empty",
            ));
        }
        let hex = self.checksum.strip_prefix("sha256:").ok_or_else(|| {
            MetadataError::malformed(format!(
                "`{}` is no checksum of the form sha256:…",
                excerpt(self.checksum)
            ))
        })?;
        let checksum = Checksum::from_hex(ChecksumKind::Sha256, hex)
            .map_err(|error| MetadataError::malformed(error.to_string()))?;
        let nevra = Nevra {
            name: interner.text(self.name),
            evr: Evr {
                epoch: self.epoch,
                version: interner.text(self.version),
                release: interner.text(self.release),
            },
            arch: interner.text(self.arch),
        };
        Ok((nevra, checksum))
    }
}

/// A line of `files`.
#[derive(Serialize, Deserialize)]
struct FilesLine<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(default, skip_serializing_if = "is_zero")]
    epoch: u32,
    #[serde(borrow)]
    version: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    release: Text<'a>,
    #[serde(borrow)]
    arch: Text<'a>,
    #[serde(borrow)]
    checksum: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    files: List<FileEntry<'a>>,
}

/// A line of `changes`.
#[derive(Serialize, Deserialize)]
struct ChangesLine<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(default, skip_serializing_if = "is_zero")]
    epoch: u32,
    #[serde(borrow)]
    version: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    release: Text<'a>,
    #[serde(borrow)]
    arch: Text<'a>,
    #[serde(borrow)]
    checksum: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    changes: List<ChangeEntry<'a>>,
}

/// An entry of a change log.
#[derive(Serialize, Deserialize)]
struct ChangeEntry<'a> {
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    author: Text<'a>,
    date: u64,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    text: Text<'a>,
}

/// A file: its path alone, or with the type it has when it is no regular file.
struct FileEntry<'a> {
    path: Text<'a>,
    kind: FileKind,
}

/// A [`FileEntry`] that is no regular file.
#[derive(Serialize, Deserialize)]
struct TypedFile<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

impl FileEntry<'_> {
    fn into_file(self) -> File {
        File {
            path: self.path.into(),
            kind: self.kind,
            checksum: None,
        }
    }
}

impl Serialize for FileEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.kind.as_str() {
            None => serializer.serialize_str(&self.path),
            Some(kind) => TypedFile {
                path: Cow::Borrowed(&self.path),
                kind: kind.into(),
            }
            .serialize(serializer),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for FileEntry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;
        impl<'de> Visitor<'de> for Entry {
            type Value = FileEntry<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or an object with path and type")
            }

            fn visit_borrowed_str<E: de::Error>(self, path: &'de str) -> Result<Self::Value, E> {
                Ok(FileEntry {
                    path: Cow::Borrowed(path),
                    kind: FileKind::File,
                })
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<Self::Value, E> {
                Ok(FileEntry {
                    path: Cow::Owned(path.to_owned()),
                    kind: FileKind::File,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let file = TypedFile::deserialize(MapAccessDeserializer::new(map))?;
                Ok(FileEntry {
                    path: file.path,
                    kind: FileKind::from_name(&file.kind),
                })
            }
        }
        deserializer.deserialize_any(Entry)
    }
}

fn file_entries<'a>(files: &'a [File]) -> List<FileEntry<'a>> {
    let entry = |file: &'a File| FileEntry {
        path: Cow::Borrowed(&*file.path),
        kind: file.kind,
    };
    files.iter().map(entry).collect()
}

/// A list that is read only up to so many entries.
#[derive(Serialize)]
#[serde(transparent)]
struct List<T>(Vec<T>);

impl<T> List<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    if list.len() >= MAX_ENTRIES {
                        return Err(de::Error::custom(format_args!(
                            "a list has more than {MAX_ENTRIES} entries"
                        )));
                    }
                    list.push(entry);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_seq(Entries(PhantomData))
    }
}

/// Reads JSON: its text is checked once as a whole, and not again for each string.
pub(super) fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, MetadataError> {
    let malformed =
        |error: &dyn fmt::Display| MetadataError::malformed(excerpt(&error.to_string()));
    let text = std::str::from_utf8(line).map_err(|error| malformed(&error))?;
    serde_json::from_str(text).map_err(|error| malformed(&error))
}

/// A checksum as lines have it. Only SHA-256 names content in a registry.
fn checksum(nevra: &Nevra, checksum: &Checksum) -> io::Result<String> {
    if checksum.kind() == ChecksumKind::Sha256 {
        return Ok(checksum.to_string());
    }
    Err(refuse(format!(
        "{nevra} is listed with a {} checksum, and the layout native takes only sha256; run \
         createrepo_c again with --checksum=sha256, or publish in another layout",
        checksum.kind()
    )))
}

fn refuse(message: String) -> io::Error {
    MetadataError::new(MetadataErrorKind::Unsupported, message).into()
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

fn is_empty(text: &Text<'_>) -> bool {
    text.is_empty()
}
