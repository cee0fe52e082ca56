//! Old metadata and new packages, in one pass.

use super::{Entry, Fate, New, Selection};
use crate::checksum::Checksum;
use crate::error::{MetadataError, MetadataErrorKind};
use crate::filelists::PackageFiles;
use crate::other::PackageChanges;
use crate::package::Package;

/// One package in a metadata file.
pub trait Identified {
    /// The checksum of the package file.
    fn pkgid(&self) -> Checksum;
}

impl Identified for Package {
    fn pkgid(&self) -> Checksum {
        self.checksum
    }
}

impl Identified for PackageFiles {
    fn pkgid(&self) -> Checksum {
        self.pkgid
    }
}

impl Identified for PackageChanges {
    fn pkgid(&self) -> Checksum {
        self.pkgid
    }
}

/// The next package to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// One that was there: what the old metadata says of it.
    Old(T),
    /// The new one with that place.
    New(usize),
}

/// Merges an old metadata file, as it is read, with new packages.
///
/// Whatever the order of `filelists` and `other`, a new package comes before the first
/// old one whose location is greater. Packages that `primary` does not have are left out;
/// one that `primary` has and the file has not ends it with an error. It ends with the
/// first error.
pub struct Merge<'a, I: Iterator> {
    old: &'a [Entry],
    new: &'a [New],
    fates: &'a [Fate],
    added: std::iter::Peekable<std::iter::Copied<std::slice::Iter<'a, usize>>>,
    stream: I,
    /// What was read from the stream and comes behind new packages.
    held: Option<(usize, I::Item)>,
    /// Places of the old packages, by checksum; several where there are copies.
    by_pkgid: Vec<u32>,
    seen: Vec<bool>,
    file: &'a str,
    done: bool,
}

impl<'a, T, I> Merge<'a, I>
where
    T: Identified,
    I: Iterator<Item = Result<T, MetadataError>>,
{
    /// Begins. `stream` reads the old metadata file, which errors call `file`; a
    /// repository that was not there has an empty one.
    pub fn new(
        selection: &'a Selection,
        old: &'a [Entry],
        new: &'a [New],
        stream: I,
        file: &'a str,
    ) -> Self {
        let mut by_pkgid: Vec<u32> = (0..).take(old.len()).collect();
        by_pkgid.sort_by_key(|at| (old.get(*at as usize).map(|entry| entry.checksum), *at));
        Self {
            old,
            new,
            fates: &selection.old,
            added: selection.added.iter().copied().peekable(),
            stream,
            held: None,
            by_pkgid,
            seen: vec![false; old.len()],
            file,
            done: false,
        }
    }

    /// The place of an old package. Copies are met in their order.
    fn place(&mut self, pkgid: Checksum) -> Option<usize> {
        let checksum = |at: &u32| self.old.get(*at as usize).map(|entry| entry.checksum);
        let from = self
            .by_pkgid
            .partition_point(|at| checksum(at) < Some(pkgid));
        let place = self.by_pkgid.get(from..)?.iter().copied();
        let mut places = place
            .take_while(|at| checksum(at) == Some(pkgid))
            .map(|at| at as usize);
        places.find(|at| self.seen.get(*at) == Some(&false))
    }

    /// The next old package that is in the repository.
    fn advance(&mut self) -> Option<(usize, I::Item)> {
        loop {
            let item = match self.stream.next()? {
                Ok(item) => item,
                Err(error) => return Some((0, Err(error))),
            };
            if let Some(at) = self.place(item.pkgid()) {
                if let Some(seen) = self.seen.get_mut(at) {
                    *seen = true;
                }
                return Some((at, Ok(item)));
            }
        }
    }

    /// The new package that comes before an old one, or one of those left.
    fn next_new(&mut self, before: Option<&Entry>) -> Option<usize> {
        let (new, comes) = (self.new, before);
        self.added.next_if(|at| {
            let location = new.get(*at).map(|new| &new.entry.location);
            comes.is_none_or(|old| location < Some(&old.location))
        })
    }

    fn step(&mut self) -> Result<Option<Step<T>>, MetadataError> {
        loop {
            let Some((at, item)) = self.held.take().or_else(|| self.advance()) else {
                return match self.next_new(None) {
                    Some(at) => Ok(Some(Step::New(at))),
                    None => self.complete().map(|()| None),
                };
            };
            let item = item?;
            let old = self.old;
            if let Some(new) = self.next_new(old.get(at)) {
                self.held = Some((at, Ok(item)));
                return Ok(Some(Step::New(new)));
            }
            if self.fates.get(at) == Some(&Fate::In) {
                return Ok(Some(Step::Old(item)));
            }
        }
    }

    /// Whether every package was there.
    fn complete(&self) -> Result<(), MetadataError> {
        let mut fates = self.old.iter().zip(self.fates).zip(&self.seen);
        match fates.find(|((_, fate), seen)| **fate == Fate::In && !**seen) {
            None => Ok(()),
            Some(((entry, _), _)) => Err(MetadataError::new(
                MetadataErrorKind::Malformed,
                format!(
                    "it says nothing of {}, which primary lists; publish the repository anew \
                     from its packages",
                    entry.nevra
                ),
            )
            .in_file(self.file)),
        }
    }
}

impl<T, I> Iterator for Merge<'_, I>
where
    T: Identified,
    I: Iterator<Item = Result<T, MetadataError>>,
{
    type Item = Result<Step<T>, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.step();
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, entry, new};
    use super::super::{Change, Removal, select};
    use super::*;
    use crate::query::Query;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Item(Checksum, String);

    impl Identified for Item {
        fn pkgid(&self) -> Checksum {
            self.0
        }
    }

    fn stream(entries: &[Entry]) -> Vec<Result<Item, MetadataError>> {
        let item = |entry: &Entry| Item(entry.checksum, entry.location.to_string());
        entries.iter().map(|entry| Ok(item(entry))).collect()
    }

    fn merged(
        old: &[Entry],
        new: &[New],
        change: &Change,
        stream: Vec<Result<Item, MetadataError>>,
    ) -> Result<Vec<String>, MetadataError> {
        let selection = select(old, new, change).unwrap();
        Merge::new(&selection, old, new, stream.into_iter(), "filelists.xml")
            .map(|step| {
                Ok(match step? {
                    Step::Old(Item(_, location)) => location,
                    Step::New(at) => format!("+{}", new[at].entry.location),
                })
            })
            .collect()
    }

    fn package(name: &str) -> Entry {
        at(name, &format!("{name}-1-1.noarch"), name)
    }

    #[test]
    fn new_packages_come_before_the_first_greater_location() {
        let old = ["b", "d", "c"].map(package);
        let all = ["a", "cc", "e"].map(|name| new(package(name)));
        let found = merged(&old, &all, &Change::default(), stream(&old)).unwrap();
        assert_eq!(found, ["+a", "b", "+cc", "d", "c", "+e"]);
    }

    #[test]
    fn what_is_removed_is_left_out_of_every_file_whatever_its_order() {
        let old = ["a", "b", "c"].map(package);
        let change = Change {
            remove: vec![Removal {
                query: Query::new("b"),
                required: true,
            }],
            ..Change::default()
        };
        let mut other = stream(&old);
        other.reverse();
        let all = [new(package("bb"))];
        let found = merged(&old, &all, &change, other).unwrap();
        assert_eq!(found, ["+bb", "c", "a"]);
    }

    #[test]
    fn copies_are_met_in_their_order() {
        let old = [
            at("1/a.rpm", "a-1-1.noarch", "a"),
            at("2/a.rpm", "a-1-1.noarch", "a"),
        ];
        let change = Change {
            remove: vec![Removal {
                query: Query::new("1/a.rpm"),
                required: true,
            }],
            ..Change::default()
        };
        let found = merged(&old, &[], &change, stream(&old)).unwrap();
        assert_eq!(found, ["2/a.rpm"]);
    }

    #[test]
    fn strangers_are_left_out_and_gaps_are_errors() {
        let old = [entry("a-1-1.noarch", "a")];
        let mut more = stream(&old);
        more.extend(stream(&[entry("x-1-1.noarch", "x")]));
        let found = merged(&old, &[], &Change::default(), more).unwrap();
        assert_eq!(found, ["a-1-1.noarch.rpm"]);
        let error = merged(&old, &[], &Change::default(), Vec::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read filelists.xml: it says nothing of a-1-1.noarch, which primary lists; \
             publish the repository anew from its packages"
        );
    }

    #[test]
    fn an_error_of_the_stream_ends_it() {
        let old = [package("b")];
        let broken: Vec<Result<Item, _>> = vec![Err(MetadataError::malformed("broken"))];
        let all = [new(package("a"))];
        let selection = select(&old, &all, &Change::default()).unwrap();
        let mut merge = Merge::new(&selection, &old, &all, broken.into_iter(), "x");
        assert!(merge.next().unwrap().is_err());
        assert!(merge.next().is_none());
    }

    proptest! {
        /// Adding in several steps gives what adding at once gives.
        #[test]
        fn sorted_stays_sorted(names in proptest::collection::btree_set("[a-e]{1,3}", 0..40), mask: u64) {
            let (mut old, mut all) = (Vec::new(), Vec::new());
            for (at, name) in names.iter().enumerate() {
                match mask >> (at % 64) & 1 {
                    0 => old.push(package(name)),
                    _ => all.push(new(package(name))),
                }
            }
            let found = merged(&old, &all, &Change::default(), stream(&old)).unwrap();
            let found: Vec<&str> = found.iter().map(|path| path.trim_start_matches('+')).collect();
            let sorted: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(found, sorted);
        }
    }
}
