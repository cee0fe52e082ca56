//! What people and programs see.
//!
//! Results go to standard output: tables for people, one JSON value a line with
//! `--json`. Everything else (notes, progress, logs) goes to standard error, so that
//! output can always be piped.

pub(crate) mod logging;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod units;

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;

/// Buffered standard output.
pub(crate) struct Out(BufWriter<StdoutLock<'static>>);

impl Out {
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(64 * 1024, io::stdout().lock()))
    }

    /// Writes one JSON value and a line feed.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, value).map_err(io::Error::from)?;
        self.0.write_all(b"\n")
    }

    /// Writes one line of text without what could drive a terminal.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        self.0.write_all(printable(text.as_ref()).as_bytes())?;
        self.0.write_all(b"\n")
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Prints `label: message` to standard error, above any progress bar.
pub(crate) fn note(label: &str, message: &str) {
    let painted = style::paint(style::Stream::Stderr, style::of_label(label), label);
    progress::above(|| {
        // When standard error is gone there is nobody to tell.
        let _ = writeln!(io::stderr(), "{painted}: {}", printable(message));
    });
}

/// Replaces control characters: package names and registry messages are written by
/// strangers, and a terminal obeys escape sequences. Line feeds and tabs stay.
pub(crate) fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        text.into()
    } else {
        text.chars()
            .map(|c| if harmless(c) { c } else { '\u{fffd}' })
            .collect::<String>()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\td"), "a\u{fffd}[2Jb\nc\td");
        assert_eq!(printable("héllo"), "héllo");
    }
}
