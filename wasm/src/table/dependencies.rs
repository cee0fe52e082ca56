//! What packages require and provide: most of the list of packages, and read apart from the rest
//! of the table, which is there before it.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::ops::Range;

use ocirepo_rpm::evr::Evr;
use ocirepo_rpm::package::{Comparison, Dependency, FileKind, Package};
use serde::Serialize;

use super::Table;
use super::strings::Interner;

/// The lists of dependencies, in the order they are kept.
const KINDS: usize = 8;
const PROVIDES: usize = 0;
const REQUIRES: usize = 1;

/// No version.
const NONE: u32 = u32::MAX;

/// How many providers of one requirement are named.
const MOST_PROVIDERS: usize = 20;

/// All dependencies of all packages, kind by kind of one package after the other.
#[derive(Default)]
pub(crate) struct Dependencies {
    texts: Interner,
    name: Vec<u32>,
    /// The version as it is written, or [`NONE`].
    evr: Vec<u32>,
    /// Comparison from 1 on, and 8 where it is needed before installation.
    flags: Vec<u8>,
    /// The files that `primary` lists.
    files: Vec<u32>,
    ends: Vec<Ends>,
    provided: OnceCell<Index>,
    required: OnceCell<Index>,
}

/// Where what a package has ends in the columns.
struct Ends {
    kinds: [u32; KINDS],
    files: u32,
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

    fn memory(&self) -> usize {
        (self.starts.len() + self.packages.len()) * 4
    }
}

impl Dependencies {
    /// Adds those of a package. They come in the order of the table.
    pub(crate) fn push(&mut self, package: &Package) {
        let kinds = lists(package).map(|list| {
            for dependency in list {
                self.push_one(dependency);
            }
            self.name.len() as u32
        });
        for file in &package.files {
            if file.kind != FileKind::Ghost {
                self.files.push(self.texts.number(&file.path));
            }
        }
        let files = self.files.len() as u32;
        self.ends.push(Ends { kinds, files });
    }

    fn push_one(&mut self, dependency: &Dependency) {
        self.name.push(self.texts.number(&dependency.name));
        self.evr.push(match &dependency.evr {
            Some(evr) => self.texts.number(&evr.to_string()),
            None => NONE,
        });
        let comparison = match dependency.comparison {
            None => 0,
            Some(Comparison::Less) => 1,
            Some(Comparison::LessOrEqual) => 2,
            Some(Comparison::Equal) => 3,
            Some(Comparison::GreaterOrEqual) => 4,
            Some(Comparison::Greater) => 5,
        };
        self.flags.push(comparison | u8::from(dependency.pre) << 3);
    }

    /// Gives back what is not needed. Nothing is added afterwards.
    pub(crate) fn finish(&mut self) {
        self.texts.shrink();
        self.name.shrink_to_fit();
        self.evr.shrink_to_fit();
        self.flags.shrink_to_fit();
        self.files.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Bytes that they take.
    pub(crate) fn memory(&self) -> usize {
        let indices = [self.provided.get(), self.required.get()];
        self.texts.memory()
            + self.name.capacity() * 9
            + self.files.capacity() * 4
            + self.ends.capacity() * size_of::<Ends>()
            + indices
                .into_iter()
                .flatten()
                .map(Index::memory)
                .sum::<usize>()
    }

    /// The entries of one kind, by their places.
    fn places(&self, id: u32, kind: usize) -> Range<usize> {
        let end = |id: u32, kind: usize| {
            let ends = self.ends.get(id as usize);
            ends.and_then(|ends| ends.kinds.get(kind))
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
        let end = |id: u32| {
            self.ends
                .get(id as usize)
                .map_or(0, |ends| ends.files as usize)
        };
        let start = id.checked_sub(1).map_or(0, end);
        self.files.get(start..end(id)).unwrap_or_default()
    }

    /// The packages that provide a name, capability or file of `primary`.
    pub(crate) fn providers(&self, name: &str) -> &[u32] {
        let number = self.texts.find(name);
        number.map_or(&[], |number| self.provided().of(number))
    }

    /// The packages that require a name, capability or file.
    pub(crate) fn required_by(&self, name: &str) -> &[u32] {
        let number = self.texts.find(name);
        number.map_or(&[], |number| self.required().of(number))
    }

    fn provided(&self) -> &Index {
        self.provided.get_or_init(|| {
            Index::new(self.texts.len(), |pair| {
                for id in 0..self.ends.len() as u32 {
                    self.each_name(id, PROVIDES, pair);
                    for file in self.files(id) {
                        pair(*file, id);
                    }
                }
            })
        })
    }

    fn required(&self) -> &Index {
        self.required.get_or_init(|| {
            Index::new(self.texts.len(), |pair| {
                for id in 0..self.ends.len() as u32 {
                    self.each_name(id, REQUIRES, pair);
                }
            })
        })
    }

    fn each_name(&self, id: u32, kind: usize, pair: &mut dyn FnMut(u32, u32)) {
        let names = self.name.get(self.places(id, kind));
        for name in names.unwrap_or_default() {
            pair(*name, id);
        }
    }

    /// Those of a package of a table, to show.
    pub(crate) fn shown(&self, table: &Table, id: u32) -> DependenciesOut {
        let list = |kind| self.list(table, id, kind);
        DependenciesOut {
            provides: list(PROVIDES),
            requires: list(REQUIRES),
            conflicts: list(2),
            obsoletes: list(3),
            recommends: list(4),
            suggests: list(5),
            supplements: list(6),
            enhances: list(7),
        }
    }

    fn list(&self, table: &Table, id: u32, kind: usize) -> Vec<DependencyOut> {
        let places = self.places(id, kind);
        places
            .filter_map(|at| {
                let number = *self.name.get(at)?;
                let name = self.texts.get(number);
                let evr = self.evr_at(at);
                let flags = *self.flags.get(at)?;
                let comparison = operator(flags);
                let text = match (comparison, evr) {
                    (Some(comparison), Some(evr)) => format!("{name} {comparison} {evr}"),
                    _ => name.to_owned(),
                };
                let providers = match kind {
                    PROVIDES => Vec::new(),
                    _ => self.providers_of(table, number, comparison, evr),
                };
                Some(DependencyOut {
                    name: name.to_owned(),
                    comparison,
                    evr: evr.map(str::to_owned),
                    text,
                    pre: flags & 8 != 0,
                    providers,
                })
            })
            .collect()
    }

    fn evr_at(&self, at: usize) -> Option<&str> {
        let evr = *self.evr.get(at)?;
        (evr != NONE).then(|| self.texts.get(evr))
    }

    /// The packages that satisfy a requirement.
    fn providers_of(
        &self,
        table: &Table,
        name: u32,
        comparison: Option<&str>,
        evr: Option<&str>,
    ) -> Vec<Provider> {
        let mut found: Vec<Provider> = Vec::new();
        for id in self.provided().of(name) {
            if found.len() == MOST_PROVIDERS {
                break;
            }
            if found.last().is_none_or(|last| last.id != *id)
                && self.satisfies(*id, name, comparison, evr)
                && let Some(nevra) = table.nevra(*id)
            {
                let nevra = nevra.to_string();
                found.push(Provider { id: *id, nevra });
            }
        }
        found
    }

    /// Whether what a package provides under a name is in the range.
    fn satisfies(&self, id: u32, name: u32, comparison: Option<&str>, evr: Option<&str>) -> bool {
        let (Some(comparison), Some(evr)) = (comparison, evr) else {
            return true;
        };
        let Ok(wanted) = evr.parse::<Evr>() else {
            return true;
        };
        self.places(id, PROVIDES).any(|at| {
            if self.name.get(at) != Some(&name) {
                return false;
            }
            let flags = self.flags.get(at).copied().unwrap_or_default();
            match self.evr_at(at).map(str::parse::<Evr>) {
                Some(Ok(provided)) => overlap(
                    operator(flags).unwrap_or("="),
                    &provided,
                    comparison,
                    &wanted,
                ),
                // Without a version it provides every one, as rpm has it.
                _ => true,
            }
        })
    }
}

#[derive(Serialize)]
pub(crate) struct DependenciesOut {
    provides: Vec<DependencyOut>,
    requires: Vec<DependencyOut>,
    conflicts: Vec<DependencyOut>,
    obsoletes: Vec<DependencyOut>,
    recommends: Vec<DependencyOut>,
    suggests: Vec<DependencyOut>,
    supplements: Vec<DependencyOut>,
    enhances: Vec<DependencyOut>,
}

#[derive(Serialize)]
struct DependencyOut {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evr: Option<String>,
    text: String,
    pre: bool,
    providers: Vec<Provider>,
}

#[derive(Serialize)]
struct Provider {
    id: u32,
    nevra: String,
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

fn operator(flags: u8) -> Option<&'static str> {
    match flags & 7 {
        1 => Some("<"),
        2 => Some("<="),
        3 => Some("="),
        4 => Some(">="),
        5 => Some(">"),
        _ => None,
    }
}

/// Whether two ranges of versions have one in common. A version without a release stands for
/// all of its releases, as rpm has it.
fn overlap(one: &str, a: &Evr, other: &str, b: &Evr) -> bool {
    let mut b = b.clone();
    let mut a = a.clone();
    if a.release.is_empty() || b.release.is_empty() {
        a.release = "".into();
        b.release = "".into();
    }
    let down = |operator: &str| operator.starts_with('<');
    let up = |operator: &str| operator.starts_with('>');
    let same = |operator: &str| operator.ends_with('=');
    match a.compare(&b) {
        Ordering::Less => up(one) || down(other),
        Ordering::Greater => down(one) || up(other),
        Ordering::Equal => {
            (same(one) && same(other)) || (down(one) && down(other)) || (up(one) && up(other))
        }
    }
}
