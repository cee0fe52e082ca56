//! Diagnostics on standard error, as `tracing` events.

use std::io::{self, Write};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::arguments::Global;

/// Starts logging as `-q`, `-v` and `OCIREPO_LOG` ask.
pub(crate) fn start(global: &Global) {
    super::style::choose(global.color);
    let wanted = std::env::var("OCIREPO_LOG").map(|wanted| wanted.parse::<Targets>());
    let usual = levels(global.quiet, global.verbose).parse();
    let (filter, refused) = match wanted {
        Ok(Ok(filter)) => (filter, None),
        Ok(Err(error)) => (usual.unwrap_or_default(), Some(error)),
        Err(_) => (usual.unwrap_or_default(), None),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_target(global.verbose > 1)
        .with_ansi(super::style::wanted(super::style::Stream::Stderr))
        .with_writer(AboveBars)
        .finish()
        .with(filter);
    // A second start, in tests that embed the program, keeps the first subscriber.
    let _ = subscriber.try_init();
    if let Some(error) = refused {
        tracing::warn!("OCIREPO_LOG is not understood: {error}; write LEVEL or TARGET=LEVEL,…");
    }
}

/// What is logged unless a variable says something else.
fn levels(quiet: bool, verbose: u8) -> &'static str {
    match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "warn,ocirepo=info,ocirepo_native=info,ocirepo_cli=info",
        (false, 2) => "info,ocirepo=debug,ocirepo_native=debug,ocirepo_cli=debug",
        (false, _) => "trace,h2=info,rustls=info",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_levels_are_understood() {
        for (quiet, verbose) in [(true, 0), (false, 0), (false, 1), (false, 2), (false, 3)] {
            let levels = levels(quiet, verbose);
            assert_ne!(
                levels.parse::<Targets>().unwrap(),
                Targets::default(),
                "{levels}"
            );
        }
    }
}
