//! `primary.xml`.

use std::io::{self, Write};

use super::document::{self, Document};
use super::xml::Xml;
use crate::package::{Dependency, Package};

/// Writes `primary.xml` package by package.
pub struct PrimaryWriter<W> {
    document: Document<W>,
}

impl<W: Write> PrimaryWriter<W> {
    /// Begins the document for that many packages.
    pub fn new(to: W, packages: u64) -> io::Result<Self> {
        let namespaces = [
            ("xmlns", "http://linux.duke.edu/metadata/common"),
            ("xmlns:rpm", "http://linux.duke.edu/metadata/rpm"),
        ];
        let document = Document::new(to, "metadata", &namespaces, packages)?;
        Ok(Self { document })
    }

    /// Writes one package.
    pub fn write(&mut self, package: &Package) -> io::Result<()> {
        self.document.package(|xml| describe(xml, package))
    }

    /// Writes what [`primary_element`] made of one package.
    pub fn write_element(&mut self, element: &str) -> io::Result<()> {
        self.document.element(element)
    }

    /// Where it is written to: everything up to the last package is there.
    pub fn get_mut(&mut self) -> &mut W {
        self.document.get_mut()
    }

    /// Ends the document. It is an error if another number of packages was written than
    /// was said in the beginning.
    pub fn finish(self) -> io::Result<W> {
        self.document.finish()
    }
}

/// What [`PrimaryWriter::write`] writes for one package. To be written later, so that packages can
/// be described on many cores and kept out of memory meanwhile.
pub fn primary_element(package: &Package) -> String {
    document::element(|xml| describe(xml, package))
}

fn describe(xml: &mut Xml, package: &Package) {
    let details = &package.details;
    let number = |number: u64| number.to_string();
    xml.start("package", &[("type", "rpm")]);
    xml.text("name", &[], &package.nevra.name);
    xml.text("arch", &[], &package.nevra.arch);
    document::version(xml, &package.nevra.evr);
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
    for file in &package.files {
        document::file(xml, file);
    }
    xml.end();
    xml.end();
}

fn entry(xml: &mut Xml, dependency: &Dependency) {
    let mut attributes = vec![("name", dependency.name.to_string())];
    if let Some(comparison) = dependency.comparison {
        attributes.push(("flags", comparison.flags().to_owned()));
    }
    if let Some(evr) = &dependency.evr {
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

#[cfg(test)]
mod tests {
    use super::super::document::sample::{checksum, file, nevra};
    use super::*;
    use crate::evr::Evr;
    use crate::href::Href;
    use crate::limits::Limits;
    use crate::package::{Comparison, Dependencies, Details, FileKind, Sizes};
    use crate::primary::Primary;
    use std::sync::Arc;

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
            checksum: checksum("ab"),
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
        let mut writer = PrimaryWriter::new(Vec::new(), 1).unwrap();
        writer.write(&package).unwrap();
        let written = writer.finish().unwrap();
        let read = Primary::open(&written[..], "primary.xml", Limits::default()).unwrap();
        assert_eq!(read.declared(), Some(1));
        let read: Vec<Package> = read.collect::<Result<_, _>>().unwrap();
        assert_eq!(read, [package]);
    }
}
