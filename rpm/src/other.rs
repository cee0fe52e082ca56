//! `other`: the change log of every package.
//!
//! [`Other`] yields the change log of one package after another while the file is
//! read.

use std::io::BufRead;
use std::sync::Arc;

use crate::checksum::Checksum;
use crate::error::MetadataError;
use crate::evr::Nevra;
use crate::fields;
use crate::intern::Interner;
use crate::limits::Limits;
use crate::xml::{Xml, number};

/// The change log of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageChanges {
    /// The checksum of the package file, by which to find it in `primary`.
    pub pkgid: Checksum,
    /// Name, version and architecture.
    pub nevra: Nevra,
    /// The entries in the order written: the oldest first, by custom.
    pub changes: Vec<Change>,
}

/// One entry of a change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who, and by custom for which version: `Name <address> - 1.0-1`.
    pub author: Arc<str>,
    /// When, in seconds since 1970.
    pub date: u64,
    /// What.
    pub text: Box<str>,
}

/// Reads change logs from an `other` file.
pub struct Other<R: BufRead> {
    xml: Xml<R>,
    interner: Interner,
    declared: Option<u64>,
    /// How many packages were begun.
    count: u64,
    done: bool,
}

impl<R: BufRead> Other<R> {
    /// Begins to read the uncompressed file, which errors call `file`.
    pub fn open(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        let xml = Xml::open(source, file, limits, &["otherdata"])?;
        let declared = fields::declared(&xml).map_err(|error| xml.locate(error))?;
        Ok(Self {
            xml,
            interner: Interner::new(),
            declared,
            count: 0,
            done: false,
        })
    }

    /// How many packages the file says it has. A hint for progress bars: nothing
    /// makes sure of it.
    pub fn declared(&self) -> Option<u64> {
        self.declared
    }

    fn read(&mut self) -> Result<Option<PackageChanges>, MetadataError> {
        let Some(header) =
            fields::next_package(&mut self.xml, &mut self.interner, &mut self.count)?
        else {
            return Ok(None);
        };
        let name = header.name.clone();
        self.read_changes(header)
            .map(Some)
            .map_err(|error| error.in_entry(|| fields::entry(self.count, Some(&name))))
    }

    fn read_changes(&mut self, header: fields::Header) -> Result<PackageChanges, MetadataError> {
        let xml = &mut self.xml;
        let (mut evr, mut changes) = (None, Vec::new());
        let parent = xml.depth();
        while let Some(element) = xml.child(parent)? {
            match element.name() {
                "version" => evr = Some(fields::evr(element, &mut self.interner)?),
                "changelog" => {
                    let author = element.attribute("author")?.unwrap_or_default();
                    let author = self.interner.text(&author);
                    let date = number(&element.require("date")?)?;
                    let text = xml.text()?.into();
                    let change = Change { author, date, text };
                    fields::push(&mut changes, change, xml.limits())?;
                }
                _ => {}
            }
        }
        Ok(PackageChanges {
            pkgid: header.pkgid,
            nevra: header.nevra(evr)?,
            changes,
        })
    }
}

impl<R: BufRead> Iterator for Other<R> {
    type Item = Result<PackageChanges, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read().map_err(|error| self.xml.locate(error));
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(changes: &str) -> Result<Vec<PackageChanges>, MetadataError> {
        let xml = format!(
            r#"<otherdata packages="1"><package pkgid="{SHA256}" name="a" arch="noarch">
<version epoch="0" ver="2" rel="3"/>{changes}</package></otherdata>"#
        );
        Other::open(xml.as_bytes(), "other.xml", Limits::default())?.collect()
    }

    #[test]
    fn entries_have_author_date_and_text() {
        let found = read(
            r#"<changelog author="Me &lt;me@example.org&gt; - 1" date="7">- one
- two</changelog><other/><changelog date="8"/>"#,
        )
        .unwrap();
        assert_eq!(found[0].nevra.to_string(), "a-2-3.noarch");
        let change = |author: &str, date, text: &str| Change {
            author: author.into(),
            date,
            text: text.into(),
        };
        assert_eq!(
            found[0].changes,
            [
                change("Me <me@example.org> - 1", 7, "- one\n- two"),
                change("", 8, "")
            ]
        );
    }

    #[test]
    fn a_date_that_is_no_number_is_refused() {
        let error = read("<changelog author='a' date='xxx'/>").unwrap_err();
        assert!(
            error.to_string().ends_with("`xxx` is not a number"),
            "{error}"
        );
        assert!(
            error.to_string().contains("other.xml, package 1 (a)"),
            "{error}"
        );
    }
}
