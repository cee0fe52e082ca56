//! Copying repositories, and deleting what is no longer in use.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;
mod copying;
mod pruning;
mod sample;
