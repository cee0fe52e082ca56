//! The session against registries in memory: no network, no clock, every quirk.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

mod auth;
mod invariants;
mod lists;
mod manifests;
mod model;
mod properties;
mod pull;
mod push;
mod scenario;
mod schedule;
mod secrets;
