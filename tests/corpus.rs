//! Replays the committed corpora of the fuzz targets.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

#[path = "corpus/challenge.rs"]
mod challenge;
#[path = "corpus/location.rs"]
mod location;
#[path = "corpus/manifest.rs"]
mod manifest;
#[path = "corpus/reference.rs"]
mod reference;

use std::path::Path;

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut seen = 0;
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        let data = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        check(&data);
        // Whatever holds for an input holds for what remains when it is cut off.
        for end in 0..data.len().min(300) {
            check(&data[..end]);
        }
        seen += 1;
    }
    assert!(seen > 0, "{folder:?} is empty");
}

#[test]
fn references() {
    replay("reference", reference::check);
}

#[test]
fn locations() {
    replay("location", location::check);
}

#[test]
fn manifests() {
    replay("manifest", manifest::check);
}

#[test]
fn challenges() {
    replay("challenge", challenge::check);
}
