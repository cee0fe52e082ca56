//! The packages of a repository in columns, for showing, searching and sorting them.
//!
//! A package is its place, from 0, in the order `primary` has them. Texts that come again
//! (versions, licences, names in dependencies) are kept once, and a column has their
//! numbers.

mod answer;
mod order;
mod search;
mod strings;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::evr::{Evr, Nevra};
use ocirepo_rpm::package::{Comparison, Dependency, FileKind, Package};
use ocirepo_rpm::publish::source_name;

use crate::pairs::Pairs;
pub(crate) use answer::Details;
pub(crate) use order::SortKey;
pub(crate) use search::{Filters, Sort};
use strings::{Interner, Texts};

/// The lists of dependencies, in the order they are kept.
pub(crate) const KINDS: usize = 8;
const PROVIDES: usize = 0;
const REQUIRES: usize = 1;

/// No version.
const NONE: u32 = u32::MAX;

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
    /// Where its dependencies of each kind end in [`Table::dependencies`].
    ends: [u32; KINDS],
    /// Where its files end in [`Table::files`].
    files: u32,
}

/// All dependencies of all packages, kind by kind of one package after the other.
#[derive(Default)]
struct DependencyColumns {
    name: Vec<u32>,
    /// The version as it is written, or [`NONE`].
    evr: Vec<u32>,
    /// Comparison from 1 on, and 8 where it is needed before installation.
    flags: Vec<u8>,
}

/// The table.
#[derive(Default)]
pub(crate) struct Table {
    texts: Interner,
    rows: Vec<Row>,
    dependencies: DependencyColumns,
    /// The files that `primary` lists.
    files: Vec<u32>,
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
    provided: OnceCell<Index>,
    required: OnceCell<Index>,
}

/// For each text, which packages it stands in.
struct Index {
    starts: Vec<u32>,
    packages: Vec<u32>,
}

impl Index {
    fn of(&self, text: u32) -> &[u32] {
        let at = text as usize;
        let bounds = self.starts.get(at).zip(self.starts.get(at + 1));
        bounds
            .and_then(|(start, end)| self.packages.get(*start as usize..*end as usize))
            .unwrap_or_default()
    }

    /// From pairs of text and package, in the order of the packages.
    fn new(texts: usize, pairs: impl Fn(&mut dyn FnMut(u32, u32))) -> Self {
        let mut starts = vec![0; texts + 1];
        pairs(&mut |text, _| {
            if let Some(count) = starts.get_mut(text as usize + 1) {
                *count += 1;
            }
        });
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut packages = vec![0; sum as usize];
        let mut next = starts.clone();
        pairs(&mut |text, package| {
            if let Some(at) = next.get_mut(text as usize) {
                if let Some(to) = packages.get_mut(*at as usize) {
                    *to = package;
                }
                *at += 1;
            }
        });
        Self { starts, packages }
    }
}

impl Table {
    /// Adds a package.
    pub(crate) fn push(&mut self, package: &Package) {
        let details = &package.details;
        let source = source_name(Some(&*details.source_rpm), &package.nevra.name);
        let lists = lists(package);
        let ends = lists.map(|list| {
            for dependency in list {
                self.push_dependency(dependency);
            }
            self.dependencies.name.len() as u32
        });
        for file in &package.files {
            if file.kind != FileKind::Ghost {
                let number = self.texts.number(&file.path);
                self.files.push(number);
            }
        }
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
            ends,
            files: self.files.len() as u32,
        };
        self.rows.push(row);
        self.locations.push(package.location.path());
        self.summaries.push(&details.summary);
        self.descriptions.push(&details.description);
        let searched = format!("{}\n{}", package.nevra.name, details.summary);
        self.searched
            .push(&format!("\n{}", searched.to_lowercase()));
    }

    fn push_dependency(&mut self, dependency: &Dependency) {
        let name = self.texts.number(&dependency.name);
        let evr = match &dependency.evr {
            Some(evr) => self.texts.number(&evr.to_string()),
            None => NONE,
        };
        let comparison = match dependency.comparison {
            None => 0,
            Some(Comparison::Less) => 1,
            Some(Comparison::LessOrEqual) => 2,
            Some(Comparison::Equal) => 3,
            Some(Comparison::GreaterOrEqual) => 4,
            Some(Comparison::Greater) => 5,
        };
        let columns = &mut self.dependencies;
        columns.name.push(name);
        columns.evr.push(evr);
        columns
            .flags
            .push(comparison | u8::from(dependency.pre) << 3);
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
        self.files.shrink_to_fit();
        self.dependencies.name.shrink_to_fit();
        self.dependencies.evr.shrink_to_fit();
        self.dependencies.flags.shrink_to_fit();
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
        let indices = [self.provided.get(), self.required.get()];
        let indices = indices.into_iter().flatten();
        self.texts.memory()
            + texts.iter().map(|texts| texts.memory()).sum::<usize>()
            + self.rows.capacity() * row
            + self.dependencies.name.capacity() * 9
            + self.files.capacity() * 4
            + self.len() * 9
            + self.orders.borrow().len() * self.len() * 4
            + indices
                .map(|index| (index.starts.len() + index.packages.len()) * 4)
                .sum::<usize>()
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

    /// The entries of one kind of dependencies, by their places.
    fn dependencies(&self, id: u32, kind: usize) -> std::ops::Range<usize> {
        let end = |id: u32, kind: usize| {
            self.row(id)
                .and_then(|row| row.ends.get(kind))
                .map_or(0, |end| *end as usize)
        };
        let start = match (id, kind) {
            (0, 0) => 0,
            (id, 0) => end(id - 1, KINDS - 1),
            (id, kind) => end(id, kind - 1),
        };
        start..end(id, kind)
    }

    fn files(&self, id: u32) -> &[u32] {
        let end = |id: u32| self.row(id).map_or(0, |row| row.files as usize);
        let start = id.checked_sub(1).map_or(0, end);
        self.files.get(start..end(id)).unwrap_or_default()
    }

    /// Which packages provide a text: a name, a capability or a file of `primary`.
    fn provided(&self) -> &Index {
        self.provided.get_or_init(|| {
            Index::new(self.texts.len(), |pair| {
                for id in 0..self.len() as u32 {
                    self.each_name(id, PROVIDES, pair);
                    for file in self.files(id) {
                        pair(*file, id);
                    }
                }
            })
        })
    }

    /// Which packages require a text.
    fn required(&self) -> &Index {
        self.required.get_or_init(|| {
            Index::new(self.texts.len(), |pair| {
                for id in 0..self.len() as u32 {
                    self.each_name(id, REQUIRES, pair);
                }
            })
        })
    }

    fn each_name(&self, id: u32, kind: usize, pair: &mut dyn FnMut(u32, u32)) {
        let names = self.dependencies.name.get(self.dependencies(id, kind));
        for name in names.unwrap_or_default() {
            pair(*name, id);
        }
    }
}

/// The dependencies of a package, in the order of [`KINDS`].
fn lists(package: &Package) -> [&[Dependency]; KINDS] {
    let all = &package.dependencies;
    [
        &all.provides,
        &all.requires,
        &all.conflicts,
        &all.obsoletes,
        &all.recommends,
        &all.suggests,
        &all.supplements,
        &all.enhances,
    ]
}

#[cfg(test)]
mod tests;
