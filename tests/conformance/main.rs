//! What the distribution-spec 1.1 asks of a registry, as a table of cases.
//!
//! The table is run against the in-memory registry and against its imitation of
//! docker-registry 2.8; and over HTTP, where environment variables tell:
//!
//! - `OCIREPO_CONFORMANCE_URL` names a docker-registry 2.8, with deletion switched on;
//! - `OCIREPO_CONFORMANCE_OWN_URL` names an `ocirepo registry`.
//!
//! What docker-registry does otherwise is listed, and must be exactly what fails: so the
//! list cannot rot, and the imitation cannot drift from what it imitates.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

mod client;
mod discovery;
mod known;
mod management;
mod manifests;
mod pull;
mod samples;
mod targets;
mod uploads;

use std::collections::BTreeSet;

use client::{Client, Target};
use ocirepo_registry::{Config, Registry, docker_registry};
use targets::{InMemory, OverHttp};

/// How a case ends: `Err` says what was seen instead.
type Verdict = Result<(), String>;

/// One thing the specification asks for.
struct Case {
    /// Unique, and the last part of the repository the case works in.
    name: &'static str,
    /// The section of the distribution-spec, as its heading reads.
    section: &'static str,
    check: fn(&mut Client<'_>) -> Verdict,
}

fn cases() -> impl Iterator<Item = &'static Case> {
    [
        pull::CASES,
        uploads::CASES,
        manifests::CASES,
        discovery::CASES,
        management::CASES,
    ]
    .into_iter()
    .flatten()
}

/// Runs every case in a repository of its own; gives the names of those that failed.
fn failures(target: &mut dyn Target, namespace: &str) -> BTreeSet<&'static str> {
    cases()
        .filter(|case| {
            let mut client = Client::new(target, format!("{namespace}/{}", case.name));
            match (case.check)(&mut client) {
                Ok(()) => false,
                Err(why) => {
                    println!("{} ({:?}): {why}", case.name, case.section);
                    true
                }
            }
        })
        .map(|case| case.name)
        .collect()
}

fn known_differences() -> BTreeSet<&'static str> {
    known::DOCKER_REGISTRY
        .iter()
        .map(|(name, _)| *name)
        .collect()
}

#[test]
fn case_names_are_unique() {
    let names: BTreeSet<_> = cases().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().count());
}

#[test]
fn known_differences_name_cases() {
    let names: BTreeSet<_> = cases().map(|case| case.name).collect();
    for (name, _) in known::DOCKER_REGISTRY {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn the_in_memory_registry_passes_every_case() {
    let registry = Registry::new(Config::default());
    let failed = failures(&mut InMemory(registry), "conformance");
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn the_imitation_of_docker_registry_differs_as_it_does() {
    let failed = failures(&mut InMemory(docker_registry()), "conformance");
    assert_eq!(failed, known_differences());
}

#[test]
fn docker_registry_differs_as_is_known() {
    if let Some(failed) = failures_over_http("OCIREPO_CONFORMANCE_URL") {
        assert_eq!(failed, known_differences());
    }
}

#[test]
fn the_registry_passes_every_case_over_http() {
    if let Some(failed) = failures_over_http("OCIREPO_CONFORMANCE_OWN_URL") {
        assert!(failed.is_empty(), "{failed:?}");
    }
}

/// Runs every case against the registry an environment variable names; says so when it
/// names none.
#[allow(
    clippy::disallowed_methods,
    reason = "a registry outlives a run, whose repositories need names of their own"
)]
fn failures_over_http(variable: &str) -> Option<BTreeSet<&'static str>> {
    let Ok(url) = std::env::var(variable) else {
        println!("skipped: {variable} names no registry");
        return None;
    };
    let mut target = OverHttp::new(&url).unwrap();
    let run = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let namespace = format!("conformance/{}", run.as_nanos());
    Some(failures(&mut target, &namespace))
}
