//! Diagnostics on standard error, as `tracing` events.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::arguments::Global;

/// Starts logging as `-q`, `-v` and `OCIREPO_LOG` ask.
pub(crate) fn start(global: &Global) {
    super::style::choose(global.color);
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "warn,ocirepo=info,ocirepo_native=info,ocirepo_cli=info",
        (false, 2) => "info,ocirepo=debug,ocirepo_native=debug,ocirepo_cli=debug",
        (false, _) => "trace,h2=info,rustls=info",
    };
    let filter = EnvFilter::try_from_env("OCIREPO_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(global.verbose > 1)
        .with_ansi(super::style::wanted(super::style::Stream::Stderr))
        .with_writer(AboveBars);
    // A second start, in tests that embed the program, keeps the first subscriber.
    let _ = subscriber.try_init();
}

/// Writes each event while the progress bars are out of the way.
struct AboveBars;

impl MakeWriter<'_> for AboveBars {
    type Writer = Event;

    fn make_writer(&self) -> Event {
        Event(Vec::new())
    }
}

struct Event(Vec<u8>);

impl Write for Event {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        super::progress::above(|| {
            let _ = io::stderr().write_all(&self.0);
        });
    }
}
