//! `filelists.xml` and `filelists-ext.xml`.

use std::io::{self, Write};

use super::document::{self, Document};
use super::xml::Xml;
use crate::filelists::PackageFiles;

/// Writes `filelists.xml`, or `filelists-ext.xml`, package by package.
pub struct FilelistsWriter<W> {
    document: Document<W>,
    checksums: bool,
}

impl<W: Write> FilelistsWriter<W> {
    /// Begins `filelists.xml` for that many packages.
    pub fn new(to: W, packages: u64) -> io::Result<Self> {
        let namespace = ("xmlns", "http://linux.duke.edu/metadata/filelists");
        Ok(Self {
            document: Document::new(to, "filelists", &[namespace], packages)?,
            checksums: false,
        })
    }

    /// Begins `filelists-ext.xml`, which also has a checksum for each file that was given
    /// one.
    pub fn with_checksums(to: W, packages: u64) -> io::Result<Self> {
        let namespace = ("xmlns", "http://linux.duke.edu/metadata/filelists-ext");
        Ok(Self {
            document: Document::new(to, "filelists-ext", &[namespace], packages)?,
            checksums: true,
        })
    }

    /// Writes the files of one package, in their order.
    pub fn write(&mut self, package: &PackageFiles) -> io::Result<()> {
        let checksums = self.checksums;
        self.document
            .package(|xml| describe(xml, package, checksums))
    }

    /// Writes what [`filelists_element`] made of one package.
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

/// What [`FilelistsWriter::write`] writes for one package, into `filelists-ext.xml` with
/// `checksums`. To be written later, so that packages can be described on many cores and
/// kept out of memory meanwhile.
pub fn filelists_element(package: &PackageFiles, checksums: bool) -> String {
    document::element(|xml| describe(xml, package, checksums))
}

fn describe(xml: &mut Xml, package: &PackageFiles, checksums: bool) {
    document::start_package(xml, &package.pkgid, &package.nevra);
    if checksums {
        files_with_checksums(xml, package);
    } else {
        for file in &package.files {
            document::file(xml, file);
        }
    }
    xml.end();
}

/// The kind of checksum is told once for each package. A package whose files have none
/// tells none; no file of a package has one of another kind, for RPM has one for all.
fn files_with_checksums(xml: &mut Xml, package: &PackageFiles) {
    let mut checksums = package.files.iter().filter_map(|f| f.checksum.as_deref());
    let kind = checksums.next().map(|checksum| checksum.kind());
    if let Some(kind) = kind {
        xml.empty("checksum", &[("type", kind.as_str())]);
    }
    for file in &package.files {
        let hash = file
            .checksum
            .as_deref()
            .filter(|checksum| Some(checksum.kind()) == kind)
            .map(|checksum| checksum.hex());
        let attributes = [
            file.kind.as_str().map(|kind| ("type", kind)),
            hash.as_deref().map(|hash| ("hash", hash)),
        ];
        let attributes: Vec<_> = attributes.into_iter().flatten().collect();
        xml.text("file", &attributes, &file.path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::sample::{checksum, file, nevra};
    use super::*;
    use crate::filelists::Filelists;
    use crate::limits::Limits;
    use crate::package::{File, FileKind};

    fn package(files: Vec<File>) -> PackageFiles {
        PackageFiles {
            pkgid: checksum("ab"),
            nevra: nevra(),
            files,
        }
    }

    fn read(written: &[u8]) -> Vec<PackageFiles> {
        let read = Filelists::open(written, "filelists.xml", Limits::default()).unwrap();
        read.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn files_read_the_same() {
        let listed = package(vec![
            file("/usr/share/é & <x>", FileKind::File),
            file("/var/ghost", FileKind::Ghost),
        ]);
        let mut writer = FilelistsWriter::new(Vec::new(), 1).unwrap();
        writer.write(&listed).unwrap();
        assert_eq!(read(&writer.finish().unwrap()), [listed]);
    }

    #[test]
    fn only_filelists_ext_has_checksums() {
        let mut listed = package(vec![file("/f", FileKind::File), file("/d", FileKind::Dir)]);
        listed.files[0].checksum = Some(Box::new(checksum("cd")));
        let bare = package(vec![file("/link", FileKind::File)]);
        let mut writer = FilelistsWriter::with_checksums(Vec::new(), 2).unwrap();
        writer.write(&listed).unwrap();
        writer.write(&bare).unwrap();
        let written = writer.finish().unwrap();
        assert_eq!(read(&written), [listed.clone(), bare]);
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text.matches("<checksum type=\"sha256\"/>").count(), 1);

        let mut writer = FilelistsWriter::new(Vec::new(), 1).unwrap();
        writer.write(&listed).unwrap();
        assert!(
            !String::from_utf8(writer.finish().unwrap())
                .unwrap()
                .contains("hash")
        );
    }
}
