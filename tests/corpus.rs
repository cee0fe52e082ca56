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
#[path = "corpus/session.rs"]
mod session;

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
        for end in (0..data.len()).step_by(1 + data.len() / 32) {
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

#[test]
fn sessions() {
    replay("session", session::check);
}

/// Where no fuzzer runs, chance does a little of its work.
#[test]
fn random_sessions() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for len in 0..4000 {
        let script: Vec<u8> = (0..len % 120)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect();
        session::check(&script);
    }
}
