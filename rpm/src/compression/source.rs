//! The compressed stream beneath a decompressor.

use std::io::{self, BufRead, Read};

use super::MAGIC_LEN;
use crate::error::MetadataError;

/// A stream whose first bytes can be looked at, and whose consumed bytes are counted.
///
/// `read` fills its buffer as far as the stream goes, because decoders that read a
/// header in one call take a short read for the end.
pub(super) struct Source<R> {
    inner: R,
    start: [u8; MAGIC_LEN],
    /// How much of `start` is in use, and how much of that was consumed.
    start_len: usize,
    start_at: usize,
    consumed: u64,
    /// What ended `inner` other than its end. Decoders wrap it beyond recognition.
    failure: Option<MetadataError>,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(mut inner: R) -> io::Result<Self> {
        let mut start = [0; MAGIC_LEN];
        let start_len = read_full(&mut inner, &mut start)?;
        Ok(Self {
            inner,
            start,
            start_len,
            start_at: 0,
            consumed: 0,
            failure: None,
        })
    }

    /// The first bytes of the stream, whether consumed or not.
    pub(super) fn start(&self) -> &[u8] {
        self.start.get(..self.start_len).unwrap_or_default()
    }

    /// How many bytes were consumed.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The error of the stream itself, if there was one.
    pub(super) fn failure(&self) -> Option<&MetadataError> {
        self.failure.as_ref()
    }

    /// Whether the stream is at its end.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        loop {
            match self.fill_buf() {
                Ok(available) => return Ok(available.is_empty()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start_at < self.start_len {
            return Ok(self
                .start
                .get(self.start_at..self.start_len)
                .unwrap_or_default());
        }
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        let failure = &mut self.failure;
        self.inner.fill_buf().inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                *failure = Some(MetadataError::from_io(error));
            }
        })
    }

    fn consume(&mut self, amount: usize) {
        self.consumed = self.consumed.saturating_add(amount as u64);
        if self.start_at < self.start_len {
            self.start_at = self.start_at.saturating_add(amount).min(self.start_len);
        } else {
            self.inner.consume(amount);
        }
    }
}

impl<R: BufRead> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = match self.fill_buf() {
                Ok(available) => {
                    let mut available = available;
                    available.read(rest)?
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // It is remembered, and reported by the next call.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            };
            if read == 0 {
                break;
            }
            self.consume(read);
            filled += read;
        }
        Ok(filled)
    }
}

fn read_full(source: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
