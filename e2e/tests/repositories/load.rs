//! Many clients of one bridge at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo::Digest;
use ocirepo_e2e::process::{Run, peak_memory};
use ocirepo_e2e::synthetic;
use ocirepo_e2e::world::{Protection, World};

const CLIENTS: usize = 64;
const PACKAGES: usize = 200;
/// Small ones: what is tried here is who gets what, not how fast.
const SIZE: usize = 24 << 10;
/// The most memory the bridge may take, in bytes.
const MEMORY: u64 = 192 << 20;

#[test]
fn sixty_four_clients_get_everything_and_the_registry_is_asked_once() {
    let world = World::new(Protection::Open).expect("a registry");
    let made = synthetic::with_payloads(&world.program.path("made"), PACKAGES, SIZE);
    let made = made.expect("packages");
    let location = world.location("lab/load:el9");
    let copy = world.program.path("copy");
    for arguments in [
        ["push", &made.to_string_lossy(), &location],
        ["sync", &location, &copy.to_string_lossy()],
    ] {
        let run = world.program.run(&arguments).expect("the program");
        assert!(run.ok, "{run}");
    }
    let files = packages(&copy);
    assert_eq!(files.len(), PACKAGES);
    let sums: Vec<String> = files
        .iter()
        .map(|file| Digest::of(&fs::read(file).unwrap()).hex())
        .collect();

    let bridge = world.program.serve(&[&location]).expect("a bridge");
    let base = bridge.url(&format!("{}/lab/load:el9", world.registry.host()));
    let mut list = String::new();
    for (file, sum) in files.iter().zip(&sums) {
        let path = file.strip_prefix(&copy).unwrap().to_string_lossy();
        writeln!(list, "{sum} {base}{path}").unwrap();
    }
    let lists = world.program.path("list");
    fs::write(&lists, list).unwrap();
    let bytes: u64 = files
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    let before = world.registry.requests().expect("a log").len();
    for state in ["cold", "warm"] {
        // Built beside the program by `cargo xtask e2e`.
        let program = PathBuf::from(std::env::var_os("OCIREPO_BIN").expect("OCIREPO_BIN"));
        let mut command = Command::new(program.with_file_name("load"));
        let run = Run::of(command.arg(CLIENTS.to_string()).arg(&lists)).expect("the clients");
        assert!(run.ok, "{run}");
        let figures: Vec<&str> = run.stdout.split_whitespace().collect();
        let expected = (bytes * CLIENTS as u64).to_string();
        // Seconds, bytes that came, answers lost, answers with other bytes.
        assert_eq!(
            figures[1..],
            [&expected, "0", "0"],
            "{state}: {run}\n{}",
            bridge.log()
        );
    }
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    let requests = world.registry.requests().expect("a log");
    for request in &requests[before..] {
        if let Some((_, sum)) = request.target.split_once("/blobs/sha256:") {
            *asked.entry(sum).or_default() += 1;
        }
    }
    for sum in &sums {
        assert_eq!(asked.get(sum.as_str()), Some(&1), "{sum}");
    }
    let peak = peak_memory(bridge.server.id()).expect("a process");
    assert!(peak < MEMORY, "{} KiB", peak >> 10);
}

fn packages(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![below.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rpm") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
