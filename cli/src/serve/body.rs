//! Bodies read from a file: whole, one range, or many.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::door::Failures;
use super::flight::Flight;
use crate::http_server::Body;

/// Bytes read from the file and given to the connection at a time.
const PIECE: u64 = 256 * 1024;
/// Bytes held back until the digest matches.
const HOLD: u64 = 16 * 1024;

/// The bytes of a verified file in these ranges, each after its prefix, then the end.
pub(super) fn ranges(file: Arc<File>, parts: Vec<(Bytes, Range<u64>)>, end: Bytes) -> Body {
    let parts = stream::iter(parts).flat_map(move |(prefix, range)| {
        let prefix = stream::iter((!prefix.is_empty()).then_some(Ok(prefix)));
        prefix.chain(pieces(file.clone(), range))
    });
    let end = stream::iter((!end.is_empty()).then_some(Ok(end)));
    body(parts.chain(end))
}

/// The whole of a file while it arrives. A failure ends the connection before the end
/// was sent, so that nobody takes what came for whole.
pub(super) fn following(flight: Flight, size: u64, failures: Failures) -> Body {
    let start = (flight, failures, 0);
    let pieces = stream::try_unfold(start, move |(mut flight, failures, at)| async move {
        if at >= size {
            return Ok(None);
        }
        let released = flight.released(at, size, HOLD).await.map_err(|failure| {
            tracing::warn!("a response was cut: {failure}");
            failures.note(&failure);
            io::Error::other(failure.to_string())
        })?;
        let bytes = match flight.recent(at) {
            Some(mut bytes) => {
                bytes.truncate(usize::try_from(released - at).unwrap_or(usize::MAX));
                bytes
            }
            None => {
                let range = at..released.min(at.saturating_add(PIECE));
                read(flight.file(), range).await?
            }
        };
        let at = at + bytes.len() as u64;
        Ok(Some((bytes, (flight, failures, at))))
    });
    body(pieces)
}

fn body(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync()
}

fn pieces(file: Arc<File>, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let piece = range.start..range.end.min(range.start.saturating_add(PIECE));
        let bytes = read(file.clone(), piece).await?;
        let rest = range.start + bytes.len() as u64..range.end;
        Ok(Some((bytes, (file, rest))))
    })
}

/// Reads exactly this range; a file that ends early is an error.
async fn read(file: Arc<File>, range: Range<u64>) -> io::Result<Bytes> {
    tokio::task::spawn_blocking(move || {
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match read_at(&file, rest, range.start + filled as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(bytes.into())
    })
    .await
    .map_err(io::Error::other)?
}

/// Reads at a position without moving any cursor: many followers share one handle.
#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(content: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Arc::new(file)
    }

    #[tokio::test]
    async fn ranges_come_with_their_prefixes() {
        let parts = vec![("<".into(), 0..2), (Bytes::new(), 4..5)];
        let body = ranges(file(b"abcdef"), parts, ">".into());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "<abe>");
    }

    #[tokio::test]
    async fn a_file_that_ends_early_is_an_error() {
        let body = ranges(file(b"abc"), vec![(Bytes::new(), 0..9)], Bytes::new());
        assert!(body.collect().await.is_err());
    }

    #[tokio::test]
    async fn long_files_come_in_pieces() {
        let content: Vec<u8> = (0..PIECE * 2 + 3).map(|n| n as u8).collect();
        let whole = 0..content.len() as u64;
        let body = ranges(file(&content), vec![(Bytes::new(), whole)], Bytes::new());
        assert_eq!(body.collect().await.unwrap().to_bytes(), content);
    }
}
