//! Which packages a repository has after a change.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use super::error::{Problem, SelectError};
use super::{Entry, New};
use crate::checksum::Checksum;
use crate::evr::Evr;
use crate::query::Query;

/// What to change, beside adding packages.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Which of the packages that are there to leave out. New ones are not meant.
    pub remove: Vec<Removal>,
    /// Content to leave out where it is there. New packages are not meant.
    pub remove_content: BTreeSet<Checksum>,
    /// How many versions of each name and architecture to keep at most, the newest. What
    /// RPM takes for the same version counts once, however many packages have it.
    pub keep_latest: Option<NonZeroUsize>,
    /// Whether a new package replaces one of the same name, version, release and
    /// architecture that has other content, and what lies at its place. Without, that is
    /// an error.
    pub replace: bool,
}

/// Packages to leave out.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Which.
    pub query: Query,
    /// Whether it is an error that there are none.
    pub required: bool,
}

/// What becomes of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays, or is added.
    In,
    /// It is new, but the repository or another new file has it already.
    Known,
    /// It is left out because it was asked for.
    Removed,
    /// A new package takes its place.
    Replaced,
    /// Enough newer versions are there.
    Outdated,
}

/// Which packages a repository has after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// What becomes of each old package, in their order.
    pub old: Vec<Fate>,
    /// What becomes of each new package, in their order.
    pub new: Vec<Fate>,
    /// Places of the new packages that are added, in the order of their locations.
    pub added: Vec<usize>,
}

impl Selection {
    /// How many packages the repository has then.
    pub fn count(&self) -> usize {
        self.kept() + self.added.len()
    }

    /// How many old packages stay.
    pub fn kept(&self) -> usize {
        self.old.iter().filter(|fate| **fate == Fate::In).count()
    }

    /// Whether the repository has the same packages as before.
    pub fn is_unchanged(&self) -> bool {
        self.added.is_empty() && self.kept() == self.old.len()
    }

    /// The old packages that stay, in their order.
    pub fn staying<'a>(&'a self, old: &'a [Entry]) -> impl Iterator<Item = &'a Entry> {
        let old = old.iter().zip(&self.old);
        old.filter(|(_, fate)| **fate == Fate::In)
            .map(|(entry, _)| entry)
    }

    /// The new packages that come, in the order of [`Selection::added`].
    pub fn coming<'a>(&'a self, new: &'a [New]) -> impl Iterator<Item = &'a Entry> {
        let new = self.added.iter().filter_map(|at| new.get(*at));
        new.map(|new| &new.entry)
    }
}

/// Decides which packages a repository has after a change.
///
/// The order of `new` does not matter: of files with the same content, the one whose
/// location comes first counts.
///
/// # Errors
/// When packages contradict each other, or a pattern means nothing that is there.
pub fn select(old: &[Entry], new: &[New], change: &Change) -> Result<Selection, SelectError> {
    let mut selection = Selection {
        old: remove(old, change)?,
        new: vec![Fate::In; new.len()],
        added: Vec::new(),
    };
    among_new(new, &mut selection)?;
    against_old(old, new, change.replace, &mut selection)?;
    if let Some(limit) = change.keep_latest {
        keep_latest(old, new, limit, &mut selection);
    }
    let is_in = |at: &usize| selection.new.get(*at) == Some(&Fate::In);
    selection.added = by_location(new).into_iter().filter(is_in).collect();
    Ok(selection)
}

fn remove(old: &[Entry], change: &Change) -> Result<Vec<Fate>, SelectError> {
    let fate = |entry: &Entry| match change.remove_content.contains(&entry.checksum) {
        true => Fate::Removed,
        false => Fate::In,
    };
    let mut fates: Vec<Fate> = old.iter().map(fate).collect();
    for removal in &change.remove {
        let mut found = false;
        for (entry, fate) in old.iter().zip(&mut fates) {
            if removal
                .query
                .matches_at(&entry.nevra, entry.location.path())
            {
                *fate = Fate::Removed;
                found = true;
            }
        }
        if !found && removal.required {
            return Err(Problem::NothingToRemove(removal.query.text().to_owned()).into());
        }
    }
    Ok(fates)
}

/// Places of the new packages, ordered by location, then by file.
fn by_location(new: &[New]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..new.len()).collect();
    order.sort_by(|a, b| {
        let key = |at: &usize| new.get(*at).map(|new| (&new.entry.location, &new.file));
        key(a).cmp(&key(b))
    });
    order
}

fn among_new(new: &[New], selection: &mut Selection) -> Result<(), SelectError> {
    let mut contents = BTreeMap::new();
    let mut nevras = BTreeMap::new();
    let mut places: BTreeMap<_, &New> = BTreeMap::new();
    for at in by_location(new) {
        let Some(one) = new.get(at) else { continue };
        if contents.insert(one.entry.checksum, ()).is_some() {
            set(&mut selection.new, at, Fate::Known);
            continue;
        }
        if let Some(first) = nevras.insert(&one.entry.nevra, one) {
            return Err(Problem::TwoNew {
                nevra: one.entry.nevra.to_string(),
                first: first.file.clone(),
                second: one.file.clone(),
            }
            .into());
        }
        if let Some(first) = places.insert(&one.entry.location, one) {
            return Err(Problem::TwoAt {
                location: one.entry.location.to_string(),
                first: first.file.clone(),
                second: one.file.clone(),
            }
            .into());
        }
    }
    Ok(())
}

fn against_old(
    old: &[Entry],
    new: &[New],
    replace: bool,
    selection: &mut Selection,
) -> Result<(), SelectError> {
    let mut contents = BTreeMap::new();
    let mut nevras = BTreeMap::new();
    let mut places = BTreeMap::new();
    for (at, one) in new.iter().enumerate() {
        if selection.new.get(at) == Some(&Fate::In) {
            contents.insert(one.entry.checksum, at);
            nevras.insert(&one.entry.nevra, at);
            places.insert(&one.entry.location, at);
        }
    }
    // First what is there already: it contradicts nothing.
    for (entry, fate) in old.iter().zip(&selection.old) {
        if *fate == Fate::In
            && let Some(at) = contents.get(&entry.checksum)
        {
            set(&mut selection.new, *at, Fate::Known);
        }
    }
    for (entry, fate) in old.iter().zip(&mut selection.old) {
        if *fate != Fate::In {
            continue;
        }
        let coming = |at: Option<&usize>| {
            at.filter(|at| selection.new.get(**at) == Some(&Fate::In))
                .and_then(|at| new.get(*at))
        };
        let same_name = coming(nevras.get(&entry.nevra));
        let same_place = coming(places.get(&entry.location));
        if same_name.is_none() && same_place.is_none() {
            continue;
        }
        if replace {
            *fate = Fate::Replaced;
        } else if let Some(one) = same_name {
            return Err(Problem::Differs {
                nevra: entry.nevra.to_string(),
                file: one.file.clone(),
                location: entry.location.to_string(),
            }
            .into());
        } else if let Some(one) = same_place {
            return Err(Problem::Taken {
                location: entry.location.to_string(),
                file: one.file.clone(),
                by: entry.nevra.to_string(),
            }
            .into());
        }
    }
    Ok(())
}

/// A package that is in, by where it stands.
#[derive(Clone, Copy)]
enum At {
    Old(usize),
    New(usize),
}

fn keep_latest(old: &[Entry], new: &[New], limit: NonZeroUsize, selection: &mut Selection) {
    let mut groups: BTreeMap<(&str, &str), Vec<(&Evr, At)>> = BTreeMap::new();
    let olds = old.iter().zip(&selection.old).enumerate();
    let olds = olds.filter(|(_, (_, fate))| **fate == Fate::In);
    let olds = olds.map(|(at, (entry, _))| (entry, At::Old(at)));
    let news = new.iter().zip(&selection.new).enumerate();
    let news = news.filter(|(_, (_, fate))| **fate == Fate::In);
    let news = news.map(|(at, (one, _))| (&one.entry, At::New(at)));
    for (entry, at) in olds.chain(news) {
        let key = (&*entry.nevra.name, &*entry.nevra.arch);
        groups.entry(key).or_default().push((&entry.nevra.evr, at));
    }
    for mut group in groups.into_values() {
        group.sort_by(|(a, _), (b, _)| b.compare(a));
        let mut versions = 0;
        let mut last: Option<&Evr> = None;
        for (evr, at) in group {
            if last.is_none_or(|last| last.compare(evr) != Ordering::Equal) {
                versions += 1;
                last = Some(evr);
            }
            if versions > limit.get() {
                match at {
                    At::Old(at) => set(&mut selection.old, at, Fate::Outdated),
                    At::New(at) => set(&mut selection.new, at, Fate::Outdated),
                }
            }
        }
    }
}

fn set(fates: &mut [Fate], at: usize, to: Fate) {
    if let Some(fate) = fates.get_mut(at) {
        *fate = to;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, entry, new};
    use super::super::{SelectErrorKind, select};
    use super::*;
    use Fate::{In, Known, Outdated, Removed, Replaced};

    fn removing(patterns: &[&str]) -> Change {
        let removal = |pattern: &&str| Removal {
            query: Query::new(pattern),
            required: true,
        };
        Change {
            remove: patterns.iter().map(removal).collect(),
            ..Change::default()
        }
    }

    fn replacing() -> Change {
        Change {
            replace: true,
            ..Change::default()
        }
    }

    #[test]
    fn new_packages_are_added_in_the_order_of_locations() {
        let all = [entry("b-1-1.noarch", "b"), entry("a-1-1.noarch", "a")].map(new);
        let selection = select(&[], &all, &Change::default()).unwrap();
        assert_eq!(selection.added, [1, 0]);
        assert_eq!(selection.count(), 2);
        assert!(!selection.is_unchanged());
    }

    #[test]
    fn the_same_content_comes_once_wherever_it_lies() {
        let all = [
            at("z/a.rpm", "a-1-1.noarch", "a"),
            at("b/a.rpm", "a-1-1.noarch", "a"),
        ]
        .map(new);
        let selection = select(&[], &all, &Change::default()).unwrap();
        assert_eq!(
            (&*selection.new, &*selection.added),
            (&[Known, In][..], &[1][..])
        );
        let old = [at("old/a.rpm", "a-1-1.noarch", "a")];
        let selection = select(&old, &all, &Change::default()).unwrap();
        assert_eq!(selection.new, [Known, Known]);
        assert!(selection.is_unchanged());
    }

    #[test]
    fn the_same_name_with_other_content_must_be_told_to_replace() {
        let old = [at("old/a.rpm", "a-1-1.noarch", "a")];
        let all = [new(at("Packages/a.rpm", "a-1-1.noarch", "A"))];
        let error = select(&old, &all, &Change::default()).unwrap_err();
        assert_eq!(error.kind(), SelectErrorKind::SameName);
        assert_eq!(
            error.to_string(),
            "/tmp/Packages/a.rpm is a-1-1.noarch, which the repository has with different \
             content at old/a.rpm; replace it with --replace, or build with another release"
        );
        let selection = select(&old, &all, &replacing()).unwrap();
        assert_eq!((selection.old, selection.added), (vec![Replaced], vec![0]));
    }

    #[test]
    fn two_new_files_of_one_name_are_an_error_even_when_replacing() {
        let all = [
            at("2/a.rpm", "a-1-1.noarch", "A"),
            at("1/a.rpm", "a-1-1.noarch", "a"),
        ]
        .map(new);
        let error = select(&[], &all, &replacing()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/tmp/1/a.rpm and /tmp/2/a.rpm are both a-1-1.noarch, with different content; \
             give one of them"
        );
    }

    #[test]
    fn one_place_holds_one_package() {
        let all = [
            at("x.rpm", "a-1-1.noarch", "a"),
            at("x.rpm", "b-1-1.noarch", "b"),
        ];
        let error = select(&[], &all.clone().map(new), &replacing()).unwrap_err();
        assert_eq!(error.kind(), SelectErrorKind::SameLocation);
        let [old, another] = all;
        let all = [new(another)];
        let error = select(std::slice::from_ref(&old), &all, &Change::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/tmp/x.rpm would lie at x.rpm, where the repository has a-1-1.noarch; rename \
             the file, or replace what is there with --replace"
        );
        let selection = select(&[old], &all, &replacing()).unwrap();
        assert_eq!(selection.old, [Replaced]);
    }

    #[test]
    fn patterns_remove_what_is_there_and_not_what_comes() {
        let old = [
            entry("a-1-1.noarch", "1"),
            entry("a-2-1.noarch", "2"),
            entry("b-1-1.noarch", "b"),
        ];
        let all = [new(entry("a-3-1.noarch", "3"))];
        let selection = select(&old, &all, &removing(&["a"])).unwrap();
        assert_eq!(selection.old, [Removed, Removed, In]);
        assert_eq!(selection.added, [0]);
        let selection = select(&old, &[], &removing(&["a-1-1.noarch.rpm", "b"])).unwrap();
        assert_eq!(selection.old, [Removed, In, Removed]);
    }

    #[test]
    fn content_is_removed_where_it_is_there_and_nothing_else_of_its_name() {
        let old = [
            entry("a-1-1.noarch", "other"),
            entry("b-1-1.noarch", "b"),
            at("copy.rpm", "b-1-1.noarch", "b"),
        ];
        let content = |content: &str| entry("x-1-1.noarch", content).checksum;
        let change = Change {
            remove_content: ["a", "b"].map(content).into(),
            ..Change::default()
        };
        let selection = select(&old, &[], &change).unwrap();
        assert_eq!(selection.old, [In, Removed, Removed]);
    }

    #[test]
    fn what_was_removed_may_come_back_at_another_place() {
        let old = [at("old/a.rpm", "a-1-1.noarch", "a")];
        let all = [new(entry("a-1-1.noarch", "a"))];
        let selection = select(&old, &all, &removing(&["a"])).unwrap();
        assert_eq!((selection.old, selection.added), (vec![Removed], vec![0]));
    }

    #[test]
    fn a_pattern_that_removes_nothing_is_an_error_unless_it_did_so_before() {
        let old = [entry("a-1-1.noarch", "a")];
        let mut change = removing(&["nothing*"]);
        let error = select(&old, &[], &change).unwrap_err();
        assert_eq!(error.kind(), SelectErrorKind::NothingToRemove);
        assert!(
            error
                .to_string()
                .contains("no package `nothing*` to remove")
        );
        change.remove[0].required = false;
        assert!(select(&old, &[], &change).unwrap().is_unchanged());
    }

    #[test]
    fn the_newest_versions_of_each_name_and_architecture_stay() {
        let old = [
            entry("a-1-1.noarch", "1"),
            entry("a-2-1.noarch", "2"),
            entry("a-2-1.x86_64", "3"),
            at("copy.rpm", "a-02-1.noarch", "4"),
            entry("b-1-1.noarch", "5"),
        ];
        let all = [entry("a-10-1.noarch", "6"), entry("b-0.9-1.noarch", "7")].map(new);
        let change = |limit| Change {
            keep_latest: NonZeroUsize::new(limit),
            ..Change::default()
        };
        let selection = select(&old, &all, &change(1)).unwrap();
        assert_eq!(selection.old, [Outdated, Outdated, In, Outdated, In]);
        assert_eq!(selection.new, [In, Outdated]);
        let selection = select(&old, &all, &change(2)).unwrap();
        assert_eq!(selection.old, [Outdated, In, In, In, In]);
        assert_eq!(selection.new, [In, In]);
    }

    #[test]
    fn a_known_package_does_not_contradict_what_lies_at_its_own_path() {
        // The repository has it elsewhere, and another package where it would lie.
        let old = [
            at("elsewhere.rpm", "a-1-1.noarch", "a"),
            at("a.rpm", "b-1-1.noarch", "b"),
        ];
        let all = [new(at("a.rpm", "a-1-1.noarch", "a"))];
        let selection = select(&old, &all, &Change::default()).unwrap();
        assert!(selection.is_unchanged());
    }
}
