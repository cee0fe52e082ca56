//! The line of a package in `packages`.

use std::borrow::Cow;
use std::io;

use serde::{Deserialize, Serialize};

use super::{FileEntry, Identity, Line, Text, checksum, file_entries, is_empty, is_zero};
use super::{List, parse, refuse};
use crate::error::{MetadataError, excerpt};
use crate::fields;
use crate::href::Href;
use crate::intern::Interner;
use crate::package::{Comparison, Dependencies, Dependency, Details, Package, Sizes};

impl Line for Package {
    fn to_json(&self, to: &mut Vec<u8>) -> io::Result<()> {
        if let Some(base) = &self.base {
            return Err(refuse(format!(
                "{}: its location has the base {}, so it is not in this repository",
                self.nevra,
                excerpt(base)
            )));
        }
        Ok(serde_json::to_writer(to, &PackageLine::listed(self)?)?)
    }

    fn from_json(line: &[u8], interner: &mut Interner) -> Result<Self, MetadataError> {
        parse::<PackageLine<'_>>(line)?.into_package(interner)
    }
}

/// The config of the artifact of a package: its line without what is not in its header.
pub(in crate::native) fn config(package: &Package) -> Vec<u8> {
    // Texts and numbers: this cannot fail.
    serde_json::to_vec(&PackageLine::bare(package)).unwrap_or_default()
}

/// A line of `packages`, and without what belongs to a repository the config of a package.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PackageLine<'a> {
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
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    checksum: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    location: Text<'a>,
    #[serde(default, skip_serializing_if = "is_zero")]
    size: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    installed_size: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    archive_size: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    file_time: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    build_time: u64,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    summary: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    description: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    packager: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    url: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    license: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    vendor: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    group: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    build_host: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    source_rpm: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header_range: Option<(u64, u64)>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    provides: List<Entry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    requires: List<Entry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    conflicts: List<Entry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    obsoletes: List<Entry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    suggests: List<Entry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    enhances: List<Entry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    recommends: List<Entry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    supplements: List<Entry<'a>>,
    #[serde(borrow, default, skip_serializing_if = "List::is_empty")]
    files: List<FileEntry<'a>>,
}

impl<'a> PackageLine<'a> {
    /// What a catalogue says of a package.
    fn listed(package: &'a Package) -> io::Result<Self> {
        Ok(Self {
            checksum: checksum(&package.nevra, &package.checksum)?.into(),
            location: package.location.as_written().into(),
            size: package.size.package,
            file_time: package.file_time,
            ..Self::bare(package)
        })
    }

    /// What the header of a package says, wherever its file lies.
    fn bare(package: &'a Package) -> Self {
        let Package {
            nevra,
            size,
            details,
            dependencies,
            ..
        } = package;
        Self {
            name: Cow::Borrowed(&*nevra.name),
            epoch: nevra.evr.epoch,
            version: Cow::Borrowed(&*nevra.evr.version),
            release: Cow::Borrowed(&*nevra.evr.release),
            arch: Cow::Borrowed(&*nevra.arch),
            checksum: Cow::default(),
            location: Cow::default(),
            size: 0,
            installed_size: size.installed,
            archive_size: size.archive,
            file_time: 0,
            build_time: package.build_time,
            summary: Cow::Borrowed(&*details.summary),
            description: Cow::Borrowed(&*details.description),
            packager: Cow::Borrowed(&*details.packager),
            url: Cow::Borrowed(&*details.url),
            license: Cow::Borrowed(&*details.license),
            vendor: Cow::Borrowed(&*details.vendor),
            group: Cow::Borrowed(&*details.group),
            build_host: Cow::Borrowed(&*details.build_host),
            source_rpm: Cow::Borrowed(&*details.source_rpm),
            header_range: (details.header_range.as_ref()).map(|range| (range.start, range.end)),
            provides: entries(&dependencies.provides),
            requires: entries(&dependencies.requires),
            conflicts: entries(&dependencies.conflicts),
            obsoletes: entries(&dependencies.obsoletes),
            suggests: entries(&dependencies.suggests),
            enhances: entries(&dependencies.enhances),
            recommends: entries(&dependencies.recommends),
            supplements: entries(&dependencies.supplements),
            files: file_entries(&package.files),
        }
    }

    fn into_package(self, interner: &mut Interner) -> Result<Package, MetadataError> {
        let identity = Identity {
            name: &self.name,
            epoch: self.epoch,
            version: &self.version,
            release: &self.release,
            arch: &self.arch,
            checksum: &self.checksum,
        };
        let (nevra, checksum) = identity.read(interner)?;
        let location = fields::outside(Href::parse(&self.location))?;
        let mut dependencies = |list: List<Entry<'_>>| -> Result<Box<[Dependency]>, MetadataError> {
            list.into_iter()
                .map(|entry| entry.into_dependency(interner))
                .collect()
        };
        let dependencies = Dependencies {
            provides: dependencies(self.provides)?,
            requires: dependencies(self.requires)?,
            conflicts: dependencies(self.conflicts)?,
            obsoletes: dependencies(self.obsoletes)?,
            suggests: dependencies(self.suggests)?,
            enhances: dependencies(self.enhances)?,
            recommends: dependencies(self.recommends)?,
            supplements: dependencies(self.supplements)?,
        };
        Ok(Package {
            nevra,
            checksum,
            location,
            base: None,
            size: Sizes {
                package: self.size,
                installed: self.installed_size,
                archive: self.archive_size,
            },
            file_time: self.file_time,
            build_time: self.build_time,
            details: Details {
                summary: self.summary.into(),
                description: self.description.into(),
                packager: interner.text(&self.packager),
                url: interner.text(&self.url),
                license: interner.text(&self.license),
                vendor: interner.text(&self.vendor),
                group: interner.text(&self.group),
                build_host: interner.text(&self.build_host),
                source_rpm: interner.text(&self.source_rpm),
                header_range: self.header_range.map(|(start, end)| start..end),
            },
            dependencies,
            files: self.files.into_iter().map(FileEntry::into_file).collect(),
        })
    }
}

/// A dependency.
#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    flags: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    epoch: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    version: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    release: Text<'a>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pre: bool,
}

impl<'a> Entry<'a> {
    fn of(dependency: &'a Dependency) -> Self {
        let evr = dependency.evr.as_deref();
        Self {
            name: Cow::Borrowed(&*dependency.name),
            flags: (dependency.comparison).map(|comparison| comparison.flags().into()),
            epoch: evr.map_or(0, |evr| evr.epoch),
            version: evr.map(|evr| Cow::Borrowed(&*evr.version)),
            release: evr.map_or(Cow::Borrowed(""), |evr| Cow::Borrowed(&*evr.release)),
            pre: dependency.pre,
        }
    }

    fn into_dependency(self, interner: &mut Interner) -> Result<Dependency, MetadataError> {
        let comparison = self.flags.map(|flags| {
            Comparison::from_flags(&flags).ok_or_else(|| {
                MetadataError::malformed(format!(
                    "`{}` is no comparison of versions",
                    excerpt(&flags)
                ))
            })
        });
        let evr =
            (self.version).map(|version| interner.version(self.epoch, &version, &self.release));
        Ok(Dependency {
            name: interner.text(&self.name),
            comparison: comparison.transpose()?,
            evr,
            pre: self.pre,
        })
    }
}

fn entries(dependencies: &[Dependency]) -> List<Entry<'_>> {
    dependencies.iter().map(Entry::of).collect()
}
