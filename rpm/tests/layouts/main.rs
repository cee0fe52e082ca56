//! Publishing and reading RPM repositories in every layout, against a registry in a map.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod format;
mod native;
mod open;
mod others;
mod publish;
mod registry;
mod trust;
