//! What the header of an RPM package says, as rpm-md has it.
//!
//! [`scan`] reads a package once, from beginning to end: it hashes everything, keeps the
//! header and gives the [`Facts`] that `primary`, `filelists` and `other` are written from.
//! It is the same whatever package comes before or after, so a host runs it on as many
//! threads as it has cores.
//!
//! ```no_run
//! use ocirepo_rpm::header::{self, HeaderOptions};
//! use ocirepo_rpm::href::Href;
//! use std::fs::File;
//!
//! let name = "bash-5.3-1.x86_64.rpm";
//! let location = Href::from_path("Packages/bash-5.3-1.x86_64.rpm")?;
//! let options = HeaderOptions::default();
//! let facts = header::scan(File::open(name)?, name, location, None, &options)?;
//! println!("{} is {}", facts.package.nevra, facts.package.checksum);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The facts are those that createrepo_c writes for the same package. Where rpm-md is not
//! simply what the header says:
//!
//! | fact | rule |
//! | --- | --- |
//! | architecture | `src` for source packages, whatever they were built on |
//! | texts with translations | the one of no language |
//! | texts that are not UTF-8 | read as ISO 8859-1 |
//! | requirements | without those on rpm itself (`rpmlib(…)`), on files of `primary` that the package has, on what the package provides in the same words, and without repetitions |
//! | requirements on `libc.so.6` | one, the newest, at the end |
//! | `pre` | whether scripts before or after the installation need it |
//! | change log | the newest entries; oldest first, and no two at the same second |
//!
//! The package is hostile. Nothing is allocated from a size it declares, and what grows with
//! its content is capped by [`HeaderOptions`].

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use crate::checksum::{Checksum, ChecksumKind};
use crate::evr::Nevra;
use crate::filelists::PackageFiles;
use crate::href::Href;
use crate::limits::Limits;
use crate::other::PackageChanges;
use crate::package::{Package, Sizes};

mod changes;
mod dependencies;
mod error;
mod file;
mod files;
mod index;
mod package;
mod text;

pub use error::{HeaderError, HeaderErrorKind};

/// Size of the pieces in which a package is read, in bytes.
const PIECE: usize = 256 << 10;

/// How a header is read.
#[derive(Clone, Debug)]
pub struct HeaderOptions {
    /// How many entries of the change log are kept, the newest; `None` for all.
    /// createrepo_c keeps 10 unless it is told otherwise.
    pub changelog_limit: Option<usize>,
    /// Whether the payload is compared with its SHA-256 in the header, where there is one.
    /// That hashes it once more.
    pub verify_payload: bool,
    /// Most bytes of a header; rpm itself allows as many.
    pub size: u64,
    /// Most bytes that the paths of one package have together.
    pub paths: usize,
    /// Caps of the readers of what is to be written.
    pub limits: Limits,
}

impl Default for HeaderOptions {
    fn default() -> Self {
        Self {
            changelog_limit: Some(10),
            verify_payload: true,
            size: 256 << 20,
            paths: 512 << 20,
            limits: Limits::default(),
        }
    }
}

/// What is known of a package file beside its header.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// Where it lies in the repository.
    pub location: Href,
    /// The checksum of the whole file.
    pub checksum: Checksum,
    /// The size of the whole file in bytes.
    pub size: u64,
    /// When it was last changed, in seconds since 1970.
    pub time: u64,
    /// The SHA-256 of its payload, the compressed bytes behind the header, if that is to be
    /// compared with what the header says, as rpm does before it installs the package.
    pub payload: Option<Checksum>,
}

/// A package as the three lists of a repository have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// For `primary`.
    pub package: Package,
    /// For `filelists`, with the checksums that only `filelists-ext` has.
    pub files: PackageFiles,
    /// For `other`.
    pub changes: PackageChanges,
}

/// What the header of a package says, without what only the whole file tells.
#[derive(Clone, Debug)]
pub struct Header {
    /// With placeholders for what is not known yet.
    package: package::Draft,
    files: Vec<crate::package::File>,
    changes: Vec<crate::other::Change>,
    /// What errors call the package.
    file: Box<str>,
    /// How many bytes the whole file has, if it says so.
    expected: Option<u64>,
    /// The checksum of the payload, if it says so.
    payload: Option<Checksum>,
}

impl Header {
    /// Name, version and architecture.
    pub fn nevra(&self) -> &Nevra {
        &self.package.nevra
    }

    /// How many bytes the package file has at least, if its header says so.
    pub fn expected_size(&self) -> Option<u64> {
        self.expected
    }

    /// The facts of the package, with those of its file. A file that is shorter than its
    /// header says is an error, and so is one with another payload.
    pub fn facts(self, file: FileFacts) -> Result<Facts, HeaderError> {
        if let Some(expected) = self.expected
            && file.size < expected
        {
            return Err(HeaderError::new(
                HeaderErrorKind::Truncated,
                format!(
                    "it has {} bytes, its header says {expected}: it was cut off; get it again",
                    file.size
                ),
            )
            .in_file(&self.file));
        }
        if let (Some(wanted), Some(found)) = (self.payload, file.payload)
            && wanted != found
        {
            return Err(HeaderError::new(
                HeaderErrorKind::Damaged,
                format!(
                    "its payload has the SHA-256 {}, its header says {}: it was damaged; get it \
                     again",
                    found.hex(),
                    wanted.hex()
                ),
            )
            .in_file(&self.file));
        }
        let nevra = self.package.nevra;
        let pkgid = file.checksum;
        Ok(Facts {
            files: PackageFiles {
                pkgid,
                nevra: nevra.clone(),
                files: self.files,
            },
            changes: PackageChanges {
                pkgid,
                nevra: nevra.clone(),
                changes: self.changes,
            },
            package: Package {
                nevra,
                checksum: pkgid,
                location: file.location,
                base: None,
                size: Sizes {
                    package: file.size,
                    ..self.package.size
                },
                file_time: file.time,
                build_time: self.package.build_time,
                details: self.package.details,
                dependencies: self.package.dependencies,
                files: self.package.files,
            },
        })
    }
}

/// Reads the front of a package, up to its payload. `file` is what errors call it.
///
/// Who wants to read the file only once passes a reader that hashes, and goes on where
/// this stopped; [`scan`] does so.
pub fn read(
    mut source: impl Read,
    file: &str,
    options: &HeaderOptions,
) -> Result<Header, HeaderError> {
    file::Front::read(&mut source, options)
        .and_then(|front| front.header(options))
        .map(|header| Header {
            file: file.into(),
            ..header
        })
        .map_err(|error| error.in_file(file))
}

/// Reads a whole package, once, and gives its facts, with the SHA-256 of the file. `file` is
/// what errors call it.
///
/// The time is when the file was last changed. Without one it is when the package was built,
/// so that the same package has the same facts wherever it is read.
pub fn scan(
    source: impl Read,
    file: &str,
    location: Href,
    time: Option<u64>,
    options: &HeaderOptions,
) -> Result<Facts, HeaderError> {
    let mut source = Hashing {
        source,
        hasher: Sha256::new(),
        size: 0,
    };
    let named = |error: HeaderError| error.in_file(file);
    // The header is read in small pieces, and what is behind it in large ones.
    let mut buffered = io::BufReader::with_capacity(PIECE, &mut source);
    let header = read(&mut buffered, file, options)?;
    let is_compared = options.verify_payload && header.payload.is_some();
    let mut payload = is_compared.then(Sha256::new);
    pass(&mut buffered, |piece| {
        if let Some(payload) = &mut payload {
            payload.update(piece);
        }
    })
    .map_err(|error| named(HeaderError::source(&error)))?;
    let checksum = sha256(source.hasher).map_err(named)?;
    let payload = payload.map(sha256).transpose().map_err(named)?;
    let time = time.unwrap_or(header.package.build_time);
    header.facts(FileFacts {
        location,
        checksum,
        size: source.size,
        time,
        payload,
    })
}

fn sha256(hasher: Sha256) -> Result<Checksum, HeaderError> {
    Checksum::from_hash(ChecksumKind::Sha256, &hasher.finalize())
        .ok_or_else(|| HeaderError::malformed("it has no SHA-256"))
}

/// Reads up to the end, through the buffer that is there.
fn pass(source: &mut impl io::BufRead, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let len = match source.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(piece) => {
                take(piece);
                piece.len()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        source.consume(len);
    }
}

/// Hashes and counts what is read.
struct Hashing<R> {
    source: R,
    hasher: Sha256,
    size: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.hasher.update(into.get(..read).unwrap_or(into));
        self.size = self.size.saturating_add(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
