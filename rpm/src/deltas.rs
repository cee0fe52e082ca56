//! `prestodelta` and `deltainfo`: delta RPMs, from which a client that has the old
//! package rebuilds the new one.
//!
//! Delta RPMs are files that `primary` does not name, so this is how they are found.

use std::io::BufRead;

use crate::checksum::Checksum;
use crate::error::MetadataError;
use crate::evr::{Evr, Nevra, parse_epoch};
use crate::fields;
use crate::href::Href;
use crate::intern::Interner;
use crate::limits::Limits;
use crate::xml::{Element, Xml};

/// A delta RPM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The package that it makes.
    pub new: Nevra,
    /// The version of the package that it makes it from.
    pub old: Evr,
    /// Where it lies.
    pub location: Href,
    /// What the old package must be like; opaque.
    pub sequence: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its checksum.
    pub checksum: Checksum,
}

/// Reads delta RPMs from a `prestodelta` or `deltainfo` file.
pub struct Deltas<R: BufRead> {
    xml: Xml<R>,
    interner: Interner,
    /// The package whose deltas are being read.
    new: Option<Nevra>,
    done: bool,
}

impl<R: BufRead> Deltas<R> {
    /// Begins to read the uncompressed file, which errors call `file`.
    pub fn open(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        Ok(Self {
            xml: Xml::open(source, file, limits, &["prestodelta", "deltainfo"])?,
            interner: Interner::new(),
            new: None,
            done: false,
        })
    }

    fn read(&mut self) -> Result<Option<Delta>, MetadataError> {
        let (root, package) = (1, 2);
        loop {
            if let Some(new) = &self.new {
                while let Some(element) = self.xml.child(package)? {
                    if element.name() == "delta" {
                        return delta(&mut self.xml, &mut self.interner, new)
                            .map(Some)
                            .map_err(|error| error.in_entry(|| format!("delta to {new}")));
                    }
                }
                self.new = None;
            }
            match self.xml.child(root)? {
                Some(element) if element.name() == "newpackage" => {
                    self.new = Some(Nevra {
                        name: self.interner.text(&element.require("name")?),
                        evr: fields::evr(element, &mut self.interner)?,
                        arch: self.interner.text(&element.require("arch")?),
                    });
                }
                Some(_) => {}
                None => break,
            }
        }
        self.xml.finish()?;
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Deltas<R> {
    type Item = Result<Delta, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read().map_err(|error| self.xml.locate(error));
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

fn delta<R: BufRead>(
    xml: &mut Xml<R>,
    interner: &mut Interner,
    new: &Nevra,
) -> Result<Delta, MetadataError> {
    let old = old_version(xml.element(), interner)?;
    let (mut location, mut size, mut checksum) = (None, None, None);
    let mut sequence = String::new();
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        match element.name() {
            "filename" => location = Some(fields::outside(Href::parse(xml.token()?))?),
            "sequence" => sequence = xml.token()?.to_owned(),
            "size" => size = Some(xml.number()?),
            "checksum" => {
                let kind = element.require("type")?.into_owned();
                checksum = Some(fields::checksum(xml, &kind)?);
            }
            _ => {}
        }
    }
    Ok(Delta {
        new: new.clone(),
        old,
        location: location.ok_or_else(|| fields::missing("filename"))?,
        sequence,
        size: size.ok_or_else(|| fields::missing("size"))?,
        checksum: checksum.ok_or_else(|| fields::missing("checksum"))?,
    })
}

fn old_version(element: Element<'_>, interner: &mut Interner) -> Result<Evr, MetadataError> {
    let epoch = element.attribute("oldepoch")?;
    let epoch = epoch.as_deref().filter(|epoch| !epoch.is_empty());
    let epoch = match epoch {
        None => 0,
        Some(epoch) => parse_epoch(epoch)
            .ok_or_else(|| MetadataError::malformed("`oldepoch` is not an epoch"))?,
    };
    Ok(Evr {
        epoch,
        version: interner.text(&element.require("oldversion")?),
        release: interner.text(&element.require("oldrelease")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "<newpackage name='a' epoch='1' version='2' release='2' arch='noarch'>";
    const OLD: &str = "<delta oldepoch='1' oldversion='2' oldrelease='1'>";
    const REST: &str = "<sequence>a-2-1-00</sequence><size>7</size>\
        <checksum type='sha'>da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum></delta>";

    fn read(root: &str, body: &str) -> Result<Vec<Delta>, MetadataError> {
        let xml = format!("<{root}>{body}</{root}>");
        Deltas::open(xml.as_bytes(), "x.xml", Limits::default())?.collect()
    }

    #[test]
    fn both_spellings_of_the_file_are_read() {
        let one = format!("{NEW}{OLD}<filename>drpms/a.drpm</filename>{REST}");
        let two = format!("{one}{OLD}<filename>drpms/b.drpm</filename>{REST}</newpackage>");
        let body = format!("<newpackage name='n' version='1' release='1' arch='src'/>{two}");
        for root in ["prestodelta", "deltainfo"] {
            let found = read(root, &body).unwrap();
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].new.to_string(), "a-1:2-2.noarch");
            assert_eq!(found[0].old.to_string(), "1:2-1");
            assert_eq!(found[1].location.path(), "drpms/b.drpm");
            assert_eq!((found[0].size, &*found[0].sequence), (7, "a-2-1-00"));
        }
    }

    #[test]
    fn a_file_outside_the_repository_is_refused() {
        let body = format!("{NEW}{OLD}<filename>../a.drpm</filename>{REST}</newpackage>");
        let error = read("prestodelta", &body).unwrap_err();
        assert!(
            error.to_string().contains("x.xml, delta to a-1:2-2.noarch"),
            "{error}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let body = format!("{NEW}{OLD}</delta></newpackage>");
        let error = read("prestodelta", &body).unwrap_err();
        assert!(error.to_string().ends_with("there is no <filename>"));
    }
}
