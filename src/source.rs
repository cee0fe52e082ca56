//! Where the bytes of a pushed blob come from: read by the host, hashed here once.
//!
//! [`BlobSource`] is the counterpart of [`BlobSink`](crate::sink::BlobSink). It
//! travels with each request that sends a part of the blob. The host reads that part
//! from its file and shows every chunk to the source before it sends it.

use std::fmt;

use crate::digest::{Algorithm, Digest, Hasher};

/// Hashes an upload while it is sent, whatever is sent twice.
#[derive(Clone, Debug)]
pub struct BlobSource {
    size: u64,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// The digest is the caller's word; the registry checks it.
    Known(Digest),
    /// The hash of the first `hashed` bytes.
    Hashing { hasher: Box<Hasher>, hashed: u64 },
}

/// A chunk that does not belong to the source as it was described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// The chunk reaches past the size the source was given.
    Longer {
        /// That size, in bytes.
        size: u64,
    },
    /// Bytes before the chunk were never shown.
    Gap {
        /// The offset of the first byte that is missing.
        missing: u64,
    },
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Longer { size } => write!(
                f,
                "the source has more than the {size} bytes it had at the start: it changed while it was read"
            ),
            Self::Gap { missing } => {
                write!(f, "the source was not read from offset {missing} on")
            }
        }
    }
}

impl std::error::Error for SourceError {}

impl BlobSource {
    /// A source of `size` bytes whose SHA-256 digest is found out while it is sent.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            state: State::Hashing {
                hasher: Box::new(Hasher::new(Algorithm::Sha256)),
                hashed: 0,
            },
        }
    }

    /// A source whose digest is known, so that it is not hashed again.
    pub fn with_digest(size: u64, digest: Digest) -> Self {
        Self {
            size,
            state: State::Known(digest),
        }
    }

    /// The number of bytes of the whole source.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest, once it is known.
    pub fn digest(&self) -> Option<Digest> {
        match &self.state {
            State::Known(digest) => Some(*digest),
            State::Hashing { hasher, hashed } => {
                (*hashed == self.size).then(|| (**hasher).clone().finish())
            }
        }
    }

    /// The number of bytes from the start that need not be shown again.
    pub fn hashed(&self) -> u64 {
        match self.state {
            State::Known(_) => self.size,
            State::Hashing { hashed, .. } => hashed,
        }
    }

    /// Takes a chunk that was read at `offset`, before it is sent. Bytes that were
    /// hashed in an earlier attempt are passed over.
    pub fn chunk(&mut self, offset: u64, chunk: &[u8]) -> Result<(), SourceError> {
        let end = offset.saturating_add(chunk.len() as u64);
        if end > self.size {
            return Err(SourceError::Longer { size: self.size });
        }
        let State::Hashing { hasher, hashed } = &mut self.state else {
            return Ok(());
        };
        if offset > *hashed {
            return Err(SourceError::Gap { missing: *hashed });
        }
        if end > *hashed {
            let seen = usize::try_from(*hashed - offset).unwrap_or(chunk.len());
            hasher.update(&chunk[seen..]);
            *hashed = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_hashed_once_across_rewinds() {
        let mut source = BlobSource::new(10);
        source.chunk(0, b"01234").unwrap();
        source.chunk(0, b"012").unwrap();
        source.chunk(3, b"3456").unwrap();
        assert_eq!(source.digest(), None);
        source.chunk(7, b"789").unwrap();
        assert_eq!(source.digest(), Some(Digest::of(b"0123456789")));
    }

    #[test]
    fn growing_and_gaps_are_errors() {
        let mut source = BlobSource::new(3);
        assert_eq!(source.chunk(1, b"b"), Err(SourceError::Gap { missing: 0 }));
        assert_eq!(
            source.chunk(0, b"abcd"),
            Err(SourceError::Longer { size: 3 })
        );
        assert_eq!(
            source.chunk(u64::MAX, b"abcd"),
            Err(SourceError::Longer { size: 3 })
        );
        source.chunk(0, b"abc").unwrap();
        assert_eq!(source.digest(), Some(Digest::of(b"abc")));
    }

    #[test]
    fn a_known_digest_is_not_computed() {
        let mut source = BlobSource::with_digest(3, Digest::of(b"abc"));
        source.chunk(2, b"c").unwrap();
        assert_eq!(source.digest(), Some(Digest::of(b"abc")));
    }
}
