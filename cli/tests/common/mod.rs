//! A server of the program, as its users start it.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A server of the program; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// The line that it printed first, which has its address.
    pub(crate) said: String,
}

impl Server {
    /// Starts it, and waits for its first line.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        Self { child, said }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
