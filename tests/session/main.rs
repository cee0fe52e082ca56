//! The session against registries in memory: no network, no clock, every quirk.

mod auth;
mod lists;
mod manifests;
mod properties;
mod pull;
mod push;
mod scenario;
mod schedule;
