//! Publishing over the in-memory registry.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;
mod directory;
mod failures;
mod losing;
mod moving;
mod requests;
