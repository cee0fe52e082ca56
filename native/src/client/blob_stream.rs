//! A blob as a stream of chunks.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream};
use ocirepo::operation::Blob;
use tokio::sync::mpsc;

use crate::error::Result;

/// The chunks of a blob as they arrive. The last one is held back until all of the blob
/// was found right: whoever passes the chunks on, and ends cleanly only when the stream
/// does, never passes on a whole blob that is wrong.
///
/// An item that is an error is the last. Dropping the stream cancels the pull.
pub struct BlobStream {
    chunks: mpsc::Receiver<Bytes>,
    held: Option<Bytes>,
    pull: Pull,
}

/// The pull behind a stream.
enum Pull {
    Running(Pin<Box<dyn Future<Output = Result<Blob>> + Send>>),
    Ended(Result<Blob>),
    Told,
}

impl BlobStream {
    pub(super) fn new(
        chunks: mpsc::Receiver<Bytes>,
        pull: impl Future<Output = Result<Blob>> + Send + 'static,
    ) -> Self {
        Self {
            chunks,
            held: None,
            pull: Pull::Running(Box::pin(pull)),
        }
    }
}

impl std::fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobStream").finish_non_exhaustive()
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Pull::Running(pull) = &mut this.pull
            && let Poll::Ready(result) = pull.poll_unpin(context)
        {
            // Dropping the pull drops its end of the channel.
            this.pull = Pull::Ended(result);
        }
        loop {
            match this.chunks.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(chunk)) => {
                    if let Some(earlier) = this.held.replace(chunk) {
                        return Poll::Ready(Some(Ok(earlier)));
                    }
                }
                Poll::Ready(None) => {
                    return match std::mem::replace(&mut this.pull, Pull::Told) {
                        Pull::Ended(Ok(_)) => Poll::Ready(this.held.take().map(Ok)),
                        Pull::Ended(Err(error)) => {
                            this.held = None;
                            Poll::Ready(Some(Err(error)))
                        }
                        Pull::Told => Poll::Ready(None),
                        running @ Pull::Running(_) => {
                            this.pull = running;
                            Poll::Pending
                        }
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use ocirepo::Digest;

    use super::*;
    use crate::error::Error;

    fn stream(result: Result<()>) -> BlobStream {
        let (sender, chunks) = mpsc::channel(4);
        for chunk in ["a", "b", "c"] {
            sender.try_send(Bytes::from(chunk)).unwrap();
        }
        BlobStream::new(chunks, async move {
            drop(sender);
            result?;
            Err(Error::Setup("only its errors are looked at".into()))
        })
    }

    #[tokio::test]
    async fn the_last_chunk_of_a_blob_that_failed_is_never_passed_on() {
        let digest = Digest::of(b"abc");
        let mut stream = stream(Err(Error::Setup(format!("{digest} does not match"))));
        let mut passed = Vec::new();
        let error = loop {
            match stream.next().await {
                Some(Ok(chunk)) => passed.push(chunk),
                Some(Err(error)) => break error,
                None => panic!("it ended cleanly"),
            }
        };
        assert_eq!(passed, ["a", "b"]);
        assert!(error.to_string().contains("does not match"));
        assert!(stream.next().await.is_none());
    }
}
