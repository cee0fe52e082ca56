//! Progress of long work, only while a terminal watches.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

static BARS: OnceLock<MultiProgress> = OnceLock::new();
static WANTED: AtomicBool = AtomicBool::new(true);

/// Shows no bars from now on: `--quiet` and `--json`.
pub(crate) fn silence() {
    WANTED.store(false, Ordering::Relaxed);
}

/// A bar over bytes; hidden where nobody watches.
pub(crate) fn bytes(total: u64, what: &str) -> ProgressBar {
    bar(
        total,
        what,
        "{msg:30!} {bar:30} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {eta:>4}",
    )
}

/// A bar over countable things; hidden where nobody watches.
pub(crate) fn items(total: u64, what: &str) -> ProgressBar {
    bar(
        total,
        what,
        "{msg:30!} {bar:30} {pos:>10}/{len:10} {eta:>4}",
    )
}

/// Runs `print` while the bars are out of the way.
pub(crate) fn above(print: impl FnOnce()) {
    match BARS.get() {
        Some(bars) => bars.suspend(print),
        None => print(),
    }
}

fn bar(total: u64, what: &str, template: &str) -> ProgressBar {
    if !WANTED.load(Ordering::Relaxed) || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bars = BARS.get_or_init(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ");
    bars.add(
        ProgressBar::new(total)
            .with_style(style)
            .with_message(super::printable(what).into_owned()),
    )
}
