//! `ocirepo push` with RPM files, against the in-memory registry.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bad_input;
mod changes;
#[path = "../common/mod.rs"]
mod common;
mod merging;
mod metadata;
mod world;
