//! Replays the committed corpus of the fuzz target `capi`.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "what C does between two lines is one thing"
)]

#[path = "corpus/abi.rs"]
mod abi;

use std::path::Path;

#[test]
fn calls_in_any_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/capi");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut seen = 0;
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        let data = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        abi::check(&data);
        for end in (0..data.len()).step_by(1 + data.len() / 8) {
            abi::check(&data[..end]);
        }
        seen += 1;
    }
    assert!(seen > 0, "{folder:?} is empty");
}

/// Where no fuzzer runs, chance does a little of its work.
#[test]
fn random_calls() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for len in 0..3000 {
        let script: Vec<u8> = (0..len % 400)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect();
        abi::check(&script);
    }
}
