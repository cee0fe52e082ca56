//! A metadata file as its record in `repomd.xml` vouches for it.
//!
//! [`open`] decompresses while it verifies. What comes out counts as verified once
//! the reader has reported its end, which every parser of this crate reads up to
//! before it says that it is done.
//!
//! ```
//! use ocirepo_rpm::limits::Limits;
//! use ocirepo_rpm::{metadata, repomd::Repomd};
//! use std::io::Read;
//!
//! let repomd = Repomd::parse(br#"<repomd><data type="modules">
//!   <checksum type="sha256">f52d711103d50a437830c6fbcd04fb4bab49a0f82f6d26d1c791c6e8488dd090</checksum>
//!   <location href="repodata/modules.yaml"/><size>4</size></data></repomd>"#)?;
//! let record = repomd.require("modules")?;
//! let mut content = String::new();
//! metadata::open(record, &b"---\n"[..], Limits::default())?.read_to_string(&mut content)?;
//! assert_eq!(content, "---\n");
//!
//! let error = metadata::verify(record, b"...\n").unwrap_err();
//! assert!(error.to_string().contains("its sha256 checksum is"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, BufRead, BufReader, Read};

use crate::checksum::{Checksum, ChecksumHasher};
use crate::compression::Decompressor;
use crate::error::{MetadataError, MetadataErrorKind};
use crate::limits::Limits;
use crate::repomd::Record;

/// Size of the buffers between the stages, in bytes.
const BUFFER: usize = 64 << 10;

/// The uncompressed content of a metadata file, verified while it is read.
pub struct Opened<R: Read>(BufReader<Verifier<Decompressor<BufReader<Verifier<R>>>>>);

/// Opens the file that a record names. `source` gives its bytes as they lie in the
/// repository.
///
/// The size and the checksum must be right; the size and checksum of the
/// uncompressed content must be where the record has them. An MD5 checksum is
/// refused for the file itself.
pub fn open<R: Read>(
    record: &Record,
    source: R,
    limits: Limits,
) -> Result<Opened<R>, MetadataError> {
    let file = record.location.path();
    let raw = Verifier::new(source, file, "", Some(record.checksum), record.size)
        .map_err(|error| error.in_file(file))?;
    let content = Decompressor::new(BufReader::with_capacity(BUFFER, raw), file, limits)?;
    // The checksum above already decided; an MD5 here adds nothing and takes nothing.
    let open_checksum = record
        .open_checksum
        .filter(|checksum| ChecksumHasher::new(checksum.kind()).is_ok());
    let content = Verifier::new(
        content,
        file,
        "uncompressed, ",
        open_checksum,
        record.open_size,
    )?;
    Ok(Opened(BufReader::with_capacity(BUFFER, content)))
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl<R: Read> BufRead for Opened<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

/// Passes a stream on and fails at its end unless it is what it should be.
struct Verifier<R> {
    inner: R,
    hasher: Option<(Checksum, ChecksumHasher)>,
    size: Option<u64>,
    seen: u64,
    file: Box<str>,
    /// Begins the messages.
    what: &'static str,
    state: State,
}

enum State {
    Reading,
    Verified,
    Failed(MetadataError),
}

impl<R: Read> Verifier<R> {
    fn new(
        inner: R,
        file: &str,
        what: &'static str,
        checksum: Option<Checksum>,
        size: Option<u64>,
    ) -> Result<Self, MetadataError> {
        let hasher = match checksum {
            None => None,
            Some(checksum) => match ChecksumHasher::new(checksum.kind()) {
                Ok(hasher) => Some((checksum, hasher)),
                Err(error) => {
                    return Err(MetadataError::new(
                        MetadataErrorKind::Unsupported,
                        error.to_string(),
                    ));
                }
            },
        };
        Ok(Self {
            inner,
            hasher,
            size,
            seen: 0,
            file: file.into(),
            what,
            state: State::Reading,
        })
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        if piece.is_empty() {
            return self.finish();
        }
        self.seen = self.seen.saturating_add(piece.len() as u64);
        match self.size {
            Some(size) if self.seen > size => Err(format!(
                "{}it is larger than the {size} bytes repomd.xml says",
                self.what
            )),
            _ => {
                if let Some((_, hasher)) = &mut self.hasher {
                    hasher.update(piece);
                }
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        if let Some(size) = self.size
            && self.seen != size
        {
            return Err(format!(
                "{}it has {} bytes, repomd.xml says {size}",
                self.what, self.seen
            ));
        }
        if let Some((wanted, hasher)) = self.hasher.take() {
            let found = hasher.finish();
            if found != wanted {
                return Err(format!(
                    "{}its {} checksum is {}, repomd.xml says {}; \
                     the repository changed meanwhile or the file is damaged",
                    self.what,
                    wanted.kind(),
                    found.hex(),
                    wanted.hex()
                ));
            }
        }
        self.state = State::Verified;
        Ok(())
    }
}

impl<R: Read> Read for Verifier<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &self.state {
            State::Failed(error) => return Err(error.clone().into()),
            State::Verified => return Ok(0),
            State::Reading if into.is_empty() => return Ok(0),
            State::Reading => {}
        }
        let read = self.inner.read(into)?;
        match self.take(into.get(..read).unwrap_or(into)) {
            Ok(()) => Ok(read),
            Err(message) => {
                let error =
                    MetadataError::new(MetadataErrorKind::Corrupt, message).in_file(&self.file);
                self.state = State::Failed(error.clone());
                Err(error.into())
            }
        }
    }
}

/// Verifies a file at hand that is to be stored as it is.
pub fn verify(record: &Record, raw: &[u8]) -> Result<(), MetadataError> {
    let file = record.location.path();
    let mut verifier = Verifier::new(raw, file, "", Some(record.checksum), record.size)
        .map_err(|error| error.in_file(file))?;
    match io::copy(&mut verifier, &mut io::sink()) {
        Ok(_) => Ok(()),
        Err(error) => Err(MetadataError::from_io(&error)),
    }
}

#[cfg(test)]
mod tests;
