//! A repository of 5,000 packages, through the plugin.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ocirepo_e2e::plugin::Machine;
use ocirepo_e2e::world::{Protection, World};

const REFERENCE: &str = "lab/many:fc41";

/// How many there are.
const PACKAGES: usize = 5_000;

/// How many are downloaded.
const DOWNLOADED: usize = 40;

/// All files of a directory and below, by their names.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path => found.push(path),
        }
    }
}

fn dnf_reads(layout: &str) {
    let packages = std::env::var("OCIREPO_LAB_SYNTHETIC")
        .expect("OCIREPO_LAB_SYNTHETIC names 5,000 packages; `cargo xtask e2e` makes them");
    let mut originals = Vec::new();
    files(Path::new(&packages), &mut originals);
    originals.sort();
    assert_eq!(originals.len(), PACKAGES);
    let world = World::new(Protection::Bearer).expect("a registry");
    let location = world.location(REFERENCE);
    let push = ["push", &packages, &location, "--layout", layout];
    let run = world.program.run(&push).expect("the program");
    assert!(run.ok, "{run}");

    let machine = Machine::new().expect("a machine");
    let login = world.program.path("config/containers/auth.json");
    let machine = machine.variable("REGISTRY_AUTH_FILE", &login);
    let text = format!("[many]\nname=Many\nbaseurl={location}\ngpgcheck=0\n");
    machine.repo_file("many.repo", &text).expect("a file");
    let well = |arguments: &[&str]| {
        let start = Instant::now();
        let run = machine.dnf(arguments).expect("dnf");
        assert!(run.ok, "{arguments:?}: {run}");
        let what = arguments.iter().find(|word| !word.starts_with('-'));
        println!("{layout}: {what:?} took {:?}", start.elapsed());
        run.stdout
    };
    well(&["makecache"]);
    let listed = well(&["--quiet", "repoquery"]);
    assert_eq!(listed.lines().count(), PACKAGES);
    let known = well(&["--quiet", "repoquery", "--queryformat", "%{location}"]);
    let mut known: Vec<&str> = known
        .lines()
        .filter_map(|path| path.rsplit('/').next())
        .collect();
    known.sort_unstable();
    let mut names: Vec<&str> = originals
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    names.sort_unstable();
    assert_eq!(known, names);

    // Spread over the repository, by their full names.
    let some: Vec<&PathBuf> = originals.iter().step_by(PACKAGES / DOWNLOADED).collect();
    let nevras: Vec<&str> = some
        .iter()
        .filter_map(|path| path.file_stem()?.to_str())
        .collect();
    let to = machine.path("downloaded");
    let to_text = to.to_string_lossy();
    let mut download = vec!["download", "--destdir", &*to_text];
    download.extend(&nevras);
    well(&download);
    for original in some {
        let downloaded = to.join(original.file_name().expect("a name"));
        assert!(
            fs::read(original).ok() == fs::read(downloaded).ok(),
            "{original:?}"
        );
    }
}

#[test]
fn dnf_reads_five_thousand_packages_of_an_index() {
    dnf_reads("index");
}

#[test]
fn dnf_reads_five_thousand_packages_that_have_no_metadata() {
    dnf_reads("native");
}
