//! The packages of a repository in columns, for showing, searching and sorting them.
//!
//! A package is its place, from 0, in the order `primary` has them. Texts that come again
//! (versions, licences, names in dependencies) are kept once, and a column has their
//! numbers.

mod answer;
mod dependencies;
mod order;
mod search;
mod strings;

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;

use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::evr::{Evr, Nevra};
use ocirepo_rpm::package::Package;
use ocirepo_rpm::publish::source_name;

use crate::pairs::Pairs;
pub(crate) use answer::Details;
pub(crate) use dependencies::{Dependencies, DependenciesOut};
pub(crate) use order::SortKey;
pub(crate) use search::{Filters, Sort};
use strings::{Interner, Texts};

/// Asked for dependencies before they were read.
#[derive(Debug)]
pub(crate) struct Unread;

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what packages require and provide was not read; call readDependencies() first")
    }
}

/// One package in numbers. Texts are numbers of [`Table::texts`].
struct Row {
    name: u32,
    epoch: u32,
    version: u32,
    release: u32,
    arch: u32,
    license: u32,
    /// Name of the source package.
    source: u32,
    source_rpm: u32,
    url: u32,
    vendor: u32,
    packager: u32,
    group: u32,
    build_host: u32,
    checksum: Box<Checksum>,
    size: u64,
    installed: u64,
    archive: u64,
    build_time: u64,
    file_time: u64,
    /// Start and end; both 0 where it is not known.
    header: (u32, u32),
}

/// The table.
#[derive(Default)]
pub(crate) struct Table {
    texts: Interner,
    rows: Vec<Row>,
    locations: Texts,
    summaries: Texts,
    descriptions: Texts,
    /// Name and summary in lower case, each behind a line break, which words have none of.
    searched: Texts,
    /// By name, architecture and version.
    by_name: Vec<u32>,
    /// Places in `by_name`.
    rank: Vec<u32>,
    /// Whether it is the newest of its name and architecture.
    latest: Vec<bool>,
    orders: RefCell<Pairs<SortKey, Rc<Vec<u32>>>>,
    /// Once they were read.
    dependencies: OnceCell<Dependencies>,
}

impl Table {
    /// Adds a package.
    pub(crate) fn push(&mut self, package: &Package) {
        let details = &package.details;
        let source = source_name(Some(&*details.source_rpm), &package.nevra.name);
        let range = details.header_range.as_ref();
        let header = range.and_then(|range| {
            Some((
                u32::try_from(range.start).ok()?,
                u32::try_from(range.end).ok()?,
            ))
        });
        let texts = &mut self.texts;
        let row = Row {
            name: texts.number(&package.nevra.name),
            epoch: package.nevra.evr.epoch,
            version: texts.number(&package.nevra.evr.version),
            release: texts.number(&package.nevra.evr.release),
            arch: texts.number(&package.nevra.arch),
            license: texts.number(&details.license),
            source: texts.number(source),
            source_rpm: texts.number(&details.source_rpm),
            url: texts.number(&details.url),
            vendor: texts.number(&details.vendor),
            packager: texts.number(&details.packager),
            group: texts.number(&details.group),
            build_host: texts.number(&details.build_host),
            checksum: Box::new(package.checksum),
            size: package.size.package,
            installed: package.size.installed,
            archive: package.size.archive,
            build_time: package.build_time,
            file_time: package.file_time,
            header: header.unwrap_or_default(),
        };
        self.rows.push(row);
        self.locations.push(package.location.path());
        self.summaries.push(&details.summary);
        self.descriptions.push(&details.description);
        let searched = format!("{}\n{}", package.nevra.name, details.summary);
        self.searched
            .push(&format!("\n{}", searched.to_lowercase()));
    }

    /// Puts in order what was added. Nothing is added afterwards.
    pub(crate) fn finish(&mut self) {
        self.texts.shrink();
        for texts in [
            &mut self.locations,
            &mut self.summaries,
            &mut self.descriptions,
            &mut self.searched,
        ] {
            texts.shrink();
        }
        self.rows.shrink_to_fit();
        self.put_in_order();
    }

    /// How many packages there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes that it takes.
    pub(crate) fn memory(&self) -> usize {
        let row = size_of::<Row>() + size_of::<Checksum>();
        let texts = [
            &self.locations,
            &self.summaries,
            &self.descriptions,
            &self.searched,
        ];
        self.texts.memory()
            + texts.iter().map(|texts| texts.memory()).sum::<usize>()
            + self.rows.capacity() * row
            + self.len() * 9
            + self.orders.borrow().len() * self.len() * 4
            + self.dependencies.get().map_or(0, Dependencies::memory)
    }

    fn row(&self, id: u32) -> Option<&Row> {
        self.rows.get(id as usize)
    }

    pub(crate) fn checksum(&self, id: u32) -> Option<Checksum> {
        Some(*self.row(id)?.checksum)
    }

    pub(crate) fn size(&self, id: u32) -> u64 {
        self.row(id).map_or(0, |row| row.size)
    }

    /// The path of the package file.
    pub(crate) fn location(&self, id: u32) -> &str {
        self.locations.get(id)
    }

    /// Where the header ends in the package file, if that is known.
    pub(crate) fn header_end(&self, id: u32) -> Option<u32> {
        Some(self.row(id)?.header.1).filter(|end| *end > 0)
    }

    /// What a snapshot wants to know: name and source of a package.
    pub(crate) fn names(&self, id: u32) -> Option<(&str, &str)> {
        let row = self.row(id)?;
        Some((self.texts.get(row.name), self.texts.get(row.source)))
    }

    pub(crate) fn nevra(&self, id: u32) -> Option<Nevra> {
        let row = self.row(id)?;
        Some(Nevra {
            name: self.texts.get(row.name).into(),
            evr: Evr::new(
                row.epoch,
                self.texts.get(row.version),
                self.texts.get(row.release),
            ),
            arch: self.texts.get(row.arch).into(),
        })
    }

    /// What its packages require and provide.
    pub(crate) fn dependencies(&self) -> Result<&Dependencies, Unread> {
        self.dependencies.get().ok_or(Unread)
    }

    /// Takes what its packages require and provide, in its order. Those that it has stay.
    pub(crate) fn depend(&self, dependencies: Dependencies) {
        let _ = self.dependencies.set(dependencies);
    }
}

#[cfg(test)]
mod tests;
