//! `repomd.xml`, in each compression: what is read can be written, and reads the same.

use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::write::repomd;

use crate::stream::{LIMITS, read};

/// The first byte chooses the compression.
pub fn check(data: &[u8]) {
    let Some(read) = read(data, |source| Repomd::read(source, "a.xml", LIMITS)) else {
        return;
    };
    for record in &read.records {
        crate::href::stays_inside(record.location.path());
        let found = read.record(&record.kind).map(|found| &found.kind);
        assert!(found == Some(&record.kind) || record.is_zchunk());
    }
    let written = repomd(&read);
    let again = Repomd::parse(written.as_bytes());
    let again = again.unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(again, read, "{written}");
    // What is written is canonical: written again it is the same to the byte.
    assert_eq!(repomd(&again), written);
}
