//! What the documents that list packages have in common.

use std::io::{self, Write};

use super::xml::Xml;
use crate::checksum::Checksum;
use crate::evr::{Evr, Nevra};
use crate::package::File;

/// A document with one element for each package.
pub(super) struct Document<W> {
    to: W,
    /// The text of what was not handed on yet: at most one package.
    xml: Xml,
    declared: u64,
    written: u64,
}

impl<W: Write> Document<W> {
    /// Begins a document whose root says that it holds that many packages.
    pub(super) fn new(
        to: W,
        root: &'static str,
        namespaces: &[(&str, &str)],
        packages: u64,
    ) -> io::Result<Self> {
        let mut document = Self {
            to,
            xml: Xml::of_many(),
            declared: packages,
            written: 0,
        };
        let count = packages.to_string();
        let mut attributes = namespaces.to_vec();
        attributes.push(("packages", &count));
        document.xml.start(root, &attributes);
        document.hand_on()?;
        Ok(document)
    }

    /// Writes what describes one package.
    pub(super) fn package(&mut self, describe: impl FnOnce(&mut Xml)) -> io::Result<()> {
        self.written += 1;
        describe(&mut self.xml);
        self.hand_on()
    }

    /// Writes the element of one package, which [`element`] made.
    pub(super) fn element(&mut self, element: &str) -> io::Result<()> {
        self.written += 1;
        self.to.write_all(element.as_bytes())
    }

    /// Where it goes.
    pub(super) fn get_mut(&mut self) -> &mut W {
        &mut self.to
    }

    /// Ends the document. That its root told a wrong number is an error: readers reserve
    /// room for it and show progress by it.
    pub(super) fn finish(mut self) -> io::Result<W> {
        if self.written != self.declared {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "{} packages were written into a document that says it has {}",
                    self.written, self.declared
                ),
            ));
        }
        self.xml.end_all();
        self.hand_on()?;
        Ok(self.to)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.to.write_all(self.xml.text_so_far().as_bytes())?;
        self.xml.clear();
        Ok(())
    }
}

/// What [`Document::package`] writes for one package.
pub(super) fn element(describe: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::of_many();
    // Inside of the root, whose name does not matter.
    xml.start("", &[]);
    xml.clear();
    describe(&mut xml);
    xml.take()
}

/// Begins the element of a package in `filelists` and `other`.
pub(super) fn start_package(xml: &mut Xml, pkgid: &Checksum, nevra: &Nevra) {
    let attributes = [
        ("pkgid", &*pkgid.hex()),
        ("name", &*nevra.name),
        ("arch", &*nevra.arch),
    ];
    xml.start("package", &attributes);
    version(xml, &nevra.evr);
}

pub(super) fn version(xml: &mut Xml, evr: &Evr) {
    let epoch = evr.epoch.to_string();
    let attributes = [
        ("epoch", &*epoch),
        ("ver", &*evr.version),
        ("rel", &*evr.release),
    ];
    xml.empty("version", &attributes);
}

pub(super) fn file(xml: &mut Xml, file: &File) {
    match file.kind.as_str() {
        Some(kind) => xml.text("file", &[("type", kind)], &file.path),
        None => xml.text("file", &[], &file.path),
    }
}

/// What tests of several writers write.
#[cfg(test)]
pub(super) mod sample {
    use super::*;
    use crate::checksum::ChecksumKind;
    use crate::package::FileKind;

    pub(in crate::write) fn nevra() -> Nevra {
        Nevra {
            name: "LibFoo++".into(),
            evr: Evr::new(2, "1.2~rc1^git1", "3.el9"),
            arch: "x86_64".into(),
        }
    }

    pub(in crate::write) fn checksum(digits: &str) -> Checksum {
        Checksum::from_hex(ChecksumKind::Sha256, &digits.repeat(32)).unwrap()
    }

    pub(in crate::write) fn file(path: &str, kind: FileKind) -> File {
        File {
            path: path.into(),
            kind,
            checksum: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_number_of_packages_is_an_error() {
        let mut document = Document::new(Vec::new(), "otherdata", &[], 2).unwrap();
        document.package(|xml| xml.empty("package", &[])).unwrap();
        assert_eq!(
            document.finish().unwrap_err().to_string(),
            "1 packages were written into a document that says it has 2"
        );
    }

    #[test]
    fn an_element_made_apart_is_the_same() {
        let describe = |xml: &mut Xml| {
            xml.start("package", &[]);
            xml.start("format", &[]);
            xml.text("file", &[], "/a");
            xml.end();
            xml.end();
        };
        let mut whole = Document::new(Vec::new(), "metadata", &[], 1).unwrap();
        whole.package(describe).unwrap();
        let mut parts = Document::new(Vec::new(), "metadata", &[], 1).unwrap();
        parts.element(&element(describe)).unwrap();
        assert_eq!(parts.finish().unwrap(), whole.finish().unwrap());
    }

    #[test]
    fn packages_are_handed_on_as_they_come() {
        let mut document = Document::new(Vec::new(), "otherdata", &[], 2).unwrap();
        for _ in 0..2 {
            document.package(|xml| xml.empty("package", &[])).unwrap();
            assert!(document.xml.text_so_far().is_empty());
        }
        assert_eq!(
            String::from_utf8(document.finish().unwrap()).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <otherdata packages=\"2\">\n<package/>\n<package/>\n</otherdata>\n"
        );
    }
}
