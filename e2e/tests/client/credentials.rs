//! What is behind a protection is read by those who logged in, and costs no request too many.

use std::fs;

use ocirepo::Digest;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::world::{Protection, Published, World, sample};

/// Publishes the sample with oras, reads it with the program, and returns what the registry was
/// asked for one blob: method and status, in order.
fn reads(protection: Protection) -> (World, Vec<String>) {
    let world = World::new(protection).expect("a registry");
    world
        .publish(Published::FilesByOras, sample(), "lab/files:el9")
        .expect("published");
    let tags = world
        .program
        .run(&["tags", &world.location("lab/files")])
        .expect("tags");
    assert!(tags.ok && tags.stdout.trim() == "el9", "{tags}");

    let manifest = world
        .program
        .run(&["manifest", &world.location("lab/files:el9")]);
    let manifest = manifest.expect("a manifest").well().expect("a manifest");
    let digest = Digest::of(manifest.stdout.as_bytes());
    let by_digest = world.location(&format!("lab/files@{digest}"));
    let again = world
        .program
        .run(&["manifest", &by_digest])
        .expect("the manifest again");
    assert_eq!(again.stdout, manifest.stdout);

    let before = world.registry.requests().expect("a log").len();
    let wanted = fs::read(sample().path().join("repodata/repomd.xml")).expect("repomd.xml");
    let blob = format!("lab/files@{}", Digest::of(&wanted));
    let output = world.program.path("fetched");
    let arguments = [
        "blob",
        &world.location(&blob),
        "-o",
        &output.to_string_lossy(),
    ];
    world
        .program
        .run(&arguments)
        .expect("blob")
        .well()
        .expect("a blob");
    assert!(fs::read(&output).is_ok_and(|fetched| fetched == wanted));
    let requests = world.registry.requests().expect("a log");
    let requests = requests[before..]
        .iter()
        .map(|request| format!("{} {}", request.method, request.status))
        .collect();
    (world, requests)
}

/// Somebody who did not log in is told so, and by which exit code.
fn is_closed_to_others(world: &World) {
    let stranger = Program::new().expect("a home");
    let run = stranger
        .run(&["tags", &world.location("lab/files")])
        .expect("tags");
    assert_eq!(run.code, Some(4), "{run}");
}

#[test]
fn a_blob_in_the_open_takes_one_request() {
    let (_, requests) = reads(Protection::Open);
    assert_eq!(requests, ["GET 200"]);
}

#[test]
fn a_blob_behind_basic_takes_one_challenge_more() {
    let (world, requests) = reads(Protection::Basic);
    assert_eq!(requests, ["GET 401", "GET 200"]);
    is_closed_to_others(&world);
}

#[test]
fn a_blob_behind_bearer_takes_one_challenge_and_one_token_more() {
    let (world, requests) = reads(Protection::Bearer);
    assert_eq!(requests, ["GET 401", "GET 200"]);
    is_closed_to_others(&world);
}

#[test]
fn a_changed_blob_is_refused_and_nothing_is_left_of_it() {
    let world = World::new(Protection::Open).expect("a registry");
    world
        .publish(Published::FilesByOras, sample(), "lab/files:el9")
        .expect("published");
    let original = sample().path().join("repodata/repomd.xml");
    world.registry.damage(&original).expect("a damaged blob");
    let digest = Digest::of(&fs::read(&original).expect("repomd.xml"));
    let output = world.program.path("fetched");
    let blob = world.location(&format!("lab/files@{digest}"));
    let run = world
        .program
        .run(&["blob", &blob, "-o", &output.to_string_lossy()]);
    let run = run.expect("blob");
    assert_eq!(run.code, Some(5), "{run}");
    assert!(!output.exists());
}
