//! `primary.xml`, `filelists.xml` and `other.xml`.

use super::xml::Xml;
use crate::evr::{Evr, Nevra};
use crate::filelists::PackageFiles;
use crate::other::PackageChanges;
use crate::package::{Dependency, File, Package};

/// Writes `primary.xml`, with the packages in their order.
pub fn primary(packages: &[Package]) -> String {
    let mut xml = Xml::new();
    let count = packages.len().to_string();
    xml.start(
        "metadata",
        &[
            ("xmlns", "http://linux.duke.edu/metadata/common"),
            ("xmlns:rpm", "http://linux.duke.edu/metadata/rpm"),
            ("packages", &count),
        ],
    );
    for package in packages {
        describe(&mut xml, package);
    }
    xml.finish()
}

/// Writes `filelists.xml`, with the packages in their order.
pub fn filelists(packages: &[PackageFiles]) -> String {
    let mut xml = Xml::new();
    let count = packages.len().to_string();
    let namespace = ("xmlns", "http://linux.duke.edu/metadata/filelists");
    xml.start("filelists", &[namespace, ("packages", &count)]);
    for package in packages {
        start_package(&mut xml, &package.pkgid.hex(), &package.nevra);
        files(&mut xml, &package.files);
        xml.end();
    }
    xml.finish()
}

/// Writes `other.xml`, with the packages in their order.
pub fn other(packages: &[PackageChanges]) -> String {
    let mut xml = Xml::new();
    let count = packages.len().to_string();
    let namespace = ("xmlns", "http://linux.duke.edu/metadata/other");
    xml.start("otherdata", &[namespace, ("packages", &count)]);
    for package in packages {
        start_package(&mut xml, &package.pkgid.hex(), &package.nevra);
        for change in &package.changes {
            let date = change.date.to_string();
            let attributes = [("author", &*change.author), ("date", &date)];
            xml.text("changelog", &attributes, &change.text);
        }
        xml.end();
    }
    xml.finish()
}

fn describe(xml: &mut Xml, package: &Package) {
    let details = &package.details;
    let number = |number: u64| number.to_string();
    xml.start("package", &[("type", "rpm")]);
    xml.text("name", &[], &package.nevra.name);
    xml.text("arch", &[], &package.nevra.arch);
    version(xml, &package.nevra.evr);
    let kind = package.checksum.kind();
    let attributes = [("type", kind.as_str()), ("pkgid", "YES")];
    xml.text("checksum", &attributes, &package.checksum.hex());
    xml.text("summary", &[], &details.summary);
    xml.text("description", &[], &details.description);
    xml.text("packager", &[], &details.packager);
    xml.text("url", &[], &details.url);
    let (file, build) = (number(package.file_time), number(package.build_time));
    xml.empty("time", &[("file", &file), ("build", &build)]);
    let size = &package.size;
    let (whole, installed) = (number(size.package), number(size.installed));
    let archive = number(size.archive);
    let sizes = [
        ("package", &*whole),
        ("installed", &installed),
        ("archive", &archive),
    ];
    xml.empty("size", &sizes);
    match &package.base {
        Some(base) => {
            let href = package.location.as_written();
            xml.empty("location", &[("xml:base", base), ("href", href)]);
        }
        None => xml.empty("location", &[("href", package.location.as_written())]),
    }
    xml.start("format", &[]);
    xml.text("rpm:license", &[], &details.license);
    xml.text("rpm:vendor", &[], &details.vendor);
    xml.text("rpm:group", &[], &details.group);
    xml.text("rpm:buildhost", &[], &details.build_host);
    xml.text("rpm:sourcerpm", &[], &details.source_rpm);
    if let Some(range) = &details.header_range {
        let (start, end) = (number(range.start), number(range.end));
        xml.empty("rpm:header-range", &[("start", &start), ("end", &end)]);
    }
    let all = &package.dependencies;
    for (name, list) in [
        ("rpm:provides", &all.provides),
        ("rpm:requires", &all.requires),
        ("rpm:conflicts", &all.conflicts),
        ("rpm:obsoletes", &all.obsoletes),
        ("rpm:suggests", &all.suggests),
        ("rpm:enhances", &all.enhances),
        ("rpm:recommends", &all.recommends),
        ("rpm:supplements", &all.supplements),
    ] {
        if !list.is_empty() {
            xml.start(name, &[]);
            for dependency in list {
                entry(xml, dependency);
            }
            xml.end();
        }
    }
    files(xml, &package.files);
    xml.end();
    xml.end();
}

fn entry(xml: &mut Xml, dependency: &Dependency) {
    let mut attributes = vec![("name", dependency.name.to_string())];
    if let (Some(comparison), Some(evr)) = (dependency.comparison, &dependency.evr) {
        attributes.push(("flags", comparison.flags().to_owned()));
        attributes.push(("epoch", evr.epoch.to_string()));
        attributes.push(("ver", evr.version.to_string()));
        if !evr.release.is_empty() {
            attributes.push(("rel", evr.release.to_string()));
        }
    }
    if dependency.pre {
        attributes.push(("pre", "1".to_owned()));
    }
    let attributes: Vec<_> = attributes.iter().map(|(k, v)| (*k, &**v)).collect();
    xml.empty("rpm:entry", &attributes);
}

fn files(xml: &mut Xml, files: &[File]) {
    for file in files {
        match file.kind.as_str() {
            Some(kind) => xml.text("file", &[("type", kind)], &file.path),
            None => xml.text("file", &[], &file.path),
        }
    }
}

fn start_package(xml: &mut Xml, pkgid: &str, nevra: &Nevra) {
    let attributes = [
        ("pkgid", pkgid),
        ("name", &*nevra.name),
        ("arch", &*nevra.arch),
    ];
    xml.start("package", &attributes);
    version(xml, &nevra.evr);
}

fn version(xml: &mut Xml, evr: &Evr) {
    let epoch = evr.epoch.to_string();
    let attributes = [
        ("epoch", &*epoch),
        ("ver", &*evr.version),
        ("rel", &*evr.release),
    ];
    xml.empty("version", &attributes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{Checksum, ChecksumKind};
    use crate::filelists::Filelists;
    use crate::href::Href;
    use crate::limits::Limits;
    use crate::other::{Change, Other};
    use crate::package::{Comparison, Dependencies, Details, FileKind, Sizes};
    use crate::primary::Primary;
    use std::sync::Arc;

    fn nevra() -> Nevra {
        Nevra {
            name: "LibFoo++".into(),
            evr: Evr::new(2, "1.2~rc1^git1", "3.el9"),
            arch: "x86_64".into(),
        }
    }

    fn checksum() -> Checksum {
        Checksum::from_hex(ChecksumKind::Sha256, &"ab".repeat(32)).unwrap()
    }

    fn file(path: &str, kind: FileKind) -> File {
        File {
            path: path.into(),
            kind,
            checksum: None,
        }
    }

    #[test]
    fn a_package_reads_the_same() {
        let dependency = |name: &str, comparison, evr: Option<Evr>, pre| Dependency {
            name: name.into(),
            comparison,
            evr: evr.map(Arc::new),
            pre,
        };
        let package = Package {
            nevra: nevra(),
            checksum: checksum(),
            location: Href::from_path("Packages/LibFoo++-1.2~rc1^git1-3.el9.x86_64.rpm").unwrap(),
            base: None,
            size: Sizes {
                package: 1,
                installed: 2,
                archive: 3,
            },
            file_time: 4,
            build_time: 5,
            details: Details {
                summary: "a <b> & c".into(),
                description: "two\nlines".into(),
                license: "MIT".into(),
                source_rpm: "LibFoo-1.2-3.el9.src.rpm".into(),
                header_range: Some(10..20),
                ..Details::default()
            },
            dependencies: Dependencies {
                provides: [dependency(
                    "LibFoo++",
                    Some(Comparison::Equal),
                    Some(nevra().evr),
                    false,
                )]
                .into(),
                requires: [
                    dependency("(a if b)", None, None, false),
                    dependency("/bin/sh", None, None, true),
                ]
                .into(),
                ..Dependencies::default()
            },
            files: [
                file("/etc/foo", FileKind::File),
                file("/etc/foo.d", FileKind::Dir),
            ]
            .into(),
        };
        let text = primary(std::slice::from_ref(&package));
        let read = Primary::open(text.as_bytes(), "primary.xml", Limits::default()).unwrap();
        assert_eq!(read.declared(), Some(1));
        let read: Vec<Package> = read.collect::<Result<_, _>>().unwrap();
        assert_eq!(read, [package]);
    }

    #[test]
    fn files_and_changes_read_the_same() {
        let listed = PackageFiles {
            pkgid: checksum(),
            nevra: nevra(),
            files: vec![
                file("/usr/share/é & <x>", FileKind::File),
                file("/var/ghost", FileKind::Ghost),
            ],
        };
        let text = filelists(std::slice::from_ref(&listed));
        let read = Filelists::open(text.as_bytes(), "filelists.xml", Limits::default()).unwrap();
        let read: Vec<PackageFiles> = read.collect::<Result<_, _>>().unwrap();
        assert_eq!(read, [listed]);

        let changed = PackageChanges {
            pkgid: checksum(),
            nevra: nevra(),
            changes: vec![Change {
                author: "Me <me@example.org> - 1.2-3".into(),
                date: 7,
                text: "- one\n- two".into(),
            }],
        };
        let text = other(std::slice::from_ref(&changed));
        let read = Other::open(text.as_bytes(), "other.xml", Limits::default()).unwrap();
        let read: Vec<PackageChanges> = read.collect::<Result<_, _>>().unwrap();
        assert_eq!(read, [changed]);
    }
}
