//! Headers of the world's packages, as far as the folder named by `OCIREPO_TEST_REPOS` has
//! them, against what createrepo_c and the `rpm` crate make of them.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ocirepo_rpm::checksum::{Checksum, ChecksumHasher, ChecksumKind};
use ocirepo_rpm::filelists::{Filelists, PackageFiles};
use ocirepo_rpm::header::{self, Facts, HeaderOptions};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::other::{Other, PackageChanges};
use ocirepo_rpm::package::Package;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::write::{FilelistsWriter, OtherWriter, PrimaryWriter};

/// Every file below the folder, or none with a word about it.
fn files() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("OCIREPO_TEST_REPOS") else {
        eprintln!("NOT RUN: OCIREPO_TEST_REPOS does not name a folder of repositories");
        return Vec::new();
    };
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::from(folder)]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn packages() -> Vec<PathBuf> {
    let mut files = files();
    files.retain(|path| path.extension().is_some_and(|end| end == "rpm"));
    files
}

fn scan(path: &Path) -> Facts {
    let name = path.file_name().unwrap().to_str().unwrap();
    let location = Href::from_path(name).unwrap();
    let file = File::open(path).unwrap();
    header::scan(file, name, location, Some(7), &HeaderOptions::default()).unwrap()
}

#[test]
fn facts_read_the_same_once_written() {
    let limits = Limits::default();
    for path in packages() {
        let facts = scan(&path);
        let mut primary = PrimaryWriter::new(Vec::new(), 1).unwrap();
        primary.write(&facts.package).unwrap();
        let written = primary.finish().unwrap();
        let read: Vec<_> = Primary::open(&written[..], "primary.xml", limits)
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(read, [facts.package], "{}", path.display());

        let mut filelists = FilelistsWriter::with_checksums(Vec::new(), 1).unwrap();
        filelists.write(&facts.files).unwrap();
        let written = filelists.finish().unwrap();
        let read: Vec<_> = Filelists::open(&written[..], "filelists-ext.xml", limits)
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(read, [facts.files], "{}", path.display());

        let mut other = OtherWriter::new(Vec::new(), 1).unwrap();
        other.write(&facts.changes).unwrap();
        let written = other.finish().unwrap();
        let read: Vec<_> = Other::open(&written[..], "other.xml", limits)
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(read, [facts.changes], "{}", path.display());
    }
}

#[test]
fn the_rpm_crate_reads_the_same() {
    for path in packages() {
        let facts = scan(&path);
        let theirs = rpm::PackageMetadata::open(&path).unwrap();
        let name = path.display();
        let nevra = &facts.package.nevra;
        assert_eq!(&*nevra.name, theirs.get_name().unwrap(), "{name}");
        assert_eq!(&*nevra.evr.version, theirs.get_version().unwrap(), "{name}");
        assert_eq!(&*nevra.evr.release, theirs.get_release().unwrap(), "{name}");
        let offsets = theirs.get_package_segment_offsets();
        let range = facts.package.details.header_range.clone();
        assert_eq!(range, Some(offsets.header..offsets.payload), "{name}");
        let installed = theirs.get_installed_size().unwrap();
        assert_eq!(facts.package.size.installed, installed, "{name}");
        assert_eq!(facts.package.build_time, theirs.get_build_time().unwrap());

        let entries = theirs.get_file_entries().unwrap();
        assert_eq!(facts.files.files.len(), entries.len(), "{name}");
        for (ours, theirs) in facts.files.files.iter().zip(entries.iter()) {
            // The crate has another way with what is not UTF-8.
            if ours.path.is_ascii() {
                assert_eq!(Path::new(&*ours.path), theirs.path(), "{name}");
            }
        }
        for (ours, theirs) in [
            (&facts.package.dependencies.provides, theirs.get_provides()),
            (
                &facts.package.dependencies.conflicts,
                theirs.get_conflicts(),
            ),
            (&facts.package.dependencies.suggests, theirs.get_suggests()),
            (
                &facts.package.dependencies.supplements,
                theirs.get_supplements(),
            ),
        ] {
            let theirs = theirs.unwrap();
            assert_eq!(ours.len(), theirs.len(), "{name}");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                if theirs.name.is_ascii() {
                    assert_eq!(*ours.name, *theirs.name, "{name}");
                }
            }
        }
    }
}

#[test]
fn repositories_say_the_same_of_their_packages() {
    let found: HashMap<String, PathBuf> = packages()
        .into_iter()
        .map(|path| (sum(&path).hex(), path))
        .collect();
    let (mut compared, mut with_checksums) = (0, 0);
    for (root, repomd) in repositories() {
        let Some(lists) = lists(&root, &repomd) else {
            continue;
        };
        for package in lists.packages {
            let Some(path) = found.get(&package.checksum.hex()) else {
                continue;
            };
            let pkgid = package.checksum;
            let name = format!("{} of {}", path.display(), root.display());
            let mut ours = scan(path);
            ours.package.location = package.location.clone();
            // A createrepo_c that knows no packages of version 6 finds no size of the payload.
            if package.size.archive == 0 {
                ours.package.size.archive = 0;
            }
            assert_eq!(same(ours.package), same(package), "{name}");

            if let Some(theirs) = lists.files_ext.iter().find(|f| f.pkgid == pkgid) {
                assert_eq!(ours.files, *theirs, "{name}");
                with_checksums += 1;
            }
            for file in &mut ours.files.files {
                file.checksum = None;
            }
            let theirs = lists.files.iter().find(|f| f.pkgid == pkgid).unwrap();
            assert_eq!(sorted(ours.files), sorted(theirs.clone()), "{name}");
            let theirs = lists.changes.iter().find(|c| c.pkgid == pkgid).unwrap();
            assert_eq!(ours.changes, *theirs, "{name}");
            compared += 1;
        }
    }
    if std::env::var_os("OCIREPO_TEST_REPOS").is_some() {
        assert!(compared >= 10 && with_checksums >= 2, "{compared}");
    }
}

/// The root of each repository that can be read, and its `repomd.xml`.
fn repositories() -> Vec<(PathBuf, Repomd)> {
    files()
        .into_iter()
        .filter(|path| path.ends_with("repodata/repomd.xml"))
        .filter_map(|path| {
            let repomd = Repomd::parse(&fs::read(&path).unwrap()).ok()?;
            Some((path.parent().unwrap().parent().unwrap().to_owned(), repomd))
        })
        .collect()
}

struct Lists {
    packages: Vec<Package>,
    files: Vec<PackageFiles>,
    files_ext: Vec<PackageFiles>,
    changes: Vec<PackageChanges>,
}

/// What a repository lists, unless it is broken on purpose.
fn lists(root: &Path, repomd: &Repomd) -> Option<Lists> {
    let limits = Limits::default();
    let open = |kind: &str| {
        let record = repomd.require(kind).ok()?;
        let file = File::open(root.join(record.location.path())).ok()?;
        metadata::open(record, file, limits).ok()
    };
    let files = |kind: &str| {
        let list = Filelists::open(open(kind)?, kind, limits).ok()?;
        list.collect::<Result<Vec<_>, _>>().ok()
    };
    let packages = Primary::open(open("primary")?, "primary", limits).ok()?;
    let changes = Other::open(open("other")?, "other", limits).ok()?;
    Some(Lists {
        packages: packages.collect::<Result<_, _>>().ok()?,
        files: files("filelists")?,
        files_ext: files("filelists-ext").unwrap_or_default(),
        changes: changes.collect::<Result<_, _>>().ok()?,
    })
}

/// A package without what may differ between tools and machines.
fn same(mut package: Package) -> Package {
    package.file_time = 0;
    // The createrepo of old writes dependencies in no order.
    let all = &mut package.dependencies;
    for list in [
        &mut all.provides,
        &mut all.requires,
        &mut all.conflicts,
        &mut all.obsoletes,
    ] {
        list.sort_by(|a, b| a.name.cmp(&b.name));
    }
    package
}

/// The createrepo of old writes files and directories apart.
fn sorted(mut files: PackageFiles) -> PackageFiles {
    files.files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn sum(path: &Path) -> Checksum {
    let mut hasher = ChecksumHasher::new(ChecksumKind::Sha256).unwrap();
    hasher.update(&fs::read(path).unwrap());
    hasher.finish()
}
