//! How much memory a large push takes.

use std::fs;

use ocirepo_e2e::sample::{Sample, Style};
use ocirepo_e2e::watched::{Watched, largest_file, write_noise};
use ocirepo_e2e::world::{Protection, World, key, packages};

const GIB: u64 = 1 << 30;

/// The most memory a push may take.
const MEMORY: u64 = 40 << 20;

#[test]
fn a_push_of_a_gibibyte_takes_little_memory() {
    let sample = Sample::build(key(), &packages(), Style::default()).expect("a sample");
    fs::create_dir(sample.path().join("images")).expect("a directory");
    write_noise(&sample.path().join("images/install.img"), GIB).expect("a large file");
    let world = World::new(Protection::Open).expect("a registry");
    let (directory, to) = (
        sample.path().to_string_lossy(),
        world.location("lab/large:el9"),
    );
    let mut command = world
        .program
        .command(&["push", &directory, &to, "--layout", "files"]);
    let push = Watched::start(&mut command).expect("the program");
    let (run, peak) = push.finish().expect("the program");
    assert!(run.ok, "{run}");
    assert!(
        (1..MEMORY).contains(&peak),
        "peak memory {} KiB",
        peak / 1024
    );
    let received = largest_file(world.registry.directory());
    assert_eq!(received, GIB);
}
