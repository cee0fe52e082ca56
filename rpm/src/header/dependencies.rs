//! The dependencies of a package.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rpm::{DependencyFlags, IndexTag};

use super::HeaderOptions;
use super::error::HeaderError;
use super::files::is_primary;
use super::index::Index;
use super::text;
use crate::evr::{Evr, Nevra, parse_epoch, rpmvercmp};
use crate::package::{Comparison, Dependencies, Dependency, File};

/// The tags of one list: names, flags, versions.
type Tags = [IndexTag; 3];

const PROVIDES: Tags = [
    IndexTag::RPMTAG_PROVIDENAME,
    IndexTag::RPMTAG_PROVIDEFLAGS,
    IndexTag::RPMTAG_PROVIDEVERSION,
];
const REQUIRES: Tags = [
    IndexTag::RPMTAG_REQUIRENAME,
    IndexTag::RPMTAG_REQUIREFLAGS,
    IndexTag::RPMTAG_REQUIREVERSION,
];
const CONFLICTS: Tags = [
    IndexTag::RPMTAG_CONFLICTNAME,
    IndexTag::RPMTAG_CONFLICTFLAGS,
    IndexTag::RPMTAG_CONFLICTVERSION,
];
const OBSOLETES: Tags = [
    IndexTag::RPMTAG_OBSOLETENAME,
    IndexTag::RPMTAG_OBSOLETEFLAGS,
    IndexTag::RPMTAG_OBSOLETEVERSION,
];
const SUGGESTS: Tags = [
    IndexTag::RPMTAG_SUGGESTNAME,
    IndexTag::RPMTAG_SUGGESTFLAGS,
    IndexTag::RPMTAG_SUGGESTVERSION,
];
const ENHANCES: Tags = [
    IndexTag::RPMTAG_ENHANCENAME,
    IndexTag::RPMTAG_ENHANCEFLAGS,
    IndexTag::RPMTAG_ENHANCEVERSION,
];
const RECOMMENDS: Tags = [
    IndexTag::RPMTAG_RECOMMENDNAME,
    IndexTag::RPMTAG_RECOMMENDFLAGS,
    IndexTag::RPMTAG_RECOMMENDVERSION,
];
const SUPPLEMENTS: Tags = [
    IndexTag::RPMTAG_SUPPLEMENTNAME,
    IndexTag::RPMTAG_SUPPLEMENTFLAGS,
    IndexTag::RPMTAG_SUPPLEMENTVERSION,
];
// Before rpm had weak dependencies, SUSE had two lists, and a flag for the stronger half.
const OLD_SUGGESTS: Tags = [
    IndexTag::RPMTAG_OLDSUGGESTSNAME,
    IndexTag::RPMTAG_OLDSUGGESTSFLAGS,
    IndexTag::RPMTAG_OLDSUGGESTSVERSION,
];
const OLD_ENHANCES: Tags = [
    IndexTag::RPMTAG_OLDENHANCESNAME,
    IndexTag::RPMTAG_OLDENHANCESFLAGS,
    IndexTag::RPMTAG_OLDENHANCESVERSION,
];

/// A dependency with what the header says of it beside.
struct Raw {
    flags: DependencyFlags,
    /// As written, to compare it with others.
    version: String,
    /// Without `pre`.
    dependency: Dependency,
}

impl Raw {
    /// What makes it the same as another one.
    fn words(&self) -> Words {
        let Dependency {
            name, comparison, ..
        } = &self.dependency;
        (name.clone(), *comparison, self.version.clone())
    }
}

type Words = (Arc<str>, Option<Comparison>, String);

/// All dependencies, without those that rpm-md leaves out.
pub(super) fn dependencies(
    header: &Index,
    nevra: &Nevra,
    files: &[File],
    options: &HeaderOptions,
) -> Result<Dependencies, HeaderError> {
    let list = |tags: Tags| list(header, tags, options);
    let plain = |tags: Tags| -> Result<Vec<Dependency>, HeaderError> {
        Ok(list(tags)?.into_iter().map(|raw| raw.dependency).collect())
    };
    let mut provides = list(PROVIDES)?;
    if !header.has(IndexTag::RPMTAG_HEADERIMMUTABLE as u32) {
        provide_itself(&mut provides, nevra);
    }
    let provided = provides.iter().map(Raw::words).collect();
    let (requires, mut recommends) = requires(list(REQUIRES)?, &provided, files);
    recommends.extend(plain(RECOMMENDS)?);
    let (mut suggests, mut enhances) = (plain(SUGGESTS)?, plain(ENHANCES)?);
    let mut supplements = plain(SUPPLEMENTS)?;
    for (tags, strong, weak) in [
        (OLD_SUGGESTS, &mut recommends, &mut suggests),
        (OLD_ENHANCES, &mut supplements, &mut enhances),
    ] {
        for raw in list(tags)? {
            match raw.flags.contains(DependencyFlags::STRONG) {
                true => strong.push(raw.dependency),
                false => weak.push(raw.dependency),
            }
        }
    }
    Ok(Dependencies {
        provides: provides.into_iter().map(|raw| raw.dependency).collect(),
        requires: requires.into(),
        conflicts: plain(CONFLICTS)?.into(),
        obsoletes: plain(OBSOLETES)?.into(),
        suggests: suggests.into(),
        enhances: enhances.into(),
        recommends: recommends.into(),
        supplements: supplements.into(),
    })
}

/// Requirements and, where they may be missing, recommendations.
fn requires(
    all: Vec<Raw>,
    provided: &HashSet<Words>,
    files: &[File],
) -> (Vec<Dependency>, Vec<Dependency>) {
    let own: HashSet<&str> = files
        .iter()
        .map(|file| &*file.path)
        .filter(|path| is_primary(path))
        .collect();
    let before =
        DependencyFlags::PREREQ | DependencyFlags::SCRIPT_PRE | DependencyFlags::SCRIPT_POST;
    let (mut requires, mut recommends) = (Vec::new(), Vec::new());
    let mut libc: Option<Dependency> = None;
    // By name, the one written last.
    let mut written: HashMap<Arc<str>, (Words, bool)> = HashMap::new();
    for mut raw in all {
        let name = raw.dependency.name.clone();
        // What rpm itself can do is nobody's to find in a repository.
        if name.starts_with("rpmlib(") || own.contains(&*name) {
            continue;
        }
        let words = raw.words();
        if provided.contains(&words) {
            continue;
        }
        let pre = raw.flags.intersects(before);
        let key = (words, pre);
        if written.get(&name) == Some(&key) {
            continue;
        }
        if raw.flags.contains(DependencyFlags::MISSINGOK) {
            recommends.push(raw.dependency);
            continue;
        }
        raw.dependency.pre = pre;
        // Every newer libc has the symbols of the older ones, so one is enough.
        if name.starts_with("libc.so.6") {
            let newer = libc
                .as_ref()
                .is_none_or(|known| Symbols::of(&name) > Symbols::of(&known.name));
            if newer {
                libc = Some(raw.dependency);
            }
            continue;
        }
        written.insert(name, key);
        requires.push(raw.dependency);
    }
    requires.extend(libc);
    (requires, recommends)
}

/// Which symbols of libc `libc.so.6(GLIBC_2.34)(64bit)` stands for, by age.
struct Symbols<'a> {
    /// What is there at all: parentheses, their end, something in them, a number in that.
    rank: u8,
    version: &'a str,
}

impl<'a> Symbols<'a> {
    fn of(name: &'a str) -> Self {
        let rank = |rank| Self { rank, version: "" };
        let Some((_, rest)) = name.split_once('(') else {
            return rank(0);
        };
        let Some((symbols, _)) = rest.split_once(')') else {
            return rank(1);
        };
        match symbols.find(|c: char| c.is_ascii_digit()) {
            None if symbols.is_empty() => rank(2),
            None => rank(3),
            Some(digit) => Self {
                rank: 4,
                version: symbols.get(digit..).unwrap_or_default(),
            },
        }
    }
}

impl PartialEq for Symbols<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(std::cmp::Ordering::Equal)
    }
}

impl PartialOrd for Symbols<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let by_rank = self.rank.cmp(&other.rank);
        Some(by_rank.then_with(|| rpmvercmp(self.version, other.version)))
    }
}

/// Packages of old do not say that they provide themselves.
fn provide_itself(provides: &mut Vec<Raw>, nevra: &Nevra) {
    let itself = Dependency {
        name: nevra.name.clone(),
        comparison: Some(Comparison::Equal),
        evr: Some(Arc::new(nevra.evr.clone())),
        pre: false,
    };
    if nevra.arch.as_ref() != "src" && provides.iter().all(|raw| raw.dependency != itself) {
        provides.push(Raw {
            flags: DependencyFlags::EQUAL,
            version: nevra.evr.to_string(),
            dependency: itself,
        });
    }
}

/// One list of the header. A dependency whose epoch is none is left out, as createrepo_c
/// does: nothing could ever satisfy it.
fn list(header: &Index, tags: Tags, options: &HeaderOptions) -> Result<Vec<Raw>, HeaderError> {
    let [names, flags, versions] = tags.map(|tag| tag as u32);
    let mut list = Vec::new();
    for ((name, flags), version) in header
        .texts(names)?
        .zip(header.numbers(flags)?)
        .zip(header.texts(versions)?)
    {
        if list.len() >= options.limits.entries {
            return Err(HeaderError::too_large(format!(
                "it has more than {} dependencies of one kind",
                options.limits.entries
            )));
        }
        if name.is_empty() {
            continue;
        }
        let name = text::attribute(name, "a dependency")?;
        let version = text::attribute(version, "the version of a dependency")?;
        let flags = DependencyFlags::from_bits_retain(u32::try_from(flags).unwrap_or_default());
        let evr = match evr(&version) {
            Ok(evr) => evr,
            Err(NoEpoch) => continue,
        };
        let comparison = comparison(flags);
        list.push(Raw {
            flags,
            version,
            dependency: Dependency {
                name: name.into(),
                comparison,
                // Without a comparison there is nothing to compare with.
                evr: evr.filter(|_| comparison.is_some()).map(Arc::new),
                pre: false,
            },
        });
    }
    Ok(list)
}

fn comparison(flags: DependencyFlags) -> Option<Comparison> {
    use DependencyFlags as Flags;
    let known = Flags::LESS | Flags::EQUAL | Flags::GREATER;
    let flags = flags & known;
    [
        (Flags::LESS, Comparison::Less),
        (Flags::GREATER, Comparison::Greater),
        (Flags::EQUAL, Comparison::Equal),
        (Flags::LE, Comparison::LessOrEqual),
        (Flags::GE, Comparison::GreaterOrEqual),
    ]
    .into_iter()
    .find_map(|(bits, comparison)| (flags == bits).then_some(comparison))
}

struct NoEpoch;

/// `[epoch:]version[-release]`, where the version ends at the first hyphen.
fn evr(text: &str) -> Result<Option<Evr>, NoEpoch> {
    if text.is_empty() {
        return Ok(None);
    }
    let (epoch, rest) = match text.split_once(':') {
        None => (0, text),
        Some(("", rest)) => (0, rest),
        Some((epoch, rest)) => (parse_epoch(epoch).ok_or(NoEpoch)?, rest),
    };
    let (version, release) = rest.split_once('-').unwrap_or((rest, ""));
    Ok(Some(Evr::new(epoch, version, release)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_dependencies_have_an_epoch_and_perhaps_a_release() {
        for (text, epoch, version, release) in [
            ("1", 0, "1", ""),
            ("1-2", 0, "1", "2"),
            ("3:1-2-x", 3, "1", "2-x"),
            (":1", 0, "1", ""),
            ("007:1-", 7, "1", ""),
        ] {
            let expected = Evr::new(epoch, version, release);
            assert_eq!(evr(text).ok(), Some(Some(expected)), "{text}");
        }
        assert!(matches!(evr(""), Ok(None)));
        assert!(evr("x:1").is_err());
        assert!(evr("4294967296:1").is_err());
    }

    #[test]
    fn impossible_comparisons_are_none() {
        assert_eq!(
            comparison(DependencyFlags::LE),
            Some(Comparison::LessOrEqual)
        );
        let all = DependencyFlags::LE | DependencyFlags::GE;
        assert_eq!(comparison(all), None);
        assert_eq!(comparison(DependencyFlags::PREREQ), None);
    }

    #[test]
    fn symbols_of_libc_are_ordered_by_age() {
        let ordered = [
            "libc.so.6",
            "libc.so.6(",
            "libc.so.6()(64bit)",
            "libc.so.6(GLIBC_PRIVATE)(64bit)",
            "libc.so.6(GLIBC_2.3.4)(64bit)",
            "libc.so.6(GLIBC_2.14)(64bit)",
        ];
        for pair in ordered.windows(2) {
            assert!(Symbols::of(pair[0]) < Symbols::of(pair[1]), "{pair:?}");
        }
        // Of the same age, the first is kept.
        assert!(Symbols::of("libc.so.6()") == Symbols::of("libc.so.6()(64bit)"));
    }
}
