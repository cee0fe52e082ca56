//! The decoders of the compressed forms behind one `read`.

use std::io::{self, BufRead, Read};

#[cfg(feature = "bzip2")]
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
#[cfg(feature = "xz")]
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::Compression;
use super::source::Source;
use crate::error::{MetadataError, MetadataErrorKind, excerpt};
use crate::limits::Limits;

/// A decoder with the stream it reads.
pub(super) enum Codec<R: BufRead> {
    None(Source<R>),
    Gzip(Box<MultiGzDecoder<Source<R>>>),
    #[cfg(feature = "bzip2")]
    Bzip2(Box<MultiBzDecoder<Source<R>>>),
    #[cfg(feature = "xz")]
    Xz(Box<XzReader<Source<R>>>),
    Zstd(Box<Zstd<R>>),
}

impl<R: BufRead> Codec<R> {
    /// The decoder of a form, or nothing where that form is not read.
    pub(super) fn new(
        source: Source<R>,
        compression: Compression,
        limits: &Limits,
    ) -> Option<Self> {
        Some(match compression {
            Compression::None => Self::None(source),
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(source))),
            #[cfg(feature = "bzip2")]
            Compression::Bzip2 => Self::Bzip2(Box::new(MultiBzDecoder::new(source))),
            #[cfg(feature = "xz")]
            Compression::Xz => {
                // What the decoder needs beside its dictionary.
                const OVERHEAD_KIB: u32 = 128;
                let memory = (limits.window / 1024).saturating_add(OVERHEAD_KIB);
                Self::Xz(Box::new(XzReader::new_mem_limit(source, true, memory)))
            }
            Compression::Zstd => {
                let mut decoder = FrameDecoder::new();
                decoder.set_max_window_size(u64::from(limits.window));
                Self::Zstd(Box::new(Zstd {
                    source,
                    decoder,
                    in_frame: false,
                }))
            }
            _ => return None,
        })
    }

    /// The compressed stream.
    pub(super) fn source(&self) -> &Source<R> {
        match self {
            Self::None(source) => source,
            Self::Gzip(decoder) => decoder.get_ref(),
            #[cfg(feature = "bzip2")]
            Self::Bzip2(decoder) => decoder.get_ref(),
            #[cfg(feature = "xz")]
            Self::Xz(decoder) => decoder.inner(),
            Self::Zstd(decoder) => &decoder.source,
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(source) => source.read(into),
            Self::Gzip(decoder) => decoder.read(into),
            #[cfg(feature = "bzip2")]
            Self::Bzip2(decoder) => decoder.read(into),
            #[cfg(feature = "xz")]
            Self::Xz(decoder) => decoder.read(into),
            Self::Zstd(decoder) => decoder.read(into),
        }
    }

    /// What an error of `read` means.
    pub(super) fn explain(&self, error: &io::Error) -> MetadataError {
        if let Some(failure) = self.source().failure() {
            return failure.clone();
        }
        let form = match self {
            Self::None(_) => "text",
            Self::Gzip(_) => "gzip",
            #[cfg(feature = "bzip2")]
            Self::Bzip2(_) => "bzip2",
            #[cfg(feature = "xz")]
            Self::Xz(_) => "xz",
            Self::Zstd(_) => "zstd",
        };
        match error.kind() {
            io::ErrorKind::OutOfMemory => MetadataError::new(
                MetadataErrorKind::TooLarge,
                format!("decompressing {form} takes more memory than is allowed"),
            ),
            io::ErrorKind::UnexpectedEof => {
                MetadataError::malformed(format!("the {form} stream ends early: it was cut off"))
            }
            _ => MetadataError::malformed(format!(
                "it is not valid {form}: {}",
                excerpt(&error.to_string())
            )),
        }
    }
}

/// Decodes the frames of a Zstandard stream one after another.
pub(super) struct Zstd<R> {
    source: Source<R>,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                if self.source.is_at_end()? {
                    return Ok(0);
                }
                self.start_frame()?;
                continue;
            }
            let read = self.decoder.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            if self.decoder.is_finished() {
                self.end_frame()?;
                continue;
            }
            self.decoder
                .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|error| self.error(error))?;
        }
    }

    /// Reads the header of a frame, or the whole of one to skip.
    fn start_frame(&mut self) -> io::Result<()> {
        let error = match self.decoder.reset(&mut self.source) {
            Ok(()) => {
                self.in_frame = true;
                return Ok(());
            }
            Err(error) => error,
        };
        if let FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
            length,
            ..
        }) = error
        {
            let length = u64::from(length);
            let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
            return if skipped == length {
                Ok(())
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        Err(self.error(error))
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        let declared = self.decoder.get_checksum_from_data();
        if declared.is_some() && declared != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the checksum of a frame is wrong",
            ));
        }
        Ok(())
    }

    fn error(&mut self, error: FrameDecoderError) -> io::Error {
        match error {
            FrameDecoderError::WindowSizeTooBig { .. } => io::ErrorKind::OutOfMemory.into(),
            // The decoder does not tell a stream that ends from one that is wrong.
            _ if self.source.is_at_end().is_ok_and(|end| end) => {
                io::ErrorKind::UnexpectedEof.into()
            }
            error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        }
    }
}
