//! What the headers of packages say, in the words of createrepo_c.
//!
//! Packages with everything that rpm-md has rules for are built by rpmbuild, indexed by
//! createrepo_c, and read and written by `ocirepo_rpm`. The results are compared as our own
//! readers understand them, and as XML, element by element.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ocirepo_e2e::process::Run;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::scratch::Scratch;
use ocirepo_rpm::filelists::{Filelists, PackageFiles};
use ocirepo_rpm::header::{self, Facts, HeaderOptions};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata::{self, Opened};
use ocirepo_rpm::other::{Other, PackageChanges};
use ocirepo_rpm::package::{FileKind, Package};
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::write::{FilelistsWriter, OtherWriter, PrimaryWriter};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Where packages lie that do not lie where they were built: names that are spelled
/// differently in URLs and in XML.
const AWKWARD: &str = "sub dir/a+b~c^d & <e> 100% #? é/LibFoo++ copy.rpm";

/// Built once: packages below `Packages/` and [`AWKWARD`].
pub(crate) fn packages() -> &'static Scratch {
    static PACKAGES: OnceLock<Scratch> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let work = Scratch::new("rpmbuild").unwrap();
        for folder in ["SOURCES", "SPECS"] {
            fs::create_dir(work.join(folder)).unwrap();
        }
        for source in ["here.txt", "there.patch", "secret.tar"] {
            fs::write(work.join("SOURCES").join(source), source).unwrap();
        }
        let peculiar = include_bytes!("createrepo/peculiar.spec");
        rpmbuild(&work, "peculiar.spec", peculiar, &[]);
        let old = with_bytes(include_str!("createrepo/old.spec"));
        rpmbuild(&work, "old.spec", &old, &["--target", "i686"]);
        // The same under other names, for they are told by their files alone.
        for payload in ["w3.gzdio", "w3.zstdio"] {
            let define = format!("_binary_payload {payload}");
            let dist = format!("dist .{}", payload.replace("w3.", ""));
            let options = ["--define", &define, "--define", &dist];
            rpmbuild(
                &work,
                "payload.spec",
                include_bytes!("createrepo/payload.spec"),
                &options,
            );
        }
        let root = Scratch::new("repository").unwrap();
        let below = root.join("Packages");
        fs::create_dir(&below).unwrap();
        for package in rpms(work.path()) {
            let name = package.file_name().unwrap();
            let awkward = root.join(AWKWARD);
            if name.to_str().unwrap().starts_with("LibFoo++") {
                fs::create_dir_all(awkward.parent().unwrap()).unwrap();
                fs::copy(&package, awkward).unwrap();
            }
            fs::rename(&package, below.join(name)).unwrap();
        }
        root
    })
}

fn rpmbuild(work: &Scratch, name: &str, spec: &[u8], options: &[&str]) {
    let path = work.join("SPECS").join(name);
    fs::write(&path, spec).unwrap();
    run(Command::new("rpmbuild")
        .env("LC_ALL", "C.UTF-8")
        .args(["--define", &format!("_topdir {}", work.path().display())])
        .args(["--quiet", "-ba"])
        .args(options)
        .arg(path));
}

/// `<E9>` becomes the byte E9.
fn with_bytes(spec: &str) -> Vec<u8> {
    let mut parts = spec.split('<');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        match (
            u8::from_str_radix(part.get(..2).unwrap_or(""), 16),
            part.get(2..3),
        ) {
            (Ok(byte), Some(">")) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[3..]);
            }
            _ => {
                bytes.push(b'<');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    bytes
}

fn run(command: &mut Command) -> String {
    Run::of(command).unwrap().well().unwrap().stdout
}

/// Every package below a folder.
fn rpms(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rpm") {
                found.push(path);
            }
        }
    }
    found
}

/// Metadata in a directory.
struct Repodata {
    root: Scratch,
    repomd: Repomd,
}

impl Repodata {
    /// What createrepo_c writes.
    fn theirs(options: &[&str]) -> Repodata {
        let root = Scratch::new("createrepo").unwrap();
        run(Command::new("createrepo_c")
            .env("LC_ALL", "C.UTF-8")
            .args(["--quiet", "--outputdir"])
            .arg(root.path())
            .args(options)
            .arg(packages().path()));
        Repodata::read(root)
    }

    /// What the program writes.
    fn ours(options: &[&str]) -> Repodata {
        let root = Scratch::new("ours").unwrap();
        let (from, to) = (packages().path(), root.path());
        let mut arguments = vec!["createrepo", from.to_str().unwrap()];
        arguments.extend(["--output", to.to_str().unwrap()]);
        arguments.extend(options);
        let program = Program::new().unwrap();
        program.run(&arguments).unwrap().well().unwrap();
        Repodata::read(root)
    }

    fn read(root: Scratch) -> Repodata {
        let repomd = fs::read(root.join("repodata/repomd.xml")).unwrap();
        let repomd = Repomd::parse(&repomd).unwrap();
        Repodata { root, repomd }
    }

    fn open(&self, kind: &str) -> Opened<File> {
        let record = self.repomd.require(kind).unwrap();
        let file = File::open(self.root.join(record.location.path())).unwrap();
        metadata::open(record, file, Limits::default()).unwrap()
    }

    fn packages(&self) -> Vec<Package> {
        let list = Primary::open(self.open("primary"), "primary", Limits::default());
        list.unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn files(&self) -> Vec<PackageFiles> {
        let list = Filelists::open(self.open("filelists"), "filelists", Limits::default());
        list.unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn changes(&self) -> Vec<PackageChanges> {
        let list = Other::open(self.open("other"), "other", Limits::default());
        list.unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// What we make of the packages, in the order that createrepo_c has them in.
fn ours(theirs: &[Package], changelog_limit: usize) -> Vec<Facts> {
    let options = HeaderOptions {
        changelog_limit: Some(changelog_limit),
        ..HeaderOptions::default()
    };
    let read = |package: &Package| {
        let path = packages().join(package.location.path());
        let location = Href::from_path(package.location.path()).unwrap();
        let file = File::open(path).unwrap();
        let time = Some(package.file_time);
        let name = package.location.path();
        header::scan(file, name, location, time, &options).unwrap()
    };
    theirs.iter().map(read).collect()
}

#[test]
fn the_facts_of_a_package_are_those_of_createrepo() {
    let theirs = Repodata::theirs(&[]);
    let (packages, files, changes) = (theirs.packages(), theirs.files(), theirs.changes());
    let ours = ours(&packages, 10);
    assert_eq!(packages.len(), 12);
    assert!(packages.iter().any(|p| p.location.path() == AWKWARD));
    for (n, ours) in ours.into_iter().enumerate() {
        assert_eq!(ours.package, packages[n]);
        assert_eq!(without_checksums(ours.files), files[n]);
        assert_eq!(ours.changes, changes[n]);
    }
    let peculiar = changes
        .iter()
        .find(|c| &*c.nevra.name == "peculiar")
        .unwrap();
    assert_eq!(peculiar.changes.len(), 10, "of 12");
}

#[test]
fn the_program_writes_what_createrepo_writes() {
    let (ours, theirs) = (Repodata::ours(&[]), Repodata::theirs(&[]));
    let mut packages = theirs.packages();
    // The same package at another place.
    packages.retain(|package| package.location.path() != AWKWARD);
    packages.sort_by(|a, b| a.location.cmp(&b.location));
    for package in &mut packages {
        package.file_time = package.build_time;
    }
    assert_eq!(ours.packages(), packages);
    let in_order = |pkgid| packages.iter().position(|p| p.checksum == pkgid);
    let mut files = theirs.files();
    files.sort_by_key(|files| in_order(files.pkgid));
    files.dedup();
    assert_eq!(ours.files(), files);
    let mut changes = theirs.changes();
    changes.sort_by_key(|changes| in_order(changes.pkgid));
    changes.dedup();
    assert_eq!(ours.changes(), changes);
}

#[test]
fn the_same_packages_give_the_same_bytes() {
    let options = ["--filelists-ext", "--compress", "zstd"];
    let first = Repodata::ours(&options);
    assert_eq!(first.repomd.records.len(), 4);
    let second = Repodata::ours(&options);
    let raw = |made: &Repodata| fs::read(made.root.join("repodata/repomd.xml")).unwrap();
    assert_eq!(raw(&first), raw(&second));
    // Each is what repomd.xml says.
    assert_eq!(first.packages(), second.packages());
}

#[test]
fn the_limit_of_the_change_log_is_createrepos() {
    let theirs = Repodata::theirs(&["--changelog-limit", "2"]);
    let ours = ours(&theirs.packages(), 2);
    let ours: Vec<_> = ours.into_iter().map(|facts| facts.changes).collect();
    assert_eq!(ours, theirs.changes());
    let dates = |c: &PackageChanges| c.changes.iter().map(|c| c.date).collect::<Vec<_>>();
    // Both of one day.
    assert!(
        ours.iter()
            .map(dates)
            .any(|d| d.len() == 2 && d[1] == d[0] + 1)
    );
}

#[test]
fn the_documents_are_those_of_createrepo() {
    let theirs = Repodata::theirs(&[]);
    let ours = ours(&theirs.packages(), 10);
    let count = ours.len() as u64;
    let mut primary = PrimaryWriter::new(Vec::new(), count).unwrap();
    let mut filelists = FilelistsWriter::new(Vec::new(), count).unwrap();
    let mut other = OtherWriter::new(Vec::new(), count).unwrap();
    for facts in &ours {
        primary.write(&facts.package).unwrap();
        filelists.write(&facts.files).unwrap();
        other.write(&facts.changes).unwrap();
    }
    for (kind, document) in [
        ("primary", primary.finish().unwrap()),
        ("filelists", filelists.finish().unwrap()),
        ("other", other.finish().unwrap()),
    ] {
        let ours = Element::read(&document[..]);
        let theirs = Element::read(theirs.open(kind));
        assert_eq!(ours.attributes, theirs.attributes, "{kind}");
        assert_eq!(ours.children.len(), theirs.children.len(), "{kind}");
        for (ours, theirs) in ours.children.iter().zip(&theirs.children) {
            assert_eq!(ours, theirs, "{kind}");
        }
    }
}

/// The version of createrepo_c that is common here has no filelists-ext; rpm itself has what
/// it is made of.
#[test]
fn the_checksums_of_files_are_those_of_rpm() {
    let mut kinds = BTreeMap::new();
    for path in rpms(packages().path()) {
        let location = Href::from_path("x.rpm").unwrap();
        let file = File::open(&path).unwrap();
        let facts = header::scan(file, "x.rpm", location, None, &HeaderOptions::default()).unwrap();
        let theirs = run(Command::new("rpm")
            .args(["-qp", "--qf", "[%{FILEDIGESTS}\\n]"])
            .arg(&path));
        let ours: String = facts
            .files
            .files
            .iter()
            .map(|file| file.checksum.as_ref().map_or(String::new(), |c| c.hex()) + "\n")
            .collect();
        assert_eq!(ours, theirs, "{}", path.display());
        for file in &facts.files.files {
            if let Some(checksum) = &file.checksum {
                assert_eq!(file.kind, FileKind::File);
                *kinds.entry(checksum.kind().as_str()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(
        kinds.keys().copied().collect::<Vec<_>>(),
        ["md5", "sha256", "sha512"]
    );
}

fn without_checksums(mut files: PackageFiles) -> PackageFiles {
    for file in &mut files.files {
        file.checksum = None;
    }
    files
}

/// XML without what makes no difference: the order of attributes, white space between
/// elements, and how nothing is written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn read(source: impl std::io::BufRead) -> Element {
        let mut reader = Reader::from_reader(source);
        let (mut open, mut buffer) = (vec![Element::default()], Vec::new());
        loop {
            buffer.clear();
            match reader.read_event_into(&mut buffer).unwrap() {
                Event::Start(start) => open.push(Element::start(&start)),
                Event::Empty(start) => {
                    let element = Element::start(&start);
                    open.last_mut().unwrap().children.push(element);
                }
                Event::Text(text) => {
                    open.last_mut().unwrap().text += &*text;
                }
                Event::GeneralRef(reference) => {
                    let name: &str = &reference;
                    let text = format!("&{name};");
                    let text = quick_xml::escape::unescape(&text).unwrap().into_owned();
                    open.last_mut().unwrap().text += &text;
                }
                Event::End(_) => {
                    let mut element = open.pop().unwrap();
                    if !element.children.is_empty() {
                        assert_eq!(element.text.trim(), "");
                        element.text.clear();
                    }
                    open.last_mut().unwrap().children.push(element);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let mut document = open.pop().unwrap();
        assert_eq!(document.children.len(), 1);
        document.children.pop().unwrap()
    }

    fn start(start: &BytesStart<'_>) -> Element {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            (
                attribute.key.as_ref().to_owned(),
                quick_xml::escape::unescape(&attribute.value)
                    .unwrap()
                    .into_owned(),
            )
        });
        Element {
            name: start.name().as_ref().to_owned(),
            attributes: attributes.collect(),
            ..Element::default()
        }
    }
}
