//! Registries are not all alike: every operation against every way to differ.
//!
//! Each variant of a registry meets each operation, with bodies whole and in small
//! pieces. An operation either does exactly what it does with a registry that behaves,
//! or it fails as the table of exceptions says; it never does something else, and never
//! asks without end.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

mod operations;
mod variants;

use std::collections::BTreeSet;

use ocirepo::ErrorKind;
use ocirepo_registry::simulator::Weather;

use operations::{OPERATIONS, Scene};
use variants::{VARIANTS, Variant};

/// Every operation.
const ALL: &str = "*";

/// Where an operation cannot succeed, and how it says so.
const EXCEPTIONS: &[(&str, &str, ErrorKind)] = &[
    ("docker-registry", "delete a tag", ErrorKind::Unsupported),
    ("no tag deletion", "delete a tag", ErrorKind::Unsupported),
    ("too many for good", ALL, ErrorKind::RateLimited),
    ("every answer lost", ALL, ErrorKind::Network),
    // Smaller than what the session takes for a small chunk, unless told.
    (
        "small chunks",
        "push a blob of unknown digest",
        ErrorKind::Refused,
    ),
    // Only chunks can be sent before the digest is known.
    (
        "chunks refused before they are sent",
        "push a blob of unknown digest",
        ErrorKind::Unsupported,
    ),
    ("corrupt", "pull a manifest by tag", ErrorKind::Corrupt),
    ("corrupt", "pull a manifest by digest", ErrorKind::Corrupt),
    ("corrupt", "pull a blob", ErrorKind::Corrupt),
    ("corrupt", "pull a blob into memory", ErrorKind::Corrupt),
    ("corrupt", "copy a manifest", ErrorKind::Corrupt),
    (
        "bytes too many",
        "pull a manifest by tag",
        ErrorKind::Corrupt,
    ),
    (
        "bytes too many",
        "pull a manifest by digest",
        ErrorKind::Corrupt,
    ),
    ("bytes too many", "pull a blob", ErrorKind::Corrupt),
    (
        "bytes too many",
        "pull a blob into memory",
        ErrorKind::Corrupt,
    ),
    ("bytes too many", "copy a manifest", ErrorKind::Corrupt),
    (
        "bytes too many",
        "push a manifest with a subject",
        ErrorKind::InvalidResponse,
    ),
    ("bytes too many", "list tags", ErrorKind::InvalidResponse),
    (
        "bytes too many",
        "list referrers",
        ErrorKind::InvalidResponse,
    ),
    (
        "bytes too many",
        "list repositories",
        ErrorKind::InvalidResponse,
    ),
];

/// The most requests one operation may take, retries and all.
const MOST_REQUESTS: usize = 40;

#[test]
fn every_operation_with_every_registry() {
    let expected: BTreeSet<String> = EXCEPTIONS
        .iter()
        .flat_map(|(variant, named, kind)| {
            OPERATIONS
                .iter()
                .filter(move |(operation, _)| operation == named || *named == ALL)
                .map(move |(operation, _)| format!("{variant}, {operation}: {kind:?}"))
        })
        .collect();
    for chunk in [0, 7] {
        let mut seen = BTreeSet::new();
        for variant in VARIANTS {
            for (name, operation) in OPERATIONS {
                let mut scene = prepare(variant, chunk);
                let result = operation(&mut scene);
                let requests = scene.simulator.sent.len();
                assert!(
                    requests <= MOST_REQUESTS,
                    "{}, {name}: {requests} requests",
                    variant.name
                );
                if let Err(error) = result {
                    println!("{}, {name}: {error}", variant.name);
                    seen.insert(format!("{}, {name}: {:?}", variant.name, error.kind()));
                }
            }
        }
        let missing: Vec<_> = expected.difference(&seen).collect();
        let surplus: Vec<_> = seen.difference(&expected).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "with chunks of {chunk}: fails though it should not: {surplus:#?}; \
             does not though it should: {missing:#?}"
        );
    }
}

/// A scene with content, then the variant's own ways.
fn prepare(variant: &Variant, chunk: usize) -> Scene {
    let mut scene = Scene::new((variant.registry)());
    scene.simulator.weather = Weather {
        chunk,
        ..Weather::default()
    };
    for rule in (variant.rules)() {
        scene.registry().script(rule);
    }
    scene
}
