//! What can go wrong on the way: chosen damage at a chosen byte of a stream.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

/// What happens to one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset before anything is answered, and nobody upstream hears of it.
    Refuse,
    /// This is answered, a whole response, and nobody upstream hears of it.
    Answer(String),
    /// Something happens to a stream at one of its bytes.
    Damage {
        /// Which stream.
        stream: Stream,
        /// The number of bytes that go through unharmed before. A stream that ends before is
        /// not damaged.
        at: u64,
        /// What happens.
        how: How,
    },
}

/// Where bytes can be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What the client sends after the head of its request.
    Upload,
    /// The response, from the first byte of its head on.
    Response,
    /// The response, from the first byte of its body on.
    Body,
}

/// What happens at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The connection ends as if all had been said.
    End,
    /// The connection is reset.
    Reset,
    /// Nothing comes for a while.
    Stall(Duration),
    /// From here on, so many bytes come at a time, with this pause after each.
    Trickle(usize, Duration),
    /// The byte is XORed with this, which is not 0.
    Corrupt(u8),
    /// Up to so many bytes are sent, and then they are sent again.
    Duplicate(usize),
    /// Up to so many bytes are sent after as many that follow them.
    Swap(usize),
}

/// An answer that asks to come again, after so many seconds if it says when.
pub fn too_many_requests(retry_after: Option<u64>) -> Fault {
    let when = retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n"));
    Fault::Answer(format!(
        "HTTP/1.1 429 Too Many Requests\r\n{}Content-Length: 9\r\nConnection: close\r\n\r\nslow down",
        when.unwrap_or_default()
    ))
}

/// Ends a connection by a reset instead of an orderly end.
pub(crate) fn reset(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    // An error means that it is gone already.
    let _ = socket.set_linger(Some(Duration::ZERO));
}

/// One direction of a connection, to which something may happen on the way.
pub(crate) struct Faulty<'a> {
    to: &'a TcpStream,
    /// The damage still to come, and how many bytes are before it.
    damage: Option<(u64, How)>,
    trickle: Option<(usize, Duration)>,
    /// What is held back to be sent later.
    held: Vec<u8>,
    /// The bytes that arrived here.
    pub(crate) count: u64,
}

impl<'a> Faulty<'a> {
    pub(crate) fn new(to: &'a TcpStream, damage: Option<(u64, How)>) -> Self {
        Self {
            to,
            damage,
            trickle: None,
            held: Vec::new(),
            count: 0,
        }
    }

    /// Sends what is still held back.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if let Some((0, how)) = self.damage.take() {
            self.strike_at_end(how)?;
        }
        let held = std::mem::take(&mut self.held);
        self.send(&held)?;
        Ok(self.count)
    }

    fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some((count, pause)) = self.trickle else {
            return self.to.write_all(bytes);
        };
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(count.min(bytes.len()));
            self.to.write_all(piece)?;
            sleep(pause);
            bytes = rest;
        }
        Ok(())
    }

    /// What needs more bytes to happen gets those that there are.
    fn strike_at_end(&mut self, how: How) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        match how {
            How::Duplicate(_) => {
                self.send(&held)?;
                self.send(&held)
            }
            How::Swap(_) => {
                let (first, second) = held.split_at(held.len() / 2);
                self.send(second)?;
                self.send(first)
            }
            _ => self.send(&held),
        }
    }

    /// Takes the bytes from the damaged one on; says how many of them it dealt with.
    fn strike(&mut self, how: How, bytes: &[u8]) -> io::Result<usize> {
        let wanted = match how {
            How::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            How::Reset => {
                reset(self.to);
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            How::Stall(time) => {
                sleep(time);
                self.damage = None;
                return Ok(0);
            }
            How::Trickle(count, pause) => {
                self.trickle = Some((count.max(1), pause));
                self.damage = None;
                return Ok(0);
            }
            How::Corrupt(mask) => {
                self.damage = None;
                let first = bytes.first().map(|byte| byte ^ mask);
                self.send(first.as_slice())?;
                return Ok(1);
            }
            How::Duplicate(count) => count.max(1),
            How::Swap(count) => 2 * count.max(1),
        };
        let taken = bytes.len().min(wanted - self.held.len());
        self.held.extend(&bytes[..taken]);
        if self.held.len() == wanted {
            self.damage = None;
            self.strike_at_end(how)?;
        }
        Ok(taken)
    }
}

impl Write for Faulty<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = match self.damage {
            None => {
                self.send(bytes)?;
                bytes.len()
            }
            Some((0, how)) => self.strike(how, bytes)?,
            Some((before, how)) => {
                let unharmed = bytes
                    .len()
                    .min(usize::try_from(before).unwrap_or(usize::MAX));
                self.send(&bytes[..unharmed])?;
                self.damage = Some((before - unharmed as u64, how));
                unharmed
            }
        };
        self.count += done as u64;
        // A writer that took nothing counts as full.
        match done {
            0 if !bytes.is_empty() => self.write(bytes),
            _ => Ok(done),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{Shutdown, TcpListener};

    use super::*;

    fn passed(how: How, at: u64, pieces: &[&str]) -> (String, bool) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        let mut faulty = Faulty::new(&sender, Some((at, how)));
        let well = pieces
            .iter()
            .try_for_each(|piece| faulty.write_all(piece.as_bytes()))
            .and_then(|()| faulty.finish().map(|_| ()))
            .is_ok();
        let _ = sender.shutdown(Shutdown::Write);
        let mut text = String::new();
        let _ = receiver.read_to_string(&mut text);
        (text, well)
    }

    #[test]
    fn damage_is_done_where_it_was_asked_for_however_the_bytes_come() {
        let cases = [
            (How::Corrupt(0x20), 2, "abCdef"),
            (How::Duplicate(2), 1, "abcbcdef"),
            (How::Swap(2), 1, "adebcf"),
            (How::Swap(9), 2, "abefcd"),
            (How::Duplicate(9), 4, "abcdefef"),
            (How::Trickle(1, Duration::ZERO), 3, "abcdef"),
            (How::Stall(Duration::ZERO), 3, "abcdef"),
            (How::Corrupt(1), 6, "abcdef"),
        ];
        for (how, at, expected) in cases {
            for pieces in [
                &["abcdef"][..],
                &["a", "b", "c", "d", "e", "f"],
                &["abc", "def"],
            ] {
                assert_eq!(
                    passed(how, at, pieces),
                    (expected.to_owned(), true),
                    "{how:?}"
                );
            }
        }
        assert_eq!(
            passed(How::End, 4, &["abc", "def"]),
            ("abcd".to_owned(), false)
        );
        assert!(!passed(How::Reset, 4, &["abc", "def"]).1);
    }
}
