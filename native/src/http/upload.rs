//! Sending a part of a file: read and hashed piece by piece, ahead of the network by a
//! piece or two.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use ocirepo::retry::Cause;
use ocirepo::source::BlobSource;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Failure;
use crate::throttle::Throttle;

/// The size of a piece, in bytes.
const PIECE: usize = 128 << 10;

/// A body of exactly `remaining` bytes that come from a reader task.
#[derive(Debug)]
pub(crate) struct UploadBody {
    pieces: mpsc::Receiver<Bytes>,
    remaining: u64,
}

/// The reader's end of an upload.
pub(crate) struct Upload {
    /// What is read: a file, or bytes in memory.
    pub(crate) content: Content,
    /// The part to send.
    pub(crate) range: Range<u64>,
    /// Hashes what is read.
    pub(crate) source: BlobSource,
    /// How long the network may take none of it.
    pub(crate) stall: Duration,
    /// Slows everything down to the wanted bandwidth.
    pub(crate) throttle: Throttle,
    /// Is told how many bytes of the source were handed to the network.
    pub(crate) progress: Arc<dyn Fn(u64) + Send + Sync>,
}

/// Something that can be read again from any offset.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A file that nobody else seeks in, from an offset on.
    File { file: Arc<File>, start: u64 },
    /// Bytes at hand.
    Bytes(Bytes),
}

/// An upload that ended, in one way or the other.
pub(crate) struct Ended {
    /// The hasher, to be given back to the session.
    pub(crate) source: BlobSource,
    /// Why it ended early, if reading is to blame.
    pub(crate) failure: Option<Failure>,
    /// Keeps an unfinished body open, for the response may still be read.
    _open: mpsc::Sender<Bytes>,
}

impl Upload {
    /// Makes the body, and the task that fills it until everything was read or `stop`
    /// is told (or dropped).
    pub(crate) fn start(
        self,
        stop: oneshot::Receiver<()>,
    ) -> (UploadBody, impl Future<Output = Ended>) {
        let (sender, pieces) = mpsc::channel(1);
        let body = UploadBody {
            pieces,
            remaining: self.range.end.saturating_sub(self.range.start),
        };
        (body, self.run(sender, stop))
    }

    async fn run(mut self, sender: mpsc::Sender<Bytes>, mut stop: oneshot::Receiver<()>) -> Ended {
        let mut offset = self.range.start;
        let mut failure = None;
        while offset < self.range.end {
            let wanted =
                usize::try_from(self.range.end - offset).map_or(PIECE, |rest| rest.min(PIECE));
            let content = self.content.clone();
            let mut source = self.source.clone();
            let read = tokio::task::spawn_blocking(move || {
                let piece = content.read(offset, wanted)?;
                source.chunk(offset, &piece).map_err(io::Error::other)?;
                Ok::<_, io::Error>((piece, source))
            });
            let piece = match read.await {
                Ok(Ok((piece, source))) => {
                    self.source = source;
                    piece
                }
                Ok(Err(error)) => {
                    failure = Some(Failure::local(format!("cannot read the source: {error}")));
                    break;
                }
                Err(error) => {
                    failure = Some(Failure::local(error));
                    break;
                }
            };
            let length = piece.len() as u64;
            tokio::select! {
                biased;
                _ = &mut stop => break,
                sent = async {
                    self.throttle.take(length).await;
                    timeout(self.stall, sender.send(piece)).await
                } => match sent {
                    Ok(Ok(())) => {}
                    // The connection is gone, and says why itself.
                    Ok(Err(_)) => break,
                    Err(_) => {
                        let message = format!("nothing was taken for {:?}", self.stall);
                        failure = Some(Failure::new(Cause::Timeout, message));
                        break;
                    }
                },
            }
            offset += length;
            (self.progress)(offset);
        }
        Ended {
            source: self.source,
            failure,
            _open: sender,
        }
    }
}

impl Content {
    /// A whole file.
    pub(crate) fn file(file: File) -> Self {
        Self::part(file, 0)
    }

    /// What is in a file from an offset on.
    pub(crate) fn part(file: File, start: u64) -> Self {
        Self::File {
            file: Arc::new(file),
            start,
        }
    }

    fn read(&self, offset: u64, wanted: usize) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let end = start.saturating_add(wanted);
                if end > bytes.len() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(bytes.slice(start..end))
            }
            Self::File { file, start } => {
                let mut file = file.as_ref();
                file.seek(SeekFrom::Start(start.saturating_add(offset)))?;
                let mut piece = vec![0; wanted];
                file.read_exact(&mut piece).map_err(|error| {
                    if error.kind() == io::ErrorKind::UnexpectedEof {
                        io::Error::other("it became shorter while it was read")
                    } else {
                        error
                    }
                })?;
                Ok(piece.into())
            }
        }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        match self.pieces.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(piece)) => {
                self.remaining = self.remaining.saturating_sub(piece.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(None) => {
                Poll::Ready(Some(Err(io::Error::other("the source could not be read"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
