//! The files of a package.

use rpm::{FileFlags, IndexTag};

use super::HeaderOptions;
use super::error::HeaderError;
use super::index::{Index, Numbers, Texts};
use super::text;
use crate::checksum::{Checksum, ChecksumKind};
use crate::package::{File, FileKind};

/// The bits of a mode that tell the type of a file, and the one of directories.
const TYPE: u64 = 0o170_000;
const DIRECTORY: u64 = 0o040_000;

/// Whether `primary` lists a file: readers depend on exactly this to find the provider of
/// a path without `filelists`.
pub(super) fn is_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

/// The files in the order of the header.
pub(super) fn files(header: &Index, options: &HeaderOptions) -> Result<Vec<File>, HeaderError> {
    let mut flags = header.numbers(IndexTag::RPMTAG_FILEFLAGS as u32)?;
    let mut modes = header.numbers(IndexTag::RPMTAG_FILEMODES as u32)?;
    let mut digests = Digests::of(header)?;
    let mut files = Vec::new();
    let mut size = 0_usize;
    for path in Paths::of(header)? {
        let path = path?;
        size = size.saturating_add(path.len());
        let longest = options.limits.text / 2;
        if size > options.paths || path.len() > longest || files.len() >= options.limits.entries {
            return Err(HeaderError::too_large(format!(
                "it has more than {} files, {} bytes of paths, or {longest} of one",
                options.limits.entries, options.paths
            )));
        }
        let (Some(flags), Some(mode)) = (flags.next(), modes.next()) else {
            break;
        };
        let kind = if mode & TYPE == DIRECTORY {
            FileKind::Dir
        } else if flags & u64::from(FileFlags::GHOST.bits()) != 0 {
            FileKind::Ghost
        } else {
            FileKind::File
        };
        files.push(File {
            path: text::decode(&path).into(),
            kind,
            checksum: digests.next().flatten(),
        });
    }
    Ok(files)
}

/// Paths: each a directory, by its number, and a name. Packages of old have them whole.
struct Paths<'a> {
    directories: Vec<&'a [u8]>,
    numbers: Numbers<'a>,
    names: Texts<'a>,
    whole: Texts<'a>,
}

impl<'a> Paths<'a> {
    fn of(header: &'a Index) -> Result<Self, HeaderError> {
        Ok(Self {
            directories: header.texts(IndexTag::RPMTAG_DIRNAMES as u32)?.collect(),
            numbers: header.numbers(IndexTag::RPMTAG_DIRINDEXES as u32)?,
            names: header.texts(IndexTag::RPMTAG_BASENAMES as u32)?,
            whole: header.texts(IndexTag::RPMTAG_OLDFILENAMES as u32)?,
        })
    }
}

impl Iterator for Paths<'_> {
    type Item = Result<Vec<u8>, HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (Some(number), Some(name)) = (self.numbers.next(), self.names.next()) else {
            return self.whole.next().map(|path| Ok(path.to_vec()));
        };
        let directory = usize::try_from(number)
            .ok()
            .and_then(|number| self.directories.get(number));
        Some(match directory {
            Some(directory) => Ok([directory, name].concat()),
            None => Err(HeaderError::malformed(format!(
                "a file of it is in directory {number}, it has {}",
                self.directories.len()
            ))),
        })
    }
}

/// The checksums of files. Empty for what has no content.
struct Digests<'a> {
    kind: Option<ChecksumKind>,
    texts: Texts<'a>,
}

impl<'a> Digests<'a> {
    fn of(header: &'a Index) -> Result<Self, HeaderError> {
        // Numbers of RFC 9580, section 9.5; MD5 before there was a choice.
        let kind = match header.number(IndexTag::RPMTAG_FILEDIGESTALGO as u32)? {
            None | Some(1) => Some(ChecksumKind::Md5),
            Some(2) => Some(ChecksumKind::Sha1),
            Some(8) => Some(ChecksumKind::Sha256),
            Some(9) => Some(ChecksumKind::Sha384),
            Some(10) => Some(ChecksumKind::Sha512),
            Some(11) => Some(ChecksumKind::Sha224),
            Some(_) => None,
        };
        Ok(Self {
            kind,
            texts: header.texts(IndexTag::RPMTAG_FILEDIGESTS as u32)?,
        })
    }
}

impl Iterator for Digests<'_> {
    type Item = Option<Box<Checksum>>;

    /// What is no checksum of its kind is left out: nothing but `filelists-ext` has them, so
    /// it is no reason to refuse a package.
    fn next(&mut self) -> Option<Self::Item> {
        let hex = std::str::from_utf8(self.texts.next()?).unwrap_or_default();
        let checksum = self
            .kind
            .and_then(|kind| Checksum::from_hex(kind, hex).ok());
        Some(checksum.map(Box::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primary_lists_etc_bin_and_sendmail() {
        for path in [
            "/etc/a",
            "/bin/sh",
            "/usr/sbin/x",
            "/opt/x/bin/y",
            "/usr/lib/cabin/x",
            "/usr/lib/sendmail",
        ] {
            assert!(is_primary(path), "{path}");
        }
        for path in ["/etc", "/usr/bin", "/usr/lib/sendmail2", "/usr/etc/x"] {
            assert!(!is_primary(path), "{path}");
        }
    }
}
