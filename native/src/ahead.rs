//! Reading on one thread what another works on.
//!
//! Metadata files are verified and decompressed while they are read, which takes about as long as
//! making sense of what comes out. With a thread between the two, a file takes the time of the
//! slower one.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// How much is read at a time, in bytes: little enough to stay in the caches of processors, and
/// enough that waking the other thread costs next to nothing.
const PIECE: usize = 64 << 10;

/// How many pieces may lie between the threads.
const PIECES: usize = 4;

/// What a thread of its own reads from a source, a little ahead of whoever reads this.
///
/// Errors of the source come where they happened. The end of this is the end of the source: a
/// thread that ended otherwise is an error. Whoever drops this ends the thread with its next piece.
///
/// ```
/// use std::io::Read as _;
///
/// let mut text = String::new();
/// ocirepo_native::ahead::Ahead::of(&b"metadata"[..])?.read_to_string(&mut text)?;
/// assert_eq!(text, "metadata");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Ahead {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    /// How much of the piece was consumed.
    at: usize,
    ended: bool,
}

impl Ahead {
    /// Begins to read a source.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn of(source: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(PIECES);
        thread::Builder::new()
            .name("reading-ahead".to_owned())
            .spawn(move || read(source, &sender))?;
        Ok(Self {
            pieces,
            piece: Vec::new(),
            at: 0,
            ended: false,
        })
    }
}

/// Sends what a source has, and an empty piece for its end.
fn read(mut source: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let read = source.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        let ends = piece.is_empty() || read.is_err();
        // What came before an error is of use.
        if !piece.is_empty() && sender.send(Ok(piece)).is_err() {
            return;
        }
        if ends {
            // Nobody may be there to hear it.
            let _ = sender.send(read.map(|_| Vec::new()));
            return;
        }
    }
}

impl BufRead for Ahead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len() && !self.ended {
            let next = self.pieces.recv().unwrap_or_else(|_| {
                let message = "the thread that reads ended before its source";
                Err(io::Error::other(message))
            });
            self.at = 0;
            self.piece = Vec::new();
            self.piece = next?;
            self.ended = self.piece.is_empty();
        }
        Ok(self.piece.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount).min(self.piece.len());
    }
}

impl Read for Ahead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    /// Gives so many bytes, a few at a time, and then fails or panics, or ends.
    struct Source {
        left: usize,
        then: fn() -> io::Result<usize>,
    }

    impl Read for Source {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let read = self.left.min(into.len()).min(1000);
            into[..read].fill(7);
            self.left -= read;
            if read == 0 { (self.then)() } else { Ok(read) }
        }
    }

    fn whole(left: usize, then: fn() -> io::Result<usize>) -> (usize, io::Result<usize>) {
        let mut ahead = Ahead::of(Source { left, then }).unwrap();
        let mut found = Vec::new();
        let result = ahead.read_to_end(&mut found);
        assert!(found.iter().all(|byte| *byte == 7));
        (found.len(), result)
    }

    #[test]
    fn everything_comes_in_order_and_the_end_is_the_end() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 3] {
            let numbers: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut ahead = Ahead::of(io::Cursor::new(numbers.clone())).unwrap();
            let mut found = Vec::new();
            ahead.read_to_end(&mut found).unwrap();
            assert!(found == numbers, "{size}");
            assert_eq!(ahead.read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn an_error_comes_behind_what_was_before_it() {
        for size in [0, PIECE, PIECE + 5] {
            let (found, result) = whole(size, || Err(io::Error::other("the disk is gone")));
            assert_eq!(found, size);
            assert_eq!(result.unwrap_err().to_string(), "the disk is gone");
        }
    }

    #[test]
    fn a_thread_that_panics_is_no_end() {
        let (_, result) = whole(PIECE, || panic!("as the test wants it"));
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("before its source")
        );
    }

    #[test]
    fn nobody_reads_on_for_somebody_who_is_gone() {
        struct Endless(std::sync::mpsc::Sender<()>);
        impl Read for Endless {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                Ok(into.len())
            }
        }
        impl Drop for Endless {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let (sender, dropped) = channel();
        let mut ahead = Ahead::of(Endless(sender)).unwrap();
        ahead.read_exact(&mut [0; 10]).unwrap();
        drop(ahead);
        dropped.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}
