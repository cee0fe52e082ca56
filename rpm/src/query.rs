//! Which packages a person means.
//!
//! ```
//! use ocirepo_rpm::query::Query;
//!
//! let nevra = "bash-5.3-1.fc44.x86_64".parse()?;
//! for text in ["bash", "bash.x86_64", "bash-5.*", "ba[rs]h-5.3-1.fc44", "bash-0:5.3-1.fc44.x86_64"] {
//!     assert!(Query::new(text).matches_nevra(&nevra), "{text}");
//! }
//! assert!(!Query::new("bas").matches_nevra(&nevra));
//! # Ok::<(), ocirepo_rpm::evr::ParseNevraError>(())
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::evr::Nevra;
use crate::package::Package;

mod glob;

use glob::Glob;

/// A name, a name with version and architecture in one of the ways dnf takes them, or
/// the path of a package file; each may have globs (`*`, `?`, `[a-z]`, `[!a-z]`).
///
/// | form | example |
/// | --- | --- |
/// | name | `bash` |
/// | name.arch | `bash.x86_64` |
/// | name-version, name-epoch:version | `bash-5.3` |
/// | name-version-release, with epoch too | `bash-5.3-1.fc44` |
/// | name-version-release.arch, with epoch too | `bash-0:5.3-1.fc44.x86_64` |
/// | file name or path, ending in `.rpm` | `Packages/b/bash-5.3-1.fc44.x86_64.rpm` |
#[derive(Clone, Debug)]
pub struct Query(Glob);

impl Query {
    /// A query from what a person typed. Every text is one; a `[` that nothing closes
    /// stands for itself.
    pub fn new(text: &str) -> Self {
        Self(Glob::new(text))
    }

    /// Whether a package is meant.
    pub fn matches(&self, package: &Package) -> bool {
        self.matches_at(&package.nevra, package.location.path())
    }

    /// Whether a package of that name, whose file is at that path, is meant.
    pub fn matches_at(&self, nevra: &Nevra, path: &str) -> bool {
        self.matches_path(path) || self.matches_nevra(nevra)
    }

    /// What the person typed.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether a package of that name is meant.
    pub fn matches_nevra(&self, nevra: &Nevra) -> bool {
        let Nevra { name, evr, arch } = nevra;
        // Nearly every package fails here, and no text was put together.
        if !self.0.may_begin_with(name) {
            return false;
        }
        let (epoch, version, release) = (evr.epoch, &evr.version, &evr.release);
        self.0.matches(name)
            || self.0.matches(&format!("{name}.{arch}"))
            || [
                format!("{name}-{version}"),
                format!("{name}-{epoch}:{version}"),
            ]
            .iter()
            .any(|name_version| {
                self.0.matches(name_version)
                    || self.0.matches(&format!("{name_version}-{release}"))
                    || self.0.matches(&format!("{name_version}-{release}.{arch}"))
            })
    }

    /// Whether a file at that path is meant. Without a slash in the query, the last
    /// component of the path decides. Only queries for package files match any.
    fn matches_path(&self, path: &str) -> bool {
        if !self.0.text().ends_with(".rpm") {
            return false;
        }
        let path = match self.0.text().contains('/') {
            true => path,
            false => path.rsplit('/').next().unwrap_or(path),
        };
        self.0.matches(path)
    }
}

/// Keeps the newest package of each name and architecture, in the order of the names.
///
/// Of several packages with the same newest version, which are either copies or in
/// different places, all are kept.
pub fn latest(packages: impl IntoIterator<Item = Package>) -> Vec<Package> {
    let mut newest: BTreeMap<(Arc<str>, Arc<str>), Vec<Package>> = BTreeMap::new();
    for package in packages {
        let key = (package.nevra.name.clone(), package.nevra.arch.clone());
        let kept = newest.entry(key).or_default();
        let order = kept
            .first()
            .map(|first| package.nevra.evr.compare(&first.nevra.evr));
        match order {
            Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Greater) => *kept = vec![package],
            Some(std::cmp::Ordering::Equal) | None => kept.push(package),
        }
    }
    newest.into_values().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::primary::Primary;

    fn package(nevra: &str, path: &str) -> Package {
        let Nevra { name, evr, arch } = nevra.parse().unwrap();
        let xml = format!(
            "<metadata><package><name>{name}</name><arch>{arch}</arch>\
             <version epoch='{}' ver='{}' rel='{}'/>\
             <checksum type='sha1'>da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum>\
             <location href='{path}'/></package></metadata>",
            evr.epoch, evr.version, evr.release
        );
        let mut primary = Primary::open(xml.as_bytes(), "x", Limits::default()).unwrap();
        primary.next().unwrap().unwrap()
    }

    #[test]
    fn each_form_of_a_name_is_understood() {
        let bash = package("g++-x-2:5.3-1.fc44.x86_64", "Packages/g/g++-x.rpm");
        for text in [
            "g++-x",
            "g++-x.x86_64",
            "g++-x-5.3",
            "g++-x-2:5.3",
            "g++-x-5.3-1.fc44",
            "g++-x-2:5.3-1.fc44",
            "g++-x-5.3-1.fc44.x86_64",
            "g++-x-2:5.3-1.fc44.x86_64",
            "g++-x.rpm",
            "Packages/g/g++-x.rpm",
            "Packages/*.rpm",
            "*",
            "g*x-5*",
            "?++-x",
            "[a-h]++-x",
            "*.x86_64",
        ] {
            assert!(Query::new(text).matches(&bash), "{text}");
        }
        for text in [
            "",
            "g++",
            "G++-x",
            "g++-x.i686",
            "g++-x-1:5.3",
            "g++-x-5",
            "g/g++-x.rpm",
            "x.rpm",
            "[!a-h]++-x",
            "Packages/g/",
            "*.rpm.x",
            "g++-x-5.3-2*",
        ] {
            assert!(!Query::new(text).matches(&bash), "{text}");
        }
    }

    #[test]
    fn the_newest_of_each_name_and_architecture_is_latest() {
        let all = [
            ("b-1-1.noarch", "1"),
            ("a-10-1.i686", "2"),
            ("a-9-1.x86_64", "3"),
            ("a-1:1-1.x86_64", "4"),
            ("a-1:1~rc-1.x86_64", "5"),
            ("a-1:1-1.x86_64", "6"),
        ];
        let found = latest(all.map(|(nevra, path)| package(nevra, path)));
        let found: Vec<_> = found.iter().map(|p| p.location.path()).collect();
        assert_eq!(found, ["2", "4", "6", "1"]);
    }
}
