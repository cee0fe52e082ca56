//! Replays the committed corpora of the fuzz targets, and lets chance do a little of a fuzzer's
//! work.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ocirepo_checks::CHECKS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The inputs of a target, each with its name.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{folder:?} is empty");
    inputs
}

/// A generator that needs no crate: the same numbers each time (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end.max(1)
    }
}

fn replay(target: &str) {
    let (_, check) = CHECKS.iter().find(|(name, _)| *name == target).unwrap();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let inputs = corpus(target);
    for (path, data) in &inputs {
        println!("{}", path.display());
        check(data);
        for _ in 0..6 {
            // Whatever holds for an input holds for what remains when it is cut off, for what has
            // another byte somewhere, and for what two of them make together.
            check(&data[..chance.below(data.len() + 1)]);
            let mut changed = data.clone();
            let at = chance.below(changed.len());
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
            check(&changed);
            let (_, other) = &inputs[chance.below(inputs.len())];
            changed.truncate(at);
            changed.extend_from_slice(&other[chance.below(other.len() + 1)..]);
            check(&changed);
        }
    }
    for len in 0..500 {
        let noise: Vec<u8> = (0..len % 100).map(|_| chance.below(256) as u8).collect();
        check(&noise);
    }
}

/// One test for each target, so that they run side by side, and a check that none is left out.
macro_rules! replayed {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )+

        #[test]
        fn every_check_is_replayed_and_fuzzed_and_has_a_corpus() {
            let replayed = BTreeSet::from([$(stringify!($name).to_owned()),+]);
            let checks = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(replayed, checks);
            let names = |folder: &str| -> BTreeSet<String> {
                let entries = fs::read_dir(fuzz().join(folder)).unwrap();
                entries
                    .map(|entry| entry.unwrap().path())
                    .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                    // The C library is replayed where `unsafe` is: in its own tests.
                    .filter(|name| name != "capi")
                    .collect()
            };
            assert_eq!(names("fuzz_targets"), checks);
            assert_eq!(names("corpus"), checks);
        }
    };
}

replayed!(
    catalogue,
    challenge,
    compression,
    cosign,
    evr,
    filelists,
    groups,
    href,
    layout,
    link,
    location,
    manifest,
    metalink,
    name,
    openpgp,
    other,
    primary,
    range,
    reference,
    registry,
    repomd,
    rpm_header,
    session,
    token,
    updateinfo,
);

/// Whole sessions are where chance finds most.
#[test]
fn random_sessions() {
    let mut chance = Chance(1);
    for len in 0..4000 {
        let script: Vec<u8> = (0..len % 120).map(|_| chance.below(256) as u8).collect();
        ocirepo_checks::session::check(&script);
    }
}

#[test]
fn the_corpora_stay_small() {
    let size = CHECKS.iter().map(|(name, _)| {
        let inputs = corpus(name);
        inputs.iter().map(|(_, data)| data.len()).sum::<usize>()
    });
    let size: usize = size.sum();
    assert!(size < 1_000_000, "{size} bytes");
}
