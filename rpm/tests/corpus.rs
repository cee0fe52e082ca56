//! Replays the committed corpora of the fuzz targets.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

#[path = "corpus/rpm_header.rs"]
mod rpm_header;

use std::path::Path;

#[test]
fn rpm_headers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/rpm_header");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        rpm_header::check(&data);
        // Whatever holds for an input holds for what remains when it is cut off, and for what
        // has another byte somewhere.
        for at in (0..data.len()).step_by(1 + data.len() / 64) {
            rpm_header::check(&data[..at]);
            let mut changed = data.clone();
            changed[at] ^= 0x80;
            rpm_header::check(&changed);
        }
        seen += 1;
    }
    assert!(seen > 0, "{folder:?} is empty");
}
