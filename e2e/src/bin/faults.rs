//! Many runs of the program in which something goes wrong: `cargo xtask faults`.

#![allow(
    clippy::unwrap_used,
    reason = "a development task may end where a test would fail"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ocirepo_e2e::disturbed::{Lab, Outcome};

/// Runs at a time: most of their time is waiting.
const AT_ONCE: usize = 4;

/// Seeds of one run for each command with each disturbance, over all layouts and both
/// registries: what every run of the tests does.
const BRIEF: [u64; 35] = [
    1, 4, 6, 8, 9, 10, 11, 12, 15, 16, 17, 18, 20, 21, 23, 24, 25, 37, 42, 44, 52, 75, 76, 84, 100,
    111, 116, 118, 119, 147, 188, 190, 224, 231, 321,
];

fn number(name: &str, usual: u64) -> u64 {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    at.and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(usual)
}

fn main() -> ExitCode {
    let brief = std::env::args().any(|argument| argument == "--brief");
    let seed = number("--seed", 1);
    let seeds: Vec<u64> = match brief {
        true => BRIEF.to_vec(),
        false => (seed..seed + number("--runs", 1000)).collect(),
    };
    let start = Instant::now();
    let lab = Lab::new().expect("the lab");
    println!("    the lab is there after {:?}", start.elapsed());
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Outcome>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) else {
                        return;
                    };
                    let outcome = lab.run(*seed);
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
    // A seed may come to mean something else.
    if brief && kinds.len() < BRIEF.len() {
        println!("    only {} kinds of runs: choose other seeds", kinds.len());
        return ExitCode::FAILURE;
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
