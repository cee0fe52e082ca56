//! Metadata files are compressed; what with is told from their first bytes.
//!
//! | form | read | notes |
//! | --- | --- | --- |
//! | gzip | yes | several members, zero padding behind them |
//! | zstd | yes | several frames, skippable frames; no dictionaries |
//! | xz | with the feature `xz` | several streams with padding |
//! | bzip2 | with the feature `bzip2` | several streams |
//! | none | yes | |
//! | zchunk | no | repositories that have it also have one of the others |
//!
//! Checksums inside the compressed form are verified. [`Limits`] bound what comes
//! out, and how large a window a stream may ask for before anything is allocated.

use std::io::{self, BufRead, Read};

use crate::error::{MetadataError, MetadataErrorKind};
use crate::limits::Limits;

mod codec;
mod source;

use codec::Codec;
use source::Source;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// zchunk. Recognised, not read.
    Zchunk,
}

/// How many bytes [`Compression::detect`] looks at.
pub const MAGIC_LEN: usize = 6;

impl Compression {
    /// Tells from the first [`MAGIC_LEN`] bytes of a file, or from all of a shorter one.
    pub fn detect(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame before one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0, b'Z', b'C', b'K', b'1', ..] => Self::Zchunk,
            _ => Self::None,
        }
    }

    /// What the end of a file name promises.
    pub fn from_name(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, "gz")) => Self::Gzip,
            Some((_, "zst")) => Self::Zstd,
            Some((_, "xz")) => Self::Xz,
            Some((_, "bz2")) => Self::Bzip2,
            Some((_, "zck")) => Self::Zchunk,
            _ => Self::None,
        }
    }

    /// The name for people: `gzip`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Zchunk => "zchunk",
        }
    }
}

/// Decompresses a stream while it is read.
///
/// The end is reported only once the compressed stream has ended properly, with
/// nothing behind it. An error is final, and a [`MetadataError`] inside
/// the [`io::Error`].
pub struct Decompressor<R: BufRead> {
    codec: Codec<R>,
    compression: Compression,
    file: Box<str>,
    limits: Limits,
    /// Bytes that came out so far.
    out: u64,
    failed: Option<MetadataError>,
}

impl<R: BufRead> Decompressor<R> {
    /// Looks at the first bytes of a stream and prepares to decompress it. `file` is
    /// what errors call it; a name that promises another form than the bytes are in
    /// is an error, for such a file is broken or not what it seems.
    pub fn new(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        let source = Source::new(source).map_err(|e| MetadataError::from_io(&e).in_file(file))?;
        let compression = Compression::detect(source.start());
        let promised = Compression::from_name(file);
        if compression == Compression::None && promised != Compression::None {
            return Err(MetadataError::malformed(format!(
                "its name ends as if it was {}, its content is not",
                promised.as_str()
            ))
            .in_file(file));
        }
        let Some(codec) = Codec::new(source, compression, &limits) else {
            let message = format!(
                "it is {}, which is not read; use the {} form of the same file",
                compression.as_str(),
                if cfg!(feature = "xz") {
                    "gz, zstd or xz"
                } else {
                    "gz or zstd"
                }
            );
            return Err(MetadataError::new(MetadataErrorKind::Unsupported, message).in_file(file));
        };
        Ok(Self {
            codec,
            compression,
            file: file.into(),
            limits,
            out: 0,
            failed: None,
        })
    }

    /// What the stream is compressed with.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    fn check_size(&self) -> Result<(), MetadataError> {
        let too_large = |message| Err(MetadataError::new(MetadataErrorKind::TooLarge, message));
        if self.out > self.limits.open_size {
            return too_large(format!(
                "it decompresses to more than {} bytes",
                self.limits.open_size
            ));
        }
        let consumed = self.codec.source().consumed();
        if self.out > self.limits.ratio_free && self.out / self.limits.ratio.max(1) > consumed {
            return too_large(format!(
                "{consumed} bytes decompress to {}, more than {} times as much",
                self.out, self.limits.ratio
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Decompressor<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        if into.is_empty() {
            return Ok(0);
        }
        let error = match self.codec.read(into) {
            Ok(read) => {
                self.out = self.out.saturating_add(read as u64);
                match self.check_size() {
                    Ok(()) => return Ok(read),
                    Err(error) => error,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => self.codec.explain(&error),
        };
        let error = error.in_file(&self.file);
        self.failed = Some(error.clone());
        Err(error.into())
    }
}

#[cfg(test)]
mod tests;
