//! Where the bytes of a pulled blob go: counted, hashed and placed, never kept.
//!
//! The session hands a [`BlobSink`] to the host with the head of a response. The host
//! feeds it every chunk, on whichever thread the bytes arrive, writes what
//! [`BlobSink::chunk`] tells it to keep, and gives the sink back when the body ended.
//!
//! ```
//! use ocirepo::digest::Digest;
//! use ocirepo::sink::{BlobSink, Content};
//!
//! let content = Content { digest: Digest::of(b"hello world"), size: Some(11) };
//! let mut sink = BlobSink::new(content);
//! let mut file = Vec::new();
//! for chunk in [&b"hello "[..], b"world"] {
//!     let keep = sink.chunk(chunk)?;
//!     assert_eq!(keep.offset, file.len() as u64);
//!     file.extend_from_slice(keep.bytes);
//! }
//! assert!(sink.chunk(b"!").is_err(), "more than declared");
//! # Ok::<(), ocirepo::sink::Stop>(())
//! ```

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::digest::{Digest, Hasher};

/// What a blob must turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Content {
    /// What its bytes hash to.
    pub digest: Digest,
    /// How many bytes it has, when that is known beforehand.
    pub size: Option<u64>,
}

impl From<&Descriptor> for Content {
    fn from(descriptor: &Descriptor) -> Self {
        Self {
            digest: descriptor.digest,
            size: Some(descriptor.size),
        }
    }
}

impl From<Digest> for Content {
    fn from(digest: Digest) -> Self {
        Self { digest, size: None }
    }
}

/// Takes the bytes of one blob in order and tells which of them to write where.
///
/// It owns no buffer: a blob of any size costs the memory of one chunk.
#[derive(Clone, Debug)]
pub struct BlobSink {
    content: Content,
    hasher: Box<Hasher>,
    /// Bytes taken, which is also where the next byte belongs.
    offset: u64,
    /// Bytes of the present response that were taken from an earlier one.
    skip: u64,
    /// A response was longer than the blob.
    stopped: bool,
}

/// The part of a chunk that is new, and where it belongs in the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep<'a> {
    /// The bytes to write; empty when all of the chunk was seen before.
    pub bytes: &'a [u8],
    /// Their offset from the start of the blob, in bytes.
    pub offset: u64,
}

/// The response has more bytes than the blob: drop the exchange and report it lost,
/// with the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The size the blob was declared to have, in bytes.
    pub declared: u64,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the body is longer than the declared {} bytes",
            self.declared
        )
    }
}

impl std::error::Error for Stop {}

impl BlobSink {
    /// A sink that waits for the first byte.
    pub fn new(content: Content) -> Self {
        Self {
            content,
            hasher: Box::new(Hasher::new(content.digest.algorithm())),
            offset: 0,
            skip: 0,
            stopped: false,
        }
    }

    /// Takes the next chunk of the body.
    ///
    /// On [`Stop`] nothing of the chunk was taken; the exchange is to be dropped and
    /// the sink given back with it.
    pub fn chunk<'a>(&mut self, chunk: &'a [u8]) -> Result<Keep<'a>, Stop> {
        let seen = usize::try_from(self.skip).map_or(chunk.len(), |skip| skip.min(chunk.len()));
        let fresh = &chunk[seen..];
        if let Some(declared) = self.content.size
            && fresh.len() as u64 > declared.saturating_sub(self.offset)
        {
            self.stopped = true;
            return Err(Stop { declared });
        }
        self.skip -= seen as u64;
        self.hasher.update(fresh);
        let keep = Keep {
            bytes: fresh,
            offset: self.offset,
        };
        self.offset += fresh.len() as u64;
        Ok(keep)
    }

    /// What the blob must turn out to be.
    pub fn content(&self) -> Content {
        self.content
    }

    /// The number of bytes taken so far, from the start of the blob.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of bytes still missing, when the size is known.
    pub fn remaining(&self) -> Option<u64> {
        Some(self.content.size?.saturating_sub(self.offset))
    }

    /// Whether the bytes taken so far are the whole blob, and the right one.
    pub fn is_verified(&self) -> bool {
        self.content.size.is_none_or(|size| size == self.offset)
            && (*self.hasher).clone().finish() == self.content.digest
    }

    /// Whether [`BlobSink::chunk`] refused a chunk.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stopped
    }

    /// Prepares for a response whose body starts at `start`, which is at most
    /// [`BlobSink::offset`]: a server that ignores `Range` sends everything again.
    pub(crate) fn begin(&mut self, start: u64) {
        self.skip = self.offset.saturating_sub(start);
    }

    /// The sink as text, for a process that wants to go on later without reading
    /// what it has on disk.
    ///
    /// Save only after all bytes up to [`BlobSink::offset`] are durably written:
    /// [`BlobSink::restore`] believes that they are there.
    pub fn save(&self) -> String {
        let saved = Saved {
            digest: self.content.digest,
            size: self.content.size,
            offset: self.offset,
            state: BASE64_STANDARD.encode(self.hasher.save()),
        };
        // A struct of texts and numbers always serialises.
        serde_json::to_string(&saved).unwrap_or_default()
    }

    /// A sink from what [`BlobSink::save`] wrote for the same content; `None` when
    /// it is for other content or no such text.
    ///
    /// The caller vouches for the text and for the bytes on disk. When either is
    /// not trusted, feed the bytes to a new sink instead.
    pub fn restore(content: Content, saved: &str) -> Option<Self> {
        let saved: Saved = serde_json::from_str(saved).ok()?;
        let same = saved.digest == content.digest
            && (content.size.is_none() || saved.size.is_none() || content.size == saved.size)
            && content.size.is_none_or(|size| saved.offset <= size);
        let state = BASE64_STANDARD.decode(saved.state).ok()?;
        same.then_some(())?;
        Some(Self {
            content,
            hasher: Box::new(Hasher::restore(content.digest.algorithm(), &state)?),
            offset: saved.offset,
            skip: 0,
            stopped: false,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    digest: Digest,
    size: Option<u64>,
    offset: u64,
    state: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &[u8] = b"0123456789";

    fn content() -> Content {
        Content {
            digest: Digest::of(BLOB),
            size: Some(10),
        }
    }

    #[test]
    fn a_repeated_prefix_is_neither_hashed_nor_written_again() {
        let mut sink = BlobSink::new(content());
        sink.chunk(&BLOB[..4]).unwrap();
        sink.begin(0);
        assert_eq!(
            sink.chunk(&BLOB[..3]).unwrap(),
            Keep {
                bytes: b"",
                offset: 4
            }
        );
        assert_eq!(
            sink.chunk(&BLOB[3..]).unwrap(),
            Keep {
                bytes: &BLOB[4..],
                offset: 4
            }
        );
        assert!(sink.is_verified());
        assert_eq!(sink.remaining(), Some(0));
    }

    #[test]
    fn more_than_declared_stops_and_less_is_not_verified() {
        let mut sink = BlobSink::new(content());
        sink.chunk(&BLOB[..9]).unwrap();
        assert!(!sink.is_verified());
        assert_eq!(sink.chunk(b"9x"), Err(Stop { declared: 10 }));
        assert_eq!(sink.offset(), 9, "nothing of the chunk was taken");
        sink.chunk(b"9").unwrap();
        assert!(sink.is_verified());
    }

    #[test]
    fn a_saved_sink_goes_on_only_for_its_own_content() {
        let mut sink = BlobSink::new(content());
        sink.chunk(&BLOB[..7]).unwrap();
        let saved = sink.save();
        let mut sink = BlobSink::restore(content(), &saved).unwrap();
        assert_eq!(sink.offset(), 7);
        sink.chunk(&BLOB[7..]).unwrap();
        assert!(sink.is_verified());

        assert!(BlobSink::restore(Digest::of(b"other").into(), &saved).is_none());
        let shorter = Content {
            size: Some(5),
            ..content()
        };
        assert!(BlobSink::restore(shorter, &saved).is_none());
        assert!(BlobSink::restore(content(), "{}").is_none());
    }
}
