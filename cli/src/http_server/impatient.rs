//! A stream that does not wait forever for its other end to read.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose writes fail when nothing was taken for a while.
#[derive(Debug)]
pub(super) struct Impatient<S> {
    stream: S,
    patience: Duration,
    /// Runs out while a write waits.
    waiting: Pin<Box<Sleep>>,
    waits: bool,
}

impl<S> Impatient<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            waiting: Box::pin(sleep(patience)),
            waits: false,
        }
    }

    /// Whether patience ran out, now that a write cannot go on.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if !self.waits {
            self.waits = true;
            let end = Instant::now() + self.patience;
            self.waiting.as_mut().reset(end);
        }
        ready!(self.waiting.as_mut().poll(context));
        let message = format!("the client read nothing for {:?}", self.patience);
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, message))
    }
}

impl<S: AsyncWrite + Unpin> Impatient<S> {
    fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match write(Pin::new(&mut self.stream), context) {
            Poll::Ready(written) => {
                self.waits = false;
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_patience(context).map(Err),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(context, |stream, context| {
            stream.poll_write_vectored(context, slices)
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, |stream, context| stream.poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_reader_may_be_slow_but_not_gone() {
        let (near, mut far) = tokio::io::duplex(4);
        let patience = Duration::from_millis(300);
        let mut near = Impatient::new(near, patience);
        let writing = tokio::spawn(async move { near.write_all(b"0123456789").await });
        let mut read = [0; 4];
        for _ in 0..2 {
            sleep(patience / 3).await;
            far.read_exact(&mut read).await.unwrap();
        }
        writing.await.unwrap().unwrap();

        let (near, _far) = tokio::io::duplex(4);
        let mut near = Impatient::new(near, patience);
        let error = near.write_all(b"0123456789").await.unwrap_err();
        assert!(error.to_string().contains("read nothing"), "{error}");
    }
}
