//! `other.xml`.

use std::io::{self, Write};

use super::document::{self, Document};
use super::xml::Xml;
use crate::other::PackageChanges;

/// Writes `other.xml` package by package.
pub struct OtherWriter<W> {
    document: Document<W>,
}

impl<W: Write> OtherWriter<W> {
    /// Begins the document for that many packages.
    pub fn new(to: W, packages: u64) -> io::Result<Self> {
        let namespace = ("xmlns", "http://linux.duke.edu/metadata/other");
        let document = Document::new(to, "otherdata", &[namespace], packages)?;
        Ok(Self { document })
    }

    /// Writes the change log of one package, in its order.
    pub fn write(&mut self, package: &PackageChanges) -> io::Result<()> {
        self.document.package(|xml| describe(xml, package))
    }

    /// Writes what [`other_element`] made of one package.
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

/// What [`OtherWriter::write`] writes for one package. To be written later, so that packages can
/// be described on many cores and kept out of memory meanwhile.
pub fn other_element(package: &PackageChanges) -> String {
    document::element(|xml| describe(xml, package))
}

fn describe(xml: &mut Xml, package: &PackageChanges) {
    document::start_package(xml, &package.pkgid, &package.nevra);
    for change in &package.changes {
        let date = change.date.to_string();
        let attributes = [("author", &*change.author), ("date", &date)];
        xml.text("changelog", &attributes, &change.text);
    }
    xml.end();
}

#[cfg(test)]
mod tests {
    use super::super::document::sample::{checksum, nevra};
    use super::*;
    use crate::limits::Limits;
    use crate::other::{Change, Other};

    #[test]
    fn changes_read_the_same() {
        let changed = PackageChanges {
            pkgid: checksum("ab"),
            nevra: nevra(),
            changes: vec![Change {
                author: "Me <me@example.org> - 1.2-3".into(),
                date: 7,
                text: "- one\n- two".into(),
            }],
        };
        let mut writer = OtherWriter::new(Vec::new(), 1).unwrap();
        writer.write(&changed).unwrap();
        let written = writer.finish().unwrap();
        let read = Other::open(&written[..], "other.xml", Limits::default()).unwrap();
        let read: Vec<PackageChanges> = read.collect::<Result<_, _>>().unwrap();
        assert_eq!(read, [changed]);
    }
}
