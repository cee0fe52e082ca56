//! `filelists`: the files of every package.
//!
//! [`Filelists`] yields the files of one package after another while the file is
//! read. `filelists-ext`, which adds a checksum to each file, is read the same way.

use std::io::BufRead;

use crate::checksum::{Checksum, ChecksumKind};
use crate::error::MetadataError;
use crate::evr::Nevra;
use crate::fields;
use crate::intern::Interner;
use crate::limits::Limits;
use crate::package::File;
use crate::xml::Xml;

/// The files of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFiles {
    /// The checksum of the package file, by which to find it in `primary`.
    pub pkgid: Checksum,
    /// Name, version and architecture.
    pub nevra: Nevra,
    /// The files in the order written.
    pub files: Vec<File>,
}

/// Reads the files of packages from a `filelists` or `filelists-ext` file.
pub struct Filelists<R: BufRead> {
    xml: Xml<R>,
    interner: Interner,
    declared: Option<u64>,
    /// How many packages were begun.
    count: u64,
    done: bool,
}

impl<R: BufRead> Filelists<R> {
    /// Begins to read the uncompressed file, which errors call `file`.
    pub fn open(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        let xml = Xml::open(source, file, limits, &["filelists", "filelists-ext"])?;
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

    fn read(&mut self) -> Result<Option<PackageFiles>, MetadataError> {
        let Some(header) =
            fields::next_package(&mut self.xml, &mut self.interner, &mut self.count)?
        else {
            return Ok(None);
        };
        let name = header.name.clone();
        self.read_files(header)
            .map(Some)
            .map_err(|error| error.in_entry(|| fields::entry(self.count, Some(&name))))
    }

    fn read_files(&mut self, header: fields::Header) -> Result<PackageFiles, MetadataError> {
        let xml = &mut self.xml;
        let (mut evr, mut files, mut hashes) = (None, Vec::new(), None);
        let parent = xml.depth();
        while let Some(element) = xml.child(parent)? {
            match element.name() {
                "version" => evr = Some(fields::evr(element, &mut self.interner)?),
                "checksum" => {
                    hashes = element
                        .attribute("type")?
                        .and_then(|kind| ChecksumKind::from_name(&kind));
                }
                "file" => {
                    let file = fields::file(xml, hashes)?;
                    fields::push(&mut files, file, xml.limits())?;
                }
                _ => {}
            }
        }
        Ok(PackageFiles {
            pkgid: header.pkgid,
            nevra: header.nevra(evr)?,
            files,
        })
    }
}

impl<R: BufRead> Iterator for Filelists<R> {
    type Item = Result<PackageFiles, MetadataError>;

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
    use crate::error::MetadataErrorKind;
    use crate::package::FileKind;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(xml: &str) -> Result<Vec<PackageFiles>, MetadataError> {
        Filelists::open(xml.as_bytes(), "filelists.xml", Limits::default())?.collect()
    }

    #[test]
    fn files_have_a_path_and_a_kind() {
        let found = read(&format!(
            r#"<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="2">
<package pkgid="{SHA256}" name="a" arch="noarch">
  <version epoch="1" ver="2" rel="3"/>
  <file>/a &amp; b</file><file type="dir">/d</file><new/><file type="ghost">/g</file>
</package>
<package arch="src" name="b" pkgid="da39a3ee5e6b4b0d3255bfef95601890afd80709"><version ver="1" rel="1"/></package>
</filelists>"#
        ))
        .unwrap();
        assert_eq!(found[0].nevra.to_string(), "a-1:2-3.noarch");
        assert_eq!(found[0].pkgid.hex(), SHA256);
        let files: Vec<_> = found[0].files.iter().map(|f| (&*f.path, f.kind)).collect();
        assert_eq!(
            files,
            [
                ("/a & b", FileKind::File),
                ("/d", FileKind::Dir),
                ("/g", FileKind::Ghost)
            ]
        );
        assert_eq!(found[1].pkgid.kind(), ChecksumKind::Sha1);
        assert!(found[1].files.is_empty());
    }

    #[test]
    fn filelists_ext_has_a_checksum_for_each_file() {
        let found = read(&format!(
            r#"<filelists-ext><package pkgid="{SHA256}" name="a" arch="noarch">
  <version ver="2" rel="3"/><checksum type="sha256"/>
  <file hash="{SHA256}">/f</file><file type="dir" hash="">/d</file>
</package></filelists-ext>"#
        ))
        .unwrap();
        let checksums: Vec<_> = found[0]
            .files
            .iter()
            .map(|f| f.checksum.is_some())
            .collect();
        assert_eq!(checksums, [true, false]);
    }

    #[test]
    fn a_package_without_identity_is_refused() {
        for (package, message) in [
            (
                "<package name='a' arch='x'/>".to_owned(),
                "package 1 (a), at byte 39: <package> has no attribute `pkgid`",
            ),
            (
                format!("<package pkgid='{SHA256}' name='a'/>"),
                "<package> has no attribute `arch`",
            ),
            (
                format!("<package pkgid='{SHA256}' name='a' arch='x'/>"),
                "there is no <version>",
            ),
            (
                "<package pkgid='abc' name='a' arch='x'/>".to_owned(),
                "`abc` is as long as no checksum",
            ),
        ] {
            let error = read(&format!("<filelists>{package}</filelists>")).unwrap_err();
            assert_eq!(error.kind(), MetadataErrorKind::Malformed);
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
