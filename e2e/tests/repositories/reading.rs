//! Packages and whole repositories as plain files again.

use std::fs;
use std::path::Path;

use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::nginx::Nginx;
use ocirepo_e2e::sample::Sample;
use ocirepo_e2e::world::{AWKWARD, LISTED, Protection, Published, World, key, sample};

const REFERENCE: &str = "lab/read:latest";

fn published(how: Published) -> World {
    let world = World::new(Protection::Open).expect("a registry");
    world.publish(how, sample(), REFERENCE).expect("published");
    world
}

fn is_the_same(sample: &Sample, directory: &Path) {
    for file in sample.files().expect("the files of the sample") {
        // Neither metadata nor package: no layout but `files` need have it.
        if file.starts_with("repodata/") || file.starts_with("Packages/") {
            let original = fs::read(sample.path().join(&file)).expect("the original");
            let copy = fs::read(directory.join(&file)).expect("the copy");
            assert!(original == copy, "{file} differs");
        }
    }
}

fn a_synced_copy_installs(how: Published) {
    let world = published(how);
    let directory = world.program.path("mirror");
    let to = directory.to_string_lossy();
    let public = key().public();
    let key_file = public.to_string_lossy();
    let from = world.location(REFERENCE);
    let arguments = ["sync", &from, &to, "--key", &key_file];
    world
        .program
        .run(&arguments)
        .expect("sync")
        .well()
        .expect("a copy");
    is_the_same(sample(), &directory);

    let nginx = Nginx::files(&directory).expect("nginx");
    let url = format!("http://{}/", nginx.host());
    let dnf = Dnf::new(&url, &public).expect("a root for dnf");
    assert_eq!(dnf.list().expect("a list"), LISTED);
    let run = dnf.run(&["install", AWKWARD]).expect("dnf");
    assert!(run.ok, "{run}");

    let before = world.registry.requests().expect("a log").len();
    world
        .program
        .run(&arguments)
        .expect("sync")
        .well()
        .expect("a copy");
    let requests = world.registry.requests().expect("a log");
    let package = sample().path().join("Packages/hello-lab-1.0-1.noarch.rpm");
    let digest = ocirepo::Digest::of(&fs::read(package).expect("a package")).to_string();
    let again = requests[before..]
        .iter()
        .any(|request| request.target.ends_with(&digest));
    assert!(
        !again,
        "a package was fetched again: {:#?}",
        &requests[before..]
    );
}

#[test]
fn a_copy_of_files_pushed_by_oras_is_a_plain_repository_again() {
    a_synced_copy_installs(Published::FilesByOras);
}

#[test]
fn a_copy_of_a_tree_pushed_by_curl_is_a_plain_repository_again() {
    a_synced_copy_installs(Published::TreeByCurl);
}

#[test]
fn a_copy_of_an_index_is_a_plain_repository_again() {
    a_synced_copy_installs(Published::IndexByOcirepo);
}

#[test]
fn one_package_is_fetched_by_name() {
    let world = published(Published::IndexByOcirepo);
    let directory = world.program.path("got");
    let to = directory.to_string_lossy();
    fs::create_dir(&directory).expect("a directory");
    let arguments = [
        "get",
        &world.location(REFERENCE),
        AWKWARD,
        "--directory",
        &to,
    ];
    world
        .program
        .run(&arguments)
        .expect("get")
        .well()
        .expect("a package");
    let name = sample().packages()[1].file_name();
    let original = fs::read(sample().path().join("Packages").join(&name));
    let got = fs::read(directory.join(&name));
    assert!(original.is_ok() && original.ok() == got.ok());
}

#[test]
fn a_changed_package_is_not_fetched() {
    let world = published(Published::IndexByOcirepo);
    let package = sample().path().join("Packages/hello-lab-1.0-1.noarch.rpm");
    world.registry.damage(&package).expect("a damaged blob");
    let directory = world.program.path("got");
    fs::create_dir(&directory).expect("a directory");
    let to = directory.to_string_lossy();
    let arguments = [
        "get",
        &world.location(REFERENCE),
        "hello-lab",
        "--directory",
        &to,
    ];
    let run = world.program.run(&arguments).expect("get");
    assert_eq!(run.code, Some(5), "{run}");
    assert!(!directory.join("hello-lab-1.0-1.noarch.rpm").exists());
}

#[test]
fn the_demonstration_ends_well() {
    let world = ocirepo_e2e::program::Program::new().expect("a home");
    let run = world.run(&["demo", "--once"]).expect("demo");
    assert!(run.ok, "{run}");
    assert!(run.says("oci://"), "{run}");
    assert!(run.says("the inspector shows it at"), "{run}");
}
