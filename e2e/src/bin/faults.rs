//! Many runs of the program in which something goes wrong: `cargo xtask faults`.

#![allow(
    clippy::unwrap_used,
    reason = "a development task may end where a test would fail"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ocirepo_e2e::disturbed::{Lab, Outcome};

/// Runs at a time: most of their time is waiting.
const AT_ONCE: usize = 4;

fn number(name: &str, usual: u64) -> u64 {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    at.and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(usual)
}

fn main() -> ExitCode {
    let (runs, seed) = (number("--runs", 1000), number("--seed", 1));
    let start = Instant::now();
    let lab = Lab::new().expect("the lab");
    println!("    the lab is there after {:?}", start.elapsed());
    let next = AtomicU64::new(0);
    let done: Mutex<Vec<Outcome>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= runs {
                        return;
                    }
                    let outcome = lab.run(seed + number);
                    for finding in &outcome.findings {
                        println!("    --seed {}: {}: {finding}", outcome.seed, outcome.what);
                    }
                    done.lock().unwrap().push(outcome);
                }
            });
        }
    });
    let done = done.into_inner().unwrap();
    let mut kinds: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for outcome in &done {
        let (runs, hit, found) = kinds.entry(&outcome.what).or_default();
        *runs += 1;
        *hit += u64::from(outcome.hit);
        *found += u64::from(!outcome.findings.is_empty());
    }
    println!("    runs   hit  wrong");
    for (what, (runs, hit, found)) in kinds {
        println!("    {runs:4}  {hit:4}  {found:5}  {what}");
    }
    let wrong = done.iter().filter(|run| !run.findings.is_empty()).count();
    let hit = done.iter().filter(|run| run.hit).count();
    println!(
        "    {hit} of {} runs did not end well before the disturbance ended",
        done.len()
    );
    let (verdict, passed) = match wrong {
        0 => ("ok", done.len()),
        _ => ("FAILED", done.len() - wrong),
    };
    println!(
        "test result: {verdict}. {passed} passed; {wrong} failed; finished in {:?}",
        start.elapsed()
    );
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
