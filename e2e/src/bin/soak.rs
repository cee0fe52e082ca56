//! The bridge under mixed load for a while: `cargo xtask soak`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ocirepo_e2e::soak;

/// The number behind an option.
fn number(name: &str) -> Option<u64> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}

fn main() -> ExitCode {
    let seconds = number("--seconds").unwrap_or(number("--minutes").unwrap_or(20) * 60);
    let start = Instant::now();
    let outcome = soak::run(Duration::from_secs(seconds), |line| println!("    {line}"));
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("soak: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!();
    for (what, count) in &outcome.counts {
        println!("    {count:8}  {what}");
    }
    for finding in &outcome.findings {
        println!("    WRONG: {finding}");
    }
    let well = outcome.findings.is_empty();
    let (verdict, passed, failed) = if well { ("ok", 1, 0) } else { ("FAILED", 0, 1) };
    println!(
        "test result: {verdict}. {passed} passed; {failed} failed; finished in {:?}",
        start.elapsed()
    );
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
