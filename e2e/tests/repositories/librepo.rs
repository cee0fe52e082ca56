//! librepo, which dnf, microdnf and PackageKit download with, at the address of the bridge.

use std::fs;
use std::process::Command;

use ocirepo::Digest;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::program::Bridge;
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::world::{AWKWARD, Protection, World, sample};

const REFERENCE: &str = "lab/librepo:latest";

/// Runs the script beside this file.
fn librepo(world: &World, bridge: &Bridge, to: &Scratch, further: &[&str]) -> Run {
    let url = bridge.url(&format!("{}/{REFERENCE}", world.registry.host()));
    let secret = world.program.path("state/ocirepo/serve/secret");
    let login = match world.tokens {
        Some(_) => format!("librepo:{}", fs::read_to_string(secret).unwrap().trim()),
        None => String::new(),
    };
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/repositories/librepo_download.py"
    );
    // The distribution's own Python has the distribution's modules.
    let mut command = Command::new("/usr/bin/python3");
    command.args([script, &url]).arg(to.path()).arg(login);
    Run::of(command.arg(AWKWARD).args(further)).expect("python")
}

fn reads(protection: Protection, layout: &str) {
    let world = World::new(protection).expect("a registry");
    world.push(sample(), REFERENCE, layout).expect("published");
    let bridge = world.serve(REFERENCE).expect("a bridge");
    let to = Scratch::new("librepo").expect("a directory");
    let run = librepo(&world, &bridge, &to, &[]);
    assert!(run.ok, "{run}\n{}", bridge.log());
    let package = sample()
        .path()
        .join("Packages")
        .join(sample().packages()[1].file_name());
    let original = fs::read(package).unwrap();
    let downloaded = to.join(format!("{AWKWARD}.rpm"));
    assert!(fs::read(&downloaded).expect("a package") == original);
    assert!(run.says(&Digest::of(&original).hex()), "{run}");

    // That it does compare.
    let to = Scratch::new("librepo").expect("a directory");
    let run = librepo(&world, &bridge, &to, &[&Digest::of(b"another").hex()]);
    assert!(!run.ok && run.says("checksum"), "{run}");
}

#[test]
fn librepo_downloads_metadata_and_packages_of_an_open_repository() {
    reads(Protection::Open, "files");
}

#[test]
fn librepo_downloads_metadata_and_packages_that_a_secret_unlocks() {
    reads(Protection::Bearer, "index");
}

#[test]
fn librepo_downloads_metadata_that_is_made_and_packages() {
    reads(Protection::Open, "native");
}
