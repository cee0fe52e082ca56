//! What changed between the packages of two repositories.
//!
//! ```
//! use ocirepo_rpm::checksum::Checksum;
//! use ocirepo_rpm::diff::{Change, Entry, diff};
//! # use ocirepo::Digest;
//!
//! let entry = |nevra: &str| Entry {
//!     nevra: nevra.parse().unwrap(),
//!     checksum: Checksum::from(Digest::of(nevra.as_bytes())),
//!     size: 1,
//!     build_time: 0,
//! };
//! let old = vec![entry("bash-5.1-1.x86_64"), entry("zsh-5.8-1.x86_64")];
//! let new = vec![entry("bash-5.2-1.x86_64"), entry("zsh-5.8-1.x86_64")];
//! let found = diff(old, new);
//! assert_eq!(found.unchanged, 1);
//! assert!(matches!(&found.changes[..], [Change::Upgraded { to, .. }]
//!     if to.nevra.to_string() == "bash-5.2-1.x86_64"));
//! ```

use std::cmp::Ordering;
use std::iter::Peekable;

use crate::checksum::Checksum;
use crate::evr::Nevra;
use crate::package::Package;

/// What a comparison needs to know of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name, version and architecture.
    pub nevra: Nevra,
    /// The checksum of the package file.
    pub checksum: Checksum,
    /// The size of the package file in bytes.
    pub size: u64,
    /// When it was built, in seconds since 1970.
    pub build_time: u64,
}

impl From<&Package> for Entry {
    fn from(package: &Package) -> Self {
        Self {
            nevra: package.nevra.clone(),
            checksum: package.checksum,
            size: package.size.package,
            build_time: package.build_time,
        }
    }
}

impl Entry {
    /// Whether two packages of one version are the same. Where the checksums are of two
    /// kinds, size and time of building decide.
    fn is_same(&self, other: &Self) -> bool {
        if self.checksum.kind() == other.checksum.kind() {
            return self.checksum == other.checksum;
        }
        (self.size, self.build_time) == (other.size, other.build_time)
    }

    fn place(&self) -> (&str, &str) {
        (&self.nevra.name, &self.nevra.arch)
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the second repository has it.
    Added(Entry),
    /// Only the first repository has it.
    Removed(Entry),
    /// The second repository has a newer version instead.
    Upgraded {
        /// The old version.
        from: Entry,
        /// The new version.
        to: Entry,
    },
    /// The second repository has an older version instead.
    Downgraded {
        /// The newer version.
        from: Entry,
        /// The older version.
        to: Entry,
    },
    /// The second repository has other content under the same version.
    Rebuilt {
        /// What it was.
        from: Entry,
        /// What it is.
        to: Entry,
    },
}

/// All differences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The differences, by name, architecture and version.
    pub changes: Vec<Change>,
    /// How many packages both have.
    pub unchanged: usize,
}

/// Compares two lists of packages, in any order.
///
/// Packages of one name and architecture are compared with each other: what both have is
/// set aside, then what has the same version is paired, then what is left, the newest with
/// the newest.
pub fn diff(old: Vec<Entry>, new: Vec<Entry>) -> Diff {
    let mut found = Diff::default();
    let (mut old, mut new) = (groups(old), groups(new));
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => place(a).cmp(&place(b)),
        };
        let mut a = match order {
            Ordering::Greater => Vec::new(),
            _ => old.next().unwrap_or_default(),
        };
        let mut b = match order {
            Ordering::Less => Vec::new(),
            _ => new.next().unwrap_or_default(),
        };
        found.unchanged += pairs(&mut a, &mut b, Entry::is_same).len();
        let rebuilt = pairs(&mut a, &mut b, |a, b| {
            a.nevra.evr.cmp(&b.nevra.evr) == Ordering::Equal
        });
        let mut changes: Vec<Change> = rebuilt
            .into_iter()
            .map(|(from, to)| Change::Rebuilt { from, to })
            .collect();
        // Sorted by version: the newest are last.
        for _ in 0..a.len().min(b.len()) {
            let (Some(from), Some(to)) = (a.pop(), b.pop()) else {
                break;
            };
            changes.push(match from.nevra.evr < to.nevra.evr {
                true => Change::Upgraded { from, to },
                false => Change::Downgraded { from, to },
            });
        }
        changes.extend(a.into_iter().map(Change::Removed));
        changes.extend(b.into_iter().map(Change::Added));
        changes.sort_by(|a, b| a.shown().nevra.evr.cmp(&b.shown().nevra.evr));
        found.changes.extend(changes);
    }
}

impl Change {
    /// The package that the change is listed under: the new one, where there is one.
    pub fn shown(&self) -> &Entry {
        match self {
            Self::Added(entry) | Self::Removed(entry) => entry,
            Self::Upgraded { to, .. } | Self::Downgraded { to, .. } | Self::Rebuilt { to, .. } => {
                to
            }
        }
    }
}

/// Takes pairs out of two lists.
fn pairs(
    a: &mut Vec<Entry>,
    b: &mut Vec<Entry>,
    fit: impl Fn(&Entry, &Entry) -> bool,
) -> Vec<(Entry, Entry)> {
    let mut found = Vec::new();
    let mut left = Vec::new();
    for one in std::mem::take(a) {
        match b.iter().position(|other| fit(&one, other)) {
            Some(at) => found.push((one, b.remove(at))),
            None => left.push(one),
        }
    }
    *a = left;
    found
}

/// The packages of each name and architecture, by version.
fn groups(mut entries: Vec<Entry>) -> Peekable<impl Iterator<Item = Vec<Entry>>> {
    entries.sort_by(|a, b| {
        (a.place().cmp(&b.place()))
            .then_with(|| a.nevra.evr.cmp(&b.nevra.evr))
            .then_with(|| a.checksum.hex().cmp(&b.checksum.hex()))
    });
    let mut entries = entries.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut group = vec![entries.next()?];
        while let Some(next) = entries.next_if(|next| {
            group
                .first()
                .is_some_and(|first| first.place() == next.place())
        }) {
            group.push(next);
        }
        Some(group)
    })
    .peekable()
}

fn place(group: &[Entry]) -> Option<(&str, &str)> {
    group.first().map(Entry::place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocirepo::Digest;
    use proptest::prelude::*;

    /// `nevra` or `nevra=content`.
    fn entry(text: &str) -> Entry {
        let nevra = text.split('=').next().unwrap();
        Entry {
            nevra: nevra.parse().unwrap(),
            checksum: Digest::of(text.as_bytes()).into(),
            size: 1,
            build_time: 1,
        }
    }

    fn shown(old: &[&str], new: &[&str]) -> (usize, Vec<String>) {
        let list = |texts: &[&str]| texts.iter().map(|text| entry(text)).collect::<Vec<_>>();
        let found = diff(list(old), list(new));
        let show = |change: &Change| match change {
            Change::Added(a) => format!("+{}", a.nevra),
            Change::Removed(a) => format!("-{}", a.nevra),
            Change::Upgraded { from, to } => format!("{} < {}", from.nevra, to.nevra),
            Change::Downgraded { from, to } => format!("{} > {}", from.nevra, to.nevra),
            Change::Rebuilt { to, .. } => format!("={}", to.nevra),
        };
        (found.unchanged, found.changes.iter().map(show).collect())
    }

    #[test]
    fn each_kind_of_change_is_told() {
        let old = [
            "gone-1-1.noarch",
            "same-1-1.noarch",
            "up-1.9-1.noarch",
            "down-2-1.noarch",
            "rebuilt-1-1.noarch",
            "arch-1-1.i686",
        ];
        let new = [
            "new-1-1.noarch",
            "same-1-1.noarch",
            "up-1.10-1.noarch",
            "down-1-1.noarch",
            "rebuilt-1-1.noarch=other",
            "arch-1-1.x86_64",
        ];
        assert_eq!(
            shown(&old, &new),
            (
                1,
                [
                    "-arch-1-1.i686",
                    "+arch-1-1.x86_64",
                    "down-2-1.noarch > down-1-1.noarch",
                    "-gone-1-1.noarch",
                    "+new-1-1.noarch",
                    "=rebuilt-1-1.noarch",
                    "up-1.9-1.noarch < up-1.10-1.noarch",
                ]
                .map(str::to_owned)
                .to_vec()
            )
        );
    }

    #[test]
    fn of_several_versions_the_newest_are_paired() {
        let old = ["a-1-1.noarch", "a-2-1.noarch", "a-3-1.noarch"];
        let new = ["a-3-1.noarch", "a-4-1.noarch"];
        let expected = ["-a-1-1.noarch", "a-2-1.noarch < a-4-1.noarch"];
        assert_eq!(shown(&old, &new), (1, expected.map(str::to_owned).to_vec()));
        let expected = ["+a-5-1.noarch"];
        let more = [
            "a-3-1.noarch",
            "a-5-1.noarch",
            "a-1-1.noarch",
            "a-2-1.noarch",
        ];
        assert_eq!(
            shown(&old, &more),
            (3, expected.map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn where_checksums_cannot_be_compared_size_and_build_time_are() {
        let sha1 = Entry {
            checksum: Checksum::parse("sha1", &"0".repeat(40)).unwrap(),
            ..entry("a-1-1.noarch")
        };
        assert_eq!(
            diff(vec![sha1.clone()], vec![entry("a-1-1.noarch")]).unchanged,
            1
        );
        let other = Entry { size: 2, ..sha1 };
        let found = diff(vec![other], vec![entry("a-1-1.noarch")]);
        assert!(matches!(found.changes[..], [Change::Rebuilt { .. }]));
    }

    proptest! {
        #[test]
        fn both_directions_find_the_same_and_every_package_is_in_one_place(
            old in prop::collection::vec((0..3u8, 0..4u8, 0..2u8), 0..12),
            new in prop::collection::vec((0..3u8, 0..4u8, 0..2u8), 0..12),
        ) {
            let make = |list: &[(u8, u8, u8)]| -> Vec<Entry> {
                list.iter().map(|(n, v, c)| entry(&format!("p{n}-{v}-1.noarch={c}"))).collect()
            };
            let there = diff(make(&old), make(&new));
            let back = diff(make(&new), make(&old));
            prop_assert_eq!(there.unchanged, back.unchanged);
            prop_assert_eq!(there.changes.len(), back.changes.len());
            let (mut before, mut after) = (there.unchanged, there.unchanged);
            for change in &there.changes {
                match change {
                    Change::Added(_) => after += 1,
                    Change::Removed(_) => before += 1,
                    _ => (before, after) = (before + 1, after + 1),
                }
            }
            prop_assert_eq!((before, after), (old.len(), new.len()));
        }
    }
}
