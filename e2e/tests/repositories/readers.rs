//! What is read of metadata, beside what librepo and createrepo_c read.
//!
//! Repositories of the world, of packages that rpmbuild and createrepo_c made, and of packages that
//! were thought up and written by our own writers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo::Digest;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::random::Random;
use ocirepo_e2e::scratch::Scratch;
use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::error::MetadataErrorKind;
use ocirepo_rpm::evr::{Evr, Nevra};
use ocirepo_rpm::filelists::{Filelists, PackageFiles};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata::{self, Opened};
use ocirepo_rpm::other::{Change, Other, PackageChanges};
use ocirepo_rpm::package::{
    Comparison, Dependencies, Dependency, Details, FileKind, Package, Sizes,
};
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::{Record, Repomd};
use ocirepo_rpm::write::{self, FilelistsWriter, MetadataFile, OtherWriter, PrimaryWriter};
use serde_json::{Value, json};

use super::createrepo;

/// What the peers read of some repositories, as `readers_read.py` says.
fn theirs(repositories: &[PathBuf]) -> Vec<Value> {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/repositories/readers_read.py"
    );
    // The distribution's own Python has the distribution's modules.
    let run = Run::of(
        Command::new("/usr/bin/python3")
            .arg(script)
            .args(repositories),
    );
    let said = run.unwrap().well().unwrap().stdout;
    // The one difference: createrepo_c leaves a reference in attributes where there was `&amp;`.
    serde_json::from_str(&said.replace("&#38;", "&")).unwrap()
}

/// A repository in a directory, as we read it.
struct Ours<'a> {
    directory: &'a Path,
    repomd: Repomd,
}

impl<'a> Ours<'a> {
    fn open(directory: &'a Path) -> Self {
        let raw = fs::read(directory.join("repodata/repomd.xml")).unwrap();
        let repomd = Repomd::parse(&raw).unwrap();
        Self { directory, repomd }
    }

    fn file(&self, record: &Record) -> Vec<u8> {
        fs::read(self.directory.join(record.location.path())).unwrap()
    }

    fn content(&self, kind: &str) -> Opened<File> {
        let record = self.repomd.require(kind).unwrap();
        let file = File::open(self.directory.join(record.location.path())).unwrap();
        metadata::open(record, file, Limits::default()).unwrap()
    }

    /// In the words of createrepo_c.
    fn records(&self) -> Value {
        let records = self.repomd.records.iter();
        records
            .map(|record| {
                // There, nothing said is 0, but for two sizes.
                let or_negative = |size: Option<u64>| size.map_or(-1, |size| size as i64);
                let sizes = [
                    record.size.unwrap_or(0) as i64,
                    or_negative(record.open_size),
                    or_negative(record.header_size),
                ];
                json!([
                    record.kind,
                    record.location.as_written(),
                    checksum(Some(&record.checksum)),
                    checksum(record.open_checksum.as_ref()),
                    checksum(record.header_checksum.as_ref()),
                    sizes,
                    record.timestamp.unwrap_or(0),
                    record.database_version.unwrap_or(0),
                ])
            })
            .collect()
    }

    /// In the words of librepo.
    fn for_librepo(&self) -> Value {
        let records = self.repomd.records.iter().map(|record| {
            let facts = json!([
                record.location.as_written(),
                checksum(Some(&record.checksum)),
                checksum(record.open_checksum.as_ref()),
                checksum(record.header_checksum.as_ref()),
                [record.size.unwrap_or(0), record.open_size.unwrap_or(0)],
                record.timestamp.unwrap_or(0),
                record.database_version.unwrap_or(0),
            ]);
            (record.kind.clone(), facts)
        });
        let tags = &self.repomd.tags;
        let distro = tags.distro.iter();
        let distro: Vec<_> = distro
            .map(|distro| json!([distro.cpeid, distro.name]))
            .collect();
        json!({
            "revision": self.repomd.revision,
            "tags": [tags.repo, tags.content, distro],
            "records": records.collect::<serde_json::Map<_, _>>(),
        })
    }

    fn primary(&self) -> Vec<Package> {
        let list = Primary::open(self.content("primary"), "primary", Limits::default());
        let list = list.unwrap().keep_base();
        list.collect::<Result<_, _>>().unwrap()
    }

    fn filelists(&self) -> Vec<PackageFiles> {
        let list = Filelists::open(self.content("filelists"), "filelists", Limits::default());
        list.unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn other(&self) -> Vec<PackageChanges> {
        let list = Other::open(self.content("other"), "other", Limits::default());
        list.unwrap().collect::<Result<_, _>>().unwrap()
    }
}

fn checksum(checksum: Option<&Checksum>) -> Value {
    match checksum {
        Some(checksum) => json!([checksum.kind().as_str(), checksum.hex()]),
        None => json!([null, null]),
    }
}

fn nevra(nevra: &Nevra) -> Value {
    let Evr {
        epoch,
        version,
        release,
    } = &nevra.evr;
    json!([
        &*nevra.name,
        epoch.to_string(),
        &**version,
        &**release,
        &*nevra.arch
    ])
}

fn files(files: &[ocirepo_rpm::package::File]) -> Value {
    let files = files.iter();
    files
        .map(|file| json!([file.kind.as_str(), &*file.path]))
        .collect()
}

/// Nothing is null there.
fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn dependencies(list: &[Dependency]) -> Value {
    let dependency = |dependency: &Dependency| {
        let evr = dependency.evr.as_deref();
        json!([
            &*dependency.name,
            dependency.comparison.map(Comparison::flags),
            evr.map(|evr| evr.epoch.to_string()),
            evr.map(|evr| &*evr.version),
            evr.and_then(|evr| text(&evr.release)),
            dependency.pre,
        ])
    };
    list.iter().map(dependency).collect()
}

fn package(package: &Package) -> Value {
    let Details {
        summary,
        description,
        packager,
        url,
        license,
        vendor,
        group,
        build_host,
        source_rpm,
        header_range,
    } = &package.details;
    let texts: [&str; 9] = [
        summary,
        description,
        packager,
        url,
        license,
        vendor,
        group,
        build_host,
        source_rpm,
    ];
    let header = header_range.clone().unwrap_or_default();
    let all = &package.dependencies;
    json!({
        "nevra": nevra(&package.nevra),
        "checksum": checksum(Some(&package.checksum)),
        "location": package.location.as_written(),
        "base": package.base,
        "times": [package.file_time, package.build_time],
        "sizes": [package.size.package, package.size.installed, package.size.archive],
        "texts": texts.map(text),
        "header": [header.start, header.end],
        "dependencies": {
            "provides": dependencies(&all.provides),
            "requires": dependencies(&all.requires),
            "conflicts": dependencies(&all.conflicts),
            "obsoletes": dependencies(&all.obsoletes),
            "suggests": dependencies(&all.suggests),
            "enhances": dependencies(&all.enhances),
            "recommends": dependencies(&all.recommends),
            "supplements": dependencies(&all.supplements),
        },
        "files": files(&package.files),
    })
}

fn package_files(package: &PackageFiles) -> Value {
    json!({
        "pkgid": package.pkgid.hex(),
        "nevra": nevra(&package.nevra),
        "files": files(&package.files),
    })
}

fn package_changes(package: &PackageChanges) -> Value {
    let changes = package.changes.iter();
    let change = |change: &Change| json!([&*change.author, change.date, &*change.text]);
    json!({
        "pkgid": package.pkgid.hex(),
        "nevra": nevra(&package.nevra),
        "changes": changes.map(change).collect::<Value>(),
    })
}

/// Compares element by element, so that a difference says where it is.
#[track_caller]
fn assert_same(place: &str, ours: &[Value], theirs: &Value) {
    let theirs = theirs.as_array().unwrap();
    for (ours, theirs) in ours.iter().zip(theirs) {
        let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else {
            assert_eq!(ours, theirs, "{place}");
            continue;
        };
        for (name, ours) in ours {
            assert_eq!(
                ours, &theirs[name],
                "{place}: {name} of {}",
                theirs["nevra"]
            );
        }
        assert_eq!(ours.len(), theirs.len(), "{place}");
    }
    assert_eq!(ours.len(), theirs.len(), "{place}");
}

/// Compares everything that is read of a repository; says how many packages it has.
#[track_caller]
fn assert_read_alike(directory: &Path, theirs: &Value) -> usize {
    let (place, ours) = (directory.to_string_lossy(), Ours::open(directory));
    assert_eq!(ours.records(), theirs["records"], "{place}");
    let damaged = ours.repomd.records.iter().find_map(|record| {
        let error = metadata::verify(record, &ours.file(record)).err()?;
        Some((record.location.path(), error))
    });
    if let Some((path, error)) = damaged {
        // Whoever verifies refuses; createrepo_c does not.
        assert_eq!(error.kind(), MetadataErrorKind::Corrupt, "{error}");
        let refused = theirs["librepo"]["refused"].as_str().unwrap_or_default();
        assert!(
            refused.starts_with("Checksum mismatch") && refused.contains(path),
            "{place}: {refused}"
        );
        return 0;
    }
    assert_eq!(ours.for_librepo(), theirs["librepo"], "{place}");
    let primary: Vec<_> = ours.primary().iter().map(package).collect();
    assert_same(&place, &primary, &theirs["primary"]);
    let filelists: Vec<_> = ours.filelists().iter().map(package_files).collect();
    assert_same(&place, &filelists, &theirs["filelists"]);
    let other: Vec<_> = ours.other().iter().map(package_changes).collect();
    assert_same(&place, &other, &theirs["other"]);
    primary.len()
}

/// Every folder with a `repodata/repomd.xml`.
fn repositories(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        if next.join("repodata/repomd.xml").is_file() {
            found.push(next.clone());
        }
        let entries = fs::read_dir(next)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        folders.extend(entries.filter(|path| path.is_dir()));
    }
    found.sort();
    found
}

#[test]
fn repositories_of_the_world_are_read_as_librepo_and_createrepo_read_them() {
    let Some(folder) = std::env::var_os("OCIREPO_TEST_REPOS") else {
        eprintln!("NOT RUN: OCIREPO_TEST_REPOS does not name a folder of repositories");
        return;
    };
    let repositories = repositories(Path::new(&folder));
    let theirs = theirs(&repositories);
    assert_eq!(theirs.len(), repositories.len());
    let packages = repositories.iter().zip(&theirs);
    let packages: usize = packages
        .map(|(directory, theirs)| assert_read_alike(directory, theirs))
        .sum();
    assert!(
        repositories.len() >= 18 && packages >= 47,
        "{packages} packages of {} repositories",
        repositories.len()
    );
}

#[test]
fn what_createrepo_writes_of_built_packages_is_read_as_it_reads_it() {
    let root = Scratch::new("createrepo").unwrap();
    let made = Run::of(
        Command::new("createrepo_c")
            .env("LC_ALL", "C.UTF-8")
            .args(["--quiet", "--outputdir"])
            .arg(root.path())
            .args(["--revision", "a revision", "--repo", "one & two"])
            .args([
                "--content",
                "binary-x86_64",
                "--distro",
                "cpe:/o:lab:1,Lab 1",
            ])
            .arg(createrepo::packages().path()),
    );
    made.unwrap().well().unwrap();
    let theirs = theirs(&[root.path().to_owned()]);
    assert_eq!(assert_read_alike(root.path(), &theirs[0]), 12);
}

/// Words with everything that XML, URLs and paths spell in another way.
const WORDS: [&str; 16] = [
    "a", "lib", "1.0", "&", "<b>", "\"q\"", "'", "é", "語", "🦀", " ", "%41", "]]>", "&amp;", "+",
    "~",
];

fn words(random: &mut Random, most: usize) -> String {
    let count = random.below(most + 1);
    (0..count).map(|_| *random.pick(&WORDS)).collect()
}

/// Text of several lines.
fn lines(random: &mut Random) -> String {
    let lines: Vec<_> = (0..random.below(4)).map(|_| words(random, 6)).collect();
    lines.join("\n")
}

/// What may not be empty, nor begin or end with white space.
fn token(random: &mut Random) -> String {
    format!("x{}y", words(random, 3))
}

fn evr(random: &mut Random) -> Evr {
    let epoch = random.below(3) as u32;
    Evr::new(epoch, token(random), token(random))
}

fn some_dependencies(random: &mut Random) -> Box<[Dependency]> {
    let comparisons = [
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Equal,
        Comparison::GreaterOrEqual,
        Comparison::Greater,
    ];
    (0..random.below(4))
        .map(|_| {
            let compares = random.chance(0.6);
            let mut evr = evr(random);
            if random.chance(0.3) {
                evr.release = "".into();
            }
            Dependency {
                name: token(random).into(),
                comparison: compares.then(|| *random.pick(&comparisons)),
                evr: compares.then(|| evr.into()),
                pre: random.chance(0.3),
            }
        })
        .collect()
}

fn some_files(random: &mut Random) -> Vec<ocirepo_rpm::package::File> {
    let kinds = [FileKind::File, FileKind::Dir, FileKind::Ghost];
    (0..random.below(6))
        .map(|_| ocirepo_rpm::package::File {
            path: format!("/{}/{}", token(random), token(random)).into(),
            kind: *random.pick(&kinds),
            checksum: None,
        })
        .collect()
}

/// A package that nobody built.
fn thought_up(random: &mut Random) -> (Package, PackageFiles, PackageChanges) {
    let nevra = Nevra {
        name: token(random).into(),
        evr: evr(random),
        arch: token(random).into(),
    };
    let checksum = Checksum::from(Digest::of(&random.next().to_le_bytes()));
    let number = |random: &mut Random| random.next() >> (1 + random.below(63));
    let start = random.below(9_000) as u64;
    let package = Package {
        nevra: nevra.clone(),
        checksum,
        location: Href::from_path(&format!("Packages/{}.rpm", token(random))).unwrap(),
        base: None,
        size: Sizes {
            package: number(random),
            installed: number(random),
            archive: number(random),
        },
        file_time: number(random),
        build_time: number(random),
        details: Details {
            summary: words(random, 6).into(),
            description: lines(random).into(),
            packager: words(random, 6).into(),
            url: token(random).into(),
            license: words(random, 6).into(),
            vendor: words(random, 6).into(),
            group: words(random, 6).into(),
            build_host: words(random, 6).into(),
            source_rpm: words(random, 6).into(),
            header_range: Some(start..start + random.below(9_000) as u64),
        },
        dependencies: Dependencies {
            provides: some_dependencies(random),
            requires: some_dependencies(random),
            conflicts: some_dependencies(random),
            obsoletes: some_dependencies(random),
            suggests: some_dependencies(random),
            enhances: some_dependencies(random),
            recommends: some_dependencies(random),
            supplements: some_dependencies(random),
        },
        files: some_files(random).into(),
    };
    let files = PackageFiles {
        pkgid: checksum,
        nevra: nevra.clone(),
        files: some_files(random),
    };
    let changes = (0..random.below(4)).map(|_| Change {
        author: words(random, 6).into(),
        date: number(random),
        text: lines(random).into(),
    });
    let changes = PackageChanges {
        pkgid: checksum,
        nevra,
        changes: changes.collect(),
    };
    (package, files, changes)
}

#[test]
fn what_we_write_of_any_package_is_read_as_it_was_meant() {
    let mut random = Random::new(3);
    let all: Vec<_> = (0..1_000).map(|_| thought_up(&mut random)).collect();
    let root = Scratch::new("thought-up").unwrap();
    let file = |kind: &str| MetadataFile::gzip(kind, &format!("{kind}.xml"), Vec::new());
    let count = all.len() as u64;
    let mut primary = PrimaryWriter::new(file("primary"), count).unwrap();
    let mut filelists = FilelistsWriter::new(file("filelists"), count).unwrap();
    let mut other = OtherWriter::new(file("other"), count).unwrap();
    for (package, files, changes) in &all {
        primary.write(package).unwrap();
        filelists.write(files).unwrap();
        other.write(changes).unwrap();
    }
    let files = [
        primary.finish().unwrap(),
        filelists.finish().unwrap(),
        other.finish().unwrap(),
    ];
    fs::create_dir(root.join("repodata")).unwrap();
    let mut repomd = Repomd::default();
    for file in files {
        let (record, raw) = file.finish(Some(1_700_000_000)).unwrap();
        fs::write(root.join(record.location.path()), raw).unwrap();
        repomd.records.push(record);
    }
    fs::write(root.join("repodata/repomd.xml"), write::repomd(&repomd)).unwrap();

    let theirs = theirs(&[root.path().to_owned()]);
    assert_eq!(assert_read_alike(root.path(), &theirs[0]), all.len());
    let meant: Vec<_> = all.iter().map(|(meant, _, _)| package(meant)).collect();
    assert_same("as meant", &meant, &theirs[0]["primary"]);
    let meant: Vec<_> = all
        .iter()
        .map(|(_, meant, _)| package_files(meant))
        .collect();
    assert_same("as meant", &meant, &theirs[0]["filelists"]);
    let meant: Vec<_> = all
        .iter()
        .map(|(_, _, meant)| package_changes(meant))
        .collect();
    assert_same("as meant", &meant, &theirs[0]["other"]);
}
