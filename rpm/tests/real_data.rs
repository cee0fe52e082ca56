//! Repositories of the world, as far as the folder named by `OCIREPO_TEST_REPOS` has
//! them: every file in it is read rightly or refused with a clear error.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use ocirepo_rpm::compression::Decompressor;
use ocirepo_rpm::comps::Comps;
use ocirepo_rpm::deltas::Deltas;
use ocirepo_rpm::error::{MetadataError, MetadataErrorKind};
use ocirepo_rpm::filelists::Filelists;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::other::Other;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::updateinfo::Updateinfo;

/// The folder, or nothing with a word about it.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("OCIREPO_TEST_REPOS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("NOT RUN: OCIREPO_TEST_REPOS does not name a folder of repositories");
    }
    folder
}

/// Every file below a folder by its path in it.
fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                files.insert(name.to_str().unwrap().to_owned(), path);
            }
        }
    }
    files
}

/// What became of a file.
fn outcome(name: &str, path: &Path) -> Result<String, MetadataError> {
    let limits = Limits::default();
    let source = BufReader::new(fs::File::open(path).unwrap());
    let mut content = Vec::new();
    let decompressor = Decompressor::new(source, name, limits)?;
    let form = decompressor.compression().as_str();
    BufReader::new(decompressor)
        .read_to_end(&mut content)
        .map_err(|error| {
            let inner = error
                .get_ref()
                .and_then(|e| e.downcast_ref::<MetadataError>());
            inner.unwrap().clone()
        })?;
    let source = &content[..];
    let (what, count) = match root(&content) {
        "repomd" => ("repomd", Repomd::read(source, name, limits)?.records.len()),
        "metadata" | "package" => ("primary", count(Primary::open(source, name, limits)?)?),
        "filelists" | "filelists-ext" => {
            ("filelists", count(Filelists::open(source, name, limits)?)?)
        }
        "otherdata" => ("other", count(Other::open(source, name, limits)?)?),
        "updates" => (
            "updateinfo",
            count(Updateinfo::open(source, name, limits)?)?,
        ),
        "prestodelta" | "deltainfo" => ("deltas", count(Deltas::open(source, name, limits)?)?),
        "comps" => ("comps", Comps::read(source, name, limits)?.groups.len()),
        _ => return Ok(format!("{form}, no rpm-md")),
    };
    Ok(format!("{form}, {what} {count}"))
}

fn count<T>(items: impl Iterator<Item = Result<T, MetadataError>>) -> Result<usize, MetadataError> {
    items
        .collect::<Result<Vec<_>, _>>()
        .map(|items| items.len())
}

/// The name of the first element.
fn root(content: &[u8]) -> &str {
    let Ok(mut text) = std::str::from_utf8(content) else {
        return "";
    };
    while let Some((_, behind)) = text.split_once('<') {
        if behind.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let end = behind.find([' ', '>', '/', '\n']).unwrap_or(behind.len());
            return &behind[..end];
        }
        text = behind;
    }
    ""
}

/// How many packages each repository has, and how many records its `repomd.xml`.
const REPOSITORIES: &[(&str, usize, usize)] = &[
    ("createrepo_c/tests/testdata/repo_00", 0, 6),
    ("createrepo_c/tests/testdata/repo_01", 1, 3),
    ("createrepo_c/tests/testdata/repo_02", 2, 3),
    ("createrepo_c/tests/testdata/repo_03", 0, 7),
    ("createrepo_c/tests/testdata/repo_04", 2, 4),
    ("createrepo_c/tests/testdata/repo_koji_01", 2, 3),
    ("createrepo_c/tests/testdata/repo_koji_02", 1, 3),
    (
        "createrepo_c/tests/testdata/repo_with_additional_metadata",
        1,
        17,
    ),
    (
        "createrepo_c/tests/testdata/repo_with_duplicate_packages",
        4,
        3,
    ),
    ("ibmi/ibmi/7.4", 4, 6),
    ("ibmi/ibmi/7.6", 4, 6),
    (
        "librepo/tests/python/tests/servermock/yum_mock/static/01",
        1,
        6,
    ),
    (
        "librepo/tests/python/tests/servermock/yum_mock/static/02",
        1,
        12,
    ),
    (
        "librepo/tests/python/tests/servermock/yum_mock/static/03",
        1,
        6,
    ),
    (
        "librepo/tests/python/tests/servermock/yum_mock/static/04",
        1,
        6,
    ),
    ("librepo/tests/test_data/repo_yum_01", 1, 6),
    ("librepo/tests/test_data/repo_yum_02", 1, 12),
    ("librepo/tests/test_data/repo_yum_03", 21, 6),
];

/// What is read of files that belong to no repository above.
const READ: &[(&str, &str)] = &[
    ("comps_files/comps_00.xml", "none, comps 1"),
    (
        "modified_repo_files/bad_file_type-filelists.xml",
        "none, filelists 2",
    ),
    ("modified_repo_files/long_primary.xml", "none, primary 2"),
    (
        "modified_repo_files/missing_type-repomd.xml",
        "none, repomd 2",
    ),
    (
        "modified_repo_files/repo_01_ampersand-filelists.xml",
        "none, filelists 1",
    ),
    (
        "modified_repo_files/repo_01_ampersand-other.xml",
        "none, other 1",
    ),
    (
        "modified_repo_files/repo_01_ampersand-primary.xml",
        "none, primary 1",
    ),
    (
        "modified_repo_files/repo_02_different_order_filelists.xml",
        "none, filelists 2",
    ),
    (
        "modified_repo_files/unknown_element_00-filelists.xml",
        "none, filelists 2",
    ),
    (
        "modified_repo_files/unknown_element_00-other.xml",
        "none, other 2",
    ),
    (
        "modified_repo_files/unknown_element_00-primary.xml",
        "none, primary 2",
    ),
    (
        "modified_repo_files/unknown_element_01-filelists.xml",
        "none, filelists 1",
    ),
    (
        "modified_repo_files/unknown_element_01-other.xml",
        "none, other 1",
    ),
    (
        "modified_repo_files/unknown_element_01-primary.xml",
        "none, primary 1",
    ),
    (
        "modified_repo_files/unknown_element_02-filelists.xml",
        "none, filelists 2",
    ),
    (
        "modified_repo_files/unknown_element_02-other.xml",
        "none, other 2",
    ),
    (
        "modified_repo_files/unknown_element_02-primary.xml",
        "none, primary 2",
    ),
    (
        "modified_repo_files/updateinfo_ampersand.xml",
        "none, updateinfo 1",
    ),
    ("other_metadata/comps-f19.xml", "none, comps 1"),
    ("-comps-f19.xml", "none, comps 1"),
    ("-comps-f19.xml.bz2", "bzip2, comps 1"),
    ("-comps-f19.xml.gz", "gzip, comps 1"),
    ("-comps-f19.xml.xz", "xz, comps 1"),
    ("updateinfo_files/updateinfo_00.xml", "none, updateinfo 0"),
    ("updateinfo_files/updateinfo_01.xml", "none, updateinfo 1"),
    ("updateinfo_files/updateinfo_02.xml.xz", "xz, updateinfo 1"),
    ("updateinfo_files/updateinfo_03.xml", "none, updateinfo 6"),
    ("repo_yum_01/repodata/repomd.xml_bad", "none, repomd 4"),
    ("00_plain.foo1", "gzip, no rpm-md"),
    ("00_plain.foo2", "bzip2, no rpm-md"),
    ("00_plain.foo3", "xz, no rpm-md"),
    ("00_plain.foo5", "zstd, no rpm-md"),
    ("01_plain.foo1", "gzip, no rpm-md"),
    ("01_plain.foo2", "bzip2, no rpm-md"),
    ("01_plain.foo3", "xz, no rpm-md"),
    ("01_plain.foo5", "zstd, no rpm-md"),
];

/// What is refused, beside zchunk, and how the reason ends.
const REFUSED: &[(&str, &str)] = &[
    (
        "error_00-filelists.xml",
        "package 1 (fake_bash), at byte 153: <package> has no attribute `pkgid`",
    ),
    (
        "error_00-other.xml",
        "package 1 (fake_bash), at byte 149: <package> has no attribute `pkgid`",
    ),
    (
        "error_00-primary.xml",
        "package 1 (fake_bash), at byte 1244: there is no <checksum>",
    ),
    (
        "multiple_warnings_00-filelists.xml",
        "<package> has no attribute `arch`",
    ),
    (
        "multiple_warnings_00-other.xml",
        "package 1, at byte 209: <package> has no attribute `name`",
    ),
    (
        "multiple_warnings_00-primary.xml",
        "`foobar` is not a number",
    ),
    (
        "no_pkgid-filelists.xml",
        "package 2 (super_kernel), at byte 358: <package> has no attribute `pkgid`",
    ),
    (
        "no_pkgid-other.xml",
        "package 2 (super_kernel), at byte 463: <package> has no attribute `pkgid`",
    ),
    (
        "filelists_ext_snippet_01.xml",
        "expected <metadata>, found <package>",
    ),
    (
        "filelists_ext_snippet_02.xml",
        "expected <metadata>, found <package>",
    ),
    (
        "filelists_snippet_01.xml",
        "expected <metadata>, found <package>",
    ),
    (
        "filelists_snippet_02.xml",
        "expected <metadata>, found <package>",
    ),
    (
        "other_snippet_01.xml",
        "expected <metadata>, found <package>",
    ),
    (
        "other_snippet_02.xml",
        "expected <metadata>, found <package>",
    ),
    (
        "primary_snippet_01.xml",
        "expected <metadata>, found <package>",
    ),
    (
        "primary_snippet_02.xml",
        "expected <metadata>, found <package>",
    ),
    // A zchunk file under another name.
    (
        "01_plain.foo4",
        "use the gz, zstd or xz form of the same file",
    ),
];

/// A file that was changed after its `repomd.xml` was written.
const DAMAGED: (&str, &str, &str) = (
    "createrepo_c/tests/testdata/repo_01",
    "primary",
    "it is larger than the 782 bytes repomd.xml says",
);

/// What becomes of a file by the tables above.
fn expected(name: &str) -> Result<String, &'static str> {
    if name.ends_with(".zck") {
        return Err(
            "it is zchunk, which is not read; use the gz, zstd or xz form of the same file",
        );
    }
    if let Some((_, reason)) = REFUSED.iter().find(|(end, _)| name.ends_with(end)) {
        return Err(reason);
    }
    if let Some((_, outcome)) = READ.iter().find(|(end, _)| name.ends_with(end)) {
        return Ok((*outcome).to_owned());
    }
    let form = match name.rsplit_once('.') {
        Some((_, "gz")) => "gzip",
        Some((_, "bz2")) => "bzip2",
        Some((_, "xz")) => "xz",
        Some((_, "zst")) => "zstd",
        _ => "none",
    };
    let repository = REPOSITORIES.iter().find(|(folder, _, _)| {
        name.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with("/repodata/"))
    });
    let what = match repository {
        Some((_, packages, records)) => [
            ("/repomd.xml", "repomd", *records),
            ("primary.xml.gz", "primary", *packages),
            ("filelists.xml.gz", "filelists", *packages),
            ("filelists-ext.xml.gz", "filelists", *packages),
            ("other.xml.gz", "other", *packages),
            ("updateinfo_01.xml.gz", "updateinfo", 1),
            ("updateinfo.xml.gz", "updateinfo", 0),
            ("prestodelta.xml.gz", "deltas", 1),
            ("deltainfo.xml.gz", "deltas", 1),
            ("comps.xml", "comps", 1),
            ("comps.xml.gz", "comps", 1),
            ("comps.f20.xml", "comps", 1),
            ("comps.f20.xml.gz", "comps", 1),
        ]
        .into_iter()
        .find(|(end, _, _)| name.ends_with(end)),
        None => None,
    };
    Ok(match what {
        Some((_, what, count)) => format!("{form}, {what} {count}"),
        None => format!("{form}, no rpm-md"),
    })
}

#[test]
fn every_file_is_read_or_refused() {
    let Some(folder) = folder() else { return };
    let files = files(&folder);
    for (name, path) in &files {
        match (outcome(name, path), expected(name)) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{name}"),
            (Err(error), Err(reason)) => {
                let message = error.to_string();
                assert!(
                    message.starts_with(&format!("cannot read {name}")),
                    "{message}"
                );
                assert!(message.ends_with(reason), "{message}");
            }
            (found, expected) => panic!("{name} was {found:?}, expected was {expected:?}"),
        }
    }
    for (end, _) in READ.iter().chain(REFUSED) {
        assert!(
            files.keys().any(|name| name.ends_with(end)),
            "there is no {end}"
        );
    }
}

#[test]
fn every_repository_is_what_its_repomd_says() {
    let Some(folder) = folder() else { return };
    for (repository, packages, _) in REPOSITORIES {
        let folder = folder.join(repository);
        let raw = fs::read(folder.join("repodata/repomd.xml")).unwrap();
        let repomd = Repomd::parse(&raw).unwrap();
        let mut damaged = false;
        for record in &repomd.records {
            let raw = fs::read(folder.join(record.location.path())).unwrap();
            if (*repository, &*record.kind) == (DAMAGED.0, DAMAGED.1) {
                let error = metadata::verify(record, &raw).unwrap_err();
                assert_eq!(error.kind(), MetadataErrorKind::Corrupt);
                assert!(error.to_string().ends_with(DAMAGED.2), "{error}");
                damaged = true;
                continue;
            }
            metadata::verify(record, &raw).unwrap();
            match metadata::open(record, &raw[..], Limits::default()) {
                Ok(mut content) => {
                    std::io::copy(&mut content, &mut std::io::sink()).unwrap();
                    assert!(!record.is_zchunk());
                }
                Err(error) => {
                    assert_eq!(error.kind(), MetadataErrorKind::Unsupported, "{error}");
                    assert!(record.is_zchunk(), "{error}");
                }
            }
        }
        if !damaged {
            packages_agree(&folder, &repomd, *packages);
        }
    }
}

/// The three files about packages have the same packages, and `primary` lists no file
/// that `filelists` does not.
fn packages_agree(folder: &Path, repomd: &Repomd, packages: usize) {
    let open = |kind: &str| {
        let record = repomd.require(kind).unwrap();
        let file = fs::File::open(folder.join(record.location.path())).unwrap();
        metadata::open(record, file, Limits::default()).unwrap()
    };
    let limits = Limits::default();
    let primary = Primary::open(open("primary"), "primary", limits).unwrap();
    assert_eq!(primary.declared(), Some(packages as u64));
    let primary: Vec<_> = primary.map(Result::unwrap).collect();
    let filelists = Filelists::open(open("filelists"), "filelists", limits).unwrap();
    let filelists: Vec<_> = filelists.map(Result::unwrap).collect();
    let other = Other::open(open("other"), "other", limits).unwrap();
    let other: Vec<_> = other.map(Result::unwrap).collect();
    let counts = [primary.len(), filelists.len(), other.len()];
    assert_eq!(counts, [packages; 3], "{}", folder.display());
    for package in &primary {
        let files = filelists
            .iter()
            .find(|f| f.pkgid == package.checksum)
            .unwrap();
        assert_eq!(files.nevra, package.nevra);
        for file in &package.files {
            let listed = files.files.iter().find(|f| f.path == file.path);
            assert_eq!(listed.map(|f| f.kind), Some(file.kind), "{}", file.path);
        }
        let changes = other.iter().find(|o| o.pkgid == package.checksum).unwrap();
        assert_eq!(changes.nevra, package.nevra);
    }
}
